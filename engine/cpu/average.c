/* SPDX-License-Identifier: MIT
 *
 * average.c -- the moving average of the target (Sec. 5.2): eta = m memory + (1 - m) z, an image a
 * row.
 *
 * The one op that SimSiam alone asks for.  Rows are independent of each other; arithmetic is
 * double.
 */
#include <assert.h>
#include "cpu.h"
#include "rows.h"

/* One row: eta, and the memory if it is to be kept, = m memory + (1 - m) a z. */
ALWAYS_INLINE void average_row(dev_act *eta, float *memory, const dev_act *z, size_t at, double m,
                               double a, size_t d, bool keep, bool is_bf16)
{
    float x[LANES], y[LANES];
    for (size_t i = 0; i < d; i += LANES) {
        const int lanes = lanes_at(i, d);
        vec_store(x, load(z, at + i, lanes, is_bf16));
        vec_store(y, load(memory, i, lanes, false));
        for (int j = 0; j < LANES; j++)
            x[j] = (float)(m * (double)y[j] + (1 - m) * a * (double)x[j]);
        if (eta) store(eta, at + i, vec_load(x), lanes, is_bf16);
        if (keep) store(memory, i, vec_load(x), lanes, false);
    }
}

void op_average(dev_act *eta, dev_float *memory, const dev_int *index_, const dev_act *z, int n,
                int d_, float momentum, bool from_first, bool normalise, bool keep)
{
    assert(n > 0 && d_ > 0);
    const size_t d = (size_t)d_;
    const int32_t *const index = (const int32_t *)index_;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * d > PARALLEL_MIN)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * d;
        float *const own = float_out(memory) + (size_t)index[i] * d;
        const bool first = from_first && dot(own, own, d) == 0;
        const double a = normalise ? 1 / norm_of(act_dot(z, z, at, d)) : 1,
                     m = first ? 0 : (double)momentum;
        if (cpu_bf16()) average_row(eta, own, z, at, m, a, d, keep, true);
        else average_row(eta, own, z, at, m, a, d, keep, false);
    }
}
