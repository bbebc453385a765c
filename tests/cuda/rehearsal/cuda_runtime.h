/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime.h -- CUDA as far as engine/cuda/ needs it, on the host: a rehearsal of its kernels without a card.
 *
 * Tests compile the kernels' own sources against this header, in place of NVIDIA's.  A block's threads are fibers:
 * one runs until it waits at a barrier, then the next; when all wait, they go on, in the opposite order.  So index
 * arithmetic, sums, barriers and what one thread must not yet see are tried as they are; the card's speed and its
 * libraries are not.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __shared__ static                /* blocks come one after the other */

/* ---- threads -------------------------------------------------------------------------------------------- */

struct rehearsal_index { unsigned x; };
#ifdef __cplusplus
extern "C" {
#endif
extern struct rehearsal_index threadIdx, blockIdx, blockDim;

/* Runs thread(context) as every thread of every block. */
void rehearse(unsigned blocks, unsigned threads, void (*thread)(const void *context), const void *context);
void rehearsal_barrier(void);
#ifdef __cplusplus
}

#define __syncthreads() rehearsal_barrier()
static inline unsigned atomicAdd(unsigned *at, unsigned v)
{
    const unsigned old = *at;
    *at += v;
    return old;
}

template <typename F> static void rehearsal_call(const void *f) { (*(const F *)f)(); }
template <typename F> static void rehearsal_run(unsigned blocks, unsigned threads, const F &f)
{
    rehearse(blocks, threads, rehearsal_call<F>, &f);
}
#define LAUNCH(kernel, blocks, threads, ...)                                    \
    do {                                                                        \
        const unsigned blocks_ = (blocks), threads_ = (threads);                \
        rehearsal_run(blocks_, threads_, [&] { (kernel)(__VA_ARGS__); });       \
    } while (0)
#endif

/* ---- the runtime ---------------------------------------------------------------------------------------- */

typedef enum { cudaSuccess, cudaErrorMemoryAllocation } cudaError_t;
typedef void *cudaStream_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking };
struct cudaDeviceProp { char name[32]; int major, minor; size_t totalGlobalMem; };

static inline const char *cudaGetErrorString(cudaError_t e) { return e ? "no memory" : "no error"; }
static inline cudaError_t cudaGetDeviceCount(int *n) { *n = 1; return cudaSuccess; }
static inline cudaError_t cudaGetDevice(int *device) { *device = 0; return cudaSuccess; }
static inline cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    const struct cudaDeviceProp host = { "a rehearsal on the host", 9, device, (size_t)1 << 40 };
    *p = host;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, int flags)
{
    *s = NULL;
    return flags == cudaStreamNonBlocking ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t s) { (void)s; return cudaSuccess; }

/* What a card gives is not zero, and lies well. */
static inline cudaError_t cudaMalloc(void **p, size_t bytes)
{
    *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!*p) return cudaErrorMemoryAllocation;
    memset(*p, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
    return cudaSuccess;
}
static inline cudaError_t cudaFree(void *p) { free(p); return cudaSuccess; }
static inline cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
    (void)s;
    memset(p, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                                          cudaStream_t s)
{
    (void)kind, (void)s;
    memcpy(to, from, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy2DAsync(void *to, size_t to_row, const void *from, size_t from_row,
                                            size_t width, size_t rows, enum cudaMemcpyKind kind, cudaStream_t s)
{
    for (size_t i = 0; i < rows; i++)
        cudaMemcpyAsync((char *)to + i * to_row, (const char *)from + i * from_row, width, kind, s);
    return cudaSuccess;
}
