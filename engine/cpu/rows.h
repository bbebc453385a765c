/* SPDX-License-Identifier: MIT
 *
 * rows.h -- what rows.c and loss.c share: vectors of any number of lanes, scalar products of rows.
 */
#pragma once
#include <math.h>
#include <string.h>
#include "cpu.h"
#include "vec.h"

/* Lanes of the vector that begins at i of n. */
ALWAYS_INLINE int lanes_at(size_t i, size_t n)
{
    return n - i < LANES ? (int)(n - i) : LANES;
}

ALWAYS_INLINE vec load(const void *p, size_t i, int lanes, bool is_bf16)
{
    return lanes == LANES ? act_load(p, i, is_bf16) : act_load_n(p, i, lanes, is_bf16);
}

ALWAYS_INLINE void store(void *p, size_t i, vec v, int lanes, bool is_bf16)
{
    if (lanes == LANES) act_store(p, i, v, is_bf16);
    else act_store_n(p, i, v, lanes, is_bf16);
}

/* Stores v where a struct act_grad says. */
ALWAYS_INLINE void store_grad(struct act_grad g, size_t i, vec v, int lanes, bool is_bf16)
{
    store(g.at, i, g.add ? vec_add(load(g.at, i, lanes, is_bf16), v) : v, lanes, is_bf16);
}

/* The scalar product of d elements, from a[ia] and b[ib] on.  A running sum for each lane: a single
 * one would make each addition wait for the one before. */
ALWAYS_INLINE double dot_any(const void *a, size_t ia, const void *b, size_t ib, size_t d,
                             bool is_bf16)
{
    double sum[LANES] = { 0 }, total = 0;
    float x[LANES], y[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(x, load(a, ia + i, lanes, is_bf16));
        vec_store(y, load(b, ib + i, lanes, is_bf16));
        for (int j = 0; j < LANES; j++) sum[j] += (double)x[j] * (double)y[j];
    }
    for (int j = 0; j < LANES; j++) total += sum[j];
    return total;
}

static inline double dot(const float *a, const float *b, size_t d)
{
    return dot_any(a, 0, b, 0, d, false);
}

static inline double act_dot(const dev_act *a, const dev_act *b, size_t at, size_t d)
{
    return cpu_bf16() ? dot_any(a, at, b, at, d, true) : dot_any(a, at, b, at, d, false);
}

/* The norm as the cosine takes it: at least COSINE_EPS, but NaN if it is NaN. */
static inline double norm_of(double square)
{
    const double norm = sqrt(square);
    return norm < (double)COSINE_EPS ? (double)COSINE_EPS : norm;
}
