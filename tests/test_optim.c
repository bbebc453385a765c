/* SPDX-License-Identifier: MIT
 *
 * test_optim.c -- the learning rate at every step, by epoch and by step; which tensors LARS leaves
 * out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../engine/optim.h"

static const double EXACT = 1e-12;

static void assert_rate(const struct schedule *s, int epoch, int step, double want)
{
    const double rate = schedule_lr(s, epoch, step);
    if (!(fabs(rate - want) <= EXACT * fabs(want)))
        fail_msg("epoch %d step %d: %.15g, not %.15g", epoch, step, rate, want);
}

static void rate_falls_by_a_cosine_from_epoch_to_epoch(void **state)
{
    (void)state;
    const struct schedule s = { .lr = 0.8, .epochs = 4, .steps = 3 };
    /* 45 degrees an epoch */
    const double want[] = { 0.8, 0.4 * (1 + sqrt(0.5)), 0.4, 0.4 * (1 - sqrt(0.5)) };
    for (int epoch = 0; epoch < s.epochs; epoch++)
        for (int step = 0; step < s.steps; step++) assert_rate(&s, epoch, step, want[epoch]);
}

/* Three epochs of two steps each: step by step up, then the cosine over the four that are left. */
static void warmup_is_linear_per_step_and_the_cosine_has_the_rest(void **state)
{
    (void)state;
    const struct schedule s = { .lr = 0.6, .epochs = 7, .steps = 2, .warmup_epochs = 3 };
    for (int i = 0; i < 6; i++) assert_rate(&s, i / 2, i % 2, 0.1 * (i + 1));
    const double want[] = { 0.6, 0.3 * (1 + sqrt(0.5)), 0.3, 0.3 * (1 - sqrt(0.5)) };
    for (int i = 0; i < 4; i++) assert_rate(&s, 3 + i, i % 2, want[i]);
}

/* A tenth of 8 epochs ends within the first: 0.8 of 5 steps are 4, and the fifth has the whole
 * rate. */
static void warmup_may_end_within_an_epoch(void **state)
{
    (void)state;
    const struct schedule s = { .lr = 0.4, .epochs = 8, .steps = 5, .warmup_epochs = 0.8 };
    for (int step = 0; step < 4; step++) assert_rate(&s, 0, step, 0.1 * (step + 1));
    assert_rate(&s, 0, 4, 0.4);
    assert_rate(&s, 1, 0, 0.2 * (1 + cos(acos(-1) * 0.2 / 7.2)));
}

static void constant_rate_is_neither_warmed_up_nor_decayed(void **state)
{
    (void)state;
    const struct schedule s = { .lr = 0.3, .epochs = 5, .steps = 4, .warmup_epochs = 2,
                                .constant = true };
    for (int epoch = 0; epoch < s.epochs; epoch++)
        for (int step = 0; step < s.steps; step++) assert_rate(&s, epoch, step, 0.3);
}

/* By the code that SimCLR's authors and BYOL's released: k / W at first, from 0; 100 steps. */
static void by_step_it_is_simclrs_and_byols(void **state)
{
    (void)state;
    static const struct { int k; double rate; } want[] = {
        { 0, 0 }, { 1, 0.1 }, { 9, 0.9 }, { 10, 1 }, { 11, 9.996954135095e-01 }, { 55, 0.5 },
        { 99, 3.045864904521e-04 },
    };
    const struct schedule s = { .lr = 1, .epochs = 20, .steps = 5, .warmup_epochs = 2,
                                .by_step = true };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const double rate = schedule_lr(&s, want[i].k / 5, want[i].k % 5);
        assert_true(fabs(rate - want[i].rate) < 1e-12 + 1e-9 * want[i].rate);
    }
}

/* SwAV's released code makes two lists, linspace(0.3, 4.8, W) and 0.0048 + (4.8 - 0.0048) / 2 (1 +
 * cos(pi t / T)): the second to rounding; the first, which ends a step sooner, to a step. */
static void by_step_it_is_swavs_from_its_start_to_its_end(void **state)
{
    (void)state;
    enum { W = 40, T = 360, EPOCH = 4 };
    const struct schedule s = { .lr = 4.8, .epochs = (W + T) / EPOCH, .steps = EPOCH,
                                .warmup_epochs = W / EPOCH, .by_step = true,
                                .from = 0.3 / 4.8, .end = 0.0048 / 4.8 };
    for (int k = 0; k < W; k++) {
        const double theirs = 0.3 + (4.8 - 0.3) * k / (W - 1);
        const double rate = schedule_lr(&s, k / EPOCH, k % EPOCH);
        assert_true(fabs(rate - theirs) <= (4.8 - 0.3) / W + 1e-12);
    }
    assert_rate(&s, 0, 0, 0.3);
    for (int t = 0; t < T; t++)
        assert_rate(&s, (W + t) / EPOCH, (W + t) % EPOCH,
                    0.0048 + (4.8 - 0.0048) / 2 * (1 + cos(acos(-1) * t / T)));
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* A weight matrix and a bias, with gradients of twice the weights and no velocity: what is left of
 * them after a step at the rate 0.5 with a weight decay of 1. */
static void step_left(float left[2], enum optimizer by)
{
    const int matrix[2] = { 7, 33 }, bias[1] = { 33 };
    struct params ps = { .n = 0 };
    params_add(&ps, "w", INIT_FC, 1, 2, matrix);
    params_add(&ps, "b", INIT_ONE, 0, 1, bias);
    params_alloc(&ps, 1);
    const float lr = 0.5f;
    float *const w = malloc(sizeof *w * ps.count), *const g = malloc(sizeof *g * ps.count);
    assert_true(w && g);
    mem_download(w, ps.data, sizeof *w * ps.count);
    for (size_t i = 0; i < ps.count; i++) g[i] = 2 * w[i];
    mem_upload(ps.grad, g, sizeof *g * ps.count);
    dev_float *const rate = mem_alloc(sizeof lr);
    mem_upload(rate, &lr, sizeof lr);
    optim_step(&ps, 0, rate, &(struct optim){ by, 0.9f, 1 });
    mem_download(g, ps.data, sizeof *g * ps.count);
    left[0] = g[5] / w[5];
    left[1] = g[7 * 33 + 5] / w[7 * 33 + 5];
    free(w);
    free(g);
    mem_free(rate);
    params_free(&ps);
}

/* Of g + w = 3 w the ratio takes 0.001 |w|, whichever norm is below it; the bias moves by lr g, of
 * LARC like the rest, of SGD with its decay. */
static void lars_leaves_biases_out_and_swavs_nothing(void **state)
{
    (void)state;
    float left[2];
    for (enum optimizer by = OPTIMIZER_LARS_SIMCLR; by <= OPTIMIZER_LARC; by++) {
        step_left(left, by);
        assert_float_equal(left[0], 1 - 0.0005, 1e-6);
        assert_float_equal(left[1], by == OPTIMIZER_LARC ? 1 - 0.0005 : 0, 1e-6);
    }
    step_left(left, OPTIMIZER_SGD);
    assert_float_equal(left[0], -0.5, 1e-6);
    assert_float_equal(left[1], -0.5, 1e-6);
}

/* Two steps of w = (3, 4), whose gradients are no multiples of it, at two rates: SimCLR's and BYOL's
 * ratio has the norm of the sum; BYOL's and SwAV's rate stands outside of the velocity. */
static void each_paper_has_its_own_form(void **state)
{
    (void)state;
    static const float g[2][2] = { { 1, -2 }, { -2, 1 } }, lr[2] = { 30, 10 }, start[2] = { 3, 4 };
    const double wd = (double)0.1f, momentum = (double)0.9f;
    const int dim[2] = { 1, 2 };
    for (enum optimizer by = OPTIMIZER_LARS_SIMCLR; by <= OPTIMIZER_LARC; by++) {
        const bool of_sum = by != OPTIMIZER_LARC, outside = by != OPTIMIZER_LARS_SIMCLR;
        double w[2] = { 3, 4 }, v[2] = { 0 };
        float got[2];
        struct params ps = { .n = 0 };
        params_add(&ps, "w", INIT_FC, 1, 2, dim);
        params_alloc(&ps, 1);
        mem_upload(ps.data, start, sizeof start);
        dev_float *const rate = mem_alloc(sizeof *lr);
        for (int step = 0; step < 2; step++) {
            const double u[2] = { (double)g[step][0] + wd * w[0], (double)g[step][1] + wd * w[1] };
            const double g_norm = hypot((double)g[step][0], (double)g[step][1]);
            const double parts = g_norm + wd * hypot(w[0], w[1]);
            const double ratio = (double)0.001f * hypot(w[0], w[1]) /
                                 (of_sum ? hypot(u[0], u[1]) : parts);
            for (int i = 0; i < 2; i++) {
                v[i] = momentum * v[i] + ratio * u[i] * (outside ? 1 : (double)lr[step]);
                w[i] -= outside ? (double)lr[step] * v[i] : v[i];
            }
            mem_upload(ps.grad, g[step], sizeof g[step]);
            mem_upload(rate, &lr[step], sizeof lr[step]);
            optim_step(&ps, 0, rate, &(struct optim){ by, 0.9f, 0.1f });
        }
        mem_download(got, ps.data, sizeof got);
        for (int i = 0; i < 2; i++) assert_float_equal(got[i], w[i], 2e-6);
        mem_free(rate);
        params_free(&ps);
    }
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_falls_by_a_cosine_from_epoch_to_epoch),
        cmocka_unit_test(warmup_is_linear_per_step_and_the_cosine_has_the_rest),
        cmocka_unit_test(warmup_may_end_within_an_epoch),
        cmocka_unit_test(constant_rate_is_neither_warmed_up_nor_decayed),
        cmocka_unit_test(by_step_it_is_simclrs_and_byols),
        cmocka_unit_test(by_step_it_is_swavs_from_its_start_to_its_end),
        cmocka_unit_test(lars_leaves_biases_out_and_swavs_nothing),
        cmocka_unit_test(each_paper_has_its_own_form),
    };
    return cmocka_run_group_tests_name("optim", tests, machine_start, NULL);
}
