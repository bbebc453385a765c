/* SPDX-License-Identifier: MIT
 *
 * gram.c -- gram += x^T x, nearly all of the detector's time, in tiles that stay in the cache, from
 * panels of columns, so that what one pass reads lies together.
 *
 * The sums are double, the factors floats: a product of two floats is exact in double, so that it is
 * nothing to the digits whether a machine multiplies and adds in one step or in two, and the result
 * is the same for every instruction set.  (With float sums the empty directions of a dimensional
 * collapse would fill with rounding, and its rank double.)
 */
#include "detector.h"

#include <string.h>

/* 12 sums, 3 + 1 factors: 16 registers of AVX2. */
enum { T = GRAM_TILE, WIDE = GRAM_WIDE, ACROSS = 3, DOWN = 4 };
typedef double lane __attribute__((vector_size(32), aligned(8), may_alias));
_Static_assert(ACROSS * sizeof(lane) == WIDE * sizeof(double) && WIDE % DOWN == 0 && T % WIDE == 0,
               "a pass takes a panel's row");

int gram_tiles(int d)
{
    const int across = (d + T - 1) / T;
    return across * (across + 1) / 2;
}

size_t gram_cells(int d) { return (size_t)((d + T - 1) / T * T) * GRAM_ROWS; }

/* sum [T, T] = a^T b for T columns of x, each in panels. */
static inline __attribute__((always_inline))
void tile_multiply(double *sum, const double *a, const double *b, int rows)
{
    for (int j = 0; j < T; j += WIDE) {        /* of the right factor one panel stays at hand */
        for (int i = 0; i < T; i += DOWN) {
            lane acc[DOWN][ACROSS] = { { { 0 } } };
            const double *left = a + gram_at(0, i), *right = b + gram_at(0, j);
            for (int k = 0; k < rows; k++, left += WIDE, right += WIDE)
                for (int r = 0; r < DOWN; r++)
                    for (int q = 0; q < ACROSS; q++)
                        acc[r][q] += left[r] * ((const lane *)(const void *)right)[q];
            for (int r = 0; r < DOWN; r++) memcpy(sum + (i + r) * T + j, acc[r], sizeof acc[r]);
        }
    }
}

typedef void multiply_fn(double *sum, const double *a, const double *b, int rows);
static void multiply_plain(double *sum, const double *a, const double *b, int rows)
{
    tile_multiply(sum, a, b, rows);
}
#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void multiply_avx2(double *sum, const double *a,
                                                              const double *b, int rows)
{
    tile_multiply(sum, a, b, rows);
}
#endif

static multiply_fn *multiply_choose(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_avx2;
#endif
    return multiply_plain;
}

void gram_add(double *gram, const double *x, int rows, int d, int tile)
{
    double sum[T * T];
    int i = 0;
    for (int across = (d + T - 1) / T; tile >= across - i; i++) tile -= across - i;
    const int top = i * T, side = (i + tile) * T;
    multiply_choose()(sum, x + gram_at(0, top), x + gram_at(0, side), rows);
    for (int r = 0; r < T && top + r < d; r++) {
        double *const to = gram + (size_t)(top + r) * (size_t)d + side;
        for (int c = 0; c < T && side + c < d; c++) to[c] += sum[r * T + c];
    }
}
