/* SPDX-License-Identifier: MIT
 *
 * optim.c -- schedules and the walk over a group's trained ranges.
 */
#include "optim.h"

#include <math.h>

double schedule_lr(const struct schedule *s, int epoch, int step)
{
    if (s->constant) return s->lr;
    const double warmup_steps = s->warmup_epochs * s->steps,
                 done = (double)epoch * s->steps + step + 1;
    if (done <= warmup_steps) return s->lr * done / warmup_steps;
    const double e = epoch - s->warmup_epochs, span = s->epochs - s->warmup_epochs;
    return e <= 0 ? s->lr : 0.5 * s->lr * (1 + cos(3.14159265358979323846 * e / span));
}

void optim_sgd(const struct params *ps, int group, const dev_float *lr, float momentum, float wd)
{
    for (int i = 0; i < ps->n; ) {
        const struct param *first = &ps->p[i++];
        if (first->group != group || first->statistic || first->frozen) continue;
        size_t end = first->offset + first->count;
        /* Tensors lie in order of declaration: join what is adjacent, so that a whole net is one
         * call. */
        for (; i < ps->n && (ps->p[i].statistic || (ps->p[i].offset == end && !ps->p[i].frozen &&
                                                    ps->p[i].group == group)); i++)
            if (!ps->p[i].statistic) end += ps->p[i].count;
        op_sgd(float_at(ps->data, first->offset), float_at(ps->velocity, first->offset),
               float_at(ps->grad, first->offset), lr, momentum, wd, end - first->offset);
    }
}
