/* SPDX-License-Identifier: MIT
 *
 * test_optim.c -- the learning rate at every step: warm-up, cosine, constant.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

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
    const struct schedule s = { 0.3, 5, 4, 2, true };
    for (int epoch = 0; epoch < s.epochs; epoch++)
        for (int step = 0; step < s.steps; step++) assert_rate(&s, epoch, step, 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_falls_by_a_cosine_from_epoch_to_epoch),
        cmocka_unit_test(warmup_is_linear_per_step_and_the_cosine_has_the_rest),
        cmocka_unit_test(warmup_may_end_within_an_epoch),
        cmocka_unit_test(constant_rate_is_neither_warmed_up_nor_decayed),
    };
    return cmocka_run_group_tests_name("optim", tests, NULL, NULL);
}
