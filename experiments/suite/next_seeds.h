/* SPDX-License-Identifier: MIT
 *
 * next_seeds.h -- which further runs could decide a claim that is open.
 *
 * Of a state: in each row whose seeds have not led to an end, as many as would if all of them fell on
 * the side that leads (claims.h).  Of a number: what its rows lack of seeds 1 to n, n the next look.
 * Seeds are taken in order: the least that the row has not.
 */
#pragma once
#include "claims.h"

struct wanted { int row, seed; };
enum { WANTED_MAX = ROWS_MAX * SEEDS_MAX };

/* The runs that could decide the claim next, by seed, then by row; 0: none can.  It is decided, or no
 * look is left, or a row cannot run at this scale or diverged. */
int claim_next_seeds(struct wanted list[WANTED_MAX], const struct claim *claim,
                     const struct claim_result *result, const struct experiment *e,
                     const struct row_runs *rows);
