/* SPDX-License-Identifier: MIT
 *
 * table_write.h -- a decided table and its five looks: terminal, CSV, Markdown, LaTeX, and CSV of the curves.
 *
 * Nothing here reads a clock: the same runs give the same bytes, and a diff of results/ is a change of results.
 */
#pragma once
#include "claims.h"
#include "options.h"
#include "stats.h"

/* What is measured of a run, in the order of the columns; the last three are evidence, beside the table. */
enum measure {
    MEASURE_LINEAR, MEASURE_KNN, MEASURE_LOSS, MEASURE_STD, MEASURE_SHARE, MEASURE_COLUMNS,
    MEASURE_NORM = MEASURE_COLUMNS, MEASURE_RANK, MEASURE_KNN_Z, MEASURES
};

struct row_result {
    struct run_record run[SEEDS_MAX];   /* finished, in the order of the seeds asked for */
    int n;
    const char *state;             /* healthy, collapsed, mixed (seeds disagree), diverged, not run */
    bool near_threshold;           /* a tenth more or less of std or view share would turn a seed's verdict */
    struct spread number[MEASURES];
};

struct table {
    struct experiment e;
    struct row_result row[ROWS_MAX];
    struct claim_result claim[CLAIMS_MAX];
    int finished, failed;          /* runs; claims that fail */
    bool committed;                /* read from results/, not from runs/ */
};

/* Fills state, near_threshold and number of a row from its runs. */
void row_summarise(struct row_result *row);

/* Table, evidence, claims and caption for a person. */
void table_print(FILE *out, const struct table *t);

/* FOLDER/<name>.{csv,md,tex}, _curves.csv, _bands.csv and _claims.csv (table_csv.h), each replaced atomically. */
void table_write(const struct table *t, const char *folder);
