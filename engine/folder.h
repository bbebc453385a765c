/* SPDX-License-Identifier: MIT
 *
 * folder.h -- a set of images in folders, ROOT/train/CLASS/FILE and ROOT/val/CLASS/FILE (or test),
 * read as they are needed and never all in memory.
 *
 * Classes are the names of train's folders, sorted by their bytes, so in any locale alike.  Files
 * are taken in turn from each class, in each by the bytes of their names: whatever part of a set is
 * used, its classes are as even as they can be.  What begins with a dot is no file; everything else
 * in a class's folder is an image, and a bad one if it cannot be read (image.h).
 *
 * A bad image ends the run by its name, unless `may_skip` allows as many.  Then its place is taken
 * by the next image of its class among those in use, with the parameters drawn for the place: no
 * other place changes, and the label stays right.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "images.h"

enum { FOLDER_CLASSES_MAX = 65536, FOLDER_IMAGES_MAX = 10000000 };

struct folder {
    char *path;                    /* ROOT/train */
    char **name;                   /* [n], "CLASS/FILE" */
    const int32_t *label;          /* [n]: the data set's */
    int n, may_skip;

    pthread_mutex_t mutex;         /* of what follows */
    _Atomic uint8_t *state;        /* [n], enum image_state; read without the mutex */
    int bad, first_bad;            /* how many; the first of them in the set's order */
    char wrong[WRONG_TEXT];        /* with it */
    bool hopeless;                 /* a class has no good image */

    struct view_maker *team;       /* of folder_batch() */
    int threads;
};
enum image_state { IMAGE_UNSEEN, IMAGE_GOOD, IMAGE_BAD };

/* The images first .. first+count-1 of a split into a data set without pixels: labels, classes,
 * folder, and as its hash the SHA-256 of names and lengths (not of contents).  `root` lies in the
 * data folder unless it begins with '/'.  count 0: all of them from `first` on.  Exit 2 if it is
 * not such a folder; data_free() frees. */
void folder_load(struct dataset *set, const char *root, enum data_split split, int first, int count,
                 int may_skip);
void folder_free(struct folder *f);
/* "ROOT" as folder_load() understands it, fresh. */
char *folder_root(const char *root);

/* How many of the images are bad: those not met yet are decoded now, by all threads.  -1 if a stop
 * was requested.  why[i] (unless why is NULL) becomes what is wrong with image i, in fresh memory,
 * where something is. */
int folder_bad(struct folder *f, char **why);
/* "PATH/CLASS/FILE" of an image, for a message: fresh, and harmless to a terminal. */
char *folder_name(const struct folder *f, int image);
/* Is there ROOT/train? */
bool folder_is_set(const char *root);
/* Ends the program (exit 2) if more images than `may_skip` have turned out bad; called by the host
 * thread alone. */
void folder_check(const struct folder *f);

/* Notes whether an image turned out good; the first time that it did not, says so if it is to be
 * skipped. */
void folder_note(struct folder *f, int image, bool good, const char *wrong);

/* ---- folder_views.c -------------------------------------------------------------------------- */

/* Can the image be decoded, whole?  Else why not. */
bool folder_look(struct folder *f, struct view_maker *m, int image, char wrong[WRONG_TEXT]);

/* Views of one image, view v to y + v * stride activations.  By any thread. */
void folder_views(struct folder *f, struct view_maker *m, dev_act *y, size_t stride, int image,
                  const struct view_order *o);
/* Of the images index [n], by all threads: y [views, n, size, size, 3].  Then folder_check(). */
void folder_batch(struct folder *f, dev_act *y, const int32_t *index, int n,
                  const struct view_order *o);
