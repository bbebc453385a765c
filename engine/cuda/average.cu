/* SPDX-License-Identifier: MIT
 *
 * average.cu -- the moving average of the target (Sec. 5.2): eta = m memory + (1 - m) z, a block a
 * row.
 *
 * The one op that SimSiam alone asks for.
 */
#include <assert.h>
#include "kernel.h"

struct averaging { double m; bool from_first, normalise, keep; };

/* One row: eta, and the memory if it is to be kept, = m memory + (1 - m) a z. */
template <typename T>
__global__ void sim_average(T *eta, float *memory, const int32_t *index, const T *z, int d,
                            averaging how)
{
    const size_t at = (size_t)blockIdx.x * (size_t)d;
    float *const kept = memory + (size_t)index[blockIdx.x] * (size_t)d;
    const bool first = how.from_first && block_dot(kept, kept, d) == 0;
    const double a = how.normalise ? 1 / norm_of(block_dot(z + at, z + at, d)) : 1,
                 m = first ? 0 : how.m;
    for (int j = (int)threadIdx.x; j < d; j += THREADS) {
        const float v = (float)(m * (double)kept[j] + (1 - m) * a * (double)widen(z[at + j]));
        if (eta) narrow(&eta[at + j], v);
        if (how.keep) kept[j] = v;
    }
}

template <typename T>
static void average(dev_act *eta, dev_float *memory, const dev_int *index, const dev_act *z, int n,
                    int d, averaging how)
{
    LAUNCH(sim_average<T>, (unsigned)n, THREADS, (T *)eta, float_out(memory),
           (const int32_t *)index, (const T *)z, d, how);
}

void op_average(dev_act *eta, dev_float *memory, const dev_int *index, const dev_act *z, int n,
                int d, float momentum, bool from_first, bool normalise, bool keep)
{
    assert(n > 0 && d > 0);
    const averaging how = { (double)momentum, from_first, normalise, keep };
    WITH_ACT(average, eta, memory, index, z, n, d, how);
}
