/* SPDX-License-Identifier: MIT
 *
 * claims.h -- what the runs say about a claim: holds, fails, inconclusive or not run.
 *
 *   A > B            the 95 % interval of A - B, paired by seed, lies above 0 (below: fails)
 *   A within X of B  that of A - B (or A - value) lies inside +-X (outside: fails)
 *   A rises          that of the per-seed slope against the epoch lies above 0 (below: fails)
 *   collapse A       every seed collapsed (none did: fails); `no collapse` is the reverse
 *   p; q             holds if all parts hold; fails if one fails by an interval corrected for their number
 *
 * Intervals are Student's t over seeds.  One seed decides nothing but a collapse.  Runs that may not be compared
 * (a row without runs, unequal seeds, other code, data or machine) are `not run`; so is any statement on a row with
 * a diverged seed: it has no number, and neither collapsed nor stayed healthy (footnote 4 of the paper).
 */
#pragma once
#include "experiment.h"
#include "record.h"

enum verdict { VERDICT_HOLDS, VERDICT_FAILS, VERDICT_INCONCLUSIVE, VERDICT_NOT_RUN };
extern const char *const verdict_names[];        /* "holds", "fails", "inconclusive", "not run" */

struct decision {
    enum verdict verdict;
    int n;                         /* seeds; of a conjunction the fewest of its parts; 0 if not run */
    double estimate, low, high;    /* mean difference or slope with its 95 % interval; NaN where there is none */
    bool counted;                  /* of a collapse: estimate is the share of seeds that did, as reason says */
    char reason[TEXT_MAX];         /* what to print beside it; "" where the numbers say it all */
};

/* A claim of one part: the part is the whole.  Of a conjunction the whole has no numbers. */
struct claim_result { struct decision whole, part[PARTS_MAX]; };

/* The finished runs of one row, one a seed. */
struct row_runs { const struct run_record *run; int n; };

/* rows[i] belongs to e->row[i]. */
void claim_decide(struct claim_result *result, const struct claim *claim, const struct experiment *e,
                  const struct row_runs *rows);
