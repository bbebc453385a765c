/* SPDX-License-Identifier: MIT
 *
 * sinkhorn.cu -- SwAV's codes (Caron et al. 2020, eq. 3 to 5, A.1) and its loss (eq. 2).
 *
 *   u[k] = -log sum_b exp(s[b,k] / epsilon + v[b])       prototypes: columns of sum 1
 *   v[b] = -log sum_k exp(s[b,k] / epsilon + u[k])       samples: rows of sum 1
 *   q    = exp(s / epsilon + u + v)
 *
 * A pass over rows has a block a row; one over columns has blocks of CHANNELS columns, whose rows
 * are shared out among STRIPES threads and put together in one order.
 */
#include <assert.h>
#include "kernel.h"

/* The scores, and one iteration's u and v (NULL: 0). */
struct plan {
    const float *s, *u, *v;
    double inverse_epsilon;
    int b, k;
    __device__ double exponent(int row, int column) const
    {
        return (double)s[(size_t)row * (size_t)k + (size_t)column] * inverse_epsilon +
               (u ? (double)u[column] : 0) + (v ? (double)v[row] : 0);
    }
};

/* A block is CHANNELS wide and STRIPES deep: stripe r takes rows r, r + STRIPES, ... */
enum { CHANNELS = 32, STRIPES = THREADS / CHANNELS };

/* Of each channel the sum, or the largest (NaN is passed over), of its stripes' v, in all of its
 * threads. */
__device__ static double channel_gather(double v, bool largest)
{
    __shared__ double part[STRIPES][CHANNELS];
    const unsigned channel = threadIdx.x % CHANNELS, stripe = threadIdx.x / CHANNELS;
    __syncthreads();
    part[stripe][channel] = v;
    __syncthreads();
    double all = largest ? (double)-INFINITY : 0;
    for (int r = 0; r < STRIPES; r++) {
        const double other = part[r][channel];
        if (!largest) all += other;
        else if (other > all) all = other;
    }
    return all;
}

/* The same of a whole block's. */
__device__ static double block_most(double v)
{
    __shared__ double part[THREADS];
    __syncthreads();
    part[threadIdx.x] = v;
    __syncthreads();
    double all = -INFINITY;
    for (int t = 0; t < THREADS; t++)
        if (part[t] > all) all = part[t];
    return all;
}

/* ---- codes ----------------------------------------------------------------------------------- */

static __global__ void sim_columns(float *u, plan p)
{
    const int column = (int)blockIdx.x * CHANNELS + (int)threadIdx.x % CHANNELS;
    const int stripe = (int)threadIdx.x / CHANNELS;
    double most = -INFINITY, sum = 0;
    for (int b = stripe; b < p.b && column < p.k; b += STRIPES)
        if (p.exponent(b, column) > most) most = p.exponent(b, column);
    most = channel_gather(most, true);
    for (int b = stripe; b < p.b && column < p.k; b += STRIPES)
        sum += exp(p.exponent(b, column) - most);
    sum = channel_gather(sum, false);
    if (stripe == 0 && column < p.k) u[column] = (float)-(most + log(sum));
}

/* v of a row, and its code if q is not NULL. */
static __global__ void sim_rows(float *v, float *q, plan p)
{
    const int row = (int)blockIdx.x;
    double most = -INFINITY, sum = 0;
    for (int k = (int)threadIdx.x; k < p.k; k += THREADS)
        if (p.exponent(row, k) > most) most = p.exponent(row, k);
    most = block_most(most);
    for (int k = (int)threadIdx.x; k < p.k; k += THREADS) sum += exp(p.exponent(row, k) - most);
    const double log_sum = -(most + log(block_sum(sum)));
    if (threadIdx.x == 0) v[row] = (float)log_sum;
    for (int k = (int)threadIdx.x; q && k < p.k; k += THREADS)
        q[(size_t)row * (size_t)p.k + (size_t)k] = (float)exp(p.exponent(row, k) + log_sum);
}

void op_sinkhorn_fwd(dev_float *q, dev_float *potentials, const dev_float *s, float epsilon,
                     int iterations, int n, int k)
{
    assert(iterations > 0 && n > 0 && k > 0);
    float *u = float_out(potentials), *v = NULL;
    plan p = { float_in(s), NULL, NULL, 1 / (double)epsilon, n, k };
    for (int t = 0; t < iterations; t++, u += k + n) {
        p.u = NULL;
        p.v = v;                                         /* of the iteration before */
        LAUNCH(sim_columns, blocks_for((size_t)k, CHANNELS), THREADS, u, p);
        p.u = u;
        p.v = NULL;
        v = u + k;
        float *const code = t == iterations - 1 ? float_out(q) : NULL;
        LAUNCH(sim_rows, (unsigned)n, THREADS, v, code, p);
    }
}

/* ---- and back -------------------------------------------------------------------------------- */

/* The gradient by v of the last iteration: sum_k dq q. */
static __global__ void sim_through_code(double *dv, const float *dq, plan p)
{
    const int row = (int)blockIdx.x;
    double sum = 0;
    for (int k = (int)threadIdx.x; k < p.k; k += THREADS)
        sum += (double)dq[(size_t)row * (size_t)p.k + (size_t)k] * exp(p.exponent(row, k));
    sum = block_sum(sum);
    if (threadIdx.x == 0) dv[row] = sum;
}

/* Through v: with e = exp(exponent) and g = (dq - dv[b]) e, ds += g / epsilon and du[k] = sum_b g.
 * dq NULL: 0, for q hangs on the last iteration alone. */
static __global__ void sim_columns_back(float *ds, double *du, const float *dq, const double *dv,
                                        plan p)
{
    const int column = (int)blockIdx.x * CHANNELS + (int)threadIdx.x % CHANNELS;
    const int stripe = (int)threadIdx.x / CHANNELS;
    double sum = 0;
    for (int b = stripe; b < p.b && column < p.k; b += STRIPES) {
        const size_t at = (size_t)b * (size_t)p.k + (size_t)column;
        const double g = ((dq ? (double)dq[at] : 0) - dv[b]) * exp(p.exponent(b, column));
        ds[at] += (float)(g * p.inverse_epsilon);
        sum += g;
    }
    sum = channel_gather(sum, false);
    if (stripe == 0 && column < p.k) du[column] = sum;
}

/* Through u: with g = -du[k] e, ds += g / epsilon; dv[b] = sum_k g, of the iteration before. */
static __global__ void sim_rows_back(float *ds, double *dv, const double *du, plan p)
{
    const int row = (int)blockIdx.x;
    double sum = 0;
    for (int k = (int)threadIdx.x; k < p.k; k += THREADS) {
        const double g = -du[k] * exp(p.exponent(row, k));
        ds[(size_t)row * (size_t)p.k + (size_t)k] += (float)(g * p.inverse_epsilon);
        sum += g;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dv[row] = sum;
}

void op_sinkhorn_bwd(dev_float *ds, const dev_float *dq, const dev_float *potentials,
                     const dev_float *s, float epsilon, int iterations, int n, int k)
{
    assert(iterations > 0 && n > 0 && k > 0);
    double *const du = (double *)cuda_scratch(SCRATCH_SUMS, (size_t)(k + n) * sizeof(double));
    double *const dv = du + k;
    plan p = { float_in(s), NULL, NULL, 1 / (double)epsilon, n, k };
    for (int t = iterations - 1; t >= 0; t--) {
        const float *const code = t == iterations - 1 ? float_in(dq) : NULL;
        p.u = float_in(potentials) + (size_t)t * (size_t)(k + n);
        p.v = p.u + k;
        if (code) LAUNCH(sim_through_code, (unsigned)n, THREADS, dv, code, p);
        LAUNCH(sim_columns_back, blocks_for((size_t)k, CHANNELS), THREADS, float_out(ds), du,
               code, dv, p);
        p.v = t ? p.v - (k + n) : NULL;
        LAUNCH(sim_rows_back, (unsigned)n, THREADS, float_out(ds), dv, du, p);
    }
}

/* ---- loss ------------------------------------------------------------------------------------ */

/* log sum exp(s / T) of a row, in every thread of its block. */
__device__ static double log_sum_exp(const float *s, double inverse_t, int k)
{
    float largest = -INFINITY;
    for (int j = (int)threadIdx.x; j < k; j += THREADS)
        if (s[j] > largest) largest = s[j];
    const double most = (double)block_largest(largest);
    double sum = 0;
    for (int j = (int)threadIdx.x; j < k; j += THREADS)
        sum += exp(((double)s[j] - most) * inverse_t);
    return most * inverse_t + log(block_sum(sum));
}

static __global__ void sim_entropy(double *term, const float *scores, const float *code,
                                   double inverse_t, int k)
{
    const size_t at = (size_t)blockIdx.x * (size_t)k;
    const double log_sum = log_sum_exp(scores + at, inverse_t, k);
    double sum = 0;
    for (int j = (int)threadIdx.x; j < k; j += THREADS)
        sum += (double)code[at + j] * (log_sum - (double)scores[at + j] * inverse_t);
    sum = block_sum(sum);
    if (threadIdx.x == 0) term[blockIdx.x] = sum;
}

void op_code_entropy_fwd(dev_float *loss, const dev_float *s, const dev_float *q, float temperature,
                         float weight, int n, int k)
{
    assert(n > 0 && k > 0);
    double *const term = (double *)cuda_scratch(SCRATCH_SUMS, (size_t)n * sizeof *term);
    LAUNCH(sim_entropy, (unsigned)n, THREADS, term, float_in(s), float_in(q),
           1 / (double)temperature, k);
    LAUNCH(sim_add_total<double>, 1, THREADS, float_out(loss), term, (size_t)n,
           (double)weight / n);
}

/* ds = scale (softmax sum q - q) / T;  dq = -scale log softmax. */
static __global__ void sim_entropy_back(float *ds, float *dq, const float *scores,
                                        const float *code, double inverse_t, double scale, int k)
{
    const size_t at = (size_t)blockIdx.x * (size_t)k;
    const double log_sum = log_sum_exp(scores + at, inverse_t, k);
    double total = 0;
    for (int j = (int)threadIdx.x; j < k; j += THREADS) total += (double)code[at + j];
    total = block_sum(total);
    for (int j = (int)threadIdx.x; j < k; j += THREADS) {
        const double log_p = (double)scores[at + j] * inverse_t - log_sum;
        if (ds)
            ds[at + j] += (float)(scale * inverse_t *
                                  (exp(log_p) * total - (double)code[at + j]));
        if (dq) dq[at + j] -= (float)(scale * log_p);
    }
}

void op_code_entropy_bwd(dev_float *ds, dev_float *dq, const dev_float *s, const dev_float *q,
                         float temperature, float weight, int n, int k)
{
    assert(n > 0 && k > 0);
    LAUNCH(sim_entropy_back, (unsigned)n, THREADS, float_out(ds), float_out(dq), float_in(s),
           float_in(q), 1 / (double)temperature, (double)weight / n, k);
}
