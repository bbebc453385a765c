/* SPDX-License-Identifier: MIT
 *
 * test_product.c -- what cublas.c asks of cuBLASLt is the product that was wanted: a host library stands
 * in NVIDIA's place, which does by its definition, columns first, what a call describes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <cublasLt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../../engine/cuda/cublas.h"

/* ---- numbers --------------------------------------------------------------------------------- */

static float number(const void *p, bool narrow, size_t i)
{
    if (!narrow) return ((const float *)p)[i];
    const uint32_t u = (uint32_t)((const uint16_t *)p)[i] << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void number_put(void *p, bool narrow, size_t i, float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if (narrow) ((uint16_t *)p)[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    else ((float *)p)[i] = f;
}

/* ---- the library ----------------------------------------------------------------------------- */

struct how { cublasOperation_t a, b; };
struct matrix { bool narrow; uint64_t rows, columns; int64_t step; };

/* Of op(x)[i, j], columns first. */
static double entry(const void *x, const struct matrix *m, cublasOperation_t op, uint64_t i, uint64_t j)
{
    const uint64_t row = op == CUBLAS_OP_N ? i : j, column = op == CUBLAS_OP_N ? j : i;
    assert_true(row < m->rows && column < m->columns);
    return (double)number(x, m->narrow, column * (uint64_t)m->step + row);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t how_, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_, const void *b,
                              cublasLtMatrixLayout_t b_, const void *beta, const void *c,
                              cublasLtMatrixLayout_t c_, void *d, cublasLtMatrixLayout_t d_,
                              const cublasLtMatmulAlgo_t *algo, void *workspace, size_t bytes,
                              cudaStream_t stream)
{
    const struct how *const how = (const struct how *)how_;
    const struct matrix *const left = (const struct matrix *)a_, *const right = (const struct matrix *)b_,
                        *const out = (const struct matrix *)d_;
    const uint64_t depth = how->a == CUBLAS_OP_N ? left->columns : left->rows;
    assert_true(h && algo && workspace && bytes && !stream && c == d && c_ == d_);
    assert_int_equal(depth, how->b == CUBLAS_OP_N ? right->rows : right->columns);
    for (uint64_t j = 0; j < out->columns; j++)
        for (uint64_t i = 0; i < out->rows; i++) {
            const size_t at = j * (size_t)out->step + i;
            double sum = 0;
            for (uint64_t k = 0; k < depth; k++)
                sum += entry(a, left, how->a, i, k) * entry(b, right, how->b, k, j);
            sum *= (double)*(const float *)alpha;
            if (*(const float *)beta != 0) sum += (double)number(c, out->narrow, at);
            number_put(d, out->narrow, at, (float)sum);
        }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t sums, cudaDataType_t scale)
{
    assert_true(sums == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F);      /* no TF32 */
    *d = calloc(1, sizeof(struct how));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t name,
                                              const void *value, size_t bytes)
{
    struct how *const how = (struct how *)d;
    assert_int_equal(bytes, sizeof how->a);
    assert_true(name == CUBLASLT_MATMUL_DESC_TRANSA || name == CUBLASLT_MATMUL_DESC_TRANSB);
    memcpy(name == CUBLASLT_MATMUL_DESC_TRANSA ? &how->a : &how->b, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t step)
{
    struct matrix *const m = malloc(sizeof *m);
    assert_non_null(m);
    assert_true(step >= (int64_t)rows);
    *m = (struct matrix){ type == CUDA_R_16BF, rows, columns, step };
    *l = (cublasLtMatrixLayout_t)m;
    return CUBLAS_STATUS_SUCCESS;
}

/* A split of the depth is summed in one order or not at all: atomics are not among what is allowed. */
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void *value, size_t bytes)
{
    assert_true(p && bytes);
    if (name == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
        assert_int_equal(*(const uint32_t *)value, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t h, cublasLtMatmulDesc_t how,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t wish, int n,
                                              cublasLtMatmulHeuristicResult_t result[], int *found)
{
    assert_true(h && how && a && b && c == d && wish && n == 1);
    memset(result, 0, sizeof *result);
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

#define SURE(call) { call; return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtCreate(cublasLtHandle_t *h) SURE(*h = (cublasLtHandle_t)h)
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) SURE(free((void *)d))
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) SURE(free((void *)l))
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p) SURE(*p = malloc(1))
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) SURE(free((void *)p))
size_t cublasLtGetVersion(void) { return 0; }
const char *cublasLtGetStatusString(cublasStatus_t s) { return s ? "a fault" : "none"; }

/* ---- the machine ----------------------------------------------------------------------------- */

cudaStream_t cuda_stream(void) { return NULL; }
void *cuda_scratch(enum scratch slot, size_t bytes)
{
    static char room;
    assert_true(slot == SCRATCH_WORKSPACE && bytes);
    return &room;
}
cudaError_t cudaRuntimeGetVersion(int *version) { return (*version = 0, cudaSuccess); }
const char *cudaGetErrorString(cudaError_t e) { return e ? "a fault" : "none"; }

/* ---- the test -------------------------------------------------------------------------------- */

static void *numbers(size_t n, bool narrow)
{
    static uint32_t state = 1;
    void *const x = malloc(n * sizeof(float));
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        number_put(x, narrow, i, (float)(int32_t)state / 2147483648.0f);
    }
    return x;
}

/* The product by the words of cublas.h; half a unit of bf16 where that is the result's width. */
static void product_is_right(struct product p)
{
    const bool in = p.in == PRECISION_BF16, out = p.out == PRECISION_BF16;
    const size_t m = (size_t)p.m, n = (size_t)p.n, depth = (size_t)p.depth;
    void *const a = numbers(m * depth, in), *const b = numbers(n * depth, in), *const got = numbers(m * n, out);
    double *const wanted = malloc(m * n * sizeof *wanted);
    assert_non_null(wanted);
    for (size_t i = 0; i < m * n; i++) {
        const size_t row = i / n, column = i % n;
        double sum = 0;
        for (size_t k = 0; k < depth; k++)
            sum += (double)number(a, in, p.form == PRODUCT_TN ? k * m + row : row * depth + k) *
                   (double)number(b, in, p.form == PRODUCT_NT ? column * depth + k : k * n + column);
        wanted[i] = (double)p.scale * sum + (p.add ? (double)number(got, out, i) : 0);
    }
    product_run(got, a, b, p);
    for (size_t i = 0; i < m * n; i++) {
        const double error = fabs((double)number(got, out, i) - wanted[i]);
        if (!(error <= (out ? 0x1p-8 : 0x1p-22) * (1 + fabs(wanted[i]))))
            fail_msg("form %d, [%d, %d], depth %d, element %zu: %g, not %g", (int)p.form, p.m, p.n, p.depth, i,
                     (double)number(got, out, i), wanted[i]);
    }
    free(a);
    free(b);
    free(got);
    free(wanted);
}

static void products_are_those_that_were_wanted(void **state)
{
    (void)state;
    static const int size[][3] = { { 3, 5, 7 }, { 8, 8, 8 }, { 1, 9, 4 }, { 16, 3, 1 } };
    static const enum precision width[][2] = { { PRECISION_FP32, PRECISION_FP32 },
                                               { PRECISION_BF16, PRECISION_FP32 },
                                               { PRECISION_BF16, PRECISION_BF16 } };
    for (int i = 0; i < 4; i++)
        for (int form = PRODUCT_NT; form <= PRODUCT_TN; form++)
            for (int w = 0; w < 3; w++)
                for (int add = 0; add < 2; add++)
                    product_is_right((struct product){ (enum product_form)form, size[i][0], size[i][1], size[i][2],
                                                       width[w][0], width[w][1], add, 0.25f });
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(products_are_those_that_were_wanted) };
    return cmocka_run_group_tests_name("cuda: products as they are asked for", tests, NULL, NULL);
}
