/* SPDX-License-Identifier: MIT
 *
 * rows.cu -- element by element and row by row: ReLU, pooling, the std of Sec. 4.1, SGD.
 */
#include <assert.h>
#include "kernel.h"
#include "weights.h"

/* ---- ReLU ------------------------------------------------------------------------------------ */

template <typename T> struct relu_one {
    T *y;
    const T *x;
    __device__ void operator()(size_t i) const
    {
        const float v = widen(x[i]);
        narrow(&y[i], v < 0 ? 0.0f : v);                 /* NaN stays */
    }
};

template <typename T> static void relu_fwd(dev_act *y, const dev_act *x, size_t n)
{
    each(n, relu_one<T>{ (T *)y, (const T *)x });
}

void op_relu_fwd(dev_act *y, const dev_act *x, size_t n)
{
    WITH_ACT(relu_fwd, y, x, n);
}

template <typename T> struct relu_back {
    grad_to<T> dx;
    const T *dy, *y;
    __device__ void operator()(size_t i) const
    {
        dx.put(i, widen(y[i]) > 0 ? widen(dy[i]) : 0.0f);
    }
};

template <typename T>
static void relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n)
{
    each(n, relu_back<T>{ grad_of<T>(dx), (const T *)dy, (const T *)y });
}

void op_relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n)
{
    if (dx.at) WITH_ACT(relu_bwd, dx, dy, y, n);
}

/* ---- global average pooling ------------------------------------------------------------------ */

/* i counts y[N,C]: neighbours in a warp are neighbours in memory. */
template <typename T> struct pool_one {
    T *y;
    const T *x;
    int hw, c;
    __device__ void operator()(size_t i) const
    {
        const size_t image = i / (size_t)c, channel = i % (size_t)c;
        const T *const from = x + image * (size_t)hw * (size_t)c + channel;
        double sum = 0;
        for (int p = 0; p < hw; p++) sum += (double)widen(from[(size_t)p * (size_t)c]);
        narrow(&y[i], (float)(sum / hw));
    }
};

template <typename T> static void pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c)
{
    each((size_t)n * (size_t)c, pool_one<T>{ (T *)y, (const T *)x, hw, c });
}

void op_pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c)
{
    assert(n > 0 && hw > 0 && c > 0);
    WITH_ACT(pool_fwd, y, x, n, hw, c);
}

template <typename T> struct pool_back {
    grad_to<T> dx;
    const T *dy;
    int hw, c;
    __device__ void operator()(size_t i) const
    {
        const size_t image = i / ((size_t)hw * (size_t)c), channel = i % (size_t)c;
        dx.put(i, 1.0f / (float)hw * widen(dy[image * (size_t)c + channel]));
    }
};

template <typename T>
static void pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c)
{
    each((size_t)n * (size_t)hw * (size_t)c, pool_back<T>{ grad_of<T>(dx), (const T *)dy, hw, c });
}

void op_pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c)
{
    assert(n > 0 && hw > 0 && c > 0);
    if (dx.at) WITH_ACT(pool_bwd, dx, dy, n, hw, c);
}

/* ---- the standard deviation of the output, Sec. 4.1 ------------------------------------------ */

/* A block a row: inverse[row] = 1 / its norm. */
template <typename T> __global__ void sim_inverse_norm(double *inverse, const T *z, int d)
{
    const T *const row = z + (size_t)blockIdx.x * (size_t)d;
    const double square = block_dot(row, row, d);
    if (threadIdx.x == 0) inverse[blockIdx.x] = 1.0 / norm_of(square);
}

/* A block is CHANNELS wide and STRIPES deep: stripe s takes rows s, s + STRIPES, ... */
enum { CHANNELS = 32, STRIPES = THREADS / CHANNELS };

/* The sum over the stripes of each channel's v, in all of its threads. */
__device__ static double channel_sum(double v)
{
    __shared__ double part[STRIPES][CHANNELS];
    const unsigned channel = threadIdx.x % CHANNELS, stripe = threadIdx.x / CHANNELS;
    __syncthreads();
    part[stripe][channel] = v;
    __syncthreads();
    double sum = 0;
    for (int s = 0; s < STRIPES; s++) sum += part[s][channel];
    return sum;
}

/* std[G, D] over the rows of z[G, rows, D], each times its inverse norm.  The blocks of a group
 * come in a row.  Two passes: a constant output must give 0, not the square root of what
 * cancellation leaves. */
template <typename T>
__global__ void sim_std(double *std, const T *z, const double *inverse, int rows, int d,
                        int across)
{
    const int group = (int)blockIdx.x / across, stripe = (int)threadIdx.x / CHANNELS;
    const int channel = (int)blockIdx.x % across * CHANNELS + (int)threadIdx.x % CHANNELS;
    const T *const from = z + (size_t)group * (size_t)rows * (size_t)d + channel;
    const double *const scale = inverse + (size_t)group * (size_t)rows;
    double sum = 0, square = 0;
    for (int r = stripe; r < rows && channel < d; r += STRIPES)
        sum += (double)widen(from[(size_t)r * (size_t)d]) * scale[r];
    const double mean = channel_sum(sum) / rows;
    for (int r = stripe; r < rows && channel < d; r += STRIPES) {
        const double v = (double)widen(from[(size_t)r * (size_t)d]) * scale[r] - mean;
        square += v * v;
    }
    square = channel_sum(square);
    if (stripe == 0 && channel < d)
        std[(size_t)group * (size_t)d + channel] = sqrt(square / (rows - 1));
}

/* A block a group. */
static __global__ void sim_std_mean(float *out, const double *std, int d)
{
    double sum = 0;
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        sum += std[(size_t)blockIdx.x * (size_t)d + j];
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[blockIdx.x] = (float)(sqrt((double)d) * sum / d);
}

template <typename T> static void std_of(float *out, const dev_act *z_, int groups, int rows, int d)
{
    const T *const z = (const T *)z_;
    const size_t all = (size_t)groups * (size_t)rows;
    const int across = (d + CHANNELS - 1) / CHANNELS;
    const size_t room = (all + (size_t)groups * (size_t)d) * sizeof(double);
    double *const inverse = (double *)cuda_scratch(SCRATCH_SUMS, room);
    LAUNCH(sim_inverse_norm<T>, (unsigned)all, THREADS, inverse, z, d);
    LAUNCH(sim_std<T>, (unsigned)(groups * across), THREADS, inverse + all, z, inverse, rows, d,
           across);
    LAUNCH(sim_std_mean, (unsigned)groups, THREADS, out, inverse + all, d);
}

void op_std(dev_float *out, const dev_act *z, int groups, int rows, int d)
{
    assert(groups > 0 && rows > 0 && d > 0);
    WITH_ACT(std_of, float_out(out), z, groups, rows, d);
}

/* ---- copies and norms ------------------------------------------------------------------------ */

template <typename T> struct widen_one {
    float *y;
    const T *x;
    __device__ void operator()(size_t i) const { y[i] = widen(x[i]); }
};

template <typename T> static void to_float(dev_float *y, const dev_act *x, size_t n)
{
    each(n, widen_one<T>{ float_out(y), (const T *)x });
}

void op_act_to_float(dev_float *y, const dev_act *x, size_t n)
{
    WITH_ACT(to_float, y, x, n);
}

static __global__ void sim_normalize(float *x, int d)
{
    float *const row = x + (size_t)blockIdx.x * (size_t)d;
    const double inverse = 1.0 / norm_of(block_dot(row, row, d));
    for (int j = (int)threadIdx.x; j < d; j += THREADS) row[j] = (float)((double)row[j] * inverse);
}

void op_normalize_rows(dev_float *x, int n, int d)
{
    assert(n > 0 && d > 0);
    LAUNCH(sim_normalize, (unsigned)n, THREADS, float_out(x), d);
    twin_follow(x, (size_t)n * (size_t)d * sizeof(float));
}

struct tree_one {
    float *x;
    size_t n;
    int parts;
    __device__ void operator()(size_t i) const
    {
        for (int step = 1; step < parts; step *= 2)
            for (int part = 0; part < parts; part += 2 * step)
                x[(size_t)part * n + i] += x[(size_t)(part + step) * n + i];
    }
};

void op_tree(dev_float *x, size_t n, int parts)
{
    assert(parts > 0 && (parts & (parts - 1)) == 0);
    each(n, tree_one{ float_out(x), n, parts });
}

/* ---- optimiser ------------------------------------------------------------------------------- */

/* Products and sums apart, as on the CPU: the same digits. */
template <typename T> struct sgd_one {
    float *w, *v;
    T *twin;
    const float *g, *lr;
    float momentum, wd;
    __device__ void operator()(size_t i) const
    {
        const float before = w[i], decayed = g[i] + wd * before;
        const float velocity = momentum * v[i] + decayed, after = before - lr[0] * velocity;
        v[i] = velocity;
        w[i] = after;
        if (twin) narrow(&twin[i], after);
    }
};

/* A block looks at, or squares, this many. */
enum { CHUNK = 1 << 14 };

/* wrong[block] = is any number of the block's chunk infinite or NaN? */
static __global__ void sim_finite(uint8_t *wrong, const float *x, size_t n)
{
    const size_t first = (size_t)blockIdx.x * CHUNK, end = first + CHUNK < n ? first + CHUNK : n;
    float found = 0;
    for (size_t i = first + threadIdx.x; i < end; i += THREADS)
        if (!isfinite(x[i])) found = 1;
    found = block_largest(found);
    if (threadIdx.x == 0) wrong[blockIdx.x] = found > 0;
}

/* One block: wrong[0] = is any of wrong[n]? */
static __global__ void sim_any(uint8_t *wrong, size_t n)
{
    float found = 0;
    for (size_t i = threadIdx.x; i < n; i += THREADS)
        if (wrong[i]) found = 1;
    found = block_largest(found);
    if (threadIdx.x == 0) wrong[0] = found > 0;
}

template <typename T> struct sgd_one_unless {
    sgd_one<T> step;
    const uint8_t *wrong;
    __device__ void operator()(size_t i) const
    {
        if (!wrong[0]) step(i);
    }
};

/* In fp16 a gradient beyond what its scale leaves room for (kernel.h) is infinite: these weights
 * and their velocity then stay as they are.  Nothing is remembered of it, so that a step is a
 * function of its gradients alone.  In the other precisions what is not finite is no accident of
 * the scale, and is seen in the weights. */
template <typename T>
static void sgd(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum,
                float wd, size_t n)
{
    const sgd_one<T> step = { float_out(w), float_out(v), (T *)twin_to_write(float_in(w)),
                              float_in(g), float_in(lr), momentum, wd };
    const unsigned chunks = blocks_for(n, CHUNK);
    if (cuda_precision() != PRECISION_FP16) {
        each(n, step);
        return;
    }
    uint8_t *const wrong = (uint8_t *)cuda_scratch(SCRATCH_SUMS, chunks);
    LAUNCH(sim_finite, chunks, THREADS, wrong, float_in(g), n);
    LAUNCH(sim_any, 1, THREADS, wrong, (size_t)chunks);
    each(n, sgd_one_unless<T>{ step, wrong });
}

void op_sgd(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum,
            float wd, size_t n)
{
    if (n) WITH_ACT(sgd, w, v, g, lr, momentum, wd, n);
}

/* part[block] = the sum of squares of x + scale y over the block's chunk; y is not looked at where
 * scale is 0. */
static __global__ void sim_sumsq(double *part, const float *x, float scale, const float *y,
                                 size_t n)
{
    const size_t first = (size_t)blockIdx.x * CHUNK, end = first + CHUNK < n ? first + CHUNK : n;
    double sum = 0;
    for (size_t i = first + threadIdx.x; i < end; i += THREADS) {
        const float v = scale == 0 ? x[i] : x[i] + scale * y[i];
        sum += (double)v * (double)v;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

/* ratio[0], from the squares of the chunks of w and of what stands below it: one block. */
static __global__ void sim_ratio(double *ratio, const double *w_part, const double *g_part,
                                 size_t chunks, struct lars how)
{
    double w = 0, g = 0;
    for (size_t i = threadIdx.x; i < chunks; i += THREADS) {
        w += w_part[i];
        g += g_part[i];
    }
    w = sqrt(block_sum(w));
    g = sqrt(block_sum(g));
    /* A zero norm has no ratio to speak of; NaN is no zero, and goes on into w. */
    const double below = how.of_sum ? g : g + (double)how.wd * w;
    if (threadIdx.x == 0) ratio[0] = w == 0 || g == 0 ? 1 : (double)how.trust * w / below;
}

template <typename T> struct lars_one {
    float *w, *v;
    T *twin;
    const float *g, *lr;
    const double *ratio;           /* NULL: 1 */
    struct lars how;
    __device__ void operator()(size_t i) const
    {
        const double by = ratio ? ratio[0] : 1, rate = (double)lr[0];
        const float inside = (float)(how.rate_outside ? by : rate * by);
        const float decayed = g[i] + how.wd * w[i];
        const float velocity = how.momentum * v[i] + inside * decayed;
        v[i] = velocity;
        w[i] -= how.rate_outside ? lr[0] * velocity : velocity;
        if (twin) narrow(&twin[i], w[i]);
    }
};

template <typename T>
static void lars(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr,
                 const struct lars &how, size_t n)
{
    const unsigned chunks = blocks_for(n, CHUNK);
    lars_one<T> step = { float_out(w), float_out(v), (T *)twin_to_write(float_in(w)), float_in(g),
                         float_in(lr), NULL, how };
    if (how.trust != 0) {
        const size_t room = (1 + 2 * (size_t)chunks) * sizeof(double);
        double *const ratio = (double *)cuda_scratch(SCRATCH_SUMS, room);
        double *const w_part = ratio + 1, *const g_part = w_part + chunks;
        LAUNCH(sim_sumsq, chunks, THREADS, w_part, float_in(w), 0.0f, float_in(w), n);
        LAUNCH(sim_sumsq, chunks, THREADS, g_part, float_in(g), how.of_sum ? how.wd : 0.0f,
               float_in(w), n);
        LAUNCH(sim_ratio, 1, THREADS, ratio, w_part, g_part, (size_t)chunks, how);
        step.ratio = ratio;
    }
    each(n, step);
}

void op_lars(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, struct lars how,
             size_t n)
{
    if (n) WITH_ACT(lars, w, v, g, lr, how, n);
}

void op_sumsq(dev_float *out, const dev_float *x, size_t n)
{
    const unsigned chunks = blocks_for(n, CHUNK);
    if (!chunks) return;
    double *const part = (double *)cuda_scratch(SCRATCH_SUMS, chunks * sizeof *part);
    LAUNCH(sim_sumsq, chunks, THREADS, part, float_in(x), 0.0f, float_in(x), n);
    LAUNCH(sim_add_total<double>, 1, THREADS, float_out(out), part, (size_t)chunks, 1.0);
}
