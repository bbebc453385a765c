/* SPDX-License-Identifier: MIT
 *
 * byol.c -- BYOL (Grill et al. 2020, Algorithm 1; Sec. 6.2: SimSiam with a momentum encoder).
 */
#include "byol.h"

#include <math.h>
#include <stdlib.h>

static struct var loss(const struct step *s)
{
    const struct pair_list *const pairs = &s->s->pairs;
    const struct byol *const own = s->own;
    const bool squared = own->s.scale == SCALE_SQUARED;
    const struct views z = encode(s->tape, s->f, s->x, s->plan);       /* z = f(x), weights theta */
    const struct views p = predict(s->tape, s->f, &z, s->plan);        /* p = h(z) */
    const struct views t = encode_targets(s->tape, own->target, s->x, s->plan); /* z', weights xi */
    mem_copy(s->loss_whole, own->constant, sizeof(float));
    for (int k = 0; k < pairs->n; k++) {
        const int i = pairs->v[k][0], j = pairs->v[k][1];
        /* eq. 2: L = sum |unit(p_i) - unit(z'_j)|^2 = sum 2 + 2 D(p_i, z'_j); SimSiam's is the
         * mean of D */
        pair_add(s, squared ? 2 : 1.0f / (float)pairs->n, p.of[i], t.of[j]);
    }
    return whole(s->tape, &z, s->plan);
}

/* xi <- tau xi + (1 - tau) theta, once theta has made its step.  The running statistics stay the
 * target's own. */
static void moved(const struct step *s)
{
    const struct byol *const own = s->own;
    const struct params *const xi = &own->target->params;  /* no predictor */
    op_ema(xi->data, s->f->params.data, own->tau, xi->count);
}

/* tau_k = 1 - (1 - tau_base) (cos(pi k / K) + 1) / 2 */
double byol_tau(const struct byol_settings *s, double k, double steps)
{
    const double pi = 3.14159265358979323846;
    if (s->schedule == TARGET_CONSTANT) return s->momentum;
    return 1 - (1 - s->momentum) * (cos(pi * k / steps) + 1) / 2;
}

static bool aim(const struct step *s)
{
    const struct byol *const own = s->own;
    const double k = (double)s->epoch * s->steps + s->step, steps = (double)s->s->epochs * s->steps;
    const float tau = (float)byol_tau(&own->s, k, steps);
    mem_upload(own->tau, &tau, sizeof tau);
    return true;
}

static void *target_open(const struct model *f, const struct settings *s)
{
    struct byol *const own = host_alloc(1, sizeof *own);
    own->s = *(const struct byol_settings *)(const void *)s->own;
    own->target = encoder_twin(f);                       /* xi starts as theta */
    own->tau = mem_alloc(sizeof(float));
    own->constant = mem_alloc(sizeof(float));
    const float constant = own->s.scale == SCALE_SQUARED ? 2.0f * (float)s->pairs.n : 0;
    mem_upload(own->constant, &constant, sizeof constant);
    return own;
}

static void target_close(void *state)
{
    struct byol *const own = state;
    mem_free(own->tau);
    mem_free(own->constant);
    model_free(own->target);
    free(own->target);
    free(own);
}

static int tensors(void *state, struct tensor *list)
{
    const struct params *const ps = &((const struct byol *)state)->target->params;
    list[0] = (struct tensor){ .name = "target", .data = ps->data, .floats = ps->count };
    list[1] = (struct tensor){ .name = "target_statistics", .data = ps->stats,
                               .floats = ps->n_stats };
    return 2;
}

const struct method byol = {
    .keys = byol_keys, .rules = byol_rules,
    .defaults = &byol_defaults, .own_bytes = sizeof byol_defaults,
    .open = target_open, .aim = aim, .loss = loss, .moved = moved,
    .tensors = tensors, .close = target_close, .passes = byol_passes,
};
