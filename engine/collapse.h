/* SPDX-License-Identifier: MIT
 *
 * collapse.h -- how far outputs have collapsed: the measures, on the host, in double.  What they mean
 * is the detector's to say (collapse/simsiam_collapse.h), which measures the same of other people's
 * outputs; a test holds the two together.
 *
 * z' is z divided by its l2 norm; all of it in evaluation mode on the monitor images.
 */
#pragma once

struct collapse {
    double std_sqrtd;  /* sqrt(d) * mean over channels of std(z'), Sec. 4.1: 1 spread, 0 constant */
    double mean_norm;  /* |E z'|; sum of the variances of z' is 1 - |E z'|^2 */
    double view_share; /* S = E|z'1 - z'2|^2 / (2 E|z' - E z'|^2); NaN where undefined */
};

/* std_sqrtd and mean_norm of z [n, d], one view with the test transform. */
void collapse_spread(struct collapse *c, const float *z, int n, int d);
/* view_share of two augmented views z1, z2 [n, d] of the same images: of the variance of z' over
 * images and views, the part between the two views of one image.  1 - S is the intraclass
 * correlation.  NaN where E|z' - E z'|^2 < 1e-12. */
void collapse_view_share(struct collapse *c, const float *z1, const float *z2, int n, int d);
