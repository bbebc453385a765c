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
    if (s->pixel_std[0] > 0) {
        copy_floats(a.mean, s->pixel_mean, 3);
        copy_floats(a.std, s->pixel_std, 3);
    }
    return a;
}

static struct augment crops_and_flips(const struct settings *s, const struct view_settings *v)
{
    struct augment a = recipe_test(s);
    a.crop = true;
    copy_floats(a.crop_scale, v->crop_scale, 2);
    copy_floats(a.crop_ratio, v->crop_ratio, 2);
    a.flip_p = (float)v->flip_p;
    return a;
}

static struct augment all_of(const struct settings *s, const struct view_settings *v)
{
    struct augment a = crops_and_flips(s, v);
    copy_floats(a.jitter, v->jitter, 4);
    a.jitter_p = (float)v->jitter_p;
    a.gray_p = (float)v->gray_p;
    copy_floats(a.blur_sigma, v->blur_sigma, 2);
    copy_floats(a.blur_p, v->blur_p, 2);
    copy_floats(a.solarize_p, v->solarize_p, 2);
    return a;
}

struct augment recipe_probe(const struct settings *s)
{
    return crops_and_flips(s, &s->views);
}

struct augment recipe_train(const struct settings *s)
{
    return all_of(s, &s->views);
}

struct augment recipe_standard(const struct settings *s)
{
    return all_of(s, settings_has_standard(s) ? &s->standard : &s->views);
}
