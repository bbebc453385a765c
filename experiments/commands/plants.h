/* SPDX-License-Identifier: MIT
 *
 * plants.h -- the detector on outputs whose truth is known.
 */
#pragma once
#include <stdbool.h>

#include "planted.h"
#include "../../engine/collapse/simsiam_collapse.h"

/* Outputs by what is measured of them: spread over the sphere (std*sqrt(d)) and view share, where the
 * images vary in `directions` directions by k^-power. */
struct plant {
    int n, d, directions;
    double power, std, share;
    bool inside;                   /* the views vary in these directions alone */
};
struct planted plant_outputs(struct plant plant);
/* The measures of planted outputs and, unless it is NULL, those of other tools. */
void planted_measure(struct simsiam_evidence *e, struct simsiam_others *others, struct planted p,
                     unsigned seed);

/* The operating characteristic into a folder, operating.csv, operating_pooled.csv and operating.md, of
 * the first `sizes` sizes, or 0 for all. */
void plants_table(const char *folder, int sizes);
