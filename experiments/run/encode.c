/* SPDX-License-Identifier: MIT
 *
 * encode.c -- a whole set of images through the model in evaluation mode.
 */
#include "train.h"

#include <stdlib.h>

/* x[n,S,S,3]: one view each of the images that t->order, and on the machine t->index, name. */
static void views_make(struct trainer *t, dev_act *x, const struct image_set *set, int n,
                       const struct augment *recipe, uint32_t epoch, uint32_t view)
{
    const int size = t->s->image_size;
    const struct view_order o = { recipe, t->seed, epoch, view, 1, size };
    if (set->host.folder) {
        folder_batch(set->host.folder, x, t->order, n, &o);
        return;
    }
    mem_upload(t->view_epoch, &epoch, sizeof epoch);
    op_augment(x, set->images, t->index, n, set->host.h, set->host.w, size, recipe, t->seed, t->view_epoch, view);
}

bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe, uint32_t epoch,
                    uint32_t view, dev_float *features, dev_float *z, dev_float *p)
{
    struct model *const frozen = model_frozen(&t->model);
    const int size = t->s->image_size;
    int first = 0;
    for (; first < set->host.n && !stop_requested(); first += EVAL_CHUNK) {
        const int n = set->host.n - first < EVAL_CHUNK ? set->host.n - first : EVAL_CHUNK;
        for (int i = 0; i < n; i++) t->order[i] = first + i;
        mem_upload(t->index, t->order, sizeof *t->order * (size_t)n);
        tape_reset(&t->tape);
        struct var x = var_room(&t->tape, n, size, size, 3);
        views_make(t, x.data, set, n, recipe, epoch, view);
        const struct var f = model_features(&t->tape, frozen, x, 0, false);
        if (features) op_act_to_float(float_at(features, (size_t)first * f.c), f.data, (size_t)n * f.c);
        if (!z && !p) continue;
        const struct var out = model_project(&t->tape, frozen, f, 0, false);
        if (z) op_act_to_float(float_at(z, (size_t)first * out.c), out.data, (size_t)n * out.c);
        if (!p) continue;
        const struct var h = model_predict(&t->tape, frozen, out, 0, false);
        op_act_to_float(float_at(p, (size_t)first * h.c), h.data, (size_t)n * h.c);
    }
    free(frozen);
    return first >= set->host.n;
}

int trainer_skipped(const struct trainer *t)
{
    if (!t->s->skip_bad) return 0;
    int bad = 0;
    const struct image_set *const set[2] = { &t->train, &t->monitor };
    for (int i = 0; i < 2; i++) {
        const int more = folder_bad(set[i]->host.folder, NULL);
        if (more < 0) return -1;
        folder_check(set[i]->host.folder);
        bad += more;
    }
    return bad;
}
