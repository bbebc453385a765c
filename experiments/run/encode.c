/* SPDX-License-Identifier: MIT
 *
 * encode.c -- a whole set of images through the model in evaluation mode, and what that mode needs
 * before anything was trained.
 */
#include "train.h"

#include <stdlib.h>

#include "../../engine/comm.h"

/* Images first .. first+n-1 of the set; features, z and p are theirs. */
static void chunk_encode(struct trainer *t, const struct model *frozen, const struct image_set *set,
                         const struct view_order *o, int first, int n, dev_float *features,
                         dev_float *z, dev_float *p)
{
    t->encoded.n = n;
    for (int i = 0; i < n; i++) t->encoded.order[i] = first + i;
    image_batch_send(&t->encoded, o->epoch);
    tape_reset(&t->tape);
    const struct var x = var_room(&t->tape, n, o->size, o->size, 3);
    images_views(set, x.data, &t->encoded, o);
    const struct var f = model_features(&t->tape, frozen, x, 0, false);
    if (features) op_act_to_float(features, f.data, (size_t)n * f.c);
    if (!z && !p) return;
    const struct var out = model_project(&t->tape, frozen, f, 0, false);
    if (z) op_act_to_float(z, out.data, (size_t)n * out.c);
    if (!p) return;
    const struct var h = model_predict(&t->tape, frozen, out, 0, false);
    op_act_to_float(p, h.data, (size_t)n * h.c);
}

/* Rows of chunk `first` .. of each process, from its own, in the order of the set: `rows` in all. */
static void chunks_gather(dev_float *all, dev_float *room, int first, int rows, int width)
{
    if (!all || comm_size() == 1) return;
    const size_t chunk = (size_t)EVAL_CHUNK * (size_t)width;
    comm_all_gather(room, float_at(room, (size_t)comm_rank() * chunk), chunk * sizeof(float));
    mem_copy(float_at(all, (size_t)first * (size_t)width), room,
             (size_t)rows * (size_t)width * sizeof(float));
}

/* Where a process leaves its chunk's rows. */
static dev_float *chunk_at(dev_float *all, dev_float *room, int first, int width)
{
    if (!all) return NULL;
    return comm_size() == 1 ? float_at(all, (size_t)first * (size_t)width)
                            : float_at(room, (size_t)comm_rank() * EVAL_CHUNK * (size_t)width);
}

/* Each process has the next chunk of as many as there are processes. */
bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe,
                    uint32_t epoch, uint32_t view, dev_float *features, dev_float *z, dev_float *p)
{
    struct model *const frozen = model_frozen(&t->model);
    const struct view_order o = { recipe, t->seed, epoch, view, 1, t->s->image_size };
    const int parts = t->tape.parts, all = set->host.n, round = EVAL_CHUNK * comm_size();
    const int f = t->model.backbone.features, d = t->model.projector.out, h = t->model.predictor.out;
    dev_float *const own = t->encoded_room;
    const size_t floats = (size_t)round;
    dev_float *const own_z = float_at(own, floats * (size_t)f);
    dev_float *const own_p = float_at(own, floats * (size_t)(f + d));
    t->tape.parts = 0;                   /* rows alone: there is no sum to cut */
    int first = 0;
    for (; first < all && !comm_stops(); first += round) {
        const int mine = first + comm_rank() * EVAL_CHUNK, left = all - mine;
        const int rows = all - first < round ? all - first : round;
        if (left > 0)
            chunk_encode(t, frozen, set, &o, mine, left < EVAL_CHUNK ? left : EVAL_CHUNK,
                         chunk_at(features, own, mine, f), chunk_at(z, own_z, mine, d),
                         chunk_at(p, own_p, mine, h));
        chunks_gather(features, own, first, rows, f);
        chunks_gather(z, own_z, first, rows, d);
        chunks_gather(p, own_p, first, rows, h);
    }
    free(frozen);
    t->tape.parts = parts;
    return first >= all;
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
    for (; done < steps && !comm_stops(); done++) {
        dev_act *const x = loader_make(&t->loader, done / t->steps, done % t->steps, 0, views);
        tape_reset(&t->tape);
        const struct var all = var_input(x, views * batch_here(t->s), size, size, 3);
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
