/* SPDX-License-Identifier: MIT
 *
 * claim_numbers.c -- the predicates of numbers.
 *
 * Each asks one question of the numbers x, one a seed: does their mean lie in a region?
 * `A > B`, `rises` and `above`: (0, infinity).  `within X`: (-X, X).  The interval inside it holds,
 * outside it fails.  `not A > B`: inside (-infinity, 1) it holds, and above 0 it fails.
 *
 * x is a sum over rows: +1 A, -1 B, and of changes +1 A, -1 its start, -1 B, +1 its start.
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

/* The least of the metric over the monitored epochs >= `from`; NaN if there is none. */
static double run_least(const struct run_record *r, const struct measure *metric, int from)
{
    double least = NAN;
    for (int i = 0; i < r->n_curve; i++) {
        const struct epoch_record *const epoch = &r->curve[i];
        if (!epoch->monitored || epoch->epoch < from) continue;
        const double number = epoch_number(epoch, metric);
        if (!isfinite(number)) return NAN;
        least = fmin(least, number);
    }
    return least;
}

/* ---- the numbers ----------------------------------------------------------------------------- */

/* A question under way: of which rows, and of how many seeds. */
enum { TERMS_MAX = 4 };
struct term { int row, sign; const struct measure *metric; };
struct question {
    const struct predicate *p;
    const struct experiment *e;
    const struct row_runs *rows;
    struct term term[TERMS_MAX];
    int n;
    struct shares shares;
};

static void term_add(struct question *q, int row, int sign, const struct measure *metric)
{
    q->term[q->n++] = (struct term){ row, sign, metric };
    if (q->p->change) q->term[q->n++] = (struct term){ q->p->start[row], -sign, metric };
}

/* A row beside another; -1: by itself. */
static struct question question_of(const struct predicate *p, const struct experiment *e,
                                   const struct row_runs *rows, int row, int beside,
                                   struct shares shares)
{
    struct question q = { .p = p, .e = e, .rows = rows, .shares = shares };
    const int sign = p->kind == CLAIM_EACH_LESS ? -1 : 1;
    term_add(&q, row, sign, p->metric);
    if (beside >= 0)
        term_add(&q, beside, -sign, p->kind == CLAIM_GREATER ? p->other_metric : p->metric);
    return q;
}

/* The first of its rows that lacks a seed; -1: all have it. */
static int row_without(const struct question *q, int seed)
{
    for (int k = 0; k < q->n; k++)
        if (!run_of_seed(&q->rows[q->term[k].row], seed)) return q->term[k].row;
    return -1;
}

/* The largest n of which the rows have seeds 1 to n. */
static int seeds_whole(const struct question *q)
{
    int n = 0;
    while (row_without(q, n + 1) < 0) n++;
    return n;
}

static bool term_seen(const struct question *q, int k)
{
    for (int i = 0; i < k; i++)
        if (q->term[i].row == q->term[k].row) return true;
    return false;
}

/* "a or b has no linear (seed 2)" */
static void lack_tell(struct decision *d, const struct question *q, int seed)
{
    char rows[TEXT_MAX] = "", of[TEXT_MAX] = "";
    size_t n = 0;
    for (int k = 0; k < q->n && n < sizeof rows; k++)
        if (!term_seen(q, k))
            n += (size_t)snprintf(rows + n, sizeof rows - n, "%s%s", k ? " or " : "",
                                  q->e->row[q->term[k].row].name);
    const struct measure *const metric = q->term[0].metric, *const last = q->term[q->n - 1].metric;
    if (last != metric) snprintf(of, sizeof of, " or %s", last->name);
    else if (q->p->kind == CLAIM_RISES) snprintf(of, sizeof of, " curve");
    else if (q->p->kind == CLAIM_ABOVE) snprintf(of, sizeof of, " from epoch %d on", q->p->epoch);
    conclude(d, VERDICT_NOT_RUN, "%s has no %s%s (seed %d)", rows, metric->name, of, seed);
}

static double term_number(const struct question *q, const struct term *t, int seed)
{
    const struct run_record *const r = run_of_seed(&q->rows[t->row], seed);
    if (q->p->kind == CLAIM_RISES) return run_slope(r, t->metric);
    if (q->p->kind == CLAIM_ABOVE) return run_least(r, t->metric, q->p->epoch);
    return run_number(r, t->metric);
}

/* The numbers that a predicate is about, of each seed up to `last` that the rows have; returns how
 * many, or 0 if one does not exist. */
static int numbers_of(struct decision *d, double x[SEEDS_MAX], const struct question *q, int last)
{
    const struct row_runs *const row = &q->rows[q->term[0].row];
    int n = 0;
    for (int i = 0; i < row->n; i++) {
        const int seed = row->run[i].seed;
        if (seed > last || row_without(q, seed) >= 0) continue;
        const bool value = q->p->kind == CLAIM_WITHIN_VALUE || q->p->kind == CLAIM_ABOVE;
        x[n] = value ? -q->p->value : 0;
        for (int k = 0; k < q->n; k++)
            x[n] += q->term[k].sign * term_number(q, &q->term[k], seed);
        if (isfinite(x[n++])) continue;
        lack_tell(d, q, seed);
        return 0;
    }
    if (!n)
        conclude(d, VERDICT_NOT_RUN, "%s and %s have different seeds",
                 q->e->row[q->term[0].row].name, q->e->row[q->term[q->n > 1].row].name);
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
    if (p->kind == CLAIM_WITHIN_ROW || p->kind == CLAIM_WITHIN_VALUE ||
        p->kind == CLAIM_EACH_WITHIN)
        return (struct region){ -x, x, -x, x };
    return (struct region){ 0, INFINITY, 0, INFINITY };
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
    for (int k = 0; k < q->n; k++) {
        int dead, all;
        const int row = q->term[k].row;
        if (term_seen(q, k) || !is_mixed(&q->rows[row], d->look, &dead, &all)) continue;
        reason_add(d, "%s is mixed, %d of %d seeds collapsed", q->e->row[row].name, dead, all);
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
    for (int k = 0; k < q->n; k++)
        if (!row_usable(d, q->e, q->rows, q->term[k].row, look, false) ||
            (k && !rows_alike(d, q->e, q->rows, q->term[0].row, q->term[k].row)))
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
    if (!looks->n) conclude(d, VERDICT_INCONCLUSIVE, "the scale declares no looks");
    else
        conclude(d, VERDICT_INCONCLUSIVE, "decided at %d seeds; %s has no seed %d", looks->seeds[0],
                 q->e->row[row_without(q, missing)].name, missing);
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
 * then the row that is further off: from 0 on either side, or under it. */
static bool tells_more(const struct decision *a, const struct decision *b, enum predicate_kind kind)
{
    static const int weight[VERDICTS] = { [VERDICT_HOLDS] = 0, [VERDICT_INCONCLUSIVE] = 1,
                                          [VERDICT_FAILS] = 2, [VERDICT_NOT_RUN] = 3 };
    if (a->verdict != b->verdict) return weight[a->verdict] > weight[b->verdict];
    if (kind == CLAIM_EACH_WITHIN) return fabs(a->estimate) > fabs(b->estimate);
    return a->estimate < b->estimate;
}

/* Every row must hold, so each may use the level as it is; any one may make it fail, so they share
 * that one's error. The numbers shown are those of the row that decides. */
static void decide_each(struct decision *d, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, struct shares shares)
{
    const uint32_t set = each_hosted(e, p);
    const int n = __builtin_popcount(set);
    int inside = 0, shown = -1;
    double least = NAN, most = NAN;
    if (!n) conclude(d, VERDICT_NOT_RUN, "no other row can run at this scale");
    shares.fail *= n;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        const struct question one = question_of(p, e, rows, i, p->other, shares);
        struct decision row;
        decide_one(&row, &one);
        inside += row.verdict == VERDICT_HOLDS;
        least = fmin(least, row.p);
        most = fmax(most, row.p);
        if (shown >= 0 && !tells_more(&row, d, p->kind)) continue;
        *d = row;
        shown = i;
    }
    if (d->verdict == VERDICT_NOT_RUN) return;
    d->p = d->verdict == VERDICT_FAILS ? fmin(1, least * n) : most;
    char why[sizeof d->reason];
    memcpy(why, d->reason, sizeof why);
    const char *const where = p->kind == CLAIM_EACH_WITHIN ? "inside"
                              : p->kind == CLAIM_EACH_LESS ? "below" : "above";
    conclude(d, d->verdict, "%d of %d rows %s; shown: %s%s%s", inside, n, where, e->row[shown].name,
             *why ? "; " : "", why);
    char names[TEXT_MAX];
    rows_name(names, sizeof names, e, p->rows & ~set);
    if (*names) reason_add(d, "not run at this scale: %s", names);
}

void decide_numbers(struct decision *d, const struct predicate *p, const struct experiment *e,
                    const struct row_runs *rows, struct shares shares)
{
    if (p->kind >= CLAIM_EACH_WITHIN) {
        decide_each(d, p, e, rows, shares);
        return;
    }
    const bool pair = p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW;
    const struct question q = question_of(p, e, rows, p->row, pair ? p->other : -1, shares);
    decide_one(d, &q);
}
