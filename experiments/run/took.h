/* SPDX-License-Identifier: MIT
 *
 * took.h -- what a finished run took, where that says what the next one will take.
 */
#pragma once

/* Seconds by the clock readings of the run's timing.jsonl; NaN where there are none, or they are of
 * another device than this machine's, or of another number of threads. */
double run_took(const char *folder, int threads);
/* The processor's seconds of its training, wherever that was; 0 where some are not known. */
double run_cpu(const char *folder);
