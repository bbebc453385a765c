/* SPDX-License-Identifier: MIT
 *
 * train.h -- one run, from images to features: its state, its steps, its checkpoints.
 *
 * Everything random is a function of (seed, epoch, image, view), so a position (epoch, step) and the tensors are
 * all there is to keep.
 */
#pragma once
#include "../../engine/augment.h"
#include "../../engine/data.h"
#include "../../engine/eval.h"
#include "../../engine/images.h"
#include "../../engine/optim.h"
#include "../methods/eta.h"
#include "../../engine/loader.h"
#include "../methods/method.h"
#include "record.h"

/* Views by number: training draws 0 .. VIEWS_MAX-1; what else is drawn has numbers of its own, so that no monitor
 * sees the crops of training, and every epoch sees the same ones: a curve moves by the weights alone. */
enum { VIEW_TEST = VIEWS_MAX, VIEW_MONITOR, VIEW_PROBE = VIEW_MONITOR + 2, VIEW_ETA,
       VIEW_EXPECTATION = VIEW_ETA + VIEWS_MAX };

/* One step's numbers on the machine: loss, sum of squares of the gradient, std of each view. */
enum { LOG_LOSS, LOG_GRAD, LOG_STD, LOG_WIDTH = LOG_STD + VIEWS_MAX };

struct trainer {
    const struct settings *s;
    uint64_t seed;
    struct model model;
    struct tape tape;
    struct image_set train, monitor;
    struct augment recipe, test_recipe, probe_recipe;
    struct loader loader;
    struct eta eta;
    struct schedule schedule[GROUPS];
    int steps;                     /* per epoch; the last, smaller batch is dropped (the released code) */
    dev_float *log;                /* [steps, LOG_WIDTH] of the current epoch */
    dev_float *log_now;            /* [LOG_WIDTH], of the step under way: at the same address in every step */
    dev_float *lr;                 /* [GROUPS] */
    struct image_batch batch;      /* of at most batch or EVAL_CHUNK */

    /* position: what a checkpoint holds beside the tensors */
    int epoch, step;               /* epochs done; steps done in the current one */
    bool untrained_monitored;      /* the line of epoch 0 is written */
    uint64_t metrics_bytes;        /* length of metrics.jsonl that belongs to this position */
    struct probe probe;
    char frozen[HASH_TEXT];        /* trainer_hash() when the probe began; empty before */
};

/* Images per pass in evaluation: enough to fill the machine, few enough for the memory. */
enum { EVAL_CHUNK = 256 };

/* Loads the data, builds and initialises the model.  Sizes are checked by experiment_load(). */
void trainer_open(struct trainer *t, const struct settings *s, int seed);
void trainer_close(struct trainer *t);

/* One optimisation step at the trainer's position, which it advances; where targets are kept (eta.h), after they
 * are made.  A stop requested meanwhile leaves the position where it is. */
bool trainer_step(struct trainer *t);
/* Its halves: all views of the batch at the position [views * batch, S, S, 3], made now (and the targets, if they
 * are kept), good until the next call; and the step on views that are there already. */
struct var trainer_views(struct trainer *t);
void trainer_step_on(struct trainer *t, struct var views);
/* Means over the current epoch's first `step` steps, and 0.  Where a number among them is not finite: over the
 * steps up to the first that has one, and its number, from 1; so the answer does not depend on when one looks.  In
 * fp16 a gradient alone may overflow: such steps count in left_out, and are no divergence up to 20 in a row. */
int trainer_summary(const struct trainer *t, struct epoch_record *r);

/* Encodes all images of `set` in evaluation mode under `recipe` (views of `epoch`, `view`): backbone features
 * [n, f] into `features`, projections [n, d] into `z`, predictions [n, d] into `p`; any may be NULL.  False if a
 * stop was requested. */
bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe, uint32_t epoch,
                    uint32_t view, dev_float *features, dev_float *z, dev_float *p);

/* How many images of a folder are bad and were skipped: a property of the files, whether this process met them or
 * the one before did.  -1 if a stop was requested. */
int trainer_skipped(const struct trainer *t);

/* SHA-256 of all weights and running statistics. */
void trainer_hash(const struct trainer *t, char hex[HASH_TEXT]);

/* Checkpoint: tensors, position, log and probe.  trainer_load is false if there is none, or only damaged ones: the
 * trainer is then as it was.  One that cannot be read exits 1; a whole one of another run (`identity` is the run's
 * hash) or version exits 2: it is somebody's work, and this run would replace it. */
bool trainer_save(const struct trainer *t, const char *path, const char *identity);
bool trainer_load(struct trainer *t, const char *path, const char *identity);
