/* SPDX-License-Identifier: MIT
 *
 * next_seeds.c -- which further runs could decide a claim (next_seeds.h).
 */
#include "next_seeds.h"

#include <stdlib.h>

#include "claims_inside.h"

/* What is wanted so far: by row and seed, from 1. */
struct wish { bool run[ROWS_MAX][SEEDS_MAX + 1]; };

/* Wants seeds of row i: `more` of those that it has not, or (more < 0) those up to `last`. */
static void seeds_want(struct wish *w, const struct row_runs *rows, int i, int more, int last)
{
    for (int seed = 1; seed <= last && more; seed++) {
        if (run_of_seed(&rows[i], seed)) continue;
        w->run[i][seed] = true;
        more--;
    }
}

static void states_want(struct wish *w, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, uint32_t set)
{
    const struct row_runs *const baseline = e->baseline < 0 ? NULL : &rows[e->baseline];
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        seeds_want(w, rows, i, states_to_go(&rows[i], p->kind, baseline), SEEDS_MAX);
        /* noise is told beside the baseline's run of the same seed */
        for (int seed = 1; baseline && p->kind == CLAIM_UNSTABLE && seed <= SEEDS_MAX; seed++)
            if ((w->run[i][seed] || run_of_seed(&rows[i], seed)) && !run_of_seed(baseline, seed))
                w->run[e->baseline][seed] = true;
    }
}

/* The look that comes next; 0: none does. */
static int look_next(const struct decision *d, const struct looks *looks)
{
    for (int k = 0; k < looks->n; k++)
        if (looks->seeds[k] > d->look) return looks->seeds[k];
    return 0;
}

/* The rows that a part speaks of; 0: one cannot run here, or has no number for it. */
static uint32_t rows_of(const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows)
{
    struct predicate here = *p;
    if (p->every) here.rows = each_hosted(e, p);
    const uint32_t set = predicate_rows(&here);
    if (p->every && !here.rows) return 0;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        if (*e->row[i].not_run) return 0;
        for (int k = 0; k < rows[i].n && p->kind != CLAIM_DIVERGED; k++)
            if (rows[i].run[k].state == RUN_DIVERGED) return 0;
    }
    return set;
}

int claim_next_seeds(struct wanted list[WANTED_MAX], const struct claim *claim,
                     const struct claim_result *result, const struct experiment *e,
                     const struct row_runs *rows)
{
    if (verdict_decided(result->whole.verdict) || *claim->elsewhere) return 0;
    struct wish *const w = host_alloc(1, sizeof *w);
    int n = 0;
    bool hopeless = false;
    for (int k = 0; k < claim->n; k++) {
        const struct predicate *const p = &claim->part[k];
        const struct decision *const d = &result->part[k];
        const uint32_t set = rows_of(p, e, rows);
        hopeless = hopeless || !set;
        if (verdict_decided(d->verdict)) continue;
        if (p->kind >= CLAIM_COLLAPSE) states_want(w, p, e, rows, set);
        else for (int i = 0; i < e->n_rows; i++)
            if (set >> i & 1) seeds_want(w, rows, i, -1, look_next(d, &e->looks));
    }
    for (int seed = 1; seed <= SEEDS_MAX && !hopeless; seed++)
        for (int i = 0; i < e->n_rows; i++)
            if (w->run[i][seed]) list[n++] = (struct wanted){ i, seed };
    free(w);
    return n;
}
