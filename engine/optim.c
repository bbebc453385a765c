/* SPDX-License-Identifier: MIT
 *
 * optim.c -- schedules and the walk over a group's trained tensors.
 */
#include "optim.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static double lr_by_step(const struct schedule *s, double k)
{
    const double warmup = s->warmup_epochs * s->steps, steps = (double)s->epochs * s->steps;
    if (k < warmup) return s->lr * (s->from + (1 - s->from) * k / warmup);
    const double falls = 0.5 * (1 + cos(PI * (k - warmup) / (steps - warmup)));
    return s->lr * (s->end + (1 - s->end) * falls);
}

double schedule_lr(const struct schedule *s, int epoch, int step)
{
    if (s->constant) return s->lr;
    if (s->by_step) return lr_by_step(s, (double)epoch * s->steps + step);
    const double warmup_steps = s->warmup_epochs * s->steps,
                 done = (double)epoch * s->steps + step + 1;
    if (done <= warmup_steps) return s->lr * done / warmup_steps;
    const double e = epoch - s->warmup_epochs, span = s->epochs - s->warmup_epochs;
    return e <= 0 ? s->lr : 0.5 * s->lr * (1 + cos(PI * e / span));
}

/* ---- a step ---------------------------------------------------------------------------------- */

static bool is_of(const struct param *p, int group)
{
    return p->group == group && !p->statistic && !p->frozen;
}

static void sgd(const struct params *ps, int group, const dev_float *lr, const struct optim *o)
{
    for (int i = 0; i < ps->n; ) {
        const struct param *first = &ps->p[i++];
        if (!is_of(first, group)) continue;
        size_t end = first->offset + first->count;
        /* Tensors lie in order of declaration: join what is adjacent, so that a whole net is one
         * call. */
        for (; i < ps->n && (ps->p[i].statistic || (ps->p[i].offset == end && !ps->p[i].frozen &&
                                                    ps->p[i].group == group)); i++)
            if (!ps->p[i].statistic) end += ps->p[i].count;
        op_sgd(float_at(ps->data, first->offset), float_at(ps->velocity, first->offset),
               float_at(ps->grad, first->offset), lr, o->momentum, o->wd, end - first->offset);
    }
}

/* What papers mean by LARS; `all`: of biases and batch norm, too. */
static const struct { bool of_sum, rate_outside, all; } forms[] = {
    [OPTIMIZER_LARS_SIMCLR] = { true, false, false },
    [OPTIMIZER_LARS_BYOL] = { true, true, false },
    [OPTIMIZER_LARC] = { false, true, true },
};
static const float TRUST = 0.001f;

static void lars(const struct params *ps, int group, const dev_float *lr, const struct optim *o)
{
    for (int i = 0; i < ps->n; i++) {
        const struct param *const p = &ps->p[i];
        if (!is_of(p, group)) continue;
        const bool scaled = p->n_dims > 1 || forms[o->by].all;
        const struct lars how = { o->momentum, scaled ? o->wd : 0, scaled ? TRUST : 0,
                                  forms[o->by].of_sum, forms[o->by].rate_outside };
        op_lars(float_at(ps->data, p->offset), float_at(ps->velocity, p->offset),
                float_at(ps->grad, p->offset), lr, how, p->count);
    }
}

void optim_step(const struct params *ps, int group, const dev_float *lr, const struct optim *o)
{
    if (o->by == OPTIMIZER_SGD) sgd(ps, group, lr, o);
    else lars(ps, group, lr, o);
}
