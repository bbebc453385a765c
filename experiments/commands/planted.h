/* SPDX-License-Identifier: MIT
 *
 * planted.h -- outputs of two views whose truth is known, planted by kind: for the detector's
 * operating characteristic (plants.c) and its tests.
 */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../engine/philox.h"

/* ---- random numbers -------------------------------------------------------------------------- */

/* Draw number `at` of a seed. */
struct draws { uint32_t seed, at; };

static inline struct philox draw(struct draws *r)
{
    return philox4x32((struct philox){ { r->at++ } }, r->seed, 0);
}
/* In (0, 1), of 53 bits. */
static inline double words_uniform(uint32_t high, uint32_t low)
{
    return ((double)(((uint64_t)high << 32 | low) >> 11) + 0.5) / 9007199254740992.0;
}
static inline double draw_uniform(struct draws *r)
{
    const struct philox f = draw(r);
    return words_uniform(f.v[0], f.v[1]);
}
static inline double draw_gauss(struct draws *r)
{
    const struct philox f = draw(r);
    return sqrt(-2 * log(words_uniform(f.v[0], f.v[1]))) *
           cos(2 * M_PI * words_uniform(f.v[2], f.v[3]));
}

/* ---- planted outputs ------------------------------------------------------------------------- */

/* z_view = offset + image + view: image varies in `directions` directions, the k-th by k^-power, as
 * far as `between` in all; views by `within` in every direction, or `inside` these as images do.
 * The directions are cosines, so that each feature takes part; the offset is `offset` / sqrt(2)
 * long. */
struct planted {
    int n, d, directions;
    double power, between, within, offset;
    bool inside;
};

/* z1, z2 [n, d] */
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

/* row [d] += a normal point of this size in the basis' directions, the k-th by reach[k]. */
static inline void point_add(double *row, const struct planted *p, const double *basis,
                             const double *reach, double size, struct draws *r)
{
    double total = 0;
    for (int k = 0; k < p->directions; k++) total += reach[k] * reach[k];
    for (int k = 0; k < p->directions; k++) {
        const double along = size * reach[k] / sqrt(total) * draw_gauss(r);
        for (int c = 0; c < p->d; c++) row[c] += along * basis[k * p->d + c];
    }
}

static inline struct outputs outputs_make(struct planted p, unsigned seed)
{
    const size_t d = (size_t)p.d, cells = (size_t)p.n * d;
    struct outputs o = { calloc(cells, sizeof(float)), calloc(cells, sizeof(float)), p.n, p.d };
    double *const row = calloc(3 * d, sizeof *row), *const view[] = { row + d, row + 2 * d };
    double *const basis = basis_make(p.directions, p.d);
    double *const reach = calloc((size_t)p.directions + 1, sizeof *reach);
    if (!o.z1 || !o.z2 || !row || !reach) abort();
    struct draws r = { .seed = seed };
    for (int k = 0; k < p.directions; k++) reach[k] = pow(k + 1, -p.power);
    for (int i = 0; i < p.n; i++) {
        memset(row, 0, 3 * d * sizeof *row);
        point_add(row, &p, basis, reach, p.between, &r);
        for (int v = 0; p.inside && v < 2; v++) point_add(view[v], &p, basis, reach, p.within, &r);
        for (int k = 0; k < p.d; k++) {
            const double mean = p.offset * cos(1 + k) / sqrt(p.d) + row[k];
            for (int v = 0; !p.inside && v < 2; v++) view[v][k] = p.within / sqrt(p.d) * draw_gauss(&r);
            o.z1[(size_t)i * d + (size_t)k] = (float)(mean + view[0][k]);
            o.z2[(size_t)i * d + (size_t)k] = (float)(mean + view[1][k]);
        }
    }
    free(row);
    free(reach);
    free(basis);
    return o;
}
