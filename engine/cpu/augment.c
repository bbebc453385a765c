/* SPDX-License-Identifier: MIT
 *
 * augment.c -- the pixels of a view (App. A), in the order of the released code:
 *
 *     crop and resize -> colour jitter -> grayscale -> blur -> solarise -> flip -> normalise
 *
 * Values are floats in 0..1 and are never rounded in between.  Each transform does what
 * torchvision's does to a float tensor, clamping to [0, 1] where that clamps;
 * tests/golden/augment.txt holds it to that.
 *
 * A view is made in planes, one for each colour, so that vectors run along rows of pixels; only the
 * last pass mixes the colours and rounds to bf16.  No sum's order depends on the width of a vector
 * and no product is fused with a sum, so every instruction set gives the same bytes.
 */
#include <assert.h>
#include <omp.h>
#include "cpu.h"
#include "augment_pixels.h"
#include "vec.h"

/* A view in the making: `size` rows in each plane, `stride` floats apart.  Rows are whole cache
 * lines and so whole vectors; what lies beyond column `size` is computed like a pixel and never
 * looked at. */
struct canvas {
    float *plane[3], *spare;       /* the spare plane is the blur's */
    int size;
    size_t stride, n;              /* floats a row and a plane */
};

static size_t canvas_floats(int size)
{
    return 4 * (size_t)size * line_floats((size_t)size);
}

static struct canvas canvas_in(float *room, int size)
{
    const size_t stride = line_floats((size_t)size), n = (size_t)size * stride;
    return (struct canvas){ { room, room + n, room + 2 * n }, room + 3 * n, size, stride, n };
}

ALWAYS_INLINE float clamp01(float x)
{
    const float above = x < 0.0f ? 0.0f : x;
    return above > 1.0f ? 1.0f : above;
}

/* ---- crop and resize ------------------------------------------------------------------------- */

/* What one output pixel takes along one axis: inputs first .. first+n-1 of the image, with weights
 * summing to 1. */
struct tap { int first, n; const float *weight; };

/* A pixel of the output is a tent over the axis's inputs, as wide as the larger of the two grids'
 * spacings: PIL's and torch's antialias.  Where the crop is smaller than the output this is plain
 * bilinear interpolation, the normalisation taking the place of clamped coordinates at the borders.
 * A tent covers at most 2 in / out + 1 inputs, and never more than 2 of a smaller crop: 2 in + out
 * weights are enough. */
static void make_taps(struct tap *tap, float *weight, struct view_axis axis, int out)
{
    const float scale = axis.extent / (float)out, support = scale > 1.0f ? scale : 1.0f;
    const float offset = axis.start - (float)axis.low;
    const int start = axis.low, in = axis.high - axis.low;
    for (int i = 0; i < out; i++) {
        const float centre = offset + scale * ((float)i + 0.5f);
        const int low = (int)(centre - support + 0.5f), first = low > 0 ? low : 0;
        const int high = (int)(centre + support + 0.5f), end = high < in ? high : in;
        float total = 0.0f;
        for (int j = first; j < end; j++) {
            const float distance = ((float)j - centre + 0.5f) / support;
            const float tent = distance < 0.0f ? 1.0f + distance : 1.0f - distance;
            weight[j - first] = tent > 0.0f ? tent : 0.0f;
            total += weight[j - first];
        }
        for (int j = 0; j < end - first; j++)
            weight[j] /= total;
        tap[i] = (struct tap){ start + first, end - first, weight };
        weight += end - first;
    }
}

/* The taps of LANES outputs side by side, as a matrix [n, LANES] over the inputs first .. first+n-1
 * that any of them takes: zeros fill it.  Each output takes neighbours of its neighbour's inputs,
 * so most of it is used. */
struct band { int first, n; const float *weight; };

enum { BANDS = AUGMENT_SIDE_MAX / LANES + 1 };

static void make_bands(struct band *band, float *weight, const struct tap *tap, int out)
{
    for (int q = 0; q < out; q += LANES, band++) {
        const int lanes = out - q < LANES ? out - q : LANES;
        /* falling, if mirrored */
        const struct tap *const one = &tap[q], *const other = &tap[q + lanes - 1];
        const int first = one->first < other->first ? one->first : other->first;
        const int one_end = one->first + one->n, other_end = other->first + other->n;
        *band = (struct band){ first, (one_end > other_end ? one_end : other_end) - first, weight };
        memset(weight, 0, sizeof *weight * LANES * (size_t)band->n);
        for (int lane = 0; lane < lanes; lane++) {
            const struct tap *const t = &tap[q + lane];
            for (int j = 0; j < t->n; j++)
                weight[(t->first - first + j) * LANES + lane] = t->weight[j];
        }
        weight += LANES * band->n;
    }
}

static void mirror_taps(struct tap *tap, int n)
{
    for (int a = 0, b = n - 1; a < b; a++, b--) {
        const struct tap swap = tap[a];
        tap[a] = tap[b];
        tap[b] = swap;
    }
}

/* row[x] of an output row for the image's columns left .. end-1, rounded outwards to whole vectors
 * (not beyond the image: the weights of what is beyond the crop are zero, but its values must be
 * numbers). */
static void shrink_columns(float *row, const uint8_t *plane, int w, struct tap down, int left,
                           int end)
{
    for (int x = left / LANES * LANES; x < end; x += LANES) {
        const uint8_t *from = plane + (size_t)down.first * (size_t)w + x;
        vec sum = vec_zero();
        for (int j = 0; j < down.n; j++, from += w) {
            uint8_t last[LANES] = { 0 };
            if (w - x < LANES)
                memcpy(last, from, (size_t)(w - x));
            sum = vec_add(sum, vec_mul(vec_all(down.weight[j]),
                                       vec_load_bytes(w - x < LANES ? last : from)));
        }
        vec_store(row + x, sum);
    }
}

/* One row of the three planes. */
static void shrink_row(float *const y[3], const float *const row[3], const struct band *band,
                       int blocks)
{
    for (int i = 0; i < blocks; i++, band++) {
        const float *const from[3] = { row[0] + band->first, row[1] + band->first,
                                       row[2] + band->first };
        vec sum[3] = { vec_zero(), vec_zero(), vec_zero() };
        for (int j = 0; j < band->n; j++) {
            const vec weight = vec_load(band->weight + j * LANES);
            for (int c = 0; c < 3; c++)
                sum[c] = vec_add(sum[c], vec_mul(weight, vec_all(from[c][j])));
        }
        for (int c = 0; c < 3; c++)
            vec_store(y[c] + i * LANES, vec_div(sum[c], vec_all(255.0f)));
    }
}

static int longer(int a, int b)
{
    return a > b ? a : b;
}

/* What crop_resize() needs for images and views of at most `side` pixels a side. */
struct resize_room { float *across, *down, *band, *row[3]; };

static size_t row_floats(int side)
{
    return line_floats((size_t)side + LANES);
}

/* Of a band: n <= (LANES - 1) in / out + 2 inputs a tent, and no more than there are.  All blocks
 * but the last are full. */
static size_t resize_floats(int side)
{
    return (6 + 2 * LANES + 4) * (size_t)side + 3 * row_floats(side);
}

static struct resize_room resize_room_in(float *room, int side)
{
    const size_t weights = 3 * (size_t)side, bands = (2 * LANES + 4) * (size_t)side,
                 row = row_floats(side);
    float *const rows = room + 2 * weights + bands;
    return (struct resize_room){ room, room + weights, room + 2 * weights,
                                 { rows, rows + row, rows + 2 * row } };
}

/* y = what the axes (down, across) see of image [3, h, w] resized, 0..1.  The vertical pass comes
 * first because planes of bytes lie well for it; torch does the other first, which differs in the
 * last bits only.  The flip costs nothing here, and no later transform tells left from right. */
static void crop_resize(const struct canvas *y, const struct resize_room *room,
                        const uint8_t *image, int h, int w, const struct view_axis axis[2],
                        bool flip)
{
    struct tap across[AUGMENT_SIDE_MAX], down[AUGMENT_SIDE_MAX];
    struct band band[BANDS];
    float *const *const row = room->row;
    const int size = y->size, blocks = (size + LANES - 1) / LANES;
    make_taps(down, room->down, axis[0], size);
    make_taps(across, room->across, axis[1], size);
    if (flip)
        mirror_taps(across, size);
    make_bands(band, room->band, across, size);
    for (int p = 0; p < size; p++) {
        for (int c = 0; c < 3; c++)
            shrink_columns(row[c], image + (size_t)c * h * w, w, down[p], axis[1].low,
                           axis[1].high);
        const size_t at = (size_t)p * y->stride;
        float *const to[3] = { y->plane[0] + at, y->plane[1] + at, y->plane[2] + at };
        const float *const from[3] = { row[0], row[1], row[2] };
        shrink_row(to, from, band, blocks);
    }
}

/* ---- colour ---------------------------------------------------------------------------------- */

ALWAYS_INLINE float luma(float r, float g, float b)     /* ITU-R 601-2, with torchvision's digits */
{
    return 0.2989f * r + 0.587f * g + 0.114f * b;
}

static void adjust_brightness(const struct canvas *y, float factor)
{
    for (int c = 0; c < 3; c++) {
        float *const plane = y->plane[c];
        for (size_t i = 0; i < y->n; i++)
            plane[i] = clamp01(factor * plane[i]);
    }
}

/* Summed column by column, and then the columns: a fixed order in which vectors run along the
 * rows. */
static double mean_luma(const struct canvas *y)
{
    double column[AUGMENT_SIDE_MAX] = { 0 }, sum = 0.0;
    for (int p = 0; p < y->size; p++) {
        const size_t at = (size_t)p * y->stride;
        const float *const r = y->plane[0] + at, *const g = y->plane[1] + at,
                           *const b = y->plane[2] + at;
        for (int q = 0; q < y->size; q++)
            column[q] += (double)luma(r[q], g[q], b[q]);
    }
    for (int q = 0; q < y->size; q++)
        sum += column[q];
    return sum / ((double)y->size * y->size);
}

/* Blends with the mean grey of the whole view. */
static void adjust_contrast(const struct canvas *y, float factor)
{
    const float rest = (1.0f - factor) * (float)mean_luma(y);
    for (int c = 0; c < 3; c++) {
        float *const plane = y->plane[c];
        for (size_t i = 0; i < y->n; i++)
            plane[i] = clamp01(factor * plane[i] + rest);
    }
}

/* Blends with each pixel's own grey. */
static void adjust_saturation(const struct canvas *y, float factor)
{
    float *restrict const r = y->plane[0], *restrict const g = y->plane[1],
                          *restrict const b = y->plane[2];
    for (size_t i = 0; i < y->n; i++) {
        const float rest = (1.0f - factor) * luma(r[i], g[i], b[i]);
        r[i] = clamp01(factor * r[i] + rest);
        g[i] = clamp01(factor * g[i] + rest);
        b[i] = clamp01(factor * b[i] + rest);
    }
}

/* Hue is counted in sixths of a turn.  A channel of HSV is lowest for two sixths, rises for one, is
 * highest for two and falls for one; `hue`, -1 .. 6, lies `offset` sixths past the start of that
 * fall. */
ALWAYS_INLINE vec hue_channel(vec high, vec range, vec hue, float offset)
{
    const vec six = vec_all(6.0f), past = vec_add(hue, vec_all(offset));
    const vec place = vec_sub(past, vec_where_positive(vec_sub(past, six), six));
    const vec below = vec_min(place, vec_sub(vec_all(4.0f), place));
    return vec_sub(high, vec_mul(range, vec_max(vec_zero(), vec_min(vec_all(1.0f), below))));
}

/* Moves the hue of each pixel by `shift` turns, keeping HSV's saturation and value.  From red,
 * which channel is the largest says in which third of the turn a hue lies, and the difference of
 * the other two where in it. */
static void adjust_hue(const struct canvas *y, float shift)
{
    const float whole = (float)(int)shift, turn = shift - whole + (shift < whole ? 1.0f : 0.0f);
    const vec sixths = vec_all(6.0f * turn), six = vec_all(6.0f);
    for (size_t i = 0; i < y->n; i += LANES) {
        const vec r = vec_load(y->plane[0] + i), g = vec_load(y->plane[1] + i),
                  b = vec_load(y->plane[2] + i);
        const vec larger = vec_max(g, b), high = vec_max(r, larger);
        const vec range = vec_sub(high, vec_min(r, vec_min(g, b)));
        const vec is_red = vec_sub(r, larger), is_green = vec_sub(g, b);        /* positive if so */
        const vec third = vec_pick(is_red, vec_zero(),
                                   vec_pick(is_green, vec_all(2.0f), vec_all(4.0f)));
        const vec other = vec_pick(is_green, vec_sub(b, r), vec_sub(r, g));
        const vec difference = vec_pick(is_red, vec_sub(g, b), other);
        const vec divisor = vec_pick(range, range, vec_all(1.0f));   /* grey has no hue: any does */
        /* -1 .. 11 */
        const vec moved = vec_add(vec_add(third, vec_div(difference, divisor)), sixths);
        const vec hue = vec_sub(moved, vec_where_positive(vec_sub(moved, six), six));
        vec_store(y->plane[0] + i, hue_channel(high, range, hue, 5.0f));
        vec_store(y->plane[1] + i, hue_channel(high, range, hue, 3.0f));
        vec_store(y->plane[2] + i, hue_channel(high, range, hue, 1.0f));
    }
}

static void jitter_colours(const struct canvas *y, const struct view_params *v)
{
    static void (*const adjust[JITTERS])(const struct canvas *, float) = {
        adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue
    };
    for (int i = 0; i < JITTERS; i++) {
        const int k = v->order[i];
        const float neutral = k == JITTER_HUE ? 0.0f : 1.0f;
        if (v->factor[k] != neutral)
            adjust[k](y, v->factor[k]);
    }
}

static void make_gray(const struct canvas *y)
{
    float *restrict const r = y->plane[0], *restrict const g = y->plane[1],
                          *restrict const b = y->plane[2];
    for (size_t i = 0; i < y->n; i++)
        r[i] = g[i] = b[i] = luma(r[i], g[i], b[i]);
}

/* ---- blur ------------------------------------------------------------------------------------ */

/* y[size, stride] = x blurred along its rows. */
static void blur_across(float *y, const float *x, int size, size_t stride, const float *kernel,
                        int radius)
{
    /* with `radius` mirrored pixels at each end */
    float line[AUGMENT_SIDE_MAX * 3 + LANES] = { 0 };
    for (int p = 0; p < size; p++, x += stride, y += stride) {
        memcpy(line + radius, x, sizeof *line * (size_t)size);
        for (int j = 1; j <= radius; j++) {
            line[radius - j] = x[j];
            line[radius + size - 1 + j] = x[size - 1 - j];
        }
        for (int q = 0; q < size; q += LANES) {
            const float *const centre = line + radius + q;
            vec sum = vec_mul(vec_all(kernel[0]), vec_load(centre));
            for (int j = 1; j <= radius; j++) {
                const vec both = vec_add(vec_load(centre - j), vec_load(centre + j));
                sum = vec_add(sum, vec_mul(vec_all(kernel[j]), both));
            }
            vec_store(y + q, sum);
        }
    }
}

/* y[size, stride] = x blurred along its columns. */
static void blur_down(float *y, const float *x, int size, size_t stride, const float *kernel,
                      int radius)
{
    for (int p = 0; p < size; p++) {
        for (int q = 0; q < size; q += LANES) {
            vec sum = vec_mul(vec_all(kernel[0]), vec_load(x + p * stride + q));
            for (int j = 1; j <= radius; j++) {
                const vec above = vec_load(x + (size_t)mirrored(p - j, size) * stride + q);
                const vec below = vec_load(x + (size_t)mirrored(p + j, size) * stride + q);
                sum = vec_add(sum, vec_mul(vec_all(kernel[j]), vec_add(above, below)));
            }
            vec_store(y + p * stride + q, sum);
        }
    }
}

static void blur(const struct canvas *y, float sigma)
{
    float kernel[AUGMENT_SIDE_MAX];
    const int radius = blur_kernel(kernel, y->size, sigma);
    for (int c = 0; c < 3; c++) {
        blur_across(y->spare, y->plane[c], y->size, y->stride, kernel, radius);
        blur_down(y->plane[c], y->spare, y->size, y->stride, kernel, radius);
    }
}

/* ---- solarise -------------------------------------------------------------------------------- */

static void solarize(const struct canvas *y)
{
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < y->n; i++) y->plane[c][i] = solarized(y->plane[c][i]);
}

/* ---- normalise ------------------------------------------------------------------------------- */

/* to[size, size, 3] = (y - mean) / std, rounded to bf16 where that is the activations' type. */
ALWAYS_INLINE void normalize(void *to, const struct canvas *y, const struct augment *recipe,
                             bool is_bf16)
{
    float row[3 * AUGMENT_SIDE_MAX + LANES];
    const int size = y->size, floats = 3 * size;
    const float mean[3] = { recipe->mean[0], recipe->mean[1], recipe->mean[2] };
    const float scale[3] = { 1.0f / recipe->std[0], 1.0f / recipe->std[1], 1.0f / recipe->std[2] };
    for (int p = 0; p < size; p++) {
        const size_t from = (size_t)p * y->stride, at = (size_t)p * (size_t)floats;
        const float *const r = y->plane[0] + from, *const g = y->plane[1] + from,
                           *const b = y->plane[2] + from;
        for (int q = 0; q < size; q++) {
            row[3 * q] = (r[q] - mean[0]) * scale[0];
            row[3 * q + 1] = (g[q] - mean[1]) * scale[1];
            row[3 * q + 2] = (b[q] - mean[2]) * scale[2];
        }
        int i = 0;
        for (; i + LANES <= floats; i += LANES)
            act_store(to, at + (size_t)i, vec_load(row + i), is_bf16);
        if (i < floats)
            act_store_n(to, at + (size_t)i, vec_load(row + i), floats - i, is_bf16);
    }
}

/* ---- views ----------------------------------------------------------------------------------- */

static size_t view_floats(int size, int side)
{
    return canvas_floats(size) + line_floats(resize_floats(longer(size, side)));
}

/* to[size, size, 3] of image [3, h / shrink, w / shrink], rounded up; `room` holds
 * view_floats(size, the longer side of that). */
static void make_view(void *to, float *room, const uint8_t *image, int h, int w, int shrink,
                      int size, const struct augment *recipe, const struct view_params *v,
                      bool is_bf16)
{
    assert(size <= AUGMENT_SIDE_MAX && shrink >= 1);
    assert(v->top >= 0 && v->left >= 0 && v->height > 0 && v->width > 0);
    assert(v->top + v->height <= h && v->left + v->width <= w);
    const int held_h = (h + shrink - 1) / shrink, held_w = (w + shrink - 1) / shrink;
    const struct canvas y = canvas_in(room, size);
    const struct resize_room resize = resize_room_in(room + canvas_floats(size),
                                                     longer(size, longer(held_h, held_w)));
    struct view_axis axis[2];
    view_axes(axis, recipe, v, h, w, size, shrink);
    crop_resize(&y, &resize, image, held_h, held_w, axis, v->flip);
    if (v->jitter)
        jitter_colours(&y, v);
    if (v->gray)
        make_gray(&y);
    if (v->blur && v->sigma > 0.0f)
        blur(&y, v->sigma);
    if (v->solarize)
        solarize(&y);
    if (is_bf16)
        normalize(to, &y, recipe, true);
    else
        normalize(to, &y, recipe, false);
}

void augment_pixels(float *y, const uint8_t *image, int h, int w, int size,
                    const struct augment *recipe, const struct view_params *v)
{
    float *const room = mem_alloc(sizeof *room * view_floats(size, longer(h, w)));
    make_view(y, room, image, h, w, 1, size, recipe, v, false);
    mem_free(room);
}

void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w,
                int size, const struct augment *recipe, uint64_t seed, const dev_int *epoch,
                uint32_t view)
{
    const int32_t *at = (const int32_t *)index, *now = (const int32_t *)epoch;
    const uint8_t *stored = (const uint8_t *)images;
    const size_t in = (size_t)3 * h * w, out = (size_t)3 * size * size * mem_act_bytes();
    const size_t room = view_floats(size, longer(h, w));
    const int threads = cpu_threads();
    const bool is_bf16 = cpu_bf16();
    float *const rooms = cpu_scratch(SCRATCH_VIEWS, sizeof *rooms * room * (size_t)threads);
    /* One view is no work for a team, and may be asked for by a thread that has none
     * (engine/loader.c). */
    #pragma omp parallel for schedule(static) num_threads(threads) if (n > 1)
    for (int i = 0; i < n; i++) {
        const struct view_params v = augment_draw(recipe, seed, (uint32_t)*now, (uint32_t)at[i],
                                                  view, h, w);
        make_view((char *)y + (size_t)i * out, rooms + room * (size_t)omp_get_thread_num(),
                  stored + (size_t)at[i] * in, h, w, 1, size, recipe, &v, is_bf16);
    }
}

size_t op_view_room(int size, int side)
{
    return sizeof(float) * view_floats(size, side);
}

void op_view(dev_act *y, void *room, const uint8_t *image, int full_h, int full_w, int shrink,
             int size, const struct augment *recipe, const struct view_params *v)
{
    make_view(y, room, image, full_h, full_w, shrink, size, recipe, v, cpu_bf16());
}
