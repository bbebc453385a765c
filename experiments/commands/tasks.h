/* SPDX-License-Identifier: MIT
 *
 * tasks.h -- runs beside each other, each in a process of its own.
 */
#pragma once
#include <sys/types.h>
#include "../run/runner.h"
#include "../suite/experiment.h"

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
/* Does a run that ended so say nothing against making the others? */
bool tasks_go_on(int status);
