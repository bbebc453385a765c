/* SPDX-License-Identifier: MIT
 *
 * method.h -- all that differs between methods.
 *
 * A method is one file: its loss, which reads like the paper's algorithm, and where it needs them
 * keys, tensors of its own, and what happens before and after a step.  What several methods share
 * (pairs, predictor, stop-gradient, distance) are values that it is told.
 */
#pragma once
#include "distance.h"
#include "encoder.h"
#include "settings.h"
#include "../../engine/loader.h"

/* Views by number: training draws 0 .. VIEWS_MAX-1; what else is drawn has numbers of its own,
 * so that no monitor sees the crops of training, and every epoch sees the same ones: a curve
 * moves by the weights alone. */
enum { VIEW_TEST = VIEWS_MAX, VIEW_MONITOR, VIEW_PROBE = VIEW_MONITOR + 2, VIEW_ETA,
       VIEW_EXPECTATION = VIEW_ETA + VIEWS_MAX };

/* A step, as a method sees it. */
struct step {
    struct tape *tape;
    const struct model *f;         /* backbone and projector f, predictor h */
    struct var x;                  /* all views [views * N, S, S, 3]; void in ahead() and aim() */
    const struct settings *s;
    const struct view_plan *plan;
    distance_fn *distance;         /* D */
    void *own;                     /* what open() returned */
    dev_float *loss;               /* [shards here], 0 before the loss is added: a term of a shard to its own, one
                                    * of the whole batch to loss_whole; their sum is the loss */
    dev_float *loss_whole;
    int epoch, step, steps;        /* where the step is; steps of an epoch */
    int ahead;                     /* steps that ahead() may work for at a time; 0: any number */
    struct loader *loader;         /* views of this and of other steps, for ahead() */
};

/* What a tensor's size is a multiple of, beside the settings of the net. */
enum growth { GROWS_NOT, GROWS_WITH_IMAGES, GROWS_WITH_BATCH };

/* Numbers that a checkpoint keeps, by name; `act`: a dev_act's, else a dev_float's. */
struct tensor {
    const char *name;
    void *data;
    size_t floats;
    bool act;
    enum growth grows;
};
enum { METHOD_TENSORS = 8 };

/* NULL where a method has nothing to do; `loss` is always there. */
struct method {
    const struct key *keys;        /* NULL-named at the end; values lie in settings.own */
    const struct rule *rules;      /* NULL function at the end */
    const void *defaults;          /* of the keys: `own_bytes` of them */
    size_t own_bytes;
    /* Parameters that are trained with the encoder's, behind the projector of `width` features. */
    void (*declare)(struct params *ps, const struct settings *s, int width);
    /* How many features h sees, and gives, where they are not z's: then h is loss()'s alone. */
    int (*predicted)(const struct settings *s);
    /* Makes the own settings fit a batch that was cut, for what asks for time alone. */
    void (*cut)(struct settings *s);
    /* Its state beside the model, which is initialised. */
    void *(*open)(const struct model *f, const struct settings *s);
    /* Work that lies before a step and outside of it; false: a stop was requested, and the step
     * is not made. */
    bool (*ahead)(const struct step *s);
    /* Tells the machine what differs from step to step; false: its ops are at other addresses
     * than the last step's, so that it is not to be recorded. */
    bool (*aim)(const struct step *s);
    /* Forward pass and loss.  Returns z of all views [views * N, d], one view after the other. */
    struct var (*loss)(const struct step *s);
    /* After the optimiser, with the new weights, inside of the recorded step. */
    void (*moved)(const struct step *s);
    /* Writes at most METHOD_TENSORS; returns how many. */
    int (*tensors)(void *own, struct tensor *list);
    void (*close)(void *own);
    /* May so many processes share the shards, which they come out even in?  NULL: yes. */
    bool (*ranks_wrong)(const struct settings *s, int ranks, char why[TEXT_MAX]);
    /* Passes of the network for an image in a step, a backward one counted as two; NULL: three for
     * each view. */
    int (*passes)(const struct settings *s);
};

/* loss += weight * mean D(p, z) over the batch, each shard's rows to the loss of that shard. */
void pair_add(const struct step *s, float weight, struct var p, struct var z);

struct named_method { const char *name; const struct method *method; };
/* The passes for an image over all epochs: by which runs are told apart that are as long. */
int method_passes(const struct settings *s);
/* How many views an image has in a step. */
int method_views(const struct settings *s);
extern const struct named_method methods[];      /* method.c: NULL-named row at the end */
