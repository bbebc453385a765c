/* SPDX-License-Identifier: MIT
 *
 * peak.c -- what this CPU reaches at its best, measured: the yardsticks of a benchmark.
 */
#include <cblas.h>
#include <omp.h>
#include <stdlib.h>
#include "cpu.h"
#include "vec.h"

enum { TRIES = 7 };                      /* a peak is what can be reached: the best of some tries */

/* A loop of independent products in registers; its sums must be used, or it is no loop. */
static double fma_loop(float *sink)
{
    enum { SUMS = 12, TURNS = 200000 };
    vec sum[SUMS];
    const vec a = vec_all(0.5f), b = vec_load(sink);
    for (int i = 0; i < SUMS; i++) sum[i] = vec_all((float)i);
    for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) sum[i] = vec_fma(sum[i], a, b);
    for (int i = 0; i < SUMS; i++) vec_store(sink, vec_add(vec_load(sink), sum[i]));
    return 2.0 * LANES * SUMS * TURNS;
}

#if HAVE_BF16_PRODUCTS
static double dot_loop(float *sink)
{
    enum { SUMS = 12, TURNS = 200000 };
    vec sum[SUMS];
    const __m512i b = _mm512_castps_si512(vec_load(sink));
    for (int i = 0; i < SUMS; i++) sum[i] = vec_all((float)i);
    for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) sum[i] = vec_dot_pairs(sum[i], 0x3f003f00, b);
    for (int i = 0; i < SUMS; i++) vec_store(sink, vec_add(vec_load(sink), sum[i]));
    return 4.0 * LANES * SUMS * TURNS;
}
#else
#define dot_loop fma_loop                /* bf16 is widened and multiplied as fp32 */
#endif

static double sgemm_loop(float *room)
{
    enum { SIDE = 512, TURNS = 2 };
    const size_t size = (size_t)SIDE * SIDE;
    for (int t = 0; t < TURNS; t++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1.0f, room, SIDE,
                    room + size, SIDE, 0.0f, room + 2 * size, SIDE);
    return 2.0 * SIDE * (double)size * TURNS;
}

enum { ROOM = 24 << 20 };                /* floats a thread: far beyond the caches */

static double copy_loop(float *room)
{
    memcpy(room, room + ROOM / 2, sizeof *room * (ROOM / 2));
    return 2.0 * sizeof *room * (ROOM / 2);
}

/* Work per second of all threads together. */
static double rate(double (*loop)(float *), float *room)
{
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double work = 0;
        const double start = omp_get_wtime();
#pragma omp parallel for num_threads(cpu_threads()) reduction(+ : work)
        for (int t = 0; t < cpu_threads(); t++) work += loop(room + (size_t)ROOM * (size_t)t);
        const double now = work / (omp_get_wtime() - start);
        if (now > best) best = now;
    }
    return best;
}

void machine_peaks(struct machine_peaks *p)
{
    float *const room = mem_alloc(sizeof *room * (size_t)ROOM * (size_t)cpu_threads());
    *p = (struct machine_peaks){ .fp32 = rate(fma_loop, room), .bf16 = rate(dot_loop, room),
                                 .sgemm = rate(sgemm_loop, room), .copy = rate(copy_loop, room) };
    mem_free(room);
}
