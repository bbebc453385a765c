/* SPDX-License-Identifier: MIT
 *
 * conv.cu -- convolution: channels padded to what the library's kernels take, weights narrowed to
 * the activations' width, results added where that is asked.  The arithmetic is cuDNN's (cudnn_run.c).
 *
 * Of the nets' convolutions the first alone has channels to pad (3 to 8).
 */
#include <assert.h>
#include "cudnn_run.h"
#include "graph.h"
#include "kernel.h"
#include "part_sums.h"
#include "stream.h"
#include "weights.h"

static int padded(int channels)
{
    return (channels + CONV_CHANNELS - 1) / CONV_CHANNELS * CONV_CHANNELS;
}

static struct conv_shape shape_padded(struct conv_shape s)
{
    s.c = padded(s.c);
    s.k = padded(s.k);
    return s;
}

struct sizes { size_t x_rows, y_rows, w_rows, w_rows_padded; };  /* of c, k, c and c channels */

static struct sizes sizes_of(struct conv_shape s)
{
    const size_t taps = (size_t)s.r * (size_t)s.r;
    const size_t pixels = (size_t)conv_out(s.h, s.r, s.stride, s.pad) *
                          (size_t)conv_out(s.w, s.r, s.stride, s.pad);
    return { (size_t)s.n * (size_t)s.h * (size_t)s.w, (size_t)s.n * pixels, (size_t)s.k * taps,
             (size_t)padded(s.k) * taps };
}

/* to[rows, wide] = from[from_rows, narrow], zeros right of it and below it. */
template <typename To, typename From> struct pad_one {
    To *to;
    const From *from;
    size_t from_rows;
    int wide, narrow_;
    __device__ void operator()(size_t i) const
    {
        const size_t row = i / (size_t)wide, channel = i % (size_t)wide;
        const bool inside = row < from_rows && channel < (size_t)narrow_;
        narrow(&to[i], inside ? widen(from[row * (size_t)narrow_ + channel]) : 0.0f);
    }
};

/* to[rows, few] = scale from[rows, wide], cut to its first channels; or added. */
template <typename To, typename From> struct cut_one {
    grad_to<To> to;
    const From *from;
    int few, wide;
    float scale;
    __device__ void operator()(size_t i) const
    {
        to.put(i, scale * widen(from[i / (size_t)few * (size_t)wide + i % (size_t)few]));
    }
};

/* Activations as they are where nothing is to be padded. */
template <typename T>
static const T *act_padded(enum scratch slot, const dev_act *x, size_t rows, int channels)
{
    if (padded(channels) == channels) return (const T *)x;
    const size_t n = rows * (size_t)padded(channels);
    T *const to = (T *)cuda_scratch(slot, n * sizeof(T));
    each(n, pad_one<T, T>{ to, (const T *)x, rows, padded(channels), channels });
    return to;
}

template <typename T>
static const T *weights_padded(const float *w, struct conv_shape s, struct sizes z)
{
    /* A layer's weights lie anywhere in the block of all; activations of whole channels are always
     * aligned. */
    const bool aligned = (uintptr_t)w % CONV_ALIGNMENT == 0,
               whole = padded(s.c) == s.c && padded(s.k) == s.k;
    if (aligned && sizeof(T) == sizeof(float) && whole) return (const T *)w;
    const void *const twin = whole ? twin_to_read(w, CONV_ALIGNMENT) : NULL;
    if (twin) return (const T *)twin;
    const size_t n = z.w_rows_padded * (size_t)padded(s.c);
    T *const to = (T *)cuda_scratch(SCRATCH_RIGHT, n * sizeof(T));
    each(n, pad_one<T, float>{ to, w, z.w_rows, padded(s.c), s.c });
    return to;
}

/* A call a piece of a part: a convolution of as many images has the same plan, and so the same digits,
 * wherever the other parts are computed. */
static struct conv_shape piece_of(struct conv_shape s)
{
    s.n /= parts_pieces(s.parts);
    s.parts = { 0, 0 };
    return s;
}

struct piece_span { size_t x, y; };      /* elements of a piece */

static piece_span span_of(struct conv_shape piece)
{
    const struct sizes z = sizes_of(piece);
    return { z.x_rows * (size_t)piece.c, z.y_rows * (size_t)piece.k };
}

template <typename T>
static void forward(dev_act *y, const dev_act *x, const float *w, struct conv_shape s)
{
    const struct sizes z = sizes_of(s);
    const T *const from = act_padded<T>(SCRATCH_LEFT, x, z.x_rows, s.c), *const by =
                                                                             weights_padded<T>(w, s,
                                                                                               z);
    const bool whole = padded(s.k) == s.k;
    const size_t room = whole ? 0 : z.y_rows * (size_t)padded(s.k) * sizeof(T);
    T *const to = whole ? (T *)y : (T *)cuda_scratch(SCRATCH_RESULT, room);
    conv_run(to, from, by, { CONV_FWD, cuda_precision(), false, shape_padded(s) });
    if (!whole)
        each(z.y_rows * (size_t)s.k, cut_one<T, T>{ { (T *)y, false }, to, s.k, padded(s.k), 1 });
}

void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    assert(s.n > 0 && s.r > 0 && s.pad >= 0 && s.pad < s.r);
    const struct conv_shape piece = piece_of(s);
    const piece_span each = span_of(piece);
    for (size_t i = 0; i < (size_t)parts_pieces(s.parts); i++)
        WITH_ACT(forward, act_at(y, i * each.y), act_at((dev_act *)x, i * each.x), float_in(w), piece);
}

template <typename T> static void data_gradient(struct act_grad dx, const T *dy, const float *w,
                                                struct conv_shape s, struct sizes z)
{
    const struct conv_work work = { CONV_DGRAD, cuda_precision(), dx.add, shape_padded(s) };
    const T *const by = weights_padded<T>(w, s, z);
    if (padded(s.c) == s.c) {
        conv_run(dx.at, dy, by, work);
        return;
    }
    const size_t n = z.x_rows * (size_t)padded(s.c);
    T *const to = (T *)cuda_scratch(SCRATCH_RESULT, n * sizeof *to);
    if (dx.add) each(n, pad_one<T, T>{ to, (const T *)dx.at, z.x_rows, padded(s.c), s.c });
    conv_run(to, dy, by, work);
    each(z.x_rows * (size_t)s.c, cut_one<T, T>{ { (T *)dx.at, false }, to, s.c, padded(s.c), 1 });
}

/* ---- gradients of weights -------------------------------------------------------------------- */

/* Rounded to the activations' width once, behind sums in fp32, as PyTorch's autocast does: only such
 * kernels split the depth, without which 10 tiles have the work of the whole card.  They lie in a room
 * until somebody wants the gradients, and are then widened and added by one launch for all. */
struct rounded_gradient { float *to; const void *from; size_t n; unsigned block; };  /* its first block */

enum { GRADIENTS = 64, GRADIENT_BLOCK = 8 * THREADS, GRADIENT_ALIGN = 256 };
struct gradient_list { rounded_gradient at[GRADIENTS]; int n; };

static struct {
    gradient_list list;
    unsigned blocks;
    size_t room, used, wanted;           /* bytes: there are; held by the list; of all since the last add */
    bool is_adding;                      /* a launch asks for the stream, and so for this, again */
} kept;

template <typename T> __global__ void sim_add_gradients(gradient_list list, float scale)
{
    int i = 0;
    while (i + 1 < list.n && list.at[i + 1].block <= blockIdx.x) i++;
    const rounded_gradient g = list.at[i];
    const size_t first = (size_t)(blockIdx.x - g.block) * GRADIENT_BLOCK + threadIdx.x;
    for (size_t j = first; j < g.n && j < first + GRADIENT_BLOCK; j += THREADS)
        g.to[j] += scale * widen(((const T *)g.from)[j]);
}

template <typename T> static void gradients_launch(const gradient_list &list, unsigned blocks)
{
    LAUNCH(sim_add_gradients<T>, blocks, THREADS, list, 1 / cuda_gradient_scale());
}

static void gradients_add_now(void)
{
    if (!kept.list.n) return;
    const gradient_list list = kept.list;
    const unsigned blocks = kept.blocks;
    beside_join();
    kept.list.n = 0;
    kept.blocks = 0;
    kept.used = 0;
    WITH_ACT(gradients_launch, list, blocks);
}

/* And the room grows to what all of a step wants, where that may be. */
void gradients_add(void)
{
    if (kept.is_adding) return;
    kept.is_adding = true;
    gradients_add_now();
    if (kept.wanted > kept.room && !record_open()) {
        kept.room = kept.wanted;
        cuda_scratch(SCRATCH_GRADIENTS, kept.room);
    }
    kept.wanted = 0;
    kept.is_adding = false;
}

/* Room for n numbers that are to be added to `to` some time. */
template <typename T> static T *gradient_room(float *to, size_t n)
{
    const size_t bytes = (n * sizeof(T) + GRADIENT_ALIGN - 1) / GRADIENT_ALIGN * GRADIENT_ALIGN;
    bool fits = kept.list.n < GRADIENTS && kept.used + bytes <= kept.room;
    for (int i = 0; i < kept.list.n; i++)                /* twice in one launch would be a race */
        fits = fits && (to + n <= kept.list.at[i].to || kept.list.at[i].to + kept.list.at[i].n <= to);
    if (!fits) gradients_add_now();
    if (bytes > kept.room) kept.room = bytes;
    T *const from = (T *)((char *)cuda_scratch(SCRATCH_GRADIENTS, kept.room) + kept.used);
    kept.used += bytes;
    kept.wanted += bytes;
    kept.list.at[kept.list.n++] = { to, from, n, kept.blocks };
    kept.blocks += blocks_for(n, GRADIENT_BLOCK);
    return from;
}

/* Beside the stream, where nothing is to be padded. */
template <typename T> static void weight_gradient(float *dw, const T *dy, const dev_act *x_,
                                                  struct conv_shape s, struct sizes z)
{
    const struct conv_work work = { CONV_WGRAD, cuda_precision(), false, shape_padded(s) };
    const size_t n = z.w_rows * (size_t)s.c;
    if (padded(s.c) == s.c && padded(s.k) == s.k) {
        T *const to = gradient_room<T>(dw, n);
        beside_fork({ dy, z.y_rows * (size_t)s.k * sizeof(T) },
                    { x_, z.x_rows * (size_t)s.c * sizeof(T) });
        conv_run(to, dy, x_, work);
        beside_fork_end();
        return;
    }
    /* In the weights' place, which the data gradient no longer needs: the stream does one after the
     * other. */
    const T *const x = act_padded<T>(SCRATCH_RIGHT, x_, z.x_rows, s.c);
    T *const to = (T *)cuda_scratch(SCRATCH_RESULT,
                                    z.w_rows_padded * (size_t)padded(s.c) * sizeof *to);
    conv_run(to, dy, x, work);
    each(n, cut_one<float, T>{ { dw, true }, to, s.c, padded(s.c), 1 / cuda_gradient_scale() });
}

template <typename T>
static void backward(struct act_grad dx, float *dw, const dev_act *dy_, const dev_act *x,
                     const float *w, struct conv_shape s)
{
    const struct sizes z = sizes_of(s);
    const struct span written[WRITTEN] = { { dx.at, z.x_rows * (size_t)s.c * sizeof(T) } };
    beside_keep(written);
    const T *const dy = act_padded<T>(SCRATCH_LEFT, dy_, z.y_rows, s.k);
    if (dx.at) data_gradient<T>(dx, dy, w, s, z);
    if (dw) weight_gradient<T>(dw, dy, x, s, z);
    beside_keep_end();
}

static void parts_backward(struct act_grad dx, float *dw, const dev_act *dy, const dev_act *x,
                           const float *w, struct conv_shape s)
{
    const struct conv_shape piece = piece_of(s);
    const piece_span each = span_of(piece);
    const size_t n = (size_t)s.k * (size_t)s.r * (size_t)s.r * (size_t)s.c;
    part_sums sums = parts_open(s.parts, dw ? n : 0);
    for (int i = 0; i < s.parts.n; i++) {
        float *const own = dw ? parts_next(&sums) : NULL;
        for (int v = 0; v < s.parts.views; v++) {
            const size_t at = (size_t)(v * s.parts.n + i);
            const struct act_grad to = { act_at(dx.at, at * each.x), dx.add };
            WITH_ACT(backward, to, own, act_at((dev_act *)dy, at * each.y),
                     act_at((dev_act *)x, at * each.x), w, piece);
        }
        if (dw) parts_join(&sums, i);
    }
    if (dw) parts_add(dw, sums.room, n);
}

void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x,
                 const dev_float *w, struct conv_shape s)
{
    assert(s.n > 0 && s.r > 0 && s.pad >= 0 && s.pad < s.r);
    if (!dx.at && !dw) return;
    if (s.parts.n) parts_backward(dx, float_out(dw), dy, x, float_in(w), s);
    else WITH_ACT(backward, dx, float_out(dw), dy, x, float_in(w), s);
}
