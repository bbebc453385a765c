/* SPDX-License-Identifier: MIT
 *
 * ema.cu -- the moving average of a block of weights: y = m y + (1 - m) x, the update of a target
 * network (BYOL, eq. 1).
 *
 * In double, rounded once, as on the CPU: the same digits.
 */
#include "kernel.h"

struct ema_one {
    float *y;
    const float *x, *momentum;
    __device__ void operator()(size_t i) const
    {
        const double m = (double)momentum[0];
        if (m == 1) return;                              /* not y + 0 x: x may be infinite */
        y[i] = m == 0 ? x[i] : (float)(m * (double)y[i] + (1 - m) * (double)x[i]);
    }
};

void op_ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n)
{
    each(n, ema_one{ float_out(y), float_in(x), float_in(momentum) });
}
