/* SPDX-License-Identifier: MIT
 *
 * codes.c -- SwAV's scores, codes and queue, and their gradients (codes.h).
 */
#include "codes.h"

#include <stdlib.h>

#include "encoder.h"
#include "swav.h"
#include "../../engine/comm.h"

/* ---- the parts of a view --------------------------------------------------------------------- */

static int rows_of_view(const struct codes *c)
{
    return c->queue + c->batch;
}

size_t codes_floats(const struct codes *c, int width)
{
    return (size_t)c->views * (size_t)rows_of_view(c) * (size_t)width;
}

dev_float *codes_rows(const struct codes *c, dev_float *x, int v, int width)
{
    const size_t row = (size_t)v * (size_t)rows_of_view(c) + (size_t)c->queue;
    return float_at(x, row * (size_t)width);
}

dev_float *codes_here(const struct codes *c, dev_float *x, int v, int width)
{
    return float_at(codes_rows(c, x, v, width),
                    (size_t)comm_rank() * (size_t)c->here * (size_t)width);
}

void codes_gather(const struct codes *c, dev_float *x, int v, int width)
{
    comm_all_gather(codes_rows(c, x, v, width), codes_here(c, x, v, width),
                    sizeof(float) * (size_t)c->here * (size_t)width);
}

/* The view's queue, behind which its batch stands. */
static dev_float *queue_of(const struct codes *c, dev_float *x, int v, int width)
{
    return float_at(x, (size_t)v * (size_t)rows_of_view(c) * (size_t)width);
}

/* What Sinkhorn sees of a view: the batch, and the queue before it where that is full. */
static int sinkhorn_rows(const struct codes *c)
{
    return c->queue_is_full ? rows_of_view(c) : c->batch;
}

static dev_float *sinkhorn_of(const struct codes *c, dev_float *x, int v, int width)
{
    return c->queue_is_full ? queue_of(c, x, v, width) : codes_rows(c, x, v, width);
}

static dev_float *potentials_of(const struct codes *c, int v)
{
    const size_t each = (size_t)(c->prototypes + rows_of_view(c));
    return float_at(c->potentials, (size_t)v * (size_t)c->iterations * each);
}

/* ---- forward and back ------------------------------------------------------------------------ */

void codes_fwd(const struct codes *c, struct var z, const dev_float *prototypes)
{
    const int d = c->width, k = c->prototypes;
    const size_t features = (size_t)c->here * (size_t)d;
    mem_copy(c->unit, prototypes, sizeof(float) * (size_t)k * (size_t)d);
    op_normalize_rows(c->unit, k, d);
    for (int v = 0; v < c->views; v++) {
        dev_float *const unit = codes_here(c, c->features, v, d);
        op_act_to_float(unit, var_rows(z, v * c->here, c->here).data, features);
        op_normalize_rows(unit, c->here, d);
        codes_gather(c, c->features, v, d);
        /* The queue's features meet the prototypes as they are now. */
        dev_float *const s = sinkhorn_of(c, c->scores, v, k);
        op_scores_fwd(s, sinkhorn_of(c, c->features, v, d), c->unit, sinkhorn_rows(c), k, d);
        if (c->targets >> v & 1)
            op_sinkhorn_fwd(sinkhorn_of(c, c->codes, v, k), potentials_of(c, v), s, c->epsilon,
                            c->iterations, sinkhorn_rows(c), k);
    }
}

void codes_zero(const struct codes *c)
{
    const size_t bytes = sizeof(float) * codes_floats(c, c->prototypes);
    mem_zero(c->scores_grad, bytes);
    if (c->flow) mem_zero(c->codes_grad, bytes);
}

/* Of the batch's rows alone: the queue is a constant. */
void codes_bwd(const struct codes *c, struct act_grad dz, struct var z, struct weight prototypes)
{
    const int d = c->width, k = c->prototypes;
    if (comm_rank()) prototypes.grad = NULL;   /* of the whole batch: the first process's to add */
    dev_float *const dc = prototypes.grad && c->inside ? c->unit_grad : prototypes.grad;
    if (dc == c->unit_grad) mem_zero(dc, sizeof(float) * (size_t)k * (size_t)d);
    for (int v = 0; v < c->views && c->flow; v++)        /* Sec. 6.2: back through Sinkhorn */
        if (c->targets >> v & 1)
            op_sinkhorn_bwd(codes_rows(c, c->scores_grad, v, k), codes_rows(c, c->codes_grad, v, k),
                            potentials_of(c, v), codes_rows(c, c->scores, v, k), c->epsilon,
                            c->iterations, c->batch, k);
    for (int v = 0; v < c->views; v++) {
        const size_t at = (size_t)v * (size_t)c->batch * (size_t)d;
        op_scores_bwd(dz.at ? float_at(c->features_grad, at) : NULL, dc,
                      codes_rows(c, c->scores_grad, v, k), codes_rows(c, c->features, v, d),
                      c->unit, c->batch, k, d);
    }
    for (int v = 0; v < c->views && dz.at; v++) {
        const size_t first = (size_t)(v * c->batch + comm_rank() * c->here) * (size_t)d;
        const size_t at = (size_t)v * (size_t)c->here * (size_t)d;
        op_unit_bwd((struct act_grad){ act_at(dz.at, at), dz.add }, float_at(c->features_grad, first),
                    act_at(z.data, at), c->here, d);
    }
    if (prototypes.grad && c->inside) op_unit_weight_bwd(prototypes.grad, dc, prototypes.data, k, d);
}

/* ---- the queue ------------------------------------------------------------------------------- */

void codes_aim(struct codes *c, int64_t since)
{
    c->queue_is_full = c->queue && since >= c->queue / c->batch;
    for (int i = 0; i < c->batch && c->queue && since >= 0; i++)
        c->host[i] = (int32_t)((since * c->batch + i) % c->queue);
    mem_upload(c->place, c->host, sizeof *c->host * (size_t)c->batch);
}

void codes_keep(const struct codes *c)
{
    for (int v = 0; v < c->views; v++)
        op_rows_put(queue_of(c, c->features, v, c->width), codes_rows(c, c->features, v, c->width),
                    c->place, c->batch, sizeof(float) * (size_t)c->width);
}

/* ---- rooms ----------------------------------------------------------------------------------- */

void codes_open(struct codes *c, const struct settings *s, const struct swav_settings *own,
                int width)
{
    const struct view_plan plan = model_views(s);
    *c = (struct codes){
        .views = plan.views, .batch = s->batch, .here = batch_here(s), .width = width, .targets = plan.targets,
        .prototypes = own->prototypes, .queue = own->queue, .iterations = own->iterations,
        .epsilon = (float)own->epsilon, .inside = own->prototype_norm == NORM_IN_GRADIENT,
        .flow = !s->stop_grad,
    };
    const size_t prototypes = sizeof(float) * (size_t)c->prototypes * (size_t)width;
    const size_t scores = sizeof(float) * codes_floats(c, c->prototypes);
    const size_t potentials = (size_t)c->iterations * (size_t)(c->prototypes + rows_of_view(c));
    c->unit = mem_alloc(prototypes);
    c->unit_grad = mem_alloc(prototypes);
    c->features = mem_alloc(sizeof(float) * codes_floats(c, width));
    c->scores = mem_alloc(scores);
    c->codes = mem_alloc(scores);
    c->potentials = mem_alloc(sizeof(float) * (size_t)c->views * potentials);
    c->scores_grad = mem_alloc(scores);
    if (c->flow) c->codes_grad = mem_alloc(scores);
    c->features_grad = mem_alloc(sizeof(float) * (size_t)(c->views * c->batch) * (size_t)width);
    c->place = mem_alloc(sizeof(int32_t) * (size_t)c->batch);
    c->host = host_alloc((size_t)c->batch, sizeof *c->host);
}

void codes_close(struct codes *c)
{
    dev_float *const rooms[] = { c->unit, c->unit_grad, c->features, c->scores, c->codes,
                                 c->potentials, c->scores_grad, c->codes_grad, c->features_grad };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) mem_free(rooms[i]);
    mem_free(c->place);
    free(c->host);
}
