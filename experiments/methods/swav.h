/* SPDX-License-Identifier: MIT
 *
 * swav.h -- what SwAV keeps beside the model, and its own settings.
 */
#pragma once
#include "method.h"

enum prototype_norm { NORM_OUTSIDE, NORM_IN_GRADIENT };
struct swav_settings {
    double temperature, epsilon;
    int iterations, prototypes;    /* of Sinkhorn; K */
    int prototype_norm;            /* enum prototype_norm */
    int frozen_epochs;             /* in which the prototypes stay as they are */
    int queue, queue_from;         /* features of a view (0: none), from this epoch on */
    bool joint_bn;                 /* batch statistics over all views together */
};
static inline struct swav_settings *swav_own(struct settings *s)
{
    return (struct swav_settings *)(void *)s->own;
}

struct swav {
    struct op op;                  /* first: the node's op is this loss */
    struct swav_settings s;
    const struct pair_list *pairs;
    bool stop_grad, frozen, queue_is_full;
    int views, batch, width;       /* V, N, D */
    int prototypes;                /* the parameter's number */
    dev_float *unit;               /* [K, D], prototypes of unit length, */
    dev_float *unit_grad;          /* and where the norm is in the gradient, theirs */
    dev_float *kept;               /* [K, D], the prototypes while they are frozen */
    /* Of view v, rows v (L + N) .. : L features of the queue, then the batch's. */
    dev_float *features;           /* [V, L + N, D], of unit length */
    dev_float *scores, *codes;     /* [V, L + N, K] */
    dev_float *potentials;         /* [V, iterations, K + L + N] */
    dev_float *scores_grad, *codes_grad;       /* [V, L + N, K], */
    dev_float *features_grad;      /* [V N, D] */
    dev_int *place;                /* [N], rows of the queue that this step's features go to */
    int32_t *host;                 /* [N] */
};
