/* SPDX-License-Identifier: MIT
 *
 * sinkhorn.c -- SwAV's codes (Caron et al. 2020, eq. 3 to 5, A.1) and its loss (eq. 2).
 *
 *   u[k] = -log sum_b exp(s[b,k] / epsilon + v[b])       prototypes: columns of sum 1
 *   v[b] = -log sum_k exp(s[b,k] / epsilon + u[k])       samples: rows of sum 1
 *   q    = exp(s / epsilon + u + v)
 *
 * which is the division of exp(s / epsilon) by its sums with nothing that overflows.  A pass over
 * columns takes a vector of them at a time; each number is summed by one thread, in double.
 */
#include <assert.h>
#include <math.h>
#include "cpu.h"
#include "exp.h"

/* The scores, and one iteration's u and v (NULL: 0). */
struct plan { const float *s, *u, *v; double inverse_epsilon; int b, k; };

/* The exponents at row b and the columns from k on; -INFINITY behind the last. */
ALWAYS_INLINE void exponents(double x[LANES], const struct plan *p, int b, int k)
{
    const int lanes = p->k - k;
    const double v = p->v ? (double)p->v[b] : 0;
    float s[LANES], u[LANES] = { 0 };
    vec_store(s, lanes_load(p->s + (size_t)b * p->k + k, lanes));
    if (p->u) vec_store(u, lanes < LANES ? vec_load_n(p->u + k, lanes) : vec_load(p->u + k));
    for (int j = 0; j < LANES; j++) x[j] = (double)s[j] * p->inverse_epsilon + (double)u[j] + v;
}

static inline bool is_large(const struct plan *p)
{
    return (size_t)p->b * (size_t)p->k > PARALLEL_MIN / 4;             /* of exponentials */
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* u[k] = -log sum_b exp(exponent) of LANES columns from `first` on. */
static void columns_log_sum(float *u, const struct plan *p, int first)
{
    double x[LANES], most[LANES], sum[LANES] = { 0 };
    float e[LANES];
    for (int j = 0; j < LANES; j++) most[j] = -INFINITY;
    for (int b = 0; b < p->b; b++) {
        exponents(x, p, b, first);
        for (int j = 0; j < LANES; j++) most[j] = x[j] > most[j] ? x[j] : most[j];
    }
    for (int b = 0; b < p->b; b++) {
        exponents(x, p, b, first);
        for (int j = 0; j < LANES; j++) x[j] -= most[j];
        exp_lanes(e, x);
        for (int j = 0; j < LANES; j++) sum[j] += (double)e[j];
    }
    for (int j = 0; j < LANES && first + j < p->k; j++)
        u[first + j] = (float)-(most[j] + log(sum[j]));
}

/* -log sum_k exp(exponent) of row b. */
static double row_log_sum(const struct plan *p, int b)
{
    double x[LANES], most[LANES], sum[LANES] = { 0 };
    float e[LANES];
    for (int j = 0; j < LANES; j++) most[j] = -INFINITY;
    for (int k = 0; k < p->k; k += LANES) {
        exponents(x, p, b, k);
        for (int j = 0; j < LANES; j++) most[j] = x[j] > most[j] ? x[j] : most[j];
    }
    const double all = lanes_most(most);
    for (int k = 0; k < p->k; k += LANES) {
        exponents(x, p, b, k);
        for (int j = 0; j < LANES; j++) x[j] -= all;
        exp_lanes(e, x);
        for (int j = 0; j < LANES; j++) sum[j] += (double)e[j];
    }
    return -(all + log(lanes_sum(sum)));
}

/* q = exp(exponent + v) of row b. */
static void row_code(float *q, const struct plan *p, int b, double v)
{
    double x[LANES];
    float e[LANES];
    for (int k = 0; k < p->k; k += LANES) {
        exponents(x, p, b, k);
        for (int j = 0; j < LANES; j++) x[j] += v;
        exp_lanes(e, x);
        lanes_store(q + k, e, p->k - k);
    }
}

void op_sinkhorn_fwd(dev_float *q_, dev_float *potentials, const dev_float *s, float epsilon,
                     int iterations, int n, int k_)
{
    assert(iterations > 0 && n > 0 && k_ > 0);
    float *const q = float_out(q_), *u = float_out(potentials), *v = NULL;
    struct plan p = { float_in(s), NULL, NULL, 1 / (double)epsilon, n, k_ };
    for (int t = 0; t < iterations; t++, u += k_ + n) {
        p.u = NULL;
        p.v = v;                                         /* of the iteration before */
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int k = 0; k < k_; k += LANES) columns_log_sum(u, &p, k);
        p.u = u;
        p.v = NULL;
        v = u + k_;
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int b = 0; b < n; b++) {
            const double log_sum = row_log_sum(&p, b);
            v[b] = (float)log_sum;
            if (t == iterations - 1) row_code(q + (size_t)b * k_, &p, b, log_sum);
        }
    }
}

/* ---- and back -------------------------------------------------------------------------------- */

/* Through v: with e = exp(exponent) and g = (dq - dv[b]) e, ds += g / epsilon and du[k] = sum_b g, of
 * LANES columns from `first` on.  dq NULL: 0, for q hangs on the last iteration alone. */
static void columns_back(float *ds, double *du, const float *dq, const double *dv,
                         const struct plan *p, int first)
{
    const int lanes = p->k - first < LANES ? p->k - first : LANES;
    double x[LANES], sum[LANES] = { 0 };
    float e[LANES];
    for (int b = 0; b < p->b; b++) {
        const size_t at = (size_t)b * p->k + first;
        exponents(x, p, b, first);
        exp_lanes(e, x);
        for (int j = 0; j < lanes; j++) {
            const double g = ((dq ? (double)dq[at + j] : 0) - dv[b]) * (double)e[j];
            ds[at + j] += (float)(g * p->inverse_epsilon);
            sum[j] += g;
        }
    }
    for (int j = 0; j < lanes; j++) du[first + j] = sum[j];
}

/* Through u: with g = -du[k] e, ds += g / epsilon; returns sum_k g, the gradient by v[b] of the
 * iteration before. */
static double row_back(float *ds, const double *du, const struct plan *p, int b)
{
    double x[LANES], sum[LANES] = { 0 };
    float e[LANES];
    for (int k = 0; k < p->k; k += LANES) {
        exponents(x, p, b, k);
        exp_lanes(e, x);
        for (int j = 0; j < LANES && k + j < p->k; j++) {
            const double g = -du[k + j] * (double)e[j];
            ds[(size_t)b * p->k + k + j] += (float)(g * p->inverse_epsilon);
            sum[j] += g;
        }
    }
    return lanes_sum(sum);
}

/* The gradient by v[b] of the last iteration: sum_k dq q. */
static double row_through_code(const float *dq, const struct plan *p, int b)
{
    double x[LANES], sum[LANES] = { 0 };
    float e[LANES];
    for (int k = 0; k < p->k; k += LANES) {
        exponents(x, p, b, k);
        exp_lanes(e, x);
        for (int j = 0; j < LANES && k + j < p->k; j++)
            sum[j] += (double)dq[(size_t)b * p->k + k + j] * (double)e[j];
    }
    return lanes_sum(sum);
}

void op_sinkhorn_bwd(dev_float *ds_, const dev_float *dq, const dev_float *potentials,
                     const dev_float *s, float epsilon, int iterations, int n, int k_)
{
    assert(iterations > 0 && n > 0 && k_ > 0);
    float *const ds = float_out(ds_);
    double *const du = cpu_scratch(SCRATCH_WORK, (size_t)(k_ + n) * sizeof *du);
    double *const dv = du + k_;
    struct plan p = { float_in(s), NULL, NULL, 1 / (double)epsilon, n, k_ };
    for (int t = iterations - 1; t >= 0; t--) {
        const float *const code = t == iterations - 1 ? float_in(dq) : NULL;
        p.u = float_in(potentials) + (size_t)t * (size_t)(k_ + n);
        p.v = p.u + k_;
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int b = 0; b < (code ? n : 0); b++) dv[b] = row_through_code(code, &p, b);
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int k = 0; k < k_; k += LANES) columns_back(ds, du, code, dv, &p, k);
        p.v = t ? p.v - (k_ + n) : NULL;
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int b = 0; b < n; b++) dv[b] = row_back(ds, du, &p, b);
    }
}

/* ---- loss ------------------------------------------------------------------------------------ */

/* log sum exp(s / T) of a row. */
static double log_sum_exp(const float *s, double inverse_t, int k_)
{
    const double most = (double)most_of(s, k_);
    return most * inverse_t + log(exp_row(NULL, s, k_, most, inverse_t));
}

void op_code_entropy_fwd(dev_float *loss, const dev_float *s_, const dev_float *q_,
                         float temperature, float weight, int n, int k_)
{
    assert(n > 0 && k_ > 0);
    const double inverse_t = 1 / (double)temperature;
    double *term = cpu_scratch(SCRATCH_WORK, (size_t)n * sizeof *term), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * k_ > PARALLEL_MIN / 4)
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)b * (size_t)k_;
        const float *const s = float_in(s_) + at, *const q = float_in(q_) + at;
        const double log_sum = log_sum_exp(s, inverse_t, k_);
        term[b] = 0;
        for (int k = 0; k < k_; k++) term[b] += (double)q[k] * (log_sum - (double)s[k] * inverse_t);
    }
    for (int b = 0; b < n; b++) sum += term[b];
    *float_out(loss) += (float)((double)weight * sum / n);
}

/* ds = scale (softmax sum q - q) / T;  dq = -scale log softmax. */
void op_code_entropy_bwd(dev_float *ds, dev_float *dq, const dev_float *s_, const dev_float *q_,
                         float temperature, float weight, int n, int k_)
{
    assert(n > 0 && k_ > 0);
    const double inverse_t = 1 / (double)temperature, scale = (double)weight / n;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * k_ > PARALLEL_MIN / 4)
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)b * (size_t)k_;
        const float *const s = float_in(s_) + at, *const q = float_in(q_) + at;
        const double log_sum = log_sum_exp(s, inverse_t, k_);
        double total = 0;
        for (int k = 0; k < k_; k++) total += (double)q[k];
        for (int first = 0; first < k_; first += LANES) {
            float e[LANES];
            double log_p[LANES];
            vec_store(e, lanes_load(s + first, k_ - first));
            for (int j = 0; j < LANES; j++) log_p[j] = (double)e[j] * inverse_t - log_sum;
            if (ds) exp_lanes(e, log_p);
            for (int j = 0; j < LANES && first + j < k_; j++) {
                const size_t k = at + (size_t)(first + j);
                if (ds)
                    float_out(ds)[k] += (float)(scale * inverse_t * ((double)e[j] * total -
                                                                     (double)q[first + j]));
                if (dq) float_out(dq)[k] -= (float)(scale * log_p[j]);
            }
        }
    }
}
