/* SPDX-License-Identifier: MIT
 *
 * winograd.c -- 3 x 3 convolution by Winograd's minimal filtering F(4 x 4, 3 x 3): Lavin & Gray
 * 2016, Sec. 4.
 *
 *   Y = A^T [ (G g G^T) . (B^T d B) ] A
 *
 * A tile is 4 x 4 outputs Y; d the 6 x 6 inputs it sees, one tile's overlapping the next one's by
 * two; g the 3 x 3 weights; "." multiplies place by place.  Summed over the input channels, the 36
 * places are 36 matrix products (planes): 36 multiplications a tile and channel pair, not 16 x 9.
 * What lies between is called
 *
 *   U = G g G^T,   V = B^T d B,   M = the sum of U . V over input channels,   Y = A^T M A
 *   and for dw   Z = A dY A^T,   S = the sum of Z . V over tiles,   dw = G^T S G
 *
 * All of it is fp32, for bf16 activations too: the transforms take differences of larger numbers,
 * and a V in bf16 would make the result ten times as wrong as its rounding to bf16 does.
 */
#include <omp.h>
#include <string.h>
#include "conv.h"
#include "isa.h"
#include "vec.h"

enum {
    OUT = 4, IN = 6, PLANES = IN * IN, TAPS = 3,
    PANEL = 2 * LANES,                   /* channels of a register block: two vectors */
    ROWS = LANES == 16 ? 8 : 4,          /* and its tiles, or channels of dy: 16 sums in 32
                                            registers, 8 in 16 */
    GROUP = 16,                          /* input channels whose weights are transformed together: a
                                            cache line */
    CHANNELS = 32,                       /* PANEL and GROUP divide it */
    PAD = 16,                            /* floats between planes, or all 36 meet in the same few
                                            cache lines */
};

/* ---- the transforms of one row or column, Sec. 4.2 ------------------------------------------- */

/* Interpolation at 0, +-a, +-b and infinity.  Lavin and Gray's a = 1, b = 2 has integers in B and
 * A, but four times the rounding error of these points, which lie evenly about 1 and are exact in
 * binary.  N_p is the product of p's distances to the other finite points. */
static const float A = 5.0f / 8, A2 = 25.0f / 64, A3 = 125.0f / 512, B = 3.0f / 2, B2 = 9.0f / 4,
                   B3 = 27.0f / 8;
static const float N_0 = 25.0f / 64 * 9 / 4;                               /* a^2 b^2 */
static const float N_A = 2 * 25.0f / 64 * (25.0f / 64 - 9.0f / 4);         /* 2 a^2 (a^2 - b^2) */
static const float N_B = 2 * 9.0f / 4 * (9.0f / 4 - 25.0f / 64);           /* 2 b^2 (b^2 - a^2) */

/* o = B^T d: row p has the coefficients of x (x^2 - a^2) (x^2 - b^2) / (x - p), the last one those
 * of all of it. */
ALWAYS_INLINE void input_line(vec o[IN], const vec d[IN])
{
    const vec less_aa = vec_all(-A2), less_bb = vec_all(-B2), both = vec_all(-A2 - B2),
              product = vec_all(A2 * B2);
    const vec even_a = vec_fma(less_bb, d[2], d[4]),
              odd_a = vec_mul(vec_all(A), vec_fma(less_bb, d[1], d[3]));
    const vec even_b = vec_fma(less_aa, d[2], d[4]),
              odd_b = vec_mul(vec_all(B), vec_fma(less_aa, d[1], d[3]));
    o[0] = vec_fma(product, d[0], vec_fma(both, d[2], d[4]));
    o[1] = vec_add(even_a, odd_a);
    o[2] = vec_sub(even_a, odd_a);
    o[3] = vec_add(even_b, odd_b);
    o[4] = vec_sub(even_b, odd_b);
    o[5] = vec_fma(product, d[1], vec_fma(both, d[3], d[5]));
}

/* o = A^T m: column p has the powers of p, 0 to 3. */
ALWAYS_INLINE void output_line(vec o[OUT], const vec m[IN])
{
    const vec even_a = vec_add(m[1], m[2]), odd_a = vec_sub(m[1], m[2]);
    const vec even_b = vec_add(m[3], m[4]), odd_b = vec_sub(m[3], m[4]);
    o[0] = vec_add(vec_add(m[0], even_a), even_b);
    o[1] = vec_fma(vec_all(B), odd_b, vec_mul(vec_all(A), odd_a));
    o[2] = vec_fma(vec_all(B2), even_b, vec_mul(vec_all(A2), even_a));
    o[3] = vec_fma(vec_all(B3), odd_b, vec_fma(vec_all(A3), odd_a, m[5]));
}

/* o = A d */
ALWAYS_INLINE void gradient_line(vec o[IN], const vec d[OUT])
{
    const vec even_a = vec_fma(vec_all(A2), d[2], d[0]), even_b = vec_fma(vec_all(B2), d[2], d[0]);
    const vec odd_a = vec_fma(vec_all(A3), d[3], vec_mul(vec_all(A), d[1]));
    const vec odd_b = vec_fma(vec_all(B3), d[3], vec_mul(vec_all(B), d[1]));
    o[0] = d[0];
    o[1] = vec_add(even_a, odd_a);
    o[2] = vec_sub(even_a, odd_a);
    o[3] = vec_add(even_b, odd_b);
    o[4] = vec_sub(even_b, odd_b);
    o[5] = d[3];
}

/* o = G g: row p has the powers of p, 0 to 2, over N_p. */
ALWAYS_INLINE void weight_line(vec o[IN], const vec g[TAPS])
{
    const vec even_a = vec_mul(vec_all(1 / N_A), vec_fma(vec_all(A2), g[2], g[0]));
    const vec even_b = vec_mul(vec_all(1 / N_B), vec_fma(vec_all(B2), g[2], g[0]));
    const vec odd_a = vec_mul(vec_all(A / N_A), g[1]), odd_b = vec_mul(vec_all(B / N_B), g[1]);
    o[0] = vec_mul(vec_all(1 / N_0), g[0]);
    o[1] = vec_add(even_a, odd_a);
    o[2] = vec_sub(even_a, odd_a);
    o[3] = vec_add(even_b, odd_b);
    o[4] = vec_sub(even_b, odd_b);
    o[5] = g[2];
}

/* o = G^T s */
ALWAYS_INLINE void weight_gradient_line(vec o[TAPS], const vec s[IN])
{
    const vec even_a = vec_mul(vec_all(1 / N_A), vec_add(s[1], s[2]));
    const vec even_b = vec_mul(vec_all(1 / N_B), vec_add(s[3], s[4]));
    const vec odd_a = vec_sub(s[1], s[2]), odd_b = vec_sub(s[3], s[4]);
    o[0] = vec_fma(vec_all(1 / N_0), s[0], vec_add(even_a, even_b));
    o[1] = vec_fma(vec_all(A / N_A), odd_a, vec_mul(vec_all(B / N_B), odd_b));
    o[2] = vec_fma(vec_all(A2), even_a, vec_fma(vec_all(B2), even_b, s[5]));
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* The tiles of N images, image by image and row by row; the last ones of a row or column may reach
 * beyond. */
struct tiles { int h, w, down, across; size_t count; };

static struct tiles tiles_of(struct conv_shape s)
{
    struct tiles t = { .h = s.h, .w = s.w, .down = (s.h + OUT - 1) / OUT,
                       .across = (s.w + OUT - 1) / OUT };
    t.count = (size_t)s.n * t.down * t.across;
    return t;
}

/* A tile's image and first output pixel. */
struct place { size_t image; int row, column; };

static struct place place_of(const struct tiles *t, size_t tile)
{
    const size_t per_image = (size_t)t->down * t->across;
    const int in_image = (int)(tile % per_image);
    return (struct place){ tile / per_image, OUT * (in_image / t->across),
                           OUT * (in_image % t->across) };
}

static size_t act_bytes(bool is_bf16)
{
    return is_bf16 ? sizeof(bf16) : sizeof(float);
}

/* pixel[side][side]: where the pixels are, from the one `before` up and left of the tile's first
 * output on.  Those outside the image are at `zeros`: edges cost no branch later. */
static void pixels_find(const char **pixel, int side, int before, const void *images,
                        size_t pixel_bytes, const struct tiles *t, size_t tile, const void *zeros)
{
    const struct place p = place_of(t, tile);
    const char *const image = (const char *)images + p.image * t->h * t->w * pixel_bytes;
    for (int i = 0; i < side; i++) {
        const int row = p.row - before + i;
        for (int j = 0; j < side; j++) {
            const int column = p.column - before + j;
            const bool inside = row >= 0 && row < t->h && column >= 0 && column < t->w;
            *pixel++ = inside ? image + ((size_t)row * t->w + column) * pixel_bytes : zeros;
        }
    }
}

/* ---- V, Z and Y of a tile -------------------------------------------------------------------- */

/* [PLANES][channels / width][rows][width] floats: panels of `width` channels, planes PAD apart. */
struct layout { int channels, width; size_t panel, plane; };

static struct layout layout_of(int rows, int channels, int width)
{
    const size_t panel = (size_t)rows * width;
    return (struct layout){ channels, width, panel, panel * (channels / width) + PAD };
}

/* Channels c .. c + LANES - 1 of a pixel; the same of the next tile's pixel, to the right, is sent
 * for. */
ALWAYS_INLINE vec pixel_load(const char *pixel, int c, int channels, bool is_bf16)
{
    __builtin_prefetch(pixel + ((size_t)OUT * channels + c) * act_bytes(is_bf16));
    return act_load(pixel, (size_t)c, is_bf16);
}

/* V of one tile; v is its first row in the first panel. */
ALWAYS_INLINE void input_tile(float *v, const struct layout *to, const char *const *pixel,
                              bool is_bf16)
{
    for (int first = 0; first < to->channels; first += to->width, v += to->panel)
        for (int c = 0; c < to->width; c += LANES) {
            vec half[IN][IN], d[IN], o[IN];              /* half is B^T d, transposed */
#pragma GCC unroll 6
            for (int j = 0; j < IN; j++) {
                for (int i = 0; i < IN; i++)
                    d[i] = pixel_load(pixel[i * IN + j], first + c, to->channels, is_bf16);
                input_line(half[j], d);
            }
#pragma GCC unroll 6
            for (int i = 0; i < IN; i++) {
                for (int j = 0; j < IN; j++) d[j] = half[j][i];
                input_line(o, d);
                for (int j = 0; j < IN; j++)
                    vec_store(v + (size_t)(i * IN + j) * to->plane + c, o[j]);
            }
        }
}

/* Z of one tile, likewise. */
ALWAYS_INLINE void gradient_tile(float *z, const struct layout *to, const char *const *pixel,
                                 bool is_bf16)
{
    for (int first = 0; first < to->channels; first += to->width, z += to->panel)
        for (int k = 0; k < to->width; k += LANES) {
            vec half[OUT][IN], d[OUT], o[IN];
#pragma GCC unroll 4
            for (int j = 0; j < OUT; j++) {
                for (int i = 0; i < OUT; i++)
                    d[i] = pixel_load(pixel[i * OUT + j], first + k, to->channels, is_bf16);
                gradient_line(half[j], d);
            }
#pragma GCC unroll 6
            for (int i = 0; i < IN; i++) {
                for (int j = 0; j < OUT; j++) d[j] = half[j][i];
                gradient_line(o, d);
                for (int j = 0; j < IN; j++)
                    vec_store(z + (size_t)(i * IN + j) * to->plane + k, o[j]);
            }
        }
}

/* Y of one tile from its row of M; y is its first pixel, w the image's width; `rows` and `columns`
 * lie inside. */
ALWAYS_INLINE void output_tile(char *y, int w, int rows, int columns, const float *m,
                               const struct layout *from, bool is_bf16, bool add)
{
    for (int k = 0; k < from->channels; k += LANES) {
        vec half[IN][OUT], d[IN], o[OUT];
#pragma GCC unroll 6
        for (int j = 0; j < IN; j++) {
            for (int i = 0; i < IN; i++)
                d[i] = vec_load(m + (size_t)(i * IN + j) * from->plane + k);
            output_line(half[j], d);
        }
#pragma GCC unroll 4
        for (int i = 0; i < OUT; i++) {
            for (int j = 0; j < IN; j++) d[j] = half[j][i];
            output_line(o, d);
            for (int j = 0; j < OUT; j++) {
                const size_t at = ((size_t)i * w + j) * from->channels + k;
                if (i >= rows || j >= columns) continue;
                act_store(y, at, add ? vec_add(act_load(y, at, is_bf16), o[j]) : o[j], is_bf16);
            }
        }
    }
}

/* ---- the products ---------------------------------------------------------------------------- */

/* sum[ROWS][PANEL] = (or +=) the sum over depth of a[ROWS][depth] b[depth][PANEL].  The sums stay
 * in registers, two vectors a row; each turn loads two vectors of b and multiplies them by ROWS
 * numbers of a, one in all lanes. */
ALWAYS_INLINE void multiply(float *sum, size_t sum_step, bool add, const float *a, size_t row_step,
                            size_t depth_step, const float *b, int depth)
{
    vec s[ROWS][2];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
        s[r][0] = add ? vec_load(sum + r * sum_step) : vec_zero();
        s[r][1] = add ? vec_load(sum + r * sum_step + LANES) : vec_zero();
    }
    for (int i = 0; i < depth; i++, a += depth_step, b += PANEL) {
        const vec left = vec_load(b), right = vec_load(b + LANES);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) {
            const vec all = vec_all(a[r * row_step]);
            s[r][0] = vec_fma(all, left, s[r][0]);
            s[r][1] = vec_fma(all, right, s[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
        vec_store(sum + r * sum_step, s[r][0]);
        vec_store(sum + r * sum_step + LANES, s[r][1]);
    }
}

/* ---- U --------------------------------------------------------------------------------------- */

/* The weights, `in` channels to `out` channels: w[K,3,3,C], or turned by 180 degrees with C and K
 * exchanged, which makes dx the convolution of dy. */
struct filter { const float *w; int in, out; bool turned; };

/* g[GROUP][9][PANEL]: those from GROUP input to PANEL output channels. */
static void weights_gather(float *g, const struct filter *f, int in, int out)
{
    enum { ALL = TAPS * TAPS };
    if (f->turned) {
        for (int i = 0; i < GROUP; i++)
            for (int tap = 0; tap < ALL; tap++, g += PANEL)
                memcpy(g, f->w + ((size_t)(in + i) * ALL + ALL - 1 - tap) * f->out + out,
                       PANEL * sizeof *g);
        return;
    }
    for (int o = 0; o < PANEL; o++)
        for (int tap = 0; tap < ALL; tap++) {
            const float *const w = f->w + ((size_t)(out + o) * ALL + tap) * f->in + in;
            for (int i = 0; i < GROUP; i++) g[(i * ALL + tap) * PANEL + o] = w[i];
        }
}

/* U of PANEL weights that lie PANEL apart from tap to tap. */
static void weights_transform(float *u, size_t plane, const float *g)
{
    for (int lane = 0; lane < PANEL; lane += LANES) {
        vec half[TAPS][IN], d[TAPS], o[IN];
#pragma GCC unroll 3
        for (int j = 0; j < TAPS; j++) {
            for (int i = 0; i < TAPS; i++) d[i] = vec_load(g + (i * TAPS + j) * PANEL + lane);
            weight_line(half[j], d);
        }
#pragma GCC unroll 6
        for (int i = 0; i < IN; i++) {
            for (int j = 0; j < TAPS; j++) d[j] = half[j][i];
            weight_line(o, d);
            for (int j = 0; j < IN; j++) vec_store(u + (size_t)(i * IN + j) * plane + lane, o[j]);
        }
    }
}

/* U[PLANES][out / PANEL][in][PANEL] */
static void filter_transform(float *u, const struct layout *to, const struct filter *f)
{
#pragma omp parallel for num_threads(cpu_threads()) collapse(2) schedule(static)
    for (int in = 0; in < f->in; in += GROUP)
        for (int out = 0; out < f->out; out += PANEL) {
            float g[GROUP * TAPS * TAPS * PANEL];
            weights_gather(g, f, in, out);
            for (int i = 0; i < GROUP; i++)
                weights_transform(u + out / PANEL * to->panel + (size_t)(in + i) * PANEL, to->plane,
                                  g + i * TAPS * TAPS * PANEL);
        }
}

/* ---- forward and dx -------------------------------------------------------------------------- */

struct convolution {
    struct tiles tiles;
    int in, out;
    const void *x;
    void *y;
    bool is_bf16, add;
    struct layout u_layout, v_layout, m_layout;
    const float *u, *zeros;
};

static void inputs_transform(float *v, const struct convolution *c, size_t first, int n)
{
    const char *pixel[PLANES];
    for (int i = 0; i < n; i++, v += c->in) {
        pixels_find(pixel, IN, 1, c->x, c->in * act_bytes(c->is_bf16), &c->tiles, first + i,
                    c->zeros);
        if (c->is_bf16) input_tile(v, &c->v_layout, pixel, true);
        else input_tile(v, &c->v_layout, pixel, false);
    }
}

/* M of n tiles.  A last group of fewer than ROWS tiles is filled up with what lies there; nobody
 * reads its M. */
static void tiles_multiply(float *m, const float *v, const struct convolution *c, int n)
{
    for (int plane = 0; plane < PLANES; plane++, m += c->m_layout.plane, v += c->v_layout.plane) {
        const float *u = c->u + plane * c->u_layout.plane;
        for (int k = 0; k < c->out; k += PANEL, u += c->u_layout.panel)
            for (int i = 0; i < n; i += ROWS)
                multiply(m + (size_t)i * c->out + k, c->out, false, v + (size_t)i * c->in, c->in, 1,
                         u, c->in);
    }
}

static void outputs_transform(const struct convolution *c, const float *m, size_t first, int n)
{
    const struct tiles *const t = &c->tiles;
    for (int i = 0; i < n; i++, m += c->out) {
        const struct place p = place_of(t, first + i);
        const int rows = t->h - p.row, columns = t->w - p.column;
        const size_t at = ((p.image * t->h + p.row) * t->w + p.column) * c->out;
        char *const y = (char *)c->y + at * act_bytes(c->is_bf16);
        if (c->is_bf16 && c->add) output_tile(y, t->w, rows, columns, m, &c->m_layout, true, true);
        else if (c->is_bf16) output_tile(y, t->w, rows, columns, m, &c->m_layout, true, false);
        else if (c->add) output_tile(y, t->w, rows, columns, m, &c->m_layout, false, true);
        else output_tile(y, t->w, rows, columns, m, &c->m_layout, false, false);
    }
}

/* Blocks of tiles go through the three steps while their V and M are in the second-level cache,
 * which for many channels holds fewer; U comes from the third once for each block. */
static void convolve(void *y, bool add, const void *x, const struct filter *f, struct conv_shape s,
                     bool is_bf16)
{
    const int block = f->in + f->out <= 256 ? 32 : 16;
    struct convolution c = { .tiles = tiles_of(s), .in = f->in, .out = f->out, .x = x, .y = y,
                             .is_bf16 = is_bf16, .add = add,
                             .u_layout = layout_of(f->in, f->out, PANEL),
                             .v_layout = layout_of(block, f->in, f->in),
                             .m_layout = layout_of(block, f->out, f->out) };
    const size_t u_room = PLANES * c.u_layout.plane, v_room = PLANES * c.v_layout.plane;
    const size_t m_room = PLANES * c.m_layout.plane;
    float *const u = cpu_scratch(SCRATCH_WORK,
                                 sizeof *u * (u_room + f->in + (v_room + m_room) * cpu_threads()));
    float *const zeros = u + u_room, *const rooms = zeros + f->in;
    c.u = u;
    c.zeros = memset(zeros, 0, sizeof *zeros * f->in);
    filter_transform(u, &c.u_layout, f);
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
    for (size_t first = 0; first < c.tiles.count; first += block) {
        const int n = c.tiles.count - first < (size_t)block ? (int)(c.tiles.count - first) : block;
        float *const v = rooms + (v_room + m_room) * omp_get_thread_num(), *const m = v + v_room;
        inputs_transform(v, &c, first, n);
        tiles_multiply(m, v, &c, n);
        outputs_transform(&c, m, first, n);
    }
}

void winograd_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16)
{
    const struct filter f = { .w = w, .in = s.c, .out = s.k, .turned = false };
    convolve(y, false, x, &f, s, is_bf16);
}

void winograd_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s,
                    bool is_bf16)
{
    const struct filter f = { .w = w, .in = s.k, .out = s.c, .turned = true };
    convolve(dx, add, dy, &f, s, is_bf16);
}

/* ---- dw -------------------------------------------------------------------------------------- */

struct correlation {
    struct tiles tiles;
    int c, k;
    const void *x, *dy;
    bool is_bf16;
    int chunk;                           /* tiles whose V and Z exist at a time */
    struct layout v_layout, z_layout;
    float *v, *z, *sums;
    size_t sums_plane;
    const float *zeros;
};

/* V and Z of one tile, the i-th of its chunk. */
static void tile_transform(const struct correlation *c, size_t tile, int i)
{
    const char *pixel[PLANES];
    float *const v = c->v + (size_t)i * PANEL, *const z = c->z + (size_t)i * LANES;
    pixels_find(pixel, IN, 1, c->x, c->c * act_bytes(c->is_bf16), &c->tiles, tile, c->zeros);
    if (c->is_bf16) input_tile(v, &c->v_layout, pixel, true);
    else input_tile(v, &c->v_layout, pixel, false);
    pixels_find(pixel, OUT, 0, c->dy, c->k * act_bytes(c->is_bf16), &c->tiles, tile, c->zeros);
    if (c->is_bf16) gradient_tile(z, &c->z_layout, pixel, true);
    else gradient_tile(z, &c->z_layout, pixel, false);
}

/* A chunk of n tiles into the sums of one plane and one panel of Z.  S[PLANES][K / LANES][C /
 * PANEL][LANES][PANEL] is in the order of these loops: wide layers stream it through the caches for
 * each chunk. */
static void panel_correlate(const struct correlation *c, int plane, int panel, int n, bool add)
{
    const float *const z = c->z + plane * c->z_layout.plane + panel * c->z_layout.panel;
    const float *v = c->v + plane * c->v_layout.plane;
    float *sum = c->sums + plane * c->sums_plane + (size_t)panel * LANES * c->c;
    for (int first = 0; first < c->c; first += PANEL, v += c->v_layout.panel)
        for (int k = 0; k < LANES; k += ROWS, sum += ROWS * PANEL)
            multiply(sum, PANEL, add, z + k, 1, LANES, v, n);
}

/* S of tiles begin .. end - 1.  Each chunk's V and Z are made by all the threads, then multiplied
 * by all; a sum belongs to one of them, which adds the chunks in order. */
static void range_correlate(const struct correlation *c, size_t begin, size_t end, int threads)
{
    const int panels = c->k / LANES;
#pragma omp parallel num_threads(threads)
    for (size_t first = begin; first < end; first += c->chunk) {
        const int n = end - first < (size_t)c->chunk ? (int)(end - first) : c->chunk;
#pragma omp for schedule(static)
        for (int i = 0; i < n; i++) tile_transform(c, first + i, i);
#pragma omp for schedule(static)
        for (int i = 0; i < PLANES * panels; i++)
            panel_correlate(c, i / panels, i % panels, n, first > begin);
    }
}

/* dw[K,3,3,C] += G^T S G, where S is the sum over the ranges, in order. */
static void sums_transform(float *dw, const struct correlation *of, int ranges)
{
    const size_t plane = of->sums_plane, range = PLANES * plane;
#pragma omp parallel for num_threads(cpu_threads()) schedule(static)
    for (int k = 0; k < of->k; k++)
        for (int c = 0; c < of->c; c += LANES) {
            const size_t block = (size_t)k / LANES * (of->c / PANEL) + c / PANEL;
            const float *const from = of->sums + (block * LANES + k % LANES) * PANEL + c % PANEL;
            vec half[IN][TAPS], d[IN], o[TAPS];
#pragma GCC unroll 6
            for (int j = 0; j < IN; j++) {
                for (int i = 0; i < IN; i++) d[i] = vec_load(from + (size_t)(i * IN + j) * plane);
                for (int r = 1; r < ranges; r++)
                    for (int i = 0; i < IN; i++)
                        d[i] = vec_add(d[i],
                                       vec_load(from + r * range + (size_t)(i * IN + j) * plane));
                weight_gradient_line(half[j], d);
            }
#pragma GCC unroll 3
            for (int i = 0; i < TAPS; i++) {
                for (int j = 0; j < IN; j++) d[j] = half[j][i];
                weight_gradient_line(o, d);
                for (int j = 0; j < TAPS; j++) {
                    float *const to = dw + ((size_t)k * TAPS * TAPS + i * TAPS + j) * of->c + c;
                    vec_store(to, vec_add(vec_load(to), o[j]));
                }
            }
        }
}

/* Many tiles of few channels: ranges of tiles, a thread each, whose V and Z stay in its cache.
 * Else one range for all threads: each range's S would cost more traffic than it saves.  Its team
 * must not lie inside another one, not even of a single thread: OpenMP would start a thread anew
 * for each call, and put it to sleep at each barrier. */
void winograd_wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16)
{
    enum { RANGES = 8, WORTH = 16 };     /* and tiles for each channel that are worth a range */
    const int chunk = s.c + s.k <= 256 ? 64 : 128, most = s.c > s.k ? s.c : s.k;
    struct correlation c = { .tiles = tiles_of(s), .c = s.c, .k = s.k, .x = x, .dy = dy,
                             .is_bf16 = is_bf16, .chunk = chunk,
                             .v_layout = layout_of(chunk, s.c, PANEL),
                             .z_layout = layout_of(chunk, s.k, LANES),
                             .sums_plane = (size_t)s.k * s.c + PAD };
    const int ranges = c.tiles.count >= (size_t)WORTH * most ? RANGES : 1,
              rooms = ranges > 1 ? cpu_threads() : 1;
    const size_t v_room = PLANES * c.v_layout.plane, z_room = PLANES * c.z_layout.plane;
    const size_t sums_room = PLANES * c.sums_plane;
    c.sums = cpu_scratch(SCRATCH_WORK,
                         sizeof *c.sums * (ranges * sums_room + most + rooms * (v_room + z_room)));
    float *const zeros = c.sums + ranges * sums_room;
    c.zeros = memset(zeros, 0, sizeof *zeros * most);
    c.v = zeros + most;
    c.z = c.v + v_room;
    if (ranges == 1) {
        range_correlate(&c, 0, c.tiles.count, cpu_threads());
    } else {
#pragma omp parallel for num_threads(cpu_threads()) schedule(dynamic)
        for (int r = 0; r < ranges; r++) {
            const size_t room = (v_room + z_room) * omp_get_thread_num();
            const size_t begin = chunk_start(c.tiles.count, ranges, r);
            const size_t end = chunk_start(c.tiles.count, ranges, r + 1);
            struct correlation own = c;
            own.v += room;
            own.z += room;
            own.sums += r * sums_room;
            range_correlate(&own, begin, end, 1);
        }
    }
    sums_transform(dw, &c, ranges);
}

/* ---- where it wins --------------------------------------------------------------------------- */

/* Every choice passes here: by the image's shape alone, never by how many images a call has, so
 * that a row of a batch has the same bytes whatever else is in the call.  Few pixels of the tiles
 * may lie beyond the image.  With four lanes the columns' matrix products are as good. */
static bool worthwhile(struct conv_shape s, int least_side)
{
    const struct tiles t = tiles_of(s);
    return isa_allows_winograd() && LANES > 4 && s.r == TAPS && s.stride == 1 && s.pad == 1 &&
           s.c % CHANNELS == 0 && s.k % CHANNELS == 0 && s.h >= least_side && s.w >= least_side &&
           t.down * t.across * OUT * OUT * 3 <= s.h * s.w * 4;
}

bool winograd_fits(struct conv_shape s, bool is_bf16)
{
    /* Products of bf16 pairs are twice as fast, and at 4 x 4 a third of them meets zeros, which
     * they skip. */
    return worthwhile(s, is_bf16 && HAVE_BF16_PRODUCTS ? 8 : 4);
}

bool winograd_wgrad_fits(struct conv_shape s, bool is_bf16)
{
    return winograd_fits(s, is_bf16);
}
