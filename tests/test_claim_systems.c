/* SPDX-License-Identifier: MIT
 *
 * test_claim_systems.c -- claims on systems of several rows (`at 100`, `each other`, `gain`,
 * `drop`), on curves (`above`), and of some scales alone: how they are read, what they come to.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_files.h"
#include "claim_rows.h"

/* ---- how they are read ----------------------------------------------------------------------- */

#define SYSTEMS "rows: [{ name: a-1 }, { name: b-1 }, { name: a-8 }, { name: b-8 }, { name: c }]\n"
enum { A_1, B_1, A_8, B_8 };

static void files_put(const char *text, const char *more)
{
    char *x = text_format(SYSTEMS "claims:\n  n: \"%s\"\n", text);
    char *p = text_format("n: { section: s, says: s, table: x, predicate: \"%s\"%s }\n", text, more);
    file_put("x.yaml", x);
    file_put("scale/s.yaml", scale);
    file_put("paper.yaml", p);
    free(x);
    free(p);
}

static const struct claim *claim_load(const char *text, const char *more)
{
    files_put(text, more);
    char *path = text_format("%s/x.yaml", folder);
    experiment_load(&experiment, path, "s");
    free(path);
    return &experiment.claim[0];
}

static void a_row_at_a_length_is_named_by_both(void **state)
{
    (void)state;
    const struct claim *c = claim_load("linear a > b at 1, 8; no collapse c", "");
    assert_int_equal(c->n, 3);
    assert_int_equal(c->part[0].row, A_1);
    assert_int_equal(c->part[0].other, B_1);
    assert_int_equal(c->part[1].row, A_8);
    assert_int_equal(c->part[1].other, B_8);
    assert_int_equal(c->part[2].kind, CLAIM_NO_COLLAPSE);
    assert_string_equal(c->part[0].text, "linear a > b at 1");
    assert_string_equal(c->part[1].text, "linear a > b at 8");
    assert_string_equal(c->part[2].text, "no collapse c");
    c = claim_load("collapse in every row at 8; knn of each within 2 of a at 1", "");
    assert_int_equal(c->part[0].rows, 1 << A_8 | 1 << B_8);
    assert_int_equal(c->part[1].rows, 1 << B_1);
}

static void each_other_is_every_other_row_of_the_length(void **state)
{
    (void)state;
    const struct claim *c = claim_load("linear a > each other at 8; linear c > each other", "");
    assert_int_equal(c->part[0].kind, CLAIM_EACH_LESS);
    assert_true(c->part[0].every && c->part[0].rows == 1 << B_8 && c->part[0].other == A_8);
    assert_int_equal(c->part[1].rows, 15);
}

/* A system that the paper does not have changes no statement of the paper. */
static void each_other_is_of_what_the_statement_reports(void **state)
{
    (void)state;
    const struct claim *c = claim_load("linear c > each other; linear a > each other at 8",
                                       ", reported: { a-1: 1, a-8: 2, b-8: 3, c: 4 }");
    assert_int_equal(c->part[0].rows, 1 << A_1 | 1 << A_8 | 1 << B_8);
    assert_int_equal(c->part[1].rows, 1 << B_8);
    c = claim_load("gain 1 to 8 of a < each other's", ", reported: { a: 1, c: 2 }");
    assert_int_equal(c->part[0].rows, 0);      /* by its system's name; b is not there */
    c = claim_load("gain 1 to 8 of a < each other's", ", reported: { a: 1, b: 2 }");
    assert_int_equal(c->part[0].rows, 1 << B_8);
}

static void a_change_knows_where_it_starts(void **state)
{
    (void)state;
    const struct claim *c = claim_load("gain 1 to 8 of a < each other's; collapse c", "");
    assert_int_equal(c->part[0].kind, CLAIM_EACH_GREATER);
    assert_true(c->part[0].change && c->part[0].every && c->part[0].rows == 1 << B_8);
    assert_int_equal(c->part[0].other, A_8);
    assert_int_equal(c->part[0].start[A_8], A_1);
    assert_int_equal(c->part[0].start[B_8], B_1);
    assert_int_equal(predicate_rows(&c->part[0]), 15);
    assert_int_equal(c->part[1].rows, 1 << 4);                  /* `c` by itself again */
    c = claim_load("drop from batch 8 to 1: a > b; b > a", "");
    assert_int_equal(c->n, 2);
    assert_int_equal(c->part[0].kind, CLAIM_GREATER);           /* b has gained more */
    assert_true(c->part[0].change && c->part[0].row == B_1 && c->part[0].other == A_1);
    assert_int_equal(c->part[0].start[B_1], B_8);
    assert_int_equal(c->part[1].row, A_1);
    assert_string_equal(c->part[1].text, "drop from batch 8 to 1: b > a");
}

static void a_curve_has_a_bound_and_a_number_an_end(void **state)
{
    (void)state;
    const struct claim *c = claim_load("knn c within 1.5 of 90.1 at the end; knn c above 60 from "
                                       "epoch 50 on", "");
    assert_int_equal(c->part[0].kind, CLAIM_WITHIN_VALUE);
    assert_true(c->part[0].value == 90.1);
    assert_int_equal(c->part[1].kind, CLAIM_ABOVE);
    assert_true(c->part[1].value == 60 && c->part[1].epoch == 50);
}

struct wrong { const char *claim, *message; };

static void what_does_not_parse_is_placed(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { "linear a > b at", "x.yaml:3:22: at what? What the names of rows end in: at 100, 200\n" },
        { "linear a > b at 1,", "x.yaml:3:25: at what? What the names of rows end in: at 100, 200\n" },
        { "linear a > b at 1 8", "x.yaml:3:25: 8 is too much; a `;` or nothing\n" },
        { "linear a > b at 2", "x.yaml:3:14: no row a-2; did you mean a-1?\n" },
        { "linear a > c at 1", "x.yaml:3:18: no row c-1; did you mean a-1?\n" },
        { "linear a > b at 1, 8, 1, 8, 1", "x.yaml:3:7: more than 4 parts; split the claim\n" },
        { "linear c > each", "x.yaml:3:22: `other` is missing: METRIC ROW > each other\n" },
        { "not linear c > each other",
          "x.yaml:3:7: `not` of each other is of no single row; name two rows\n" },
        { "gain 1 to 1 of a < each other's", "x.yaml:3:17: from 1 to itself; two of them\n" },
        { "gain 1 to", "x.yaml:3:16: to what? gain LENGTH to LENGTH of ROW < each other's\n" },
        { "gain 1 to 8 of c < each other's", "x.yaml:3:22: no row c-8; did you mean a-8?\n" },
        { "gain 1 to 8 of a > each other's",
          "x.yaml:3:24: `<` is missing: gain LENGTH to LENGTH of ROW < each other's\n" },
        { "gain 1 to 8 of a < each other's at 8", "x.yaml:3:39: at is too much; a `;` or nothing\n" },
        { "drop from batch 8 to 1 a > b",
          "x.yaml:3:30: `:` is missing: drop from batch B to B: ROW > ROW\n" },
        { "drop from batch 8 to 1: a > a", "x.yaml:3:31: a row against itself; name two rows\n" },
        { "drop from batch 8 to 1: a > c", "x.yaml:3:35: no row c-1; did you mean a-1?\n" },
        { "drop from batch 8 to 1: not a > b",
          "x.yaml:3:31: `not` of a drop; say the other row's drop\n" },
        { "knn c within 1 of 3 at the start",
          "x.yaml:3:34: `end` is missing: METRIC ROW within X of VALUE at the end\n" },
        { "linear c above 60 from epoch 5 on",
          "x.yaml:3:7: linear is measured at the end alone; a metric with a curve, like knn\n" },
        { "knn c above x from epoch 5 on", "x.yaml:3:19: above x; above a number\n" },
        { "knn c above 60 from epoch 0 on",
          "x.yaml:3:33: from epoch 0; a whole number from 1\n" },
        { "knn c above 60 from epoch 5",
          "x.yaml:3:34: `on` is missing: METRIC ROW above X from epoch N on\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *x = text_format(SYSTEMS "claims:\n  n: \"%s\"\n", cases[i].claim);
        char *p = text_format("n: { section: s, says: s, table: x, predicate: \"%s\" }\n",
                              cases[i].claim);
        assert_string_equal(mistakes(x, scale, p), cases[i].message);
        free(x);
        free(p);
    }
}

static void every_system_of_a_gain_has_both_lengths(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("rows: [{ name: a-1 }, { name: a-8 }, { name: b-8 }]\n"
                 "claims: { n: \"gain 1 to 8 of a < each other's\" }\n",
                 scale, "n: { section: s, says: s, table: x, predicate: \"gain 1 to 8 of a < each "
                        "other's\" }\n"),
        "x.yaml:2:20: b has no row at 1; every system needs both\n");
}

/* ---- of some scales -------------------------------------------------------------------------- */

static void a_statement_of_other_scales_is_not_run_here(void **state)
{
    (void)state;
    const struct claim *c = claim_load("linear c > a-1; no collapse c", ", scales: [s]");
    assert_string_equal(c->elsewhere, "");
    file_put("scale/t.yaml", scale);
    c = claim_load("linear c > a-1; no collapse c", ", scales: [t]");
    assert_string_equal(c->elsewhere, "the paper says it of scale t");
    struct bench *t = bench_new(3);
    t->e = experiment;
    claim_decide(&t->result, c, &experiment, t->rows);
    assert_verdict(&t->result.whole, VERDICT_NOT_RUN);
    assert_string_equal(t->result.part[1].reason, "the paper says it of scale t");
    free(t);
    char *path = text_format("%s/scale/t.yaml", folder);
    assert_int_equal(remove(path), 0);
    free(path);
}

static void scales_are_files(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { "[ss]", "paper.yaml:1:73: scales: no scale ss; did you mean s?\n" },
        { "[other]", "paper.yaml:1:73: scales: no scale other; name a file of scale/\n" },
        { "s", "paper.yaml:1:72: scales: a list of scales is wanted, like [cifar10]\n" },
        { "[]", "paper.yaml:1:72: scales: a list of scales is wanted, like [cifar10]\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *p = text_format("n: { section: s, says: s, table: x, predicate: linear c > a-1, "
                              "scales: %s }\n", cases[i].claim);
        assert_string_equal(mistakes(SYSTEMS "claims: { n: linear c > a-1 }\n", scale, p),
                            cases[i].message);
        free(p);
    }
}

/* ---- what they come to: by hand -------------------------------------------------------------- */

/* `linear a > each other`, of b, c and d. */
static struct predicate each_less(void)
{
    const uint32_t others = 1 << B | 1 << C | 1 << D;
    return (struct predicate){ .kind = CLAIM_EACH_LESS, .metric = metric_of("linear"), .other = A,
                               .rows = others, .every = true };
}

static void linear_put(struct bench *t, int row, double x, double y, double z)
{
    t->run[row][0].linear = x;
    t->run[row][1].linear = y;
    t->run[row][2].linear = z;
}

static void each_other_is_below_or_one_is_not(void **state)
{
    (void)state;
    struct bench *t = bench_new(3);
    const struct predicate p = each_less();
    linear_put(t, A, 50, 60, 70);
    linear_put(t, B, 48, 58.1, 68);            /* 2, 1.9, 2 below */
    linear_put(t, C, 40, 50.1, 60);
    linear_put(t, D, 30, 40.1, 50);
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_near(d->estimate, 5.9 / 3, HAND);   /* of the nearest */
    assert_string_equal(d->reason, "3 of 3 rows below; shown: b");
    linear_put(t, C, 51, 62, 73);              /* 1, 2, 3 above: half-width 2.48 of mean 2 */
    assert_verdict(decide(t, 1, &p), VERDICT_INCONCLUSIVE);
    linear_put(t, C, 52, 62.2, 72.4);          /* 2, 2.2, 2.4: .50 at 95 %, .88 at a third */
    assert_verdict(decide(t, 1, &p), VERDICT_FAILS);
    linear_put(t, C, 51, 61.4, 71.8);          /* 1, 1.4, 1.8: .99 at 95 %, 1.76 at a third */
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(d->reason, "outside, but not corrected"));
    snprintf(t->e.row[C].not_run, sizeof t->e.row[C].not_run, "too few images");
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_non_null(strstr(d->reason, "not run at this scale: c"));
    free(t);
}

/* a grows from c, b from d. */
static struct predicate change(enum predicate_kind kind)
{
    struct predicate p = { .kind = kind, .metric = metric_of("linear"),
                           .other_metric = metric_of("linear"), .row = B, .other = A,
                           .rows = kind == CLAIM_EACH_GREATER ? 1 << B : 0, .change = true,
                           .every = kind == CLAIM_EACH_GREATER };
    p.start[A] = C;
    p.start[B] = D;
    return p;
}

static void a_change_is_paired_by_seed_over_four_rows(void **state)
{
    (void)state;
    struct bench *t = bench_new(3);
    const enum predicate_kind kinds[] = { CLAIM_GREATER, CLAIM_EACH_GREATER };
    for (int k = 0; k < 2; k++) {
        const struct predicate p = change(kinds[k]);
        linear_put(t, C, 50, 60, 70);
        linear_put(t, A, 53, 63, 73);          /* a gains 3 */
        linear_put(t, D, 40, 45, 51);
        linear_put(t, B, 45, 50.1, 56.2);      /* b 5, 5.1, 5.2: 2, 2.1, 2.2 more */
        const struct decision *d = decide(t, 1, &p);
        assert_verdict(d, VERDICT_HOLDS);
        assert_near(d->estimate, 2.1, HAND);
        linear_put(t, B, 41, 46.1, 52.2);
        assert_verdict(decide(t, 1, &p), VERDICT_FAILS);
        t->run[D][1].linear = NAN;
        d = decide(t, 1, &p);
        assert_verdict(d, VERDICT_NOT_RUN);
        assert_string_equal(d->reason, "b or d or a or c has no linear (seed 2)");
        t->rows[C].n = 2;
        t->run[D][1].linear = 45;
        assert_verdict(decide(t, 1, &p), VERDICT_INCONCLUSIVE);
        assert_non_null(strstr(t->result.whole.reason, "c has no seed 3"));
        t->rows[C].n = 3;
    }
    free(t);
}

/* Epochs 0, 1 and 3 are monitored. */
static void above_is_the_least_from_an_epoch_on(void **state)
{
    (void)state;
    struct bench *t = bench_new(3);
    struct predicate p = { .kind = CLAIM_ABOVE, .metric = metric_of("knn"), .row = A, .value = 60,
                           .epoch = 1 };
    for (int i = 0; i < 3; i++) {
        t->curve[A][i][0].knn = 10;            /* before */
        t->curve[A][i][1].knn = 62 + 0.1 * i;
        t->curve[A][i][3].knn = 80;
    }
    const struct decision *d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_HOLDS);
    assert_near(d->estimate, 2.1, HAND);
    for (int i = 0; i < 3; i++) t->curve[A][i][3].knn = 58 - 0.1 * i;
    assert_verdict(decide(t, 1, &p), VERDICT_FAILS);
    p.epoch = 4;
    d = decide(t, 1, &p);
    assert_verdict(d, VERDICT_NOT_RUN);
    assert_string_equal(d->reason, "a has no knn from epoch 4 on (seed 1)");
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_at_a_length_is_named_by_both),
        cmocka_unit_test(each_other_is_every_other_row_of_the_length),
        cmocka_unit_test(each_other_is_of_what_the_statement_reports),
        cmocka_unit_test(a_change_knows_where_it_starts),
        cmocka_unit_test(a_curve_has_a_bound_and_a_number_an_end),
        cmocka_unit_test(what_does_not_parse_is_placed),
        cmocka_unit_test(every_system_of_a_gain_has_both_lengths),
        cmocka_unit_test(a_statement_of_other_scales_is_not_run_here),
        cmocka_unit_test(scales_are_files),
        cmocka_unit_test(each_other_is_below_or_one_is_not),
        cmocka_unit_test(a_change_is_paired_by_seed_over_four_rows),
        cmocka_unit_test(above_is_the_least_from_an_epoch_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
