/* SPDX-License-Identifier: MIT
 *
 * test_grade.c -- planted outputs of every kind get their grade, where each public metric misses
 * some, and the rule's truth table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "outputs.h"
#include "../engine/collapse/simsiam_collapse.h"

enum { N = 1000, D = 256 };
enum kind { SPREAD, OFFSET, FEW, CONSTANT, PARTIAL, FAITHFUL, KINDS };

/* The six kinds; what each metric says of it, from .. to.  RankMe does not tell a partial collapse
 * from a healthy net with an offset, the level accuses the latter, LiDAR is highest for a constant,
 * a power law's slope is that of a healthy net for one kind alone. */
static const struct {
    const char *name;
    struct planted p;
    enum simsiam_grade grade;
    double level[2], rankme[2], rank[2], lidar[2], alpha[2];
} kinds[KINDS] = {
    [SPREAD] = { "a power law's spectrum", { N, D, D, 0.5, 1, 0.1, 0, false }, SIMSIAM_HEALTHY,
                 { 0, 0.02 }, { 198, 208 }, { 198, 208 }, { 60, 80 }, { 0.95, 1.05 } },
    [OFFSET] = { "the same beside a large offset", { N, D, D, 0.5, 1, 0.1, 5, false }, SIMSIAM_HEALTHY,
                 { 0.68, 0.78 }, { 95, 115 }, { 198, 208 }, { 60, 80 }, { 0.95, 1.05 } },
    [FEW] = { "4 of 256 directions", { N, D, 4, 0, 1, 0.001, 0, false }, SIMSIAM_DIMENSIONAL,
              { 0, 0.02 }, { 4, 4.6 }, { 4, 4.6 }, { 3.9, 4.2 }, { 1, 5 } },
    [CONSTANT] = { "a constant and float noise", { N, D, D, 0, 0, 1e-5, 1, false }, SIMSIAM_COMPLETE,
                   { 0.99, 1 }, { 1, 1.1 }, { 245, 256 }, { 215, 235 }, { 0.1, 0.3 } },
    [PARTIAL] = { "views outweigh samples", { N, D, D, 0, 0.3, 0.8, 6, false }, SIMSIAM_PARTIAL,
                  { 0.75, 0.85 }, { 105, 125 }, { 245, 256 }, { 190, 210 }, { 0.1, 0.3 } },
    [FAITHFUL] = { "samples small, but views agree", { N, D, D, 0, 0.6, 0.2, 6, false }, SIMSIAM_HEALTHY,
                   { 0.8, 0.9 }, { 80, 95 }, { 240, 256 }, { 210, 230 }, { 0.1, 0.3 } },
};

static struct simsiam_verdict verdict_of(const struct outputs *o, struct simsiam_evidence *e)
{
    struct simsiam_verdict v;
    assert_int_equal(simsiam_check(e, &v, o->z1, o->z2, NULL, o->n, o->d, 0), SIMSIAM_OK);
    return v;
}

static void others_of(struct simsiam_others *others, const struct outputs *o)
{
    struct simsiam_detector *c;
    assert_int_equal(simsiam_open(&c, o->d, 0, 0), SIMSIAM_OK);
    assert_int_equal(simsiam_add(c, o->z1, o->z2, NULL, o->n), SIMSIAM_OK);
    assert_int_equal(simsiam_compare(c, others), SIMSIAM_OK);
    simsiam_close(c);
}

#define assert_between(kind, x, range) \
    do { \
        if (!((x) >= (range)[0] && (x) <= (range)[1])) \
            fail_msg("%s: %s is %g, not %g .. %g", kind, #x, (double)(x), (range)[0], (range)[1]); \
    } while (0)

static void every_kind_gets_its_grade_and_no_public_metric_sees_all(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        struct outputs o = outputs_make(kinds[i].p, 1);
        struct simsiam_evidence e;
        struct simsiam_others others;
        const struct simsiam_verdict v = verdict_of(&o, &e);
        others_of(&others, &o);
        if (v.grade != kinds[i].grade)
            fail_msg("%s is %s: std*sqrt(d) %.3f, share %.3f, rank %.1f", kinds[i].name,
                     simsiam_grade_name(v.grade), e.std_sqrtd, e.view_share, e.rank);
        assert_between(kinds[i].name, others.level, kinds[i].level);
        assert_between(kinds[i].name, others.rankme, kinds[i].rankme);
        assert_between(kinds[i].name, e.rank, kinds[i].rank);
        assert_between(kinds[i].name, others.lidar, kinds[i].lidar);
        assert_between(kinds[i].name, others.alpha_req, kinds[i].alpha);
        outputs_free(&o);
    }
}

/* ---- `dimensional` at the sizes where it is said ------------------------------------------- */

static const struct { int n, d; } sizes[] = {
    { 16, 8 }, { 128, 64 }, { 512, 256 }, { 512, 600 }, { 1000, 128 },
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void few_directions_are_dimensional_and_many_are_not_at_every_size(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        const int n = sizes[i].n, d = sizes[i].d, few = d >= 128 ? 3 : 1;
        for (unsigned seed = 1; seed <= 3; seed++) {
            struct outputs o = outputs_make((struct planted){ n, d, few, 0, 1, 0.0005, 0, false }, seed);
            struct outputs h = outputs_make((struct planted){ n, d, d, 0.5, 1, 0.3, 0, false }, seed);
            struct simsiam_evidence e;
            struct simsiam_verdict v = verdict_of(&o, &e);
            if (v.grade != SIMSIAM_DIMENSIONAL)
                fail_msg("%d of %d directions, n %d: %s, rank %g", few, d, n,
                         simsiam_grade_name(v.grade), e.rank);
            v = verdict_of(&h, &e);
            if (v.grade != SIMSIAM_HEALTHY)
                fail_msg("power law, d %d, n %d: %s, rank %g", d, n, simsiam_grade_name(v.grade),
                         e.rank);
            outputs_free(&o);
            outputs_free(&h);
        }
    }
}

static void a_constant_has_no_rank_and_is_complete(void **state)
{
    (void)state;
    struct outputs o = outputs_make((struct planted){ 66, 33, 0, 0, 0, 0, 1, false }, 1);
    struct simsiam_evidence e;
    const struct simsiam_verdict v = verdict_of(&o, &e);
    assert_int_equal(v.grade, SIMSIAM_COMPLETE);
    assert_true(isnan(e.rank) && isnan(e.participation) && isnan(e.directions_90) &&
                isnan(e.view_share));
    outputs_free(&o);
}

/* ---- the rule ------------------------------------------------------------------------------ */

static const struct {
    double std, share, rank;
    int n, d;
    enum simsiam_grade grade;
} table[] = {
    /* Near a threshold is within .15 of it. */
    { 0.95, 0.55, 100, 1000, 256, SIMSIAM_HEALTHY },
    { 0.04, 0.90, 100, 1000, 256, SIMSIAM_COMPLETE },
    { 0.04, NAN, NAN, 1000, 256, SIMSIAM_COMPLETE },
    { 0.045, 0.10, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.055, 0.10, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.055, 0.90, 100, 1000, 256, SIMSIAM_PARTIAL }, /* which of the two is all that is open */
    { 0.06, 0.10, 100, 1000, 256, SIMSIAM_HEALTHY },
    { 0.40, 0.50, 100, 1000, 256, SIMSIAM_PARTIAL },
    { 0.45, 0.50, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.40, 0.44, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.40, 0.45, 100, 1000, 256, SIMSIAM_PARTIAL },
    { 0.55, 0.60, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.60, 0.60, 100, 1000, 256, SIMSIAM_HEALTHY },
    { 0.40, 0.34, 100, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.40, 0.30, 100, 1000, 256, SIMSIAM_HEALTHY },
    { 0.40, NAN, 100, 1000, 256, SIMSIAM_HEALTHY },
    { 0.90, 0.30, 5.0, 1000, 256, SIMSIAM_DIMENSIONAL },
    { 0.90, 0.30, 5.5, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.90, 0.30, 6.8, 1000, 256, SIMSIAM_UNDECIDED },
    { 0.90, 0.30, 7.0, 1000, 256, SIMSIAM_HEALTHY },
    { 0.90, 0.30, 2.7, 1000, 64, SIMSIAM_DIMENSIONAL }, /* .05 of 64 is 3.2 */
    { 0.90, 0.30, 3.7, 1000, 64, SIMSIAM_HEALTHY },
    { 0.90, 0.30, 1.2, 1000, 16, SIMSIAM_DIMENSIONAL }, /* 1.5 at least */
    { 0.90, 0.30, 1.8, 1000, 16, SIMSIAM_HEALTHY },
    { 0.90, 0.30, 1.0, 1000, 7, SIMSIAM_HEALTHY }, /* too few features to tell */
    { 0.90, 0.30, 3.7, 65, 2048, SIMSIAM_HEALTHY }, /* counted against n - 1 */
    { 0.40, 0.42, 2.0, 1000, 256, SIMSIAM_DIMENSIONAL }, /* sure of the one, not of the other */
    { 0.40, 0.60, 2.0, 1000, 256, SIMSIAM_PARTIAL },
    { NAN, 0.30, NAN, 1000, 256, SIMSIAM_UNDECIDED },
    { NAN, 0.90, 100, 1000, 256, SIMSIAM_UNDECIDED },
    /* Measured: no predictor after 20 epochs, heads without batch norm, an average of targets, a
     * predictor that learns nothing, rates a hundredfold, a head of rank one. */
    { 0.33, 0.388, 3.2, 600, 64, SIMSIAM_UNDECIDED },
    { 0.36, 0.23, 9.2, 2000, 256, SIMSIAM_HEALTHY },
    { 0.46, 0.29, 3.8, 600, 64, SIMSIAM_HEALTHY },
    { 0.85, 0.30, 3.3, 2000, 256, SIMSIAM_DIMENSIONAL },
    { 0.60, 0.60, 1.3, 600, 64, SIMSIAM_DIMENSIONAL },
    { 0.69, 0.62, 1.02, 600, 64, SIMSIAM_DIMENSIONAL },
};

static void the_rule_has_this_truth_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct simsiam_evidence e = { .n = table[i].n,
                                            .d = table[i].d,
                                            .std_sqrtd = table[i].std,
                                            .view_share = table[i].share,
                                            .rank = table[i].rank };
        struct simsiam_verdict v;
        simsiam_judge(&v, &e, NULL);
        if (v.grade != table[i].grade)
            fail_msg("line %zu: %s, not %s", i, simsiam_grade_name(v.grade),
                     simsiam_grade_name(table[i].grade));
    }
}

static void a_distance_is_how_far_the_thresholds_would_have_to_move(void **state)
{
    (void)state;
    const struct simsiam_evidence e = {
        .n = 1000, .d = 256, .std_sqrtd = 0.4, .view_share = 0.3, .rank = 9
    };
    struct simsiam_rule rule = simsiam_rule_standard;
    struct simsiam_verdict v;
    simsiam_judge(&v, &e, NULL);
    const double partial = v.distance[SIMSIAM_PARTIAL], few = v.distance[SIMSIAM_DIMENSIONAL];
    assert_true(isnan(v.distance[SIMSIAM_HEALTHY]) && isnan(v.distance[SIMSIAM_UNDECIDED]));
    assert_true(fabs(v.distance[SIMSIAM_COMPLETE] - 7) < 1e-12 && partial > 0.15 && few > 0.15);
    rule.near = 0;
    for (int side = -1; side <= 1; side += 2) { /* just not, and just so */
        const double move = partial + side * 1e-6, move_few = few + side * 1e-6;
        rule.spread = 0.5 * (1 + move);
        rule.share = 0.39 * (1 - move);
        rule.few = 6;
        simsiam_judge(&v, &e, &rule);
        assert_int_equal(v.grade, side < 0 ? SIMSIAM_HEALTHY : SIMSIAM_PARTIAL);
        rule.share = 2;
        rule.few = 6 * (1 + move_few);
        rule.few_share = 1;
        simsiam_judge(&v, &e, &rule);
        assert_int_equal(v.grade, side < 0 ? SIMSIAM_HEALTHY : SIMSIAM_DIMENSIONAL);
        rule.few_share = simsiam_rule_standard.few_share;
    }
}

static void grades_and_statuses_have_names(void **state)
{
    (void)state;
    assert_string_equal(simsiam_grade_name(SIMSIAM_UNDECIDED), "undecided");
    assert_string_equal(simsiam_grade_name(SIMSIAM_GRADES), "no grade");
    assert_string_equal(simsiam_status_text(SIMSIAM_NO_CONVERGENCE),
                        "the eigenvalues did not converge");
    assert_string_equal(simsiam_status_text(-1), "no status");
    assert_string_equal(simsiam_status_text(SIMSIAM_NO_CONVERGENCE + 1), "no status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_gets_its_grade_and_no_public_metric_sees_all),
        cmocka_unit_test(few_directions_are_dimensional_and_many_are_not_at_every_size),
        cmocka_unit_test(a_constant_has_no_rank_and_is_complete),
        cmocka_unit_test(the_rule_has_this_truth_table),
        cmocka_unit_test(a_distance_is_how_far_the_thresholds_would_have_to_move),
        cmocka_unit_test(grades_and_statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
