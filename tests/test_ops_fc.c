/* SPDX-License-Identifier: MIT
 *
 * test_ops_fc.c -- fully connected layers against naive loops and finite differences, in both
 * precisions.
 */
#include "naive.h"

/* Tails of rows, columns and depth; then several tiles of each, an odd depth among them. */
static const struct { int n, c, k; } shapes[] = {
    { 1, 1, 1 },      { 1, 7, 33 },  { 7, 33, 17 },   { 33, 17, 7 },     { 33, 3, 1 },
    { 65, 129, 130 }, { 7, 1, 257 }, { 70, 523, 36 }, { 16, 128, 1050 }, { 300, 32, 64 },
};
/* finite differences of the first WIDTHS */
enum { SHAPES = sizeof shapes / sizeof *shapes, WIDTHS = 7 };

struct problem {
    int n, c, k;
    size_t nx, ny, nw;
    float *x, *w, *b, *dy, *dirty_x, *dirty_w, *dirty_b;
    double *xd, *wd, *bd, *dyd;
};

static struct problem problem_of(int i)
{
    struct problem p = { .n = shapes[i].n, .c = shapes[i].c, .k = shapes[i].k };
    p.nx = (size_t)(p.n * p.c);
    p.ny = (size_t)(p.n * p.k);
    p.nw = (size_t)(p.k * p.c);
    const size_t k = (size_t)p.k;
    p.x = random_floats(p.nx, 1);
    p.w = random_floats(p.nw, 2);
    p.b = random_floats(k, 3);
    p.dy = random_floats(p.ny, 4), p.dirty_x = random_floats(p.nx, 5),
    p.dirty_w = random_floats(p.nw, 6);
    p.dirty_b = random_floats(k, 7);
    p.xd = doubles_of(p.x, p.nx);
    p.wd = doubles_of(p.w, p.nw);
    p.bd = doubles_of(p.b, k);
    p.dyd = doubles_of(p.dy, p.ny);
    return p;
}

static struct fc_shape shape_of(const struct problem *p)
{
    return (struct fc_shape){ p->n, p->c, p->k };
}

static float *not_numbers(size_t n)
{
    float *a = host_room(n * sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = NAN;
    return a;
}

static double naive_output(const struct problem *p, int i, int j, bool bias)
{
    return (bias ? p->bd[j] : 0) + naive_dot(p->xd + i * p->c, p->wd + j * p->c, (size_t)p->c);
}

static double objective(void *context)
{
    const struct problem *p = context;
    double sum = 0;
    for (int i = 0; i < p->n; i++)
        for (int j = 0; j < p->k; j++) sum += p->dyd[i * p->k + j] * naive_output(p, i, j, true);
    return sum;
}

static void forward_is_the_naive_product_with_and_without_bias(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int bias = 0; bias < 2; bias++) {
            const struct problem p = problem_of(i);
            double *want = doubles_of(NULL, p.ny);
            for (int r = 0; r < p.n; r++)
                for (int j = 0; j < p.k; j++) want[r * p.k + j] = naive_output(&p, r, j, bias);
            dev_act *y = act_of(not_numbers(p.ny), p.ny);          /* the forward overwrites */
            op_fc_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw),
                      bias ? float_of(p.b, (size_t)p.k) : NULL, shape_of(&p));
            check_act("y", y, NULL, want, p.ny);
            release();
        }
}

static void backward_is_the_finite_difference_of_the_naive_forward(void **state)
{
    (void)state;
    for (int i = 0; i < WIDTHS; i++) {
        struct problem p = problem_of(i);
        const size_t k = (size_t)p.k;
        dev_act *dx = act_of(p.dirty_x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k);
        op_fc_bwd(onto(dx), dw, db, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw),
                  shape_of(&p));
        if (!testing_bf16())   /* bf16's rounding of dx is no slope: the naive gradients judge it */
            check_difference("dx", act_read(dx, p.nx), p.dirty_x, p.xd, p.nx, sparse(p.nx),
                             objective, &p);
        check_difference("dw", float_read(dw, p.nw), p.dirty_w, p.wd, p.nw, sparse(p.nw), objective,
                         &p);
        check_difference("db", float_read(db, k), p.dirty_b, p.bd, k, sparse(k), objective, &p);
        release();
    }
}

static void backward_adds_to_or_overwrites_dx_and_adds_to_dw_and_db(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(i);
        const size_t k = (size_t)p.k;
        double *want_x = doubles_of(NULL, p.nx), *want_w = doubles_of(NULL, p.nw),
               *want_b = doubles_of(NULL, k);
        for (int r = 0; r < p.n; r++)
            for (int j = 0; j < p.k; j++) {
                const double g = p.dyd[r * p.k + j];
                want_b[j] += g;
                for (int c = 0; c < p.c; c++) {
                    want_x[r * p.c + c] += g * p.wd[j * p.c + c];
                    want_w[j * p.c + c] += g * p.xd[r * p.c + c];
                }
            }
        dev_act *added = act_of(p.dirty_x, p.nx), *fresh = act_of(not_numbers(p.nx), p.nx);
        dev_act *dy = act_of(p.dy, p.ny), *x = act_of(p.x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k),
                  *w = float_of(p.w, p.nw);
        op_fc_bwd(onto(added), dw, db, dy, x, w, shape_of(&p));
        op_fc_bwd(over(fresh), NULL, NULL, dy, x, w, shape_of(&p));
        check_act("dx added", added, p.dirty_x, want_x, p.nx);
        check_act("dx", fresh, NULL, want_x, p.nx);
        check_added("dw", float_read(dw, p.nw), p.dirty_w, want_w, p.nw, TOLERANCE_SUM);
        check_added("db", float_read(db, k), p.dirty_b, want_b, k, TOLERANCE_SUM);
        release();
    }
}

static void a_gradient_that_is_not_wanted_changes_nothing_else(void **state)
{
    (void)state;
    const struct problem p = problem_of(2);
    const size_t k = (size_t)p.k;
    dev_act *x = act_of(p.x, p.nx), *dy = act_of(p.dy, p.ny), *dx = act_of(p.dirty_x, p.nx);
    dev_act *dx_alone = act_of(p.dirty_x, p.nx);
    dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw),
              *db = float_of(p.dirty_b, k);
    dev_float *dw_alone = float_of(p.dirty_w, p.nw), *db_alone = float_of(p.dirty_b, k);
    op_fc_bwd(onto(dx), dw, db, dy, x, w, shape_of(&p));
    op_fc_bwd(onto(dx_alone), NULL, NULL, dy, x, w, shape_of(&p));
    op_fc_bwd(unwanted, dw_alone, NULL, dy, x, w, shape_of(&p));
    op_fc_bwd(unwanted, NULL, db_alone, dy, x, w, shape_of(&p));
    assert_memory_equal(act_read(dx, p.nx), act_read(dx_alone, p.nx), p.nx * sizeof(float));
    assert_memory_equal(float_read(dw, p.nw), float_read(dw_alone, p.nw), p.nw * sizeof(float));
    assert_memory_equal(float_read(db, k), float_read(db_alone, k), k * sizeof(float));
    release();
}

/* The last row and the last of an odd number of columns: what is read to fill a pair or a block
 * must not count. */
static void a_nan_stays_in_its_row(void **state)
{
    (void)state;
    for (int row = 0; row < 7; row += 3) {
        struct problem p = problem_of(2);
        p.x[row * p.c + (row ? p.c - 1 : 0)] = NAN;
        dev_act *y = act_of(p.dy, p.ny);
        op_fc_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), NULL, shape_of(&p));
        const float *got = act_read(y, p.ny);
        for (int i = 0; i < p.n; i++)
            for (int j = 0; j < p.k; j++) assert_int_equal(isnan(got[i * p.k + j]) != 0, i == row);
        release();
    }
}

static void a_nan_in_dy_reaches_its_row_of_dx_and_its_row_of_dw(void **state)
{
    (void)state;
    struct problem p = problem_of(2);
    const int row = 6, column = 16;                                /* the last of each */
    p.dy[row * p.k + column] = NAN;
    dev_act *dx = act_of(p.dirty_x, p.nx);
    dev_float *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, (size_t)p.k);
    op_fc_bwd(onto(dx), dw, db, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw),
              shape_of(&p));
    const float *got_x = act_read(dx, p.nx), *got_w = float_read(dw, p.nw),
                *got_b = float_read(db, (size_t)p.k);
    for (int i = 0; i < p.n * p.c; i++) assert_int_equal(isnan(got_x[i]) != 0, i / p.c == row);
    for (int i = 0; i < p.k * p.c; i++) assert_int_equal(isnan(got_w[i]) != 0, i / p.c == column);
    for (int i = 0; i < p.k; i++) assert_int_equal(isnan(got_b[i]) != 0, i == column);
    release();
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(i);
        const size_t bytes[4] = { p.ny * sizeof(float), p.nx * sizeof(float), p.nw * sizeof(float),
                                  (size_t)p.k * sizeof(float) };
        const float *first[4] = { NULL };
        for (int threads = 1; threads <= 5; threads += 2) {
            machine_open(threads);
            dev_act *y = act_of(p.dy, p.ny), *dx = act_of(p.dirty_x, p.nx), *x = act_of(p.x, p.nx);
            dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw),
                      *b = float_of(p.b, (size_t)p.k);
            dev_float *db = float_of(p.dirty_b, (size_t)p.k);
            op_fc_fwd(y, x, w, b, shape_of(&p));
            op_fc_bwd(onto(dx), dw, db, act_of(p.dy, p.ny), x, w, shape_of(&p));
            const float *got[4] = { act_read(y, p.ny), act_read(dx, p.nx), float_read(dw, p.nw),
                                    float_read(db, (size_t)p.k) };
            for (int j = 0; j < 4; j++) {
                if (threads == 1) first[j] = got[j];
                assert_memory_equal(got[j], first[j], bytes[j]);
            }
        }
        release();
    }
    machine_open(0);
}

/* dw and db by parts are the tree of their sums, each of fresh calls, added to what is there. */
static void parts_are_a_tree(void **state)
{
    (void)state;
    enum { N = 70, PARTS = 2, VIEWS = 5, PIECES = PARTS * VIEWS };      /* of shape 7 */
    const struct problem p = problem_of(7);
    const size_t k = (size_t)p.k, in = p.nx / PIECES, out = p.ny / PIECES;
    const struct fc_shape one = { N / PIECES, p.c, p.k };
    const struct fc_shape s = { N, p.c, p.k, { PARTS, VIEWS } };
    dev_act *x = act_of(p.x, p.nx), *dy = act_of(p.dy, p.ny);
    dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k);
    float *weights[PARTS], *biases[PARTS];
    assert_int_equal(p.n, N);
    op_fc_bwd((struct act_grad){ NULL, false }, dw, db, dy, x, w, s);
    for (int i = 0; i < PARTS; i++) {
        dev_float *own = machine_room(p.nw * sizeof(float)), *bias = machine_room(k * sizeof(float));
        mem_zero(own, p.nw * sizeof(float));
        mem_zero(bias, k * sizeof(float));
        for (size_t v = (size_t)i; v < PIECES; v += PARTS)
            op_fc_bwd((struct act_grad){ NULL, false }, own, bias, act_at(dy, v * out),
                      act_at(x, v * in), w, one);
        weights[i] = float_read(own, p.nw);
        biases[i] = float_read(bias, k);
    }
    for (size_t j = 0; j < p.nw; j++) weights[0][j] = p.dirty_w[j] + (weights[0][j] + weights[1][j]);
    for (size_t j = 0; j < k; j++) biases[0][j] = p.dirty_b[j] + (biases[0][j] + biases[1][j]);
    assert_memory_equal(float_read(dw, p.nw), weights[0], p.nw * sizeof(float));
    assert_memory_equal(float_read(db, k), biases[0], k * sizeof(float));
    release();
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_naive_product_with_and_without_bias),
        cmocka_unit_test(backward_is_the_finite_difference_of_the_naive_forward),
        cmocka_unit_test(backward_adds_to_or_overwrites_dx_and_adds_to_dw_and_db),
        cmocka_unit_test(a_gradient_that_is_not_wanted_changes_nothing_else),
        cmocka_unit_test(parts_are_a_tree),
        cmocka_unit_test(a_nan_stays_in_its_row),
        cmocka_unit_test(a_nan_in_dy_reaches_its_row_of_dx_and_its_row_of_dw),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
    };
    return RUN_PRECISIONS("ops: fully connected", tests);
}
