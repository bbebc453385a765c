/* SPDX-License-Identifier: MIT
 *
 * contrast.c -- losses that are made of the scores of unit rows: the scores, the contrast of each
 * row's class with the others (SimCLR, eq. 1; MoCo, eq. 1), and the way back through the norm.
 *
 * All of it is fp32, whatever the activations: at T = 0.1 a cosine near 1 in bf16 has a logit that
 * is off by 0.02.  The products are the BLAS's; sums over a row are double.
 */
#include <assert.h>
#include <cblas.h>
#include "cpu.h"
#include "exp.h"
#include "rows.h"

/* ---- through the norm ------------------------------------------------------------------------ */

/* dx = across dy - along x. */
struct slopes { double across, along; };

/* Of a row of squared norm xx and product xy with dy.  A norm that is held is a constant. */
static struct slopes slopes_of(double xx, double xy)
{
    const double norm = norm_of(xx);
    return (struct slopes){ 1 / norm, norm > (double)COSINE_EPS ? xy / (norm * norm * norm) : 0 };
}

/* x . dy of d elements, from x[at] and dy[at] on. */
ALWAYS_INLINE double mixed_dot(const void *x, const float *dy, size_t at, size_t d, bool is_bf16)
{
    double sum[LANES] = { 0 }, total = 0;
    float u[LANES], v[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(u, load(x, at + i, lanes, is_bf16));
        vec_store(v, load(dy, at + i, lanes, false));
        for (int j = 0; j < LANES; j++) sum[j] += (double)u[j] * (double)v[j];
    }
    for (int j = 0; j < LANES; j++) total += sum[j];
    return total;
}

ALWAYS_INLINE void unit_row(struct act_grad dx, const float *dy, const void *x, size_t at, size_t d,
                            bool is_bf16)
{
    const struct slopes k = slopes_of(dot_any(x, at, x, at, d, is_bf16),
                                      mixed_dot(x, dy, at, d, is_bf16));
    float u[LANES], v[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(u, load(x, at + i, lanes, is_bf16));
        vec_store(v, load(dy, at + i, lanes, false));
        for (int j = 0; j < LANES; j++)
            v[j] = (float)(k.across * (double)v[j] - k.along * (double)u[j]);
        store_grad(dx, at + i, vec_load(v), lanes, is_bf16);
    }
}

void op_unit_bwd(struct act_grad dx, const dev_float *dy, const dev_act *x, int n, int d)
{
    assert(n > 0 && d > 0);
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)d;
        if (cpu_bf16()) unit_row(dx, float_in(dy), x, at, (size_t)d, true);
        else unit_row(dx, float_in(dy), x, at, (size_t)d, false);
    }
}

void op_unit_weight_bwd(dev_float *dw, const dev_float *dy, const dev_float *w, int n, int d)
{
    assert(n > 0 && d > 0);
    const struct act_grad into = { (dev_act *)dw, true };
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        unit_row(into, float_in(dy), w, (size_t)i * (size_t)d, (size_t)d, false);
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* Columns of a product that one call of the BLAS makes: of its shape alone, not of the threads. */
static int columns_a_call(int n)
{
    return n < 1024 ? 64 : 128;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void op_scores_fwd(dev_float *s, const dev_float *a, const dev_float *b, int m, int n, int d)
{
    assert(m > 0 && n > 0 && d > 0);
    const int step = columns_a_call(n);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic) if (n > step)
    for (int j = 0; j < n; j += step)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, least(step, n - j), d, 1,
                    float_in(a), d, float_in(b) + (size_t)j * d, d, 0, float_out(s) + j, n);
}

void op_scores_bwd(dev_float *da, dev_float *db, const dev_float *ds, const dev_float *a,
                   const dev_float *b, int m, int n, int d)
{
    assert(m > 0 && n > 0 && d > 0);
    const int step = columns_a_call(d);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic) if (d > step)
    for (int j = 0; j < (da ? d : 0); j += step)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, least(step, d - j), n, 1,
                    float_in(ds), n, float_in(b) + j, d, 0, float_out(da) + j, d);
    if (db) cpu_linear_wgrad(float_out(db), float_in(ds), float_in(a), m, d, n);
}

/* ---- contrast -------------------------------------------------------------------------------- */

/* The class of a row, and the columns left .. right-1, which are left out but for the class. */
struct rivals { int class, left, right; };

/* The row's -log softmax(s / T) at its class; s[columns] becomes scale times its gradient by s / T.
 * The class's own is the others' sum: softmax - 1 of a sure answer would have no digits. */
static double contrast_row(float *s, int columns, const struct rivals *r, double inverse_t,
                           double scale)
{
    const double score = (double)s[r->class];
    for (int j = r->left; j < r->right; j++) s[j] = -INFINITY;
    s[r->class] = -INFINITY;
    const double rival = (double)most_of(s, columns), most = score > rival ? score : rival;
    const double own = (score - most) * inverse_t, class = exp(own);
    const double others = exp_row(s, s, columns, most, inverse_t);
    const double sum = others + class, each = scale / sum;
    for (int j = 0; j < columns; j++) s[j] = (float)(each * (double)s[j]);
    s[r->class] = (float)(-each * others);
    return log(sum) - own;
}

void op_contrast(dev_float *loss, dev_float *s_, float temperature, float weight, int m, int k,
                 int shift, bool in_batch)
{
    assert(m > 0 && k >= 0 && shift >= 0);
    float *const s = float_out(s_);
    const double inverse_t = 1 / (double)temperature, scale = (double)weight * inverse_t / m;
    double *term = cpu_scratch(SCRATCH_WORK, (size_t)m * sizeof *term), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)m * (m + k) > PARALLEL_MIN / 4)
    for (int i = 0; i < m; i++) {
        const struct rivals r = { (i + shift) % m, in_batch ? i : 0, in_batch ? i + 1 : m };
        term[i] = contrast_row(s + (size_t)i * (size_t)(m + k), m + k, &r, inverse_t, scale);
    }
    for (int i = 0; i < m; i++) sum += term[i];
    *float_out(loss) += (float)((double)weight * sum / m);
}
