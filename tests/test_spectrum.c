/* SPDX-License-Identifier: MIT
 *
 * test_spectrum.c -- the spectrum of data whose singular values are known.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../engine/base.h"
#include "../engine/spectrum.h"

/* The data are floats: each direction that should be empty holds rounding of 1e-7 of the largest,
 * and a share p costs -p ln p, so d = 16 of them change the entropy by less than 5e-5. */
static const double ROUNDING = 1e-4;

/* cmocka's assert_float_equal takes NaN for equal to anything. */
#define assert_close(value, want, tolerance) assert_true(fabs((double)(value) - (want)) <= (tolerance))

static double gauss(void)
{
    const double u = 1 - drand48(), v = drand48();
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* z [n, d] whose centred singular values are proportional to sigma [r]: columns of the cosine
 * transform, which are orthogonal, equally long and have mean zero, mixed by a reflection and moved
 * off the origin. */
static float *planted(int n, int d, const double *sigma, int r)
{
    float *z = host_alloc((size_t)n * d, sizeof *z);
    for (int i = 0; i < n; i++) {
        double row[64] = { 0 }, dot = 0;
        for (int k = 0; k < r; k++) {
            row[k] = sigma[k] * cos(M_PI * (2 * i + 1) * (k + 1) / (2.0 * n));
            dot += row[k];
        }
        /* I - 2 11^T / d */
        for (int c = 0; c < d; c++) z[(size_t)i * d + c] = (float)(row[c] - 2 * dot / d + 5);
    }
    return z;
}

static void isotropic_output_has_rank_near_one(void **state)
{
    (void)state;
    enum { N = 3000, D = 33 };
    srand48(1);
    float *z = host_alloc((size_t)N * D, sizeof *z);
    for (int i = 0; i < N * D; i++) z[i] = (float)gauss();
    /* Sampling spreads the singular values by sqrt(d / (4 n)) of themselves: the entropy falls by d
     * / (8 n). */
    assert_close(effective_rank(z, N, D), 1 - D / (8.0 * N), 1e-3);
    free(z);
}

static void equal_directions_are_counted(void **state)
{
    (void)state;
    enum { N = 33, D = 16 };
    static const double equal[D] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    static const int ranks[] = { 1, 2, 7, 16 };
    for (int i = 0; i < 4; i++) {
        float *z = planted(N, D, equal, ranks[i]);
        assert_close(effective_rank(z, N, D), ranks[i] / (double)D, ROUNDING);
        free(z);
    }
}

static void shares_are_of_singular_values_not_of_variances(void **state)
{
    (void)state;
    enum { N = 33, D = 7 };
    static const double sigma[] = { 3, 1 };
    float *z = planted(N, D, sigma, 2);
    const double entropy = -0.75 * log(0.75) - 0.25 * log(0.25);
    assert_close(effective_rank(z, N, D), exp(entropy) / D, ROUNDING);
    free(z);
}

/* sigma 3, 2, 1, 1: lambda 9, 4, 1, 1 of 15. */
static void directions_are_counted_by_their_variance(void **state)
{
    (void)state;
    enum { N = 33, D = 7 };
    static const double sigma[] = { 3, 2, 1, 1 }, p[] = { 9 / 15.0, 4 / 15.0, 1 / 15.0, 1 / 15.0 };
    float *z = planted(N, D, sigma, 4);
    const struct spectrum s = spectrum_of(z, N, D);
    double entropy = 0, squares = 0;
    for (int k = 0; k < 4; k++) {
        entropy -= p[k] * log(p[k]);
        squares += p[k] * p[k];
    }
    assert_close(s.entropy_rank, exp(entropy), ROUNDING);
    assert_close(s.participation, 1 / squares, ROUNDING);
    assert_true(s.directions_90 == 3 && s.directions_99 == 4);
    assert_close(s.first[0], 9 / 15.0, ROUNDING);
    assert_close(s.first[1], 13 / 15.0, ROUNDING);
    assert_close(s.first[2], 1, ROUNDING);
    assert_close(s.first[3], 1, ROUNDING);
    free(z);
}

static void no_spectrum_is_nan_throughout(void **state)
{
    (void)state;
    enum { N = 7, D = 3 };
    float z[N * D];
    for (int i = 0; i < N * D; i++) z[i] = 0.1f * (float)(1 + i % D);
    for (int n = D; n <= N; n += N - D) {      /* too few rows; all of them equal */
        const struct spectrum s = spectrum_of(z, n, D);
        assert_true(isnan(s.entropy_rank) && isnan(s.participation) && isnan(s.directions_90) &&
                    isnan(s.directions_99));
        for (int i = 0; i < SPECTRUM_FIRST; i++) assert_true(isnan(s.first[i]));
    }
}

static void one_row_more_than_features_is_enough_and_one_less_is_not(void **state)
{
    (void)state;
    enum { D = 7 };
    static const double equal[D] = { 1, 1, 1, 1, 1, 1, 1 };
    float *z = planted(D + 1, D, equal, D);
    assert_close(effective_rank(z, D + 1, D), 1, ROUNDING);
    assert_true(isnan(effective_rank(z, D, D)));
    assert_true(isnan(effective_rank(z, 1, D)));
    free(z);
}

static void scale_and_offset_change_nothing(void **state)
{
    (void)state;
    enum { N = 33, D = 7 };
    static const double sigma[] = { 2, 1, 1 };
    float *z = planted(N, D, sigma, 3);
    const double rank = effective_rank(z, N, D);
    /* squares of it are below the smallest float */
    for (int i = 0; i < N * D; i++) z[i] = ldexpf(z[i], -100);
    assert_close(effective_rank(z, N, D), rank, 1e-12);
    free(z);
}

static void constant_and_non_finite_outputs_have_no_rank(void **state)
{
    (void)state;
    enum { N = 7, D = 3 };
    float z[N * D];
    for (int i = 0; i < N * D; i++) z[i] = 0.1f * (float)(1 + i % D);
    assert_true(isnan(effective_rank(z, N, D)));
    z[4] = 1;
    assert_false(isnan(effective_rank(z, N, D)));
    z[5] = INFINITY;
    assert_true(isnan(effective_rank(z, N, D)));
    z[5] = NAN;
    assert_true(isnan(effective_rank(z, N, D)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isotropic_output_has_rank_near_one),
        cmocka_unit_test(equal_directions_are_counted),
        cmocka_unit_test(shares_are_of_singular_values_not_of_variances),
        cmocka_unit_test(directions_are_counted_by_their_variance),
        cmocka_unit_test(no_spectrum_is_nan_throughout),
        cmocka_unit_test(one_row_more_than_features_is_enough_and_one_less_is_not),
        cmocka_unit_test(scale_and_offset_change_nothing),
        cmocka_unit_test(constant_and_non_finite_outputs_have_no_rank),
    };
    return cmocka_run_group_tests_name("spectrum", tests, NULL, NULL);
}
