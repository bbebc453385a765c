/* SPDX-License-Identifier: MIT
 *
 * recipe.h -- the augmentations that settings ask for, with the data set's normalisation.
 */
#pragma once
#include "../../engine/augment.h"
#include "settings.h"

/* a resize (of a folder: and its centre), not random */
struct augment recipe_test(const struct settings *s);
/* crop and flip (App. A, linear evaluation) */
struct augment recipe_probe(const struct settings *s);
struct augment recipe_train(const struct settings *s);     /* all of App. A */
struct augment recipe_standard(const struct settings *s);  /* the same, of the scale's views */
