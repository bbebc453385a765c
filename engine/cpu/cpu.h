/* SPDX-License-Identifier: MIT
 *
 * cpu.h -- what the files of the CPU machine share: casts, fixed chunks, scratch memory.
 *
 * How the machine keeps rule 4 of ops.h (same bytes for any number of threads): work is cut into
 * chunks whose number and size come from the shape alone; threads take chunks, each chunk is
 * computed by one thread and single-threaded BLAS; what several chunks contribute to is kept apart
 * and added in the chunks' order.
 *
 * Ops are called from one host thread (rule 5): they share the scratch blocks.
 */
#pragma once
#ifdef VARIANT
#include "variant.h"
#endif
#include "../ops.h"

/* Are activations stored as bf16?  Else as fp32. */
bool cpu_bf16(void);

/* The names say what a pointer may be used for: `in` is read only.  act_out and act_in are for fp32
 * activations. */
static inline float *act_out(dev_act *p) { return (float *)p; }
static inline const float *act_in(const dev_act *p) { return (const float *)p; }
static inline float *float_out(dev_float *p) { return (float *)p; }
static inline const float *float_in(const dev_float *p) { return (const float *)p; }

/* Worker threads; every parallel loop says num_threads(cpu_threads()), because OpenMP's own setting
 * belongs to the host thread that made it. */
int cpu_threads(void);

/* A scratch block, at least `bytes` large, 64-byte aligned, its content undefined.  It grows when a
 * larger op than any before asks, so a repeated step allocates nothing.  Called outside parallel
 * loops, once per op and slot. */
enum scratch { SCRATCH_WORK,             /* what a kernel needs for itself */
               SCRATCH_WIDE,             /* what goes around one: fp32 copies of bf16 operands,
                                            gathered rows */
               SCRATCH_PARTS,            /* sums of parts that wait for others */
               SCRATCH_VIEWS,            /* op_augment's own: a thread may make views beside a
                                            step */
               SCRATCHES };
void *cpu_scratch(enum scratch slot, size_t bytes);

/* `floats` rounded up to whole cache lines, so that threads' parts of the scratch block share
 * none. */
static inline size_t line_floats(size_t floats) { return (floats + 15) & ~(size_t)15; }

/* Chunk i of `chunks` of 0 .. n-1 starts here and ends where the next one starts. */
static inline size_t chunk_start(size_t n, int chunks, int i)
{
    return n * (size_t)i / (size_t)chunks;
}

/* The products of dense.c in fp32: y[n,k] = x[n,c] w[k,c]^T + b[k] (NULL: none), dw[k,c] +=
 * dy[n,k]^T x. */
void cpu_linear(float *y, const float *x, const float *w, const float *b, int n, int c, int k);
void cpu_linear_wgrad(float *dw, const float *dy, const float *x, int n, int c, int k);

/* Loops over fewer elements than this are not worth waking the other threads for. */
enum { PARALLEL_MIN = 1 << 14 };
