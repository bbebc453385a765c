/* SPDX-License-Identifier: MIT
 *
 * maxpool.c -- max-pooling, of ImageNet's stem (He et al. 2016, Table 1).
 *
 *   y[n,p,q,c] = max over r, t of x[n, p stride - pad + r, q stride - pad + t, c]
 *
 * Where several taps are the largest, the first in the window's order has the gradient, and a NaN
 * is larger than any number: PyTorch's choices.  The backward finds the places again instead of
 * having kept them: x is there for the batch norm before it in any case, and reading it once more
 * costs less than a map that lives through the step.
 *
 * Loops over channels are plain C, which the compiler turns into vectors: a maximum has no
 * rounding, so that every instruction set gives the same bytes.
 */
#include <assert.h>
#include <math.h>
#include <omp.h>
#include "cpu.h"
#include "rows.h"

/* Channels at a time, in registers or the nearest cache; a whole number of vectors. */
enum { RUN = 64 };

static void shape_check(struct pool_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.r >= 1 && s.r * s.r <= 256 && s.stride >= 1 && s.pad >= 0 &&
           s.pad < s.r);
    assert(s.h + 2 * s.pad >= s.r && s.w + 2 * s.pad >= s.r);
    (void)s;
}

ALWAYS_INLINE float number(const void *x, size_t i, bool is_bf16)
{
    return is_bf16 ? float_of_bf16(((const bf16 *)x)[i]) : ((const float *)x)[i];
}

/* best[j], which[j]: the largest of channel `first` + j in the window of output pixel (p, q), and
 * its tap. */
ALWAYS_INLINE void window_max(float *best, int32_t *which, const void *x, size_t image, int p,
                              int q, int first, int channels, struct pool_shape s, bool is_bf16)
{
    const int h0 = p * s.stride - s.pad, w0 = q * s.stride - s.pad;
    const int r0 = h0 < 0 ? -h0 : 0, t0 = w0 < 0 ? -w0 : 0;
    for (int j = 0; j < channels; j++) {
        best[j] = -INFINITY;
        which[j] = r0 * s.r + t0;
    }
    for (int r = r0; r < s.r && h0 + r < s.h; r++)
        for (int t = t0; t < s.r && w0 + t < s.w; t++) {
            const size_t at = ((image * (size_t)s.h + (size_t)(h0 + r)) * (size_t)s.w +
                               (size_t)(w0 + t)) *
                                  (size_t)s.c +
                              (size_t)first;
            const int32_t tap = r * s.r + t;
            for (int j = 0; j < channels; j++) {
                const float v = number(x, at + (size_t)j, is_bf16);
                const bool larger = v > best[j] || isnan(v);
                best[j] = larger ? v : best[j];
                which[j] = larger ? tap : which[j];
            }
        }
}

/* ---- forward --------------------------------------------------------------------------------- */

ALWAYS_INLINE void row_fwd(dev_act *y, const dev_act *x, size_t row, int rows, int columns,
                           struct pool_shape s, bool is_bf16)
{
    float best[RUN];
    int32_t which[RUN];
    for (int q = 0; q < columns; q++)
        for (int first = 0; first < s.c; first += RUN) {
            const int channels = s.c - first < RUN ? s.c - first : RUN;
            const size_t at = (row * (size_t)columns + (size_t)q) * (size_t)s.c + (size_t)first;
            window_max(best, which, x, row / (size_t)rows, (int)(row % (size_t)rows), q, first,
                       channels, s, is_bf16);
            for (int j = 0; j < channels; j += LANES)
                store(y, at + (size_t)j, vec_load(best + j), lanes_at((size_t)j, (size_t)channels),
                      is_bf16);
        }
}

void op_max_pool_fwd(dev_act *y, const dev_act *x, struct pool_shape s)
{
    shape_check(s);
    const int rows = conv_out(s.h, s.r, s.stride, s.pad),
              columns = conv_out(s.w, s.r, s.stride, s.pad);
    const size_t all = (size_t)s.n * (size_t)rows;
#pragma omp parallel for num_threads(cpu_threads()) if (all * (size_t)columns * (size_t)s.c > PARALLEL_MIN)
    for (size_t row = 0; row < all; row++) {
        if (cpu_bf16()) row_fwd(y, x, row, rows, columns, s, true);
        else row_fwd(y, x, row, rows, columns, s, false);
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* The windows that see place `at` of a side: first .. last of 0 .. windows - 1. */
struct span { int first, last; };
static inline struct span windows_over(int at, int windows, struct pool_shape s)
{
    const int low = at + s.pad - s.r + 1, last = (at + s.pad) / s.stride;
    return (struct span){ low > 0 ? (low + s.stride - 1) / s.stride : 0,
                          last < windows ? last : windows - 1 };
}

/* taps[P,Q,C] of one image. */
ALWAYS_INLINE void image_taps(uint8_t *taps, const dev_act *x, size_t image, int rows, int columns,
                              struct pool_shape s, bool is_bf16)
{
    float best[RUN];
    int32_t which[RUN];
    for (int p = 0; p < rows; p++)
        for (int q = 0; q < columns; q++)
            for (int first = 0; first < s.c; first += RUN) {
                const int channels = s.c - first < RUN ? s.c - first : RUN;
                window_max(best, which, x, image, p, q, first, channels, s, is_bf16);
                for (int j = 0; j < channels; j++) *taps++ = (uint8_t)which[j];
            }
}

/* dx of one input pixel gathers from the windows that see it, so that it is rounded once. */
ALWAYS_INLINE void image_bwd(struct act_grad dx, const dev_act *dy, const uint8_t *taps,
                             size_t image, int rows, int columns, struct pool_shape s, bool is_bf16)
{
    const size_t c = (size_t)s.c;
    for (int pixel = 0; pixel < s.h * s.w; pixel++) {
        const int h = pixel / s.w, w = pixel % s.w;
        const struct span over_h = windows_over(h, rows, s), over_w = windows_over(w, columns, s);
        for (int first = 0; first < s.c; first += RUN) {
            const int channels = s.c - first < RUN ? s.c - first : RUN;
            float sum[RUN] = { 0 };
            for (int p = over_h.first; p <= over_h.last; p++)
                for (int q = over_w.first; q <= over_w.last; q++) {
                    const int tap = (h - p * s.stride + s.pad) * s.r + w - q * s.stride + s.pad;
                    const size_t out = ((size_t)p * (size_t)columns + (size_t)q) * c +
                                       (size_t)first;
                    const size_t at = image * (size_t)rows * (size_t)columns * c + out;
                    for (int j = 0; j < channels; j++)
                        sum[j] += taps[out + (size_t)j] == tap ? number(dy, at + (size_t)j, is_bf16)
                                                               : 0;
                }
            const size_t at = (image * (size_t)(s.h * s.w) + (size_t)pixel) * c + (size_t)first;
            for (int j = 0; j < channels; j += LANES)
                store_grad(dx, at + (size_t)j, vec_load(sum + j),
                           lanes_at((size_t)j, (size_t)channels), is_bf16);
        }
    }
}

void op_max_pool_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, struct pool_shape s)
{
    if (!dx.at) return;
    shape_check(s);
    const int rows = conv_out(s.h, s.r, s.stride, s.pad),
              columns = conv_out(s.w, s.r, s.stride, s.pad);
    const size_t room = 4 * line_floats(((size_t)rows * (size_t)columns * (size_t)s.c + 3) / 4);
    uint8_t *const scratch = cpu_scratch(SCRATCH_WORK, room * (size_t)cpu_threads());
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)s.n * room > PARALLEL_MIN)
    for (int i = 0; i < s.n; i++) {
        uint8_t *const taps = scratch + room * (size_t)omp_get_thread_num();
        if (cpu_bf16()) {
            image_taps(taps, x, (size_t)i, rows, columns, s, true);
            image_bwd(dx, dy, taps, (size_t)i, rows, columns, s, true);
        } else {
            image_taps(taps, x, (size_t)i, rows, columns, s, false);
            image_bwd(dx, dy, taps, (size_t)i, rows, columns, s, false);
        }
    }
}
