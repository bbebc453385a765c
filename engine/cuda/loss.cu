/* SPDX-License-Identifier: MIT
 *
 * loss.cu -- the similarities D(p, z): negative cosine (eq. 1) and cross-entropy (Sec. 4.5).
 *
 * A block has a row of p and the same of z, [N, D]; what is summed over its elements is summed in
 * double.
 */
#include <assert.h>
#include "kernel.h"

/* The rows' terms are added by one block. */
static double *terms_room(int n)
{
    return (double *)cuda_scratch(SCRATCH_SUMS, (size_t)n * sizeof(double));
}

/* What a row's term counts, in gradients as they are stored (kernel.h): they begin here. */
static double gradient_scale(float weight, int n)
{
    return (double)cuda_gradient_scale() * (double)weight / n;
}

/* ---- negative cosine similarity, eq. (1) ----------------------------------------------------- */

struct angle { double norm_p, norm_z, cosine; };

template <typename T> __device__ angle angle_of(const T *p, const T *z, int d)
{
    angle a = { norm_of(block_dot(p, p, d)), norm_of(block_dot(z, z, d)), block_dot(p, z, d) };
    a.cosine /= a.norm_p * a.norm_z;
    return a;
}

template <typename T> __global__ void sim_cosine(double *term, const T *p, const T *z, int d)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    const angle a = angle_of(p + at, z + at, d);
    if (threadIdx.x == 0) term[blockIdx.x] = a.cosine;
}

template <typename T>
static void cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n,
                       int d)
{
    double *const term = terms_room(n);
    LAUNCH(sim_cosine<T>, (unsigned)n, THREADS, term, (const T *)p, (const T *)z, d);
    LAUNCH(sim_add_total<double>, 1, THREADS, float_out(loss), term, (size_t)n,
           -(double)weight / n);
}

void op_cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    WITH_ACT(cosine_fwd, loss, p, z, weight, n, d);
}

/* da = scale d(-cos(a, b))/da = scale (cos a / |a| - b / |b|) / |a|.  Where |a| is held at
 * COSINE_EPS it is a constant, and the first term falls away. */
template <typename T>
__device__ void cosine_gradient(grad_to<T> da, size_t at, double scale, const T *a, const T *b,
                                double norm_a, double norm_b, double cosine, int d)
{
    const double along = norm_a > (double)COSINE_EPS ? scale * cosine / (norm_a * norm_a) : 0;
    const double across = scale / (norm_a * norm_b);
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        da.put(at + j,
               (float)(along * (double)widen(a[at + j]) - across * (double)widen(b[at + j])));
}

template <typename T>
__global__ void sim_cosine_back(grad_to<T> dp, grad_to<T> dz, const T *p, const T *z,
                                double scale, int d)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    const angle a = angle_of(p + at, z + at, d);
    if (dp.at) cosine_gradient(dp, at, scale, p, z, a.norm_p, a.norm_z, a.cosine, d);
    if (dz.at) cosine_gradient(dz, at, scale, z, p, a.norm_z, a.norm_p, a.cosine, d);
}

template <typename T>
static void cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z,
                       float weight, int n, int d)
{
    LAUNCH(sim_cosine_back<T>, (unsigned)n, THREADS, grad_of<T>(dp), grad_of<T>(dz),
           (const T *)p, (const T *)z, gradient_scale(weight, n), d);
}

void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z,
                   float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    WITH_ACT(cosine_bwd, dp, dz, p, z, weight, n, d);
}

/* ---- cross-entropy similarity, Sec. 4.5 ------------------------------------------------------ */

/* log sum exp of a row, and `mean`, the mean of the row `y` under its softmax. */
struct softmax { double log_sum, mean; };

template <typename T> __device__ softmax row_softmax(const T *x, const T *y, int d)
{
    float largest = -INFINITY;
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        largest = largest < widen(x[j]) ? widen(x[j]) : largest;
    const double most = (double)block_largest(largest);
    double sum = 0, weighted = 0;
    for (int j = (int)threadIdx.x; j < d; j += THREADS) {
        const double e = exp((double)widen(x[j]) - most);
        sum += e;
        weighted += e * (double)widen(y[j]);
    }
    sum = block_sum(sum);
    return { most + log(sum), block_sum(weighted) / sum };
}

/* D = -sum_j s_j log q_j = log sum exp p - sum_j s_j p_j,   s = softmax(z), q = softmax(p). */
template <typename T> __global__ void sim_entropy(double *term, const T *p, const T *z, int d)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    const softmax q = row_softmax(p + at, p + at, d), s = row_softmax(z + at, p + at, d);
    if (threadIdx.x == 0) term[blockIdx.x] = q.log_sum - s.mean;
}

template <typename T>
static void entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n,
                        int d)
{
    double *const term = terms_room(n);
    LAUNCH(sim_entropy<T>, (unsigned)n, THREADS, term, (const T *)p, (const T *)z, d);
    LAUNCH(sim_add_total<double>, 1, THREADS, float_out(loss), term, (size_t)n,
           (double)weight / n);
}

void op_cross_entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n,
                          int d)
{
    assert(n > 0 && d > 0);
    WITH_ACT(entropy_fwd, loss, p, z, weight, n, d);
}

/* dp = scale (q - s);  dz_j = scale s_j (-log q_j - D) = scale s_j (sum_k s_k p_k - p_j). */
template <typename T>
__global__ void sim_entropy_back(grad_to<T> dp, grad_to<T> dz, const T *p, const T *z,
                                 double scale, int d)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    const softmax of_p = row_softmax(p + at, p + at, d), of_z = row_softmax(z + at, p + at, d);
    for (int j = (int)threadIdx.x; j < d; j += THREADS) {
        const double x = (double)widen(p[at + j]), q = exp(x - of_p.log_sum);
        const double s = exp((double)widen(z[at + j]) - of_z.log_sum);
        if (dp.at) dp.put(at + j, (float)(scale * (q - s)));
        if (dz.at) dz.put(at + j, (float)(scale * s * (of_z.mean - x)));
    }
}

template <typename T>
static void entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z,
                        float weight, int n, int d)
{
    LAUNCH(sim_entropy_back<T>, (unsigned)n, THREADS, grad_of<T>(dp), grad_of<T>(dz),
           (const T *)p, (const T *)z, gradient_scale(weight, n), d);
}

void op_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p,
                          const dev_act *z, float weight, int n, int d)
{
    assert(n > 0 && d > 0);
    WITH_ACT(entropy_bwd, dp, dz, p, z, weight, n, d);
}
