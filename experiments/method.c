/* SPDX-License-Identifier: MIT
 *
 * method.c -- the model every method shares, and the mean distance over pairs (eq. 2 to 4).
 */
#include "method.h"

#include <string.h>

const struct distance distances[] = {
    { "cosine", neg_cosine }, { "cross_entropy", cross_entropy }, { NULL, NULL }
};
const struct method *const methods[] = { &simsiam, NULL };

void model_build(struct model *m, const struct settings *s, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->pairs = s->pairs;
    for (int i = 0; i < s->pairs.n; i++)
        for (int j = 0; j < 2; j++)
            if (s->pairs.v[i][j] >= m->n_views) m->n_views = s->pairs.v[i][j] + 1;
    m->stop_grad = s->stop_grad;
    m->distance = distances[s->distance].add;

    const char *words[2][LIST_MAX];
    for (int i = 0; i < s->projector.n; i++) words[0][i] = s->projector.v[i];
    for (int i = 0; i < s->predictor.n; i++) words[1][i] = s->predictor.v[i];
    struct params *const ps = &m->params;
    ps->group = GROUP_ENCODER;
    m->backbone = resnet_declare(ps, s->widths.v, s->widths.n, s->blocks, s->zero_init_residual);
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

void pair_mean(struct tape *t, const struct model *m, dev_float *loss, struct var p, struct var target)
{
    const int n = p.n / m->n_views;
    for (int k = 0; k < m->pairs.n; k++) {
        struct var eta = var_rows(target, m->pairs.v[k][1] * n, n);
        if (m->stop_grad) eta = stopgrad(eta);                 /* Sec. 3, Figure 2 */
        m->distance(t, loss, 1.0f / (float)m->pairs.n, var_rows(p, m->pairs.v[k][0] * n, n), eta);
    }
}
