/* SPDX-License-Identifier: MIT
 *
 * test_pages.c -- one content in five looks: nothing is missing in one, and no text is more than
 * text.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../experiments/methods/eta.h"
#include "../experiments/pages/claims_page.h"
#include "../experiments/pages/table_page.h"
#include "../experiments/run/judge.h"

static const struct look *const looks[] = { &look_text, &look_md, &look_tex, &look_csv,
                                            &look_html };

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part)) return;
    print_error("%s\n", text);
    fail_msg("no \"%s\" in the text above", part);
}

static void row_made(struct table *t, int i, const char *name, double linear, double std)
{
    snprintf(t->e.row[i].name, NAME_LENGTH, "%s", name);
    for (int k = 0; k < 3; k++) {
        struct run_record *r = &t->row[i].run[k];
        *r = (struct run_record){ .seed = k + 1, .linear = linear + k,
                                  .code_hash = "<script src=//x>", .data_hash = "da7a",
                                  .machine = "cpu", .last = epoch_empty(3) };
        r->last.std_sqrtd = std;
        r->last.view_share_standard = 0.8;
        r->last.loss = -0.5;
        r->last.rank = 0.25;
        run_judge(r, false);
    }
    t->row[i].n = 3;
}

/* Two rows with runs, one that the scale does not host, the reference, and a conjunction; texts that each look
 * must escape. */
static struct table *table_made(void)
{
    struct table *t = host_alloc(1, sizeof *t);
    const struct measure *linear = measure_find("linear", MEASURE_CLAIMED);
    strcpy(t->e.name, "made_up");
    strcpy(t->e.title, "A <b>title</b> & more, 100 %");
    strcpy(t->e.scale, "tiny");
    t->e.n_rows = 4;
    t->e.baseline = -1;
    t->e.untrained = 3;
    strcpy(t->e.row[3].name, "untrained");
    t->e.looks = (struct looks){ 1, { 3 }, { 0.05 } };
    row_made(t, 0, "with_a|b", 45, 0.9);
    row_made(t, 1, "<i>other</i>", 30, 0.4);
    strcpy(t->e.row[2].name, "third");
    strcpy(t->e.row[2].not_run, "no <i>room</i>");
    t->e.row[0].has_paper = true;
    t->e.row[0].paper = 67.7;
    t->e.n_claims = 1;
    struct claim *c = &t->e.claim[0];
    strcpy(c->id, "better");
    strcpy(c->text, "linear a > b; linear a within 1 of -1");
    c->n = 2;
    c->part[0] = (struct predicate){ .kind = CLAIM_GREATER, .metric = linear,
                                     .other_metric = linear, .other = 1,
                                     .text = "linear a > b" };
    c->part[1] = (struct predicate){ .kind = CLAIM_WITHIN_VALUE, .metric = linear, .within = 1,
                                     .value = -1, .text = "linear a within 1 of -1" };
    t->finished = 6;
    rows_summarise(t);
    struct row_runs rows[ROWS_MAX];
    for (int i = 0; i < t->e.n_rows; i++) rows[i] = (struct row_runs){ t->row[i].run, t->row[i].n };
    claim_decide(&t->claim[0], c, &t->e, rows);
    return t;
}

static char *walked(const struct look *look, const struct table *t)
{
    char *text;
    size_t bytes;
    FILE *out = text_stream(&text, &bytes);
    table_page(&(struct page){ out, look }, t);
    text_stream_end(out);
    return text;
}

/* Every look has each row, each number, each claim with its parts and verdicts. */
static void every_look_shows_the_whole_table(void **state)
{
    (void)state;
    static const char *const everywhere[] = { "third", "collapsed", "healthy", "67.7", "better.2",
                                              "fails", "holds" };
    struct table *t = table_made();
    for (int k = 0; k < LOOKS; k++) {
        assert_int_equal(looks[k]->name, k);
        char *text = walked(looks[k], t);
        for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
            assert_has(text, everywhere[i]);
        /* marked where people read, and last */
        assert_has(text, k == LOOK_CSV ? "\nuntrained,0," : "untrained (reference)");
        assert_true(strstr(text, "third") < strstr(text, "untrained"));
        free(text);
    }
    free(t);
}

/* 3 of a view, 1 of a view that another network sees. */
static void passes_count_what_each_method_does_with_an_image(void **state)
{
    (void)state;
    static const struct { const char *method; int pairs, passes; } cases[] = {
        { "simsiam", 2, 6 }, { "simsiam", 1, 6 }, { "simclr", 2, 6 }, { "swav", 2, 6 },
        { "byol", 2, 8 }, { "moco", 2, 8 }, { "moco", 1, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int m = 0;
        while (strcmp(methods[m].name, cases[i].method)) m++;
        struct settings s = settings_default(m);
        s.pairs.n = cases[i].pairs;
        s.epochs = 5;
        assert_int_equal(method_passes(&s), 5 * cases[i].passes);
    }
    struct settings s = settings_default(0);             /* cached targets are a pass more */
    s.epochs = 1;
    ((struct eta_settings *)(void *)s.own)->from = ETA_CACHE;
    assert_int_equal(method_passes(&s), 8);
}

static void work_is_shown_where_it_differs(void **state)
{
    (void)state;
    struct table *t = table_made();
    for (int i = 0; i < 3; i++) t->e.row[i].settings = settings_default(0);
    for (int k = 0; k < LOOKS; k++) {
        char *text = walked(looks[k], t);
        assert_null(strstr(text, "passes"));
        free(text);
    }
    t->e.row[1].settings.epochs *= 2;
    const int passes = method_passes(&t->e.row[1].settings);
    t->row[1].run[0].cpu = 30;
    t->row[1].run[1].cpu = 34;                           /* the third's is not known */
    for (int k = 0; k < LOOKS; k++) {
        if (k == LOOK_CSV) continue;
        char *text = walked(looks[k], t), *count = text_format("%d", passes);
        assert_has(text, "passes");
        assert_has(text, count);
        assert_has(text, k == LOOK_TEX ? "32 $\\pm$ 3" : "32 ± 3");
        assert_null(strstr(text, "published"));
        free(count);
        free(text);
    }
    strcpy(t->e.published, "somebody's");
    t->e.row[0].published = 76.5;
    char *text = walked(looks[LOOK_MD], t);
    assert_has(text, "| 76.5 |");
    assert_has(text, "published: somebody's.");
    free(text);
    free(t);
}

static void each_look_formats_numbers_in_its_own_way(void **state)
{
    (void)state;
    static const char *const number[LOOKS] = { "46.0 ± 1.0", "| 46.0 ± 1.0 |", "46.0 $\\pm$ 1.0",
                                               ",46,1,", "<td>46.0 ± 1.0</td>" };
    static const char *const minus[LOOKS] = { "-0.500", "| -0.500 ± 0.000 |", "$-$0.500",
                                              ",-0.5,0,", "<td>−0.500 ± 0.000</td>" };
    struct table *t = table_made();
    for (int k = 0; k < LOOKS; k++) {
        char *text = walked(looks[k], t);
        assert_has(text, number[k]);
        assert_has(text, minus[k]);
        free(text);
    }
    free(t);
}

/* Names, titles and a code hash that somebody edited: text, in each look that could take it for
 * more. */
static void texts_are_escaped_by_the_look(void **state)
{
    (void)state;
    static const char *const name[LOOKS] = { "with_a|b", "with_a\\|b", "with\\_a$|$b", "with_a|b",
                                             "with_a|b" };
    static const char *const title[LOOKS] = { "A <b>title</b> & more, 100 %.",
                                              "A \\<b>title\\</b> & more",
                                              "A $<$b$>$title$<$/b$>$ \\& more, 100 \\%", "",
                                              "&lt;b&gt;title" };
    struct table *t = table_made();
    for (int k = 0; k < LOOKS; k++) {
        char *text = walked(looks[k], t);
        assert_has(text, name[k]);
        assert_has(text, title[k]);
        if (k == LOOK_HTML && strstr(text, "<script")) fail_msg("a code hash is an element");
        if (k == LOOK_HTML) assert_has(text, "no &lt;i&gt;room");
        if (k == LOOK_MD) assert_has(text, " code \\<script");
        free(text);
    }
    strcpy(t->e.row[0].name, "a\033[31mb, \"c\"");
    strcpy(t->e.row[1].name, "say \"d\"");
    char *text = walked(&look_text, t), *csv = walked(&look_csv, t);
    assert_has(text, "a?[31mb");
    assert_has(csv, "\"a\033[31mb, \"\"c\"\"\",3,67.7,");
    assert_has(csv, "\n\"say \"\"d\"\"\",3,,");
    free(text);
    free(csv);
    /* Controls, as a byte, in UTF-8 and of direction, and a table whose name is a command. */
    strcpy(t->e.row[0].name, "a\033[31m\xc2\x9b" "1m\xe2\x80\xae" "b\x9b");
    strcpy(t->e.name, "x}\\input{y}");
    for (int k = 0; k < LOOKS; k++) {
        if (k == LOOK_CSV || k == LOOK_MD) continue;           /* a reader's program shows those */
        text = walked(looks[k], t);
        assert_has(text, "a?[31m??1m???b?");
        if (strpbrk(text, "\033\x9b")) fail_msg("a control character in look %d", k);
        if (k == LOOK_TEX) assert_has(text, "\\label{tab:x--input-y-}");
        free(text);
    }
    free(t);
}

/* What is wider than the text is scaled, and only that. */
static void latex_tables_fit_the_text(void **state)
{
    (void)state;
    struct table *t = table_made();
    char *text = walked(&look_tex, t);
    int open = 0, fitted = 0;
    for (const char *at = text; (at = strstr(at, "\\begin{tabular}")) != NULL; at++) {
        static const char narrow[] = "\\sbox0{\\tabcolsep=3pt", whole[] = "\\sbox0{";
        open++;
        fitted += !strncmp(at - strlen(open % 2 ? narrow : whole), open % 2 ? narrow : whole,
                           strlen(open % 2 ? narrow : whole));
    }
    assert_int_equal(open, 4);                 /* numbers and claims, each for one column and for two */
    assert_int_equal(fitted, 4);
    assert_has(text, "\\ifdim\\linewidth<11cm\n\\sbox0{\\tabcolsep=3pt\\begin{tabular}{lrccccl}\n\\toprule\n"
                     "row & n & paper & linear & kNN & std$\\cdot$$\\sqrt{d}$ & state");
    assert_has(text, "\\else\n\\sbox0{\\begin{tabular}{lrccccccl}\n\\toprule\n"
                     "row & n & paper & linear & kNN & loss & std$\\cdot$$\\sqrt{d}$ & view share & state");
    assert_has(
        text,
        "\\end{tabular}}%\n"
        "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n");
    assert_has(text, "% \\usepackage{booktabs,graphicx}\n");
    assert_null(strstr(text, "\\begin{table}\n"));          /* whoever includes it makes the float */
    free(text);
    free(t);
}

/* Statements: one of this table, one exact, one of a table that there is not. */
static void statements_are_walked_by_the_looks_that_have_them(void **state)
{
    (void)state;
    struct named_statement known[] = {
        { "better", true, { .section = "1", .says = "better <b>", .reported = "a 67.7, b -0.1",
                            .table = "made_up",
                            .predicate = "linear a > b; linear a within 1 of -1" } },
        { "one", true,
          { .section = "2", .says = "the same", .exact = true, .test = "one_is_one" } },
        { "two", true, { .section = "2", .says = "open", .exact = true } },
        { "far",
          true,
          { .section = "3", .says = "far", .table = "nowhere", .predicate = "collapse a" } },
        { .id = NULL },
    };
    const struct statements paper = { .v = known };
    static const char *const tally[] = {
        [LOOK_MD] = "4 statements: 1 holds, 1 fails, 0 mixed, 0 inconclusive, 2 not run.",
        [LOOK_CSV] = "id,table,predicate,verdict,",
        [LOOK_HTML] = "<li><b>1</b> <span class=\"verdict fails\">"
    };
    static const char *const says[] = { [LOOK_MD] = "| better \\<b> |", [LOOK_CSV] = "\nbetter,made_up,",
                                        [LOOK_HTML] = "better &lt;b&gt;" };
    static const char *const ours[] = {
        [LOOK_MD] = "with_a\\|b 46.0 ± 1.0, \\<i>other\\</i> 31.0 ± 1.0",
        [LOOK_CSV] = "\nbetter.1,made_up,linear a > b,holds,3,15,15,15,3,0,1,0.05\n",
        [LOOK_HTML] = "linear <b>with_a|b</b> 46.0 ± 1.0, <b>&lt;i&gt;other"
    };
    static const char *const open[] = { [LOOK_CSV] = "\nbetter.2,made_up,linear a within 1 of -1,fails,3,47,",
                                        [LOOK_MD] = "| not run |  | no test decides it yet |  |\n",
                                        [LOOK_HTML] =
                                            "a test decides it, which is not written yet" };
    const struct table *t = table_made();
    for (int k = 0; k < LOOKS; k++) {
        if (!looks[k]->answer) continue;
        char *text;
        size_t bytes;
        FILE *out = text_stream(&text, &bytes);
        claims_page(&(struct page){ out, looks[k] }, &t, 1, &paper, "tiny");
        text_stream_end(out);
        assert_has(text, tally[k]);
        assert_has(text, says[k]);
        assert_has(text, ours[k]);
        assert_has(text, open[k]);
        if (k != LOOK_CSV) assert_has(text, "one_is_one");      /* of tables alone */
        if (k != LOOK_CSV) assert_has(text, "nowhere");
        free(text);
    }
    free((void *)t);
}

/* A column of texts may stand behind the numbers, or there may be none. */
static void html_says_why_whatever_column_is_last(void **state)
{
    (void)state;
    static const enum cell_kind kinds[][3] = {
        { CELL_NAME, CELL_NUMBER, CELL_TEXT }, { CELL_NAME, CELL_TEXT, CELL_NUMBER },
        { CELL_NAME, CELL_TEXT, CELL_TEXT },
    };
    static const char *const says[] = {
        "<th scope=\"row\">third</th><td colspan=\"2\" class=\"soft\">no room</td>",
        "<th scope=\"row\">third</th><td>word</td><td colspan=\"1\" class=\"soft\">no room</td>",
        "<th scope=\"row\">third</th><td colspan=\"2\" class=\"soft\">no room</td>",
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct line line = {
            .cell = { { .text = "third" }, { .text = "word" }, { .text = "word" } },
            .why = "no room"
        };
        struct grid *g = host_alloc(1, sizeof *g);
        *g = (struct grid){ .kind = GRID_NUMBERS, .table = "t", .n_columns = 3, .n_lines = 1,
                            .line = &line };
        for (int c = 0; c < 3; c++)
            g->column[c] = (struct column){ .title = "x", .kind = kinds[i][c],
                                            .at[LOOK_HTML] = c + 1 };
        char *text;
        size_t bytes;
        FILE *out = text_stream(&text, &bytes);
        look_html.grid(out, g);
        text_stream_end(out);
        assert_has(text, says[i]);
        free(text);
        free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_look_shows_the_whole_table),
        cmocka_unit_test(passes_count_what_each_method_does_with_an_image),
        cmocka_unit_test(work_is_shown_where_it_differs),
        cmocka_unit_test(each_look_formats_numbers_in_its_own_way),
        cmocka_unit_test(texts_are_escaped_by_the_look),
        cmocka_unit_test(latex_tables_fit_the_text),
        cmocka_unit_test(html_says_why_whatever_column_is_last),
        cmocka_unit_test(statements_are_walked_by_the_looks_that_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
