/* SPDX-License-Identifier: MIT
 *
 * cmd_plan.c -- `simsiam plan`: the runs that experiments need, what is done, and what the rest
 * would cost here.
 *
 * Time is measured (calibrate.h), not guessed.  A run that several experiments share counts once,
 * where it is first needed; the whole is then laid out as `simsiam run --jobs N` would, one
 * experiment after the other.
 */
#include "calibrate.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "cmd_run.h"
#include "../suite/experiment.h"
#include "../run/found.h"

enum { JOBS_MAX = 1024 };

/* The rows of one kind of run: where it is first needed, its state, its cost. */
struct need {
    const struct experiment *e;
    const struct row *row;
    char hash[HASH_TEXT];
    bool left[SEEDS_MAX];
    int n_left;
    struct cost cost;
};
struct plan {
    struct experiment *e;          /* [n] */
    int n;
    int seeds[SEEDS_MAX], n_seeds;
    struct need *need;             /* [n_needs], distinct */
    int n_needs;
};

/* ---- what is needed -------------------------------------------------------------------------- */

static struct need *need_find(const struct plan *p, const struct row *row)
{
    char hash[HASH_TEXT];
    settings_hash(hash, &row->settings);
    for (int i = 0; i < p->n_needs; i++)
        if (!strcmp(p->need[i].hash, hash)) return &p->need[i];
    return NULL;
}

static void need_add(struct plan *p, const struct experiment *e, const struct row *row,
                     struct found *runs)
{
    struct need *const need = &p->need[p->n_needs++];
    *need = (struct need){ .e = e, .row = row };
    settings_hash(need->hash, &row->settings);
    for (int i = 0; i < p->n_seeds; i++) {
        need->left[i] = found_state(runs, &row->settings, p->seeds[i]) == RUN_NONE;
        need->n_left += need->left[i];
    }
}

static void plan_open(struct plan *p, char **path, int n, const char *scale, const char *root)
{
    p->e = host_alloc((size_t)n, sizeof *p->e);
    p->need = host_alloc((size_t)n * ROWS_MAX, sizeof *p->need);
    p->n = n;
    struct found runs;
    found_open(&runs, root);
    for (int i = 0; i < n; i++) {
        experiment_load(&p->e[i], path[i], scale);
        for (int r = 0; r < p->e[i].n_rows; r++) {
            const struct row *const row = &p->e[i].row[r];
            if (!*row->not_run && !need_find(p, row)) need_add(p, &p->e[i], row, &runs);
        }
    }
    found_close(&runs);
}

static void plan_measure(struct plan *p, int jobs, int threads, int steps)
{
    const struct settings **const s = host_alloc((size_t)p->n_needs + 1, sizeof(struct settings *));
    struct cost *const cost = host_alloc((size_t)p->n_needs + 1, sizeof *cost);
    for (int i = 0; i < p->n_needs; i++) s[i] = &p->need[i].row->settings;
    calibrate(cost, s, p->n_needs, jobs, threads, steps);
    for (int i = 0; i < p->n_needs; i++) p->need[i].cost = cost[i];
    free(s);
    free(cost);
}

/* ---- how long it takes ----------------------------------------------------------------------- */

/* Seconds from the start of an experiment to its end, as cmd_run.c goes: seed by seed, row by row, the
 * next run to the first process that is free. */
static double experiment_seconds(const struct plan *p, const struct experiment *e, int jobs)
{
    double free_at[JOBS_MAX] = { 0 }, end = 0;
    for (int i = 0; i < p->n_seeds; i++)
        for (int k = 0; k < p->n_needs; k++) {
            if (p->need[k].e != e || !p->need[k].left[i]) continue;
            int first = 0;
            for (int j = 1; j < jobs; j++)
                if (free_at[j] < free_at[first]) first = j;
            free_at[first] += p->need[k].cost.run_seconds;
            if (free_at[first] > end) end = free_at[first];
        }
    return end;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void row_print(const struct plan *p, const struct row *row)
{
    printf("%-16s ", row->name);
    if (*row->not_run) {
        say(stdout, "not run: %s\n", row->not_run);
        return;
    }
    const struct need *const need = need_find(p, row);
    if (need->row != row) {
        say(stdout, "the runs of %s/%s\n", need->e->name, need->row->name);
        return;
    }
    const struct cost *const c = &need->cost;
    printf("%6d %6d %12.0f %12.1f %10.0f %12.1f %12.2f\n", p->n_seeds, need->n_left, c->parameters,
           1e3 * c->step_seconds, c->memory_mib, c->checkpoint_mib, c->run_seconds / 60);
}

/* Where the figures are none of whole steps, and what the scale should run on instead of this
 * machine. */
static void machine_print(const struct plan *p)
{
    bool part = false;
    for (int k = 0; k < p->n_needs; k++) part = part || p->need[k].cost.part;
    if (part)
        printf(
            "a step is too long to be made here: measured on a few images made in code, and scaled; reading and "
            "decoding images is not in it\n");
    if (p->n && *p->e[0].runs_on) say(stdout, "%s should run on %s\n", p->e[0].scale, p->e[0].runs_on);
}

static void plan_print(const struct plan *p, int jobs)
{
    printf("%-16s %6s %6s %12s %12s %10s %12s %12s\n", "row", "runs", "left", "parameters",
           "ms/step", "memory MiB", "disk MiB/run", "minutes/run");
    double seconds = 0, work = 0, disk = 0;
    int left = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->n > 1) say(stdout, "%s\n", p->e[i].name);
        for (int r = 0; r < p->e[i].n_rows; r++) row_print(p, &p->e[i].row[r]);
        seconds += experiment_seconds(p, &p->e[i], jobs);
    }
    for (int k = 0; k < p->n_needs; k++) {
        left += p->need[k].n_left;
        work += p->need[k].n_left * p->need[k].cost.run_seconds;
        disk += p->need[k].n_left * p->need[k].cost.checkpoint_mib;
    }
    const int runs = p->n_needs * p->n_seeds;
    printf(
        "%d distinct runs, %d done, %d left: about %.0f MiB of disk and %.1f minutes (%.1f hours) with %d at a "
        "time; %.1f minutes one after the other\n",
        runs, runs - left, left, disk, seconds / 60, seconds / 3600, jobs, work / 60);
    machine_print(p);
}

int command_plan(int argc, char **argv)
{
    const char *scale = "quick", *seed_text = "1 2 3", *root = "runs";
    int threads = 0, steps = 10, jobs = 1;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "runs", OPTION_TEXT, &root, "DIR", "where runs are kept" },
        { "jobs", OPTION_INT, &jobs, "N", "runs at a time, each on its share of the cores" },
        { "threads", OPTION_INT, &threads, "N", "threads of a run; 0: cores / jobs" },
        { "steps", OPTION_INT, &steps, "N", "steps to time for each row, at least" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    const int n = options_parse(
        argc, argv, "plan FILE... [options]",
        "Which runs are left of some experiments, and their time, memory and disk here; "
        "launches none.",
        rows, 1, argc);
    threads_check(threads);
    if (steps < 1) die_user("--steps %d: at least 1", steps);
    if (jobs < 1 || jobs > JOBS_MAX) die_user("--jobs %d: 1 to %d", jobs, JOBS_MAX);
    struct plan p = { .n_seeds = 0 };
    p.n_seeds = seeds_parse(p.seeds, seed_text);
    plan_open(&p, argv + 1, n, scale, root);
    plan_measure(&p, jobs, threads_each(threads, jobs), steps);
    plan_print(&p, jobs);
    free(p.e);
    free(p.need);
    return 0;
}
