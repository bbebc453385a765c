/* SPDX-License-Identifier: MIT
 *
 * eta.c -- targets kept from before: a cache, or a moving average.
 */
#include "eta.h"

#include <assert.h>
#include <string.h>

void eta_open(struct eta *e, const struct settings *s, int d, int steps)
{
    *e = (struct eta){ .momentum = (float)s->eta_momentum, .from_first = s->eta_init == ETA_FIRST,
                       .normalise = s->eta_normalise };
    if (s->eta == ETA_CACHE) {
        e->steps = s->eta_every ? s->eta_every : steps;
        e->terms = s->eta_views == ETA_ONE ? 1 : s->pairs.n;
        e->floats = (size_t)e->steps * (size_t)e->terms * (size_t)s->batch * (size_t)d;
        e->cache = mem_alloc(e->floats * mem_act_bytes());
    }
    if (s->eta == ETA_AVERAGE) {
        e->floats = (size_t)s->train_count * (size_t)d;
        e->memory = mem_alloc(e->floats * sizeof(float));
    }
}

void eta_close(struct eta *e)
{
    mem_free(e->cache), mem_free(e->memory);
    memset(e, 0, sizeof *e);
}

/* Where the cache has term k of a slot, [n, d]. */
static dev_act *cache_at(const struct eta *e, int slot, int k, int n, int d)
{
    return act_at(e->cache, ((size_t)slot * (size_t)e->terms + (size_t)k) * (size_t)n * (size_t)d);
}

void eta_store(const struct eta *e, int slot, const struct pair_list *pairs, struct var z, int n)
{
    const size_t bytes = (size_t)n * (size_t)z.c * mem_act_bytes();
    assert(slot < e->steps);
    for (int k = 0; k < e->terms; k++) {
        const int view = z.n == n ? 0 : pairs->v[k][1];
        mem_copy(cache_at(e, slot, k, n, z.c), var_rows(z, view * n, n).data, bytes);
    }
}

struct var eta_target(const struct eta *e, struct tape *t, int k, struct var z)
{
    if (e && e->cache) return var_input(cache_at(e, e->slot, k % e->terms, z.n, z.c), z.n, 1, 1, z.c);
    if (!e || !e->memory) return z;
    const struct var eta = var_room(t, z.n, 1, 1, z.c);
    op_average(eta.data, e->memory, e->index, z.data, z.n, z.c, e->momentum, e->from_first, e->normalise, false);
    return eta;
}

void eta_move(const struct eta *e, struct var z)
{
    if (!e || !e->memory) return;
    op_average(NULL, e->memory, e->index, z.data, z.n, z.c, e->momentum, e->from_first, e->normalise, true);
}
