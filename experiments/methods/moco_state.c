/* SPDX-License-Identifier: MIT
 *
 * moco_state.c -- MoCo's queue, the places in it, and the other net (moco.h).
 */
#include "moco.h"

#include <math.h>
#include <stdlib.h>

#include "../../engine/comm.h"
#include "../../engine/philox.h"

int moco_splits_here(const struct moco *m)
{
    return m->s.bn_splits == 1 ? 1 : m->s.bn_splits / comm_size();
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

bool moco_aim(const struct step *s)
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

void *moco_open(const struct model *f, const struct settings *s)
{
    struct moco *const own = host_alloc(1, sizeof *own);
    own->s = *(const struct moco_settings *)(const void *)s->own;
    const int rows = s->pairs.n * s->batch;
    /* Row i's positive is the key of the same image, in the other view. */
    contrastive_open(&own->info_nce, rows, s->batch, own->s.queue, f->projector.out, rows - s->batch, false,
                     own->s.temperature);
    own->key = encoder_twin(f);                          /* theta_k starts as theta_q */
    own->momentum = mem_alloc(sizeof(float));
    split_bn_open(&own->split, &f->params, own->s.bn_splits);
    own->order = mem_alloc(sizeof(int32_t) * (size_t)rows);
    own->place = mem_alloc(sizeof(int32_t) * (size_t)rows);
    own->host = host_alloc((size_t)rows, sizeof *own->host);
    const float momentum = (float)own->s.momentum;
    mem_upload(own->momentum, &momentum, sizeof momentum);
    return own;
}

void moco_close(void *state)
{
    struct moco *const own = state;
    contrastive_close(&own->info_nce);
    model_free(own->key);
    free(own->key);
    mem_free(own->momentum);
    split_bn_close(&own->split);
    mem_free(own->order);
    mem_free(own->place);
    free(own->host);
    free(own);
}

/* Where the queue's oldest key is follows from the step. */
int moco_tensors(void *state, struct tensor *list)
{
    const struct moco *const own = state;
    const struct contrastive *const c = &own->info_nce;
    list[0] = (struct tensor){ .name = "key", .data = own->key->params.data,
                               .floats = own->key->params.count };
    list[1] = (struct tensor){ .name = "queue", .data = moco_queue(own),
                               .floats = (size_t)c->queue * (size_t)c->width };
    return 2;
}

/* Parts as equal as before, of two images or more; and a queue that is replaced in whole steps. */
void moco_cut(struct settings *s)
{
    struct moco_settings *const own = moco_own(s);
    const int rows = s->pairs.n * s->batch;
    if (own->bn_splits > s->batch / 2) own->bn_splits = s->batch / 2;
    while (s->batch % own->bn_splits) own->bn_splits--;
    own->queue = own->queue < rows ? rows : own->queue - own->queue % rows;
}
