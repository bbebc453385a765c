/* SPDX-License-Identifier: MIT
 *
 * table_write.h -- a decided table and its five looks: terminal, CSV, Markdown, LaTeX, and CSV of the curves.
 *
 * Nothing here reads a clock: the same runs give the same bytes, and a diff of results/ is a change of results.
 */
#pragma once
#include "../suite/table.h"

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

/* FOLDER/<name>.{csv,md,tex} and _claims.csv (table_csv.h), each replaced atomically. */
void table_write(const struct table *t, const char *folder);
