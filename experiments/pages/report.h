/* SPDX-License-Identifier: MIT
 *
 * report.h -- the report: one page of HTML that needs nothing beside it, no script, no network.
 */
#pragma once
#include "../suite/table_gather.h"

struct report {
    struct statements paper;
    int n;
    struct table **table;                      /* [n], in the paper's order */
    char **caption;                            /* [n], caption_text() */
    struct places *places;                     /* [n], where the table's runs are from */
};
/* ---- report_claims.c, report_table.c: the sections -------------------------------------------------------- */

void report_claims(FILE *out, const struct report *r);
void report_table_section(FILE *out, const struct report *r, int k);
/* Is the line [length] one of the text's? */
bool line_in(const char *text, const char *line, size_t length);
/* A line of a caption that all tables with runs share (all tables, if none has any). */
bool report_line_shared(const struct report *r, const char *line, size_t length);

/* ---- report_html.c: the language -------------------------------------------------------------------------- */

extern const char report_css[];
/* Text and attribute values, escaped. */
void html_text(FILE *out, const char *text);
/* The same, a hyphen before a digit as a minus sign. */
void html_number(FILE *out, const char *text);
/* A verdict as sign, colour and word. */
void html_verdict(FILE *out, enum verdict verdict);
/* The drawing alone, without declaration, names of namespaces and tooltip; its ids get the prefix, since several
 * drawings stand in one page.  False, and nothing is written, if the text is no drawing. */
bool html_svg(FILE *out, const char *svg, const char *prefix);
