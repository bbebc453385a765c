/* SPDX-License-Identifier: MIT
 *
 * test_claims.c -- each predicate: true, false, open, and not to be decided; and how often a verdict is wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../experiments/claims.h"
#include "../experiments/options.h"

/* Hand arithmetic with a six-digit t. */
#define HAND 1e-5

enum { A, B, C, ROWS };

static int metric_index(const char *name)
{
    int i = 0;
    while (claim_metrics[i] && strcmp(claim_metrics[i], name)) i++;
    assert_non_null(claim_metrics[i]);
    return i;
}

/* Three rows of `n` seeds 1 .. n: linear from `values`, alike in everything else. */
struct bench {
    struct experiment e;
    struct run_record run[ROWS][SEEDS_MAX];
    struct epoch_record curve[ROWS][SEEDS_MAX][4];
    struct row_runs rows[ROWS];
    struct claim claim;
    struct claim_result result;
};

static struct bench *bench_new(int n, const double *a, const double *b)
{
    struct bench *t = host_alloc(1, sizeof *t);
    t->e.n_rows = ROWS;
    for (int row = 0; row < ROWS; row++) {
        snprintf(t->e.row[row].name, sizeof t->e.row[row].name, "%c", "abc"[row]);
        t->rows[row] = (struct row_runs){ t->run[row], n };
        for (int i = 0; i < n; i++) {
            struct run_record *r = &t->run[row][i];
            *r = (struct run_record){ .state = RUN_HEALTHY, .seed = i + 1, .code_hash = "c0de", .data_hash = "da7a",
                                      .machine = "cpu", .curve = t->curve[row][i], .n_curve = 4 };
            r->linear = row == A ? a[i] : row == B ? b[i] : 0;
            for (int e = 0; e < 4; e++)
                t->curve[row][i][e] = (struct epoch_record){ .epoch = e, .monitored = e != 2, .knn = 10 + e };
        }
    }
    return t;
}

static const struct decision *decide(struct bench *t, int n, const struct predicate *part)
{
    t->claim.n = n;
    memcpy(t->claim.part, part, (size_t)n * sizeof *part);
    claim_decide(&t->result, &t->claim, &t->e, t->rows);
    return &t->result.whole;
}

static struct predicate greater(void)
{
    return (struct predicate){ .kind = CLAIM_GREATER, .metric = metric_index("linear"), .row = A, .other = B };
}

static void assert_verdict(const struct decision *d, enum verdict want)
{
    if (d->verdict != want)
        fail_msg("%s (%s), not %s", verdict_names[d->verdict], d->reason, verdict_names[want]);
}

static void assert_near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance)) fail_msg("%.15g, not %.15g", value, want);
}

/* Differences 1, 2, 3: mean 2, std 1, half-width 4.302653 / sqrt(3). */
static void greater_is_the_paired_interval_above_zero(void **state)
{
    (void)state;
    const double a[] = { 11, 52, 33 }, b[] = { 10, 50, 30 };
    struct bench *t = bench_new(3, a, b);
    const struct predicate p = greater();
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_int_equal(d->n, 3);
    assert_near(d->estimate, 2, HAND);
    assert_near(d->low, 2 - 2.4841377, HAND);
    assert_near(d->high, 2 + 2.4841377, HAND);
    /* four seeds: 3.182446 / 2 = 1.59 < 2 */
    assert_non_null(strstr(d->reason, "half-width 2.48; about 4 seeds"));

    t->run[A][0].linear = 11.9;                /* 1.9, 2, 3 */
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    const struct predicate reverse = { CLAIM_GREATER, p.metric, B, A, 0, 0 };
    assert_verdict(decide(t, 1, &reverse), VERDICT_FAILS);
    free(t);
}

static void pairs_are_matched_by_seed_not_by_order(void **state)
{
    (void)state;
    const double a[] = { 11, 52.5, 33 }, b[] = { 10, 51, 32 };
    struct bench *t = bench_new(3, a, b);
    const struct predicate p = greater();
    const struct run_record first = t->run[B][0];
    t->run[B][0] = t->run[B][2];
    t->run[B][2] = first;
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_near(d->estimate, 3.5 / 3, HAND);
    free(t);
}

static void within_is_the_interval_inside_the_band(void **state)
{
    (void)state;
    const double a[] = { 10.1, 10.2, 9.9 }, b[] = { 10, 10, 10 };
    struct bench *t = bench_new(3, a, b);
    struct predicate p = greater();
    p.kind = CLAIM_WITHIN_ROW;
    p.within = 1;
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    p.within = 0.3;
    assert_verdict(decide(t, 1, &p), VERDICT_INCONCLUSIVE);
    p.kind = CLAIM_WITHIN_VALUE;
    p.value = 12;
    p.within = 1;
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_FAILS);
    assert_near(d->estimate, 30.2 / 3 - 12, HAND);
    p.value = 10;
    assert_verdict(decide(t, 1, &p), VERDICT_HOLDS);
    p.value = 8;
    assert_verdict(decide(t, 1, &p), VERDICT_FAILS);
    free(t);
}

static void a_tie_is_not_a_matter_of_seeds(void **state)
{
    (void)state;
    const double a[] = { 5, 5, 5 };
    struct bench *t = bench_new(3, a, a);
    const struct predicate p = greater();
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(d->reason, "on the boundary, where no number of seeds decides"));
    free(t);
}

/* Epoch 0 and the unmonitored epoch 2 hold numbers that would turn the slope. */
static void rises_is_the_slope_over_monitored_epochs_after_the_first(void **state)
{
    (void)state;
    const double none[3] = { 0 };
    struct bench *t = bench_new(3, none, none);
    const struct predicate p = { CLAIM_RISES, metric_index("knn"), A, 0, 0, 0 };
    for (int i = 0; i < 3; i++) {
        t->curve[A][i][0].knn = 1000;
        t->curve[A][i][2].knn = NAN;
        t->curve[A][i][3].knn = 13 + 0.2 * i;  /* slopes 1, 1.1, 1.2 */
    }
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_near(d->estimate, 1.1, HAND);
    for (int i = 0; i < 3; i++) t->curve[A][i][3].knn = 9 - 0.2 * i;
    assert_verdict(decide(t, 1, &p), VERDICT_FAILS);
    t->curve[A][0][3].knn = 15;
    assert_verdict(decide(t, 1, &p), VERDICT_INCONCLUSIVE);
    t->curve[A][0][3].knn = NAN;
    assert_verdict(decide(t, 1, &p), VERDICT_NOT_RUN);
    t->run[A][0].n_curve = 2;                  /* one monitored epoch has no slope */
    assert_verdict(decide(t, 1, &p), VERDICT_NOT_RUN);
    free(t);
}

static void linear_has_no_curve_to_rise(void **state)
{
    (void)state;
    const double a[] = { 1, 2 };
    struct bench *t = bench_new(2, a, a);
    const struct predicate p = { CLAIM_RISES, metric_index("linear"), A, 0, 0, 0 };
    assert_verdict(decide(t, 1, &p), VERDICT_NOT_RUN);
    assert_non_null(strstr(t->result.whole.reason, "a has no linear curve"));
    free(t);
}

static void collapse_counts_seeds(void **state)
{
    (void)state;
    static const enum verdict collapse[] = { VERDICT_FAILS, VERDICT_INCONCLUSIVE, VERDICT_HOLDS },
                              none[] = { VERDICT_HOLDS, VERDICT_INCONCLUSIVE, VERDICT_FAILS };
    const double a[] = { 1, 2 };
    struct bench *t = bench_new(2, a, a);
    const struct predicate p = { CLAIM_COLLAPSE, 0, A, 0, 0, 0 }, q = { CLAIM_NO_COLLAPSE, 0, A, 0, 0, 0 };
    for (int dead = 0; dead <= 2; dead++) {
        for (int i = 0; i < dead; i++) t->run[A][i].state = RUN_COLLAPSED;
        assert_verdict(decide(t, 1, &p), collapse[dead]);
        assert_near(t->result.whole.estimate, dead / 2.0, 0);
        assert_verdict(decide(t, 1, &q), none[dead]);
    }
    free(t);
}

static void one_seed_decides_a_collapse_and_nothing_else(void **state)
{
    (void)state;
    const double a[] = { 90 }, b[] = { 10 };
    struct bench *t = bench_new(1, a, b);
    const struct predicate p = greater(), q = { CLAIM_NO_COLLAPSE, 0, A, 0, 0, 0 };
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_near(d->estimate, 80, 0);
    assert_true(isnan(d->low) && isnan(d->high));
    assert_string_equal(d->reason, "one seed decides nothing");
    assert_verdict(decide(t, 1, &q), VERDICT_HOLDS);
    free(t);
}

static void assert_not_run(struct bench *t, const char *why)
{
    const struct predicate p = greater();
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_NOT_RUN);
    assert_int_equal(d->n, 0);
    assert_string_equal(d->reason, why);
}

static void runs_that_cannot_be_compared_are_not(void **state)
{
    (void)state;
    const double a[] = { 11, 21, 31 }, b[] = { 10, 20, 30 };
    struct bench *t = bench_new(3, a, b);
    t->rows[B].n = 0;
    assert_not_run(t, "b is not run");
    t->rows[B].n = 2;
    assert_not_run(t, "a and b have different seeds");
    t->rows[B].n = 3;
    t->run[B][2].seed = 4;
    assert_not_run(t, "a and b have different seeds");
    t->run[B][2].seed = 1;
    assert_not_run(t, "b has seed 1 twice");
    t->run[B][2].seed = 3;
    strcpy(t->run[B][2].code_hash, "0ther");
    assert_not_run(t, "runs of different code (c0de, 0ther)");
    strcpy(t->run[B][2].code_hash, "c0de");
    strcpy(t->run[A][1].data_hash, "0ther");
    assert_not_run(t, "runs on different data (da7a, 0ther)");
    strcpy(t->run[A][1].data_hash, "da7a");
    strcpy(t->run[B][0].machine, "cuda");
    assert_not_run(t, "runs on different machines (cpu, cuda)");
    strcpy(t->run[B][0].machine, "cpu");
    t->run[A][1].linear = NAN;
    assert_not_run(t, "a or b has no linear (seed 2)");
    t->run[A][1].state = RUN_DIVERGED;
    assert_not_run(t, "a diverged (seed 2)");
    free(t);
}

static void diverged_row_neither_collapsed_nor_stayed_healthy(void **state)
{
    (void)state;
    const double a[] = { 1, 2 };
    struct bench *t = bench_new(2, a, a);
    t->run[A][1].state = RUN_DIVERGED;
    const struct predicate p = { CLAIM_COLLAPSE, 0, A, 0, 0, 0 }, q = { CLAIM_NO_COLLAPSE, 0, A, 0, 0, 0 };
    assert_verdict(decide(t, 1, &p), VERDICT_NOT_RUN);
    assert_verdict(decide(t, 1, &q), VERDICT_NOT_RUN);
    free(t);
}

static void conjunction_holds_if_all_do_and_shows_what_is_decided(void **state)
{
    (void)state;
    const double a[] = { 11, 21, 31.1 }, b[] = { 10, 20, 30 };
    struct bench *t = bench_new(3, a, b);
    struct predicate p[] = { greater(), { CLAIM_NO_COLLAPSE, 0, C, 0, 0, 0 } };
    assert_verdict(decide(t, 2, p), VERDICT_HOLDS);
    assert_int_equal(t->result.whole.n, 3);
    t->run[C][0].state = RUN_COLLAPSED;
    assert_verdict(decide(t, 2, p), VERDICT_INCONCLUSIVE);
    t->run[C][1].state = t->run[C][2].state = RUN_COLLAPSED;
    assert_verdict(decide(t, 2, p), VERDICT_FAILS);
    t->rows[C].n = 0;
    assert_verdict(decide(t, 2, p), VERDICT_NOT_RUN);
    assert_verdict(&t->result.part[0], VERDICT_HOLDS);
    assert_verdict(&t->result.part[1], VERDICT_NOT_RUN);
    assert_string_equal(t->result.whole.reason, "1 of 2 parts hold");
    free(t);
}

/* Differences -1, -2.2, -2.2: mean -1.8, half-width 1.72 at 95 % and 2.48 at 97.5 %. */
static void failure_of_a_part_is_corrected_for_their_number(void **state)
{
    (void)state;
    const double a[] = { 9, 18, 28 }, b[] = { 10, 20.2, 30.2 };
    struct bench *t = bench_new(3, a, b);
    struct predicate p[] = { greater(), { CLAIM_NO_COLLAPSE, 0, C, 0, 0, 0 } };
    assert_verdict(decide(t, 1, p), VERDICT_FAILS);
    assert_verdict(decide(t, 2, p), VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(t->result.part[0].reason, "not corrected"));
    free(t);
}

/* ---- calibration: how often is a verdict wrong?  A fixed generator, the same code as above. ---- */

static double uniform(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return ((double)((x ^ x >> 31) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(2 * acos(-1) * uniform(state));
}

enum { TRIALS = 2000 };

/* A is `shift` above B, in standard deviations of the paired difference; seeds shift both rows alike.  Returns the
 * rates of the verdicts. */
static void simulate(double rate[4], int seeds, double shift, int n, const struct predicate *p, uint64_t *random)
{
    const double zero[SEEDS_MAX] = { 0 };
    struct bench *t = bench_new(seeds, zero, zero);
    int count[4] = { 0 };
    for (int trial = 0; trial < TRIALS; trial++) {
        for (int i = 0; i < seeds; i++) {
            const double common = 50 + 5 * normal(random);
            t->run[A][i].linear = common + shift + normal(random) / sqrt(2);
            t->run[B][i].linear = common + normal(random) / sqrt(2);
        }
        count[decide(t, n, p)->verdict]++;
    }
    for (int v = 0; v < 4; v++) rate[v] = (double)count[v] / TRIALS;
    free(t);
}

static void wrong_verdicts_are_at_most_five_percent(void **state)
{
    (void)state;
    static const double shifts[] = { 0.5, 1, 2, 3, 5 };
    static const int seeds[] = { 3, 5 };
    uint64_t random = 1;
    double rate[4];
    struct predicate above = greater(), within = greater(), both[2];
    within.kind = CLAIM_WITHIN_ROW;
    within.within = 2;
    both[0] = both[1] = above;
    both[1].row = B, both[1].other = A;
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
            simulate(rate, seeds[s], shifts[i], 1, &above, &random);
            printf("%d seeds, A - B = %.1f std: holds %.3f, fails %.3f\n", seeds[s], shifts[i], rate[0], rate[1]);
            assert_true(rate[VERDICT_FAILS] <= 0.05);
            simulate(rate, seeds[s], -shifts[i], 1, &above, &random);
            assert_true(rate[VERDICT_HOLDS] <= 0.05);
        }
        simulate(rate, seeds[s], 0, 1, &above, &random);
        assert_true(rate[VERDICT_HOLDS] <= 0.05 && rate[VERDICT_FAILS] <= 0.05);
        simulate(rate, seeds[s], 2.01, 1, &within, &random);
        assert_true(rate[VERDICT_HOLDS] <= 0.05);
        simulate(rate, seeds[s], 1.99, 1, &within, &random);
        assert_true(rate[VERDICT_FAILS] <= 0.05);
        /* A = B makes both parts just false; together they may be called false in 5 % by either tail. */
        simulate(rate, seeds[s], 0, 2, both, &random);
        assert_true(rate[VERDICT_HOLDS] == 0 && rate[VERDICT_FAILS] <= 0.05);
    }
    /* What three seeds can see, and that more see more. */
    simulate(rate, 3, 5, 1, &above, &random);
    assert_true(rate[VERDICT_HOLDS] > 0.9);
    simulate(rate, 5, 2, 1, &above, &random);
    assert_true(rate[VERDICT_HOLDS] > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greater_is_the_paired_interval_above_zero),
        cmocka_unit_test(pairs_are_matched_by_seed_not_by_order),
        cmocka_unit_test(within_is_the_interval_inside_the_band),
        cmocka_unit_test(a_tie_is_not_a_matter_of_seeds),
        cmocka_unit_test(rises_is_the_slope_over_monitored_epochs_after_the_first),
        cmocka_unit_test(linear_has_no_curve_to_rise),
        cmocka_unit_test(collapse_counts_seeds),
        cmocka_unit_test(one_seed_decides_a_collapse_and_nothing_else),
        cmocka_unit_test(runs_that_cannot_be_compared_are_not),
        cmocka_unit_test(diverged_row_neither_collapsed_nor_stayed_healthy),
        cmocka_unit_test(conjunction_holds_if_all_do_and_shows_what_is_decided),
        cmocka_unit_test(failure_of_a_part_is_corrected_for_their_number),
        cmocka_unit_test(wrong_verdicts_are_at_most_five_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
