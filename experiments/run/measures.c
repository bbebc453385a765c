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
    WIDE = MEASURE_WIDE,
    LATER = MEASURE_LATER
};

/* metrics.jsonl and summary.json have them in this order.  Several in one sentence, where they
 * share what is said. */
const struct measure measures[] = {
    { EPOCH(loss), .is = TRAINED | FINAL | COLUMN | CLAIMED | WIDE,
      .place = 3, .title = "loss", .decimals = 3,
      .sentence = "loss: last epoch's mean in training; kNN (%): on backbone features",
      .about = "mean over the epoch's steps of the loss that is trained; null in epoch 0" },
    { EPOCH(oscillation), .is = TRAINED | FINAL | EVIDENCE | RATIO,
      .place = 11, .title = "oscillation", .decimals = 2,
      .about = "root mean square of the loss's change from step to step, over the square root of 2" },
    { EPOCH(std_train), .is = TRAINED | FINAL,
      .about = "std of each channel of the normalised outputs z over a batch, mean over "
               "channels, views and steps" },
    { EPOCH(grad_norm), .is = TRAINED,
      .about = "length of the whole gradient, mean over the epoch's steps" },
    { EPOCH(lr), .is = TRAINED,
      .about = "learning rate of the encoder at the epoch's end" },
    { EPOCH(lr_predictor), .is = TRAINED,
      .about = "learning rate of the predictor at the epoch's end" },
    { EPOCH(std_sqrtd), .is = MONITORED | FINAL | COLUMN | CLAIMED,
      .place = 4, .title = "std·√d", .decimals = 2,
      .sentence = "std·√d and view share: of z/|z|, in evaluation mode on the monitor images, two "
                  "views by the row's own recipe",
      .about = "std of each channel of z/|z| over the monitor images, mean over channels, "
               "times sqrt(d); 1 is an even spread" },
    { EPOCH(mean_norm), .is = MONITORED | FINAL | EVIDENCE,
      .place = 6, .title = "|E z'|", .decimals = 2,
      .sentence = "|E z'|: length of the mean of z/|z|",
      .about = "length of the mean of z/|z| over the monitor images" },
    { EPOCH(view_share), .is = MONITORED | FINAL | COLUMN | CLAIMED | WIDE,
      .place = 5, .title = "view share", .decimals = 2,
      .about = "share of the variation of z/|z| that lies between two views of one image, "
               "by the row's own recipe" },
    { EPOCH(view_share_standard), .is = MONITORED | FINAL | LATER,
      .about = "the same by the scale's recipe for views, by which a collapse is judged" },
    { EPOCH(rank), .is = MONITORED | FINAL | EVIDENCE,
      .place = 7, .title = "rank", .decimals = 2,
      .sentence = "rank: effective rank of z over the largest it could be",
      .about = "effective rank of z, exp of the entropy of its centred singular values, over "
               "the largest that it could be" },
    { EPOCH(entropy_rank), .is = MONITORED | FINAL | LATER,
      .about = "exp of the entropy of the eigenvalues of the covariance of z/|z|" },
    { EPOCH(participation), .is = MONITORED | FINAL | LATER,
      .about = "square of the eigenvalues' sum over the sum of their squares" },
    { EPOCH(directions_90), .is = MONITORED | FINAL | LATER,
      .about = "how many directions hold 90 % of the variance of z/|z|" },
    { EPOCH(directions_99), .is = MONITORED | FINAL | LATER,
      .about = "how many directions hold 99 % of the variance of z/|z|" },
    { EPOCH(variance_1), .is = MONITORED | FINAL | LATER,
      .about = "share of the variance of z/|z| in its first direction" },
    { EPOCH(variance_2), .is = MONITORED | FINAL | LATER,
      .about = "share of the variance of z/|z| in its first 2 directions" },
    { EPOCH(variance_4), .is = MONITORED | FINAL | LATER,
      .about = "share of the variance of z/|z| in its first 4 directions" },
    { EPOCH(variance_8), .is = MONITORED | FINAL | LATER,
      .about = "share of the variance of z/|z| in its first 8 directions" },
    { EPOCH(knn), .is = MONITORED | FINAL | COLUMN | CLAIMED,
      .place = 2, .title = "kNN", .decimals = 1, .end = "knn_test",
      .about = "accuracy in % of weighted nearest neighbours on backbone features, on the "
               "monitor images" },
    { EPOCH(knn_test), .is = MONITORED | FINAL | LATER,
      .about = "the same on the whole test set, in the last epoch; null before" },
    { EPOCH(knn_z), .is = MONITORED | FINAL | EVIDENCE,
      .place = 8, .title = "kNN of z", .decimals = 1,
      .about = "accuracy in % of weighted nearest neighbours on z, on the monitor images" },
    { EPOCH(cos_h), .is = MONITORED | FINAL | EVIDENCE | CLAIMED,
      .place = 9, .title = "cos(h, E z)", .decimals = 3,
      .sentence = "cos: to the mean of z/|z| over 32 views",
      .about = "mean cosine of h(z) to the mean of z/|z| over 32 views of the image, where "
               "it is measured" },
    { EPOCH(cos_z), .is = MONITORED | FINAL | EVIDENCE | CLAIMED,
      .place = 10, .title = "cos(z, E z)", .decimals = 3,
      .about = "mean cosine of z to the mean of z/|z| over 32 views of the image, where it "
               "is measured" },
    { RUN(linear), .is = END | COLUMN | CLAIMED,
      .place = 1, .title = "linear", .decimals = 1,
      .sentence = "linear: top-1 (%) of a linear probe on frozen backbone features, last epoch, "
                  "mean ± std over n seeds; paper: ImageNet, ResNet-50, linear top-1 (%)",
      .about = "top-1 accuracy in % of a linear probe on frozen backbone features, of the last epoch" },
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
