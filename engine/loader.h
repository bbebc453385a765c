/* SPDX-License-Identifier: MIT
 *
 * loader.h -- the views of each batch, made ahead where a core has nothing else to do.
 *
 * A batch is a function of (seed, epoch, step), so it does not matter who makes it, or when.  While
 * the step on one batch computes, a thread beside it makes the next one, one view at a time, into
 * the other of two rooms.  It works between loader_start() and loader_wait() only: whoever calls
 * ops or forks elsewhere never meets it.
 *
 * On a machine that is no CPU op_augment is the device's work, and on a CPU whose cores are all the
 * step's the thread would take a core from a team that waits for its last member (it costs more
 * than it hides).  Then there is no thread, start and wait do nothing, and a batch is made by all
 * threads when it is asked for.
 *
 * Files are decoded first, on every machine by the host, each whole by one thread: there is a
 * thread for each core that the step leaves free, and one in any case, because a disk keeps it
 * waiting.
 */
#pragma once
#include <pthread.h>
#include "images.h"

/* Where the views come from, and how a batch of them is cut. */
struct loader_source {
    const struct image_set *images;
    int count;                     /* of the set, the first ones */
    int batch, views, size;        /* views of `batch` images, size x size */
    const struct augment *recipe;
    uint64_t seed;
    int whole, first;              /* the batch is images `first` .. of one of so many; 0: it is whole */
};

enum { LOADER_THREADS_MAX = 64 };

struct loader {
    struct loader_source source;
    struct image_batch batch;   /* which images */
    dev_act *room[2];           /* [views * batch, size, size, 3]; the second one is the thread's */
    struct { int epoch, step; } ahead;         /* what is made in room[1]; epoch -1: nothing */

    bool beside;                   /* is there a thread? */
    int threads;                   /* how many */
    pthread_t thread[LOADER_THREADS_MAX];
    struct view_maker maker[LOADER_THREADS_MAX];       /* of each */
    pthread_mutex_t mutex;   /* of `state`, and of which image is the next, and how many are done */
    pthread_cond_t changed;
    int next, done, started;
    enum loader_state { LOADER_IDLE, LOADER_WORKS, LOADER_CLOSES } state;
};

/* After machine_open() and machine_set_precision(); what `source` points to is kept until the
 * loader is closed. */
void loader_open(struct loader *l, const struct loader_source *source);
void loader_close(struct loader *l);

/* Which images the batch at (epoch, step) has. */
void loader_order(const struct loader_source *s, int32_t *order, int epoch, int step);
/* Views first .. first+views-1 of the batch at (epoch, step), view after view [views * batch, size,
 * size, 3], made now; good until the next call of it or of loader_take(), which gives views 0 ..
 * source.views-1 and makes only what was not made ahead. */
dev_act *loader_make(struct loader *l, int epoch, int step, int first, int views);
dev_act *loader_take(struct loader *l, int epoch, int step);

/* The two halves of loader_make(), where the images lie on the machine and no thread makes them
 * ahead (loader_is_issued()): what the host says of the batch, and the ops that make its views in
 * room[0], which a machine may record. */
bool loader_is_issued(const struct loader *l);
void loader_aim(struct loader *l, int epoch, int step);
dev_act *loader_issue(struct loader *l, int first, int views);

/* Begins to make the batch at (epoch, step), and waits for it.  In between no other call of the
 * loader is allowed, nor is op_augment. */
void loader_start(struct loader *l, int epoch, int step);
void loader_wait(struct loader *l);
