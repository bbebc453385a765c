/* SPDX-License-Identifier: MIT
 *
 * simsiam.c -- SimSiam (Sec. 3, Algorithm 1).
 *
 *     for each view x:   z = f(x)    p = h(z)
 *     loss = mean over pairs (i, j) of  D(p_i, stopgrad(z_j))
 */
#include "method.h"

static struct outputs loss(struct tape *t, const struct model *m, struct var x, dev_float *total)
{
    struct outputs o;
    o.features = model_features(t, m, x, m->n_views, true);
    o.z = model_project(t, m, o.features, m->n_views, true);
    o.p = model_predict(t, m, o.z, m->n_views, true);
    pair_mean(t, m, total, o.p, o.z);
    return o;
}

const struct method simsiam = { .name = "simsiam", .loss = loss };
