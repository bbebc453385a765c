/* SPDX-License-Identifier: MIT
 *
 * simsiam_collapse.h -- has a self-supervised encoder collapsed?  libsimsiam-collapse, for any
 * program that has two views' outputs of the same samples; it needs libm and POSIX threads alone.
 *
 * z1, z2 [n, d] are the outputs for two augmented views of n samples, rest [n, d] (optional) those
 * for the samples as they are, rows one behind another, in evaluation mode: batch norm over a batch
 * hides a collapse.  z' is a row divided by its l2 norm (by 1e-8 where that is smaller).
 *
 *     struct simsiam_evidence e;
 *     struct simsiam_verdict v;
 *     int status = simsiam_check(&e, &v, z1, z2, NULL, n, d, 0);
 *     if (!status) puts(simsiam_grade_name(v.grade));
 *
 * Nothing here prints, exits, or keeps state outside the detector; different detectors may be used
 * by different threads at once, one detector by one at a time.  The numbers are the same to the
 * last digit for any number of threads and however the rows are cut into calls of simsiam_add()
 * (but not if others stand between these: what is measured half way ends a block of rows).
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIMSIAM_API __attribute__((visibility("default")))

/* What every function that can fail returns. */
enum simsiam_status {
    SIMSIAM_OK,
    SIMSIAM_NO_MEMORY,
    SIMSIAM_BAD_ARGUMENT,      /* a NULL, d outside 1 .. SIMSIAM_DIM_MAX, or below 0 */
    SIMSIAM_TOO_FEW,           /* n < 2 min(d, 256): the directions would be those of the sample */
    SIMSIAM_TWINS,             /* z1 and z2 are the same numbers, and no constant: not two views */
    SIMSIAM_NOT_FINITE,        /* a NaN or an infinity: the training diverged */
    SIMSIAM_NO_CONVERGENCE     /* the spectrum's iteration did not end */
};
enum { SIMSIAM_DIM_MAX = 32768 };

/* ---- what is measured ------------------------------------------------------------------------ */

/* "Rows" are those of rest where it was given, else those of both views. */
struct simsiam_evidence {
    int64_t n;                 /* samples */
    int32_t d;                 /* features */
    double std_sqrtd;          /* sqrt(d) mean over features of std(z') over rows (SimSiam, Sec.
                                  4.1): 1 spread over the sphere, 0 constant */
    double mean_norm;          /* |E z'| over rows; the variances of z' sum to 1 - |E z'|^2 */
    double view_share;         /* E|z'1 - z'2|^2 / (2 E|z' - E z'|^2) over both views: the part of
                                  the variance that lies between two views of one sample, 0 .. 2;
                                  NaN where E|z' - E z'|^2 < 1e-12 */
    /* Of the rows' covariance (of z, not z'), its eigenvalues l_k, s_k = sqrt(l_k); in directions,
     * NaN for constant rows. */
    double rank;               /* exp(-sum p ln p), p = s_k / sum s: RankMe's formula, centred */
    double participation;      /* (sum l)^2 / sum l^2 */
    double directions_90, directions_99;   /* the fewest that hold 90 and 99 % of the variance */
};

/* What else is in use, each from its source, on the same rows; none is part of the verdict. */
struct simsiam_others {
    double level;              /* lightly's collapse level: max(0, 1 - std_sqrtd) */
    double rankme;             /* Garrido et al. 2023, eq. 1: as rank, not centred, p + 1e-7 */
    double alpha_req;          /* Agrawal et al. 2022: l_k ~ k^-alpha, fitted to ln l_k over ln k
                                  with the weights 1/k of the released code, over all l_k > 0; NaN
                                  where fewer than two are */
    double lidar;              /* Thilak et al. 2023, eq. 1-4, two views a class: exp(-sum p ln p)
                                  of the eigenvalues of W^-1/2 B W^-1/2, W + 1e-4 I, p + 1e-7;
                                  NaN where 1e-4 is lost in W's rounding */
};

struct simsiam_detector;

/* A detector for outputs of d features; whoever opens it closes it.  `with_rest`: rows of rest come
 * with the views.  threads: 0 takes all cores.  It holds 8 d^2 bytes two or three times (once more
 * while it measures, twice while it compares) and no rows but a block of 128, so that any n can be
 * streamed through it. */
SIMSIAM_API int simsiam_open(struct simsiam_detector **detector, int d, int with_rest, int threads);
/* The next rows of all views; rest is NULL unless with_rest.  After NOT_FINITE it takes no more. */
SIMSIAM_API int simsiam_add(struct simsiam_detector *detector, const float *z1, const float *z2,
                            const float *rest, int64_t rows);
/* The measures of all rows so far; more may follow. */
SIMSIAM_API int simsiam_measure(struct simsiam_detector *detector,
                                struct simsiam_evidence *evidence);
SIMSIAM_API int simsiam_compare(struct simsiam_detector *detector, struct simsiam_others *others);
SIMSIAM_API void simsiam_close(struct simsiam_detector *detector);      /* NULL is no detector */

/* ---- what it means --------------------------------------------------------------------------- */

enum simsiam_grade {
    SIMSIAM_HEALTHY,
    SIMSIAM_DIMENSIONAL,       /* few directions in use */
    SIMSIAM_PARTIAL,           /* views of one sample differ about as much as samples do */
    SIMSIAM_COMPLETE,          /* the output is a constant */
    SIMSIAM_UNDECIDED,         /* near a threshold */
    SIMSIAM_GRADES
};

/* The rule, second edition.  Each grade but healthy and undecided has thresholds:
 *   complete     std_sqrtd <= dead
 *   partial      std_sqrtd <= spread  and  view_share >= share
 *   dimensional  rank <= least(few, greatest(few_least, few_share min(n - 1, d))), for d >= few_dim
 * The verdict is the gravest grade that holds with all of its thresholds moved by `near` of
 * themselves against it; if there is none, undecided where one holds with them moved for it; else
 * healthy. */
struct simsiam_rule {
    double dead, spread, share;
    double few, few_least, few_share;
    int32_t few_dim;
    double near;
};
/* Chosen, frozen and tested by a protocol: docs/detector.md. */
SIMSIAM_API extern const struct simsiam_rule simsiam_rule_standard;

struct simsiam_verdict {
    enum simsiam_grade grade;
    /* The share by which a grade's thresholds would have to move towards the measures until it
     * holds: below 0 it holds already.  Indexed by grade; NaN where a measure is missing, and for
     * healthy and undecided, which have no thresholds. */
    double distance[SIMSIAM_GRADES];
};
/* rule: NULL for simsiam_rule_standard. */
SIMSIAM_API void simsiam_judge(struct simsiam_verdict *verdict,
                               const struct simsiam_evidence *evidence,
                               const struct simsiam_rule *rule);

/* All of it for whole arrays; rest may be NULL. */
SIMSIAM_API int simsiam_check(struct simsiam_evidence *evidence, struct simsiam_verdict *verdict,
                              const float *z1, const float *z2, const float *rest, int64_t n, int d,
                              int threads);

/* "healthy", ...; a sentence of a status.  Static. */
SIMSIAM_API const char *simsiam_grade_name(enum simsiam_grade grade);
SIMSIAM_API const char *simsiam_status_text(int status);

#ifdef __cplusplus
}
#endif
