/* SPDX-License-Identifier: MIT
 *
 * table_csv.c -- the curves of a table for other programs.
 */
#include "table_csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void csv_curves(FILE *out, const struct table *t)
{
    const struct measure *m[MEASURES_MAX];
    const int numbers = measures_of(m, MEASURE_TRAINED | MEASURE_MONITORED);
    fputs("row,seed,epoch", out);
    for (int k = 0; k < numbers; k++) fprintf(out, ",%s", m[k]->name);
    fputc('\n', out);
    for (int i = 0; i < t->e.n_rows; i++) {
        for (int r = 0; r < t->row[i].n; r++) {
            const struct run_record *run = &t->row[i].run[r];
            for (int c = 0; c < run->n_curve; c++) {
                csv_text(out, t->e.row[i].name);
                fprintf(out, ",%d,%d", run->seed, run->curve[c].epoch);
                for (int k = 0; k < numbers; k++) csv_number(out, epoch_number(&run->curve[c], m[k]));
                fputc('\n', out);
            }
        }
    }
}

/* One line of the bands: the epoch in every seed that has it (a diverged run ends early). */
static void band_write(FILE *out, const struct row_result *row, const char *name, int epoch)
{
    const struct epoch_record *at[SEEDS_MAX];
    int n = 0;
    for (int r = 0; r < row->n; r++)
        for (int c = 0; c < row->run[r].n_curve; c++)
            if (row->run[r].curve[c].epoch == epoch) at[n++] = &row->run[r].curve[c];   /* epochs only rise */
    if (!n) return;
    csv_text(out, name);
    fprintf(out, ",%d,%d", epoch, n);
    for (const struct measure *m = measures; m->name; m++) {
        if (!(m->is & MEASURE_BANDED)) continue;
        double x[SEEDS_MAX];
        for (int r = 0; r < n; r++) x[r] = epoch_number(at[r], m);
        const struct spread s = spread_of(x, n);
        csv_number(out, s.mean);
        csv_number(out, s.std);
    }
    fputc('\n', out);
}

void csv_bands(FILE *out, const struct table *t)
{
    fputs("row,epoch,n", out);
    for (const struct measure *m = measures; m->name; m++)
        if (m->is & MEASURE_BANDED) fprintf(out, ",%s_mean,%s_std", m->name, m->name);
    fputc('\n', out);
    for (int i = 0; i < t->e.n_rows; i++) {
        int last = -1;
        for (int r = 0; r < t->row[i].n; r++) {
            const struct run_record *run = &t->row[i].run[r];
            const int end = run->n_curve ? run->curve[run->n_curve - 1].epoch : -1;
            if (end > last) last = end;
        }
        for (int epoch = 0; epoch <= last; epoch++) band_write(out, &t->row[i], t->e.row[i].name, epoch);
    }
}
