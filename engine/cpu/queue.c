/* SPDX-License-Identifier: MIT
 *
 * queue.c -- rows that move: into a shuffled batch and back, and into a queue (MoCo, Algorithm 1);
 * and running statistics of split batch norm, which the shuffle goes with.
 */
#include <assert.h>
#include <string.h>
#include "cpu.h"

void op_rows_take(void *y, const void *x, const dev_int *index_, int n, size_t bytes)
{
    const int32_t *const index = (const int32_t *)index_;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * bytes > 4 * PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        memcpy((char *)y + (size_t)i * bytes, (const char *)x + (size_t)index[i] * bytes, bytes);
}

void op_rows_put(void *y, const void *x, const dev_int *index_, int n, size_t bytes)
{
    const int32_t *const index = (const int32_t *)index_;
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * bytes > 4 * PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        memcpy((char *)y + (size_t)index[i] * bytes, (const char *)x + (size_t)i * bytes, bytes);
}

/* r = (1 - m) old + m now */
static float moved(float old, double now)
{
    const double m = (double)BN_MOMENTUM;
    return (float)((1 - m) * (double)old + m * now);
}

void op_bn_split(dev_float *run_mean, dev_float *run_var, const dev_float *old_mean,
                 const dev_float *old_var, const dev_float *mean_, const dev_float *rstd_,
                 struct bn_shape s)
{
    assert(s.groups > 0 && s.rows > 0 && s.c > 0);
    const float *const mean = float_in(mean_), *const rstd = float_in(rstd_);
    const double unbiased = s.rows > 1 ? s.rows / (s.rows - 1.0) : 1;
    for (int c = 0; c < s.c; c++) {
        double means = 0, vars = 0;
        for (int g = 0; g < s.groups; g++) {
            const double r = (double)rstd[g * s.c + c];
            means += (double)mean[g * s.c + c];
            vars += unbiased * (1 / (r * r) - (double)BN_EPS);
        }
        float_out(run_mean)[c] = moved(float_in(old_mean)[c], means / s.groups);
        float_out(run_var)[c] = moved(float_in(old_var)[c], vars / s.groups);
    }
}
