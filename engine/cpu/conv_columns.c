/* SPDX-License-Identifier: MIT
 *
 * conv_columns.c -- convolution as matrix products, which serves every shape and CPU:
 *
 *     y[pixels, K] = columns[pixels, R R C] w[K, R R C]^T
 *
 * A pixel is one of the N P Q output pixels; its row of `columns` holds the R x R window of x it
 * sees (im2col).  With NHWC images and KRSC weights each row of a window is one contiguous copy.
 * Columns are made for a block of pixels at a time, which stays in the cache between the copy and
 * the product.
 */
#include <assert.h>
#include <cblas.h>
#include <omp.h>
#include <string.h>
#include "conv.h"

struct geometry {
    struct conv_shape s;
    int p, q;                            /* output height and width */
    size_t pixels;                       /* N P Q */
    int depth;                           /* R R C: length of a window */
    int block;                           /* pixels whose columns are made at a time */
    bool plain;                          /* the columns are x itself: 1 x 1, stride 1 */
};

/* OpenBLAS multiplies without first copying its operands when there are at most 100^3 products,
 * which is worth a third of the time at 32 channels.  Where such a block would be too thin, one
 * that still fits a 1 MB cache. */
static int block_pixels(int depth, int k)
{
    enum { UNPACKED = 1000000, THIN = 32, USUAL = 192, MOST = 512 };
    const int n = (int)(UNPACKED / ((size_t)depth * (size_t)k));
    return n < THIN ? USUAL : n < MOST ? n : MOST;
}

static struct geometry geometry_of(struct conv_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.k > 0 && s.r >= 1 && s.stride >= 1 && s.pad >= 0 && s.pad < s.r);
    assert(s.h + 2 * s.pad >= s.r && s.w + 2 * s.pad >= s.r);
    struct geometry g = { .s = s };
    g.p = conv_out(s.h, s.r, s.stride, s.pad);
    g.q = conv_out(s.w, s.r, s.stride, s.pad);
    g.pixels = (size_t)s.n * (size_t)g.p * (size_t)g.q;
    g.depth = s.r * s.r * s.c;
    g.block = block_pixels(g.depth, s.k);
    g.plain = s.r == 1 && s.stride == 1 && s.pad == 0;
    return g;
}

static size_t block_count(const struct geometry *g)
{
    return (g->pixels + (size_t)g->block - 1) / (size_t)g->block;
}

/* Floats of one thread's columns. */
static size_t columns_floats(const struct geometry *g)
{
    return line_floats((size_t)g->block * (size_t)g->depth);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* A row of a window begins at column w of the image's row and is r pixels wide; those outside are
 * zero. */
static inline void window_row_copy(float *dst, const float *row, int w, const struct conv_shape *s)
{
    const size_t c = (size_t)s->c;
    if (w >= 0 && w + s->r <= s->w) {
        const float *src = row + (size_t)w * c;
        /* The stems' windows: a length the compiler knows makes this two moves instead of a
         * call. */
        if (c == 3 && s->r == 3) memcpy(dst, src, 9 * sizeof *dst);
        else if (c == 3 && s->r == 7) memcpy(dst, src, 21 * sizeof *dst);
        else memcpy(dst, src, (size_t)s->r * c * sizeof *dst);
        return;
    }
    for (int i = 0; i < s->r; i++, dst += c) {
        if (w + i >= 0 && w + i < s->w) memcpy(dst, row + (size_t)(w + i) * c, c * sizeof *dst);
        else memset(dst, 0, c * sizeof *dst);
    }
}

/* columns[n, R R C]: the windows of output pixels first .. first + n - 1. */
static void columns_make(float *columns, const float *x, const struct geometry *g, size_t first,
                         int n)
{
    const struct conv_shape *s = &g->s;
    const size_t row_floats = (size_t)s->r * (size_t)s->c, image_row = (size_t)s->w * (size_t)s->c;
    const size_t out_row = first / (size_t)g->q;
    int image = (int)(out_row / (size_t)g->p), p = (int)(out_row % (size_t)g->p),
        q = (int)(first % (size_t)g->q);
    for (int i = 0; i < n; ) {
        const int run = g->q - q < n - i ? g->q - q : n - i;    /* pixels left in this output row */
        for (int r = 0; r < s->r; r++) {
            const int h = p * s->stride - s->pad + r;
            float *dst = columns + (size_t)i * (size_t)g->depth + (size_t)r * row_floats;
            const float *row = x +
                               ((size_t)image * (size_t)s->h + (size_t)(h < 0 ? 0 : h)) * image_row;
            for (int j = 0; j < run; j++, dst += g->depth) {
                if (h < 0 || h >= s->h) memset(dst, 0, row_floats * sizeof *dst);
                else window_row_copy(dst, row, (q + j) * s->stride - s->pad, s);
            }
        }
        i += run;
        q = 0;
        if (++p < g->p) continue;
        p = 0;
        image++;
    }
}

/* The reverse: adds each window of `columns` to where it came from in dx. */
static void columns_add(float *dx, const float *columns, const struct geometry *g, size_t first,
                        int n)
{
    const struct conv_shape *s = &g->s;
    for (int i = 0; i < n; i++) {
        const size_t pixel = first + (size_t)i, out_row = pixel / (size_t)g->q;
        const size_t image = out_row / (size_t)g->p;
        const int h0 = (int)(out_row % (size_t)g->p) * s->stride - s->pad;
        const int w0 = (int)(pixel % (size_t)g->q) * s->stride - s->pad;
        /* inside the image */
        const int low = w0 < 0 ? -w0 : 0, high = w0 + s->r > s->w ? s->w - w0 : s->r;
        for (int r = 0; r < s->r; r++) {
            if (h0 + r < 0 || h0 + r >= s->h) continue;
            const size_t tap = (size_t)i * (size_t)(s->r * s->r) + (size_t)(r * s->r + low);
            const size_t at = (image * (size_t)s->h + (size_t)(h0 + r)) * (size_t)s->w +
                              (size_t)(w0 + low);
            const float *restrict src = columns + tap * (size_t)s->c;
            float *restrict dst = dx + at * (size_t)s->c;
            for (int j = 0; j < (high - low) * s->c; j++) dst[j] += src[j];
        }
    }
}

/* ---- forward --------------------------------------------------------------------------------- */

/* t[n,m] = transpose of a[m,n], in squares that stay in the nearest cache. */
static void transpose(float *t, const float *a, int m, int n)
{
    enum { SQUARE = 32 };
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)m * n > PARALLEL_MIN)
    for (int j0 = 0; j0 < n; j0 += SQUARE)
        for (int i0 = 0; i0 < m; i0 += SQUARE)
            for (int j = j0; j < j0 + SQUARE && j < n; j++)
                for (int i = i0; i < i0 + SQUARE && i < m; i++)
                    t[(size_t)j * m + i] = a[(size_t)i * n + j];
}

/* y = columns(x) wt + beta y, with weights wt[R R C, K] already transposed: BLAS is faster that way
 * round. */
static void convolve(float *y, const float *x, const float *wt, const struct geometry *g,
                     float beta, float *columns)
{
    const size_t blocks = block_count(g), step = columns_floats(g);
    const int k = g->s.k;
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic, 4) if (blocks > 1)
    for (size_t b = 0; b < blocks; b++) {
        const size_t first = b * (size_t)g->block;
        const int n = g->pixels - first < (size_t)g->block ? (int)(g->pixels - first) : g->block;
        float *const own = columns + step * (size_t)omp_get_thread_num();
        if (!g->plain) columns_make(own, x, g, first, n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, g->depth, 1.0f,
                    g->plain ? x + first * (size_t)g->depth : own, g->depth, wt, k, beta,
                    y + first * (size_t)k, k);
    }
}

/* Scratch for convolve(): the transposed weights, then each thread's columns. */
static float *convolve_scratch(const struct geometry *g, float **columns)
{
    const size_t weights = line_floats((size_t)g->depth * (size_t)g->s.k);
    float *wt = cpu_scratch(SCRATCH_WORK,
                            (weights + columns_floats(g) * (size_t)cpu_threads()) * sizeof *wt);
    *columns = wt + weights;
    return wt;
}

void conv_columns_fwd(float *y, const float *x, const float *w, struct conv_shape s)
{
    const struct geometry g = geometry_of(s);
    float *columns, *wt = convolve_scratch(&g, &columns);
    transpose(wt, w, s.k, g.depth);
    convolve(y, x, wt, &g, 0.0f, columns);
}

/* ---- backward: dx ---------------------------------------------------------------------------- */

/* With stride 1 the transposed convolution is a convolution of dy with the weights turned by 180
 * degrees and their input and output channels exchanged; it adds straight into dx. */
static void input_gradient_dense(float *dx, bool add, const float *dy, const float *w,
                                 const struct geometry *g)
{
    const struct conv_shape s = g->s;
    const struct conv_shape turned = { .n = s.n, .h = g->p, .w = g->q, .c = s.k, .k = s.c, .r = s.r,
                                       .stride = 1, .pad = s.r - 1 - s.pad };
    const struct geometry t = geometry_of(turned);
    float *columns, *wt = convolve_scratch(&t, &columns);
    const int taps = s.r * s.r;
    for (int tap = 0; tap < taps; tap++)           /* wt[R,R,K,C] from w[K,R,R,C] */
        for (int k = 0; k < s.k; k++)
            memcpy(wt + ((size_t)(taps - 1 - tap) * s.k + k) * s.c,
                   w + ((size_t)k * taps + tap) * s.c, (size_t)s.c * sizeof *wt);
    convolve(dx, dy, wt, &t, add ? 1.0f : 0.0f, columns);
}

/* Any stride: columns = dy w, added back window by window.  Windows overlap within an image, so a
 * thread takes whole images, several when they are small. */
static void input_gradient_strided(float *dx, const float *dy, const float *w,
                                   const struct geometry *g)
{
    const int per_image = g->p * g->q, group = g->block > per_image ? g->block / per_image : 1;
    const size_t step = columns_floats(g);
    float *columns = cpu_scratch(SCRATCH_WORK, step * (size_t)cpu_threads() * sizeof *columns);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
    for (int image = 0; image < g->s.n; image += group) {
        const int images = g->s.n - image < group ? g->s.n - image : group;
        const size_t end = (size_t)(image + images) * (size_t)per_image;
        float *const own = columns + step * (size_t)omp_get_thread_num();
        for (size_t first = (size_t)image * (size_t)per_image; first < end;
             first += (size_t)g->block) {
            const int n = end - first < (size_t)g->block ? (int)(end - first) : g->block;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, g->depth, g->s.k, 1.0f,
                        dy + first * (size_t)g->s.k, g->s.k, w, g->depth, 0.0f, own, g->depth);
            columns_add(dx, own, g, first, n);
        }
    }
}

void conv_columns_dgrad(float *dx, bool add, const float *dy, const float *w, struct conv_shape s)
{
    const struct geometry g = geometry_of(s);
    if (s.stride == 1) {
        input_gradient_dense(dx, add, dy, w, &g);
        return;
    }
    if (!add) memset(dx, 0, (size_t)s.n * s.h * s.w * s.c * sizeof *dx);
    input_gradient_strided(dx, dy, w, &g);
}

/* ---- backward: dw ---------------------------------------------------------------------------- */

/* dw[i] += part[0][i] + part[1][i] + ..., in that order. */
static void parts_add(float *dw, const float *part, int parts, size_t size)
{
    enum { RUN = 256 };
#pragma omp parallel for num_threads(cpu_threads()) if (size * (size_t)parts > PARALLEL_MIN)
    for (size_t first = 0; first < size; first += RUN) {
        const size_t n = size - first < RUN ? size - first : RUN;
        float sum[RUN] = { 0 };
        for (int i = 0; i < parts; i++)
            for (size_t j = 0; j < n; j++) sum[j] += part[(size_t)i * size + first + j];
        for (size_t j = 0; j < n; j++) dw[first + j] += sum[j];
    }
}

/* 16 tasks: ranges of pixels, each with its own partial sum, times tiles of output channels.  Wide
 * layers have more tiles and fewer ranges: partial sums of large weights cost more memory traffic
 * than columns made again. */
static void weight_gradient(float *dw, const float *dy, const float *x, const struct geometry *g)
{
    enum { TASKS = 16 };
    const int k = g->s.k, tiles = k >= 256 ? 4 : k >= 128 ? 2 : 1;
    const int ranges = g->pixels < TASKS / (size_t)tiles ? (int)g->pixels : TASKS / tiles;
    const size_t size = (size_t)k * (size_t)g->depth, step = columns_floats(g);
    const size_t floats = line_floats(size * (size_t)ranges) + step * (size_t)cpu_threads();
    float *part = cpu_scratch(SCRATCH_WORK, floats * sizeof *part);
    float *columns = part + line_floats(size * (size_t)ranges);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
    for (int task = 0; task < ranges * tiles; task++) {
        const size_t begin = chunk_start(g->pixels, ranges, task / tiles);
        const size_t end = chunk_start(g->pixels, ranges, task / tiles + 1);
        const size_t k0 = chunk_start((size_t)k, tiles, task % tiles);
        const size_t k1 = chunk_start((size_t)k, tiles, task % tiles + 1);
        float *const own = columns + step * (size_t)omp_get_thread_num();
        float *const out = part + size * (size_t)(task / tiles) + k0 * (size_t)g->depth;
        for (size_t first = begin; first < end; first += (size_t)g->block) {
            const int n = end - first < (size_t)g->block ? (int)(end - first) : g->block;
            if (!g->plain) columns_make(own, x, g, first, n);
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(k1 - k0), g->depth, n, 1.0f,
                        dy + first * (size_t)k + k0, k,
                        g->plain ? x + first * (size_t)g->depth : own, g->depth,
                        first == begin ? 0.0f : 1.0f, out, g->depth);
        }
    }
    parts_add(dw, part, ranges, size);
}

void conv_columns_wgrad(float *dw, const float *dy, const float *x, struct conv_shape s)
{
    const struct geometry g = geometry_of(s);
    weight_gradient(dw, dy, x, &g);
}
