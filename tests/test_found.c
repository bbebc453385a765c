/* SPDX-License-Identifier: MIT
 *
 * test_found.c -- which runs of a folder count, and that those of today count when keys are added.
 *
 * What names a run beside its config is made up here: code_hash_of() and the table of methods are
 * this file's (--wrap in CMakeLists.txt), so that one program can be two, and a method can be given
 * keys.
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

#include "config_files.h"
#include "../experiments/commands/commands.h"
#include "../experiments/methods/code.h"
#include "../experiments/methods/eta.h"
#include "../experiments/methods/method.h"
#include "../experiments/run/found.h"
#include "../experiments/run/judge.h"
#include "../experiments/run/measures.h"
#include "../engine/data.h"

/* Of the committed list of equal codes, and not. */
static const char first_code[] = "0ce2937d0226b9253beeb2855bac758ce9a74a72f906511fa49e2ef45076c48b";
static const char equal_code[] = "75ddb13761621cf99bc410ae9933fd71888c53465eca73f5a10adb1f3146ad50";
static const char other_code[] = "1111111111111111111111111111111111111111111111111111111111111111";
static const char *code = equal_code;

const char *__wrap_code_hash_of(int method);
const char *__wrap_code_hash_of(int method)
{
    (void)method;
    return code;
}

extern const struct method simsiam;
static struct method mine;         /* simsiam's; a test adds keys */
extern const struct named_method __wrap_methods[];
const struct named_method __wrap_methods[] = { { "simsiam", &mine }, { NULL, NULL } };

/* ---- runs that lie in a folder ----------------------------------------------------------- */

static char runs[] = "/tmp/simsiam-found-XXXXXX";

static void runs_remove(void)
{
    char *const command = text_format("rm -rf %s", runs);
    assert_int_equal(system(command), 0);
    free(command);
}

static int runs_setup(void **state)
{
    mine = simsiam;
    if (!mkdtemp(runs) || setenv("DATA", runs, 1)) return -1;
    return setup(state);
}

static int runs_teardown(void **state)
{
    runs_remove();
    return teardown(state);
}

static int each_setup(void **state)
{
    (void)state;
    mine = simsiam;
    code = equal_code;
    runs_remove();
    return 0;
}

enum naming { NAMED_NOW, NAMED_BEFORE, NAMED_WRONGLY };
struct made { const char *code, *machine, *data; enum naming naming; bool half; };

static void text_put(const char *in, const char *name, const char *text)
{
    char *const path = text_format("%s/%s", in, name);
    assert_true(file_write_atomic(path, text, strlen(text)));
    free(path);
}

/* A healthy run of one epoch, or what a half-done one has. */
static void run_put(const struct settings *s, int seed, struct made m)
{
    struct run_record r = { .seed = seed, .epochs = 1, .row = "a", .linear = 45 };
    char *const config = settings_print(s);
    snprintf(r.machine, sizeof r.machine, "%s", m.machine);
    memcpy(r.code_hash, m.code, HASH_TEXT);
    memcpy(r.data_hash, m.data, HASH_TEXT);
    memset(r.frozen_hash, 'd', HASH_TEXT - 1);
    if (m.naming == NAMED_BEFORE) run_hash_before(r.hash, config, m.machine, m.code);
    else run_hash(r.hash, config, m.machine, m.code, m.data);
    if (m.naming == NAMED_WRONGLY) r.hash[0] = r.hash[0] == '0' ? '1' : '0';
    char *const in = run_folder(runs, r.hash, seed);
    assert_true(folder_make(in));
    text_put(in, "config.yaml", config);
    struct epoch_record untrained = epoch_empty(0);
    untrained.monitored = true;
    untrained.std_sqrtd = 0.9;
    untrained.mean_norm = untrained.view_share = 0.5;
    untrained.knn = untrained.knn_z = 30;
    r.last = untrained;
    r.last.epoch = 1;
    r.last.loss = -0.5;
    r.last.oscillation = r.last.std_train = r.last.grad_norm = 0.5;
    r.last.lr = r.last.lr_predictor = 0.5;
    char *const zeroth = epoch_print(&untrained), *const last = epoch_print(&r.last);
    char *const lines = text_format("%s%s", zeroth, last);
    text_put(in, "metrics.jsonl", lines);
    run_judge(&r, false);
    if (!m.half) assert_true(summary_write(&r, in));
    free(lines);
    free(zeroth);
    free(last);
    free(in);
    free(config);
}

/* The data hash that the machine-made images of the settings have. */
static void data_at_hand(char hex[HASH_TEXT], const struct settings *s)
{
    struct dataset train, monitor;
    data_load(&train, "synthetic", DATA_TRAIN, s->train_first, s->train_count);
    data_load(&monitor, "synthetic", (enum data_split)s->monitor_split, s->monitor_first,
              s->monitor_count);
    run_data_hash(hex, train.hash, monitor.hash, "");
    data_free(&train);
    data_free(&monitor);
}

/* "healthy" if there is a run that counts, else why one does not, else "none". */
static const char *found_what(const struct settings *s, int seed)
{
    struct found f;
    found_open(&f, runs);
    const char *why = "none";
    const enum run_state found = found_state(&f, s, seed);
    if (found == RUN_NONE && !found_other(&f, s, seed, &why)) why = "none";
    found_close(&f);
    return found == RUN_NONE ? why : run_state_names[found];
}

static struct settings made_by_code(void)
{
    load("rows: [{ name: a, epochs: 1 }]\n");
    return experiment.row[0].settings;
}

/* ---- which count ------------------------------------------------------------------------- */

static void a_run_counts_by_an_equal_code_and_by_its_old_name(void **state)
{
    (void)state;
    const struct settings s = made_by_code();
    char data[HASH_TEXT];
    data_at_hand(data, &s);
    assert_string_equal(found_what(&s, 1), "none");
    run_put(&s, 1, (struct made){ equal_code, "cpu", data, NAMED_NOW, false });
    run_put(&s, 2, (struct made){ first_code, "cpu", data, NAMED_NOW, false });
    run_put(&s, 3, (struct made){ first_code, "cpu", data, NAMED_BEFORE, false });
    for (int seed = 1; seed <= 3; seed++) assert_string_equal(found_what(&s, seed), "healthy");
    assert_string_equal(found_what(&s, 4), "none");
    code = other_code;
    for (int seed = 1; seed <= 3; seed++)
        assert_string_equal(found_what(&s, seed), "of other code");
}

static void a_run_of_other_code_machine_data_or_name_does_not_count(void **state)
{
    (void)state;
    const struct settings s = made_by_code();
    char data[HASH_TEXT];
    data_at_hand(data, &s);
    run_put(&s, 1, (struct made){ other_code, "cpu", data, NAMED_NOW, false });
    run_put(&s, 2, (struct made){ equal_code, "cuda", data, NAMED_NOW, false });
    run_put(&s, 3, (struct made){ equal_code, "cpu", other_code, NAMED_NOW, false });
    run_put(&s, 4, (struct made){ equal_code, "cpu", data, NAMED_WRONGLY, false });
    assert_string_equal(found_what(&s, 1), "of other code");
    assert_string_equal(found_what(&s, 2), "by another machine");
    assert_string_equal(found_what(&s, 3), "of other data");
    assert_string_equal(found_what(&s, 4), "of another hash or seed than its folder's name");
    struct settings another = s;
    another.epochs++;
    assert_string_equal(found_what(&another, 1), "none");
}

static void where_data_are_not_at_hand_most_runs_say_which(void **state)
{
    (void)state;
    struct settings s = made_by_code();
    s.dataset = 0;                             /* cifar10, which is not in runs/ */
    run_put(&s, 1, (struct made){ equal_code, "cpu", other_code, NAMED_NOW, false });
    assert_string_equal(found_what(&s, 1), "healthy");
    run_put(&s, 2, (struct made){ equal_code, "cpu", first_code, NAMED_NOW, false });
    run_put(&s, 3, (struct made){ equal_code, "cpu", first_code, NAMED_NOW, false });
    assert_string_equal(found_what(&s, 1), "of other data");
    assert_string_equal(found_what(&s, 2), "healthy");
    assert_string_equal(found_what(&s, 3), "healthy");
}

/* What a call says on stderr. */
static void said_of(char said[SAID_MAX], void call(void *), void *with)
{
    FILE *const out = tmpfile();
    assert_non_null(out);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        if (dup2(fileno(out), STDERR_FILENO) < 0) _exit(99);
        call(with);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    rewind(out);
    said[fread(said, 1, SAID_MAX - 1, out)] = 0;
    fclose(out);
}

static void found_in_child(void *settings)
{
    if (strcmp(found_what(settings, 1), "healthy")) _exit(1);
}

static void data_that_are_wrong_are_told_and_that_are_not_there_are_not(void **state)
{
    (void)state;
    char said[SAID_MAX];
    struct settings s = made_by_code();
    while (!data_is_folder(&data_sources[s.dataset])) s.dataset++;
    strcpy(s.folder, "photographs");
    run_put(&s, 1, (struct made){ equal_code, "cpu", other_code, NAMED_NOW, false });
    said_of(said, found_in_child, &s);
    assert_string_equal(said, "");
    char *const one = text_format("%s/photographs/train/one-class", runs);
    assert_true(folder_make(one));
    free(one);
    said_of(said, found_in_child, &s);
    assert_non_null(strstr(said, "it has one class"));
    assert_non_null(strstr(said, "those do whose data most runs have"));
}

/* ---- half-done runs ---------------------------------------------------------------------- */

static void run_command(void *unused)
{
    (void)unused;
    char *const path = text_format("%s/x.yaml", folder);
    char *words[] = { "run", path, "--scale", "s", "--seeds", "1", "--threads", "1", "--runs", runs,
                      NULL };
    if (command_run(10, words)) _exit(1);
    free(path);
}

static char *in_run(const struct settings *s, const char *name)
{
    char data[HASH_TEXT], hash[HASH_TEXT];
    data_at_hand(data, s);
    char *const config = settings_print(s);
    run_hash(hash, config, "cpu", code, data);
    char *const in = run_folder(runs, hash, 1), *const path = text_format("%s/%s", in, name);
    free(config);
    free(in);
    return path;
}

static char *read_of_run(const struct settings *s, const char *name)
{
    char *const path = in_run(s, name), *const text = file_read(path, NULL);
    free(path);
    return text;
}

static void a_half_done_run_goes_on_by_its_own_code_alone(void **state)
{
    (void)state;
    char said[SAID_MAX];
    const struct settings s = made_by_code();
    code = first_code;
    said_of(said, run_command, NULL);
    char *const summary = in_run(&s, "summary.json");
    assert_int_equal(unlink(summary), 0);      /* as if it had been ended before */
    free(summary);
    char *const before = read_of_run(&s, "timing.jsonl");
    assert_non_null(before);

    code = equal_code;
    said_of(said, run_command, NULL);
    assert_non_null(strstr(said, "is half done, by another program of equal code"));
    char *const anew = read_of_run(&s, "timing.jsonl");
    assert_true(anew && strstr(anew, "started") && !strstr(anew, "resumed"));
    code = first_code;
    char *const after = read_of_run(&s, "timing.jsonl");
    assert_string_equal(after, before);

    /* The new one's result is the same code's; without it, its own program goes on. */
    assert_string_equal(found_what(&s, 1), "healthy");
    code = equal_code;
    char *const new_summary = in_run(&s, "summary.json");
    assert_int_equal(unlink(new_summary), 0);
    free(new_summary);
    code = first_code;
    said_of(said, run_command, NULL);
    char *const resumed = read_of_run(&s, "timing.jsonl");
    assert_non_null(strstr(resumed, "resumed"));
    free(before);
    free(anew);
    free(after);
    free(resumed);
}

/* ---- keys that came later ---------------------------------------------------------------- */

static const char *const sides[] = { "left", "right", NULL };
static const char *any_word(const char *word)
{
    (void)word;
    return NULL;
}

/* One key of each type, and the values that mean what was done before. */
struct wider {
    struct settings s;
    int number;
    double real;
    bool flag;
    double reals[2];
    int side;
    char text[16];
    struct int_list ints;
    struct word_list words;
    struct pair_list pairs;
};
static const struct wider before_them = {
    .number = 7, .real = 0.25, .flag = true, .reals = { 0.5, 1 }, .side = 1, .text = "",
    .ints = { 2, { 3, 4 } }, .words = { 2, { "bn", "relu" } }, .pairs = { 1, { { 0, 1 } } }
};
#define LATER(field) .name = "later_" #field, .offset = offsetof(struct wider, field)
static const struct key later[] = {
    { LATER(number), .type = KEY_INT, .high = 100, .before = "7", .unit = "", .sentence = "" },
    { LATER(real), .type = KEY_FLOAT, .high = 1, .before = "0.25", .unit = "", .sentence = "" },
    { LATER(flag), .type = KEY_BOOL, .before = "true", .unit = "", .sentence = "" },
    { LATER(reals), .type = KEY_FLOATS, .count = 2, .high = 1, .before = "[0.5, 1]", .unit = "",
      .sentence = "" },
    { LATER(side), .type = KEY_CHOICE, .choices = sides, .before = "right", .unit = "",
      .sentence = "" },
    { LATER(text), .type = KEY_TEXT, .count = 16, .check = any_word, .before = "", .unit = "",
      .sentence = "" },
    { LATER(ints), .type = KEY_INTS, .high = 9, .before = "[3, 4]", .unit = "", .sentence = "" },
    { LATER(words), .type = KEY_WORDS, .check = any_word, .before = "[bn, relu]", .unit = "",
      .sentence = "" },
    { LATER(pairs), .type = KEY_PAIRS, .high = 9, .before = "[[0, 1]]", .unit = "",
      .sentence = "" },
    { .name = NULL }
};
enum { LATER_KEYS = sizeof later / sizeof *later - 1 };

/* Another value for each key in turn. */
static void value_change(struct wider *w, int which)
{
    switch (which) {
    case 0: w->number++; break;
    case 1: w->real = 0.5; break;
    case 2: w->flag = false; break;
    case 3: w->reals[1] = 0.75; break;
    case 4: w->side = 0; break;
    case 5: strcpy(w->text, "x"); break;
    case 6: w->ints.v[1]++; break;
    case 7: w->words.n--; break;
    case 8: w->pairs.v[0][1]++; break;
    default: fail();
    }
}

static void a_key_added_where_it_means_what_was_done_leaves_runs_finished(void **state)
{
    (void)state;
    struct wider w = before_them;
    w.s = made_by_code();
    char data[HASH_TEXT], hash_before[HASH_TEXT], hash[HASH_TEXT];
    data_at_hand(data, &w.s);
    char *const config_before = settings_print(&w.s);
    settings_hash(hash_before, &w.s);
    run_put(&w.s, 1, (struct made){ equal_code, "cpu", data, NAMED_NOW, false });

    static struct key keys[KEYS_MAX];
    int n = 0;
    while (eta_keys[n].name) {
        keys[n] = eta_keys[n];
        n++;
    }
    memcpy(keys + n, later, sizeof later);
    mine.keys = keys;
    char *const config = settings_print(&w.s);
    settings_hash(hash, &w.s);
    assert_string_equal(config, config_before);
    assert_string_equal(hash, hash_before);
    assert_string_equal(found_what(&w.s, 1), "healthy");

    for (int k = 0; k < LATER_KEYS; k++) {
        struct wider changed = w;
        value_change(&changed, k);
        char *const printed = settings_print(&changed.s);
        char *const line = text_format("\n%s: ", later[k].name);
        assert_non_null(strstr(printed, line));
        assert_string_equal(found_what(&changed.s, 1), "none");
        free(printed);
        free(line);
    }
    free(config_before);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_counts_by_an_equal_code_and_by_its_old_name, each_setup),
        cmocka_unit_test_setup(a_run_of_other_code_machine_data_or_name_does_not_count, each_setup),
        cmocka_unit_test_setup(where_data_are_not_at_hand_most_runs_say_which, each_setup),
        cmocka_unit_test_setup(data_that_are_wrong_are_told_and_that_are_not_there_are_not,
                               each_setup),
        cmocka_unit_test_setup(a_half_done_run_goes_on_by_its_own_code_alone, each_setup),
        cmocka_unit_test_setup(a_key_added_where_it_means_what_was_done_leaves_runs_finished,
                               each_setup),
    };
    return cmocka_run_group_tests_name("found", tests, runs_setup, runs_teardown);
}
