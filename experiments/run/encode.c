/* SPDX-License-Identifier: MIT
 *
 * encode.c -- a whole set of images through the model in evaluation mode.
 */
#include "train.h"

#include <stdlib.h>

bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe,
                    uint32_t epoch, uint32_t view, dev_float *features, dev_float *z, dev_float *p)
{
    struct model *const frozen = model_frozen(&t->model);
    const int size = t->s->image_size;
    const struct view_order o = { recipe, t->seed, epoch, view, 1, size };
    int first = 0;
    for (; first < set->host.n && !stop_requested(); first += EVAL_CHUNK) {
        const int n = set->host.n - first < EVAL_CHUNK ? set->host.n - first : EVAL_CHUNK;
        t->encoded.n = n;
        for (int i = 0; i < n; i++) t->encoded.order[i] = first + i;
        image_batch_send(&t->encoded, epoch);
        tape_reset(&t->tape);
        const struct var x = var_room(&t->tape, n, size, size, 3);
        images_views(set, x.data, &t->encoded, &o);
        const struct var f = model_features(&t->tape, frozen, x, 0, false);
        if (features)
            op_act_to_float(float_at(features, (size_t)first * f.c), f.data, (size_t)n * f.c);
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
    const int train = images_skipped(&t->train),
              monitor = train < 0 ? -1 : images_skipped(&t->monitor);
    return monitor < 0 ? -1 : train + monitor;
}
