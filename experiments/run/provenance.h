/* SPDX-License-Identifier: MIT
 *
 * provenance.h -- what a run was made of and on: the papers every run leaves.
 */
#pragma once
#include "../methods/settings.h"
#include "../../engine/data.h"

/* Writes provenance.json into the run's folder; dies if it cannot. */
void provenance_write(const char *folder, const struct settings *s, int seed,
                      const char *train_hash, const char *monitor_hash, const char *test_hash);
/* The kernels that it names, in fresh memory; NULL if there is no such file or it is torn; dies if
 * it cannot be read. */
char *provenance_kernels(const char *folder);
/* Names this process's kernels there, behind those before, "plain then avx2": false if they are
 * named already. */
bool provenance_kernels_add(const char *folder);
/* The same facts of this machine and build, as lines of text. */
void provenance_print(FILE *out);
