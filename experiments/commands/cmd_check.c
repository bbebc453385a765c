/* SPDX-License-Identifier: MIT
 *
 * cmd_check.c -- `simsiam check`: has a run collapsed?  And is the rule that says so still right?
 *
 * The verdict is made anew from metrics.jsonl by the detector (judge.h): it needs no summary, so that a run under
 * way has one too, and a rule that broke since the summary was written shows.
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
#include "../run/judge.h"
#include "../suite/experiment.h"

enum { HEALTHY_LEAST = 20 };       /* a rule that accuses none of a few says little */
static const double UNDECIDED_MOST = 0.1;      /* of the healthy, and of the planted runs */

/* What a look at a run's folder gives. */
struct finding {
    int status;                    /* 0: there is a verdict; EXIT_DIVERGED, or why there is none: EXIT_AGAIN
                                      (nothing to judge yet), EXIT_WORLD (unreadable), EXIT_USER (no run) */
    char *text;                    /* one line; ours to free */
    bool finished;
    struct simsiam_verdict verdict;
};

/* ---- one run ------------------------------------------------------------------------------------------- */

/* The first monitored epoch from which on all have the last one's grade. */
static int grade_since(const struct run_record *r, enum simsiam_grade grade)
{
    int since = 0;
    for (int i = r->n_curve - 1; i >= 0 && r->curve[i].epoch >= 1; i--) {
        if (!r->curve[i].monitored) continue;
        if (epoch_verdict(&r->curve[i], r->outputs).grade != grade) break;
        since = r->curve[i].epoch;
    }
    return since;
}

/* The line that counts: the last monitored epoch of training; NULL if there is none.  The untrained network's
 * outputs may be nearly constant too, and no collapse. */
static const struct epoch_record *epoch_judged(const struct run_record *r)
{
    const struct epoch_record *last = NULL;
    for (int i = 0; i < r->n_curve; i++)
        if (r->curve[i].monitored && r->curve[i].epoch >= 1) last = &r->curve[i];
    return last;
}

/* "partial since epoch 3, finished at epoch 5: std*sqrt(d) ..." */
static char *verdict_text(const struct run_record *r, const struct epoch_record *e, bool finished)
{
    const struct subject s = { .evidence = epoch_evidence(e, r->outputs),
                               .verdict = epoch_verdict(e, r->outputs) };
    char *const evidence = subject_evidence(&s);
    char *const loss = measure_text("%.3f", e->loss), *const knn = measure_text("%.1f", e->knn);
    char *const text = text_format("%s since epoch %d, %s at epoch %d: %s; loss %s, kNN %s",
                                   simsiam_grade_name(s.verdict.grade), grade_since(r, s.verdict.grade),
                                   finished ? "finished" : "not finished,", e->epoch, evidence, loss, knn);
    free(evidence);
    free(loss);
    free(knn);
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
        f->status = 0;
        f->verdict = epoch_verdict(last, r->outputs);
        f->text = verdict_text(r, last, f->finished);
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
static int check_runs(char **folder, int n, unsigned fail_on)
{
    int status = 0;
    for (int i = 0; i < n; i++) {
        const struct finding f = look(folder[i]);
        const bool verdict = f.status == 0 || f.status == EXIT_DIVERGED;
        const bool fails = !f.status && fail_on >> f.verdict.grade & 1;
        say(verdict ? stdout : stderr, "%s: %s\n", folder[i], f.text);
        status = worse(status, fails ? EXIT_COLLAPSED : f.status);
        free(f.text);
    }
    return status;
}

/* ---- the rule on runs whose truth is known ---------------------------------------------------------------- */

/* What a row's name says of it. */
enum truth { HEALTHY, PLANTED, FEW, TRUTHS };
static const struct { const char *prefix, *expected, *name; } truths[TRUTHS] = {
    [HEALTHY] = { "", "healthy", "healthy" },
    [PLANTED] = { "plant-", "partial or complete", "planted" },
    [FEW] = { "few-", "dimensional", "few directions" },
};

static enum truth truth_of(const struct row *row)
{
    for (enum truth t = PLANTED; t < TRUTHS; t++)
        if (!strncmp(row->name, truths[t].prefix, strlen(truths[t].prefix))) return t;
    return HEALTHY;
}

static bool is_right(enum truth truth, enum simsiam_grade grade)
{
    switch (grade) {
    case SIMSIAM_HEALTHY: return truth == HEALTHY;
    case SIMSIAM_DIMENSIONAL: return truth == FEW;
    case SIMSIAM_PARTIAL:
    case SIMSIAM_COMPLETE: return truth == PLANTED;
    default: return false;
    }
}

/* How far the verdict is from being another one, a share of the thresholds. */
static double margin_of(enum truth truth, const struct simsiam_verdict *v)
{
    const double collapse = fmin(v->distance[SIMSIAM_COMPLETE], v->distance[SIMSIAM_PARTIAL]);
    const double few = v->distance[SIMSIAM_DIMENSIONAL];
    return truth == PLANTED ? -collapse : truth == FEW ? fmin(-few, collapse) : fmin(collapse, few);
}

struct tally {
    int point, wrong;              /* lines of TAP; those not ok */
    struct { int n, right, undecided; double margin; const char *row; int seed; } of[TRUTHS];
};

/* Why a finding says nothing about the rule, or NULL.  Half a run may still collapse, or has not yet. */
static const char *unusable(const struct finding *f)
{
    if (f->status == EXIT_USER) return "not run";
    if (f->status == EXIT_WORLD || f->status == EXIT_DIVERGED) return f->text;
    if (!f->finished) return "not finished";
    return f->status ? f->text : NULL;         /* nothing to judge: a run of no epochs */
}

/* The point's TAP; `why` there is no verdict, or NULL. */
static void point_print(struct tally *t, const struct row *row, int seed, const struct finding *f, const char *why,
                        const char *folder)
{
    const enum truth truth = truth_of(row);
    const bool ok = !why && is_right(truth, f->verdict.grade);
    const bool undecided = !why && f->verdict.grade == SIMSIAM_UNDECIDED;
    say(stdout, "%s %d - %s seed %d: %s%s\n", ok ? "ok" : "not ok", ++t->point, row->name, seed,
        why ? why : f->text, undecided ? " # todo undecided" : "");
    if (!ok) say(stdout, "#   %s; expected: %s\n", folder, truths[truth].expected);
    t->of[truth].right += ok;
    t->of[truth].undecided += undecided;
    t->wrong += !ok && !undecided;
    const double margin = ok ? margin_of(truth, &f->verdict) : NAN;
    if (!ok || (t->of[truth].row && !(margin < t->of[truth].margin))) return;
    t->of[truth].margin = margin;
    t->of[truth].row = row->name;
    t->of[truth].seed = seed;
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

/* The last point: how often the rule could not say. */
static void tally_print(struct tally *t)
{
    bool rare = true;
    for (enum truth k = HEALTHY; k < TRUTHS; k++)
        rare = rare && t->of[k].undecided <= UNDECIDED_MOST * t->of[k].n;
    printf("%s %d - undecided: %d of %d healthy, %d of %d planted, %d of %d few directions; at most %.0f %% of "
           "each\n", rare ? "ok" : "not ok", ++t->point, t->of[HEALTHY].undecided, t->of[HEALTHY].n,
           t->of[PLANTED].undecided, t->of[PLANTED].n, t->of[FEW].undecided, t->of[FEW].n, 100 * UNDECIDED_MOST);
    t->wrong += !rare;
    for (enum truth k = HEALTHY; k < TRUTHS; k++) {
        if (!t->of[k].n) continue;
        printf("# %s: %d of %d found so", truths[k].name, t->of[k].right, t->of[k].n);
        if (t->of[k].row)
            printf("; nearest: %s seed %d, whose thresholds are %.0f %% away", t->of[k].row, t->of[k].seed,
                   100 * t->of[k].margin);
        puts("");
    }
}

/* TAP: a row "plant-..." has to be found collapsed, "few-..." dimensional, every other one healthy. */
static int check_experiment(const char *path, const char *scale, const char *seed_text, const char *root)
{
    const struct simsiam_rule *const rule = &simsiam_rule_standard;
    struct experiment *const e = host_alloc(1, sizeof *e);         /* large: not for the stack */
    experiment_load(e, path, scale);
    int seeds[SEEDS_MAX], points = 1;
    const int n_seeds = seeds_parse(seeds, seed_text);
    struct tally t = { .point = 0 };
    for (int r = 0; r < e->n_rows; r++)
        if (!*e->row[r].not_run) t.of[truth_of(&e->row[r])].n += n_seeds;
    for (enum truth k = HEALTHY; k < TRUTHS; k++) points += t.of[k].n;
    if (!t.of[PLANTED].n)
        die_user("%s: no row is a planted collapse; name one %s...", path, truths[PLANTED].prefix);
    if (t.of[HEALTHY].n < HEALTHY_LEAST)
        die_user("%s: %d healthy runs; at least %d (more rows or seeds)", path, t.of[HEALTHY].n, HEALTHY_LEAST);

    printf("1..%d\n", points);
    printf("# %s, scale %s; complete: std*sqrt(d) <= %g; partial: std*sqrt(d) <= %g and view share >= %g; "
           "dimensional: directions <= %g %% of them, %g to %g; undecided: within %g %% of a threshold\n", e->name,
           scale, rule->dead, rule->spread, rule->share, 100 * rule->few_share, rule->few_least, rule->few,
           100 * rule->near);
    struct found runs;
    found_open(&runs, root);
    for (int r = 0; r < e->n_rows; r++) {
        const struct row *const row = &e->row[r];
        if (*row->not_run) say(stdout, "# %s: not run at this scale: %s\n", row->name, row->not_run);
        for (int i = 0; i < n_seeds && !*row->not_run; i++) point_check(&t, row, seeds[i], &runs);
    }
    found_close(&runs);
    tally_print(&t);
    free(e);
    return t.wrong ? EXIT_CLAIM : 0;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static const char help[] =
    "Says of run folders, finished or not, which grade the detector gives them, since which epoch, and how far\n"
    "from the thresholds.  exit: 0 none that --fail-on names, 75 one has no monitored epoch yet, 4 one has such a\n"
    "grade, 5 one diverged, 1 one cannot be read, 2 one is no run; of several the last named.  With --experiment:\n"
    "3 if a plant-... row is not found collapsed, a few-... row not dimensional, or another one not healthy, but\n"
    "for undecided ones up to a tenth.\n\n"
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
    if (a.json || a.tap || a.github || a.junit || a.rest || a.others || a.threads)
        die_user("check: --json, --tap, --github, --junit, --rest, --others and --threads go with --views or "
                 "--metrics");
    if (experiment && a.fail_on != fail_on) die_user("check: --fail-on does not go with --experiment");
    if (experiment && n) die_user("check: \"%s\" and --experiment; one of the two", argv[1]);
    if (experiment)
        return check_experiment(experiment, scale ? scale : "check", seeds ? seeds : "1 2", root ? root : "runs");
    if (scale || seeds || root) die_user("check: --scale, --seeds and --runs go with --experiment");
    if (!n) die_user("check: no RUN given, a folder such as runs/0123456789abcdef/seed-1");
    return check_runs(argv + 1, n, grades_parse(a.fail_on));
}
