/* SPDX-License-Identifier: MIT
 *
 * test_claims_page.c -- the page of all statements: none is missing, none is in a wrong place, and
 * what it says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../experiments/pages/claims_page.h"
#include "../experiments/suite/table_gather.h"

enum { TABLES_MAX = 32 };
static struct table *tables[TABLES_MAX];
static int n_tables;
static struct statements known;

/* Every table of configs/ at scale quick, without a run. */
static int tables_open(void **state)
{
    (void)state;
    const struct places none = { .runs = "/nonexistent", .results = "/nonexistent",
                                 .from_results = true };
    const int seed = 1;
    glob_t files;
    statements_open(&known, CONFIG_DIR "/paper.yaml");
    if (known.file.errors || glob(CONFIG_DIR "/[!p]*.yaml", 0, NULL, &files)) return -1;
    if (files.gl_pathc > TABLES_MAX) return -1;
    const int kept = dup(STDERR_FILENO);
    /* it tells of every run that is missing */
    if (kept < 0 || !freopen("/dev/null", "w", stderr)) return -1;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        tables[n_tables] = host_alloc(1, sizeof **tables);
        table_open(tables[n_tables++], files.gl_pathv[i], "quick", &seed, 1, &none);
    }
    fflush(stderr);
    const bool back = dup2(kept, STDERR_FILENO) >= 0;
    close(kept);
    globfree(&files);
    return back ? 0 : -1;
}

static int tables_close(void **state)
{
    (void)state;
    while (n_tables) {
        table_close(tables[--n_tables]);
        free(tables[n_tables]);
    }
    statements_close(&known);
    return 0;
}

static struct table *table_of(const char *name)
{
    for (int i = 0; i < n_tables; i++)
        if (!strcmp(tables[i]->e.name, name)) return tables[i];
    fail_msg("no table %s", name);
    abort();                       /* fail_msg does not return, but does not say so */
}

/* The page in fresh memory. */
static char *page(int n)
{
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    claims_page(&(struct page){ out, &look_md }, (const struct table *const *)tables, n, &known,
                "quick");
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part)) return;
    print_error("%s\n", text);
    fail_msg("no \"%s\" in the text above", part);
}

/* Three seeds of a row, alike but for linear. */
enum { SEEDS = 3 };
static void row_run(struct table *t, const char *row, enum run_state run_state, double loss,
                    double linear)
{
    struct row_result *result = &t->row[experiment_row(&t->e, row)];
    for (int i = 0; i < SEEDS; i++)
        result->run[i] = (struct run_record){
            .state = run_state, .seed = i + 1, .linear = linear + (i & 1), .code_hash = "c0de",
            .data_hash = "da7a",
            .machine = "cpu",
            .last = { .loss = loss, .cos_h = 0.9 + 0.01 * (i & 1), .cos_z = 0.8 } };
    result->n = SEEDS;
}

static void decided(struct table *t)
{
    struct row_runs rows[ROWS_MAX];
    rows_summarise(t);
    for (int i = 0; i < t->e.n_rows; i++) rows[i] = (struct row_runs){ t->row[i].run, t->row[i].n };
    for (int i = 0; i < t->e.n_claims; i++) claim_decide(&t->claim[i], &t->e.claim[i], &t->e, rows);
}

/* The line of the verdicts, where runs decide that so many hold, and tests what is exact.  Fresh
 * memory. */
static char *counts_text(int hold)
{
    int all = 0;
    for (const struct named_statement *s = known.v; s->id; s++) {
        all++;
        hold += s->statement.exact && *s->statement.test;
    }
    return text_format("\n%d statements: %d holds, 0 fails, 0 mixed, 0 inconclusive, %d not run.\n", all,
                       hold, all - hold);
}

/* One line a statement, in the order of paper.yaml, whatever is run. */
static void lines_check(const char *text)
{
    const char *at = strstr(text, "|---");
    assert_non_null(at);
    for (const struct named_statement *s = known.v; s->id; s++) {
        char *line = text_format("\n| %s | %s | ", s->id, s->statement.section);
        const char *found = strstr(text, line);
        if (!found) fail_msg("%s is missing", s->id);
        if (found < at) fail_msg("%s is out of order", s->id);
        if (strstr(found + 1, line)) fail_msg("%s stands twice", s->id);
        at = found;
        free(line);
    }
    for (const char *line = strchr(text, '|'); line;
         line = strstr(line, "\n|"), line += line != NULL) {
        int bars = 0;
        for (const char *c = line; *c && *c != '\n'; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        if (bars != 13) fail_msg("%d bars in %.60s", bars, line);
    }
}

static void no_statement_is_missing(void **state)
{
    (void)state;
    for (int n = 0; n <= n_tables; n += n_tables) {
        char *text = page(n);
        lines_check(text);
        char *counts = counts_text(0);
        assert_has(text, counts);
        free(counts);
        free(text);
    }
}

static void what_no_table_decides_is_shown_word_for_word(void **state)
{
    (void)state;
    char *text = page(n_tables);
    assert_has(text, "| transfer | Section 6.1, Table 5 | its features transfer on par with or better than "
                     "supervised ones |  | per task: simsiam within 1 of, or above, supervised |  | 0 |  | not run "
                     "|  | no table table5_transfer | quick |\n");
    assert_has(text, "| cifar-knn | Appendix D, Figure D.1 | the kNN curve passes 60 % near epoch 40 and ends "
                     "near 90 % | simsiam 90.1 (CIFAR-10 kNN) |");
    free(text);
}

static void exact_statements_name_their_test(void **state)
{
    (void)state;
    char *text = page(n_tables);
    assert_has(text, "| one-step | Sections 5.1 and 5.2 | one-step alternation is SimSiam | 1 68.1 |  |  | 0 |  "
                     "| holds (unit test) |  | k_1_alternation_is_simsiam_bit_for_bit |  |\n");
    assert_has(text, "| BYOL without its momentum encoder is SimSiam |  |  |  | 0 |  | holds (unit test) |  | "
                     "byol_without_momentum_is_simsiam_bit_for_bit |  |\n");
    free(text);
}

static void rows_that_cannot_run_say_why(void **state)
{
    (void)state;
    char *text = page(n_tables);
    assert_has(text,
               "| linear 256 > 4096 | 256 -, 4096 - | 0 |  | not run |  | 256 is not run | quick |\n");
    struct table *t = table_of("table2_batch");
    row_run(t, "256", RUN_HEALTHY, -0.6, 45);
    decided(t);
    free(text);
    text = page(n_tables);
    assert_has(
        text,
        "| not run |  | 4096 is not run at this scale: an epoch has 4 steps here; the paper's has 312 "
        "| quick |\n");
    free(text);
}

static void decided_statements_show_the_rows_and_the_interval(void **state)
{
    (void)state;
    struct table *t = table_of("fig2_stopgrad");
    row_run(t, "with", RUN_HEALTHY, -0.6, 45);
    row_run(t, "without", RUN_COLLAPSED, -0.99, 30);
    decided(t);
    t = table_of("expectation");
    row_run(t, "default", RUN_HEALTHY, -0.6, 45);
    decided(t);
    char *text = page(n_tables);
    lines_check(text);
    char *counts = counts_text(5);
    assert_has(text, counts);
    free(counts);
    assert_has(text, "| with 67.7, without 0.1 | linear with > without | with 45.3 ± 0.6, without 30.3 ± 0.6 | "
                     "3 | 15 [15, 15] | holds | p 0 BH |  | quick |\n");
    assert_has(text, "| loss without within 0.05 of -1 | without -0.990 ± 0.000 | 3 | 0.01 [0.01, 0.01] | holds "
                     "|");
    assert_has(text, "| collapse without | without collapsed | 3 |  | holds | error 0.015 | 3 of 3 seeds "
                     "collapsed | quick |\n");
    assert_has(text, "| cos_h default > cos_z default | cos_h 0.903 ± 0.006, cos_z 0.800 ± 0.000 | 3 | 0.103 [");
    free(text);
}

static void parts_stand_below_their_claim(void **state)
{
    (void)state;
    struct table *t = table_of("table1_predictor");
    row_run(t, "baseline", RUN_HEALTHY, -0.6, 45);
    row_run(t, "fixed", RUN_HEALTHY, -0.2, 35);
    decided(t);
    char *text = page(n_tables);
    assert_has(
        text,
        "| no collapse fixed; loss fixed > baseline; linear baseline > fixed |  | 3 |  | holds | p 0 | 3 "
        "of 3 parts hold | quick |\n"
        "| predictor-fixed.1 |  |  |  | no collapse fixed | fixed healthy | 3 |  | holds | error 0.015 | 0 of 3 "
        "seeds collapsed | quick |\n"
        "| predictor-fixed.2 |  |  |  | loss fixed > baseline | baseline -0.600 ± 0.000, fixed "
        "-0.200 ± 0.000 | 3 | 0.4 [0.4, 0.4] | holds | p 0 BH |  | quick |\n"
        "| predictor-fixed.3 |  |  |  | linear baseline > fixed | baseline 45.3 ± 0.6, fixed 35.3 "
        "± 0.6 | 3 | 10 [10, 10] | holds | p 0 BH |  | quick |\n"
        "| predictor-lr |");
    free(text);
}

/* Of two degrees of freedom p is 1 - t / sqrt(t^2 + 2). */
static void family_is_of_all_numbers_and_keeps_by_benjamini_and_hochberg(void **state)
{
    (void)state;
    struct table *t = table_of("table2_batch");
    static const char *const names[] = { "64", "128", "256", "512", "1024" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        row_run(t, names[i], RUN_HEALTHY, -0.6, 45);
        struct row_result *row = &t->row[experiment_row(&t->e, names[i])];
        for (int k = 0; k < 3; k++) row->run[k].linear = 45 + (i ? 0 : 0.1 * (k - 1));
    }
    row_run(t, "128", RUN_HEALTHY, -0.6, 46);
    decided(t);
    /* 64 within 4 of 256: (4 - 0) / (0.1 / sqrt(3)) = 69.3, p 2.1e-4; 128 within 2 of 256: the mean
     * 1.333 above, std 0.577: t = 2.0, p 0.18; each within 1: 0 off, p 0. */
    char *text = page(n_tables);
    assert_has(text, "Decided: 2 of 3 numbers that a look has come for, 1 of 1 states");
    assert_has(text, "at most: 0.18, which is 5 % of the numbers and 1.5 % of the 2 rows of states");
    assert_has(text, "BH: one of 2 that Benjamini and Hochberg's rule keeps at 5 % over all 3.");
    assert_has(text, "| linear 64 within 4 of 256 | 64 45.0 ± 0.1, 256 45.0 ± 0.0 | 3 | 0 [-0.248, 0.248] "
                     "| holds | p 0.00021 BH |");
    assert_has(text, "| inconclusive | p 0.18 | half-width 1.43;");
    free(text);
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    claims_page(&(struct page){ out, &look_csv }, (const struct table *const *)tables, n_tables, &known,
                "quick");
    assert_int_equal(fclose(out), 0);
    assert_has(text, "\nbatch-small.2,table2_batch,linear 64 within 4 of 256,holds,3,0,-0.248414,0.248414,3,"
                     "0.000208268,1,0.05\n");
    assert_has(text, "\nbatch-small.1,table2_batch,\"no collapse 64, 128\",holds,3,0,,,,,,0.015\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, tables_open, tables_close)
        WITH_TABLES(no_statement_is_missing),
        WITH_TABLES(what_no_table_decides_is_shown_word_for_word),
        WITH_TABLES(exact_statements_name_their_test),
        WITH_TABLES(rows_that_cannot_run_say_why),
        WITH_TABLES(decided_statements_show_the_rows_and_the_interval),
        WITH_TABLES(parts_stand_below_their_claim),
        WITH_TABLES(family_is_of_all_numbers_and_keeps_by_benjamini_and_hochberg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
