/* SPDX-License-Identifier: MIT
 *
 * claims_page.c -- the paper's statements beside our verdicts.
 */
#include "claims_page.h"

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

void claims_page(const struct page *p, const struct table *const tables[], int n,
                 const struct statements *s, const char *scale)
{
    struct answer a;
    struct tally tally = { .scale = scale, .note = n ? tables[0]->e.caption : NULL };
    for (const struct named_statement *v = s->v; v->id; v++) {
        answer_make(&a, tables, n, v);
        tally.all++;
        tally.count[a.verdict]++;
    }
    p->look->answers_open(p->out, &tally);
    for (const struct named_statement *v = s->v; v->id; v++) {
        answer_make(&a, tables, n, v);
        a.scale = scale;
        p->look->answer(p->out, &a);
    }
    if (p->look->answers_close) p->look->answers_close(p->out);
}
