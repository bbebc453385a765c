/* SPDX-License-Identifier: MIT
 *
 * grade.c -- the rule, second edition: what the measures mean.
 *
 * The thresholds stand here alone.  They were chosen by the protocol of docs/detector.md and frozen
 * before the runs that tested them were made (results/detector/real.md):
 *   dead .05      a dead head's std_sqrtd is 0 .. .02; the least of a healthy run was .35
 *   spread .5,    std alone accuses outputs with a common offset (.35 .. .46, share .20 .. .35,
 *   share .39     which tell samples apart), the share alone healthy ones (.22 .. .59 at std .95).
 *                 Runs without stop-gradient or predictor, once they had time: std .02 .. .37,
 *                 share .44 .. .95
 *   few 6, few_least 1.5, few_share .05
 *                 rank-one heads 1.02, rates a hundredfold 1.3 of 64; 4 of 256 directions 4.1; a
 *                 predictor that learns nothing 3.3 of 256; without stop-gradient, views that
 *                 agree 2.6 of 64.  Healthy although few: 9 of 256 (kNN 51 %), 3.8 and 5 of 64
 *                 (kNN rises): neither a number nor a share alone will do
 *   few_dim 8     of fewer features a healthy head uses one or two as well
 *   near .15      a run on its way to a collapse had a share of .388
 */
#include "simsiam_collapse.h"

#include <math.h>
#include <stddef.h>

const struct simsiam_rule simsiam_rule_standard = {
    .dead = 0.05, .spread = 0.5, .share = 0.39, .few = 6, .few_least = 1.5, .few_share = 0.05,
    .few_dim = 8, .near = 0.15
};

/* The share by which a threshold must move until a measure is at most or at least it. */
static double until_most(double x, double threshold) { return x / threshold - 1; }
static double until_least(double x, double threshold) { return 1 - x / threshold; }

/* NaN if either is: fmax() would drop it. */
static double both(double a, double b) { return a > b || isnan(a) ? a : b; }

static double until_dimensional(const struct simsiam_evidence *e, const struct simsiam_rule *r)
{
    if (e->d < r->few_dim) return NAN;
    const double most = e->n - 1 < e->d ? (double)(e->n - 1) : e->d;
    return until_most(e->rank, fmin(r->few, fmax(r->few_least, r->few_share * most)));
}

void simsiam_judge(struct simsiam_verdict *v, const struct simsiam_evidence *e,
                   const struct simsiam_rule *rule)
{
    static const enum simsiam_grade gravest_first[] = { SIMSIAM_COMPLETE, SIMSIAM_PARTIAL,
                                                        SIMSIAM_DIMENSIONAL };
    const struct simsiam_rule *const r = rule ? rule : &simsiam_rule_standard;
    *v = (struct simsiam_verdict){ .grade = SIMSIAM_HEALTHY };
    for (int i = 0; i < SIMSIAM_GRADES; i++) v->distance[i] = NAN;
    v->distance[SIMSIAM_COMPLETE] = until_most(e->std_sqrtd, r->dead);
    v->distance[SIMSIAM_PARTIAL] =
        both(until_most(e->std_sqrtd, r->spread), until_least(e->view_share, r->share));
    v->distance[SIMSIAM_DIMENSIONAL] = until_dimensional(e, r);
    if (isnan(e->std_sqrtd)) v->grade = SIMSIAM_UNDECIDED;
    for (int i = 2; i >= 0; i--)
        if (v->distance[gravest_first[i]] <= r->near) v->grade = SIMSIAM_UNDECIDED;
    for (int i = 2; i >= 0; i--)
        if (v->distance[gravest_first[i]] <= -r->near) v->grade = gravest_first[i];
}

const char *simsiam_grade_name(enum simsiam_grade grade)
{
    static const char *const name[] = { "healthy", "dimensional", "partial", "complete",
                                        "undecided" };
    return (int)grade >= 0 && grade < SIMSIAM_GRADES ? name[grade] : "no grade";
}

const char *simsiam_status_text(int status)
{
    static const char *const text[] = {
        "done",
        "out of memory: it takes some times 8 d^2 bytes for d features",
        "a wrong argument: 1 to 32768 features, and rest with every call or with none",
        "too few samples: at least twice the features are wanted, 512 for 256 features or more",
        "the two views are the same numbers; give two different augmentations of the same samples",
        "a number is not finite (NaN or infinity)",
        "the eigenvalues did not converge",
    };
    const int n = sizeof text / sizeof *text;
    return status >= 0 && status < n ? text[status] : "no status";
}
