/* SPDX-License-Identifier: MIT
 *
 * test_eta.c -- Section 5: targets computed before, targets averaged, and the predictor beside the
 * expectation.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../experiments/methods/eta.h"
#include "../experiments/run/monitor.h"
#include "../experiments/run/state.h"
#include "../experiments/suite/experiment.h"

enum { BATCH = 16, D = 8, IMAGES = 128, STEPS = IMAGES / BATCH };

static struct settings settings_make(void)
{
    struct settings s = settings_default(0);
    s.precision = PRECISION_FP32;
    s.dataset = 0;
    while (strcmp(data_sources[s.dataset].name, "synthetic")) s.dataset++;
    s.image_size = 8;
    s.train_count = IMAGES;
    s.monitor_count = 32;
    s.knn_k = 5;
    s.widths = (struct int_list){ 2,
                                  { 4, 8 } }, s.blocks = (struct int_list){ 1, { 1 } }, s.dim = D;
    s.epochs = 2;
    s.batch = BATCH;
    s.base_lr = 1;
    s.probe_batch = 16;
    s.probe_epochs = 1;
    return s;
}

static const struct eta *eta_state(const struct trainer *t)
{
    return t->own;
}

/* The weights and statistics of a run after `steps` steps. */
static void hash_after(char hex[HASH_TEXT], const struct settings *s, int steps)
{
    static struct trainer t;
    trainer_open(&t, s, 3);
    for (int i = 0; i < steps; i++) {
        assert_true(trainer_step(&t));
        if (t.step == t.steps) trainer_seek(&t, t.epoch + 1, 0);
    }
    trainer_hash(&t, hex);
    trainer_close(&t);
}

static double loss_at(const struct trainer *t, int step)
{
    float log[LOG_WIDTH];
    mem_download(log, float_at(t->log, (size_t)step * LOG_WIDTH), sizeof log);
    return (double)log[LOG_LOSS];
}

static void losses_of(double *loss, const struct settings *s, int steps)
{
    static struct trainer t;
    trainer_open(&t, s, 3);
    for (int i = 0; i < steps; i++) {
        assert_true(trainer_step(&t));
        loss[i] = loss_at(&t, i);
    }
    trainer_close(&t);
}

/* ---- alternation ----------------------------------------------------------------------------- */

/* Sec. 5.1: the claim one-step. */
static void k_1_alternation_is_simsiam_bit_for_bit(void **state)
{
    (void)state;
    char simsiam_[HASH_TEXT], one[HASH_TEXT], two[HASH_TEXT];
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
        struct settings s = settings_make();
        s.precision = precision;
        hash_after(simsiam_, &s, 2 * STEPS);
        eta_own(&s)->from = ETA_CACHE;
        eta_own(&s)->every = 1;
        hash_after(one, &s, 2 * STEPS);
        eta_own(&s)->every = 2;
        hash_after(two, &s, 2 * STEPS);
        assert_string_equal(one, simsiam_);
        assert_string_not_equal(two, simsiam_);
    }
}

/* Every loss of an alternation of 3 is that of a model whose targets come from a copy kept at
 * its start. */
static void targets_are_those_of_the_alternations_start(void **state)
{
    (void)state;
    struct settings s = settings_make();
    double loss[STEPS];
    static struct trainer t;
    eta_own(&s)->from = ETA_CACHE;
    eta_own(&s)->every = 3;
    losses_of(loss, &s, STEPS);

    trainer_open(&t, &s, 3);
    float *const start = host_alloc(t.model.params.count, sizeof *start), z[BATCH * D];
    for (int step = 0; step < STEPS; step++) {
        const size_t bytes = sizeof *start * t.model.params.count;
        /* 8 steps: 3, 3 and 2 */
        if (step % 3 == 0) mem_download(start, t.model.params.data, bytes);
        float *const now = host_alloc(t.model.params.count, sizeof *now);
        mem_download(now, t.model.params.data, bytes);
        mem_upload(t.model.params.data, start, bytes);
        struct model *const frozen = model_frozen(&t.model);
        tape_reset(&t.tape);
        const struct var x = var_input(loader_make(&t.loader, 0, step, 0, 2), 2 * BATCH, 8, 8, 3);
        const struct var f = model_features(&t.tape, frozen, x, 2, false);
        const struct var target = model_project(&t.tape, frozen, f, 2, false);
        double *const keep = host_alloc(2 * BATCH * D, sizeof *keep);
        for (int v = 0; v < 2; v++) {
            mem_act_download(z, var_rows(target, v * BATCH, BATCH).data, BATCH * D);
            for (int i = 0; i < BATCH * D; i++) keep[v * BATCH * D + i] = (double)z[i];
        }
        mem_upload(t.model.params.data, now, bytes);
        assert_true(trainer_step(&t));
        for (int k = 0; k < 2; k++) {
            const struct var kept = eta_target(eta_state(&t), &t.tape, k,
                                               var_rows(target, 0, BATCH));
            mem_act_download(z, kept.data, BATCH * D);
            for (int i = 0; i < BATCH * D; i++)
                assert_true((double)z[i] == keep[s.pairs.v[k][1] * BATCH * D + i]);
        }
        assert_true(loss_at(&t, step) == loss[step]);
        free(frozen);
        free(now);
        free(keep);
    }
    free(start);
    trainer_close(&t);
}

/* The other readings of eq. (10) are other experiments, from the first step on. */
static void other_readings_of_the_target_have_other_losses(void **state)
{
    (void)state;
    struct settings s = settings_make();
    double loss[5];
    eta_own(&s)->from = ETA_CACHE;
    eta_own(&s)->every = 2;
    for (int i = 0; i < 5; i++) {
        eta_own(&s)->views = (int[]){ ETA_BATCH, ETA_ANEW, ETA_ONE, ETA_BATCH, ETA_ANEW }[i];
        eta_own(&s)->bn = i < 3 ? ETA_BN_BATCH : ETA_BN_RUNNING;
        losses_of(&loss[i], &s, 1);
        for (int j = 0; j < i; j++) assert_true(fabs(loss[i] - loss[j]) > 1e-6);
    }
}

/* Making targets moves no statistic: SimSiam's targets do, once, in the step itself. */
static void making_targets_leaves_the_running_statistics(void **state)
{
    (void)state;
    struct settings s = settings_make();
    static struct trainer t;
    char before[HASH_TEXT], after[HASH_TEXT];
    eta_own(&s)->from = ETA_CACHE;
    eta_own(&s)->every = 0;
    trainer_open(&t, &s, 3);
    trainer_hash(&t, before);
    trainer_views(&t);
    trainer_hash(&t, after);
    assert_string_equal(after, before);
    assert_int_equal(eta_state(&t)->steps, STEPS);
    trainer_close(&t);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* A run stopped in the middle of an alternation, or of an average, ends in the same bytes. */
static void check_resume(const struct settings *s)
{
    static struct trainer t;
    char whole[HASH_TEXT], resumed[HASH_TEXT], path[] = "/tmp/test-eta-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    hash_after(whole, s, 2 * STEPS);
    trainer_open(&t, s, 3);
    for (int i = 0; i < 4; i++) assert_true(trainer_step(&t));
    assert_true(trainer_save(&t, path, "me"));
    trainer_close(&t);
    trainer_open(&t, s, 3);
    assert_true(trainer_load(&t, path, "me"));
    for (int i = 4; i < 2 * STEPS; i++) {
        assert_true(trainer_step(&t));
        if (t.step == t.steps) trainer_seek(&t, t.epoch + 1, 0);
    }
    trainer_hash(&t, resumed);
    trainer_close(&t);
    assert_string_equal(resumed, whole);
    close(fd);
    unlink(path);
    char *const prev = text_format("%s.prev", path);
    unlink(prev);
    free(prev);
}

static void a_run_goes_on_within_an_alternation_and_with_its_average(void **state)
{
    (void)state;
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
        struct settings s = settings_make();
        s.precision = precision;
        eta_own(&s)->from = ETA_CACHE;
        eta_own(&s)->every = 3;
        check_resume(&s);
        eta_own(&s)->from = ETA_AVERAGE;
        s.predictor.n = 0;
        check_resume(&s);
    }
}

/* ---- the average ----------------------------------------------------------------------------- */

/* One epoch: each image is seen once, by both pairs.  Its target is its own pair's z; the memory
 * then holds 0.8 z'_1 + 0.2 z'_0 (normalised, from the first). */
static void average_keeps_one_target_an_image(void **state)
{
    (void)state;
    struct settings s = settings_make();
    static struct trainer t;
    eta_own(&s)->from = ETA_AVERAGE;
    s.predictor.n = 0;
    s.base_lr = 0;
    trainer_open(&t, &s, 3);
    int32_t order[BATCH];
    loader_order(&t.loader.source, order, 0, 0);
    tape_reset(&t.tape);
    struct model *const frozen = model_frozen(&t.model);
    const struct var x = var_input(loader_make(&t.loader, 0, 0, 0, 2), 2 * BATCH, 8, 8, 3);
    const struct var f = model_features(&t.tape, frozen, x, 2, false);
    const struct var out = model_project(&t.tape, frozen, f, 2, false);
    float z[2 * BATCH * D], *const memory = host_alloc(eta_state(&t)->floats, sizeof *memory);
    mem_act_download(z, out.data, 2 * BATCH * D);
    free(frozen);
    for (int i = 0; i < 2 * BATCH; i++) {
        double square = 0;
        for (int j = 0; j < D; j++) square += (double)z[i * D + j] * (double)z[i * D + j];
        for (int j = 0; j < D; j++) z[i * D + j] = (float)((double)z[i * D + j] / sqrt(square));
    }
    double loss;
    assert_true(trainer_step(&t));
    loss = loss_at(&t, 0);
    mem_download(memory, eta_state(&t)->memory, sizeof *memory * eta_state(&t)->floats);
    double cosine = 0;
    bool seen[IMAGES] = { false };
    for (int i = 0; i < BATCH; i++) {
        seen[order[i]] = true;
        for (int j = 0; j < D; j++) {
            const float z0 = z[i * D + j], z1 = z[(BATCH + i) * D + j];
            cosine += (double)z0 * (double)z1 / BATCH;
            assert_float_equal(memory[order[i] * D + j], 0.8f * z1 + 0.2f * z0, 1e-5);
        }
    }
    for (int i = 0; i < IMAGES * D; i++) assert_true(seen[i / D] || memory[i] == 0);
    /* Nothing is remembered yet, so both targets are the other view's z: SimSiam's loss without
     * a predictor. */
    assert_float_equal(loss, -cosine, 1e-5);
    free(memory);
    trainer_close(&t);
}

/* In the second epoch the target is no longer the other view. */
static void average_differs_from_the_other_view_from_the_second_epoch_on(void **state)
{
    (void)state;
    struct settings s = settings_make();
    s.predictor.n = 0;
    char none[2][HASH_TEXT], average[2][HASH_TEXT];
    for (int i = 0; i < 2; i++) {
        eta_own(&s)->from = ETA_FRESH;
        hash_after(none[i], &s, STEPS + i);
        eta_own(&s)->from = ETA_AVERAGE;
        eta_own(&s)->normalise = false;
        hash_after(average[i], &s, STEPS + i);
    }
    assert_string_equal(average[0], none[0]);
    assert_string_not_equal(average[1], none[1]);
}

/* ---- h(z) beside E[z] ------------------------------------------------------------------------ */

static struct epoch_record measure(const struct settings *s)
{
    static struct trainer t;
    struct epoch_record r = { .cos_h = NAN, .cos_z = NAN };
    trainer_open(&t, s, 3);
    assert_int_equal(monitor_run(&t, &r, false, NULL), 0);
    trainer_close(&t);
    return r;
}

static void expectation_is_measured_where_it_is_asked_for(void **state)
{
    (void)state;
    struct settings s = settings_make();
    struct epoch_record r = measure(&s);
    assert_true(isnan(r.cos_h) && isnan(r.cos_z));

    s.expectation_views = 6;
    r = measure(&s);
    assert_true(r.cos_z > 0 && r.cos_z < 1 && r.cos_h > -1 && r.cos_h < 1 &&
                fabs(r.cos_h - r.cos_z) > 1e-3);

    s.predictor.n = 0;                                   /* h is the identity */
    r = measure(&s);
    assert_true(r.cos_h == r.cos_z);

    /* Views that are all alike are their own mean; of the predictor that says nothing. */
    s.views.crop_scale[0] = s.views.crop_scale[1] = 1;
    s.views.crop_ratio[0] = s.views.crop_ratio[1] = 1;
    s.views.jitter_p = s.views.gray_p = s.views.flip_p = 0;
    s.views.blur_p[0] = s.views.blur_p[1] = 0;
    r = measure(&s);
    assert_float_equal(r.cos_z, 1, 1e-6);
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
        cmocka_unit_test(k_1_alternation_is_simsiam_bit_for_bit),
        cmocka_unit_test(targets_are_those_of_the_alternations_start),
        cmocka_unit_test(other_readings_of_the_target_have_other_losses),
        cmocka_unit_test(making_targets_leaves_the_running_statistics),
        cmocka_unit_test(a_run_goes_on_within_an_alternation_and_with_its_average),
        cmocka_unit_test(average_keeps_one_target_an_image),
        cmocka_unit_test(average_differs_from_the_other_view_from_the_second_epoch_on),
        cmocka_unit_test(expectation_is_measured_where_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
