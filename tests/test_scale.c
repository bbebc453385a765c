/* SPDX-License-Identifier: MIT
 *
 * test_scale.c -- what a scale says beside its settings: looks, a row's settings at this scale
 * alone; and the untrained row that every table of the paper has.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "config_files.h"

static const char said_of_all[] =
    "all: { section: \"1\", says: x, table: x, predicate: no collapse in any row }\n"
    "near: { section: \"1\", says: x, table: x, predicate: linear of each within 1 of a }\n"
    "named: { section: \"1\", says: x, table: x, predicate: linear b > untrained }\n";
static const char table[] =
    "target: x\norder: 1\nturn: 1\ncost: none\n"
    "rows: [{ name: a, warmup: 0.1, batch: 32 }, { name: b, stop_grad: false }]\n";

/* ---- looks ----------------------------------------------------------------------------------- */

/* Loads a table at the scale with these lines more. */
static void load_at(const char *x, const char *lines)
{
    char *s = text_format("%s%s", scale, lines), *path = text_format("%s/x.yaml", folder);
    file_put("x.yaml", x);
    file_put("scale/s.yaml", s);
    file_put("paper.yaml", strstr(x, "claims:") ? said_of_all : "{}");
    experiment_load(&experiment, path, "s");
    free(path);
    free(s);
}

static void looks_share_the_error_equally_or_as_written(void **state)
{
    (void)state;
    load_at(table, "");
    assert_int_equal(experiment.looks.n, 0);
    load_at(table, "looks: [3]\n");
    assert_true(experiment.looks.n == 1 && experiment.looks.seeds[0] == 3);
    assert_true(experiment.looks.error[0] == 0.05);
    load_at(table, "looks: [3, 5, 10]\n");
    for (int k = 0; k < 3; k++) assert_true(experiment.looks.error[k] == 0.05 / 3);
    load_at(table, "looks: [3, 5, 10]\nlook_errors: [0.01, 0.015, 0.025]\n");
    assert_true(experiment.looks.seeds[2] == 10 && experiment.looks.error[2] == 0.025);
}

static void wrong_words_of_a_scale_are_placed(void **state)
{
    (void)state;
    static const struct { const char *lines, *message; } cases[] = {
        { "looks: [3, 3]\n",
          "11:12: looks: 3 behind 3; each look has more seeds than the one before\n" },
        { "looks: [5, 3]\n",
          "11:12: looks: 3 behind 5; each look has more seeds than the one before\n" },
        { "looks: [1]\n", "11:9: looks: 1 is out of range; 2 to 64 seeds\n" },
        { "looks: [3, 100]\n", "11:12: looks: 100 is out of range; 2 to 64 seeds\n" },
        { "looks: [2, 3, 4, 5, 6, 7, 8, 9, 10]\n", "11:8: looks: 9 of them; at most 8\n" },
        { "looks: [3, 5]\nlook_errors: [0.03, 0.03]\n",
          "12:14: look_errors: 0.06 in all; at most 0.05, which the looks share\n" },
        { "looks: [3, 5]\nlook_errors: [0.03, 0.06]\n",
          "12:21: look_errors: 0.06 is out of range; 0 to 0.05\n" },
        { "looks: [3, 5]\nlook_errors: [0.05, 0]\n",
          "12:14: look_errors: a look of error 0 decides nothing; above 0\n" },
        { "look_errors: [0.05]\n",
          "11:14: look_errors: of which looks? `looks: [3]` belongs with it\n" },
        { "rows: { x: { b: { batch: 1000 } } }\n",
          "11:26: batch 1000 is more than the 100 training images; at most as many\n" },
        { "rows: { x: { b: { bacth: 10 } } }\n", "11:19: unknown key bacth; did you mean batch?\n" },
        { "rows: { x: { c: { batch: 10 } } }\n", "11:14: rows: no row c; the first is a\n" },
        { "rows: { y: { b: { batch: 10 } } }\n",
          "11:9: rows: no table y; name a file beside scale/\n" },
        { "rows: { x: { b: 10 } }\n",
          "11:17: rows: settings of the row are wanted, like { batch: 64 }\n" },
        { "rows: { x: b }\n", "11:12: rows: `ROW: { key: value }` lines are wanted under x\n" },
        { "rows: { x: { b: { method: byol } } }\n",
          "11:27: method: a row has one at every scale; name it in the row\n" },
        { "rows: { x: { b: { target_momentum: 0.9 } } }\n",
          "11:19: target_momentum: a key of method: byol, and here is method: simsiam; "
          "leave it out\n" },
        { "not_run: { x: { \"*-7\": too large } }\n",
          "11:17: not_run: no row \"*-7\"; the first is a\n" },
        { "methods: 3\n",
          "11:10: methods: METHOD: lines are wanted, like simclr: { base_lr: 0.1 }\n" },
        { "methods: { simsaim: { batch: 10 } }\n",
          "11:12: methods: no method simsaim; did you mean simsiam?\n" },
        { "methods: { byol: 0.9 }\n",
          "11:18: methods: settings of byol are wanted, like { base_lr: 0.1 }\n" },
        { "methods: { byol: { method: byol } }\n",
          "11:28: method: these are byol's; leave it out\n" },
        { "methods: { byol: { bacth: 10 } }\n", "11:20: unknown key bacth; did you mean batch?\n" },
        { "methods: { byol: { target_momentum: 2 } }\n",
          "11:37: target_momentum: 2 is out of range; 0 to 1\n" },
        { "methods: { byol: { eta_every: 2 } }\n",
          "11:20: eta_every: a key of method: simsiam, and here is method: byol; leave it out\n" },
        { "methods: { simsiam: { batch: 1000 } }\n",
          "11:30: batch 1000 is more than the 100 training images; at most as many\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *s = text_format("%s%s", scale, cases[i].lines);
        char *message = text_format("scale/s.yaml:%s", cases[i].message);
        assert_string_equal(mistakes(table, s, "{}"), message);
        free(message);
        free(s);
    }
    /* As many errors as looks. */
    char *s = text_format("%slooks: [3, 5]\nlook_errors: [0.05]\n", scale);
    assert_non_null(strstr(mistakes(table, s, "{}"), "scale/s.yaml:12:14: look_errors: "));
    free(s);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void a_scale_sets_a_row_of_one_table_over_the_row(void **state)
{
    (void)state;
    load_at(table, "rows: { x: { a: { batch: 50, eta_every: 2 } }, paper: { a: { dim: 4 } } }\n");
    const struct row *a = &experiment.row[0], *b = &experiment.row[1];
    assert_int_equal(a->settings.batch, 50);
    assert_true(a->settings.warmup == 0.1);
    assert_int_equal(a->settings.dim, 32);     /* another table's */
    assert_int_equal(b->settings.batch, 10);
    assert_string_equal(a->own, "eta_every: 2; batch: 50; warmup: 0.1");
    assert_string_equal(b->own, "stop_grad: false");
}

/* What it sets goes over the table, and under the row. */
static void a_scale_sets_every_row_of_a_method(void **state)
{
    (void)state;
    static const char rows[] = "rows:\n  - { name: a }\n"
                               "  - { name: b, method: byol }\n"
                               "  - { name: c, method: byol, batch: 20, target_momentum: 0.5 }\n";
    static const char *const above[] = { "batch: 40\n", "" };
    for (int i = 0; i < 2; i++) {
        char *const of_table = text_format("%s%s", above[i], rows);
        load_at(of_table, "methods: { byol: { batch: 50, target_momentum: 0.75 } }\n"
                          "rows: { x: { c: { batch: 25 } } }\n");
        free(of_table);
        const struct row *const row = experiment.row;
        assert_int_equal(row[0].settings.batch, i ? 10 : 40);
        assert_int_equal(row[1].settings.batch, 50);
        assert_int_equal(row[2].settings.batch, 25);
        assert_string_equal(row[0].own, "");
        assert_string_equal(row[1].own, "target_momentum: 0.75; batch: 50");
        assert_string_equal(row[2].own, "target_momentum: 0.5; batch: 25");
    }
}

static void a_line_may_be_of_all_rows_that_end_so(void **state)
{
    (void)state;
    load_at("epochs: 1\nrows:\n  - { name: a, lengths: { 1: 1, 2: 1, 4: 1 } }\n"
            "  - { name: b, lengths: { 1: 1, 2: 1, 4: 1 } }\n",
            "not_run: { x: { \"*-4\": too long, b-4: far too long, \"*a-2\": no } }\n"
            "rows: { x: { \"*-1\": { batch: 50 } } }\n");
    static const char *const why[] = { "", "no", "too long", "", "", "far too long" };
    for (int i = 0; i < 6; i++) {
        assert_string_equal(experiment.row[i].not_run, why[i]);
        if (!*why[i]) assert_int_equal(experiment.row[i].settings.batch, i % 3 ? 10 : 50);
    }
}

static void a_length_may_have_no_number_of_the_papers(void **state)
{
    (void)state;
    load_at("epochs: 1\nrows:\n  - { name: a, lengths: { 1: 60.5, 2: ~ } }\n", "");
    assert_true(experiment.row[0].has_paper && experiment.row[0].paper == 60.5);
    assert_false(experiment.row[1].has_paper);
    assert_int_equal(experiment.row[1].settings.epochs, 2);
}

/* ---- numbers published elsewhere --------------------------------------------------------------- */

static void published_numbers_are_shown_beside_the_same_images(void **state)
{
    (void)state;
    static const char published[] = "published: { dataset: %s, source: whose, "
                                    "numbers: { b: 76.5 } }\n%s";
    for (int i = 0; i < 2; i++) {
        char *const with = text_format(published, i ? "cifar10" : "synthetic", table);
        load_at(with, "");
        free(with);
        assert_string_equal(experiment.published, i ? "" : "whose");
        assert_true(isnan(experiment.row[0].published));
        assert_true(i ? isnan(experiment.row[1].published) : experiment.row[1].published == 76.5);
    }
    static const struct { const char *line, *message; } cases[] = {
        { "published: 3\n", "x.yaml:1:12: published: { dataset: cifar10, source: whose, "
                            "numbers: { ROW: percent } } is wanted\n" },
        { "published: { dataset: synthetic, source: w, numbers: { c: 3 } }\n",
          "x.yaml:1:56: published: no row c; the first is a\n" },
        { "published: { dataset: synthetic, source: w, numbers: { a: 300 } }\n",
          "x.yaml:1:59: numbers: 300 is out of range; 0 to 100 percent\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const wrong = text_format("%s%s", cases[i].line, table);
        assert_string_equal(mistakes(wrong, scale, "{}"), cases[i].message);
        free(wrong);
    }
}

/* ---- untrained ------------------------------------------------------------------------------- */

static void a_table_of_the_paper_ends_with_the_untrained_network(void **state)
{
    (void)state;
    load_at(table, "");
    assert_int_equal(experiment.n_rows, 3);
    assert_int_equal(experiment.untrained, 2);
    const struct row *u = &experiment.row[2];
    assert_string_equal(u->name, "untrained");
    assert_true(u->settings.epochs == 0 && u->settings.warmup == 0 && u->settings.stop_grad);
    /* One run, whatever the table sets and whichever rows it has here. */
    char *other = text_format("baseline: b\nstop_grad: false\npredictor_lr: cosine\n%s", table);
    const struct settings first = u->settings;
    load_at(other, "not_run: { x: { b: too large, a: too small } }\n");
    free(other);
    assert_string_equal(experiment.row[2].not_run, "");
    char was[HASH_TEXT], is[HASH_TEXT];
    settings_hash(was, &first);
    settings_hash(is, &experiment.row[2].settings);
    assert_string_equal(was, is);
    load_at("rows: [{ name: a }, { name: untrained, epochs: 1 }]\n", "");       /* a study */
    assert_true(experiment.n_rows == 2 && experiment.untrained == -1);
    assert_string_equal(
        mistakes("target: x\norder: 1\nturn: 1\ncost: none\nrows: [{ name: untrained }]\n", scale,
                 "{}"),
        "x.yaml:5:16: row untrained: every table of the paper has it already; another name\n");
}

static void only_its_name_means_the_untrained_network(void **state)
{
    (void)state;
    char *claimed = text_format("%sclaims:\n  all: no collapse in any row\n"
                                "  near: linear of each within 1 of a\n"
                                "  named: linear b > untrained\n", table);
    load_at(claimed, "");
    free(claimed);
    assert_int_equal(experiment.claim[0].part[0].rows, 1 << 0 | 1 << 1);
    assert_int_equal(experiment.claim[1].part[0].rows, 1 << 1);
    assert_int_equal(experiment.claim[2].part[0].other, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_share_the_error_equally_or_as_written),
        cmocka_unit_test(wrong_words_of_a_scale_are_placed),
        cmocka_unit_test(a_scale_sets_a_row_of_one_table_over_the_row),
        cmocka_unit_test(a_scale_sets_every_row_of_a_method),
        cmocka_unit_test(a_line_may_be_of_all_rows_that_end_so),
        cmocka_unit_test(a_length_may_have_no_number_of_the_papers),
        cmocka_unit_test(published_numbers_are_shown_beside_the_same_images),
        cmocka_unit_test(a_table_of_the_paper_ends_with_the_untrained_network),
        cmocka_unit_test(only_its_name_means_the_untrained_network),
    };
    return cmocka_run_group_tests_name("scale", tests, setup, teardown);
}
