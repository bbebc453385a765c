/* SPDX-License-Identifier: MIT
 *
 * package_page.h -- what results/SCALE holds, for programs: each CSV file's columns, and each file's
 * origin.
 */
#pragma once
#include "report_page.h"

/* datapackage.json: Frictionless Data's Tabular Data Package, version 1, of the CSV files that are
 * there. */
void datapackage_page(FILE *out, const struct report *r, const char *scale);
/* ro-crate-metadata.json: RO-Crate 1.1, JSON-LD of the same folder's tables, figures and pages, the
 * program, the paper and the runs that made them.  Its date is that of SOURCE_DATE_EPOCH, or of the
 * program's version. */
void crate_page(FILE *out, const struct report *r, const char *scale);
