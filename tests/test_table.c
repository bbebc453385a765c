/* SPDX-License-Identifier: MIT
 *
 * test_table.c -- `simsiam table` from made-up runs to files, end to end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../experiments/suite/stability.h"
#include "../experiments/commands/commands.h"
#include "../experiments/suite/committed.h"
#include "../experiments/suite/experiment.h"
#include "../experiments/run/found.h"
#include "../experiments/run/judge.h"
#include "../experiments/run/measures.h"
#include "../experiments/methods/code.h"
#include "../engine/data.h"

static const char experiment[] =
    "title: \"Figure 2: with_and without | 100 %\"\n"
    "rows:\n"
    "  - { name: with, stop_grad: true, paper: 67.7 }\n"
    "  - { name: without, stop_grad: false, paper: 0.1 }\n"
    "  - { name: later, base_lr: 0.3 }\n"
    "claims:\n"
    "  loss: loss without within 0.05 of -1\n"
    "  dead: collapse without\n"
    "  knn: knn with rises\n"
    "  better: linear with > without\n"
    "  both: linear with > without; linear later > without\n"
    "  alive: no collapse without\n";

static const char statements[] =
    "loss: { section: \"1\", says: x, table: made_up, predicate: loss without within 0.05 of -1 }\n"
    "dead: { section: \"1\", says: x, table: made_up, predicate: collapse without }\n"
    "knn: { section: \"1\", says: x, table: made_up, predicate: knn with rises }\n"
    "better: { section: \"1\", says: x, table: made_up, predicate: linear with > without }\n"
    "both: { section: \"1\", says: x, table: made_up,\n"
    "        predicate: linear with > without; linear later > without }\n"
    "alive: { section: \"1\", says: x, table: made_up, predicate: no collapse without }\n";

/* The folder of the test under way, and paths in it. */
static char root[64];

static const char *under(const char *name)
{
    static char path[4][512];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static void put(const char *path, const char *text)
{
    assert_true(file_write_atomic(path, text, strlen(text)));
}

static char *content(const char *name)
{
    size_t bytes;
    char *text = file_read(under(name), &bytes);
    if (!text) {
        fail_msg("no %s", name);
        abort();                   /* fail_msg does not return, but does not say so */
    }
    return text;
}

static bool exists(const char *name)
{
    return access(under(name), F_OK) == 0;
}

static int folder_open(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/test_table.XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_true(folder_make(under("configs/scale")));
    put(under("configs/made_up.yaml"), experiment);
    put(under("configs/paper.yaml"), statements);
    put(under("configs/scale/tiny.yaml"),
        "note: A test, nothing else.\nlooks: [3]\ndataset: synthetic\nepochs: 3\n"
        "train_count: 512\nmonitor_count: 64\nbatch: 64\n");
    return 0;
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static int folder_remove(void **state)
{
    (void)state;
    return nftw(root, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Of the images that the settings name, as they are now; and of either set. */
static void data_now(char hash[HASH_TEXT], char each[2][HASH_TEXT], const struct settings *s)
{
    struct dataset train, monitor;
    data_load(&train, "synthetic", DATA_TRAIN, s->train_first, s->train_count);
    data_load(&monitor, "synthetic", DATA_TEST, s->monitor_first, s->monitor_count);
    run_data_hash(hash, train.hash, monitor.hash, "");
    memcpy(each[0], train.hash, HASH_TEXT);
    memcpy(each[1], monitor.hash, HASH_TEXT);
    data_free(&train);
    data_free(&monitor);
}

/* A finished run as `simsiam run` leaves it, or left it before papers were sealed. */
static bool made_sealed;
static void run_make(const char *row, int seed, double linear, bool dead, double oscillation)
{
    static struct experiment e;
    experiment_load(&e, under("configs/made_up.yaml"), "tiny");
    const struct settings *s = &e.row[experiment_row(&e, row)].settings;
    struct run_record r = { .seed = seed, .epochs = 3, .linear = linear };
    char *config = settings_print(s), images[2][HASH_TEXT];
    data_now(r.data_hash, images, s);
    run_hash(r.hash, config, "cpu", code_hash_of(s->method), r.data_hash);
    snprintf(r.row, sizeof r.row, "%s", row);
    snprintf(r.code_hash, sizeof r.code_hash, "%s", code_hash_of(s->method));
    hash_bytes(r.frozen_hash, "weights", 7);
    strcpy(r.machine, "cpu");
    char *folder = run_folder(under("runs"), r.hash, seed), metrics[8192] = "";
    assert_true(folder_make(folder));
    for (int epoch = 0; epoch <= 3; epoch++) {
        struct epoch_record *l = &r.last;
        *l = epoch_empty(epoch);
        l->monitored = true;
        l->std_sqrtd = epoch ? dead ? 0.2 : 0.97 : 0.9;
        l->mean_norm = epoch ? dead ? 0.98 : 0.15 : 0.2;
        l->view_share = epoch && dead ? 0.6 : 0.3;
        l->rank = epoch ? dead ? 15.0 : 70.0 : 60;
        l->knn = epoch ? (dead ? 28 : 30 + 2 * epoch) + 0.1 * seed : 28;
        l->knn_z = 27;
        if (epoch) {
            l->loss = dead ? -0.99 : -0.6 - 0.03 * epoch;
            l->oscillation = oscillation;
            l->std_train = dead ? 0.1 : 0.95;
            l->grad_norm = 1;
            l->lr = l->lr_predictor = 0.1;
        }
        char *line = epoch_print(l);
        strcat(metrics, line);
        free(line);
    }
    run_judge(&r, false);
    r.sealed = made_sealed;
    hash_bytes(r.metrics_hash, metrics, strlen(metrics));
    char path[600];
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    put(path, metrics);
    snprintf(path, sizeof path, "%s/config.yaml", folder);
    put(path, config);
    snprintf(path, sizeof path, "%s/provenance.json", folder);
    char *provenance = text_format("{\"code_hash\": \"%s\", \"compiler\": \"cc\", \"seed\": %d, "
                                   "\"machine\": \"cpu\", \"train_hash\": \"%s\", "
                                   "\"monitor_hash\": \"%s\", "
                                   "\"started\": \"2020-01-01T00:00:00Z\"}", r.code_hash, seed,
                                   images[0], images[1]);
    put(path, provenance);
    free(provenance);
    snprintf(path, sizeof path, "%s/timing.jsonl", folder);
    put(path, "{\"what\":\"train\",\"seconds\":9,\"cpu\":1.26}\n"
              "{\"what\":\"monitor\",\"seconds\":9,\"cpu\":7}\n"
              "{\"what\":\"train\",\"seconds\":9,\"cpu\":2}\n");
    assert_true(summary_write(&r, folder));
    free(config);
    free(folder);
}

static void runs_make(void)
{
    static const double with[] = { 45.1, 45.5, 44.9 }, without[] = { 30.2, 30.9, 29.6 };
    for (int i = 0; i < 3; i++) {
        run_make("with", i + 1, with[i], false, 0.01);
        run_make("without", i + 1, without[i], true, 0.001 * (i + 1));
    }
}

/* Sends what is written to `fd` into a file under root; returns what restore() needs. */
static int redirect(int fd, const char *name)
{
    fflush(NULL);
    const int kept = dup(fd), file = open(under(name), O_CREAT | O_TRUNC | O_WRONLY, 0666);
    assert_true(kept >= 0 && file >= 0 && dup2(file, fd) >= 0);
    close(file);
    return kept;
}

static void restore(int fd, int kept)
{
    fflush(NULL);
    assert_true(dup2(kept, fd) >= 0);
    close(kept);
}

/* Replaces the first `from` in the file by `to`. */
static void edit(const char *name, const char *from, const char *to)
{
    char *text = content(name), *at = strstr(text, from);
    if (!at) {
        print_error("%s\n", text);
        fail_msg("no \"%s\" in the text above", from);
        abort();
    }
    char *edited = text_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put(under(name), edited);
    free(edited);
    free(text);
}

static const char *seeds = "--seeds=1 2 3";

/* Runs the command with its output in root/out; `more` is one more option or NULL. */
static int table(const char *more)
{
    char runs[128], results[128], file[128];
    snprintf(runs, sizeof runs, "--runs=%s/runs", root);
    snprintf(results, sizeof results, "--results=%s/results", root);
    snprintf(file, sizeof file, "%s/configs/made_up.yaml", root);
    char *argv[] = { "table", file, "--scale=tiny", (char *)seeds, runs, results, (char *)more,
                     NULL };
    const int kept_out = redirect(STDOUT_FILENO, "out"), kept_err = redirect(STDERR_FILENO, "err");
    const int status = command_table(more ? 7 : 6, argv);
    restore(STDOUT_FILENO, kept_out);
    restore(STDERR_FILENO, kept_err);
    return status;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part)) return;
    print_error("%s\n", text);
    fail_msg("no \"%s\" in the text above", part);
}

static void rows_are_written_as_the_house_says(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up.csv");
    assert_string_equal(
        csv,
        "row,n,paper,linear_mean,linear_std,knn_mean,knn_std,loss_mean,loss_std,std_sqrtd_mean,std_sqrtd_std,"
        "view_share_mean,view_share_std,state\n"
        "with,3,67.7,45.1667,0.305505,36.2,0.1,-0.69,0,0.97,0,0.3,0,healthy\n"
        "without,3,0.1,30.2333,0.650641,28.2,0.1,-0.99,0,0.2,0,0.6,0,collapsed\n"
        "later,0,,,,,,,,,,,,not run\n");
    free(csv);
}

static void claims_are_written_with_their_verdicts(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up_claims.csv");
    /* Differences 14.9, 14.6, 15.3: std 0.351188, half-width 0.872402; of two degrees of freedom
     * p is 1 - t / sqrt(t^2 + 2), t = 73.651. */
    assert_string_equal(csv,
        "id,predicate,n,estimate,low,high,verdict,look,p,error\n"
        "loss,loss without within 0.05 of -1,3,0.01,0.01,0.01,holds,3,0,0.05\n"
        "dead,collapse without,3,1,,,holds,,,0.015\n"
        "knn,knn with rises,3,2,2,2,holds,3,0,0.05\n"
        "better,linear with > without,3,14.9333,14.0609,15.8057,holds,3,0.0001843,0.05\n"
        "both,linear with > without; linear later > without,0,,,,not run,,,\n"
        "both.1,linear with > without,3,14.9333,14.0609,15.8057,holds,3,0.0001843,0.05\n"
        "both.2,linear later > without,0,,,,not run,,,\n"
        "alive,no collapse without,3,1,,,fails,,,0.015\n");
    free(csv);
}

static void curves_hold_every_epoch(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *curves = content("results/tiny/made_up_curves.csv");
    assert_has(
        curves,
        "row,seed,epoch,monitored,loss,oscillation,std_train,grad_norm,lr,lr_predictor,std_sqrtd,"
        "mean_norm,view_share,rank,knn,knn_z,cos_h,cos_z\n"
        "with,1,0,1,,,,,,,0.9,0.2,0.3,60,28,27,,\nwith,1,1,1,-0.63,0.01,0.95,1,0.1,0.1,0.97,");
    assert_has(curves, "\nwithout,3,3,1,-0.99,0.003,0.1,1,0.1,0.1,0.2,0.98,0.6,15,28.3,27,,\n");
    free(curves);
}

static void page_and_paper_show_every_row(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *md = content("results/tiny/made_up.md"), *tex = content("results/tiny/made_up.tex");
    char *out = content("out");
    assert_has(
        md, "| with | 3 | 67.7 | 45.2 ± 0.3 | 36.2 ± 0.1 | -0.690 ± 0.000 | 0.97 ± 0.00 | 0.30 ± "
            "0.00 | healthy |\n");
    assert_has(md, "| later | 0 | - | - | - | - | - | - | not run |\n");
    assert_has(md,
               "\n- Figure 2: with_and without | 100 %.\n- Scale tiny: A test, nothing else.\n");
    assert_has(md, "\n- Rows set, beside the scale and the table: without (stop_grad: false), later "
                   "(base_lr: 0.3).\n");
    assert_has(md, "\n- The 64 images that linear is measured on are the same for all seeds, and a "
                   "sample themselves: that adds sqrt(p(1 - p)/64) to an accuracy p, in points "
                   "6.2 (with), 5.7 (without), and to a difference of two rows about 3.6 at most");
    assert_has(md, "\n- Numbers are decided at 3 seeds by the interval of 95 % (Student's t");
    assert_has(tex, "$-$0.690 $\\pm$ 0.000");
    assert_has(md, "| alive | no collapse without | fails | 3 |");
    assert_has(tex, "with & 3 & 67.7 & 45.2 $\\pm$ 0.3 &");
    assert_has(tex, "later & 0 & - & - & - & - & - & - & not run \\\\\n\\bottomrule");
    assert_has(tex, "alive & no collapse without & fails & 3 &  \\\\\n");
    assert_null(strstr(tex, "Figure 2"));
    char *const caption = content("results/tiny/made_up_caption.tex");
    assert_has(caption, "\\caption[{Figure 2: with\\_and without $|$ 100 \\%.}]{Figure 2: with\\_and without");
    assert_has(caption, "}\n\\label{tab:made_up}\n");
    free(caption);
    assert_has(out, "later    0  -      -           -");
    assert_has(out, "not run       linear later > without\n");
    assert_has(out, "later is not run");
    assert_has(out, "A backbone that was never trained has kNN 28.0 ± 0.0.");
    assert_has(out, "Scale tiny: A test, nothing else.");
    free(md);
    free(tex);
    free(out);
}

static void require_exits_3_if_a_claim_fails(void **state)
{
    (void)state;
    assert_int_equal(table("--require"), 0);   /* nothing is run: nothing fails */
    runs_make();
    assert_int_equal(table("--require"), 3);
    assert_true(exists("results/tiny/made_up.csv"));
}

static void no_run_writes_nothing_and_says_what_to_run(void **state)
{
    (void)state;
    assert_true(folder_make(under("results/tiny")));
    put(under("results/tiny/made_up.csv"), "as it was\n");
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up.csv"), *out = content("out");
    assert_string_equal(csv, "as it was\n");
    assert_false(exists("results/tiny/made_up.md"));
    assert_has(out, "simsiam run ");
    assert_null(strstr(out, "From runs of"));
    assert_has(out, "--scale tiny --seeds \"1 2 3\"");
    free(csv);
    free(out);
}

static void same_runs_give_the_same_bytes(void **state)
{
    (void)state;
    static const char *const files[] = { "made_up.csv", "made_up.md", "made_up.tex",
                                         "made_up_caption.tex", "made_up_claims.csv", "made_up_runs.jsonl",
                                         "made_up_curves.csv", "provenance.json" };
    enum { FILES = sizeof files / sizeof *files };
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *first[FILES];
    for (int i = 0; i < FILES; i++) {
        char name[128];
        snprintf(name, sizeof name, "results/tiny/%s", files[i]);
        first[i] = content(name);
    }
    assert_int_equal(table(NULL), 0);
    for (int i = 0; i < FILES; i++) {
        char name[128];
        snprintf(name, sizeof name, "results/tiny/%s", files[i]);
        char *again = content(name);
        assert_string_equal(first[i], again);
        free(first[i]);
        free(again);
    }
}

static void committed_files_hold_no_clock_and_what_is_the_same_once(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *provenance = content("results/tiny/provenance.json");
    char *runs = content("results/tiny/made_up_runs.jsonl");
    assert_has(provenance, "\n \"compiler\": \"cc\",\n");
    assert_null(strstr(provenance, "started"));
    assert_has(runs, "\n{\"setting\": \"epochs: 3\"}\n");
    assert_has(runs, "\n{\"setting\": \"stop_grad: true\", \"rows\": [\"with\"]}\n");
    assert_has(runs, "\n{\"setting\": \"stop_grad: false\", \"rows\": [\"without\"]}\n");
    assert_has(runs, "\n{\"row\": \"without\", \"seed\": 3, ");
    assert_null(strstr(runs, "\"cpu\""));
    free(provenance);
    free(runs);
    assert_false(exists("results/tiny/runs"));
}

/* But where rows that are as long may have worked otherwise, what each took is a result. */
static void a_table_that_shows_work_keeps_its_seconds(void **state)
{
    (void)state;
    char *const shown = text_format("%spublished: { dataset: synthetic, source: Whose, "
                                    "numbers: { with: 50 } }\n", experiment);
    put(under("configs/made_up.yaml"), shown);
    free(shown);
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *runs = content("results/tiny/made_up_runs.jsonl");
    assert_has(runs, "\"cpu\": 3.3}");
    free(runs);
    assert_int_equal(rename(under("runs"), under("gone")), 0);
    assert_int_equal(table("--from-results"), 0);
    char *there = content("out");
    assert_has(there, "3 ± 0\n");
    free(there);
}

/* Each method has a code of its own. */
static void runs_of_two_methods_stand_in_one_table(void **state)
{
    (void)state;
    put(under("configs/made_up.yaml"),
        "rows:\n  - { name: with }\n  - { name: without, method: byol }\nclaims:\n"
        "  better: linear with > without\n");
    put(under("configs/paper.yaml"), "better: { section: \"1\", says: x, table: made_up, "
                                     "predicate: linear with > without }\n");
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *there = content("out"), *said = content("err");
    assert_null(strstr(said, "of other code"));
    assert_has(there, "holds");
    free(there);
    free(said);
    assert_int_equal(table("--from-results"), 0);
    there = content("out");
    assert_has(there, "holds");
    free(there);
}

static void clone_shows_what_it_cannot_rerun(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *here = content("out");
    assert_int_equal(rename(under("runs"), under("gone")), 0);
    assert_int_equal(remove(under("results/tiny/made_up.csv")), 0);
    assert_int_equal(table("--from-results"), 0);
    char *there = content("out");
    assert_has(there, "From committed runs, not rerun here: code ");
    const size_t same = (size_t)(strstr(here, "From runs of") - here);
    assert_memory_equal(here, there, same);
    assert_false(exists("results/tiny/made_up.csv"));
    free(here);
    free(there);
    /* Other settings than the row has now: not this row's runs. */
    edit("results/tiny/made_up_runs.jsonl", "stop_grad: true", "stop_grad: yes ");
    assert_int_equal(table("--from-results"), 0);
    there = content("out");
    char *err = content("err");
    assert_has(there, "with     0  67.7");
    assert_has(there, "without  3");
    assert_has(err, "with seed 2 is of other settings");
    free(there);
    free(err);
}

/* The committed run becomes one of other code, in a making of its own. */
static void code_change(const char *row, int seed)
{
    struct committed c;
    committed_open(&c, under("results"), "tiny", "made_up");
    const struct committed_run *run = committed_find(&c, row, seed);
    assert_non_null(run);
    struct run_record r = run->record;
    json_t *facts = json_deep_copy(json_object_get(c.makings, run->making));
    hash_bytes(r.code_hash, "other", 5);
    json_object_set_new(facts, "code_hash", json_string(r.code_hash));
    r.curve = NULL;
    const int n = r.n_curve;
    r.curve = host_alloc((size_t)n, sizeof *r.curve);
    memcpy(r.curve, run->record.curve, (size_t)n * sizeof *r.curve);
    committed_put(&c, row, &r, facts);
    committed_write(&c);
    json_decref(facts);
    run_free(&r);
    committed_close(&c);
}

static void runs_of_other_code_are_not_mixed_in(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    code_change("with", 1);
    assert_int_equal(table("--from-results"), 0);
    char *out = content("out"), *err = content("err");
    assert_has(out, "with     2  67.7");
    assert_has(err, "with seed 1: of other code");
    free(out);
    free(err);
}

static void committed_runs_of_other_code_are_removed(void **state)
{
    (void)state;
    runs_make();
    run_make("with", 9, 45, false, 0.01);
    seeds = "--seeds=9";
    assert_int_equal(table(NULL), 0);
    seeds = "--seeds=1 2 3";
    assert_int_equal(table(NULL), 0);          /* the same code: it may be of other seeds */
    static const char run[] = "{\"row\": \"with\", \"seed\": 9,", curve[] = "\nwith,9,3,";
    char *runs = content("results/tiny/made_up_runs.jsonl");
    char *curves = content("results/tiny/made_up_curves.csv");
    assert_has(runs, run);
    assert_has(curves, curve);
    free(runs);
    free(curves);
    code_change("with", 9);
    char *provenance = content("results/tiny/provenance.json"), other[HASH_TEXT];
    hash_bytes(other, "other", 5);
    assert_has(provenance, other);
    free(provenance);
    assert_int_equal(table(NULL), 0);
    runs = content("results/tiny/made_up_runs.jsonl");
    curves = content("results/tiny/made_up_curves.csv");
    provenance = content("results/tiny/provenance.json");
    assert_null(strstr(runs, run));
    assert_null(strstr(curves, curve));
    assert_null(strstr(provenance, other));    /* what no run names goes too */
    assert_has(runs, "{\"row\": \"with\", \"seed\": 1,");
    free(runs);
    free(curves);
    free(provenance);
}

/* After the edit, the run of row with and seed 2 does not count, and stderr says why. */
static void assert_broken_by(const char *name, const char *from, const char *to, const char *why)
{
    char *kept = content(name);
    edit(name, from, to);
    assert_int_equal(table("--from-results"), 0);
    char *out = content("out"), *err = content("err");
    assert_has(err, why);
    assert_has(out, "with     2  67.7");
    assert_has(out, "without  3");
    free(out);
    free(err);
    put(under(name), kept);
    free(kept);
}

static void an_edited_committed_run_is_not_believed(void **state)
{
    (void)state;
    static const char runs[] = "results/tiny/made_up_runs.jsonl";
    static const char curves[] = "results/tiny/made_up_curves.csv";
    runs_make();
    assert_int_equal(table(NULL), 0);
    assert_broken_by(runs, "\"linear\": 45.5", "\"linear\": 455", "seed 2 is broken, an accuracy");
    assert_broken_by(runs, "\"with\", \"seed\": 2, \"epochs\": 3, \"state\": \"healthy\"",
                     "\"with\", \"seed\": 2, \"epochs\": 3, \"state\": \"collapsed\"",
                     "seed 2 is broken, its numbers do not make it");
    /* The same seed twice; no object. */
    assert_broken_by(runs, "\"with\", \"seed\": 2", "\"with\", \"seed\": 1", "_runs.jsonl:");
    assert_broken_by(runs, "{\"row\": \"with\", \"seed\": 2", "[\"row\": \"with\", \"seed\": 2",
                     "is broken");
    assert_broken_by(curves, "\nwith,2,2,1,", "\nwith,7,2,1,", "seed 2 is broken, an epoch");
    assert_broken_by(curves, "\nwith,2,3,1,-0.69", "\nwith,2,3,1,-0.68",
                     "the last epoch's numbers");
    assert_broken_by(curves, "\nwith,2,1,1,", "\nwith,2,1,1,,", "seed 2 is broken, an epoch");
}

/* As `simsiam run` writes runs: each line is sealed with its curve, but for those of before. */
static void an_edited_line_of_a_sealed_run_is_not_believed(void **state)
{
    (void)state;
    static const char runs[] = "results/tiny/made_up_runs.jsonl";
    static const char curves[] = "results/tiny/made_up_curves.csv";
    made_sealed = true;
    runs_make();
    made_sealed = false;
    run_make("with", 1, 44, false, 0.1);
    assert_int_equal(table(NULL), 0);
    char *text = content(runs);
    assert_has(text, "\"schema\": 3");
    assert_has(text, "\"seal\": \"");
    assert_has(text, "\"schema\": 2");
    free(text);
    assert_broken_by(runs, "\"linear\": 45.5", "\"linear\": 46.5", "seed 2 is broken, its line or its curve");
    assert_broken_by(curves, "\nwith,2,1,1,-0", "\nwith,2,1,1,-1", "seed 2 is broken, its line or its curve");
    assert_broken_by(runs, "\"seal\"", "\"sea1\"", "is broken");
    edit(runs, "\"scale\": \"tiny\"", "\"scale\": \"tinx\"");
    assert_int_equal(table("--from-results"), 0);
    char *err = content("err"), *out = content("out");
    assert_has(err, "of table made_up at scale tinx, which is not its name");
    assert_has(out, "with     0  67.7");
    free(err);
    free(out);
}

/* A making is named by what it says: an edited one is none, and no run of it counts. */
static void an_edited_making_is_not_believed(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    edit("results/tiny/provenance.json", "\"cc\"", "\"C\"");
    assert_int_equal(table("--from-results"), 0);
    char *out = content("out"), *err = content("err");
    assert_has(err, "is not what it was made as");
    assert_has(out, "with     0  67.7");
    free(out);
    free(err);
}

/* Without fsync: hundreds of times. */
static void put_quickly(const char *name, const char *text, size_t bytes)
{
    FILE *file = fopen(under(name), "w");
    assert_true(file && fwrite(text, 1, bytes, file) == bytes && fclose(file) == 0);
}

static void garbage_among_the_committed_does_not_crash(void **state)
{
    (void)state;
    static const char *const names[] = { "results/tiny/made_up_runs.jsonl",
                                         "results/tiny/made_up_curves.csv",
                                         "results/tiny/provenance.json" };
    runs_make();
    assert_int_equal(table(NULL), 0);
    for (int f = 0; f < 3; f++) {
        char *good = content(names[f]);
        const size_t bytes = strlen(good);
        for (size_t i = 0; i < bytes; i += 41) {
            const char kept = good[i];
            good[i] = (char)(kept ^ (1 << i % 7));
            put_quickly(names[f], good, bytes);
            assert_int_equal(table("--from-results"), 0);
            good[i] = kept;
        }
        for (size_t cut = 0; cut < bytes; cut += 997) {
            put_quickly(names[f], good, cut);
            assert_int_equal(table("--from-results"), 0);
        }
        put(under(names[f]), good);
        free(good);
    }
}

/* What is committed, written again, is what it was: none of its files hang on runs/. */
static void rewriting_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const files[] = { "made_up.csv", "made_up.md", "made_up.tex",
                                         "made_up_caption.tex", "made_up_claims.csv", "made_up_runs.jsonl",
                                         "made_up_curves.csv", "provenance.json" };
    enum { FILES = sizeof files / sizeof *files };
    runs_make();
    assert_int_equal(table(NULL), 0);
    assert_int_equal(rename(under("runs"), under("gone")), 0);
    for (int i = 0; i < FILES; i++) {
        char *name = text_format("results/tiny/%s", files[i]), *first = content(name);
        assert_int_equal(table("--rewrite"), 0);
        char *again = content(name);
        assert_string_equal(first, again);
        free(first);
        free(again);
        free(name);
    }
}

/* Two programs that write one table at once: both exit 0, and the files are whole. */
static void two_tables_at_once_are_both_written(void **state)
{
    (void)state;
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *first = content("results/tiny/made_up_runs.jsonl");
    for (int i = 0; i < 5; i++) {
        pid_t child[2];
        for (int k = 0; k < 2; k++) {
            fflush(NULL);
            child[k] = fork();
            assert_true(child[k] >= 0);
            if (child[k] == 0) _exit(table(NULL));
        }
        for (int k = 0; k < 2; k++) {
            int status;
            assert_true(waitpid(child[k], &status, 0) == child[k]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        char *again = content("results/tiny/made_up_runs.jsonl");
        assert_string_equal(first, again);
        free(again);
    }
    free(first);
}

static void run_in_the_wrong_folder_is_not_counted(void **state)
{
    (void)state;
    runs_make();
    static struct experiment e;
    experiment_load(&e, under("configs/made_up.yaml"), "tiny");
    char hash[HASH_TEXT], data[HASH_TEXT], images[2][HASH_TEXT];
    char *config = settings_print(&e.row[0].settings);
    data_now(data, images, &e.row[0].settings);
    run_hash(hash, config, "cpu", code_hash_of(e.row[0].settings.method), data);
    free(config);
    char *two = run_folder(under("runs"), hash, 2), *three = run_folder(under("runs"), hash, 3),
         gone[600];
    snprintf(gone, sizeof gone, "%s.gone", three);
    assert_int_equal(rename(three, gone), 0);
    assert_int_equal(rename(two, three), 0);
    free(two);
    free(three);
    assert_int_equal(table(NULL), 0);
    char *out = content("out");
    assert_has(out, "with     1  67.7");
    assert_has(out, "decided at 3 seeds; with has no seed 2");
    free(out);
}

/* ---- baselines, and rows that a scale cannot host ---- */

/* The experiment with a baseline, at a scale that cannot host the row `later`. */
static void later_is_not_run_here(void)
{
    char *text = text_format("baseline: with\n%s", experiment);
    put(under("configs/made_up.yaml"), text);
    free(text);
    put(under("configs/scale/tiny.yaml"),
        "note: A test, nothing else.\nlooks: [3]\ndataset: synthetic\nepochs: 3\n"
        "train_count: 512\nmonitor_count: 64\nbatch: 64\nnot_run: { made_up: { later: it has 50% & no steps } }\n");
}

static void a_row_that_the_scale_cannot_host_is_shown_with_its_reason(void **state)
{
    (void)state;
    later_is_not_run_here();
    runs_make();
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up.csv"), *md = content("results/tiny/made_up.md");
    char *tex = content("results/tiny/made_up_caption.tex"), *out = content("out"), *err = content("err");
    assert_has(csv, "\nlater,0,,,,,,,,,,,,not run\n");
    assert_has(md, "\n- Row later is not run at this scale: it has 50% & no steps.\n");
    assert_has(
        md,
        "| both.2 | linear later > without | not run | 0 |  | later is not run at this scale: it has");
    assert_has(tex, "Row later is not run at this scale: it has 50\\% \\& no steps.\n");
    assert_has(out, "Row later is not run at this scale: it has 50% & no steps.\n");
    assert_null(strstr(err, "later"));         /* nobody waits for it */
    assert_int_equal(table("--from-results"), 0);
    free(err);
    err = content("err");
    assert_string_equal(err, "");
    free(csv);
    free(md);
    free(tex);
    free(out);
    free(err);
}

static void a_run_of_a_row_that_is_not_run_here_does_not_count(void **state)
{
    (void)state;
    runs_make();
    run_make("later", 1, 50, false, 0.01);
    later_is_not_run_here();
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up.csv");
    assert_has(csv, "\nlater,0,,,,,,,,,,,,not run\n");
    free(csv);
}

/* A larger batch makes a quieter loss, which is no stability. */
static void noise_of_another_batch_is_not_compared(void **state)
{
    (void)state;
    const struct settings base = settings_default(0);
    struct settings s = base;
    s.predictor.n = 0;
    assert_true(stability_comparable(&s, &base));
    s.batch *= 2;
    assert_false(stability_comparable(&s, &base));
    s = base;
    s.distance++;
    assert_false(stability_comparable(&s, &base));
    s = settings_default(1);
    assert_false(stability_comparable(&s, &base));
}

static void unstable_is_a_state_beside_a_baseline(void **state)
{
    (void)state;
    char *text = text_format("baseline: with\n%s", experiment);
    runs_make();
    for (int i = 0; i < 3; i++) run_make("later", i + 1, 40, false, 0.021 + 0.001 * i);
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up.csv"), *md = content("results/tiny/made_up.md");
    assert_has(csv, "\nlater,3,,40,0,36.2,0.1,-0.69,0,0.97,0,0.3,0,healthy\n");
    assert_null(strstr(md, "nstable"));        /* no baseline, no such state, no such column */
    assert_null(strstr(md, "oscillation"));
    free(csv);
    free(md);
    put(under("configs/made_up.yaml"), text);
    assert_int_equal(table(NULL), 0);
    csv = content("results/tiny/made_up.csv");
    md = content("results/tiny/made_up.md");
    assert_has(csv, "\nlater,3,,40,0,36.2,0.1,-0.69,0,0.97,0,0.3,0,unstable\n");
    assert_has(csv, "\nwith,3,67.7,45.1667,0.305505,36.2,0.1,-0.69,0,0.97,0,0.3,0,healthy\n");
    assert_has(csv, "collapsed\n");
    assert_has(
        md,
        "| evidence | \\|E z'\\| | rank | kNN of z | oscillation |  |\n|---|---|---|---|---|---|\n"
        "| with | 0.15 ± 0.00 | 70.00 ± 0.00 | 27.0 ± 0.0 | 1.00 ± 0.00 |  |\n");
    assert_has(md, "| later | 0.15 ± 0.00 | 70.00 ± 0.00 | 27.0 ± 0.0 | 2.20 ± 0.10 |  |\n");
    assert_has(
        md,
        "\n- Unstable: the loss's noise from step to step, averaged over the epochs, is over 2 times "
        "that of the same seed in row with");
    free(csv);
    free(md);
    run_make("later", 2, 40, false, 0.02);    /* twice is not more than twice: the seeds disagree */
    assert_int_equal(table(NULL), 0);
    csv = content("results/tiny/made_up.csv");
    assert_has(csv, "\nlater,3,,40,0,36.2,0.1,-0.69,0,0.97,0,0.3,0,mixed\n");
    free(csv);
    free(text);
}

static void claims_on_unequal_seeds_wait_for_those_of_the_look(void **state)
{
    (void)state;
    runs_make();
    run_make("later", 1, 40, false, 0.01);
    assert_int_equal(table(NULL), 0);
    char *csv = content("results/tiny/made_up_claims.csv"), *out = content("out");
    assert_has(csv, "both,linear with > without; linear later > without,1,,,,inconclusive,,,\n"
                    "both.1,linear with > without,3,14.9333,14.0609,15.8057,holds,3,");
    assert_has(out, "decided at 3 seeds; later has no seed 2");
    assert_has(out, "\nlater    1  -      40.0");
    free(csv);
    free(out);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_open, folder_remove)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(rows_are_written_as_the_house_says),
        IN_A_FOLDER(claims_are_written_with_their_verdicts),
        IN_A_FOLDER(curves_hold_every_epoch),
        IN_A_FOLDER(page_and_paper_show_every_row),
        IN_A_FOLDER(require_exits_3_if_a_claim_fails),
        IN_A_FOLDER(no_run_writes_nothing_and_says_what_to_run),
        IN_A_FOLDER(same_runs_give_the_same_bytes),
        IN_A_FOLDER(committed_files_hold_no_clock_and_what_is_the_same_once),
        IN_A_FOLDER(a_table_that_shows_work_keeps_its_seconds),
        IN_A_FOLDER(runs_of_two_methods_stand_in_one_table),
        IN_A_FOLDER(an_edited_committed_run_is_not_believed),
        IN_A_FOLDER(an_edited_line_of_a_sealed_run_is_not_believed),
        IN_A_FOLDER(an_edited_making_is_not_believed),
        IN_A_FOLDER(garbage_among_the_committed_does_not_crash),
        IN_A_FOLDER(rewriting_gives_the_same_bytes),
        IN_A_FOLDER(two_tables_at_once_are_both_written),
        IN_A_FOLDER(clone_shows_what_it_cannot_rerun),
        IN_A_FOLDER(runs_of_other_code_are_not_mixed_in),
        IN_A_FOLDER(committed_runs_of_other_code_are_removed),
        IN_A_FOLDER(run_in_the_wrong_folder_is_not_counted),
        IN_A_FOLDER(a_row_that_the_scale_cannot_host_is_shown_with_its_reason),
        IN_A_FOLDER(a_run_of_a_row_that_is_not_run_here_does_not_count),
        IN_A_FOLDER(unstable_is_a_state_beside_a_baseline),
        cmocka_unit_test(noise_of_another_batch_is_not_compared),
        IN_A_FOLDER(claims_on_unequal_seeds_wait_for_those_of_the_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
