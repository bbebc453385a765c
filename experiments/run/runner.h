/* SPDX-License-Identifier: MIT
 *
 * runner.h -- one run from start, or from where it stopped, to its summary.
 */
#pragma once
#include "record.h"
#include "../methods/settings.h"

struct run_options {
    const char *root;              /* folder of the runs */
    int threads;                   /* 0: all cores */
    double checkpoint_seconds;     /* at most this much work is lost, beside what an epoch's end
                                      saves */
    bool quiet;
    bool beside_others;            /* other runs write to the same terminal */
    bool stop_on_collapse;         /* after two monitored epochs in a row: no summary, a later call
                                      goes on */
};

/* Trains, monitors and probes `row` of `table` (both only named) with `seed`; goes on from a
 * checkpoint.  Returns 0, EXIT_DIVERGED, EXIT_AGAIN, or EXIT_COLLAPSED where the options say so.
 * The folder is locked meanwhile: a second process on the same run exits 1. */
int run_one(const char *table, const char *row, const struct settings *s, int seed,
            const struct run_options *o);
