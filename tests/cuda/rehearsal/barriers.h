/* SPDX-License-Identifier: MIT
 *
 * barriers.h -- kernels with planted faults (barriers.cu), for test_barriers.c.
 */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif

/* How each block of a kernel sums 1, ..., 256 twice: as it should; with no barrier between two sums; with
 * a number that it has not written, but the block before it has. */
enum fault { FAULT_NONE, FAULT_BARRIER, FAULT_LEFTOVER, FAULTS };
enum { FAULT_BLOCKS = 3, FAULT_THREADS = 256 };
/* sum [FAULT_BLOCKS, FAULT_THREADS], the host's: the second sum, as each thread has it. */
void fault_run(float *sum, enum fault fault);

#ifdef __cplusplus
}
#endif
