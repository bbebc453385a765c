/* SPDX-License-Identifier: MIT
 *
 * look_html.h -- the language of the report, for what only a page of HTML has: drawings, boxes,
 * lists.
 */
#pragma once
#include "page.h"

/* Writes the markup `format`; each %s of it is a text, which is escaped, each %d a number. */
void html(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);
/* Opens a table that is wider than a phone: it scrolls in its own box, by keyboard too. */
void html_box(FILE *out, const char *label, const char *name);
/* The drawing alone, without declaration, names of namespaces and tooltip; its ids get the prefix,
 * since several drawings stand in one page.  False, and nothing is written, if the text is no
 * drawing. */
bool html_svg(FILE *out, const char *svg, const char *prefix);
extern const char report_css[];                /* report_style.c */
