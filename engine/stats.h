/* SPDX-License-Identifier: MIT
 *
 * stats.h -- the few statistics that a verdict rests on: mean, standard deviation, Student's t, the
 * sign test, a slope.
 */
#pragma once

/* n numbers x: mean and sample standard deviation (n - 1).  mean is NaN for n = 0, std for n < 2,
 * and both are NaN if a number is: a mean over the runs that survived would flatter the row. */
struct spread { int n; double mean, std; };
struct spread spread_of(const double *x, int n);

/* The t below which Student's distribution of `df` > 0 degrees of freedom has the probability p, 0
 * < p < 1. */
double student_quantile(double p, double df);

/* Half the width of the two-sided interval of the mean at confidence `level` (0.95): t s / sqrt(n).
 * NaN where std is. */
double interval_half(const struct spread *s, double level);

/* Two-sided probability of a mean as far from `value` as this one is, or further, by chance; 1 where
 * they are equal, NaN where std is. */
double student_p(const struct spread *s, double value);

/* The exact sign test: two-sided probability that of n signs, each as likely + as -, `plus` or more
 * are +. */
double sign_p(int plus, int n);

/* Least-squares slope of y against x, n points; NaN if the x do not differ. */
double slope_of(const double *x, const double *y, int n);
