/* SPDX-License-Identifier: MIT
 *
 * makings.h -- results/<scale>/provenance.json: what a scale's committed runs were made of and on.
 *
 * A making is all that a run's provenance.json says but for seed and clock, and its data's hash:
 * one for each code, machine and data.  Its name is the first digits of its code's hash and of the
 * facts' own, so that an edited one is found out.  The file says what all makings share once, and
 * else names which making has which value:
 *
 *   { "code_hash": { "0ce2937d-51b6f0a2": "0ce2937d..." }, "version": "0.1.0",
 *     "threads": { "0ce2937d-51b6f0a2": 1 } }
 *
 * In memory: an object from names to facts, in the order of names.
 */
#pragma once
#include <stdbool.h>
#include <jansson.h>
#include "../run/record.h"

enum { MAKING_NAME = 8 + 1 + 8 + 1 };

/* The facts of a run from its folder's provenance.json; dies if it cannot be read or is of other
 * code. */
json_t *making_read(const char *folder, const struct run_record *r);
void making_name(char name[MAKING_NAME], const json_t *facts);

/* RESULTS/<scale>/provenance.json; without that file there are none.  A making that is not as it
 * was named is left out, with a warning. */
json_t *makings_read(const char *scale_folder);
/* Leaves out the makings that no <table>_runs.jsonl of the folder names, if there are any. */
void makings_prune(const char *scale_folder);
/* False with errno set. */
bool makings_write(const char *scale_folder, const json_t *makings);
