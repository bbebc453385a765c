/* SPDX-License-Identifier: MIT
 *
 * table_csv.h -- the CSV files of a table, and the list of its claims that every look shares.
 *
 *   <name>.csv   row,n,paper, mean and std of linear, knn, loss, std_sqrtd and view_share, state
 *   _claims      id,predicate,n,estimate,low,high,verdict; the parts of a conjunction follow it as id.1, id.2
 *
 * A number that does not exist is an empty field.
 */
#pragma once
#include "table_write.h"

void csv_rows(FILE *out, const struct table *t);
void csv_claims(FILE *out, const struct table *t);

/* Claims with the parts of conjunctions after them: claim c alone, all.  Return how many.  `part`: NULL for a
 * conjunction as a whole. */
enum { LISTED_MAX = CLAIMS_MAX * (1 + PARTS_MAX) };
struct listed {
    char id[NAME_LENGTH + 4], predicate[TEXT_MAX];
    const struct predicate *part;
    const struct decision *decision;
};
int claim_list(struct listed list[1 + PARTS_MAX], const struct table *t, int c);
int claims_list(struct listed list[LISTED_MAX], const struct table *t);
