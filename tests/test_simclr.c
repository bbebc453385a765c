/* SPDX-License-Identifier: MIT
 *
 * test_simclr.c -- SimCLR: its loss is NT-Xent of its own outputs, batch norm sees both views or
 * each, and what a predictor and stop-gradient make of it.
 */
#include "method_runs.h"

#include "../experiments/methods/contrastive.h"
#include "../experiments/methods/simclr.h"

static const double T = 0.2;

static struct settings vanilla(void)
{
    struct settings s = settings_make("simclr");
    s.predictor = (struct word_list){ .n = 0 };
    s.stop_grad = false;
    simclr_own(&s)->temperature = T;
    return s;
}

/* Eq. 1 in double, of rows of unit length: anchors a, keys b. */
static double nt_xent(const float *a, const float *b, int rows)
{
    double sum = 0;
    for (int i = 0; i < rows; i++) {
        double all = 0, own = 0;
        for (int k = 0; k < rows; k++) {
            double s = 0;
            for (int j = 0; j < D; j++) s += (double)a[i * D + j] * (double)b[k * D + j];
            if (k != i) all += exp(s / T);
            if (k == (i + rows / 2) % rows) own = exp(s / T);
        }
        sum += log(all / own) / rows;
    }
    return sum;
}

static void logged_loss_is_nt_xent_of_the_outputs(void **state)
{
    (void)state;
    static struct trainer t;
    for (int predictor = 0; predictor < 2; predictor++) {
        struct settings s = vanilla();
        if (predictor) s.predictor = settings_make("simclr").predictor;
        trainer_open(&t, &s, 3);
        const struct contrastive *const c = t.own;
        const double loss = loss_here(&t, trainer_views(&t));
        float *const anchors = download(c->anchors, 2 * BATCH * D);
        float *const keys = download(c->keys, 2 * BATCH * D);
        assert_true(fabs(loss - nt_xent(anchors, keys, 2 * BATCH)) < 2e-6 * loss);
        assert_int_equal(memcmp(anchors, keys, 2 * BATCH * D * sizeof *keys) != 0, predictor);
        free(anchors);
        free(keys);
        trainer_close(&t);
    }
}

static void the_gradient_is_the_derivative(void **state)
{
    (void)state;
    struct settings s = vanilla();
    check_derivative(s, 0);
    s.predictor = settings_make("simclr").predictor;
    check_derivative(s, 0);
    simclr_own(&s)->joint_bn = false;
    check_derivative(s, 0);
}

/* A predictor that is the identity, and a predictor's own gradient, are the same without
 * stop-gradient and with it; the encoder's is not, and the loss is. */
static void stop_gradient_takes_the_keys_part_alone(void **state)
{
    (void)state;
    static struct trainer t;
    float *gradient[2];
    double loss[2];
    size_t n = 0, encoder = 0;
    for (int stop = 0; stop < 2; stop++) {
        struct settings s = vanilla();
        s.predictor = settings_make("simclr").predictor;
        s.stop_grad = stop;
        trainer_open(&t, &s, 3);
        loss[stop] = loss_here(&t, trainer_views(&t));
        mem_zero(t.model.params.grad, sizeof(float) * t.model.params.count);
        tape_backward(&t.tape);
        n = t.model.params.count;
        encoder = t.model.params.group_end[GROUP_ENCODER];
        gradient[stop] = download(t.model.params.grad, n);
        trainer_close(&t);
    }
    assert_true(loss[0] == loss[1] && encoder < n);
    assert_memory_equal(gradient[0] + encoder, gradient[1] + encoder,
                        (n - encoder) * sizeof(float));
    assert_memory_not_equal(gradient[0], gradient[1], encoder * sizeof(float));
    free(gradient[0]);
    free(gradient[1]);
}

/* Without a predictor stop-gradient leaves the anchors' part of the gradient, which is not half. */
static void without_a_predictor_the_stopped_gradient_is_not_half_of_it(void **state)
{
    (void)state;
    static struct trainer t;
    double norm[2] = { 0 }, apart = 0;
    float *gradient[2];
    size_t n = 0;
    for (int stop = 0; stop < 2; stop++) {
        struct settings s = vanilla();
        s.stop_grad = stop;
        trainer_open(&t, &s, 3);
        loss_here(&t, trainer_views(&t));
        n = t.model.params.count;
        mem_zero(t.model.params.grad, sizeof(float) * n);
        tape_backward(&t.tape);
        gradient[stop] = download(t.model.params.grad, n);
        trainer_close(&t);
    }
    for (size_t i = 0; i < n; i++) {
        for (int stop = 0; stop < 2; stop++) norm[stop] += pow((double)gradient[stop][i], 2);
        apart += pow((double)gradient[0][i] - 2 * (double)gradient[1][i], 2);
    }
    assert_true(norm[1] > 0 && sqrt(apart) > 1e-3 * sqrt(norm[0]));
    free(gradient[0]);
    free(gradient[1]);
}

/* Together the running statistics move once a step, apart once a view; and the losses differ. */
static void batch_norm_sees_both_views_together_or_each(void **state)
{
    (void)state;
    struct settings s = vanilla();
    check_statistics_moves(&s, 0.9);
    const struct left joint = run(&s, 1);
    simclr_own(&s)->joint_bn = false;
    check_statistics_moves(&s, 0.81);
    const struct left apart = run(&s, 1);
    assert_true(joint.log[LOG_LOSS] != apart.log[LOG_LOSS]);
}

/* Its views learn to agree, and images to differ: well below a collapsed net's ln(2N - 1). */
static void it_learns(void **state)
{
    (void)state;
    struct settings s = vanilla();
    s.epochs = 10;
    const struct left before = run(&s, 1), after = run(&s, 10 * STEPS);
    assert_true(after.log[(STEPS - 1) * LOG_WIDTH + LOG_LOSS] < 0.85f * before.log[LOG_LOSS]);
    assert_true((double)after.log[(STEPS - 1) * LOG_WIDTH + LOG_LOSS] < log(2 * BATCH - 1));
}

static void a_run_goes_on_and_hangs_on_no_threads(void **state)
{
    (void)state;
    check_goes_on(vanilla());
    check_threads(vanilla());
    struct settings s = settings_make("simclr");         /* with a predictor, and stopped */
    check_goes_on_in(PRECISION_BF16, s);
}

static void a_run_by_its_own_recipe_goes_on_too(void **state)
{
    (void)state;
    check_own_recipe(vanilla(), OPTIMIZER_LARS_SIMCLR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logged_loss_is_nt_xent_of_the_outputs),
        cmocka_unit_test(the_gradient_is_the_derivative),
        cmocka_unit_test(stop_gradient_takes_the_keys_part_alone),
        cmocka_unit_test(without_a_predictor_the_stopped_gradient_is_not_half_of_it),
        cmocka_unit_test(batch_norm_sees_both_views_together_or_each),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(a_run_goes_on_and_hangs_on_no_threads),
        cmocka_unit_test(a_run_by_its_own_recipe_goes_on_too),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
