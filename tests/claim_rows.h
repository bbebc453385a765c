/* SPDX-License-Identifier: MIT
 *
 * claim_rows.h -- made-up runs of four rows, a to d, for tests of what a claim comes to.
 */
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../experiments/suite/claims.h"
#include "../experiments/commands/options.h"

enum { A, B, C, D, ROWS, EPOCHS = 4 };

static inline const struct measure *metric_of(const char *name)
{
    const struct measure *m = measure_find(name, MEASURE_CLAIMED);
    assert_non_null(m);
    return m;
}

/* Seeds 1 .. n a row, alike in everything that is not set. */
struct bench {
    struct experiment e;
    struct run_record run[ROWS][SEEDS_MAX];
    struct epoch_record curve[ROWS][SEEDS_MAX][EPOCHS];
    struct row_runs rows[ROWS];
    struct claim claim;
    struct claim_result result;
};

/* The caller frees. */
static inline struct bench *bench_new(int n)
{
    struct bench *t = host_alloc(1, sizeof *t);
    t->e.n_rows = ROWS;
    t->e.baseline = -1;
    t->e.untrained = -1;
    t->e.looks = (struct looks){ 1, { 3 }, { 0.05 } };
    for (int row = 0; row < ROWS; row++) {
        snprintf(t->e.row[row].name, sizeof t->e.row[row].name, "%c", "abcd"[row]);
        t->rows[row] = (struct row_runs){ t->run[row], n };
        for (int i = 0; i < n; i++) {
            struct epoch_record *curve = t->curve[row][i];
            t->run[row][i] = (struct run_record){ .state = RUN_HEALTHY, .seed = i + 1,
                                                  .code_hash = "c0de", .data_hash = "da7a",
                                                  .machine = "cpu", .curve = curve,
                                                  .n_curve = EPOCHS };
            for (int e = 0; e < EPOCHS; e++)
                curve[e] = (struct epoch_record){ .epoch = e, .monitored = e != 2, .knn = 10 + e,
                                                  .oscillation = 1 };
        }
    }
    return t;
}

static inline const struct decision *decide(struct bench *t, int n, const struct predicate *part)
{
    t->claim.n = n;
    memcpy(t->claim.part, part, (size_t)n * sizeof *part);
    claim_decide(&t->result, &t->claim, &t->e, t->rows);
    return &t->result.whole;
}

/* `linear a > b` */
static inline struct predicate greater(void)
{
    const struct measure *linear = metric_of("linear");
    return (struct predicate){ .kind = CLAIM_GREATER, .metric = linear, .other_metric = linear,
                               .row = A, .other = B };
}

/* `linear of each within X of b`, of the rows in `set`. */
static inline struct predicate each_within(double x, uint32_t set)
{
    return (struct predicate){ .kind = CLAIM_EACH_WITHIN, .metric = metric_of("linear"), .other = B,
                               .rows = set, .every = true, .within = x };
}

/* `collapse ROW`, and the like. */
static inline struct predicate state_of(enum predicate_kind kind, uint32_t set)
{
    return (struct predicate){ .kind = kind, .rows = set };
}

/* Hand arithmetic with a six-digit t. */
#define HAND 1e-5

/* Three seeds or fewer: linear of rows a and b. */
static inline struct bench *bench_linear(int n, const double *a, const double *b)
{
    struct bench *t = bench_new(n);
    for (int i = 0; i < n; i++) {
        t->run[A][i].linear = a[i];
        t->run[B][i].linear = b[i];
    }
    return t;
}

static inline void assert_verdict(const struct decision *d, enum verdict want)
{
    if (d->verdict != want)
        fail_msg("%s (%s), not %s", verdict_names[d->verdict], d->reason, verdict_names[want]);
}

static inline void assert_near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance)) fail_msg("%.15g, not %.15g", value, want);
}

/* The seeds of row a: C collapsed, h healthy, n near the threshold. */
static inline struct bench *bench_states(const char *seeds)
{
    struct bench *t = bench_new((int)strlen(seeds));
    for (int i = 0; seeds[i]; i++) {
        struct run_record *r = &t->run[A][i];
        if (seeds[i] == 'C') r->state = RUN_COLLAPSED;
        if (seeds[i] != 'n') continue;
        r->last.std_sqrtd = 0.52;
        r->last.view_share_standard = 0.6;
    }
    return t;
}
