/* SPDX-License-Identifier: MIT
 *
 * collapse.c -- the measures of collapse, in double on the host.
 *
 *   z' = z / |z|,   std_sqrtd = sqrt(d) mean_c std(z'_c)                              (Sec. 4.1)
 *   S = E|z'1 - z'2|^2 / (2 E|z' - E z'|^2)                                           (view share)
 *
 * Sec. 4.1 tells a collapse by std alone.  That accuses outputs with a large common offset, such as
 * those of heads without batch norm (Table 3a), which still tell images apart; the view share does
 * not.
 */
#include "collapse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base.h"

static const double NORM_MIN = 1e-8;           /* as COSINE_EPS: a zero row stays zero */
static const double VARIANCE_MIN = 1e-12;      /* below it a share of the variance says nothing */

/* out[i] = 1 / |z_i| of z [n, d]. */
static void inverse_norms(double *out, const float *z, int n, int d)
{
    for (int i = 0; i < n; i++) {
        const float *row = z + (size_t)i * d;
        double sum = 0;
        for (int c = 0; c < d; c++) sum += (double)row[c] * row[c];
        const double norm = sqrt(sum);
        out[i] = 1 / (norm < NORM_MIN ? NORM_MIN : norm);      /* so written, NaN stays NaN */
    }
}

/* mean[d] += weight * sum of the rows of z'. */
static void mean_add(double *mean, const float *z, const double *inverse, int n, int d,
                     double weight)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < d; c++) mean[c] += weight * inverse[i] * z[(size_t)i * d + c];
}

/* square[d] += sum over the rows of (z' - mean)^2.  Two passes: with a mean near 1 and a spread
 * near 0, which is what a collapse looks like, E z'^2 - (E z')^2 would be all rounding. */
static void square_add(double *square, const float *z, const double *inverse, const double *mean,
                       int n, int d)
{
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < d; c++) {
            const double deviation = inverse[i] * z[(size_t)i * d + c] - mean[c];
            square[c] += deviation * deviation;
        }
    }
}

void collapse_spread(struct collapse *c, const float *z, int n, int d)
{
    assert(n > 1 && d > 0);
    double *inverse = host_alloc((size_t)n, sizeof *inverse);
    double *mean = host_alloc((size_t)d, sizeof *mean),
           *square = host_alloc((size_t)d, sizeof *square);
    inverse_norms(inverse, z, n, d);
    mean_add(mean, z, inverse, n, d, 1.0 / n);
    square_add(square, z, inverse, mean, n, d);

    double std = 0, norm = 0;
    for (int i = 0; i < d; i++) {
        std += sqrt(square[i] / (n - 1)) / d;      /* over n - 1, like op_std and PyTorch */
        norm += mean[i] * mean[i];
    }
    c->std_sqrtd = sqrt(d) * std;
    c->mean_norm = sqrt(norm);
    free(inverse);
    free(mean);
    free(square);
}

void collapse_view_share(struct collapse *c, const float *z1, const float *z2, int n, int d)
{
    assert(n > 0 && d > 0);
    double *inverse = host_alloc(2 * (size_t)n, sizeof *inverse), *inverse2 = inverse + n;
    double *mean = host_alloc((size_t)d, sizeof *mean),
           *square = host_alloc((size_t)d, sizeof *square);
    inverse_norms(inverse, z1, n, d);
    inverse_norms(inverse2, z2, n, d);
    mean_add(mean, z1, inverse, n, d, 0.5 / n);
    mean_add(mean, z2, inverse2, n, d, 0.5 / n);
    square_add(square, z1, inverse, mean, n, d);
    square_add(square, z2, inverse2, mean, n, d);

    double total = 0, within = 0;                  /* E|z' - E z'|^2,  E|z'1 - z'2|^2 */
    for (int i = 0; i < d; i++) total += square[i] / (2.0 * n);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < d; k++) {
            const size_t at = (size_t)i * d + k;
            const double step = inverse[i] * z1[at] - inverse2[i] * z2[at];
            within += step * step / n;
        }
    }
    c->view_share = total < VARIANCE_MIN ? NAN : within / (2 * total);
    free(inverse);
    free(mean);
    free(square);
}
