/* SPDX-License-Identifier: MIT
 *
 * spectrum.c -- in how many directions outputs vary, the one place where the host calls LAPACK.
 *
 * sigma_k are the singular values of the mean-centred x [n, d], lambda_k their squares: the
 * eigenvalues of x^T x.  Going through x^T x costs half the digits, which double has to spare over
 * the float x, and for n = 10,000, d = 2048 it is several times cheaper than a singular value
 * decomposition.
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

/* lambda[d] of z, descending; false where there is no spectrum. */
static bool lambdas(double *lambda, const float *z, int n, int d)
{
    assert(n > 0 && d > 0);
    if (n <= d) return false;
    double *x = host_alloc((size_t)n * d, sizeof *x), *value = host_alloc((size_t)d, sizeof *value);
    const bool varies = centre(x, z, n, d);
    if (varies) eigenvalues(value, x, n, d);
    /* Below this share of the largest an eigenvalue is the rounding of the sums, and may be
     * negative. */
    const double floor = DBL_EPSILON * n * value[d - 1];
    for (int k = 0; k < d; k++) lambda[k] = value[d - 1 - k] > floor ? value[d - 1 - k] : 0;
    free(x);
    free(value);
    return varies;
}

/* exp(-sum p ln p) of the shares p of x [d], none of which is negative. */
static double entropy_exp(const double *x, int d)
{
    double sum = 0, entropy = 0;
    for (int k = 0; k < d; k++) sum += x[k];
    for (int k = 0; k < d; k++)
        if (x[k] > 0) entropy -= x[k] / sum * log(x[k] / sum);
    return exp(entropy);
}

double effective_rank(const float *z, int n, int d)
{
    double *sigma = host_alloc((size_t)d, sizeof *sigma);
    double rank = NAN;
    if (lambdas(sigma, z, n, d)) {
        for (int k = 0; k < d; k++) sigma[k] = sqrt(sigma[k]);
        rank = entropy_exp(sigma, d) / d;      /* n > d: min(n - 1, d) is d */
    }
    free(sigma);
    return rank;
}

/* The fewest first directions that hold the share of the variance. */
static double directions_for(double share, const double *lambda, int d, double sum)
{
    double held = 0;
    int k = 0;
    while (k < d && held < share * sum) held += lambda[k++];
    return k;
}

struct spectrum spectrum_of(const float *z, int n, int d)
{
    struct spectrum s = { NAN, NAN, NAN, NAN, { NAN, NAN, NAN, NAN } };
    double *lambda = host_alloc((size_t)d, sizeof *lambda);
    if (lambdas(lambda, z, n, d)) {
        double sum = 0, squares = 0, held = 0;
        for (int k = 0; k < d; k++) sum += lambda[k];
        for (int k = 0; k < d; k++) squares += lambda[k] / sum * (lambda[k] / sum);
        s.entropy_rank = entropy_exp(lambda, d);
        s.participation = 1 / squares;
        s.directions_90 = directions_for(0.90, lambda, d, sum);
        s.directions_99 = directions_for(0.99, lambda, d, sum);
        for (int i = 0, k = 0; i < SPECTRUM_FIRST; i++) {
            for (; k < 1 << i && k < d; k++) held += lambda[k] / sum;
            s.first[i] = fmin(held, 1);        /* of rounded shares the sum may pass it */
        }
    }
    free(lambda);
    return s;
}
