/* SPDX-License-Identifier: MIT
 *
 * phase.h -- says what a run is doing, for the kill test's histogram.
 */
#pragma once

/* Writes `word` into the file that the environment variable SIMSIAM_PHASE_FILE names; nothing if it
 * is unset. */
void phase(const char *word);
