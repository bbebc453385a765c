/* SPDX-License-Identifier: MIT
 *
 * against_tell.h -- `simsiam table --against DIR`: is a rerun the same as the committed table?
 */
#pragma once
#include "../suite/table_gather.h"

/* The committed table of DIR, which is RESULTS/SCALE, for one of the same file; the caller closes
 * and frees it.  Exits 2 where it is missing, broken, or no table of the same settings and data. */
struct table *against_open(const char *path, const char *dir, const struct table *here);
/* Says on stdout whether the table is the committed one, and what differs; EXIT_CLAIM if it is
 * not. */
int against_tell(const struct table *here, const struct table *there, const char *dir);
