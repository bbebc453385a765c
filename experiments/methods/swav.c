/* SPDX-License-Identifier: MIT
 *
 * swav.c -- SwAV (Caron et al. 2020, eq. 1 to 5; Algorithm 1 of its supplement) on views of one
 * size; with the codes' gradient too (Sec. 6.2: stop_grad: false), and with a predictor (Sec. 6.2).
 */
#include "swav.h"

/* L = mean over the pairs of l(z_i, q_j) = -sum_k q_jk log softmax(p_i / T)_k (eq. 1, 2): p are the
 * scores s = z c^T, or what a predictor makes of them, h(s); q are the codes (codes.c). */
void swav_terms_fwd(const struct swav *w, dev_float *loss, float weight)
{
    const struct codes *const c = &w->codes;
    const int k = c->prototypes;
    for (int t = 0; t < w->pairs->n; t++)
        op_code_entropy_fwd(loss, codes_rows(c, w->p, w->pairs->v[t][0], k),
                            codes_rows(c, c->codes, w->pairs->v[t][1], k), (float)w->s.temperature,
                            weight, c->batch, k);
}

/* Without stop-gradient the codes have one, too (Sec. 6.2). */
void swav_terms_bwd(const struct swav *w, float weight)
{
    const struct codes *const c = &w->codes;
    const int k = c->prototypes;
    for (int t = 0; t < w->pairs->n; t++) {
        const int i = w->pairs->v[t][0], j = w->pairs->v[t][1];
        op_code_entropy_bwd(codes_rows(c, w->p_grad, i, k), codes_rows(c, c->codes_grad, j, k),
                            codes_rows(c, w->p, i, k), codes_rows(c, c->codes, j, k),
                            (float)w->s.temperature, weight, c->batch, k);
    }
}

/* The prototypes c, in the first passes as they are; before each later one of unit length, as
 * released, unless the norm is in the gradient (Sec. 6.2, footnote 8). */
static struct weight prototypes(const struct swav *w, const struct step *s)
{
    struct weight c = params_weight(&s->f->params, w->prototypes);
    const int k = w->codes.prototypes, d = w->codes.width;
    if (w->frozen) {
        mem_copy(w->kept, c.data, sizeof(float) * (size_t)k * (size_t)d);
        c.grad = NULL;
    } else if (w->s.prototype_norm == NORM_OUTSIDE) {
        op_normalize_rows(c.data, k, d);
    }
    return c;
}

static struct var loss(const struct step *s)
{
    const struct swav *const w = s->own;
    const int groups = w->s.joint_bn ? 1 : s->plan->views;
    const struct weight c = prototypes(w, s);
    const struct var f = model_features(s->tape, s->f, s->x, groups, true);
    const struct var z = model_project(s->tape, s->f, f, groups, true);
    struct node n = { .x = z, .w = c, .loss = s->loss_whole, .scale = 1.0f / (float)w->pairs->n };
    if (!s->f->predictor.n) {
        n.op = &w->whole.op;                             /* s, q and L */
        tape_node(s->tape, &n, 0);
        return stopgrad(z);
    }
    n.op = &w->seen.op;                                  /* s and q */
    const struct var scores = tape_node(s->tape, &n, w->codes.prototypes);
    const struct var p = model_predict(s->tape, s->f, scores, groups, true);
    n = (struct node){ .op = &w->told.op, .x = p, .loss = n.loss, .scale = n.scale };
    tape_node(s->tape, &n, 0);                           /* L */
    return stopgrad(z);
}

/* Frozen: neither weight decay nor momentum has moved them.  And the features join the queue. */
static void moved(const struct step *s)
{
    const struct swav *const w = s->own;
    const struct params *const ps = &s->f->params;
    const struct param *const c = &ps->p[w->prototypes];
    if (w->frozen) {
        mem_copy(float_at(ps->data, c->offset), w->kept, sizeof(float) * c->count);
        mem_zero(float_at(ps->velocity, c->offset), sizeof(float) * c->count);
    }
    if (w->s.queue && s->epoch >= w->s.queue_from) codes_keep(&w->codes);
}

/* A step with frozen prototypes, or with a queue that is not full yet, is made of other ops. */
static bool aim(const struct step *s)
{
    struct swav *const w = s->own;
    codes_aim(&w->codes, (int64_t)(s->epoch - w->s.queue_from) * s->steps + s->step);
    w->frozen = s->epoch < w->s.frozen_epochs;
    return !w->frozen && (!w->s.queue || w->codes.queue_is_full);
}

const struct method swav = {
    .keys = swav_keys, .rules = swav_rules,
    .defaults = &swav_defaults, .own_bytes = sizeof swav_defaults,
    .declare = swav_declare, .predicted = swav_predicted, .cut = swav_cut, .open = swav_open,
    .aim = aim, .loss = loss, .moved = moved, .tensors = swav_tensors, .close = swav_close,
};
