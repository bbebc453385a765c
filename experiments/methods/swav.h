/* SPDX-License-Identifier: MIT
 *
 * swav.h -- what SwAV keeps beside the model, and its own settings.
 */
#pragma once
#include "codes.h"
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
extern const struct key swav_keys[];
extern const struct rule swav_rules[];
extern const struct swav_settings swav_defaults;
static inline struct swav_settings *swav_own(struct settings *s)
{
    return (struct swav_settings *)(void *)s->own;
}

struct swav;
struct swav_node { struct op op; const struct swav *of; };     /* tape_node() */
struct swav {
    struct swav_node whole;        /* scores, codes and loss, without a predictor; with one: */
    struct swav_node seen, told;   /* the scores that h sees, and the loss of what it tells */
    struct swav_settings s;
    const struct pair_list *pairs;
    struct codes codes;
    dev_float *p, *p_grad;         /* [V, N, K], what codes are told from: h's, or the scores */
    bool frozen;
    int prototypes;                /* the parameter's number */
    dev_float *kept;               /* [K, D], the prototypes while they are frozen */
};

/* swav.c: the terms of the loss, and their gradients, which it adds to p's and the codes'. */
void swav_terms_fwd(const struct swav *w, dev_float *loss, float weight);
void swav_terms_bwd(const struct swav *w, float weight);

/* swav_state.c: hooks of struct method. */
void swav_declare(struct params *ps, const struct settings *s, int width);
int swav_predicted(const struct settings *s);
void swav_cut(struct settings *s);
void *swav_open(const struct model *f, const struct settings *s);
int swav_tensors(void *state, struct tensor *list);
void swav_close(void *state);
