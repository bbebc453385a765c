/* SPDX-License-Identifier: MIT
 *
 * progress.h -- what a run says while it trains, on stderr.
 *
 * On a terminal one line, rewritten at most 10 times a second; elsewhere, or beside other jobs,
 * plain lines: at the ends of epochs, 10 s apart or more, within an epoch after a minute of
 * silence, and for the last step.
 */
#pragma once
#include <stdbool.h>

struct progress {
    char label[96];                /* begins each line: "fig2_stopgrad/with seed 1" */
    bool quiet, live, colour;
    double opened, shown, shown_epoch;         /* clock readings */
    double share_opened;   /* share of the run done when it was opened; below 0: no step seen yet */
    int epoch, epochs, step, steps;            /* of the last step */
    double loss, std, knn, speed;
    bool unshown;                  /* the last step is not on the screen */
};

/* several: other jobs write to the same terminal, so no line is rewritten. */
void progress_open(struct progress *p, bool quiet, bool several, const char *label);
/* `step` of `steps` are done in `epoch` (from 1) of `epochs`.  std: times sqrt(d), as in training.
 * NaN: not known; of kNN, which is not measured each epoch, the last known value is shown. */
void progress_step(struct progress *p, int epoch, int epochs, int step, int steps, double loss,
                   double std, double knn, double views_per_second);
/* Shows the last step if it has not been shown, and leaves the cursor on a fresh line. */
void progress_close(struct progress *p);
