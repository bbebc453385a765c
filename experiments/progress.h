/* SPDX-License-Identifier: MIT
 *
 * progress.h -- what a run says while it trains, on stderr.
 *
 * On a terminal one line, rewritten at most 10 times a second; elsewhere, or beside other jobs, plain lines: at the
 * ends of epochs, 10 s apart or more, within an epoch after a minute of silence, and for the last step.
 */
#pragma once
#include <stdbool.h>

/* Where the run is; NaN: not known (yet). */
struct progress_at {
    int epoch, epochs;             /* the current epoch, from 1 */
    int step, steps;               /* done in it */
    double loss, std, knn;         /* std: times sqrt(d), as in training; knn: of the last monitor */
    double views_per_second;
};

struct progress {
    char label[96];                /* begins each line: "fig2_stopgrad/with seed 1" */
    bool quiet, live, colour;
    double opened, shown, shown_epoch;     /* clock readings */
    double share_opened;           /* share of the run done when it was opened; below 0: no step seen yet */
    struct progress_at at;
    bool unshown;                  /* `at` is newer than what is on the screen */
};

/* several: other jobs write to the same terminal, so no line is rewritten. */
void progress_open(struct progress *p, const char *label, bool quiet, bool several);
void progress_step(struct progress *p, const struct progress_at *at);
/* Shows the last step if it has not been shown, and leaves the cursor on a fresh line. */
void progress_close(struct progress *p);
