/* SPDX-License-Identifier: MIT
 *
 * stats.c -- mean, standard deviation, Student's t, the sign test, a slope.
 *
 *   P(|T| > t) = I_{df / (df + t^2)}(df / 2, 1 / 2),   I the regularised incomplete beta function
 *
 * The quantile is the root of that tail: exact tables stop at a few levels, and a corrected
 * interval needs others.
 */
#include "stats.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>

struct spread spread_of(const double *x, int n)
{
    if (n == 0) return (struct spread){ 0, NAN, NAN };
    double sum = 0;            /* about the first: equal numbers have a std of 0, not of rounding */
    for (int i = 0; i < n; i++) sum += x[i] - x[0];
    const double mean = x[0] + sum / n;
    if (n == 1) return (struct spread){ 1, mean, NAN };
    double square = 0;        /* the second pass: no cancellation, however far the mean is from 0 */
    for (int i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    return (struct spread){ n, mean, sqrt(square / (n - 1)) };
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.  It
 * converges fast for x < (a + 1) / (a + b + 2), which beta_regularised() sees to. */
static double beta_fraction(double a, double b, double x)
{
    enum { TERMS_MAX = 10000 };
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < DBL_MIN) d = DBL_MIN;
    d = 1 / d;
    double h = d;
    for (int m = 1; m <= TERMS_MAX; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change = 1;
        for (int half = 0; half < 2; half++) {
            const double term = half ? odd : even;
            d = 1 + term * d;
            if (fabs(d) < DBL_MIN) d = DBL_MIN;
            d = 1 / d;
            c = 1 + term / c;
            if (fabs(c) < DBL_MIN) c = DBL_MIN;
            change = c * d;
            h *= change;
        }
        if (fabs(change - 1) < DBL_EPSILON) break;
    }
    return h;
}

static double beta_regularised(double a, double b, double x)
{
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(T > t), t >= 0.  Near t = 0 the complement keeps the digits. */
static double student_tail(double t, double df)
{
    const double square = t * t;
    if (square < df) return 0.5 - 0.5 * beta_regularised(0.5, df / 2, square / (df + square));
    return 0.5 * beta_regularised(df / 2, 0.5, df / (df + square));
}

static double student_density(double t, double df)
{
    const double pi = 3.14159265358979323846;
    return exp(lgamma((df + 1) / 2) - lgamma(df / 2) - (df + 1) / 2 * log1p(t * t / df)) /
           sqrt(pi * df);
}

double student_quantile(double p, double df)
{
    assert(p > 0 && p < 1 && df > 0);
    if (p < 0.5) return -student_quantile(1 - p, df);
    double low = 0, high = 1;
    while (student_tail(high, df) > 1 - p) {
        low = high;
        high *= 2;
    }
    /* Newton's steps, bisected where one would leave the bracket. */
    double t = low + (high - low) / 2;
    for (int i = 0; i < 200; i++) {
        const double excess = student_tail(t, df) - (1 - p);
        if (excess > 0)
            low = t;
        else
            high = t;
        double next = t + excess / student_density(t, df);
        if (!(next >= low && next <= high)) next = low + (high - low) / 2;
        const bool still = fabs(next - t) <= 4 * DBL_EPSILON * t;
        t = next;
        if (still) break;
    }
    return t;
}

double interval_half(const struct spread *s, double level)
{
    if (s->n < 2) return NAN;
    return student_quantile(0.5 + level / 2, s->n - 1) * s->std / sqrt(s->n);
}

double student_p(const struct spread *s, double value)
{
    if (s->n < 2) return NAN;
    const double off = fabs(s->mean - value), error = s->std / sqrt(s->n);
    if (error == 0) return off == 0;
    return 2 * student_tail(off / error, s->n - 1);
}

double sign_p(int plus, int n)
{
    double ways = 1, tail = 0;                 /* n over k, from k = n downwards; exact to n = 64 */
    for (int k = n; k >= plus; k--) {
        tail += ways;
        ways = ways * k / (n - k + 1);
    }
    return fmin(1, 2 * ldexp(tail, -n));
}

double slope_of(const double *x, const double *y, int n)
{
    const double mean_x = spread_of(x, n).mean, mean_y = spread_of(y, n).mean;
    double xx = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return xx > 0 ? xy / xx : NAN;
}
