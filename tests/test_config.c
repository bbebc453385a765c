/* SPDX-License-Identifier: MIT
 *
 * test_config.c -- YAML against a table of keys: numbers, mistakes and where they stand, guards.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../engine/base.h"
#include "../engine/config.h"

struct target {
    int epochs, kind;
    double lr, scale[2];
    bool on;
    char name[8];
    struct int_list widths;
    struct word_list words;
    struct pair_list pairs;
};

static const char *const kinds[] = { "cosine", "constant", NULL };
/* Names inside a table of structs, as data_sources has them. */
static const struct { const char *name; int other; } table[] = { { "apple", 1 }, { "pear", 2 },
                                                                 { NULL, 0 } };

static const char *check_word(const char *word)
{
    return strcmp(word, "bad") ? NULL : "a word that is good";
}

#define AT(field) .name = #field, .offset = offsetof(struct target, field)
static const struct key keys[] = {
    { AT(epochs), .type = KEY_INT, .low = 1, .high = 100000, .unit = "passes",
      .sentence = "passes over the data" },
    { AT(kind), .type = KEY_CHOICE, .choices = kinds, .unit = "", .sentence = "which" },
    { AT(lr), .type = KEY_FLOAT, .low = -10, .high = 1000, .unit = "", .sentence = "rate" },
    { AT(scale), .type = KEY_FLOATS, .count = 2, .low = 0, .high = 1, .unit = "",
      .sentence = "two numbers" },
    { AT(on), .type = KEY_BOOL, .unit = "", .sentence = "switch" },
    { AT(name), .type = KEY_TEXT, .count = 8, .unit = "", .sentence = "short text" },
    { AT(widths), .type = KEY_INTS, .low = 1, .high = 4096, .unit = "channels",
      .sentence = "widths" },
    { AT(words), .type = KEY_WORDS, .check = check_word, .unit = "words", .sentence = "words" },
    { AT(pairs), .type = KEY_PAIRS, .low = 0, .high = 3, .unit = "", .sentence = "pairs" },
    { .name = NULL }
};
static const char *const others[] = { "rows", NULL };

static char folder[] = "/tmp/simsiam-config-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/x.yaml", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path) | rmdir(folder);
}

static void file_put(const char *text, size_t bytes)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

/* What is printed to stderr between the two, in static memory. */
static int saved_stderr;
static FILE *captured;

static void capture_start(void)
{
    fflush(stderr);
    assert_non_null(captured = tmpfile());
    assert_true((saved_stderr = dup(STDERR_FILENO)) >= 0);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

static const char *capture_end(void)
{
    static char text[1 << 16];
    fflush(stderr);
    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    close(saved_stderr);
    rewind(captured);
    text[fread(text, 1, sizeof text - 1, captured)] = 0;
    fclose(captured);
    return text;
}

/* Reads `yaml` into t; returns the messages, with the path cut off at each line's start. */
static const char *messages(struct target *t, const char *yaml)
{
    static char out[1 << 16];
    file_put(yaml, strlen(yaml));
    struct config_file f;
    capture_start();
    config_open(&f, path);
    f.help = "the help lists all";
    yaml_node_t *root = config_root(&f);
    if (root) config_apply(&f, root, keys, t, others, NULL);
    const char *text = capture_end();
    int lines = 0;
    *out = 0;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1, lines++) {
        assert_memory_equal(text, path, strlen(path));
        assert_int_equal(text[strlen(path)], ':');
        strncat(out, text + strlen(path) + 1, (size_t)(end + 1 - (text + strlen(path) + 1)));
    }
    assert_int_equal(f.errors, lines);
    config_close(&f);
    return out;
}

static void every_type_is_read(void **state)
{
    (void)state;
    struct target t = { 0 };
    assert_string_equal(
        messages(&t, "epochs: 7\nkind: constant\nlr: 1e-5\nscale: [.5, 1]\non: true\nname: a b\n"
                     "widths: [1, 33]\nwords: [fc d/4, bn]\nrows: anything\n"),
        "");
    assert_int_equal(t.epochs, 7);
    assert_int_equal(t.kind, 1);
    assert_true(t.lr == 1e-5 && t.scale[0] == 0.5 && t.scale[1] == 1);
    assert_true(t.on);
    assert_string_equal(t.name, "a b");
    assert_int_equal(t.widths.n, 2);
    assert_int_equal(t.widths.v[1], 33);
    assert_int_equal(t.words.n, 2);
    assert_string_equal(t.words.v[0], "fc d/4");
}

static void numbers_are_decimal_and_finite(void **state)
{
    (void)state;
    static const struct { const char *text; double value;
    } right[] = { { "0", 0 },         { "1e-5", 1e-5 }, { ".5", 0.5 },   { "+3", 3 },
                  { "-0.25", -0.25 }, { "5.", 5 },      { "1E+2", 100 }, { "007", 7 } };
    static const char *const wrong[] = { "", ".", "+", "-", "e5", "1e", "1e+", "nan", ".nan", "NaN",
                                         "inf", ".inf", "-.inf", "0x10", "1_000", "1,5", " 1", "1 ",
                                         "1e999", "1e-999", "--1", "1.2.3", "1f" };
    double value;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(config_number(right[i].text, &value));
        assert_true(value == right[i].value);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (config_number(wrong[i], &value)) fail_msg("`%s` was read as %g", wrong[i], value);
    assert_true(config_number("-0", &value));
    assert_int_equal(1 / value > 0, 1);              /* +0: two spellings of 0 must hash the same */
}

static void wrong_values_say_what_is_right(void **state)
{
    (void)state;
    static const struct { const char *yaml, *message; } cases[] = {
        { "epochs: 0", "1:9: epochs: 0 is out of range; 1 to 100000 passes\n" },
        { "epochs: 2.5", "1:9: epochs: 2.5 is not a whole number; 1 to 100000 passes\n" },
        { "epochs: 99999999999999999999",
          "1:9: epochs: 99999999999999999999 is out of range; 1 to 100000 passes\n" },
        { "epochs: 010", "1:9: epochs: 010 starts with 0; write 10\n" },
        { "widths: [8, +08]", "1:13: widths: +08 starts with 0; write 8\n" },
        { "epochs: \"5\"", "1:9: epochs: \"5\" is not a whole number; 1 to 100000 passes\n" },
        { "epochs:", "1:8: epochs: nothing is not a whole number; 1 to 100000 passes\n" },
        { "epochs: [1]", "1:9: epochs: a list is not a whole number; 1 to 100000 passes\n" },
        { "lr: .nan", "1:5: lr: .nan is not a number; -10 to 1000\n" },
        { "lr: .inf", "1:5: lr: .inf is not a number; -10 to 1000\n" },
        { "lr: 1001", "1:5: lr: 1001 is out of range; -10 to 1000\n" },
        { "on: yes", "1:5: on: yes is neither true nor false\n" },
        { "on: \"true\"", "1:5: on: \"true\" is neither true nor false\n" },
        { "kind: cosin", "1:7: kind: cosin is not known; one of cosine, constant\n" },
        { "scale: 1", "1:8: scale: 1 is not a list; [...] of exactly 2, each 0 to 1\n" },
        { "scale: [1]", "1:8: scale: 1 in the list; exactly 2, each 0 to 1\n" },
        { "scale: [0, 2]", "1:12: scale: 2 is out of range; 0 to 1\n" },
        { "widths: []", "1:9: widths: 0 in the list; 1 to 16, each 1 to 4096 channels\n" },
        { "widths: [8, 0]", "1:13: widths: 0 is out of range; 1 to 4096 channels\n" },
        { "words: [good, bad]", "1:15: words: bad is wrong; a word that is good\n" },
        { "pairs: []",
          "1:8: pairs: a list; a list of 1 to 4 pairs of numbers, like [[0, 1], [1, 0]]\n" },
        { "pairs: 3", "1:8: pairs: 3; a list of 1 to 4 pairs of numbers, like [[0, 1], [1, 0]]\n" },
        { "pairs: [[0, 1], 2]",
          "1:17: pairs: 2 is no pair; two numbers, each 0 to 3, like [0, 1]\n" },
        { "pairs: [[0, 1, 2]]",
          "1:9: pairs: a list is no pair; two numbers, each 0 to 3, like [0, 1]\n" },
        { "pairs: [[0, 4]]", "1:13: pairs: 4 is out of range; 0 to 3\n" },
        { "pairs: [[0, 8888888888888881]]",
          "1:13: pairs: 8888888888888881 is out of range; 0 to 3\n" },
        { "pairs: [[0, 0.5]]", "1:13: pairs: 0.5 is not a whole number; 0 to 3\n" },
        { "name: much too long", "1:7: name: much too long is not a text of 1 to 7 bytes\n" },
        { "name: \"a\\nb\"",
          "1:7: name: \"a?b\" is wrong; a text on one line; >- folds several lines into one\n" },
        { "name: \"a\\0b\"", "1:7: name: \"a\" is not a text of 1 to 7 bytes\n" },
        { "epoch: 5", "1:1: unknown key epoch; did you mean epochs?\n" },
        { "row: 5", "1:1: unknown key row; did you mean rows?\n" },
        { "zzz: 5", "1:1: unknown key zzz; the help lists all\n" },
        { "lr: 1\non: true\nlr: 2", "3:1: lr stands twice, first in line 1; keep one\n" },
        { "? [a]\n: 1", "1:3: a list as a key; a key is a word\n" },
        { "[1, 2]", "1:1: no `key: value` lines; the file must be a mapping\n" },
        { "", "1:1: no `key: value` lines; the file must be a mapping\n" },
        { "lr: 1\n---\nlr: 2", "2:1: a second document; a file holds one\n" },
        { "lr: &a 1\nepochs: *a", "2:9: an alias (*); write the value out instead\n" },
        { "name: \"\\e[31mred\"", "1:7: name: \"?[31mred\" is not a text of 1 to 7 bytes\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target t = { .epochs = 3, .lr = 0.5 };
        assert_string_equal(messages(&t, cases[i].yaml), cases[i].message);
        if (strncmp(cases[i].yaml, "lr", 2)) assert_true(t.lr == 0.5);
        assert_int_equal(t.epochs, 3);                          /* a wrong value changes nothing */
        assert_true(t.scale[0] == 0 && t.widths.n == 0 && t.words.n == 0 && t.pairs.n == 0);
    }
}

static void all_mistakes_are_reported_at_once(void **state)
{
    (void)state;
    struct target t = { 0 };
    assert_string_equal(messages(&t,
                                 "epochs: 0\nlr: 2\nlr: x\non: 1\nepoch: 2\nwords: [bad, bad]\n"),
                        "3:1: lr stands twice, first in line 2; keep one\n"
                        "1:9: epochs: 0 is out of range; 1 to 100000 passes\n"
                        "3:5: lr: x is not a number; -10 to 1000\n"
                        "4:5: on: 1 is neither true nor false\n"
                        "5:1: unknown key epoch; did you mean epochs?\n"
                        "6:9: words: bad is wrong; a word that is good\n"
                        "6:14: words: bad is wrong; a word that is good\n");
}

static void syntax_and_bytes_are_placed(void **state)
{
    (void)state;
    struct target t;
    assert_string_equal(
        messages(&t, "lr: 1\nscale: [0, 1\nepochs: 3\n"),
        "3:7: while parsing a flow sequence: did not find expected ',' or ']'; YAML wants "
        "`key: value` lines, indented by spaces\n");
    assert_non_null(strstr(messages(&t, "lr: 1\n\tepochs: 3\n"), "2:1: "));
    assert_string_equal(
        messages(&t, "lr: 1\non: \xc3\xa9\xff\n"),
        "2:6: invalid leading UTF-8 octet (0xff); the file must be plain UTF-8 text\n");
    assert_non_null(strstr(messages(&t, "lr: 1\nname: a\x01\n"),
                           "2:8: control characters are not allowed (0x01)"));
    assert_string_equal(messages(&t, "\xef\xbb\xbflr: 2\non: true\n"), "");  /* a byte order mark */
}

static void utf_16_is_not_guessed(void **state)
{
    (void)state;
    file_put("\xff\xfel\0r\0:\0 \0001\0\n\0", 14);
    struct config_file f;
    capture_start();
    assert_false(config_open(&f, path));
    config_close(&f);
    assert_non_null(
        strstr(capture_end(), ":1:1: invalid leading UTF-8 octet (0xff); the file must be"));
}

static void a_missing_file_and_a_folder_are_mistakes(void **state)
{
    (void)state;
    struct config_file f;
    capture_start();
    assert_false(config_open(&f, "/nonexistent.yaml"));
    assert_null(config_root(&f));
    assert_int_equal(f.errors, 1);
    config_close(&f);
    assert_false(config_open(&f, folder));
    config_close(&f);
    const char *text = capture_end();
    assert_non_null(
        strstr(text, "/nonexistent.yaml:1:1: cannot read it: No such file or directory; name an"));
    assert_non_null(strstr(text, ":1:1: not a regular file of at most 1048576 bytes\n"));
}

/* n times `unit` between `before` and `after`. */
static char *repeated(const char *before, const char *unit, size_t n, const char *after)
{
    char *text = host_alloc(strlen(before) + n * strlen(unit) + strlen(after) + 1, 1), *at = text;
    at = stpcpy(at, before);
    for (size_t i = 0; i < n; i++) at = stpcpy(at, unit);
    stpcpy(at, after);
    return text;
}

static void hostile_files_are_refused_quickly(void **state)
{
    (void)state;
    static const struct {
        const char *before, *unit;
        size_t n;
        const char *after, *message;
    } cases[] = {
        { "lr: 1\nrows: ", "[", 500000, "", "2:38: nested too deeply; at most 32 levels\n" },
        { "rows: [", "{a: ", 100000, "", "nested too deeply; at most 32 levels\n" },
        { "rows: [", "1,", 300000, "]", "too large; at most 20000 values, lists and mappings\n" },
        { "rows: &a [", "*a,", 5, "]", "1:11: an alias (*); write the value out instead\n" },
        { "", "%TAG !a! x\n", 17, "---\nlr: 1\n",
          "1:1: more than 16 %TAG directives; a config needs none\n" },
        { "", "%TAG !a! x\r", 17, "---\rlr: 1\r",
          "1:1: more than 16 %TAG directives; a config needs none\n" },
        { "rows: [", "&a 1,", 17, "]", "more than 16 anchors (&); nothing may refer to them\n" },
        { "#", "#", 1 << 20, "", "1:1: not a regular file of at most 1048576 bytes\n" },
        { "a: ", "[a, ", 3, "",
          "while parsing a flow node: did not find expected node content; YAML wants" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = repeated(cases[i].before, cases[i].unit, cases[i].n, cases[i].after);
        struct target t;
        const double start = clock_cpu_seconds();
        const char *said = messages(&t, text);
        if (!strstr(said, cases[i].message)) fail_msg("case %zu says %.200s", i, said);
        assert_true(clock_cpu_seconds() - start < 5);
        free(text);
    }
}

static void a_mapping_of_thousands_of_keys_is_refused(void **state)
{
    (void)state;
    char *text = text_format("rows: [{");
    for (int i = 0; i < 1001; i++) {
        char *const longer = text_format("%skey%d: 1,%s", text, i, i < 1000 ? " " : "}]");
        free(text);
        text = longer;
    }
    struct target t;
    assert_string_equal(messages(&t, text), "1:8: more than 1000 keys in one mapping\n");
    free(text);
}

static void twenty_thousand_nodes_and_depth_32_pass(void **state)
{
    (void)state;
    char *deep = repeated("rows: ", "[", 31, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    struct target t;
    assert_string_equal(messages(&t, deep), "");
    char *deeper = repeated("rows: ", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    assert_string_equal(messages(&t, deeper), "1:38: nested too deeply; at most 32 levels\n");
    /* the mapping, its key, the list: 20,000 in all */
    char *wide = repeated("rows: [", "1,", 19997, "]");
    assert_string_equal(messages(&t, wide), "");
    free(wide);
    wide = repeated("rows: [", "1,", 19998, "]");
    assert_non_null(strstr(messages(&t, wide), "too large"));
    free(deep);
    free(deeper);
    free(wide);
}

static void a_flood_of_mistakes_is_cut(void **state)
{
    (void)state;
    struct target t;
    char *text = repeated("lr: 1\n", "on: 1\n", 300, "");
    file_put(text, strlen(text));
    struct config_file f;
    capture_start();
    assert_true(config_open(&f, path));
    assert_false(config_apply(&f, config_root(&f), keys, &t, others, NULL));
    config_close(&f);
    const char *said = capture_end();
    size_t lines = 0;
    for (const char *c = said; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 101);
    assert_non_null(strstr(said, "the 100th mistake; more are not shown\n"));
    assert_int_equal(f.errors, 299 + 300);
    free(text);
}

static void the_nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const names[] = { "epochs", "base_lr", "batch", "blocks", "knn_every", "1",
                                         NULL };
    assert_string_equal(config_nearest("epoch", names), "epochs");
    assert_string_equal(config_nearest("bacth", names), "batch");
    assert_string_equal(config_nearest("knn_evry", names), "knn_every");
    assert_string_equal(config_nearest("base-lr", names), "base_lr");
    assert_null(config_nearest("lr", names));
    assert_null(config_nearest("2", names));
    assert_null(config_nearest("", names));
    assert_null(config_nearest("epochs", NULL));
    char *long_word = repeated("epochs", "s", 100000, "");
    assert_null(config_nearest(long_word, names));
    free(long_word);
}

static void printed_settings_read_back_equal(void **state)
{
    (void)state;
    const struct target t = { .epochs = 7, .kind = 1, .lr = 0.1 + 0.2, .scale = { 1e-5, 4.0 / 30 },
                              .on = true, .name = "a b", .widths = { 2, { 8, 16 } },
                              .words = { 2, { "fc d/4", "bn" } },
                              .pairs = { 2, { { 0, 1 }, { 3, 2 } } } };
    char *text = config_print(keys, &t);
    assert_string_equal(text, "epochs: 7\nkind: constant\nlr: 0.30000000000000004\n"
                              "scale: [1e-05, 0.13333333333333333]\non: true\nname: a b\n"
                              "widths: [8, 16]\nwords: [fc d/4, bn]\npairs: [[0, 1], [3, 2]]\n");
    struct target back = { 0 };
    assert_string_equal(messages(&back, text), "");
    assert_true(back.lr == t.lr && back.scale[0] == t.scale[0] && back.scale[1] == t.scale[1]);
    char *again = config_print(keys, &back);
    assert_string_equal(again, text);
    free(again);
    free(text);
}

static void numbers_print_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct { double value; const char *text;
    } cases[] = { { 30, "lr: 30\n" },     { 0.03, "lr: 0.03\n" },  { 5e-4, "lr: 0.0005\n" },
                  { 1000, "lr: 1000\n" }, { 0, "lr: 0\n" },        { -1, "lr: -1\n" },
                  { 0.1, "lr: 0.1\n" },   { 1e-7, "lr: 1e-07\n" }, { 1e5, "lr: 1e+05\n" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct target t = { .lr = cases[i].value };
        char *text = config_print(keys, &t);
        const char *line = strstr(text, "lr: ");
        assert_memory_equal(line, cases[i].text, strlen(cases[i].text));
        free(text);
    }
}

static void a_choice_may_stand_in_a_table_of_structs(void **state)
{
    (void)state;
    const struct key fruit[] = {
        { "fruit", KEY_CHOICE, offsetof(struct target, kind), .unit = "", .choices = &table[0].name,
          .stride = sizeof *table },
        { .name = NULL }
    };
    const char *yaml = "fruit: pear";
    file_put(yaml, strlen(yaml));
    struct config_file f;
    assert_true(config_open(&f, path));
    struct target t = { 0 };
    assert_true(config_apply(&f, config_root(&f), fruit, &t, NULL, NULL));
    config_close(&f);
    assert_int_equal(t.kind, 1);
    char *text = config_print(fruit, &t);
    assert_string_equal(text, "fruit: pear\n");
    free(text);
}

/* Reads one line by `with` into t; returns its print, which the caller frees. */
static char *line_again(const struct key *with, const char *yaml, struct target *t)
{
    file_put(yaml, strlen(yaml));
    struct config_file f;
    assert_true(config_open(&f, path));
    assert_true(config_apply(&f, config_root(&f), with, t, NULL, NULL));
    config_close(&f);
    return config_print(with, t);
}

static void a_lone_number_is_a_list_of_one_where_the_key_says_so(void **state)
{
    (void)state;
    const struct key lone[] = {
        { AT(widths), .type = KEY_INTS, .low = 1, .high = 9, .scalar = true,
          .unit = "" }, { .name = NULL }
    };
    static const char *const lines[][2] = { { "widths: 3", "widths: 3\n" },
                                            { "widths: [3]", "widths: 3\n" },
                                            { "widths: [3, 4]", "widths: [3, 4]\n" } };
    for (int i = 0; i < 3; i++) {
        struct target t = { 0 };
        char *text = line_again(lone, lines[i][0], &t);
        assert_string_equal(text, lines[i][1]);
        assert_true(t.widths.n == (i == 2 ? 2 : 1) && t.widths.v[0] == 3);
        free(text);
    }
    struct target t = { .widths = { 1, { 7 } } };
    assert_string_equal(
        messages(&t, "widths: 3"),
        "1:9: widths: 3 is not a list; [...] of 1 to 16, each 1 to 4096 channels\n");
    assert_true(t.widths.v[0] == 7);
}

static void a_lone_number_is_all_of_a_list_where_the_key_says_so(void **state)
{
    (void)state;
    const struct key lone[] = { { AT(scale), .type = KEY_FLOATS, .count = 2, .high = 1,
                                  .scalar = true, .before = "0", .unit = "" }, { .name = NULL } };
    static const struct { const char *line, *print; double value[2]; } cases[] = {
        { "scale: 0.5", "scale: 0.5\n", { 0.5, 0.5 } },
        { "scale: [.5, 0.50]", "scale: 0.5\n", { 0.5, 0.5 } },
        { "scale: [1, 0.1]", "scale: [1, 0.1]\n", { 1, 0.1 } },
        { "scale: [0, 0]", "", { 0, 0 } },
    };
    for (int i = 0; i < 4; i++) {
        struct target t = { .scale = { 7, 7 } };
        char *text = line_again(lone, cases[i].line, &t);
        assert_string_equal(text, cases[i].print);
        assert_true(t.scale[0] == cases[i].value[0] && t.scale[1] == cases[i].value[1]);
        free(text);
    }
}

/* So a later key, of any type, leaves the hashes of older configs alone. */
static void a_key_is_printed_unless_its_value_is_what_was_before_it(void **state)
{
    (void)state;
    static const struct { const char *before, *line, *other; } cases[] = {    /* beside keys[] */
        { "3", "epochs: 3", "epochs: 4\n" },
        { "cosine", "kind: cosine", "kind: constant\n" },
        { "0.1", "lr: 1e-1", "lr: 0.2\n" },
        { "[0, 0.5]", "scale: [0, .50]", "scale: [0, 1]\n" },
        { "true", "on: true", "on: false\n" },
        { "short", "name: short", "name: other\n" },
        { "[1, 2]", "widths: [1, 2]", "widths: [1]\n" },
        { "[]", "words: []", "words: [good]\n" },
        { "[[0, 1], [1, 0]]", "pairs: [[0, 1], [1, 0]]", "pairs: [[0, 1]]\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct key later[] = { keys[i], { .name = NULL } };
        later->before = cases[i].before;
        struct target t = { 0 };
        char *as_before = line_again(later, cases[i].line, &t),
             *else_ = line_again(later, cases[i].other, &t);
        assert_string_equal(as_before, "");
        assert_string_equal(else_, cases[i].other);
        free(as_before);
        free(else_);
    }
    assert_int_equal(sizeof cases / sizeof *cases + 1, sizeof keys / sizeof *keys);  /* each type */
}

/* A text that is not there is empty. */
static void an_empty_text_is_not_printed_where_there_was_none_before(void **state)
{
    (void)state;
    const struct key later[] = { { AT(name), .type = KEY_TEXT, .count = 8, .before = "" },
                                 { .name = NULL } };
    const struct target none = { 0 };
    char *text = config_print(later, &none);
    assert_string_equal(text, "");
    free(text);
}

static void help_names_every_key_with_its_range(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_help(out, keys);
    assert_int_equal(fclose(out), 0);
    for (const struct key *k = keys; k->name; k++) {
        assert_non_null(strstr(text, k->name));
        assert_non_null(strstr(text, k->sentence));
    }
    assert_non_null(strstr(text, "epochs              whole number, 1 to 100000 passes\n"));
    assert_non_null(strstr(text, "cosine | constant\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(numbers_are_decimal_and_finite),
        cmocka_unit_test(wrong_values_say_what_is_right),
        cmocka_unit_test(all_mistakes_are_reported_at_once),
        cmocka_unit_test(syntax_and_bytes_are_placed),
        cmocka_unit_test(utf_16_is_not_guessed),
        cmocka_unit_test(a_missing_file_and_a_folder_are_mistakes),
        cmocka_unit_test(hostile_files_are_refused_quickly),
        cmocka_unit_test(a_mapping_of_thousands_of_keys_is_refused),
        cmocka_unit_test(twenty_thousand_nodes_and_depth_32_pass),
        cmocka_unit_test(a_flood_of_mistakes_is_cut),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(printed_settings_read_back_equal),
        cmocka_unit_test(numbers_print_as_short_as_can_be),
        cmocka_unit_test(a_choice_may_stand_in_a_table_of_structs),
        cmocka_unit_test(a_lone_number_is_a_list_of_one_where_the_key_says_so),
        cmocka_unit_test(a_lone_number_is_all_of_a_list_where_the_key_says_so),
        cmocka_unit_test(a_key_is_printed_unless_its_value_is_what_was_before_it),
        cmocka_unit_test(an_empty_text_is_not_printed_where_there_was_none_before),
        cmocka_unit_test(help_names_every_key_with_its_range),
    };
    return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
