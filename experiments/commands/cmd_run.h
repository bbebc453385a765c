/* SPDX-License-Identifier: MIT
 *
 * cmd_run.h -- what commands over several runs share with `simsiam run`.
 */
#pragma once

/* Which of two exit statuses says more: the one that stands first in `order`. */
enum { STATUSES = 5 };
int graver_by(const int order[STATUSES], int a, int b);
/* By what a command that makes runs should say: a fault, what is not done yet, a divergence, a
 * collapse. */
int graver(int a, int b);

/* Threads of each of `jobs` runs at a time where 0 were asked for. */
int threads_each(int threads, int jobs);
