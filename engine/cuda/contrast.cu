/* SPDX-License-Identifier: MIT
 *
 * contrast.cu -- losses that are made of the scores of unit rows: the scores, the contrast of each
 * row's class with the others (SimCLR, eq. 1; MoCo, eq. 1), and the way back through the norm.
 *
 * All of it is fp32, whatever the activations; a block has a row.
 */
#include <assert.h>
#include "kernel.h"
#include "cublas.h"

/* ---- through the norm ------------------------------------------------------------------------ */

/* dx = (dy - xhat (xhat . dy)) / |x|, times `scale`.  A norm that is held is a constant. */
template <typename T>
__global__ void sim_unit_back(grad_to<T> dx, const float *dy, const T *x, double scale, int d)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    double part = 0;
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        part += (double)widen(x[at + j]) * (double)dy[at + j];
    const double product = block_sum(part), norm = norm_of(block_dot(x + at, x + at, d));
    const double across = scale / norm;
    const double along = norm > (double)COSINE_EPS ? scale * product / (norm * norm * norm) : 0;
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        dx.put(at + j, (float)(across * (double)dy[at + j] - along * (double)widen(x[at + j])));
}

/* Gradients as they are stored (kernel.h) begin here. */
template <typename T>
static void unit_bwd(struct act_grad dx, const dev_float *dy, const dev_act *x, int n, int d)
{
    LAUNCH(sim_unit_back<T>, (unsigned)n, THREADS, grad_of<T>(dx), float_in(dy), (const T *)x,
           (double)cuda_gradient_scale(), d);
}

void op_unit_bwd(struct act_grad dx, const dev_float *dy, const dev_act *x, int n, int d)
{
    assert(n > 0 && d > 0);
    WITH_ACT(unit_bwd, dx, dy, x, n, d);
}

void op_unit_weight_bwd(dev_float *dw, const dev_float *dy, const dev_float *w, int n, int d)
{
    assert(n > 0 && d > 0);
    const grad_to<float> into = { float_out(dw), true };
    LAUNCH(sim_unit_back<float>, (unsigned)n, THREADS, into, float_in(dy), float_in(w), 1.0, d);
}

/* ---- scores ---------------------------------------------------------------------------------- */

void op_scores_fwd(dev_float *s, const dev_float *a, const dev_float *b, int m, int n, int d)
{
    assert(m > 0 && n > 0 && d > 0);
    product_run(s, a, b, { PRODUCT_NT, m, n, d, PRECISION_FP32, PRECISION_FP32, false, 1 });
}

void op_scores_bwd(dev_float *da, dev_float *db, const dev_float *ds, const dev_float *a,
                   const dev_float *b, int m, int n, int d)
{
    assert(m > 0 && n > 0 && d > 0);
    if (da)
        product_run(da, ds, b, { PRODUCT_NN, m, d, n, PRECISION_FP32, PRECISION_FP32, false, 1 });
    if (db)
        product_run(db, ds, a, { PRODUCT_TN, n, d, m, PRECISION_FP32, PRECISION_FP32, true, 1 });
}

/* ---- contrast -------------------------------------------------------------------------------- */

struct contest {
    int m, columns, shift;
    bool in_batch;
    double inverse_t, scale;
};

/* Columns left .. right-1 are left out, but for the row's class. */
__device__ static inline bool is_left_out(int j, int left, int right, int own_class)
{
    return j >= left && j < right && j != own_class;
}

/* term[row] = -log softmax(s / T) at its class; the row becomes the gradient.  The class's own is
 * the others' sum: softmax - 1 of a sure answer would have no digits. */
static __global__ void sim_contrast(double *term, float *scores, contest c)
{
    const int row = (int)blockIdx.x, own_class = (row + c.shift) % c.m;
    const int left = c.in_batch ? row : 0, right = c.in_batch ? row + 1 : c.m;
    float *const s = scores + (size_t)row * (size_t)c.columns;
    float largest = -INFINITY;
    for (int j = (int)threadIdx.x; j < c.columns; j += THREADS)
        if (!is_left_out(j, left, right, own_class) && s[j] > largest) largest = s[j];
    const double most = (double)block_largest(largest);
    const double own = ((double)s[own_class] - most) * c.inverse_t;
    double others = 0;
    __syncthreads();                     /* the class's score is read before it is written */
    for (int j = (int)threadIdx.x; j < c.columns; j += THREADS) {
        const double e = is_left_out(j, left, right, own_class)
                             ? 0
                             : exp(((double)s[j] - most) * c.inverse_t);
        if (j != own_class) others += e;
        s[j] = (float)e;
    }
    others = block_sum(others);
    const double sum = others + exp(own), each = c.scale / sum;
    for (int j = (int)threadIdx.x; j < c.columns; j += THREADS)
        s[j] = (float)(j == own_class ? -each * others : each * (double)s[j]);
    if (threadIdx.x == 0) term[row] = log(sum) - own;
}

void op_contrast(dev_float *loss, dev_float *s, float temperature, float weight, int m, int k,
                 int shift, bool in_batch)
{
    assert(m > 0 && k >= 0 && shift >= 0);
    double *const term = (double *)cuda_scratch(SCRATCH_SUMS, (size_t)m * sizeof *term);
    const double inverse_t = 1 / (double)temperature;
    const contest c = { m, m + k, shift, in_batch, inverse_t, (double)weight * inverse_t / m };
    LAUNCH(sim_contrast, (unsigned)m, THREADS, term, float_out(s), c);
    LAUNCH(sim_add_total<double>, 1, THREADS, float_out(loss), term, (size_t)m,
           (double)weight / m);
}
