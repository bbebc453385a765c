/* SPDX-License-Identifier: MIT
 *
 * rows.c -- element by element and row by row: ReLU, pooling, the loss (eq. 1), the std of Sec. 4.1, SGD.
 */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "cpu.h"

enum { LANES = 64 };                     /* channels summed together, in registers and the nearest cache */

/* ---- ReLU -------------------------------------------------------------------------------------------- */

void op_relu_fwd(dev_act *y_, const dev_act *x_, size_t n)
{
    float *y = act_out(y_);
    const float *x = act_in(x_);
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];           /* NaN < 0 is false: NaN stays */
}

void op_relu_bwd(struct act_grad dx_, const dev_act *dy_, const dev_act *y_, size_t n)
{
    if (!dx_.at) return;
    float *dx = act_out(dx_.at);
    const float *dy = act_in(dy_), *y = act_in(y_);
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) dx[i] = (dx_.add ? dx[i] : 0) + (y[i] > 0 ? dy[i] : 0);
}

/* ---- global average pooling -------------------------------------------------------------------------- */

void op_pool_fwd(dev_act *y_, const dev_act *x_, int n, int hw, int c)
{
    assert(n > 0 && hw > 0 && c > 0);
    float *y = act_out(y_);
    const float *x = act_in(x_);
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * hw * c > PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        for (int first = 0; first < c; first += LANES) {
            const int lanes = c - first < LANES ? c - first : LANES;
            double sum[LANES] = { 0 };
            const float *at = x + (size_t)i * hw * c + first;
            for (int p = 0; p < hw; p++, at += c)
                for (int j = 0; j < lanes; j++) sum[j] += at[j];
            for (int j = 0; j < lanes; j++) y[(size_t)i * c + first + j] = (float)(sum[j] / hw);
        }
}

void op_pool_bwd(struct act_grad dx_, const dev_act *dy_, int n, int hw, int c)
{
    if (!dx_.at) return;
    const float *dy = act_in(dy_), share = 1.0f / (float)hw;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * hw * c > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const float *restrict from = dy + (size_t)i * c;
        float *restrict dx = act_out(dx_.at) + (size_t)i * hw * c;
        for (int p = 0; p < hw; p++, dx += c)
            for (int j = 0; j < c; j++) dx[j] = (dx_.add ? dx[j] : 0) + share * from[j];
    }
}

/* ---- negative cosine similarity, eq. (1) ------------------------------------------------------------- */

/* Four running sums: one would make each addition wait for the one before. */
static double dot(const float *a, const float *b, int d)
{
    double s[4] = { 0 };
    int i = 0;
    for (; i + 4 <= d; i += 4)
        for (int j = 0; j < 4; j++) s[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < d; i++) s[0] += (double)a[i] * (double)b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* The norm as the cosine takes it: at least COSINE_EPS, but NaN if it is NaN. */
static double norm_of(const float *a, int d)
{
    const double norm = sqrt(dot(a, a, d));
    return norm < (double)COSINE_EPS ? (double)COSINE_EPS : norm;
}

void op_cosine_fwd(dev_float *loss, const dev_act *p_, const dev_act *z_, float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    const float *p = act_in(p_), *z = act_in(z_);
    double *cosine = cpu_scratch(SCRATCH_WORK, (size_t)n * sizeof *cosine), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const float *a = p + (size_t)i * d, *b = z + (size_t)i * d;
        cosine[i] = dot(a, b, d) / (norm_of(a, d) * norm_of(b, d));
    }
    for (int i = 0; i < n; i++) sum += cosine[i];
    *float_out(loss) -= (float)((double)weight * sum / n);
}

/* da += scale d(-cos(a, b))/da = scale (cos a / |a| - b / |b|) / |a|.  Where |a| is held at COSINE_EPS it is a
 * constant, and the first term falls away. */
static void cosine_gradient(float *restrict da, bool add, double scale, const float *restrict a, const float *restrict b,
                            int d)
{
    const double na = norm_of(a, d), nb = norm_of(b, d), cosine = dot(a, b, d) / (na * nb);
    const double along = na > (double)COSINE_EPS ? scale * cosine / (na * na) : 0, across = scale / (na * nb);
    for (int i = 0; i < d; i++) da[i] = (add ? da[i] : 0) + (float)(along * (double)a[i] - across * (double)b[i]);
}

void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p_, const dev_act *z_, float weight, int n,
                   int d)
{
    assert(n > 0 && d > 0);
    const float *p = act_in(p_), *z = act_in(z_);
    const double scale = (double)weight / n;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)d;
        if (dp.at) cosine_gradient(act_out(dp.at) + at, dp.add, scale, p + at, z + at, d);
        if (dz.at) cosine_gradient(act_out(dz.at) + at, dz.add, scale, z + at, p + at, d);
    }
}

/* ---- the standard deviation of the output, Sec. 4.1 --------------------------------------------------- */

/* std[C] over the rows of z[rows, d], each times its inverse norm; channels first .. first + lanes - 1. */
static void channel_std(double *std, const float *z, const double *inverse, int rows, int d, int first, int lanes)
{
    double mean[LANES] = { 0 }, square[LANES] = { 0 };
    assert(lanes <= LANES);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < lanes; j++) mean[j] += (double)z[(size_t)i * d + first + j] * inverse[i];
    for (int j = 0; j < lanes; j++) mean[j] /= rows;
    /* A second pass: a constant output must give 0, not the square root of what cancellation leaves. */
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < lanes; j++) {
            const double v = (double)z[(size_t)i * d + first + j] * inverse[i] - mean[j];
            square[j] += v * v;
        }
    for (int j = 0; j < lanes; j++) std[first + j] = sqrt(square[j] / (rows - 1));
}

void op_std(dev_float *out, const dev_act *z_, int groups, int rows, int d)
{
    assert(groups > 0 && rows > 0 && d > 0);
    const size_t all = (size_t)groups * (size_t)rows;
    double *inverse = cpu_scratch(SCRATCH_WORK, (all + (size_t)d) * sizeof *inverse), *std = inverse + all;
    const float *z = act_in(z_);
#pragma omp parallel for num_threads(cpu_threads()) if (all * (size_t)d > PARALLEL_MIN)
    for (size_t i = 0; i < all; i++) inverse[i] = 1.0 / norm_of(z + i * (size_t)d, d);
    for (int g = 0; g < groups; g++) {
        const size_t row = (size_t)g * (size_t)rows;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)rows * d > PARALLEL_MIN)
        for (int first = 0; first < d; first += LANES)
            channel_std(std, z + row * (size_t)d, inverse + row, rows, d, first,
                        d - first < LANES ? d - first : LANES);
        double sum = 0;
        for (int j = 0; j < d; j++) sum += std[j];
        float_out(out)[g] = (float)(sqrt((double)d) * sum / d);
    }
}

/* ---- copies and norms -------------------------------------------------------------------------------- */

void op_act_to_float(dev_float *y, const dev_act *x, size_t n)
{
    memcpy(y, x, n * sizeof(float));
}

void op_normalize_rows(dev_float *x_, int n, int d)
{
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        float *x = float_out(x_) + (size_t)i * d;
        const double inverse = 1.0 / norm_of(x, d);
        for (int j = 0; j < d; j++) x[j] = (float)(x[j] * inverse);
    }
}

/* ---- optimiser --------------------------------------------------------------------------------------- */

void op_sgd(dev_float *w_, dev_float *v_, const dev_float *g_, const dev_float *lr_, float momentum, float wd,
            size_t n)
{
    float *w = float_out(w_), *v = float_out(v_);
    const float *g = float_in(g_), lr = *float_in(lr_);
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) {
        v[i] = momentum * v[i] + (g[i] + wd * w[i]);
        w[i] -= lr * v[i];
    }
}

void op_sumsq(dev_float *out, const dev_float *x_, size_t n)
{
    enum { CHUNK = 1 << 14 };
    const size_t chunks = (n + CHUNK - 1) / CHUNK;
    double *part = cpu_scratch(SCRATCH_WORK, chunks * sizeof *part), sum = 0;
    const float *x = float_in(x_);
#pragma omp parallel for num_threads(cpu_threads()) if (chunks > 1)
    for (size_t i = 0; i < chunks; i++) {
        const size_t rest = n - i * CHUNK;
        part[i] = dot(x + i * CHUNK, x + i * CHUNK, (int)(rest < CHUNK ? rest : CHUNK));
    }
    for (size_t i = 0; i < chunks; i++) sum += part[i];
    *float_out(out) += (float)sum;
}
