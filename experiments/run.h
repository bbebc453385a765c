/* SPDX-License-Identifier: MIT
 *
 * run.h -- what commands over several runs share with `simsiam run`.
 */
#pragma once

/* Which of two exit statuses says more: a fault, then what is not done yet, then a divergence, then a collapse. */
int graver(int a, int b);

/* Threads of each of `jobs` runs at a time where 0 were asked for. */
int threads_each(int threads, int jobs);
