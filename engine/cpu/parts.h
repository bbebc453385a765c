/* SPDX-License-Identifier: MIT
 *
 * parts.h -- a gradient of weights that is summed by parts: each part's sum begins at zero, and is
 * joined with those before it as a counter carries, so that few wait at a time.
 */
#pragma once
#include <string.h>
#include "cpu.h"

struct part_sums { float *room; size_t n; int waiting; };    /* n numbers each, the newest last */

static inline struct part_sums parts_open(struct parts parts, size_t n)
{
    const size_t bytes = (size_t)parts_waiting(parts) * n * sizeof(float);
    return (struct part_sums){ cpu_scratch(SCRATCH_PARTS, bytes), n, 0 };
}

static inline void parts_add(float *restrict to, const float *restrict from, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) to[i] += from[i];
}

/* Room of a part's sum, zeroed. */
static inline float *parts_next(struct part_sums *s)
{
    float *const own = s->room + (size_t)s->waiting++ * s->n;
    memset(own, 0, s->n * sizeof *own);
    return own;
}

/* Behind part i; behind the last one, s->room has the sum of all. */
static inline void parts_join(struct part_sums *s, int i)
{
    for (int joins = parts_joins(i); joins > 0; joins--) {
        float *const right = s->room + (size_t)--s->waiting * s->n;
        parts_add(right - s->n, right, s->n);
    }
}
