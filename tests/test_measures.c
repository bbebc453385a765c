/* SPDX-License-Identifier: MIT
 *
 * test_measures.c -- each number appears where its line in measures.c says, and nowhere else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../experiments/pages/table_page.h"
#include "../experiments/suite/committed.h"

static bool has_key(const char *json, const struct measure *m)
{
    char *key = text_format("\"%s\":", m->name);
    const bool has = strstr(json, key) != NULL;
    free(key);
    return has;
}

static void check(const struct measure *m, const char *where, bool has, unsigned kinds)
{
    const bool wanted = (m->is & kinds) != 0;
    if (has != wanted) fail_msg("%s is%s in %s", m->name, has ? "" : " not", where);
}

/* An epoch in which every number exists. */
static struct epoch_record epoch_full(int epoch)
{
    struct epoch_record e = epoch_empty(epoch);
    for (const struct measure *m = measures; m->name; m++)
        if (!(m->is & MEASURE_END))
            memcpy((char *)&e + m->offset, &(double){ 0.7 }, sizeof(double));
    return e;
}

static void lines_of_metrics_hold_what_was_trained_and_monitored(void **state)
{
    (void)state;
    struct epoch_record e = epoch_full(3);
    char *trained = epoch_print(&e);
    e.monitored = true;
    char *monitored = epoch_print(&e);
    for (const struct measure *m = measures; m->name; m++) {
        check(m, "a line that is not monitored", has_key(trained, m), MEASURE_TRAINED);
        check(m, "a monitored line", has_key(monitored, m), MEASURE_TRAINED | MEASURE_MONITORED);
    }
    free(trained);
    free(monitored);
}

/* Each its own value, so that none is written for another. */
static void lines_give_each_its_own_number_back(void **state)
{
    (void)state;
    struct epoch_record e = epoch_empty(3), back;
    for (const struct measure *m = measures; m->name; m++) {
        const double value = 0.5 + (double)(m - measures);
        if (!(m->is & MEASURE_END)) memcpy((char *)&e + m->offset, &value, sizeof value);
    }
    e.monitored = true;
    char *line = epoch_print(&e);
    assert_true(epoch_parse(&back, line));
    free(line);
    for (const struct measure *m = measures; m->name; m++)
        if (!(m->is & MEASURE_END) && epoch_number(&back, m) != 0.5 + (double)(m - measures))
            fail_msg("%s came back as %g", m->name, epoch_number(&back, m));
}

static void summary_holds_the_final_ones_and_those_of_a_run(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_measures.XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct run_record r = { .state = RUN_HEALTHY, .last = epoch_full(3), .linear = 45 };
    assert_true(summary_write(&r, folder));
    char *path = text_format("%s/summary.json", folder), *text = file_read(path, NULL);
    assert_non_null(text);
    for (const struct measure *m = measures; m->name; m++)
        check(m, "summary.json", has_key(text, m), MEASURE_FINAL | MEASURE_END);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    free(text);
    free(path);
}

/* A table of one healthy run, in which every number exists. */
static struct table *table_made(struct epoch_record *curve)
{
    struct table *t = host_alloc(1, sizeof *t);
    *curve = epoch_full(1);
    t->e.n_rows = 1;
    t->e.baseline = 0;
    t->finished = 1;
    strcpy(t->e.row[0].name, "only");
    t->row[0].run[0] = (struct run_record){ .state = RUN_HEALTHY, .seed = 1, .last = *curve,
                                            .linear = 45, .curve = curve, .n_curve = 1 };
    t->row[0].n = 1;
    rows_summarise(t);
    return t;
}

/* What is written of a table, in fresh memory. */
static char *written(void (*write)(FILE *, const struct table *), const struct table *t)
{
    char *text;
    size_t bytes;
    FILE *out = text_stream(&text, &bytes);
    write(out, t);
    text_stream_end(out);
    return text;
}

static void numbers_csv(FILE *out, const struct table *t)
{
    table_numbers(&(struct page){ out, &look_csv }, t);
}

static void numbers_md(FILE *out, const struct table *t)
{
    table_numbers(&(struct page){ out, &look_md }, t);
}

static void evidence_md(FILE *out, const struct table *t)
{
    table_evidence(&(struct page){ out, &look_md }, t);
}

static void check_field(const struct measure *m, const char *text, const char *suffix,
                        unsigned kinds)
{
    char *line = text_format(",%.*s,", (int)strcspn(text, "\n"), text);
    char *field = text_format(",%s%s,", m->name, suffix);
    check(m, "the titles of a CSV file", strstr(line, field) != NULL, kinds);
    free(field);
    free(line);
}

static void check_title(const struct measure *m, const char *text, unsigned kinds)
{
    char *line = text_format("%.*s", (int)strcspn(text, "\n"), text), *bars = host_alloc(1, 64);
    size_t n = 0;
    bars[n++] = ' ';
    for (const char *c = m->title ? m->title : "no title"; *c; c++) {
        if (*c == '|') bars[n++] = '\\';
        bars[n++] = *c;
    }
    memcpy(bars + n, " |", 3);
    check(m, "the titles of a page", strstr(line, bars) != NULL, kinds);
    free(line);
    free(bars);
}

static void tables_have_a_column_of_each(void **state)
{
    (void)state;
    struct epoch_record curve;
    struct table *t = table_made(&curve);
    char *csv = written(numbers_csv, t);
    char *curves;
    size_t bytes;
    FILE *out = text_stream(&curves, &bytes);
    struct epoch_columns columns = { .n = 0 };
    epoch_columns_add(&columns, &curve);
    epoch_fields_head(out, &columns);
    text_stream_end(out);
    char *numbers = written(numbers_md, t), *evidence = written(evidence_md, t);
    for (const struct measure *m = measures; m->name; m++) {
        check_field(m, csv, "_mean", MEASURE_COLUMN);
        check_field(m, csv, "_std", MEASURE_COLUMN);
        check_field(m, curves, "", MEASURE_TRAINED | MEASURE_MONITORED);
        check_title(m, numbers, MEASURE_COLUMN);
        check_title(m, evidence + 1, MEASURE_EVIDENCE);
    }
    free(csv);
    free(curves);
    free(numbers);
    free(evidence);
    free(t);
}

static void captions_say_every_sentence_once(void **state)
{
    (void)state;
    struct epoch_record curve;
    struct table *t = table_made(&curve);
    char *caption = caption_text(t);
    for (const struct measure *m = measures; m->name; m++) {
        if (!m->sentence) continue;
        check(m, "the caption", strstr(caption, m->sentence) != NULL,
              MEASURE_COLUMN | MEASURE_EVIDENCE);
        if (strstr(strstr(caption, m->sentence) + 1, m->sentence))
            fail_msg("%s stands twice", m->sentence);
    }
    free(caption);
    free(t);
}

/* Pages need a place for what they show, each its own. */
static void no_two_have_one_name_or_one_place(void **state)
{
    (void)state;
    for (const struct measure *m = measures; m->name; m++) {
        const bool shown = m->is & (MEASURE_COLUMN | MEASURE_EVIDENCE | MEASURE_CLAIMED);
        if (shown != (m->place > 0) || shown != (m->title != NULL))
            fail_msg("%s: place or title", m->name);
        for (const struct measure *other = measures; other < m; other++)
            if (!strcmp(other->name, m->name) || (shown && other->place == m->place))
                fail_msg("%s and %s have one name or one place", other->name, m->name);
    }
}

/* A claim's word is one that is CLAIMED, and every such has a curve or an end to claim something
 * of. */
static void claims_find_what_is_claimed(void **state)
{
    (void)state;
    const struct measure *list[MEASURES_MAX];
    const int n = measures_of(list, MEASURE_CLAIMED);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) assert_true(i == 0 || list[i]->place > list[i - 1]->place);
    for (const struct measure *m = measures; m->name; m++) {
        const struct measure *found = measure_find(m->name, MEASURE_CLAIMED);
        check(m, "what a claim may name", found == m, MEASURE_CLAIMED);
        assert_true(m->is & (MEASURE_TRAINED | MEASURE_MONITORED | MEASURE_END));
    }
    assert_null(measure_find("nothing", MEASURE_CLAIMED));
}

/* Accuracy along the way is of the monitor images, at the end of the whole test set; runs of before
 * that was measured have the former. */
static void a_runs_number_is_the_one_of_its_end(void **state)
{
    (void)state;
    struct run_record r = { .state = RUN_HEALTHY, .last = epoch_empty(3), .linear = 45 };
    const struct measure *const knn = measure_find("knn", MEASURE_COLUMN);
    r.last.knn = 30;
    assert_true(run_number(&r, knn) == 30);
    r.last.knn_test = 40;
    assert_true(run_number(&r, knn) == 40 && epoch_number(&r.last, knn) == 30);
    assert_true(run_number(&r, measure_find("linear", MEASURE_COLUMN)) == 45);
    for (const struct measure *m = measures; m->name; m++)
        if (m->end && !measure_find(m->end, MEASURE_FINAL)) fail_msg("%s: no %s", m->name, m->end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_metrics_hold_what_was_trained_and_monitored),
        cmocka_unit_test(lines_give_each_its_own_number_back),
        cmocka_unit_test(summary_holds_the_final_ones_and_those_of_a_run),
        cmocka_unit_test(tables_have_a_column_of_each),
        cmocka_unit_test(captions_say_every_sentence_once),
        cmocka_unit_test(no_two_have_one_name_or_one_place),
        cmocka_unit_test(claims_find_what_is_claimed),
        cmocka_unit_test(a_runs_number_is_the_one_of_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
