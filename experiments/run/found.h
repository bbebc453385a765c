/* SPDX-License-Identifier: MIT
 *
 * found.h -- the runs that lie in a folder, listed once, and which of them count.
 *
 * A run is what its resolved config says, trained with a seed, by a kind of machine, a code, and on
 * data.  All of it names the run's folder, and a run counts for a row only if all of it fits: the
 * code may be another one that was shown equal (code.h).  Which data a row means is the data at
 * hand; where they are not (runs copied from a cluster), it is the data that most finished runs of
 * the same images were trained on.
 */
#pragma once
#include "record.h"
#include "../methods/settings.h"

struct found_run {
    const char *root;
    char *folder;                  /* ROOT/<hash16>/seed-N */
    int seed;
    char *config;                  /* resolved */
    uint64_t config_key;           /* of equal configs the same */
    struct run_record *record;     /* of a finished one, with its curve, once known */
    bool known;                    /* what follows has been read: only of runs asked for */
    char hash[HASH_TEXT], code[HASH_TEXT], data[HASH_TEXT], machine[8];
    bool finished;              /* else half done */
    enum run_state state;       /* of a finished one */
    bool collapse;              /* and is its grade one, without doubt */
    bool named;                 /* its folder is named by all the above; else it was meddled with */
};
struct found {
    const char *root;
    struct found_run *run;         /* [n], in the order of their names */
    int n;
    struct images_known *images;   /* found.c: which data each set of images is, once asked */
    int n_images;
    struct settings asked;         /* the last that were asked for, */
    char *asked_config;            /* and as they are printed; NULL: none yet */
    char machine[8];               /* this one, once asked */
};

struct data_source;
/* Is each file of a set in the data folder, plain or gzipped?  Its content is not looked at. */
bool found_source(const struct data_source *source);

/* Lists the runs of ROOT, which need not be there. */
void found_open(struct found *f, const char *root);
void found_close(struct found *f);
/* The run of the row and seed that counts, a finished one before a half-done one; NULL: there is
 * none. */
const struct found_run *found_run(struct found *f, const struct settings *s, int seed);
/* The state of the finished run that counts, or RUN_NONE. */
enum run_state found_state(struct found *f, const struct settings *s, int seed);
/* A finished run of the row and seed that does not count, and why: "of other data"; NULL: there
 * is none. */
const struct found_run *found_other(struct found *f, const struct settings *s, int seed,
                                    const char **why);

/* Fills code, machine, data and seed from provenance.json in r->folder; false if it is no JSON, one of
 * them is not there, or its seal does not fit, and then `why` says where and what. */
bool found_papers(struct found_run *r, char why[TEXT_MAX]);
/* The same from the file's text. */
bool found_papers_take(struct found_run *r, const char *text, char why[TEXT_MAX]);
/* The hash of the data at hand that settings ask for; NULL: they are not there, or they are wrong,
 * which has then been said. */
const char *found_data(struct found *f, const struct settings *s);

/* SHA-256 that names a run of a resolved config.  `data`: run_data_hash(). */
void run_hash(char hex[HASH_TEXT], const char *config, const char *machine, const char *code,
              const char *data);
/* As it was before the data were part of it (runs of code 0ce2937d and older). */
void run_hash_before(char hex[HASH_TEXT], const char *config, const char *machine,
                     const char *code);
/* Of the training and the monitor images, and of the test images where they are others ("": they
 * are not). */
void run_data_hash(char hex[HASH_TEXT], const char *train, const char *monitor, const char *test);
/* The lines of a resolved config that say which images: configs of the same lines are trained on
 * the same. */
char *config_images(const char *config);
