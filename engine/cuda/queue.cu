/* SPDX-License-Identifier: MIT
 *
 * queue.cu -- rows that move: into a shuffled batch and back, and into a queue (MoCo, Algorithm 1);
 * and running statistics of split batch norm, which the shuffle goes with.
 */
#include <assert.h>
#include "kernel.h"

/* Rows of `width` halves of a word. */
struct take_one {
    uint16_t *y;
    const uint16_t *x;
    const int32_t *index;
    size_t width;
    __device__ void operator()(size_t i) const
    {
        y[i] = x[(size_t)index[i / width] * width + i % width];
    }
};

struct put_one {
    uint16_t *y;
    const uint16_t *x;
    const int32_t *index;
    size_t width;
    __device__ void operator()(size_t i) const
    {
        y[(size_t)index[i / width] * width + i % width] = x[i];
    }
};

void op_rows_take(void *y, const void *x, const dev_int *index, int n, size_t bytes)
{
    assert(bytes % sizeof(uint16_t) == 0);
    const size_t width = bytes / sizeof(uint16_t);
    each((size_t)n * width,
         take_one{ (uint16_t *)y, (const uint16_t *)x, (const int32_t *)index, width });
}

void op_rows_put(void *y, const void *x, const dev_int *index, int n, size_t bytes)
{
    assert(bytes % sizeof(uint16_t) == 0);
    const size_t width = bytes / sizeof(uint16_t);
    each((size_t)n * width,
         put_one{ (uint16_t *)y, (const uint16_t *)x, (const int32_t *)index, width });
}

struct split_one {
    float *run_mean, *run_var;
    const float *old_mean, *old_var, *mean, *rstd;
    struct bn_shape s;
    double unbiased;
    __device__ void operator()(size_t c) const
    {
        const double m = (double)BN_MOMENTUM;
        double means = 0, vars = 0;
        for (int g = 0; g < s.groups; g++) {
            const double r = (double)rstd[(size_t)g * (size_t)s.c + c];
            means += (double)mean[(size_t)g * (size_t)s.c + c];
            vars += unbiased * (1 / (r * r) - (double)BN_EPS);
        }
        run_mean[c] = (float)((1 - m) * (double)old_mean[c] + m * (means / s.groups));
        run_var[c] = (float)((1 - m) * (double)old_var[c] + m * (vars / s.groups));
    }
};

void op_bn_split(dev_float *run_mean, dev_float *run_var, const dev_float *old_mean,
                 const dev_float *old_var, const dev_float *mean, const dev_float *rstd,
                 struct bn_shape s)
{
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    const double unbiased = s.rows > 1 ? s.rows / (s.rows - 1.0) : 1;
    each((size_t)s.c, split_one{ float_out(run_mean), float_out(run_var), float_in(old_mean),
                                 float_in(old_var), float_in(mean), float_in(rstd), s, unbiased });
}
