/* SPDX-License-Identifier: MIT
 *
 * cmd_check.c -- `simsiam check`: has a run collapsed?  And is the rule that says so still right?
 */
#include "commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "options.h"
#include "subject.h"
#include "../run/found.h"
#include "../suite/experiment.h"

enum { HEALTHY_LEAST = 20 };       /* a rule that accuses none of a few says little */
static const double UNDECIDED_MOST = 0.1;      /* of the healthy, and of the planted runs */

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

/* Why a run says nothing about the rule, or NULL.  Half a run may still collapse, or has not yet. */
static const char *unusable(const struct subject *f)
{
    if (f->status == EXIT_USER) return "not run";
    if (f->status == EXIT_WORLD || f->status == EXIT_DIVERGED) return f->wrong;
    if (!f->run_finished) return "not finished";
    return f->wrong;                           /* nothing to judge: a run of no epochs */
}

/* The point's TAP; `why` there is no verdict, or NULL. */
static void point_print(struct tally *t, const struct row *row, int seed, const struct subject *f, const char *why,
                        const char *folder)
{
    const enum truth truth = truth_of(row);
    const bool ok = !why && is_right(truth, f->verdict.grade);
    const bool undecided = !why && f->verdict.grade == SIMSIAM_UNDECIDED;
    char *const told = why ? text_format("%s", why) : subject_run_text(f);
    say(stdout, "%s %d - %s seed %d: %s%s\n", ok ? "ok" : "not ok", ++t->point, row->name, seed, told,
           undecided ? " # todo undecided" : "");
    free(told);
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
        struct subject s;
        subject_run(&s, run->folder);
        point_print(t, row, seed, &s, unusable(&s), run->folder);
        subject_free(&s);
        return;
    }
    const struct found_run *const other = found_other(runs, &row->settings, seed, &why);
    const struct subject none = { .status = EXIT_USER };
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
        { "scale", OPTION_TEXT, &scale, "SCALE", "with --experiment: sizes (check)" },
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
    if ((a.views || a.metrics) && (experiment || scale || seeds || root))
        die_user("check: --experiment, --scale, --seeds and --runs do not go with --views and --metrics");
    if (experiment && (a.json || a.tap || a.github || a.junit || a.fail_on != fail_on))
        die_user("check: --json, --tap, --github, --junit and --fail-on do not go with --experiment");
    if (experiment && n) die_user("check: \"%s\" and --experiment; one of the two", argv[1]);
    if (experiment && (a.rest || a.others || a.threads))
        die_user("check: --rest, --others and --threads go with --views");
    if (experiment)
        return check_experiment(experiment, scale ? scale : "check", seeds ? seeds : "1 2", root ? root : "runs");
    if (scale || seeds || root) die_user("check: --scale, --seeds and --runs go with --experiment");
    return subjects_check(&a, argv + 1, n);
}
