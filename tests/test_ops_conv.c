/* SPDX-License-Identifier: MIT
 *
 * test_ops_conv.c -- convolution against naive loops and finite differences.
 */
#include "naive.h"

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
    {  3, 16, 16,  3, 32, 3, 1, 1 },         /* the stem of a small net, several blocks of pixels */
    { 33, 16, 17,  3,  5, 3, 1, 1 },         /* several blocks in each range of the weight gradient */
    {  5,  8,  8, 32, 33, 3, 2, 1 },
    {  3,  6,  6, 70, 130, 3, 1, 1 },        /* two tiles of output channels */
    {  1,  5,  5, 65, 257, 1, 1, 0 },        /* four of them, uneven */
    {  1,  1,  1,  7, 257, 3, 1, 1 },        /* fewer pixels than ranges of the weight gradient */
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
    const size_t pq = (size_t)conv_out(s.h, s.r, s.stride, s.pad) * (size_t)conv_out(s.w, s.r, s.stride, s.pad);
    p.nx = (size_t)(s.n * s.h * s.w * s.c), p.ny = (size_t)(s.n * s.k) * pq, p.nw = (size_t)(s.k * s.r * s.r * s.c);
    p.x = random_floats(p.nx, 1), p.w = random_floats(p.nw, 2), p.dy = random_floats(p.ny, 3);
    p.dirty_x = random_floats(p.nx, 4), p.dirty_w = random_floats(p.nw, 5);
    p.xd = doubles_of(p.x, p.nx), p.wd = doubles_of(p.w, p.nw), p.dyd = doubles_of(p.dy, p.ny);
    return p;
}

static void forward_is_the_naive_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(shapes[i]);
        double *want = doubles_of(NULL, p.ny);
        naive_conv(product_fwd, (double *[]){ want, p.xd, p.wd }, p.s);
        dev_act *y = act_of(p.dy, p.ny);                 /* dirty: the forward overwrites */
        op_conv_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), p.s);
        check_close("y", act_read(y, p.ny), want, p.ny, TOLERANCE_SUM);
        release();
    }
}

static void backward_adds_the_naive_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(shapes[i]);
        double *want_x = doubles_of(NULL, p.nx), *want_w = doubles_of(NULL, p.nw);
        naive_conv(product_bwd, (double *[]){ p.dyd, p.xd, p.wd, want_x, want_w }, p.s);
        dev_act *dx = act_of(p.dirty_x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw);
        op_conv_bwd(dx, dw, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw), p.s);
        check_added("dx", act_read(dx, p.nx), p.dirty_x, want_x, p.nx, TOLERANCE_SUM);
        check_added("dw", float_read(dw, p.nw), p.dirty_w, want_w, p.nw, TOLERANCE_SUM);
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
        op_conv_bwd(dx, dw, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw), p.s);
        check_difference("dx", act_read(dx, p.nx), p.dirty_x, p.xd, p.nx, sparse(p.nx), objective, &p);
        check_difference("dw", float_read(dw, p.nw), p.dirty_w, p.wd, p.nw, sparse(p.nw), objective, &p);
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
        op_conv_bwd(dx, dw, dy, x, w, p.s);
        op_conv_bwd(dx_alone, NULL, dy, x, w, p.s);
        op_conv_bwd(NULL, dw_alone, dy, x, w, p.s);
        op_conv_bwd(NULL, NULL, dy, x, w, p.s);
        assert_memory_equal(act_read(dx, p.nx), act_read(dx_alone, p.nx), p.nx * sizeof(float));
        assert_memory_equal(float_read(dw, p.nw), float_read(dw_alone, p.nw), p.nw * sizeof(float));
        release();
    }
}

static void a_nan_pixel_reaches_the_outputs_that_see_it_and_no_other(void **state)
{
    (void)state;
    const struct conv_shape s = { 2, 5, 5, 3, 7, 3, 1, 1 };
    struct problem p = problem_of(s);
    p.x[(2 * 5 + 2) * 3] = NAN;                          /* the middle of image 0 */
    dev_act *y = act_of(p.dy, p.ny);
    op_conv_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), s);
    const float *got = act_read(y, p.ny);
    for (int pixel = 0; pixel < 50; pixel++) {
        const int h = pixel / 5 % 5, w = pixel % 5;
        const bool sees = pixel < 25 && h >= 1 && h <= 3 && w >= 1 && w <= 3;
        for (int k = 0; k < 7; k++) assert_int_equal(isnan(got[pixel * 7 + k]) != 0, sees);
    }
    release();
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_naive_convolution),
        cmocka_unit_test(backward_adds_the_naive_gradients),
        cmocka_unit_test(backward_is_the_finite_difference_of_the_naive_forward),
        cmocka_unit_test(a_gradient_that_is_not_wanted_changes_nothing_else),
        cmocka_unit_test(a_nan_pixel_reaches_the_outputs_that_see_it_and_no_other),
    };
    return cmocka_run_group_tests_name("ops: convolution", tests, NULL, NULL);
}
