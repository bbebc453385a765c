/* SPDX-License-Identifier: MIT
 *
 * spectral.c -- in how many directions outputs vary, from their scatter matrices.
 */
#include "detector.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RANKME_EPSILON = 1e-7; /* Garrido et al. 2023, eq. 1 */
static const double LIDAR_DELTA = 1e-4; /* Thilak et al. 2023, Sec. 3 */
static const double LIDAR_EPSILON = 1e-7;
typedef double lane __attribute__((vector_size(32), aligned(8), may_alias));

/* ---- matrices -------------------------------------------------------------------------------- */

/* Which rows a matrix is over. */
enum over { ROWS_CENTRED, ROWS_RAW, MEANS, DIFFERENCES };

/* One entry, k <= i.  The upper triangles hold x[k, i]. */
static double entry(const struct scatter *x, enum over over, size_t i, size_t k)
{
    const size_t at = k * (size_t)x->d + i;
    const double n = (double)x->n;
    const bool rest = x->rest && over != MEANS;
    const double *const moved = rest ? x->rest_moved : x->s_moved;
    const double *const pivot = rest ? x->rest_pivot : x->s_pivot;
    if (over == DIFFERENCES) return x->t[at];
    const double centred = (rest ? x->rest[at] : x->s[at]) - n * moved[i] * moved[k];
    if (over == MEANS) return centred;
    const double whole = rest ? centred : 2 * (centred + x->t[at]);
    if (over == ROWS_CENTRED) return whole;
    return whole + (rest ? n : 2 * n) * (pivot[i] + moved[i]) * (pivot[k] + moved[k]);
}

/* The lower triangle of a matrix [d, d], times `scale`, in fresh memory, or NULL. */
static double *matrix_make(const struct scatter *x, enum over over, double scale)
{
    const size_t d = (size_t)x->d;
    double *const a = calloc(d * d, sizeof *a);
    if (!a) return NULL;
    enum { SIDE = 64 }; /* read along columns: in squares that the cache holds */
    for (size_t top = 0; top < d; top += SIDE)
        for (size_t left = 0; left <= top; left += SIDE)
            for (size_t i = top; i < d && i < top + SIDE; i++)
                for (size_t k = left; k <= i && k < left + SIDE; k++)
                    a[i * d + k] = scale * entry(x, over, i, k);
    return a;
}

/* lambda[d], descending; what is rounding of the sums is 0. */
static int lambdas(double *lambda, const struct scatter *x, enum over over)
{
    double *const a = matrix_make(x, over, 1);
    if (!a) return SIMSIAM_NO_MEMORY;
    const int status = eigenvalues(lambda, a, x->d);
    const double least = DBL_EPSILON * (double)x->n * lambda[0];
    for (int k = 0; k < x->d; k++)
        if (!(lambda[k] > least)) lambda[k] = 0;
    free(a);
    return status;
}

/* exp(-sum p ln p), p = x / sum x + epsilon, of x [d], none of them negative; NaN if all are 0. */
static double entropy_exp(const double *x, int d, double epsilon)
{
    double sum = 0, entropy = 0;
    for (int k = 0; k < d; k++) sum += x[k];
    if (!(sum > 0)) return NAN;
    for (int k = 0; k < d; k++) {
        const double p = x[k] / sum + epsilon;
        if (p > 0) entropy -= p * log(p);
    }
    return exp(entropy);
}

/* ---- the verdict's --------------------------------------------------------------------------- */

static double directions_for(double share, const double *lambda, int d, double sum)
{
    double held = 0;
    int k = 0;
    while (k < d && held < share * sum) held += lambda[k++];
    return sum > 0 ? k : NAN;
}

int spectral_measure(struct simsiam_evidence *e, const struct scatter *x)
{
    const int d = x->d;
    double *const lambda = malloc((size_t)d * sizeof *lambda);
    if (!lambda) return SIMSIAM_NO_MEMORY;
    const int status = lambdas(lambda, x, ROWS_CENTRED);
    double sum = 0, squares = 0;
    for (int k = 0; k < d; k++) sum += lambda[k];
    for (int k = 0; k < d; k++) squares += lambda[k] / sum * (lambda[k] / sum);
    e->participation = 1 / squares;
    e->directions_90 = directions_for(0.90, lambda, d, sum);
    e->directions_99 = directions_for(0.99, lambda, d, sum);
    for (int k = 0; k < d; k++) lambda[k] = sqrt(lambda[k]);
    e->rank = entropy_exp(lambda, d, 0);
    free(lambda);
    return status;
}

/* ---- what others offer ----------------------------------------------------------------------- */

/* The slope of ln lambda_k over ln k, k = 1 .., weighted by 1 / k, turned round. */
static double power_law(const double *lambda, int d)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    int n = 0;
    for (; n < d && lambda[n] > 0; n++) {
        const double k = n + 1, a = log(k), b = log(lambda[n]);
        w += 1 / k;
        x += a / k;
        y += b / k;
        xx += a * a / k;
        xy += a * b / k;
    }
    return n < 2 ? NAN : -(w * xy - x * y) / (w * xx - x * x);
}

/* a [d, d], lower triangle, becomes L, a = L L^T; false where a is not positive: LIDAR_DELTA is lost
 * in the rounding of outputs some millions wide. */
static bool cholesky(double *a, int d)
{
    const size_t n = (size_t)d;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k <= i; k++) {
            lane part = { 0 };
            const double *const x = a + i * n, *const y = a + k * n;
            size_t c = 0;
            for (; c + 4 <= k; c += 4)
                part += *(const lane *)(const void *)(x + c) * *(const lane *)(const void *)(y + c);
            double dot = (part[0] + part[1]) + (part[2] + part[3]);
            for (; c < k; c++) dot += x[c] * y[c];
            const double left = a[i * n + k] - dot;
            if (i == k && !(left > 0)) return false;
            a[i * n + k] = i == k ? sqrt(left) : left / a[k * n + k];
        }
    }
    return true;
}

/* b [d, d] = L^-1 b, a stripe of columns at a time; `width` is a constant where it is whole, so
 * that the sums stay in registers. */
enum { STRIPE = 16 };
struct solve {
    const double *l;
    double *b;
    int d;
};
static inline __attribute__((always_inline)) void stripe_solve(const struct solve *s, size_t from,
                                                               size_t width)
{
    const size_t n = (size_t)s->d;
    for (size_t i = 0; i < n; i++) {
        double sum[STRIPE] = { 0 };
        for (size_t k = 0; k < i; k++) {
            const double l = s->l[i * n + k], *const row = s->b + k * n + from;
            for (size_t c = 0; c < width; c++) sum[c] += l * row[c];
        }
        double *const row = s->b + i * n + from;
        for (size_t c = 0; c < width; c++) row[c] = (row[c] - sum[c]) / s->l[i * n + i];
    }
}

static void solve_task(void *at, int task)
{
    const struct solve *const s = at;
    const size_t from = (size_t)task * STRIPE, left = (size_t)s->d - from;
    if (left < STRIPE)
        stripe_solve(s, from, left);
    else
        stripe_solve(s, from, STRIPE);
}

static void transpose(double *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            const double x = a[i * n + k];
            a[i * n + k] = a[k * n + i];
            a[k * n + i] = x;
        }
    }
}

/* W^-1/2 B W^-1/2 has the eigenvalues of L^-1 B L^-T, W = L L^T. */
static int lidar(double *result, const struct scatter *x, double *lambda, int threads)
{
    const size_t d = (size_t)x->d;
    const double share = 1 / (double)x->n;
    double *const within = matrix_make(x, DIFFERENCES, share);
    double *const between = matrix_make(x, MEANS, share);
    int status = SIMSIAM_NO_MEMORY;
    if (within && between) {
        for (size_t i = 0; i < d; i++) {
            within[i * d + i] += LIDAR_DELTA;
            for (size_t k = 0; k < i; k++) between[k * d + i] = between[i * d + k];
        }
        *result = NAN;
        status = SIMSIAM_OK;
        struct solve s = { within, between, x->d };
        const bool positive = cholesky(within, x->d);
        for (int side = 0; positive && side < 2; side++) {
            team_run((x->d + STRIPE - 1) / STRIPE, threads, solve_task, &s);
            transpose(between, d);
        }
        if (positive) status = eigenvalues(lambda, between, x->d);
        for (size_t k = 0; positive && k < d; k++) lambda[k] = fmax(lambda[k], 0);
        if (positive) *result = entropy_exp(lambda, x->d, LIDAR_EPSILON);
    }
    free(within);
    free(between);
    return status;
}

int spectral_compare(struct simsiam_others *o, const struct scatter *x, int threads)
{
    double *const lambda = malloc((size_t)x->d * sizeof *lambda);
    if (!lambda) return SIMSIAM_NO_MEMORY;
    int status = lambdas(lambda, x, ROWS_CENTRED);
    o->alpha_req = power_law(lambda, x->d);
    if (!status) status = lambdas(lambda, x, ROWS_RAW);
    for (int k = 0; k < x->d; k++) lambda[k] = sqrt(lambda[k]);
    o->rankme = entropy_exp(lambda, x->d, RANKME_EPSILON);
    if (!status) status = lidar(&o->lidar, x, lambda, threads);
    free(lambda);
    return status;
}
