/* SPDX-License-Identifier: MIT
 *
 * same.c -- the numbers of two runs, compared as they are written.
 */
#include "same.h"

#include <math.h>
#include <string.h>

#include "measures.h"

/* Nine digits were written, and both were read back from those. */
static bool same(double a, double b, const struct measure *m)
{
    if (isnan(a) || isnan(b)) return (isnan(a) && isnan(b)) || m->is & MEASURE_LATER;
    return a == b;
}

static bool same_epoch(const struct epoch_record *a, const struct epoch_record *b)
{
    for (const struct measure *m = measures; m->name; m++)
        if (!(m->is & MEASURE_END) && !same(epoch_number(a, m), epoch_number(b, m), m)) return false;
    return a->epoch == b->epoch && a->monitored == b->monitored;
}

bool run_same(const struct run_record *a, const struct run_record *b)
{
    if (a->n_curve != b->n_curve || a->state != b->state || a->epochs != b->epochs ||
        a->skipped != b->skipped || strcmp(a->frozen_hash, b->frozen_hash))
        return false;
    for (int i = 0; i < a->n_curve; i++)
        if (!same_epoch(&a->curve[i], &b->curve[i])) return false;
    for (const struct measure *m = measures; m->name; m++)
        if (m->is & MEASURE_END && !same(run_number(a, m), run_number(b, m), m)) return false;
    return true;
}
