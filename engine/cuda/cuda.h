/* SPDX-License-Identifier: MIT
 *
 * cuda.h -- what the files of the CUDA machine share: checked calls, one stream, scratch memory,
 * launches.
 *
 * How the machine keeps rule 4 of ops.h (the same bytes run to run): work is cut by the shape
 * alone, never by the card; what several blocks contribute to is kept apart and added in one order,
 * without a floating-point atomic; and of a library's kernels only those are taken that promise the
 * same.
 *
 * All work goes to one stream in order, but for what is put beside it (beside.h) and joins it again
 * before anybody can tell.  Only mem_download waits for it, large uploads, and what makes or frees memory.
 */
#pragma once
#include <cuda_runtime.h>
#include "../ops.h"

#ifdef __cplusplus
extern "C" {
#define _Noreturn __attribute__((noreturn))      /* base.h is C; .cu files are C++ */
#endif
#include "../base.h"
#ifdef __cplusplus
#undef _Noreturn
#endif

/* What helps where memory is wanting, whoever asked for it. */
#define CUDA_ASK_LESS "try a smaller batch, smaller images, a narrower network, or one run at a time; other " \
                      "programs may hold some"

/* Every call of the runtime is made through this, and says itself when it fails. */
#define CUDA(call) cuda_check((call), #call, __FILE__, __LINE__)
static inline void cuda_check(cudaError_t error, const char *call, const char *file, int line)
{
    if (error != cudaSuccess)
        die("%s:%d: %s: %s (%s)", file, line, call, cudaGetErrorString(error),
            error == cudaErrorMemoryAllocation ? CUDA_ASK_LESS :
            "an earlier kernel may be the cause: CUDA_LAUNCH_BLOCKING=1 shows which");
}

/* How activations are stored now, and what their gradients are stored multiplied by (kernel.h): 1,
 * but for fp16. */
enum precision cuda_precision(void);
float cuda_gradient_scale(void);
/* The stream, with all in it that was asked for before: small copies that were gathered, and what was
 * put beside it.  Of the thread that called machine_open(), as all ops but one are. */
cudaStream_t cuda_stream(void);

/* A scratch block on the device, at least `bytes` large, its content undefined.  It grows when a
 * larger op than any before asks, so a repeated step allocates nothing.  Each slot has one user at
 * a time, named here. */
enum scratch { SCRATCH_SUMS,             /* a kernel's partial sums, */
               SCRATCH_DONE,             /* and how many of its blocks are done: zero between kernels */
               SCRATCH_LEFT,             /* a library's operands, padded or converted: x or dy, */
               SCRATCH_RIGHT,            /* the weights (or x, for their gradient), */
               SCRATCH_RESULT,           /* and what it makes, before it is added or cut to size */
               SCRATCH_WORKSPACE,        /* the library's own, */
               SCRATCH_BESIDE,           /* also where it works beside the stream */
               SCRATCH_GRADIENTS,        /* of weights, before they are added */
               SCRATCH_TOTALS,           /* sums on their way to other processes */
               SCRATCH_PARTS,            /* sums of parts that wait for others */
               SCRATCHES };
void *cuda_scratch(enum scratch slot, size_t bytes);

/* A copy of few bytes from pinned memory or the device's own (upload.cu): done before what comes next
 * in the stream.  And bytes of the host's, in pinned memory until the stream has come by. */
enum { GATHERED_MOST = 32 << 10 };
void upload_gather(void *to, const void *from, size_t bytes);
const void *upload_staged(const void *from, size_t bytes);
void upload_deliver(void);

/* What the libraries call themselves. */
void conv_library(char *text, size_t size);
void product_library(char *text, size_t size);

#ifdef __cplusplus
}
#endif

/* LAUNCH(kernel, blocks, threads, arguments...): a kernel whose name has commas stands in
 * parentheses. */
#ifndef LAUNCH_IN
#define LAUNCH_IN(stream, kernel, blocks, threads, ...)                         \
    do {                                                                        \
        (kernel)<<<(blocks), (threads), 0, (stream)>>>(__VA_ARGS__);            \
        CUDA(cudaGetLastError());                                               \
    } while (0)
#endif
#define LAUNCH(kernel, ...) LAUNCH_IN(cuda_stream(), kernel, __VA_ARGS__)
