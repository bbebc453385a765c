/* SPDX-License-Identifier: MIT
 *
 * cmd_check.c -- `simsiam check`: has a run collapsed?  And is the rule that says so still right?
 *
 *   collapsed: std*sqrt(d) <= COLLAPSE_STD and view share >= COLLAPSE_SHARE, or std*sqrt(d) <= COLLAPSE_DEAD
 *
 * The verdict is made anew from metrics.jsonl by collapse.h: it needs no summary, so that a run under way has one
 * too, and a rule that broke since the summary was written shows.
 */
#include "commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_run.h"
#include "options.h"
#include "subject.h"
#include "../run/found.h"
#include "../suite/experiment.h"
#include "../../engine/collapse.h"

enum { HEALTHY_LEAST = 20 };       /* a rule that accuses none of a few says little */
static const char plant_prefix[] = "plant-";

/* What a look at a run's folder gives. */
struct finding {
    int status;                    /* 0, EXIT_COLLAPSED, EXIT_DIVERGED, or why there is no verdict: EXIT_AGAIN
                                      (nothing to judge yet), EXIT_WORLD (unreadable), EXIT_USER (no run) */
    char *text;                    /* one line; ours to free */
    bool finished;
    double turn;                   /* see verdict_turn() */
};

/* ---- one run ------------------------------------------------------------------------------------------- */

/* The share by which all thresholds would have to move towards the measures for another verdict: above 0 for a
 * healthy run, below for a collapsed one, COLLAPSE_NEAR of it being "near".  Found by asking the rule itself: a
 * threshold that is moved is a measure moved the other way. */
static double verdict_turn(const struct collapse *c)
{
    enum { HALVINGS = 40 };
    double low = -1, high = 1;     /* std <= 0, or view share >= 0 and twice the std */
    for (int i = 0; i < HALVINGS; i++) {
        const double s = (low + high) / 2;
        const struct collapse moved = { .std_sqrtd = c->std_sqrtd / (1 + s),
                                        .view_share = c->view_share / (1 - s) };
        *(collapsed(&moved) ? &high : &low) = s;
    }
    return (low + high) / 2;
}

/* The first monitored epoch from which on all are collapsed; 0 if the last one is not.  The untrained network's
 * outputs are nearly constant too, and no collapse. */
static int collapsed_since(const struct run_record *r)
{
    int since = 0;
    for (int i = r->n_curve - 1; i >= 0 && r->curve[i].epoch >= 1; i--) {
        if (!r->curve[i].monitored) continue;
        const struct collapse c = epoch_collapse(&r->curve[i]);
        if (!collapsed(&c)) break;
        since = r->curve[i].epoch;
    }
    return since;
}

/* The line that counts: the last monitored epoch of training; NULL if there is none. */
static const struct epoch_record *epoch_judged(const struct run_record *r)
{
    const struct epoch_record *last = NULL;
    for (int i = 0; i < r->n_curve; i++)
        if (r->curve[i].monitored && r->curve[i].epoch >= 1) last = &r->curve[i];
    return last;
}

/* The measures, each with its distance from the thresholds, and the evidence. */
static char *measures_text(const struct epoch_record *e, double turn)
{
    const struct collapse c = epoch_collapse(e);
    char *const share = measure_text("%.3f", e->view_share);
    char *const off = measure_text("%+.3f", e->view_share - COLLAPSE_SHARE);
    char *const loss = measure_text("%.3f", e->loss), *const rank = measure_text("%.2f", e->rank);
    char *const knn = measure_text("%.1f", e->knn), *const norm = measure_text("%.3f", e->mean_norm);
    char *const text = text_format(
        "std*sqrt(d) %.3f (%+.3f from %.2f, %+.3f from %.2f), view share %s (%s from %.2f), turns if the "
        "thresholds move by %+.0f %%%s; loss %s, |E z'| %s, rank %s, kNN %s",
        e->std_sqrtd, e->std_sqrtd - COLLAPSE_STD,
        COLLAPSE_STD, e->std_sqrtd - COLLAPSE_DEAD, COLLAPSE_DEAD, share, off, COLLAPSE_SHARE, 100 * turn,
        collapse_near(&c) ? " (near)" : "", loss, norm, rank, knn);
    free(share);
    free(off);
    free(loss);
    free(rank);
    free(knn);
    free(norm);
    return text;
}

static void judge(struct finding *f, const struct run_record *r)
{
    const struct epoch_record *const last = epoch_judged(r);
    const struct epoch_record *const end = r->n_curve ? &r->curve[r->n_curve - 1] : NULL;
    const bool diverged = r->state == RUN_DIVERGED || (end && end->epoch >= 1 && !isfinite(end->loss)) ||
                          (last && !isfinite(last->std_sqrtd));
    if (diverged) {
        struct run_record now = { .last = end ? *end : r->last };
        run_judge(&now, true);
        f->status = EXIT_DIVERGED;
        f->text = text_format("diverged: %s", now.evidence);
    } else if (!last) {
        f->status = EXIT_AGAIN;
        f->text = text_format("nothing to judge yet: no epoch of training is monitored (check again later)");
    } else {
        const struct collapse c = epoch_collapse(last);
        f->turn = verdict_turn(&c);
        char *const text = measures_text(last, f->turn);
        const char *const how = f->finished ? "finished" : "not finished,";
        char *const at = text_format("%s at epoch %d", how, last->epoch);
        const int since = collapsed_since(r);
        f->status = collapsed(&c) ? EXIT_COLLAPSED : 0;
        f->text = since ? text_format("collapsed since epoch %d, %s: %s", since, at, text) :
                          text_format("healthy, %s: %s", at, text);
        free(text);
        free(at);
    }
}

/* Ends of lines in metrics.jsonl, or -1: it cannot be read, and errno says why. */
static int lines_count(const char *path)
{
    size_t bytes;
    char *const text = file_read(path, &bytes);
    if (!text) return -1;
    int n = 0;
    for (size_t i = 0; i < bytes; i++) n += text[i] == '\n';
    free(text);
    return n;
}

static bool file_there(const char *folder, const char *name)
{
    char *const path = text_format("%s/%s", folder, name);
    const bool there = !access(path, F_OK);
    free(path);
    return there;
}

static struct finding look(const char *folder)
{
    struct finding f = { .status = EXIT_WORLD };
    char *const metrics = text_format("%s/metrics.jsonl", folder);
    const int lines = lines_count(metrics), why = errno;       /* before they are read: a run may add one */
    free(metrics);
    const bool none = lines < 0 && (why == ENOENT || why == ENOTDIR);
    if (none && !file_there(folder, "config.yaml") && !file_there(folder, "summary.json")) {
        f.status = EXIT_USER;
        f.text = text_format("no run lies here (its folder is like runs/0123456789abcdef/seed-1)");
        return f;
    }
    struct run_record r;
    f.finished = run_read(&r, folder);
    if ((lines < 0 && !none) || (!f.finished && file_there(folder, "summary.json"))) {
        f.text = text_format("summary.json or metrics.jsonl cannot be read");       /* run_read() has warned */
    } else if (r.n_curve < lines) {
        f.text = text_format("line %d of metrics.jsonl is damaged, or another program's (of that: check --metrics "
                             "FILE; of this one: the same `run` goes on from the last checkpoint)", r.n_curve + 1);
    } else {
        judge(&f, &r);
    }
    run_free(&r);
    return f;
}

/* Of several runs: a wrong command first, then what is wrong with a run; that one is too young says least, or "try
 * again" would hide a collapse. */
static int worse(int a, int b)
{
    static const int order[STATUSES] = { EXIT_USER, EXIT_WORLD, EXIT_DIVERGED, EXIT_COLLAPSED, EXIT_AGAIN };
    return graver_by(order, a, b);
}

/* Verdicts to stdout, the lack of one to stderr; all runs are looked at. */
static int check_runs(char **folder, int n)
{
    int status = 0;
    for (int i = 0; i < n; i++) {
        const struct finding f = look(folder[i]);
        const bool verdict = f.status == 0 || f.status == EXIT_COLLAPSED || f.status == EXIT_DIVERGED;
        fprintf(verdict ? stdout : stderr, "%s: %s\n", folder[i], f.text);
        status = worse(status, f.status);
        free(f.text);
    }
    return status;
}

/* ---- the rule on runs whose truth is known ---------------------------------------------------------------- */

static bool planted(const struct row *row)
{
    return !strncmp(row->name, plant_prefix, strlen(plant_prefix));
}

struct tally {
    int point, wrong;              /* lines of TAP; those not ok */
    int n[2], right[2];            /* healthy, planted: runs, and those found to be so */
    struct { double turn; const char *row; int seed; } nearest[2];     /* of the right ones */
};

/* Why a finding says nothing about the rule, or NULL.  Half a run may still collapse, or has not yet. */
static const char *unusable(const struct finding *f)
{
    if (f->status == EXIT_USER) return "not run";
    if (f->status == EXIT_WORLD || f->status == EXIT_DIVERGED) return f->text;
    return f->finished ? NULL : "not finished";
}

/* The point's TAP; `why` there is no verdict, or NULL. */
static void point_print(struct tally *t, const struct row *row, int seed, const struct finding *f, const char *why,
                        const char *folder)
{
    const int kind = planted(row);
    const bool ok = !why && f->status == (kind ? EXIT_COLLAPSED : 0);
    printf("%s %d - %s seed %d: %s\n", ok ? "ok" : "not ok", ++t->point, row->name, seed, why ? why : f->text);
    if (!ok) printf("#   %s; expected: %s\n", folder, kind ? "collapsed" : "healthy");
    t->right[kind] += ok;
    t->wrong += !ok;
    if (!ok || (t->nearest[kind].row && fabs(f->turn) >= fabs(t->nearest[kind].turn))) return;
    t->nearest[kind].turn = f->turn;
    t->nearest[kind].row = row->name;
    t->nearest[kind].seed = seed;
}

static void point_check(struct tally *t, const struct row *row, int seed, struct found *runs)
{
    const char *why = NULL;
    const struct found_run *const run = found_run(runs, &row->settings, seed);
    if (run) {
        const struct finding f = look(run->folder);
        point_print(t, row, seed, &f, unusable(&f), run->folder);
        free(f.text);
        return;
    }
    const struct found_run *const other = found_other(runs, &row->settings, seed, &why);
    const struct finding none = { .status = EXIT_USER };
    char *const text = other ? text_format("not run (what is there is %s)", why) : NULL;
    point_print(t, row, seed, &none, text ? text : "not run", other ? other->folder : runs->root);
    free(text);
}

static void tally_print(const struct tally *t)
{
    printf("# planted collapses found: %d of %d; healthy runs not accused: %d of %d\n", t->right[1], t->n[1],
           t->right[0], t->n[0]);
    for (int kind = 0; kind < 2; kind++)
        if (t->nearest[kind].row)
            printf("# nearest %s run: %s seed %d, whose verdict holds until the thresholds move by %+.0f %%\n",
                   kind ? "planted" : "healthy", t->nearest[kind].row, t->nearest[kind].seed,
                   100 * t->nearest[kind].turn);
}

/* TAP: every row whose name begins with "plant-" has to be found collapsed, every other one healthy. */
static int check_experiment(const char *path, const char *scale, const char *seed_text, const char *root)
{
    struct experiment *const e = host_alloc(1, sizeof *e);         /* large: not for the stack */
    experiment_load(e, path, scale);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    struct tally t = { .point = 0 };
    for (int r = 0; r < e->n_rows; r++)
        if (!*e->row[r].not_run) t.n[planted(&e->row[r])] += n_seeds;
    if (!t.n[1]) die_user("%s: no row is a planted collapse; name one %s...", path, plant_prefix);
    if (t.n[0] < HEALTHY_LEAST)
        die_user("%s: %d healthy runs; at least %d (more rows or seeds)", path, t.n[0], HEALTHY_LEAST);

    printf("1..%d\n", t.n[0] + t.n[1]);
    printf("# %s, scale %s; collapsed: std*sqrt(d) <= %.2f and view share >= %.2f, or std*sqrt(d) <= %.2f\n",
           e->name, scale, COLLAPSE_STD, COLLAPSE_SHARE, COLLAPSE_DEAD);
    struct found runs;
    found_open(&runs, root);
    for (int r = 0; r < e->n_rows; r++) {
        const struct row *const row = &e->row[r];
        if (*row->not_run) printf("# %s: not run at this scale: %s\n", row->name, row->not_run);
        for (int i = 0; i < n_seeds && !*row->not_run; i++) point_check(&t, row, seeds[i], &runs);
    }
    found_close(&runs);
    tally_print(&t);
    free(e);
    return t.wrong ? EXIT_CLAIM : 0;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static const char help[] =
    "Says of run folders, finished or not, whether they collapsed, how far from the thresholds, and since which\n"
    "epoch.  exit: 0 all healthy, 75 one has no monitored epoch yet, 4 one collapsed, 5 one diverged, 1 one\n"
    "cannot be read, 2 one is no run; of several the last named.  With --experiment: 3 if a plant-... row is\n"
    "not found collapsed, or another one not healthy.\n\n"
    "Of any program's training: --views A B, pairs of .npy, .npz or .safetensors files (FILE:NAME for an array\n"
    "in one, - for standard input) with the outputs for two views of the same samples, [samples, features], in\n"
    "evaluation mode; or --metrics FILE, JSON lines with epoch, std_sqrtd and view_share.  Grades: healthy,\n"
    "dimensional, partial, complete, undecided (docs/detector.md).  exit: 4 a grade that --fail-on names, 5 a\n"
    "number is not finite, 2 a file is wrong.";

int command_check(int argc, char **argv)
{
    const char *experiment = NULL, *scale = NULL, *seeds = NULL, *root = NULL;
    struct subjects_asked a = { .fail_on = "partial,complete" };
    const struct option_row rows[] = {
        { "experiment", OPTION_TEXT, &experiment, "FILE", "check the rule on its runs instead, and write TAP" },
        { "scale", OPTION_TEXT, &scale, "NAME", "with --experiment: sizes (check)" },
        { "seeds", OPTION_TEXT, &seeds, "LIST", "with --experiment: seeds (1 2)" },
        { "runs", OPTION_TEXT, &root, "DIR", "with --experiment: where runs are kept (runs)" },
        { "views", OPTION_FLAG, &a.views, NULL, "the operands are pairs of files with outputs" },
        { "rest", OPTION_TEXT, &a.rest, "FILE", "with --views: outputs for the samples without augmentation" },
        { "others", OPTION_FLAG, &a.others, NULL, "with --views: RankMe, LiDAR, alpha-ReQ, lightly's level too" },
        { "threads", OPTION_INT, &a.threads, "N", "with --views: threads, 0 for all cores" },
        { "metrics", OPTION_FLAG, &a.metrics, NULL, "the operands are files of JSON lines" },
        { "fail-on", OPTION_TEXT, &a.fail_on, "GRADES", "grades that end with 4, or none" },
        { "json", OPTION_FLAG, &a.json, NULL, "the verdicts as JSON (docs/check.schema.json)" },
        { "tap", OPTION_FLAG, &a.tap, NULL, "the verdicts as TAP 13" },
        { "github", OPTION_FLAG, &a.github, NULL, "the verdicts as annotations of a GitHub workflow, too" },
        { "junit", OPTION_TEXT, &a.junit, "FILE", "the verdicts into a file as JUnit's XML, too" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    const char *const fail_on = a.fail_on;
    const int n = options_parse(argc, argv, "check RUN... | check --views A B... | check --metrics FILE... | "
                                "check --experiment FILE [options]", help, rows, 0, argc);
    if (a.views || a.metrics) {
        if (experiment || scale || seeds || root)
            die_user("check: --experiment, --scale, --seeds and --runs do not go with --views and --metrics");
        return subjects_check(&a, argv + 1, n);
    }
    if (a.json || a.tap || a.github || a.junit || a.rest || a.others || a.threads || a.fail_on != fail_on)
        die_user("check: --json, --tap, --github, --junit, --fail-on, --rest, --others and --threads go with "
                 "--views or --metrics");
    if (experiment && n) die_user("check: \"%s\" and --experiment; one of the two", argv[1]);
    if (experiment)
        return check_experiment(experiment, scale ? scale : "check", seeds ? seeds : "1 2", root ? root : "runs");
    if (scale || seeds || root) die_user("check: --scale, --seeds and --runs go with --experiment");
    if (!n) die_user("check: no RUN given, a folder such as runs/0123456789abcdef/seed-1");
    return check_runs(argv + 1, n);
}
