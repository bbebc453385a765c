/* SPDX-License-Identifier: MIT
 *
 * recipe.c -- three recipes, each the one before with more of it.
 */
#include "recipe.h"

#include <string.h>

#include "../../engine/data.h"

static void copy_floats(float *to, const double *from, int n)
{
    for (int i = 0; i < n; i++) to[i] = (float)from[i];
}

struct augment recipe_test(const struct settings *s)
{
    const struct data_source *source = &data_sources[s->dataset];
    struct augment a = { .crop = false, .centre = data_is_folder(source) };
    memcpy(a.mean, source->mean, sizeof a.mean);
    memcpy(a.std, source->std, sizeof a.std);
    return a;
}

struct augment recipe_probe(const struct settings *s)
{
    struct augment a = recipe_test(s);
    a.crop = true;
    copy_floats(a.crop_scale, s->crop_scale, 2);
    copy_floats(a.crop_ratio, s->crop_ratio, 2);
    a.flip_p = (float)s->flip_p;
    return a;
}

struct augment recipe_train(const struct settings *s)
{
    struct augment a = recipe_probe(s);
    copy_floats(a.jitter, s->jitter, 4);
    a.jitter_p = (float)s->jitter_p;
    a.gray_p = (float)s->gray_p;
    copy_floats(a.blur_sigma, s->blur_sigma, 2);
    a.blur_p = (float)s->blur_p;
    return a;
}
