/* SPDX-License-Identifier: MIT
 *
 * moco_keys.c -- MoCo's settings.
 */
#include "moco.h"

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct moco_settings, field)
const struct key moco_keys[] = {
    { AT("temperature", temperature), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "T: scores are cosines / T" },
    { AT("key_momentum", momentum), .type = KEY_FLOAT, .high = 1, .unit = "",
      .sentence = "m of theta_k = m theta_k + (1 - m) theta_q" },
    { AT("queue", queue), .type = KEY_INT, .low = 1, .high = 10000000, .unit = "keys",
      .sentence = "K, the negatives: keys of the last steps" },
    { AT("bn_splits", bn_splits), .type = KEY_INT, .low = 1, .high = 65536, .unit = "groups",
      .sentence = "batch norm over so many parts of a view's rows, as on so many devices" },
    { AT("shuffle_bn", shuffle_bn), .type = KEY_BOOL, .unit = "",
      .sentence = "the keys' rows are shuffled before they are split (v1, Sec. 3.3)" },
    { .name = NULL }
};
/* T is v2's with its MLP head; m, K and the splits are those of the authors' own CIFAR-10 program,
 * for ImageNet's 0.999 and 65536 are made for a hundred times as many steps. */
const struct moco_settings moco_defaults = {
    .temperature = 0.2, .momentum = 0.99, .queue = 4096, .bn_splits = 8, .shuffle_bn = true,
};

static bool keys_flow(const struct settings *s, char *why)
{
    return !s->stop_grad &&
           because(why,
                   "moco's keys are another network's, which has no gradient; stop_grad: true");
}

static bool other_pairs(const struct settings *s, char *why)
{
    const int (*const v)[2] = s->pairs.v;
    const bool there = v[0][0] == 0 && v[0][1] == 1, back = v[1][0] == 1 && v[1][1] == 0;
    return !(there && (s->pairs.n == 1 || (s->pairs.n == 2 && back))) &&
           because(why, "moco has a query and a key of each image; pairs: [[0, 1]], or [[0, 1], "
                   "[1, 0]] for both ways");
}

static bool has_predictor(const struct settings *s, char *why)
{
    return s->predictor.n && because(why, "moco has no predictor; predictor: []");
}

static bool other_distance(const struct settings *s, char *why)
{
    return distances[s->distance].add != neg_cosine &&
           because(why, "moco's scores are cosines; distance: cosine");
}

static bool queue_torn(const struct settings *s, char *why)
{
    const int queue = ((const struct moco_settings *)(const void *)s->own)->queue;
    const int rows = s->pairs.n * s->batch;
    return queue % rows &&
           because(why, "queue %d; a multiple of the %d keys of a step, so that it is replaced in "
                   "whole steps", queue, rows);
}

static bool splits_torn(const struct settings *s, char *why)
{
    const int splits = ((const struct moco_settings *)(const void *)s->own)->bn_splits;
    return (s->batch % splits || s->batch / splits < 2) &&
           because(why, "bn_splits %d of a batch of %d; equal parts of two images or more", splits,
                   s->batch);
}

/* Where one divides the other, no shard holds pieces of two splits and no split pieces of two shards. */
static bool shards_across(const struct settings *s, char *why)
{
    const int splits = ((const struct moco_settings *)(const void *)s->own)->bn_splits;
    return splits % s->shards && s->shards % splits &&
           because(why, "shards %d lie across the %d of bn_splits; one a multiple of the other",
                   s->shards, splits);
}

const struct rule moco_rules[] = {
    { { "stop_grad", "method" }, keys_flow },
    { { "pairs", "method" }, other_pairs },
    { { "predictor", "method" }, has_predictor },
    { { "distance", "method" }, other_distance },
    { { "queue", "batch", "pairs", "method" }, queue_torn },
    { { "bn_splits", "batch", "method" }, splits_torn },
    { { "shards", "bn_splits", "method" }, shards_across },
    { { NULL }, NULL }
};

/* A query and a key for each way. */
int moco_passes(const struct settings *s)
{
    return (3 + 1) * s->pairs.n;
}

/* A split's statistics are made within a process, or by all of them. */
bool moco_ranks_wrong(const struct settings *s, int ranks, char why[TEXT_MAX])
{
    const int splits = ((const struct moco_settings *)(const void *)s->own)->bn_splits;
    return splits > 1 && splits % ranks &&
           because(why, "bn_splits: %d on %d processes: take a number of them that divides it", splits, ranks);
}
