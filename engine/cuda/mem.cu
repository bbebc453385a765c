/* SPDX-License-Identifier: MIT
 *
 * mem.cu -- the CUDA machine: its device, its memory, what it calls itself.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel.h"
#include "graph.h"
#include "stream.h"
#include "weights.h"

/* What the machine owns: the only globals. */
static struct {
    size_t memory;                       /* bytes of the device; 0: not opened yet */
    char name[128];
    bool reads_host;                     /* does it read the host's pageable memory by itself? */
    int threads;
    enum precision precision;
    struct { void *p; size_t bytes; } scratch[SCRATCHES];
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
    int reads_host = 0;
    CUDA(cudaDeviceGetAttribute(&reads_host, cudaDevAttrPageableMemoryAccess, device));
    own.reads_host = reads_host;
    stream_open();
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
    if (precision != own.precision) twins_forget();
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

void machine_describe(struct machine_info *info)
{
    char conv[96], product[96];
    conv_library(conv, sizeof conv);
    product_library(product, sizeof product);
    memset(info, 0, sizeof *info);
    snprintf(info->machine, sizeof info->machine, "cuda");
    snprintf(info->device, sizeof info->device, "%s", own.name);
    snprintf(info->kernels, sizeof info->kernels, "sm_90, fp32 without TF32, host memory %s",
             own.reads_host ? "read where it lies" : "copied");
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
    if (bytes) CUDA(cudaMemsetAsync(p, 0, bytes, stream_here()));
    stream_mark();
    record_beside_end();
    block_is_made(p, bytes);
    return p;
}

void mem_free(void *p)
{
    if (!p) return;
    record_beside_begin();
    stream_wait();                       /* the last ops may still use it */
    block_goes(p);
    CUDA(cudaFree(p));
    record_beside_end();
}

void mem_zero(void *p, size_t bytes)
{
    if (!bytes) return;
    CUDA(cudaMemsetAsync(p, 0, bytes, cuda_stream()));
    twin_follow(p, bytes);
    stream_mark();
}

/* Of what is not gathered the host's memory is read when its turn comes: pageable memory, too, may be,
 * where the card reads it by itself. */
void mem_upload(void *dst, const void *host_src, size_t bytes)
{
    assert(!record_open());
    if (!bytes) return;
    stream_mark();
    if (bytes <= GATHERED_MOST) {
        upload_gather(dst, upload_staged(host_src, bytes), bytes);
    } else {
        CUDA(cudaMemcpyAsync(dst, host_src, bytes, cudaMemcpyHostToDevice, cuda_stream()));
        CUDA(cudaStreamSynchronize(cuda_stream()));
    }
    twin_follow(dst, bytes);
}

/* A number or some: a loss, a row of a log. */
enum { COPIED_MOST = 256 };

void mem_copy(void *dst, const void *src, size_t bytes)
{
    if (!bytes) return;
    if (bytes <= COPIED_MOST) upload_gather(dst, src, bytes);
    else CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, cuda_stream()));
    twin_follow(dst, bytes);
}

void mem_download(void *host_dst, const void *src, size_t bytes)
{
    assert(!record_open());
    if (bytes) CUDA(cudaMemcpyAsync(host_dst, src, bytes, cudaMemcpyDeviceToHost, cuda_stream()));
    CUDA(cudaStreamSynchronize(cuda_stream()));
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
