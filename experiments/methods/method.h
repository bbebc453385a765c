/* SPDX-License-Identifier: MIT
 *
 * method.h -- what the methods share: the model, the (source, target) pairs, the distances.
 */
#pragma once
#include "../../engine/resnet.h"
#include "settings.h"

/* Adds weight * mean D(p, target) to loss[0]. */
typedef void distance_fn(struct tape *, dev_float *loss, float weight, struct var p, struct var target);
struct distance { const char *name; distance_fn *add; };
extern const struct distance distances[];        /* NULL-named row at the end */

/* Groups of parameters (nn.h): the encoder's come first; the predictor's rate may have a schedule of its own. */
enum param_group { GROUP_ENCODER, GROUP_PREDICTOR, GROUPS };

struct model {
    struct params params;
    struct resnet backbone;
    struct head projector, predictor;
    struct pair_list pairs;        /* (source, target) views */
    int n_views;                   /* largest of them + 1 */
    bool stop_grad;
    distance_fn *distance;
};

/* What a forward pass of all views yields, each [N, d]: z of every view, p of those that are sources. */
struct outputs { struct var z[VIEWS_MAX], p[VIEWS_MAX]; };

struct eta;                        /* eta.h: targets that are not this step's z; NULL: there are none */
struct method {
    const char *name;
    /* Forward pass and loss of one step: x holds all views, view v in rows v N .. v N + N - 1.  loss[0] is added
     * to. */
    struct outputs (*loss)(struct tape *, const struct model *, struct var x, const struct eta *, dev_float *loss);
};
extern const struct method *const methods[];     /* NULL at the end */
extern const struct method simsiam;

struct resnet_shape model_shape(const struct settings *s);         /* its backbone */
int model_views(const struct settings *s);                         /* that a step draws of each image */
void model_build(struct model *m, const struct settings *s, uint64_t seed);
void model_free(struct model *m);
/* The same model wanting no gradient, so that nothing of it is recorded: free() it, the tensors are m's. */
struct model *model_frozen(const struct model *m);
/* f: backbone and projector; h.  groups and track as in bn_apply(). */
struct var model_features(struct tape *t, const struct model *m, struct var x, int groups, bool track);
struct var model_project(struct tape *t, const struct model *m, struct var features, int groups, bool track);
struct var model_predict(struct tape *t, const struct model *m, struct var z, int groups, bool track);
/* f on all views of x, h on the sources, in training. */
struct outputs model_outputs(struct tape *t, const struct model *m, struct var x);
/* Mean distance over the pairs (eq. 2 to 4). */
void pair_mean(struct tape *t, const struct model *m, dev_float *loss, const struct outputs *o,
               const struct eta *eta);
