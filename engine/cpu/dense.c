/* SPDX-License-Identifier: MIT
 *
 * dense.c -- fully connected layers, which the heads are made of (Sec. 3): three matrix products
 * around one block of registers.
 *
 *   y[N,K] = x w^T + b        dx[N,C] = dy w        dw[K,C] += dy^T x
 *
 * Each is a left factor times a right one, summed over a depth (C, K or N).  Both are packed into
 * words of 32 bits: a word is one fp32 number or, where the CPU multiplies bf16, the pair of bf16
 * numbers at depths 2 t and 2 t + 1 (the second of the last pair may be a zero).  Weights stay fp32
 * in memory: a tile's share of them is packed just before it is used, so they are read once and
 * never written.  Each number of the result is summed by one thread, in the order of the depth
 * (rule 4 of ops.h).
 */
#include <assert.h>
#include <omp.h>
#include <string.h>
#include "cpu.h"
#include "parts.h"
#include "vec.h"

/* Registers of a block: ROWS x 2 vectors of sums, 2 of the right factor, 1 word of the left in all
 * lanes; 19 of AVX-512's 32, 15 of the 16 elsewhere. */
enum { ROWS = VECTORS == 32 ? 8 : 6, PANEL = 2 * LANES };

/* A tile of y or dx is TILE_COLUMNS wide, because dx reads rows of w that long from places far
 * apart; WORDS of the depth are packed for it at a time: 128 KB with AVX-512, for the second
 * cache. */
enum { TILE_COLUMNS = 4 * PANEL, WORDS = 256 };

static inline int least(int a, int b)
{
    return a < b ? a : b;
}

static inline size_t up_to(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* Whole cache lines, and one more: rows a power of two apart would fall upon each other in the
 * cache. */
static inline size_t row_words(int n)
{
    return up_to((size_t)n, 16) + 16;
}

ALWAYS_INLINE int numbers_a_word(bool pairs)
{
    return pairs ? 2 : 1;
}

ALWAYS_INLINE int words_for(int numbers, bool pairs)
{
    return (numbers + numbers_a_word(pairs) - 1) / numbers_a_word(pairs);
}

/* ---- the block ------------------------------------------------------------------------------- */

ALWAYS_INLINE vec add_products(vec sum, float word, vec right, bool pairs)
{
#if HAVE_BF16_PRODUCTS
    if (pairs) {
        uint32_t pair;
        memcpy(&pair, &word, sizeof pair);
        return vec_dot_pairs(sum, pair, _mm512_castps_si512(right));
    }
#endif
    (void)pairs;
    return vec_fma(vec_all(word), right, sum);
}

/* Row i's words of the left factor: at[i * row + t * next], t = 0, 1, ... */
struct left { const float *at; size_t row, next; };

/* tile[ROWS, PANEL] = (fresh ? 0 : tile) + left[ROWS, words] right[words, PANEL]. */
ALWAYS_INLINE void block(float *tile, size_t tile_row, bool fresh, struct left left,
                         const float *right, int words, bool pairs)
{
    vec sum[ROWS][2];
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < 2; v++)
            sum[i][v] = fresh ? vec_zero()
                              : vec_load(tile + (size_t)i * tile_row + (size_t)v * LANES);
    for (int t = 0; t < words; t++, right += PANEL, left.at += left.next) {
        const vec right0 = vec_load(right), right1 = vec_load(right + LANES);
        for (int i = 0; i < ROWS; i++) {
            const float word = left.at[(size_t)i * left.row];
            sum[i][0] = add_products(sum[i][0], word, right0, pairs);
            sum[i][1] = add_products(sum[i][1], word, right1, pairs);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < 2; v++)
            vec_store(tile + (size_t)i * tile_row + (size_t)v * LANES, sum[i][v]);
}

/* ---- packing --------------------------------------------------------------------------------- */

/* The first n <= LANES lanes, the others zero. */
ALWAYS_INLINE vec act_load_first(const void *p, size_t i, int n, bool is_bf16)
{
    return n == LANES ? act_load(p, i, is_bf16) : act_load_n(p, i, n, is_bf16);
}

/* The words of one step: lane j is (even[j], odd[j]) as bf16, or even[j] as it is. */
ALWAYS_INLINE vec words_of(vec even, vec odd, bool pairs)
{
#if HAVE_BF16_PRODUCTS
    if (pairs) return _mm512_castsi512_ps(vec_to_bf16_pairs(even, odd));
#endif
    (void)odd;
    (void)pairs;
    return even;
}

/* `width` words, whole vectors, at one depth of a matrix whose rows are the depth: of the numbers
 * at src[first], of which there are `columns`, and of those `row` numbers on, if there is a next
 * row; zero behind them. */
ALWAYS_INLINE void pack_step(float *words, int width, const void *src, size_t first, size_t row,
                             bool next, int columns, bool is_bf16, bool pairs)
{
    for (int j = 0; j < width; j += LANES) {
        const int n = least(columns - j, LANES);
        vec even = vec_zero(), odd = vec_zero();
        if (n > 0) even = act_load_first(src, first + (size_t)j, n, is_bf16);
        if (n > 0 && pairs && next) odd = act_load_first(src, first + row + (size_t)j, n, is_bf16);
        vec_store(words + j, words_of(even, odd, pairs));
    }
}

/* Up to LANES words along the depth, of the n numbers at p; zero behind them. */
ALWAYS_INLINE vec words_load(const float *p, int n, bool pairs)
{
#if HAVE_BF16_PRODUCTS
    if (pairs) {
        const vec low = act_load_first(p, 0, least(n, LANES), false);
        const vec high = n > LANES ? act_load_first(p, LANES, least(n - LANES, LANES), false)
                                   : vec_zero();
        return _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
#endif
    (void)pairs;
    return act_load_first(p, 0, least(n, LANES), false);
}

/* m[LANES] vectors become their transpose: a zip of the first half with the second rotates the bits
 * of (row, lane) by one place, so log2(LANES) of them exchange row and lane. */
ALWAYS_INLINE void transpose(vec m[LANES])
{
    for (int round = 1; round < LANES; round *= 2) {
        vec zipped[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            zipped[2 * i] = vec_zip_low(m[i], m[i + LANES / 2]);
            zipped[2 * i + 1] = vec_zip_high(m[i], m[i + LANES / 2]);
        }
        for (int i = 0; i < LANES; i++) m[i] = zipped[i];
    }
}

/* panel[words, PANEL] of w^T: `columns` rows of w, `row` numbers apart, become the panel's
 * columns. */
ALWAYS_INLINE void pack_transposed(float *panel, const float *w, size_t row, int columns,
                                   int numbers, bool pairs)
{
    const int words = words_for(numbers, pairs);
    for (int j = 0; j < PANEL; j += LANES)
        for (int t = 0; t < words; t += LANES) {
            vec m[LANES];
            const int done = t * numbers_a_word(pairs);
            for (int i = 0; i < LANES; i++) {
                const float *const from = w + (size_t)(j + i) * row + done;
                m[i] = j + i < columns ? words_load(from, numbers - done, pairs) : vec_zero();
            }
            transpose(m);
            for (int i = 0; i < LANES && t + i < words; i++)
                vec_store(panel + (t + i) * PANEL + j, m[i]);
        }
}

/* words[row_words(...)] of one row of activations along the depth. */
ALWAYS_INLINE void pack_row(float *words, const void *src, size_t first, int numbers, bool is_bf16,
                            bool pairs)
{
    const int whole = numbers / numbers_a_word(pairs);
    if (pairs == is_bf16) {              /* words already */
        const size_t bytes = is_bf16 ? sizeof(bf16) : sizeof(float);
        words[whole] = 0;                /* half of it may follow */
        memcpy(words, (const char *)src + first * bytes, (size_t)numbers * bytes);
        return;
    }
    for (int j = 0; j < numbers; j += LANES)
        vec_store(words + j, numbers - j >= LANES
                                 ? act_load(src, first + (size_t)j, is_bf16)
                                 : act_load_n(src, first + (size_t)j, numbers - j, is_bf16));
}

/* ---- y and dx: activations times weights ----------------------------------------------------- */

/* result[n, columns] = x[n, depth] times w, w being [depth, columns] or the transpose of [columns,
 * depth]; + bias[columns] (NULL: none); + what is there, if it is to add. */
struct product {
    void *result;
    const void *x;
    const float *w, *bias;
    int n, depth, columns;
    bool transposed, add, is_bf16;       /* is_bf16: result and x; else fp32 */
};

/* Rows of a tile: many, to pack the weights seldom, as long as several threads have something to
 * do. */
static int tile_rows(const struct product *p)
{
    enum { MOST = 32 * ROWS, LEAST = 8 * ROWS, TILES = 8 };
    const int across = (p->columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    int rows = MOST;
    while (rows > LEAST && (p->n + rows - 1) / rows * across < TILES) rows /= 2;
    return rows;
}

/* panel[words, PANEL]: the weights of columns j .. and of `numbers` depths from `first` on. */
ALWAYS_INLINE void pack_weights(float *panel, const struct product *p, int j, int first,
                                int numbers, bool pairs)
{
    const int columns = least(p->columns - j, PANEL);
    if (p->transposed) {
        pack_transposed(panel, p->w + (size_t)j * p->depth + first, (size_t)p->depth, columns,
                        numbers, pairs);
        return;
    }
    const size_t row = (size_t)p->columns;
    for (int i = 0; i < numbers; i += numbers_a_word(pairs), panel += PANEL)
        pack_step(panel, PANEL, p->w, (size_t)(first + i) * row + (size_t)j, row, i + 1 < numbers,
                  columns, false, pairs);
}

/* tile[rows, TILE_COLUMNS] = the sums from row i and column j on, whole blocks: those outside the
 * result are undefined.  left[n, row_words] are x's words. */
ALWAYS_INLINE void tile_sum(float *tile, float *packed, const float *left, const struct product *p,
                            int i, int rows, int j, bool pairs)
{
    const size_t row = row_words(words_for(p->depth, pairs));
    const int columns = least(p->columns - j, TILE_COLUMNS);
    const int all = words_for(p->depth, pairs);
    for (int first = 0; first < all; first += WORDS) {
        const int words = least(all - first, WORDS), depth = first * numbers_a_word(pairs);
        const int numbers = least(p->depth - depth, words * numbers_a_word(pairs));
        for (int c = 0; c < columns; c += PANEL) {
            float *const panel = packed + (size_t)c * WORDS;
            pack_weights(panel, p, j + c, depth, numbers, pairs);
            for (int r = 0; r < rows; r += ROWS) {
                const struct left own = { left + (size_t)(i + r) * row + first, row, 1 };
                block(tile + r * TILE_COLUMNS + c, TILE_COLUMNS, first == 0, own, panel, words,
                      pairs);
            }
        }
    }
}

ALWAYS_INLINE void tile_store(const struct product *p, const float *tile, int i, int rows, int j,
                              bool is_bf16)
{
    const int columns = least(p->columns - j, TILE_COLUMNS);
    for (int r = 0; r < rows; r++, tile += TILE_COLUMNS)
        for (int c = 0; c < columns; c += LANES) {
            const int lanes = least(columns - c, LANES);
            const size_t at = (size_t)(i + r) * p->columns + (size_t)(j + c);
            vec v = vec_load(tile + c);
            if (p->bias) v = vec_add(v, act_load_first(p->bias, (size_t)(j + c), lanes, false));
            if (p->add) v = vec_add(act_load_first(p->result, at, lanes, is_bf16), v);
            if (lanes == LANES) act_store(p->result, at, v, is_bf16);
            else act_store_n(p->result, at, v, lanes, is_bf16);
        }
}

/* Left rows i .. of the product, packed; behind the last row the last again, for nothing. */
ALWAYS_INLINE void left_make(float *left, const struct product *p, size_t i, bool is_bf16)
{
    const bool pairs = HAVE_BF16_PRODUCTS && is_bf16;
    const size_t row = i < (size_t)p->n ? i : (size_t)p->n - 1;
    pack_row(left + i * row_words(words_for(p->depth, pairs)), p->x, row * p->depth, p->depth,
             is_bf16, pairs);
}

ALWAYS_INLINE void tile_make(float *room, const float *left, const struct product *p, int i,
                             int rows, int j, bool is_bf16)
{
    float *const tile = room + WORDS * TILE_COLUMNS;
    tile_sum(tile, room, left, p, i, rows, j, HAVE_BF16_PRODUCTS && is_bf16);
    tile_store(p, tile, i, rows, j, is_bf16);
}

/* Inside its loops the precision is asked for again, so that what they call knows it when it is
 * compiled. */
static void multiply(const struct product *p)
{
    const size_t row = row_words(words_for(p->depth, HAVE_BF16_PRODUCTS && p->is_bf16));
    const size_t rows = up_to((size_t)p->n, ROWS);
    const int height = tile_rows(p), across = (p->columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    const int tiles = (p->n + height - 1) / height * across;
    const size_t room = (WORDS + (size_t)height) * TILE_COLUMNS;
    float *const left = cpu_scratch(SCRATCH_WORK,
                                    (rows * row + room * (size_t)cpu_threads()) * sizeof *left);
#pragma omp parallel for num_threads(cpu_threads()) if (rows * row > PARALLEL_MIN)
    for (size_t i = 0; i < rows; i++) {
        if (p->is_bf16) left_make(left, p, i, true);
        else left_make(left, p, i, false);
    }
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic) if (tiles > 1)
    for (int t = 0; t < tiles; t++) {
        const int i = t / across * height, j = t % across * TILE_COLUMNS,
                  n = least(p->n - i, height);
        float *const own = left + rows * row + room * (size_t)omp_get_thread_num();
        if (p->is_bf16) tile_make(own, left, p, i, n, j, true);
        else tile_make(own, left, p, i, n, j, false);
    }
}

static void forward(void *y, const void *x, const float *w, const float *b, int n, int c, int k,
                    bool is_bf16)
{
    multiply(&(struct product){ .result = y, .x = x, .w = w, .bias = b, .n = n, .depth = c,
                                .columns = k, .transposed = true, .is_bf16 = is_bf16 });
}

void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b,
               struct fc_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.k > 0);
    forward(y, x, float_in(w), float_in(b), s.n, s.c, s.k, cpu_bf16());
}

void cpu_linear(float *y, const float *x, const float *w, const float *b, int n, int c, int k)
{
    forward(y, x, w, b, n, c, k, false);
}

/* ---- dw and db ------------------------------------------------------------------------------- */

/* dw += dy^T x, the depth being the rows of both.  dy's words are kept as they lie, [words, K], and
 * x's in panels [words, PANEL]; both are small beside dw, which is walked row by row because it has
 * to come from memory. */
struct gradient { float *dw, *left, *right; const void *dy, *x; int n, c, k, words; };

/* Words t of dy and of x. */
ALWAYS_INLINE void factors_make(const struct gradient *g, int t, bool is_bf16)
{
    const bool pairs = HAVE_BF16_PRODUCTS && is_bf16,
               next = (t + 1) * numbers_a_word(pairs) <= g->n;
    const size_t i = (size_t)t * numbers_a_word(pairs), c = (size_t)g->c, k = (size_t)g->k,
                 row = row_words(g->k);
    pack_step(g->left + (size_t)t * row, (int)row, g->dy, i * k, k, next, g->k, is_bf16, pairs);
    for (int j = 0; j < g->c; j += PANEL)
        pack_step(g->right + (size_t)j * g->words + (size_t)t * PANEL, PANEL, g->x, i * c + j, c,
                  next, g->c - j, is_bf16, pairs);
}

/* dw's rows i .. i + ROWS - 1. */
ALWAYS_INLINE void rows_add(const struct gradient *g, int i, bool pairs)
{
    const size_t c = (size_t)g->c;
    const struct left left = { g->left + i, 1, row_words(g->k) };
    for (int j = 0; j < g->c; j += PANEL) {
        const float *const right = g->right + (size_t)j * g->words;
        float *const at = g->dw + (size_t)i * c + j, edge[ROWS * PANEL];
        if (i + ROWS <= g->k && j + PANEL <= g->c) {
            for (int r = 0; r < ROWS; r++)         /* the next block's */
                for (int v = PANEL; v < 2 * PANEL; v += 16)
                    __builtin_prefetch(at + (size_t)r * c + v, 1);
            block(at, c, false, left, right, g->words, pairs);
            continue;
        }
        block(edge, PANEL, true, left, right, g->words, pairs);
        for (int r = 0; r < ROWS && i + r < g->k; r++)
            for (int v = 0; v < PANEL && j + v < g->c; v++)
                at[(size_t)r * c + v] += edge[r * PANEL + v];
    }
}

static void weight_gradient(float *dw, const void *dy, const void *x, int n, int c, int k,
                            bool is_bf16)
{
    const int words = words_for(n, HAVE_BF16_PRODUCTS && is_bf16);
    const size_t left = row_words(k) * (size_t)words,
                 right = up_to((size_t)c, PANEL) * (size_t)words;
    float *const scratch = cpu_scratch(SCRATCH_WORK, (left + right) * sizeof *scratch);
    const struct gradient g = { dw, scratch, scratch + left, dy, x, n, c, k, words };
#pragma omp parallel for num_threads(cpu_threads()) if (left + right > PARALLEL_MIN)
    for (int t = 0; t < words; t++) {
        if (is_bf16) factors_make(&g, t, true);
        else factors_make(&g, t, false);
    }
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
    for (int i = 0; i < k; i += ROWS) {
        if (HAVE_BF16_PRODUCTS && is_bf16) rows_add(&g, i, true);
        else rows_add(&g, i, false);
    }
}

void cpu_linear_wgrad(float *dw, const float *dy, const float *x, int n, int c, int k)
{
    weight_gradient(dw, dy, x, n, c, k, false);
}

/* The sums of `columns` columns of dy, from the first on. */
ALWAYS_INLINE void column_sums(double *sum, const void *dy, int first, int columns, int n, int k,
                               bool is_bf16)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < columns; j++) {
            const size_t at = (size_t)i * k + first + j;
            sum[j] += (double)(is_bf16 ? float_of_bf16(((const bf16 *)dy)[at])
                                       : ((const float *)dy)[at]);
        }
}

/* db[K] += column sums of dy, one running sum in double per column. */
static void bias_gradient(float *db, const void *dy, int n, int k, bool is_bf16)
{
    enum { COLUMNS = 64 };
#pragma omp parallel for num_threads(cpu_threads()) if ((size_t)n * k > PARALLEL_MIN)
    for (int first = 0; first < k; first += COLUMNS) {
        const int columns = least(k - first, COLUMNS);
        double sum[COLUMNS] = { 0 };
        if (is_bf16) column_sums(sum, dy, first, columns, n, k, true);
        else column_sums(sum, dy, first, columns, n, k, false);
        for (int j = 0; j < columns; j++) db[first + j] += (float)sum[j];
    }
}

static void gradients_add(float *dw, float *db, const void *dy, const void *x, struct fc_shape s)
{
    if (dw) weight_gradient(dw, dy, x, s.n, s.c, s.k, cpu_bf16());
    if (db) bias_gradient(db, dy, s.n, s.k, cpu_bf16());
}

/* dw, then db, in the sum of each part. */
static void gradients_parts(float *dw, float *db, const char *dy, const char *x, struct fc_shape s)
{
    const int parts = parts_n(s.parts), views = parts_views(s.parts);
    const size_t k = (size_t)s.k, n = dw ? k * (size_t)s.c : 0;
    struct part_sums sums = parts_open(s.parts, n + (db ? k : 0));
    s.n /= parts_pieces(s.parts);
    const size_t y_bytes = mem_act_bytes() * (size_t)s.n * k;
    const size_t x_bytes = mem_act_bytes() * (size_t)s.n * (size_t)s.c;
    for (int i = 0; i < parts; i++) {
        float *const own = parts_next(&sums);
        for (size_t piece = (size_t)i; piece < (size_t)(views * parts); piece += (size_t)parts)
            gradients_add(dw ? own : NULL, db ? own + n : NULL, dy + piece * y_bytes,
                          x + piece * x_bytes, s);
        parts_join(&sums, i);
    }
    if (dw) parts_add(dw, sums.room, n);
    if (db) parts_add(db, sums.room + n, k);
}

void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy,
               const dev_act *x, const dev_float *w, struct fc_shape s)
{
    assert(s.n > 0 && s.c > 0 && s.k > 0 && s.n % parts_pieces(s.parts) == 0);
    if (dx.at)
        multiply(&(struct product){ .result = dx.at, .x = dy, .w = float_in(w), .n = s.n,
                                    .depth = s.k, .columns = s.c, .add = dx.add,
                                    .is_bf16 = cpu_bf16() });
    if (!dw && !db) return;
    if (s.parts.n)
        gradients_parts(float_out(dw), float_out(db), (const char *)dy, (const char *)x, s);
    else gradients_add(float_out(dw), float_out(db), dy, x, s);
}
