/* SPDX-License-Identifier: MIT
 *
 * rows.c -- element by element and row by row: ReLU, average pooling, the std of Sec. 4.1, SGD,
 * LARS.
 *
 * Activations are widened to fp32 on the way in and rounded on the way out, a vector at a time;
 * what is summed over more than a few of them is summed in double.
 */
#include "rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu.h"

/* ---- element by element ---------------------------------------------------------------------- */

/* Elements of one thread's turn; a whole number of vectors and of cache lines. */
enum { CHUNK = 1 << 13 };

static size_t chunk_count(size_t n)
{
    return (n + CHUNK - 1) / CHUNK;
}

/* ---- ReLU ------------------------------------------------------------------------------------ */

ALWAYS_INLINE void relu_fwd(dev_act *y, const dev_act *x, size_t first, size_t n, bool is_bf16)
{
    for (size_t i = first; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        store(y, i, vec_relu(load(x, i, lanes, is_bf16)), lanes, is_bf16);
    }
}

void op_relu_fwd(dev_act *y, const dev_act *x, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < chunk_count(n); i++) {
        const size_t first = i * CHUNK, end = first + CHUNK < n ? first + CHUNK : n;
        if (cpu_bf16()) relu_fwd(y, x, first, end, true);
        else relu_fwd(y, x, first, end, false);
    }
}

ALWAYS_INLINE void relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t first,
                            size_t n, bool is_bf16)
{
    for (size_t i = first; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        const vec g = vec_where_positive(load(y, i, lanes, is_bf16), load(dy, i, lanes, is_bf16));
        store_grad(dx, i, g, lanes, is_bf16);
    }
}

void op_relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n)
{
    if (!dx.at) return;
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < chunk_count(n); i++) {
        const size_t first = i * CHUNK, end = first + CHUNK < n ? first + CHUNK : n;
        if (cpu_bf16()) relu_bwd(dx, dy, y, first, end, true);
        else relu_bwd(dx, dy, y, first, end, false);
    }
}

/* ---- global average pooling ------------------------------------------------------------------ */

/* sum[LANES] = the sums over rows of x[rows, c], channels from `first` on.  In fp32 over runs of 64
 * rows. */
ALWAYS_INLINE void sum_rows(double *sum, const void *x, size_t at, size_t rows, size_t c, int lanes,
                            bool is_bf16)
{
    enum { RUN = 64 };
    float part[LANES];
    memset(sum, 0, LANES * sizeof *sum);
    for (size_t r = 0; r < rows; ) {
        vec v = vec_zero();
        for (const size_t end = rows - r < RUN ? rows : r + RUN; r < end; r++)
            v = vec_add(v, load(x, at + r * c, lanes, is_bf16));
        vec_store(part, v);
        for (int j = 0; j < LANES; j++) sum[j] += (double)part[j];
    }
}

ALWAYS_INLINE void pool_fwd(dev_act *y, const dev_act *x, size_t image, size_t hw, size_t c,
                            bool is_bf16)
{
    for (size_t first = 0; first < c; first += LANES) {
        const int lanes = lanes_at(first, c);
        double sum[LANES];
        float mean[LANES];
        if (lanes == LANES) sum_rows(sum, x, image * hw * c + first, hw, c, LANES, is_bf16);
        else sum_rows(sum, x, image * hw * c + first, hw, c, lanes, is_bf16);
        for (int j = 0; j < LANES; j++) mean[j] = (float)(sum[j] / (double)hw);
        store(y, image * c + first, vec_load(mean), lanes, is_bf16);
    }
}

void op_pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c)
{
    assert(n > 0 && hw > 0 && c > 0);
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * hw * c > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        if (cpu_bf16()) pool_fwd(y, x, (size_t)i, (size_t)hw, (size_t)c, true);
        else pool_fwd(y, x, (size_t)i, (size_t)hw, (size_t)c, false);
    }
}

ALWAYS_INLINE void pool_bwd(struct act_grad dx, const dev_act *dy, size_t image, size_t hw,
                            size_t c, bool is_bf16)
{
    const vec share = vec_all(1.0f / (float)hw);
    for (size_t first = 0; first < c; first += LANES) {
        const int lanes = lanes_at(first, c);
        const vec g = vec_mul(share, load(dy, image * c + first, lanes, is_bf16));
        for (size_t r = 0; r < hw; r++)
            store_grad(dx, (image * hw + r) * c + first, g, lanes, is_bf16);
    }
}

void op_pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c)
{
    if (!dx.at) return;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * hw * c > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        if (cpu_bf16()) pool_bwd(dx, dy, (size_t)i, (size_t)hw, (size_t)c, true);
        else pool_bwd(dx, dy, (size_t)i, (size_t)hw, (size_t)c, false);
    }
}

/* ---- the standard deviation of the output, Sec. 4.1 ------------------------------------------ */

/* std[LANES] over the rows of z[rows, d], each times its inverse norm; `lanes` channels from z[at]
 * on. */
ALWAYS_INLINE void channel_std(double *std, const dev_act *z, size_t at, const double *inverse,
                               size_t rows, size_t d, int lanes, bool is_bf16)
{
    double mean[LANES] = { 0 }, square[LANES] = { 0 };
    float x[LANES];
    for (size_t i = 0; i < rows; i++) {
        vec_store(x, load(z, at + i * d, lanes, is_bf16));
        for (int j = 0; j < LANES; j++) mean[j] += (double)x[j] * inverse[i];
    }
    for (int j = 0; j < LANES; j++) mean[j] /= (double)rows;
    /* A second pass: a constant output must give 0, not the square root of what cancellation
     * leaves. */
    for (size_t i = 0; i < rows; i++) {
        vec_store(x, load(z, at + i * d, lanes, is_bf16));
        for (int j = 0; j < LANES; j++) {
            const double v = (double)x[j] * inverse[i] - mean[j];
            square[j] += v * v;
        }
    }
    for (int j = 0; j < lanes; j++) std[j] = sqrt(square[j] / (double)(rows - 1));
}

void op_std(dev_float *out, const dev_act *z, int groups, int rows_, int d_)
{
    assert(groups > 0 && rows_ > 0 && d_ > 0);
    const size_t rows = (size_t)rows_, d = (size_t)d_, all = (size_t)groups * rows;
    double *inverse = cpu_scratch(SCRATCH_WORK, (all + d) * sizeof *inverse), *std = inverse + all;
#pragma omp parallel for num_threads(cpu_threads()) if (all * d > PARALLEL_MIN)
    for (size_t i = 0; i < all; i++) inverse[i] = 1.0 / norm_of(act_dot(z, z, i * d, d));
    for (size_t g = 0; g < (size_t)groups; g++) {
#pragma omp parallel for num_threads(cpu_threads()) if (rows * d > PARALLEL_MIN)
        for (size_t first = 0; first < d; first += LANES) {
            const size_t at = g * rows * d + first;
            const int lanes = lanes_at(first, d);
            if (cpu_bf16())
                channel_std(std + first, z, at, inverse + g * rows, rows, d, lanes, true);
            else channel_std(std + first, z, at, inverse + g * rows, rows, d, lanes, false);
        }
        double sum = 0;
        for (size_t j = 0; j < d; j++) sum += std[j];
        float_out(out)[g] = (float)(sqrt((double)d) * sum / (double)d);
    }
}

/* ---- copies and norms ------------------------------------------------------------------------ */

void op_act_to_float(dev_float *y, const dev_act *x, size_t n)
{
    if (!cpu_bf16()) {
        memcpy(y, x, n * sizeof(float));
        return;
    }
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        store(y, i, load(x, i, lanes, true), lanes, false);
    }
}

void op_normalize_rows(dev_float *x_, int n, int d)
{
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        float *x = float_out(x_) + (size_t)i * d;
        const double inverse = 1.0 / norm_of(dot(x, x, (size_t)d));
        for (int j = 0; j < d; j++) x[j] = (float)(x[j] * inverse);
    }
}

void op_tree(dev_float *x_, size_t n, int parts)
{
    float *const x = float_out(x_);
    assert(parts > 0 && (parts & (parts - 1)) == 0);
    for (int step = 1; step < parts; step *= 2)
        for (int i = 0; i < parts; i += 2 * step) {
            float *const left = x + (size_t)i * n;
            for (size_t j = 0; j < n; j++) left[j] += left[j + (size_t)step * n];
        }
}

/* ---- optimiser ------------------------------------------------------------------------------- */

/* Products and sums apart, not fused: the same digits in every variant, at the memory's speed
 * anyway. */
void op_sgd(dev_float *w_, dev_float *v_, const dev_float *g_, const dev_float *lr_,
            float momentum_, float wd_, size_t n)
{
    float *w = float_out(w_), *v = float_out(v_);
    const float *g = float_in(g_);
    const vec lr = vec_all(*float_in(lr_)), momentum = vec_all(momentum_), wd = vec_all(wd_);
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        const vec weight = load(w, i, lanes, false);
        const vec decayed = vec_add(load(g, i, lanes, false), vec_mul(wd, weight));
        const vec velocity = vec_add(vec_mul(momentum, load(v, i, lanes, false)), decayed);
        store(v, i, velocity, lanes, false);
        store(w, i, vec_sub(weight, vec_mul(lr, velocity)), lanes, false);
    }
}

/* The sum of squares by chunks of a fixed size, in their order. */
static double sum_of_squares(const float *x, size_t n)
{
    const size_t chunks = chunk_count(n);
    double *part = cpu_scratch(SCRATCH_WORK, chunks * sizeof *part), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if (chunks > 1)
    for (size_t i = 0; i < chunks; i++) {
        const float *const first = x + i * CHUNK;
        part[i] = dot(first, first, n - i * CHUNK < CHUNK ? n - i * CHUNK : CHUNK);
    }
    for (size_t i = 0; i < chunks; i++) sum += part[i];
    return sum;
}

void op_sumsq(dev_float *out, const dev_float *x, size_t n)
{
    *float_out(out) += (float)sum_of_squares(float_in(x), n);
}

/* g + wd w, products and sums apart. */
ALWAYS_INLINE vec decayed_at(const float *g, const float *w, vec wd, size_t i, int lanes)
{
    return vec_add(load(g, i, lanes, false), vec_mul(wd, load(w, i, lanes, false)));
}

/* The sum of squares of g + wd w by the same chunks. */
static double decayed_squares(const float *g, const float *w, float wd_, size_t n)
{
    const size_t chunks = chunk_count(n);
    const vec wd = vec_all(wd_);
    double *part = cpu_scratch(SCRATCH_WORK, chunks * sizeof *part), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if (chunks > 1)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        const size_t first = chunk * CHUNK, end = n - first < CHUNK ? n : first + CHUNK;
        float x[LANES];
        part[chunk] = 0;
        for (size_t i = first; i < end; i += LANES) {
            const int lanes = lanes_at(i, end);
            vec_store(x, decayed_at(g, w, wd, i, lanes));
            for (int j = 0; j < lanes; j++) part[chunk] += (double)x[j] * (double)x[j];
        }
    }
    for (size_t i = 0; i < chunks; i++) sum += part[i];
    return sum;
}

/* A zero norm has no ratio to speak of; NaN is no zero, and goes on into w. */
static double trust_ratio(const float *w, const float *g, const struct lars *how, size_t n)
{
    const double wd = (double)how->wd, trust = (double)how->trust;
    if (trust == 0) return 1;
    const double w_norm = sqrt(sum_of_squares(w, n));
    const double g_norm = sqrt(how->of_sum ? decayed_squares(g, w, how->wd, n)
                                           : sum_of_squares(g, n));
    if (w_norm == 0 || g_norm == 0) return 1;
    return trust * w_norm / (how->of_sum ? g_norm : g_norm + wd * w_norm);
}

void op_lars(dev_float *w_, dev_float *v_, const dev_float *g_, const dev_float *lr,
             struct lars how, size_t n)
{
    float *w = float_out(w_), *v = float_out(v_);
    const float *g = float_in(g_);
    const double ratio = trust_ratio(w, g, &how, n), rate = (double)*float_in(lr);
    const vec inside = vec_all((float)(how.rate_outside ? ratio : rate * ratio));
    const vec outside = vec_all(how.rate_outside ? (float)rate : 1);
    const vec momentum = vec_all(how.momentum), wd = vec_all(how.wd);
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        const vec velocity = vec_add(vec_mul(momentum, load(v, i, lanes, false)),
                                     vec_mul(inside, decayed_at(g, w, wd, i, lanes)));
        store(v, i, velocity, lanes, false);
        store(w, i, vec_sub(load(w, i, lanes, false), vec_mul(outside, velocity)), lanes, false);
    }
}
