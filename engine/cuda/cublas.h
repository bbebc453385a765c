/* SPDX-License-Identifier: MIT
 *
 * cublas.h -- matrix products: what dense.cu and knn.cu ask of cuBLASLt (cublas.c).
 */
#pragma once
#include "cuda.h"
#ifdef __cplusplus
extern "C" {
#endif

/* out[M, N] = (add ? out : 0) + scale times the product over the depth D of a and b, all row-major:
 * NT: a[M, D] b[N, D]^T;  NN: a[M, D] b[D, N];  TN: a[D, M]^T b[D, N].  Sums are fp32. */
enum product_form { PRODUCT_NT, PRODUCT_NN, PRODUCT_TN };
struct product {
    enum product_form form;
    int m, n, depth;
    enum precision in, out;              /* out: as in, or fp32 */
    bool add;
    float scale;
};
void product_run(void *out, const void *a, const void *b, struct product p);

/* db[K] += scale times the column sums of y[N, K]. */
void columns_add(float *db, const void *y, int n, int k, enum precision precision, double scale);

#ifdef __cplusplus
}
#endif
