/* SPDX-License-Identifier: MIT
 *
 * ema.cu -- the moving average of a block of weights: y = m y + (1 - m) x, the update of a target
 * network (BYOL, eq. 1).
 *
 * In double, rounded once, as on the CPU: the same digits.
 */
#include "kernel.h"
#include "weights.h"

template <typename T> struct ema_one {
    float *y;
    T *twin;
    const float *x, *momentum;
    __device__ void operator()(size_t i) const
    {
        const double m = (double)momentum[0];
        if (m == 1) return;                              /* not y + 0 x: x may be infinite */
        y[i] = m == 0 ? x[i] : (float)(m * (double)y[i] + (1 - m) * (double)x[i]);
        if (twin) narrow(&twin[i], y[i]);
    }
};

template <typename T>
static void ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n)
{
    each(n, ema_one<T>{ float_out(y), (T *)twin_to_write(float_in(y)), float_in(x),
                        float_in(momentum) });
}

void op_ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n)
{
    if (n) WITH_ACT(ema, y, x, momentum, n);
}
