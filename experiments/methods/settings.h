/* SPDX-License-Identifier: MIT
 *
 * settings.h -- the one table of keys, and what a run is made of.
 */
#pragma once
#include "../../engine/config.h"
#include "../../engine/base.h"

enum lr_schedule { LR_BY_EPOCH, LR_BY_STEP };
enum predictor_lr { PREDICTOR_COSINE, PREDICTOR_CONSTANT, PREDICTOR_ZERO };

enum { VIEWS_MAX = 4, PATH_TEXT = 256, TEXT_MAX = 256, OWN_BYTES = 256 };
_Static_assert(VIEWS_MAX == 4, "views are numbered from it (method.h), and this file is in no hash: "
                               "other bytes need another name");
enum { RULES_MAX = 48, KEYS_MAX = 96 };        /* of one method, those that all share included */
struct rule;

/* The views of a recipe (augment.h), as a file says them. */
struct view_settings {
    double crop_scale[2], crop_ratio[2], jitter[4], jitter_p, gray_p, blur_sigma[2], flip_p;
    double blur_p[2], solarize_p[2];           /* of even views, of odd ones */
};

struct settings {
    /* data */
    int dataset;                   /* index into data_sources */
    char folder[PATH_TEXT];        /* of dataset `folder`: its path; "" with any other */
    int skip_bad;                  /* of its images that may be bad */
    double pixel_mean[3], pixel_std[3];        /* values in 0..1 are centred and scaled by these;
                                                  zeros: the data set's own */
    int image_size;                /* side of a view; the test transform resizes to it */
    int train_first, train_count;  /* images of the training split used for training, kNN bank and
                                      probe */
    int monitor_split;             /* DATA_TRAIN (held-out choice of settings) or DATA_TEST */
    int monitor_first, monitor_count;
    int test_count;                /* test images of the last epoch's accuracies; 0: the monitor
                                      images */
    /* model */
    int stem, block;               /* enum stem, block_kind of resnet.h */
    struct int_list widths;        /* stages of the backbone */
    struct int_list blocks;        /* blocks of each stage; one number: of all */
    bool zero_init_residual;
    int dim;                       /* d */
    struct word_list projector, predictor;
    /* method */
    int method;                    /* index into methods (method.h) */
    bool stop_grad;
    int distance;                  /* index into distances (distance.h) */
    struct pair_list pairs;        /* (source, target) views of the loss */
    /* optimisation */
    int epochs, batch;
    int shards;                    /* parts of a batch, by which sums are made (struct parts) */
    double base_lr, momentum, weight_decay, warmup;
    int lr_root_batch;             /* the lr's rule: 0: linear; else by the root of the batch */
    int lr_schedule;               /* enum lr_schedule */
    double warmup_from, lr_end;    /* with lr_schedule: step, shares of the lr */
    int optimizer;                 /* enum optimizer of optim.h */
    int predictor_lr;              /* enum predictor_lr */
    int precision;                 /* enum precision of ops.h: how activations are stored */
    /* augmentation */
    struct view_settings views;
    struct view_settings standard; /* the scale's, where a row has others: what rows are compared by
                                      (view share); zeros: the row's own */
    /* monitors */
    int knn_every, knn_k;
    double knn_temperature;
    int expectation_views;       /* views of a monitor image for cos_h and cos_z; 0: not measured */
    /* linear probe */
    int probe_optimizer;           /* enum probe_optimizer of eval.h */
    double probe_lr;
    int probe_epochs, probe_batch;
    bool probe_augment;            /* crop and flip anew each epoch */
    /* the values of the method's own keys, as the method's struct has them */
    _Alignas(max_align_t) unsigned char own[OWN_BYTES];
};
/* Where a field of a method's own struct lies in struct settings. */
#define OWN_OFFSET(type, field) (offsetof(struct settings, own) + offsetof(type, field))

extern const struct key settings_keys[];                   /* what all methods share */
extern const char *const precision_names[];

/* The paper's CIFAR-10 recipe (App. D) with the method's own defaults. */
/* May so many processes share a run's shards?  True, and why not. */
bool ranks_wrong(const struct settings *s, int ranks, char why[TEXT_MAX]);
struct settings settings_default(int method);
/* The keys and rules of one method alone; NULL if it has none. */
const struct key *settings_own_keys(int method);
const struct rule *settings_own_rules(int method);
/* All keys of a method, its own right behind `pairs`, with a NULL-named row at the end; returns how
 * many. */
int settings_keys_of(struct key list[KEYS_MAX], int method);

/* A row's resolved config as text (its method's keys alone), and its SHA-256: rows of one hash are
 * one run. */
char *settings_print(const struct settings *s);
void settings_hash(char hex[HASH_TEXT], const struct settings *s);
/* A resolved config back.  False, and reported as file:line:column, unless the file is what
 * settings_print() writes of them, to the byte. */
bool settings_read(struct settings *s, const char *path);

/* Are the test images others than the monitor images? */
bool settings_has_test(const struct settings *s);

/* Names the standard views, unless the row's own are the same. */
void settings_standard(struct settings *s, const struct view_settings *standard);
bool settings_has_standard(const struct settings *s);

/* ---- rules.c: what no range of one key can say ----------------------------------------------- */

/* Settings that do not go together.  broken() writes what is wrong and what would be right, and
 * returns true.  `keys` (NULL-terminated) are all that it reads; the mistake stands where the most
 * specific of them does. */
struct rule {
    const char *keys[6];
    bool (*broken)(const struct settings *s, char why[TEXT_MAX]);
};
extern const struct rule settings_rules[]; /* of what all methods share; NULL function at the end */
/* The width behind h for `width` features; 0 and the reason if one of its layers has none. */
int settings_predicted(const struct settings *s, int width, char why[TEXT_MAX]);
/* Writes the reason and is true, so that a rule reads `return condition && because(why, ...)`. */
bool because(char why[TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
