/* SPDX-License-Identifier: MIT
 *
 * test_fp16.c -- fp16's own matters: its rounding, the scale of its gradients, the step that is
 * left out.
 */
#include "../naive.h"

/* The scale rounds nothing, and what is stored is rounded to 11 digits: over a few ops in a row. */
#define TOLERANCE_CHAIN 5e-3

static void numbers_are_rounded_to_the_nearest_even_half(void **state)
{
    (void)state;
    static const struct { float from, to; } cases[] = {
        { 0, 0 }, { 1, 1 }, { 1.0f / 3, 0x1.554p-2f }, { 65504, 65504 }, { 65519.996f, 65504 },
        { 65520, INFINITY }, { -1e9f, -INFINITY }, { INFINITY, INFINITY },
        { 1 + 0x1p-11f, 1 }, { 1 + 0x1.8p-10f, 1 + 0x1p-9f }, { 1 + 0x1.004p-11f, 1 + 0x1p-10f },
        { 0x1p-14f, 0x1p-14f }, { 0x1.ff8p-15f, 0x1.ff8p-15f }, { 0x1.ffcp-15f, 0x1p-14f },
        { 0x1p-24f,
          0x1p-24f }, { 0x1p-25f, 0 }, { 0x1.8p-24f, 0x1p-23f }, { 0x1.002p-25f, 0x1p-24f },
        { -0x1p-24f, -0x1p-24f }, { 1e-30f, 0 }
    };
    enum { CASES = sizeof cases / sizeof *cases };
    float from[CASES];
    for (int i = 0; i < CASES; i++) from[i] = cases[i].from;
    const float *const got = act_read(act_of(from, CASES), CASES);
    for (int i = 0; i < CASES; i++)
        if (got[i] != cases[i].to) fail_msg("%a becomes %a", (double)from[i], (double)got[i]);
    const float *const nan = act_read(act_of((float[]){ NAN, -NAN }, 2), 2);
    assert_true(isnan(nan[0]) && isnan(nan[1]));
    release();
}

/* What an op on the machine rounds is what mem_act_upload() rounds: relu keeps every positive
 * half. */
static void every_half_survives_an_op(void **state)
{
    (void)state;
    enum { HALVES = 0x7c00 };                            /* from 0 to below infinity */
    float *const all = host_room(HALVES * sizeof *all);
    for (int i = 0; i < HALVES; i++)
        all[i] = i < 1024 ? (float)ldexp(i, -24) : (float)ldexp(1024 + i % 1024, i / 1024 - 25);
    dev_act *const y = machine_room(2 * HALVES);
    op_relu_fwd(y, act_of(all, HALVES), HALVES);
    assert_memory_equal(act_read(y, HALVES), all, HALVES * sizeof *all);
    release();
}

/* Gradients of each kind of weight behind a loss whose own are about 1e-6: of fp16's denormals, the
 * tail. */
enum { N = 8, C = 8, K = 16, D = 32 };
struct chain { float dw[K * 9 * C], dgamma[K], dbeta[K], dfc[D * K], db[D]; };

static void chain_backward(struct chain *c, enum precision precision, float weight)
{
    const struct conv_shape shape = { N, 5, 5, C, K, 3, 1, 1 };
    const struct bn_shape bn = { 2, N / 2 * 25, K };
    const float one[K] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const size_t rows = (size_t)N * 25, x_n = rows * C, y_n = rows * K;
    const float *const x_host = random_floats(x_n, 1), *const target = random_floats(N * D, 4);
    const float *const w_host = random_floats(K * 9 * C, 2), *const fc_host = random_floats(D * K,
                                                                                            3);
    machine_set_precision(precision);
    dev_act *const x = act_of(x_host, x_n), *const y = machine_room(4 * y_n);
    dev_act *const h = machine_room(4 * y_n), *const dy = machine_room(4 * y_n),
                   *const dh = machine_room(4 * y_n);
    dev_act *const f = machine_room(4 * N * K), *const df = machine_room(4 * N * K);
    dev_act *const z = machine_room(4 * N * D), *const dz = machine_room(4 * N * D);
    dev_float *const w = float_of(w_host, K * 9 * C), *const gamma = float_of(one, K);
    dev_float *const fc = float_of(fc_host, D * K), *const b = machine_room(4 * D);
    dev_float *const mean = machine_room(8 * K), *const rstd = machine_room(8 * K);
    dev_float *const beta = machine_room(4 * K);
    dev_float *const dw = machine_room(sizeof c->dw), *const dgamma = machine_room(
                                                          sizeof c->dgamma);
    dev_float *const dbeta = machine_room(sizeof c->dbeta), *const dfc = machine_room(
                                                                sizeof c->dfc);
    dev_float *const db = machine_room(sizeof c->db);
    op_conv_fwd(y, x, w, shape);
    op_bn_act_fwd(h, mean, rstd, NULL, NULL, y, gamma, beta, NULL, bn, false);
    op_pool_fwd(f, h, N, 25, K);
    op_fc_fwd(z, f, fc, b, (struct fc_shape){ N, K, D });
    op_cosine_bwd(over(dz), unwanted, z, act_of(target, N * D), weight, N, D);
    op_fc_bwd(over(df), dfc, db, dz, f, fc, (struct fc_shape){ N, K, D });
    op_pool_bwd(over(dh), df, N, 25, K);
    op_bn_act_bwd(over(dy), dgamma, dbeta, unwanted, dh, NULL, y, gamma, mean, rstd, bn, false);
    op_conv_bwd(unwanted, dw, dy, x, w, shape);
    mem_download(c->dw, dw, sizeof c->dw);
    mem_download(c->dgamma, dgamma, sizeof c->dgamma);
    mem_download(c->dbeta, dbeta, sizeof c->dbeta);
    mem_download(c->dfc, dfc, sizeof c->dfc);
    mem_download(c->db, db, sizeof c->db);
    machine_set_precision(PRECISION_FP16);
    release();
}

/* Of the largest of its tensor. */
static void near(const char *what, const float *got, const float *want, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)want[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= TOLERANCE_CHAIN * largest))
            fail_msg("%s[%zu] is %g, expected %g of at most %g", what, i, (double)got[i],
                     (double)want[i], largest);
}

static void small_gradients_reach_the_weights_of_each_kind(void **state)
{
    (void)state;
    static struct chain want, got;
    const float weight = 1e-3f;
    chain_backward(&want, PRECISION_FP32, weight);
    chain_backward(&got, PRECISION_FP16, weight);
    near("dw of the convolution", got.dw, want.dw, sizeof got.dw / sizeof(float));
    near("dgamma", got.dgamma, want.dgamma, K);
    near("dbeta", got.dbeta, want.dbeta, K);
    near("dw of fc", got.dfc, want.dfc, sizeof got.dfc / sizeof(float));
    near("db", got.db, want.db, D);
}

static void a_gradient_that_is_not_finite_leaves_weights_and_velocity_alone(void **state)
{
    (void)state;
    static const float bad[] = { INFINITY, -INFINITY, NAN };
    const float rate = 0.1f;
    for (size_t n = 1; n < 100000; n = n * 9 + 2)
        for (int i = 0; i < 3; i++) {
            const float *const w = random_floats(n, 1), *const v = random_floats(n, 2);
            float *const g = random_floats(n, 3);
            dev_float *const w_there = float_of(w, n), *const v_there = float_of(v, n);
            dev_float *const lr = float_of(&rate, 1);
            g[n * (size_t)i / 3] = bad[i];
            op_sgd(w_there, v_there, float_of(g, n), lr, 0.9f, 1e-4f, n);
            assert_memory_equal(float_read(w_there, n), w, n * sizeof *w);
            assert_memory_equal(float_read(v_there, n), v, n * sizeof *v);
            g[n * (size_t)i / 3] = 1;                    /* nothing is remembered of it */
            op_sgd(w_there, v_there, float_of(g, n), lr, 0.9f, 1e-4f, n);
            assert_true(float_read(v_there, n)[n - 1] != v[n - 1]);
            release();
        }
}

static void other_precisions_hide_no_nan(void **state)
{
    (void)state;
    for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++) {
        const float one = 1, nan = NAN;
        dev_float *const w = float_of(&one, 1);
        machine_set_precision((enum precision)p);
        op_sgd(w, float_of(&one, 1), float_of(&nan, 1), float_of(&one, 1), 0.9f, 0, 1);
        assert_true(isnan(float_read(w, 1)[0]));
        release();
    }
    machine_set_precision(PRECISION_FP16);
}

int main(void)
{
    machine_open(1);
    (void)failures_fp32;                                 /* other tests' */
    machine_set_precision(PRECISION_FP16);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_rounded_to_the_nearest_even_half),
        cmocka_unit_test(every_half_survives_an_op),
        cmocka_unit_test(small_gradients_reach_the_weights_of_each_kind),
        cmocka_unit_test(a_gradient_that_is_not_finite_leaves_weights_and_velocity_alone),
        cmocka_unit_test(other_precisions_hide_no_nan),
    };
    return cmocka_run_group_tests_name("cuda: fp16", tests, NULL, NULL);
}
