/* SPDX-License-Identifier: MIT
 *
 * against.c -- two tables of one experiment, compared (against.h).
 */
#include "against.h"

#include <math.h>
#include <string.h>

#include "../run/same.h"

double welch_half(const struct spread *a, const struct spread *b, double error)
{
    const double of_a = a->std * a->std / a->n, of_b = b->std * b->std / b->n, both = of_a + of_b;
    if (!(both > 0)) return 0;
    const double df = both * both / (of_a * of_a / (a->n - 1) + of_b * of_b / (b->n - 1));
    return student_quantile(1 - error / 2, df) * sqrt(both);
}

double pooled_half(const struct spread *a, const struct spread *b, double error)
{
    const int df = a->n + b->n - 2;
    const double square = ((a->n - 1) * a->std * a->std + (b->n - 1) * b->std * b->std) / df;
    return student_quantile(1 - error / 2, df) * sqrt(square * (1.0 / a->n + 1.0 / b->n));
}

/* The logarithm of n over k. */
static double log_choose(int n, int k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double fisher_p(int x, int n, int y, int m)
{
    const int all = x + y, low = all > m ? all - m : 0, high = all < n ? all : n;
    const double whole = log_choose(n + m, all), seen = log_choose(n, x) + log_choose(m, y);
    double p = 0;
    for (int k = low; k <= high; k++) {
        const double one = log_choose(n, k) + log_choose(m, all - k);
        if (one <= seen + 1e-9) p += exp(one - whole);         /* as rare, but for rounding */
    }
    return fmin(1, p);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void runs_compare(struct against *a, const struct table *here, const struct table *there)
{
    int missing = 0;
    for (int i = 0; i < here->e.n_rows; i++) {
        const struct row_runs others = { there->row[i].run, there->row[i].n };
        for (int k = 0; k < here->row[i].n; k++) {
            const struct run_record *const r = &here->row[i].run[k],
                                   *const other = run_of_seed(&others, r->seed);
            missing += !other;
            a->shared += other != NULL;
            a->same += other && run_same(r, other);
        }
    }
    a->all_same = a->same && a->same == a->shared && !missing;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static struct spread state_count(const struct row_result *row, enum run_state state)
{
    struct spread s = { row->n, 0, NAN };
    for (int k = 0; k < row->n; k++) s.mean += row->run[k].state == state;
    return s;
}

/* Takes the row's states in if its seeds differ in them. */
static bool states_list(struct against *a, int row, const struct row_result *here,
                        const struct row_result *there)
{
    static const enum run_state states[] = { RUN_COLLAPSED, RUN_DIVERGED };
    bool any = false;
    for (int i = 0; i < 2; i++) {
        const struct spread one = state_count(here, states[i]), other = state_count(there, states[i]);
        const double with = one.mean + other.mean;
        if (with == 0 || with == one.n + other.n) continue;
        a->cell[a->n++] = (struct against_cell){ .row = row, .state = states[i], .here = one,
                                                 .there = other };
        any = true;
    }
    return any;
}

static void numbers_list(struct against *a, int row, const struct row_result *here,
                         const struct row_result *there)
{
    const struct measure *list[MEASURES_MAX];
    const int n = measures_of(list, MEASURE_COLUMN);
    for (int k = 0; k < n; k++) {
        const struct spread *const one = &here->number[list[k] - measures],
                            *const other = &there->number[list[k] - measures];
        if (isfinite(one->mean) && isfinite(other->mean))
            a->cell[a->n++] = (struct against_cell){ .row = row, .measure = list[k], .here = *one,
                                                     .there = *other };
        else if (isfinite(one->mean) != isfinite(other->mean))
            a->lost |= UINT32_C(1) << row;
    }
}

static void cells_list(struct against *a, const struct table *here, const struct table *there)
{
    for (int i = 0; i < here->e.n_rows; i++) {
        const struct row_result *const one = &here->row[i], *const other = &there->row[i];
        if (!one->n && !other->n) continue;
        if (one->n < AGAINST_SEEDS || other->n < AGAINST_SEEDS) a->few |= UINT32_C(1) << i;
        else if (!states_list(a, i, one, other)) numbers_list(a, i, one, other);
    }
}

static void cell_compare(struct against_cell *c, double error)
{
    if (!c->measure) {
        c->differs = fisher_p((int)c->here.mean, c->here.n, (int)c->there.mean, c->there.n) <= error;
        return;
    }
    const double digit = pow(10, -c->measure->decimals);
    c->bound = fmax(digit, fmax(welch_half(&c->here, &c->there, error),
                                pooled_half(&c->here, &c->there, error)));
    c->differs = fabs(c->here.mean - c->there.mean) > c->bound;
}

static void cells_compare(struct against *a)
{
    for (int k = 0; k < a->n; k++) {
        cell_compare(&a->cell[k], AGAINST_ERROR / a->n);
        a->differ += a->cell[k].differs;
    }
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void claims_compare(struct against *a, const struct table *here, const struct table *there)
{
    for (int i = 0; i < here->e.n_claims; i++) {
        const enum verdict one = here->claim[i].whole.verdict, other = there->claim[i].whole.verdict;
        const bool decided = verdict_decided(one), there_too = verdict_decided(other);
        if (decided && there_too && one != other) a->flipped |= UINT32_C(1) << i;
        if (decided != there_too) a->one_sided |= UINT32_C(1) << i;
    }
}

void against_compare(struct against *a, const struct table *here, const struct table *there)
{
    memset(a, 0, sizeof *a);
    runs_compare(a, here, there);
    cells_list(a, here, there);
    cells_compare(a);
    claims_compare(a, here, there);
}
