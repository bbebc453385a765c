/* SPDX-License-Identifier: MIT
 *
 * ema.c -- the moving average of a block of weights: y = m y + (1 - m) x, the update of a target
 * network (BYOL, eq. 1).
 *
 * In double, rounded once: the products are exact, so that a y that equals x stays x whatever m is.
 */
#include <string.h>
#include "cpu.h"

void op_ema(dev_float *y_, const dev_float *x_, const dev_float *momentum, size_t n)
{
    float *const y = float_out(y_);
    const float *const x = float_in(x_);
    const double m = (double)*float_in(momentum);
    if (m == 1) return;                                  /* not y + 0 x: x may be infinite */
    if (m == 0) {
        memcpy(y, x, n * sizeof *y);
        return;
    }
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) y[i] = (float)(m * (double)y[i] + (1 - m) * (double)x[i]);
}
