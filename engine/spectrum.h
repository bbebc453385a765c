/* SPDX-License-Identifier: MIT
 *
 * spectrum.h -- the effective rank of a set of outputs, by LAPACK on the host.
 */
#pragma once

/* exp(entropy of the shares of the singular values of the mean-centred z [n, d]) / min(n - 1, d)
 * (Garrido et al.  2023, normalised).  Centring leaves at most n - 1 directions, so for n <= d the
 * number would say more about n than about z: NaN.  NaN also for a constant z. */
double effective_rank(const float *z, int n, int d);
