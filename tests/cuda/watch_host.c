/* SPDX-License-Identifier: MIT
 *
 * watch_host.c -- marks in the rehearsal are times of the host's clock, taken when the stream comes
 * by.
 */
#include "watch.h"
#include "../../engine/cuda/cuda.h"

static double mark[MARKS];

static void mark_now(void *i)
{
    mark[*(const int *)i] = clock_seconds();
}

void mark_put(int i)
{
    rehearsal_queue(cuda_stream(), mark_now, &i, sizeof i);
}

double mark_seconds(int from, int to)
{
    return mark[to] - mark[from];
}
