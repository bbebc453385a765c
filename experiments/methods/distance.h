/* SPDX-License-Identifier: MIT
 *
 * distance.h -- D(p, z) by name (Sec. 3, eq. 1; Sec. 4.5).
 */
#pragma once
#include "../../engine/tape.h"

/* Adds weight * mean D(p, target) to loss[0]. */
typedef void distance_fn(struct tape *, dev_float *loss, float weight, struct var p, struct var target);
struct distance { const char *name; distance_fn *add; };
extern const struct distance distances[];        /* NULL-named row at the end */
