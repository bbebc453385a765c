/* SPDX-License-Identifier: MIT
 *
 * test_settings.c -- experiment files: layers of settings, mistakes and where they stand, the hash.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config_files.h"
#include "../engine/data.h"
#include "../engine/ops.h"
#include "../experiments/suite/experiment.h"
#include "../experiments/methods/code.h"
#include "../experiments/methods/method.h"

/* ---- what stands in configs/ ----------------------------------------------------------------- */

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && !strcmp(dot, ".yaml") && strcmp(entry->d_name, "paper.yaml");
}

/* Calls `each` for every experiment of configs/ at every scale. */
static void committed_each(void (*each)(const char *path))
{
    struct dirent **config, **size;
    const int n = scandir(CONFIG_DIR, &config, is_yaml, alphasort);
    const int m = scandir(CONFIG_DIR "/scale", &size, is_yaml, alphasort);
    assert_true(n >= 1 && m >= 7);
    for (int i = 0; i < n; i++) {
        char *path = text_format(CONFIG_DIR "/%s", config[i]->d_name);
        for (int j = 0; j < m; j++) {
            char *name = text_format("%.*s", (int)(strlen(size[j]->d_name) - 5), size[j]->d_name),
                 said[SAID_MAX];
            if (load_child(said, path, name, NULL) || *said)
                fail_msg("%s at %s: %s", path, name, said);
            experiment_load(&experiment, path, name);
            assert_string_equal(experiment.scale, name);
            assert_true(strlen(experiment.caption) > 20);
            each(path);
            free(name);
        }
        free(path);
        free(config[i]);
    }
    for (int j = 0; j < m; j++) free(size[j]);
    free(config);
    free(size);
}

static void hashes_differ(const char *path)
{
    /* Its rows are made for a scale of their own; elsewhere one says what the scale says. */
    if (!strncmp(experiment.name, "check_", 6) && strcmp(experiment.scale, "check")) return;
    if (!strncmp(experiment.name, "detector_", 9) && strcmp(experiment.scale, "detector")) return;
    static const char *const of_select[] = { "study_heads", "select_methods", "select_quick" };
    for (int i = 0; i < 3; i++)
        if (!strcmp(experiment.name, of_select[i]) && strcmp(experiment.scale, "quick-select")) return;
    static char hash[ROWS_MAX][HASH_TEXT];
    for (int i = 0; i < experiment.n_rows; i++) {
        if (*experiment.row[i].not_run) continue;
        settings_hash(hash[i], &experiment.row[i].settings);
        for (int j = 0; j < i; j++)
            if (!*experiment.row[j].not_run && !strcmp(hash[i], hash[j]))
                fail_msg("%s: rows %d and %d are one run", path, i, j);
    }
}

static void every_committed_experiment_loads_at_every_scale(void **state)
{
    (void)state;
    committed_each(hashes_differ);
}

static void figure_2_is_read_as_it_stands(void **state)
{
    (void)state;
    experiment_load(&experiment, CONFIG_DIR "/fig2_stopgrad.yaml", "cifar10");
    const struct experiment *e = &experiment;
    assert_string_equal(e->name, "fig2_stopgrad");
    assert_string_equal(e->title, "Figure 2: with and without stop-gradient");
    assert_int_equal(e->n_rows, 3);            /* and the untrained one */
    const int with = experiment_row(e, "with"), without = experiment_row(e, "without");
    assert_true(e->row[with].settings.stop_grad && !e->row[without].settings.stop_grad);
    assert_true(e->row[with].has_paper && e->row[with].paper == 67.7);
    assert_int_equal(e->row[with].settings.predictor_lr, PREDICTOR_COSINE);
    assert_int_equal(e->n_claims, 5);
    const struct predicate *loss = &e->claim[0].part[0];
    assert_int_equal(loss->kind, CLAIM_WITHIN_VALUE);
    assert_string_equal(loss->metric->name, "loss");
    assert_int_equal(loss->row, without);
    assert_true(loss->within == 0.05 && loss->value == -1);
    assert_int_equal(e->claim[1].part[0].kind, CLAIM_COLLAPSE);
    assert_int_equal(e->claim[2].part[0].kind, CLAIM_NO_COLLAPSE);
    assert_int_equal(e->claim[3].part[0].kind, CLAIM_RISES);
    assert_int_equal(e->claim[4].part[0].kind, CLAIM_GREATER);
    assert_int_equal(e->claim[4].part[0].row, with);
    assert_int_equal(e->claim[4].part[0].other, without);
}

static void scale_cifar10_is_the_defaults(void **state)
{
    (void)state;
    experiment_load(&experiment, CONFIG_DIR "/fig2_stopgrad.yaml", "cifar10");
    struct settings s = settings_default(0);
    s.predictor_lr = PREDICTOR_COSINE;                          /* Figure 2's */
    char *want = settings_print(&s), *got = settings_print(&experiment.row[0].settings);
    assert_string_equal(got, want);
    free(want);
    free(got);
}

static void defaults_name_what_the_tables_begin_with(void **state)
{
    (void)state;
    const struct settings s = settings_default(0);
    assert_string_equal(methods[s.method].name, "simsiam");
    assert_string_equal(distances[s.distance].name, "cosine");
    assert_string_equal(data_sources[settings_default(0).dataset].name, "cifar10");
}

/* ---- layers and the hash --------------------------------------------------------------------- */

static void row_overrides_top_overrides_scale_overrides_defaults(void **state)
{
    (void)state;
    load("epochs: 20\nbatch: 20\nrows:\n- { name: a, epochs: 30 }\n- name: b\n");
    const struct settings *a = &experiment.row[0].settings, *b = &experiment.row[1].settings;
    assert_int_equal(a->epochs, 30);                      /* row */
    assert_int_equal(b->epochs, 20);                      /* top level; another row does not leak */
    assert_int_equal(a->batch, 20);                       /* over the scale's 10 */
    assert_int_equal(a->knn_k, 5);                        /* scale, over the default's 200 */
    assert_true(a->momentum == 0.9);                      /* default */
    assert_false(experiment.row[0].has_paper);
    assert_string_equal(experiment.title, "x");
    assert_string_equal(experiment.caption, "a scale for tests");
    assert_int_equal(experiment.n_claims, 0);
}

/* Rows of other views than the scale's know those too: what rows are compared by is the same for
 * all.  To the others nothing is added. */
static void a_row_of_other_views_has_the_scales_beside_them(void **state)
{
    (void)state;
    load("gray_p: 0\n"
         "rows:\n"
         "- { name: top }\n"
         "- { name: own, gray_p: 0.2, crop_scale: [0.9, 1] }\n"
         "- { name: none, gray_p: 0.2 }\n");
    const struct settings *const top = &experiment.row[0].settings,
                          *const own = &experiment.row[1].settings,
                          *const none = &experiment.row[2].settings;
    assert_true(settings_has_standard(top) && top->standard.gray_p == 0.2);
    assert_true(settings_has_standard(own) && own->standard.crop_scale[0] == 0.2 &&
                own->views.crop_scale[0] == 0.9);
    assert_false(settings_has_standard(none));
    char *const with = settings_print(own), *const without = settings_print(none);
    assert_non_null(strstr(with, "\nstandard_crop_scale: [0.2, 1]\n"));
    assert_null(strstr(without, "standard_"));
    free(with);
    free(without);
}

static void printed_row_is_a_config_of_the_same_hash(void **state)
{
    (void)state;
    load("crop_scale: [0.1, 0.7]\nwarmup: 0.5\nrows: [{ name: a, predictor: [], base_lr: 0.1 }]\n");
    char *text = settings_print(&experiment.row[0].settings), want[HASH_TEXT], got[HASH_TEXT];
    settings_hash(want, &experiment.row[0].settings);
    char *again = text_format("%srows: [{ name: a }]\n", text);
    load(again);
    settings_hash(got, &experiment.row[0].settings);
    assert_string_equal(got, want);
    assert_int_equal(strlen(got), 64);
    free(text);
    free(again);
}

/* Another value in range for a key, written over `s`. */
static void value_change(struct settings *s, const struct key *k)
{
    void *at = (char *)s + k->offset;
    switch (k->type) {
    case KEY_INT: *(int *)at += 1; break;
    case KEY_FLOAT: *(double *)at += 1e-9; break;
    case KEY_BOOL: *(bool *)at = !*(bool *)at; break;
    case KEY_FLOATS: ((double *)at)[k->count - 1] += 1e-9; break;
    case KEY_INTS: ((struct int_list *)at)->v[0]++; break;
    case KEY_WORDS: ((struct word_list *)at)->n--; break;
    case KEY_PAIRS: ((struct pair_list *)at)->v[0][1]++; break;
    case KEY_TEXT: memcpy(at, "x", 2); break;
    default: fail_msg("%s: no way to change it", k->name);
    }
}

static void hash_changes_with_every_key(void **state)
{
    (void)state;
    for (int m = 0; methods[m].name; m++) {
        const struct settings plain = settings_default(m);
        char was[HASH_TEXT], is[HASH_TEXT];
        struct key keys[KEYS_MAX];
        const int n = settings_keys_of(keys, m);
        settings_hash(was, &plain);
        assert_true(n > 35);
        for (const struct key *k = keys; k->name; k++) {
            struct settings s = plain;
            int *const choice = (int *)(void *)((char *)&s + k->offset);
            if (!strcmp(k->name, "method")) s = settings_default(!m);
            else if (k->type == KEY_CHOICE) *choice = !*choice;
            else value_change(&s, k);
            settings_hash(is, &s);
            if (!strcmp(was, is)) fail_msg("%s does not change the hash", k->name);
        }
    }
}

static void codes_of_the_committed_list_are_one_code(void **state)
{
    (void)state;
    static const char results[] =
        "0ce2937d0226b9253beeb2855bac758ce9a74a72f906511fa49e2ef45076c48b";
    static const char later[] = "75ddb13761621cf99bc410ae9933fd71888c53465eca73f5a10adb1f3146ad50";
    char other[HASH_TEXT];
    hash_bytes(other, "other", 5);
    assert_true(code_same(results, later) && code_same(later, results));
    assert_true(code_same(other, other) && code_same(code_hash_of(0), code_hash_of(0)));
    assert_false(code_same(results, other) || code_same(other, later));
    assert_int_equal(strlen(code_hash_of(0)), 64);
}

/* SimSiam's, one that was shown equal to it, and SimCLR's of the same program. */
static void codes_of_two_methods_are_beside_in_one_program(void **state)
{
    (void)state;
    static const char simsiam[] =
        "06a1a78e61077696eab7505922bc5d397eaa45d642514f5f34b3be18906802e7";
    static const char equal[] = "cb700c05899bfc05c73ec054a14037bc724413da0cbd4a588d61d20ab7c1e842";
    static const char simclr[] = "9a24ad803d7c37ef26fec9042329558bc54857c5bb9964c80ab0064c8969746c";
    static const char before[] = "0ce2937d0226b9253beeb2855bac758ce9a74a72f906511fa49e2ef45076c48b";
    char other[HASH_TEXT];
    hash_bytes(other, "other", 5);
    assert_true(code_beside(code_hash_of(0), code_hash_of(1)));
    assert_true(code_beside(simsiam, simclr) && code_beside(simclr, simsiam));
    assert_true(code_beside(equal, simclr));
    assert_false(code_same(simsiam, simclr));
    assert_false(code_beside(before, simclr) || code_beside(simclr, before));
    assert_false(code_beside(other, code_hash_of(1)) || code_beside(code_hash_of(0), other));
    assert_false(code_beside(other, other));
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void mistakes_of_all_files_come_in_one_pass(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("titel: t\n"
                 "epochs: -1\n"
                 "epochs: 3\n"
                 "rows:\n"
                 "- { name: a, batch: none }\n"
                 "- { name: a, projector: [fc d, batchnorm] }\n"
                 "- { nmae: c, paper: nan }\n"
                 "- d\n"
                 "claims: { better: linear a > q }\n",
                 "note: n\nbase_lr: fast\n", "better: { section: 1, says: s, tabel: x }\n"),
        "x.yaml:3:1: epochs stands twice, first in line 2; keep one\n"
        "scale/s.yaml:2:10: base_lr: fast is not a number; 0 to 1000\n"
        "x.yaml:1:1: unknown key titel; did you mean title?\n"
        "x.yaml:2:9: epochs: -1 is out of range; 0 to 100000 passes\n"
        "x.yaml:5:21: batch: none is not a whole number; 2 to 65536 images\n"
        "x.yaml:6:11: row a stands twice; each row has its own name\n"
        "x.yaml:6:32: projector: batchnorm is wrong; a layer is `fc WIDTH "
        "[bias|no-bias|frozen-bias|constant]` with WIDTH a number to 65536, d, f, d/N or f/N, "
        "or `bn [no-affine]`, or `relu`\n"
        "x.yaml:7:3: the row has no name; `name: with`\n"
        "x.yaml:7:21: paper: nan is not a number; 0 to 100 percent\n"
        "x.yaml:7:5: unknown key nmae; did you mean name?\n"
        "x.yaml:8:3: a row is a mapping, like { name: with, stop_grad: true }\n"
        "paper.yaml:1:32: unknown key tabel; did you mean table?\n"
        "paper.yaml:1:9: a statement has section and says, and either table and predicate or "
        "`exact: true`\n"
        "x.yaml:9:30: no row q; the first is a\n");
}

static void a_wrong_value_invents_no_other_mistake(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("train_count: 300x\nrows: [{ name: a, batch: 250 }]\n", scale, paper),
        "x.yaml:1:14: train_count: 300x is not a whole number; 2 to 10000000 images\n");
    assert_string_equal(
        mistakes("rows: [{ name: a, batch: 250, train_count: 300x }]\n", scale, paper),
        "x.yaml:1:44: train_count: 300x is not a whole number; 2 to 10000000 images\n");
}

static void a_wrong_value_hides_only_the_rules_that_read_it(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("rows:\n"
                 "- { name: with, crop_scale: [0.9, 0.1], flip_p: 2 }\n"
                 "- { name: b, batch: 999 }\n"
                 "- { name: c, train_count: x, batch: 999 }\n"
                 "base_lr: x\n",
                 scale, paper),
        "x.yaml:5:10: base_lr: x is not a number; 0 to 1000\n"
        "x.yaml:2:49: flip_p: 2 is out of range; 0 to 1\n"
        "x.yaml:2:29: crop_scale: the smaller number comes first\n"
        "x.yaml:3:21: batch 999 is more than the 100 training images; at most as many\n"
        "x.yaml:4:27: train_count: x is not a whole number; 2 to 10000000 images\n");
    /* A row that sets it right is judged. */
    assert_string_equal(
        mistakes("batch: x\nrows: [{ name: a }, { name: b, batch: 101 }]\n", scale, paper),
        "x.yaml:1:8: batch: x is not a whole number; 2 to 65536 images\n"
        "x.yaml:2:39: batch 101 is more than the 100 training images; at most as many\n");
}

static void rows_are_wanted(void **state)
{
    (void)state;
    assert_string_equal(mistakes("title: t\n", scale, paper),
                        "x.yaml:1:1: rows: 1 to 31 are wanted, like - { name: with }\n");
    assert_string_equal(mistakes("rows: []\n", scale, paper),
                        "x.yaml:1:7: rows: 1 to 31 are wanted, like - { name: with }\n");
    assert_string_equal(
        mistakes("rows: [{ name: a b }]\n", scale, paper),
        "x.yaml:1:16: name: a b is wrong; letters, digits, and between them _ . -\n");
    assert_non_null(
        strstr(mistakes("rows: [{ name: ../a }]\n", scale, paper), "name: ../a is wrong"));
}

static void settings_that_do_not_go_together_are_placed(void **state)
{
    (void)state;
    static const struct { const char *row, *message; } cases[] = {
        { "train_count: 60001", "training images 0 to 60000; synthetic has 0 to 59999" },
        { "train_first: 59901", "training images 59901 to 60000; synthetic has 0 to 59999" },
        { "monitor_first: 9951",
          "monitor images 9951 to 10000; the test split of synthetic has 0 to 9999" },
        { "monitor_split: train",
          "monitor images 0 to 49 are trained on too (0 to 99); hold them out" },
        { "test_count: 10001", "test_count 10001; the test split of synthetic has 10000 images" },
        { "test_count: 9, monitor_split: train, monitor_first: 100",
          "test_count 9 with monitor_split: train, which chooses settings on held-out images; "
          "leave it out" },
        { "standard_crop_scale: [0.2, 1]",
          "standard_crop_scale and the others of standard_... are a whole recipe, the smaller "
          "number first, or all left out" },
        { "batch: 101", "batch 101 is more than the 100 training images; at most as many" },
        { "probe_batch: 101",
          "probe_batch 101 is more than the 100 training images; at most as many" },
        { "knn_k: 101",
          "knn_k 101 is more than the 100 training images, the bank; at most as many" },
        { "widths: [8, 8, 8, 8, 8]", "5 stages; 1 to 4" },
        { "image_size: 4, widths: [8, 8, 8, 8]",
          "image_size 4 does not survive 4 stages; at least 8" },
        { "blocks: [1, 2, 3]",
          "blocks of 3 stages, widths of 2; as many, or one number of blocks for all" },
        { "image_size: 7, stem: imagenet", "image_size 7 does not survive 2 stages; at least 8" },
        { "projector: [fc f/3], block: bottleneck", "fc f/3: f is 64, not a multiple of 3" },
        { "dim: 30", "fc d/4: d is 30, not a multiple of 4" },
        { "projector: [fc f/3]", "fc f/3: f is 16, not a multiple of 3" },
        { "predictor: [fc d/64]", "fc d/64: d is 32, not a multiple of 64" },
        { "predictor: [fc 31]",
          "the predictor gives 31 features, the projector 32; they are compared, so as many" },
        { "projector: []",
          "the predictor gives 32 features, the projector 16; they are compared, so as many" },
        { "pairs: [[0, 1], [2, 2]]", "pairs: view 2 is its own target; two views make a pair" },
        { "pairs: [[0, 2]]", "pairs: no pair has view 1, but one has 2; number them from 0" },
        { "eta: average, stop_grad: false",
          "a target that was computed before has no gradient; stop_grad: true goes with it" },
        { "eta_every: 4, eta: cache, batch: 32",
          "eta_every 4 is more than the 3 steps of an epoch; 0 is a whole epoch" },
        { "warmup_from: 0.5, warmup: 0.1",
          "warmup_from and lr_end are of lr_schedule: step; say that, or leave them out" },
        { "lr_end: 0.5",
          "warmup_from and lr_end are of lr_schedule: step; say that, or leave them out" },
        { "warmup_from: 0.5, lr_schedule: step",
          "warmup_from 0.5 of a warm-up that there is not; warmup above 0" },
        { "optimizer: larc, precision: fp16",
          "fp16 leaves out steps whose gradients overflow, which sgd alone knows; precision: bf16 or "
          "fp32" },
        { "crop_scale: [0.9, 0.2]", "crop_scale: the smaller number comes first" },
        { "crop_ratio: [2, 1]", "crop_ratio: the smaller number comes first" },
        { "blur_sigma: [2, 1]", "blur_sigma: the smaller number comes first" },
        { "folder: x", "folder: x is of no use with dataset: synthetic; dataset: folder reads it" },
        { "skip_bad: 1",
          "skip_bad: 1 goes with dataset: folder; the files of synthetic are right or refused" },
        { "dataset: folder",
          "dataset: folder needs folder: PATH, where train/CLASS and val/CLASS (or test) lie" },
        { "folder: '{a'",
          "folder: \"{a\" is wrong; a path that YAML reads without quotes, such as my-images or "
          "/data/my-images" },
        { "jitter: [0, 0, 0, 0.6]", "jitter: a hue of 0.6; at most 0.5, half the colour circle" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *x = text_format("rows:\n- { name: a, %s }\n", cases[i].row);
        const int column = 14 + (int)strcspn(cases[i].row, ":") + 2;
        char *message = text_format("x.yaml:2:%d: %s\n", column, cases[i].message);
        assert_string_equal(mistakes(x, scale, paper), message);
        free(x);
        free(message);
    }
}

static void a_rule_broken_above_the_rows_is_said_once(void **state)
{
    (void)state;
    assert_string_equal(
        mistakes("batch: 200\n"
                 "rows: [{ name: a }, { name: b }, { name: c, batch: 300 }]\n",
                 scale, paper),
        "x.yaml:1:8: batch 200 is more than the 100 training images; at most as many\n"
        "x.yaml:2:52: batch 300 is more than the 100 training images; at most as many\n");
    char *small = text_format("%sblocks: 1\ncrop_scale: [1, 0.5]\n", scale);
    assert_string_equal(mistakes("rows: [{ name: a }, { name: b }]\n", small, "{}"),
                        "scale/s.yaml:12:13: crop_scale: the smaller number comes first\n");
    free(small);
}

static void what_goes_together_is_left_alone(void **state)
{
    (void)state;
    load("rows:\n"
         "- { name: a, predictor: [] }\n"
         "- { name: b, predictor_lr: zero, predictor: [] }\n"
         "- { name: c, projector: [], predictor: [fc f/2, bn, relu, fc f] }\n"
         "- { name: d, projector: [], predictor: [] }\n"
         "- { name: e, monitor_split: train, monitor_first: 100 }\n"
         "- { name: f, train_first: 1900, monitor_split: train, monitor_first: 1850 }\n"
         "- { name: g, projector: [fc d, bn, relu, fc d frozen-bias, bn no-affine] }\n"
         "- { name: i, pairs: [[1, 0], [2, 3]], eta: cache, eta_every: 3, batch: 32 }\n"
         "- { name: j, eta_every: 4, batch: 32, pairs: [[0, 1]], stop_grad: false }\n"
         "- { name: h, batch: 100, knn_k: 100, probe_batch: 100, crop_scale: [1, 1] }\n");
    assert_int_equal(experiment.n_rows, 10);
}

static void unknown_scales_rows_and_files_exit_2_with_a_hint(void **state)
{
    (void)state;
    char said[SAID_MAX];
    const char *figure = CONFIG_DIR "/fig2_stopgrad.yaml";
    assert_int_equal(load_child(said, figure, "quik", NULL), 2);
    assert_non_null(strstr(said, "no scale quik; did you mean quick? There are "));
    assert_int_equal(load_child(said, figure, "../paper", NULL), 2);
    assert_int_equal(load_child(said, figure, "quick", "wihout"), 2);
    assert_non_null(strstr(said, "no row wihout; did you mean without? There are with, without, "));
    assert_int_equal(load_child(said, figure, "quick", "without"), 0);
    assert_string_equal(said, "");
    assert_int_equal(load_child(said, "/nonexistent/x.yaml", "quick", NULL), 2);
    assert_non_null(strstr(said, "/nonexistent/x.yaml:1:1: cannot read it: No such file"));
    assert_int_equal(load_child(said, "/dev/null", "quick", NULL), 2);
    assert_non_null(strstr(said, "/dev/null:1:1: not a regular file"));
    assert_null(strstr(said, "scale"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_committed_experiment_loads_at_every_scale),
        cmocka_unit_test(figure_2_is_read_as_it_stands),
        cmocka_unit_test(scale_cifar10_is_the_defaults),
        cmocka_unit_test(defaults_name_what_the_tables_begin_with),
        cmocka_unit_test(row_overrides_top_overrides_scale_overrides_defaults),
        cmocka_unit_test(a_row_of_other_views_has_the_scales_beside_them),
        cmocka_unit_test(printed_row_is_a_config_of_the_same_hash),
        cmocka_unit_test(hash_changes_with_every_key),
        cmocka_unit_test(codes_of_the_committed_list_are_one_code),
        cmocka_unit_test(codes_of_two_methods_are_beside_in_one_program),
        cmocka_unit_test(mistakes_of_all_files_come_in_one_pass),
        cmocka_unit_test(a_wrong_value_invents_no_other_mistake),
        cmocka_unit_test(a_wrong_value_hides_only_the_rules_that_read_it),
        cmocka_unit_test(rows_are_wanted),
        cmocka_unit_test(settings_that_do_not_go_together_are_placed),
        cmocka_unit_test(a_rule_broken_above_the_rows_is_said_once),
        cmocka_unit_test(what_goes_together_is_left_alone),
        cmocka_unit_test(unknown_scales_rows_and_files_exit_2_with_a_hint),
    };
    return cmocka_run_group_tests_name("settings", tests, setup, teardown);
}
