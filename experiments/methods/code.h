/* SPDX-License-Identifier: MIT
 *
 * code.h -- which code computes: its hash, and which other codes were shown to compute the same.
 */
#pragma once
#include <stdbool.h>
#include "../../engine/base.h"

/* SHA-256 of the tokens of the sources, and of the flags, that compute a run of this method (an
 * index into methods): of the shared files, this machine's, and the method's own.  What
 * only reads settings, tells or writes papers is not in it. */
const char *code_hash_of(int method);
/* The same code, or two of which the committed list (equal_codes.txt) says that they were shown
 * equal. */
bool code_same(const char *a, const char *b);
/* The codes of two methods in one program, which share all but what is the methods' own: this one,
 * or one that the list names. */
bool code_beside(const char *a, const char *b);
