/* SPDX-License-Identifier: MIT
 *
 * eigenvalues.c -- all eigenvalues of a symmetric matrix, and no vectors: Householder's reflections
 * to a tridiagonal matrix (Golub & Van Loan, 8.3.1), then QL steps with implicit shifts (8.3.3).
 *
 * The first takes 4/3 d^3 steps and all of the time.  It is bound by memory, so that the update of
 * one reflection and the product of the next are made in one pass over the triangle.
 */
#include "detector.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double lane __attribute__((vector_size(32), aligned(8), may_alias));
enum { LANES = sizeof(lane) / sizeof(double) };

/* A reflection I - u u^T / h of the first m features, and w, with a - u w^T - w u^T what it makes
 * of a. */
struct reflection {
    double *u, *w, h;
};

/* row [m] -= u[m] * w + w[m] * u;  product[0 .. m-1] += v[m] * row;  returns row . v, so far. */
static double row_pass(double *row, const struct reflection *old, double *product, const double *v,
                       int m)
{
    const double u = old->u[m], w = old->w[m], across = v[m];
    lane sum = { 0 };
    int k = 0;
    for (; k + LANES <= m; k += LANES) {
        lane x, *const at = (lane *)(void *)(row + k), *const to = (lane *)(void *)(product + k);
        x = *at - (u * *(const lane *)(const void *)(old->w + k) +
                   w * *(const lane *)(const void *)(old->u + k));
        *at = x;
        sum += x * *(const lane *)(const void *)(v + k);
        *to += across * x;
    }
    double dot = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (; k < m; k++) {
        row[k] -= u * old->w[k] + w * old->u[k];
        dot += row[k] * v[k];
        product[k] += across * row[k];
    }
    row[m] -= 2 * u * w;
    return dot + row[m] * across;
}

/* The reflection that leaves of row [m] its last entry alone, which is returned; none where there
 * is nothing to take away. */
static double reflection_make(struct reflection *r, const double *row, int m)
{
    double square = 0;
    for (int k = 0; k < m - 1; k++) square += row[k] * row[k];
    memset(r->u, 0, (size_t)m * sizeof *r->u);
    memset(r->w, 0, (size_t)m * sizeof *r->w);
    r->h = 0;
    if (square < DBL_MIN) return row[m - 1];
    const double f = row[m - 1];
    const double g = -copysign(sqrt(square + f * f), f);
    memcpy(r->u, row, (size_t)m * sizeof *r->u);
    r->u[m - 1] = f - g;
    r->h = square + f * f - f * g;
    return g;
}

/* w from the product a u in it. */
static void reflection_end(struct reflection *r, int m)
{
    if (r->h == 0) {
        memset(r->w, 0, (size_t)m * sizeof *r->w);
        return;
    }
    double dot = 0;
    for (int k = 0; k < m; k++) {
        r->w[k] /= r->h;
        dot += r->w[k] * r->u[k];
    }
    const double half = dot / (2 * r->h);
    for (int k = 0; k < m; k++) r->w[k] -= half * r->u[k];
}

/* a's tridiagonal form: diagonal [d], and beside [d - 1], where beside[i] stands between i and i + 1.
 * room: 4 d zeros. */
static void tridiagonal(double *diagonal, double *beside, double *a, int d, double *room)
{
    const size_t n = (size_t)d;
    struct reflection old = { room, room + n, 0 }, next = { room + 2 * n, room + 3 * n, 0 };
    for (int m = d - 1; m > 0; m--) {
        /* Row m with the last reflection is what the next one is made of. */
        double *const row = a + (size_t)m * n;
        for (int k = 0; k <= m; k++) row[k] -= old.u[m] * old.w[k] + old.w[m] * old.u[k];
        diagonal[m] = row[m];
        beside[m - 1] = reflection_make(&next, row, m);
        for (int i = 0; i < m; i++)
            next.w[i] += row_pass(a + (size_t)i * n, &old, next.w, next.u, i);
        reflection_end(&next, m);
        const struct reflection spent = old;
        old = next;
        next = spent;
    }
    diagonal[0] = a[0];
}

/* One QL step with Wilkinson's shift on first .. last. */
static void ql_step(double *diagonal, double *beside, int first, int last)
{
    double *const d = diagonal, *const e = beside;
    const double half = (d[first + 1] - d[first]) / (2 * e[first]), r = hypot(half, 1);
    double g = d[last] - d[first] + e[first] / (half + copysign(r, half));
    double s = 1, c = 1, p = 0;
    for (int i = last - 1; i >= first; i--) {
        const double f = s * e[i], b = c * e[i], length = hypot(f, g);
        e[i + 1] = length;
        if (length == 0) { /* it has come apart here */
            d[i + 1] -= p;
            e[last] = 0;
            return;
        }
        s = f / length;
        c = g / length;
        g = d[i + 1] - p;
        const double turn = (d[i] - g) * s + 2 * c * b;
        p = s * turn;
        d[i + 1] = g + p;
        g = c * turn - b;
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0;
}

/* diagonal [d] becomes the eigenvalues; beside [d], the last 0.  False where it does not converge. */
static bool ql(double *diagonal, double *beside, int d)
{
    enum { STEPS_MOST = 60 }; /* two are usual */
    double largest = 0;
    for (int i = 0; i < d; i++) largest = fmax(largest, fabs(diagonal[i]) + fabs(beside[i]));
    const double nothing = DBL_EPSILON * largest; /* as exact as the sums were */
    for (int first = 0; first < d; first++) {
        for (int step = 0;; step++) {
            int last = first;
            while (last < d - 1 && fabs(beside[last]) > nothing) last++;
            if (last == first) break;
            if (step == STEPS_MOST) return false;
            ql_step(diagonal, beside, first, last);
        }
    }
    return true;
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

int eigenvalues(double *value, double *a, int d)
{
    const size_t n = (size_t)d;
    double *const room = calloc(5 * n, sizeof *room), *const beside = room + 4 * n;
    if (!room) return SIMSIAM_NO_MEMORY;
    /* Squares of the entries must neither vanish nor overflow. */
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++) largest = fmax(largest, fabs(a[i * n + k]));
    const double scale = largest > 0 ? largest : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++) a[i * n + k] /= scale;

    tridiagonal(value, beside, a, d, room);
    const bool converged = ql(value, beside, d);
    for (size_t i = 0; i < n; i++) value[i] *= scale;
    qsort(value, n, sizeof *value, descending);
    free(room);
    return converged ? SIMSIAM_OK : SIMSIAM_NO_CONVERGENCE;
}
