/* SPDX-License-Identifier: MIT
 *
 * knn.cu -- what features are worth: weighted k nearest neighbours (Wu et al. 2018) and a linear
 * classifier.
 *
 *   votes of class c = sum over the K nearest bank rows i with label c of exp(cos_i / T)
 *
 * The cosines of a few queries with the whole bank are held at a time, in what the second cache
 * holds; a block finds the K largest of its query's by their digits, sorts them and counts the
 * votes.
 */
#include <assert.h>
#include "kernel.h"
#include "cublas.h"

/* ---- k nearest neighbours -------------------------------------------------------------------- */

/* A bank row as one number: the nearer the larger, of equals the lower index.  The upper half is
 * the cosine's bits, turned so that they order as unsigned integers; no two rows have the same
 * number.  0: nobody's neighbour, NaN. */
__host__ __device__ static inline uint64_t candidate(float cosine, uint32_t index)
{
    uint32_t u;
    if (!(cosine > -INFINITY)) return 0;
    cosine += 0.0f;                      /* -0 is as near as 0 */
    memcpy(&u, &cosine, sizeof u);
    u ^= u >> 31 ? 0xffffffffu : 0x80000000u;
    return (uint64_t)u << 32 | (uint32_t)~index;
}

__host__ __device__ static inline float cosine_of(uint64_t candidate)
{
    uint32_t u = (uint32_t)(candidate >> 32);
    float cosine;
    u ^= u >> 31 ? 0x80000000u : 0xffffffffu;
    memcpy(&cosine, &u, sizeof cosine);
    return cosine;
}

/* A digit of a candidate is a byte. */
enum { DIGITS = 256, DIGIT_BITS = 8, CANDIDATE_BITS = 64 };

/* The smallest of the k nearest of cosine[m], in every thread; *found: how many there are, k or
 * all.  From the first digit on: how many candidates have each value of it, hence which value the
 * one looked for has. */
__device__ static uint64_t kth_nearest(const float *cosine, int m, int k, int *found)
{
    __shared__ unsigned count[DIGITS];
    __shared__ uint64_t prefix;
    __shared__ unsigned left, last;      /* still to find among those of this prefix; how many of
                                            these there are */
    if (threadIdx.x == 0) {
        prefix = 0;
        left = (unsigned)k;
        last = 0;
    }
    for (int shift = CANDIDATE_BITS - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
        for (int i = (int)threadIdx.x; i < DIGITS; i += THREADS) count[i] = 0;
        __syncthreads();
        for (int i = (int)threadIdx.x; i < m; i += THREADS) {
            const uint64_t c = candidate(cosine[i], (uint32_t)i);
            const bool same = shift == CANDIDATE_BITS - DIGIT_BITS ||
                              (c ^ prefix) >> (shift + DIGIT_BITS) == 0;
            if (c && same) atomicAdd(&count[c >> shift & (DIGITS - 1)], 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int digit = DIGITS - 1;
            for (; digit > 0 && count[digit] < left; digit--) left -= count[digit];
            prefix |= (uint64_t)digit << shift;
            last = count[digit];
        }
        __syncthreads();
        if (last <= left) break;         /* all of this prefix are among the nearest; or there are
                                            too few */
    }
    *found = k - (int)(left - (last < left ? last : left));
    const uint64_t nearest = prefix;
    __syncthreads();
    return nearest;
}

/* list[n], n a power of two, from the largest to the smallest: a bitonic network. */
__device__ static void list_sort(uint64_t *list, int n)
{
    for (int size = 2; size <= n; size *= 2)
        for (int step = size / 2; step > 0; step /= 2) {
            for (int i = (int)threadIdx.x; i < n; i += THREADS) {
                const int j = i ^ step;
                if (j <= i) continue;
                const uint64_t a = list[i], b = list[j];
                const bool falling = (i & size) == 0;
                if (falling ? a < b : a > b) {
                    list[i] = b;
                    list[j] = a;
                }
            }
            __syncthreads();
        }
}

/* What a block needs for its query: the sorted candidates, and what each gives to its class. */
struct election {
    uint64_t *list;
    double *weight, *votes;
    int room, classes, k;
    double temperature;
};

/* A block a query. */
static __global__ void sim_vote(int32_t *pred, const float *cosines, const int32_t *label, int m,
                                election b)
{
    __shared__ unsigned taken;
    const float *const cosine = cosines + (size_t)blockIdx.x * (size_t)m;
    uint64_t *const list = b.list + (size_t)blockIdx.x * (size_t)b.room;
    double *const weight = b.weight + (size_t)blockIdx.x * (size_t)b.room;
    double *const votes = b.votes + (size_t)blockIdx.x * (size_t)b.classes;
    int found = 0;
    const uint64_t least = kth_nearest(cosine, m, b.k, &found);
    for (int i = (int)threadIdx.x; i < b.room; i += THREADS) list[i] = 0;
    if (threadIdx.x == 0) taken = 0;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < m; i += THREADS) {
        const uint64_t c = candidate(cosine[i], (uint32_t)i);
        if (c && c >= least) list[atomicAdd(&taken, 1u)] = c;  /* any order: they are sorted next */
    }
    __syncthreads();
    list_sort(list, b.room);
    for (int i = (int)threadIdx.x; i < found; i += THREADS)
        weight[i] = exp((double)cosine_of(list[i]) / b.temperature);
    __syncthreads();
    for (int c = (int)threadIdx.x; c < b.classes; c += THREADS) {
        double sum = 0;                  /* one order of additions: equal votes give equal sums */
        for (int i = 0; i < found; i++)
            if (label[(uint32_t)~(uint32_t)list[i]] == c) sum += weight[i];
        votes[c] = sum;
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    int first = 0;
    for (int c = 1; c < b.classes; c++)
        if (votes[c] > votes[first]) first = c;
    pred[blockIdx.x] = first;
}

void op_knn(dev_int *pred, const dev_float *query, int n, const dev_float *bank,
            const dev_int *label, int m, int d, int classes, int k, float temperature)
{
    enum { COSINES = 8 << 20 };          /* held at a time: 32 MB */
    assert(n > 0 && m > 0 && d > 0 && classes > 0 && k > 0);
    election b = { NULL, NULL, NULL, 1, classes, k < m ? k : m, (double)temperature };
    while (b.room < b.k) b.room *= 2;
    const size_t fit = COSINES / (size_t)m < 1 ? 1 : COSINES / (size_t)m;
    const int most = fit < (size_t)n ? (int)fit : n;
    const size_t lists = (size_t)most * (size_t)b.room;
    b.list = (uint64_t *)cuda_scratch(SCRATCH_SUMS, (2 * lists + (size_t)most * (size_t)classes) *
                                                        sizeof(double));
    b.weight = (double *)(b.list + lists);
    b.votes = b.weight + lists;
    float *const cosines = (float *)cuda_scratch(SCRATCH_RESULT,
                                                 (size_t)most * (size_t)m * sizeof *cosines);
    for (int q = 0; q < n; q += most) {
        const int queries = n - q < most ? n - q : most;
        product_run(cosines, float_in(query) + (size_t)q * (size_t)d, float_in(bank),
                    { PRODUCT_NT, queries, m, d, PRECISION_FP32, PRECISION_FP32, false, 1 });
        LAUNCH(sim_vote, (unsigned)queries, THREADS, (int32_t *)pred + q, cosines,
               (const int32_t *)label, m, b);
    }
}

/* ---- a linear classifier --------------------------------------------------------------------- */

struct gather_one {
    float *to;
    const float *x;
    const int32_t *index;
    int d;
    __device__ void operator()(size_t i) const
    {
        to[i] = x[(size_t)index[i / (size_t)d] * (size_t)d + i % (size_t)d];
    }
};

/* Cross-entropy of row i; its logits become their gradient. */
struct softmax_row {
    double *entropy;
    float *logits;
    const float *b;
    const int32_t *label, *index;
    int n, k;
    __device__ void operator()(size_t i) const
    {
        float *const row = logits + i * (size_t)k;
        const int own_label = label[index[i]];
        for (int j = 0; j < k && b; j++) row[j] += b[j];
        double top = (double)row[0], sum = 0;
        for (int j = 1; j < k; j++)
            if ((double)row[j] > top) top = (double)row[j];
        const double own = (double)row[own_label] - top, scale = 1.0 / n;
        for (int j = 0; j < k; j++) {
            const double e = exp((double)row[j] - top);
            row[j] = (float)e;
            sum += e;
        }
        for (int j = 0; j < k; j++) row[j] = (float)(scale / sum * (double)row[j]);
        /* near 0 for a sure answer: not from the float */
        row[own_label] = (float)(scale * (exp(own) / sum - 1));
        entropy[i] = log(sum) - own;
    }
};

void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x,
                        const dev_int *label, const dev_int *index, int n, int d, int k,
                        const dev_float *w, const dev_float *b)
{
    assert(n > 0 && d > 0 && k > 0);
    const size_t floats = (size_t)n * (size_t)d;
    float *const rows = (float *)cuda_scratch(SCRATCH_LEFT, floats * sizeof *rows);
    float *const logits = (float *)cuda_scratch(SCRATCH_RESULT,
                                                (size_t)n * (size_t)k * sizeof *logits);
    double *const entropy = (double *)cuda_scratch(SCRATCH_SUMS, (size_t)n * sizeof *entropy);
    each(floats, gather_one{ rows, float_in(x), (const int32_t *)index, d });
    product_run(logits, rows, w, { PRODUCT_NT, n, k, d, PRECISION_FP32, PRECISION_FP32, false, 1 });
    each((size_t)n, softmax_row{ entropy, logits, float_in(b), (const int32_t *)label,
                                 (const int32_t *)index, n, k });
    if (loss)
        LAUNCH(sim_add_total<double>, 1, THREADS, float_out(loss), entropy, (size_t)n, 1.0 / n);
    if (dw)
        product_run(dw, logits, rows,
                    { PRODUCT_TN, k, d, n, PRECISION_FP32, PRECISION_FP32, true, 1 });
    if (db) columns_add(float_out(db), logits, n, k, PRECISION_FP32, 1);
}

struct classify_row {
    int32_t *pred;
    const float *logits, *b;
    int k;
    __device__ void operator()(size_t i) const
    {
        const float *const row = logits + i * (size_t)k;
        int top = 0;
        for (int j = 1; j < k; j++)
            if (row[j] + (b ? b[j] : 0) > row[top] + (b ? b[top] : 0)) top = j;
        pred[i] = top;
    }
};

void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w,
                 const dev_float *b)
{
    assert(n > 0 && d > 0 && k > 0);
    float *const logits = (float *)cuda_scratch(SCRATCH_RESULT,
                                                (size_t)n * (size_t)k * sizeof *logits);
    product_run(logits, x, w, { PRODUCT_NT, n, k, d, PRECISION_FP32, PRECISION_FP32, false, 1 });
    each((size_t)n, classify_row{ (int32_t *)pred, logits, float_in(b), k });
}
