/* SPDX-License-Identifier: MIT
 *
 * figure.h -- what a figure is drawn from: one file for gnuplot, blocks with named columns.
 *
 *   thresholds   the rule of collapse: std, share
 *   rows         a line a row, in the table's order: row, n, paper, linear_mean, linear_std and
 *                state as the table has them; place, 1 and on; right: 1 if its loss goes above 1,
 *                and so is no mean of negative cosines and has an axis of its own, else 0; and for
 *                each measure X of the curves X_points, how many epochs have it
 *   curves of R  for each row R in that order: epoch, and X_mean and X_std over the seeds of its line
 *   untrained    that row, which is in none of the above: there, 1 if the table has it; n,
 *                linear_mean, linear_std, and X_mean of each measure
 *
 * A number that does not exist is NaN; one seed has a std of 0, that is a band of no width.  Made
 * from the CSV files of a table (look_csv.c, committed.h), and so of what was written, whatever
 * lies in runs/ now and whatever experiments there are.
 */
#pragma once
#include <stdio.h>

/* Seeds of which the table may have been made, [n]. */
struct seeds { const int *v; int n; };
/* Reads FOLDER/<name>.csv and <name>_curves.csv; exits 2, saying where, if one is damaged, 1 if it
 * is not there.  Curves of more seeds than a row counts are committed ones that the table does not
 * show: then those of `seeds` are drawn, and are to be as many. */
void figure_write(FILE *out, const char *folder, const char *name, const struct seeds *seeds);
