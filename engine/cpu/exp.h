/* SPDX-License-Identifier: MIT
 *
 * exp.h -- exponentials of LANES numbers at once, for sums over many scores (contrast.c, sinkhorn.c).
 *
 * The argument is double, so that a difference of large logits loses nothing; 2^r of what is left of
 * it by whole powers of two is a polynomial in fp32.  Within 2 units of the last place; below 2^-127
 * it is 0, from 2^127.5 on infinite, of NaN NaN.  Straight lines of C, which become vectors.
 */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "cpu.h"
#include "vec.h"

/* 2^r for |r| <= 1/2: the polynomial of degree 6 whose largest relative error is least, 1.9e-9. */
ALWAYS_INLINE vec exp2_of_rest(vec r)
{
    vec p = vec_all(0x1.41d334p-13F);
    p = vec_fma(p, r, vec_all(0x1.5f456ap-10F));
    p = vec_fma(p, r, vec_all(0x1.3b2dbcp-7F));
    p = vec_fma(p, r, vec_all(0x1.c6aed4p-5F));
    p = vec_fma(p, r, vec_all(0x1.ebfbdap-3F));
    p = vec_fma(p, r, vec_all(0x1.62e430p-1F));
    return vec_fma(p, r, vec_all(1));
}

/* b, but at least the one and at most the other; NaN stays. */
ALWAYS_INLINE vec exp_within(float least, float most, vec b)
{
    return vec_min(vec_all(most), vec_max(vec_all(least), b));
}

ALWAYS_INLINE void exp_lanes(float e[LANES], const double x[LANES])
{
    const vec to_whole = vec_all(0x1.8p23F);             /* whose last bit is a 1's */
    double y[LANES];
    float near[LANES], rest[LANES], whole[LANES], scale[LANES];
    uint32_t bits[LANES];
    for (int j = 0; j < LANES; j++) {
        y[j] = x[j] * 0x1.71547652b82fep+0;              /* log2 e */
        near[j] = (float)y[j];
    }
    const vec moved = vec_add(exp_within(-127, 128, vec_load(near)), to_whole);
    vec_store(whole, vec_sub(moved, to_whole));
    for (int j = 0; j < LANES; j++) rest[j] = (float)(y[j] - (double)whole[j]);
    vec_store(scale, moved);
    memcpy(bits, scale, sizeof bits);
    for (int j = 0; j < LANES; j++) bits[j] = (bits[j] + 127) << 23;     /* 2^-127: 0, 2^128: infinite */
    memcpy(scale, bits, sizeof scale);
    /* Beyond the ends there is more left than a half, and must be finite. */
    vec_store(e, vec_mul(exp2_of_rest(exp_within(-1, 1, vec_load(rest))), vec_load(scale)));
}

/* The LANES numbers at s, of which there are n; behind them -INFINITY, whose exponential adds nothing. */
ALWAYS_INLINE vec lanes_load(const float *s, int n)
{
    static const float place[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    if (n >= LANES) return vec_load(s);
    return vec_pick(vec_sub(vec_all((float)n), vec_load(place)), vec_load_n(s, n),
                    vec_all(-INFINITY));
}

ALWAYS_INLINE void lanes_store(float *s, const float v[LANES], int n)
{
    if (n >= LANES) vec_store(s, vec_load(v));
    else vec_store_n(s, vec_load(v), n);
}

ALWAYS_INLINE double lanes_sum(const double x[LANES])
{
    double sum = 0;
    for (int j = 0; j < LANES; j++) sum += x[j];
    return sum;
}

ALWAYS_INLINE double lanes_most(const double x[LANES])
{
    double most = -INFINITY;
    for (int j = 0; j < LANES; j++) most = x[j] > most ? x[j] : most;
    return most;
}

/* e[n] = exp((s - from) times), NULL: nowhere; returns their sum. */
ALWAYS_INLINE double exp_row(float *e, const float *s, int n, double from, double times)
{
    double sum[LANES] = { 0 };
    for (int i = 0; i < n; i += LANES) {
        float v[LANES];
        double x[LANES];
        vec_store(v, lanes_load(s + i, n - i));
        for (int j = 0; j < LANES; j++) x[j] = ((double)v[j] - from) * times;
        exp_lanes(v, x);
        for (int j = 0; j < LANES; j++) sum[j] += (double)v[j];
        if (e) lanes_store(e + i, v, n - i);
    }
    return lanes_sum(sum);
}

/* The largest of s[n], -INFINITY of none; NaN is passed over, the sum has it. */
ALWAYS_INLINE float most_of(const float *s, int n)
{
    float most[LANES], all = -INFINITY;
    vec v = vec_all(-INFINITY);
    int i = 0;
    for (; i + LANES <= n; i += LANES) v = vec_max(vec_load(s + i), v);
    vec_store(most, v);
    for (int j = 0; j < LANES; j++) all = most[j] > all ? most[j] : all;
    for (; i < n; i++) all = s[i] > all ? s[i] : all;
    return all;
}
