/* SPDX-License-Identifier: MIT
 *
 * conv_direct.c -- forward and input gradient of a convolution, straight from NHWC, with sums in
 * registers.
 *
 *   y[i,j,k] = sum over taps r, s and channels c of  w[k,r,s,c] x[down i + r - pad, down j + s - pad, c]
 *
 * The input gradient is the same sum with x = dy, the weights turned by 180 degrees and their
 * channels exchanged; with stride 2 it runs over dy spread out, a zero between any two pixels,
 * whose products are left out.  Both are
 *
 *   y[i,j] += w[r,s] x[row, column]    where  down i + r - pad = up row,  down j + s - pad = up column
 *
 * with (down, up) = (stride, 1) forward and (1, stride) backward.
 *
 * A block is some pixels of ONE row of y times some vectors of its channels: its sums stay in
 * registers while it walks over the rows, the input channels and the columns of x that it sees;
 * each number of x is read once for all the products it takes part in.  No padded copy and no
 * products with padding: a block at the left or right edge leaves out the column that is not there,
 * a row at the top or bottom the row.
 *
 * A word is 32 bits: an fp32 channel of x, or a pair of bf16 channels, multiplied by one
 * instruction.
 */
#include <assert.h>
#include <omp.h>
#include "conv.h"
#include "vec.h"

enum { MOST_VECTORS = 4, MOST_SUMS = 16, MOST_TAPS = 3, WORD = 4, VECTOR_BYTES = WORD * LANES };

/* ---- a row of y ------------------------------------------------------------------------------ */

/* What differs between rows; all distances in bytes. */
struct row {
    const char *x;                       /* the first row of x that is seen */
    ptrdiff_t x_pixel, x_row;
    const char *w;                       /* [rows][words][taps][vectors * LANES], in words */
    ptrdiff_t w_row;
    int x_columns, rows, words;
    char *y;
    ptrdiff_t y_pixel;
    int y_columns;
    bool add;                            /* to what y holds */
};

ALWAYS_INLINE vec word_product(vec sum, uint32_t word, vec w, bool is_bf16)
{
#if HAVE_BF16_PRODUCTS
    if (is_bf16) return vec_dot_pairs(sum, word, _mm512_castps_si512(w));
#else
    (void)is_bf16;
#endif
    float f;
    memcpy(&f, &word, sizeof f);
    return vec_fma(vec_all(f), w, sum);
}

/* The pixels from j on; those before `begin` are written.  `left`, `right`: the first, the last
 * column of x is padding.  The other arguments are constants, so that the loops over columns, taps
 * and vectors vanish.  Registers: pixels * vectors sums, taps * vectors weights, one word of x. */
ALWAYS_INLINE void block_compute(const struct row b, int j, int begin, int pixels, int vectors,
                                 int taps, int down, int up, bool left, bool right, bool is_bf16)
{
    const int pad = taps / 2, first = up == 1 ? -pad : 0, last = (down * (pixels - 1) + pad) / up;
    const ptrdiff_t x_pixel = b.x_pixel;
    const char *x_row = b.x + down * j / up * x_pixel, *w_row = b.w;
    char *const y = b.y + j * b.y_pixel;
    vec sum[MOST_SUMS];
#pragma GCC unroll 16
    for (int i = 0; i < pixels * vectors; i++) sum[i] = vec_zero();
    if (b.add) {
#pragma GCC unroll 16
        for (int pixel = 0; pixel < pixels; pixel++) {
            if (j + pixel >= b.y_columns) continue;
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[pixel * vectors + v] = act_load(y + pixel * b.y_pixel, v * LANES, is_bf16);
        }
    }
    for (int r = 0; r < b.rows; r++, x_row += b.x_row, w_row += b.w_row) {
        const char *x = x_row, *w = w_row;
        for (int word = 0; word < b.words; word++, x += WORD, w += taps * vectors * VECTOR_BYTES) {
            vec weight[MOST_TAPS * MOST_VECTORS];
#pragma GCC unroll 12
            for (int i = 0; i < taps * vectors; i++)
                weight[i] = vec_load((const float *)w + i * LANES);
#pragma GCC unroll 18
            for (int column = first; column <= last; column++) {
                if ((left && column == first) || (right && column == last)) continue;
                uint32_t now;
                memcpy(&now, x + column * x_pixel, sizeof now);
#pragma GCC unroll 3
                for (int s = 0; s < taps; s++) {
                    const int at = up * column + pad - s, pixel = at / down;
                    if (at < 0 || at % down || pixel >= pixels) continue;
#pragma GCC unroll 4
                    for (int v = 0; v < vectors; v++) {
                        vec *const at_v = &sum[pixel * vectors + v];
                        *at_v = word_product(*at_v, now, weight[s * vectors + v], is_bf16);
                    }
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int pixel = 0; pixel < pixels; pixel++) {
        if (j + pixel < begin || j + pixel >= b.y_columns) continue;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            act_store(y + pixel * b.y_pixel, v * LANES, sum[pixel * vectors + v], is_bf16);
    }
}

/* The last block ends with the row, whatever it shares with the one before. */
ALWAYS_INLINE void row_compute(const struct row b, int pixels, int vectors, int taps, int down,
                               int up, bool is_bf16)
{
    const int columns = (b.y_columns + up - 1) / up * up;
    for (int begin = 0; begin < columns; begin += pixels) {
        const int j = begin + pixels <= columns ? begin : columns - pixels;
        const bool left = j == 0 && taps > 1 && up == 1;
        const bool right = (down * (j + pixels - 1) + taps / 2) / up >= b.x_columns;
        /* Branches inside a block cost one of one vector 3 %, others nothing that would be worth
         * four copies. */
        if (vectors > 1)
            block_compute(b, j, begin, pixels, vectors, taps, down, up, left, right, is_bf16);
        else if (left && right)
            block_compute(b, j, begin, pixels, vectors, taps, down, up, true, true, is_bf16);
        else if (left)
            block_compute(b, j, begin, pixels, vectors, taps, down, up, true, false, is_bf16);
        else if (right)
            block_compute(b, j, begin, pixels, vectors, taps, down, up, false, true, is_bf16);
        else block_compute(b, j, begin, pixels, vectors, taps, down, up, false, false, is_bf16);
    }
}

/* The kinds of convolution: 3 x 3 with stride 1, stride 2 forward and backward; 1 x 1, whose stride
 * is a matter of distances alone. */
enum kind { SAME, DOWN, UP, POINT, KINDS };
typedef void row_fn(const struct row *b, bool is_bf16);
struct plan { int pixels, vectors; row_fn *fn[KINDS]; };

#define ROW(kind, pixels, vectors, taps, down, up)                                                                 \
    static void kind##_##pixels##x##vectors(const struct row *b, bool is_bf16)                                     \
    {                                                                                                              \
        if (HAVE_BF16_PRODUCTS && is_bf16) row_compute(*b, pixels, vectors, taps, down, up, HAVE_BF16_PRODUCTS);   \
        else row_compute(*b, pixels, vectors, taps, down, up, false);                                              \
    }
#define ROWS(pixels, vectors)                                                                                      \
    ROW(same, pixels, vectors, 3, 1, 1)                                                                            \
    ROW(down, pixels, vectors, 3, 2, 1)                                                                            \
    ROW(up, pixels, vectors, 3, 1, 2)                                                                              \
    ROW(point, pixels, vectors, 1, 1, 1)
#define PLAN_OF(pixels, vectors, pv) { pixels, vectors, { same_##pv, down_##pv, up_##pv, point_##pv } }
#define PLAN(pixels, vectors) PLAN_OF(pixels, vectors, pixels##x##vectors)

/* 16 sums hide the latency of the products; with the weights of three taps they fit 32 registers,
 * not 16. */
#ifdef __AVX512F__
ROWS(16, 1)
ROWS(8, 2)
ROWS(7, 2)
ROWS(4, 4)
ROWS(4, 1)
static const struct plan plans[] = { PLAN(16, 1), PLAN(8, 2), PLAN(7, 2), PLAN(4, 4), PLAN(4, 1) };
#else
ROWS(4, 2)
ROWS(4, 1)
static const struct plan plans[] = { PLAN(4, 2), PLAN(4, 1) };
#endif
enum { PLANS = sizeof plans / sizeof *plans };

/* ---- the geometry ---------------------------------------------------------------------------- */

/* One convolution as the blocks see it. */
struct geometry {
    int n, taps, down, up;
    int x_h, x_w, x_c;
    int y_h, y_w, y_c;
    int step;                            /* each step-th row and pixel of y is written: 1 x 1
                                            backward, stride 2 */
    int rows, columns;                   /* of y that are written; columns rounded up to whole
                                            ups */
    bool turned;                         /* weights are w[x_c, r, s, y_c], turned by 180 degrees */
    const struct plan *plan;             /* NULL: none fits */
};

/* The plan of the least time, which goes about as the products, padding apart, and the loads. */
static const struct plan *plan_of(const struct geometry *g)
{
    const struct plan *best = NULL;
    int least = 0;
    for (const struct plan *p = plans; p < plans + PLANS; p++) {
        if (p->pixels > g->columns || p->pixels % g->up || g->y_c % (p->vectors * LANES)) continue;
        const int blocks = (g->columns + p->pixels - 1) / p->pixels *
                           (g->y_c / (p->vectors * LANES));
        const int time = blocks * (3 * p->pixels * p->vectors + 3 * p->vectors + p->pixels + 2);
        if (!best || time < least) {
            best = p;
            least = time;
        }
    }
    return best;
}

static struct geometry geometry_of(struct conv_shape s, bool backward)
{
    struct geometry g = { .n = s.n, .taps = s.r, .down = 1, .up = 1, .step = 1,
                          .turned = backward };
    if (s.r == 1 && s.stride == 1) {      /* each image is one row: fewer partial blocks */
        s.w *= s.h;
        s.h = 1;
    }
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    g.x_h = backward ? p : s.h;
    g.x_w = backward ? q : s.w;
    g.x_c = backward ? s.k : s.c;
    g.y_h = backward ? s.h : p;
    g.y_w = backward ? s.w : q;
    g.y_c = backward ? s.c : s.k;
    if (!backward) g.down = s.stride;
    else if (s.r == 1) g.step = s.stride;
    else g.up = s.stride;
    g.rows = (g.y_h + g.step - 1) / g.step;
    g.columns = (g.y_w + g.step - 1) / g.step;
    g.columns += g.columns % g.up;
    const bool known = ((s.r == 3 && s.pad == 1) || (s.r == 1 && s.pad == 0)) &&
                       (s.stride == 1 || s.stride == 2);
    if (LANES > 4 && known) g.plan = plan_of(&g);          /* with four lanes the BLAS is as good */
    return g;
}

bool conv_direct_fits(struct conv_shape s)
{
    return geometry_of(s, false).plan != NULL;
}

bool conv_direct_dgrad_fits(struct conv_shape s)
{
    return geometry_of(s, true).plan != NULL;
}

/* ---- the weights ----------------------------------------------------------------------------- */

/* Packed for one call: [panels][r][words][s][vectors * LANES] words; a panel is the output channels
 * of a block. */
struct packed { char *at; int words; size_t row, panel; int panels; };

#if HAVE_BF16_PRODUCTS
/* The words of 2 LANES channels of one k. */
ALWAYS_INLINE vec pairs_along(const float *w, int channels)
{
    const vec low = vec_load_n(w, channels < LANES ? channels : LANES);
    const vec high = channels > LANES ? vec_load_n(w + LANES, channels - LANES) : vec_zero();
    return _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* The words of LANES channels of two neighbouring k. */
ALWAYS_INLINE vec pairs_across(vec low, vec high)
{
    const __m512i l = _mm512_cvtepu16_epi32(vec_to_bf16(low)),
                  h = _mm512_cvtepu16_epi32(vec_to_bf16(high));
    return _mm512_castsi512_ps(_mm512_or_si512(l, _mm512_slli_epi32(h, 16)));
}
#endif

/* Each turn zips the upper half into the lower: after log2(LANES) turns rows are columns. */
ALWAYS_INLINE void square_transpose(vec a[LANES])
{
#pragma GCC unroll 4
    for (int turn = 1; turn < LANES; turn *= 2) {
        vec b[LANES];
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            b[2 * i] = vec_zip_low(a[i], a[i + LANES / 2]);
            b[2 * i + 1] = vec_zip_high(a[i], a[i + LANES / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) a[i] = b[i];
    }
}

/* Forward: for each tap a square of LANES output channels by LANES words is transposed. */
ALWAYS_INLINE void row_pack(char *to, const float *w, const struct geometry *g, int words, int k0,
                            int r, bool is_bf16)
{
    const int vectors = g->plan->vectors, channels = is_bf16 ? 2 * LANES : LANES;
    const size_t k_step = (size_t)(g->taps * g->taps) * (size_t)g->x_c;
    for (int v = 0; v < vectors; v++)
        for (int s = 0; s < g->taps; s++)
            for (int c = 0, word = 0; c < g->x_c; c += channels, word += LANES) {
                const size_t tap = (size_t)(r * g->taps + s);
                const float *from = w + (size_t)(k0 + v * LANES) * k_step + tap * (size_t)g->x_c +
                                    (size_t)c;
                const int there = g->x_c - c < channels ? g->x_c - c : channels;
                vec square[LANES];
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++, from += k_step) {
#if HAVE_BF16_PRODUCTS
                    square[i] = is_bf16 ? pairs_along(from, there) : vec_load_n(from, there);
#else
                    square[i] = vec_load_n(from, there);
#endif
                }
                square_transpose(square);
                for (int i = 0; i < LANES && word + i < words; i++)
                    vec_store((float *)to + (((word + i) * g->taps + s) * vectors + v) * LANES,
                              square[i]);
            }
}

/* Backward: output channels are neighbours in w already. */
ALWAYS_INLINE void turned_row_pack(char *to, const float *w, const struct geometry *g, int words,
                                   int c0, int r, bool is_bf16)
{
    const int vectors = g->plan->vectors, last = g->taps - 1;
    const size_t k_step = (size_t)(g->taps * g->taps) * (size_t)g->y_c;
    for (int word = 0; word < words; word++)
        for (int s = 0; s < g->taps; s++) {
            const int k = is_bf16 ? 2 * word : word;
            const float *from = w + (size_t)k * k_step +
                                (size_t)(((last - r) * g->taps + last - s) * g->y_c + c0);
            for (int v = 0; v < vectors; v++, from += LANES, to += VECTOR_BYTES) {
                vec got = vec_load(from);
#if HAVE_BF16_PRODUCTS
                if (is_bf16)
                    got = pairs_across(got, k + 1 < g->x_c ? vec_load(from + k_step) : vec_zero());
#endif
                vec_store((float *)to, got);
            }
        }
}

static struct packed weights_pack(const float *w, const struct geometry *g, bool is_bf16,
                                  size_t more)
{
    const int wide = g->plan->vectors * LANES;
    struct packed p = { .words = is_bf16 ? (g->x_c + 1) / 2 : g->x_c, .panels = g->y_c / wide };
    p.row = (size_t)(p.words * g->taps) * (size_t)wide * WORD;
    p.panel = p.row * (size_t)g->taps;
    p.at = cpu_scratch(SCRATCH_WORK, p.panel * (size_t)p.panels + more);
    const int rows = p.panels * g->taps;
#pragma omp parallel for num_threads(cpu_threads()) if (p.row * (size_t)rows > WORD * PARALLEL_MIN)
    for (int i = 0; i < rows; i++) {
        char *const to = p.at + p.row * (size_t)i;
        const int first = i / g->taps * wide, r = i % g->taps;
        if (g->turned && is_bf16) turned_row_pack(to, w, g, p.words, first, r, HAVE_BF16_PRODUCTS);
        else if (g->turned) turned_row_pack(to, w, g, p.words, first, r, false);
        else if (is_bf16) row_pack(to, w, g, p.words, first, r, HAVE_BF16_PRODUCTS);
        else row_pack(to, w, g, p.words, first, r, false);
    }
    return p;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* One panel of output channels of one image. */
static void image_compute(char *y, const char *x, const char *w, const struct packed *p,
                          const struct geometry *g, bool add, bool is_bf16)
{
    const int pad = g->taps / 2, size = is_bf16 ? 2 : 4;
    const enum kind kind = g->taps == 1 ? POINT : g->down == 2 ? DOWN : g->up == 2 ? UP : SAME;
    row_fn *const fn = g->plan->fn[kind];
    const ptrdiff_t x_pixel = p->words * WORD, y_pixel = g->y_c * size;
    struct row b = { .x_row = x_pixel * g->x_w, .x_pixel = x_pixel * (kind == POINT ? g->down : 1),
                     .w_row = (ptrdiff_t)p->row * g->up, .words = p->words, .x_columns = g->x_w,
                     .y_pixel = y_pixel * g->step, .y_columns = (g->y_w + g->step - 1) / g->step,
                     .add = add };
    for (int i = 0; i < g->rows; i++) {
        /* The first tap that meets a row of x, and that row: down i + r - pad = up row. */
        int r = (g->down * i + pad) % g->up, row = (g->down * i + r - pad) / g->up;
        if (row < 0) {
            r += g->up;
            row++;
        }
        b.rows = (g->taps - r + g->up - 1) / g->up;
        if (b.rows > g->x_h - row) b.rows = g->x_h - row;
        b.w = w + (size_t)r * p->row;
        b.x = x + row * b.x_row;
        b.y = y + i * g->y_w * g->step * y_pixel;
        fn(&b, is_bf16);
    }
}

/* x with a channel of zeros behind the last one, so that pairs do not cross pixels. */
static void channel_append(bf16 *to, const bf16 *x, size_t pixels, int c)
{
    size_t i = 0;
    /* The stem's three: moved as four, but for the last pixel, behind which there may be nothing to
     * read. */
    for (; c == 3 && i + 1 < pixels; i++) {
        uint64_t four;
        memcpy(&four, x + 3 * i, sizeof four);
        four &= UINT64_MAX >> 16;
        memcpy(to + 4 * i, &four, sizeof four);
    }
    for (; i < pixels; i++) {
        memcpy(to + (size_t)(c + 1) * i, x + (size_t)c * i, (size_t)c * sizeof *to);
        to[(size_t)(c + 1) * i + (size_t)c] = 0;
    }
}

/* Threads take groups of images small enough for a cache; a panel of weights passes over the whole
 * group. */
static void convolve(char *y, bool add, const char *x, const float *w, const struct geometry *g,
                     bool is_bf16)
{
    enum { GROUP_BYTES = 384 << 10 };
    const size_t size = is_bf16 ? 2 : 4;
    const bool append = is_bf16 && g->x_c % 2;
    const size_t x_pixels = (size_t)g->x_h * g->x_w, x_image = x_pixels * (size_t)g->x_c * size;
    const size_t x_even = x_pixels * (size_t)(g->x_c + append) * size;
    const size_t y_image = (size_t)g->y_h * g->y_w * (size_t)g->y_c * size;
    const int most = 1 + (int)(GROUP_BYTES / x_even), threads = cpu_threads();
    const int groups = (g->n + most * threads - 1) / (most * threads) * threads;
    const size_t own_bytes = append ? line_floats(most * x_even / sizeof(float)) * sizeof(float)
                                    : 0;
    const struct packed p = weights_pack(w, g, is_bf16, own_bytes * (size_t)threads);
    char *const own = p.at + p.panel * (size_t)p.panels;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int group = 0; group < groups; group++) {
        const size_t begin = chunk_start(g->n, groups, group),
                     end = chunk_start(g->n, groups, group + 1);
        const char *from = x + begin * x_image;
        if (append) {
            char *const copy = own + own_bytes * (size_t)omp_get_thread_num();
            channel_append((bf16 *)copy, (const bf16 *)from, (end - begin) * x_pixels, g->x_c);
            from = copy;
        }
        if (g->step > 1 && !add) memset(y + begin * y_image, 0, (end - begin) * y_image);
        for (int panel = 0; panel < p.panels; panel++)
            for (size_t i = 0; i < end - begin; i++)
                image_compute(y + (begin + i) * y_image +
                                  (size_t)(panel * g->plan->vectors * LANES) * size,
                              from + i * x_even, p.at + p.panel * (size_t)panel, &p, g, add,
                              is_bf16);
    }
}

/* ---- forward and backward -------------------------------------------------------------------- */

void conv_direct_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16)
{
    const struct geometry g = geometry_of(s, false);
    assert(g.plan && (HAVE_BF16_PRODUCTS || !is_bf16));
    convolve(y, false, x, w, &g, is_bf16);
}

void conv_direct_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s,
                       bool is_bf16)
{
    const struct geometry g = geometry_of(s, true);
    assert(g.plan && (HAVE_BF16_PRODUCTS || !is_bf16));
    convolve(dx, add, dy, w, &g, is_bf16);
}
