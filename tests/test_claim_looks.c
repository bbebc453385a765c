/* SPDX-License-Identifier: MIT
 *
 * test_claim_looks.c -- when a claim is decided: a state's lead of three, a number's looks, and the
 * signs of a row of two outcomes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "claim_rows.h"

/* ---- states: a lead of three ----------------------------------------------------------------- */

static void a_state_is_decided_by_a_lead_of_three(void **state)
{
    (void)state;
    static const struct { const char *seeds; enum verdict collapse, none; int n; const char *reason; }
        cases[] = {
        { "CCC", VERDICT_HOLDS, VERDICT_FAILS, 3, "3 of 3 seeds collapsed" },
        { "hhh", VERDICT_FAILS, VERDICT_HOLDS, 3, "0 of 3 seeds collapsed" },
        { "C", VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, 1,
          "1 of 1 seeds collapsed; a lead of 3 decides: 2 more seeds at least" },
        { "hh", VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, 2,
          "0 of 2 seeds collapsed; a lead of 3 decides: 1 more seed at least" },
        { "CCh", VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, 3,
          "2 of 3 seeds collapsed; a lead of 3 decides: 2 more seeds at least" },
        { "CChCC", VERDICT_HOLDS, VERDICT_FAILS, 5, "4 of 5 seeds collapsed" },
        /* the first lead of three stands, whatever comes later */
        { "hhhCCCCCCCCCCCC", VERDICT_FAILS, VERDICT_HOLDS, 3, "0 of 3 seeds collapsed" },
        { "ChChChChChChChC", VERDICT_MIXED, VERDICT_MIXED, 15,
          "8 of 15 seeds collapsed; no lead of 3 within 15 seeds" },
        { "ChChChChChChChCCCC", VERDICT_MIXED, VERDICT_MIXED, 15,
          "8 of 15 seeds collapsed; no lead of 3 within 15 seeds" },
        { "ChChChChChChCCC", VERDICT_HOLDS, VERDICT_FAILS, 15, "9 of 15 seeds collapsed" },
        { "CCn", VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, 3,
          "2 of 2 seeds collapsed; a lead of 3 decides: 1 more seed at least; "
          "1 near the threshold, for neither side" },
        { "CCnC", VERDICT_HOLDS, VERDICT_FAILS, 4,
          "3 of 3 seeds collapsed; 1 near the threshold, for neither side" },
        { "nnn", VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, 3,
          "0 of 0 seeds collapsed; a lead of 3 decides: 3 more seeds at least; "
          "3 near the threshold, for neither side" },
    };
    const struct predicate p = state_of(CLAIM_COLLAPSE, 1 << A),
                           q = state_of(CLAIM_NO_COLLAPSE, 1 << A);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *t = bench_states(cases[i].seeds);
        const struct decision *d = decide(t, 1, &p);
        assert_verdict(d, cases[i].collapse);
        assert_string_equal(d->reason, cases[i].reason);
        assert_int_equal(d->n, cases[i].n);
        assert_true(d->verdict == VERDICT_INCONCLUSIVE ? isnan(d->error) : d->error == STATE_ERROR);
        assert_verdict(decide(t, 1, &q), cases[i].none);
        free(t);
    }
}

static void states_walk_seeds_in_ascending_order(void **state)
{
    (void)state;
    struct bench *t = bench_states("hhhhCCC");
    for (int i = 0; i < 7; i++) t->run[A][i].seed = 70 - 10 * i;           /* C C C h h h h */
    const struct predicate p = state_of(CLAIM_COLLAPSE, 1 << A);
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    t->run[A][0].state = RUN_DIVERGED;         /* seed 70, behind the decision */
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    t->run[A][5].state = RUN_DIVERGED;         /* seed 20, before it */
    assert_verdict(decide(t, 1, &p), VERDICT_NOT_RUN);
    free(t);
}

static void one_seed_decides_nothing(void **state)
{
    (void)state;
    const double a[] = { 90 }, b[] = { 10 };
    struct bench *t = bench_linear(1, a, b);
    const struct predicate p = greater();
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_near(d->estimate, 80, 0);
    assert_true(isnan(d->low) && isnan(d->high) && isnan(d->p) && d->look == 0);
    assert_string_equal(d->reason, "decided at 3 seeds; a has no seed 2");
    const struct predicate each = each_within(1, 1 << A | 1 << C);
    assert_verdict(decide(t, 1, &each), VERDICT_INCONCLUSIVE);
    free(t);
}

/* ---- looks ----------------------------------------------------------------------------------- */

/* Differences 1, 1.1, 0.9 hold at three seeds; -1 and less behind them would fail at five. */
static void the_first_look_that_decides_stands(void **state)
{
    (void)state;
    const double a[] = { 11, 21.1, 30.9, 36, 45, 50 }, b[] = { 10, 20, 30, 40, 50, 60 };
    const struct predicate p = greater();
    for (int n = 3; n <= 6; n++) {
        struct bench *t = bench_linear(n, a, b);
        t->e.looks = (struct looks){ 2, { 3, 5 }, { 0.025, 0.025 } };
        const struct decision *d = decide(t, 1, &p);
        assert_verdict(d, VERDICT_HOLDS);
        assert_true(d->look == 3 && d->n == 3);
        assert_near(d->estimate, 1, HAND);
        assert_near(d->high - 1, 6.205347 * 0.1 / sqrt(3), HAND);         /* t of 97.5 % */
        assert_string_equal(d->reason, n == 3 ? "" : "by seeds 1 to 3");
        free(t);
    }
}

/* Differences 1, 2, 3 are open at three seeds, and hold with three more of 2. */
static void between_looks_the_last_one_is_what_stands(void **state)
{
    (void)state;
    const double a[] = { 11, 52, 33, 4, 5, 6 }, b[] = { 10, 50, 30, 2, 3, 4 };
    const struct predicate p = greater();
    struct bench *t = bench_linear(6, a, b);
    t->e.looks = (struct looks){ 2, { 3, 6 }, { 0.04, 0.01 } };
    t->rows[A].n = t->rows[B].n = 5;
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_true(d->n == 3 && d->look == 3);
    assert_near(d->estimate, 2, HAND);
    assert_string_equal(d->reason, "half-width 2.8; decided next at 6 seeds; by seeds 1 to 3");
    t->rows[A].n = t->rows[B].n = 6;
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_near(d->error, 0.01, 0);
    t->e.looks.n = 1;                          /* no later look: six seeds say what three did */
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_int_equal(d->n, 3);
    t->e.looks.n = 0;
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_string_equal(d->reason, "the scale declares no looks");
    free(t);
}

static void other_seeds_than_those_of_the_look_decide_nothing(void **state)
{
    (void)state;
    const double a[] = { 11, 21, 31.1 }, b[] = { 10, 20, 30 };
    const struct predicate p = greater();
    struct bench *t = bench_linear(3, a, b);
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    for (int i = 0; i < 3; i++) t->run[A][i].seed = t->run[B][i].seed = i + 2;
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_int_equal(d->n, 3);
    assert_string_equal(d->reason, "decided at 3 seeds; a has no seed 1");
    free(t);
}

/* ---- numbers of a row of two outcomes -------------------------------------------------------- */

static void a_number_on_a_mixed_row_needs_the_sign_test(void **state)
{
    (void)state;
    double a[7], b[7];
    for (int i = 0; i < 7; i++) {
        b[i] = 10 * i;
        a[i] = b[i] + 2 + 0.1 * i;
    }
    const struct predicate p = greater();
    struct bench *t = bench_linear(3, a, b);
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    t->run[B][1].state = RUN_COLLAPSED;
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_string_equal(d->reason, "b is mixed, 1 of 3 seeds collapsed; the sign test does not agree, "
                                   "p 0.25");
    assert_near(d->p, 0.25, 0);
    for (int i = 0; i < 3; i++) t->run[B][i].state = RUN_COLLAPSED;        /* of one outcome */
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    free(t);

    t = bench_linear(7, a, b);                 /* the seventh seed is behind the look */
    t->e.looks = (struct looks){ 1, { 6 }, { 0.05 } };
    t->run[B][1].state = RUN_COLLAPSED;
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);          /* 2 / 2^6 */
    assert_near(d->p, 0.03125, 0);
    t->run[A][2].linear = b[2] - 0.1;          /* 5 of 6 signs, and t would still hold */
    d = decide(t, 1, &p);
    assert_true(d->low > 0);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    t->run[B][1].state = RUN_HEALTHY;
    t->run[B][6].state = RUN_COLLAPSED;
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    t->run[A][2].linear = a[2];
    t->run[B][1].state = RUN_COLLAPSED;
    t->e.looks.error[0] = 0.03;                /* six signs are not enough for this look */
    assert_verdict(decide(t, 1, &p), VERDICT_INCONCLUSIVE);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_decided_by_a_lead_of_three),
        cmocka_unit_test(states_walk_seeds_in_ascending_order),
        cmocka_unit_test(one_seed_decides_nothing),
        cmocka_unit_test(the_first_look_that_decides_stands),
        cmocka_unit_test(between_looks_the_last_one_is_what_stands),
        cmocka_unit_test(other_seeds_than_those_of_the_look_decide_nothing),
        cmocka_unit_test(a_number_on_a_mixed_row_needs_the_sign_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
