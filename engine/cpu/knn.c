/* SPDX-License-Identifier: MIT
 *
 * knn.c -- what features are worth: weighted k nearest neighbours (Wu et al. 2018) and a linear classifier.
 */
#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "cpu.h"

/* ---- k nearest neighbours ---------------------------------------------------------------------------- */

struct neighbour { float cosine; int32_t index; };

/* Nearest first; equal ones in the bank's order. */
static inline bool nearer(struct neighbour a, struct neighbour b)
{
    return a.cosine > b.cosine || (a.cosine == b.cosine && a.index < b.index);
}

static int nearer_order(const void *a_, const void *b_)
{
    const struct neighbour *a = a_, *b = b_;
    return nearer(*b, *a) - nearer(*a, *b);
}

/* Moves the k nearest of list[n] to its front, in no order (Hoare's quickselect).  1 <= k <= n. */
static void nearest_first(struct neighbour *list, int n, int k)
{
    int low = 0, high = n - 1;
    while (low < high) {
        const struct neighbour pivot = list[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (nearer(list[i], pivot)) i++;
            while (nearer(pivot, list[j])) j--;
            if (i > j) break;
            const struct neighbour t = list[i];
            list[i++] = list[j], list[j--] = t;
        }
        if (k - 1 <= j) high = j;
        else if (k - 1 >= i) low = i;
        else return;
    }
}

/* The best so far of one query: up to 2 k candidates, cut back to k when full. */
struct best { struct neighbour *list; int n; float floor; };

/* Offers cosine[m] of bank rows first .. first + m - 1.  Rows come in order, so one that only equals the floor
 * loses the tie to the k that are there. */
static void best_offer(struct best *b, const float *cosine, int first, int m, int k)
{
    for (int j = 0; j < m; j++) {
        if (!(cosine[j] > b->floor)) continue;
        b->list[b->n++] = (struct neighbour){ cosine[j], first + j };
        if (b->n < 2 * k) continue;
        nearest_first(b->list, b->n, k);
        b->n = k;
        b->floor = b->list[0].cosine;
        for (int i = 1; i < k; i++)
            if (b->list[i].cosine < b->floor) b->floor = b->list[i].cosine;
    }
}

/* The class of most votes, exp(cosine / T) each; votes[classes] is room. */
static int vote(double *votes, struct best *b, const int32_t *label, int classes, int k, double temperature)
{
    if (b->n > k) nearest_first(b->list, b->n, k), b->n = k;
    qsort(b->list, (size_t)b->n, sizeof *b->list, nearer_order);         /* one order of additions */
    memset(votes, 0, (size_t)classes * sizeof *votes);
    for (int i = 0; i < b->n; i++) votes[label[b->list[i].index]] += exp((double)b->list[i].cosine / temperature);
    int first = 0;
    for (int i = 1; i < classes; i++)
        if (votes[i] > votes[first]) first = i;
    return first;
}

/* Queries by bank rows whose cosines are held at a time by each thread. */
enum { QUERIES = 64, BANK = 1024 };

static size_t up_to_line(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

void op_knn(dev_int *pred, const dev_float *query_, int n, const dev_float *bank_, const dev_int *label, int m,
            int d, int classes, int k, float temperature)
{
    assert(n > 0 && m > 0 && d > 0 && classes > 0 && k > 0);
    const int near = k < m ? k : m;
    const float *query = float_in(query_), *bank = float_in(bank_);
    /* Each thread's room: cosines [QUERIES, BANK], votes [classes], candidates [QUERIES, 2 k]. */
    const size_t cosine_bytes = QUERIES * BANK * sizeof(float);
    const size_t vote_bytes = up_to_line((size_t)classes * sizeof(double));
    const size_t list_bytes = up_to_line(QUERIES * 2 * (size_t)near * sizeof(struct neighbour));
    const size_t room = cosine_bytes + vote_bytes + list_bytes;
    char *scratch = cpu_scratch(SCRATCH_WORK, room * (size_t)cpu_threads());
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
    for (int q = 0; q < n; q += QUERIES) {
        const int queries = n - q < QUERIES ? n - q : QUERIES;
        char *own = scratch + room * (size_t)omp_get_thread_num();
        float *cosine = (float *)own;
        double *votes = (double *)(own + cosine_bytes);
        struct neighbour *list = (struct neighbour *)(own + cosine_bytes + vote_bytes);
        struct best best[QUERIES];
        for (int i = 0; i < queries; i++)
            best[i] = (struct best){ .list = list + (size_t)i * 2 * (size_t)near, .floor = -INFINITY };
        for (int first = 0; first < m; first += BANK) {
            const int rows = m - first < BANK ? m - first : BANK;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, queries, rows, d, 1.0f, query + (size_t)q * d, d,
                        bank + (size_t)first * d, d, 0.0f, cosine, BANK);
            for (int i = 0; i < queries; i++) best_offer(&best[i], cosine + (size_t)i * BANK, first, rows, near);
        }
        for (int i = 0; i < queries; i++)
            ((int32_t *)pred)[q + i] = vote(votes, &best[i], (const int32_t *)label, classes, near,
                                            (double)temperature);
    }
}

/* ---- a linear classifier ----------------------------------------------------------------------------- */

/* y[n,k] = x[n,d] w[k,d]^T + b[k] */
static void logits_make(float *y, const float *x, const float *w, const float *b, int n, int d, int k)
{
    for (int i = 0; i < n; i++) memcpy(y + (size_t)i * k, b, (size_t)k * sizeof *y);
    cpu_gemm(false, true, n, k, d, x, d, w, d, 1.0f, y, k);
}

/* Cross-entropy of one row; the logits become its gradient times `scale`. */
static double softmax_row(float *logits, int label, int k, double scale)
{
    double top = (double)logits[0], sum = 0;
    for (int j = 1; j < k; j++)
        if ((double)logits[j] > top) top = (double)logits[j];
    const double own = (double)logits[label];
    for (int j = 0; j < k; j++) sum += exp((double)logits[j] - top);
    for (int j = 0; j < k; j++)
        logits[j] = (float)(scale * (exp((double)logits[j] - top) / sum - (j == label)));
    return log(sum) + top - own;
}

void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x_, const dev_int *label_,
                        const dev_int *index_, int n, int d, int k, const dev_float *w, const dev_float *b)
{
    assert(n > 0 && d > 0 && k > 0);
    const int32_t *label = (const int32_t *)label_, *index = (const int32_t *)index_;
    const size_t rows = line_floats((size_t)n * (size_t)d), logit = line_floats((size_t)n * (size_t)k);
    float *x = cpu_scratch(SCRATCH_WORK, (rows + logit) * sizeof *x + (size_t)n * sizeof(double)), *y = x + rows;
    double *entropy = (double *)(y + logit), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if (rows > PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        memcpy(x + (size_t)i * d, float_in(x_) + (size_t)index[i] * d, (size_t)d * sizeof *x);
    logits_make(y, x, float_in(w), float_in(b), n, d, k);
#pragma omp parallel for num_threads(cpu_threads()) if (logit > 1024)      /* exp is dear */
    for (int i = 0; i < n; i++) entropy[i] = softmax_row(y + (size_t)i * k, label[index[i]], k, 1.0 / n);
    for (int i = 0; i < n; i++) sum += entropy[i];
    if (loss) *float_out(loss) += (float)(sum / n);
    if (dw) cpu_gemm(true, false, k, d, n, y, k, x, d, 1.0f, float_out(dw), d);
    if (db)
        for (int j = 0; j < k; j++) {
            double column = 0;
            for (int i = 0; i < n; i++) column += (double)y[(size_t)i * k + j];
            float_out(db)[j] += (float)column;
        }
}

void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w, const dev_float *b)
{
    enum { ROWS = 4096 };                /* the logits of all rows need not be held at once */
    assert(n > 0 && d > 0 && k > 0);
    float *y = cpu_scratch(SCRATCH_WORK, (size_t)(n < ROWS ? n : ROWS) * (size_t)k * sizeof *y);
    for (int first = 0; first < n; first += ROWS) {
        const int rows = n - first < ROWS ? n - first : ROWS;
        logits_make(y, float_in(x) + (size_t)first * d, float_in(w), float_in(b), rows, d, k);
        for (int i = 0; i < rows; i++) {
            const float *row = y + (size_t)i * k;
            int top = 0;
            for (int j = 1; j < k; j++)
                if (row[j] > row[top]) top = j;
            ((int32_t *)pred)[first + i] = top;
        }
    }
}
