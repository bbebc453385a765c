/* SPDX-License-Identifier: MIT
 *
 * test_claim_parse.c -- claims, baselines, what a scale cannot host, and the paper's statements:
 * what is right, and every mistake with its place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <math.h>

#include "config_files.h"
#include "../experiments/suite/heading.h"

/* ---- what stands in configs/ ----------------------------------------------------------------- */

static struct statements known;

static int paper_open(void **state)
{
    statements_open(&known, CONFIG_DIR "/paper.yaml");
    return known.file.errors || setup(state);
}

static int paper_close(void **state)
{
    statements_close(&known);
    return teardown(state);
}

/* The table's file, loaded; false if there is none. */
static bool table_load(const char *name)
{
    char *path = text_format(CONFIG_DIR "/%s.yaml", name);
    const bool there = access(path, F_OK) == 0;
    if (there) experiment_load(&experiment, path, "quick");
    free(path);
    return there;
}

/* The ids of paper.yaml, counted without its reader: what begins a line. */
static int statements_written(void)
{
    size_t bytes;
    int n = 0;
    char *const text = file_read(CONFIG_DIR "/paper.yaml", &bytes);
    assert_non_null(text);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        n += *line >= 'a' && *line <= 'z';
    }
    free(text);
    return n;
}

/* The claims of all tables of the paper. */
static int claims_made(void)
{
    int n = 0;
    struct headings list;
    headings_open(&list, CONFIG_DIR, HEADINGS_BY_ORDER);
    for (int i = 0; i < list.n; i++) {
        assert_true(table_load(list.v[i].name));
        n += experiment.n_claims;
    }
    free(list.v);
    return n;
}

static void every_statement_is_claimed_once_by_its_table_or_has_none(void **state)
{
    (void)state;
    int all = 0, claimed = 0, exact = 0, without = 0;
    for (const struct named_statement *s = known.v; s->id; s++, all++) {
        if (s->statement.exact) {
            exact++;
        } else if (!table_load(s->statement.table)) {
            without++;                         /* shown as `not run` (test_claims_page.c) */
        } else {
            int found = 0;
            for (int i = 0; i < experiment.n_claims; i++)
                found += !strcmp(experiment.claim[i].id, s->id) &&
                         !strcmp(experiment.claim[i].text, s->statement.predicate);
            if (found != 1) fail_msg("%s is claimed %d times", s->id, found);
            claimed++;
        }
    }
    assert_int_equal(all, statements_written());
    assert_int_equal(claimed, claims_made());
    assert_int_equal(all, exact + claimed + without);
    assert_true(exact && without && claimed > all / 2);
}

/* What `reported` says behind a row's name ("with 67.7, without 0.1"); NULL if it does not name
 * it. */
static const char *said_of(const char *reported, const char *row)
{
    for (const char *at = reported; *at; at += strcspn(at, ","), at += strspn(at, ", ")) {
        const size_t n = strcspn(at, " ");
        if (strlen(row) == n && !strncmp(at, row, n)) return at + n;
    }
    return NULL;
}

/* The number of it; NaN if it has none, or is NaN there (a run that diverged). */
static double reported_of(const char *reported, const char *row)
{
    const char *const said = said_of(reported, row);
    return said ? strtod(said, NULL) : NAN;
}

/* What it reports are numbers of rows: linear top-1. */
static bool is_of_rows(const struct statement *s)
{
    const size_t n = strlen(s->metric), end = strlen("linear top-1");
    return !n || (n >= end && !strcmp(s->metric + n - end, "linear top-1"));
}

static void papers_numbers_are_those_reported(void **state)
{
    (void)state;
    int checked = 0, unnamed = 0;
    glob_t files;
    assert_int_equal(glob(CONFIG_DIR "/[!p]*.yaml", 0, NULL, &files), 0);
    for (size_t f = 0; f < files.gl_pathc; f++) {
        experiment_load(&experiment, files.gl_pathv[f], "quick");
        for (int i = 0; i < experiment.n_rows; i++) {
            const struct row *row = &experiment.row[i];
            int named = 0;
            for (const struct named_statement *s = known.v; s->id; s++) {
                const double reported = reported_of(s->statement.reported, row->name);
                if (strcmp(s->statement.table, experiment.name) || isnan(reported) ||
                    !is_of_rows(&s->statement))
                    continue;
                if (!row->has_paper || row->paper != reported)
                    fail_msg("%s: row %s has paper %g, but %s reports %g", experiment.name,
                             row->name, row->paper, s->id, reported);
                named++;
            }
            checked += named;
            if (!row->has_paper || named) continue;
            unnamed++;                         /* Figure 2's once more; Table 4's that no claim needs */
            if (strcmp(experiment.name, "collapse") && strcmp(experiment.name, "table4_linear") &&
                strcmp(row->name, "byol"))
                fail_msg("%s: row %s has a number that no statement reports", experiment.name,
                         row->name);
        }
    }
    globfree(&files);
    assert_int_equal(unnamed, 1 + 9 + 1);
    assert_int_equal(checked, 43 + 13 + 5 + 2);
}

/* A statement's number that no row of its table bears would be checked against nothing. */
static void every_reported_number_belongs_to_a_row(void **state)
{
    (void)state;
    for (const struct named_statement *s = known.v; s->id; s++) {
        if (s->statement.exact || !*s->statement.reported || !is_of_rows(&s->statement) ||
            !table_load(s->statement.table))
            continue;
        int numbers = 1, rows = 0;
        for (const char *at = s->statement.reported; *at; at++) numbers += *at == ',';
        for (int i = 0; i < experiment.n_rows; i++)
            rows += said_of(s->statement.reported, experiment.row[i].name) != NULL;
        if (rows != numbers)
            fail_msg("%s reports %s; %d of them are rows", s->id, s->statement.reported, rows);
    }
}

static void what_decides_an_exact_statement_is_a_test(void **state)
{
    (void)state;
    glob_t files;
    assert_int_equal(glob(CONFIG_DIR "/../tests/test_*.c", 0, NULL, &files), 0);
    for (const struct named_statement *s = known.v; s->id; s++) {
        if (!*s->statement.test) continue;
        char *body = text_format("static void %s(void **state)", s->statement.test);
        char *entry = text_format("unit_test(%s)", s->statement.test);
        bool found = false;
        for (size_t f = 0; f < files.gl_pathc; f++) {
            char *text = file_read(files.gl_pathv[f], NULL);
            assert_non_null(text);
            found = found || (strstr(text, body) && strstr(text, entry));
            free(text);
        }
        if (!found) fail_msg("%s: no test %s", s->id, s->statement.test);
        free(body);
        free(entry);
    }
    globfree(&files);
}

static const struct statement *statement_of(const char *id)
{
    for (const struct named_statement *s = known.v; s->id; s++)
        if (!strcmp(s->id, id)) return &s->statement;
    fail_msg("no statement %s", id);
    abort();                       /* fail_msg does not return, but does not say so */
}

static void a_statement_is_read_whole(void **state)
{
    (void)state;
    const struct statement *s = statement_of("stopgrad-std");
    assert_string_equal(s->table, "fig2_stopgrad");
    assert_string_equal(s->predicate, "no collapse with");
    assert_false(s->exact);
    s = statement_of("one-step");
    assert_true(s->exact);
    assert_string_equal(s->test, "k_1_alternation_is_simsiam_bit_for_bit");
    assert_string_equal(statement_of("linear-simclr")->reported,
                        "simsiam-100 68.1, simsiam-200 70.0, simsiam-400 70.8, simsiam-800 71.3, "
                        "simclr-100 66.5, simclr-200 68.3, simclr-400 69.8, simclr-800 70.4");
    assert_string_equal(statement_of("cifar-knn")->metric, "CIFAR-10 kNN");
    assert_string_equal(statement_of("cifar-knn")->scales, "cifar10");
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void a_claim_may_join_parts(void **state)
{
    (void)state;
    load(
        "rows: [{ name: a }, { name: b }]\nclaims:\n  close: linear a within 1 of b; no collapse a\n"
        "  better: linear a > b\n");
    const struct claim *c = &experiment.claim[0];
    assert_string_equal(c->id, "close");
    assert_string_equal(c->text, "linear a within 1 of b; no collapse a");
    assert_int_equal(c->n, 2);
    assert_int_equal(c->part[0].kind, CLAIM_WITHIN_ROW);
    assert_int_equal(c->part[0].other, 1);
    assert_true(c->part[0].within == 1);
    assert_int_equal(c->part[1].kind, CLAIM_NO_COLLAPSE);
    assert_int_equal(c->part[1].row, 0);
}

/* Loads rows 64, 256, c and a claim, which paper.yaml repeats; `top` are more lines. */
static const struct claim *claim_load(const char *top, const char *text)
{
    char *x = text_format("%srows: [{ name: 64 }, { name: 256 }, { name: c }]\nclaims:\n  n: %s\n",
                          top, text);
    char *p = text_format("n: { section: s, says: s, table: x, predicate: \"%s\" }\n", text);
    file_put("x.yaml", x);
    file_put("scale/s.yaml", scale);
    file_put("paper.yaml", p);
    free(x);
    free(p);
    char *path = text_format("%s/x.yaml", folder);
    experiment_load(&experiment, path, "s");
    free(path);
    return &experiment.claim[0];
}

static void a_token_that_names_a_row_is_the_row(void **state)
{
    (void)state;
    const struct claim *c =
        claim_load("", "linear 64 within 2 of 256; linear 64 within 2 of 256.0; linear 64 "
                       "within 64 of 256");
    assert_int_equal(c->part[0].kind, CLAIM_WITHIN_ROW);
    assert_int_equal(c->part[0].other, 1);
    assert_int_equal(c->part[1].kind, CLAIM_WITHIN_VALUE);
    assert_true(c->part[1].value == 256);
    assert_true(c->part[2].within == 64);      /* a number belongs there */
}

static void each_is_every_other_row(void **state)
{
    (void)state;
    const struct predicate *p = &claim_load("", "knn of each within 1.5 of 256")->part[0];
    assert_int_equal(p->kind, CLAIM_EACH_WITHIN);
    assert_string_equal(p->metric->name, "knn");
    assert_true(p->every && p->within == 1.5 && p->rows == (1 << 0 | 1 << 2));
    assert_int_equal(p->other, 1);
}

static void states_have_rows(void **state)
{
    (void)state;
    const struct claim *c =
        claim_load("", "collapse in every row; no collapse in any row; no collapse 64,c; "
                       "collapse c , 64 ,256");
    assert_int_equal(c->n, 4);
    assert_int_equal(c->part[0].kind, CLAIM_COLLAPSE);
    assert_true(c->part[0].every && c->part[0].rows == 7);
    assert_int_equal(c->part[1].kind, CLAIM_NO_COLLAPSE);
    assert_true(c->part[1].every && c->part[1].rows == 7);
    assert_int_equal(c->part[2].kind, CLAIM_NO_COLLAPSE);
    assert_true(!c->part[2].every && c->part[2].rows == 5);
    assert_true(!c->part[3].every && c->part[3].rows == 7);
    c = claim_load("baseline: c\n", "unstable 64; diverged 64, 256; unstable 256, 64");
    assert_int_equal(experiment.baseline, 2);
    assert_int_equal(c->part[0].kind, CLAIM_UNSTABLE);
    assert_int_equal(c->part[1].kind, CLAIM_DIVERGED);
    assert_true(c->part[0].rows == 1 && c->part[1].rows == 3 && c->part[2].rows == 3);
}

static void not_stands_before_a_part(void **state)
{
    (void)state;
    const struct claim *c = claim_load("",
                                       "not linear 64 > 256; not no collapse 64; linear 64 > 256");
    assert_true(c->part[0].negated && c->part[1].negated && !c->part[2].negated);
    assert_int_equal(c->part[0].kind, CLAIM_GREATER);
    assert_int_equal(c->part[1].kind, CLAIM_NO_COLLAPSE);
}

static void two_metrics_may_be_of_one_row(void **state)
{
    (void)state;
    const struct claim *c = claim_load("", "cos_h c > cos_z c; cos_h c > 64");
    assert_int_equal(c->part[0].row, 2);
    assert_int_equal(c->part[0].other, 2);
    assert_string_equal(c->part[0].metric->name, "cos_h");
    assert_string_equal(c->part[0].other_metric->name, "cos_z");
    assert_string_equal(c->part[1].other_metric->name, "cos_h");
}

static void a_row_may_be_called_as_a_word_of_the_grammar(void **state)
{
    (void)state;
    file_put("x.yaml", "rows: [{ name: in }, { name: of }, { name: knn }]\nclaims:\n"
                       "  n: collapse in, of; linear of > in; knn in > knn of\n");
    file_put("paper.yaml",
             "n: { section: s, says: s, table: x,\n"
             "     predicate: \"collapse in, of; linear of > in; knn in > knn of\" }\n");
    file_put("scale/s.yaml", scale);
    char said[SAID_MAX], *path = text_format("%s/x.yaml", folder);
    /* `> knn` is the row, so `of` is too much */
    assert_int_equal(load_child(said, path, "s", NULL), 2);
    assert_non_null(strstr(said, "x.yaml:3:52: of is too much"));
    free(path);
}

/* ---- claims that are wrong ------------------------------------------------------------------- */

/* The first mistake said of a claim that paper.yaml repeats. */
static const char *claim_mistake(const char *text)
{
    char *x = text_format("rows: [{ name: with }, { name: without }]\nclaims:\n  c: \"%s\"\n",
                          text);
    char *p = text_format("c: { section: s, says: s, table: x, predicate: \"%s\" }\n", text);
    const char *said = mistakes(x, scale, p);
    free(x);
    free(p);
    return said;
}

#define NO_METRIC " is no metric; one of linear, knn, loss, std_sqrtd, view_share, cos_h, cos_z; or not, no, " \
                  "collapse, unstable, diverged\n"
#define NO_RELATION " where a relation belongs; >, within X of, above X, or rises\n"

struct wrong { const char *claim, *message; };

static void all_are_told(const struct wrong *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_string_equal(claim_mistake(cases[i].claim), cases[i].message);
}

static void claims_on_numbers_that_do_not_parse_are_placed(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { "loos with > without", "x.yaml:3:7: loos" NO_METRIC },
        { "linear wiht > without", "x.yaml:3:14: no row wiht; did you mean with?\n" },
        { "linear with > nobody", "x.yaml:3:21: no row nobody; the first is with\n" },
        { "linear with < without", "x.yaml:3:19: <" NO_RELATION },
        { "linear with", "x.yaml:3:18: nothing" NO_RELATION },
        { "linear with >", "x.yaml:3:20: the claim ends here; a row's name is missing\n" },
        { "linear with > with", "x.yaml:3:14: a row against itself; name two rows\n" },
        { "not loss with > without",
          "x.yaml:3:7: `not ... >` is under a point of percent more, which loss has not; linear or knn\n" },
        { "not knn with > std_sqrtd without",
          "x.yaml:3:7: `not ... >` is under a point of percent more, which std_sqrtd has not; linear or "
          "knn\n" },
        { "linear with > linear with", "x.yaml:3:14: a row against itself; name two rows\n" },
        { "cos_h with > cos_z", "x.yaml:3:25: the claim ends here; a row's name is missing\n" },
        { "cos_h with > cosz with", "x.yaml:3:20: no row cosz; the first is with\n" },
        { "linear with within 0 of 3", "x.yaml:3:26: within 0; within a number above 0\n" },
        { "linear with within -1 of 3", "x.yaml:3:26: within -1; within a number above 0\n" },
        { "linear with within 2 from 3",
          "x.yaml:3:28: `of` is missing: METRIC ROW within X of ROW or VALUE\n" },
        { "linear with within 2 of x", "x.yaml:3:31: no row x; the first is with\n" },
        { "linear with within 2 of",
          "x.yaml:3:30: the claim ends here; a row's name is missing\n" },
        { "linear with within 2 of with", "x.yaml:3:14: a row against itself; name two rows\n" },
        { "linear of every within 2 of with",
          "x.yaml:3:17: `each` is missing: METRIC of each within X of ROW\n" },
        { "linear of each rises",
          "x.yaml:3:22: `within` is missing: METRIC of each within X of ROW\n" },
        { "linear of each within many of with",
          "x.yaml:3:29: within many; within a number above 0\n" },
        { "linear of each within 2 with",
          "x.yaml:3:31: `of` is missing: METRIC of each within X of ROW\n" },
        { "linear of each within 2 of 68", "x.yaml:3:34: no row 68; the first is with\n" },
        { "knn with rises fast", "x.yaml:3:22: fast is too much; a `;` or nothing\n" },
        { "knn with, without rises", "x.yaml:3:15: ," NO_RELATION },
        { "a b c d e f g h i", "x.yaml:3:7: a" NO_METRIC },
        { "[a]", "x.yaml:3:7: [a]" NO_METRIC },
        { "\xc3\xa9 with rises", "x.yaml:3:7: \xc3\xa9" NO_METRIC },
    };
    all_are_told(cases, sizeof cases / sizeof *cases);
}

static void claims_on_states_that_do_not_parse_are_placed(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { "collapse", "x.yaml:3:15: the claim ends here; a row's name is missing\n" },
        { "no linear", "x.yaml:3:10: `no` goes with `collapse ROW`\n" },
        { "collapse with,", "x.yaml:3:21: the claim ends here; a row's name is missing\n" },
        { "collapse with without", "x.yaml:3:21: without is too much; a `;` or nothing\n" },
        { "collapse with, withuot", "x.yaml:3:22: no row withuot; did you mean without?\n" },
        { "collapse with, with", "x.yaml:3:22: with stands twice; name a row once\n" },
        { "collapse in any row", "x.yaml:3:19: `every` is missing: collapse in every row\n" },
        { "no collapse in every row", "x.yaml:3:22: `any` is missing: no collapse in any row\n" },
        { "collapse in every", "x.yaml:3:24: `row` is missing: collapse in every row\n" },
        { "collapse in every row with", "x.yaml:3:29: with is too much; a `;` or nothing\n" },
        { "unstable with", "x.yaml:3:7: unstable beside what? Name a row of the table, "
                           "`baseline: ROW`\n" },
        { "diverged in every row", "x.yaml:3:16: no row in; the first is with\n" },
        { "diverged", "x.yaml:3:15: the claim ends here; a row's name is missing\n" },
        { "not", "x.yaml:3:10: not what? A claim belongs behind it\n" },
        { "not not collapse with", "x.yaml:3:11: not" NO_METRIC },
        { "collapse not with", "x.yaml:3:16: no row not; the first is with\n" },
    };
    all_are_told(cases, sizeof cases / sizeof *cases);
    assert_string_equal(
        mistakes("baseline: a\nrows: [{ name: a }, { name: b }]\n"
                 "claims: { n: \"unstable b, a\" }\n",
                 scale, "n: { section: s, says: s, table: x, predicate: \"unstable b, a\" }\n"),
        "x.yaml:3:24: a is the baseline, which others are set beside; name another row\n");
    assert_string_equal(
        mistakes("baseline: a\nrows: [{ name: a }, { name: b, batch: 32 }]\n"
                 "claims: { n: unstable b }\n",
                 scale, "n: { section: s, says: s, table: x, predicate: unstable b }\n"),
        "x.yaml:3:23: b has another method, batch or distance than a, so another noise of its "
        "loss; name a row with the same\n");
    assert_string_equal(
        mistakes("rows: [{ name: a }]\nclaims: { n: knn of each within 1 of a }\n", scale,
                 "n: { section: s, says: s, table: x, predicate: knn of each within 1 of a }\n"),
        "x.yaml:2:38: a is the only row; each other one is wanted\n");
}

static void each_wrong_part_of_a_claim_is_told(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { "collapse with;", "x.yaml:3:21: a part is missing after `;`\n" },
        { "; collapse with", "x.yaml:3:7: a part is missing before `;`\n" },
        { "\xc3\xa9 with rises; collapse nobody",
          "x.yaml:3:7: \xc3\xa9" NO_METRIC "x.yaml:3:30: no row nobody; the first is with\n" },
        { "knn with rises; collapse nobody; linear with < without",
          "x.yaml:3:32: no row nobody; the first is with\nx.yaml:3:52: <" NO_RELATION },
        { "collapse with; collapse with; collapse with; collapse with; collapse with",
          "x.yaml:3:66: more than 4 parts; split the claim\n" },
        { "knn with-a-name-of-more-than-sixty-three-bytes-which-no-row-can-have-here rises",
          "x.yaml:3:11: too long; METRIC ROW > ROW is four short words\n" },
    };
    all_are_told(cases, sizeof cases / sizeof *cases);
}

#define NO_CLAIM " is no claim; METRIC ROW > ROW, METRIC ROW within X of ROW or VALUE, METRIC ROW rises, or [no] " \
                 "collapse ROW\n"

static void what_is_no_claim_is_told_once(void **state)
{
    (void)state;
    assert_string_equal(mistakes("rows: [{ name: a }, { name: b }]\n"
                                 "claims:\n"
                                 "  better: [a]\n"
                                 "  close:\n"
                                 "  other: ''\n", scale, paper),
                        "x.yaml:3:11: better: a list" NO_CLAIM
                        "x.yaml:4:9: close: nothing" NO_CLAIM
                        "x.yaml:5:10: other: \"\"" NO_CLAIM);
    assert_string_equal(
        mistakes("rows: [{ name: a }, { name: b }]\nclaims: { better: linear a > q }\n", scale,
                 paper),
        "x.yaml:2:30: no row q; the first is a\n");
}

static void a_dropped_claim_is_a_mistake(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("rows: [{ name: a }, { name: b }]\nclaims: { better: linear a > b }\n", scale,
                 paper),
        "x.yaml:2:9: close is not claimed, which paper.yaml gives to this table; `close: linear a "
        "within 1 of b; no collapse a`\n");
    assert_string_equal(
        mistakes("rows: [{ name: a }, { name: b }]\n", scale,
                 "better: { section: 1, says: s, table: x, predicate: linear a > b }\n"),
        "x.yaml:1:1: better is not claimed, which paper.yaml gives to this table; `better: linear "
        "a > b`\n");
}

static void claims_must_be_the_papers(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("rows: [{ name: a }, { name: b }]\n"
                 "claims:\n"
                 "  better: linear b > a\n"
                 "  clos: linear a > b\n"
                 "  other: linear a > b\n"
                 "  proof: collapse a\n",
                 scale, paper),
        "x.yaml:3:11: better claims `linear b > a`, but paper.yaml says `linear a > b`; they must "
        "be equal\n"
        "x.yaml:4:3: clos is no statement of paper.yaml; did you mean close?\n"
        "x.yaml:5:3: other belongs to the table y, not to x; claim it there\n"
        "x.yaml:6:3: proof is decided by a unit test, not by runs; leave it out\n");
    assert_string_equal(mistakes("rows: [{ name: a }]\nclaims: [better]\n", scale, paper),
                        "x.yaml:2:9: claims: `id: predicate` lines, with ids from paper.yaml\n");
}

/* ---- baseline, and what the scale cannot host ------------------------------------------------ */

static void baseline_is_a_row(void **state)
{
    (void)state;
    load("rows: [{ name: a }, { name: b }]\n");
    assert_int_equal(experiment.baseline, -1);
    load("baseline: b\nrows: [{ name: a }, { name: b }]\n");
    assert_int_equal(experiment.baseline, 1);
    assert_string_equal(mistakes("baseline: wiht\nrows: [{ name: with }, { name: b }]\n", scale,
                                 paper),
                        "x.yaml:1:11: baseline: no row wiht; did you mean with?\n");
    assert_string_equal(mistakes("baseline: 3\nrows: [{ name: with }, { name: b }]\n", scale,
                                 paper),
                        "x.yaml:1:11: baseline: no row 3; the first is with\n");
    assert_string_equal(mistakes("baseline: [b]\nrows: [{ name: a }, { name: b }]\n", scale, paper),
                        "x.yaml:1:11: baseline: no row a list; the first is a\n");
    assert_string_equal(mistakes("baseline:\nrows: [{ name: a }, { name: b }]\n", scale, paper),
                        "x.yaml:1:10: baseline: no row nothing; the first is a\n");
}

/* What loading rows a and b says at a scale with this `not_run:`. */
static const char *not_run_mistake(const char *lines)
{
    char *s = text_format("%s%s", scale, lines);
    const char *said = mistakes("rows: [{ name: a }, { name: b }]\n", s, "{}");
    free(s);
    return said;
}

static void rows_that_a_scale_cannot_host_break_no_rule(void **state)
{
    (void)state;
    char *s = text_format("%snot_run: { x: { b: the images are too few } }\n", scale),
         said[SAID_MAX];
    file_put("x.yaml", "rows: [{ name: a }, { name: b, batch: 2000 }]\n");
    file_put("scale/s.yaml", s);
    file_put("paper.yaml", "{}");
    char *path = text_format("%s/x.yaml", folder);
    assert_int_equal(load_child(said, path, "s", NULL), 0);
    assert_string_equal(said, "");
    experiment_load(&experiment, path, "s");
    assert_string_equal(experiment.row[0].not_run, "");
    assert_string_equal(experiment.row[1].not_run, "the images are too few");
    /* But a wrong value stays one. */
    assert_string_equal(mistakes("rows: [{ name: a }, { name: b, batch: many }]\n", s, "{}"),
                        "x.yaml:1:39: batch: many is not a whole number; 2 to 65536 images\n");
    free(path);
    free(s);
}

static void what_is_said_of_a_row_that_cannot_run_is_checked(void **state)
{
    (void)state;
    static const struct { const char *lines, *message; } cases[] = {
        { "not_run: b\n",
          "scale/s.yaml:11:10: not_run: TABLE: lines are wanted, with ROW: why it cannot run here under each\n" },
        { "not_run: { x: b }\n",
          "scale/s.yaml:11:15: not_run: `ROW: why it cannot run here` lines are wanted under x\n" },
        { "not_run: { y: { b: why } }\n",
          "scale/s.yaml:11:12: not_run: no table y; name a file beside scale/\n" },
        { "not_run: { papre: { b: why } }\n",
          "scale/s.yaml:11:12: not_run: no table papre; did you mean paper?\n" },
        { "not_run: { x: { c: why } }\n",
          "scale/s.yaml:11:17: not_run: no row c; the first is a\n" },
        { "not_run: { x: { b: '' } }\n",
          "scale/s.yaml:11:20: not_run: \"\" is not a text of 1 to 255 bytes\n" },
        { "not_run: { x: { b: [why] } }\n",
          "scale/s.yaml:11:20: not_run: a list is not a text of 1 to 255 bytes\n" },
        { "not_run: { x: { b: why, b: because } }\n",
          "scale/s.yaml:11:25: b stands twice, first in line 11; keep one\n" },
        { "not_run: { x: { b: why }, x: { a: why } }\n",
          "scale/s.yaml:11:27: x stands twice, first in line 11; keep one\n" },
        { "not_run: { paper: { b: '' } }\n",
          "scale/s.yaml:11:24: not_run: \"\" is not a text of 1 to 255 bytes\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(not_run_mistake(cases[i].lines), cases[i].message);
}

/* ---- statements ------------------------------------------------------------------------------ */

#define NOT_WHOLE " a statement has section and says, and either table and predicate or `exact: true`\n"

static void statements_are_whole(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("rows: [{ name: a }, { name: b }]\nclaims: { better: linear a > b }\n", scale,
                 "better: { section: 1, says: s, table: x, predicate: linear a > b }\n"
                 "c: { section: 1, says: s, table: x, exact: true }\n"
                 "d: { section: 1, says: s, predicate: linear a > b }\n"
                 "e: { section: 1, says: s }\n"
                 "f: { says: s, exact: true }\n"
                 "g: text\n"
                 "h: { section: 1, says: s, table: x, predicate: p, test: t }\n"),
        "paper.yaml:2:4:" NOT_WHOLE "paper.yaml:3:4:" NOT_WHOLE "paper.yaml:4:4:" NOT_WHOLE
        "paper.yaml:5:4:" NOT_WHOLE "paper.yaml:6:4:" NOT_WHOLE "paper.yaml:7:4:" NOT_WHOLE);
}

static void reported_numbers_are_by_row(void **state)
{
    (void)state;
    static const char *const wrong[] = { "67.7", "[67.7]", "{}", "{ a: { b: 1 } }", "{ a: '' }",
                                         "{ a: [[1]] }" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *p = text_format("n: { section: 1, says: s, reported: %s, exact: true }\n", wrong[i]);
        assert_string_equal(
            mistakes("rows: [{ name: a }, { name: b }]\nclaims: { n: knn a > b }\n", scale, p),
            "paper.yaml:1:37: reported: the paper's numbers by row, like { with: 67.7, without: "
            "0.1 }\n");
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_is_claimed_once_by_its_table_or_has_none),
        cmocka_unit_test(papers_numbers_are_those_reported),
        cmocka_unit_test(every_reported_number_belongs_to_a_row),
        cmocka_unit_test(what_decides_an_exact_statement_is_a_test),
        cmocka_unit_test(a_statement_is_read_whole),
        cmocka_unit_test(a_claim_may_join_parts),
        cmocka_unit_test(a_token_that_names_a_row_is_the_row),
        cmocka_unit_test(each_is_every_other_row),
        cmocka_unit_test(states_have_rows),
        cmocka_unit_test(not_stands_before_a_part),
        cmocka_unit_test(two_metrics_may_be_of_one_row),
        cmocka_unit_test(a_row_may_be_called_as_a_word_of_the_grammar),
        cmocka_unit_test(claims_on_numbers_that_do_not_parse_are_placed),
        cmocka_unit_test(claims_on_states_that_do_not_parse_are_placed),
        cmocka_unit_test(each_wrong_part_of_a_claim_is_told),
        cmocka_unit_test(what_is_no_claim_is_told_once),
        cmocka_unit_test(a_dropped_claim_is_a_mistake),
        cmocka_unit_test(claims_must_be_the_papers),
        cmocka_unit_test(baseline_is_a_row),
        cmocka_unit_test(rows_that_a_scale_cannot_host_break_no_rule),
        cmocka_unit_test(what_is_said_of_a_row_that_cannot_run_is_checked),
        cmocka_unit_test(statements_are_whole),
        cmocka_unit_test(reported_numbers_are_by_row),
    };
    return cmocka_run_group_tests_name("claim_parse", tests, paper_open, paper_close);
}
