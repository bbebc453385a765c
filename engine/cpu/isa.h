/* SPDX-License-Identifier: MIT
 *
 * isa.h -- which variant of the ops runs.
 */
#pragma once
#include <stdbool.h>

/* The best one that this CPU has, or what the environment's SIMSIAM_ISA names; a name that is none,
 * or that this CPU lacks, is the user's mistake. */
void isa_choose(void);
const char *isa_name(void);
bool isa_multiplies_bf16(void);
/* Not with SIMSIAM_WINOGRAD=off in the environment, which shows what the direct kernels do
 * alone. */
bool isa_allows_winograd(void);
