/* SPDX-License-Identifier: MIT
 *
 * spectrum.h -- in how many directions a set of outputs varies, by LAPACK on the host.
 *
 * All of it of the mean-centred z [n, d].  Centring leaves at most n - 1 directions, so for n <= d
 * the numbers would say more about n than about z: NaN.  NaN also for a constant z.
 */
#pragma once

/* RankMe (Garrido et al. 2023), centred and normalised: with p_k = sigma_k / sum sigma of the
 * singular values, exp(-sum p_k ln p_k) / min(n - 1, d). */
double effective_rank(const float *z, int n, int d);

/* With p_k = lambda_k / sum lambda of the covariance's eigenvalues, the largest first: each a number
 * of directions, d at most. */
enum { SPECTRUM_FIRST = 4 };
struct spectrum {
    double entropy_rank;           /* exp(-sum p_k ln p_k) */
    double participation;          /* participation ratio, 1 / sum p_k^2 */
    double directions_90, directions_99;   /* the fewest that hold 90 and 99 % of the variance */
    double first[SPECTRUM_FIRST];  /* share of the variance in the first 1, 2, 4 and 8 */
};
struct spectrum spectrum_of(const float *z, int n, int d);
