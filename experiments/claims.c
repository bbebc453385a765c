/* SPDX-License-Identifier: MIT
 *
 * claims.c -- from runs to verdicts.
 *
 * Every interval predicate asks one question of the numbers x, one a seed: does their mean lie in a region?
 * `A > B` and `rises`: (0, infinity).  `within X`: (-X, X).  The interval inside it holds, outside it fails.
 */
#include "claims.h"
#include "options.h"
#include "stats.h"
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_names[] = { "holds", "fails", "inconclusive", "not run" };

/* Where a metric of claim_metrics lies: at the end of a run, and in an epoch of its curve. */
static const struct metric { const char *name; size_t end, epoch; bool has_curve; } metrics[] = {
    { "linear",     offsetof(struct run_record, linear),          0, false },
    { "knn",        offsetof(struct run_record, last.knn),        offsetof(struct epoch_record, knn),        true },
    { "loss",       offsetof(struct run_record, last.loss),       offsetof(struct epoch_record, loss),       true },
    { "std_sqrtd",  offsetof(struct run_record, last.std_sqrtd),  offsetof(struct epoch_record, std_sqrtd),  true },
    { "view_share", offsetof(struct run_record, last.view_share), offsetof(struct epoch_record, view_share), true },
};

static const struct metric *metric_find(int index)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (!strcmp(metrics[i].name, claim_metrics[index])) return &metrics[i];
    assert(!"a metric of claim_metrics has no place in a run");
    return NULL;
}

static double number_at(const void *record, size_t offset)
{
    return *(const double *)((const char *)record + offset);
}

PRINTF_LIKE(3, 4)
static void conclude(struct decision *d, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    d->verdict = verdict;
    vsnprintf(d->reason, sizeof d->reason, format, arguments);
    va_end(arguments);
    if (verdict == VERDICT_NOT_RUN) d->n = 0;
}

static const struct run_record *run_of_seed(const struct row_runs *row, int seed)
{
    for (int i = 0; i < row->n; i++)
        if (row->run[i].seed == seed) return &row->run[i];
    return NULL;
}

/* One row by itself: there are runs, one a seed, none diverged. */
static bool row_usable(struct decision *d, const struct row_runs *row, const char *name)
{
    if (row->n == 0) conclude(d, VERDICT_NOT_RUN, "%s is not run", name);
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        if (r->state == RUN_DIVERGED)
            conclude(d, VERDICT_NOT_RUN, "%s diverged (seed %d)", name, r->seed);
        else if (run_of_seed(row, r->seed) != r)
            conclude(d, VERDICT_NOT_RUN, "%s has seed %d twice", name, r->seed);
        else
            continue;
        return false;
    }
    return row->n > 0;
}

/* Two runs are comparable if the same code computed them from the same data on the same kind of machine. */
static bool runs_alike(struct decision *d, const struct run_record *a, const struct run_record *b)
{
    if (strcmp(a->code_hash, b->code_hash))
        conclude(d, VERDICT_NOT_RUN, "runs of different code (%.8s, %.8s)", a->code_hash, b->code_hash);
    else if (strcmp(a->data_hash, b->data_hash))
        conclude(d, VERDICT_NOT_RUN, "runs on different data (%.8s, %.8s)", a->data_hash, b->data_hash);
    else if (strcmp(a->machine, b->machine))
        conclude(d, VERDICT_NOT_RUN, "runs on different machines (%s, %s)", a->machine, b->machine);
    else
        return true;
    return false;
}

/* All rows that a predicate names; `other` may be NULL. */
static bool rows_usable(struct decision *d, const struct experiment *e, const struct predicate *p,
                        const struct row_runs *row, const struct row_runs *other)
{
    if (!row_usable(d, row, e->row[p->row].name)) return false;
    for (int i = 1; i < row->n; i++)
        if (!runs_alike(d, &row->run[0], &row->run[i])) return false;
    if (!other) return true;
    if (!row_usable(d, other, e->row[p->other].name)) return false;
    bool same = row->n == other->n;
    for (int i = 0; i < other->n; i++) {
        same = same && run_of_seed(row, other->run[i].seed);
        if (!runs_alike(d, &row->run[0], &other->run[i])) return false;
    }
    if (!same)
        conclude(d, VERDICT_NOT_RUN, "%s and %s have different seeds", e->row[p->row].name, e->row[p->other].name);
    return same;
}

/* Slope of the metric over the monitored epochs >= 1; NaN if there is none.  Epoch 0, the untrained network, is
 * left out: the step from it to the first epoch is not what `rises` means. */
static double run_slope(const struct run_record *r, const struct metric *metric)
{
    if (!metric->has_curve || r->n_curve == 0) return NAN;
    double *x = host_alloc(2 * (size_t)r->n_curve, sizeof *x), *y = x + r->n_curve;
    int n = 0;
    for (int i = 0; i < r->n_curve; i++) {
        const struct epoch_record *epoch = &r->curve[i];
        if (!epoch->monitored || epoch->epoch < 1) continue;
        x[n] = epoch->epoch;
        y[n++] = number_at(epoch, metric->epoch);
    }
    const double slope = slope_of(x, y, n);
    free(x);
    return slope;
}

/* The numbers that an interval predicate is about, one a seed.  False if one does not exist. */
static bool numbers_of(struct decision *d, double *x, const struct experiment *e, const struct predicate *p,
                       const struct row_runs *row, const struct row_runs *other)
{
    const struct metric *metric = metric_find(p->metric);
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        if (p->kind == CLAIM_RISES)
            x[i] = run_slope(r, metric);
        else if (other)
            x[i] = number_at(r, metric->end) - number_at(run_of_seed(other, r->seed), metric->end);
        else
            x[i] = number_at(r, metric->end) - p->value;
        if (isfinite(x[i])) continue;
        conclude(d, VERDICT_NOT_RUN, "%s%s%s has no %s%s (seed %d)", e->row[p->row].name, other ? " or " : "",
                 other ? e->row[p->other].name : "", metric->name, p->kind == CLAIM_RISES ? " curve" : "", r->seed);
        return false;
    }
    return true;
}

/* The fewest seeds whose interval, at the spread seen, would be narrower than `margin`; 0 if more than a
 * thousand.  The width falls with n, so the answer is bisected. */
static int seeds_needed(const struct spread *s, double margin, double level)
{
    int few = s->n, enough = 1000;
    const struct spread most = { enough, s->mean, s->std };
    if (!(interval_half(&most, level) < margin)) return 0;
    while (enough - few > 1) {
        const struct spread some = { (few + enough) / 2, s->mean, s->std };
        if (interval_half(&some, level) < margin)
            enough = some.n;
        else
            few = some.n;
    }
    return enough;
}

/* Inside (low, high) at 95 %: holds.  Outside at `fail_level`: fails. */
static void decide_region(struct decision *d, const double *x, int n, double low, double high, double fail_level)
{
    const struct spread s = spread_of(x, n);
    const double half = interval_half(&s, 0.95), fail_half = interval_half(&s, fail_level);
    d->n = n;
    d->estimate = s.mean;
    d->low = s.mean - half;
    d->high = s.mean + half;
    const bool inside = low < s.mean && s.mean < high;
    if (n < 2) {
        conclude(d, VERDICT_INCONCLUSIVE, "one seed decides nothing");
    } else if (d->low > low && d->high < high) {
        conclude(d, VERDICT_HOLDS, "%s", "");
    } else if (s.mean + fail_half < low || s.mean - fail_half > high) {
        conclude(d, VERDICT_FAILS, "%s", "");
    } else {
        const double margin = fmin(fabs(s.mean - low), fabs(s.mean - high));
        const int needed = seeds_needed(&s, margin, inside ? 0.95 : fail_level);
        const char *level = d->high < low || d->low > high ? "outside, but not corrected for the parts; " : "";
        if (margin == 0)
            conclude(d, VERDICT_INCONCLUSIVE, "half-width %.3g; the mean is on the boundary, where no number of "
                     "seeds decides", half);
        else if (needed)
            conclude(d, VERDICT_INCONCLUSIVE, "%shalf-width %.3g; about %d seeds would decide at this spread",
                     level, half, needed);
        else
            conclude(d, VERDICT_INCONCLUSIVE, "%shalf-width %.3g; over 1000 seeds at this spread", level, half);
    }
}

static void decide_collapse(struct decision *d, const struct row_runs *row, bool wanted)
{
    int dead = 0;
    for (int i = 0; i < row->n; i++) dead += row->run[i].state == RUN_COLLAPSED;
    const int agree = wanted ? dead : row->n - dead;
    d->n = row->n;
    d->estimate = (double)dead / row->n;
    d->counted = true;
    conclude(d, agree == row->n ? VERDICT_HOLDS : agree == 0 ? VERDICT_FAILS : VERDICT_INCONCLUSIVE,
             "%d of %d seeds collapsed", dead, row->n);
}

static void decide_part(struct decision *d, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, double fail_level)
{
    *d = (struct decision){ .estimate = NAN, .low = NAN, .high = NAN };
    const bool pair = p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW;
    const struct row_runs *row = &rows[p->row], *other = pair ? &rows[p->other] : NULL;
    if (!rows_usable(d, e, p, row, other)) return;
    if (p->kind == CLAIM_COLLAPSE || p->kind == CLAIM_NO_COLLAPSE) {
        decide_collapse(d, row, p->kind == CLAIM_COLLAPSE);
        return;
    }
    double x[SEEDS_MAX];
    assert(row->n <= SEEDS_MAX);
    if (!numbers_of(d, x, e, p, row, other)) return;
    const bool within = p->kind == CLAIM_WITHIN_ROW || p->kind == CLAIM_WITHIN_VALUE;
    decide_region(d, x, row->n, within ? -p->within : 0, within ? p->within : INFINITY, fail_level);
}

/* One of several: what is not run hides what is decided, and says so; a failure outweighs what is open. */
static void decide_conjunction(struct decision *whole, const struct decision *part, int n)
{
    int count[4] = { 0 };
    *whole = (struct decision){ .n = INT_MAX, .estimate = NAN, .low = NAN, .high = NAN };
    for (int i = 0; i < n; i++) {
        count[part[i].verdict]++;
        if (part[i].n < whole->n) whole->n = part[i].n;
    }
    const enum verdict verdict = count[VERDICT_NOT_RUN] ? VERDICT_NOT_RUN
                               : count[VERDICT_FAILS] ? VERDICT_FAILS
                               : count[VERDICT_INCONCLUSIVE] ? VERDICT_INCONCLUSIVE : VERDICT_HOLDS;
    conclude(whole, verdict, "%d of %d parts hold", count[VERDICT_HOLDS], n);
}

void claim_decide(struct claim_result *result, const struct claim *claim, const struct experiment *e,
                  const struct row_runs *rows)
{
    /* All parts must hold for the claim to hold, so each may use its own 95 %.  But any one of n parts may make
     * it fail: for 5 % in all each has 5 % / n (Bonferroni). */
    const double fail_level = 1 - 0.05 / claim->n;
    for (int i = 0; i < claim->n; i++) decide_part(&result->part[i], &claim->part[i], e, rows, fail_level);
    if (claim->n == 1)
        result->whole = result->part[0];
    else
        decide_conjunction(&result->whole, result->part, claim->n);
}
