/* SPDX-License-Identifier: MIT
 *
 * claims_page.c -- the paper's statements beside our verdicts.
 */
#include "claims_page.h"

#include <stdlib.h>
#include <string.h>

/* The table that claims `id`, and which of its claims it is; NULL: none of the n tables does. */
static const struct table *table_claiming(const struct table *const tables[], int n, const char *id,
                                          int *claim)
{
    for (int i = 0; i < n; i++)
        for (*claim = 0; *claim < tables[i]->e.n_claims; ++*claim)
            if (!strcmp(tables[i]->e.claim[*claim].id, id)) return tables[i];
    return NULL;
}

static void answer_make(struct answer *a, const struct table *const tables[], int n,
                        const struct named_statement *v)
{
    int claim;
    *a = (struct answer){ .id = v->id, .statement = &v->statement, .verdict = VERDICT_NOT_RUN };
    if (v->statement.exact) {      /* no table may claim it (claim_parse.c) */
        if (*v->statement.test) a->verdict = VERDICT_HOLDS;
        return;
    }
    a->table = table_claiming(tables, n, v->id, &claim);
    if (!a->table) return;
    a->n = claim_list(a->part, a->table, claim);
    a->verdict = a->part[0].decision->verdict;
}

/* ---- the family ------------------------------------------------------------------------------ */

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Benjamini and Hochberg: of n p-values in ascending order the largest p_k <= k / n 5 % and all
 * below it; of what they say is there, 5 % is not, on average. */
static void family_keep(struct family *f, double *p, int n)
{
    qsort(p, (size_t)n, sizeof *p, rising);
    for (int k = n; k > 0 && !f->kept; k--) {
        if (p[k - 1] * n * 100 > k * PERCENT_ERROR) continue;
        f->threshold = p[k - 1];
        f->kept = k;
    }
}

static void family_add(struct family *f, double *p, const struct decision *d,
                       const struct predicate *part)
{
    const bool decided = d->verdict <= VERDICT_MIXED;
    if (d->verdict == VERDICT_NOT_RUN) return;
    if (part->kind >= CLAIM_COLLAPSE) {
        f->states++;
        f->state_rows += __builtin_popcount(part->rows);
        f->states_decided += decided;
    } else if (d->look) {
        p[f->numbers++] = d->p;
        f->numbers_decided += decided;
    }
}

static void family_make(struct family *f, const struct table *const tables[], int n,
                        const struct statements *s)
{
    size_t all = 0;
    while (s->v[all].id) all++;
    double *const p = host_alloc(all * PARTS_MAX + 1, sizeof *p);
    struct answer a;
    *f = (struct family){ .threshold = 0 };
    for (const struct named_statement *v = s->v; v->id; v++) {
        answer_make(&a, tables, n, v);
        for (int i = 0; i < a.n; i++) {
            const struct predicate *const part = a.part[i].part;
            if (part) family_add(f, p, a.part[i].decision, part);
        }
    }
    family_keep(f, p, f->numbers);
    free(p);
}

void claims_page(const struct page *p, const struct table *const tables[], int n,
                 const struct statements *s, const char *scale)
{
    struct answer a;
    struct family family;
    family_make(&family, tables, n, s);
    struct tally tally = { .scale = scale, .note = n ? tables[0]->e.caption : NULL,
                           .family = &family };
    for (const struct named_statement *v = s->v; v->id; v++) {
        answer_make(&a, tables, n, v);
        tally.all++;
        tally.count[a.verdict]++;
    }
    p->look->answers_open(p->out, &tally);
    for (const struct named_statement *v = s->v; v->id; v++) {
        answer_make(&a, tables, n, v);
        a.scale = scale;
        a.family = &family;
        p->look->answer(p->out, &a);
    }
    if (p->look->answers_close) p->look->answers_close(p->out);
}
