/* SPDX-License-Identifier: MIT
 *
 * numbers.h -- something for a program to compute with, where no test looks at it.
 */
#pragma once
#include "../../engine/base.h"

/* n numbers between -1 and 1, the same in each call; the caller frees. */
static inline float *numbers(size_t n)
{
    float *const x = host_alloc(n, sizeof *x);
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state / 2147483648.0f;
    }
    return x;
}
