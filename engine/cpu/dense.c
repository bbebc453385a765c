/* SPDX-License-Identifier: MIT
 *
 * dense.c -- fully connected layers: y = x w^T + b, and the tiled product under them.
 */
#include <assert.h>
#include <cblas.h>
#include <omp.h>
#include <string.h>
#include "cpu.h"

/* Tiles of C: large enough for BLAS to run near its peak, small enough that a head's layer feeds several threads.
 * Chosen by the shape alone, so that the threads cannot change a digit. */
struct tile { int rows, columns; };
static struct tile tile_of(int m, int n)
{
    enum { MANY = 16 };            /* large tiles are worth it once there are so many of them */
    const struct tile small = { 64, 128 }, large = { 256, 256 };
    return (size_t)m * (size_t)n >= (size_t)MANY * 256 * 256 ? large : small;
}

static int tile_count(int n, int tile)
{
    return (n + tile - 1) / tile;
}

static int tile_size(int n, int tile, int i)
{
    return n - i * tile < tile ? n - i * tile : tile;
}

void cpu_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const float *a, int lda, const float *b,
              int ldb, float beta, float *c, int ldc)
{
    const struct tile tile = tile_of(m, n);
    const int across = tile_count(n, tile.columns), tiles = tile_count(m, tile.rows) * across;
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic) if (tiles > 1)
    for (int t = 0; t < tiles; t++) {
        const size_t i = (size_t)(t / across) * (size_t)tile.rows, j = (size_t)(t % across) * (size_t)tile.columns;
        cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
                    tile_size(m, tile.rows, t / across), tile_size(n, tile.columns, t % across), k, 1.0f,
                    a + (transpose_a ? i : i * (size_t)lda), lda, b + (transpose_b ? j * (size_t)ldb : j), ldb,
                    beta, c + i * (size_t)ldc + j, ldc);
    }
}

void op_fc_fwd(dev_act *y_, const dev_act *x, const dev_float *w, const dev_float *b, int n, int c, int k)
{
    assert(n > 0 && c > 0 && k > 0);
    float *y = act_out(y_);
    if (b)                               /* y starts as the bias, the product is added */
        for (int i = 0; i < n; i++) memcpy(y + (size_t)i * k, b, (size_t)k * sizeof *y);
    cpu_gemm(false, true, n, k, c, act_in(x), c, float_in(w), c, b ? 1.0f : 0.0f, y, k);
}

/* db[K] += column sums of dy, one running sum in double per column. */
static void bias_gradient(float *db, const float *dy, int n, int k)
{
    enum { COLUMNS = 64 };
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * k > PARALLEL_MIN)
    for (int first = 0; first < k; first += COLUMNS) {
        const int columns = tile_size(k, COLUMNS, first / COLUMNS);
        double sum[COLUMNS] = { 0 };
        for (int i = 0; i < n; i++)
            for (int j = 0; j < columns; j++) sum[j] += dy[(size_t)i * k + first + j];
        for (int j = 0; j < columns; j++) db[first + j] += (float)sum[j];
    }
}

void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy, const dev_act *x,
               const dev_float *w, int n, int c, int k)
{
    assert(n > 0 && c > 0 && k > 0);
    if (dx.at)
        cpu_gemm(false, false, n, c, k, act_in(dy), k, float_in(w), c, dx.add ? 1.0f : 0.0f, act_out(dx.at), c);
    if (dw) cpu_gemm(true, false, k, c, n, act_in(dy), k, act_in(x), c, 1.0f, float_out(dw), c);
    if (db) bias_gradient(float_out(db), act_in(dy), n, k);
}
