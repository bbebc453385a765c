/* SPDX-License-Identifier: MIT
 *
 * augment.cu -- the pixels of a view (App. A), in the order of the released code:
 *
 *     crop and resize -> colour jitter -> grayscale -> blur -> solarise -> flip -> normalise
 *
 * A block makes a view, in three planes of fp32 and one to spare, which the second cache holds for
 * small images.  A thread keeps to its pixels until the blur.  The arithmetic is that of
 * cpu/augment.c, in its order: parameters are equal to the bit, pixels but for the mean of the
 * contrast.
 */
#include <assert.h>

#include "kernel.h"
#include "graph.h"
#include "stream.h"
#include "../augment.h"

enum { SIDE_MAX = 1024 };                /* of images and views, as on the CPU */

struct canvas { float *plane[3], *spare; int size; };

__host__ __device__ static inline size_t canvas_floats(int size)
{
    return 4 * (size_t)size * (size_t)size;
}

__device__ static canvas canvas_in(float *room, int size)
{
    const size_t n = (size_t)size * (size_t)size;
    return { { room, room + n, room + 2 * n }, room + 3 * n, size };
}

__device__ static inline float clamp01(float x)
{
    const float above = x < 0.0f ? 0.0f : x;
    return above > 1.0f ? 1.0f : above;
}

/* ---- crop and resize ------------------------------------------------------------------------- */

/* What a view sees of an image on the device: two axes (augment.h), where the pixel at their low
 * ends lies, and the bytes from a row to the next and from a colour's plane to the next. */
struct sight { view_axis down, across; const uint8_t *at; size_t row, plane; };

/* A pixel of the output is a tent over an axis's inputs, low .. high-1, as wide as the larger of
 * the two grids' spacings: PIL's and torch's antialias; see cpu/augment.c.  It takes inputs first
 * .. end-1 from `low` on, whose tents sum to `total`. */
struct tent { float centre, support, total; int first, end; };

__device__ static inline float tent_at(float centre, float support, int j)
{
    const float distance = ((float)j - centre + 0.5f) / support;
    const float height = distance < 0.0f ? 1.0f + distance : 1.0f - distance;
    return height > 0.0f ? height : 0.0f;
}

__device__ static inline float weight_at(const tent &t, int j)
{
    return tent_at(t.centre, t.support, j) / t.total;
}

/* Of output pixel i of `out`. */
__device__ static tent tent_of(int i, const view_axis &axis, int out)
{
    const float scale = axis.extent / (float)out, support = scale > 1.0f ? scale : 1.0f;
    const float offset = axis.start - (float)axis.low;
    const int in = axis.high - axis.low;
    tent t = { offset + scale * ((float)i + 0.5f), support, 0, 0, 0 };
    const int low = (int)(t.centre - support + 0.5f), high = (int)(t.centre + support + 0.5f);
    t.first = low > 0 ? low : 0;
    t.end = high < in ? high : in;
    for (int j = t.first; j < t.end; j++) t.total += tent_at(t.centre, support, j);
    return t;
}

/* Pixel i of y, resized, 0..1, mirrored if the view is. */
__device__ static void resize_pixel(const canvas &y, int i, const sight &from, bool flip)
{
    const int size = y.size, p = i / size, q = i % size;
    const tent down = tent_of(p, from.down, size),
               across = tent_of(flip ? size - 1 - q : q, from.across, size);
    float sum[3] = { 0, 0, 0 };
    for (int x = across.first; x < across.end; x++) {
        float column[3] = { 0, 0, 0 };
        for (int r = down.first; r < down.end; r++) {
            const float weight = weight_at(down, r);
            const uint8_t *const at = from.at + (size_t)r * from.row + (size_t)x;
            for (int c = 0; c < 3; c++) column[c] += weight * (float)at[(size_t)c * from.plane];
        }
        const float weight = weight_at(across, x);
        for (int c = 0; c < 3; c++) sum[c] += weight * column[c];
    }
    for (int c = 0; c < 3; c++) y.plane[c][i] = sum[c] / 255.0f;
}

/* ---- colour ---------------------------------------------------------------------------------- */

__device__ static inline float luma(float r, float g,
                                    float b) /* ITU-R 601-2, with torchvision's digits */
{
    return 0.2989f * r + 0.587f * g + 0.114f * b;
}

__device__ static inline float luma_at(const canvas &y, int i)
{
    return luma(y.plane[0][i], y.plane[1][i], y.plane[2][i]);
}

/* Of the whole view, in every thread. */
__device__ static double mean_luma(const canvas &y)
{
    const int n = y.size * y.size;
    double sum = 0;
    for (int i = (int)threadIdx.x; i < n; i += THREADS) sum += (double)luma_at(y, i);
    return block_sum(sum) / n;
}

/* Hue is counted in sixths of a turn.  A channel of HSV is lowest for two sixths, rises for one, is
 * highest for two and falls for one; `hue`, -1 .. 6, lies `offset` sixths past the start of that
 * fall. */
__device__ static inline float hue_channel(float high, float range, float hue, float offset)
{
    const float past = hue + offset, place = past - (past - 6.0f > 0 ? 6.0f : 0.0f);
    const float below = 4.0f - place > place ? place : 4.0f - place;
    const float held = below < 1.0f ? below : 1.0f;
    return high - range * (held > 0 ? held : 0.0f);
}

/* Moves the hue of a pixel by `sixths` of a turn, keeping HSV's saturation and value. */
__device__ static void adjust_hue(const canvas &y, int i, float sixths)
{
    const float r = y.plane[0][i], g = y.plane[1][i], b = y.plane[2][i];
    const float larger = g > b ? g : b, high = r > larger ? r : larger;
    const float smaller = g < b ? g : b, range = high - (r < smaller ? r : smaller);
    const bool is_red = r - larger > 0, is_green = g - b > 0;
    const float third = is_red ? 0.0f : is_green ? 2.0f : 4.0f;
    const float difference = is_red ? g - b : is_green ? b - r : r - g;
    /* grey: any hue */
    const float moved = third + difference / (range > 0 ? range : 1.0f) + sixths;
    const float hue = moved - (moved - 6.0f > 0 ? 6.0f : 0.0f);
    y.plane[0][i] = hue_channel(high, range, hue, 5.0f);
    y.plane[1][i] = hue_channel(high, range, hue, 3.0f);
    y.plane[2][i] = hue_channel(high, range, hue, 1.0f);
}

/* One of the jitters of pixel i; `grey` is what the contrast blends with. */
__device__ static void jitter_pixel(const canvas &y, int i, int kind, float factor, float grey)
{
    if (kind == JITTER_HUE) {
        const float whole = (float)(int)factor,
                    turn = factor - whole + (factor < whole ? 1.0f : 0.0f);
        adjust_hue(y, i, 6.0f * turn);
        return;
    }
    float rest = 0;
    if (kind == JITTER_CONTRAST) rest = (1.0f - factor) * grey;
    if (kind == JITTER_SATURATION) rest = (1.0f - factor) * luma_at(y, i);
    for (int c = 0; c < 3; c++) y.plane[c][i] = clamp01(factor * y.plane[c][i] + rest);
}

__device__ static void jitter_colours(const canvas &y, const view_params &v)
{
    for (int k = 0; k < JITTERS; k++) {
        const int kind = v.order[k];
        const float factor = v.factor[kind];
        if (factor == (kind == JITTER_HUE ? 0.0f : 1.0f)) continue;
        const float grey = kind == JITTER_CONTRAST ? (float)mean_luma(y) : 0.0f;
        for (int i = (int)threadIdx.x; i < y.size * y.size; i += THREADS)
            jitter_pixel(y, i, kind, factor, grey);
    }
}

__device__ static void make_gray(const canvas &y)
{
    for (int i = (int)threadIdx.x; i < y.size * y.size; i += THREADS) {
        const float grey = luma_at(y, i);
        for (int c = 0; c < 3; c++) y.plane[c][i] = grey;
    }
}

/* ---- blur ------------------------------------------------------------------------------------ */

/* Pixel `at` of a line of `size` pixels of x, `step` apart, blurred along it. */
__device__ static inline float blurred(const float *line, int at, int size, int step,
                                       const float *kernel, int radius)
{
    float sum = kernel[0] * line[at * step];
    for (int j = 1; j <= radius; j++)
        sum += kernel[j] *
               (line[mirrored(at - j, size) * step] + line[mirrored(at + j, size) * step]);
    return sum;
}

__device__ static void blur(const canvas &y, float sigma)
{
    __shared__ float kernel[SIDE_MAX];
    __shared__ int radius;
    const int size = y.size;
    if (threadIdx.x == 0) radius = blur_kernel(kernel, size, sigma);
    for (int c = 0; c < 3; c++) {
        float *const plane = y.plane[c];
        __syncthreads();                 /* the plane is whole, the spare one free */
        for (int i = (int)threadIdx.x; i < size * size; i += THREADS)
            y.spare[i] = blurred(plane + i / size * size, i % size, size, 1, kernel, radius);
        __syncthreads();
        for (int i = (int)threadIdx.x; i < size * size; i += THREADS)
            plane[i] = blurred(y.spare + i % size, i / size, size, size, kernel, radius);
    }
    __syncthreads();
}

/* ---- views ----------------------------------------------------------------------------------- */

/* to[size, size, 3] from what the resize left in y, by all threads of a block. */
template <typename T> __device__ void finish_view(T *to, const canvas &y, const augment &recipe,
                                                  const view_params &v)
{
    if (v.jitter) jitter_colours(y, v);
    if (v.gray) make_gray(y);
    if (v.blur && v.sigma > 0.0f) blur(y, v.sigma);
    for (int i = (int)threadIdx.x; i < y.size * y.size; i += THREADS)
        for (int c = 0; c < 3; c++) {
            const float colour = v.solarize ? solarized(y.plane[c][i]) : y.plane[c][i];
            narrow(&to[3 * (size_t)i + c], (colour - recipe.mean[c]) * (1.0f / recipe.std[c]));
        }
}

/* to[size, size, 3] of image [3, h, w], which lies on the device as it is stored; `room` holds
 * canvas_floats(size). */
template <typename T>
__device__ void make_view(T *to, float *room, const uint8_t *image, int h, int w, int size,
                          const augment &recipe, const view_params &v)
{
    const canvas y = canvas_in(room, size);
    view_axis axis[2];
    view_axes(axis, &recipe, &v, h, w, size, 1);
    const sight from = { axis[0], axis[1],
                         image + (size_t)axis[0].low * (size_t)w + (size_t)axis[1].low, (size_t)w,
                         (size_t)h * (size_t)w };
    for (int i = (int)threadIdx.x; i < size * size; i += THREADS) resize_pixel(y, i, from, v.flip);
    finish_view(to, y, recipe, v);
}

struct draw { uint64_t seed; const int32_t *epoch; uint32_t view; };

/* A block a view. */
template <typename T>
__global__ void sim_view(T *y, float *rooms, const uint8_t *images, const int32_t *index, int h,
                         int w, int size, augment recipe, draw d)
{
    __shared__ view_params v;
    const size_t image = (size_t)index[blockIdx.x], in = 3 * (size_t)h * (size_t)w;
    if (threadIdx.x == 0)
        v = augment_draw(&recipe, d.seed, (uint32_t)d.epoch[0], (uint32_t)image, d.view, h, w);
    __syncthreads();
    make_view(y + (size_t)blockIdx.x * 3 * (size_t)size * (size_t)size,
              rooms + blockIdx.x * canvas_floats(size), images + image * in, h, w, size, recipe, v);
}

template <typename T>
static void views(dev_act *y, const uint8_t *images, const int32_t *index, int n, int h, int w,
                  int size, const augment *recipe, draw d)
{
    enum { ROOM = 16 << 20 };    /* floats: a batch of small images, some of large ones at a time */
    const size_t fit = ROOM / canvas_floats(size) < 1 ? 1 : ROOM / canvas_floats(size);
    const int most = fit < (size_t)n ? (int)fit : n;
    float *const rooms = (float *)cuda_scratch(SCRATCH_RESULT,
                                               (size_t)most * canvas_floats(size) * sizeof(float));
    for (int i = 0; i < n; i += most) {
        T *const to = (T *)y + (size_t)i * 3 * (size_t)size * (size_t)size;
        LAUNCH(sim_view<T>, (unsigned)(n - i < most ? n - i : most), THREADS, to, rooms, images,
               index + i, h, w, size, *recipe, d);
    }
}

void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w,
                int size, const struct augment *recipe, uint64_t seed, const dev_int *epoch,
                uint32_t view)
{
    assert(n > 0 && h <= SIDE_MAX && w <= SIDE_MAX && size <= SIDE_MAX);
    const draw d = { seed, (const int32_t *)epoch, view };
    WITH_ACT(views, y, (const uint8_t *)images, (const int32_t *)index, n, h, w, size, recipe, d);
}

/* ---- a view of an image of its own size ------------------------------------------------------ */

/* What the view sees is copied to the device and resized there, where the other views are made: one
 * arithmetic for both, and the host's cores are the decoder's.  The resize is cut into blocks,
 * which one view would else not fill the card with.
 *
 * Several host threads may be here at a time: each has its own room, its own pinned memory and its
 * own stream (stream.h), nothing else is written but y, and the runtime takes calls from all.  A
 * stream keeps a thread's copy behind its last view; the step waits for them all. */

static const size_t PIXELS_MAX = (size_t)1 << 26;    /* of an image: no reader of them takes more */

static size_t canvas_bytes(int size)
{
    return canvas_floats(size) * sizeof(float);
}

size_t op_view_room(int size, int side)
{
    const size_t square = (size_t)side * (size_t)side;
    return canvas_bytes(size) + 3 * (square < PIXELS_MAX ? square : PIXELS_MAX);
}

static __global__ void sim_resize(float *room, int size, sight from, bool flip)
{
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < size * size) resize_pixel(canvas_in(room, size), i, from, flip);
}

template <typename T>
__global__ void sim_finish(T *y, float *room, int size, augment recipe, view_params v)
{
    finish_view(y, canvas_in(room, size), recipe, v);
}

template <typename T> static void finish(cudaStream_t stream, dev_act *y, float *room, int size,
                                         const augment *recipe, const view_params *v)
{
    LAUNCH_IN(stream, sim_finish<T>, 1, THREADS, (T *)y, room, size, *recipe, *v);
}

void op_view(dev_act *y, void *room, const uint8_t *image, int full_h, int full_w, int shrink,
             int size, const struct augment *recipe, const struct view_params *v)
{
    const size_t h = (size_t)((full_h + shrink - 1) / shrink),
                 w = (size_t)((full_w + shrink - 1) / shrink);
    assert(size <= SIDE_MAX && shrink >= 1 && h * w <= PIXELS_MAX);
    view_axis axis[2];
    view_axes(axis, recipe, v, full_h, full_w, size, shrink);
    const size_t rows = (size_t)(axis[0].high - axis[0].low),
                 columns = (size_t)(axis[1].high - axis[1].low);
    uint8_t *const part = (uint8_t *)room + canvas_bytes(size);
    record_beside_begin();
    struct viewer *const by = viewer_begin(3 * rows * columns);
    for (size_t i = 0; i < 3 * rows; i++)
        memcpy(by->pinned + i * columns,
               image + ((i / rows * h) + (size_t)axis[0].low + i % rows) * w + (size_t)axis[1].low,
               columns);
    CUDA(cudaMemcpyAsync(part, by->pinned, 3 * rows * columns, cudaMemcpyHostToDevice, by->stream));
    CUDA(cudaEventRecord(by->read, by->stream));
    const sight from = { axis[0], axis[1], part, columns, rows * columns };
    LAUNCH_IN(by->stream, sim_resize, blocks_for((size_t)size * (size_t)size, THREADS), THREADS,
              (float *)room, size, from, v->flip);
    WITH_ACT(finish, by->stream, y, (float *)room, size, recipe, v);
    viewer_end(by);
    record_beside_end();
}
