/* SPDX-License-Identifier: MIT
 *
 * sinkhorn.c -- SwAV's codes (Caron et al. 2020, eq. 3 to 5, A.1) and its loss (eq. 2).
 *
 *   u[k] = -log sum_b exp(s[b,k] / epsilon + v[b])       prototypes: columns of sum 1
 *   v[b] = -log sum_k exp(s[b,k] / epsilon + u[k])       samples: rows of sum 1
 *   q    = exp(s / epsilon + u + v)
 *
 * which is the division of exp(s / epsilon) by its sums with nothing that overflows.  A pass over
 * columns takes a few of them at a time; each number is summed by one thread, in double.
 */
#include <assert.h>
#include <math.h>
#include "cpu.h"

enum { COLUMNS = 32 };                   /* of a chunk */

/* The scores, and one iteration's u and v (NULL: 0). */
struct plan { const float *s, *u, *v; double inverse_epsilon; int b, k; };

static inline double exponent(const struct plan *p, int b, int k)
{
    return (double)p->s[(size_t)b * p->k + k] * p->inverse_epsilon +
           (p->u ? (double)p->u[k] : 0) + (p->v ? (double)p->v[b] : 0);
}

static inline int column_chunks(int k)
{
    return (k + COLUMNS - 1) / COLUMNS;
}

static inline int chunk_end(int first, int k)
{
    return k - first < COLUMNS ? k : first + COLUMNS;
}

static inline bool is_large(const struct plan *p)
{
    return (size_t)p->b * (size_t)p->k > PARALLEL_MIN / 4;             /* of exponentials */
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* u[k] = -log sum_b exp(exponent) of columns first .. end-1. */
static void columns_log_sum(float *u, const struct plan *p, int first, int end)
{
    double most[COLUMNS], sum[COLUMNS] = { 0 };
    for (int k = first; k < end; k++) most[k - first] = -INFINITY;
    for (int b = 0; b < p->b; b++)
        for (int k = first; k < end; k++) {
            const double x = exponent(p, b, k);
            if (x > most[k - first]) most[k - first] = x;
        }
    for (int b = 0; b < p->b; b++)
        for (int k = first; k < end; k++)
            sum[k - first] += exp(exponent(p, b, k) - most[k - first]);
    for (int k = first; k < end; k++) u[k] = (float)-(most[k - first] + log(sum[k - first]));
}

/* -log sum_k exp(exponent) of row b. */
static double row_log_sum(const struct plan *p, int b)
{
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < p->k; k++) most = exponent(p, b, k) > most ? exponent(p, b, k) : most;
    for (int k = 0; k < p->k; k++) sum += exp(exponent(p, b, k) - most);
    return -(most + log(sum));
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
        for (int c = 0; c < column_chunks(k_); c++)
            columns_log_sum(u, &p, c * COLUMNS, chunk_end(c * COLUMNS, k_));
        p.u = u;
        p.v = NULL;
        v = u + k_;
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int b = 0; b < n; b++) {
            const double log_sum = row_log_sum(&p, b);
            v[b] = (float)log_sum;
            for (int k = 0; k < k_ && t == iterations - 1; k++)
                q[(size_t)b * k_ + k] = (float)exp(exponent(&p, b, k) + log_sum);
        }
    }
}

/* ---- and back -------------------------------------------------------------------------------- */

/* Through v: with e = exp(exponent) and g = (dq - dv[b]) e, ds += g / epsilon and du[k] = sum_b g.
 * dq NULL: 0, for q hangs on the last iteration alone. */
static void columns_back(float *ds, double *du, const float *dq, const double *dv,
                         const struct plan *p, int first, int end)
{
    for (int k = first; k < end; k++) du[k] = 0;
    for (int b = 0; b < p->b; b++)
        for (int k = first; k < end; k++) {
            const size_t at = (size_t)b * p->k + k;
            const double g = ((dq ? (double)dq[at] : 0) - dv[b]) * exp(exponent(p, b, k));
            ds[at] += (float)(g * p->inverse_epsilon);
            du[k] += g;
        }
}

/* Through u: with g = -du[k] e, ds += g / epsilon; returns sum_k g, the gradient by v[b] of the
 * iteration before. */
static double row_back(float *ds, const double *du, const struct plan *p, int b)
{
    double sum = 0;
    for (int k = 0; k < p->k; k++) {
        const double g = -du[k] * exp(exponent(p, b, k));
        ds[(size_t)b * p->k + k] += (float)(g * p->inverse_epsilon);
        sum += g;
    }
    return sum;
}

/* The gradient by v[b] of the last iteration: sum_k dq q. */
static double row_through_code(const float *dq, const struct plan *p, int b)
{
    double sum = 0;
    for (int k = 0; k < p->k; k++) sum += (double)dq[(size_t)b * p->k + k] * exp(exponent(p, b, k));
    return sum;
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
        for (int c = 0; c < column_chunks(k_); c++)
            columns_back(ds, du, code, dv, &p, c * COLUMNS, chunk_end(c * COLUMNS, k_));
        p.v = t ? p.v - (k_ + n) : NULL;
#pragma omp parallel for num_threads(cpu_threads()) if (is_large(&p))
        for (int b = 0; b < n; b++) dv[b] = row_back(ds, du, &p, b);
    }
}

/* ---- loss ------------------------------------------------------------------------------------ */

/* log sum exp(s / T) of a row. */
static double log_sum_exp(const float *s, double inverse_t, int k_)
{
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < k_; k++) most = (double)s[k] > most ? (double)s[k] : most;
    for (int k = 0; k < k_; k++) sum += exp(((double)s[k] - most) * inverse_t);
    return most * inverse_t + log(sum);
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
        for (int k = 0; k < k_; k++) {
            const double log_p = (double)s[k] * inverse_t - log_sum;
            if (ds)
                float_out(ds)[at + k] += (float)(scale * inverse_t *
                                                 (exp(log_p) * total - (double)q[k]));
            if (dq) float_out(dq)[at + k] -= (float)(scale * log_p);
        }
    }
}
