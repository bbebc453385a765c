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
 * metrics.jsonl, keys of a line: epoch, loss, std_train (mean of the views), grad_norm, lr, lr_predictor and, in
 * monitored epochs, std_sqrtd, mean_norm, view_share, rank, knn, knn_z.  A value that does not exist is null.
 */
#pragma once
#include <stdbool.h>
#include "../engine/base.h"

struct epoch_record {
    int epoch;
    double loss, std_train, grad_norm, lr, lr_predictor;                 /* NaN in epoch 0 */
    bool monitored;
    double std_sqrtd, mean_norm, view_share, rank, knn, knn_z;           /* NaN where undefined or not monitored */
};

enum run_state { RUN_NONE, RUN_PARTIAL, RUN_STALE, RUN_HEALTHY, RUN_COLLAPSED, RUN_DIVERGED };
extern const char *const run_state_names[];      /* "not run", "partial", "stale", "healthy", ... */

struct run_record {
    enum run_state state;
    char row[48];
    int seed, epochs;
    char hash[HASH_TEXT], code_hash[HASH_TEXT], data_hash[HASH_TEXT], machine[8];
    struct epoch_record last;      /* the last epoch: the numbers that count */
    double linear;                 /* linear top-1, percent */
    struct epoch_record *curve;    /* every line of metrics.jsonl */
    int n_curve;
};

/* "ROOT/<hash16>/seed-N"; the caller frees. */
char *run_folder(const char *root, const char *hash, int seed);
/* Reads a finished run: summary.json and metrics.jsonl in `folder`.  state RUN_NONE if there is no summary. */
bool run_read(struct run_record *r, const char *folder);
void run_free(struct run_record *r);

/* One line of metrics.jsonl, '\n' included, in fresh memory; and back (false if the line is torn or wrong). */
char *epoch_print(const struct epoch_record *e);
bool epoch_parse(struct epoch_record *e, const char *line);
/* Writes summary.json from r (curve not included). */
bool summary_write(const struct run_record *r, const char *folder);
