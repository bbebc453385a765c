/* SPDX-License-Identifier: MIT
 *
 * table_gather.h -- a table from its file and its runs.
 */
#pragma once
#include "table.h"
#include "../run/found.h"

/* `found` are the runs of `runs`, listed once for all tables of a command; not looked at with
 * from_results. */
struct places { const char *runs, *results; bool from_results; struct found *found; };

/* Reads the experiment `path` at `scale`, gathers the finished runs of the seeds (from runs/, or
 * from the committed ones), tells stderr of each that is missing, and decides the claims.  Returns
 * how many runs there are. */
int table_open(struct table *t, const char *path, const char *scale, const int *seeds, int n_seeds,
               const struct places *p);
void table_close(struct table *t);

/* The code hash that most runs of a method (-1: of any) are of; of equally many, the first; NULL
 * without runs. */
const char *code_of_most(const struct table *t, int method);
