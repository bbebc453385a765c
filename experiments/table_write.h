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

/* What is measured of a run, in the order of the columns; those from MEASURE_COLUMNS on are evidence, beside the
 * table.  The oscillation is the ratio to the baseline's (stability.h). */
enum measure {
    MEASURE_LINEAR, MEASURE_KNN, MEASURE_LOSS, MEASURE_STD, MEASURE_SHARE, MEASURE_COLUMNS,
    MEASURE_NORM = MEASURE_COLUMNS, MEASURE_RANK, MEASURE_KNN_Z, MEASURE_COS_H, MEASURE_COS_Z, MEASURE_OSCILLATION,
    MEASURES
};
extern const struct measured { const char *title; size_t offset; int decimals; } measures[MEASURES];

struct row_result {
    struct run_record run[SEEDS_MAX];   /* finished, in the order of the seeds asked for */
    int n;
    const char *state;             /* healthy, collapsed, unstable, diverged, mixed (seeds disagree), not run */
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

/* What a claim's metric (an index into claim_metrics) is among them. */
enum measure metric_measure(int metric);

/* Fills state, near_threshold and number of every row from its runs and the baseline's. */
void rows_summarise(struct table *t);

/* A stream into fresh memory, text[bytes] once it is ended; dies if there is none. */
FILE *text_stream(char **text, size_t *bytes);
void text_stream_end(FILE *stream);

/* "45.1 ± 0.3", "45.1" of one seed, "-" where there is no number. */
enum { CELL = 64 };
void cell_format(char cell[CELL], const struct spread *s, int decimals);
/* One sentence a line: what the table is, and what differs from the paper's.  Fresh memory. */
char *caption_text(const struct table *t);
/* "0.0231 [0.0102, 0.036]"; "" where there is no number, or words beside it say it. */
enum { ESTIMATE_TEXT = 96 };
void estimate_format(char text[ESTIMATE_TEXT], const struct decision *d);

/* "| text ", with '|', which would end a cell, escaped; and the line of n columns below the titles. */
void markdown_cell(FILE *out, const char *text);
void markdown_rule(FILE *out, int columns);

/* Table, evidence, claims and caption for a person. */
void table_print(FILE *out, const struct table *t);

/* FOLDER/<name>.{csv,md,tex}, _curves.csv, _bands.csv and _claims.csv (table_csv.h), each replaced atomically. */
void table_write(const struct table *t, const char *folder);
