/* SPDX-License-Identifier: MIT
 *
 * table.h -- a table: an experiment, the finished runs of its rows, their numbers, and its claims
 * decided.
 */
#pragma once
#include "claims.h"
#include "committed.h"
#include "../../engine/stats.h"

struct row_result {
    struct run_record run[SEEDS_MAX];   /* finished, in the order of the seeds asked for */
    int n;
    const char *state;            /* healthy, collapsed, unstable, diverged, mixed (seeds disagree),
                                     not run */
    bool near_threshold;          /* the detector is in doubt whether a seed has collapsed */
    int dimensional;              /* seeds that use few directions (simsiam_collapse.h) */
    struct spread number[MEASURES_MAX];     /* of measures[]; MEASURE_RATIO as such */
};

struct table {
    struct experiment e;
    struct row_result row[ROWS_MAX];
    struct claim_result claim[CLAIMS_MAX];
    int finished, failed;          /* runs; claims that fail */
    bool committed;                /* read from results/, not from runs/ */
    struct committed source;       /* then: what is committed of it */
};

/* Fills state, the detector's words and number of every row from its runs and the baseline's. */
void rows_summarise(struct table *t);

/* ---- claim_list.c: claims with the parts of conjunctions behind them: claim c alone, all ----- */

enum { LISTED_MAX = CLAIMS_MAX * (1 + PARTS_MAX) };
struct listed {
    char id[NAME_LENGTH + 4], predicate[TEXT_MAX];
    const struct predicate *part;  /* NULL: a conjunction as a whole */
    const struct decision *decision;
};
/* Return how many. */
int claim_list(struct listed list[1 + PARTS_MAX], const struct table *t, int c);
int claims_list(struct listed list[LISTED_MAX], const struct table *t);
