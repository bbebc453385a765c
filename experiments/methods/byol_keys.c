/* SPDX-License-Identifier: MIT
 *
 * byol_keys.c -- BYOL's settings.
 */
#include "byol.h"

static const char *const schedule_names[] = { [TARGET_COSINE] = "cosine",
                                              [TARGET_CONSTANT] = "constant", NULL };
static const char *const scale_names[] = { [SCALE_SQUARED] = "squared",
                                           [SCALE_COSINE] = "cosine", NULL };

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct byol_settings, field), .unit = ""
const struct key byol_keys[] = {
    { AT("target_momentum", momentum), .type = KEY_FLOAT, .high = 1,
      .sentence = "tau of xi = tau xi + (1 - tau) theta, in the first step" },
    { AT("target_schedule", schedule), .type = KEY_CHOICE, .choices = schedule_names,
      .sentence = "tau: on a cosine to 1 over all steps, or as it is" },
    { AT("loss_scale", scale), .type = KEY_CHOICE, .choices = scale_names,
      .sentence = "the sum of |unit(p) - unit(z')|^2 over the pairs (BYOL, eq. 2), or the mean D" },
    { .name = NULL }
};
const struct byol_settings byol_defaults = { 0.99, TARGET_COSINE, SCALE_SQUARED };

static bool target_flows(const struct settings *s, char *why)
{
    return !s->stop_grad &&
           because(why,
                   "byol's target is another network's, which has no gradient; stop_grad: true");
}

static bool squared_elsewhere(const struct settings *s, char *why)
{
    const struct byol_settings *const own = (const void *)s->own;
    return own->scale == SCALE_SQUARED && distances[s->distance].add != neg_cosine &&
           because(why, "loss_scale: squared is a distance of unit vectors; loss_scale: cosine, or "
                   "distance: cosine");
}

const struct rule byol_rules[] = {
    { { "stop_grad", "method" }, target_flows },
    { { "loss_scale", "distance", "method" }, squared_elsewhere },
    { { NULL }, NULL }
};

/* The target sees every view, too. */
int byol_passes(const struct settings *s)
{
    return (3 + 1) * method_views(s);
}
