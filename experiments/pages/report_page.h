/* SPDX-License-Identifier: MIT
 *
 * report_page.h -- the report: one page of HTML that needs nothing beside it, no script, no
 * network.
 */
#pragma once
#include "../suite/table_gather.h"
#include "page.h"

struct report {
    struct statements paper;
    int n;
    struct table **table;          /* [n], in the paper's order */
    struct places *places;         /* [n], where the table's runs are from */
};

/* Claims, then each table with its numbers, figure, settings and provenance.  n is 1 at least. */
void report_page(FILE *out, const struct report *r, const char *scale);
