/* SPDX-License-Identifier: MIT
 *
 * table.h -- a table: an experiment, the finished runs of its rows, their numbers, and its claims decided.
 */
#pragma once
#include "claims.h"
#include "committed.h"
#include "../../engine/stats.h"

/* What is measured of a run, in the order of the columns; those from MEASURE_COLUMNS on are evidence, beside the
 * table.  The oscillation is the ratio to the baseline's (stability.h). */
enum measure {
    MEASURE_LINEAR, MEASURE_KNN, MEASURE_LOSS, MEASURE_STD, MEASURE_SHARE, MEASURE_COLUMNS,
    MEASURE_NORM = MEASURE_COLUMNS, MEASURE_RANK, MEASURE_KNN_Z, MEASURE_COS_H, MEASURE_COS_Z, MEASURE_OSCILLATION,
    MEASURES
};
extern const struct measured { const char *title; size_t offset; int decimals; } measures[MEASURES];

struct row_result {
    struct run_record run[SEEDS_MAX];   /* finished, in the order of the seeds asked for */
    int n;
    const char *state;             /* healthy, collapsed, unstable, diverged, mixed (seeds disagree), not run */
    bool near_threshold;           /* a tenth more or less of std or view share would turn a seed's verdict */
    struct spread number[MEASURES];
};

struct table {
    struct experiment e;
    struct row_result row[ROWS_MAX];
    struct claim_result claim[CLAIMS_MAX];
    int finished, failed;          /* runs; claims that fail */
    bool committed;                /* read from results/, not from runs/ */
    struct committed source;       /* then: what is committed of it */
};

/* What a claim's metric (an index into claim_metrics) is among them. */
enum measure metric_measure(int metric);

/* Fills state, near_threshold and number of every row from its runs and the baseline's. */
void rows_summarise(struct table *t);
