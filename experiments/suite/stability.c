/* SPDX-License-Identifier: MIT
 *
 * stability.c -- a run's oscillation beside the baseline's (stability.h states the rule).
 */
#include "stability.h"
#include <math.h>

const struct run_record *run_of_seed(const struct row_runs *row, int seed)
{
    for (int i = 0; i < row->n; i++)
        if (row->run[i].seed == seed) return &row->run[i];
    return NULL;
}

/* NaN if an epoch has none: a mean over those that do would leave out what went wrong. */
static double oscillation(const struct run_record *r)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < r->n_curve; i++) {
        if (r->curve[i].epoch < 1) continue;                  /* epoch 0 is the untrained network */
        sum += r->curve[i].oscillation;
        n++;
    }
    return n ? sum / n : NAN;
}

bool stability_comparable(const struct settings *row, const struct settings *baseline)
{
    return row->method == baseline->method && row->batch == baseline->batch &&
           row->distance == baseline->distance;
}

double oscillation_ratio(const struct run_record *r, const struct row_runs *baseline)
{
    const struct run_record *beside = run_of_seed(baseline, r->seed);
    const double ratio = beside ? oscillation(r) / oscillation(beside) : NAN;
    return isfinite(ratio) ? ratio : NAN;
}

bool run_unstable(const struct run_record *r, const struct row_runs *baseline)
{
    return r->state == RUN_HEALTHY && oscillation_ratio(r, baseline) > UNSTABLE_RATIO;
}
