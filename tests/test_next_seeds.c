/* SPDX-License-Identifier: MIT
 *
 * test_next_seeds.c -- which runs a claim waits for: what a lead or a look lacks, and nothing where no
 * seed can decide.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "claim_rows.h"
#include "../experiments/suite/next_seeds.h"

/* "a4 b4 a5": what the claim of these parts waits for, in fresh memory. */
static char *wanted(struct bench *t, int n, const struct predicate *part)
{
    struct wanted list[WANTED_MAX];
    decide(t, n, part);
    const int runs = claim_next_seeds(list, &t->claim, &t->result, &t->e, t->rows);
    char *text = text_format("%s", "");
    for (int i = 0; i < runs; i++) {
        char *const longer = text_format("%s%s%c%d", text, i ? " " : "", "abcd"[list[i].row],
                                         list[i].seed);
        free(text);
        text = longer;
    }
    return text;
}

static void assert_wanted(struct bench *t, int n, const struct predicate *part, const char *right)
{
    char *const text = wanted(t, n, part);
    assert_string_equal(text, right);
    free(text);
}

/* Seeds 1 .. of row a: C collapsed, H healthy, N near the threshold, D diverged. */
static void states_set(struct bench *t, int row, const char *states)
{
    t->rows[row].n = (int)strlen(states);
    for (int i = 0; states[i]; i++) {
        struct run_record *const r = &t->run[row][i];
        r->state = states[i] == 'C' ? RUN_COLLAPSED : states[i] == 'D' ? RUN_DIVERGED : RUN_HEALTHY;
        r->last.std_sqrtd = states[i] == 'C' ? 0.01 : states[i] == 'N' ? 0.5 : 0.95;
        r->last.view_share_standard = states[i] == 'N' ? 0.44 : 0.2;
        r->seed = i + 1;
    }
}

static void a_state_waits_for_what_its_lead_lacks(void **state)
{
    (void)state;
    const struct { const char *states, *wanted; } cases[] = {
        { "", "a1 a2 a3" }, { "C", "a2 a3" }, { "CC", "a3" }, { "CCC", "" }, { "HHH", "" },
        { "CH", "a3 a4 a5" }, { "CHC", "a4 a5" }, { "CCHC", "a5" }, { "CCN", "a4" },
        { "CHCHCHCHCHCHC", "a14 a15" },        /* 13, led by one: at 15 it is mixed */
        { "CHCHCHCHCHCHCH", "a15" }, { "CHCHCHCHCHCHCHC", "" },
    };
    struct bench *const t = bench_new(0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        states_set(t, A, cases[k].states);
        assert_wanted(t, 1, &(struct predicate){ .kind = CLAIM_COLLAPSE, .rows = 1 },
                      cases[k].wanted);
    }
    free(t);
}

static void each_row_has_its_own_walk(void **state)
{
    (void)state;
    struct bench *const t = bench_new(0);
    states_set(t, A, "CCC");
    states_set(t, B, "CC");
    states_set(t, C, "CH");
    const struct predicate all = { .kind = CLAIM_COLLAPSE, .rows = 7 };
    assert_wanted(t, 1, &all, "b3 c3 c4 c5");
    states_set(t, C, "HHH");                   /* it fails, whatever b does */
    assert_wanted(t, 1, &all, "");
    free(t);
}

static void a_number_waits_for_the_next_look(void **state)
{
    (void)state;
    const struct predicate above = { .kind = CLAIM_GREATER, .metric = metric_of("linear"),
                                     .other_metric = metric_of("linear"), .row = A, .other = B };
    struct bench *const t = bench_new(3);
    t->e.looks = (struct looks){ 2, { 3, 5 }, { 0.025, 0.025 } };
    for (int i = 0; i < 3; i++) t->run[A][i].linear = i == 1 ? 90 : 10;
    assert_wanted(t, 1, &above, "a4 b4 a5 b5");
    t->rows[B].n = 2;
    assert_wanted(t, 1, &above, "b3");         /* before the first look */
    t->rows[B].n = 3;
    t->e.looks.n = 1;
    assert_wanted(t, 1, &above, "");           /* none comes */
    t->e.looks.n = 0;
    assert_wanted(t, 1, &above, "");
    t->e.looks.n = 2;
    for (int i = 0; i < 3; i++) t->run[A][i].linear = 50 + 0.1 * i;
    assert_wanted(t, 1, &above, "");           /* it holds */
    free(t);
}

static void nothing_is_wanted_where_no_seed_can_decide(void **state)
{
    (void)state;
    const struct predicate both = { .kind = CLAIM_COLLAPSE, .rows = 3 };
    struct bench *const t = bench_new(0);
    states_set(t, A, "CC");
    states_set(t, B, "C");
    assert_wanted(t, 1, &both, "b2 a3 b3");
    snprintf(t->e.row[B].not_run, sizeof t->e.row[B].not_run, "too large");
    assert_wanted(t, 1, &both, "");
    /* but what is said of every row is said of those that can run */
    assert_wanted(t, 1, &(struct predicate){ .kind = CLAIM_COLLAPSE, .rows = 3, .every = true },
                  "a3");
    *t->e.row[B].not_run = '\0';
    states_set(t, B, "D");
    assert_wanted(t, 1, &both, "");
    assert_wanted(t, 1, &(struct predicate){ .kind = CLAIM_DIVERGED, .rows = 2 }, "b2 b3");
    free(t);
}

static void what_is_decided_of_a_conjunction_wants_nothing(void **state)
{
    (void)state;
    struct bench *const t = bench_new(0);
    states_set(t, A, "CCC");
    states_set(t, B, "HH");
    const struct predicate parts[] = { { .kind = CLAIM_COLLAPSE, .rows = 1 },
                                       { .kind = CLAIM_NO_COLLAPSE, .rows = 2 } };
    assert_wanted(t, 2, parts, "b3");
    free(t);
}

static void noise_wants_the_baseline_of_the_same_seeds(void **state)
{
    (void)state;
    struct bench *const t = bench_new(0);
    t->e.baseline = B;
    states_set(t, A, "H");
    assert_wanted(t, 1, &(struct predicate){ .kind = CLAIM_UNSTABLE, .rows = 1 },
                  "b1 a2 b2 a3 b3");
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_waits_for_what_its_lead_lacks),
        cmocka_unit_test(each_row_has_its_own_walk),
        cmocka_unit_test(a_number_waits_for_the_next_look),
        cmocka_unit_test(nothing_is_wanted_where_no_seed_can_decide),
        cmocka_unit_test(what_is_decided_of_a_conjunction_wants_nothing),
        cmocka_unit_test(noise_wants_the_baseline_of_the_same_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
