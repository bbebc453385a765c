/* SPDX-License-Identifier: MIT
 *
 * claims.h -- what the runs say about a claim: holds, fails, inconclusive or not run.
 *
 *   m A > B            the 95 % interval of A - B, paired by seed, lies above 0 (below: fails)
 *   m A > k A          the same of two metrics of one row
 *   m A within X of B  that of A - B (or A - value) lies inside +-X (outside: fails)
 *   m of each within X of B     it holds for every other row; fails if it does for one, corrected for their number
 *   m A rises          that of the per-seed slope against the epoch lies above 0 (below: fails)
 *   collapse A, B      every seed of every row collapsed (of one row none did: fails); `no collapse` the reverse
 *   unstable A         every seed is unstable (none is: fails), by the rule of stability.h
 *   diverged A         every seed diverged (none did: fails)
 *   not p              holds where p fails, fails where p holds; open where p is open
 *   p; q               holds if all parts hold; fails if one fails by an interval corrected for their number
 *
 * `not A > B` so asks that A be below B.  "Not above" would be true of equal rows too, but an
 * interval around 0 cannot tell equal from a little above: calling that `holds` would reward too
 * few seeds.  Equal rows stay inconclusive.
 *
 * Intervals are Student's t over seeds.  One seed decides nothing but whether it collapsed.
 * Runs that may not be compared (a row without runs, unequal seeds, other code, data or machine)
 * are `not run`; so is any statement but `diverged` on a row with a diverged seed: it has no
 * number, and neither collapsed nor stayed healthy (footnote 4 of the paper).  A row that the scale
 * cannot host is `not run`; `each`, `every row` and `any row` speak of the others, and the reason
 * names what was left out.
 */
#pragma once
#include "experiment.h"
#include "stability.h"

enum verdict { VERDICT_HOLDS, VERDICT_FAILS, VERDICT_INCONCLUSIVE, VERDICT_NOT_RUN };
extern const char *const verdict_names[];        /* "holds", "fails", "inconclusive", "not run" */

struct decision {
    enum verdict verdict;
    int n;                         /* seeds; of a conjunction the fewest of its parts; 0 if not
                                      run */
    double estimate, low, high;    /* mean difference or slope with its 95 % interval; NaN where
                                      there is none */
    bool counted;                  /* of a state: estimate is the share of seeds that have it, as
                                      reason says */
    char reason[2 * TEXT_MAX];     /* what to print beside it; "" where the numbers say it all */
};

/* A claim of one part: the part is the whole.  Of a conjunction the whole has no numbers. */
struct claim_result { struct decision whole, part[PARTS_MAX]; };

/* The rows that a predicate names, one bit each. */
uint32_t predicate_rows(const struct predicate *p);

/* rows[i] belongs to e->row[i]. */
void claim_decide(struct claim_result *result, const struct claim *claim,
                  const struct experiment *e, const struct row_runs *rows);
