/* SPDX-License-Identifier: MIT
 *
 * images.c -- where the two kinds of sets are told apart: images on the machine, and files.
 */
#include "images.h"

#include <stdlib.h>

#include "folder.h"

/* ---- a set ----------------------------------------------------------------------------------- */

/* The labels and the hash are still of use afterwards. */
static void pixels_move(struct image_set *set)
{
    struct dataset *const host = &set->host;
    const size_t bytes = (size_t)3 * (size_t)host->h * (size_t)host->w * (size_t)host->n;
    set->images = mem_alloc(bytes);
    mem_upload(set->images, host->images, bytes);
    free(host->images);
    host->images = NULL;
}

void images_open(struct image_set *set, const struct image_part *part)
{
    *set = (struct image_set){ .images = NULL };
    if (data_is_folder(part->source)) {
        folder_load(&set->host, part->folder, part->split, part->first, part->count,
                    part->may_skip);
    } else {
        data_load(&set->host, part->source->name, part->split, part->first, part->count);
        pixels_move(set);
    }
    const size_t bytes = sizeof *set->host.labels * (size_t)set->host.n;
    set->labels = mem_alloc(bytes);
    mem_upload(set->labels, set->host.labels, bytes);
}

void images_close(struct image_set *set)
{
    mem_free(set->images);
    mem_free(set->labels);
    data_free(&set->host);
    *set = (struct image_set){ .images = NULL };
}

bool images_on_machine(const struct image_set *set)
{
    return !set->host.folder;
}

bool images_may_change(const struct image_set *set)
{
    return set->host.folder;
}

int images_skipped(const struct image_set *set)
{
    struct folder *const f = set->host.folder;
    if (!f || !f->may_skip) return 0;
    const int bad = folder_bad(f, NULL);
    if (bad >= 0) folder_check(f);
    return bad;
}

void images_check(const struct image_set *set)
{
    if (set->host.folder) folder_check(set->host.folder);
}

/* ---- views ----------------------------------------------------------------------------------- */

void image_batch_open(struct image_batch *b, int most)
{
    b->n = most;
    b->order = host_alloc((size_t)most, sizeof *b->order);
    b->index = mem_alloc(sizeof *b->order * (size_t)most);
    b->epoch = mem_alloc(sizeof(int32_t));
}

void image_batch_close(struct image_batch *b)
{
    free(b->order);
    mem_free(b->index);
    mem_free(b->epoch);
    *b = (struct image_batch){ .n = 0 };
}

void image_batch_send(const struct image_batch *b, uint32_t epoch)
{
    mem_upload(b->index, b->order, sizeof *b->order * (size_t)b->n);
    mem_upload(b->epoch, &epoch, sizeof epoch);
}

/* By the machine's op: of n images of the batch from the i-th on. */
static void views_there(const struct image_set *set, dev_act *y, const struct image_batch *b, int i,
                        int n, const struct view_order *o)
{
    const size_t pixels = (size_t)3 * (size_t)o->size * (size_t)o->size;
    for (int v = 0; v < o->views; v++)
        op_augment(act_at(y, pixels * ((size_t)v * (size_t)b->n + (size_t)i)), set->images,
                   int_at(b->index, (size_t)i), n, set->host.h, set->host.w, o->size, o->recipe,
                   o->seed, b->epoch, o->first + (uint32_t)v);
}

void images_views(const struct image_set *set, dev_act *y, const struct image_batch *b,
                  const struct view_order *o)
{
    if (set->host.folder) folder_batch(set->host.folder, y, b->order, b->n, o);
    else views_there(set, y, b, 0, b->n, o);
}

void images_views_of(const struct image_set *set, struct view_maker *m, dev_act *y,
                     const struct image_batch *b, int i, const struct view_order *o)
{
    if (!set->host.folder) {
        views_there(set, y, b, i, 1, o);
        return;
    }
    const size_t pixels = (size_t)3 * (size_t)o->size * (size_t)o->size;
    folder_views(set->host.folder, m, act_at(y, pixels * (size_t)i), pixels * (size_t)b->n,
                 b->order[i], o);
}
