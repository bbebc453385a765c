/* SPDX-License-Identifier: MIT
 *
 * swav_state.c -- SwAV's rooms and prototypes, and its parts as nodes of the tape (swav.h).
 */
#include "swav.h"

#include <stdlib.h>
#include <string.h>

/* ---- nodes ----------------------------------------------------------------------------------- */

static const struct swav *of(const struct node *n)
{
    return ((const struct swav_node *)(const void *)n->op)->of;
}

static void gradients_zero(const struct swav *w)
{
    const struct codes *const c = &w->codes;
    codes_zero(c);
    if (w->p != c->scores) mem_zero(w->p_grad, sizeof(float) * codes_floats(c, c->prototypes));
}

static void whole_fwd(const struct node *n)
{
    codes_fwd(&of(n)->codes, n->x, n->w.data);
    swav_terms_fwd(of(n), n->loss, n->scale);
}

static void whole_bwd(const struct node *n)
{
    gradients_zero(of(n));
    swav_terms_bwd(of(n), n->scale);
    codes_bwd(&of(n)->codes, n->dx, n->x, n->w);
}

static double scores_flops(const struct node *n)
{
    const struct codes *const c = &of(n)->codes;
    const int rows = c->batch + (c->queue_is_full ? c->queue : 0);
    return 2.0 * c->views * rows * (double)c->prototypes * c->width;
}

/* Activations of view v, of K numbers a row; its rows of an array of the codes' that are here. */
static dev_act *view_at(const struct codes *c, dev_act *y, int v)
{
    return act_at(y, (size_t)v * (size_t)c->here * (size_t)c->prototypes);
}

static dev_float *rows_at(const struct codes *c, dev_float *x, int v)
{
    return codes_here(c, x, v, c->prototypes);
}

static size_t numbers(const struct codes *c)
{
    return (size_t)c->here * (size_t)c->prototypes;
}

/* y = the scores, as h wants them. */
static void seen_fwd(const struct node *n)
{
    const struct codes *const c = &of(n)->codes;
    codes_fwd(c, n->x, n->w.data);
    for (int v = 0; v < c->views; v++)
        op_float_to_act(view_at(c, n->y.data, v), rows_at(c, c->scores, v), numbers(c));
}

static void seen_bwd(const struct node *n)
{
    const struct codes *const c = &of(n)->codes;
    for (int v = 0; v < c->views; v++) {
        op_float_to_act_bwd(rows_at(c, c->scores_grad, v),
                            act_at((dev_act *)n->dy, (size_t)v * numbers(c)), numbers(c));
        codes_gather(c, c->scores_grad, v, c->prototypes);
    }
    codes_bwd(c, n->dx, n->x, n->w);
}

static void told_fwd(const struct node *n)
{
    const struct swav *const w = of(n);
    const struct codes *const c = &w->codes;
    for (int v = 0; v < c->views; v++) {
        op_act_to_float(rows_at(c, w->p, v), view_at(c, n->x.data, v), numbers(c));
        codes_gather(c, w->p, v, c->prototypes);
    }
    swav_terms_fwd(w, n->loss, n->scale);
}

static void told_bwd(const struct node *n)
{
    const struct swav *const w = of(n);
    const struct codes *const c = &w->codes;
    gradients_zero(w);
    swav_terms_bwd(w, n->scale);
    for (int v = 0; v < c->views && n->dx.at; v++)
        op_act_to_float_bwd((struct act_grad){ view_at(c, n->dx.at, v), n->dx.add },
                            rows_at(c, w->p_grad, v), numbers(c));
}

/* ---- its state ------------------------------------------------------------------------------- */

static const char prototypes_name[] = "prototypes.weight";

/* K rows without a bias, initialised as a linear layer: the encoder's last parameters. */
void swav_declare(struct params *ps, const struct settings *s, int width)
{
    const struct swav_settings *const own = (const void *)s->own;
    const int dim[2] = { own->prototypes, width };
    params_add(ps, prototypes_name, INIT_FC, width, 2, dim);
}

/* The queue is replaced in whole steps (swav_keys.c). */
void swav_cut(struct settings *s)
{
    struct swav_settings *const own = swav_own(s);
    own->queue -= own->queue % s->batch;
}

int swav_predicted(const struct settings *s)
{
    return ((const struct swav_settings *)(const void *)s->own)->prototypes;
}

void *swav_open(const struct model *f, const struct settings *s)
{
    struct swav *const w = host_alloc(1, sizeof *w);
    *w = (struct swav){
        .whole = { { "swapped", whole_fwd, whole_bwd, scores_flops, false }, w },
        .seen = { { "scores", seen_fwd, seen_bwd, scores_flops, false }, w },
        .told = { { "swapped", told_fwd, told_bwd, NULL, false }, w },
        .s = *(const struct swav_settings *)(const void *)s->own, .pairs = &s->pairs,
    };
    while (strcmp(f->params.p[w->prototypes].name, prototypes_name)) w->prototypes++;
    codes_open(&w->codes, s, &w->s, f->projector.out);
    w->kept = mem_alloc(sizeof(float) * f->params.p[w->prototypes].count);
    w->p = w->codes.scores;
    w->p_grad = w->codes.scores_grad;
    if (f->predictor.n) {
        const size_t bytes = sizeof(float) * codes_floats(&w->codes, w->codes.prototypes);
        w->p = mem_alloc(bytes);
        w->p_grad = mem_alloc(bytes);
    }
    return w;
}

void swav_close(void *state)
{
    struct swav *const w = state;
    if (w->p != w->codes.scores) {
        mem_free(w->p);
        mem_free(w->p_grad);
    }
    codes_close(&w->codes);
    mem_free(w->kept);
    free(w);
}

/* The prototypes are the model's. */
int swav_tensors(void *state, struct tensor *list)
{
    const struct swav *const w = state;
    if (!w->s.queue) return 0;
    list[0] = (struct tensor){ .name = "queue", .data = w->codes.features,
                               .floats = codes_floats(&w->codes, w->codes.width) };
    return 1;
}
