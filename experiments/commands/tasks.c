/* SPDX-License-Identifier: MIT
 *
 * tasks.c -- runs beside each other (tasks.h).
 */
#include "tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd_run.h"

bool task_is_listed(const struct task *task, int n, const struct task *one)
{
    int i = 0;
    while (i < n && (task[i].seed != one->seed || strcmp(task[i].hash, one->hash))) i++;
    return i < n;
}

bool tasks_go_on(int status)
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
        const int next = tasks_go_on(status) && !stop_requested() ? task_next(task, n, until) : n;
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
