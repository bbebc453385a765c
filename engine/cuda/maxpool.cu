/* SPDX-License-Identifier: MIT
 *
 * maxpool.cu -- max-pooling, of ImageNet's stem (He et al. 2016).
 *
 * The backward asks each input pixel which of the windows over it have it as their first largest,
 * so that no two threads add to one place.
 */
#include <assert.h>
#include "kernel.h"

/* Where in x [N,H,W,C] the first largest of the window of output (n, p, q) lies, channel c; NaN is
 * larger than any number. */
template <typename T>
__device__ static size_t largest_at(const T *x, size_t n, int p, int q, int c, pool_shape s)
{
    size_t best = 0;
    bool any = false;
    for (int i = 0; i < s.r; i++)
        for (int j = 0; j < s.r; j++) {
            const int h = p * s.stride - s.pad + i, w = q * s.stride - s.pad + j;
            if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
            const size_t at =
                ((n * (size_t)s.h + (size_t)h) * (size_t)s.w + (size_t)w) * (size_t)s.c + (size_t)c;
            const float v = widen(x[at]), most = any ? widen(x[best]) : 0;
            if (!any || v > most || (isnan(v) && !isnan(most))) best = at;
            any = true;
        }
    return best;
}

/* i counts y [N,P,Q,C]. */
template <typename T> struct max_one {
    T *y;
    const T *x;
    pool_shape s;
    int rows, columns;
    __device__ void operator()(size_t i) const
    {
        const size_t pixel = i / (size_t)s.c, row = pixel / (size_t)columns;
        const int p = (int)(row % (size_t)rows), q = (int)(pixel % (size_t)columns);
        y[i] = x[largest_at(x, row / (size_t)rows, p, q, (int)(i % (size_t)s.c), s)];
    }
};

/* i counts x [N,H,W,C]: the windows over a place are those p with p stride - pad <= h < p stride -
 * pad + r. */
template <typename T> struct max_back {
    grad_to<T> dx;
    const T *dy, *x;
    pool_shape s;
    int rows, columns;
    __device__ static int first(int at, pool_shape s)
    {
        const int past = at + s.pad - s.r + 1;
        return past <= 0 ? 0 : (past + s.stride - 1) / s.stride;
    }
    __device__ void operator()(size_t i) const
    {
        const size_t c = i % (size_t)s.c, pixel = i / (size_t)s.c,
                     n = pixel / ((size_t)s.h * (size_t)s.w);
        const int h = (int)(pixel / (size_t)s.w % (size_t)s.h), w = (int)(pixel % (size_t)s.w);
        double sum = 0;
        for (int p = first(h, s); p < rows && p * s.stride - s.pad <= h; p++)
            for (int q = first(w, s); q < columns && q * s.stride - s.pad <= w; q++)
                if (largest_at(x, n, p, q, (int)c, s) == i)
                    sum += (double)widen(
                        dy[((n * (size_t)rows + (size_t)p) * (size_t)columns + (size_t)q) *
                               (size_t)s.c +
                           c]);
        dx.put(i, (float)sum);
    }
};

template <typename T>
static void max_fwd(dev_act *y, const dev_act *x, pool_shape s, int rows, int columns)
{
    const size_t n = (size_t)s.n * (size_t)rows * (size_t)columns * (size_t)s.c;
    each(n, max_one<T>{ (T *)y, (const T *)x, s, rows, columns });
}

void op_max_pool_fwd(dev_act *y, const dev_act *x, struct pool_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.r >= 1 && s.pad >= 0 && s.pad < s.r);
    WITH_ACT(max_fwd, y, x, s, conv_out(s.h, s.r, s.stride, s.pad),
             conv_out(s.w, s.r, s.stride, s.pad));
}

template <typename T>
static void max_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, pool_shape s, int rows,
                    int columns)
{
    const size_t n = (size_t)s.n * (size_t)s.h * (size_t)s.w * (size_t)s.c;
    each(n, max_back<T>{ grad_of<T>(dx), (const T *)dy, (const T *)x, s, rows, columns });
}

void op_max_pool_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, struct pool_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.r >= 1 && s.pad >= 0 && s.pad < s.r);
    if (dx.at)
        WITH_ACT(max_bwd, dx, dy, x, s, conv_out(s.h, s.r, s.stride, s.pad),
                 conv_out(s.w, s.r, s.stride, s.pad));
}
