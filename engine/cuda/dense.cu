/* SPDX-License-Identifier: MIT
 *
 * dense.cu -- fully connected layers, which the heads are made of (Sec. 3):
 *
 *   y[N,K] = x w^T + b        dx[N,C] = dy w        dw[K,C] += dy^T x
 *
 * The products are cuBLASLt's (cublas.c), with weights narrowed to the activations' width; dw is
 * summed and added in fp32.
 */
#include <assert.h>
#include "kernel.h"
#include "cublas.h"
#include "weights.h"

template <typename T> struct narrow_one {
    T *to;
    const float *from;
    __device__ void operator()(size_t i) const { narrow(&to[i], from[i]); }
};

template <typename T> static const void *narrowed(const float *w, int c, int k)
{
    const size_t n = (size_t)c * (size_t)k;
    T *const to = (T *)cuda_scratch(SCRATCH_RIGHT, n * sizeof *to);
    each(n, narrow_one<T>{ to, w });
    return to;
}

static const void *weights(const float *w, int c, int k)
{
    if (cuda_precision() == PRECISION_FP32) return w;
    const void *const twin = twin_to_read(w, 1);
    return twin ? twin : WITH_ACT(narrowed, w, c, k);
}

template <typename T> struct bias_one {
    T *y;
    const float *sum, *b;
    int k;
    __device__ void operator()(size_t i) const { narrow(&y[i], sum[i] + b[i % (size_t)k]); }
};

/* The bias is added to the fp32 sums, so that y is rounded once. */
template <typename T> static void biased(dev_act *y, const float *sum, const float *b, int n, int k)
{
    each((size_t)n * (size_t)k, bias_one<T>{ (T *)y, sum, b, k });
}

void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b, int n, int c,
               int k)
{
    assert(n > 0 && c > 0 && k > 0);
    const size_t room = b ? (size_t)n * (size_t)k * sizeof(float) : 0;
    float *const sum = b ? (float *)cuda_scratch(SCRATCH_RESULT, room) : NULL;
    product_run(b ? (void *)sum : (void *)y, x, weights(float_in(w), c, k),
                { PRODUCT_NT, n, k, c, cuda_precision(), b ? PRECISION_FP32 : cuda_precision(),
                  false, 1 });
    if (b) WITH_ACT(biased, y, sum, float_in(b), n, k);
}

/* A block is CHANNELS wide and STRIPES deep: stripe s takes rows s, s + STRIPES, ... */
enum { CHANNELS = 32, STRIPES = THREADS / CHANNELS };

template <typename T>
__global__ void sim_columns(float *db, const T *y, int n, int k, double scale)
{
    __shared__ double part[STRIPES][CHANNELS];
    const int lane = (int)threadIdx.x % CHANNELS, stripe = (int)threadIdx.x / CHANNELS;
    const int channel = (int)blockIdx.x * CHANNELS + lane;
    double sum = 0;
    for (int i = stripe; i < n && channel < k; i += STRIPES)
        sum += (double)widen(y[(size_t)i * (size_t)k + (size_t)channel]);
    part[stripe][lane] = sum;
    __syncthreads();
    if (stripe != 0 || channel >= k) return;
    for (int s = 1; s < STRIPES; s++) sum += part[s][lane];
    db[channel] += (float)(scale * sum);
}

void columns_add(float *db, const void *y, int n, int k, enum precision precision, double scale)
{
    const unsigned blocks = blocks_for((size_t)k, CHANNELS);
    switch (precision) {
    case PRECISION_FP32:
        LAUNCH(sim_columns<float>, blocks, THREADS, db, (const float *)y, n, k, scale);
        break;
    case PRECISION_BF16:
        LAUNCH(sim_columns<bf16>, blocks, THREADS, db, (const bf16 *)y, n, k, scale);
        break;
    case PRECISION_FP16:
        LAUNCH(sim_columns<fp16>, blocks, THREADS, db, (const fp16 *)y, n, k, scale);
        break;
    }
}

void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy,
               const dev_act *x, const dev_float *w, int n, int c, int k)
{
    assert(n > 0 && c > 0 && k > 0);
    const enum precision act = cuda_precision();
    const float unscale = 1 / cuda_gradient_scale();
    if (dx.at)
        product_run(dx.at, dy, weights(float_in(w), c, k),
                    { PRODUCT_NN, n, c, k, act, act, dx.add, 1 });
    if (dw) product_run(dw, dy, x, { PRODUCT_TN, k, c, n, act, PRECISION_FP32, true, unscale });
    if (db) columns_add(float_out(db), dy, n, k, act, (double)unscale);
}
