/* SPDX-License-Identifier: MIT
 *
 * spectrum.c -- effective rank (RankMe: Garrido et al. 2023), the one place where the host calls
 * LAPACK.
 *
 *   p_k = sigma_k / sum sigma,   rank = exp(-sum p_k ln p_k) / min(n - 1, d)
 *
 * sigma are the singular values of the mean-centred z [n, d]: the square roots of the eigenvalues
 * of z^T z.  Going through z^T z costs half the digits, which double has to spare over the float z,
 * and for n = 10,000, d = 2048 it is several times cheaper than a singular value decomposition.
 */
#include "spectrum.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <lapacke.h>

#include "base.h"

/* x [n, d] = z - its mean row, in double; false if a number is not finite or all rows are equal. */
static bool centre(double *x, const float *z, int n, int d)
{
    double *mean = host_alloc((size_t)d, sizeof *mean);
    bool finite = true, varies = false;
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < d; c++) {
            const size_t at = (size_t)i * d + c;
            finite = finite && isfinite(z[at]);
            varies = varies || z[at] != z[c];
            mean[c] += (double)z[at] / n;
        }
    }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < d; c++) x[(size_t)i * d + c] = z[(size_t)i * d + c] - mean[c];
    free(mean);
    return finite && varies;
}

/* value[d] = the eigenvalues of x^T x, ascending. */
static void eigenvalues(double *value, const double *x, int n, int d)
{
    /* LAPACK's own dsyrk is dsfrk, on a packed triangle.  Row-major [n, d] is column-major [d,
     * n]. */
    double *packed = host_alloc((size_t)d * ((size_t)d + 1) / 2, sizeof *packed);
    double *gram = host_alloc((size_t)d * d, sizeof *gram);
    int info = LAPACKE_dsfrk(LAPACK_COL_MAJOR, 'N', 'L', 'N', d, n, 1.0, x, d, 0.0, packed);
    if (info == 0) info = LAPACKE_dtfttr(LAPACK_COL_MAJOR, 'N', 'L', d, packed, gram, d);
    if (info == 0) info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'N', 'L', d, gram, d, value);
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        die("out of memory: the spectrum of %d features (use a smaller dim)", d);
    if (info > 0) die("LAPACK's dsyevd did not converge (info %d; try another BLAS)", info);
    assert(info == 0);             /* below 0: a wrong argument */
    free(packed);
    free(gram);
}

double effective_rank(const float *z, int n, int d)
{
    assert(n > 0 && d > 0);
    if (n <= d) return NAN;
    double *x = host_alloc((size_t)n * d, sizeof *x), *value = host_alloc((size_t)d, sizeof *value);
    double rank = NAN;
    if (centre(x, z, n, d)) {
        eigenvalues(value, x, n, d);
        /* Below this share of the largest an eigenvalue is the rounding of the sums, and may be
         * negative. */
        const double floor = DBL_EPSILON * n * value[d - 1];
        double sum = 0, entropy = 0;
        for (int k = 0; k < d; k++) {
            value[k] = value[k] > floor ? sqrt(value[k]) : 0;
            sum += value[k];
        }
        for (int k = 0; k < d; k++) {
            const double p = value[k] / sum;
            if (p > 0) entropy -= p * log(p);
        }
        rank = exp(entropy) / d;   /* n > d: min(n - 1, d) is d */
    }
    free(x);
    free(value);
    return rank;
}
