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
    TRAINED = MEASURE_TRAINED,
    MONITORED = MEASURE_MONITORED,
    END = MEASURE_END,
    FINAL = MEASURE_FINAL,
    COLUMN = MEASURE_COLUMN,
    EVIDENCE = MEASURE_EVIDENCE,
    CLAIMED = MEASURE_CLAIMED,
    RATIO = MEASURE_RATIO,
    LATER = MEASURE_LATER
};

/* metrics.jsonl and summary.json have them in this order.  Several in one sentence, where they
 * share what is said. */
const struct measure measures[] = {
    { EPOCH(loss), .is = TRAINED | FINAL | COLUMN | CLAIMED,
      .place = 3, .title = "loss", .decimals = 3,
      .sentence = "loss: last epoch's mean in training; kNN (%): on backbone features" },
    { EPOCH(oscillation), .is = TRAINED | FINAL | EVIDENCE | RATIO,
      .place = 11, .title = "oscillation", .decimals = 2 },
    { EPOCH(std_train), .is = TRAINED | FINAL },
    { EPOCH(grad_norm), .is = TRAINED },
    { EPOCH(lr), .is = TRAINED },
    { EPOCH(lr_predictor), .is = TRAINED },
    { EPOCH(std_sqrtd), .is = MONITORED | FINAL | COLUMN | CLAIMED,
      .place = 4, .title = "std·√d", .decimals = 2,
      .sentence = "std·√d and view share: of z/|z|, in evaluation mode on the monitor images, two "
                  "views by the row's own recipe" },
    { EPOCH(mean_norm), .is = MONITORED | FINAL | EVIDENCE,
      .place = 6, .title = "|E z'|", .decimals = 2,
      .sentence = "|E z'|: length of the mean of z/|z|" },
    { EPOCH(view_share), .is = MONITORED | FINAL | COLUMN | CLAIMED,
      .place = 5, .title = "view share", .decimals = 2 },
    { EPOCH(view_share_standard), .is = MONITORED | FINAL | LATER },
    { EPOCH(rank), .is = MONITORED | FINAL | EVIDENCE,
      .place = 7, .title = "rank", .decimals = 2,
      .sentence = "rank: effective rank of z over the largest it could be" },
    { EPOCH(entropy_rank), .is = MONITORED | FINAL | LATER },
    { EPOCH(participation), .is = MONITORED | FINAL | LATER },
    { EPOCH(directions_90), .is = MONITORED | FINAL | LATER },
    { EPOCH(directions_99), .is = MONITORED | FINAL | LATER },
    { EPOCH(variance_1), .is = MONITORED | FINAL | LATER },
    { EPOCH(variance_2), .is = MONITORED | FINAL | LATER },
    { EPOCH(variance_4), .is = MONITORED | FINAL | LATER },
    { EPOCH(variance_8), .is = MONITORED | FINAL | LATER },
    { EPOCH(knn), .is = MONITORED | FINAL | COLUMN | CLAIMED,
      .place = 2, .title = "kNN", .decimals = 1, .end = "knn_test" },
    { EPOCH(knn_test), .is = MONITORED | FINAL | LATER },
    { EPOCH(knn_z), .is = MONITORED | FINAL | EVIDENCE,
      .place = 8, .title = "kNN of z", .decimals = 1 },
    { EPOCH(cos_h), .is = MONITORED | FINAL | EVIDENCE | CLAIMED,
      .place = 9, .title = "cos(h, E z)", .decimals = 3,
      .sentence = "cos: to the mean of z/|z| over 32 views" },
    { EPOCH(cos_z), .is = MONITORED | FINAL | EVIDENCE | CLAIMED,
      .place = 10, .title = "cos(z, E z)", .decimals = 3 },
    { RUN(linear), .is = END | COLUMN | CLAIMED,
      .place = 1, .title = "linear", .decimals = 1,
      .sentence = "linear: top-1 (%) of a linear probe on frozen backbone features, last epoch, "
                  "mean ± std over n seeds; paper: ImageNet, ResNet-50, linear top-1 (%)" },
    { .name = NULL }
};
_Static_assert(sizeof measures / sizeof *measures <= MEASURES_MAX, "MEASURES_MAX is too small");
_Static_assert((int)EPOCH_COLUMNS_MAX == (int)MEASURES_MAX, "a file may have a column of each");

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
    const double end = m->end ? epoch_number(&r->last, measure_find(m->end, MEASURE_FINAL)) : NAN;
    return isnan(end) ? epoch_number(&r->last, m) : end;
}

struct epoch_record epoch_empty(int epoch)
{
    struct epoch_record e = { .epoch = epoch };
    for (const struct measure *m = measures; m->name; m++)
        if (!(m->is & MEASURE_END)) *(double *)((char *)&e + m->offset) = NAN;
    return e;
}
