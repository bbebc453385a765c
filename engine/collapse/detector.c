/* SPDX-License-Identifier: MIT
 *
 * detector.c -- rows in, evidence out: blocks of 128 rows are summed up and forgotten.
 *
 *   std_sqrtd = sqrt(d) mean_c std(z'_c)      view share S = E|z'1 - z'2|^2 / (2 E|z' - E z'|^2)
 *
 * One pass cannot know the mean.  All sums are of deviations from a pivot, the mean of the first
 * block, and are moved to the mean at the end: with a mean near 1 and a spread near 0, which is
 * what a collapse looks like, E z^2 - (E z)^2 would be all rounding.  Blocks are always whole, but
 * for the last one, so that the digits do not hang on how the caller cuts his rows.
 */
#include "detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = GRAM_ROWS, VIEWS = 2, ARRAYS = 3 }; /* z1, z2, rest */
enum { CHANNELS = GRAM_TILE, WIDE = GRAM_WIDE, ROW_TASKS = 8 };
static const double NORM_MIN = 1e-8; /* a zero row stays zero */
static const double VARIANCE_MIN = 1e-12; /* below it a share of the variance says nothing */
static const int FEW = 256;

/* Of z' over rows: sums [d] of deviations from the pivot, and of their squares. */
struct sums {
    double *pivot, *sum, *square;
};

struct simsiam_detector {
    int d, threads, status;
    bool with_rest, differ; /* some row's two views do */
    int64_t n; /* in whole blocks that are summed up */
    int held; /* rows of the block that fills */
    float *block[ARRAYS]; /* [ROWS, d] */
    double inverse[ARRAYS][ROWS]; /* 1 / |z| */
    double within_row[ROWS], within; /* |z'1 - z'2|^2, and over all rows */
    struct sums views, rest;
    /* The factors of the scatter matrices, in panels, what was taken from them, what is left of
     * their mean, and x^T x. */
    struct gram {
        double *x, *pivot, *sum, *gram;
    } s, t, at_rest;
};

/* ---- one block ----------------------------------------------------------------------------- */

/* A float's square neither vanishes nor overflows in double, so that a sum that is not finite tells
 * a number that is not. */
static void norms_take(struct simsiam_detector *c, int i)
{
    for (int a = 0; a < VIEWS + c->with_rest; a++) {
        const float *const z = c->block[a] + (size_t)i * (size_t)c->d;
        double square = 0;
        for (int k = 0; k < c->d; k++) square += (double)z[k] * z[k];
        const double norm = sqrt(square);
        c->inverse[a][i] = isfinite(norm) ? 1 / (norm < NORM_MIN ? NORM_MIN : norm) : NAN;
    }
}

static void norms_task(void *at, int task)
{
    struct simsiam_detector *const c = at;
    for (int i = task; i < c->held; i += ROW_TASKS) norms_take(c, i);
}

/* To a float's 24 bits, and to no infinity where two floats are as far apart as they can be. */
static double rounded(double x) { return 2 * (double)(float)(x / 2); }

/* Half sum, half difference and rest, less their pivots, rounded, into their panels; and the views'
 * distance. */
static void row_take(struct simsiam_detector *c, int i)
{
    const size_t from = (size_t)i * (size_t)c->d;
    const float *const z1 = c->block[0] + from, *const z2 = c->block[1] + from;
    double within = 0;
    for (int left = 0; left < c->d; left += WIDE) {
        double *const s = c->s.x + gram_at(i, left), *const t = c->t.x + gram_at(i, left);
        for (int k = left; k < left + WIDE && k < c->d; k++) {
            const double step = c->inverse[0][i] * z1[k] - c->inverse[1][i] * z2[k];
            within += step * step;
            s[k - left] = rounded(0.5 * z1[k] + 0.5 * z2[k] - c->s.pivot[k]);
            t[k - left] = rounded(0.5 * z1[k] - 0.5 * z2[k]);
        }
    }
    c->within_row[i] = within;
    for (int k = 0; c->with_rest && k < c->d; k++)
        c->at_rest.x[gram_at(i, k)] = rounded(c->block[2][from + (size_t)k] - c->at_rest.pivot[k]);
}

static void row_task(void *at, int task)
{
    struct simsiam_detector *const c = at;
    for (int i = task; i < c->held; i += ROW_TASKS) row_take(c, i);
}

static void sums_add(struct sums *s, const float *z, const double *inverse, int rows, int d,
                     int from, int to)
{
    for (int i = 0; i < rows; i++) {
        for (int k = from; k < to; k++) {
            const double deviation =
                inverse[i] * z[(size_t)i * (size_t)d + (size_t)k] - s->pivot[k];
            s->sum[k] += deviation;
            s->square[k] += deviation * deviation;
        }
    }
}

static void channels_add(struct simsiam_detector *c, int task)
{
    const int from = task * CHANNELS, to = from + CHANNELS < c->d ? from + CHANNELS : c->d;
    for (int a = 0; a < VIEWS; a++)
        sums_add(&c->views, c->block[a], c->inverse[a], c->held, c->d, from, to);
    if (c->with_rest) sums_add(&c->rest, c->block[2], c->inverse[2], c->held, c->d, from, to);
    for (int k = from; k < to; k++) {
        for (int i = 0; i < c->held; i++) {
            c->s.sum[k] += c->s.x[gram_at(i, k)];
            if (c->with_rest) c->at_rest.sum[k] += c->at_rest.x[gram_at(i, k)];
        }
    }
}

static int channel_tasks(int d) { return (d + CHANNELS - 1) / CHANNELS; }

/* The tiles of each scatter matrix, then the channels. */
static void sum_task(void *at, int task)
{
    struct simsiam_detector *const c = at;
    struct gram *const gram[] = { &c->s, &c->t, &c->at_rest };
    const int tiles = gram_tiles(c->d);
    for (int g = 0; g < VIEWS + c->with_rest; g++, task -= tiles) {
        if (task >= tiles) continue;
        gram_add(gram[g]->gram, gram[g]->x, c->held, c->d, task);
        return;
    }
    channels_add(c, task);
}

/* The first block's means. */
static void pivots_take(struct simsiam_detector *c)
{
    const double share = 1.0 / c->held;
    for (int i = 0; i < c->held; i++) {
        for (int k = 0; k < c->d; k++) {
            const size_t cell = (size_t)i * (size_t)c->d + (size_t)k;
            const double z1 = c->block[0][cell], z2 = c->block[1][cell];
            c->s.pivot[k] += share * (0.5 * z1 + 0.5 * z2);
            c->views.pivot[k] += share * 0.5 * (c->inverse[0][i] * z1 + c->inverse[1][i] * z2);
            if (!c->with_rest) continue;
            c->at_rest.pivot[k] += share * c->block[2][cell];
            c->rest.pivot[k] += share * c->inverse[2][i] * c->block[2][cell];
        }
    }
}

static void block_add(struct simsiam_detector *c)
{
    const size_t bytes = (size_t)c->held * (size_t)c->d * sizeof(float);
    team_run(ROW_TASKS, c->threads, norms_task, c);
    for (int a = 0; a < VIEWS + c->with_rest; a++)
        for (int i = 0; i < c->held; i++)
            if (isnan(c->inverse[a][i])) c->status = SIMSIAM_NOT_FINITE;
    if (c->status) return;
    c->differ = c->differ || memcmp(c->block[0], c->block[1], bytes) != 0;
    if (c->n == 0) pivots_take(c);
    team_run(ROW_TASKS, c->threads, row_task, c);
    for (int i = 0; i < c->held; i++) c->within += c->within_row[i];
    team_run((VIEWS + c->with_rest) * gram_tiles(c->d) + channel_tasks(c->d), c->threads, sum_task,
             c);
    c->n += c->held;
    c->held = 0;
}

/* ---- open, add, close ---------------------------------------------------------------------- */

static bool sums_open(struct sums *s, size_t d)
{
    s->pivot = calloc(3 * d, sizeof *s->pivot);
    if (!s->pivot) return false;
    s->sum = s->pivot + d;
    s->square = s->sum + d;
    return true;
}

static bool gram_open(struct gram *g, size_t d)
{
    g->x = calloc(gram_cells((int)d), sizeof *g->x);
    g->pivot = calloc(2 * d, sizeof *g->pivot);
    g->gram = calloc(d * d, sizeof *g->gram);
    if (!g->x || !g->pivot || !g->gram) return false;
    g->sum = g->pivot + d;
    return true;
}

static void gram_close(struct gram *g)
{
    free(g->x);
    free(g->pivot);
    free(g->gram);
}

void simsiam_close(struct simsiam_detector *c)
{
    if (!c) return;
    for (int a = 0; a < ARRAYS; a++) free(c->block[a]);
    free(c->views.pivot);
    free(c->rest.pivot);
    gram_close(&c->s);
    gram_close(&c->t);
    gram_close(&c->at_rest);
    free(c);
}

int simsiam_open(struct simsiam_detector **detector, int d, int with_rest, int threads)
{
    if (!detector || d < 1 || d > SIMSIAM_DIM_MAX || threads < 0) return SIMSIAM_BAD_ARGUMENT;
    struct simsiam_detector *const c = calloc(1, sizeof *c);
    *detector = NULL;
    if (!c) return SIMSIAM_NO_MEMORY;
    c->d = d;
    c->with_rest = with_rest;
    c->threads = threads ? threads : team_cores();
    const size_t features = (size_t)d;
    bool made =
        sums_open(&c->views, features) && gram_open(&c->s, features) && gram_open(&c->t, features);
    if (with_rest) made = made && sums_open(&c->rest, features) && gram_open(&c->at_rest, features);
    for (int a = 0; made && a < VIEWS + c->with_rest; a++) {
        c->block[a] = calloc(ROWS * features, sizeof *c->block[a]);
        made = c->block[a];
    }
    if (!made) {
        simsiam_close(c);
        return SIMSIAM_NO_MEMORY;
    }
    *detector = c;
    return SIMSIAM_OK;
}

int simsiam_add(struct simsiam_detector *c, const float *z1, const float *z2, const float *rest,
                int64_t rows)
{
    if (!c || !z1 || !z2 || rows < 0 || c->with_rest != (rest != NULL)) return SIMSIAM_BAD_ARGUMENT;
    const float *const from[ARRAYS] = { z1, z2, rest };
    const size_t d = (size_t)c->d;
    for (int64_t done = 0; done < rows && !c->status;) {
        const int64_t left = rows - done, room = ROWS - c->held, now = left < room ? left : room;
        for (int a = 0; a < VIEWS + c->with_rest; a++)
            memcpy(c->block[a] + (size_t)c->held * d, from[a] + (size_t)done * d,
                   (size_t)now * d * sizeof(float));
        c->held += (int)now;
        done += now;
        if (c->held == ROWS) block_add(c);
    }
    return c->status;
}

/* ---- measures ------------------------------------------------------------------------------ */

static struct scatter scatter_of(const struct simsiam_detector *c, double *moved)
{
    for (int k = 0; k < c->d; k++) {
        moved[k] = c->s.sum[k] / (double)c->n;
        if (c->with_rest) moved[c->d + k] = c->at_rest.sum[k] / (double)c->n;
    }
    return (struct scatter){ .s = c->s.gram,
                             .t = c->t.gram,
                             .rest = c->at_rest.gram,
                             .s_pivot = c->s.pivot,
                             .rest_pivot = c->at_rest.pivot,
                             .s_moved = moved,
                             .rest_moved = moved + c->d,
                             .n = c->n,
                             .d = c->d };
}

/* std_sqrtd and mean_norm of m rows; E|z' - E z'|^2 is returned. */
static double spread_take(struct simsiam_evidence *e, const struct sums *s, double m, int d)
{
    double std = 0, norm = 0, total = 0;
    for (int k = 0; k < d; k++) {
        const double moved = s->sum[k] / m, mean = s->pivot[k] + moved;
        const double square = fmax(s->square[k] - m * moved * moved, 0);
        std += sqrt(square / (m - 1)) / d; /* over m - 1, like PyTorch */
        norm += mean * mean;
        total += square / m;
    }
    e->std_sqrtd = sqrt(d) * std;
    e->mean_norm = sqrt(norm);
    return total;
}

/* The status of what has come so far, all of it summed up.  The views of a constant may be the same
 * numbers: that is no wrong file, it is what there is to find. */
static int enough(struct simsiam_detector *c)
{
    if (!c) return SIMSIAM_BAD_ARGUMENT;
    if (c->held && !c->status) block_add(c);
    if (c->status) return c->status;
    if (c->n < 2 || c->n < 2 * (c->d < FEW ? c->d : FEW)) return SIMSIAM_TOO_FEW;
    struct simsiam_evidence unused;
    const bool constant = spread_take(&unused, &c->views, 2.0 * (double)c->n, c->d) < VARIANCE_MIN;
    return c->differ || constant ? SIMSIAM_OK : SIMSIAM_TWINS;
}

int simsiam_measure(struct simsiam_detector *c, struct simsiam_evidence *e)
{
    if (!e) return SIMSIAM_BAD_ARGUMENT;
    int status = enough(c);
    if (status) return status;
    double *const moved = malloc(2 * (size_t)c->d * sizeof *moved);
    if (!moved) return SIMSIAM_NO_MEMORY;
    *e = (struct simsiam_evidence){ .n = c->n, .d = c->d };
    double total = spread_take(e, &c->views, 2.0 * (double)c->n, c->d);
    e->view_share = total < VARIANCE_MIN ? NAN : c->within / (double)c->n / (2 * total);
    if (c->with_rest) total = spread_take(e, &c->rest, (double)c->n, c->d);
    const struct scatter x = scatter_of(c, moved);
    status = spectral_measure(e, &x);
    if (total < VARIANCE_MIN)
        e->rank = e->participation = e->directions_90 = e->directions_99 = NAN;
    free(moved);
    return status;
}

int simsiam_compare(struct simsiam_detector *c, struct simsiam_others *o)
{
    if (!o) return SIMSIAM_BAD_ARGUMENT;
    int status = enough(c);
    if (status) return status;
    double *const moved = malloc(2 * (size_t)c->d * sizeof *moved);
    if (!moved) return SIMSIAM_NO_MEMORY;
    struct simsiam_evidence e;
    const double n = (double)c->n;
    if (c->with_rest)
        spread_take(&e, &c->rest, n, c->d);
    else
        spread_take(&e, &c->views, 2 * n, c->d);
    const struct scatter x = scatter_of(c, moved);
    status = spectral_compare(o, &x, c->threads);
    o->level = fmax(0, 1 - e.std_sqrtd);
    free(moved);
    return status;
}

int simsiam_check(struct simsiam_evidence *e, struct simsiam_verdict *v, const float *z1,
                  const float *z2, const float *rest, int64_t n, int d, int threads)
{
    if (!e || !v) return SIMSIAM_BAD_ARGUMENT;
    struct simsiam_detector *c;
    int status = simsiam_open(&c, d, rest != NULL, threads);
    if (status) return status;
    status = simsiam_add(c, z1, z2, rest, n);
    if (!status) status = simsiam_measure(c, e);
    if (!status) simsiam_judge(v, e, NULL);
    simsiam_close(c);
    return status;
}
