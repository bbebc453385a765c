/* SPDX-License-Identifier: MIT
 *
 * narrow.c -- floats that become activations, and gradients on the way there and back.
 */
#include "rows.h"

void op_act_to_float_bwd(struct act_grad dx, const dev_float *dy, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        const vec v = load(dy, i, lanes, false);
        if (cpu_bf16()) store_grad(dx, i, v, lanes, true);
        else store_grad(dx, i, v, lanes, false);
    }
}

void op_float_to_act(dev_act *y, const dev_float *x, size_t n)
{
    op_act_to_float_bwd((struct act_grad){ y, false }, x, n);
}

void op_float_to_act_bwd(dev_float *dx, const dev_act *dy, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i += LANES) {
        const int lanes = lanes_at(i, n);
        const vec v = cpu_bf16() ? load(dy, i, lanes, true) : load(dy, i, lanes, false);
        store(dx, i, vec_add(load(dx, i, lanes, false), v), lanes, false);
    }
}
