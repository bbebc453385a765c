/* SPDX-License-Identifier: MIT
 *
 * barriers.cu -- kernels with planted faults: does the rehearsal find them?
 */
#include "kernel.h"
#include "barriers.h"

static __device__ float planted_sum(float v, bool barrier, bool leftover)
{
    __shared__ float part[FAULT_THREADS], seen;
    const unsigned t = threadIdx.x;
    if (barrier) __syncthreads();
    part[t] = v;
    if (t == 0 && !(leftover && blockIdx.x == 1)) seen = 0;
    __syncthreads();
    for (unsigned half = FAULT_THREADS / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    return part[0] + seen;
}

static __global__ void sim_planted(float *sum, bool barrier, bool leftover)
{
    const float v = (float)threadIdx.x + 1, first = planted_sum(2 * v, barrier, leftover);
    sum[blockIdx.x * FAULT_THREADS + threadIdx.x] = planted_sum(v, barrier, leftover) +
                                                    0.5f * (first - 65792);
}

void fault_run(float *sum, enum fault fault)
{
    LAUNCH(sim_planted, FAULT_BLOCKS, FAULT_THREADS, sum, fault != FAULT_BARRIER, fault == FAULT_LEFTOVER);
    CUDA(cudaStreamSynchronize(cuda_stream()));
}
