/* SPDX-License-Identifier: MIT
 *
 * detector.h -- what the files of the detector share, and nobody else sees.
 *
 * The views' half sum and half difference, s = (z1 + z2) / 2 and t = (z1 - z2) / 2, hold all that
 * the spectra need: both views' scatter is 2 (s s^T + t t^T), a sample's two outputs have the mean
 * s, and lie at s + t and s - t.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simsiam_collapse.h"

/* ---- team.c ---------------------------------------------------------------------------------- */

/* f(context, task) for task = 0 .. tasks-1, each once, in no order, by so many threads at most. */
typedef void task_fn(void *context, int task);
void team_run(int tasks, int threads, task_fn *f, void *context);
int team_cores(void);

/* ---- gram.c ---------------------------------------------------------------------------------- */

enum { GRAM_TILE = 48, GRAM_WIDE = 12, GRAM_ROWS = 128 };
/* x [GRAM_ROWS, d] lies in panels of GRAM_WIDE columns, and has room for whole tiles of them, which
 * are zeros beyond d: so many cells, and where a cell is. */
size_t gram_cells(int d);
static inline size_t gram_at(int row, int column)
{
    return ((size_t)(column / GRAM_WIDE) * GRAM_ROWS + (size_t)row) * GRAM_WIDE +
           (size_t)(column % GRAM_WIDE);
}
/* The number of tiles on and above the diagonal of [d, d]. */
int gram_tiles(int d);
/* gram [d, d] += x^T x of the first rows, in one of these tiles.  x holds numbers of 24 bits. */
void gram_add(double *gram, const double *x, int rows, int d, int tile);

/* ---- eigenvalues.c --------------------------------------------------------------------------- */

/* value[d]: the eigenvalues of the symmetric a [d, d], descending; a's lower triangle is read, and
 * overwritten.  SIMSIAM_OK, _NO_MEMORY or _NO_CONVERGENCE. */
int eigenvalues(double *value, double *a, int d);

/* ---- spectral.c ------------------------------------------------------------------------------ */

/* The lower triangles of scatter matrices [d, d], from those of s, t and rest and their means. */
struct scatter {
    /* Upper triangles of (s - pivot)^T (s - pivot), t^T t, and as the first; rest may be NULL. */
    const double *s, *t, *rest;
    const double *s_pivot, *rest_pivot;        /* [d] */
    const double *s_moved, *rest_moved;        /* [d], mean - pivot */
    int64_t n;
    int d;
};
int spectral_measure(struct simsiam_evidence *e, const struct scatter *x);
int spectral_compare(struct simsiam_others *o, const struct scatter *x, int threads);
