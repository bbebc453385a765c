/* SPDX-License-Identifier: MIT
 *
 * images.h -- a set of images, whatever its format: a part of a split is opened, views are cut from
 * it, and what is wrong with it is said.
 *
 * Two kinds, which nobody above has to tell apart: images of one size that all lie in the machine's
 * memory, from which its own op makes views (data.h); and files that are read and decoded as they
 * are needed (folder.h).
 */
#pragma once
#include "augment.h"
#include "data.h"
#include "image.h"
#include "ops.h"

/* Images first .. first+count-1 of a split; of files, count 0: all from `first` on, and up to
 * `may_skip` may be bad.  `folder`: where the files lie, NULL with a source that knows. */
struct image_part {
    const struct data_source *source;
    const char *folder;
    enum data_split split;
    int first, count, may_skip;
};

/* host: how many (n), their labels, classes, hash; h and w are 0 where each image has its own. */
struct image_set { struct dataset host; dev_byte *images; dev_int *labels; };

/* After machine_open().  Dies as data_load() and folder_load() do. */
void images_open(struct image_set *set, const struct image_part *part);
void images_close(struct image_set *set);

/* Do the images themselves lie on the machine?  Then ops alone make views, and it may record
 * them. */
bool images_on_machine(const struct image_set *set);
/* Files may change between two starts of a run; the other sets are known by the SHA-256 that they
 * must have. */
bool images_may_change(const struct image_set *set);
/* How many are bad and were skipped: a property of the files, whether this process met them or not.
 * -1 if a stop was requested; dies if there are more than may be. */
int images_skipped(const struct image_set *set);
/* Dies (exit 2) if images that were met are worse than may be; called by the host thread alone. */
void images_check(const struct image_set *set);

/* ---- views ----------------------------------------------------------------------------------- */

/* What to make of an image: views first .. first+views-1 of `epoch`, size x size. */
struct view_order {
    const struct augment *recipe;
    uint64_t seed;
    uint32_t epoch, first;
    int views, size;
};

/* Which images, on the host and on the machine, and the epoch that the machine draws for.
 * image_batch_send() brings order [n] and the epoch there; order has room for `most`. */
struct image_batch { int n; int32_t *order; dev_int *index, *epoch; };
void image_batch_open(struct image_batch *b, int most);
void image_batch_close(struct image_batch *b);
void image_batch_send(const struct image_batch *b, uint32_t epoch);

/* The views of a batch that has been sent: y [views, n, size, size, 3], by all threads; then
 * images_check(). */
void images_views(const struct image_set *set, dev_act *y, const struct image_batch *b,
                  const struct view_order *o);

/* A thread's tools: the file, the picture in it, and room for a view in the making.  Starts
 * zeroed. */
struct view_maker {
    struct picture picture;
    uint8_t *file;
    size_t file_room, room_bytes;
    void *room;
};
void maker_free(struct view_maker *m);

/* Those of the i-th image of the batch alone, to where images_views() leaves them, by the calling
 * thread. */
void images_views_of(const struct image_set *set, struct view_maker *m, dev_act *y,
                     const struct image_batch *b, int i, const struct view_order *o);
