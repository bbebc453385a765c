/* SPDX-License-Identifier: MIT
 *
 * claims_inside.h -- what claims.c, claim_numbers.c, claim_states.c and next_seeds.c share, and nobody
 * else sees.
 */
#pragma once
#include "claims.h"

/* Into how many parts the error of a look goes, where an interval inside its region would say
 * `holds`, and where one outside would say `fails`. */
struct shares { int hold, fail; };
struct decision decision_empty(void);
void conclude(struct decision *d, enum verdict verdict, const char *format, ...) PRINTF_LIKE(3, 4);
/* Adds to the reason, behind "; " unless it is empty. */
void reason_add(struct decision *d, const char *format, ...) PRINTF_LIKE(2, 3);
/* Whether those runs of row i whose seeds are at most `last` may be spoken of; whether two rows
 * with runs may be compared.  Else d says why not. */
bool row_usable(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                int last, bool may_diverge);
bool rows_alike(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                int beside);
/* Those of the rows that the scale can host. */
uint32_t rows_hosted(const struct experiment *e, uint32_t set);
/* The row names of `set`, ", " between them. */
void rows_name(char *out, size_t size, const struct experiment *e, uint32_t set);
/* A predicate of numbers, of states; `d` is empty. */
void decide_numbers(struct decision *d, const struct predicate *p, const struct experiment *e,
                    const struct row_runs *rows, struct shares shares);
void decide_states(struct decision *d, const struct predicate *p, const struct experiment *e,
                   const struct row_runs *rows);
/* How many more seeds of a row could end the walk over its states, at least; 0: it has ended.
 * `baseline` may be NULL but for CLAIM_UNSTABLE. */
int states_to_go(const struct row_runs *row, enum predicate_kind kind,
                 const struct row_runs *baseline);
