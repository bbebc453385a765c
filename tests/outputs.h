/* SPDX-License-Identifier: MIT
 *
 * outputs.h -- outputs of two views, planted by kind, and what the detector's tests compare with:
 * the definitions as they stand, in double, with Jacobi's eigenvalues.
 */
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: the same in every libc -------------------------------------------------- */

struct draws {
    uint64_t state;
};
static inline double draw_uniform(struct draws *r)
{
    /* Knuth's linear congruential generator, its upper bits. */
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(r->state >> 11) + 0.5) / 9007199254740992.0;
}
static inline double draw_gauss(struct draws *r)
{
    const double u = draw_uniform(r), v = draw_uniform(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* ---- planted outputs ------------------------------------------------------------------------- */

/* z_view = offset + image + view: image varies in `directions` directions, the k-th by k^-power, as
 * far as `between` in all; views by `within` in every direction.  The directions are
 * cosines, so that each feature takes part. */
struct planted {
    int n, d, directions;
    double power, between, within, offset;
};

struct outputs {
    float *z1, *z2;
    int n, d;
};

static inline void outputs_free(struct outputs *o)
{
    free(o->z1);
    free(o->z2);
}

/* basis [directions, d]: the first rows of the cosine transform, orthonormal. */
static inline double *basis_make(int directions, int d)
{
    double *const basis = calloc((size_t)directions * (size_t)d + 1, sizeof *basis);
    if (!basis) abort();
    for (int k = 0; k < directions; k++)
        for (int c = 0; c < d; c++)
            basis[k * d + c] = sqrt((k ? 2.0 : 1.0) / d) * cos(M_PI * (2 * c + 1) * k / (2.0 * d));
    return basis;
}

static inline struct outputs outputs_make(struct planted p, unsigned seed)
{
    const size_t cells = (size_t)p.n * (size_t)p.d;
    struct outputs o = { calloc(cells, sizeof(float)), calloc(cells, sizeof(float)), p.n, p.d };
    double *const row = calloc((size_t)p.d, sizeof *row), *const basis =
                                                              basis_make(p.directions, p.d);
    double total = 0;
    if (!o.z1 || !o.z2 || !row) abort();
    struct draws r = { seed };
    for (int k = 0; k < p.directions; k++) total += pow(k + 1, -2 * p.power);
    for (int i = 0; i < p.n; i++) {
        memset(row, 0, (size_t)p.d * sizeof *row);
        for (int k = 0; k < p.directions; k++) {
            const double size = p.between * pow(k + 1, -p.power) / sqrt(total) * draw_gauss(&r);
            for (int c = 0; c < p.d; c++) row[c] += size * basis[k * p.d + c];
        }
        for (int k = 0; k < p.d; k++) {
            const double offset = p.offset * cos(1 + k) / sqrt(p.d), step = p.within / sqrt(p.d);
            const size_t cell = (size_t)i * (size_t)p.d + (size_t)k;
            o.z1[cell] = (float)(offset + row[k] + step * draw_gauss(&r));
            o.z2[cell] = (float)(offset + row[k] + step * draw_gauss(&r));
        }
    }
    free(row);
    free(basis);
    return o;
}

/* ---- references ------------------------------------------------------------------------------ */

/* Cyclic Jacobi: value[d] descending, of the symmetric a [d, d], which is overwritten; vector [d,
 * d] (columns) unless NULL. */
static inline void naive_eigen(double *value, double *vector, double *a, int d)
{
    for (int i = 0; vector && i < d * d; i++) vector[i] = i % (d + 1) == 0;
    for (int sweep = 0; sweep < 30; sweep++) {
        for (int p = 0; p < d; p++) {
            for (int q = p + 1; q < d; q++) {
                const double apq = a[p * d + q];
                if (apq == 0) continue;
                const double half = (a[q * d + q] - a[p * d + p]) / (2 * apq);
                const double t = copysign(1, half) / (fabs(half) + sqrt(half * half + 1));
                const double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int k = 0; k < d; k++) {
                    const double x = a[k * d + p], y = a[k * d + q];
                    a[k * d + p] = c * x - s * y;
                    a[k * d + q] = s * x + c * y;
                }
                for (int k = 0; k < d; k++) {
                    const double x = a[p * d + k], y = a[q * d + k];
                    a[p * d + k] = c * x - s * y;
                    a[q * d + k] = s * x + c * y;
                }
                for (int k = 0; vector && k < d; k++) {
                    const double x = vector[k * d + p], y = vector[k * d + q];
                    vector[k * d + p] = c * x - s * y;
                    vector[k * d + q] = s * x + c * y;
                }
            }
        }
    }
    for (int k = 0; k < d; k++) value[k] = a[k * d + k];
    for (int k = 0; !vector && k < d; k++) /* with vectors the order is left as it is */
        for (int i = k + 1; i < d; i++)
            if (value[i] > value[k]) {
                const double x = value[i];
                value[i] = value[k];
                value[k] = x;
            }
}

/* exp of the entropy of x / sum x + epsilon. */
static inline double naive_entropy(const double *x, int d, double epsilon)
{
    double sum = 0, entropy = 0;
    for (int k = 0; k < d; k++) sum += fmax(x[k], 0);
    for (int k = 0; k < d; k++) {
        const double p = fmax(x[k], 0) / sum + epsilon;
        if (p > 0) entropy -= p * log(p);
    }
    return exp(entropy);
}

/* out [d, d] = sum of (x_i - mean) (x_i - mean)^T over x [n, d] as double; mean NULL for 0. */
static inline void naive_scatter(double *out, const double *x, const double *mean, int n, int d)
{
    memset(out, 0, (size_t)(d * d) * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++)
                out[a * d + b] +=
                    (x[i * d + a] - (mean ? mean[a] : 0)) * (x[i * d + b] - (mean ? mean[b] : 0));
}

static inline void naive_mean(double *mean, const double *x, int n, int d)
{
    memset(mean, 0, (size_t)d * sizeof *mean);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < d; k++) mean[k] += x[i * d + k] / n;
}
