/* SPDX-License-Identifier: MIT
 *
 * naive.h -- what the op tests share: arrays from a small generator, comparison, finite
 * differences, and naive references in double.
 *
 * Everything made here is kept in a list and freed by release(), so that a test is its arithmetic
 * only.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "../engine/ops.h"

/* Of the largest expected magnitude: fp32 sums of up to a few thousand products, 2^-24 each, that
 * mostly cancel. */
#define TOLERANCE_SUM 2e-5
/* One or two roundings to fp32. */
#define TOLERANCE_ROUND 1e-6
/* Central differences in double with step 1e-5: h^2 curvature and 1e-16 / h cancellation, then the
 * fp32 sum. */
#define TOLERANCE_DIFFERENCE 5e-5
#define STEP 1e-5

/* ---- precision ------------------------------------------------------------------------------- */

/* One rounding of an activation to bf16: half a unit in the last of 8 bits, 2^-8 of its value. */
#ifndef TOLERANCE_BF16                                   /* of other 16 bits: tests/cuda/fp16.h */
#define TOLERANCE_BF16 4e-3
#define LEAST_BF16 0.0f                                  /* what is below is stored as zero */
#endif

static inline bool testing_bf16(void)
{
    return mem_act_bytes() == 2;
}

/* Of what an op writes as an activation. */
static inline double act_tolerance(double fp32)
{
    return testing_bf16() ? TOLERANCE_BF16 : fp32;
}

/* Runs a group once for each precision; the number of failures.  Commas keep the order. */
static int failures_fp32;
#define RUN_PRECISIONS(name, tests)                                                     \
    (machine_set_precision(PRECISION_FP32),                                             \
     failures_fp32 = cmocka_run_group_tests_name(name ", fp32", tests, NULL, NULL),     \
     machine_set_precision(PRECISION_BF16),                                             \
     failures_fp32 + cmocka_run_group_tests_name(name ", bf16", tests, NULL, NULL))

/* With bf16 activations the numbers of a test are bf16 numbers, so that op and reference see the
 * same ones. */
static inline float test_number(float f)
{
    uint32_t u;
    if (!testing_bf16()) return f;
    memcpy(&u, &f, sizeof u);
    u = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000;
    memcpy(&f, &u, sizeof u);
    return fabsf(f) < LEAST_BF16 ? 0 : f;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

enum { KEPT_MAX = 4096 };
struct kept { void *host[KEPT_MAX], *machine[KEPT_MAX]; int n_host, n_machine; };

static inline struct kept *kept(void)
{
    static struct kept k;
    return &k;
}

static inline void release(void)
{
    struct kept *k = kept();
    while (k->n_host > 0) free(k->host[--k->n_host]);
    while (k->n_machine > 0) mem_free(k->machine[--k->n_machine]);
}

static inline void *host_room(size_t bytes)
{
    void *p = calloc(bytes ? bytes : 1, 1);
    assert_non_null(p);
    assert_true(kept()->n_host < KEPT_MAX);
    return kept()->host[kept()->n_host++] = p;
}

static inline void *machine_room(size_t bytes)
{
    assert_true(kept()->n_machine < KEPT_MAX);
    return kept()->machine[kept()->n_machine++] = mem_alloc(bytes);
}

/* Numbers in -1 .. 1, the same on every computer (xorshift32). */
static inline float *random_floats(size_t n, uint32_t seed)
{
    float *a = host_room(n * sizeof *a);
    uint32_t s = seed * 2654435761u + 12345u;
    if (!s) s = 1;
    for (size_t i = 0; i < n; i++) {
        s ^= s << 13;
        s ^= s >> 17;
        s ^= s << 5;
        a[i] = test_number((float)(s >> 8) / 8388608.0f - 1.0f);
    }
    return a;
}

/* The same with mean 0 and variance 1: sums of twelve uniform numbers. */
static inline float *gaussian_floats(size_t n, uint32_t seed)
{
    const float *u = random_floats(12 * n, seed);
    float *a = host_room(n * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < 12; j++) sum += (double)u[12 * i + j];
        a[i] = test_number((float)(sum / 2));  /* each has variance 1/3, the sum 4 */
    }
    return a;
}

static inline double *doubles_of(const float *a, size_t n)
{
    double *d = host_room(n * sizeof *d);
    for (size_t i = 0; a && i < n; i++) d[i] = (double)a[i];
    return d;
}

static inline dev_act *act_of(const float *a, size_t n)
{
    dev_act *p = machine_room(n * mem_act_bytes());
    mem_act_upload(p, a, n);
    return p;
}

static inline dev_float *float_of(const float *a, size_t n)
{
    dev_float *p = machine_room(n * sizeof(float));
    mem_upload(p, a, n * sizeof(float));
    return p;
}

static inline dev_int *int_of(const int32_t *a, size_t n)
{
    dev_int *p = machine_room(n * sizeof(int32_t));
    mem_upload(p, a, n * sizeof(int32_t));
    return p;
}

static inline float *act_read(const dev_act *p, size_t n)
{
    float *a = host_room(n * sizeof *a);
    mem_act_download(a, p, n);
    return a;
}

static inline float *float_read(const dev_float *p, size_t n)
{
    float *a = host_room(n * sizeof *a);
    mem_download(a, p, n * sizeof *a);
    return a;
}

/* ---- where a gradient goes ------------------------------------------------------------------- */

static const struct act_grad unwanted = { NULL, false };
static inline struct act_grad over(dev_act *at) { return (struct act_grad){ at, false }; }
static inline struct act_grad onto(dev_act *at) { return (struct act_grad){ at, true }; }

/* What a gradient that goes over it must not see. */
static inline dev_act *act_garbage(size_t n)
{
    float *const a = host_room(n * sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = NAN;
    return act_of(a, n);
}

/* ---- comparison ------------------------------------------------------------------------------ */

/* got[n] equals base[n] + want[n] within tolerance times the largest magnitude; base (dirty
 * gradients) may be NULL.  A NaN is never close. */
static inline void check_added(const char *what, const float *got, const float *base,
                               const double *want, size_t n, double tolerance)
{
    double largest = 1;
    for (size_t i = 0; i < n; i++)
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    for (size_t i = 0; i < n; i++) {
        const double expected = want[i] + (base ? (double)base[i] : 0);
        if (!(fabs((double)got[i] - expected) <= tolerance * largest))
            fail_msg("%s[%zu] is %.9g, expected %.9g", what, i, (double)got[i], expected);
    }
}

static inline void check_close(const char *what, const float *got, const double *want, size_t n,
                               double tolerance)
{
    check_added(what, got, NULL, want, n, tolerance);
}

/* Activations that are sums of products: fp32 sums that, stored as bf16, are rounded once, by up to
 * 2^-8 of themselves.  base as in check_added(). */
static inline void check_act(const char *what, const dev_act *got_, const float *base,
                             const double *want, size_t n)
{
    const float *got = act_read(got_, n);
    double largest = 1;
    for (size_t i = 0; i < n; i++)
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    for (size_t i = 0; i < n; i++) {
        const double expected = want[i] + (base ? (double)base[i] : 0);
        const double rounding = testing_bf16() ? TOLERANCE_BF16 * fabs(expected) : 0;
        if (!(fabs((double)got[i] - expected) <= TOLERANCE_SUM * largest + rounding))
            fail_msg("%s[%zu] is %.9g, expected %.9g", what, i, (double)got[i], expected);
    }
}

/* Rows of odd sizes, to both sides of a vector and of where threads join in. */
static const struct { int n, d; } row_shapes[] = {
    { 1, 1 }, { 1, 7 }, { 7, 33 }, { 33, 3 }, { 33, 257 }, { 129, 130 },
};
enum { ROW_SHAPES = sizeof row_shapes / sizeof *row_shapes };

/* got[n] is want[n], or base[n] + want[n], in an activation's digits: of the largest number that
 * was rounded. */
static inline void check_row_gradient(const char *what, const dev_act *got, const float *base,
                                      const double *want, size_t n)
{
    double *const sum = doubles_of(base, n);
    for (size_t i = 0; i < n; i++) sum[i] += want[i];
    check_close(what, act_read(got, n), sum, n, act_tolerance(TOLERANCE_ROUND));
}

/* A scalar function of arrays in double, for finite differences. */
typedef double objective_fn(void *context);

/* Central differences of f by every stride-th x[i] against got[i] - base[i]. */
static inline void check_difference(const char *what, const float *got, const float *base,
                                    double *x, size_t n, size_t stride, objective_fn *f,
                                    void *context)
{
    for (size_t i = 0; i < n; i += stride) {
        const double keep = x[i];
        x[i] = keep + STEP;
        const double up = f(context);
        x[i] = keep - STEP;
        const double down = f(context);
        x[i] = keep;
        const double slope = (up - down) / (2 * STEP), have = (double)got[i] - (double)base[i];
        if (!(fabs(have - slope) <= TOLERANCE_DIFFERENCE * (1 + fabs(slope))))
            fail_msg("%s[%zu]: gradient %.9g, finite difference %.9g", what, i, have, slope);
    }
}

/* About 40 places spread over n. */
static inline size_t sparse(size_t n)
{
    return n / 37 + 1;
}

/* ---- references ------------------------------------------------------------------------------ */

static inline double naive_dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Calls visit(context, index in y, in x, in w) for every product of a convolution. */
typedef void product_fn(double *const *context, size_t y, size_t x, size_t w);
static inline void naive_conv(product_fn *visit, double *const *context, struct conv_shape s)
{
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    for (int n = 0; n < s.n; n++)
        for (int i = 0; i < p; i++)
            for (int j = 0; j < q; j++)
                for (int r = 0; r < s.r; r++)
                    for (int t = 0; t < s.r; t++) {
                        const int h = i * s.stride - s.pad + r, w = j * s.stride - s.pad + t;
                        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                        for (int k = 0; k < s.k; k++)
                            for (int c = 0; c < s.c; c++)
                                visit(context, (size_t)(((n * p + i) * q + j) * s.k + k),
                                      (size_t)(((n * s.h + h) * s.w + w) * s.c + c),
                                      (size_t)(((k * s.r + r) * s.r + t) * s.c + c));
                    }
}

/* y = act(gamma xhat + beta + residual), statistics per group: biased variance, two passes. */
struct naive_bn {
    double *y, *x, *gamma, *beta, *residual, *mean, *var;
    struct bn_shape s;
    bool relu;
};
static inline void naive_bn_fwd(const struct naive_bn *b)
{
    const int m = b->s.rows, c = b->s.c;
    for (int g = 0; g < b->s.groups; g++)
        for (int j = 0; j < c; j++) {
            const size_t at = (size_t)g * (size_t)m * (size_t)c + (size_t)j;
            double mean = 0, var = 0;
            for (int i = 0; i < m; i++) mean += b->x[at + (size_t)(i * c)] / m;
            for (int i = 0; i < m; i++) var += pow(b->x[at + (size_t)(i * c)] - mean, 2) / m;
            b->mean[g * c + j] = mean;
            b->var[g * c + j] = var;
            for (int i = 0; i < m; i++) {
                const size_t e = at + (size_t)(i * c);
                double v = (b->x[e] - mean) / sqrt(var + (double)BN_EPS);
                if (b->gamma) v = v * b->gamma[j] + b->beta[j];
                if (b->residual) v += b->residual[e];
                b->y[e] = b->relu && v < 0 ? 0 : v;
            }
        }
}

/* -cos(p, z), the norms at least COSINE_EPS, mean over rows times weight: eq. (1). */
static inline double naive_cosine(const double *p, const double *z, double weight, int n, int d)
{
    double sum = 0;
    for (int i = 0; i < n; i++, p += d, z += d)
        sum -= naive_dot(p, z, (size_t)d) /
               (fmax(sqrt(naive_dot(p, p, (size_t)d)), (double)COSINE_EPS) *
                fmax(sqrt(naive_dot(z, z, (size_t)d)), (double)COSINE_EPS));
    return weight * sum / n;
}
