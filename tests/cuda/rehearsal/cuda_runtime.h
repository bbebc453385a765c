/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime.h -- CUDA as far as engine/cuda/ needs it, on the host: a rehearsal of its kernels
 * without a card.
 *
 * Tests compile the kernels' own sources against this header, in place of NVIDIA's.  A block's
 * threads are fibers: one runs until it waits at a barrier, then the next; when all wait, they go
 * on, in the opposite order.  So index arithmetic, sums, barriers and what one thread must not yet
 * see are tried as they are; the card's speed and its libraries are not.  For ThreadSanitizer they
 * are threads of the host (threads.h).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __host__
#define __shared__ static                /* blocks come one after the other, and find it spoiled */

/* ---- threads --------------------------------------------------------------------------------- */

#ifndef REHEARSAL_OWN
#define REHEARSAL_OWN                    /* fibers share one, which changes with them */
#endif
struct rehearsal_index { unsigned x; };
#ifdef __cplusplus
extern "C" {
#endif
extern REHEARSAL_OWN struct rehearsal_index threadIdx, blockIdx, blockDim;

/* Runs thread(context) as every thread of every block. */
void rehearse(unsigned blocks, unsigned threads, void (*thread)(const void *context),
              const void *context);
void rehearsal_barrier(void);
/* Puts run(a copy of context) into a stream. */
typedef struct rehearsal_stream *cudaStream_t;
void rehearsal_queue(cudaStream_t s, void (*run)(void *context), const void *context, size_t bytes);
/* How many tasks have been put into streams, those of graphs too; and those of the last graph.  What
 * only waits is none. */
unsigned long rehearsal_queued(void), rehearsal_recorded(void);
#ifdef __cplusplus
}

#define __syncthreads() rehearsal_barrier()
#define __threadfence() ((void)0)        /* blocks come one after the other */
static inline unsigned atomicAdd(unsigned *at, unsigned v)
{
    return __atomic_fetch_add(at, v, __ATOMIC_RELAXED);
}

/* Arguments are taken by value now, as a launch takes them; the kernel runs when its turn comes. */
template <typename K, typename... A>
static void rehearsal_launch(cudaStream_t s, unsigned blocks, unsigned threads, K kernel,
                             A... arguments)
{
    const auto thread = [=] { kernel(arguments...); };
    typedef decltype(thread) body;
    struct launch { unsigned blocks, threads; body run; };
    const launch l = { blocks, threads, thread };
    rehearsal_queue(s, [](void *context) {
        const launch *const now = (const launch *)context;
        rehearse(
            now->blocks, now->threads, [](const void *run) { (*(const body *)run)(); }, &now->run);
    }, &l, sizeof l);
}
#define LAUNCH_IN(stream, kernel, blocks, threads, ...)                         \
    rehearsal_launch((stream), (blocks), (threads), (kernel), __VA_ARGS__)
#endif

/* ---- the runtime ----------------------------------------------------------------------------- */

/* A stream is as lazy as a card may be: what is put into it is done when somebody waits, or is kept
 * in a graph while one is captured.  What must not be captured is refused then.  See runtime.c. */
typedef enum { cudaSuccess, cudaErrorMemoryAllocation, cudaErrorStreamCaptureUnsupported,
               cudaErrorStreamCaptureUnjoined, cudaErrorStreamCaptureIsolation } cudaError_t;
typedef struct rehearsal_tasks *cudaGraph_t, *cudaGraphExec_t;
typedef struct rehearsal_event *cudaEvent_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking, cudaEventDisableTiming, cudaStreamCaptureModeThreadLocal };
struct cudaDeviceProp { char name[32]; int major, minor; size_t totalGlobalMem; };

#ifdef __cplusplus
extern "C" {
#endif
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, int flags);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaMallocHost(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t s);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, int mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t ready, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t ready);
#ifdef __cplusplus
}
#endif

static inline const char *cudaGetErrorString(cudaError_t e)
{
    static const char *const text[] = { "no error", "no memory", "not while a step is captured",
                                        "a stream was forked and not joined",
                                        "what is captured hangs on what is not" };
    return text[e];
}
static inline cudaError_t cudaGetDeviceCount(int *n) { *n = 1; return cudaSuccess; }
static inline cudaError_t cudaGetDevice(int *device) { *device = 0; return cudaSuccess; }
static inline cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    const struct cudaDeviceProp host = { "a rehearsal on the host", 9, device, (size_t)1 << 40 };
    *p = host;
    return cudaSuccess;
}
enum { cudaDevAttrPageableMemoryAccess };
static inline cudaError_t cudaDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == cudaDevAttrPageableMemoryAccess && device == 0;
    return cudaSuccess;
}
