/* SPDX-License-Identifier: MIT
 *
 * settings.h -- the one table of keys, and experiment files: rows, claims, scales.
 *
 * A row's settings are: the defaults of the table, the scale's file, the experiment's top level, the row, each
 * overriding the one before.
 */
#pragma once
#include "../engine/config.h"
#include "../engine/base.h"

enum predictor_lr { PREDICTOR_COSINE, PREDICTOR_CONSTANT, PREDICTOR_ZERO };

struct settings {
    /* data */
    int dataset;                   /* index into data_sources */
    int image_size;                /* side of a view; the test transform resizes to it */
    int train_first, train_count;  /* images of the training split used for training, kNN bank and probe */
    int monitor_split;             /* DATA_TRAIN (held-out choice of settings) or DATA_TEST */
    int monitor_first, monitor_count;
    /* model */
    struct int_list widths;        /* stages of the backbone */
    int blocks;                    /* basic blocks a stage */
    bool zero_init_residual;
    int dim;                       /* d */
    struct word_list projector, predictor;
    /* method */
    int method;                    /* index into method_names */
    bool stop_grad;
    int distance;                  /* index into distance_names */
    /* optimisation */
    int epochs, batch;
    double base_lr, momentum, weight_decay, warmup_epochs;
    int predictor_lr;              /* enum predictor_lr */
    int precision;                 /* enum precision of ops.h: how activations are stored */
    /* augmentation */
    double crop_scale[2], crop_ratio[2], jitter[4], jitter_p, gray_p, blur_sigma[2], blur_p, flip_p;
    /* monitors */
    int knn_every, knn_k;
    double knn_temperature;
    /* linear probe */
    double probe_lr;
    int probe_epochs, probe_batch;
    bool probe_augment;            /* crop and flip anew each epoch */
};
extern const struct key settings_keys[];
extern const struct settings settings_defaults;            /* the paper's CIFAR-10 recipe (App. D) */
/* The names of the methods and of the distances, in the order of method.h's tables; NULL at the end. */
extern const char *const method_names[], *const distance_names[];

enum { ROWS_MAX = 32, CLAIMS_MAX = 32, NAME_LENGTH = 48, TEXT_MAX = 256, CAPTION_MAX = 1024 };

/* One predicate of a claim.  A claim may join several by ';': all must hold. */
enum predicate_kind {
    CLAIM_GREATER, CLAIM_WITHIN_ROW, CLAIM_WITHIN_VALUE, CLAIM_RISES, CLAIM_COLLAPSE, CLAIM_NO_COLLAPSE
};
struct predicate {
    enum predicate_kind kind;
    int metric;                    /* index into claim_metrics */
    int row, other;                /* indices into the experiment's rows; other for GREATER and WITHIN_ROW */
    double within, value;
};
/* The metrics a claim may name: "linear", "knn", "loss", "std_sqrtd", "view_share"; NULL at the end. */
extern const char *const claim_metrics[];
enum { PARTS_MAX = 4 };
struct claim {
    char id[NAME_LENGTH], text[TEXT_MAX];      /* the predicate as written */
    struct predicate part[PARTS_MAX];
    int n;
};

struct row { char name[NAME_LENGTH]; double paper; bool has_paper; struct settings settings; };

struct experiment {
    char name[NAME_LENGTH];        /* the file's name without folder and ".yaml": fig2_stopgrad */
    char title[TEXT_MAX];          /* `title:`; the name if there is none */
    char scale[NAME_LENGTH];
    char caption[CAPTION_MAX];     /* the scale's `note:`: what differs from the paper, for captions */
    struct row row[ROWS_MAX];
    int n_rows;
    struct claim claim[CLAIMS_MAX];
    int n_claims;
};

/* Reads an experiment's file at a scale (scale files lie in scale/ beside it, statements in paper.yaml beside
 * it).  All mistakes of all three files are reported, then exit 2. */
void experiment_load(struct experiment *e, const char *path, const char *scale);
/* Index of a row; exit 2 naming the nearest if there is none. */
int experiment_row(const struct experiment *e, const char *name);

/* A row's resolved config as text (config_print of settings_keys) and the hash that names its run:
 * SHA-256 of the resolved config, the machine's name and CODE_HASH. */
char *settings_print(const struct settings *s);
void settings_hash(char hex[HASH_TEXT], const struct settings *s);
/* SHA-256 of the sources and flags that compute a run's numbers. */
extern const char code_hash[HASH_TEXT];

/* A statement of the paper (configs/paper.yaml), by id; false if unknown. */
struct statement {
    char section[NAME_LENGTH], says[TEXT_MAX];
    char table[NAME_LENGTH], predicate[TEXT_MAX];    /* "" if exact */
    bool exact;                    /* a unit test decides it, not runs */
};
bool statement_find(struct statement *out, const char *paper_yaml, const char *id);
