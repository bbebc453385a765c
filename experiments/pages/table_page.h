/* SPDX-License-Identifier: MIT
 *
 * table_page.h -- a decided table as a page: numbers, evidence, claims, caption.
 *
 * Nothing here reads a clock: the same runs give the same bytes, and a diff of results/ is a
 * change of results.
 */
#pragma once
#include "page.h"

/* The whole, and its parts. */
void table_page(const struct page *p, const struct table *t);
void table_numbers(const struct page *p, const struct table *t);
void table_evidence(const struct page *p, const struct table *t);
void table_claims(const struct page *p, const struct table *t);
/* table_caption.c: one sentence a line, what the table is and what differs from the paper's.  Fresh
 * memory. */
char *caption_text(const struct table *t);

/* FOLDER/<name>.{csv,md,tex}, _curves.csv, _bands.csv (table_csv.h) and _claims.csv, each replaced
 * atomically. */
void table_write(const struct table *t, const char *folder);
