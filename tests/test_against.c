/* SPDX-License-Identifier: MIT
 *
 * test_against.c -- how often a table that was run again is called different, and is not; and is.
 *
 * Simulated: tables of as many cells as a large one of ours has, drawn on either side from what the
 * two sides share, or from what they do not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../experiments/suite/against.h"

enum { ROWS = 7, TABLES = 1500 };
/* Three standard errors of a share of 5 % in so many tables. */
static const double SHARE_ERROR = 0.017;

static uint64_t state = 1;
static double uniform(void)                    /* SplitMix64 */
{
    uint64_t x = state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return ((double)((x ^ x >> 31) >> 11) + 0.5) * 0x1p-53;
}
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979323846 * uniform());
}

/* Seeds first to first + n - 1 of every row; each number about 50 with this spread, but row 0's,
 * which has another mean. */
static void table_draw(struct table *t, int first, int n, double spread, double mean_of_first)
{
    t->e.n_rows = ROWS;
    for (int i = 0; i < ROWS; i++) {
        t->row[i].n = n;
        for (int k = 0; k < n; k++) t->row[i].run[k] = (struct run_record){ .seed = first + k };
        for (const struct measure *m = measures; m->name; m++) {
            double x[SEEDS_MAX];
            for (int k = 0; k < n; k++) x[k] = (i ? 50 : mean_of_first) + spread * normal();
            t->row[i].number[m - measures] = spread_of(x, n);
        }
    }
}

/* One side, and the other. */
struct draw { int n, m; double spread, other_spread, shift; };

/* The share of tables that are called different. */
static double different(struct draw d)
{
    struct table *const here = host_alloc(1, sizeof *here), *const there = host_alloc(1, sizeof *there);
    struct against *const a = host_alloc(1, sizeof *a);
    int n = 0;
    for (int i = 0; i < TABLES; i++) {
        table_draw(here, 1, d.n, d.spread, 50);
        table_draw(there, 1 + d.n, d.m, d.other_spread, 50 + d.shift);
        against_compare(a, here, there);
        assert_int_equal(a->n, ROWS * 5);      /* linear, kNN, loss, std, view share */
        assert_int_equal(a->shared, 0);
        n += a->differ > 0;
    }
    free(here);
    free(there);
    free(a);
    return (double)n / TABLES;
}

static void a_rerun_is_called_different_in_five_of_a_hundred_tables_at_most(void **unused)
{
    (void)unused;
    /* One distribution; and spreads that are half, at equal numbers of seeds. */
    const struct draw equal[] = { { 3, 3, 2, 2, 0 },   { 3, 4, 2, 2, 0 },  { 3, 10, 2, 2, 0 },
                                  { 10, 3, 2, 2, 0 },  { 5, 5, 2, 2, 0 },  { 10, 10, 2, 2, 0 },
                                  { 3, 3, 2, 1, 0 },   { 5, 5, 1, 2, 0 } };
    for (size_t k = 0; k < sizeof equal / sizeof *equal; k++) {
        const double share = different(equal[k]);
        if (share > AGAINST_ERROR + SHARE_ERROR)
            fail_msg("%d and %d seeds, spread %g and %g: %.3f", equal[k].n, equal[k].m,
                     equal[k].spread, equal[k].other_spread, share);
    }
    /* And it is no rule that never finds any: at ten seeds t has nearly all of its level. */
    assert_true(different((struct draw){ 10, 10, 2, 2, 0 }) > 0.02);
}

static void a_difference_well_beyond_the_spread_is_found(void **unused)
{
    (void)unused;
    assert_true(different((struct draw){ 3, 3, 1, 1, 60 }) > 0.99);
    assert_true(different((struct draw){ 10, 10, 1, 1, 4 }) > 0.99);
}

/* t and df by hand, the quantile from a printed table. */
static void bounds_are_as_in_the_book(void **unused)
{
    (void)unused;
    const struct spread a = { 4, 0, 2 }, b = { 4, 0, 2 };
    /* equal: df = 6, t = 2.4469, standard error sqrt(2) */
    assert_float_equal(welch_half(&a, &b, 0.05), 2.4469 * sqrt(2), 1e-3);
    const struct spread still = { 9, 1, 0 }, one = { 4, 0, 2 };
    assert_float_equal(welch_half(&still, &one, 0.05), 3.1824, 1e-3);  /* df = 3 */
    assert_float_equal(welch_half(&one, &still, 0.05), 3.1824, 1e-3);
    assert_true(welch_half(&still, &still, 0.05) == 0);
    /* pooled: the same at equal numbers and spreads; else df = 11 and s^2 = 12 / 11 */
    assert_float_equal(pooled_half(&a, &b, 0.05), 2.4469 * sqrt(2), 1e-3);
    assert_float_equal(pooled_half(&still, &one, 0.05), 2.2010 * sqrt(12.0 / 11 * (1.0 / 9 + 0.25)), 1e-3);
    assert_true(pooled_half(&still, &still, 0.05) == 0);
}

/* Fisher's tea: 3 of 4 and 1 of 4 has 34 of 70. */
static void counts_are_compared_exactly(void **unused)
{
    (void)unused;
    assert_float_equal(fisher_p(3, 4, 1, 4), 34.0 / 70, 1e-9);
    assert_float_equal(fisher_p(3, 3, 0, 3), 2.0 / 20, 1e-9);
    assert_float_equal(fisher_p(0, 3, 2, 5), 1 - 15.0 / 28, 1e-9);
    assert_float_equal(fisher_p(2, 5, 2, 5), 1, 1e-9);
    assert_true(fisher_p(10, 10, 0, 10) < 1.1e-5);
}

/* Half of a row's seeds collapse, on either side: its numbers have two places, where a t that falls
 * on two equal triples would call them different in 3 of 100 tables a row. */
static void a_row_of_two_outcomes_is_compared_by_its_counts(void **unused)
{
    (void)unused;
    struct table *const here = host_alloc(1, sizeof *here), *const there = host_alloc(1, sizeof *there);
    struct against *const a = host_alloc(1, sizeof *a);
    int called = 0, found = 0;
    for (int i = 0; i < TABLES; i++) {
        struct table *const side[] = { here, there };
        for (int k = 0; k < 2; k++) {
            table_draw(side[k], 1 + 20 * k, 3, 0.01, 50);
            for (int r = 0; r < ROWS * 3; r++) {
                struct row_result *const row = &side[k]->row[r / 3];
                const bool dead = uniform() < 0.5;
                row->run[r % 3].state = dead ? RUN_COLLAPSED : RUN_HEALTHY;
                for (const struct measure *m = measures; m->name; m++)
                    row->number[m - measures].mean += dead ? -5 : 0;
            }
        }
        against_compare(a, here, there);
        called += a->differ > 0;
        table_draw(here, 1, 10, 1, 50);
        table_draw(there, 11, 10, 1, 50);
        for (int k = 0; k < 10; k++) here->row[0].run[k].state = RUN_COLLAPSED;
        for (int k = 0; k < 10; k++) there->row[0].run[k].state = RUN_HEALTHY;
        against_compare(a, here, there);
        found += a->cell[0].differs && !a->cell[0].measure;
    }
    assert_true(called < (AGAINST_ERROR + SHARE_ERROR) * TABLES);
    assert_int_equal(found, TABLES);
    free(here);
    free(there);
    free(a);
}

/* Numbers that do not spread: a tenth of a point in an accuracy is what a page shows. */
static void less_than_the_last_digit_is_no_difference(void **unused)
{
    (void)unused;
    assert_true(different((struct draw){ 3, 3, 0, 0, 0.0009 }) == 0);
    assert_true(different((struct draw){ 3, 3, 0, 0, 0.002 }) == 1);       /* the loss shows 0.001 */
}

static void two_seeds_tell_nothing_and_equal_runs_all(void **unused)
{
    (void)unused;
    struct table *const here = host_alloc(1, sizeof *here), *const there = host_alloc(1, sizeof *there);
    struct against *const a = host_alloc(1, sizeof *a);
    table_draw(here, 1, 2, 1, 50);
    table_draw(there, 3, 10, 1, 90);
    against_compare(a, here, there);
    assert_int_equal(a->n, 0);
    assert_int_equal(a->few, (1 << ROWS) - 1);
    assert_false(a->all_same);
    /* Records without a number are all alike. */
    table_draw(there, 1, 10, 1, 50);
    against_compare(a, here, there);
    assert_true(a->all_same);
    assert_int_equal(a->same, 2 * ROWS);
    there->row[3].run[1].linear = 1;
    against_compare(a, here, there);
    assert_false(a->all_same);
    assert_int_equal(a->same, 2 * ROWS - 1);
    there->row[3].run[1].linear = 0;
    here->row[3].run[1].seed = 11;             /* which the other side has not */
    against_compare(a, here, there);
    assert_false(a->all_same);
    /* A row that diverged on one side has no number there. */
    table_draw(here, 1, 3, 1, 50);
    there->row[2].number[0].mean = NAN;
    against_compare(a, here, there);
    assert_int_equal(a->lost, 1 << 2);
    assert_int_equal(a->n, ROWS * 5 - 1);
    free(here);
    free(there);
    free(a);
}

/* One claim of the verdicts here and there. */
static void verdicts_are(struct against *a, enum verdict one, enum verdict other)
{
    struct table *const here = host_alloc(1, sizeof *here), *const there = host_alloc(1, sizeof *there);
    here->e.n_claims = 1;
    here->claim[0].whole.verdict = one;
    there->claim[0].whole.verdict = other;
    against_compare(a, here, there);
    free(here);
    free(there);
}

static void a_verdict_flips_where_both_sides_have_decided(void **unused)
{
    (void)unused;
    struct against *const a = host_alloc(1, sizeof *a);
    verdicts_are(a, VERDICT_HOLDS, VERDICT_FAILS);
    assert_int_equal(a->flipped, 1);
    assert_int_equal(a->one_sided, 0);
    verdicts_are(a, VERDICT_MIXED, VERDICT_HOLDS);
    assert_int_equal(a->flipped, 1);
    verdicts_are(a, VERDICT_INCONCLUSIVE, VERDICT_HOLDS);
    assert_int_equal(a->flipped, 0);
    assert_int_equal(a->one_sided, 1);
    verdicts_are(a, VERDICT_HOLDS, VERDICT_HOLDS);
    assert_int_equal(a->flipped + a->one_sided, 0);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rerun_is_called_different_in_five_of_a_hundred_tables_at_most),
        cmocka_unit_test(a_difference_well_beyond_the_spread_is_found),
        cmocka_unit_test(bounds_are_as_in_the_book),
        cmocka_unit_test(counts_are_compared_exactly),
        cmocka_unit_test(a_row_of_two_outcomes_is_compared_by_its_counts),
        cmocka_unit_test(less_than_the_last_digit_is_no_difference),
        cmocka_unit_test(two_seeds_tell_nothing_and_equal_runs_all),
        cmocka_unit_test(a_verdict_flips_where_both_sides_have_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
