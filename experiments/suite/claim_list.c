/* SPDX-License-Identifier: MIT
 *
 * claim_list.c -- a table's claims as pages list them: each with the parts of a conjunction behind
 * it.
 */
#include "table.h"
#include <string.h>

int claim_list(struct listed list[1 + PARTS_MAX], const struct table *t, int c)
{
    const struct claim *claim = &t->e.claim[c];
    list[0] = (struct listed){ .decision = &t->claim[c].whole };
    if (claim->n == 1) list[0].part = &claim->part[0];
    snprintf(list[0].id, sizeof list[0].id, "%s", claim->id);
    snprintf(list[0].predicate, sizeof list[0].predicate, "%s", claim->text);
    if (claim->n == 1) return 1;
    for (int p = 0; p < claim->n; p++) {
        struct listed *part = &list[1 + p];
        *part = (struct listed){ .part = &claim->part[p], .decision = &t->claim[c].part[p] };
        snprintf(part->id, sizeof part->id, "%s.%d", claim->id, p + 1);
        snprintf(part->predicate, sizeof part->predicate, "%s", claim->part[p].text);
    }
    return 1 + claim->n;
}

int claims_list(struct listed list[LISTED_MAX], const struct table *t)
{
    int n = 0;
    for (int c = 0; c < t->e.n_claims; c++) n += claim_list(&list[n], t, c);
    return n;
}
