/* SPDX-License-Identifier: MIT
 *
 * conv_wgrad.c -- weight gradient of a convolution, straight from the images.
 *
 *   dw[k,r,s,c] += sum over n, p, q of  dy[n,p,q,k] x[n, p stride + r - pad, q stride + s - pad, c]
 *
 * A tile of dw stays in registers while a pass walks over the output pixels: at each one, some
 * values of one operand are broadcast and multiplied with some vectors of the other.  Three kinds
 * of layers have their tiles:
 *
 *   3 x 3   ONES output channels, broadcast, by the three taps of a row times LANES input channels.  The taps read
 *           neighbouring pixels of x, so a pass needs one new vector of it a pixel.  A tap that sees padding is
 *           left out, not multiplied with zeros: rows by the range of the pass, columns by a first and a last pixel
 *           that know two taps only.
 *   1 x 1   ONES output channels by one or two vectors of input channels.
 *   stem    x has three channels: the nine values that a row of a window sees lie side by side.  They are
 *           broadcast, by one or two vectors of output channels.
 *
 * A bf16 product adds the two products of a pair: the pair is a pixel of two images, interleaved
 * once for all taps and strides.  The last of an odd number of images is paired with zeros.
 */
#include <omp.h>
#include "conv.h"
#include "vec.h"

/* Registers of a 3 x 3 tile.  AVX-512: 24 sums, 3 vectors of x, a broadcast, of 32.  AVX2: 12, 3
 * and 1, of 16. */
enum { ONES = LANES / 2,
       TAPS = 3,
       WINDOW = 9,                       /* values in a row of the stem's window */
       SUMS = TAPS * ONES > 2 * WINDOW ? TAPS * ONES : 2 * WINDOW };

/* ---- a pass over the pixels ------------------------------------------------------------------ */

/* What will be read next, fetched into the cache while a pass multiplies: that hides most of what
 * packing costs.  Bytes of a whole group, or of a row of a pass. */
struct fetch { const char *at; size_t bytes; };
enum { FETCHES = 2, CACHE_LINE = 64 };   /* of dy and of x */

/* Steps are in numbers.  Rows and columns are dy's; where a pixel has three taps, the first column
 * lacks the left one and those from `inner` on the right one. */
struct pass {
    const float *one, *many;             /* what is broadcast, what is read in vectors: floats or
                                            pairs of bf16 */
    size_t one_unit, one_row, one_pixel;
    size_t many_unit, many_row, many_pixel, many_vec;
    int units, rows, columns, inner;
    float *dw;                         /* vector j of broadcast i is added at i dw_one + j dw_vec */
    size_t dw_one, dw_vec;
    struct fetch next[FETCHES];
};

static inline void row_fetch(const struct pass *t, int row)
{
    for (int i = 0; i < FETCHES; i++) {
        const char *const at = t->next[i].at + (size_t)row * t->next[i].bytes;
        for (size_t b = 0; b < t->next[i].bytes; b += CACHE_LINE) __builtin_prefetch(at + b, 0, 2);
    }
}

ALWAYS_INLINE vec product_add(vec sum, const float *one, vec many, bool is_bf16)
{
#if HAVE_BF16_PRODUCTS
    if (is_bf16) {
        uint32_t pair;
        memcpy(&pair, one, sizeof pair);
        return vec_dot_pairs(sum, pair, _mm512_castps_si512(many));
    }
#endif
    (void)is_bf16;
    return vec_fma(vec_all(*one), many, sum);
}

/* One pixel: vectors first .. end - 1 of the tile's `vecs`; `many` is where vector `centre`
 * lies. */
ALWAYS_INLINE void pixel_add(vec *sum, const float *one, const float *many, size_t step,
                             const int ones, const int vecs, const int centre, const int first,
                             const int end, bool is_bf16)
{
    vec v[TAPS];
#pragma GCC unroll 3
    for (int j = first; j < end; j++) v[j] = vec_load(many + (ptrdiff_t)step * (j - centre));
#pragma GCC unroll 16
    for (int i = 0; i < ones; i++)
#pragma GCC unroll 3
        for (int j = first; j < end; j++)
            sum[i * vecs + j] = product_add(sum[i * vecs + j], one + i, v[j], is_bf16);
}

/* Sums begin at zero and are added to dw at the end: short sums lose fewer digits. */
ALWAYS_INLINE void pass_run(const struct pass *t, const int ones, const int vecs, const bool taps,
                            bool is_bf16)
{
    vec sum[SUMS];
    const size_t step = t->many_vec, one_pixel = t->one_pixel, many_pixel = t->many_pixel;
    const int centre = taps ? 1 : 0;
#pragma GCC unroll 32
    for (int i = 0; i < ones * vecs; i++) sum[i] = vec_zero();
    for (int unit = 0; unit < t->units; unit++)
        for (int row = 0; row < t->rows; row++) {
            const float *one = t->one + (size_t)unit * t->one_unit + (size_t)row * t->one_row;
            const float *many = t->many + (size_t)unit * t->many_unit + (size_t)row * t->many_row;
            row_fetch(t, unit * t->rows + row);
            int q = 0;
            if (taps) {
                pixel_add(sum, one, many, step, ones, vecs, centre, 1, vecs, is_bf16);
                q++;
                one += one_pixel;
                many += many_pixel;
            }
            for (; q < t->inner; q++, one += one_pixel, many += many_pixel)
                pixel_add(sum, one, many, step, ones, vecs, centre, 0, vecs, is_bf16);
            if (taps && q < t->columns)
                pixel_add(sum, one, many, step, ones, vecs, centre, 0, vecs - 1, is_bf16);
        }
#pragma GCC unroll 16
    for (int i = 0; i < ones; i++)
#pragma GCC unroll 3
        for (int j = 0; j < vecs; j++) {
            float *const dw = t->dw + (size_t)i * t->dw_one + (size_t)j * t->dw_vec;
            vec_store(dw, vec_add(vec_load(dw), sum[i * vecs + j]));
        }
}

static void pass_taps(const struct pass *t, bool is_bf16)
{
    if (is_bf16) pass_run(t, ONES, TAPS, true, true);
    else pass_run(t, ONES, TAPS, true, false);
}

static void pass_one(const struct pass *t, bool is_bf16)
{
    if (is_bf16) pass_run(t, ONES, 1, false, true);
    else pass_run(t, ONES, 1, false, false);
}

static void pass_two(const struct pass *t, bool is_bf16)
{
    if (is_bf16) pass_run(t, ONES, 2, false, true);
    else pass_run(t, ONES, 2, false, false);
}

static void pass_stem_one(const struct pass *t, bool is_bf16)
{
    if (is_bf16) pass_run(t, WINDOW, 1, false, true);
    else pass_run(t, WINDOW, 1, false, false);
}

/* 18 sums: AVX2 has no room for them. */
static void pass_stem_two(const struct pass *t, bool is_bf16)
{
    if (is_bf16) pass_run(t, WINDOW, 2, false, true);
    else pass_run(t, WINDOW, 2, false, false);
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* A unit is what is multiplied at once: an image, or two of bf16.  x and dy are packed into panels
 * of LANES channels, or, a few channels of fp32, read where they are.  Panels of x hold what the
 * passes see of it: for 1 x 1 every stride-th pixel, for the stem a pixel of zeros on both
 * sides. */
struct plan {
    struct conv_shape s;
    const void *x, *dy;
    bool is_bf16, stem;
    bool sliced;                         /* threads own slices of dw, else chunks of images */
    bool x_packed, dy_packed;
    int p, q;                            /* output height and width */
    int x_h, x_w, x_stride;              /* x as the passes see it */
    int units, group;                    /* all of them; how many are packed at a time */
    size_t x_unit, dy_unit;              /* numbers of a unit in panels */
    size_t weights;
    int vecs;                            /* of a tile */
    void (*pass)(const struct pass *t, bool is_bf16);
};

enum {
    CHUNKS = 16, /* of images, each with its own sum */
    MANY_WEIGHTS = 36864, /* from 64 x 64 channels on, 16 sums cost more than packing twice */
    CHUNK_FLOATS = 1 << 16, /* a group's: in a cache of the second level with what is fetched */
    SLICE_FLOATS = 1 << 18,
    SLICE_PIXELS = 512, /* at least: a tile is read and written once a group */
    UNIT_FLOATS = 1 << 21
}; /* larger images are not worth their scratch */

static int group_units(const struct plan *g)
{
    size_t units = (g->sliced ? SLICE_FLOATS : CHUNK_FLOATS) / (g->x_unit + g->dy_unit);
    const size_t pixels = (size_t)g->p * g->q;
    if (g->sliced && units * pixels < SLICE_PIXELS) units = SLICE_PIXELS / pixels;
    return units < 1 ? 1 : units < (size_t)g->units ? (int)units : g->units;
}

static void plan_pass(struct plan *g)
{
    const int across = g->stem ? g->s.k : g->s.c;
    g->vecs = across % (2 * LANES) == 0 ? 2 : 1;
    if (g->s.r == 3 && !g->stem) {
        g->vecs = 1;
        g->pass = pass_taps;
    } else if (g->stem) {
        if (VECTORS < 2 * WINDOW) g->vecs = 1;
        g->pass = g->vecs == 2 ? pass_stem_two : pass_stem_one;
    } else {
        g->pass = g->vecs == 2 ? pass_two : pass_one;
    }
}

static struct plan plan_of(const void *dy, const void *x, struct conv_shape s, bool is_bf16)
{
    struct plan g = { .s = s, .x = x, .dy = dy, .is_bf16 = is_bf16, .stem = s.r == 3 && s.c == 3 };
    g.p = conv_out(s.h, s.r, s.stride, s.pad);
    g.q = conv_out(s.w, s.r, s.stride, s.pad);
    g.weights = (size_t)s.k * s.r * s.r * s.c;
    g.sliced = !g.stem && g.weights >= MANY_WEIGHTS;
    g.dy_packed = is_bf16 || g.sliced;
    g.x_packed = g.dy_packed || g.stem;
    const bool thin = g.x_packed && s.r == 1;
    g.x_h = thin ? g.p : s.h;
    g.x_w = thin ? g.q : s.w;
    g.x_stride = thin ? 1 : s.stride;
    g.x_unit = (size_t)g.x_h * (size_t)(g.stem ? s.w + 2 : g.x_w) * s.c;
    g.dy_unit = (size_t)g.p * g.q * s.k;
    g.units = is_bf16 ? (s.n + 1) / 2 : s.n;
    g.group = group_units(&g);
    plan_pass(&g);
    return g;
}

bool conv_wgrad_fits(struct conv_shape s)
{
    const bool taps = s.r == 3 && s.pad == 1 && s.w >= 2, one = s.r == 1 && s.pad == 0;
    const bool channels = s.k % LANES == 0 && (s.c % LANES == 0 || (s.c == 3 && taps));
    if (LANES == 4 || !(taps || one) || !channels || s.stride > 2) return false;
    const struct plan g = plan_of(NULL, NULL, s, false);
    return g.x_unit + g.dy_unit <= UNIT_FLOATS;
}

/* ---- slices of dw ---------------------------------------------------------------------------- */

/* Output channels k .. k_end - 1 by input channels c .. c_end - 1. */
struct slice { int k, k_end, c, c_end; };

static struct slice slice_all(const struct plan *g)
{
    return (struct slice){ .k = 0, .k_end = g->s.k, .c = 0, .c_end = g->s.c };
}

/* Slice `thread` of `threads`: of the grids with so many fields, that in which the largest field
 * costs least.  A thread packs its own panels: lines written by one and read by another are slow
 * where cores share no cache. */
static struct slice slice_of(const struct plan *g, int threads, int thread)
{
    enum { PACKING = 10 };               /* products that a packed vector costs */
    const int width = LANES * g->vecs, k_blocks = g->s.k / LANES, c_blocks = g->s.c / width;
    const double dy_pixels = (double)g->p * g->q, x_pixels = (double)g->x_h * g->x_w;
    int rows = 1;
    double least = 0;
    for (int i = 1; i <= threads; i++) {
        if (threads % i != 0) continue;
        const double k = (k_blocks + i - 1) / i,
                     c = (c_blocks + threads / i - 1) / (threads / i) * g->vecs;
        const double cost = dy_pixels * k * c * LANES * g->s.r * g->s.r +
                            PACKING * (dy_pixels * k + x_pixels * c);
        if (i == 1 || cost < least) {
            rows = i;
            least = cost;
        }
    }
    const int columns = threads / rows, row = thread / columns, column = thread % columns;
    return (struct slice){ .k = (int)chunk_start((size_t)k_blocks, rows, row) * LANES,
                           .k_end = (int)chunk_start((size_t)k_blocks, rows, row + 1) * LANES,
                           .c = (int)chunk_start((size_t)c_blocks, columns, column) * width,
                           .c_end = (int)chunk_start((size_t)c_blocks, columns, column + 1) *
                                    width };
}

/* ---- panels ---------------------------------------------------------------------------------- */

/* LANES numbers, or as many pairs from two images; odd NULL: there is no second one. */
ALWAYS_INLINE vec unit_load(const void *even, const void *odd, size_t i, bool is_bf16)
{
#if HAVE_BF16_PRODUCTS
    static const bf16 none[LANES];
    if (is_bf16) {
        const bf16 *a = (const bf16 *)even + i, *b = odd ? (const bf16 *)odd + i : none;
        const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)a));
        return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(vec_load_bf16(b)), low));
    }
#endif
    (void)odd;
    (void)is_bf16;
    return vec_load((const float *)even + i);
}

/* A row of a unit's image, or of its two: some pixels `step` numbers apart, some channels of
 * each. */
struct row { const void *even, *odd; int pixels, channels; size_t step; };

/* Row `at` of unit `unit` of images[N, h, w, c], from channel `first_c` on. */
static struct row row_of(const struct plan *g, const void *images, int unit, int h, int w, int c,
                         int at, int first_c)
{
    const size_t bytes = g->is_bf16 ? sizeof(bf16) : sizeof(float),
                 image = (size_t)h * w * c * bytes;
    const int first = g->is_bf16 ? 2 * unit : unit;
    const char *even = (const char *)images + (size_t)first * image +
                       ((size_t)at * w * c + first_c) * bytes;
    const bool paired = g->is_bf16 && first + 1 < g->s.n;
    return (struct row){ .even = even, .odd = paired ? even + image : NULL, .pixels = w,
                         .step = (size_t)c };
}

ALWAYS_INLINE void row_pack_as(float *panel, size_t block, struct row r, bool is_bf16)
{
    for (int i = 0; i < r.pixels; i++, panel += LANES) {
        float *to = panel;
        for (int c = 0; c < r.channels; c += LANES, to += block)
            vec_store(to, unit_load(r.even, r.odd, (size_t)i * r.step + (size_t)c, is_bf16));
    }
}

static void row_pack(float *panel, size_t block, struct row r, bool is_bf16)
{
    if (is_bf16) row_pack_as(panel, block, r, true);
    else row_pack_as(panel, block, r, false);
}

static void stem_row_pack(float *to, struct row r, bool is_bf16)
{
    const size_t n = (size_t)r.pixels * 3;
    memset(to, 0, 3 * sizeof *to);
    to += 3;
    memset(to + n, 0, 3 * sizeof *to);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) vec_store(to + i, unit_load(r.even, r.odd, i, is_bf16));
    for (; i < n; i++) {
        if (is_bf16) {
            const uint32_t even = ((const bf16 *)r.even)[i],
                           odd = r.odd ? ((const bf16 *)r.odd)[i] : 0;
            const uint32_t pair = even | odd << 16;
            memcpy(to + i, &pair, sizeof pair);
        } else {
            to[i] = ((const float *)r.even)[i];
        }
    }
}

/* Row `row` of a group of `units` units that begins with unit `first`: a slice's channels of x, and
 * of dy. */
static void x_row_pack(const struct plan *g, struct slice l, float *panels, int first, int units,
                       int row)
{
    const struct conv_shape s = g->s;
    const int step = s.r == 1 ? s.stride : 1;
    struct row r = row_of(g, g->x, first + row / g->x_h, s.h, s.w, s.c, row % g->x_h * step, l.c);
    r.pixels = g->x_w;
    r.channels = l.c_end - l.c;
    r.step *= (size_t)step;
    if (g->stem) stem_row_pack(panels + (size_t)row * (size_t)(s.w + 2) * 3, r, g->is_bf16);
    else
        row_pack(panels + (size_t)row * g->x_w * LANES, (size_t)units * g->x_h * g->x_w * LANES, r,
                 g->is_bf16);
}

static void dy_row_pack(const struct plan *g, struct slice l, float *panels, int first, int units,
                        int row)
{
    struct row r = row_of(g, g->dy, first + row / g->p, g->p, g->q, g->s.k, row % g->p, l.k);
    r.channels = l.k_end - l.k;
    row_pack(panels + (size_t)row * g->q * LANES, (size_t)units * g->p * g->q * LANES, r,
             g->is_bf16);
}

/* ---- groups and tiles ------------------------------------------------------------------------ */

/* How x or dy lies in memory: panels [block of LANES channels][unit][row][pixel][LANES], or NHWC
 * itself. */
struct operand { const float *at; size_t block, unit, row, pixel; };
struct group {
    struct slice slice;
    int units, k_tiles, c_tiles;
    struct operand x, dy;
    struct fetch next[FETCHES];
};

static struct operand in_panels(const float *at, int units, int h, int w)
{
    const size_t row = (size_t)w * LANES, unit = (size_t)h * row;
    return (struct operand){ .at = at, .block = (size_t)units * unit, .unit = unit, .row = row,
                             .pixel = LANES };
}

static struct operand in_place(const float *at, int h, int w, int c)
{
    const size_t row = (size_t)w * c;
    return (struct operand){ .at = at, .block = LANES, .unit = (size_t)h * row, .row = row,
                             .pixel = (size_t)c };
}

/* `units` units from unit `first` on, of a slice; the panels are theirs, if they are packed. */
static struct group group_of(const struct plan *g, struct slice l, const float *x_panels,
                             const float *dy_panels, int first, int units)
{
    const struct conv_shape s = g->s;
    const size_t stem_row = (size_t)(s.w + 2) * 3;
    struct group u = { .slice = l, .units = units };
    u.k_tiles = (l.k_end - l.k) / (g->stem ? LANES * g->vecs : ONES);
    u.c_tiles = g->stem ? 1 : (l.c_end - l.c) / (LANES * g->vecs);
    if (g->stem) u.x = (struct operand){ .at = x_panels, .unit = s.h * stem_row, .row = stem_row,
                                         .pixel = 3 };
    else if (g->x_packed) u.x = in_panels(x_panels, units, g->x_h, g->x_w);
    else u.x = in_place((const float *)g->x + (size_t)first * g->x_unit, s.h, s.w, s.c);
    if (g->dy_packed) u.dy = in_panels(dy_panels, units, g->p, g->q);
    else u.dy = in_place((const float *)g->dy + (size_t)first * g->dy_unit, g->p, g->q, s.k);
    return u;
}

static struct fetch fetch_of(const struct plan *g, const void *images, size_t image, int first,
                             int units)
{
    const size_t bytes = image * (g->is_bf16 ? 2 * sizeof(bf16) : sizeof(float));
    return (struct fetch){ .at = (const char *)images + (size_t)first * bytes,
                           .bytes = (size_t)units * bytes };
}

/* The pass for tap row r; *p0 and *h0 are the rows of dy and of x that it begins with. */
static struct pass pass_of(const struct plan *g, const struct group *u, int tile, int r, int *p0,
                           int *h0)
{
    const struct conv_shape s = g->s;
    *p0 = r < s.pad ? 1 : 0;             /* the first row of x is seen by it: pad <= 1 <= stride */
    *h0 = *p0 * g->x_stride + r - s.pad;
    const int end = (g->x_h - 1 + s.pad - r + g->x_stride) / g->x_stride;
    struct pass t = { .units = u->units, .rows = (end < g->p ? end : g->p) - *p0, .columns = g->q,
                      .inner = g->q };
    if (g->pass == pass_taps) t.inner = (s.w - 2) / s.stride + 1;
    const size_t rows = (size_t)u->units * t.rows, passes = (size_t)u->k_tiles * u->c_tiles * s.r;
    for (int i = 0; i < FETCHES && rows > 0; i++) {    /* each pass its share, each row of it too */
        const size_t row = u->next[i].bytes / (rows * passes);
        t.next[i] = (struct fetch){ .at = u->next[i].at + (size_t)(tile * s.r + r) * rows * row,
                                    .bytes = row };
    }
    return t;
}

/* dw (or the stem's transpose, [3,3,C,K]) += the products of a group, in one tile. */
static void tile_add(const struct plan *g, float *dw, const struct group *u, int tile)
{
    const struct conv_shape s = g->s;
    const int kt = tile % u->k_tiles, ct = tile / u->k_tiles;
    for (int r = 0; r < s.r; r++) {
        int p0, h0;
        struct pass t = pass_of(g, u, tile, r, &p0, &h0);
        const float *x = u->x.at + (size_t)h0 * u->x.row, *dy = u->dy.at + (size_t)p0 * u->dy.row;
        const size_t x_row = u->x.row * (size_t)g->x_stride,
                     x_pixel = u->x.pixel * (size_t)g->x_stride;
        if (g->stem) {
            t.one = x;
            t.one_unit = u->x.unit;
            t.one_row = x_row;
            t.one_pixel = x_pixel;
            t.many = dy + (size_t)(kt * g->vecs) * u->dy.block;
            t.many_vec = u->dy.block;
            t.many_unit = u->dy.unit;
            t.many_row = u->dy.row;
            t.many_pixel = u->dy.pixel;
            t.dw = dw + (size_t)(r * WINDOW) * s.k + (size_t)(kt * g->vecs) * LANES;
            t.dw_one = (size_t)s.k;
            t.dw_vec = LANES;
        } else {
            const int k = kt * ONES, c = ct * g->vecs * LANES;        /* in the slice */
            t.one = dy + (size_t)(k / LANES) * u->dy.block + k % LANES;
            t.one_unit = u->dy.unit;
            t.one_row = u->dy.row;
            t.one_pixel = u->dy.pixel;
            t.many = x + (size_t)(c / LANES) * u->x.block;
            t.many_vec = s.r == 3 ? u->x.pixel : u->x.block;
            t.many_unit = u->x.unit;
            t.many_row = x_row;
            t.many_pixel = x_pixel;
            t.dw = dw + ((size_t)(u->slice.k + k) * s.r + r) * s.r * s.c + (size_t)(u->slice.c + c);
            t.dw_one = (size_t)(s.r * s.r) * s.c;
            t.dw_vec = s.r == 3 ? (size_t)s.c : LANES;
        }
        g->pass(&t, g->is_bf16);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

/* A slice of dw += the products of units begin .. end - 1. */
static void slice_add(float *dw, const struct plan *g, struct slice l, float *x_panels, int begin,
                      int end)
{
    const struct conv_shape s = g->s;
    float *const dy_panels = x_panels + line_floats((size_t)g->group * g->x_unit);
    for (int first = begin, units; first < end; first += units) {
        units = end - first < g->group ? end - first : g->group;
        for (int row = 0; g->x_packed && row < units * g->x_h; row++)
            x_row_pack(g, l, x_panels, first, units, row);
        for (int row = 0; g->dy_packed && row < units * g->p; row++)
            dy_row_pack(g, l, dy_panels, first, units, row);
        struct group u = group_of(g, l, x_panels, dy_panels, first, units);
        const int next = first + units, left = end - next < g->group ? end - next : g->group;
        u.next[0] = fetch_of(g, g->dy, g->dy_unit, next, left);
        if (s.r >= s.stride) u.next[1] = fetch_of(g, g->x, (size_t)s.h * s.w * s.c, next, left);
        for (int tile = 0; tile < u.k_tiles * u.c_tiles; tile++) tile_add(g, dw, &u, tile);
    }
}

static size_t panel_floats(const struct plan *g)
{
    return line_floats((size_t)g->group * g->x_unit) + line_floats((size_t)g->group * g->dy_unit);
}

/* Many weights: each thread takes all images for its slice of dw. */
static void by_slices(float *dw, const struct plan *g)
{
    const size_t panels = panel_floats(g);
    float *const room = cpu_scratch(SCRATCH_WORK, panels * (size_t)cpu_threads() * sizeof *room);
#pragma omp parallel num_threads(cpu_threads())
    {
        const int thread = omp_get_thread_num();
        slice_add(dw, g, slice_of(g, omp_get_num_threads(), thread), room + panels * (size_t)thread,
                  0, g->units);
    }
}

/* dw[i] += part[0][i] + part[1][i] + ..., in that order; the stem's parts are [3,3,C,K]. */
static void parts_add(float *dw, const struct plan *g, const float *part, int parts, size_t step)
{
    enum { RUN = 256 };
    const size_t window = (size_t)3 * WINDOW, k = (size_t)g->s.k;
#pragma omp parallel for num_threads(cpu_threads()) if (g->weights * (size_t)parts > PARALLEL_MIN)
    for (size_t first = 0; first < g->weights; first += RUN) {
        const size_t n = g->weights - first < RUN ? g->weights - first : RUN;
        float sum[RUN] = { 0 };
        for (int i = 0; i < parts; i++)
            for (size_t j = 0; j < n; j++) sum[j] += part[(size_t)i * step + first + j];
        for (size_t j = 0; j < n; j++) {
            const size_t i = first + j;
            dw[g->stem ? i % k * window + i / k : i] += sum[j];
        }
    }
}

/* Few weights: each thread takes all of dw for its chunks of the images. */
static void by_chunks(float *dw, const struct plan *g)
{
    const int chunks = g->units < CHUNKS ? g->units : CHUNKS;
    const int threads = cpu_threads() < chunks ? cpu_threads() : chunks;
    const size_t part = line_floats(g->weights), panels = panel_floats(g), units = (size_t)g->units;
    const size_t floats = part * (size_t)chunks + panels * (size_t)threads;
    float *const parts = cpu_scratch(SCRATCH_WORK, floats * sizeof *parts);
    float *const room = parts + part * (size_t)chunks;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int i = 0; i < chunks; i++) {
        float *const sum = parts + part * (size_t)i;
        memset(sum, 0, g->weights * sizeof *sum);
        slice_add(sum, g, slice_all(g), room + panels * (size_t)omp_get_thread_num(),
                  (int)chunk_start(units, chunks, i), (int)chunk_start(units, chunks, i + 1));
    }
    parts_add(dw, g, parts, chunks, part);
}

void conv_wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16)
{
    const struct plan g = plan_of(dy, x, s, is_bf16);
    if (g.sliced) by_slices(dw, &g);
    else by_chunks(dw, &g);
}
