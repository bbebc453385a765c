/* SPDX-License-Identifier: MIT
 *
 * swav_keys.c -- SwAV's settings.
 */
#include "swav.h"

static const char *const norm_names[] = { [NORM_OUTSIDE] = "outside",
                                          [NORM_IN_GRADIENT] = "in-gradient", NULL };

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct swav_settings, field)
const struct key swav_keys[] = {
    { AT("temperature", temperature), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "T: scores are cosines / T" },
    { AT("epsilon", epsilon), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "codes are made of scores / epsilon: the smaller, the sharper" },
    { AT("sinkhorn", iterations), .type = KEY_INT, .low = 1, .high = 1000, .unit = "iterations",
      .sentence = "of Sinkhorn's normalisation: prototypes, then samples" },
    { AT("prototypes", prototypes), .type = KEY_INT, .low = 2, .high = 100000, .unit = "rows",
      .sentence = "K, which features are assigned to; about the batch or fewer without a queue" },
    { AT("prototype_norm", prototype_norm), .type = KEY_CHOICE, .choices = norm_names, .unit = "",
      .sentence = "prototypes are put to unit length before each step, or in the gradient "
                  "(Sec. 6.2)" },
    { AT("frozen_epochs", frozen_epochs), .type = KEY_INT, .high = 100000, .unit = "passes",
      .sentence = "at first, in which the prototypes stay as they are" },
    { AT("queue", queue), .type = KEY_INT, .high = 10000000, .unit = "features",
      .sentence = "of a view, from earlier steps, that codes are made with; 0: none" },
    { AT("queue_from", queue_from), .type = KEY_INT, .high = 100000, .unit = "passes",
      .sentence = "after which the queue begins to fill; used once it is full" },
    { AT("joint_bn", joint_bn), .type = KEY_BOOL, .unit = "",
      .sentence = "batch norm over the rows of both views together; false: over each view's" },
    { .name = NULL }
};
/* As published and released, but for K: 3000 prototypes are ImageNet's, of 4096 images a step; 512
 * is a batch of CIFAR-10's, for which no queue is needed. */
const struct swav_settings swav_defaults = {
    .temperature = 0.1, .epsilon = 0.05, .iterations = 3, .prototypes = 512,
    .prototype_norm = NORM_OUTSIDE, .frozen_epochs = 1, .queue = 0, .queue_from = 15,
    .joint_bn = true,
};

/* Sec. 6.2 says "with predictor"; in Figure 3 it stands behind the encoder, to which the prototypes
 * belong: h sees the K scores of a view and gives as many (the other reading is the D features). */
static bool predictor_width(const struct settings *s, char *why)
{
    const int k = ((const struct swav_settings *)(const void *)s->own)->prototypes;
    const int p = settings_predicted(s, k, why);
    return p && p != k &&
           because(why, "the predictor gives %d numbers; swav's sees the scores of %d prototypes and "
                   "gives as many", p, k);
}

/* h(z) is set beside the mean of z, and there is none. */
static bool predictor_expected(const struct settings *s, char *why)
{
    return s->expectation_views && s->predictor.n &&
           because(why, "expectation_views: %d are of a predictor of z, and swav's sees scores; "
                   "expectation_views: 0", s->expectation_views);
}

static bool other_distance(const struct settings *s, char *why)
{
    return distances[s->distance].add != neg_cosine &&
           because(why, "swav's loss is a cross-entropy with codes; distance: cosine");
}

static bool queue_torn(const struct settings *s, char *why)
{
    const int queue = ((const struct swav_settings *)(const void *)s->own)->queue;
    return queue % s->batch &&
           because(why, "queue %d; a multiple of the batch of %d, so that it is replaced in whole "
                   "steps",
                   queue, s->batch);
}

/* The gradient of a queue's codes would be that of images that are no more. */
static bool queue_flows(const struct settings *s, char *why)
{
    const int queue = ((const struct swav_settings *)(const void *)s->own)->queue;
    return queue && !s->stop_grad && because(why, "a queue goes with stop_grad: true; or queue: 0");
}

const struct rule swav_rules[] = {
    { { "predictor", "prototypes", "method" }, predictor_width },
    { { "expectation_views", "predictor", "method" }, predictor_expected },
    { { "distance", "method" }, other_distance },
    { { "queue", "batch", "method" }, queue_torn },
    { { "queue", "stop_grad", "method" }, queue_flows },
    { { NULL }, NULL }
};

