/* SPDX-License-Identifier: MIT
 *
 * table.h -- a table: an experiment, the finished runs of its rows, their numbers, and its claims decided.
 */
#pragma once
#include "claims.h"
#include "committed.h"
#include "../../engine/stats.h"

struct row_result {
    struct run_record run[SEEDS_MAX];   /* finished, in the order of the seeds asked for */
    int n;
    const char *state;             /* healthy, collapsed, unstable, diverged, mixed (seeds disagree), not run */
    bool near_threshold;           /* a tenth more or less of std or view share would turn a seed's verdict */
    struct spread number[MEASURES_MAX];     /* of measures[]: the oscillation as the ratio to the baseline's */
};

struct table {
    struct experiment e;
    struct row_result row[ROWS_MAX];
    struct claim_result claim[CLAIMS_MAX];
    int finished, failed;          /* runs; claims that fail */
    bool committed;                /* read from results/, not from runs/ */
    struct committed source;       /* then: what is committed of it */
};

/* Fills state, near_threshold and number of every row from its runs and the baseline's. */
void rows_summarise(struct table *t);
