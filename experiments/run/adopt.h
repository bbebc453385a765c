/* SPDX-License-Identifier: MIT
 *
 * adopt.h -- a run that was finished elsewhere becomes one of ours: verified, then taken over whole.
 *
 * What is verified, of the bytes that are then written:
 *
 *   summary.json   is what metrics.jsonl ends with, its state what the rule of collapse.h says
 *   provenance.json names the summary's code, machine, data and seed
 *   config.yaml    with those is what the run's hash is of; it reads, and is written as settings are
 *   code           this program's, or one that equal_codes.txt joins with it, on this kind of machine
 *   data           those at hand, where there are any of the set
 *   checkpoint.bin is whole and of this run, if there is one
 *   the folder     is named by the hash and the seed
 *
 * The files are written and synced under RUNS/.adopt/, which nobody else looks into, and the folder
 * then renamed into its place: a kill leaves all of a run or nothing, and the next call clears what
 * was begun.  A finished run that lies there stays; a half-done one gives way, unless a process is
 * at it.  Clock readings (timing.jsonl) come along, whatever they are.
 */
#pragma once
#include "found.h"

enum adoption { ADOPT_TAKEN, ADOPT_THERE, ADOPT_UNFINISHED, ADOPT_OTHER_CODE, ADOPT_REFUSED };
enum { ADOPTIONS = ADOPT_REFUSED + 1, WHY_TEXT = 512 };

struct adopter {
    const char *root;              /* RUNS */
    struct found found;            /* for the data at hand */
    char *staging;                 /* RUNS/.adopt */
    int lock;
    bool made;                     /* the folder was not there */
};
/* Makes `root` if need be, waits for another adopter, and clears what one left that was killed.
 * Where nothing was taken, no new `root` stays behind. */
void adopter_open(struct adopter *a, const char *root);
void adopter_close(struct adopter *a);

/* A run's papers as they are to be written; the texts are the caller's. */
struct papers {
    struct run_record record;      /* from summary and metrics, by run_texts_take() or committed.h */
    const char *config, *provenance, *metrics, *summary;
    const char *timing;            /* NULL: none */
    const char *config_path;       /* what the config was read from; NULL: its text alone is there */
    const char *checkpoint;        /* its path; NULL: none */
};
/* `why` says what is wrong with a run that is not taken, beginning with the file's name. */
enum adoption adopt_papers(struct adopter *a, const struct papers *p, char why[WHY_TEXT]);
/* The run of FROM/NAME/SEED_NAME; without a summary it is not finished. */
enum adoption adopt_folder(struct adopter *a, const char *from, const char *name,
                           const char *seed_name, char why[WHY_TEXT]);
