/* SPDX-License-Identifier: MIT
 *
 * test_judge.c -- from a run's recorded numbers to the detector's grade and the run's state.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../experiments/run/judge.h"
#include "../experiments/run/measures.h"
#include "../engine/base.h"

static void zs_size_is_the_last_layers_that_has_one(void **state)
{
    (void)state;
    static const struct { const char *projector; int features; } cases[] = {
        { "[fc d, bn, relu, fc d, bn]", 256 },
        { "[fc f bias, relu, fc 128 bias]", 128 },
        { "[fc 4, bn, fc d/2]", 128 },
        { "[fc 3]", 3 },
        { "[fc d constant]", 256 },
        { "[fc 7, fc f]", 96 },
        { "[fc f/3 bias]", 32 },
        { "[fc d/0]", 0 },
        { "[]", 96 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const config = text_format("monitor_count: 2000\nwidths: [12, 24]\nblock: bottleneck\ndim: 256\n"
                                         "projector: %s\npredictor: [fc 64, fc 77]\n",
                                         cases[i].projector);
        const struct outputs o = outputs_of(config);
        if (o.samples != 2000 || o.features != cases[i].features)
            fail_msg("%s: %d x %d", cases[i].projector, o.samples, o.features);
        free(config);
    }
    const struct outputs none = outputs_of("epochs: 4\n"), end = outputs_of("projector: [fc 5]");
    assert_true(none.samples == 0 && none.features == 0 && end.features == 5);
    assert_int_equal(outputs_of("widths: [64, 128]\nprojector: []\n").features, 128);
}

/* The verdicts that a prototype's runs got by inspection: std in evaluation mode, view share. */
static void a_prototypes_runs_are_told_apart(void **state)
{
    (void)state;
    static const struct { double std, share; bool collapsed; } cases[] = {
        { 0.98, 0.30, false },     /* default */
        { 0.38, 0.23, false },     /* no BN in the heads: a large common offset, no collapse */
        { 0.35, 0.24, false },
        { 0.43, 0.23, false },     /* the same, 16 epochs */
        { 0.98, 0.36, false },     /* cross-entropy */
        { 0.85, 0.30, false },     /* fixed random predictor */
        { 0.26, 0.58, true },      /* without stop-gradient */
        { 0.18, 0.54, true },      /* the same, 16 epochs */
        { 0.34, 0.61, true },      /* the same, no affine in the output BN */
        { 0.02, 0.89, true },      /* the same, no BN in the heads */
        { 0.37, 0.53, true },      /* the same, cross-entropy */
        { 0.36, 0.53, true },      /* no predictor */
        { 0.23, 0.49, true },      /* the same, 16 epochs */
        { 0.05, 0, true },  { 0.0501, 0, false }, { 0.3, NAN, false },   { 0, NAN, true },
        { NAN, 0.9, false }, { 0.5, 0.39, true }, { 0.5, 0.3899, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct epoch_record e = { .std_sqrtd = cases[i].std,
                                        .view_share_standard = cases[i].share };
        const struct simsiam_verdict v = epoch_verdict(&e, (struct outputs){ 2000, 256 });
        if (verdict_collapsed(&v) != cases[i].collapsed)
            fail_msg("std %g, share %g", cases[i].std, cases[i].share);
    }
}

static struct run_record judged(double std, double own, double standard, double rank)
{
    struct run_record r = { .outputs = { 2000, 256 }, .last = epoch_empty(4) };
    r.last.std_sqrtd = std;
    r.last.view_share = own;
    r.last.view_share_standard = standard;
    r.last.rank = rank;
    r.last.loss = -0.9;
    run_judge(&r, false);
    return r;
}

/* Strong views of a row's own would accuse it, mild ones hide what it is. */
static void rows_are_judged_by_the_scales_views(void **state)
{
    (void)state;
    assert_int_equal(judged(0.2, 0.9, 0.2, NAN).state, RUN_HEALTHY);
    assert_int_equal(judged(0.2, 0.1, 0.7, NAN).state, RUN_COLLAPSED);
    /* what was recorded before there were others */
    assert_int_equal(judged(0.2, 0.7, NAN, NAN).state, RUN_COLLAPSED);
}

static void few_directions_are_a_grade_and_no_collapse(void **state)
{
    (void)state;
    const struct run_record few = judged(0.95, 0.2, 0.2, 4.0 / 256);
    assert_int_equal(few.state, RUN_HEALTHY);
    assert_int_equal(few.grade, SIMSIAM_DIMENSIONAL);
    assert_string_equal(few.evidence, "std 0.95 > 0.50; 4.0 directions");
    const struct run_record close = judged(0.95, 0.2, 0.2, 6.2 / 256);
    assert_int_equal(close.grade, SIMSIAM_UNDECIDED);
    assert_string_equal(close.evidence, "std 0.95 > 0.50; 6.2 directions, near the threshold");
    assert_false(epoch_doubtful(&close.last));     /* of a collapse there is no doubt */
    assert_int_equal(judged(0.95, 0.2, 0.2, 100.0 / 256).grade, SIMSIAM_HEALTHY);
    /* the graver is told */
    assert_int_equal(judged(0.2, 0.7, 0.7, 4.0 / 256).grade, SIMSIAM_PARTIAL);
}

static void doubt_is_about_the_collapse(void **state)
{
    (void)state;
    static const struct { double std, share; bool doubtful; } cases[] = {
        { 0.22, 0.43, true }, { 0.22, 0.36, true }, { 0.22, 0.47, false }, { 0.22, 0.32, false },
        { 0.54, 0.58, true }, { 0.45, 0.58, true }, { 0.52, 0.20, false }, { 0.98, 0.43, false },
        { 0.052, 0.20, true }, { 0.048, 0.20, true }, { 0.048, 0.58, false }, { 0.03, NAN, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct run_record r = judged(cases[i].std, NAN, cases[i].share, 0.5);
        if (epoch_doubtful(&r.last) != cases[i].doubtful)
            fail_msg("std %g, share %g", cases[i].std, cases[i].share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zs_size_is_the_last_layers_that_has_one),
        cmocka_unit_test(a_prototypes_runs_are_told_apart),
        cmocka_unit_test(rows_are_judged_by_the_scales_views),
        cmocka_unit_test(few_directions_are_a_grade_and_no_collapse),
        cmocka_unit_test(doubt_is_about_the_collapse),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
