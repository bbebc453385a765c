/* SPDX-License-Identifier: MIT
 *
 * same.h -- have two runs the same numbers, to the last digit that is written?
 */
#pragma once
#include "record.h"

/* Every number of every epoch and of the summary, the state, and the weights' hash.  Left out are
 * who made it (row, hashes of code and data, machine) and a measure that one of the two files is
 * older than. */
bool run_same(const struct run_record *a, const struct run_record *b);
