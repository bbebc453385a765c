/* SPDX-License-Identifier: MIT
 *
 * claims_write.h -- every statement of the paper on one page, with what our runs say about it.
 */
#pragma once
#include "table_write.h"

/* Where a statement is decided: claim `index` of a table; NULL: by none of the n tables. */
struct place { const struct table *table; int index; };
struct place statement_place(const struct table *const tables[], int n, const char *id);
enum verdict statement_verdict(const struct statement *s, const struct place *p);

/* Writes Markdown: a count of the verdicts, then one line for every statement of `s` in its order, the parts of a
 * conjunction below it.  tables[] are n decided tables of one scale (table_gather.h).  A statement whose table is
 * not among them is `not run`, its predicate as it stands; an exact one holds if a test is named that decides it,
 * which the tests themselves look after. */
void claims_write(FILE *out, const struct table *const tables[], int n, const struct statements *s,
                  const char *scale);
