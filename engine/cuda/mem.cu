/* SPDX-License-Identifier: MIT
 *
 * mem.cu -- the CUDA machine: its device, its stream, its memory, what it calls itself.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel.h"
#include "graph.h"

/* What the machine owns: the only globals. */
static struct {
    cudaStream_t stream;
    size_t memory;                       /* bytes of the device; 0: not opened yet */
    char name[128];
    int threads;
    enum precision precision;
    struct { void *p; size_t bytes; } scratch[SCRATCHES];
    struct { char *at[2]; cudaEvent_t left[2]; int half; size_t used; } stage;
} own;

/* ---- the machine ----------------------------------------------------------------------------- */

enum { LEAST_MAJOR = 9 };                /* Hopper: what the kernels are compiled for */

static void device_open(void)
{
    int devices = 0, device = 0;
    const cudaError_t found = cudaGetDeviceCount(&devices);
    if (found != cudaSuccess || devices == 0)
        die("no CUDA device to be had: %s (try simsiam, which computes on the CPU; simsiam-cuda is not yet run on "
            "a device)",
            found == cudaSuccess ? "there is none" : cudaGetErrorString(found));
    CUDA(cudaGetDevice(&device));
    struct cudaDeviceProp prop;
    CUDA(cudaGetDeviceProperties(&prop, device));
    if (prop.major < LEAST_MAJOR)
        die("%s has compute capability %d.%d, and this needs %d.0 (try simsiam, which computes on the CPU)",
            prop.name, prop.major, prop.minor, LEAST_MAJOR);
    CUDA(cudaStreamCreateWithFlags(&own.stream, cudaStreamNonBlocking));
    snprintf(own.name, sizeof own.name, "%.*s", (int)sizeof own.name - 1, prop.name);
    own.memory = prop.totalGlobalMem;
}

void machine_open(int threads)
{
    if (!own.memory) device_open();
    own.threads = threads > 0 ? threads : 1;
}

bool machine_has_precision(enum precision precision)
{
    return precision == PRECISION_FP32 || precision == PRECISION_BF16 ||
           precision == PRECISION_FP16;
}

void machine_set_precision(enum precision precision)
{
    assert(machine_has_precision(precision));
    own.precision = precision;
}

enum precision cuda_precision(void)
{
    return own.precision;
}

float cuda_gradient_scale(void)
{
    return own.precision == PRECISION_FP16 ? (float)GRADIENT_SCALE : 1;
}

cudaStream_t cuda_stream(void)
{
    return own.stream;
}

void machine_describe(struct machine_info *info)
{
    char conv[96], product[96];
    conv_library(conv, sizeof conv);
    product_library(product, sizeof product);
    memset(info, 0, sizeof *info);
    snprintf(info->machine, sizeof info->machine, "cuda");
    snprintf(info->device, sizeof info->device, "%s", own.name);
    snprintf(info->kernels, sizeof info->kernels, "sm_90, fp32 without TF32");
    snprintf(info->library, sizeof info->library, "%s, %s", conv, product);
    info->threads = own.threads;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *mem_alloc(size_t bytes)
{
    void *p = NULL;
    record_beside_begin();
    /* More than there is: said without asking the driver. */
    const cudaError_t error = bytes > own.memory ? cudaErrorMemoryAllocation
                                                 : cudaMalloc(&p, bytes ? bytes : 1);
    if (error == cudaErrorMemoryAllocation)
        die("cannot get %zu MiB of the device's %zu (" CUDA_ASK_LESS ")", bytes >> 20,
            own.memory >> 20);
    cuda_check(error, "cudaMalloc", __FILE__, __LINE__);
    mem_zero(p, bytes);
    record_beside_end();
    return p;
}

void mem_free(void *p)
{
    if (!p) return;
    record_beside_begin();
    CUDA(cudaStreamSynchronize(own.stream));     /* the last ops may still use it */
    CUDA(cudaFree(p));
    record_beside_end();
}

void mem_zero(void *p, size_t bytes)
{
    if (bytes) CUDA(cudaMemsetAsync(p, 0, bytes, own.stream));
}

/* A copy from the host's pageable memory has read it when the call returns, and may wait for the
 * stream before.  What a step uploads (indices, a learning rate) is small, and goes through pinned
 * memory, from which the card copies when its turn comes.  There are two halves; one is used again
 * when all copies from it are done, and the last of them was hundreds of steps ago. */
enum { STAGE = 512 << 10, STAGED_MOST = 32 << 10, STAGED_ALIGN = 64 };

static void stage_open(void)
{
    CUDA(cudaMallocHost((void **)&own.stage.at[0], 2 * (size_t)STAGE));
    own.stage.at[1] = own.stage.at[0] + STAGE;
    for (int i = 0; i < 2; i++) {
        CUDA(cudaEventCreateWithFlags(&own.stage.left[i], cudaEventDisableTiming));
        CUDA(cudaEventRecord(own.stage.left[i], own.stream));
    }
}

/* The bytes' copy in pinned memory. */
static const void *staged(const void *from, size_t bytes)
{
    if (!own.stage.at[0]) stage_open();
    if (own.stage.used + bytes > STAGE) {
        CUDA(cudaEventRecord(own.stage.left[own.stage.half], own.stream));
        own.stage.half = !own.stage.half;
        own.stage.used = 0;
        CUDA(cudaEventSynchronize(own.stage.left[own.stage.half]));
    }
    char *const to = own.stage.at[own.stage.half] + own.stage.used;
    own.stage.used += (bytes + STAGED_ALIGN - 1) / STAGED_ALIGN * STAGED_ALIGN;
    return memcpy(to, from, bytes);
}

void mem_upload(void *dst, const void *host_src, size_t bytes)
{
    assert(!record_open());
    if (!bytes) return;
    const void *const from = bytes <= STAGED_MOST ? staged(host_src, bytes) : host_src;
    CUDA(cudaMemcpyAsync(dst, from, bytes, cudaMemcpyHostToDevice, own.stream));
}

void mem_copy(void *dst, const void *src, size_t bytes)
{
    if (bytes) CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, own.stream));
}

void mem_download(void *host_dst, const void *src, size_t bytes)
{
    assert(!record_open());
    if (bytes) CUDA(cudaMemcpyAsync(host_dst, src, bytes, cudaMemcpyDeviceToHost, own.stream));
    CUDA(cudaStreamSynchronize(own.stream));
}

size_t mem_act_bytes(void)
{
    return cuda_precision() == PRECISION_FP32 ? sizeof(float) : sizeof(uint16_t);
}

template <typename T> static void act_upload(dev_act *dst, const float *host_src, size_t n)
{
    T *const host = (T *)host_alloc(n ? n : 1, sizeof *host);
    for (size_t i = 0; i < n; i++) narrow(&host[i], host_src[i]);
    mem_upload(dst, host, n * sizeof *host);
    free(host);
}

template <typename T> static void act_download(float *host_dst, const dev_act *src, size_t n)
{
    T *const host = (T *)host_alloc(n ? n : 1, sizeof *host);
    mem_download(host, src, n * sizeof *host);
    for (size_t i = 0; i < n; i++) host_dst[i] = widen(host[i]);
    free(host);
}

void mem_act_upload(dev_act *dst, const float *host_src, size_t n)
{
    WITH_ACT(act_upload, dst, host_src, n);
}

void mem_act_download(float *host_dst, const dev_act *src, size_t n)
{
    WITH_ACT(act_download, host_dst, src, n);
}

void *cuda_scratch(enum scratch slot, size_t bytes)
{
    if (bytes > own.scratch[slot].bytes) {
        if (own.scratch[slot].p) record_again();
        mem_free(own.scratch[slot].p);
        own.scratch[slot].p = NULL;
        own.scratch[slot].bytes = 0;
        own.scratch[slot].p = mem_alloc(bytes);
        own.scratch[slot].bytes = bytes;
    }
    return own.scratch[slot].p;
}
