/* SPDX-License-Identifier: MIT
 *
 * encode.c -- a whole set of images through the model in evaluation mode, and what that mode needs
 * before anything was trained.
 */
#include "train.h"

#include <stdlib.h>

bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe,
                    uint32_t epoch, uint32_t view, dev_float *features, dev_float *z, dev_float *p)
{
    struct model *const frozen = model_frozen(&t->model);
    const int size = t->s->image_size, parts = t->tape.parts;
    t->tape.parts = 0;                   /* rows alone: there is no sum to cut */
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
    t->tape.parts = parts;
    return first >= set->host.n;
}

/* Each view of a step moves the statistics by BN_MOMENTUM: of their start 0.9^88 is left, less than
 * a ten-thousandth. */
enum { SETTLE_STEPS = 44 };

/* A run of a few steps does not settle for longer than it trains. */
static int settle_steps(const struct trainer *t)
{
    const int64_t trained = (int64_t)t->s->epochs * t->steps;
    return trained && trained < SETTLE_STEPS ? (int)trained : SETTLE_STEPS;
}

bool trainer_settle(struct trainer *t)
{
    struct model *const frozen = model_frozen(&t->model);
    const int size = t->s->image_size, views = t->plan.views, steps = settle_steps(t);
    int done = 0;
    for (; done < steps && !stop_requested(); done++) {
        dev_act *const x = loader_make(&t->loader, done / t->steps, done % t->steps, 0, views);
        tape_reset(&t->tape);
        const struct var all = var_input(x, views * t->s->batch, size, size, 3);
        const struct views z = encode(&t->tape, frozen, all, &t->plan);
        if (!t->method->predicted) predict(&t->tape, frozen, &z, &t->plan);
    }
    free(frozen);
    return done == steps;
}

int trainer_skipped(const struct trainer *t)
{
    const struct image_set *const sets[] = { &t->train, &t->monitor, &t->test };
    int all = 0;
    for (int i = 0; i < 3; i++) {
        const int skipped = sets[i]->host.n ? images_skipped(sets[i]) : 0;
        if (skipped < 0) return -1;
        all += skipped;
    }
    return all;
}
