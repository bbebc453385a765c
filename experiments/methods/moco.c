/* SPDX-License-Identifier: MIT
 *
 * moco.c -- MoCo v2 (He et al. 2020, Algorithm 1; Chen et al. 2020, "Improved baselines"), with one
 * pair of views as published, or with both (Sec. 6.1, App. C: symmetrised).
 */
#include "moco.h"

#include "../../engine/comm.h"

/* q = f_q(x) of `views` views, in batch norm split as on so many devices. */
static struct var queries(const struct moco *own, const struct step *s, struct var x, int views)
{
    const struct params *const ps = &s->f->params;
    const int first = s->tape->n_nodes, groups = views * moco_splits_here(own);
    s->tape->splits = own->s.bn_splits > 1 ? moco_splits_here(own) : 0;
    split_bn_keep(&own->split, ps);
    const struct var h = model_features(s->tape, s->f, x, groups, true);
    const struct var q = model_project(s->tape, s->f, h, groups, true);
    s->tape->splits = 0;
    split_bn_move(&own->split, ps, s->tape, first, views);
    return q;
}

/* k = f_k(x) of the whole batch, no gradient.  Shuffled, so that no split of the keys holds the images of one split of
 * the queries, by whose statistics they could be told (v1, Sec. 3.3); and put back.  f_k's own
 * running statistics serve nobody, and do not move. */
static struct var keys_of(const struct moco *own, const struct step *s, struct var x, int views)
{
    const int n = x.n / views;
    const int groups = views * moco_splits_here(own);
    const size_t image = (size_t)x.h * (size_t)x.w * (size_t)x.c * mem_act_bytes();
    struct var in = x;
    if (own->s.shuffle_bn) {
        const struct var all = batch_whole(s->tape, x, views);
        in = var_room(s->tape, x.n, x.h, x.w, x.c);
        for (int v = 0; v < views; v++)        /* the places that are here, of all images */
            op_rows_take(var_rows(in, v * n, n).data, all.data,
                         int_at(own->order, (size_t)(v * s->s->batch + comm_rank() * n)), n, image);
    }
    s->tape->splits = own->s.bn_splits > 1 ? moco_splits_here(own) : 0;
    const struct var h = model_features(s->tape, own->key, in, groups, false);
    const struct var k = model_project(s->tape, own->key, h, groups, false);
    s->tape->splits = 0;
    const struct var keys = batch_whole(s->tape, k, views);
    if (!own->s.shuffle_bn) return keys;
    const struct var back = var_room(s->tape, keys.n, 1, 1, k.c);
    op_rows_put(back.data, keys.data, own->order, keys.n, (size_t)k.c * mem_act_bytes());
    return back;
}

/* The outputs of both views: q, and k where no q was made, of the images that are here. */
static struct var outputs(const struct step *s, struct var q, struct var k)
{
    if (q.n == s->x.n) return stopgrad(q);
    const struct var all = var_room(s->tape, s->x.n, 1, 1, q.c);
    const size_t bytes = (size_t)q.n * (size_t)q.c * mem_act_bytes();
    mem_copy(all.data, q.data, bytes);
    mem_copy(var_rows(all, q.n, q.n).data, var_rows(k, comm_rank() * q.n, q.n).data, bytes);
    return all;
}

static struct var loss(const struct step *s)
{
    struct moco *const own = s->own;
    const struct params *const theta_k = &own->key->params;
    const int views = s->s->pairs.n, rows = views * batch_here(s->s);
    /* theta_k <- m theta_k + (1 - m) theta_q, before the keys (eq. 2): its parameters alone */
    op_ema(theta_k->data, s->f->params.data, own->momentum, theta_k->count);
    const struct var q = queries(own, s, var_rows(s->x, 0, rows), views);
    const struct var k = keys_of(own, s, var_rows(s->x, s->x.n - rows, rows), views);
    op_act_to_float(own->info_nce.keys, k.data, (size_t)k.n * (size_t)k.c);
    op_normalize_rows(own->info_nce.keys, k.n, k.c);
    /* L = -log exp(q k+ / T) / (exp(q k+ / T) + sum over the queue), mean (eq. 1); of both views,
     * the mean of two such terms, which see the same queue */
    contrastive_add(&own->info_nce, s->tape, s->loss_whole, q, (struct var){ .data = NULL });
    return outputs(s, q, k);
}

/* The step's keys replace the oldest, once its gradient has been made with the queue as it was. */
static void moved(const struct step *s)
{
    const struct moco *const own = s->own;
    const struct contrastive *const c = &own->info_nce;
    op_rows_put(moco_queue(own), c->keys, own->place, c->rows, sizeof(float) * (size_t)c->width);
}

const struct method moco = {
    .keys = moco_keys, .rules = moco_rules,
    .defaults = &moco_defaults, .own_bytes = sizeof moco_defaults,
    .cut = moco_cut, .open = moco_open, .aim = moco_aim, .loss = loss, .moved = moved,
    .tensors = moco_tensors, .close = moco_close, .ranks_wrong = moco_ranks_wrong,
    .passes = moco_passes,
};
