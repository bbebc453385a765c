/* SPDX-License-Identifier: MIT
 *
 * record.h -- a run's papers: where they lie, what they hold, how to read them back.
 *
 * runs/<first 16 digits of the hash>/seed-N/
 *   config.yaml      the resolved config
 *   provenance.json  code hash, commit, compiler, BLAS, CPU, threads, data hash, versions, start time
 *   metrics.jsonl    one line an epoch; epoch 0 is the untrained network (monitors only)
 *   timing.jsonl     clock readings, outside every byte comparison
 *   checkpoint.bin   (and .prev) everything needed to go on
 *   summary.json     written last, atomically: its presence means the run is finished
 *
 * metrics.jsonl, keys of a line: epoch, the trained measures (measures.h) and, in monitored epochs,
 * the monitored ones.  A value that does not exist is null, and one of those that came later
 * (MEASURE_LATER) is not there: so files of before it are whole.
 *
 * summary.json, keys: schema (2), row, seed, epochs, state, grade and rule (3), evidence, hash,
 * code_hash, data_hash, machine, frozen_hash, final (epoch and the final measures), linear, and
 * skipped: how many images were bad (settings: skip_bad), if any.  No clock readings: it is part of
 * every byte comparison.  State and grade are made anew from the numbers whenever a run is read; a
 * summary by the rule's first edition (1) has no grade, and may have another state, as one by the
 * second edition before its thresholds were chosen (2); what diverged has none either.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include "../../engine/base.h"
#include "../../engine/collapse/simsiam_collapse.h"

struct epoch_record {
    int epoch;
    double loss;           /* these are NaN in epoch 0, the untrained network (monitors only) */
    double oscillation;    /* root mean square of the loss's change from step to step, over sqrt(2):
                              the noise of a step */
    double std_train;      /* mean of the views */
    double grad_norm, lr, lr_predictor;
    bool monitored;
    /* monitor.h; NaN where not */
    double std_sqrtd, mean_norm, view_share, view_share_standard, rank;
    double entropy_rank, participation, directions_90, directions_99;
    double variance_1, variance_2, variance_4, variance_8;
    double knn, knn_z, cos_h, cos_z;
    double knn_test;       /* kNN on the whole test set, of the last epoch alone */
    int left_out;                 /* steps whose gradient overflowed fp16: told, not written down */
};

/* The version of summary.json that is written and read. */
enum { RUN_SCHEMA = 2 };
/* The version of the detector's rule by which a summary's state is; one without it is of the
 * first. */
enum { RUN_RULE = 3 };
/* Seeds of a row at most. */
enum { SEEDS_MAX = 64 };

struct outputs { int samples, features; };       /* z at the monitors, [samples, features] */

enum run_state { RUN_NONE, RUN_PARTIAL, RUN_HEALTHY, RUN_COLLAPSED, RUN_DIVERGED };
extern const char *const run_state_names[];      /* "not run", "partial", "healthy", ... */

struct run_record {
    enum run_state state;
    char row[48];
    int seed, epochs;
    enum simsiam_grade grade;      /* of the detector */
    char evidence[160];            /* why the state is what it is, one sentence; from run_judge() */
    int rule;                      /* the edition by which a summary's state was said */
    struct outputs outputs;
    char hash[HASH_TEXT], code_hash[HASH_TEXT], data_hash[HASH_TEXT], machine[8];
    char frozen_hash[HASH_TEXT];   /* of weights and statistics: the same before and after the
                                      probe */
    struct epoch_record last;      /* the last epoch: the numbers that count */
    double linear;                 /* linear top-1, percent */
    int skipped;                   /* bad images whose places others took */
    double cpu;                    /* the processor's seconds of its training; 0: not known.  A
                                      clock's, so none of the papers that are compared has it */
    struct epoch_record *curve;    /* every line of metrics.jsonl */
    int n_curve;
};

/* "ROOT/<hash16>/seed-N"; the caller frees. */
char *run_folder(const char *root, const char *hash, int seed);
/* Reads a run: config.yaml, summary.json and metrics.jsonl in `folder`.  True if it is finished and whole.  Else
 * false, and state is RUN_PARTIAL (no summary yet; the curve holds the whole lines there are,
 * `last` the last of them) or RUN_NONE (no line either, or a finished run with a broken file, named
 * in a warning).  run_free() either way. */
bool run_read(struct run_record *r, const char *folder);
/* The same of the texts of a finished run's files, of which all but config are spoiled: false if
 * they are none's, and then `wrong` names the file and says why.  run_free() either way. */
struct run_texts {
    const char *config;            /* NULL: it says nothing of z's size */
    char *summary, *metrics;
    size_t summary_bytes, metrics_bytes;
};
bool run_texts_take(struct run_record *r, const struct run_texts *t, char wrong[WRONG_TEXT]);
void run_free(struct run_record *r);
/* Why a record with its curve cannot be a finished run's, or NULL: hashes are 64 hex digits,
 * accuracies percent, the curve has every epoch from 0 and ends with the numbers of `last`, and the
 * state is what they say.  Fills in what those and r->outputs decide: state, grade and evidence, and
 * the numbers of `last` that a summary does not hold. */
const char *run_fault(struct run_record *r);

/* What summary.json says, as jansson's object, and back (false if a key is missing or wrong). */
struct json_t;
struct json_t *summary_object(const struct run_record *r);
bool summary_take(struct run_record *r, const struct json_t *object);

/* The same line as fields of CSV, "epoch,monitored,loss,...", from which it can be made again to
 * the byte; a number that does not exist is empty.  A file's columns are all measures, but those
 * recorded since later of which no line that was added has a number.  The takers spoil the text;
 * false if it is torn or wrong. */
struct measure;
enum { EPOCH_COLUMNS_MAX = 32 };
struct epoch_columns { const struct measure *of[EPOCH_COLUMNS_MAX]; int n; };  /* starts zeroed */
void epoch_columns_add(struct epoch_columns *c, const struct epoch_record *e);
void epoch_fields_head(FILE *out, const struct epoch_columns *c);
void epoch_fields(FILE *out, const struct epoch_columns *c, const struct epoch_record *e);
/* A file's columns by its titles. */
bool epoch_columns_take(struct epoch_columns *c, char *titles);
bool epoch_fields_take(struct epoch_record *e, const struct epoch_columns *c, char *text);
/* One line of metrics.jsonl, '\n' included, in fresh memory; and back (false if the line is torn or
 * wrong). */
char *epoch_print(const struct epoch_record *e);
bool epoch_parse(struct epoch_record *e, const char *line);
/* The text of summary.json, in fresh memory. */
char *summary_text(const struct run_record *r);
/* Writes summary.json from r (curve not included); r->last is the last line of metrics.jsonl.
 * False with errno set. */
bool summary_write(const struct run_record *r, const char *folder);
