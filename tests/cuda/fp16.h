/* SPDX-License-Identifier: MIT
 *
 * fp16.h -- the ops' own tests at fp16, which the CUDA machine alone computes in.  Compiled in
 * before a test's first line, it stands between the test and the ops.
 *
 * Gradients of activations are stored times a power of two there, of which ops.h says no more than
 * that nobody sees it.  A test that hands an op a dy of its own would: so the loss's gradients are
 * asked for with a weight that much smaller, and what ops add to gradients of weights is taken that
 * many times.  Neither rounds anything.
 *
 * The numbers of the tests have bf16's eight digits, which fp16 has too, down to its smallest.
 */
#pragma once
#include "../naive.h"

#undef RUN_PRECISIONS
#define RUN_PRECISIONS(name, tests)                                                     \
    (failures_fp32 = 0, machine_set_precision(PRECISION_FP16),                          \
     cmocka_run_group_tests_name(name ", fp16", tests, NULL, NULL))

/* -cos has the gradient -z/|z| at right angles to it. */
static inline float fp16_scale(void)
{
    const float along[2] = { 1, 0 }, across[2] = { 0, 1 };
    float got[2];
    dev_act *const p = mem_alloc(4), *const z = mem_alloc(4), *const dp = mem_alloc(4);
    mem_act_upload(p, along, 2);
    mem_act_upload(z, across, 2);
    op_cosine_bwd(over(dp), unwanted, p, z, 1, 1, 2);
    mem_act_download(got, dp, 2);
    mem_free(p);
    mem_free(z);
    mem_free(dp);
    return -got[1];
}

/* Where an op shall add what is to be added to `to` [n] times the scale, a power of two; NULL for
 * NULL. */
static inline dev_float *fp16_room(const dev_float *to, size_t n)
{
    if (!to) return NULL;
    float *const there = float_read(to, n), scale = fp16_scale();
    for (size_t i = 0; i < n; i++) there[i] /= scale;
    return float_of(there, n);
}

static inline void fp16_give(dev_float *to, const dev_float *from, size_t n)
{
    if (!to) return;
    float *const sum = float_read(from, n), scale = fp16_scale();
    for (size_t i = 0; i < n; i++) sum[i] *= scale;
    mem_upload(to, sum, n * sizeof *sum);
}

static inline void fp16_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy,
                                 const dev_act *x, const dev_float *w, struct conv_shape s)
{
    const size_t n = (size_t)s.k * (size_t)(s.r * s.r) * (size_t)s.c;
    dev_float *const own = fp16_room(dw, n);
    op_conv_bwd(dx, own, dy, x, w, s);
    fp16_give(dw, own, n);
}
#define op_conv_bwd fp16_conv_bwd

static inline void fp16_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy,
                               const dev_act *x, const dev_float *w, struct fc_shape s)
{
    const size_t weights = (size_t)s.c * (size_t)s.k, k = (size_t)s.k;
    dev_float *const own = fp16_room(dw, weights), *const bias = fp16_room(db, k);
    op_fc_bwd(dx, own, bias, dy, x, w, s);
    fp16_give(dw, own, weights);
    fp16_give(db, bias, k);
}
#define op_fc_bwd fp16_fc_bwd

static inline void fp16_bn_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta,
                               struct act_grad dresidual, const dev_act *dy, const dev_act *y,
                               const dev_act *x, const dev_float *gamma, const dev_float *mean,
                               const dev_float *rstd, struct bn_shape s, bool relu)
{
    const size_t c = (size_t)s.c;
    dev_float *const own = fp16_room(dgamma, c), *const shift = fp16_room(dbeta, c);
    op_bn_act_bwd(dx, own, shift, dresidual, dy, y, x, gamma, mean, rstd, s, relu);
    fp16_give(dgamma, own, c);
    fp16_give(dbeta, shift, c);
}
#define op_bn_act_bwd fp16_bn_bwd

/* Its dy is no activation's gradient, and has no scale yet. */
static inline void fp16_unit_bwd(struct act_grad dx, const dev_float *dy, const dev_act *x, int n,
                                 int d)
{
    const size_t count = (size_t)(n * d);
    float *const small = float_read(dy, count);
    const float scale = fp16_scale();
    for (size_t i = 0; i < count; i++) small[i] /= scale;
    op_unit_bwd(dx, float_of(small, count), x, n, d);
}
#define op_unit_bwd fp16_unit_bwd

static inline void fp16_to_float_bwd(struct act_grad dx, const dev_float *dy, size_t n)
{
    float *const small = float_read(dy, n);
    const float scale = fp16_scale();
    for (size_t i = 0; i < n; i++) small[i] /= scale;
    op_act_to_float_bwd(dx, float_of(small, n), n);
}
#define op_act_to_float_bwd fp16_to_float_bwd

static inline void fp16_to_act_bwd(dev_float *dx, const dev_act *dy, size_t n)
{
    dev_float *const own = fp16_room(dx, n);
    op_float_to_act_bwd(own, dy, n);
    fp16_give(dx, own, n);
}
#define op_float_to_act_bwd fp16_to_act_bwd

/* Rows so short that their gradient is beyond fp16 are bf16's and fp32's matter. */
static inline void fp16_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p,
                                   const dev_act *z, float weight, int n, int d)
{
    const float least = 1e-4f, *const rows[2] = { act_read(p, (size_t)(n * d)),
                                                  act_read(z, (size_t)(n * d)) };
    for (int i = 0; i < 2 * n; i++) {
        float square = 0;
        for (int j = 0; j < d; j++)
            square += rows[i / n][i % n * d + j] * rows[i / n][i % n * d + j];
        if (!(square < least)) continue;
        release();
        skip();
    }
    op_cosine_bwd(dp, dz, p, z, weight / fp16_scale(), n, d);
}
#define op_cosine_bwd fp16_cosine_bwd

static inline void fp16_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p,
                                          const dev_act *z, float weight, int n, int d)
{
    op_cross_entropy_bwd(dp, dz, p, z, weight / fp16_scale(), n, d);
}
#define op_cross_entropy_bwd fp16_cross_entropy_bwd
