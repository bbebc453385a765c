/* SPDX-License-Identifier: MIT
 *
 * cmd_run.c -- `simsiam run`: the rows and seeds of an experiment that are not finished yet, some at a time.
 */
#include "commands.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd_run.h"
#include "options.h"
#include "../methods/code.h"
#include "../run/found.h"
#include "../run/runner.h"
#include "../suite/experiment.h"

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
            fprintf(stderr, "%s/%s: not run at scale %s: %s\n", e->name, e->row[r].name, e->scale,
                    e->row[r].not_run);
}

bool task_is_listed(const struct task *task, int n, const struct task *one)
{
    int i = 0;
    while (i < n && (task[i].seed != one->seed || strcmp(task[i].hash, one->hash))) i++;
    return i < n;
}

/* Why a finished run is made again, or a half-done one is not gone on with. */
static void stale_tell(struct found *runs, const struct experiment *e, const struct row *row, int seed)
{
    const char *why;
    const struct found_run *const stale = found_other(runs, &row->settings, seed, &why);
    if (stale)
        fprintf(stderr, "%s/%s seed %d: %s is %s and does not count; running again\n", e->name,
                row->name, seed, stale->folder, why);
    const struct found_run *const half = found_run(runs, &row->settings, seed);
    if (half && strcmp(half->code, code_hash_of(row->settings.method)))
        fprintf(stderr, "%s/%s seed %d: %s is half done, by another program of equal code, which "
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
            const enum run_state state = found_state(&runs, &row->settings, seeds[i]);
            task[n] = (struct task){ .table = e->name, .row = row, .seed = seeds[i] };
            settings_hash(task[n].hash, &row->settings);
            if (state == RUN_NONE && !task_is_listed(task, n, &task[n])) n++;
            if (state == RUN_DIVERGED) *status = graver(*status, EXIT_DIVERGED);
            if (state == RUN_COLLAPSED && o->stop_on_collapse) *status = graver(*status, EXIT_COLLAPSED);
            if (!o->quiet && state != RUN_NONE)
                fprintf(stderr, "%s/%s seed %d: finished, %s\n", e->name, row->name, seeds[i],
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

/* A run that ended so says nothing against running the others. */
static bool goes_on(int status)
{
    return !status || status == EXIT_DIVERGED || status == EXIT_COLLAPSED;
}

static int status_of(int wait_status)
{
    if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
    fprintf(stderr, "simsiam: a run was ended by signal %d; the same command goes on from its checkpoint\n",
            WTERMSIG(wait_status));
    return EXIT_WORLD;
}

static void task_start(struct task *t, const struct run_options *o)
{
    const pid_t parent = getpid();
    t->began = clock_seconds();
    fflush(NULL);
    t->pid = fork();
    if (t->pid < 0) die("cannot start a process: %s (try --jobs 1)", strerror(errno));
    if (t->pid) return;
    /* Out of the terminal's process group: a Ctrl-C reaches the parent, which passes it on once. */
    if (setpgid(0, 0)) die("setpgid: %s", strerror(errno));
    /* Nor does a run outlive a parent that was killed: it stops as if told to, after a checkpoint. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM)) die("prctl: %s", strerror(errno));
    if (getppid() != parent) exit(EXIT_AGAIN);
    exit(run_one(t->table, t->row->name, &t->row->settings, t->seed, o));
}

/* The first run that is not begun and would be over in time; n without one. */
static int task_next(const struct task *task, int n, double until)
{
    int i = 0;
    while (i < n && (task[i].began > 0 || clock_seconds() + task[i].expected > until)) i++;
    return i;
}

static void tasks_stop(const struct task *task, int n)
{
    for (int i = 0; i < n; i++)
        if (task[i].pid > 0) kill(task[i].pid, SIGTERM);
}

/* Notes the end of a process; returns its status. */
static int task_end(struct task *task, int n, pid_t pid, int wait_status)
{
    const int status = status_of(wait_status);
    for (int i = 0; i < n; i++) {
        if (task[i].pid != pid) continue;
        task[i].pid = 0;
        task[i].status = status;
        task[i].took = clock_seconds() - task[i].began;
    }
    return status;
}

/* Runs need nothing of each other, so some beside each other are the best use of a few cores. */
int tasks_run(struct task *task, int n, int jobs, double until, const struct run_options *o)
{
    int status = 0, running = 0;
    bool told = false;
    for (;;) {
        const int next = goes_on(status) && !stop_requested() ? task_next(task, n, until) : n;
        if (next == n && !running) break;
        if (next < n && running < jobs) {
            task_start(&task[next], o);
            running++;
            continue;
        }
        if (!told && (stop_requested() || clock_seconds() > until)) {
            tasks_stop(task, n);
            told = true;
        }
        int one;
        const pid_t pid = waitpid(-1, &one, WNOHANG);
        if (pid < 0) die("waitpid: %s", strerror(errno));
        if (!pid) {                            /* a signal does not end a waitpid: look again soon */
            nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
            continue;
        }
        running--;
        status = graver(status, task_end(task, n, pid, one));
    }
    return stop_requested() ? graver(status, EXIT_AGAIN) : status;
}

int command_run(int argc, char **argv)
{
    struct run_options o = { .root = "runs", .checkpoint_seconds = 60 };
    const char *row = NULL, *scale = "quick", *seed_text = "1 2 3";
    int jobs = 1;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "row", OPTION_TEXT, &row, "NAME", "only this row of the experiment" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "jobs", OPTION_INT, &jobs, "N", "runs at a time, each on its share of the cores" },
        { "threads", OPTION_INT, &o.threads, "N", "threads of a run; 0: cores / jobs" },
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
    if (!(o.checkpoint_seconds >= 0)) die_user("--checkpoint-seconds %g: 0 or more", o.checkpoint_seconds);
    struct experiment *const e = host_alloc(1, sizeof *e);         /* large: not for the stack */
    experiment_load(e, argv[1], scale);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    stop_install();

    struct task *const task = host_alloc(TASKS_MAX, sizeof *task);
    const int only = row ? experiment_hosted(e, row) : -1;
    int finished = 0;
    if (!o.quiet && only < 0) not_run_tell(e);
    const int n = tasks_gather(task, &finished, e, only, seeds, n_seeds, &o);
    if (jobs > n) jobs = n;
    o.beside_others = jobs > 1;
    o.threads = threads_each(o.threads, jobs);
    int status = 0;
    if (jobs > 1)
        status = tasks_run(task, n, jobs, INFINITY, &o);
    else
        for (int i = 0; i < n && goes_on(status); i++)
            status = graver(status, run_one(e->name, task[i].row->name, &task[i].row->settings,
                                            task[i].seed, &o));
    free(task);
    free(e);
    return graver(status, finished);
}
