/* SPDX-License-Identifier: MIT
 *
 * provenance.h -- what a run was made of and on: the papers every run leaves.
 */
#pragma once
#include "../methods/settings.h"
#include "../../engine/data.h"

/* The images whose hashes it names: training, monitor, test ("": they are no others). */
enum { PROVENANCE_SETS = 3 };
/* provenance.json in the run's folder: written, or, of a run that goes on, kept where it is whole and
 * this run's, else told of and written again.  Kernels that make other bytes are told, and named
 * behind those before, "plain then avx2".  False if it is of before papers were sealed (seal.h); dies
 * if it cannot be read or written. */
bool provenance_keep(const char *folder, const char *label, const struct settings *s, int seed,
                     const char *const hash[PROVENANCE_SETS], bool resumed);
/* The same facts of this machine and build, as lines of text. */
void provenance_print(FILE *out);
