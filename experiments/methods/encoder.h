/* SPDX-License-Identifier: MIT
 *
 * encoder.h -- what every method trains: f, a backbone with a projection MLP, and the prediction
 * MLP h (Sec. 3).
 */
#pragma once
#include "settings.h"
#include "../../engine/resnet.h"

/* Groups of parameters (nn.h): the encoder's come first; the predictor's rate may have a schedule
 * of its own. */
enum param_group { GROUP_ENCODER, GROUP_PREDICTOR, GROUPS };

struct model {
    struct params params;
    struct resnet backbone;
    struct head projector, predictor;
};

/* Of a batch those that this process has: a rank's are neighbours. */
int batch_here(const struct settings *s);
struct resnet_shape model_shape(const struct settings *s);         /* its backbone */
void model_build(struct model *m, const struct settings *s, uint64_t seed);
void model_free(struct model *m);
/* The same model wanting no gradient, so that nothing of it is recorded: free() it, the tensors
 * are m's. */
struct model *model_frozen(const struct model *m);
/* A copy of f alone, without a predictor, with weights and running statistics of its own; it wants
 * no gradient either.  Its blocks begin as m's do.  model_free(), then free() it. */
struct model *encoder_twin(const struct model *m);
/* f: backbone and projector; h.  groups and track as in bn_apply(). */
struct var model_features(struct tape *t, const struct model *m, struct var x, int groups,
                          bool track);
struct var model_project(struct tape *t, const struct model *m, struct var features, int groups,
                         bool track);
struct var model_predict(struct tape *t, const struct model *m, struct var z, int groups,
                         bool track);

/* ---- all views of a step, in training -------------------------------------------------------- */

/* How many views a step draws of each image; bit v of `sources` and of `targets`: view v is the
 * source, the target of some pair. */
struct view_plan {
    int views;
    uint32_t sources, targets;
    bool one_run;                  /* all views go through f together */
    bool stop;                     /* a view that is only a target wants no gradient (Sec. 3) */
};
struct view_plan model_views(const struct settings *s);

/* An output of each view [N, d]; of those that have none, data is NULL. */
struct views { struct var of[VIEWS_MAX]; };

/* z = f(x) of every view; x [views * N, S, S, 3] holds view v in rows v N .. v N + N - 1. */
struct views encode(struct tape *t, const struct model *f, struct var x,
                    const struct view_plan *plan);
/* f(x) of those that are targets, by a network of its own (encoder_twin): the others would move its
 * running statistics for nothing. */
struct views encode_targets(struct tape *t, const struct model *f, struct var x,
                            const struct view_plan *plan);
/* p = h(z) of those that are sources. */
struct views predict(struct tape *t, const struct model *h, const struct views *z,
                     const struct view_plan *plan);
/* x of all processes' images, a constant, view after view: x itself where it is whole. */
struct var batch_whole(struct tape *t, struct var x, int views);
/* The rows of all views [views * N, d], one view after the other, as a constant. */
struct var whole(struct tape *t, const struct views *z, const struct view_plan *plan);
