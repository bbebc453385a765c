/* SPDX-License-Identifier: MIT
 *
 * simsiam.c -- SimSiam (Sec. 3, Algorithm 1).
 *
 *     for each view x:   z = f(x)    p = h(z)
 *     loss = mean over pairs (i, j) of  D(p_i, stopgrad(z_j))
 */
#include "method.h"

static struct outputs loss(struct tape *t, const struct model *m, struct var x, const struct eta *eta,
                           dev_float *total)
{
    const struct outputs o = model_outputs(t, m, x);
    pair_mean(t, m, total, &o, eta);
    return o;
}

const struct method simsiam = { .name = "simsiam", .loss = loss };
