/* SPDX-License-Identifier: MIT
 *
 * test_collapse.c -- the measures on distributions whose value is known.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../engine/base.h"
#include "../engine/collapse.h"
#include "../engine/collapse/simsiam_collapse.h"
#include "../engine/spectrum.h"

static const double ROUNDING = 1e-6;       /* float inputs of size 1 */
/* Monte Carlo: a variance estimated from n d >= 1e5 normal numbers is off by sqrt(2 / (n d)) <
 * 0.005 (one sigma); three of these. */
static const double SAMPLING = 0.015;

/* cmocka's assert_float_equal takes NaN for equal to anything. */
#define assert_close(value, want, tolerance) assert_true(fabs((double)(value) - (want)) <= (tolerance))

static double gauss(void)
{
    const double u = 1 - drand48(), v = drand48();
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}
static float *gauss_rows(int n, int d, double offset, double scale)
{
    float *z = host_alloc((size_t)n * d, sizeof *z);
    for (size_t i = 0; i < (size_t)n * d; i++) z[i] = (float)(offset + scale * gauss());
    return z;
}

static void gaussian_output_has_std_one(void **state)
{
    (void)state;
    enum { N = 2500, D = 64 };
    srand48(1);
    float *z = gauss_rows(N, D, 0, 3);
    struct collapse c;
    collapse_spread(&c, z, N, D);
    assert_close(c.std_sqrtd, 1, SAMPLING);
    assert_true(c.mean_norm < 3 / sqrt(N));
    free(z);
}

static void constant_output_has_std_zero_and_mean_norm_one(void **state)
{
    (void)state;
    enum { N = 33, D = 7 };
    float z[N * D];
    /* one direction */
    for (int i = 0; i < N * D; i++) z[i] = 0.1f * (float)(1 + i % D) * (float)(1 + i / D);
    struct collapse c;
    collapse_spread(&c, z, N, D);
    assert_close(c.std_sqrtd, 0, ROUNDING);
    assert_close(c.mean_norm, 1, ROUNDING);
}

/* Half the rows at +e, half at -e: the variance over n - 1 of the one channel is n / (n - 1). */
static void two_opposite_points_have_a_known_std(void **state)
{
    (void)state;
    enum { N = 8, D = 4 };
    float z[N * D] = { 0 };
    for (int i = 0; i < N; i++) z[i * D + 2] = i % 2 ? 5 : -0.5f;
    struct collapse c;
    collapse_spread(&c, z, N, D);
    assert_close(c.std_sqrtd, sqrt(D) * sqrt(N / (N - 1.0)) / D, ROUNDING);
    assert_close(c.mean_norm, 0, ROUNDING);
}

static void a_zero_row_stays_zero(void **state)
{
    (void)state;
    const float z[] = { 0, 0, 3, 0 };
    struct collapse c;
    collapse_spread(&c, z, 2, 2);
    assert_close(c.mean_norm, 0.5, ROUNDING);
    assert_close(c.std_sqrtd, sqrt(2) * sqrt(0.5) / 2, ROUNDING);
}

static void nan_is_seen(void **state)
{
    (void)state;
    const float z[] = { 1, 2, 3, NAN };
    struct collapse c;
    collapse_spread(&c, z, 2, 2);
    collapse_view_share(&c, z, z, 2, 2);
    assert_true(isnan(c.std_sqrtd) && isnan(c.mean_norm) && isnan(c.view_share));
}

static double share(const float *z1, const float *z2, int n, int d)
{
    struct collapse c = { 0 };
    collapse_view_share(&c, z1, z2, n, d);
    return c.view_share;
}

static void identical_views_share_nothing(void **state)
{
    (void)state;
    srand48(2);
    float *z = gauss_rows(33, 7, 1, 1), *scaled = host_alloc(33 * 7, sizeof *scaled);
    assert_true(share(z, z, 33, 7) == 0);
    /* the length of a row is nothing */
    for (int i = 0; i < 33 * 7; i++) scaled[i] = z[i] * (float)(1 + i / 7);
    assert_close(share(z, scaled, 33, 7), 0, ROUNDING);
    free(z);
    free(scaled);
}

static void independent_views_have_share_one(void **state)
{
    (void)state;
    enum { N = 2500, D = 64 };
    srand48(3);
    float *z1 = gauss_rows(N, D, 0.3, 1), *z2 = gauss_rows(N, D, 0.3, 1);
    assert_close(share(z1, z2, N, D), 1, SAMPLING);
    free(z1);
    free(z2);
}

static void opposite_views_have_share_two(void **state)
{
    (void)state;
    const float z1[] = { 3, 4, -1, 0.5f, 0, 2 }, z2[] = { -3, -4, 1, -0.5f, 0, -2 };
    assert_close(share(z1, z2, 3, 2), 2, ROUNDING);
}

/* z'1 = e1, e1 and z'2 = e2, e1: E|z'1 - z'2|^2 = (2 + 0) / 2, around the mean (3/4, 1/4) the
 * variance is 3/8. */
static void both_views_enter_the_variance(void **state)
{
    (void)state;
    const float z1[] = { 1, 0, 7, 0 }, z2[] = { 0, 3, 1, 0 };
    assert_close(share(z1, z2, 2, 2), 4 / 3.0, ROUNDING);
    assert_close(share(z2, z1, 2, 2), 4 / 3.0, ROUNDING);
}

/* Views of one image differ by `within`, images by `between`, around an offset so large that
 * dividing by the norm changes the ratio by less than a thousandth: S = within^2 / (within^2 +
 * between^2). */
static void planted_variances_are_found(void **state)
{
    (void)state;
    enum { N = 2500, D = 64 };
    static const double planted[][2] = { { 1, 3 }, { 1, 1 }, { 2, 1 } };
    srand48(4);
    for (int k = 0; k < 3; k++) {
        const double within = planted[k][0], between = planted[k][1];
        float *image = gauss_rows(N, D, 100, between), *z1 = gauss_rows(N, D, 0, within);
        float *z2 = gauss_rows(N, D, 0, within);
        for (int i = 0; i < N * D; i++) {
            z1[i] += image[i];
            z2[i] += image[i];
        }
        assert_close(share(z1, z2, N, D), within * within / (within * within + between * between),
                     SAMPLING);
        free(image);
        free(z1);
        free(z2);
    }
}

static void a_constant_has_no_share(void **state)
{
    (void)state;
    enum { N = 7, D = 3 };
    float z[N * D];
    for (int i = 0; i < N * D; i++) z[i] = (float)(1 + i % D);
    assert_true(isnan(share(z, z, N, D)));
    /* variance about 1e-10: defined again */
    for (int i = 0; i < N * D; i++) z[i] += 1e-6f * (float)i;
    assert_false(isnan(share(z, z, N, D)));
}

/* libsimsiam-collapse sums in one pass, and comes to the same numbers. */
static void the_library_measures_the_same(void **state)
{
    (void)state;
    enum { N = 133, D = 33 };
    static const double EXACT = 1e-9;          /* the sums' order alone is another */
    srand48(5);
    for (int k = 0; k < 3; k++) {
        float *const rest = gauss_rows(N, D, k, 1), *const z1 = gauss_rows(N, D, k, 0.3);
        float *const z2 = gauss_rows(N, D, k, 0.3);
        for (int i = 0; i < N * D; i++) {
            z1[i] += rest[i];
            z2[i] += rest[i];
        }
        struct collapse c;
        collapse_spread(&c, rest, N, D);
        collapse_view_share(&c, z1, z2, N, D);
        struct simsiam_evidence e;
        struct simsiam_verdict v;
        assert_int_equal(simsiam_check(&e, &v, z1, z2, rest, N, D, 1), SIMSIAM_OK);
        assert_close(e.std_sqrtd, c.std_sqrtd, EXACT);
        assert_close(e.mean_norm, c.mean_norm, EXACT);
        assert_close(e.view_share, c.view_share, EXACT);
        assert_close(e.rank, D * effective_rank(rest, N, D), D * EXACT);
        free(rest);
        free(z1);
        free(z2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_output_has_std_one),
        cmocka_unit_test(constant_output_has_std_zero_and_mean_norm_one),
        cmocka_unit_test(two_opposite_points_have_a_known_std),
        cmocka_unit_test(a_zero_row_stays_zero),
        cmocka_unit_test(nan_is_seen),
        cmocka_unit_test(identical_views_share_nothing),
        cmocka_unit_test(independent_views_have_share_one),
        cmocka_unit_test(opposite_views_have_share_two),
        cmocka_unit_test(both_views_enter_the_variance),
        cmocka_unit_test(planted_variances_are_found),
        cmocka_unit_test(a_constant_has_no_share),
        cmocka_unit_test(the_library_measures_the_same),
    };
    return cmocka_run_group_tests_name("collapse", tests, NULL, NULL);
}
