/* SPDX-License-Identifier: MIT
 *
 * test_ops_conv.c -- convolution against naive loops and finite differences, in both precisions.
 */
#include "naive.h"

#include <string.h>

#include "../engine/base.h"

static const struct conv_shape shapes[] = {
    /* n   h   w   c   k  r stride pad */
    {  1,  1,  1,  1,  1, 1, 1, 0 },
    {  1,  5,  7,  3,  7, 3, 1, 1 },
    {  7,  5,  5,  1,  3, 3, 1, 0 },
    {  7,  7,  5, 17, 33, 3, 1, 1 },
    { 33,  5,  7,  7,  3, 3, 2, 1 },
    {  7,  7,  7, 33, 17, 3, 2, 0 },
    {  7,  7,  5, 17,  7, 1, 2, 0 },
    { 33,  5,  5,  3, 17, 1, 1, 0 },
    {  1,  7,  1,  7,  7, 3, 1, 1 },
    {  3,  1,  7,  3,  1, 3, 2, 1 },
    {  3,  7,  7,  2,  3, 3, 3, 2 },
    {  2,  9,  8,  3,  4, 5, 2, 2 },
    {  3, 16, 16,  3, 32, 3, 1, 1 },       /* the stem of a small net, several blocks of pixels */
    { 33, 16, 17,  3,  5, 3, 1, 1 },       /* several blocks in each range of the weight gradient */
    {  5,  8,  8, 32, 33, 3, 2, 1 },
    {  3,  6,  6, 70, 130, 3, 1, 1 },        /* two tiles of output channels */
    {  1,  5,  5, 65, 257, 1, 1, 0 },        /* four of them, uneven */
    {  1,  1,  1,  7, 257, 3, 1, 1 },        /* fewer pixels than ranges of the weight gradient */

    {  3, 17, 15,  3,  7, 7, 2, 3 },         /* ImageNet's stem */
    {  2, 33, 32,  3, 64, 7, 2, 3 },
    {  1,  1,  2,  3,  5, 7, 2, 3 },         /* an image that is smaller than the window */

    /* Row blocks of 4, 7, 8 and 16 pixels: alone in a row, at its ends and between; 16, 32 and 64
     * channels at a time; a last block that shares pixels with the one before; an image as one
     * row. */
    {  3,  3, 32,   3,  16, 3, 1, 1 },
    {  7,  3, 32,  16,  16, 3, 1, 1 },
    {  1,  5, 33,  17,  16, 3, 1, 1 },
    {  1,  3, 48,   2,  16, 3, 1, 1 },
    {  1,  2, 28,  16,  48, 3, 1, 1 },
    {  3,  4, 16,  32,  32, 3, 1, 1 },
    {  3,  1, 24,   3,  32, 3, 1, 1 },
    {  1,  3, 14,  32,  64, 3, 1, 1 },
    {  1,  3, 28,  48,  32, 3, 1, 1 },
    {  7,  5,  7,  32,  32, 3, 1, 1 },
    {  7,  4,  4,  48,  64, 3, 1, 1 },
    {  1,  3,  5,  16, 128, 3, 1, 1 },
    {  1,  3, 12,  32,  64, 3, 1, 1 },
    {  3,  5,  4,  32,  16, 3, 1, 1 },
    {  1,  3,  8,  16,  48, 3, 1, 1 },
    {  3,  5, 32,  16,  32, 3, 2, 1 },
    {  1,  4, 33,  16,  16, 3, 2, 1 },       /* odd: padding on the right forward, a pixel too many
                                                backward */
    {  1,  5,  7,  64,  64, 3, 2, 1 },
    {  3,  7, 16,  32,  64, 3, 2, 1 },
    {  7,  4,  8,  64, 128, 3, 2, 1 },
    {  1,  3, 14,  32,  32, 3, 2, 1 },
    {  1,  6, 28,  48,  48, 3, 2, 1 },
    {  3,  2,  4,  64,  17, 3, 2, 1 },
    {  1,  3, 32,   3,  64, 3, 2, 1 },
    {  3,  4, 32,  16,  32, 1, 2, 0 },
    {  1,  5, 33,  48,  64, 1, 2, 0 },
    {  3,  3,  8,  32, 128, 1, 2, 0 },
    {  1,  4, 14,  64,  32, 1, 2, 0 },
    {  3,  7,  7,  32,  64, 1, 1, 0 },
    {  1,  4,  4,  64, 128, 1, 1, 0 },
    {  1,  3, 33,   3,  16, 1, 1, 0 },

    /* Tiles, whole and cut off at the right and at the bottom. */
    {  3,  8,  8,  64,  64, 3, 1, 1 },
    {  1,  9, 12,  64,  96, 3, 1, 1 },
    {  1, 16,  9,  96,  64, 3, 1, 1 },
    {  1, 12, 16,  64,  64, 3, 1, 1 },
    {  7,  4,  4,  64,  96, 3, 1, 1 },
    {  3,  8,  9,  32,  32, 3, 1, 1 },
    {  1, 14, 11,  32,  64, 3, 1, 1 },
    {  5, 16, 16,  32,  32, 3, 1, 1 },       /* 80 tiles, and 16 of an image */

    /* More weights than pixels. */
    {  5,  4,  4, 128, 128, 3, 1, 1 },
    {  5,  4,  4, 256, 256, 3, 1, 1 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void product_fwd(double *const *a, size_t y, size_t x, size_t w)
{
    a[0][y] += a[1][x] * a[2][w];
}

/* a: dy, x, w, dx, dw */
static void product_bwd(double *const *a, size_t y, size_t x, size_t w)
{
    a[3][x] += a[0][y] * a[2][w];
    a[4][w] += a[0][y] * a[1][x];
}

struct problem {
    struct conv_shape s;
    size_t nx, ny, nw;
    float *x, *w, *dy, *dirty_x, *dirty_w;
    double *xd, *wd, *dyd;
};

static struct problem problem_of(struct conv_shape s)
{
    struct problem p = { .s = s };
    const size_t pq = (size_t)conv_out(s.h, s.r, s.stride, s.pad) *
                      (size_t)conv_out(s.w, s.r, s.stride, s.pad);
    p.nx = (size_t)(s.n * s.h * s.w * s.c), p.ny = (size_t)(s.n * s.k) * pq,
    p.nw = (size_t)(s.k * s.r * s.r * s.c);
    p.x = random_floats(p.nx, 1);
    p.w = random_floats(p.nw, 2);
    p.dy = random_floats(p.ny, 3);
    p.dirty_x = random_floats(p.nx, 4);
    p.dirty_w = random_floats(p.nw, 5);
    p.xd = doubles_of(p.x, p.nx);
    p.wd = doubles_of(p.w, p.nw);
    p.dyd = doubles_of(p.dy, p.ny);
    return p;
}

static void check_same_act(const dev_act *a, const dev_act *b, size_t n, int shape)
{
    float *const x = host_alloc(2 * n, sizeof *x);
    mem_act_download(x, a, n);
    mem_act_download(x + n, b, n);
    if (memcmp(x, x + n, n * sizeof *x)) fail_msg("shape %d: other bytes", shape);
    free(x);
}

/* What is computed of an image does not hang on how many are computed with it: the short last chunk
 * of an evaluation, or one process's part of a batch.  Of the shapes that Winograd's kernels may
 * take or leave; what is a BLAS's product is rounded as its size has it, and without vectors all
 * are. */
static void an_image_has_the_same_bytes_alone_and_among_others(void **state)
{
    (void)state;
    struct machine_info m;
    machine_describe(&m);
    if (!strncmp(m.kernels, "plain", strlen("plain"))) skip();
    for (int i = 0; i < SHAPES; i++) {
        struct conv_shape one = shapes[i];
        if (one.r != 3 || one.stride != 1 || one.c % 32 || one.k % 32) continue;
        const struct problem p = problem_of(one);
        one.n = 1;
        const size_t nx = p.nx / (size_t)p.s.n, ny = p.ny / (size_t)p.s.n;
        dev_act *const x = act_of(p.x, p.nx), *const dy = act_of(p.dy, p.ny);
        dev_float *const w = float_of(p.w, p.nw);
        dev_act *const y = act_garbage(p.ny), *const y1 = act_garbage(p.ny);
        dev_act *const dx = act_garbage(p.nx), *const dx1 = act_garbage(p.nx);
        op_conv_fwd(y, x, w, p.s);
        op_conv_bwd(over(dx), NULL, dy, x, w, p.s);
        for (int k = 0; k < p.s.n; k++) {
            const size_t in = (size_t)k * nx, out = (size_t)k * ny;
            op_conv_fwd(act_at(y1, out), act_at(x, in), w, one);
            op_conv_bwd(over(act_at(dx1, in)), NULL, act_at(dy, out), act_at(x, in), w, one);
        }
        check_same_act(y, y1, p.ny, i);
        check_same_act(dx, dx1, p.nx, i);
        release();
    }
}

static void forward_is_the_naive_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(shapes[i]);
        double *want = doubles_of(NULL, p.ny);
        naive_conv(product_fwd, (double *[]){ want, p.xd, p.wd }, p.s);
        dev_act *y = act_garbage(p.ny);                      /* the forward overwrites */
        op_conv_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), p.s);
        check_act("y", y, NULL, want, p.ny);
        release();
    }
}

/* What a weight's gradient may be off by of itself: the CUDA machine's is rounded to the
 * activations' width once, before it is added (conv.cu). */
static double weight_rounding(void)
{
    struct machine_info m;
    machine_describe(&m);
    return testing_bf16() && !strcmp(m.machine, "cuda") ? TOLERANCE_BF16 : 0;
}

static void check_weights(const float *dw, const float *base, const double *want, size_t n)
{
    const double rounding = weight_rounding();
    double largest = 1;
    for (size_t i = 0; i < n; i++)
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    for (size_t i = 0; i < n; i++) {
        const double expected = want[i] + (double)base[i];
        if (!(fabs((double)dw[i] - expected) <=
              TOLERANCE_SUM * largest + rounding * fabs(want[i])))
            fail_msg("dw[%zu] is %.9g, expected %.9g", i, (double)dw[i], expected);
    }
}

static void backward_adds_to_or_overwrites_dx_and_adds_to_dw(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(shapes[i]);
        double *want_x = doubles_of(NULL, p.nx), *want_w = doubles_of(NULL, p.nw);
        naive_conv(product_bwd, (double *[]){ p.dyd, p.xd, p.wd, want_x, want_w }, p.s);
        dev_act *added = act_of(p.dirty_x, p.nx), *fresh = act_garbage(p.nx);
        dev_act *x = act_of(p.x, p.nx), *dy = act_of(p.dy, p.ny);
        dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw);
        op_conv_bwd(onto(added), dw, dy, x, w, p.s);
        op_conv_bwd(over(fresh), NULL, dy, x, w, p.s);
        check_act("dx added", added, p.dirty_x, want_x, p.nx);
        check_act("dx", fresh, NULL, want_x, p.nx);
        check_weights(float_read(dw, p.nw), p.dirty_w, want_w, p.nw);
        release();
    }
}

/* sum of dy times the naive y */
static double objective(void *context)
{
    const struct problem *p = context;
    double *y = calloc(p->ny, sizeof *y);
    assert_non_null(y);
    naive_conv(product_fwd, (double *[]){ y, p->xd, p->wd }, p->s);
    const double sum = naive_dot(y, p->dyd, p->ny);
    free(y);
    return sum;
}

static void backward_is_the_finite_difference_of_the_naive_forward(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {                       /* the small shapes */
        struct problem p = problem_of(shapes[i]);
        dev_act *dx = act_of(p.dirty_x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw);
        op_conv_bwd(onto(dx), dw, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw), p.s);
        /* What is rounded to 16 bits is no slope: the naive gradients judge it. */
        if (!testing_bf16())
            check_difference("dx", act_read(dx, p.nx), p.dirty_x, p.xd, p.nx, sparse(p.nx),
                             objective, &p);
        if (weight_rounding() > 0) continue;
        check_difference("dw", float_read(dw, p.nw), p.dirty_w, p.wd, p.nw, sparse(p.nw), objective,
                         &p);
        release();
    }
}

static void a_gradient_that_is_not_wanted_changes_nothing_else(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(shapes[i]);
        dev_act *x = act_of(p.x, p.nx), *dy = act_of(p.dy, p.ny);
        dev_act *dx = act_of(p.dirty_x, p.nx), *dx_alone = act_of(p.dirty_x, p.nx);
        dev_float *w = float_of(p.w, p.nw);
        dev_float *dw = float_of(p.dirty_w, p.nw), *dw_alone = float_of(p.dirty_w, p.nw);
        op_conv_bwd(onto(dx), dw, dy, x, w, p.s);
        op_conv_bwd(onto(dx_alone), NULL, dy, x, w, p.s);
        op_conv_bwd(unwanted, dw_alone, dy, x, w, p.s);
        op_conv_bwd(unwanted, NULL, dy, x, w, p.s);
        assert_memory_equal(act_read(dx, p.nx), act_read(dx_alone, p.nx), p.nx * sizeof(float));
        assert_memory_equal(float_read(dw, p.nw), float_read(dw_alone, p.nw), p.nw * sizeof(float));
        release();
    }
}

/* A layer's weights and their gradient lie behind another's in one block: at a multiple of a float,
 * no more. */
static void weights_may_begin_at_any_float(void **state)
{
    (void)state;
    enum { PLACES = 4 };
    static const struct conv_shape whole[] = { { 3, 8, 8, 16, 32, 3, 1, 1 },
                                               { 2, 7, 9, 64, 64, 3, 2, 1 },
                                               { 2, 5, 4, 32, 16, 1, 1, 0 },
                                               { 1, 5, 5, 3, 7, 3, 1, 1 } };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        const struct problem p = problem_of(whole[i]);
        const float *y_first = NULL, *dx_first = NULL, *dw_first = NULL;
        for (int at = 0; at < PLACES; at++) {
            float *const block = host_room((p.nw + PLACES) * sizeof *block);
            memcpy(block + at, p.w, p.nw * sizeof *block);
            dev_float *const w = float_at(float_of(block, p.nw + PLACES), (size_t)at);
            dev_float *const dw = float_at(machine_room((p.nw + PLACES) * sizeof(float)),
                                           (size_t)at);
            dev_act *const x = act_of(p.x, p.nx), *const dy = act_of(p.dy, p.ny);
            dev_act *const y = act_garbage(p.ny), *const dx = act_garbage(p.nx);
            op_conv_fwd(y, x, w, p.s);
            op_conv_bwd(over(dx), dw, dy, x, w, p.s);
            const float *const y_now = act_read(y, p.ny), *const dx_now = act_read(dx, p.nx);
            const float *const dw_now = float_read(dw, p.nw);
            if (!at) {
                y_first = y_now;
                dx_first = dx_now;
                dw_first = dw_now;
            }
            assert_memory_equal(y_now, y_first, p.ny * sizeof(float));
            assert_memory_equal(dx_now, dx_first, p.nx * sizeof(float));
            assert_memory_equal(dw_now, dw_first, p.nw * sizeof(float));
        }
        release();
    }
}

/* Where NaN may not spread: the ways that compute each pixel by itself.  Tiles keep it within those
 * that see it. */
static const struct conv_shape exact[] = {
    { 2, 5, 5,  3,  7, 3, 1, 1 }, { 2, 3, 18,  3, 16, 3, 1, 1 }, { 2, 3,  9, 16, 32, 3, 1, 1 },
    { 2, 4, 4, 64, 64, 3, 2, 1 }, { 2, 5,  9, 32, 32, 3, 2, 1 }, { 2, 3,  7, 32, 32, 1, 2, 0 },
    { 2, 2, 17, 17, 16, 1, 1, 0 },
};
enum { EXACT = sizeof exact / sizeof *exact };

/* Does the output pixel (i, j) see the input pixel (h, w)? */
static bool sees(int i, int j, int h, int w, struct conv_shape s)
{
    const int r = h - (i * s.stride - s.pad), t = w - (j * s.stride - s.pad);
    return r >= 0 && r < s.r && t >= 0 && t < s.r;
}

static void a_nan_pixel_reaches_the_outputs_that_see_it_and_no_other(void **state)
{
    (void)state;
    for (int e = 0; e < EXACT; e++) {
        const struct conv_shape s = exact[e];
        const int rows = conv_out(s.h, s.r, s.stride, s.pad),
                  columns = conv_out(s.w, s.r, s.stride, s.pad);
        for (int at = 0; at < s.h * s.w; at++) {     /* in image 0, the first channel or the last */
            struct problem p = problem_of(s);
            p.x[at * s.c + (at % 2 ? s.c - 1 : 0)] = NAN;
            dev_act *y = act_of(p.dy, p.ny);
            op_conv_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), s);
            const float *got = act_read(y, p.ny);
            for (size_t o = 0; o < p.ny; o++) {
                const int pixel = (int)o / s.k, i = pixel / columns, j = pixel % columns;
                assert_int_equal(isnan(got[o]) != 0, i < rows && sees(i, j, at / s.w, at % s.w, s));
            }
            release();
        }
    }
}

static void a_nan_in_dy_reaches_the_dx_that_it_saw_and_no_other(void **state)
{
    (void)state;
    for (int e = 0; e < EXACT; e++) {
        const struct conv_shape s = exact[e];
        const int rows = conv_out(s.h, s.r, s.stride, s.pad),
                  columns = conv_out(s.w, s.r, s.stride, s.pad);
        for (int at = 0; at < rows * columns; at++) {
            struct problem p = problem_of(s);
            p.dy[at * s.k + (at % 2 ? s.k - 1 : 0)] = NAN;
            dev_act *dx = act_garbage(p.nx);
            op_conv_bwd(over(dx), NULL, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw),
                        s);
            const float *got = act_read(dx, p.nx);
            for (size_t o = 0; o < p.nx; o++) {
                const int pixel = (int)o / s.c, h = pixel / s.w, w = pixel % s.w;
                assert_int_equal(isnan(got[o]) != 0,
                                 h < s.h && sees(at / columns, at % columns, h, w, s));
            }
            release();
        }
    }
}

/* dw by parts is the tree of their sums, each of fresh calls, added to what is there; a piece's y and dx
 * are those of a call of its own. */
static void parts_are_a_tree(void **state)
{
    (void)state;
    enum { PARTS = 4, VIEWS = 2, PIECES = PARTS * VIEWS };
    for (int i = 0; i < SHAPES; i++) {
        struct conv_shape one = shapes[i], s;
        one.n = 2;
        s = one;
        s.n = one.n * PIECES;
        s.parts = (struct parts){ PARTS, VIEWS };
        const struct problem p = problem_of(s);
        const size_t in = p.nx / PIECES, out = p.ny / PIECES;
        dev_act *x = act_of(p.x, p.nx), *dy = act_of(p.dy, p.ny), *dx = act_of(p.dirty_x, p.nx),
                *dx1 = act_of(p.dirty_x, p.nx), *y = act_of(p.dy, p.ny), *y1 = act_of(p.dy, p.ny);
        dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw);
        float *part[PARTS];
        op_conv_fwd(y, x, w, s);
        op_conv_bwd(onto(dx), dw, dy, x, w, s);
        for (int k = 0; k < PARTS; k++) {
            dev_float *own = machine_room(p.nw * sizeof(float));
            mem_zero(own, p.nw * sizeof(float));
            for (size_t v = (size_t)k; v < PIECES; v += PARTS) {
                op_conv_fwd(act_at(y1, v * out), act_at(x, v * in), w, one);
                op_conv_bwd(onto(act_at(dx1, v * in)), own, act_at(dy, v * out), act_at(x, v * in), w,
                            one);
            }
            part[k] = float_read(own, p.nw);
        }
        float *want = host_room(p.nw * sizeof *want);
        for (size_t j = 0; j < p.nw; j++)
            want[j] = p.dirty_w[j] + ((part[0][j] + part[1][j]) + (part[2][j] + part[3][j]));
        assert_memory_equal(float_read(dw, p.nw), want, p.nw * sizeof *want);
        check_same_act(y, y1, p.ny, i);
        check_same_act(dx, dx1, p.nx, i);
        release();
    }
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_has_the_same_bytes_alone_and_among_others),
        cmocka_unit_test(forward_is_the_naive_convolution),
        cmocka_unit_test(backward_adds_to_or_overwrites_dx_and_adds_to_dw),
        cmocka_unit_test(backward_is_the_finite_difference_of_the_naive_forward),
        cmocka_unit_test(a_gradient_that_is_not_wanted_changes_nothing_else),
        cmocka_unit_test(weights_may_begin_at_any_float),
        cmocka_unit_test(parts_are_a_tree),
        cmocka_unit_test(a_nan_pixel_reaches_the_outputs_that_see_it_and_no_other),
        cmocka_unit_test(a_nan_in_dy_reaches_the_dx_that_it_saw_and_no_other),
    };
    return RUN_PRECISIONS("ops: convolution", tests);
}
