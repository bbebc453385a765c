/* SPDX-License-Identifier: MIT
 *
 * measures.c -- the numbers that a run reports, a line each.
 */
#include "measures.h"

#include <math.h>
#include <string.h>

#define EPOCH(member) .name = #member, .offset = offsetof(struct epoch_record, member)
#define RUN(member) .name = #member, .offset = offsetof(struct run_record, member)
enum {
    TRAINED = MEASURE_TRAINED, MONITORED = MEASURE_MONITORED, END = MEASURE_END, FINAL = MEASURE_FINAL,
    BANDED = MEASURE_BANDED, COLUMN = MEASURE_COLUMN, EVIDENCE = MEASURE_EVIDENCE,
    CLAIMED = MEASURE_CLAIMED, RATIO = MEASURE_RATIO
};

/* metrics.jsonl and summary.json have them in this order.  Several in one sentence, where they
 * share what is said. */
const struct measure measures[] = {
    { EPOCH(loss), TRAINED | FINAL | BANDED | COLUMN | CLAIMED, 3, "loss", 3,
      "loss: last epoch's mean in training; kNN (%): on backbone features" },
    { EPOCH(oscillation), TRAINED | FINAL | BANDED | EVIDENCE | RATIO, 11, "oscillation", 2,
      NULL },
    { EPOCH(std_train), TRAINED | FINAL | BANDED },
    { EPOCH(grad_norm), TRAINED },
    { EPOCH(lr), TRAINED },
    { EPOCH(lr_predictor), TRAINED },
    { EPOCH(std_sqrtd), MONITORED | FINAL | BANDED | COLUMN | CLAIMED, 4, "std·√d", 2,
      "std·√d and view share: of z/|z|, in evaluation mode on the monitor images" },
    { EPOCH(mean_norm), MONITORED | FINAL | EVIDENCE, 6, "|E z'|", 2,
      "|E z'|: length of the mean of z/|z|" },
    { EPOCH(view_share), MONITORED | FINAL | BANDED | COLUMN | CLAIMED, 5, "view share", 2,
      NULL },
    { EPOCH(rank), MONITORED | FINAL | BANDED | EVIDENCE, 7, "rank", 2,
      "rank: effective rank of z over the largest it could be" },
    { EPOCH(knn), MONITORED | FINAL | BANDED | COLUMN | CLAIMED, 2, "kNN", 1, NULL },
    { EPOCH(knn_z), MONITORED | FINAL | EVIDENCE, 8, "kNN of z", 1, NULL },
    { EPOCH(cos_h), MONITORED | FINAL | BANDED | EVIDENCE | CLAIMED, 9, "cos(h, E z)", 3,
      "cos: to the mean of z/|z| over 32 views" },
    { EPOCH(cos_z), MONITORED | FINAL | BANDED | EVIDENCE | CLAIMED, 10, "cos(z, E z)", 3,
      NULL },
    { RUN(linear), END | COLUMN | CLAIMED, 1, "linear", 1,
      "linear: top-1 (%) of a linear probe on frozen backbone features, last epoch, mean ± std over n "
      "seeds; paper: ImageNet, ResNet-50, linear top-1 (%)" },
    { .name = NULL }
};
_Static_assert(sizeof measures / sizeof *measures <= MEASURES_MAX, "MEASURES_MAX is too small");

int measures_of(const struct measure *list[MEASURES_MAX], unsigned kinds)
{
    const bool paged = kinds & (MEASURE_COLUMN | MEASURE_EVIDENCE | MEASURE_CLAIMED);
    int n = 0;
    for (const struct measure *m = measures; m->name; m++) {
        if (!(m->is & kinds)) continue;
        int at = n++;
        for (; paged && at && list[at - 1]->place > m->place; at--) list[at] = list[at - 1];
        list[at] = m;
    }
    return n;
}

const struct measure *measure_find(const char *name, unsigned kinds)
{
    for (const struct measure *m = measures; m->name; m++)
        if (m->is & kinds && !strcmp(m->name, name)) return m;
    return NULL;
}

double epoch_number(const struct epoch_record *e, const struct measure *m)
{
    return *(const double *)((const char *)e + m->offset);
}

double run_number(const struct run_record *r, const struct measure *m)
{
    if (m->is & MEASURE_END) return *(const double *)((const char *)r + m->offset);
    return epoch_number(&r->last, m);
}

struct epoch_record epoch_empty(int epoch)
{
    struct epoch_record e = { .epoch = epoch };
    for (const struct measure *m = measures; m->name; m++)
        if (!(m->is & MEASURE_END)) *(double *)((char *)&e + m->offset) = NAN;
    return e;
}
