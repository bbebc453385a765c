/* SPDX-License-Identifier: MIT
 *
 * claims_inside.h -- what claims.c and claim_numbers.c share, and nobody else sees.
 */
#pragma once
#include "claims.h"

/* The confidence that an interval needs to lie inside its region (holds) and outside (fails). */
struct levels { double hold, fail; };
void conclude(struct decision *d, enum verdict verdict, const char *format, ...) PRINTF_LIKE(3, 4);
/* Whether the runs of row i, and of `beside` (unless -1), may be compared; else d says why not. */
bool rows_usable(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                 int beside, bool may_diverge);
/* Those of the rows that the scale can host. */
uint32_t rows_hosted(const struct experiment *e, uint32_t set);
/* A predicate of numbers; `d` is empty. */
void decide_numbers(struct decision *d, const struct predicate *p, const struct experiment *e,
                    const struct row_runs *rows, const struct levels *levels);
