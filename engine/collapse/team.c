/* SPDX-License-Identifier: MIT
 *
 * team.c -- a few threads for a moment: they live no longer than the call, so that a library leaves
 * none behind.  Starting one costs tens of microseconds, the least task here a hundred.
 */
#include "detector.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS_MOST = 64 }; /* memory is the limit long before */

struct team {
    task_fn *f;
    void *context;
    int tasks;
    atomic_int next;
};

static void *member(void *at)
{
    struct team *const team = at;
    for (int i; (i = atomic_fetch_add(&team->next, 1)) < team->tasks;) team->f(team->context, i);
    return NULL;
}

void team_run(int tasks, int threads, task_fn *f, void *context)
{
    struct team team = { .f = f, .context = context, .tasks = tasks };
    pthread_t other[THREADS_MOST];
    int started = 0;
    /* A thread that cannot be started is one fewer: the others take its tasks. */
    while (started < threads - 1 && started < tasks - 1 && started < THREADS_MOST &&
           pthread_create(&other[started], NULL, member, &team) == 0)
        started++;
    member(&team);
    for (int i = 0; i < started; i++) pthread_join(other[i], NULL);
}

int team_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}
