/* SPDX-License-Identifier: MIT
 *
 * claims_page.h -- every statement of the paper on one page, with what our runs say about it.
 */
#pragma once
#include "page.h"

/* A count of the verdicts, then every statement of `s` in its order, the parts of a conjunction
 * with it; in the looks that have statements: Markdown, CSV and HTML.  tables[] are n decided
 * tables of one scale (table_gather.h).  A statement whose table is not among them is `not run`, its
 * predicate as it stands; an exact one holds if a test is named that decides it, which the tests
 * themselves look after. */
void claims_page(const struct page *p, const struct table *const tables[], int n,
                 const struct statements *s, const char *scale);
