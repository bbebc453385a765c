/* SPDX-License-Identifier: MIT
 *
 * cmd_run.h -- what commands over several runs share with `simsiam run`.
 */
#pragma once
#include <sys/types.h>
#include "../run/runner.h"
#include "../suite/experiment.h"

/* Which of two exit statuses says more: the one that stands first in `order`. */
enum { STATUSES = 5 };
int graver_by(const int order[STATUSES], int a, int b);
/* By what a command that makes runs should say: a fault, what is not done yet, a divergence, a
 * collapse. */
int graver(int a, int b);

/* Threads of each of `jobs` runs at a time where 0 were asked for. */
int threads_each(int threads, int jobs);

/* A run that is to be made, in a process of its own. */
struct task {
    const char *table;
    const struct row *row;
    char hash[HASH_TEXT];          /* of its settings: rows of equal ones are one run */
    int seed;
    pid_t pid;
    int status;                    /* once it has ended: as run_one() says */
    double expected, began, took;  /* seconds, and a clock reading; 0: not begun, not ended */
};
enum { TASKS_MAX = ROWS_MAX * SEEDS_MAX };
/* Rows of equal settings are one run: is it among the n? */
bool task_is_listed(const struct task *task, int n, const struct task *one);
/* Makes runs, up to `jobs` at a time; a stop is passed on once; a fault lets the others finish but
 * starts no more.  Nothing is started that would not be over at `until` (a clock reading, INFINITY
 * for never) if it takes the time expected, and what is still under way then is stopped as by a
 * signal.  Returns the gravest exit status, EXIT_AGAIN of what was stopped. */
int tasks_run(struct task *task, int n, int jobs, double until, const struct run_options *o);
