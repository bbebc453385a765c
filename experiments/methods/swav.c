/* SPDX-License-Identifier: MIT
 *
 * swav.c -- SwAV (Caron et al. 2020, eq. 1 to 5; Algorithm 1 of its supplement) on views of one
 * size; with the codes' gradient too (Sec. 6.2: stop_grad: false).
 */
#include "swav.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"

/* ---- the parts of a view --------------------------------------------------------------------- */

static int rows_of_view(const struct swav *w)
{
    return w->s.queue + w->batch;
}

/* The batch's rows of view v, of an array with `width` numbers a row. */
static dev_float *batch_of(const struct swav *w, dev_float *x, int v, int width)
{
    const size_t row = (size_t)v * (size_t)rows_of_view(w) + (size_t)w->s.queue;
    return float_at(x, row * (size_t)width);
}

/* What Sinkhorn sees of a view: the batch, and the queue before it where that is full. */
static int sinkhorn_rows(const struct swav *w)
{
    return w->queue_is_full ? rows_of_view(w) : w->batch;
}

static dev_float *sinkhorn_of(const struct swav *w, dev_float *x, int v, int width)
{
    dev_float *const batch = batch_of(w, x, v, width);
    if (!w->queue_is_full) return batch;
    return float_at(x, (size_t)v * (size_t)rows_of_view(w) * (size_t)width);
}

static dev_float *potentials_of(const struct swav *w, int v)
{
    const size_t each = (size_t)(w->s.prototypes + rows_of_view(w));
    return float_at(w->potentials, (size_t)v * (size_t)w->s.iterations * each);
}

static bool is_target(const struct swav *w, int v)
{
    for (int k = 0; k < w->pairs->n; k++)
        if (w->pairs->v[k][1] == v) return true;
    return false;
}

/* ---- the loss -------------------------------------------------------------------------------- */

/* Scores s = z c^T of unit rows z and prototypes c, and codes q of the views that are targets. */
static void swav_fwd(const struct node *n)
{
    const struct swav *const w = (const void *)n->op;
    const int d = w->width, k = w->s.prototypes;
    const size_t features = (size_t)w->batch * (size_t)d, all = (size_t)k * (size_t)d;
    mem_copy(w->unit, n->w.data, sizeof(float) * all);
    op_normalize_rows(w->unit, k, d);
    for (int v = 0; v < w->views; v++) {
        dev_float *const z = batch_of(w, w->features, v, d);
        op_act_to_float(z, var_rows(n->x, v * w->batch, w->batch).data, features);
        op_normalize_rows(z, w->batch, d);
        /* The queue's features meet the prototypes as they are now. */
        dev_float *const s = sinkhorn_of(w, w->scores, v, k);
        op_scores_fwd(s, sinkhorn_of(w, w->features, v, d), w->unit, sinkhorn_rows(w), k, d);
        if (is_target(w, v))
            op_sinkhorn_fwd(sinkhorn_of(w, w->codes, v, k), potentials_of(w, v), s,
                            (float)w->s.epsilon, w->s.iterations, sinkhorn_rows(w), k);
    }
    /* L = mean over the pairs of l(z_i, q_j) = -sum_k q_jk log softmax(s_i / T)_k (eq. 1, 2) */
    for (int p = 0; p < w->pairs->n; p++)
        op_code_entropy_fwd(n->loss, batch_of(w, w->scores, w->pairs->v[p][0], k),
                            batch_of(w, w->codes, w->pairs->v[p][1], k), (float)w->s.temperature,
                            n->scale, w->batch, k);
}

/* The gradients of the scores, of the batch's rows alone: the queue is a constant. */
static void scores_back(const struct swav *w, float weight)
{
    const int k = w->s.prototypes;
    const size_t all = (size_t)w->views * (size_t)rows_of_view(w) * (size_t)k;
    mem_zero(w->scores_grad, sizeof(float) * all);
    if (!w->stop_grad) mem_zero(w->codes_grad, sizeof(float) * all);
    for (int p = 0; p < w->pairs->n; p++) {
        const int i = w->pairs->v[p][0], j = w->pairs->v[p][1];
        dev_float *const dq = w->stop_grad ? NULL : batch_of(w, w->codes_grad, j, k);
        op_code_entropy_bwd(batch_of(w, w->scores_grad, i, k), dq, batch_of(w, w->scores, i, k),
                            batch_of(w, w->codes, j, k), (float)w->s.temperature, weight, w->batch,
                            k);
    }
    for (int v = 0; v < w->views && !w->stop_grad; v++)  /* Sec. 6.2: back through Sinkhorn */
        if (is_target(w, v))
            op_sinkhorn_bwd(batch_of(w, w->scores_grad, v, k), batch_of(w, w->codes_grad, v, k),
                            potentials_of(w, v), batch_of(w, w->scores, v, k), (float)w->s.epsilon,
                            w->s.iterations, w->batch, k);
}

static void swav_bwd(const struct node *n)
{
    const struct swav *const w = (const void *)n->op;
    const int d = w->width, k = w->s.prototypes;
    const bool inside = w->s.prototype_norm == NORM_IN_GRADIENT;
    dev_float *const dc = n->w.grad && inside ? w->unit_grad : n->w.grad;
    if (dc == w->unit_grad) mem_zero(dc, sizeof(float) * (size_t)k * (size_t)d);
    scores_back(w, n->scale);
    for (int v = 0; v < w->views; v++) {
        dev_float *const dz = float_at(w->features_grad, (size_t)v * (size_t)w->batch * (size_t)d);
        op_scores_bwd(n->dx.at ? dz : NULL, dc, batch_of(w, w->scores_grad, v, k),
                      batch_of(w, w->features, v, d), w->unit, w->batch, k, d);
    }
    if (n->dx.at) op_unit_bwd(n->dx, w->features_grad, n->x.data, w->views * w->batch, d);
    if (n->w.grad && inside) op_unit_weight_bwd(n->w.grad, dc, n->w.data, k, d);
}

static double swav_flops(const struct node *n)
{
    const struct swav *const w = (const void *)n->op;
    return 2.0 * w->views * sinkhorn_rows(w) * (double)w->s.prototypes * w->width;
}

static struct var loss(const struct step *s)
{
    struct swav *const w = s->own;
    const int groups = w->s.joint_bn ? 1 : s->plan->views;
    struct weight c = params_weight(&s->f->params, w->prototypes);
    const size_t bytes = sizeof(float) * (size_t)w->s.prototypes * (size_t)w->width;
    if (w->frozen) {
        mem_copy(w->kept, c.data, bytes);
        c.grad = NULL;
    } else if (w->s.prototype_norm == NORM_OUTSIDE) {
        op_normalize_rows(c.data, w->s.prototypes, w->width);    /* before each pass, as released */
    }
    const struct var h = model_features(s->tape, s->f, s->x, groups, true);
    const struct var z = model_project(s->tape, s->f, h, groups, true);
    tape_root(s->tape, &(struct node){ .op = &w->op, .x = z, .w = c, .loss = s->loss,
                                       .scale = 1.0f / (float)w->pairs->n });
    return stopgrad(z);
}

/* Frozen: neither weight decay nor momentum has moved them.  And the features join the queue, in
 * place of the oldest. */
static void moved(const struct step *s)
{
    const struct swav *const w = s->own;
    const struct params *const ps = &s->f->params;
    const size_t at = ps->p[w->prototypes].offset, row = sizeof(float) * (size_t)w->width;
    if (w->frozen) {
        mem_copy(float_at(ps->data, at), w->kept, row * (size_t)w->s.prototypes);
        mem_zero(float_at(ps->velocity, at), row * (size_t)w->s.prototypes);
    }
    for (int v = 0; v < w->views && w->s.queue && s->epoch >= w->s.queue_from; v++) {
        dev_float *const batch = batch_of(w, w->features, v, w->width);
        dev_float *const queue = float_at(w->features, (size_t)v * (size_t)rows_of_view(w) *
                                                           (size_t)w->width);
        op_rows_put(queue, batch, w->place, w->batch, row);
    }
}

/* ---- what differs from step to step ---------------------------------------------------------- */

/* A step with frozen prototypes, or with a queue that is not full yet, is made of other ops. */
static bool aim(const struct step *s)
{
    struct swav *const w = s->own;
    const int64_t since = (int64_t)(s->epoch - w->s.queue_from) * s->steps + s->step;
    w->frozen = s->epoch < w->s.frozen_epochs;
    w->queue_is_full = w->s.queue && since >= w->s.queue / w->batch;
    for (int i = 0; i < w->batch && w->s.queue && since >= 0; i++)
        w->host[i] = (int32_t)((since * w->batch + i) % w->s.queue);
    mem_upload(w->place, w->host, sizeof *w->host * (size_t)w->batch);
    return !w->frozen && (!w->s.queue || w->queue_is_full);
}

/* ---- its state ------------------------------------------------------------------------------- */

static const char prototypes_name[] = "prototypes.weight";

/* K rows without a bias, initialised as a linear layer: the encoder's last parameters. */
static void declare(struct params *ps, const struct settings *s, int width)
{
    const struct swav_settings *const own = (const void *)s->own;
    const int dim[2] = { own->prototypes, width };
    params_add(ps, prototypes_name, INIT_FC, width, 2, dim);
}

static void rooms_open(struct swav *w)
{
    const size_t rows = (size_t)w->views * (size_t)rows_of_view(w), d = (size_t)w->width;
    const size_t k = (size_t)w->s.prototypes, number = sizeof(float);
    const size_t each = k + (size_t)rows_of_view(w);
    w->unit = mem_alloc(number * k * d);
    w->unit_grad = mem_alloc(number * k * d);
    w->kept = mem_alloc(number * k * d);
    w->features = mem_alloc(number * rows * d);
    w->scores = mem_alloc(number * rows * k);
    w->codes = mem_alloc(number * rows * k);
    w->potentials = mem_alloc(number * (size_t)w->views * (size_t)w->s.iterations * each);
    w->scores_grad = mem_alloc(number * rows * k);
    if (!w->stop_grad) w->codes_grad = mem_alloc(number * rows * k);
    w->features_grad = mem_alloc(number * (size_t)w->views * (size_t)w->batch * d);
    w->place = mem_alloc(sizeof(int32_t) * (size_t)w->batch);
    w->host = host_alloc((size_t)w->batch, sizeof *w->host);
}

static void *swav_open(const struct model *f, const struct settings *s)
{
    struct swav *const w = host_alloc(1, sizeof *w);
    *w = (struct swav){
        .op = { "swapped", swav_fwd, swav_bwd, swav_flops, false },
        .s = *(const struct swav_settings *)(const void *)s->own,
        .pairs = &s->pairs, .stop_grad = s->stop_grad, .batch = s->batch,
        .views = model_views(s).views, .width = f->projector.out,
    };
    while (strcmp(f->params.p[w->prototypes].name, prototypes_name)) w->prototypes++;
    rooms_open(w);
    return w;
}

static void swav_close(void *state)
{
    struct swav *const w = state;
    dev_float *const rooms[] = { w->unit, w->unit_grad, w->kept, w->features, w->scores, w->codes,
                                 w->potentials, w->scores_grad, w->codes_grad, w->features_grad };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) mem_free(rooms[i]);
    mem_free(w->place);
    free(w->host);
    free(w);
}

/* The prototypes are the model's. */
static int tensors(void *state, struct tensor *list)
{
    const struct swav *const w = state;
    if (!w->s.queue) return 0;
    const size_t rows = (size_t)w->views * (size_t)rows_of_view(w);
    list[0] = (struct tensor){ .name = "queue", .data = w->features,
                               .floats = rows * (size_t)w->width };
    return 1;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const char *const norm_names[] = { [NORM_OUTSIDE] = "outside",
                                          [NORM_IN_GRADIENT] = "in-gradient", NULL };

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct swav_settings, field)
static const struct key keys[] = {
    { AT("temperature", temperature), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "T: scores are cosines / T" },
    { AT("epsilon", epsilon), .type = KEY_FLOAT, .low = 0.005, .high = 100, .unit = "",
      .sentence = "codes are made of scores / epsilon: the smaller, the sharper" },
    { AT("sinkhorn", iterations), .type = KEY_INT, .low = 1, .high = 1000, .unit = "iterations",
      .sentence = "of Sinkhorn's normalisation: prototypes, then samples" },
    { AT("prototypes", prototypes), .type = KEY_INT, .low = 2, .high = 100000, .unit = "rows",
      .sentence = "K, which features are assigned to; about the batch or fewer without a queue" },
    { AT("prototype_norm", prototype_norm), .type = KEY_CHOICE, .choices = norm_names, .unit = "",
      .sentence = "prototypes are put to unit length before each step, or in the gradient "
                  "(Sec. 6.2)" },
    { AT("frozen_epochs", frozen_epochs), .type = KEY_INT, .high = 100000, .unit = "passes",
      .sentence = "at first, in which the prototypes stay as they are" },
    { AT("queue", queue), .type = KEY_INT, .high = 10000000, .unit = "features",
      .sentence = "of a view, from earlier steps, that codes are made with; 0: none" },
    { AT("queue_from", queue_from), .type = KEY_INT, .high = 100000, .unit = "passes",
      .sentence = "after which the queue begins to fill; used once it is full" },
    { AT("joint_bn", joint_bn), .type = KEY_BOOL, .unit = "",
      .sentence = "batch norm over the rows of both views together; false: over each view's" },
    { .name = NULL }
};
/* As published and released, but for K: 3000 prototypes are ImageNet's, of 4096 images a step; 512
 * is a batch of CIFAR-10's, for which no queue is needed. */
static const struct swav_settings defaults = {
    .temperature = 0.1, .epsilon = 0.05, .iterations = 3, .prototypes = 512,
    .prototype_norm = NORM_OUTSIDE, .frozen_epochs = 1, .queue = 0, .queue_from = 15,
    .joint_bn = true,
};

static bool has_predictor(const struct settings *s, char *why)
{
    return s->predictor.n && because(why, "swav has no predictor; predictor: []");
}

static bool other_distance(const struct settings *s, char *why)
{
    return distances[s->distance].add != neg_cosine &&
           because(why, "swav's loss is a cross-entropy with codes; distance: cosine");
}

static bool queue_torn(const struct settings *s, char *why)
{
    const int queue = ((const struct swav_settings *)(const void *)s->own)->queue;
    return queue % s->batch &&
           because(why, "queue %d; a multiple of the batch of %d, so that it is replaced in whole "
                   "steps",
                   queue, s->batch);
}

/* The gradient of a queue's codes would be that of images that are no more. */
static bool queue_flows(const struct settings *s, char *why)
{
    const int queue = ((const struct swav_settings *)(const void *)s->own)->queue;
    return queue && !s->stop_grad && because(why, "a queue goes with stop_grad: true; or queue: 0");
}

static const struct rule rules[] = {
    { { "predictor", "method" }, has_predictor },
    { { "distance", "method" }, other_distance },
    { { "queue", "batch", "method" }, queue_torn },
    { { "queue", "stop_grad", "method" }, queue_flows },
    { { NULL }, NULL }
};

const struct method swav = {
    .keys = keys, .rules = rules, .defaults = &defaults, .own_bytes = sizeof defaults,
    .declare = declare, .open = swav_open, .aim = aim, .loss = loss, .moved = moved,
    .tensors = tensors, .close = swav_close,
};
