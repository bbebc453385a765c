/* SPDX-License-Identifier: MIT
 *
 * stability.h -- when a run's training is unstable: its loss is noisier, step by step, than the
 * baseline's.
 *
 *   r = mean over epochs >= 1 of a run's oscillation (record.h) / that of the baseline row's run of the same seed
 *   unstable: r > UNSTABLE_RATIO, and the run neither collapsed nor diverged
 *
 * The noise of a mean depends on how many images are in it, and on what is summed: beside a
 * baseline of another batch or another distance there is no r.
 *
 * Table 3d of the paper calls its training unstable because "the loss oscillates", without a
 * measure.  The factor was written down before any run was seen.  That batch and distance must be
 * the same was added when Table 2's row of batch 64 was seen at 2.1 times the noise of batch 256,
 * which is what four times fewer images give.  Only a table with a `baseline:` has the state, and
 * its baseline never does.
 */
#pragma once
#include "../run/record.h"
#include "../methods/settings.h"

enum { UNSTABLE_RATIO = 2 };

/* The finished runs of one row, one a seed. */
struct row_runs { const struct run_record *run; int n; };
/* NULL if the row has no run of the seed. */
const struct run_record *run_of_seed(const struct row_runs *row, int seed);

/* Do a row and its baseline have losses whose noise compares? */
bool stability_comparable(const struct settings *row, const struct settings *baseline);
/* r of the text above; NaN where there is none: no baseline run of the seed, or a loss without a
 * number. */
double oscillation_ratio(const struct run_record *r, const struct row_runs *baseline);
bool run_unstable(const struct run_record *r, const struct row_runs *baseline);
