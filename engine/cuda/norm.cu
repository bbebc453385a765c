/* SPDX-License-Identifier: MIT
 *
 * norm.cu -- batch normalisation with its ReLU and residual (Ioffe & Szegedy 2015).
 *
 * Memory speed decides: one pass over x for both sums, one to write y; backward, one pass for both
 * sums, one to write dx and dresidual.  The ReLU's mask is made again from y, not stored.
 *
 * x is [G, M, C].  A thread of the first pass has V neighbouring channels (16 bytes, where C and
 * the addresses allow it) and every STRIPES-th row of its chunk; a block's threads are added up in
 * shared memory, the chunks by the next kernel, a block for each channel.  The number of chunks
 * comes from the shape alone.
 */
#include <assert.h>
#include "kernel.h"

/* ---- cutting --------------------------------------------------------------------------------- */

struct cut {
    int groups, rows, c;                 /* M rows in a group */
    int v, lanes, stripes;               /* channels a thread; threads across and down a block */
    int slices, chunks;                  /* blocks across the channels, and down a group's rows */
};

static cut cut_of(struct bn_shape s, int v)
{
    /* blocks: eight for each of 132 multiprocessors */
    enum { LANES = 16, BLOCKS = 1056, LEAST_ROWS = 4 };
    cut k = { s.groups, s.rows, s.c, v, 1, THREADS, 1, 1 };
    while (k.lanes < LANES && k.lanes * v < s.c) k.lanes *= 2;
    k.stripes = THREADS / k.lanes;
    k.slices = (s.c + k.lanes * v - 1) / (k.lanes * v);
    const int wanted = BLOCKS / (k.slices * s.groups), most = s.rows / (LEAST_ROWS * k.stripes);
    k.chunks = wanted < most ? wanted : most;
    if (k.chunks < 1) k.chunks = 1;
    return k;
}

/* Where sum `which` of a chunk stands in [2, G, C, chunks]: a channel's chunks lie together. */
__host__ __device__ static inline size_t sum_at(cut k, int which, int group, int channel, int chunk)
{
    return (((size_t)which * (size_t)k.groups + (size_t)group) * (size_t)k.c + (size_t)channel) *
               (size_t)k.chunks +
           (size_t)chunk;
}

static double *sums_room(cut k)
{
    return (double *)cuda_scratch(SCRATCH_SUMS, 2 * (size_t)k.groups * (size_t)k.c *
                                                    (size_t)k.chunks * sizeof(double));
}

/* The channels that may be moved at once: all pointers (NULL fits) must lie for it. */
template <typename T> static int width_of(int c, const void *const *pointer, int n)
{
    const int v = PACK_BYTES / (int)sizeof(T);
    bool fits = c % v == 0;
    for (int i = 0; i < n; i++) fits = fits && (uintptr_t)pointer[i] % PACK_BYTES == 0;
    return fits ? v : 1;
}

template <typename T, int V> __device__ inline pack<T, V> load(const T *p, size_t i)
{
    return *(const pack<T, V> *)(p + i);
}

template <typename T, int V> __device__ inline void store(T *p, size_t i, const pack<T, V> &v)
{
    *(pack<T, V> *)(p + i) = v;
}

/* ---- sums over the rows ---------------------------------------------------------------------- */

/* What the sums are of: x and x^2 ... */
template <typename T, int V> struct moments {
    const T *x;
    __device__ void add(double *a, double *b, size_t i, size_t) const
    {
        const pack<T, V> v = load<T, V>(x, i);
        for (int k = 0; k < V; k++) {
            const double one = (double)widen(v.at[k]);
            a[k] += one;
            b[k] += one * one;     /* of 24 bits each: what cancels in double was nothing in fp32 */
        }
    }
};

/* ... or g and g (x - mean), with g = dy where y > 0 (y NULL: everywhere); `channel` counts [G,
 * C]. */
template <typename T, int V> struct gradient_moments {
    const T *dy, *y, *x;
    const float *mean;
    __device__ void add(double *a, double *b, size_t i, size_t channel) const
    {
        const pack<T, V> g = load<T, V>(dy, i), v = load<T, V>(x, i);
        pack<T, V> out = {};
        if (y) out = load<T, V>(y, i);
        for (int k = 0; k < V; k++) {
            if (y && !(widen(out.at[k]) > 0)) continue;
            const double one = (double)widen(g.at[k]);
            a[k] += one;
            b[k] += one * ((double)widen(v.at[k]) - (double)mean[channel + k]);
        }
    }
};

/* Adds up the stripes of a block: stripe 0 has the sums afterwards. */
template <int V> __device__ inline void stripes_add(double *a, int lanes)
{
    __shared__ double part[V][THREADS];
    const unsigned t = threadIdx.x;
    __syncthreads();                     /* sums before these may still be read */
    for (int k = 0; k < V; k++) part[k][t] = a[k];
    __syncthreads();
    for (unsigned half = THREADS / 2; half >= (unsigned)lanes; half /= 2) {
        for (int k = 0; k < V && t < half; k++) part[k][t] += part[k][t + half];
        __syncthreads();
    }
    for (int k = 0; k < V; k++) a[k] = part[k][t];
}

/* Block (slice, chunk, group), the slice running fastest. */
template <typename F, int V> __global__ void sums_kernel(double *sums, F f, cut k)
{
    const int slice = (int)blockIdx.x % k.slices, chunk = (int)blockIdx.x / k.slices % k.chunks;
    const int group = (int)blockIdx.x / k.slices / k.chunks;
    const int lane = (int)threadIdx.x % k.lanes, stripe = (int)threadIdx.x / k.lanes;
    const int channel = (slice * k.lanes + lane) * V;
    const int first = (int)((int64_t)k.rows * chunk / k.chunks);
    const int end = (int)((int64_t)k.rows * (chunk + 1) / k.chunks);
    const size_t rows_before = (size_t)group * (size_t)k.rows;
    double a[V] = {}, b[V] = {};
    for (int row = first + stripe; row < end && channel < k.c; row += k.stripes)
        f.add(a, b, (rows_before + (size_t)row) * (size_t)k.c + (size_t)channel,
              (size_t)group * (size_t)k.c + (size_t)channel);
    stripes_add<V>(a, k.lanes);
    stripes_add<V>(b, k.lanes);
    if (stripe == 0 && channel < k.c)
        for (int j = 0; j < V; j++) {
            sums[sum_at(k, 0, group, channel + j, chunk)] = a[j];
            sums[sum_at(k, 1, group, channel + j, chunk)] = b[j];
        }
}

template <typename F, int V> static double *sums_of(const F &f, struct bn_shape s, cut *k)
{
    *k = cut_of(s, V);
    double *const sums = sums_room(*k);
    LAUNCH((sums_kernel<F, V>), (unsigned)(k->slices * k->chunks * k->groups), THREADS, sums, f,
           *k);
    return sums;
}

/* The total of one sum over the chunks, in every thread of a block of TOTALLERS. */
enum { TOTALLERS = 32 };

__device__ static double chunks_total(const double *sums, cut k, int which, int group, int channel)
{
    double sum = 0;
    for (int i = (int)threadIdx.x; i < k.chunks; i += TOTALLERS)
        sum += sums[sum_at(k, which, group, channel, i)];
    return block_sum<TOTALLERS>(sum);
}

/* ---- forward --------------------------------------------------------------------------------- */

/* A block a channel: mean, rstd [G, C], and the steps of the running statistics, one for each group
 * in order. */
static __global__ void statistics_kernel(float *mean, float *rstd, float *run_mean, float *run_var,
                                         const double *sums, cut k)
{
    const int j = (int)blockIdx.x, m = k.rows;
    /* One row has no unbiased variance; its biased one, zero, is taken. */
    const double unbias = m > 1 ? (double)m / (m - 1) : 1.0;
    for (int g = 0; g < k.groups; g++) {
        const double average = chunks_total(sums, k, 0, g, j) / m;
        const double v = chunks_total(sums, k, 1, g, j) / m - average * average;
        const double var = v < 0 ? 0 : v;                /* rounding only; NaN stays */
        if (threadIdx.x != 0) continue;
        mean[(size_t)g * (size_t)k.c + (size_t)j] = (float)average;
        rstd[(size_t)g * (size_t)k.c + (size_t)j] = (float)(1.0 / sqrt(var + (double)BN_EPS));
        if (run_mean) run_mean[j] += BN_MOMENTUM * ((float)average - run_mean[j]);
        if (run_var) run_var[j] += BN_MOMENTUM * ((float)(var * unbias) - run_var[j]);
    }
}

/* y = act((x - mean) scale + shift + residual); i counts packs of [G, M, C], `m` is rows of a
 * group.  In evaluation rstd is made from the running variance. */
template <typename T, int V> struct apply {
    T *y;
    const T *x, *residual;
    const float *mean, *rstd, *run_var, *gamma, *beta;
    int m, c;
    bool relu;
    __device__ void operator()(size_t pack_i) const
    {
        const size_t i = pack_i * V, channel = i % (size_t)c, group = i / ((size_t)m * (size_t)c);
        const size_t at = group * (size_t)c + channel;
        const pack<T, V> in = load<T, V>(x, i);
        pack<T, V> out = {}, more = {};
        if (residual) more = load<T, V>(residual, i);
        for (int k = 0; k < V; k++) {
            const float r = run_var ? (float)(1.0 / sqrt((double)run_var[at + k] + (double)BN_EPS))
                                    : rstd[at + k];
            const float scale = gamma ? gamma[channel + k] * r : r,
                        shift = beta ? beta[channel + k] : 0;
            float v = fmaf(widen(in.at[k]) - mean[at + k], scale, shift);
            if (residual) v += widen(more.at[k]);
            narrow(&out.at[k], relu && v < 0 ? 0.0f : v);        /* NaN stays */
        }
        store<T, V>(y, i, out);
    }
};

template <typename T, int V>
static void forward(const struct bn_shape &s, apply<T, V> a, float *mean, float *rstd,
                    float *run_mean, float *run_var)
{
    cut k;
    const double *const sums = sums_of<moments<T, V>, V>(moments<T, V>{ a.x }, s, &k);
    LAUNCH(statistics_kernel, (unsigned)s.c, TOTALLERS, mean, rstd, run_mean, run_var, sums, k);
    each((size_t)s.groups * (size_t)s.rows * (size_t)s.c / V, a);
}

template <typename T>
static void bn_fwd(dev_act *y, float *mean, float *rstd, float *run_mean, float *run_var,
                   const dev_act *x, const float *gamma, const float *beta, const dev_act *residual,
                   struct bn_shape s, bool relu)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const void *const all[] = { y, x, residual };
    if (width_of<T>(s.c, all, 3) == V)
        forward<T, V>(s,
                      { (T *)y, (const T *)x, (const T *)residual, mean, rstd, NULL, gamma, beta,
                        s.rows, s.c, relu },
                      mean, rstd, run_mean, run_var);
    else
        forward<T, 1>(s,
                      { (T *)y, (const T *)x, (const T *)residual, mean, rstd, NULL, gamma, beta,
                        s.rows, s.c, relu },
                      mean, rstd, run_mean, run_var);
}

void op_bn_act_fwd(dev_act *y, dev_float *mean, dev_float *rstd, dev_float *run_mean,
                   dev_float *run_var, const dev_act *x, const dev_float *gamma,
                   const dev_float *beta, const dev_act *residual, struct bn_shape s, bool relu)
{
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    WITH_ACT(bn_fwd, y, float_out(mean), float_out(rstd), float_out(run_mean), float_out(run_var),
             x, float_in(gamma), float_in(beta), residual, s, relu);
}

template <typename T>
static void bn_eval(dev_act *y, const dev_act *x, const float *gamma, const float *beta,
                    const float *run_mean, const float *run_var, const dev_act *residual, int rows,
                    int c, bool relu)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const void *const all[] = { y, x, residual };
    const size_t n = (size_t)rows * (size_t)c;
    if (width_of<T>(c, all, 3) == V)
        each(n / V, apply<T, V>{ (T *)y, (const T *)x, (const T *)residual, run_mean, NULL, run_var,
                                 gamma, beta, rows, c, relu });
    else
        each(n, apply<T, 1>{ (T *)y, (const T *)x, (const T *)residual, run_mean, NULL, run_var,
                             gamma, beta, rows, c, relu });
}

void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual,
                    int rows, int c, bool relu)
{
    assert(rows > 0 && c > 0);
    WITH_ACT(bn_eval, y, x, float_in(gamma), float_in(beta), float_in(run_mean), float_in(run_var),
             residual, rows, c, relu);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* dx = g scale + (x - mean) slope + shift, [G, C] each. */
struct line { float scale, slope, shift; };

/* A block a channel: its lines, and the gradients of gamma and beta. */
static __global__ void lines_kernel(line *lines, float *dgamma, float *dbeta, double unscale,
                                    const float *gamma, const float *rstd, const double *sums,
                                    cut k)
{
    const int j = (int)blockIdx.x, m = k.rows;
    for (int g = 0; g < k.groups; g++) {
        const size_t at = (size_t)g * (size_t)k.c + (size_t)j;
        const double r = (double)rstd[at], sum = chunks_total(sums, k, 0, g, j);
        const double product = chunks_total(sums, k, 1, g, j) * r;       /* sum g xhat */
        const double scale = gamma ? (double)gamma[j] * r : r;
        if (threadIdx.x != 0) continue;
        if (dbeta) dbeta[j] += (float)(unscale * sum);
        if (dgamma) dgamma[j] += (float)(unscale * product);
        lines[at] = { (float)scale, (float)(-scale * r * product / m), (float)(-scale * sum / m) };
    }
}

/* Both gradients of a pack.  All is read before anything is written: one of them may lie where dy
 * lies. */
template <typename T, int V> struct gradients {
    T *dx, *dresidual;
    bool add_dx, add_dresidual;
    const T *dy, *y, *x;
    const float *mean;
    const line *lines;
    int m, c;
    __device__ void operator()(size_t pack_i) const
    {
        const size_t i = pack_i * V, at = i / ((size_t)m * (size_t)c) * (size_t)c + i % (size_t)c;
        const pack<T, V> g = load<T, V>(dy, i);
        pack<T, V> out = {}, v = {}, to_x = {}, to_r = {};
        if (y) out = load<T, V>(y, i);
        if (dx) v = load<T, V>(x, i);
        if (dx && add_dx) to_x = load<T, V>(dx, i);
        if (dresidual && add_dresidual) to_r = load<T, V>(dresidual, i);
        for (int k = 0; k < V; k++) {
            const float own = !y || widen(out.at[k]) > 0 ? widen(g.at[k]) : 0.0f;
            if (dx) {
                const line l = lines[at + k];
                const float d = fmaf(own, l.scale,
                                     fmaf(widen(v.at[k]) - mean[at + k], l.slope, l.shift));
                narrow(&to_x.at[k], add_dx ? widen(to_x.at[k]) + d : d);
            }
            narrow(&to_r.at[k], add_dresidual ? widen(to_r.at[k]) + own : own);
        }
        if (dx) store<T, V>(dx, i, to_x);
        if (dresidual) store<T, V>(dresidual, i, to_r);
    }
};

template <typename T, int V>
static void backward(const struct bn_shape &s, gradients<T, V> a, float *dgamma, float *dbeta,
                     const float *gamma, const float *rstd)
{
    if (a.dx || dgamma || dbeta) {
        cut k;
        const gradient_moments<T, V> of = { a.dy, a.y, a.x, a.mean };
        const double *const sums = sums_of<gradient_moments<T, V>, V>(of, s, &k);
        line *const lines = (line *)cuda_scratch(SCRATCH_RESULT,
                                                 (size_t)s.groups * (size_t)s.c * sizeof *lines);
        const double unscale = 1.0 / (double)cuda_gradient_scale();
        LAUNCH(lines_kernel, (unsigned)s.c, TOTALLERS, lines, dgamma, dbeta, unscale, gamma, rstd,
               sums, k);
        a.lines = lines;
    }
    if (a.dx || a.dresidual) each((size_t)s.groups * (size_t)s.rows * (size_t)s.c / V, a);
}

template <typename T>
static void bn_bwd(struct act_grad dx, float *dgamma, float *dbeta, struct act_grad dresidual,
                   const dev_act *dy, const dev_act *y, const dev_act *x, const float *gamma,
                   const float *mean, const float *rstd, struct bn_shape s)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const void *const all[] = { dx.at, dresidual.at, dy, y, x };
    T *const dx_at = (T *)dx.at, *const dr_at = (T *)dresidual.at;
    if (width_of<T>(s.c, all, 5) == V)
        backward<T, V>(s,
                       { dx_at, dr_at, dx.add, dresidual.add, (const T *)dy, (const T *)y,
                         (const T *)x, mean, NULL, s.rows, s.c },
                       dgamma, dbeta, gamma, rstd);
    else
        backward<T, 1>(s,
                       { dx_at, dr_at, dx.add, dresidual.add, (const T *)dy, (const T *)y,
                         (const T *)x, mean, NULL, s.rows, s.c },
                       dgamma, dbeta, gamma, rstd);
}

void op_bn_act_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta,
                   struct act_grad dresidual, const dev_act *dy, const dev_act *y, const dev_act *x,
                   const dev_float *gamma, const dev_float *mean, const dev_float *rstd,
                   struct bn_shape s, bool relu)
{
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    WITH_ACT(bn_bwd, dx, float_out(dgamma), float_out(dbeta), dresidual, dy, relu ? y : NULL, x,
             float_in(gamma), float_in(mean), float_in(rstd), s);
}
