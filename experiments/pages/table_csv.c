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
    const struct measure *m[MEASURES_MAX];
    const int columns = measures_of(m, MEASURE_COLUMN);
    fputs("row,n,paper", out);
    for (int k = 0; k < columns; k++) fprintf(out, ",%s_mean,%s_std", m[k]->name, m[k]->name);
    fputs(",state\n", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row_result *row = &t->row[i];
        csv_text(out, t->e.row[i].name);
        fprintf(out, ",%d", row->n);
        csv_number(out, t->e.row[i].has_paper ? t->e.row[i].paper : NAN);
        for (int k = 0; k < columns; k++) {
            csv_number(out, row->number[m[k] - measures].mean);
            csv_number(out, row->number[m[k] - measures].std);
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
