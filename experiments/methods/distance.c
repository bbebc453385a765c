/* SPDX-License-Identifier: MIT
 *
 * distance.c -- the table of distances, and a term of a loss shard by shard.
 */
#include "distance.h"

#include "method.h"

const struct distance distances[] = {
    { "cosine", neg_cosine },
    { "cross_entropy", cross_entropy },
    { NULL, NULL }
};

/* weight / shards is exact, the shards being a power of two. */
void pair_add(const struct step *s, float weight, struct var p, struct var z)
{
    const int shards = s->s->shards, n = p.n / shards;
    for (int i = 0; i < shards; i++)
        s->distance(s->tape, float_at(s->loss, (size_t)i), weight / (float)shards,
                    var_rows(p, i * n, n), var_rows(z, i * n, n));
}
