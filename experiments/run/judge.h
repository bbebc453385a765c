/* SPDX-License-Identifier: MIT
 *
 * judge.h -- what the detector says of the numbers that a run has recorded.
 *
 * The rule is the library's (engine/collapse/simsiam_collapse.h), its second edition; nothing of it
 * stands here.  A run is read at rest: spread and directions of z under the test transform, in
 * evaluation mode, and the view share under the scale's standard views, whatever the row's own.
 */
#pragma once
#include "record.h"
#include "../../engine/collapse/simsiam_collapse.h"

/* z's size at the monitors, as a resolved config has it; zeros where it says nothing. */
struct outputs outputs_of(const char *config);

struct simsiam_evidence epoch_evidence(const struct epoch_record *e, struct outputs outputs);
struct simsiam_verdict epoch_verdict(const struct epoch_record *e, struct outputs outputs);

/* A grade that is a collapse, without doubt: complete, partial. */
bool grade_collapse(enum simsiam_grade grade);
/* Is it one by the thresholds as they stand? */
bool verdict_collapsed(const struct simsiam_verdict *v);
/* Is the detector in doubt about that?  Such a run counts for neither side of a claim. */
bool epoch_doubtful(const struct epoch_record *e);

/* Fills state, grade and evidence from r->last and r->outputs, or as diverged. */
void run_judge(struct run_record *r, bool diverged);
