/* SPDX-License-Identifier: MIT
 *
 * train.h -- one run, from images to features: its state and its steps (checkpoints: state.h).
 *
 * Everything random is a function of (seed, epoch, image, view), so a position (epoch, step) and
 * the tensors are all there is to keep.
 */
#pragma once
#include "record.h"
#include "../methods/method.h"
#include "../../engine/augment.h"
#include "../../engine/data.h"
#include "../../engine/eval.h"
#include "../../engine/images.h"
#include "../../engine/loader.h"
#include "../../engine/optim.h"

/* One step's numbers on the machine: loss, sum of squares of the gradient, std of each view. */
enum { LOG_LOSS, LOG_GRAD, LOG_STD, LOG_WIDTH = LOG_STD + VIEWS_MAX };

struct trainer {
    const struct settings *s;
    uint64_t seed;
    struct model model;
    const struct method *method;
    void *own;                     /* its state */
    struct view_plan plan;         /* the views of a step */
    int ahead;                     /* trainer_ahead() */
    struct tape tape;
    struct image_set train, monitor;
    struct image_set test;         /* none (host.n 0) where the monitor images are the test's too */
    struct augment recipe, standard_recipe, test_recipe, probe_recipe;
    struct loader loader;
    struct schedule schedule[GROUPS];
    struct optim optim;
    int steps;                     /* per epoch; the last, smaller batch is dropped (the released
                                      code) */
    dev_float *log;                /* [steps, LOG_WIDTH] of the current epoch */
    dev_float *log_now;            /* [LOG_WIDTH], of the step under way: at the same address in
                                      every step */
    dev_float *shard_loss;         /* [shards here + 1], of the step under way, and what others add;
                                    * NULL: there is one */
    struct across across;          /* what batch norm has of other processes */
    dev_float *lr;                 /* [GROUPS] */
    dev_float *encoded_room;       /* [processes, EVAL_CHUNK] features, z and p; NULL: there is one */
    struct image_batch encoded;    /* what goes through the model in evaluation, at most EVAL_CHUNK
                                      at a time */

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

/* One optimisation step at the trainer's position, which it advances, after what the method does
 * ahead of it.  A stop requested meanwhile leaves the position where it is. */
bool trainer_step(struct trainer *t);
/* Its halves: all views of the batch at the position [views * batch, S, S, 3], made now (and
 * what the method does ahead), good until the next call, void if a stop was requested meanwhile;
 * and the step on views that are there already. */
struct var trainer_views(struct trainer *t);
void trainer_step_on(struct trainer *t, struct var views);
/* Of such a step the forward pass alone, recorded on the trainer's tape. */
void trainer_forward(struct trainer *t, struct var views);

/* To step `step` of epoch `epoch`, both from 0; the weights stay as they are. */
void trainer_seek(struct trainer *t, int epoch, int step);
/* For measurements: a method works ahead for at most so many steps at a time (0: for as many as
 * it likes), ... */
void trainer_ahead(struct trainer *t, int steps);
/* ... and evaluation sees only the first images of each set. */
void trainer_scale(struct trainer *t, int train, int monitor, int test);
/* The images of the last epoch's accuracies. */
const struct image_set *trainer_test(const struct trainer *t);
/* Means over the current epoch's first `step` steps, and 0.  Where a number among them is not
 * finite: over the steps up to the first that has one, and its number, from 1; so the answer
 * does not depend on when one looks.  In fp16 a gradient alone may overflow: such steps count in
 * left_out, and are no divergence up to 20 in a row. */
int trainer_summary(const struct trainer *t, struct epoch_record *r);

/* Moves the running statistics of batch norm from where they were initialised to those of the
 * training images, by forward passes in training mode from epoch 0 on; all else stays as it is.
 * False if a stop was requested; they are then anywhere between. */
bool trainer_settle(struct trainer *t);

/* Encodes all images of `set` in evaluation mode under `recipe` (views of `epoch`, `view`):
 * backbone features [n, f] into `features`, projections [n, d] into `z`, predictions [n, d] into
 * `p`; any may be NULL.  False if a stop was requested. */
bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe,
                    uint32_t epoch, uint32_t view, dev_float *features, dev_float *z, dev_float *p);

/* How many images of a folder are bad and were skipped: a property of the files, whether this
 * process met them or the one before did.  -1 if a stop was requested. */
int trainer_skipped(const struct trainer *t);
