/* SPDX-License-Identifier: MIT
 *
 * table_csv.h -- the CSV files of a table's curves (its numbers and claims: look_csv.c).
 *
 *   _curves      row,seed,epoch and every number of metrics.jsonl
 *   _bands       row,epoch,n and mean and std over seeds of what the figure draws
 *
 * A number that does not exist is an empty field.
 */
#pragma once
#include "page.h"

void csv_curves(FILE *out, const struct table *t);
void csv_bands(FILE *out, const struct table *t);
