/* SPDX-License-Identifier: MIT
 *
 * course.h -- the course of a run: which part comes when, and what is measured after it.
 *
 *   the untrained network is monitored; each epoch is trained and, every so often, monitored; the linear probe is
 *   trained on the last one.
 *
 * Papers, checkpoints, clocks and words are a keeper's, who is told of each part; no number hangs on him.
 */
#pragma once
#include "monitor.h"

enum occasion {
    SAVE_NOW,                      /* a part is behind that would be dear to make again */
    SAVE_EPOCH,                    /* an epoch is */
    SAVE_BETWEEN                   /* within a part */
};

struct keeper {
    void *self;
    bool (*enough)(void *self);                /* before an epoch: is the run to end here, as collapsed? */
    void (*began)(void *self);                 /* a part, whose time took() tells */
    bool (*time_to_look)(void *self);          /* after a step: is its log to be looked at? */
    void (*looked)(void *self, int steps);     /* so many steps into this part, all numbers finite */
    void (*diverged)(void *self, int step);    /* of the epoch under way, from 1 */
    void (*took)(void *self, const char *part, int steps);
    void (*line)(void *self);                  /* course.now is whole */
    void (*save)(void *self, enum occasion when);
};

struct course {
    struct trainer *t;
    const char *label;             /* the run's, for messages */
    struct keeper keeper;
    struct epoch_record now;       /* the epoch under way */
    struct probe_data features;    /* of the last epoch's monitors, for the probe; none after a restart */
};

/* From the trainer's position to the end of the probe, whose accuracy is then in *linear.  0, EXIT_DIVERGED,
 * EXIT_COLLAPSED where the keeper had enough, or EXIT_AGAIN. */
int course_run(struct course *c, double *linear);
void course_close(struct course *c);
