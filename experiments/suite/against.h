/* SPDX-License-Identifier: MIT
 *
 * against.h -- is a table that was run again the same as the committed one?
 *
 * Equal bytes settle it.  Else each cell, a row's number on a page, is compared over the seeds of
 * either side, n here and m there, which spread by s and r:
 *
 *   Welch    |x - y| > t(df) sqrt(a + b),   a = s^2 / n, b = r^2 / m,
 *            df = (a + b)^2 / (a^2 / (n - 1) + b^2 / (m - 1))
 *   Student  |x - y| > t(n + m - 2) sqrt(((n - 1) s^2 + (m - 1) r^2) / (n + m - 2) (1 / n + 1 / m))
 *
 * each at AGAINST_ERROR / cells (Bonferroni), and both must say so.  Where a rerun is the same, both
 * sides draw from one distribution, Student's test is exact, and all cells together say otherwise in
 * at most 5 of 100 tables.  Welch's alone does so in 16 of 100 at 3 seeds and 10, so far out in the
 * tail; it is there for rows whose spreads differ, which Student's takes for further apart than they
 * are (tests/test_against.c has the shares).  A difference below the last digit that a page shows is
 * none.  Seeds that both sides have draw alike, which makes chance differences rarer.
 *
 * Of a row of which some seeds collapsed, or diverged, and some did not, on whichever side, no t
 * holds: its counts are compared, by Fisher's exact test, in its numbers' place.
 *
 * A verdict flips where both sides have decided, and otherwise.
 */
#pragma once
#include "table.h"

#define AGAINST_ERROR 0.05
enum { AGAINST_SEEDS = 3 };        /* with fewer a spread says nothing */

struct against_cell {
    int row;
    const struct measure *measure; /* NULL: how many seeds have the state */
    enum run_state state;
    struct spread here, there;     /* of a state: n seeds, mean of them have it */
    double bound;                  /* further apart than this they differ */
    bool differs;
};
enum { AGAINST_CELLS = ROWS_MAX * (MEASURES_MAX + 2) };
struct against {
    int same, shared;              /* runs that both sides have; those of them with equal numbers */
    bool all_same;                 /* every run of this side is there, to the byte */
    struct against_cell cell[AGAINST_CELLS];   /* n of them, which can be compared */
    int n, differ;
    uint32_t few, lost;            /* rows that cannot: of too few seeds, or without a number on a side */
    uint32_t flipped, one_sided;   /* claims: decided otherwise; decided on one side alone */
};
/* Both are of the same experiment and scale. */
void against_compare(struct against *a, const struct table *here, const struct table *there);

/* Half the widths of the two intervals of the difference of two means, at two-sided error `error`; 0
 * where neither side spreads. */
double welch_half(const struct spread *a, const struct spread *b, double error);
double pooled_half(const struct spread *a, const struct spread *b, double error);
/* Fisher's exact test: the probability of counts x of n and y of m as far from alike as these or
 * further, where both have one chance. */
double fisher_p(int x, int n, int y, int m);
