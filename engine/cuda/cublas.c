/* SPDX-License-Identifier: MIT
 *
 * cublas.c -- matrix products on cuBLASLt.
 *
 * The library counts columns first: our out[M, N] is its [N, M], so it gets b and a in the other
 * order.  Sums that are cut along the depth are put together from the workspace in a fixed order,
 * never by atomics; fp32 is no TF32.
 */
#include "cublas.h"

#include <cublasLt.h>
#include <stdio.h>
#include <string.h>

enum { WORKSPACE = 32 << 20, PRODUCTS = 1024 };

/* What decides which kernel is taken. */
struct key { struct product p; uint32_t alignment[3]; };

static struct {
    cublasLtHandle_t handle;
    struct { struct key key; cublasLtMatmulAlgo_t algo; } kept[PRODUCTS];
    int n;
} own;

#define LT(call) lt_check((call), #call, __LINE__)
static void lt_check(cublasStatus_t status, const char *call, int line)
{
    if (status != CUBLAS_STATUS_SUCCESS)
        die("%s:%d: %s: %s (%s)", __FILE__, line, call, cublasLtGetStatusString(status),
            status == CUBLAS_STATUS_ALLOC_FAILED ? CUDA_ASK_LESS
                                                 : "see what `info` says of its version");
}

/* A matrix of `rows` rows of `columns` numbers as the library sees it. */
static cublasLtMatrixLayout_t layout(int rows, int columns, enum precision precision)
{
    static const cudaDataType type[] = { [PRECISION_FP32] = CUDA_R_32F,
                                         [PRECISION_BF16] = CUDA_R_16BF,
                                         [PRECISION_FP16] = CUDA_R_16F };
    cublasLtMatrixLayout_t l;
    LT(cublasLtMatrixLayoutCreate(&l, type[precision], (uint64_t)columns, (uint64_t)rows, columns));
    return l;
}

/* The largest power of two up to 256 that divides the address. */
static uint32_t alignment_of(const void *p)
{
    const uintptr_t low = (uintptr_t)p & -(uintptr_t)p;
    return low == 0 || low > 256 ? 256 : (uint32_t)low;
}

/* The problem in the library's words; `left` is our b. */
struct problem { cublasLtMatmulDesc_t how; cublasLtMatrixLayout_t left, right, out; };

static struct problem problem_of(struct product p)
{
    struct problem q;
    const bool left_rows_are_n = p.form == PRODUCT_NT, right_rows_are_m = p.form != PRODUCT_TN;
    const cublasOperation_t turn_left = left_rows_are_n ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t turn_right = right_rows_are_m ? CUBLAS_OP_N : CUBLAS_OP_T;
    LT(cublasLtMatmulDescCreate(&q.how, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    LT(cublasLtMatmulDescSetAttribute(q.how, CUBLASLT_MATMUL_DESC_TRANSA, &turn_left,
                                      sizeof turn_left));
    LT(cublasLtMatmulDescSetAttribute(q.how, CUBLASLT_MATMUL_DESC_TRANSB, &turn_right,
                                      sizeof turn_right));
    q.left = left_rows_are_n ? layout(p.n, p.depth, p.in) : layout(p.depth, p.n, p.in);
    q.right = right_rows_are_m ? layout(p.m, p.depth, p.in) : layout(p.depth, p.m, p.in);
    q.out = layout(p.m, p.n, p.out);
    return q;
}

static void problem_free(struct problem q)
{
    LT(cublasLtMatrixLayoutDestroy(q.left));
    LT(cublasLtMatrixLayoutDestroy(q.right));
    LT(cublasLtMatrixLayoutDestroy(q.out));
    LT(cublasLtMatmulDescDestroy(q.how));
}

/* The library's first suggestion. */
static cublasLtMatmulAlgo_t choose(struct problem q, const struct key *key)
{
    static const cublasLtMatmulPreferenceAttributes_t name[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES };
    const size_t workspace = WORKSPACE;
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasLtMatmulPreference_t wish;
    cublasLtMatmulHeuristicResult_t result;
    int found = 0;
    LT(cublasLtMatmulPreferenceCreate(&wish));
    LT(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                            &workspace, sizeof workspace));
    LT(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                            &reductions, sizeof reductions));
    for (int i = 0; i < 3; i++)
        LT(cublasLtMatmulPreferenceSetAttribute(wish, name[i], &key->alignment[i],
                                                sizeof key->alignment[i]));
    const uint32_t out = key->alignment[2];
    LT(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &out,
                                            sizeof out));
    LT(cublasLtMatmulAlgoGetHeuristic(own.handle, q.how, q.left, q.right, q.out, q.out, wish, 1,
                                      &result, &found));
    LT(cublasLtMatmulPreferenceDestroy(wish));
    if (!found || result.state != CUBLAS_STATUS_SUCCESS)
        die("cuBLASLt has no deterministic product of [%d, %d] and [%d, %d] (try other widths)",
            key->p.m, key->p.depth, key->p.depth, key->p.n);
    return result.algo;
}

static const cublasLtMatmulAlgo_t *algo_of(struct problem q, const struct key *key)
{
    for (int i = 0; i < own.n; i++)
        if (!memcmp(&own.kept[i].key, key, sizeof *key)) return &own.kept[i].algo;
    if (own.n == PRODUCTS) die("more than %d shapes of matrix products in one process", PRODUCTS);
    own.kept[own.n].key = *key;
    own.kept[own.n].algo = choose(q, key);
    return &own.kept[own.n++].algo;
}

void product_run(void *out, const void *a, const void *b, struct product p)
{
    if (!own.handle) LT(cublasLtCreate(&own.handle));
    const float add = p.add;
    struct key key;
    memset(&key, 0, sizeof key);         /* compared as bytes */
    key.p.form = p.form;
    key.p.m = p.m;
    key.p.n = p.n;
    key.p.depth = p.depth;
    key.p.in = p.in;      /* the scale is the library's to take */
    key.p.out = p.out;
    key.p.add = p.add;
    key.alignment[0] = alignment_of(b);
    key.alignment[1] = alignment_of(a);
    key.alignment[2] = alignment_of(out);
    const struct problem q = problem_of(p);
    void *const workspace = cuda_scratch(SCRATCH_WORKSPACE, WORKSPACE);
    LT(cublasLtMatmul(own.handle, q.how, &p.scale, b, q.left, a, q.right, &add, out, q.out, out,
                      q.out, algo_of(q, &key), workspace, WORKSPACE, cuda_stream()));
    problem_free(q);
}

void product_library(char *text, size_t size)
{
    const size_t v = cublasLtGetVersion();
    int runtime = 0;
    CUDA(cudaRuntimeGetVersion(&runtime));
    snprintf(text, size, "cuBLASLt %zu.%zu.%zu, CUDA runtime %d.%d", v / 10000, v / 100 % 100,
             v % 100, runtime / 1000, runtime / 10 % 100);
}
