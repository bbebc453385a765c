/* SPDX-License-Identifier: MIT
 *
 * distance.c -- the table of distances, and a term of a loss shard by shard.
 */
#include "distance.h"

#include "method.h"
#include "../../engine/comm.h"

const struct distance distances[] = {
    { "cosine", neg_cosine },
    { "cross_entropy", cross_entropy },
    { NULL, NULL }
};

/* weight / shards is exact, the shards being a power of two. */
void pair_add(const struct step *s, float weight, struct var p, struct var z)
{
    const int here = s->s->shards / comm_size(), n = p.n / here;
    for (int i = 0; i < here; i++)
        s->distance(s->tape, float_at(s->loss, (size_t)i), weight / (float)s->s->shards,
                    var_rows(p, i * n, n), var_rows(z, i * n, n));
}
