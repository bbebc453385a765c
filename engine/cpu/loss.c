/* SPDX-License-Identifier: MIT
 *
 * loss.c -- the similarities D(p, z): negative cosine (eq. 1) and cross-entropy (Sec. 4.5).
 *
 * Rows are independent of each other; what is summed over the elements of one is summed in double.
 */
#include <assert.h>
#include <math.h>
#include "cpu.h"
#include "rows.h"

/* ---- negative cosine similarity, eq. (1) ----------------------------------------------------- */

/* One row of p and of z, from element `at` on. */
struct angle { double norm_p, norm_z, cosine; };

static struct angle angle_of(const dev_act *p, const dev_act *z, size_t at, size_t d)
{
    struct angle a = { norm_of(act_dot(p, p, at, d)), norm_of(act_dot(z, z, at, d)), 0 };
    a.cosine = act_dot(p, z, at, d) / (a.norm_p * a.norm_z);
    return a;
}

void op_cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    double *cosine = cpu_scratch(SCRATCH_WORK, (size_t)n * sizeof *cosine), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) cosine[i] = angle_of(p, z, (size_t)i * (size_t)d, (size_t)d).cosine;
    for (int i = 0; i < n; i++) sum += cosine[i];
    *float_out(loss) -= (float)((double)weight * sum / n);
}

/* da = along a - across b. */
ALWAYS_INLINE void combine(struct act_grad da, const void *a, const void *b, double along,
                           double across, size_t at, size_t d, bool is_bf16)
{
    float x[LANES], y[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(x, load(a, at + i, lanes, is_bf16));
        vec_store(y, load(b, at + i, lanes, is_bf16));
        for (int j = 0; j < LANES; j++)
            x[j] = (float)(along * (double)x[j] - across * (double)y[j]);
        store_grad(da, at + i, vec_load(x), lanes, is_bf16);
    }
}

/* da = scale d(-cos(a, b))/da = scale (cos a / |a| - b / |b|) / |a|.  Where |a| is held at
 * COSINE_EPS it is a constant, and the first term falls away. */
static void cosine_gradient(struct act_grad da, double scale, const dev_act *a, const dev_act *b,
                            double norm_a, double norm_b, double cosine, size_t at, size_t d)
{
    const double along = norm_a > (double)COSINE_EPS ? scale * cosine / (norm_a * norm_a) : 0;
    const double across = scale / (norm_a * norm_b);
    if (cpu_bf16()) combine(da, a, b, along, across, at, d, true);
    else combine(da, a, b, along, across, at, d, false);
}

void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z,
                   float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    const double scale = (double)weight / n;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)d;
        const struct angle a = angle_of(p, z, at, (size_t)d);
        if (dp.at) cosine_gradient(dp, scale, p, z, a.norm_p, a.norm_z, a.cosine, at, (size_t)d);
        if (dz.at) cosine_gradient(dz, scale, z, p, a.norm_z, a.norm_p, a.cosine, at, (size_t)d);
    }
}

/* ---- cross-entropy similarity, Sec. 4.5 ------------------------------------------------------ */

/* The largest of d elements from x[at] on: what keeps exp() in range.  NaN is passed over; the sum
 * will have it. */
ALWAYS_INLINE double row_largest(const void *x, size_t at, size_t d, bool is_bf16)
{
    float v[LANES], most = -INFINITY;
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(v, load(x, at + i, lanes, is_bf16));
        for (int j = 0; j < lanes; j++) most = v[j] > most ? v[j] : most;
    }
    return (double)most;
}

/* log sum exp of a row, and `mean`, the mean of the row `y` under its softmax (x itself if y is
 * NULL). */
struct softmax { double log_sum, mean; };

ALWAYS_INLINE struct softmax row_softmax(const void *x, const void *y, size_t at, size_t d,
                                         bool is_bf16)
{
    const double most = row_largest(x, at, d, is_bf16);
    double sum = 0, weighted = 0;
    float v[LANES], w[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(v, load(x, at + i, lanes, is_bf16));
        vec_store(w, load(y, at + i, lanes, is_bf16));
        for (int j = 0; j < lanes; j++) {
            const double e = exp((double)v[j] - most);
            sum += e;
            weighted += e * (double)w[j];
        }
    }
    return (struct softmax){ most + log(sum), weighted / sum };
}

/* D = -sum_j s_j log q_j = log sum exp p - sum_j s_j p_j,   s = softmax(z), q = softmax(p). */
struct entropy { struct softmax p, z; };

static struct entropy entropy_of(const dev_act *p, const dev_act *z, size_t at, size_t d)
{
    if (cpu_bf16()) return (struct entropy){ row_softmax(p, p, at, d, true),
                                             row_softmax(z, p, at, d, true) };
    return (struct entropy){ row_softmax(p, p, at, d, false), row_softmax(z, p, at, d, false) };
}

void op_cross_entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n,
                          int d)
{
    assert(n > 0 && d > 0);
    double *term = cpu_scratch(SCRATCH_WORK, (size_t)n * sizeof *term), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const struct entropy e = entropy_of(p, z, (size_t)i * (size_t)d, (size_t)d);
        term[i] = e.p.log_sum - e.z.mean;
    }
    for (int i = 0; i < n; i++) sum += term[i];
    *float_out(loss) += (float)((double)weight * sum / n);
}

/* dp = scale (q - s);  dz_j = scale s_j (-log q_j - D) = scale s_j (sum_k s_k p_k - p_j). */
ALWAYS_INLINE void entropy_gradient(struct act_grad dp, struct act_grad dz, double scale,
                                    const void *p, const void *z, const struct entropy *e,
                                    size_t at, size_t d, bool is_bf16)
{
    float x[LANES], y[LANES], gp[LANES], gz[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(x, load(p, at + i, lanes, is_bf16));
        vec_store(y, load(z, at + i, lanes, is_bf16));
        for (int j = 0; j < LANES; j++) {
            const double q = exp((double)x[j] - e->p.log_sum), s = exp((double)y[j] - e->z.log_sum);
            gp[j] = (float)(scale * (q - s));
            gz[j] = (float)(scale * s * (e->z.mean - (double)x[j]));
        }
        if (dp.at) store_grad(dp, at + i, vec_load(gp), lanes, is_bf16);
        if (dz.at) store_grad(dz, at + i, vec_load(gz), lanes, is_bf16);
    }
}

void op_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p,
                          const dev_act *z, float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    const double scale = (double)weight / n;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)d;
        const struct entropy e = entropy_of(p, z, at, (size_t)d);
        if (cpu_bf16()) entropy_gradient(dp, dz, scale, p, z, &e, at, (size_t)d, true);
        else entropy_gradient(dp, dz, scale, p, z, &e, at, (size_t)d, false);
    }
}
