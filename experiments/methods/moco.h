/* SPDX-License-Identifier: MIT
 *
 * moco.h -- what MoCo keeps beside the model, and its own settings.
 */
#pragma once
#include "contrastive.h"
#include "method.h"

struct moco_settings {
    double temperature, momentum;
    int queue;                     /* K, keys */
    int bn_splits;                 /* groups of a view's rows in batch norm */
    bool shuffle_bn;
};
static inline struct moco_settings *moco_own(struct settings *s)
{
    return (struct moco_settings *)(void *)s->own;
}

struct moco {
    struct moco_settings s;
    struct contrastive info_nce;   /* of M queries; in its keys lies the queue too */
    struct model *key;             /* f_k */
    dev_float *momentum;           /* [1] */
    dev_float *statistics;         /* the running statistics before the step */
    dev_int *order;                /* [M], of the step: order[i] stands at i when shuffled, */
    dev_int *place;                /* [M], and key i goes to row place[i] of the queue */
    int32_t *host;                 /* [M] */
};
/* The queue [K, D], rows of unit length. */
dev_float *moco_queue(const struct moco *m);
