/* SPDX-License-Identifier: MIT
 *
 * watch_device.c -- marks on a device are events; and a launch says its kernel's name.
 */
#include "watch.h"
#include "../../engine/cuda/cuda.h"

static cudaEvent_t event[MARKS];

void mark_put(int i)
{
    if (!event[i]) CUDA(cudaEventCreate(&event[i]));
    CUDA(cudaEventRecord(event[i], cuda_stream()));
}

double mark_seconds(int from, int to)
{
    float ms;
    CUDA(cudaEventElapsedTime(&ms, event[from], event[to]));
    return 1e-3 * (double)ms;
}

/* What nvcc makes of a launch; the handle is as good as the function to ask for the name, as
 * linkers see it. */
cudaError_t __real___cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
                                      size_t shared, cudaStream_t stream);
cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
                                      size_t shared, cudaStream_t stream);
cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
                                      size_t shared, cudaStream_t stream)
{
    const char *name = NULL;
    CUDA(cudaFuncGetName(&name, (const void *)kernel));
    watch_begin(name);
    const cudaError_t error = __real___cudaLaunchKernel(kernel, grid, block, args, shared, stream);
    watch_end();
    return error;
}
