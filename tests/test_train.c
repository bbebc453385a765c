/* SPDX-License-Identifier: MIT
 *
 * test_train.c -- what a trainer makes of its log: means, the step at which a run diverged, and
 * steps that fp16 leaves out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../experiments/methods/recipe.h"
#include "../experiments/run/train.h"

enum { STEPS = 60 };

/* A trainer at the end of an epoch of this log: loss -i, the gradient's square 4 but for the bad
 * steps, std 0.5. */
struct logged { struct settings s; struct trainer t; };

static void logged_open(struct logged *l, enum precision precision, int first_bad, int bad,
                        float loss)
{
    l->s = settings_default(0);
    l->s.dataset = 0;
    while (strcmp(data_sources[l->s.dataset].name, "synthetic")) l->s.dataset++;
    l->s.image_size = 4, l->s.train_count = 2 * STEPS, l->s.monitor_count = 2, l->s.dim = 4,
    l->s.epochs = 1;
    l->s.widths = (struct int_list){ 1, { 4 } }, l->s.blocks = (struct int_list){ 1, { 1 } },
    l->s.batch = 2;
    l->s.precision = PRECISION_FP32;
    trainer_open(&l->t, &l->s, 3);
    l->s.precision = (int)precision;                     /* the log looks the same in each */
    float log[STEPS][LOG_WIDTH];
    for (int i = 0; i < STEPS; i++) {
        log[i][LOG_LOSS] = -(float)i;
        log[i][LOG_GRAD] = i >= first_bad && i < first_bad + bad ? INFINITY : 4;
        for (int v = 0; v < VIEWS_MAX; v++) log[i][LOG_STD + v] = 0.5f;
    }
    if (bad) log[first_bad][LOG_LOSS] = loss;
    mem_upload(l->t.log, log, sizeof log);
    trainer_seek(&l->t, 0, STEPS);
}

static int summary_of(struct epoch_record *r, enum precision precision, int first_bad, int bad,
                      float loss)
{
    static struct logged l;
    memset(r, 0, sizeof *r);
    logged_open(&l, precision, first_bad, bad, loss);
    const int diverged = trainer_summary(&l.t, r);
    trainer_close(&l.t);
    return diverged;
}

/* lr = base_lr batch / 256; the warm-up is a share of all steps, and not the predictor's if its
 * rate is constant (Section 4.3). */
static void schedules_are_those_of_the_settings(void **state)
{
    (void)state;
    static struct logged l;
    for (int constant = 0; constant < 2; constant++) {
        logged_open(&l, PRECISION_FP32, 0, 0, 0);
        trainer_close(&l.t);
        l.s.base_lr = 12.8;
        l.s.warmup = 0.5;
        l.s.epochs = 4;
        l.s.predictor_lr = constant ? PREDICTOR_CONSTANT : PREDICTOR_COSINE;
        trainer_open(&l.t, &l.s, 3);
        const double lr = 0.1, first = lr / (2 * STEPS);
        const struct schedule *const encoder = &l.t.schedule[GROUP_ENCODER];
        const struct schedule *const predictor = &l.t.schedule[GROUP_PREDICTOR];
        assert_true(fabs(schedule_lr(encoder, 0, 0) - first) < 1e-12);
        assert_true(fabs(schedule_lr(encoder, 1, STEPS - 1) - lr) < 1e-12);
        assert_true(fabs(schedule_lr(predictor, 0, 0) - (constant ? lr : first)) < 1e-12);
        assert_true(fabs(schedule_lr(predictor, 3, 0) - (constant ? lr : lr / 2)) < 1e-12);
        trainer_close(&l.t);
    }
}

/* SimCLR's rules agree at 4096, and at 256 one has four times the other's rate (its Table B.1). */
static void the_rate_may_follow_the_root_of_the_batch(void **state)
{
    (void)state;
    static struct logged l;
    logged_open(&l, PRECISION_FP32, 0, 0, 0);
    trainer_close(&l.t);
    for (int root = 0; root < 2; root++) {
        l.s.base_lr = 0.3;
        l.s.lr_root_batch = root ? 16 * l.s.batch : 0;
        trainer_open(&l.t, &l.s, 3);
        const double linear = 0.3 * l.s.batch / 256;
        assert_true(fabs(l.t.schedule[0].lr - (root ? 4 : 1) * linear) < 1e-12);
        trainer_close(&l.t);
    }
}

static void a_schedule_by_steps_has_the_settings_ends(void **state)
{
    (void)state;
    static struct logged l;
    logged_open(&l, PRECISION_FP32, 0, 0, 0);
    trainer_close(&l.t);
    l.s.base_lr = 25.6;
    l.s.warmup = 0.5;
    l.s.epochs = 4;
    l.s.lr_schedule = LR_BY_STEP;
    l.s.warmup_from = 0.25;
    l.s.lr_end = 0.125;
    trainer_open(&l.t, &l.s, 3);
    const struct schedule *const s = &l.t.schedule[GROUP_ENCODER];
    const double lr = 25.6 * l.s.batch / 256;
    assert_true(fabs(schedule_lr(s, 0, 0) - 0.25 * lr) < 1e-12);
    assert_true(fabs(schedule_lr(s, 2, 0) - lr) < 1e-12);
    assert_true(fabs(schedule_lr(s, 4, 0) - 0.125 * lr) < 1e-12);
    trainer_close(&l.t);
}

/* BYOL's: the first view is blurred always and not solarised, the second one seldom and sometimes. */
static void a_recipe_has_each_views_own_numbers(void **state)
{
    (void)state;
    struct settings s = settings_default(0);
    s.views.blur_p[0] = 1;
    s.views.blur_p[1] = 0.125;
    s.views.solarize_p[1] = 0.25;
    const struct augment own = recipe_train(&s), probe = recipe_probe(&s);
    assert_true(own.blur_p[0] == 1 && own.blur_p[1] == 0.125f);
    assert_true(own.solarize_p[0] == 0 && own.solarize_p[1] == 0.25f);
    assert_true(probe.blur_p[0] == 0 && probe.solarize_p[1] == 0);
}

static void means_are_over_all_steps(void **state)
{
    (void)state;
    struct epoch_record r;
    assert_int_equal(summary_of(&r, PRECISION_BF16, 0, 0, 0), 0);
    assert_true(r.loss == -(STEPS - 1) / 2.0 && r.grad_norm == 2 && r.std_train == 0.5 &&
                r.left_out == 0);
    assert_true(fabs(r.oscillation - sqrt(0.5)) < 1e-12);
}

static void a_gradient_that_is_not_finite_is_a_divergence_at_its_step(void **state)
{
    (void)state;
    struct epoch_record r;
    for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++) {
        assert_int_equal(summary_of(&r, (enum precision)p, 7, 1, -7), 8);
        assert_true(isinf(r.grad_norm) && r.loss == -3.5);
    }
}

static void a_gradient_that_overflows_fp16_leaves_its_step_out(void **state)
{
    (void)state;
    struct epoch_record r;
    static const int bad[] = { 1, 3, 20 };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(summary_of(&r, PRECISION_FP16, 7, bad[i], -7), 0);
        assert_true(r.left_out == bad[i] && r.grad_norm == 2 && r.loss == -(STEPS - 1) / 2.0);
    }
}

static void over_twenty_in_a_row_are_a_divergence(void **state)
{
    (void)state;
    struct epoch_record r;
    assert_int_equal(summary_of(&r, PRECISION_FP16, 7, 30, -7), 7 + 21);
    assert_true(isinf(r.grad_norm));
}

/* An epoch that is shorter than twenty steps may leave some out, but not all: else nothing would
 * ever tell. */
static void so_is_a_whole_epoch(void **state)
{
    (void)state;
    enum { FEW = 10 };
    for (int bad = FEW - 1; bad <= FEW; bad++) {
        static struct logged l;
        struct epoch_record r = { .epoch = 1 };
        logged_open(&l, PRECISION_FP16, 0, bad, 0);
        l.t.steps = FEW;
        trainer_seek(&l.t, 0, FEW);
        assert_int_equal(trainer_summary(&l.t, &r), bad == FEW ? FEW : 0);
        trainer_close(&l.t);
    }
}

static void a_loss_that_is_not_finite_is_one_in_fp16_too(void **state)
{
    (void)state;
    struct epoch_record r;
    assert_int_equal(summary_of(&r, PRECISION_FP16, 7, 1, NAN), 8);
    assert_true(isnan(r.loss));
}

int main(void)
{
    machine_open(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_are_those_of_the_settings),
        cmocka_unit_test(the_rate_may_follow_the_root_of_the_batch),
        cmocka_unit_test(a_schedule_by_steps_has_the_settings_ends),
        cmocka_unit_test(a_recipe_has_each_views_own_numbers),
        cmocka_unit_test(means_are_over_all_steps),
        cmocka_unit_test(a_gradient_that_is_not_finite_is_a_divergence_at_its_step),
        cmocka_unit_test(a_gradient_that_overflows_fp16_leaves_its_step_out),
        cmocka_unit_test(over_twenty_in_a_row_are_a_divergence),
        cmocka_unit_test(so_is_a_whole_epoch),
        cmocka_unit_test(a_loss_that_is_not_finite_is_one_in_fp16_too),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
