/* SPDX-License-Identifier: MIT
 *
 * knn.c -- what features are worth: weighted k nearest neighbours (Wu et al. 2018) and a linear
 * classifier.
 *
 *   votes of class c = sum over the K nearest bank rows i with label c of exp(cos_i / T)
 *
 * Cosines are matrix products of a block of queries and a block of the bank; each query keeps a
 * list of the bank rows that may still be among its nearest.
 */
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>
#include "cpu.h"
#include "vec.h"

/* ---- k nearest neighbours -------------------------------------------------------------------- */

static inline int least(int a, int b)
{
    return a < b ? a : b;
}

/* A bank row as one number: the nearer the larger, of equals the lower index.  The upper half is
 * the cosine's bits, turned so that they order as unsigned integers; no two rows have the same
 * number. */
static inline uint64_t candidate(float cosine, int32_t index)
{
    uint32_t u;
    cosine += 0.0f;                      /* -0 is as near as 0 */
    memcpy(&u, &cosine, sizeof u);
    u ^= u >> 31 ? 0xffffffff : 0x80000000;
    return (uint64_t)u << 32 | (uint32_t)~index;
}

static inline float cosine_of(uint64_t candidate)
{
    uint32_t u = (uint32_t)(candidate >> 32);
    float cosine;
    u ^= u >> 31 ? 0x80000000 : 0xffffffff;
    memcpy(&cosine, &u, sizeof cosine);
    return cosine;
}

/* Orders list[n] around its middle element: nearer ones before it, farther ones behind; returns its
 * place.  It swaps without asking: a branch on what is nearer would be guessed wrong half the
 * time. */
static int list_split(uint64_t *list, int n)
{
    const uint64_t pivot = list[n / 2];
    int nearer = 0;                      /* they are list[1 .. nearer] */
    list[n / 2] = list[0];
    for (int i = 1; i < n; i++) {
        const uint64_t c = list[i];
        list[i] = list[nearer + 1];
        list[nearer + 1] = c;
        nearer += c > pivot;
    }
    list[0] = list[nearer];
    list[nearer] = pivot;
    return nearer;
}

/* Moves the k nearest of list[n] to its front, the farthest of them last (quickselect).  1 <= k <=
 * n. */
static void list_cut(uint64_t *list, int n, int k)
{
    while (n > 1) {
        const int at = list_split(list, n);
        if (at == k - 1) return;
        if (at > k - 1) {
            n = at;
            continue;
        }
        list += at + 1;
        n -= at + 1;
        k -= at + 1;
    }
}

static void list_sort(uint64_t *list, int n)
{
    while (n > 1) {                   /* the shorter part by a call, so that calls do not pile up */
        const int at = list_split(list, n);
        if (at < n / 2) {
            list_sort(list, at);
            list += at + 1;
            n -= at + 1;
        } else {
            list_sort(list + at + 1, n - at - 1);
            n = at;
        }
    }
}

/* The best so far of one query: up to 2 k candidates, cut back to k when there are more. */
struct best { uint64_t *list; int n; float floor; };

/* Cosines looked at between two cuts: a list has room for 2 k + SCAN. */
enum { SCAN = 256 };

/* Offers cosine[m] of bank rows first .. first + m - 1.  Rows come in order, so one that only
 * equals the floor loses the tie to the k that are there.  NaN is nobody's neighbour. */
static void best_offer(struct best *b, const float *cosine, int first, int m, int k)
{
    for (int from = 0; from < m; from += SCAN) {
        const int end = least(m, from + SCAN);
        const vec floor = vec_all(b->floor);
        for (int j = from; j < end; j += LANES) {
            const int n = least(end - j, LANES);
            uint32_t above =
                vec_above(n == LANES ? vec_load(cosine + j) : vec_load_n(cosine + j, n), floor);
            if (n < LANES) above &= (1u << n) - 1;
            for (; above; above &= above - 1) {
                const int i = j + __builtin_ctz(above);
                b->list[b->n++] = candidate(cosine[i], first + i);
            }
        }
        if (b->n <= 2 * k) continue;
        list_cut(b->list, b->n, k);
        b->n = k;
        b->floor = cosine_of(b->list[k - 1]);
    }
}

/* The class of most votes, exp(cosine / T) each; votes[classes] is room. */
static int vote(double *votes, struct best *b, const int32_t *label, int classes, int k,
                double temperature)
{
    if (b->n > k) {
        list_cut(b->list, b->n, k);
        b->n = k;
    }
    list_sort(b->list, b->n);            /* one order of additions: equal votes give equal sums */
    memset(votes, 0, (size_t)classes * sizeof *votes);
    for (int i = 0; i < b->n; i++)
        votes[label[(int32_t) ~(uint32_t)b->list[i]]] += exp((double)cosine_of(b->list[i]) /
                                                             temperature);
    int first = 0;
    for (int i = 1; i < classes; i++)
        if (votes[i] > votes[first]) first = i;
    return first;
}

/* Queries by bank rows whose cosines are held at a time: 4 MB. */
enum { QUERIES = 256, BANK = 4096 };

void op_knn(dev_int *pred, const dev_float *query_, int n, const dev_float *bank_,
            const dev_int *label_, int m, int d, int classes, int k, float temperature)
{
    assert(n > 0 && m > 0 && d > 0 && classes > 0 && k > 0);
    const float *query = float_in(query_), *bank = float_in(bank_);
    const int32_t *label = (const int32_t *)label_;
    const int near = least(k, m), queries_room = least(n, QUERIES);
    const size_t list_room = 2 * (size_t)near + SCAN,
                 votes_room = ((size_t)classes + 7) & ~(size_t)7;
    const size_t cosines_room = line_floats((size_t)queries_room * (size_t)least(m, BANK));
    /* cosines [queries, bank rows], then lists [queries, list_room], then each thread's votes */
    float *cosines = cpu_scratch(SCRATCH_WIDE, cosines_room * sizeof(float)
                                 + (size_t)queries_room * list_room * sizeof(uint64_t)
                                 + votes_room * (size_t)cpu_threads() * sizeof(double));
    uint64_t *lists = (uint64_t *)(cosines + cosines_room);
    double *votes = (double *)(lists + (size_t)queries_room * list_room);
    for (int q = 0; q < n; q += QUERIES) {
        const int queries = least(n - q, QUERIES);
        struct best best[QUERIES];
        for (int i = 0; i < queries; i++) best[i] = (struct best){ lists + (size_t)i * list_room, 0,
                                                                   -INFINITY };
        for (int first = 0; first < m; first += BANK) {
            const int rows = least(m - first, BANK);
            cpu_linear(cosines, query + (size_t)q * d, bank + (size_t)first * d, NULL, queries, d,
                       rows);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic, 8)
            for (int i = 0; i < queries; i++)
                best_offer(&best[i], cosines + (size_t)i * rows, first, rows, near);
        }
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic, 8)
        for (int i = 0; i < queries; i++)
            ((int32_t *)pred)[q + i] = vote(votes + votes_room * (size_t)omp_get_thread_num(),
                                            &best[i], label, classes, near, (double)temperature);
    }
}

/* ---- a linear classifier --------------------------------------------------------------------- */

/* Cross-entropy of one row; the logits become its gradient times `scale`. */
static double softmax_row(float *logits, int label, int k, double scale)
{
    double top = (double)logits[0], sum = 0;
    for (int j = 1; j < k; j++)
        if ((double)logits[j] > top) top = (double)logits[j];
    const double own = (double)logits[label] - top;
    for (int j = 0; j < k; j++) {
        const double e = exp((double)logits[j] - top);
        logits[j] = (float)e;
        sum += e;
    }
    for (int j = 0; j < k; j++) logits[j] = (float)(scale / sum * (double)logits[j]);
    /* near 0 for a sure answer: not from the float */
    logits[label] = (float)(scale * (exp(own) / sum - 1));
    return log(sum) - own;
}

void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x_,
                        const dev_int *label_, const dev_int *index_, int n, int d, int k,
                        const dev_float *w, const dev_float *b)
{
    assert(n > 0 && d > 0 && k > 0);
    const int32_t *label = (const int32_t *)label_, *index = (const int32_t *)index_;
    const size_t rows = line_floats((size_t)n * (size_t)d),
                 logit = line_floats((size_t)n * (size_t)k);
    float *x = cpu_scratch(SCRATCH_WIDE, (rows + logit) * sizeof *x + (size_t)n * sizeof(double)),
          *y = x + rows;
    double *entropy = (double *)(y + logit), sum = 0;
#pragma omp parallel for num_threads(cpu_threads()) if (rows > PARALLEL_MIN)
    for (int i = 0; i < n; i++)
        memcpy(x + (size_t)i * d, float_in(x_) + (size_t)index[i] * d, (size_t)d * sizeof *x);
    cpu_linear(y, x, float_in(w), float_in(b), n, d, k);
#pragma omp parallel for num_threads(cpu_threads()) if (logit > 1024)      /* exp is dear */
    for (int i = 0; i < n; i++)
        entropy[i] = softmax_row(y + (size_t)i * k, label[index[i]], k, 1.0 / n);
    for (int i = 0; i < n; i++) sum += entropy[i];
    if (loss) *float_out(loss) += (float)(sum / n);
    if (dw) cpu_linear_wgrad(float_out(dw), y, x, n, d, k);
    if (db)
        for (int j = 0; j < k; j++) {
            double column = 0;
            for (int i = 0; i < n; i++) column += (double)y[(size_t)i * k + j];
            float_out(db)[j] += (float)column;
        }
}

void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w,
                 const dev_float *b)
{
    enum { ROWS = 4096 };                /* the logits of all rows need not be held at once */
    assert(n > 0 && d > 0 && k > 0);
    float *y = cpu_scratch(SCRATCH_WIDE, (size_t)(n < ROWS ? n : ROWS) * (size_t)k * sizeof *y);
    for (int first = 0; first < n; first += ROWS) {
        const int rows = n - first < ROWS ? n - first : ROWS;
        cpu_linear(y, float_in(x) + (size_t)first * d, float_in(w), float_in(b), rows, d, k);
        for (int i = 0; i < rows; i++) {
            const float *row = y + (size_t)i * k;
            int top = 0;
            for (int j = 1; j < k; j++)
                if (row[j] > row[top]) top = j;
            ((int32_t *)pred)[first + i] = top;
        }
    }
}
