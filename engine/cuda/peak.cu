/* SPDX-License-Identifier: MIT
 *
 * peak.cu -- what this card reaches at its best, measured: the yardsticks of a benchmark.
 */
#include "kernel.h"
#include "cublas.h"

enum { TRIES = 7 };                      /* a peak is what can be reached: the best of some tries */

/* Work per second, given what is launched and how much work that is. */
template <typename F> static double rate(const F &launch, double work)
{
    double best = 0;
    float probe;
    for (int i = 0; i <= TRIES; i++) {   /* the first one loads kernels */
        mem_download(&probe, launch.room, sizeof probe);
        const double start = clock_seconds();
        launch();
        mem_download(&probe, launch.room, sizeof probe);
        const double now = work / (clock_seconds() - start);
        if (i > 0 && now > best) best = now;
    }
    return best;
}

/* Independent products in registers; their sums must be used, or it is no loop. */
enum { CHAINS = 8, TURNS = 4096, BLOCKS = 1056 };

static __global__ void sim_fma(float *sink)
{
    float sum[CHAINS];
    const float b = fabsf(sink[0]);
    for (int i = 0; i < CHAINS; i++) sum[i] = (float)i;
    for (int t = 0; t < TURNS; t++)
        for (int i = 0; i < CHAINS; i++) sum[i] = fmaf(sum[i], 0.5f, b);
    for (int i = 1; i < CHAINS; i++) sum[0] += sum[i];
    if (sum[0] < 0) sink[0] = sum[0];    /* never */
}

struct fma_loop {
    float *room;
    void operator()() const { LAUNCH(sim_fma, BLOCKS, THREADS, room); }
};

enum { SIDE = 4096, COPY = 256 << 20 };  /* of matrices; bytes, far beyond the caches */

struct product_loop {
    float *room;
    enum precision precision;
    void operator()() const
    {
        const size_t size = (size_t)SIDE * SIDE;
        product_run(room, room + size, room + 2 * size,
                    { PRODUCT_NT, SIDE, SIDE, SIDE, precision, precision, false, 1 });
    }
};

struct copy_loop {
    float *room;
    void operator()() const { mem_copy(room, (char *)room + COPY, COPY); }
};

/* Two bf16 numbers, and one float, between 1/2 and 2 and of either sign: of zeros the multipliers
 * take less power, and run faster than they ever do. */
struct number_one {
    uint32_t *to;
    __device__ void operator()(size_t i) const
    {
        const uint32_t mixed = (uint32_t)i * 2654435761u, bits = mixed >> 16 ^ mixed >> 7;
        to[i] = (bits & 0x80ff80ff) | 0x3f003f00;
    }
};

/* The bf16 peak is the library's product: the tensor cores have no plain loop. */
void machine_peaks(struct machine_peaks *p)
{
    float *const room = (float *)mem_alloc(2 * (size_t)COPY);
    each(2 * (size_t)COPY / sizeof(uint32_t), number_one{ (uint32_t *)room });
    const double product = 2.0 * SIDE * SIDE * SIDE;
    p->fp32 = rate(fma_loop{ room }, 2.0 * CHAINS * TURNS * BLOCKS * THREADS);
    p->bf16 = rate(product_loop{ room, PRECISION_BF16 }, product);
    p->sgemm = rate(product_loop{ room, PRECISION_FP32 }, product);
    p->copy = rate(copy_loop{ room }, 2.0 * COPY);
    mem_free(room);
}
