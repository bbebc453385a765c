/* SPDX-License-Identifier: MIT
 *
 * watched_launch.h -- stands before the kernels' sources in a rehearsal that watch.c watches: a
 * launch says its kernel's name, as nvcc's launches do by themselves (watch_device.c).
 */
#pragma once
#include <cuda_runtime.h>
#include "watch.h"

#undef LAUNCH_IN
#define LAUNCH_IN(stream, kernel, blocks, threads, ...)                         \
    do {                                                                        \
        watch_begin(#kernel);                                                   \
        rehearsal_launch((stream), (blocks), (threads), (kernel), __VA_ARGS__); \
        watch_end();                                                            \
    } while (0)
