/* SPDX-License-Identifier: MIT
 *
 * norm.c -- batch normalisation with its ReLU and residual (Ioffe & Szegedy 2015).
 *
 * Memory speed decides here: one pass over x for both sums, one to write y; backward, one pass for
 * both sums, one to write dx.  The second goes through the rows backwards: it begins with what the
 * first one left in the cache.
 *
 * Rows are cut into chunks by the shape, chunks into runs.  A run's sums are fp32, in registers; a
 * chunk's are double, the sums of its runs; the chunks' are added in order.  BLOCK vectors of
 * channels go down a run's rows together: (4 sums + 4 squares + 4 pivots) and 4 x are registers, or
 * 4 x (4 coefficients), 4 x and 4 g.  Fewer channels than that are folded: [M, C] is [M/F, F C],
 * each coefficient F times.
 */
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>
#include "cpu.h"
#include "parts.h"
#include "vec.h"

enum { BLOCK = 4,        /* vectors; even */
       RUN = 128 };      /* rows: an fp32 sum of that many is off by 128 x 2^-24 at the very most */

/* What the passes over the rows need. */
struct pass {
    int groups, rows, c;                 /* groups in pieces: parts of their views; rows of a piece;
                                            both folded */
    struct parts parts;                  /* of a group */
    int fold, chunks;                    /* chunks of a piece */
    int paired;                          /* channels that place() keeps as pairs of bf16 */
    size_t width;                        /* c in whole vectors */
    bool is_bf16, relu, add;             /* add to `out` or `g`, whichever is written last */
    const char *x, *residual, *dy, *y;   /* [groups, rows, c]; y NULL: no ReLU to undo */
    char *out;                           /* y or dx */
    char *g;                             /* keeps dy as it was before the ReLU; or NULL */
    double *sums;                        /* two sums [width] for each chunk of each group */
    float *mean, *scale, *shift, *slope; /* [groups, width], see apply_block and gradient_block */
};

/* A pass over some rows of a chunk: they begin at element `at`, the sums are the chunk's, the
 * coefficients the group's. */
typedef void rows_fn(const struct pass *p, size_t at, int rows, double *sums);

/* ---- folding, chunks, blocks ----------------------------------------------------------------- */

static struct pass pass_of(struct bn_shape s, bool relu)
{
    enum { CHUNK = 1 << 14, MOST = 64 };
    const int pieces = parts_pieces(s.parts);
    assert(s.groups > 0 && s.rows > 0 && s.c > 0 && s.rows % pieces == 0);
    struct pass p = { .groups = s.groups * pieces, .rows = s.rows / pieces, .c = s.c, .fold = 1,
                      .relu = relu, .parts = s.parts };
    p.is_bf16 = cpu_bf16();
    while (2 * p.c <= BLOCK * LANES && p.rows % 2 == 0) {
        p.rows /= 2;
        p.c *= 2;
        p.fold *= 2;
    }
    if (p.is_bf16) p.paired = p.c / (BLOCK * LANES) * (BLOCK * LANES);
    p.width = (size_t)(p.c + LANES - 1) / LANES * LANES;
    const size_t chunks = (size_t)p.rows * (size_t)p.c / CHUNK;
    p.chunks = chunks < MOST ? (int)chunks : MOST;
    if (p.chunks > p.rows / RUN) p.chunks = p.rows / RUN;  /* or the sums cost more than the rows */
    if (p.chunks < 1) p.chunks = 1;
    const size_t groups = (size_t)p.groups,
                 sums = line_floats(groups * (size_t)p.chunks * 2 * p.width);
    const size_t line = line_floats(groups * p.width);
    char *const room = cpu_scratch(SCRATCH_WORK, sums * sizeof(double) + 4 * line * sizeof(float));
    p.sums = (double *)room;
    p.mean = (float *)(room + sums * sizeof(double));
    p.scale = p.mean + line;
    p.shift = p.scale + line;
    p.slope = p.shift + line;
    return p;
}

/* The same with the sums and coefficients of piece `piece`, counted over all groups. */
static struct pass piece_of(const struct pass *all, int piece)
{
    struct pass p = *all;
    const size_t at = (size_t)piece * p.width;
    p.sums += at * 2 * (size_t)p.chunks;
    p.mean += at;
    p.scale += at;
    p.shift += at;
    p.slope += at;
    return p;
}

/* Calls f for all runs of chunk i, counted over all groups, with the sums of the chunk. */
static void chunk_rows(rows_fn *f, const struct pass *all, int i)
{
    const int piece = i / all->chunks, chunk = i % all->chunks;
    const struct pass p = piece_of(all, piece);
    const size_t first = (size_t)piece * (size_t)p.rows,
                 end = chunk_start((size_t)p.rows, p.chunks, chunk + 1);
    double *const sums = p.sums + (size_t)chunk * 2 * p.width;
    memset(sums, 0, 2 * p.width * sizeof *sums);
    for (size_t row = chunk_start((size_t)p.rows, p.chunks, chunk); row < end; row += RUN)
        f(&p, (first + row) * (size_t)p.c, end - row < RUN ? (int)(end - row) : RUN, sums);
}

/* The same for all chunks.  A thread takes neighbouring ones, the same in both passes: some of
 * their rows are still in its own cache. */
static void all_rows(rows_fn *f, const struct pass *p, bool backwards)
{
    const int chunks = p->groups * p->chunks;
#pragma omp parallel num_threads(cpu_threads()) if (chunks > 1)
    {
        const int threads = omp_get_num_threads(), thread = omp_get_thread_num();
        const int first = (int)chunk_start((size_t)chunks, threads, thread);
        const int end = (int)chunk_start((size_t)chunks, threads, thread + 1);
        for (int i = first; i < end; i++) chunk_rows(f, p, backwards ? first + end - 1 - i : i);
    }
}

/* Where channel j (folded) is kept among sums and coefficients: as the registers have them, and of
 * bf16 a pair of vectors has LANES even channels, then LANES odd ones. */
static size_t place(const struct pass *p, int j)
{
    if (j >= p->paired) return (size_t)j;
    const int pair = j / (2 * LANES) * (2 * LANES), i = j - pair;
    return (size_t)(pair + i % 2 * LANES + i / 2);
}

/* Adds up the chunks, in chunk 0's place. */
static void sums_total(const struct pass *p)
{
    for (size_t i = 1; i < (size_t)p->chunks; i++)
        for (size_t j = 0; j < 2 * p->width; j++) p->sums[j] += p->sums[i * 2 * p->width + j];
}

/* The same of all pieces of group g, in the first one's place: a part is its pieces of all views, and the
 * parts are a tree. */
static void group_total(const struct pass *all, int g)
{
    const int parts = parts_n(all->parts), pieces = parts_pieces(all->parts);
    const struct pass group = piece_of(all, g * pieces);
    const size_t n = 2 * group.width, piece = n * (size_t)group.chunks;
    for (int i = 0; i < pieces; i++) {
        const struct pass own = piece_of(all, g * pieces + i);
        sums_total(&own);
        double *const part = group.sums + (size_t)(i % parts) * piece;
        for (size_t j = 0; j < n && i >= parts; j++) part[j] += own.sums[j];
    }
    for (int step = 1; step < parts; step *= 2)
        for (int i = 0; i < parts; i += 2 * step) {
            double *const left = group.sums + (size_t)i * piece;
            for (size_t j = 0; j < n; j++) left[j] += left[j + (size_t)step * piece];
        }
}

/* Of all groups, here and elsewhere. */
static void groups_total(const struct pass *all, const struct bn_shape *s)
{
    const int pieces = parts_pieces(all->parts);
    const size_t n = 2 * all->width;
    for (int g = 0; g < s->groups; g++) group_total(all, g);
    if (!s->across) return;
    double *const sums = cpu_scratch(SCRATCH_WIDE, (size_t)s->groups * n * sizeof *sums);
    for (int g = 0; g < s->groups; g++)
        memcpy(sums + (size_t)g * n, piece_of(all, g * pieces).sums, n * sizeof *sums);
    s->across->sum((dev_wide *)sums, (size_t)s->groups * n);
    for (int g = 0; g < s->groups; g++)
        memcpy(piece_of(all, g * pieces).sums, sums + (size_t)g * n, n * sizeof *sums);
}

/* Afterwards: sum 0 or 1 of channel j, unfolded. */
static double sum_of(const struct pass *p, size_t which, int j)
{
    double sum = 0;
    for (; j < p->c; j += p->c / p->fold) sum += p->sums[which * p->width + place(p, j)];
    return sum;
}

/* The coefficients of a group's first piece are those of all its pieces. */
static void coefficients_spread(const struct pass *all, int g)
{
    const int pieces = parts_pieces(all->parts);
    const struct pass from = piece_of(all, g * pieces);
    for (int i = 1; i < pieces; i++) {
        const struct pass to = piece_of(all, g * pieces + i);
        memcpy(to.mean, from.mean, from.width * sizeof *to.mean);
        memcpy(to.scale, from.scale, from.width * sizeof *to.scale);
        memcpy(to.shift, from.shift, from.width * sizeof *to.shift);
        memcpy(to.slope, from.slope, from.width * sizeof *to.slope);
    }
}

static void coefficient_set(const struct pass *p, float *coefficient, int j, float value)
{
    for (; j < p->c; j += p->c / p->fold) coefficient[place(p, j)] = value;
}

/* Calls block(..., first channel, vectors, lanes of a vector) for all channels: BLOCK vectors while
 * there are that many, then single ones, then the lanes that are left.  In the block, vectors and
 * LANES are constants. */
#define ALL_CHANNELS(block, channels, ...)                                                              \
    do {                                                                                                \
        int first_ = 0;                                                                                 \
        for (; first_ + BLOCK * LANES <= (channels); first_ += BLOCK * LANES)                           \
            block(__VA_ARGS__, first_, BLOCK, LANES);                                                   \
        for (; first_ + LANES <= (channels); first_ += LANES) block(__VA_ARGS__, first_, 1, LANES);     \
        if (first_ < (channels)) block(__VA_ARGS__, first_, 1, (channels) - first_);                    \
    } while (0)

/* Calls f(..., a, b, c) with three constants: eight copies of f, without a branch in their
 * loops. */
#define WITH_CONSTANTS(f, a, b, c, ...)                                                                 \
    ((a) ? WITH_CONSTANTS2(f, true, b, c, __VA_ARGS__) : WITH_CONSTANTS2(f, false, b, c, __VA_ARGS__))
#define WITH_CONSTANTS2(f, a, b, c, ...)                                                                \
    ((b) ? WITH_CONSTANTS1(f, a, true, c, __VA_ARGS__) : WITH_CONSTANTS1(f, a, false, c, __VA_ARGS__))
#define WITH_CONSTANTS1(f, a, b, c, ...)                                                                \
    ((c) ? f(__VA_ARGS__, a, b, true) : f(__VA_ARGS__, a, b, false))

/* `vectors` vectors from element i on, in the order of place(); a single one may have fewer than
 * LANES lanes. */
ALWAYS_INLINE void block_load(vec *v, const void *p, size_t i, int vectors, int lanes, bool is_bf16)
{
    for (int k = 0; k < vectors; k += 2, i += 2 * LANES) {
        if (vectors == 1) {
            v[k] = lanes == LANES ? act_load(p, i, is_bf16) : act_load_n(p, i, lanes, is_bf16);
        } else if (is_bf16) {
            vec_load_bf16_pairs(&v[k], &v[k + 1], (const bf16 *)p + i);
        } else {
            v[k] = vec_load((const float *)p + i);
            v[k + 1] = vec_load((const float *)p + i + LANES);
        }
    }
}

ALWAYS_INLINE void block_store(void *p, size_t i, const vec *v, int vectors, int lanes,
                               bool is_bf16)
{
    for (int k = 0; k < vectors; k += 2, i += 2 * LANES) {
        if (vectors == 1 && lanes < LANES) {
            act_store_n(p, i, v[k], lanes, is_bf16);
        } else if (vectors == 1) {
            act_store(p, i, v[k], is_bf16);
        } else if (is_bf16) {
            vec_store_bf16_pairs((bf16 *)p + i, v[k], v[k + 1]);
        } else {
            vec_store((float *)p + i, v[k]);
            vec_store((float *)p + i + LANES, v[k + 1]);
        }
    }
}

ALWAYS_INLINE void block_spill(float *p, const vec *v, int vectors)
{
    for (int k = 0; k < vectors; k++) vec_store(p + k * LANES, v[k]);
}

ALWAYS_INLINE void block_zero(vec *v, int vectors)
{
    for (int k = 0; k < vectors; k++) v[k] = vec_zero();
}

/* ---- forward --------------------------------------------------------------------------------- */

/* The mean of a few rows spread over the run. */
ALWAYS_INLINE void block_pivot(vec *pivot, const void *x, size_t i, int rows, size_t c, int vectors,
                               int lanes, bool is_bf16)
{
    enum { FEW = 8 };
    vec v[BLOCK];
    block_zero(pivot, vectors);
    for (int few = 0; few < FEW; few++) {
        block_load(v, x, i + (size_t)(rows * few / FEW) * c, vectors, lanes, is_bf16);
        for (int k = 0; k < vectors; k++) pivot[k] = vec_fma(v[k], vec_all(1.0f / FEW), pivot[k]);
    }
}

/* Sums of x and x^2.  What is summed in fp32 is x minus a pivot: where the mean is large beside the
 * deviation, the squares would leave nothing of the variance.  A single row would not do: it may be
 * an outlier. */
ALWAYS_INLINE void moments_block(const struct pass *p, size_t at, int rows, double *sums,
                                 bool is_bf16, int first, int vectors, int lanes)
{
    const size_t c = (size_t)p->c;
    vec pivot[BLOCK], sum[BLOCK], square[BLOCK], x[BLOCK];
    block_pivot(pivot, p->x, at + (size_t)first, rows, c, vectors, lanes, is_bf16);
    block_zero(sum, vectors);
    block_zero(square, vectors);
    for (int r = 0; r < rows; r++) {
        block_load(x, p->x, at + (size_t)r * c + (size_t)first, vectors, lanes, is_bf16);
        for (int k = 0; k < vectors; k++) {
            const vec d = vec_sub(x[k], pivot[k]);
            sum[k] = vec_add(sum[k], d);
            square[k] = vec_fma(d, d, square[k]);
        }
    }
    float a[BLOCK * LANES], d[BLOCK * LANES], dd[BLOCK * LANES];
    block_spill(a, pivot, vectors);
    block_spill(d, sum, vectors);
    block_spill(dd, square, vectors);
    double *const total = sums + first, *const total_square = total + p->width;
    for (int j = 0; j < vectors * LANES; j++) {
        const double pivots = (double)rows * (double)a[j];          /* sum (a + d), sum (a + d)^2 */
        total[j] += pivots + (double)d[j];
        total_square[j] += (pivots + 2 * (double)d[j]) * (double)a[j] + (double)dd[j];
    }
}

static void moments(const struct pass *p, size_t at, int rows, double *sums)
{
    if (p->is_bf16) ALL_CHANNELS(moments_block, p->c, p, at, rows, sums, true);
    else ALL_CHANNELS(moments_block, p->c, p, at, rows, sums, false);
}

/* y = act((x - mean) scale + shift + residual). */
ALWAYS_INLINE void apply_block(const struct pass *p, size_t at, int rows, bool is_bf16, bool relu,
                               bool residual, int first, int vectors, int lanes)
{
    const size_t c = (size_t)p->c;
    vec mean[BLOCK], scale[BLOCK], shift[BLOCK], x[BLOCK], r[BLOCK];
    block_load(mean, p->mean, (size_t)first, vectors, lanes, false);
    block_load(scale, p->scale, (size_t)first, vectors, lanes, false);
    block_load(shift, p->shift, (size_t)first, vectors, lanes, false);
    for (size_t i = at + (size_t)first, end = i + (size_t)rows * c; i < end; i += c) {
        block_load(x, p->x, i, vectors, lanes, is_bf16);
        if (residual) block_load(r, p->residual, i, vectors, lanes, is_bf16);
        for (int k = 0; k < vectors; k++) {
            x[k] = vec_fma(vec_sub(x[k], mean[k]), scale[k], shift[k]);
            if (residual) x[k] = vec_add(x[k], r[k]);
            if (relu) x[k] = vec_relu(x[k]);
        }
        block_store(p->out, i, x, vectors, lanes, is_bf16);
    }
}

ALWAYS_INLINE void apply_rows(const struct pass *p, size_t at, int rows, bool is_bf16, bool relu,
                              bool residual)
{
    ALL_CHANNELS(apply_block, p->c, p, at, rows, is_bf16, relu, residual);
}

static void apply(const struct pass *p, size_t at, int rows, double *sums)
{
    (void)sums;
    WITH_CONSTANTS(apply_rows, p->is_bf16, p->relu, p->residual != NULL, p, at, rows);
}

/* mean, rstd [C] of one group from its sums over m rows, and the step of the running statistics. */
static void statistics(const struct pass *p, float *mean, float *rstd, float *run_mean,
                       float *run_var, int m)
{
    /* One row has no unbiased variance; its biased one, zero, is taken. */
    const double unbias = m > 1 ? (double)m / (m - 1) : 1.0;
    for (int j = 0; j < p->c / p->fold; j++) {
        const double average = sum_of(p, 0, j) / m, v = sum_of(p, 1, j) / m - average * average;
        const double var = v < 0 ? 0 : v;                /* rounding only; NaN stays */
        mean[j] = (float)average;
        rstd[j] = (float)(1.0 / sqrt(var + (double)BN_EPS));
        if (run_mean) run_mean[j] += BN_MOMENTUM * ((float)average - run_mean[j]);
        if (run_var) run_var[j] += BN_MOMENTUM * ((float)(var * unbias) - run_var[j]);
    }
}

/* The coefficients of apply for channel j; gamma, beta may be NULL. */
static void apply_coefficients(const struct pass *p, int j, float mean, float rstd,
                               const float *gamma, const float *beta)
{
    coefficient_set(p, p->mean, j, mean);
    coefficient_set(p, p->scale, j, gamma ? gamma[j] * rstd : rstd);
    coefficient_set(p, p->shift, j, beta ? beta[j] : 0);
}

void op_bn_act_fwd(dev_act *y, dev_float *mean_, dev_float *rstd_, dev_float *run_mean,
                   dev_float *run_var, const dev_act *x, const dev_float *gamma,
                   const dev_float *beta, const dev_act *residual, struct bn_shape s, bool relu)
{
    struct pass p = pass_of(s, relu);
    p.out = (char *)y;
    p.x = (const char *)x;
    p.residual = (const char *)residual;
    all_rows(moments, &p, false);
    groups_total(&p, &s);
    for (int g = 0; g < s.groups; g++) {
        const struct pass group = piece_of(&p, g * parts_pieces(s.parts));
        float *const mean = float_out(mean_) + (size_t)g * (size_t)s.c;
        float *const rstd = float_out(rstd_) + (size_t)g * (size_t)s.c;
        statistics(&group, mean, rstd, float_out(run_mean), float_out(run_var),
                   bn_rows_in_all(&s));
        for (int j = 0; j < s.c; j++)
            apply_coefficients(&group, j, mean[j], rstd[j], float_in(gamma), float_in(beta));
        coefficients_spread(&p, g);
    }
    all_rows(apply, &p, true);
}

void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual,
                    int rows, int c, bool relu)
{
    struct pass p = pass_of((struct bn_shape){ 1, rows, c }, relu);
    p.out = (char *)y;
    p.x = (const char *)x;
    p.residual = (const char *)residual;
    for (int j = 0; j < c; j++) {
        const float rstd = (float)(1.0 / sqrt((double)float_in(run_var)[j] + (double)BN_EPS));
        apply_coefficients(&p, j, float_in(run_mean)[j], rstd, float_in(gamma), float_in(beta));
    }
    all_rows(apply, &p, true);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* Sums of g and g (x - mean), where g is dy where y > 0, all of dy without ReLU; g is kept if
 * p->g. */
ALWAYS_INLINE void gradient_moments_block(const struct pass *p, size_t at, int rows, double *sums,
                                          bool is_bf16, bool relu, bool keep, int first,
                                          int vectors, int lanes)
{
    const size_t c = (size_t)p->c;
    vec mean[BLOCK], sum[BLOCK], product[BLOCK], x[BLOCK], g[BLOCK], y[BLOCK];
    block_load(mean, p->mean, (size_t)first, vectors, lanes, false);
    block_zero(sum, vectors);
    block_zero(product, vectors);
    for (size_t i = at + (size_t)first, end = i + (size_t)rows * c; i < end; i += c) {
        block_load(g, p->dy, i, vectors, lanes, is_bf16);
        block_load(x, p->x, i, vectors, lanes, is_bf16);
        if (relu) block_load(y, p->y, i, vectors, lanes, is_bf16);
        for (int k = 0; k < vectors; k++) {
            if (relu) g[k] = vec_where_positive(y[k], g[k]);
            sum[k] = vec_add(sum[k], g[k]);
            product[k] = vec_fma(g[k], vec_sub(x[k], mean[k]), product[k]);
        }
        if (keep) block_store(p->g, i, g, vectors, lanes, is_bf16);
    }
    float a[BLOCK * LANES], b[BLOCK * LANES];
    block_spill(a, sum, vectors);
    block_spill(b, product, vectors);
    double *const total = sums + first, *const total_product = total + p->width;
    for (int j = 0; j < vectors * LANES; j++) {
        total[j] += (double)a[j];
        total_product[j] += (double)b[j];
    }
}

ALWAYS_INLINE void gradient_moments_rows(const struct pass *p, size_t at, int rows, double *sums,
                                         bool is_bf16, bool relu, bool keep)
{
    ALL_CHANNELS(gradient_moments_block, p->c, p, at, rows, sums, is_bf16, relu, keep);
}

static void gradient_moments(const struct pass *p, size_t at, int rows, double *sums)
{
    WITH_CONSTANTS(gradient_moments_rows, p->is_bf16, p->y != NULL, p->g != NULL, p, at, rows,
                   sums);
}

/* dx = g scale + (x - mean) slope + shift. */
ALWAYS_INLINE void gradient_block(const struct pass *p, size_t at, int rows, bool is_bf16,
                                  bool relu, bool add, int first, int vectors, int lanes)
{
    const size_t c = (size_t)p->c;
    vec mean[BLOCK], scale[BLOCK], shift[BLOCK], slope[BLOCK], x[BLOCK], g[BLOCK], y[BLOCK];
    block_load(mean, p->mean, (size_t)first, vectors, lanes, false);
    block_load(scale, p->scale, (size_t)first, vectors, lanes, false);
    block_load(shift, p->shift, (size_t)first, vectors, lanes, false);
    block_load(slope, p->slope, (size_t)first, vectors, lanes, false);
    for (size_t i = at + (size_t)first, end = i + (size_t)rows * c; i < end; i += c) {
        block_load(g, p->dy, i, vectors, lanes, is_bf16);
        block_load(x, p->x, i, vectors, lanes, is_bf16);
        if (relu) block_load(y, p->y, i, vectors, lanes, is_bf16);
        for (int k = 0; k < vectors; k++) {
            if (relu) g[k] = vec_where_positive(y[k], g[k]);
            x[k] = vec_fma(vec_sub(x[k], mean[k]), slope[k], shift[k]);
            x[k] = vec_fma(g[k], scale[k], x[k]);
        }
        if (add) {
            block_load(y, p->out, i, vectors, lanes, is_bf16);
            for (int k = 0; k < vectors; k++) x[k] = vec_add(x[k], y[k]);
        }
        block_store(p->out, i, x, vectors, lanes, is_bf16);
    }
}

ALWAYS_INLINE void gradient_rows(const struct pass *p, size_t at, int rows, bool is_bf16, bool relu,
                                 bool add)
{
    ALL_CHANNELS(gradient_block, p->c, p, at, rows, is_bf16, relu, add);
}

static void gradient(const struct pass *p, size_t at, int rows, double *sums)
{
    (void)sums;
    WITH_CONSTANTS(gradient_rows, p->is_bf16, p->y != NULL, p->add, p, at, rows);
}

/* Sums over m rows to the coefficients of the gradient, and the gradients of gamma and beta. */
static void gradient_coefficients(const struct pass *p, float *dgamma, float *dbeta,
                                  const float *gamma, const float *rstd, int m)
{
    for (int j = 0; j < p->c / p->fold; j++) {
        /* sum g xhat */
        const double r = (double)rstd[j], sum = sum_of(p, 0, j), product = sum_of(p, 1, j) * r;
        const double scale = gamma ? (double)gamma[j] * r : r;
        if (dbeta) dbeta[j] += (float)sum;
        if (dgamma) dgamma[j] += (float)product;
        coefficient_set(p, p->scale, j, (float)scale);
        coefficient_set(p, p->shift, j, (float)(-scale * sum / m));
        coefficient_set(p, p->slope, j, (float)(-scale * r * product / m));
    }
}

static void group_gradient(const struct pass *all, int g, float *dgamma, float *dbeta,
                           const float *gamma, const float *rstd, const struct bn_shape *s)
{
    const struct pass group = piece_of(all, g * parts_pieces(s->parts));
    gradient_coefficients(&group, dgamma, dbeta, gamma, rstd + (size_t)g * (size_t)s->c,
                          bn_rows_in_all(s));
    coefficients_spread(all, g);
}

/* Group after group, and the gradients of gamma and beta of those of each part of a batch. */
static void split_gradients(const struct pass *all, float *dgamma, float *dbeta, const float *gamma,
                            const float *rstd, const struct bn_shape *s)
{
    const int n = s->split.n, views = s->split.views, each = s->groups / (n * views);
    const size_t c = (size_t)s->c;
    struct part_sums sums = parts_open(s->split, 2 * c);
    for (int i = 0; i < n; i++) {
        float *const own = parts_next(&sums);
        for (int k = 0; k < views * each; k++) {
            const int g = (k / each * n + i) * each + k % each;
            group_gradient(all, g, own, own + c, gamma, rstd, s);
        }
        parts_join(&sums, i);
    }
    if (dgamma) parts_add(dgamma, sums.room, c);
    if (dbeta) parts_add(dbeta, sums.room + c, c);
}

/* dresidual = g, where that is added or wanted alone. */
ALWAYS_INLINE void residual_rows(const struct pass *p, size_t at, int rows, bool is_bf16, bool relu,
                                 bool add)
{
    const size_t end = at + (size_t)rows * (size_t)p->c;
    for (size_t i = at; i < end; i += LANES) {
        const int lanes = end - i < LANES ? (int)(end - i) : LANES;
        vec g, y;
        block_load(&g, p->dy, i, 1, lanes, is_bf16);
        if (relu) {
            block_load(&y, p->y, i, 1, lanes, is_bf16);
            g = vec_where_positive(y, g);
        }
        if (add) {
            block_load(&y, p->g, i, 1, lanes, is_bf16);
            g = vec_add(y, g);
        }
        block_store(p->g, i, &g, 1, lanes, is_bf16);
    }
}

static void residual(const struct pass *p, size_t at, int rows, double *sums)
{
    (void)sums;
    WITH_CONSTANTS(residual_rows, p->is_bf16, p->y != NULL, p->add, p, at, rows);
}

void op_bn_act_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta,
                   struct act_grad dresidual, const dev_act *dy, const dev_act *y, const dev_act *x,
                   const dev_float *gamma, const dev_float *mean, const dev_float *rstd,
                   struct bn_shape s, bool relu)
{
    const bool sums = dx.at || dgamma || dbeta;
    struct pass p = pass_of(s, relu);
    p.x = (const char *)x;
    p.y = relu ? (const char *)y : NULL;
    p.dy = (const char *)dy;
    p.g = (char *)dresidual.at;
    p.add = dresidual.add;
    if (p.g && (dresidual.add || !sums)) {
        all_rows(residual, &p, true);
        p.g = NULL;
    }
    if (!sums) return;
    /* What the first pass keeps, the second need not make from dy and y again. */
    if (!p.g && relu && dx.at == dy) p.g = (char *)dx.at;
    for (int g = 0; g < s.groups; g++) {
        const struct pass group = piece_of(&p, g * parts_pieces(s.parts));
        for (int j = 0; j < s.c; j++)
            coefficient_set(&group, group.mean, j, float_in(mean)[g * s.c + j]);
        coefficients_spread(&p, g);
    }
    all_rows(gradient_moments, &p, false);
    groups_total(&p, &s);
    if (s.across && !s.across->is_first) {
        dgamma = NULL;
        dbeta = NULL;
    }
    float *const to_gamma = float_out(dgamma), *const to_beta = float_out(dbeta);
    if (s.split.n) split_gradients(&p, to_gamma, to_beta, float_in(gamma), float_in(rstd), &s);
    for (int g = 0; g < s.groups && !s.split.n; g++)
        group_gradient(&p, g, to_gamma, to_beta, float_in(gamma), float_in(rstd), &s);
    if (p.g) {
        p.dy = p.g;
        p.y = NULL;
    }
    p.out = (char *)dx.at;
    p.add = dx.add;
    if (p.out) all_rows(gradient, &p, true);
}
