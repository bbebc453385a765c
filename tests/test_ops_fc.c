/* SPDX-License-Identifier: MIT
 *
 * test_ops_fc.c -- fully connected layers against naive loops and finite differences.
 */
#include "naive.h"

static const struct { int n, c, k; } shapes[] = {
    { 1, 1, 1 }, { 1, 7, 33 }, { 7, 33, 17 }, { 33, 17, 7 }, { 33, 3, 1 }, { 65, 129, 130 }, { 7, 1, 257 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct problem {
    int n, c, k;
    size_t nx, ny, nw;
    float *x, *w, *b, *dy, *dirty_x, *dirty_w, *dirty_b;
    double *xd, *wd, *bd, *dyd;
};

static struct problem problem_of(int i)
{
    struct problem p = { .n = shapes[i].n, .c = shapes[i].c, .k = shapes[i].k };
    p.nx = (size_t)(p.n * p.c), p.ny = (size_t)(p.n * p.k), p.nw = (size_t)(p.k * p.c);
    const size_t k = (size_t)p.k;
    p.x = random_floats(p.nx, 1), p.w = random_floats(p.nw, 2), p.b = random_floats(k, 3);
    p.dy = random_floats(p.ny, 4), p.dirty_x = random_floats(p.nx, 5), p.dirty_w = random_floats(p.nw, 6);
    p.dirty_b = random_floats(k, 7);
    p.xd = doubles_of(p.x, p.nx), p.wd = doubles_of(p.w, p.nw), p.bd = doubles_of(p.b, k);
    p.dyd = doubles_of(p.dy, p.ny);
    return p;
}

static double naive_output(const struct problem *p, int i, int j, bool bias)
{
    double sum = bias ? p->bd[j] : 0;
    for (int c = 0; c < p->c; c++) sum += p->xd[i * p->c + c] * p->wd[j * p->c + c];
    return sum;
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
            dev_act *y = act_of(p.dy, p.ny);             /* dirty: the forward overwrites */
            op_fc_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), bias ? float_of(p.b, (size_t)p.k) : NULL, p.n, p.c,
                      p.k);
            check_close("y", act_read(y, p.ny), want, p.ny, TOLERANCE_SUM);
            release();
        }
}

static void backward_is_the_finite_difference_of_the_naive_forward(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        struct problem p = problem_of(i);
        const size_t k = (size_t)p.k;
        dev_act *dx = act_of(p.dirty_x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k);
        op_fc_bwd(dx, dw, db, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw), p.n, p.c, p.k);
        check_difference("dx", act_read(dx, p.nx), p.dirty_x, p.xd, p.nx, sparse(p.nx), objective, &p);
        check_difference("dw", float_read(dw, p.nw), p.dirty_w, p.wd, p.nw, sparse(p.nw), objective, &p);
        check_difference("db", float_read(db, k), p.dirty_b, p.bd, k, sparse(k), objective, &p);
        release();
    }
}

static void backward_adds_the_naive_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct problem p = problem_of(i);
        const size_t k = (size_t)p.k;
        double *want_x = doubles_of(NULL, p.nx), *want_w = doubles_of(NULL, p.nw), *want_b = doubles_of(NULL, k);
        for (int r = 0; r < p.n; r++)
            for (int j = 0; j < p.k; j++) {
                const double g = p.dyd[r * p.k + j];
                want_b[j] += g;
                for (int c = 0; c < p.c; c++) {
                    want_x[r * p.c + c] += g * p.wd[j * p.c + c];
                    want_w[j * p.c + c] += g * p.xd[r * p.c + c];
                }
            }
        dev_act *dx = act_of(p.dirty_x, p.nx);
        dev_float *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k);
        op_fc_bwd(dx, dw, db, act_of(p.dy, p.ny), act_of(p.x, p.nx), float_of(p.w, p.nw), p.n, p.c, p.k);
        check_added("dx", act_read(dx, p.nx), p.dirty_x, want_x, p.nx, TOLERANCE_SUM);
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
    dev_float *w = float_of(p.w, p.nw), *dw = float_of(p.dirty_w, p.nw), *db = float_of(p.dirty_b, k);
    dev_float *dw_alone = float_of(p.dirty_w, p.nw), *db_alone = float_of(p.dirty_b, k);
    op_fc_bwd(dx, dw, db, dy, x, w, p.n, p.c, p.k);
    op_fc_bwd(dx_alone, NULL, NULL, dy, x, w, p.n, p.c, p.k);
    op_fc_bwd(NULL, dw_alone, NULL, dy, x, w, p.n, p.c, p.k);
    op_fc_bwd(NULL, NULL, db_alone, dy, x, w, p.n, p.c, p.k);
    assert_memory_equal(act_read(dx, p.nx), act_read(dx_alone, p.nx), p.nx * sizeof(float));
    assert_memory_equal(float_read(dw, p.nw), float_read(dw_alone, p.nw), p.nw * sizeof(float));
    assert_memory_equal(float_read(db, k), float_read(db_alone, k), k * sizeof(float));
    release();
}

static void a_nan_row_stays_in_its_row(void **state)
{
    (void)state;
    struct problem p = problem_of(2);
    p.x[3 * p.c + 5] = NAN;
    dev_act *y = act_of(p.dy, p.ny);
    op_fc_fwd(y, act_of(p.x, p.nx), float_of(p.w, p.nw), NULL, p.n, p.c, p.k);
    const float *got = act_read(y, p.ny);
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j < p.k; j++) assert_int_equal(isnan(got[i * p.k + j]) != 0, i == 3);
    release();
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_naive_product_with_and_without_bias),
        cmocka_unit_test(backward_is_the_finite_difference_of_the_naive_forward),
        cmocka_unit_test(backward_adds_the_naive_gradients),
        cmocka_unit_test(a_gradient_that_is_not_wanted_changes_nothing_else),
        cmocka_unit_test(a_nan_row_stays_in_its_row),
    };
    return cmocka_run_group_tests_name("ops: fully connected", tests, NULL, NULL);
}
