/* SPDX-License-Identifier: MIT
 *
 * eta.h -- Section 5's eta_x: the target of a step where it is not the step's own z.
 *
 * Alternation (Sec. 5.2, "multi-step").  The targets of the k coming steps are computed with the
 * weights of their start and kept, eta_x <- F_theta(T'(x)); then k steps of SGD are made against
 * them.  What the paper leaves open, and how it is read here:
 *   - of which views?  Of the steps' own (eta_views: batch): then k = 1 is SimSiam bit for bit, as
 *     the paper says. Eq. (10) writes T' for an augmentation of its own: `anew` draws others in
 *     their place, `one` a single one that all pairs of an image share.
 *   - with which batch norm?  With the statistics of the batch (eta_bn: batch), which is what
 *     SimSiam's targets have; `running` takes the running ones.  Neither moves them: the steps do,
 *     as SimSiam's do.
 *   - is the predictor kept?  The paper says "the same architecture": yes.
 * An alternation does not cross an epoch: the epoch's last one may be shorter.
 *
 * Average (Sec. 5.2, "expectation"): eta_x <- m eta_x + (1 - m) F_theta(T'(x)), one eta an image, m
 * = 0.8, without predictor.  Left open there:
 *   - does eta_x start as the image's first z (eta_init: first), or as zero?  The direction of the
 *     first target is the same; zero forgets that first z sooner.
 *   - is z/|z| averaged (eta_normalise: true; footnote 5), or z?
 *   - the symmetric loss has two targets an image: each is eta_x moved by its own pair's z, as if
 *     it were the only one; afterwards eta_x moves by both, in the order of the pairs.
 */
#pragma once
#include "method.h"

/* The keys of method simsiam. */
enum eta_from { ETA_FRESH, ETA_CACHE, ETA_AVERAGE };
enum eta_views { ETA_BATCH, ETA_ANEW, ETA_ONE };
enum eta_bn { ETA_BN_BATCH, ETA_BN_RUNNING };
enum eta_init { ETA_FIRST, ETA_ZERO };
struct eta_settings {
    int from;                      /* enum eta_from */
    int every;                     /* steps of an alternation; 0: an epoch */
    int views, bn;                 /* enum eta_views, eta_bn: of the cache */
    double momentum;               /* of the average, */
    int init;                      /* enum eta_init: of the average, */
    bool normalise;                /* of what enters it */
};
extern const struct key eta_keys[];
extern const struct rule eta_rules[];
extern const struct eta_settings eta_defaults;
static inline struct eta_settings *eta_own(struct settings *s)
{
    return (struct eta_settings *)(void *)s->own;
}
static inline const struct eta_settings *eta_settings(const struct settings *s)
{
    return (const struct eta_settings *)(const void *)s->own;
}

/* SimSiam's state. */
struct eta {
    struct eta_settings s;
    int steps;                     /* cache: of a whole alternation */
    int terms;                     /* cache: targets a step */
    int slot;                      /* cache: of the step under way */
    dev_act *cache;                /* [steps, terms, batch, d], of all processes; NULL: none */
    dev_float *memory;             /* [images, d]: the average; NULL: none */
    dev_int *index;                /* average: [batch], the images of the step under way, */
    int32_t *order;                /* and its host twin */
    size_t floats;                 /* of the cache or of the memory */
};

/* The hooks of struct method. */
void *eta_open(const struct model *f, const struct settings *s);
void eta_close(void *own);
int eta_tensors(void *own, struct tensor *list);
int eta_passes(const struct settings *s);
/* Where an alternation starts, keeps the targets of all its steps, with the weights as they are. */
bool eta_ahead(const struct step *s);
bool eta_aim(const struct step *s);

/* The target of pair k whose target view has the outputs z [N, d]: z itself where no other is
 * kept. */
struct var eta_target(const struct eta *e, struct tape *t, int k, struct var z);
/* Moves the average by z, once all targets of the step are read. */
void eta_move(const struct eta *e, struct tape *t, struct var z);
