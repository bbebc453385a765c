/* SPDX-License-Identifier: MIT
 *
 * part_sums.h -- a gradient of weights that is summed by parts: each part's sum begins at zero, and is
 * joined with those before it as a counter carries, so that few wait at a time (../cpu/parts.h).
 */
#pragma once
#include "kernel.h"

struct part_sums { float *room; size_t n; int waiting; };    /* n numbers each, the newest last */

static inline part_sums parts_open(struct parts parts, size_t n)
{
    const size_t bytes = (size_t)parts_waiting(parts) * n * sizeof(float);
    return { (float *)cuda_scratch(SCRATCH_PARTS, bytes), n, 0 };
}

struct part_one {
    float *to;
    const float *from;
    __device__ void operator()(size_t i) const { to[i] += from[i]; }
};

static inline void parts_add(float *to, const float *from, size_t n)
{
    each(n, part_one{ to, from });
}

/* Room of a part's sum, zeroed. */
static inline float *parts_next(part_sums *s)
{
    float *const own = s->room + (size_t)s->waiting++ * s->n;
    mem_zero(own, s->n * sizeof *own);
    return own;
}

/* Behind part i; behind the last one, s->room has the sum of all. */
static inline void parts_join(part_sums *s, int i)
{
    for (int joins = parts_joins(i); joins > 0; joins--) {
        float *const right = s->room + (size_t)--s->waiting * s->n;
        parts_add(right - s->n, right, s->n);
    }
}
