/* SPDX-License-Identifier: MIT
 *
 * claim_numbers.c -- the predicates of numbers.
 *
 * Each asks one question of the numbers x, one a seed: does their mean lie in a region?
 * `A > B` and `rises`: (0, infinity).  `within X`: (-X, X).  The interval inside it holds, outside
 * it fails.  `not A > B`: inside (-infinity, 1) it holds, and above 0 it fails.
 *
 * It is asked at the looks of the scale, of seeds 1 to n of each, until one decides.
 */
#include "claims_inside.h"

#include <limits.h>
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

/* ---- the numbers ----------------------------------------------------------------------------- */

/* A question under way: of which rows, and of how many seeds. */
struct question {
    const struct predicate *p;
    const struct experiment *e;
    const struct row_runs *rows;
    int row, beside;               /* indices; beside -1: one row alone */
    struct shares shares;
};

static bool both_have(const struct question *q, int seed)
{
    return run_of_seed(&q->rows[q->row], seed) &&
           (q->beside < 0 || run_of_seed(&q->rows[q->beside], seed));
}

/* The largest n of which the rows have seeds 1 to n. */
static int seeds_whole(const struct question *q)
{
    int n = 0;
    while (both_have(q, n + 1)) n++;
    return n;
}

/* The numbers that a predicate is about, of each seed up to `last` that the rows have; returns how
 * many, or 0 if one does not exist. */
static int numbers_of(struct decision *d, double x[SEEDS_MAX], const struct question *q, int last)
{
    const struct predicate *const p = q->p;
    const struct row_runs *const row = &q->rows[q->row],
                          *const other = q->beside < 0 ? NULL : &q->rows[q->beside];
    const struct measure *metric = p->metric;
    const struct measure *beside = p->kind == CLAIM_GREATER ? p->other_metric : p->metric;
    int n = 0;
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        if (r->seed > last || !both_have(q, r->seed)) continue;
        if (p->kind == CLAIM_RISES)
            x[n] = run_slope(r, metric);
        else if (other)
            x[n] = run_number(r, metric) - run_number(run_of_seed(other, r->seed), beside);
        else
            x[n] = run_number(r, metric) - p->value;
        if (isfinite(x[n++])) continue;
        const bool rows = other && other != row, kinds = beside != metric;
        conclude(d, VERDICT_NOT_RUN, "%s%s%s has no %s%s%s%s (seed %d)", q->e->row[q->row].name,
                 rows ? " or " : "", rows ? q->e->row[q->beside].name : "", metric->name,
                 kinds ? " or " : "", kinds ? beside->name : "",
                 p->kind == CLAIM_RISES ? " curve" : "", r->seed);
        return 0;
    }
    if (!n)
        conclude(d, VERDICT_NOT_RUN, "%s and %s have different seeds", q->e->row[q->row].name,
                 q->e->row[q->beside].name);
    return n;
}

/* ---- the region ------------------------------------------------------------------------------ */

/* The interval inside (low, high) holds; wholly below `below`, or above `above`, it fails. */
struct region { double low, high, below, above; };

static struct region region_of(const struct predicate *p)
{
    const double x = p->within;
    if (p->kind == CLAIM_GREATER && p->negated)
        return (struct region){ -INFINITY, NOT_GREATER_POINTS, -INFINITY, 0 };
    if (p->kind == CLAIM_GREATER || p->kind == CLAIM_RISES)
        return (struct region){ 0, INFINITY, 0, INFINITY };
    return (struct region){ -x, x, -x, x };
}

/* How far inside the mean is, and how far outside; not positive where it is not. */
static double margin_inside(const struct region *r, double mean)
{
    return fmin(mean - r->low, r->high - mean);
}

static double margin_outside(const struct region *r, double mean)
{
    return fmax(r->below - mean, mean - r->above);
}

/* The probability of the verdict by chance, against the bound that is nearest to it. */
static double region_p(const struct region *r, const struct spread *s)
{
    const double inside = margin_inside(r, s->mean), outside = margin_outside(r, s->mean);
    double p = 1;
    if (inside > 0) p = student_p(s, s->mean - inside);
    if (outside > 0) p = fmin(p, student_p(s, s->mean - outside));
    return p;
}

/* The same by signs, for holds or fails: of bounds on both sides the larger. */
static double region_sign_p(const struct region *r, const double *x, int n, bool holds)
{
    int over_low = 0, under_high = 0, under = 0, over = 0;
    for (int i = 0; i < n; i++) {
        over_low += x[i] > r->low;
        under_high += x[i] < r->high;
        under += x[i] < r->below;
        over += x[i] > r->above;
    }
    const int fewest = over_low < under_high ? over_low : under_high;
    return sign_p(holds ? fewest : under > over ? under : over, n);
}

/* ---- what is left open ----------------------------------------------------------------------- */

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

/* What the spread seen leaves open at a look: the half-width, and the next look, or how many seeds
 * it might have taken. */
static void leave_open(struct decision *d, const struct region *r, const struct spread *s,
                       double error, const struct question *q, int next)
{
    const double inside = margin_inside(r, s->mean), outside = margin_outside(r, s->mean);
    const double half = interval_half(s, 1 - error), margin = fmax(inside, outside);
    /* What the look's level would decide, the level corrected for several does not. */
    const char *const level = outside > half  ? "outside, but not corrected for the parts; "
                              : inside > half ? "inside, but not corrected for the parts; "
                                              : "";
    conclude(d, VERDICT_INCONCLUSIVE, "%shalf-width %.3g", level, half);
    if (margin == 0) reason_add(d, "the mean is on the boundary, where no number of seeds decides");
    if (next) reason_add(d, "decided next at %d seeds", next);
    if (margin == 0 || next) return;
    const int share = inside >= outside ? q->shares.hold : q->shares.fail;
    const int needed = seeds_needed(s, margin, 1 - error / share);
    if (needed)
        reason_add(d, "no later look; at this spread about %d seeds have an even chance", needed);
    else
        reason_add(d, "no later look; over 1000 seeds at this spread");
}

/* How many of the seeds up to `last` collapsed, of a row; false if all did, or none. */
static bool is_mixed(const struct row_runs *row, int last, int *dead, int *all)
{
    *dead = *all = 0;
    for (int i = 0; i < row->n; i++) {
        if (row->run[i].seed > last) continue;
        *dead += row->run[i].state == RUN_COLLAPSED;
        ++*all;
    }
    return *dead && *dead < *all;
}

/* Over a row of two outcomes t covers 75 % where it says 95 %: signs have to agree. */
static void mixed_doubt(struct decision *d, const struct question *q, const struct region *r,
                        const double *x, double error)
{
    const bool holds = d->verdict == VERDICT_HOLDS;
    const double sign = region_sign_p(r, x, d->n, holds);
    const int row[] = { q->row, q->beside };
    for (int k = 0; k < 2 && row[k] >= 0 && (!k || row[1] != row[0]); k++) {
        int dead, all;
        if (!is_mixed(&q->rows[row[k]], d->look, &dead, &all)) continue;
        reason_add(d, "%s is mixed, %d of %d seeds collapsed", q->e->row[row[k]].name, dead, all);
        if (isnan(d->error)) continue;
        d->p = sign;
        if (sign > error / (holds ? q->shares.hold : q->shares.fail))
            d->verdict = VERDICT_INCONCLUSIVE;
    }
    if (*d->reason && !isnan(d->error))
        reason_add(d, "the sign test %s, p %.2g", d->verdict == VERDICT_INCONCLUSIVE
                   ? "does not agree" : "agrees", sign);
    if (d->verdict == VERDICT_INCONCLUSIVE) d->error = NAN;
}

/* What seeds 1 to n of a look say; `error` is the look's, `next` the seeds of the next one, 0
 * without. */
static void decide_look(struct decision *d, const struct question *q, int look, double error,
                        int next)
{
    double x[SEEDS_MAX];
    *d = decision_empty();
    if (!row_usable(d, q->e, q->rows, q->row, look, false) ||
        (q->beside >= 0 && (!row_usable(d, q->e, q->rows, q->beside, look, false) ||
                            !rows_alike(d, q->rows, q->row, q->beside))))
        return;
    const int n = numbers_of(d, x, q, look);
    if (!n) return;
    const struct region r = region_of(q->p);
    const struct spread s = spread_of(x, n);
    const double half = interval_half(&s, 1 - error), inside = margin_inside(&r, s.mean),
                 outside = margin_outside(&r, s.mean);
    d->n = n;
    d->estimate = s.mean;
    d->low = s.mean - half;
    d->high = s.mean + half;
    if (look == INT_MAX) return;
    d->look = look;
    d->p = region_p(&r, &s);
    d->error = error;
    if (outside > interval_half(&s, 1 - error / q->shares.fail))
        conclude(d, VERDICT_FAILS, "%s", "");
    else if (inside > interval_half(&s, 1 - error / q->shares.hold))
        conclude(d, VERDICT_HOLDS, "%s", "");
    else leave_open(d, &r, &s, error, q, next);
    if (d->verdict == VERDICT_INCONCLUSIVE) d->error = NAN;
    mixed_doubt(d, q, &r, x, error);
}

/* Before the first look: what there is, and what is missing. */
static void decide_none(struct decision *d, const struct question *q)
{
    const struct looks *const looks = &q->e->looks;
    decide_look(d, q, INT_MAX, 0.05, 0);
    if (d->verdict == VERDICT_NOT_RUN) return;
    const int missing = seeds_whole(q) + 1;
    const bool first = !run_of_seed(&q->rows[q->row], missing);
    if (!looks->n) conclude(d, VERDICT_INCONCLUSIVE, "the scale declares no looks");
    else
        conclude(d, VERDICT_INCONCLUSIVE, "decided at %d seeds; %s has no seed %d", looks->seeds[0],
                 q->e->row[first ? q->row : q->beside].name, missing);
}

static void decide_one(struct decision *d, const struct question *q)
{
    const struct looks *const looks = &q->e->looks;
    const int whole = seeds_whole(q);
    if (!looks->n || whole < looks->seeds[0]) {
        decide_none(d, q);
        return;
    }
    for (int k = 0; k < looks->n && looks->seeds[k] <= whole; k++) {
        decide_look(d, q, looks->seeds[k], looks->error[k],
                    k + 1 < looks->n ? looks->seeds[k + 1] : 0);
        if (d->verdict <= VERDICT_FAILS) break;
    }
    if (d->verdict != VERDICT_NOT_RUN && d->look < whole)
        reason_add(d, "by seeds 1 to %d", d->look);
}

/* ---- several rows ---------------------------------------------------------------------------- */

/* Whether `a` says more about the whole than `b`: a failure before what is open before what holds,
 * then the row that is further off. */
static bool tells_more(const struct decision *a, const struct decision *b)
{
    static const int weight[VERDICTS] = { [VERDICT_HOLDS] = 0, [VERDICT_INCONCLUSIVE] = 1,
                                          [VERDICT_FAILS] = 2, [VERDICT_NOT_RUN] = 3 };
    if (a->verdict != b->verdict) return weight[a->verdict] > weight[b->verdict];
    return fabs(a->estimate) > fabs(b->estimate);
}

/* Every row must hold, so each may use the level as it is; any one may make it fail, so they share
 * that one's error. The numbers shown are those of the row that decides. */
static void decide_each(struct decision *d, const struct question *q)
{
    const struct experiment *const e = q->e;
    const uint32_t set = rows_hosted(e, q->p->rows);
    int n = 0, inside = 0, shown = -1;
    double least = NAN, most = NAN;
    for (int i = 0; i < e->n_rows; i++) n += set >> i & 1;
    if (!n) conclude(d, VERDICT_NOT_RUN, "no other row can run at this scale");
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        struct question one = *q;
        one.row = i;
        one.shares.fail *= n;
        struct decision row;
        decide_one(&row, &one);
        inside += row.verdict == VERDICT_HOLDS;
        least = fmin(least, row.p);
        most = fmax(most, row.p);
        if (shown >= 0 && !tells_more(&row, d)) continue;
        *d = row;
        shown = i;
    }
    if (d->verdict == VERDICT_NOT_RUN) return;
    d->p = d->verdict == VERDICT_FAILS ? fmin(1, least * n) : most;
    char why[sizeof d->reason];
    memcpy(why, d->reason, sizeof why);
    conclude(d, d->verdict, "%d of %d rows inside; shown: %s%s%s", inside, n, e->row[shown].name,
             *why ? "; " : "", why);
    const uint32_t out = q->p->rows & ~set;
    char names[TEXT_MAX];
    rows_name(names, sizeof names, e, out);
    if (out) reason_add(d, "not run at this scale: %s", names);
}

void decide_numbers(struct decision *d, const struct predicate *p, const struct experiment *e,
                    const struct row_runs *rows, struct shares shares)
{
    const bool pair = p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW ||
                      p->kind == CLAIM_EACH_WITHIN;
    const struct question q = { p, e, rows, p->row, pair ? p->other : -1, shares };
    if (p->kind == CLAIM_EACH_WITHIN) decide_each(d, &q);
    else decide_one(d, &q);
}
