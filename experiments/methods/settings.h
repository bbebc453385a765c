/* SPDX-License-Identifier: MIT
 *
 * settings.h -- the one table of keys, and what a run is made of.
 */
#pragma once
#include "../../engine/config.h"
#include "../../engine/base.h"

enum predictor_lr { PREDICTOR_COSINE, PREDICTOR_CONSTANT, PREDICTOR_ZERO };
/* Sec. 5's eta_x, the target: where it comes from, and the readings that the paper leaves open (eta.h). */
enum eta_from { ETA_FRESH, ETA_CACHE, ETA_AVERAGE };
enum eta_views { ETA_BATCH, ETA_ANEW, ETA_ONE };
enum eta_bn { ETA_BN_BATCH, ETA_BN_RUNNING };
enum eta_init { ETA_FIRST, ETA_ZERO };

enum { VIEWS_MAX = 4, PATH_TEXT = 256, TEXT_MAX = 256 };

struct settings {
    /* data */
    int dataset;                   /* index into data_sources */
    char folder[PATH_TEXT];        /* of dataset `folder`: its path; "" with any other */
    int skip_bad;                  /* of its images that may be bad */
    int image_size;                /* side of a view; the test transform resizes to it */
    int train_first, train_count;  /* images of the training split used for training, kNN bank and probe */
    int monitor_split;             /* DATA_TRAIN (held-out choice of settings) or DATA_TEST */
    int monitor_first, monitor_count;
    /* model */
    int stem, block;               /* enum stem, block_kind of resnet.h */
    struct int_list widths;        /* stages of the backbone */
    struct int_list blocks;        /* blocks of each stage; one number: of all */
    bool zero_init_residual;
    int dim;                       /* d */
    struct word_list projector, predictor;
    /* method */
    int method;                    /* index into method_names */
    bool stop_grad;
    int distance;                  /* index into distance_names */
    struct pair_list pairs;        /* (source, target) views of the loss */
    int eta;                       /* enum eta_from */
    int eta_every;                 /* steps of an alternation; 0: an epoch */
    int eta_views, eta_bn;         /* enum eta_views, eta_bn: of the cache */
    double eta_momentum;           /* of the average, */
    int eta_init;                  /* enum eta_init: of the average, */
    bool eta_normalise;            /* of what enters it */
    /* optimisation */
    int epochs, batch;
    double base_lr, momentum, weight_decay, warmup;
    int predictor_lr;              /* enum predictor_lr */
    int precision;                 /* enum precision of ops.h: how activations are stored */
    /* augmentation */
    double crop_scale[2], crop_ratio[2], jitter[4], jitter_p, gray_p, blur_sigma[2], blur_p, flip_p;
    /* monitors */
    int knn_every, knn_k;
    double knn_temperature;
    int expectation_views;         /* views of a monitor image for cos_h and cos_z; 0: not measured */
    /* linear probe */
    int probe_optimizer;           /* enum probe_optimizer of eval.h */
    double probe_lr;
    int probe_epochs, probe_batch;
    bool probe_augment;            /* crop and flip anew each epoch */
};
extern const struct key settings_keys[];
extern const struct settings settings_defaults;            /* the paper's CIFAR-10 recipe (App. D) */
/* The names of the methods and of the distances, in the order of method.h's tables; NULL at the end. */
extern const char *const method_names[], *const distance_names[], *const precision_names[];

/* A row's resolved config as text (config_print of settings_keys), and its SHA-256: rows of one hash
 * are one run. */
char *settings_print(const struct settings *s);
void settings_hash(char hex[HASH_TEXT], const struct settings *s);

/* ---- rules.c: what no range of one key can say ----------------------------------------------------------- */

/* Settings that do not go together.  broken() writes what is wrong and what would be right, and returns true.
 * `keys` (NULL-terminated) are all that it reads; the mistake stands where the most specific of them does. */
struct rule {
    const char *keys[6];
    bool (*broken)(const struct settings *s, char why[TEXT_MAX]);
};
enum { RULES_MAX = 32, KEYS_MAX = 64 };         /* KEYS_MAX: rows of settings_keys */
extern const struct rule settings_rules[];       /* NULL function at the end */
