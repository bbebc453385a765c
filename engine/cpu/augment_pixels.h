/* SPDX-License-Identifier: MIT
 *
 * augment_pixels.h -- one view with given parameters, so that tests can look at each transform
 * alone.
 */
#pragma once
#include "../augment.h"

enum { AUGMENT_SIDE_MAX = 1024 };  /* of views: what bounds the scratch on the stack */

/* y[size, size, 3] = the view of image [3, h, w] (0..255) that `v` describes, less recipe->mean,
 * divided by recipe->std; nothing else of the recipe is looked at. */
void augment_pixels(float *y, const uint8_t *image, int h, int w, int size,
                    const struct augment *recipe, const struct view_params *v);
