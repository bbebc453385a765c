/* SPDX-License-Identifier: MIT
 *
 * table_csv.c -- a table for other programs.
 */
#include "table_csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int claim_list(struct listed list[1 + PARTS_MAX], const struct table *t, int c)
{
    const struct claim *claim = &t->e.claim[c];
    list[0] = (struct listed){ .part = claim->n == 1 ? &claim->part[0] : NULL, .decision = &t->claim[c].whole };
    snprintf(list[0].id, sizeof list[0].id, "%s", claim->id);
    snprintf(list[0].predicate, sizeof list[0].predicate, "%s", claim->text);
    if (claim->n == 1) return 1;
    const char *text = claim->text;
    for (int p = 0; p < claim->n; p++) {
        struct listed *part = &list[1 + p];
        *part = (struct listed){ .part = &claim->part[p], .decision = &t->claim[c].part[p] };
        text += strspn(text, "; ");
        const int length = (int)strcspn(text, ";");
        snprintf(part->id, sizeof part->id, "%s.%d", claim->id, p + 1);
        snprintf(part->predicate, sizeof part->predicate, "%.*s", length, text);
        text += length;
    }
    return 1 + claim->n;
}

int claims_list(struct listed list[LISTED_MAX], const struct table *t)
{
    int n = 0;
    for (int c = 0; c < t->e.n_claims; c++) n += claim_list(&list[n], t, c);
    return n;
}

/* Each field but the first of a line starts with its comma. */
static void csv_number(FILE *out, double x)
{
    if (isfinite(x))
        fprintf(out, ",%.6g", x);
    else
        fputc(',', out);
}

static void csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) fprintf(out, *text == '"' ? "\"%c" : "%c", *text);
    fputc('"', out);
}

void csv_rows(FILE *out, const struct table *t)
{
    fputs("row,n,paper,linear_mean,linear_std,knn_mean,knn_std,loss_mean,loss_std,std_sqrtd_mean,std_sqrtd_std,"
          "view_share_mean,view_share_std,state\n", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row_result *row = &t->row[i];
        csv_text(out, t->e.row[i].name);
        fprintf(out, ",%d", row->n);
        csv_number(out, t->e.row[i].has_paper ? t->e.row[i].paper : NAN);
        for (int m = 0; m < MEASURE_COLUMNS; m++) {
            csv_number(out, row->number[m].mean);
            csv_number(out, row->number[m].std);
        }
        fprintf(out, ",%s\n", row->state);
    }
}

void csv_claims(FILE *out, const struct table *t)
{
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    fputs("id,predicate,n,estimate,low,high,verdict\n", out);
    for (int i = 0; i < n; i++) {
        const struct decision *d = list[i].decision;
        csv_text(out, list[i].id);
        fputc(',', out);
        csv_text(out, list[i].predicate);
        fprintf(out, ",%d", d->n);
        csv_number(out, d->estimate);
        csv_number(out, d->low);
        csv_number(out, d->high);
        fprintf(out, ",%s\n", verdict_names[d->verdict]);
    }
    free(list);
}

/* The numbers of an epoch; those that the figure draws have a band. */
static const struct { const char *name; size_t offset; bool band; } epoch_numbers[] = {
    { "loss",         offsetof(struct epoch_record, loss),         true },
    { "oscillation",  offsetof(struct epoch_record, oscillation),  true },
    { "std_train",    offsetof(struct epoch_record, std_train),    true },
    { "grad_norm",    offsetof(struct epoch_record, grad_norm),    false },
    { "lr",           offsetof(struct epoch_record, lr),           false },
    { "lr_predictor", offsetof(struct epoch_record, lr_predictor), false },
    { "std_sqrtd",    offsetof(struct epoch_record, std_sqrtd),    true },
    { "mean_norm",    offsetof(struct epoch_record, mean_norm),    false },
    { "view_share",   offsetof(struct epoch_record, view_share),   true },
    { "rank",         offsetof(struct epoch_record, rank),         true },
    { "knn",          offsetof(struct epoch_record, knn),          true },
    { "knn_z",        offsetof(struct epoch_record, knn_z),        false },
    { "cos_h",        offsetof(struct epoch_record, cos_h),        true },
    { "cos_z",        offsetof(struct epoch_record, cos_z),        true },
};
enum { EPOCH_NUMBERS = sizeof epoch_numbers / sizeof *epoch_numbers };

static double epoch_number(const struct epoch_record *e, int i)
{
    return *(const double *)((const char *)e + epoch_numbers[i].offset);
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
    for (int k = 0; k < EPOCH_NUMBERS; k++) {
        if (!epoch_numbers[k].band) continue;
        double x[SEEDS_MAX];
        for (int r = 0; r < n; r++) x[r] = epoch_number(at[r], k);
        const struct spread s = spread_of(x, n);
        csv_number(out, s.mean);
        csv_number(out, s.std);
    }
    fputc('\n', out);
}

void csv_bands(FILE *out, const struct table *t)
{
    fputs("row,epoch,n", out);
    for (int k = 0; k < EPOCH_NUMBERS; k++)
        if (epoch_numbers[k].band) fprintf(out, ",%s_mean,%s_std", epoch_numbers[k].name, epoch_numbers[k].name);
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
