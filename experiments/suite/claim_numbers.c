/* SPDX-License-Identifier: MIT
 *
 * claim_numbers.c -- the predicates of numbers.
 *
 * Each asks one question of the numbers x, one a seed: does their mean lie in a region?
 * `A > B` and `rises`: (0, infinity).  `within X`: (-X, X).  The interval inside it holds, outside
 * it fails.
 */
#include "claims_inside.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/stats.h"

/* Slope of the metric over the monitored epochs >= 1; NaN if there is none.  Epoch 0, the untrained
 * network, is left out: the step from it to the first epoch is not what `rises` means. */
static double run_slope(const struct run_record *r, const struct measure *metric)
{
    if (metric->is & MEASURE_END || r->n_curve == 0) return NAN;
    double *x = host_alloc(2 * (size_t)r->n_curve, sizeof *x), *y = x + r->n_curve;
    int n = 0;
    for (int i = 0; i < r->n_curve; i++) {
        const struct epoch_record *epoch = &r->curve[i];
        if (!epoch->monitored || epoch->epoch < 1) continue;
        x[n] = epoch->epoch;
        y[n++] = epoch_number(epoch, metric);
    }
    const double slope = slope_of(x, y, n);
    free(x);
    return slope;
}

/* The numbers that a predicate is about, one a seed.  False if one does not exist. */
static bool numbers_of(struct decision *d, double *x, const struct experiment *e,
                       const struct predicate *p, const struct row_runs *row,
                       const struct row_runs *other)
{
    const struct measure *metric = p->metric;
    const struct measure *beside = p->kind == CLAIM_GREATER ? p->other_metric : p->metric;
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        if (p->kind == CLAIM_RISES)
            x[i] = run_slope(r, metric);
        else if (other)
            x[i] = run_number(r, metric) - run_number(run_of_seed(other, r->seed), beside);
        else
            x[i] = run_number(r, metric) - p->value;
        if (isfinite(x[i])) continue;
        const bool rows = other && other != row, kinds = beside != metric;
        conclude(d, VERDICT_NOT_RUN, "%s%s%s has no %s%s%s%s (seed %d)", e->row[p->row].name,
                 rows ? " or " : "", rows ? e->row[p->other].name : "", metric->name,
                 kinds ? " or " : "", kinds ? beside->name : "",
                 p->kind == CLAIM_RISES ? " curve" : "", r->seed);
        return false;
    }
    return true;
}

/* Whether n seeds of the spread seen would have an interval narrower than `margin`. */
static bool seeds_suffice(const struct spread *s, int n, double margin, double level)
{
    const struct spread some = { n, s->mean, s->std };
    return interval_half(&some, level) < margin;
}

/* The fewest seeds that suffice; 0 if more than a thousand.  The width falls with n: doubled until
 * they do, then bisected. */
static int seeds_needed(const struct spread *s, double margin, double level)
{
    enum { MOST = 1000 };
    int few = s->n, enough = 2 * s->n;
    while (enough < MOST && !seeds_suffice(s, enough, margin, level)) {
        few = enough;
        enough *= 2;
    }
    if (enough >= MOST) enough = MOST;
    if (enough == MOST && !seeds_suffice(s, MOST, margin, level)) return 0;
    while (enough - few > 1) {
        const int middle = (few + enough) / 2;
        if (seeds_suffice(s, middle, margin, level))
            enough = middle;
        else
            few = middle;
    }
    return enough;
}

/* What the spread seen leaves open: the half-width, and how many seeds would close it. */
static void leave_open(struct decision *d, const struct spread *s, double low, double high,
                       const struct levels *levels)
{
    const double margin = fmin(fabs(s->mean - low), fabs(s->mean - high)),
                 half = interval_half(s, 0.95);
    const int needed = seeds_needed(s, margin,
                                    low < s->mean && s->mean < high ? levels->hold : levels->fail);
    /* What 95 % would decide, the level corrected for several does not. */
    const char *level = d->high < low || d->low > high
                            ? "outside, but not corrected for the parts; "
                        : d->low > low && d->high < high
                            ? "inside, but not corrected for the parts; "
                            : "";
    if (margin == 0)
        conclude(d, VERDICT_INCONCLUSIVE,
                 "half-width %.3g; the mean is on the boundary, where no number of seeds "
                 "decides",
                 half);
    else if (needed)
        conclude(d, VERDICT_INCONCLUSIVE,
                 "%shalf-width %.3g; about %d seeds would decide at this spread", level, half,
                 needed);
    else
        conclude(d, VERDICT_INCONCLUSIVE, "%shalf-width %.3g; over 1000 seeds at this spread",
                 level, half);
}

/* Inside (low, high) at levels->hold: holds.  Outside at levels->fail: fails.  What is shown is at
 * 95 %. */
static void decide_region(struct decision *d, const double *x, int n, double low, double high,
                          const struct levels *levels)
{
    const struct spread s = spread_of(x, n);
    const double half = interval_half(&s, 0.95);
    const double hold = interval_half(&s, levels->hold), fail = interval_half(&s, levels->fail);
    d->n = n;
    d->estimate = s.mean;
    d->low = s.mean - half;
    d->high = s.mean + half;
    if (n < 2) conclude(d, VERDICT_INCONCLUSIVE, "one seed decides nothing");
    else if (s.mean - hold > low && s.mean + hold < high) conclude(d, VERDICT_HOLDS, "%s", "");
    else if (s.mean + fail < low || s.mean - fail > high) conclude(d, VERDICT_FAILS, "%s", "");
    else leave_open(d, &s, low, high, levels);
}

static void decide_one(struct decision *d, const struct predicate *p, const struct experiment *e,
                       const struct row_runs *rows, const struct levels *levels)
{
    *d = (struct decision){ .estimate = NAN, .low = NAN, .high = NAN };
    const bool pair = p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW;
    const struct row_runs *row = &rows[p->row], *other = pair ? &rows[p->other] : NULL;
    if (!rows_usable(d, e, rows, p->row, pair ? p->other : -1, false)) return;
    double x[SEEDS_MAX];
    assert(row->n <= SEEDS_MAX);
    if (!numbers_of(d, x, e, p, row, other)) return;
    const bool within = p->kind == CLAIM_WITHIN_ROW || p->kind == CLAIM_WITHIN_VALUE;
    decide_region(d, x, row->n, within ? -p->within : 0, within ? p->within : INFINITY, levels);
}

/* Whether `a` says more about the whole than `b`: a failure before what is open before what holds,
 * then the row that is further off. */
static bool tells_more(const struct decision *a, const struct decision *b)
{
    static const int weight[] = { [VERDICT_HOLDS] = 0, [VERDICT_INCONCLUSIVE] = 1,
                                  [VERDICT_FAILS] = 2, [VERDICT_NOT_RUN] = 3 };
    if (a->verdict != b->verdict) return weight[a->verdict] > weight[b->verdict];
    return fabs(a->estimate) > fabs(b->estimate);
}

/* Every row must hold, so each may use the level as it is; any one may make it fail, so they share
 * that one's error. The numbers shown are those of the row that decides. */
static void decide_each(struct decision *d, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, const struct levels *levels)
{
    const uint32_t set = rows_hosted(e, p->rows);
    int n = 0, inside = 0, shown = -1;
    for (int i = 0; i < e->n_rows; i++) n += set >> i & 1;
    if (!n) conclude(d, VERDICT_NOT_RUN, "no other row can run at this scale");
    const struct levels shared = { levels->hold, 1 - (1 - levels->fail) / n };
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        struct predicate one = *p;
        one.kind = CLAIM_WITHIN_ROW;
        one.row = i;
        struct decision row;
        decide_one(&row, &one, e, rows, &shared);
        inside += row.verdict == VERDICT_HOLDS;
        if (shown >= 0 && !tells_more(&row, d)) continue;
        *d = row;
        shown = i;
    }
    if (d->verdict == VERDICT_NOT_RUN) return;
    char why[sizeof d->reason];
    memcpy(why, d->reason, sizeof why);
    conclude(d, d->verdict, "%d of %d rows inside; shown: %s%s%s", inside, n, e->row[shown].name,
             *why ? "; " : "", why);
}

void decide_numbers(struct decision *d, const struct predicate *p, const struct experiment *e,
                    const struct row_runs *rows, const struct levels *levels)
{
    if (p->kind == CLAIM_EACH_WITHIN) decide_each(d, p, e, rows, levels);
    else decide_one(d, p, e, rows, levels);
}
