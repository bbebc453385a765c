/* SPDX-License-Identifier: MIT
 *
 * threads.h -- stands before the kernels' sources where a block's threads are the host's own (threads.c):
 * each has its index, and a launch says its kernel's name.
 */
#pragma once
#define REHEARSAL_OWN __thread
#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Says on stdout what is launched. */
void rehearsal_named(const char *file, const char *kernel);
#ifdef __cplusplus
}
#endif

#undef LAUNCH_IN
#define LAUNCH_IN(stream, kernel, blocks, threads, ...)                         \
    do {                                                                        \
        rehearsal_named(__FILE__, #kernel);                                     \
        rehearsal_launch((stream), (blocks), (threads), (kernel), __VA_ARGS__); \
    } while (0)
