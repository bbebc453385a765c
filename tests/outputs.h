/* SPDX-License-Identifier: MIT
 *
 * outputs.h -- what the detector's tests compare with: the definitions as they stand, in double,
 * with Jacobi's eigenvalues; for outputs that planted.h makes.
 */
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../experiments/commands/planted.h"

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
