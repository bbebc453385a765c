/* SPDX-License-Identifier: MIT
 *
 * method.c -- the model every method shares, and the mean distance over pairs (eq. 2 to 4).
 */
#include "method.h"
#include "eta.h"
#include "../../engine/base.h"

#include <stdlib.h>
#include <string.h>

const struct distance distances[] = {
    { "cosine", neg_cosine }, { "cross_entropy", cross_entropy }, { NULL, NULL }
};
const struct method *const methods[] = { &simsiam, NULL };

struct resnet_shape model_shape(const struct settings *s)
{
    struct resnet_shape shape = { .stem = (enum stem)s->stem, .block = (enum block_kind)s->block,
                                  .stages = s->widths.n, .zero_init = s->zero_init_residual };
    for (int i = 0; i < s->widths.n; i++)
        shape.widths[i] = s->widths.v[i], shape.blocks[i] = s->blocks.v[s->blocks.n > 1 ? i : 0];
    return shape;
}

int model_views(const struct settings *s)
{
    int last = 0;
    for (int i = 0; i < s->pairs.n; i++)
        for (int j = 0; j < 2; j++)
            if (s->pairs.v[i][j] > last) last = s->pairs.v[i][j];
    return last + 1;
}

void model_build(struct model *m, const struct settings *s, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->pairs = s->pairs;
    m->n_views = model_views(s);
    m->stop_grad = s->stop_grad;
    m->distance = distances[s->distance].add;

    const char *words[2][LIST_MAX];
    for (int i = 0; i < s->projector.n; i++) words[0][i] = s->projector.v[i];
    for (int i = 0; i < s->predictor.n; i++) words[1][i] = s->predictor.v[i];
    struct params *const ps = &m->params;
    ps->group = GROUP_ENCODER;
    const struct resnet_shape shape = model_shape(s);
    m->backbone = resnet_declare(ps, &shape);
    const int f = m->backbone.features;
    m->projector = head_declare(ps, "projector", words[0], s->projector.n, f, s->dim, f);
    ps->group = GROUP_PREDICTOR;
    m->predictor = head_declare(ps, "predictor", words[1], s->predictor.n, m->projector.out, s->dim, f);
    if (s->predictor_lr == PREDICTOR_ZERO)     /* Table 1b, fixed random init: no gradient is wanted */
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

struct var model_features(struct tape *t, const struct model *m, struct var x, int groups, bool track)
{
    return resnet_apply(t, &m->params, &m->backbone, x, groups, track);
}

struct var model_project(struct tape *t, const struct model *m, struct var features, int groups, bool track)
{
    return head_apply(t, &m->params, &m->projector, features, groups, track);
}

struct var model_predict(struct tape *t, const struct model *m, struct var z, int groups, bool track)
{
    return head_apply(t, &m->params, &m->predictor, z, groups, track);
}

/* Does anything flow back through view v?  Not if it is only ever a target, behind a stop-gradient. */
static bool is_source(const struct model *m, int v)
{
    for (int k = 0; k < m->pairs.n; k++)
        if (m->pairs.v[k][0] == v) return true;
    return false;
}

/* Views side by side that are all sources, or all not, go through together, with statistics for each.  The
 * symmetric loss has one such run.  A target's run wants no gradient (Sec. 3), so none of it is computed, and no
 * p. */
struct outputs model_outputs(struct tape *t, const struct model *m, struct var x)
{
    struct outputs o = { .z[0].data = NULL };
    const int n = x.n / m->n_views;
    struct model *const frozen = m->stop_grad ? model_frozen(m) : NULL;
    for (int first = 0, end; first < m->n_views; first = end) {
        const bool source = is_source(m, first);
        for (end = first + 1; end < m->n_views && is_source(m, end) == source; end++) { }
        const int views = end - first;
        const struct model *const f = source || !frozen ? m : frozen;
        const struct var features = model_features(t, f, var_rows(x, first * n, views * n), views, true);
        const struct var z = model_project(t, f, features, views, true);
        const struct var p = source ? model_predict(t, m, z, views, true) : z;
        for (int v = 0; v < views; v++) {
            o.z[first + v] = var_rows(z, v * n, n);
            if (source) o.p[first + v] = var_rows(p, v * n, n);
        }
    }
    free(frozen);
    return o;
}

void pair_mean(struct tape *t, const struct model *m, dev_float *loss, const struct outputs *o,
               const struct eta *eta)
{
    for (int k = 0; k < m->pairs.n; k++) {
        const int *const pair = m->pairs.v[k];                 /* source, target */
        struct var target = eta_target(eta, t, k, o->z[pair[1]]);
        if (m->stop_grad) target = stopgrad(target);           /* Sec. 3, Figure 2 */
        m->distance(t, loss, 1.0f / (float)m->pairs.n, o->p[pair[0]], target);
    }
    for (int k = 0; k < m->pairs.n; k++) eta_move(eta, o->z[m->pairs.v[k][1]]);
}
