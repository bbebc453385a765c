/* SPDX-License-Identifier: MIT
 *
 * restore.h -- committed runs (committed.h) made a run's papers again: what was finished and
 * committed counts as done where it was cloned.
 *
 * config.yaml, metrics.jsonl and summary.json are as they were, to the byte where all numbers were
 * recorded then; provenance.json lacks when the run was started.  There is no checkpoint, so that
 * such a run is finished and cannot be evaluated anew.
 */
#pragma once
#include "../run/adopt.h"

/* Is there a TABLE_runs.jsonl in the folder? */
bool restore_is_results(const char *folder);
/* Hands all committed runs of a folder to the adopter, each once, however many tables have it;
 * counts what became of them, and tells of those that were refused.  What is broken counts as
 * refused. */
void restore_folder(struct adopter *a, const char *folder, int count[ADOPTIONS]);
