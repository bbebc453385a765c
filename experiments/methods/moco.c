/* SPDX-License-Identifier: MIT
 *
 * moco.c -- MoCo v2 (He et al. 2020, Algorithm 1; Chen et al. 2020, "Improved baselines"), with one
 * pair of views as published, or with both (Sec. 6.1, App. C: symmetrised).
 */
#include "moco.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "../../engine/philox.h"

/* What a running statistic was before the step. */
static const dev_float *before(const struct moco *own, const struct params *ps,
                               const dev_float *now)
{
    const size_t at = (size_t)((const char *)now - (const char *)ps->stats) / sizeof(float);
    return float_at(own->statistics, at);
}

/* Batch statistics of a query view are those of its splits.  Of the running ones op_bn_act_fwd has
 * made a move a split; MoCo's make one a view, by the splits' mean, as if each split had statistics
 * of its own, and all were averaged after it. */
static void statistics_move(const struct moco *own, const struct step *s, int first, int views)
{
    const struct params *const ps = &s->f->params;
    for (int i = first; i < s->tape->n_nodes; i++) {
        const struct node *const n = &s->tape->node[i];
        if (!n->bn.groups || !n->run_mean) continue;
        const size_t channels = (size_t)own->s.bn_splits * (size_t)n->bn.c;
        const struct bn_shape split = { own->s.bn_splits, n->bn.rows, n->bn.c };
        const dev_float *mean = before(own, ps, n->run_mean), *var = before(own, ps, n->run_var);
        for (int v = 0; v < views; v++) {
            op_bn_split(n->run_mean, n->run_var, mean, var, float_at(n->mean, (size_t)v * channels),
                        float_at(n->rstd, (size_t)v * channels), split);
            mean = n->run_mean;
            var = n->run_var;
        }
    }
}

/* q = f_q(x) of `views` views. */
static struct var queries(const struct moco *own, const struct step *s, struct var x, int views)
{
    const struct params *const ps = &s->f->params;
    const int first = s->tape->n_nodes, groups = views * own->s.bn_splits;
    mem_copy(own->statistics, ps->stats, sizeof(float) * ps->n_stats);
    const struct var h = model_features(s->tape, s->f, x, groups, true);
    const struct var q = model_project(s->tape, s->f, h, groups, true);
    statistics_move(own, s, first, views);
    return q;
}

/* k = f_k(x), no gradient.  Shuffled, so that no split of the keys holds the images of one split of
 * the queries, by whose statistics they could be told (v1, Sec. 3.3); and put back.  f_k's own
 * running statistics serve nobody, and do not move. */
static struct var keys_of(const struct moco *own, const struct step *s, struct var x, int views)
{
    const int groups = views * own->s.bn_splits;
    const size_t image = (size_t)x.h * (size_t)x.w * (size_t)x.c * mem_act_bytes();
    struct var in = x;
    if (own->s.shuffle_bn) {
        in = var_room(s->tape, x.n, x.h, x.w, x.c);
        op_rows_take(in.data, x.data, own->order, x.n, image);
    }
    const struct var h = model_features(s->tape, own->key, in, groups, false);
    const struct var k = model_project(s->tape, own->key, h, groups, false);
    if (!own->s.shuffle_bn) return k;
    const struct var back = var_room(s->tape, k.n, 1, 1, k.c);
    op_rows_put(back.data, k.data, own->order, k.n, (size_t)k.c * mem_act_bytes());
    return back;
}

/* The outputs of both views: q, and k where no q was made. */
static struct var outputs(const struct step *s, struct var q, struct var k)
{
    if (q.n == s->x.n) return stopgrad(q);
    const struct var all = var_room(s->tape, s->x.n, 1, 1, q.c);
    const size_t bytes = (size_t)q.n * (size_t)q.c * mem_act_bytes();
    mem_copy(all.data, q.data, bytes);
    mem_copy(var_rows(all, q.n, k.n).data, k.data, bytes);
    return all;
}

static struct var loss(const struct step *s)
{
    struct moco *const own = s->own;
    const struct params *const theta_k = &own->key->params;
    const int views = s->s->pairs.n, rows = views * s->s->batch;
    /* theta_k <- m theta_k + (1 - m) theta_q, before the keys (eq. 2): its parameters alone */
    op_ema(theta_k->data, s->f->params.data, own->momentum, theta_k->count);
    const struct var q = queries(own, s, var_rows(s->x, 0, rows), views);
    const struct var k = keys_of(own, s, var_rows(s->x, s->x.n - rows, rows), views);
    op_act_to_float(own->info_nce.keys, k.data, (size_t)k.n * (size_t)k.c);
    op_normalize_rows(own->info_nce.keys, k.n, k.c);
    /* L = -log exp(q k+ / T) / (exp(q k+ / T) + sum over the queue), mean (eq. 1); of both views,
     * the mean of two such terms, which see the same queue */
    contrastive_add(&own->info_nce, s->tape, s->loss, q, (struct var){ .data = NULL });
    return outputs(s, q, k);
}

/* The step's keys replace the oldest, once its gradient has been made with the queue as it was. */
static void moved(const struct step *s)
{
    const struct moco *const own = s->own;
    const struct contrastive *const c = &own->info_nce;
    op_rows_put(moco_queue(own), c->keys, own->place, c->rows, sizeof(float) * (size_t)c->width);
}

dev_float *moco_queue(const struct moco *m)
{
    return float_at(m->info_nce.keys, (size_t)m->info_nce.rows * (size_t)m->info_nce.width);
}

/* ---- what differs from step to step ---------------------------------------------------------- */

/* At first the queue holds random directions: normal numbers, of unit length. */
static void queue_fill(const struct moco *own, uint64_t seed)
{
    const struct contrastive *const c = &own->info_nce;
    const size_t n = (size_t)c->queue * (size_t)c->width;
    float *const x = host_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        const struct philox r = philox_draw(seed, PHILOX_INIT, PARAMS_MAX, (uint32_t)i, 0, 0);
        const double u = (r.v[0] + 1.0) / 4294967296.0, angle = 6.283185307179586 * r.v[1];
        x[i] = (float)(sqrt(-2 * log(u)) * cos(angle / 4294967296.0));
    }
    mem_upload(moco_queue(own), x, sizeof *x * n);
    op_normalize_rows(moco_queue(own), c->queue, c->width);
    free(x);
}

static bool aim(const struct step *s)
{
    const struct moco *const own = s->own;
    const int rows = own->info_nce.rows, batch = s->s->batch, queue = own->s.queue;
    const int64_t t = (int64_t)s->epoch * s->steps + s->step;
    const uint64_t seed = s->loader->source.seed;
    if (t == 0) queue_fill(own, seed);
    for (int i = 0; i < rows; i++) {                     /* each view in an order of its own */
        const uint32_t draw = (uint32_t)(2 * t + i / batch);
        own->host[i] = i / batch * batch +
                       (int32_t)permute_index(~seed, draw, (uint32_t)batch, (uint32_t)(i % batch));
    }
    mem_upload(own->order, own->host, sizeof *own->host * (size_t)rows);
    for (int i = 0; i < rows; i++) own->host[i] = (int32_t)((t * rows + i) % queue);
    mem_upload(own->place, own->host, sizeof *own->host * (size_t)rows);
    return true;
}

/* ---- its state ------------------------------------------------------------------------------- */

static void *moco_open(const struct model *f, const struct settings *s)
{
    struct moco *const own = host_alloc(1, sizeof *own);
    own->s = *(const struct moco_settings *)(const void *)s->own;
    const int rows = s->pairs.n * s->batch;
    /* Row i's positive is the key of the same image, in the other view. */
    contrastive_open(&own->info_nce, rows, own->s.queue, f->projector.out, rows - s->batch, false,
                     own->s.temperature);
    own->key = encoder_twin(f);                          /* theta_k starts as theta_q */
    own->momentum = mem_alloc(sizeof(float));
    own->statistics = mem_alloc(sizeof(float) * f->params.n_stats);
    own->order = mem_alloc(sizeof(int32_t) * (size_t)rows);
    own->place = mem_alloc(sizeof(int32_t) * (size_t)rows);
    own->host = host_alloc((size_t)rows, sizeof *own->host);
    const float momentum = (float)own->s.momentum;
    mem_upload(own->momentum, &momentum, sizeof momentum);
    return own;
}

static void moco_close(void *state)
{
    struct moco *const own = state;
    contrastive_close(&own->info_nce);
    model_free(own->key);
    free(own->key);
    mem_free(own->momentum);
    mem_free(own->statistics);
    mem_free(own->order);
    mem_free(own->place);
    free(own->host);
    free(own);
}

/* Where the queue's oldest key is follows from the step. */
static int tensors(void *state, struct tensor *list)
{
    const struct moco *const own = state;
    const struct contrastive *const c = &own->info_nce;
    list[0] = (struct tensor){ .name = "key", .data = own->key->params.data,
                               .floats = own->key->params.count };
    list[1] = (struct tensor){ .name = "queue", .data = moco_queue(own),
                               .floats = (size_t)c->queue * (size_t)c->width };
    return 2;
}

/* ---- keys ------------------------------------------------------------------------------------ */

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct moco_settings, field)
static const struct key keys[] = {
    { AT("temperature", temperature), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "T: scores are cosines / T" },
    { AT("key_momentum", momentum), .type = KEY_FLOAT, .high = 1, .unit = "",
      .sentence = "m of theta_k = m theta_k + (1 - m) theta_q" },
    { AT("queue", queue), .type = KEY_INT, .low = 1, .high = 10000000, .unit = "keys",
      .sentence = "K, the negatives: keys of the last steps" },
    { AT("bn_splits", bn_splits), .type = KEY_INT, .low = 1, .high = 65536, .unit = "groups",
      .sentence = "batch norm over so many parts of a view's rows, as on so many devices" },
    { AT("shuffle_bn", shuffle_bn), .type = KEY_BOOL, .unit = "",
      .sentence = "the keys' rows are shuffled before they are split (v1, Sec. 3.3)" },
    { .name = NULL }
};
/* T is v2's with its MLP head; m, K and the splits are those of the authors' own CIFAR-10 program,
 * for ImageNet's 0.999 and 65536 are made for a hundred times as many steps. */
static const struct moco_settings defaults = {
    .temperature = 0.2, .momentum = 0.99, .queue = 4096, .bn_splits = 8, .shuffle_bn = true,
};

static bool keys_flow(const struct settings *s, char *why)
{
    return !s->stop_grad &&
           because(why,
                   "moco's keys are another network's, which has no gradient; stop_grad: true");
}

static bool other_pairs(const struct settings *s, char *why)
{
    const int (*const v)[2] = s->pairs.v;
    const bool there = v[0][0] == 0 && v[0][1] == 1, back = v[1][0] == 1 && v[1][1] == 0;
    return !(there && (s->pairs.n == 1 || (s->pairs.n == 2 && back))) &&
           because(why, "moco has a query and a key of each image; pairs: [[0, 1]], or [[0, 1], "
                   "[1, 0]] for both ways");
}

static bool has_predictor(const struct settings *s, char *why)
{
    return s->predictor.n && because(why, "moco has no predictor; predictor: []");
}

static bool other_distance(const struct settings *s, char *why)
{
    return distances[s->distance].add != neg_cosine &&
           because(why, "moco's scores are cosines; distance: cosine");
}

static bool queue_torn(const struct settings *s, char *why)
{
    const int queue = ((const struct moco_settings *)(const void *)s->own)->queue;
    const int rows = s->pairs.n * s->batch;
    return queue % rows &&
           because(why, "queue %d; a multiple of the %d keys of a step, so that it is replaced in "
                   "whole steps", queue, rows);
}

static bool splits_torn(const struct settings *s, char *why)
{
    const int splits = ((const struct moco_settings *)(const void *)s->own)->bn_splits;
    return (s->batch % splits || s->batch / splits < 2) &&
           because(why, "bn_splits %d of a batch of %d; equal parts of two images or more", splits,
                   s->batch);
}

static const struct rule rules[] = {
    { { "stop_grad", "method" }, keys_flow },
    { { "pairs", "method" }, other_pairs },
    { { "predictor", "method" }, has_predictor },
    { { "distance", "method" }, other_distance },
    { { "queue", "batch", "pairs", "method" }, queue_torn },
    { { "bn_splits", "batch", "method" }, splits_torn },
    { { NULL }, NULL }
};

/* A query and a key for each way. */
static int passes(const struct settings *s)
{
    return (3 + 1) * s->pairs.n;
}

const struct method moco = {
    .keys = keys, .rules = rules, .defaults = &defaults, .own_bytes = sizeof defaults,
    .open = moco_open, .aim = aim, .loss = loss, .moved = moved,
    .tensors = tensors, .close = moco_close, .passes = passes,
};
