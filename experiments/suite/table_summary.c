/* SPDX-License-Identifier: MIT
 *
 * table_summary.c -- from the runs of a row to its state and its numbers.
 */
#include "table.h"

#include <math.h>

#include "../run/judge.h"

static void row_summarise(struct row_result *row, const struct row_runs *baseline)
{
    row->near_threshold = false;
    row->dimensional = 0;
    row->state = run_state_names[RUN_NONE];
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        const char *state = baseline && run_unstable(r, baseline) ? "unstable"
                                                                  : run_state_names[r->state];
        /* names are compared by place: each stands once */
        if (i && state != row->state) state = "mixed";
        row->state = state;
        row->near_threshold = row->near_threshold ||
                              (r->state != RUN_DIVERGED && epoch_doubtful(&r->last));
        row->dimensional += r->state == RUN_HEALTHY && r->grade == SIMSIAM_DIMENSIONAL;
    }
    for (const struct measure *m = measures; m->name; m++) {
        double x[SEEDS_MAX];
        for (int i = 0; i < row->n; i++) {
            const struct run_record *r = &row->run[i];
            x[i] = !(m->is & MEASURE_RATIO) ? run_number(r, m)
                   : baseline               ? oscillation_ratio(r, baseline)
                                            : NAN;
        }
        row->number[m - measures] = spread_of(x, row->n);
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
