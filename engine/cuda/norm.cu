/* SPDX-License-Identifier: MIT
 *
 * norm.cu -- batch normalisation with its ReLU and residual (Ioffe & Szegedy 2015).
 *
 * Memory speed decides: one pass over x for both sums, one to write y; backward, one pass for both
 * sums, one to write dx and dresidual.  The ReLU's mask is made again, not stored: from x, as the forward
 * pass made y of it; where a residual was added, from y, once: the first pass leaves the masked dy in
 * dresidual, and the second one finds it there.
 *
 * x is [G, M, C].  A thread has V neighbouring channels (16 bytes, where C and the addresses allow
 * it) and every STRIPES-th row of its chunk: what hangs on the channel alone is made once and stays
 * in registers, and some rows are read at a time, for the memory has a long way.  Sums: a
 * block's threads are added up in shared memory, the chunks by the block of a slice that is done last,
 * in one order whichever it is.  The number of chunks comes from the shape alone.
 */
#include <assert.h>
#include "kernel.h"
#include "stream.h"

/* ---- cutting --------------------------------------------------------------------------------- */

struct cut {
    int groups, rows, c;                 /* groups in pieces: parts of their views; rows of a piece */
    int processes;                       /* that have as many rows */
    int parts, pieces;                   /* of a group; pieces are parts of each of its views */
    int v, lanes, stripes;               /* channels a thread; threads across and down a block */
    int slices, chunks;                  /* blocks across the channels, and down a group's rows */
};

enum { LANES = 16, SLICE = LANES * PACK_BYTES / 2 };     /* most lanes, and channels, of a block */

/* For F, which says how many channels a thread has (width), how many rows it reads before it writes
 * one (flight), and how many blocks a multiprocessor holds (resident): registers set bounds to
 * their product, and 132 multiprocessors are all filled once. */
template <typename F> static cut cut_of(struct bn_shape s)
{
    enum { MULTIPROCESSORS = 132, LEAST_ROWS = 4, v = F::width };
    const int pieces = parts_pieces(s.parts);
    cut k = { s.groups * pieces, s.rows / pieces, s.c, s.across ? s.across->n : 1, parts_n(s.parts), pieces, v,
              1, THREADS, 1, 1 };
    while (k.lanes < LANES && k.lanes * v < s.c) k.lanes *= 2;
    k.stripes = THREADS / k.lanes;
    k.slices = (s.c + k.lanes * v - 1) / (k.lanes * v);
    const int wanted = MULTIPROCESSORS * F::resident / (k.slices * k.groups);
    const int most = k.rows / (LEAST_ROWS * k.stripes);
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

/* ---- rows ------------------------------------------------------------------------------------ */

/* Where a thread of a block works; the slice runs fastest among blocks. */
struct place { int channel, group, chunk, stripe, first, end; };

__device__ static inline place place_of(cut k, int v)
{
    place p;
    const int block = (int)blockIdx.x;
    p.chunk = block / k.slices % k.chunks;
    p.group = block / k.slices / k.chunks;
    p.stripe = (int)threadIdx.x / k.lanes;
    p.channel = (block % k.slices * k.lanes + (int)threadIdx.x % k.lanes) * v;
    p.first = (int)((int64_t)k.rows * p.chunk / k.chunks) + p.stripe;
    p.end = (int)((int64_t)k.rows * (p.chunk + 1) / k.chunks);
    return p;
}

/* f.put(f.get(i), i) for every row of the thread, in order; i is its first element there.  Some
 * rows are got before one is put: a row's own place may be what is written. */
template <typename F> __device__ inline void rows_each(F &f, const cut &k, const place &p)
{
    if (p.channel >= k.c) return;
    const size_t of = (size_t)(p.group / k.pieces);
    f.begin(of * (size_t)k.c + (size_t)p.channel, (size_t)p.channel);
    size_t i = ((size_t)p.group * (size_t)k.rows + (size_t)p.first) * (size_t)k.c +
               (size_t)p.channel;
    enum { FLIGHT = F::flight };
    const size_t step = (size_t)k.stripes * (size_t)k.c;
    int row = p.first;
    for (; row + (FLIGHT - 1) * k.stripes < p.end; row += FLIGHT * k.stripes, i += FLIGHT * step) {
        typename F::row got[FLIGHT];
        for (int j = 0; j < FLIGHT; j++) got[j] = f.get(i + (size_t)j * step);
        for (int j = 0; j < FLIGHT; j++) f.put(got[j], i + (size_t)j * step);
    }
    for (; row < p.end; row += k.stripes, i += step) f.put(f.get(i), i);
}

template <typename F>
__global__ __launch_bounds__(THREADS, F::resident) void sim_bn_rows(F f, cut k)
{
    rows_each(f, k, place_of(k, F::width));
}

template <typename F> static void rows_pass(const F &f, struct bn_shape s)
{
    const cut k = cut_of<F>(s);
    LAUNCH(sim_bn_rows<F>, (unsigned)(k.slices * k.chunks * k.groups), THREADS, f, k);
}

/* ---- a channel's numbers --------------------------------------------------------------------- */

/* What is made of x before the residual and the ReLU, forward, and backward to the same bit. */
template <int V> struct affine {
    const float *mean, *rstd, *gamma, *beta;
    float m[V] = {}, scale[V] = {}, shift[V] = {};
    __device__ void begin(size_t at, size_t channel)
    {
        for (size_t k = 0; k < V; k++) {
            m[k] = mean[at + k];
            scale[k] = gamma ? gamma[channel + k] * rstd[at + k] : rstd[at + k];
            shift[k] = beta ? beta[channel + k] : 0;
        }
    }
    __device__ float at(int k, float centred) const
    {
        return fmaf_flushed(centred, scale[k], shift[k]);
    }
};

/* Where a ReLU's mask comes from: there is none, from its output, or from its input (made again). */
enum mask { MASK_NONE, MASK_Y, MASK_X };

/* The largest number that is stored as a zero: above it an output is above zero. */
template <typename T> __device__ constexpr float zero_most() { return 0; }
template <> __device__ constexpr float zero_most<bf16>() { return 0x1.fffffcp-127f; }
template <> __device__ constexpr float zero_most<fp16>() { return 0x1p-25f; }

/* ---- sums over the rows ---------------------------------------------------------------------- */

/* What the sums are of: x and x^2 ... */
template <typename T, int V> struct moments {
    enum { width = V, flight = 4, resident = 2 };
    struct row { pack<T, V> x; };
    const T *x;
    double a[V] = {}, b[V] = {};
    __device__ void begin(size_t, size_t) {}
    __device__ row get(size_t i) const { return { load<T, V>(x, i) }; }
    __device__ void put(const row &r, size_t)
    {
        float v[V];
        widened(v, r.x);
        for (int k = 0; k < V; k++) {
            const double one = (double)v[k];
            a[k] += one;
            b[k] = fma(one, one, b[k]);  /* what cancels in double was nothing in fp32 */
        }
    }
};

/* ... or g and g (x - mean), with g = dy, where a ReLU was only where y > 0; GIVE: and g is left in
 * dresidual. */
template <typename T, int V, enum mask MASK, bool GIVE> struct gradient_moments {
    enum { width = V, flight = 2, resident = 2 };
    struct row { pack<T, V> dy, x, y; };
    T *dresidual;
    const T *dy, *y, *x;
    affine<V> of;
    double a[V] = {}, b[V] = {};
    __device__ void begin(size_t at, size_t channel) { of.begin(at, channel); }
    __device__ row get(size_t i) const
    {
        row r = { load<T, V>(dy, i), load<T, V>(x, i), {} };
        if (MASK == MASK_Y) r.y = load<T, V>(y, i);
        return r;
    }
    __device__ void put(const row &r, size_t i)
    {
        const pack<T, V> own = MASK == MASK_Y ? masked(r.dy, r.y) : r.dy;
        float g[V], v[V];
        widened(g, own);
        widened(v, r.x);
        for (int k = 0; k < V; k++) {
            const float centred = v[k] - of.m[k];
            if (MASK == MASK_X && !(of.at(k, centred) > zero_most<T>())) g[k] = 0;
            a[k] += (double)g[k];
            b[k] = fma((double)g[k], (double)centred, b[k]);
        }
        if (GIVE) store<T, V>(dresidual, i, own);
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

/* Totals over the chunks, of both sums of a group's channels from `first` on: in every thread t, of
 * channel first + t.  Some threads have a channel's chunks together. */
enum { TOGETHER = 8, AHEAD = 8 };

__device__ static inline double chunks_sum(const double *from, int chunks)
{
    double sum = 0;
    int i = (int)threadIdx.x % TOGETHER;
    for (; i + (AHEAD - 1) * TOGETHER < chunks; i += AHEAD * TOGETHER) {
        double got[AHEAD];
        for (int j = 0; j < AHEAD; j++) got[j] = from[i + j * TOGETHER];
        for (int j = 0; j < AHEAD; j++) sum += got[j];
    }
    for (; i < chunks; i += TOGETHER) sum += from[i];
    return sum;
}

struct totals { double a, b; };

__device__ static totals chunks_total(const double *sums, const cut &k, int group, int first, int n)
{
    enum { ROWS = THREADS / TOGETHER };
    __shared__ double part[2 * SLICE][TOGETHER + 1];
    const int row = (int)threadIdx.x / TOGETHER, lane = (int)threadIdx.x % TOGETHER;
    __syncthreads();                     /* the totals before these may still be read */
    for (int i = row; i < 2 * n; i += ROWS)
        part[i][lane] = chunks_sum(sums + sum_at(k, i / n, group, first + i % n, 0), k.chunks);
    __syncthreads();
    totals t = { 0, 0 };
    for (int j = 0; j < TOGETHER && (int)threadIdx.x < n; j++) {
        t.a += part[threadIdx.x][j];
        t.b += part[n + (int)threadIdx.x][j];
    }
    return t;
}

/* Of group g: a part is its pieces of all views, and the parts are a tree. */
__device__ static totals group_total(const double *sums, const cut &k, int g, int first, int n)
{
    enum { WAITING = 17 };               /* of at most 65536 parts */
    totals waiting[WAITING];
    int top = 0;
    for (int i = 0; i < k.parts; i++) {
        totals own = chunks_total(sums, k, g * k.pieces + i, first, n);
        for (int piece = i + k.parts; piece < k.pieces; piece += k.parts) {
            const totals more = chunks_total(sums, k, g * k.pieces + piece, first, n);
            own.a += more.a;
            own.b += more.b;
        }
        for (int behind = i + 1; behind % 2 == 0; behind /= 2) {       /* parts_joins() */
            top--;
            own.a = waiting[top].a + own.a;
            own.b = waiting[top].b + own.b;
        }
        waiting[top++] = own;
    }
    return waiting[0];
}

/* f's sums are zero.  The last block of a slice does end(group, channel, totals) for its channels,
 * group after group. */
template <typename F, typename E>
__global__ __launch_bounds__(THREADS, F::resident) void sim_bn_sums(double *sums, unsigned *done, F f,
                                                                    E end, cut k)
{
    const place p = place_of(k, F::width);
    rows_each(f, k, p);
    stripes_add<F::width>(f.a, k.lanes);
    stripes_add<F::width>(f.b, k.lanes);
    if (p.stripe == 0 && p.channel < k.c)
        for (int j = 0; j < F::width; j++) {
            sums[sum_at(k, 0, p.group, p.channel + j, p.chunk)] = f.a[j];
            sums[sum_at(k, 1, p.group, p.channel + j, p.chunk)] = f.b[j];
        }
    const int slice = (int)blockIdx.x % k.slices, first = slice * k.lanes * F::width;
    if (!is_last(&done[slice], (unsigned)(k.chunks * k.groups))) return;
    const int rest = k.c - first, n = rest < k.lanes * F::width ? rest : k.lanes * F::width;
    for (int g = 0; g < k.groups / k.pieces; g++) {
        const totals t = group_total(sums, k, g, first, n);
        if ((int)threadIdx.x < n) end(k, g, first + (int)threadIdx.x, t);
    }
}

/* Totals [G, C] that go to other processes, and what is then done with them. */
struct totals_keep {
    totals *to;
    __device__ void operator()(const cut &k, int g, int j, const totals &t) const
    {
        to[(size_t)g * (size_t)k.c + (size_t)j] = t;
    }
};

template <typename E> struct totals_end {
    const totals *from;
    E end;
    cut k;
    int groups;
    __device__ void operator()(size_t j) const
    {
        for (int g = 0; g < groups; g++)
            end(k, g, (int)j, from[(size_t)g * (size_t)k.c + j]);
    }
};

template <typename F, typename E>
static void sums_launch(const F &f, const E &end, struct bn_shape s)
{
    const cut k = cut_of<F>(s);
    unsigned *const done = (unsigned *)cuda_scratch(SCRATCH_DONE, (size_t)k.slices * sizeof *done);
    LAUNCH((sim_bn_sums<F, E>), (unsigned)(k.slices * k.chunks * k.groups), THREADS, sums_room(k), done,
           f, end, k);
}

template <typename F, typename E>
static void sums_pass(const F &f, const E &end, struct bn_shape s)
{
    if (!s.across) {
        sums_launch(f, end, s);
        return;
    }
    const size_t n = (size_t)s.groups * (size_t)s.c;
    totals *const all = (totals *)cuda_scratch(SCRATCH_TOTALS, n * sizeof *all);
    sums_launch(f, totals_keep{ all }, s);
    s.across->sum((dev_wide *)all, 2 * n);
    each((size_t)s.c, totals_end<E>{ all, end, cut_of<F>(s), s.groups });
}

/* ---- forward --------------------------------------------------------------------------------- */

/* mean, rstd [G, C], and the steps of the running statistics, one for each group in order. */
struct statistics {
    float *mean, *rstd, *run_mean, *run_var;
    __device__ void operator()(const cut &k, int g, int j, const totals &t) const
    {
        /* One row has no unbiased variance; its biased one, zero, is taken. */
        const int m = k.rows * k.pieces * k.processes;
        const double unbias = m > 1 ? (double)m / (m - 1) : 1.0;
        const double average = t.a / m, v = t.b / m - average * average;
        const double var = v < 0 ? 0 : v;                /* rounding only; NaN stays */
        mean[(size_t)g * (size_t)k.c + (size_t)j] = (float)average;
        rstd[(size_t)g * (size_t)k.c + (size_t)j] = (float)(1.0 / sqrt(var + (double)BN_EPS));
        if (run_mean) run_mean[j] += BN_MOMENTUM * ((float)average - run_mean[j]);
        if (run_var) run_var[j] += BN_MOMENTUM * ((float)(var * unbias) - run_var[j]);
    }
};

/* y = act((x - mean) scale + shift + residual), the statistics [G, C]. */
template <typename T, int V, bool RESIDUAL, bool RELU> struct apply {
    enum { width = V, flight = RESIDUAL ? 2 : 4, resident = 4 };
    struct row { pack<T, V> x, residual; };
    T *y;
    const T *x, *residual;
    affine<V> of;
    __device__ void begin(size_t at, size_t channel) { of.begin(at, channel); }
    __device__ row get(size_t i) const
    {
        row r = { load<T, V>(x, i), {} };
        if (RESIDUAL) r.residual = load<T, V>(residual, i);
        return r;
    }
    __device__ void put(const row &r, size_t i)
    {
        float v[V], more[V];
        widened(v, r.x);
        widened(more, r.residual);
        for (int k = 0; k < V; k++) {
            v[k] = of.at(k, v[k] - of.m[k]);
            if (RESIDUAL) v[k] = fmaf_flushed(v[k], 1, more[k]);
            if (RELU) v[k] = relu_of(v[k]);
        }
        store<T, V>(y, i, narrowed<T, V>(v));
    }
};

template <typename T, int V> static void apply_all(dev_act *y, const dev_act *x,
                                                   const dev_act *residual, const float *mean,
                                                   const float *rstd, const float *gamma,
                                                   const float *beta, struct bn_shape s, bool relu)
{
    T *const to = (T *)y;
    const T *const from = (const T *)x, *const more = (const T *)residual;
    const affine<V> of = { mean, rstd, gamma, beta };
    if (more && relu) rows_pass(apply<T, V, true, true>{ to, from, more, of }, s);
    else if (more) rows_pass(apply<T, V, true, false>{ to, from, more, of }, s);
    else if (relu) rows_pass(apply<T, V, false, true>{ to, from, more, of }, s);
    else rows_pass(apply<T, V, false, false>{ to, from, more, of }, s);
}

/* ops.h does not hand beta to the backward, and without it x does not say where y > 0.  So the last
 * forward passes with a ReLU and no residual are kept by where they wrote: who reads the mask from x
 * finds that y and rstd are still this pass's, for a later one to either place would have taken its
 * own. */
struct passed {
    const void *y, *x;
    const float *mean, *rstd, *gamma, *beta;
};
enum { PASSED = 128 };
static struct {
    passed pass[PASSED];
    int next;
} own;

static void passed_keep(const passed &p, bool is_of_x)
{
    for (int i = 0; i < PASSED; i++)
        if (own.pass[i].y == p.y || own.pass[i].rstd == p.rstd) own.pass[i] = passed{};
    if (!is_of_x) return;
    own.pass[own.next] = p;
    own.next = (own.next + 1) % PASSED;
}

static const passed *passed_find(const passed &p)
{
    for (int i = 0; i < PASSED && p.y; i++) {
        const passed &had = own.pass[i];
        if (had.y == p.y && had.x == p.x && had.mean == p.mean && had.rstd == p.rstd &&
            had.gamma == p.gamma)
            return &had;
    }
    return NULL;
}

template <typename T, int V>
static void forward(dev_act *y, float *mean, float *rstd, float *run_mean, float *run_var,
                    const dev_act *x, const float *gamma, const float *beta,
                    const dev_act *residual, struct bn_shape s, bool relu)
{
    sums_pass(moments<T, V>{ (const T *)x }, statistics{ mean, rstd, run_mean, run_var }, s);
    apply_all<T, V>(y, x, residual, mean, rstd, gamma, beta, s, relu);
}

template <typename T>
static void bn_fwd(dev_act *y, float *mean, float *rstd, float *run_mean, float *run_var,
                   const dev_act *x, const float *gamma, const float *beta, const dev_act *residual,
                   struct bn_shape s, bool relu)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const void *const all[] = { y, x, residual };
    if (width_of<T>(s.c, all, 3) == V)
        forward<T, V>(y, mean, rstd, run_mean, run_var, x, gamma, beta, residual, s, relu);
    else forward<T, 1>(y, mean, rstd, run_mean, run_var, x, gamma, beta, residual, s, relu);
}

void op_bn_act_fwd(dev_act *y, dev_float *mean, dev_float *rstd, dev_float *run_mean,
                   dev_float *run_var, const dev_act *x, const dev_float *gamma,
                   const dev_float *beta, const dev_act *residual, struct bn_shape s, bool relu)
{
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    passed_keep({ y, x, float_in(mean), float_in(rstd), float_in(gamma), float_in(beta) },
                relu && !residual);
    WITH_ACT(bn_fwd, y, float_out(mean), float_out(rstd), float_out(run_mean), float_out(run_var),
             x, float_in(gamma), float_in(beta), residual, s, relu);
}

/* to = 1 / sqrt(variance + eps), once a channel: a square root in double is 17 instructions. */
struct deviation_one {
    float *to;
    const float *variance;
    __device__ void operator()(size_t i) const
    {
        to[i] = (float)(1.0 / sqrt((double)variance[i] + (double)BN_EPS));
    }
};

template <typename T>
static void bn_eval(dev_act *y, const dev_act *x, const float *gamma, const float *beta,
                    const float *run_mean, const float *run_var, const dev_act *residual, int rows,
                    int c, bool relu)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const void *const all[] = { y, x, residual };
    const struct bn_shape s = { 1, rows, c, { 0, 0 }, NULL, { 0, 0 } };
    float *const rstd = (float *)cuda_scratch(SCRATCH_SUMS, (size_t)c * sizeof *rstd);
    each((size_t)c, deviation_one{ rstd, run_var });
    if (width_of<T>(c, all, 3) == V)
        apply_all<T, V>(y, x, residual, run_mean, rstd, gamma, beta, s, relu);
    else apply_all<T, 1>(y, x, residual, run_mean, rstd, gamma, beta, s, relu);
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

/* The lines, and the gradients of gamma and beta. */
struct lines_of {
    line *lines;
    float *dgamma, *dbeta;               /* NULL where another process adds them, */
    struct totals *kept;                 /* or where they are kept [G, C], to be added later */
    double unscale;
    const float *gamma, *rstd;
    __device__ void operator()(const cut &k, int g, int j, const totals &t) const
    {
        const size_t at = (size_t)g * (size_t)k.c + (size_t)j;
        const double r = (double)rstd[at], product = t.b * r;    /* sum g xhat */
        const double scale = gamma ? (double)gamma[j] * r : r;
        if (kept) kept[at] = { unscale * product, unscale * t.a };
        if (dbeta) dbeta[j] += (float)(unscale * t.a);
        if (dgamma) dgamma[j] += (float)(unscale * product);
        const int m = k.rows * k.pieces * k.processes;
        lines[at] = { (float)scale, (float)(-scale * r * product / m), (float)(-scale * t.a / m) };
    }
};

/* dx, and dresidual where it is wanted.  All of a row is read before anything of it is written: one
 * of them may lie where dy lies. */
template <typename T, int V, enum mask MASK, bool RESIDUAL, bool ADD> struct gradients {
    enum { width = V, flight = ADD ? 1 : 2, resident = MASK == MASK_X ? 2 : 3 };
    struct row { pack<T, V> dy, x, y, dx, dresidual; };
    T *dx, *dresidual;
    bool add_dx, add_dresidual;
    const T *dy, *y, *x;
    affine<V> of;
    const line *lines;
    float scale[V] = {}, slope[V] = {}, shift[V] = {};
    __device__ void begin(size_t at, size_t channel)
    {
        of.begin(at, channel);
        for (size_t k = 0; k < V; k++) {
            const line l = lines[at + k];
            scale[k] = l.scale;
            slope[k] = l.slope;
            shift[k] = fmaf(-of.m[k], l.slope, l.shift);
        }
    }
    __device__ row get(size_t i) const
    {
        row r = { load<T, V>(dy, i), load<T, V>(x, i), {}, {}, {} };
        if (MASK == MASK_Y) r.y = load<T, V>(y, i);
        if (ADD && add_dx) r.dx = load<T, V>(dx, i);
        if (RESIDUAL && ADD && add_dresidual) r.dresidual = load<T, V>(dresidual, i);
        return r;
    }
    __device__ void put(const row &r, size_t i)
    {
        const pack<T, V> own = MASK == MASK_Y ? masked(r.dy, r.y) : r.dy;
        float g[V], d[V], more[V];
        widened(g, own);
        widened(d, r.x);
        widened(more, r.dx);
        for (int k = 0; k < V; k++) {
            if (MASK == MASK_X && !(of.at(k, d[k] - of.m[k]) > zero_most<T>())) g[k] = 0;
            d[k] = fmaf_flushed(g[k], scale[k], fmaf(d[k], slope[k], shift[k]));
            if (ADD && add_dx) d[k] = fmaf_flushed(d[k], 1, more[k]);
        }
        store<T, V>(dx, i, narrowed<T, V>(d));
        if (!RESIDUAL) return;
        widened(more, r.dresidual);
        for (int k = 0; k < V && ADD && add_dresidual; k++) g[k] = fmaf_flushed(g[k], 1, more[k]);
        store<T, V>(dresidual, i, ADD && add_dresidual ? narrowed<T, V>(g) : own);
    }
};

/* dresidual where dx is not wanted. */
template <typename T> struct residual_one {
    grad_to<T> to;
    const T *dy, *y;
    __device__ void operator()(size_t i) const
    {
        to.put(i, !y || widen(y[i]) > 0 ? widen(dy[i]) : 0.0f);
    }
};

/* What op_bn_act_bwd() is told, the pointers of known width; and beta, for the mask from x. */
template <typename T> struct told {
    T *dx, *dresidual;
    bool add_dx, add_dresidual;
    const T *dy, *y, *x;
    float *dgamma, *dbeta;
    const float *gamma, *beta, *mean, *rstd;
};

/* What groups that are parts of a view have kept: a part's is the sum of its groups' of all views, and the
 * parts are a tree. */
struct split_one {
    float *dgamma, *dbeta;
    const totals *kept;
    int c, n, views, each;
    __device__ void operator()(size_t j) const
    {
        enum { WAITING = 17 };
        float gamma[WAITING], beta[WAITING];
        int top = 0;
        for (int i = 0; i < n; i++) {
            float own_gamma = 0, own_beta = 0;
            for (int k = 0; k < views * each; k++) {
                const int g = (k / each * n + i) * each + k % each;
                const totals t = kept[(size_t)g * (size_t)c + j];
                own_gamma += (float)t.a;
                own_beta += (float)t.b;
            }
            for (int behind = i + 1; behind % 2 == 0; behind /= 2) {
                top--;
                own_gamma = gamma[top] + own_gamma;
                own_beta = beta[top] + own_beta;
            }
            gamma[top] = own_gamma;
            beta[top++] = own_beta;
        }
        if (dgamma) dgamma[j] += gamma[0];
        if (dbeta) dbeta[j] += beta[0];
    }
};

template <typename T, int V, enum mask MASK, bool GIVE>
static const line *lines_pass(const told<T> &a, const struct bn_shape &s)
{
    line *const lines = (line *)cuda_scratch(SCRATCH_RESULT,
                                             (size_t)s.groups * (size_t)s.c * sizeof *lines);
    const bool adds = !s.split.n && (!s.across || s.across->is_first);
    const size_t kept_bytes = (size_t)s.groups * (size_t)s.c * sizeof(totals);
    totals *const kept = s.split.n ? (totals *)cuda_scratch(SCRATCH_TOTALS, kept_bytes) : NULL;
    sums_pass(gradient_moments<T, V, MASK, GIVE>{ a.dresidual, a.dy, a.y, a.x,
                                                  { a.mean, a.rstd, a.gamma, a.beta } },
              lines_of{ lines, adds ? a.dgamma : NULL, adds ? a.dbeta : NULL, kept, 1.0 / (double)cuda_gradient_scale(), a.gamma,
                        a.rstd },
              s);
    if (kept)
        each((size_t)s.c, split_one{ a.dgamma, a.dbeta, kept, s.c, s.split.n, s.split.views,
                                     s.groups / (s.split.n * s.split.views) });
    return lines;
}

template <typename T, int V, enum mask MASK, bool RESIDUAL, bool ADD>
static void gradients_pass(const told<T> &a, const line *lines, const struct bn_shape &s)
{
    rows_pass(gradients<T, V, MASK, RESIDUAL, ADD>{ a.dx, a.dresidual, a.add_dx, a.add_dresidual,
                                                    a.dy, a.y, a.x,
                                                    { a.mean, a.rstd, a.gamma, a.beta }, lines },
              s);
}

template <typename T, int V, enum mask MASK>
static void dx_pass(const told<T> &a, const line *lines, const struct bn_shape &s)
{
    if (a.add_dx) gradients_pass<T, V, MASK, false, true>(a, lines, s);
    else gradients_pass<T, V, MASK, false, false>(a, lines, s);
}

/* No residual: y is not read where x says the mask. */
template <typename T, int V, enum mask MASK>
static void backward_alone(const struct bn_shape &s, const told<T> &a)
{
    if (!a.dx && !a.dgamma && !a.dbeta) return;
    const line *const lines = lines_pass<T, V, MASK, false>(a, s);
    if (a.dx) dx_pass<T, V, MASK>(a, lines, s);
}

/* dresidual is written by the first pass, which has the mask, and stands for dy in the second. */
template <typename T, int V> static void backward_given(const struct bn_shape &s, const told<T> &a)
{
    told<T> masked = a;
    masked.dy = a.dresidual;
    const line *const lines = lines_pass<T, V, MASK_Y, true>(a, s);
    if (a.dx) dx_pass<T, V, MASK_NONE>(masked, lines, s);
}

/* dresidual is written, or added to, by the second pass. */
template <typename T, int V, enum mask MASK>
static void backward_added(const struct bn_shape &s, const told<T> &a)
{
    const line *lines = NULL;
    if (a.dx || a.dgamma || a.dbeta) lines = lines_pass<T, V, MASK, false>(a, s);
    if (a.dx) gradients_pass<T, V, MASK, true, true>(a, lines, s);
    else
        each((size_t)s.groups * (size_t)s.rows * (size_t)s.c,
             residual_one<T>{ { a.dresidual, a.add_dresidual }, a.dy, MASK == MASK_Y ? a.y : NULL });
}

template <typename T, int V>
static void backward(const struct bn_shape &s, const told<T> &a, enum mask mask)
{
    const bool sums = a.dx || a.dgamma || a.dbeta;
    if (!a.dresidual && mask == MASK_X) backward_alone<T, V, MASK_X>(s, a);
    else if (!a.dresidual && mask == MASK_Y) backward_alone<T, V, MASK_Y>(s, a);
    else if (!a.dresidual) backward_alone<T, V, MASK_NONE>(s, a);
    else if (mask == MASK_NONE) backward_added<T, V, MASK_NONE>(s, a);
    else if (sums && !a.add_dresidual) backward_given<T, V>(s, a);
    else backward_added<T, V, MASK_Y>(s, a);
}

template <typename T>
static void bn_bwd(struct act_grad dx, float *dgamma, float *dbeta, struct act_grad dresidual,
                   const dev_act *dy, const dev_act *y, const dev_act *x, const float *gamma,
                   const float *mean, const float *rstd, struct bn_shape s)
{
    enum { V = PACK_BYTES / sizeof(T) };
    const struct passed *const by = passed_find({ y, x, mean, rstd, gamma, NULL });
    const enum mask mask = by ? MASK_X : y ? MASK_Y : MASK_NONE;
    const void *const all[] = { dx.at, dresidual.at, dy, by ? NULL : y, x };
    const told<T> a = { (T *)dx.at, (T *)dresidual.at, dx.add, dresidual.add, (const T *)dy,
                        (const T *)y, (const T *)x, dgamma, dbeta, gamma, by ? by->beta : NULL, mean,
                        rstd };
    const size_t bytes = (size_t)s.groups * (size_t)s.rows * (size_t)s.c * sizeof(T);
    const struct span written[WRITTEN] = { { dx.at, bytes }, { dresidual.at, bytes } };
    beside_keep(written);
    if (width_of<T>(s.c, all, 5) == V) backward<T, V>(s, a, mask);
    else backward<T, 1>(s, a, mask);
    beside_keep_end();
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
