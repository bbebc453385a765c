/* SPDX-License-Identifier: MIT
 *
 * table_page.h -- a decided table as a page: numbers, evidence, claims, caption.
 *
 * The same runs give the same bytes, and a diff of results/ is a change of results: but for the
 * seconds of table_work().
 */
#pragma once
#include "page.h"

/* The whole, and its parts. */
void table_page(const struct page *p, const struct table *t);
void table_numbers(const struct page *p, const struct table *t);
void table_evidence(const struct page *p, const struct table *t);
/* What the rows worked, which equal epochs do not tell, and numbers that others published: nothing
 * where all worked as much and there is no such number. */
bool table_has_work(const struct table *t);
void table_work(const struct page *p, const struct table *t);
void table_claims(const struct page *p, const struct table *t);
/* table_caption.c: one sentence a line, what the table is and what differs from the paper's.  Fresh
 * memory. */
char *caption_text(const struct table *t);

/* FOLDER/<name>.{csv,md,tex}, _caption.tex and _claims.csv, each replaced atomically.  Its runs and their curves:
 * committed.h. */
void table_write(const struct table *t, const char *folder);
