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
#include "part_sums.h"
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

static void forward(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b, int n,
                    int c, int k)
{
    const size_t room = b ? (size_t)n * (size_t)k * sizeof(float) : 0;
    float *const sum = b ? (float *)cuda_scratch(SCRATCH_RESULT, room) : NULL;
    product_run(b ? (void *)sum : (void *)y, x, weights(float_in(w), c, k),
                { PRODUCT_NT, n, k, c, cuda_precision(), b ? PRECISION_FP32 : cuda_precision(),
                  false, 1 });
    if (b) WITH_ACT(biased, y, sum, float_in(b), n, k);
}

/* A call a piece of a part, as in conv.cu. */
void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b,
               struct fc_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.k > 0 && s.n % parts_pieces(s.parts) == 0);
    const int rows = s.n / parts_pieces(s.parts);
    for (size_t first = 0; first < (size_t)s.n; first += (size_t)rows)
        forward(act_at(y, first * (size_t)s.k), act_at((dev_act *)x, first * (size_t)s.c), w, b, rows,
                s.c, s.k);
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

static void backward(struct act_grad dx, float *dw, float *db, const dev_act *dy, const dev_act *x,
                     const dev_float *w, int n, int c, int k)
{
    const enum precision act = cuda_precision();
    const float unscale = 1 / cuda_gradient_scale();
    if (dx.at)
        product_run(dx.at, dy, weights(float_in(w), c, k),
                    { PRODUCT_NN, n, c, k, act, act, dx.add, 1 });
    if (dw) product_run(dw, dy, x, { PRODUCT_TN, k, c, n, act, PRECISION_FP32, true, unscale });
    if (db) columns_add(db, dy, n, k, act, (double)unscale);
}

/* dw, then db, in the sum of each part. */
static void parts_backward(struct act_grad dx, float *dw, float *db, const dev_act *dy,
                           const dev_act *x, const dev_float *w, struct fc_shape s)
{
    const int rows = s.n / parts_pieces(s.parts);
    const size_t k = (size_t)s.k, c = (size_t)s.c, n = dw ? k * c : 0, all = n + (db ? k : 0);
    part_sums sums = parts_open(s.parts, all);
    for (int i = 0; i < s.parts.n; i++) {
        float *const own = all ? parts_next(&sums) : NULL;
        for (int v = 0; v < s.parts.views; v++) {
            const size_t at = (size_t)(v * s.parts.n + i) * (size_t)rows;
            const struct act_grad to = { act_at(dx.at, at * c), dx.add };
            backward(to, dw ? own : NULL, db ? own + n : NULL, act_at((dev_act *)dy, at * k),
                     act_at((dev_act *)x, at * c), w, rows, s.c, s.k);
        }
        if (all) parts_join(&sums, i);
    }
    if (dw) parts_add(dw, sums.room, n);
    if (db) parts_add(db, sums.room + n, k);
}

void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy,
               const dev_act *x, const dev_float *w, struct fc_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.k > 0 && s.n % parts_pieces(s.parts) == 0);
    if (s.parts.n) parts_backward(dx, float_out(dw), float_out(db), dy, x, w, s);
    else backward(dx, float_out(dw), float_out(db), dy, x, w, s.n, s.c, s.k);
}
