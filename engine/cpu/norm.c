/* SPDX-License-Identifier: MIT
 *
 * norm.c -- batch normalisation with its ReLU and residual (Ioffe & Szegedy 2015).
 *
 * Memory speed decides here: one pass over x for both sums, one to write y; backward, one pass for both sums, one
 * to write the gradients.  Rows are cut into chunks by the shape; sums are double, per chunk, added in order.
 */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "cpu.h"

/* Rows of each group in chunks of about 64 KB.  Groups are cut alike, so that a group's digits are those of a
 * pass of its own. */
struct chunks { int per_group, total; };

static struct chunks chunks_of(struct bn_shape s)
{
    enum { CHUNK = 1 << 14, MOST = 64 };
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    size_t n = (size_t)s.rows * (size_t)s.c / CHUNK;
    if (n > MOST) n = MOST;
    if (n > (size_t)s.rows) n = (size_t)s.rows;
    if (n < 1) n = 1;
    return (struct chunks){ (int)n, (int)n * s.groups };
}

/* First row, counted over all groups, and number of rows of chunk i. */
static size_t chunk_rows(size_t *first, struct chunks n, struct bn_shape s, int i)
{
    const size_t begin = chunk_start((size_t)s.rows, n.per_group, i % n.per_group);
    *first = (size_t)(i / n.per_group) * (size_t)s.rows + begin;
    return chunk_start((size_t)s.rows, n.per_group, i % n.per_group + 1) - begin;
}

/* Scratch: per chunk two sums [C] in double; behind them four coefficients [G,C] in float. */
struct work { double *sums; float *coefficient[4]; };

static struct work work_of(struct bn_shape s, struct chunks n)
{
    const size_t sums = line_floats((size_t)n.total * 2 * (size_t)s.c);
    const size_t gc = line_floats((size_t)s.groups * (size_t)s.c);
    char *base = cpu_scratch(SCRATCH_WORK, sums * sizeof(double) + 4 * gc * sizeof(float));
    struct work k = { .sums = (double *)base };
    for (int i = 0; i < 4; i++) k.coefficient[i] = (float *)(base + sums * sizeof(double)) + (size_t)i * gc;
    return k;
}

/* Adds up the chunks of group g: total[2 C], in chunk 0's place. */
static double *chunks_total(double *sums, struct chunks n, int g, int c)
{
    double *total = sums + (size_t)g * (size_t)n.per_group * 2 * (size_t)c;
    for (int i = 1; i < n.per_group; i++)
        for (int j = 0; j < 2 * c; j++) total[j] += total[(size_t)i * 2 * (size_t)c + (size_t)j];
    return total;
}

/* ---- forward ----------------------------------------------------------------------------------------- */

/* sum[C] and square[C] of x and x^2 over rows of x[rows, C].  Four rows at a time, so that the running sums go to
 * memory and back once for four values. */
static void moments(double *restrict sum, double *restrict square, const float *restrict x, size_t rows, int c)
{
    memset(sum, 0, (size_t)c * sizeof *sum);
    memset(square, 0, (size_t)c * sizeof *square);
    size_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * (size_t)c)
        for (int j = 0; j < c; j++) {
            const double a = x[j], b = x[c + j], d = x[2 * c + j], e = x[3 * c + j];
            sum[j] += (a + b) + (d + e);
            square[j] += (a * a + b * b) + (d * d + e * e);
        }
    for (; r < rows; r++, x += c)
        for (int j = 0; j < c; j++) {
            const double a = x[j];
            sum[j] += a;
            square[j] += a * a;
        }
}

/* y = act((x - mean) scale + shift + residual) over rows; mean, scale, shift are [C]. */
static void rows_apply(float *restrict y, const float *restrict x, const float *restrict residual,
                       const float *restrict mean, const float *restrict scale, const float *restrict shift,
                       size_t rows, int c, bool relu)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        if (residual) {
            for (int j = 0; j < c; j++) {
                const float v = (x[j] - mean[j]) * scale[j] + shift[j] + residual[j];
                y[j] = relu && v < 0 ? 0 : v;            /* NaN < 0 is false: NaN stays */
            }
            residual += c;
        } else {
            for (int j = 0; j < c; j++) {
                const float v = (x[j] - mean[j]) * scale[j] + shift[j];
                y[j] = relu && v < 0 ? 0 : v;
            }
        }
    }
}

/* The same for all chunks; mean, scale [G,C], shift [C]. */
static void apply(float *y, const float *x, const float *residual, const float *mean, const float *scale,
                  const float *shift, struct bn_shape s, struct chunks n, bool relu)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n.total > 1)
    for (int i = 0; i < n.total; i++) {
        size_t first;
        const size_t rows = chunk_rows(&first, n, s, i), at = first * (size_t)s.c;
        const size_t group = (size_t)(i / n.per_group) * (size_t)s.c;
        rows_apply(y + at, x + at, residual ? residual + at : NULL, mean + group, scale + group, shift, rows, s.c,
                   relu);
    }
}

/* mean, rstd [C] of one group from its sums, and the step of the running statistics. */
static void statistics(float *mean, float *rstd, float *run_mean, float *run_var, const double *total, int rows,
                       int c)
{
    /* One row has no unbiased variance; its biased one, zero, is taken. */
    const double unbias = rows > 1 ? (double)rows / (rows - 1) : 1.0;
    for (int j = 0; j < c; j++) {
        const double m = total[j] / rows, v = total[c + j] / rows - m * m;
        const double var = v < 0 ? 0 : v;                /* rounding only; NaN stays */
        mean[j] = (float)m;
        rstd[j] = (float)(1.0 / sqrt(var + (double)BN_EPS));
        if (run_mean) run_mean[j] += BN_MOMENTUM * ((float)m - run_mean[j]);
        if (run_var) run_var[j] += BN_MOMENTUM * ((float)(var * unbias) - run_var[j]);
    }
}

void op_bn_act_fwd(dev_act *y, dev_float *mean_, dev_float *rstd_, dev_float *run_mean, dev_float *run_var,
                   const dev_act *x_, const dev_float *gamma_, const dev_float *beta, const dev_act *residual,
                   struct bn_shape s, bool relu)
{
    const struct chunks n = chunks_of(s);
    const struct work k = work_of(s, n);
    const float *x = act_in(x_), *gamma = float_in(gamma_);
    float *mean = float_out(mean_), *rstd = float_out(rstd_), *scale = k.coefficient[0], *shift = k.coefficient[1];
    const size_t c = (size_t)s.c;
#pragma omp parallel for num_threads(cpu_threads()) if (n.total > 1)
    for (int i = 0; i < n.total; i++) {
        size_t first;
        const size_t rows = chunk_rows(&first, n, s, i);
        double *sum = k.sums + (size_t)i * 2 * c;
        moments(sum, sum + c, x + first * c, rows, s.c);
    }
    for (int g = 0; g < s.groups; g++)
        statistics(mean + (size_t)g * c, rstd + (size_t)g * c, float_out(run_mean), float_out(run_var),
                   chunks_total(k.sums, n, g, s.c), s.rows, s.c);
    for (size_t i = 0; i < (size_t)s.groups * c; i++) scale[i] = gamma ? gamma[i % c] * rstd[i] : rstd[i];
    for (size_t j = 0; j < c; j++) shift[j] = beta ? float_in(beta)[j] : 0;
    apply(act_out(y), x, act_in(residual), mean, scale, shift, s, n, relu);
}

void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma_, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual,
                    int rows, int c, bool relu)
{
    const struct bn_shape s = { 1, rows, c };
    const struct chunks n = chunks_of(s);
    const struct work k = work_of(s, n);
    const float *gamma = float_in(gamma_), *var = float_in(run_var);
    float *scale = k.coefficient[0], *shift = k.coefficient[1];
    for (int j = 0; j < c; j++) {
        const float rstd = (float)(1.0 / sqrt((double)var[j] + (double)BN_EPS));
        scale[j] = gamma ? gamma[j] * rstd : rstd;
        shift[j] = beta ? float_in(beta)[j] : 0;
    }
    apply(act_out(y), act_in(x), act_in(residual), float_in(run_mean), scale, shift, s, n, relu);
}

/* ---- backward ---------------------------------------------------------------------------------------- */

/* g: dy where y > 0, all of dy without ReLU.  dy is read in any case, so that loops stay free of branches. */
static inline float masked(float dy, const float *y, int j, bool relu)
{
    return !relu || y[j] > 0 ? dy : 0;
}

/* sum[C] = sum g and product[C] = sum g (x - mean), four rows at a time as in moments().  The masked rows are set
 * aside first: with four choices in one loop gcc 12 does not vectorise it. */
static void gradient_moments(double *restrict sum, double *restrict product, const float *restrict dy,
                             const float *restrict y, const float *restrict x, const float *restrict mean,
                             size_t rows, int c, bool relu)
{
    enum { ROWS = 4, LANES = 64 };
    memset(sum, 0, (size_t)c * sizeof *sum);
    memset(product, 0, (size_t)c * sizeof *product);
    for (size_t r = 0; r < rows; r += ROWS)
        for (int first = 0; first < c; first += LANES) {
            const int lanes = c - first < LANES ? c - first : LANES;
            float g[ROWS][LANES], gx[ROWS][LANES];
            for (size_t i = 0; i < ROWS; i++) {
                const size_t at = (r + i) * (size_t)c + (size_t)first;
                if (r + i >= rows) {                     /* past the last row: adds nothing */
                    memset(g[i], 0, sizeof g[i]), memset(gx[i], 0, sizeof gx[i]);
                    continue;
                }
                for (int j = 0; j < lanes; j++) {
                    g[i][j] = masked(dy[at + (size_t)j], y + at, j, relu);
                    gx[i][j] = g[i][j] * (x[at + (size_t)j] - mean[first + j]);
                }
            }
            for (int j = 0; j < lanes; j++) {
                sum[first + j] += ((double)g[0][j] + (double)g[1][j]) + ((double)g[2][j] + (double)g[3][j]);
                product[first + j] += ((double)gx[0][j] + (double)gx[1][j]) + ((double)gx[2][j] + (double)gx[3][j]);
            }
        }
}

/* dx += scale (g - g_mean - (x - mean) slope) over rows; the coefficients are [C]. */
static void rows_gradient(float *dx, bool add, const float *dy, const float *y, const float *restrict x, const float *restrict mean, const float *restrict scale,
                          const float *restrict g_mean, const float *restrict slope, size_t rows, int c, bool relu)
{
    for (size_t r = 0; r < rows; r++, dx += c, dy += c, x += c, y += c)
        for (int j = 0; j < c; j++)
            dx[j] = (add ? dx[j] : 0) + scale[j] * (masked(dy[j], y, j, relu) - g_mean[j] - (x[j] - mean[j]) * slope[j]);
}

/* dresidual += g over n elements. */
static void residual_gradient(float *dr, bool add, const float *dy, const float *restrict y, size_t n,
                              bool relu)
{
    for (size_t i = 0; i < n; i++) dr[i] = (add ? dr[i] : 0) + (!relu || y[i] > 0 ? dy[i] : 0);
}

/* Sums to coefficients of one group, and the gradients of gamma and beta. */
static void gradient_coefficients(float *dgamma, float *dbeta, float *scale, float *g_mean, float *slope,
                                  const double *total, const float *gamma, const float *rstd, int rows, int c)
{
    for (int j = 0; j < c; j++) {
        const double r = rstd[j], sum = total[j], product = total[c + j] * r;        /* sum g, sum g xhat */
        if (dbeta) dbeta[j] += (float)sum;
        if (dgamma) dgamma[j] += (float)product;
        scale[j] = gamma ? gamma[j] * rstd[j] : rstd[j];
        g_mean[j] = (float)(sum / rows);
        slope[j] = (float)(product * r / rows);
    }
}

void op_bn_act_bwd(struct act_grad dx_, dev_float *dgamma, dev_float *dbeta, struct act_grad dresidual_,
                   const dev_act *dy_, const dev_act *y_, const dev_act *x_, const dev_float *gamma, const dev_float *mean_,
                   const dev_float *rstd_, struct bn_shape s, bool relu)
{
    const struct chunks n = chunks_of(s);
    const struct work k = work_of(s, n);
    float *dx = act_out(dx_.at), *dresidual = act_out(dresidual_.at);
    const float *dy = act_in(dy_), *x = act_in(x_);
    const float *y = relu ? act_in(y_) : dy;             /* without ReLU y is not looked at, and may be NULL */
    const float *mean = float_in(mean_), *rstd = float_in(rstd_);
    float *scale = k.coefficient[0], *g_mean = k.coefficient[1], *slope = k.coefficient[2];
    const size_t c = (size_t)s.c;
    if (dx || dgamma || dbeta) {
#pragma omp parallel for num_threads(cpu_threads()) if (n.total > 1)
        for (int i = 0; i < n.total; i++) {
            size_t first;
            const size_t rows = chunk_rows(&first, n, s, i), at = first * c;
            double *sum = k.sums + (size_t)i * 2 * c;
            gradient_moments(sum, sum + c, dy + at, y + at, x + at,
                             mean + (size_t)(i / n.per_group) * c, rows, s.c, relu);
        }
        for (int g = 0; g < s.groups; g++) {
            const size_t at = (size_t)g * c;
            gradient_coefficients(float_out(dgamma), float_out(dbeta), scale + at, g_mean + at, slope + at,
                                  chunks_total(k.sums, n, g, s.c), float_in(gamma), rstd + at, s.rows, s.c);
        }
    }
    if (!dx && !dresidual) return;
#pragma omp parallel for num_threads(cpu_threads()) if (n.total > 1)
    for (int i = 0; i < n.total; i++) {
        size_t first;
        const size_t rows = chunk_rows(&first, n, s, i), at = first * c, group = (size_t)(i / n.per_group) * c;
        if (dx && dx != dy)
            rows_gradient(dx + at, dx_.add, dy + at, y + at, x + at, mean + group, scale + group, g_mean + group,
                          slope + group, rows, s.c, relu);
        if (dresidual) residual_gradient(dresidual + at, dresidual_.add, dy + at, y + at, rows * c, relu);
        if (dx && dx == dy)
            rows_gradient(dx + at, false, dy + at, y + at, x + at, mean + group, scale + group, g_mean + group,
                          slope + group, rows, s.c, relu);
    }
}
