/* SPDX-License-Identifier: MIT
 *
 * table_summary.c -- from the runs of a row to its state and its numbers.
 */
#include "table.h"
#include "../../engine/collapse.h"
#include <math.h>

#define END(member) offsetof(struct run_record, member)
const struct measured measures[MEASURES] = {
    [MEASURE_LINEAR] = { "linear",     END(linear),          1 },
    [MEASURE_KNN]    = { "kNN",        END(last.knn),        1 },
    [MEASURE_LOSS]   = { "loss",       END(last.loss),       3 },
    [MEASURE_STD]    = { "std·√d",     END(last.std_sqrtd),  2 },
    [MEASURE_SHARE]  = { "view share", END(last.view_share), 2 },
    [MEASURE_NORM]   = { "|E z'|",     END(last.mean_norm),  2 },
    [MEASURE_RANK]   = { "rank",       END(last.rank),       2 },
    [MEASURE_KNN_Z]  = { "kNN of z",   END(last.knn_z),      1 },
    [MEASURE_COS_H]  = { "cos(h, E z)", END(last.cos_h),     3 },
    [MEASURE_COS_Z]  = { "cos(z, E z)", END(last.cos_z),     3 },
    [MEASURE_OSCILLATION] = { .title = "oscillation", .decimals = 2 },      /* of two runs, not of one */
};
#undef END

enum measure metric_measure(int metric)
{
    static const enum measure of[] = { MEASURE_LINEAR, MEASURE_KNN, MEASURE_LOSS, MEASURE_STD, MEASURE_SHARE,
                                       MEASURE_COS_H, MEASURE_COS_Z };      /* in the order of claim_metrics */
    return of[metric];
}

static void row_summarise(struct row_result *row, const struct row_runs *baseline)
{
    row->near_threshold = false;
    row->state = run_state_names[RUN_NONE];
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        const char *state = baseline && run_unstable(r, baseline) ? "unstable" : run_state_names[r->state];
        if (i && state != row->state) state = "mixed";          /* names are compared by place: each stands once */
        row->state = state;
        const struct collapse c = epoch_collapse(&r->last);
        row->near_threshold = row->near_threshold || (r->state != RUN_DIVERGED && collapse_near(&c));
    }
    for (int m = 0; m < MEASURES; m++) {
        double x[SEEDS_MAX];
        for (int i = 0; i < row->n; i++) {
            const struct run_record *r = &row->run[i];
            x[i] = m != MEASURE_OSCILLATION ? *(const double *)((const char *)r + measures[m].offset)
                 : baseline ? oscillation_ratio(r, baseline) : NAN;
        }
        row->number[m] = spread_of(x, row->n);
    }
}

void rows_summarise(struct table *t)
{
    const struct row_result *first = t->e.baseline < 0 ? NULL : &t->row[t->e.baseline];
    const struct row_runs baseline = { first ? first->run : NULL, first ? first->n : 0 };
    for (int i = 0; i < t->e.n_rows; i++) {
        const bool beside = first && stability_comparable(&t->e.row[i].settings,
                                                          &t->e.row[t->e.baseline].settings);
        row_summarise(&t->row[i], beside ? &baseline : NULL);
    }
}
