/* SPDX-License-Identifier: MIT
 *
 * test_course.c -- the untrained network: its running statistics, its line, and a run that ends
 * with it; and the accuracies of a run's end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../experiments/run/course.h"
#include "../experiments/run/measures.h"
#include "../experiments/run/state.h"

static struct settings settings_make(int epochs)
{
    struct settings s = settings_default(0);
    s.dataset = 0;
    while (strcmp(data_sources[s.dataset].name, "synthetic")) s.dataset++;
    s.image_size = 8;
    s.train_count = 96;
    s.monitor_count = 31;          /* 31 and 60 have no common factor: no share is of both */
    s.test_count = 60;
    s.widths = (struct int_list){ 2, { 4, 8 } };
    s.blocks = (struct int_list){ 1, { 1 } };
    s.dim = 8;
    s.epochs = epochs;
    s.batch = 16;
    s.base_lr = 1;
    s.precision = PRECISION_FP32;
    s.knn_every = 1;
    s.knn_k = 10;
    s.probe_lr = 0.1;
    s.probe_epochs = 2;
    s.probe_batch = 32;
    s.probe_augment = false;
    return s;
}

/* ---- a keeper that keeps lines ------------------------------------------------------------------ */

enum { LINES_MAX = 16 };
struct kept { struct course course; struct epoch_record line[LINES_MAX]; int n; };

static bool no(void *self)
{
    (void)self;
    return false;
}
static bool yes(void *self)
{
    (void)self;
    return true;
}
static void nothing(void *self)
{
    (void)self;
}
static void looked(void *self, int steps)
{
    (void)self;
    (void)steps;
}
static void took(void *self, const char *part, int steps)
{
    (void)self;
    (void)part;
    (void)steps;
}
static void save(void *self, enum occasion when)
{
    (void)self;
    (void)when;
}
static void line(void *self)
{
    struct kept *const k = self;
    assert_true(k->n < LINES_MAX);
    k->line[k->n++] = k->course.now;
}

/* Runs the trainer's course; its linear accuracy. */
static double run(struct kept *k, struct trainer *t)
{
    double linear = NAN;
    *k = (struct kept){ .course = { .t = t, .label = "test" } };
    k->course.keeper = (struct keeper){ k, no, nothing, yes, looked, looked, took, line, save };
    assert_int_equal(course_run(&k->course, &linear), 0);
    course_close(&k->course);
    return linear;
}

/* ---- batch norm's statistics -------------------------------------------------------------------- */

static float *statistics(const struct trainer *t)
{
    const struct params *const ps = &t->model.params;
    float *const host = host_alloc(ps->n_stats, sizeof *host);
    mem_download(host, ps->stats, sizeof *host * ps->n_stats);
    return host;
}

/* Wherever they start they end at the data's, and nothing else moves. */
static void settled_statistics_hang_on_the_data_alone(void **state)
{
    (void)state;
    const struct settings s = settings_make(20);
    static struct trainer t;
    float *settled[2];
    char before[HASH_TEXT], after[HASH_TEXT];
    for (int i = 0; i < 2; i++) {
        trainer_open(&t, &s, 3);
        const struct params *const ps = &t.model.params;
        float *const start = statistics(&t);
        for (size_t k = 0; i && k < ps->n_stats; k++) start[k] += 2;
        mem_upload(ps->stats, start, sizeof *start * ps->n_stats);
        assert_true(trainer_settle(&t));
        settled[i] = statistics(&t);
        bool moved = false;
        for (size_t k = 0; k < ps->n_stats; k++) {
            moved |= fabsf(settled[i][k] - start[k]) > 0.05f;
            if (i) assert_float_equal(settled[1][k], settled[0][k], 1e-3);
        }
        assert_true(moved);
        mem_upload(ps->stats, start, sizeof *start * ps->n_stats);
        trainer_hash(&t, after);
        trainer_close(&t);
        free(start);
        if (i) continue;
        trainer_open(&t, &s, 3);
        trainer_hash(&t, before);
        trainer_close(&t);
        assert_string_equal(before, after);
    }
    free(settled[0]);
    free(settled[1]);
}

/* They are for the line of epoch 0: training begins with the ones it always began with. */
static void training_begins_with_initial_statistics(void **state)
{
    (void)state;
    const struct settings s = settings_make(1);
    static struct trainer t;
    static struct kept k;
    char with[HASH_TEXT], without[HASH_TEXT];
    trainer_open(&t, &s, 3);
    run(&k, &t);
    trainer_hash(&t, with);
    trainer_close(&t);
    trainer_open(&t, &s, 3);
    for (int i = 0; i < t.steps; i++) assert_true(trainer_step(&t));
    trainer_hash(&t, without);
    trainer_close(&t);
    assert_string_equal(with, without);
}

/* ---- a run of no epochs ------------------------------------------------------------------------- */

/* It measures what each run of the seed measures before it begins, and what that is worth. */
static void a_run_of_no_epochs_is_the_untrained_network(void **state)
{
    (void)state;
    static struct trainer t;
    static struct kept none, eight;
    struct settings s = settings_make(0);
    trainer_open(&t, &s, 3);
    const double linear = run(&none, &t);
    trainer_close(&t);
    assert_true(linear >= 0 && linear <= 100);
    assert_int_equal(none.n, 1);
    assert_true(none.line[0].epoch == 0 && isnan(none.line[0].loss) && none.line[0].monitored);
    s = settings_make(8);          /* long enough to settle for as long */
    trainer_open(&t, &s, 3);
    run(&eight, &t);
    trainer_close(&t);
    assert_int_equal(eight.n, 9);
    for (const struct measure *m = measures; m->name; m++) {
        if (m->is & MEASURE_END || !strcmp(m->name, "knn_test")) continue;
        const double a = epoch_number(&none.line[0], m), b = epoch_number(&eight.line[0], m);
        if (a != b && !(isnan(a) && isnan(b))) fail_msg("%s: %g, not %g", m->name, a, b);
    }
}

/* The statistics that it was measured with are those that its probe's features have. */
static void its_probe_sees_the_features_that_its_knn_saw(void **state)
{
    (void)state;
    static struct trainer t;
    static struct kept k;
    const struct settings s = settings_make(0);
    trainer_open(&t, &s, 3);
    run(&k, &t);
    struct epoch_record again = epoch_empty(0);
    struct probe_data data = { .train.x = NULL };
    assert_int_equal(monitor_run(&t, &again, true, &data), 0);
    monitor_probe_close(&data);
    trainer_close(&t);
    assert_true(again.knn == k.line[0].knn && again.std_sqrtd == k.line[0].std_sqrtd);
}

/* ---- the end ------------------------------------------------------------------------------------ */

static void only_the_last_epoch_is_tested_on_the_whole_test_set(void **state)
{
    (void)state;
    static struct trainer t;
    static struct kept k;
    struct settings s = settings_make(2);
    trainer_open(&t, &s, 3);
    run(&k, &t);
    assert_int_equal(trainer_test(&t)->host.n, 60);
    trainer_close(&t);
    assert_int_equal(k.n, 3);
    assert_true(isnan(k.line[0].knn_test) && isnan(k.line[1].knn_test));
    /* of 60 images, not of the 31 */
    const double images = k.line[2].knn_test * 60 / 100;
    assert_true(fabs(images - round(images)) < 1e-9);
    const double part = k.line[2].knn * 31 / 100;
    assert_true(fabs(part - round(part)) < 1e-9);
    s.test_count = 0;
    trainer_open(&t, &s, 3);
    run(&k, &t);
    assert_ptr_equal(trainer_test(&t), &t.monitor);
    trainer_close(&t);
    assert_true(k.line[2].knn_test == k.line[2].knn);
}

/* Rows are compared by views that are the same for all; where those are the row's own, the two
 * numbers are one. */
static void view_share_is_measured_on_the_standard_views_too(void **state)
{
    (void)state;
    static struct trainer t;
    static struct kept k;
    struct settings s = settings_make(0);
    const struct view_settings standard = s.views;
    trainer_open(&t, &s, 3);
    run(&k, &t);
    trainer_close(&t);
    const double share = k.line[0].view_share;
    assert_true(k.line[0].view_share_standard == share);
    s.views.crop_scale[0] = 0.9;
    s.views.jitter_p = s.views.gray_p = 0;
    settings_standard(&s, &standard);
    trainer_open(&t, &s, 3);
    run(&k, &t);
    trainer_close(&t);
    /* the statistics are of the row's own views, so that the network is a little another */
    assert_true(k.line[0].view_share < 0.8 * share);
    assert_true(k.line[0].view_share_standard > 1.2 * k.line[0].view_share);
}

int main(void)
{
    machine_open(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settled_statistics_hang_on_the_data_alone),
        cmocka_unit_test(training_begins_with_initial_statistics),
        cmocka_unit_test(a_run_of_no_epochs_is_the_untrained_network),
        cmocka_unit_test(its_probe_sees_the_features_that_its_knn_saw),
        cmocka_unit_test(only_the_last_epoch_is_tested_on_the_whole_test_set),
        cmocka_unit_test(view_share_is_measured_on_the_standard_views_too),
    };
    return cmocka_run_group_tests_name("course", tests, NULL, NULL);
}
