/* SPDX-License-Identifier: MIT
 *
 * encoder.c -- the model every method shares, and the pass of a step's views through it.
 */
#include "encoder.h"

#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "../../engine/base.h"
#include "../../engine/comm.h"

int batch_here(const struct settings *s)
{
    return s->batch / comm_size();
}

struct resnet_shape model_shape(const struct settings *s)
{
    struct resnet_shape shape = { .stem = (enum stem)s->stem, .block = (enum block_kind)s->block,
                                  .stages = s->widths.n, .zero_init = s->zero_init_residual };
    for (int i = 0; i < s->widths.n; i++) {
        shape.widths[i] = s->widths.v[i];
        shape.blocks[i] = s->blocks.v[s->blocks.n > 1 ? i : 0];
    }
    return shape;
}

void model_build(struct model *m, const struct settings *s, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    const char *words[2][LIST_MAX];
    for (int i = 0; i < s->projector.n; i++) words[0][i] = s->projector.v[i];
    for (int i = 0; i < s->predictor.n; i++) words[1][i] = s->predictor.v[i];
    struct params *const ps = &m->params;
    ps->group = GROUP_ENCODER;
    const struct resnet_shape shape = model_shape(s);
    m->backbone = resnet_declare(ps, &shape);
    const int f = m->backbone.features;
    m->projector = head_declare(ps, "projector", words[0], s->projector.n, f, s->dim, f);
    const struct method *const method = methods[s->method].method;
    if (method->declare) method->declare(ps, s, m->projector.out);
    ps->group = GROUP_PREDICTOR;
    const int seen = method->predicted ? method->predicted(s) : m->projector.out;
    m->predictor = head_declare(ps, "predictor", words[1], s->predictor.n, seen, s->dim, f);
    /* Table 1b, fixed random init: no gradient is wanted. */
    if (s->predictor_lr == PREDICTOR_ZERO)
        for (int i = 0; i < ps->n; i++) ps->p[i].frozen |= ps->p[i].group == GROUP_PREDICTOR;
    params_alloc(ps, seed);
}

void model_free(struct model *m)
{
    params_free(&m->params);
    memset(m, 0, sizeof *m);
}

struct model *model_frozen(const struct model *m)
{
    struct model *const frozen = host_alloc(1, sizeof *frozen);
    *frozen = *m;
    frozen->params.grad = NULL;
    return frozen;
}

struct model *encoder_twin(const struct model *m)
{
    struct model *const twin = model_frozen(m);
    struct params *const ps = &twin->params;
    ps->velocity = NULL;
    twin->predictor = (struct head){ .n = 0 };
    ps->n = 0;
    ps->n_stats = 0;
    for (; ps->n < m->params.n && ps->p[ps->n].group == GROUP_ENCODER; ps->n++)
        if (ps->p[ps->n].statistic) ps->n_stats += ps->p[ps->n].count;
    ps->count = ps->group_end[GROUP_ENCODER];              /* the group lies first in each block */
    ps->group_end[GROUP_PREDICTOR] = ps->count;
    ps->data = mem_alloc(sizeof(float) * ps->count);
    ps->stats = mem_alloc(sizeof(float) * ps->n_stats);
    mem_copy(ps->data, m->params.data, sizeof(float) * ps->count);
    mem_copy(ps->stats, m->params.stats, sizeof(float) * ps->n_stats);
    return twin;
}

struct var model_features(struct tape *t, const struct model *m, struct var x, int groups,
                          bool track)
{
    return resnet_apply(t, &m->params, &m->backbone, x, groups, track);
}

struct var model_project(struct tape *t, const struct model *m, struct var features, int groups,
                         bool track)
{
    return head_apply(t, &m->params, &m->projector, features, groups, track);
}

struct var model_predict(struct tape *t, const struct model *m, struct var z, int groups,
                         bool track)
{
    return head_apply(t, &m->params, &m->predictor, z, groups, track);
}

/* ---- all views of a step, in training -------------------------------------------------------- */

struct view_plan model_views(const struct settings *s)
{
    struct view_plan plan = { .stop = s->stop_grad, .one_run = s->shards > 1 && !s->stop_grad };
    for (int k = 0; k < s->pairs.n; k++) {
        const int *const pair = s->pairs.v[k];
        for (int j = 0; j < 2; j++)
            if (pair[j] >= plan.views) plan.views = pair[j] + 1;
        plan.sources |= 1u << pair[0];
        plan.targets |= 1u << pair[1];
    }
    return plan;
}

static bool is_in(uint32_t set, int v)
{
    return set >> v & 1;
}

/* Views side by side that are all in the set, or all not, go through together, with statistics for
 * each; the symmetric loss has one such run.  The view behind the run that begins at `first`.  A weight
 * has one writer, so that its sum over the shards is a tree: without stop-gradient, one run. */
static int run_end(const struct view_plan *plan, uint32_t set, int first)
{
    int end = first + 1;
    while (end < plan->views && (plan->one_run || is_in(set, end) == is_in(set, first))) end++;
    return end;
}

/* f of the views first .. end-1. */
static void encode_run(struct views *z, struct tape *t, const struct model *f, struct var x, int n,
                       int first, int end)
{
    const int views = end - first;
    const struct var run = var_rows(x, first * n, views * n);
    const struct var features = model_features(t, f, run, views, true);
    const struct var out = model_project(t, f, features, views, true);
    for (int v = first; v < end; v++) z->of[v] = var_rows(out, (v - first) * n, n);
}

/* A target's run wants no gradient (Sec. 3), so none of it is computed. */
struct views encode(struct tape *t, const struct model *f, struct var x,
                    const struct view_plan *plan)
{
    struct views z = { .of[0].data = NULL };
    struct model *const frozen = plan->stop ? model_frozen(f) : NULL;
    for (int first = 0, end; first < plan->views; first = end) {
        end = run_end(plan, plan->sources, first);
        const struct model *const g = is_in(plan->sources, first) || !frozen ? f : frozen;
        encode_run(&z, t, g, x, x.n / plan->views, first, end);
    }
    free(frozen);
    return z;
}

struct views encode_targets(struct tape *t, const struct model *f, struct var x,
                            const struct view_plan *plan)
{
    struct views z = { .of[0].data = NULL };
    for (int first = 0, end; first < plan->views; first = end) {
        end = run_end(plan, plan->targets, first);
        if (is_in(plan->targets, first)) encode_run(&z, t, f, x, x.n / plan->views, first, end);
    }
    return z;
}

struct views predict(struct tape *t, const struct model *h, const struct views *z,
                     const struct view_plan *plan)
{
    struct views p = { .of[0].data = NULL };
    const struct view_plan by_set = { plan->views, plan->sources, plan->targets, .stop = plan->stop };
    for (int first = 0, end; first < plan->views; first = end) {
        end = run_end(&by_set, plan->sources, first);
        if (!is_in(plan->sources, first)) continue;
        const int views = end - first, n = z->of[first].n;
        struct var run = z->of[first];         /* the views of a run lie one behind the other */
        run.n = views * n;
        const struct var out = model_predict(t, h, run, views, true);
        for (int v = first; v < end; v++) p.of[v] = var_rows(out, (v - first) * n, n);
    }
    return p;
}

struct var batch_whole(struct tape *t, struct var x, int views)
{
    if (comm_size() == 1) return stopgrad(x);
    const struct var all = var_room(t, x.n * comm_size(), x.h, x.w, x.c);
    const int n = x.n / views, whole = n * comm_size();
    const size_t bytes = (size_t)n * (size_t)x.h * (size_t)x.w * (size_t)x.c * mem_act_bytes();
    for (int v = 0; v < views; v++)
        comm_all_gather(var_rows(all, v * whole, whole).data, var_rows(x, v * n, n).data, bytes);
    return all;
}

struct var whole(struct tape *t, const struct views *z, const struct view_plan *plan)
{
    struct var all = stopgrad(z->of[0]);
    const int n = all.n;
    all.n = plan->views * n;
    /* one run: it is whole already */
    if (run_end(plan, plan->sources, 0) == plan->views) return all;
    all = var_room(t, plan->views * n, 1, 1, all.c);
    const size_t bytes = mem_act_bytes() * (size_t)n * (size_t)all.c;
    for (int v = 0; v < plan->views; v++)
        mem_copy(var_rows(all, v * n, n).data, z->of[v].data, bytes);
    return all;
}
