/* SPDX-License-Identifier: MIT
 *
 * claims.h -- what the runs say about a claim: holds, fails, mixed, inconclusive or not run.
 *
 *   m A > B            the interval of A - B, paired by seed, lies above 0 (below: fails)
 *   m A > k A          the same of two metrics of one row
 *   m A within X of B  that of A - B (or A - value) lies inside +-X (outside: fails)
 *   m of each within X of B     it holds for every other row; fails if it does for one, corrected for their number
 *   m A > each other   A > B of every other row B, as `each`
 *   m A rises          that of the per-seed slope against the epoch lies above 0 (below: fails)
 *   m A above X from epoch N on     that of the least of its curve from there on lies above X (below: fails)
 *   p at L, M          p of the rows whose names end in -L; and in -M
 *   gain L to M of A < each other's      (linear B-M - B-L) - (A-M - A-L), paired by seed, lies above 0 for every
 *                      other system B (below for one: fails, corrected for their number)
 *   drop from batch L to M: A > B        the same of A and B, (A-L - A-M) - (B-L - B-M)
 *   not m A > B        that of A - B ends below +1 point (lies above 0: fails, which wins)
 *   collapse A, B      every row collapses (one does not: fails); `no collapse` the reverse
 *   unstable A         it is unstable (it is not: fails), by the rule of stability.h
 *   diverged A         it diverges (it does not: fails)
 *   not p              of any other p: holds where p fails, fails where p holds
 *   p; q               holds if all parts hold; fails if one does, corrected for their number
 *
 * Numbers.  They are decided only at the looks that the scale declared beforehand, on seeds 1 to n
 * of the look, by Student's t over those seeds; the looks share an error of 5 %.  The first look
 * that decides stands, whatever comes later.  On a row of which some seeds collapsed and some did
 * not t does not cover what it says: there the exact sign test must agree.
 *
 * States.  A row's seeds are walked in ascending order: it has the state once those that have it
 * lead the others by STATE_LEAD, it has it not once the others lead by as many, and it is `mixed`
 * if neither came within STATE_SEEDS of them: decided, the outcome hangs on the seed.  A run near
 * the threshold of collapse counts for neither side.  Wald's test of .8 against .2, valid at every
 * seed: wrong in STATE_ERROR of cases where a seed has the state with .8 or .2, more rarely further
 * out.  docs/verdict_rules.md has how often each rule errs and decides.
 * Of several rows: one that fails, else one that is mixed, decides.
 *
 * Runs that may not be compared (a row without runs, no common seeds, other code, data or machine)
 * are `not run`; so is any statement but `diverged` on a row with a diverged seed: it has no
 * number, and neither collapsed nor stayed healthy (footnote 4 of the paper).  A row that the scale
 * cannot host is `not run`; `each`, `every row` and `any row` speak of the others, and the reason
 * names what was left out.  At a scale of which the paper's statement does not speak (`scales:`)
 * it is `not run`.
 */
#pragma once
#include "experiment.h"
#include "stability.h"

enum { NOT_GREATER_POINTS = 1 };    /* how far above B `not A > B` still holds */
enum { STATE_LEAD = 3, STATE_SEEDS = 15 };
#define STATE_ERROR 0.015          /* tests/test_calibration.c has it */

enum verdict {
    VERDICT_HOLDS, VERDICT_FAILS, VERDICT_MIXED, VERDICT_INCONCLUSIVE, VERDICT_NOT_RUN, VERDICTS
};
/* "holds", "fails", "mixed", "inconclusive", "not run" */
extern const char *const verdict_names[VERDICTS];
static inline bool verdict_decided(enum verdict v) { return v <= VERDICT_MIXED; }

struct decision {
    enum verdict verdict;
    int n;                         /* seeds that it rests on; of several rows or parts the fewest; 0
                                      if not run */
    double estimate, low, high;    /* mean difference or slope with its interval at the look's level
                                      (95 % before the first look); NaN where there is none */
    bool counted;                  /* of a state: estimate is the share of seeds that have it, as
                                      reason says */
    int look;                      /* of a number: the seeds of the look that decided, or was the
                                      last; 0: none has come */
    double p;                      /* at that look: two-sided, against the bound that decides (t's,
                                      or the sign test's on a mixed row), the largest of several
                                      rows or parts, if one fails the smallest times their number;
                                      else NaN */
    double error;                  /* how often it is wrong at most, once decided: a look's share;
                                      of a state STATE_ERROR; NaN where there is neither */
    char reason[2 * TEXT_MAX];     /* what to print beside it; "" where the numbers say it all */
};

/* A claim of one part: the part is the whole.  Of a conjunction the whole has no estimate. */
struct claim_result { struct decision whole, part[PARTS_MAX]; };

/* The rows that a predicate names, one bit each. */
uint32_t predicate_rows(const struct predicate *p);
/* Those of its `rows` that the scale can host, with what a change starts at. */
uint32_t each_hosted(const struct experiment *e, const struct predicate *p);

/* rows[i] belongs to e->row[i]. */
void claim_decide(struct claim_result *result, const struct claim *claim,
                  const struct experiment *e, const struct row_runs *rows);
