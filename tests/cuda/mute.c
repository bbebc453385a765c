/* SPDX-License-Identifier: MIT
 *
 * mute.c -- each op of engine/ops.h, doing nothing, unless the program has another of that name.
 */
#include "../../engine/ops.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#include "ops_mute.h"
