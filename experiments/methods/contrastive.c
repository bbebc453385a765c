/* SPDX-License-Identifier: MIT
 *
 * contrastive.c -- unit rows, one matrix of scores, its softmax; and back.
 */
#include "contrastive.h"

#include <assert.h>
#include <string.h>

#include "../../engine/comm.h"

/* Where view v of what a process has stands in all rows [views, batch, width]: n images at `first`. */
struct share { int views, n; size_t first, batch; };

static struct share share_of(const struct contrastive *c, struct var x)
{
    const int views = c->rows / c->batch, n = x.n / views;
    return (struct share){ views, n, (size_t)comm_rank() * (size_t)n, (size_t)c->batch };
}

void contrastive_rows(const struct contrastive *c, dev_float *to, struct var x)
{
    const struct share s = share_of(c, x);
    const size_t width = (size_t)x.c, floats = (size_t)s.n * width;
    for (size_t v = 0; v < (size_t)s.views; v++) {
        dev_float *const view = float_at(to, v * s.batch * width);
        dev_float *const own = float_at(view, s.first * width);
        op_act_to_float(own, act_at(x.data, v * floats), floats);
        op_normalize_rows(own, s.n, x.c);
        comm_all_gather(view, own, floats * sizeof(float));
    }
}

/* Of the rows that are here. */
static void rows_bwd(const struct contrastive *c, struct act_grad dx, dev_float *dy, struct var x)
{
    const struct share s = share_of(c, x);
    const size_t width = (size_t)x.c, floats = (size_t)s.n * width;
    for (size_t v = 0; v < (size_t)s.views; v++)
        op_unit_bwd((struct act_grad){ act_at(dx.at, v * floats), dx.add },
                    float_at(dy, (v * s.batch + s.first) * width), act_at(x.data, v * floats), s.n,
                    x.c);
}

static void contrastive_fwd(const struct node *n)
{
    const struct contrastive *const c = (const void *)n->op;
    contrastive_rows(c, c->anchors, n->x);
    if (n->x2.data) contrastive_rows(c, c->keys, n->x2);
    op_scores_fwd(c->scores, c->anchors, c->keys, c->rows, c->rows + c->queue, c->width);
    op_contrast(n->loss, c->scores, c->temperature, n->scale, c->rows, c->queue, c->shift,
                c->in_batch);
}

/* With G the gradient of the scores: da = G b, db = G^T a.  Where the keys are the anchors, both
 * are parts of one gradient, (G + G^T) a. */
static void contrastive_bwd(const struct node *n)
{
    const struct contrastive *const c = (const void *)n->op;
    const bool one = n->dx.at && n->dx.at == n->dx2.at;
    dev_float *const db = one ? c->anchors_grad : n->dx2.at ? c->keys_grad : NULL;
    if (db == c->keys_grad)
        mem_zero(db, sizeof(float) * (size_t)c->rows * (size_t)c->width);
    op_scores_bwd(n->dx.at ? c->anchors_grad : NULL, db, c->scores, c->anchors, c->keys, c->rows,
                  c->rows + c->queue, c->width);
    if (n->dx.at) rows_bwd(c, n->dx, c->anchors_grad, n->x);
    if (n->dx2.at && !one) rows_bwd(c, n->dx2, c->keys_grad, n->x2);
}

static double contrastive_flops(const struct node *n)
{
    const struct contrastive *const c = (const void *)n->op;
    return 2.0 * c->rows * (c->rows + c->queue) * c->width;
}

void contrastive_open(struct contrastive *c, int rows, int batch, int queue, int width, int shift,
                      bool in_batch, double temperature)
{
    const size_t m = (size_t)rows, k = (size_t)queue, row = sizeof(float) * (size_t)width;
    *c = (struct contrastive){
        .op = { "contrast", contrastive_fwd, contrastive_bwd, contrastive_flops, false },
        .rows = rows, .batch = batch, .queue = queue, .width = width, .shift = shift, .in_batch = in_batch,
        .temperature = (float)temperature,
        .anchors = mem_alloc(m * row), .keys = mem_alloc((m + k) * row),
        .scores = mem_alloc(sizeof(float) * m * (m + k)),
        .anchors_grad = mem_alloc(m * row), .keys_grad = mem_alloc(m * row),
    };
}

void contrastive_close(struct contrastive *c)
{
    mem_free(c->anchors);
    mem_free(c->keys);
    mem_free(c->scores);
    mem_free(c->anchors_grad);
    mem_free(c->keys_grad);
    memset(c, 0, sizeof *c);
}

void contrastive_add(struct contrastive *c, struct tape *t, dev_float *loss, struct var anchors,
                     struct var keys)
{
    assert(anchors.n * comm_size() == c->rows && anchors.c == c->width);
    assert(!keys.data || (keys.n == anchors.n && keys.c == c->width));
    assert(!keys.grad || !c->queue);               /* a queue's keys are constants, as all are */
    tape_node(t, &(struct node){ .op = &c->op, .x = anchors, .x2 = keys, .loss = loss, .scale = 1 },
              0);
}
