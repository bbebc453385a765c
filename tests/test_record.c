/* SPDX-License-Identifier: MIT
 *
 * test_record.c -- a run's papers: there and back, torn, and hostile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../experiments/run/judge.h"
#include "../experiments/run/measures.h"

/* ---- a folder with one run ------------------------------------------------------------------- */

static char folder[64];

static void write_file(const char *name, const char *text, size_t bytes)
{
    char *path = text_format("%s/%s", folder, name);
    FILE *file = fopen(path, "w");             /* no fsync: some tests write hundreds */
    assert_true(file && fwrite(text, 1, bytes, file) == bytes && fclose(file) == 0);
    free(path);
}
static char *read_whole(const char *name)
{
    char *path = text_format("%s/%s", folder, name);
    size_t bytes;
    char *text = file_read(path, &bytes);
    assert_non_null(text);
    free(path);
    return text;
}
static int folder_open(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_record.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int folder_close(void **state)
{
    (void)state;
    static const char *const names[] = { "summary.json", "metrics.jsonl" };
    for (int i = 0; i < 2; i++) {
        char *path = text_format("%s/%s", folder, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder);
}

/* Numbers that nine digits carry exactly: floats. */
static struct epoch_record epoch_example(int epoch)
{
    struct epoch_record e = epoch_empty(epoch);
    e.loss = -0.1f * (float)epoch;
    e.oscillation = 0.25f;
    e.std_train = 0.98f;
    e.grad_norm = 1e-7f;
    e.lr = 3e38f;
    e.lr_predictor = 0.1f;
    e.monitored = epoch % 2 == 0;
    e.std_sqrtd = 1 / 3.0f;
    e.mean_norm = 0.16f;
    e.rank = 0.7f;
    e.knn = 38;
    e.knn_z = 37.5;
    e.cos_h = 0.5f;
    return e;
}
static struct run_record run_example(void)
{
    struct run_record r = { .row = "without", .seed = 3, .epochs = 2, .machine = "cpu",
                            .last = epoch_example(2), .linear = 45.25 };
    memset(r.hash, 'a', HASH_TEXT - 1);
    memset(r.code_hash, 'b', HASH_TEXT - 1);
    memset(r.data_hash, 'c', HASH_TEXT - 1);
    memset(r.frozen_hash, 'd', HASH_TEXT - 1);
    run_judge(&r, false);
    return r;
}
/* Lines of epochs 0, 1 and of the last. */
static char *curve_before(const struct epoch_record *last)
{
    char *text = text_format("%s", "");
    for (int i = 0; i < 3; i++) {
        struct epoch_record e = i < 2 ? epoch_example(i) : *last;
        char *line = epoch_print(&e), *longer = text_format("%s%s", text, line);
        free(line);
        free(text);
        text = longer;
    }
    return text;
}
static char *curve_text(void)
{
    const struct epoch_record last = epoch_example(2);
    return curve_before(&last);
}
static void write_run(const struct run_record *r)
{
    char *curve = curve_before(&r->last);
    write_file("metrics.jsonl", curve, strlen(curve));
    free(curve);
    assert_true(summary_write(r, folder));
}
static void write_finished(void)
{
    const struct run_record r = run_example();
    write_run(&r);
}
/* Reads the folder; warnings go nowhere but into `said`. */
static bool read_quietly(struct run_record *r, char *said, size_t room)
{
    fflush(stderr);
    FILE *file = tmpfile();
    assert_non_null(file);
    const int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    const bool done = run_read(r, folder);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    said[fread(said, 1, room - 1, file)] = '\0';
    fclose(file);
    return done;
}
/* The run must be read as RUN_NONE, with a warning that names `file` (NULL: without any). */
static void assert_refused(const char *file)
{
    char said[1024];
    struct run_record r;
    assert_false(read_quietly(&r, said, sizeof said));
    assert_int_equal(r.state, RUN_NONE);
    if (file && !strstr(said, file)) fail_msg("\"%s\" is not in \"%s\"", file, said);
    if (!file) assert_string_equal(said, "");
    run_free(&r);
}

static bool same(double a, double b)
{
    /* nine digits name a float, not a double */
    return (float)a == (float)b || (isnan(a) && isnan(b));
}
static void assert_epochs_equal(const struct epoch_record *a, const struct epoch_record *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->monitored, b->monitored);
    assert_true(same(a->loss, b->loss) && same(a->std_train, b->std_train) &&
                same(a->grad_norm, b->grad_norm));
    assert_true(same(a->lr, b->lr) && same(a->lr_predictor, b->lr_predictor));
    if (!b->monitored) return;
    assert_true(same(a->std_sqrtd, b->std_sqrtd) && same(a->mean_norm, b->mean_norm));
    assert_true(same(a->view_share, b->view_share) && same(a->rank, b->rank));
    assert_true(same(a->knn, b->knn) && same(a->knn_z, b->knn_z));
    assert_true(same(a->oscillation, b->oscillation) && same(a->cos_h, b->cos_h) &&
                same(a->cos_z, b->cos_z));
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void a_line_has_its_keys_in_order(void **state)
{
    (void)state;
    struct epoch_record e = epoch_example(1);
    e.loss = -1 / 3.0;
    e.grad_norm = INFINITY;
    e.lr = 0.5;
    e.std_train = 1;
    char *line = epoch_print(&e);
    assert_string_equal(line,
                        "{\"epoch\":1,\"loss\":-0.333333333,\"oscillation\":0.25,\"std_train\":1.0,"
                        "\"grad_norm\":null,\"lr\":0.5,\"lr_predictor\":0.100000001}\n");
    free(line);
    e.monitored = true;
    line = epoch_print(&e);
    assert_non_null(
        strstr(line, ",\"std_sqrtd\":0.333333343,\"mean_norm\":0.159999996,\"view_share\":null,"
                     "\"rank\":0.699999988,\"knn\":38.0,\"knn_z\":37.5,"
                     "\"cos_h\":0.5,\"cos_z\":null}\n"));
    free(line);
}

static void a_line_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int epoch = 0; epoch < 2; epoch++) {
        struct epoch_record e = epoch_example(epoch), back;
        char *line = epoch_print(&e);
        assert_true(epoch_parse(&back, line));
        assert_epochs_equal(&back, &e);
        assert_int_equal(isnan(back.knn), !e.monitored);
        free(line);
    }
}

/* Those of files whose lines have no number that came later. */
static struct epoch_columns columns_of_before(void)
{
    struct epoch_columns columns = { .n = 0 }, taken;
    const struct epoch_record empty = epoch_empty(0);
    char *titles;
    size_t bytes;
    FILE *out = open_memstream(&titles, &bytes);
    epoch_columns_add(&columns, &empty);
    epoch_fields_head(out, &columns);
    fclose(out);
    assert_true(epoch_columns_take(&taken, titles));
    assert_memory_equal(&taken, &columns, sizeof taken);
    free(titles);
    return columns;
}

/* One line that has it gives the file the column, in its place, and the others none. */
static void a_number_that_came_later_is_a_column_where_a_line_has_it(void **state)
{
    (void)state;
    const int before = columns_of_before().n;
    struct epoch_columns columns = { .n = 0 };
    struct epoch_record e = epoch_empty(1);
    e.monitored = true;
    epoch_columns_add(&columns, &e);
    e.knn_test = 40;
    epoch_columns_add(&columns, &e);
    assert_int_equal(columns.n, before + 1);
    e.knn_test = NAN;
    e.entropy_rank = 9;
    epoch_columns_add(&columns, &e);
    assert_int_equal(columns.n, before + 2);
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    epoch_fields_head(out, &columns);
    fputc('\n', out);
    epoch_fields(out, &columns, &e);
    fclose(out);
    assert_string_equal(text, "epoch,monitored,loss,oscillation,std_train,grad_norm,lr,"
                              "lr_predictor,std_sqrtd,mean_norm,view_share,rank,entropy_rank,knn,"
                              "knn_test,knn_z,cos_h,cos_z\n1,1,,,,,,,,,,,9,,,,,");
    free(text);
}

/* A file without a number that was always recorded, or with one that is not known, is none of
 * ours. */
static void other_columns_are_refused(void **state)
{
    (void)state;
    static const char *const titles[] = {
        "", "epoch", "epoch,monitored", "monitored,epoch,loss",
        "epoch,monitored,loss,oscillation,std_train,grad_norm,lr,lr_predictor,std_sqrtd,mean_norm,"
        "view_share,rank,knn,knn_z,cos_h",
        "epoch,monitored,loss,oscillation,std_train,grad_norm,lr,lr_predictor,std_sqrtd,mean_norm,"
        "view_share,rank,knn,knn_z,cos_h,cos_z,more",
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        struct epoch_columns columns;
        char *text = text_format("%s", titles[i]);
        if (epoch_columns_take(&columns, text)) fail_msg("taken: %s", titles[i]);
        free(text);
    }
}

/* A line of metrics.jsonl from its fields in CSV, whichever numbers it has. */
static void fields_make_the_line_again_to_the_byte(void **state)
{
    (void)state;
    const struct epoch_columns columns = columns_of_before();
    static const double odd[] = { 0, -0.0, 1, 1e-5, 1e22, 123456789, 0.1 + 0.2, 1 / 3.0, 5e-324,
                                  NAN };
    enum { ODD = sizeof odd / sizeof *odd };
    for (int i = 0; i < 2 * ODD; i++) {
        struct epoch_record e = epoch_example(i), read, back;
        e.monitored = i % 2;
        e.loss = odd[i / 2];
        e.knn = e.monitored ? odd[(i / 2 + 3) % ODD] : NAN;
        char *line = epoch_print(&e), *fields;
        assert_true(epoch_parse(&read, line));
        size_t bytes;
        FILE *out = open_memstream(&fields, &bytes);
        epoch_fields(out, &columns, &read);
        fclose(out);
        assert_true(epoch_fields_take(&back, &columns, fields));
        char *again = epoch_print(&back);
        assert_string_equal(line, again);
        free(line);
        free(again);
        free(fields);
    }
}

static void wrong_fields_are_refused(void **state)
{
    (void)state;
    static const struct { const char *text; bool right; } cases[] = {
        { "1,0,,,,,,,,,,,,,,", true },      { "1,1,0,0,0,0,0,0,,,,,,,,1e-5", true },
        { "", false },                      { "1", false },
        { "1,0,,,,,,,,,,,,,", false },      { "1,0,,,,,,,,,,,,,,,", false },
        { "1,0,,,,,,,1,,,,,,,", false },    { "1,2,,,,,,,,,,,,,,", false },
        { ",0,,,,,,,,,,,,,,", false },      { "-1,0,,,,,,,,,,,,,,", false },
        { "9999999999,0,,,,,,,,,,,,,,", false },        { "1,0,nan,,,,,,,,,,,,,", false },
        { "1,0,inf,,,,,,,,,,,,,", false },  { "1,0,1e999,,,,,,,,,,,,,", false },
        { "1,0, 1,,,,,,,,,,,,,", false },   { "1,0,1x,,,,,,,,,,,,,", false },
    };
    const struct epoch_columns columns = columns_of_before();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct epoch_record e;
        char *text = text_format("%s", cases[i].text);
        if (epoch_fields_take(&e, &columns, text) != cases[i].right)
            fail_msg("wrongly judged: %s", cases[i].text);
        free(text);
    }
}

static void a_torn_line_is_refused_wherever_it_is_torn(void **state)
{
    (void)state;
    struct epoch_record e = epoch_example(2), back;
    char *line = epoch_print(&e);
    for (size_t length = strlen(line) - 2; ; length--) {
        line[length] = '\0';
        assert_false(epoch_parse(&back, line));
        if (length == 0) break;
    }
    free(line);
}

static void wrong_lines_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "\n", "null", "7", "[]", "{}", "{\"epoch\":1}", "\"epoch\"", "{\"epoch\":1,\"loss\":NaN}",
        "{\"epoch\":1.5,\"loss\":0,\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":-1,\"loss\":0,\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":99999999999,\"loss\":0,"
        "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":1,\"loss\":\"0\","
        "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":1,\"loss\":1e999,"
        "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":1,\"loss\":0,\"loss\":0,"
        "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}",
        "{\"epoch\":1,\"loss\":0,"
        "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0,\"std_sqrtd\":1}",
        "{\"epoch\":1,\"loss\":0,\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,\"lr_predictor\":0}{}",
    };
    struct epoch_record e;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (epoch_parse(&e, wrong[i])) fail_msg("taken: %s", wrong[i]);
    assert_true(epoch_parse(&e, "{\"epoch\":1,\"loss\":0,"
                                "\"oscillation\":0,\"std_train\":0,\"grad_norm\":0,\"lr\":0,"
                                "\"lr_predictor\":null}"));
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void a_run_comes_back_as_it_was(void **state)
{
    (void)state;
    write_finished();
    const struct run_record r = run_example();
    struct run_record back;
    assert_true(run_read(&back, folder));
    assert_int_equal(back.state, r.state);
    assert_string_equal(back.row, r.row);
    assert_string_equal(back.evidence, r.evidence);
    assert_string_equal(back.hash, r.hash);
    assert_string_equal(back.code_hash, r.code_hash);
    assert_string_equal(back.data_hash, r.data_hash);
    assert_string_equal(back.frozen_hash, r.frozen_hash);
    assert_string_equal(back.machine, r.machine);
    assert_int_equal(back.seed, 3);
    assert_int_equal(back.epochs, 2);
    assert_true(back.linear == 45.25);
    assert_epochs_equal(&back.last, &r.last);
    assert_int_equal(back.n_curve, 3);
    for (int i = 0; i < 3; i++) {
        const struct epoch_record e = epoch_example(i);
        assert_epochs_equal(&back.curve[i], &e);
    }
    run_free(&back);
}

static void the_same_run_is_written_to_the_same_bytes(void **state)
{
    (void)state;
    write_finished();
    char *before = read_whole("summary.json");
    struct run_record back;
    assert_true(run_read(&back, folder));
    assert_true(summary_write(&back, folder));
    char *after = read_whole("summary.json");
    assert_string_equal(before, after);
    free(before);
    free(after);
    run_free(&back);
}

static void a_diverged_run_is_finished(void **state)
{
    (void)state;
    struct run_record r = run_example(), back;
    r.last.loss = r.linear = NAN;
    r.epochs = 100;
    run_judge(&r, true);
    write_run(&r);
    assert_true(run_read(&back, folder));
    assert_int_equal(back.state, RUN_DIVERGED);
    assert_true(isnan(back.linear) && isnan(back.last.loss));
    assert_string_equal(back.evidence, "a number stopped being finite in epoch 2");
    run_free(&back);

    /* its loss and std are finite: the probe's was not */
    struct run_record trained = run_example();
    run_judge(&trained, true);
    assert_string_equal(trained.evidence, "the linear probe diverged after epoch 2");
}

static void no_folder_is_no_run(void **state)
{
    (void)state;
    struct run_record r;
    assert_false(run_read(&r, "/nonexistent/run"));
    assert_int_equal(r.state, RUN_NONE);
    run_free(&r);
    assert_refused(NULL);
}

static void an_unfinished_run_gives_its_whole_lines(void **state)
{
    (void)state;
    char *curve = curve_text(), said[256];
    const size_t bytes = strlen(curve);
    const char *const third = strchr(strchr(curve, '\n') + 1, '\n') + 1;
    for (size_t cut = (size_t)(third - curve) + 1; cut < bytes - 2; cut += 7) {
        write_file("metrics.jsonl", curve, cut);
        struct run_record r;
        assert_false(read_quietly(&r, said, sizeof said));
        assert_int_equal(r.state, RUN_PARTIAL);
        assert_int_equal(r.n_curve, 2);
        assert_int_equal(r.last.epoch, 1);
        assert_string_equal(said, "");
        run_free(&r);
    }
    free(curve);
}

static void a_finished_run_with_broken_metrics_is_not_run(void **state)
{
    (void)state;
    write_finished();
    char *curve = curve_text();
    const size_t bytes = strlen(curve), line = (size_t)(strchr(curve, '\n') - curve) + 1;
    write_file("metrics.jsonl", curve, bytes - 9);             /* torn */
    assert_refused("metrics.jsonl");
    write_file("metrics.jsonl", curve, line);                  /* the last lines are missing */
    assert_refused("metrics.jsonl");
    write_file("metrics.jsonl", curve, 0);
    assert_refused("metrics.jsonl");
    char *twice = text_format("%s%s", curve, curve);           /* epochs that go back */
    write_file("metrics.jsonl", twice, strlen(twice));
    assert_refused("metrics.jsonl");
    curve[line - 1] = '\0';                                    /* a NUL hides the rest of a line */
    write_file("metrics.jsonl", curve, bytes);
    assert_refused("metrics.jsonl");
    curve[line - 1] = '\n';
    char *second = strchr(curve + line, '\n') + 1;             /* a line from the middle is lost */
    memmove(curve + line, second, strlen(second) + 1);
    write_file("metrics.jsonl", curve, strlen(curve));
    assert_refused("metrics.jsonl");
    char *path = text_format("%s/metrics.jsonl", folder);
    unlink(path);
    assert_refused("metrics.jsonl");
    free(path);
    free(twice);
    free(curve);
}

/* Replaces the first `from` in the summary by `to` and sees the run refused. */
static void assert_edit_refused(const char *from, const char *to)
{
    write_finished();
    char *text = read_whole("summary.json"), *at = strstr(text, from);
    if (!at) fail_msg("no %s in %s", from, text);
    char *edited = text_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    write_file("summary.json", edited, strlen(edited));
    assert_refused("summary.json");
    free(edited);
    free(text);
}

static void a_hand_edited_summary_is_refused(void **state)
{
    (void)state;
    assert_edit_refused("\"schema\": 2", "\"schema\": 1");
    assert_edit_refused("\"schema\"", "\"scheme\"");
    assert_edit_refused("\"seed\": 3", "\"seed\": \"3\"");
    assert_edit_refused("\"seed\": 3", "\"seed\": 3.5");
    assert_edit_refused("\"seed\": 3", "\"seed\": 99999999999999999999");
    assert_edit_refused("\"healthy\"", "\"stale\"");
    assert_edit_refused("\"healthy\"", "null");
    assert_edit_refused("\"cpu\"", "\"a machine with a very long name\"");
    assert_edit_refused("\"cpu\"", "\"c\\u0000u\"");
    assert_edit_refused("\"without\"", "[]");
    assert_edit_refused("aaaaaaaa", "aaaaaaaaa");              /* a hash of 65 digits */
    assert_edit_refused("\"final\"", "\"finale\"");
    assert_edit_refused("\"knn\": 38.0", "\"knn\": true");
    assert_edit_refused("\"epoch\": 2", "\"epoch\": null");
    assert_edit_refused("\"linear\": 45.25", "\"linear\": \"\"");
    assert_edit_refused("\"linear\": 45.25", "\"nonlinear\": 1");
    assert_edit_refused("\"linear\": 45.25", "\"linear\": 430.5");         /* percent */
    assert_edit_refused("\"linear\": 45.25", "\"linear\": -1");
    assert_edit_refused("\"linear\": 45.25", "\"linear\": null");  /* only what diverged has none */
    assert_edit_refused("\"healthy\"", "\"collapsed\"");             /* its numbers say otherwise */
    assert_edit_refused("\"healthy\"", "\"diverged\"");
    /* not the curve's */
    assert_edit_refused("\"std_sqrtd\": 0.333333343", "\"std_sqrtd\": 0.343333343");
    assert_edit_refused("\"epochs\": 2", "\"epochs\": 3");
    assert_edit_refused("bbbbbbbb", "<script>");
    assert_edit_refused("\"cpu\"", "\"<b>\"");
    assert_edit_refused("\"without\"", "\"a\\u001b[31m\"");
    assert_edit_refused("}", "");
    assert_edit_refused("{", "[{");
}

static void garbage_does_not_crash(void **state)
{
    (void)state;
    write_finished();
    char *deep = host_alloc(100001, 1);
    memset(deep, '[', 100000);
    write_file("summary.json", deep, 100000);
    assert_refused("summary.json");
    free(deep);
    write_file("summary.json", "\xff\xfe\0\1", 4);
    assert_refused("summary.json");
    write_file("summary.json", "", 0);
    assert_refused("summary.json");

    /* Every byte of a good summary broken in turn: read or refused, but read without a fault. */
    write_finished();
    char *good = read_whole("summary.json"), said[1024];
    const size_t bytes = strlen(good);
    for (size_t i = 0; i < bytes; i += 3) {
        const char kept = good[i];
        good[i] = (char)(kept ^ (1 << i % 8));
        write_file("summary.json", good, bytes);
        struct run_record r;
        read_quietly(&r, said, sizeof said);
        run_free(&r);
        good[i] = kept;
    }
    free(good);
}

static void a_summary_that_cannot_be_written_says_why(void **state)
{
    (void)state;
    const struct run_record r = run_example();
    errno = 0;
    assert_false(summary_write(&r, "/nonexistent/run"));
    assert_int_equal(errno, ENOENT);
}

static void the_folder_is_named_by_hash_and_seed(void **state)
{
    (void)state;
    char *name = run_folder("runs", "0123456789abcdef0123", 7);
    assert_string_equal(name, "runs/0123456789abcdef/seed-7");
    free(name);
}

static void the_verdict_gives_its_evidence(void **state)
{
    (void)state;
    static const struct {
        double std, share;
        enum run_state verdict;
        const char *evidence;
    } cases[] = {
        { 0.22, 0.58, RUN_COLLAPSED, "std 0.22 <= 0.50 and view share 0.58 >= 0.39" },
        { 0.22, 0.41, RUN_COLLAPSED,
          "std 0.2200 <= 0.50 and view share 0.4100 >= 0.39; near the threshold" },
        { 0.22, 0.3899, RUN_HEALTHY,
          "std 0.2200 <= 0.50 but view share 0.3899 < 0.39; near the threshold" },
        { 0.38, 0.23, RUN_HEALTHY, "std 0.38 <= 0.50 but view share 0.23 < 0.39" },
        { 0.98, 0.30, RUN_HEALTHY, "std 0.98 > 0.50" },
        { 0.52, 0.58, RUN_HEALTHY, "std 0.5200 > 0.50; near the threshold" },
        { 0.02, 0.89, RUN_COLLAPSED, "std 0.02 <= 0.05" },
        { 0.0, NAN, RUN_COLLAPSED, "std 0.00 <= 0.05" },
        { 0.3, NAN, RUN_HEALTHY, "std 0.30 > 0.05, view share undefined" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_record r = { .last = { .std_sqrtd = cases[i].std,
                                          .view_share = cases[i].share,
                                          .view_share_standard = cases[i].share } };
        run_judge(&r, false);
        assert_int_equal(r.state, cases[i].verdict);
        assert_string_equal(r.evidence, cases[i].evidence);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_open, folder_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_keys_in_order),
        cmocka_unit_test(a_line_comes_back_as_it_was),
        cmocka_unit_test(a_number_that_came_later_is_a_column_where_a_line_has_it),
        cmocka_unit_test(fields_make_the_line_again_to_the_byte),
        cmocka_unit_test(other_columns_are_refused),
        cmocka_unit_test(wrong_fields_are_refused),
        cmocka_unit_test(a_torn_line_is_refused_wherever_it_is_torn),
        cmocka_unit_test(wrong_lines_are_refused),
        IN_FOLDER(a_run_comes_back_as_it_was),
        IN_FOLDER(the_same_run_is_written_to_the_same_bytes),
        IN_FOLDER(a_diverged_run_is_finished),
        IN_FOLDER(no_folder_is_no_run),
        IN_FOLDER(an_unfinished_run_gives_its_whole_lines),
        IN_FOLDER(a_finished_run_with_broken_metrics_is_not_run),
        IN_FOLDER(a_hand_edited_summary_is_refused),
        IN_FOLDER(garbage_does_not_crash),
        cmocka_unit_test(a_summary_that_cannot_be_written_says_why),
        cmocka_unit_test(the_folder_is_named_by_hash_and_seed),
        cmocka_unit_test(the_verdict_gives_its_evidence),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
