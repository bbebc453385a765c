/* SPDX-License-Identifier: MIT
 *
 * cmd_run.c -- `simsiam run`: the rows and seeds of an experiment that are not finished yet, some at a time.
 */
#include "commands.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "options.h"
#include "tasks.h"
#include "../methods/code.h"
#include "../run/found.h"
#include "../run/runner.h"
#include "../suite/experiment.h"
#include "../../engine/comm.h"

static int cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int threads_each(int threads, int jobs)
{
    if (threads || jobs < 2) return threads;
    return cores() / jobs > 1 ? cores() / jobs : 1;
}

/* Rows that the scale cannot host have no settings to run. */
static void not_run_tell(const struct experiment *e)
{
    for (int r = 0; r < e->n_rows; r++)
        if (*e->row[r].not_run)
            say(stderr, "%s/%s: not run at scale %s: %s\n", e->name, e->row[r].name, e->scale,
                    e->row[r].not_run);
}

/* Why a finished run is made again, or a half-done one is not gone on with. */
static void stale_tell(struct found *runs, const struct experiment *e, const struct row *row, int seed)
{
    const char *why;
    const struct found_run *const stale = found_other(runs, &row->settings, seed, &why);
    if (stale)
        say(stderr, "%s/%s seed %d: %s is %s and does not count; running again\n", e->name,
                row->name, seed, stale->folder, why);
    const struct found_run *const half = found_run(runs, &row->settings, seed);
    if (half && strcmp(half->code, code_hash_of(row->settings.method)))
        say(stderr, "%s/%s seed %d: %s is half done, by another program of equal code, which "
                "alone goes on with it; running anew\n", e->name, row->name, seed, half->folder);
}

/* The runs that are still to be made.  *status is what the finished ones say. */
static int tasks_gather(struct task *task, int *status, const struct experiment *e, int only, const int *seeds,
                        int n_seeds, const struct run_options *o)
{
    int n = 0;
    struct found runs;
    found_open(&runs, o->root);
    for (int i = 0; i < n_seeds; i++)          /* seed by seed, so that early results already compare rows */
        for (int r = 0; r < e->n_rows; r++) {
            const struct row *row = &e->row[r];
            if ((only >= 0 && r != only) || *row->not_run) continue;
            const struct found_run *const run = found_run(&runs, &row->settings, seeds[i]);
            const enum run_state state = run && run->finished ? run->state : RUN_NONE;
            task[n] = (struct task){ .table = e->name, .row = row, .seed = seeds[i] };
            settings_hash(task[n].hash, &row->settings);
            if (state == RUN_NONE && !task_is_listed(task, n, &task[n])) n++;
            if (state == RUN_DIVERGED) *status = graver(*status, EXIT_DIVERGED);
            if (state != RUN_NONE && run->collapse && o->stop_on_collapse)
                *status = graver(*status, EXIT_COLLAPSED);
            if (!o->quiet && state != RUN_NONE)
                say(stderr, "%s/%s seed %d: finished, %s\n", e->name, row->name, seeds[i],
                        run_state_names[state]);
            if (!o->quiet && state == RUN_NONE) stale_tell(&runs, e, row, seeds[i]);
        }
    found_close(&runs);
    return n;
}

int graver_by(const int order[STATUSES], int a, int b)
{
    for (int i = 0; i < STATUSES; i++)
        if (a == order[i] || b == order[i]) return order[i];
    return a ? a : b;
}

int graver(int a, int b)
{
    static const int order[STATUSES] = { EXIT_USER, EXIT_WORLD, EXIT_AGAIN, EXIT_DIVERGED, EXIT_COLLAPSED };
    return graver_by(order, a, b);
}

/* Said before anything is written, of all rows that are to run. */
static void ranks_check(const struct experiment *e, int only, int ranks)
{
    for (int r = 0; r < e->n_rows; r++) {
        const struct row *const row = &e->row[r];
        char why[TEXT_MAX];
        if ((only < 0 || r == only) && !*row->not_run && ranks_wrong(&row->settings, ranks, why))
            die_user("%s/%s: %s", e->name, row->name, why);
    }
}

/* The runs that the first process finds to be made, for all. */
static int tasks_share(struct task *task, int n, int *finished, const struct experiment *e)
{
    int (*const place)[2] = host_alloc(TASKS_MAX, sizeof *place), head[2] = { n, *finished };
    for (int i = 0; i < n; i++) {
        place[i][0] = (int)(task[i].row - e->row);
        place[i][1] = task[i].seed;
    }
    comm_broadcast(head, sizeof head);
    comm_broadcast(place, TASKS_MAX * sizeof *place);
    *finished = head[1];
    for (int i = 0; i < head[0]; i++)
        task[i] = (struct task){ .table = e->name, .row = &e->row[place[i][0]], .seed = place[i][1] };
    free(place);
    return head[0];
}

int command_run(int argc, char **argv)
{
    struct run_options o = { .root = "runs", .checkpoint_seconds = 60 };
    const char *row = NULL, *scale = "quick", *seed_text = "1 2 3";
    int jobs = 1, ranks = 0;
    double patience = 0;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "row", OPTION_TEXT, &row, "ROW", "only this row of the experiment" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "jobs", OPTION_INT, &jobs, "N", "runs at a time, each on its share of the cores" },
        { "threads", OPTION_INT, &o.threads, "N", "threads of a run, with ranks of each of them; 0: cores / jobs" },
        { "ranks", OPTION_INT, &ranks, "N", "processes of a run, which share its shards; 0: one, or as MPI started" },
        { "patience", OPTION_FLOAT, &patience, "S", "with ranks, end after so long a wait for one of them; 0: 300" },
        { "runs", OPTION_TEXT, &o.root, "DIR", "where runs are kept" },
        { "checkpoint-seconds", OPTION_FLOAT, &o.checkpoint_seconds, "S", "save at least so often" },
        { "stop-on-collapse", OPTION_FLAG, &o.stop_on_collapse, NULL,
          "end a run, exit 4, after two collapsed monitored epochs in a row; without this it goes on" },
        { "quiet", OPTION_FLAG, &o.quiet, NULL, "no progress" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "run FILE [options]",
                  "Trains what is not finished yet of an experiment's rows and seeds; goes on where it stopped.",
                  rows, 1, 1);
    if (jobs < 1) die_user("--jobs %d: at least 1", jobs);
    threads_check(o.threads);
    if (ranks < 0) die_user("--ranks %d: 0 or more", ranks);
    if (!(patience >= 0)) die_user("--patience %g: 0 or more", patience);
    if (!(o.checkpoint_seconds >= 0)) die_user("--checkpoint-seconds %g: 0 or more", o.checkpoint_seconds);
    struct experiment *const e = host_alloc(1, sizeof *e);         /* large: not for the stack */
    experiment_load(e, argv[1], scale);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    const int only = row ? experiment_hosted(e, row) : -1;
    if (ranks > 1 && jobs > 1)
        die_user("--ranks %d and --jobs %d: several runs, or several processes of one", ranks, jobs);
    if (ranks) ranks_check(e, only, ranks);
    stop_install();
    comm_open(&argc, &argv, ranks, patience);
    ranks_check(e, only, comm_size());         /* as MPI started them */
    if (!o.threads && comm_size() > 1) o.threads = comm_threads();
    o.quiet = o.quiet || comm_rank();

    struct task *const task = host_alloc(TASKS_MAX, sizeof *task);
    int finished = 0;
    if (!o.quiet && only < 0) not_run_tell(e);
    int n = comm_rank() ? 0 : tasks_gather(task, &finished, e, only, seeds, n_seeds, &o);
    if (comm_size() > 1) n = tasks_share(task, n, &finished, e);
    if (jobs > n) jobs = n;
    o.beside_others = jobs > 1;
    o.threads = threads_each(o.threads, jobs);
    int status = 0;
    if (jobs > 1)
        status = tasks_run(task, n, jobs, INFINITY, &o);
    else
        for (int i = 0; i < n && tasks_go_on(status); i++)
            status = graver(status, run_one(e->name, task[i].row->name, &task[i].row->settings,
                                            task[i].seed, &o));
    free(task);
    free(e);
    comm_close();
    return graver(status, finished);
}
