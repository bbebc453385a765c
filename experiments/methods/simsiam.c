/* SPDX-License-Identifier: MIT
 *
 * simsiam.c -- SimSiam (Sec. 3, Algorithm 1).
 */
#include "method.h"
#include "eta.h"

static struct var loss(const struct step *s)
{
    const struct pair_list *const pairs = &s->s->pairs;
    const struct views z = encode(s->tape, s->f, s->x, s->plan);       /* z = f(x) */
    const struct views p = predict(s->tape, s->f, &z, s->plan);        /* p = h(z) */
    for (int k = 0; k < pairs->n; k++) {
        const int i = pairs->v[k][0], j = pairs->v[k][1];
        struct var eta = eta_target(s->own, s->tape, k, z.of[j]);      /* z_j; Sec. 5.2: eta_x */
        if (s->s->stop_grad) eta = stopgrad(eta);                      /* Sec. 3, Figure 2 */
        /* L = mean of D(p_i, stopgrad(z_j)) over the pairs (eq. 2 to 4) */
        pair_add(s, 1.0f / (float)pairs->n, p.of[i], eta);
    }
    for (int k = 0; k < pairs->n; k++) eta_move(s->own, s->tape, z.of[pairs->v[k][1]]);
    return whole(s->tape, &z, s->plan);
}

const struct method simsiam = {
    .keys = eta_keys, .rules = eta_rules,
    .defaults = &eta_defaults, .own_bytes = sizeof eta_defaults,
    .open = eta_open, .ahead = eta_ahead, .aim = eta_aim, .loss = loss,
    .tensors = eta_tensors, .close = eta_close, .passes = eta_passes,
};
