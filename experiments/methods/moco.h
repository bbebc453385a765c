/* SPDX-License-Identifier: MIT
 *
 * moco.h -- what MoCo keeps beside the model, and its own settings.
 */
#pragma once
#include "contrastive.h"
#include "method.h"
#include "split_bn.h"

struct moco_settings {
    double temperature, momentum;
    int queue;                     /* K, keys */
    int bn_splits;                 /* groups of a view's rows in batch norm */
    bool shuffle_bn;
};
extern const struct key moco_keys[];
extern const struct rule moco_rules[];
int moco_passes(const struct settings *s);
extern const struct moco_settings moco_defaults;
static inline struct moco_settings *moco_own(struct settings *s)
{
    return (struct moco_settings *)(void *)s->own;
}

struct moco {
    struct moco_settings s;
    struct contrastive info_nce;   /* of M queries; in its keys lies the queue too */
    struct model *key;             /* f_k */
    dev_float *momentum;           /* [1] */
    struct split_bn split;         /* of f_q */
    dev_int *order;                /* [M], of the step: order[i] stands at i when shuffled, */
    dev_int *place;                /* [M], and key i goes to row place[i] of the queue */
    int32_t *host;                 /* [M] */
};
/* Of a view's splits those whose images this process has; one split is of all. */
int moco_splits_here(const struct moco *m);
/* The queue [K, D], rows of unit length. */
dev_float *moco_queue(const struct moco *m);

bool moco_ranks_wrong(const struct settings *s, int ranks, char why[TEXT_MAX]);

/* moco_state.c: hooks of struct method. */
void *moco_open(const struct model *f, const struct settings *s);
bool moco_aim(const struct step *s);
int moco_tensors(void *state, struct tensor *list);
void moco_close(void *state);
void moco_cut(struct settings *s);
