/* SPDX-License-Identifier: MIT
 *
 * views.h -- a sheet of augmented views, to be looked at: what the network sees.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "../../engine/augment.h"
#include "../../engine/images.h"

/* Writes a PNG of the set's first n_images, one row each: the image under the test transform, then
 * its views 0 .. n_views-1 of epoch 0, exactly as training gets them (op_augment), with the
 * normalisation undone and each pixel drawn scale x scale large.  False with a warning if it cannot
 * be written. */
bool views_sheet(const char *path, const struct image_set *set, const struct augment *recipe,
                 int size, int n_images, int n_views, uint64_t seed, int scale);
