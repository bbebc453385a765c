/* SPDX-License-Identifier: MIT
 *
 * test_stats.c -- the statistics against tables, closed forms and hand arithmetic.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "../engine/stats.h"

/* What tables print: 12 significant digits. */
#define TABLE_TOLERANCE 1e-9
/* Closed forms and hand arithmetic: rounding only. */
#define ROUNDING 1e-12

static void assert_near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance * fmax(1, fabs(want))))
        fail_msg("%.15g, not %.15g", value, want);
}

static void quantiles_are_those_of_the_tables(void **state)
{
    (void)state;
    static const struct { double p, df, t; } table[] = {
        { 0.975, 1,
          12.7062047361747 },   { 0.975, 2, 4.30265272974946 },   { 0.975, 3, 3.18244630528371 },
        { 0.975, 4,
          2.77644510519779 },   { 0.975, 9, 2.26215716279820 },   { 0.975, 30, 2.04227245630124 },
        { 0.975, 1000,
          1.96233908082641 }, { 0.95, 5, 2.01504837333302 },   { 0.995, 10, 3.16927267261695 },
        { 0.75, 3, 0.764892328404345 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_near(student_quantile(table[i].p, table[i].df), table[i].t, TABLE_TOLERANCE);
}

/* df = 1 is Cauchy's distribution: tan(pi (p - 1/2)); df = 2: (2p - 1) / sqrt(2 p (1 - p)). */
static void quantiles_of_one_and_two_degrees_have_closed_forms(void **state)
{
    (void)state;
    const double pi = acos(-1);
    for (double p = 0.005; p < 1; p += 0.005) {
        assert_near(student_quantile(p, 1), tan(pi * (p - 0.5)), TABLE_TOLERANCE);
        assert_near(student_quantile(p, 2), (2 * p - 1) / sqrt(2 * p * (1 - p)), TABLE_TOLERANCE);
    }
}

static void quantile_is_odd_about_one_half(void **state)
{
    (void)state;
    assert_near(student_quantile(0.5, 7), 0, ROUNDING);
    assert_near(student_quantile(0.25, 7), -student_quantile(0.75, 7), ROUNDING);
}

static void spread_divides_by_n_minus_one(void **state)
{
    (void)state;
    const double x[] = { 1e9 + 1, 1e9 + 2, 1e9 + 6 };
    const struct spread s = spread_of(x, 3);
    assert_int_equal(s.n, 3);
    assert_near(s.mean, 1e9 + 3, ROUNDING);
    assert_near(s.std, sqrt(7), ROUNDING);
    const double equal[] = { 0.97, 0.97, 0.97 };
    assert_true(spread_of(equal, 3).std == 0 && spread_of(equal, 3).mean == 0.97);
}

static void spread_of_too_few_numbers_is_not_a_number(void **state)
{
    (void)state;
    const double x[] = { 4, NAN };
    assert_true(isnan(spread_of(x, 0).mean));
    assert_near(spread_of(x, 1).mean, 4, 0);
    assert_true(isnan(spread_of(x, 1).std));
    assert_true(isnan(spread_of(x, 2).mean));
    const struct spread one = spread_of(x, 1);
    assert_true(isnan(interval_half(&one, 0.95)));
}

static void interval_is_t_times_the_standard_error(void **state)
{
    (void)state;
    const struct spread s = { 5, 0, 3 };
    assert_near(interval_half(&s, 0.95), 2.77644510519779 * 3 / sqrt(5), TABLE_TOLERANCE);
    assert_true(interval_half(&s, 0.975) > interval_half(&s, 0.95));
}

/* Of two degrees of freedom p is 1 - t / sqrt(t^2 + 2); here t = 2 sqrt(3). */
static void p_is_the_chance_of_a_mean_as_far_off(void **state)
{
    (void)state;
    const struct spread s = { 3, 5, 1 }, still = { 3, 5, 0 }, one = { 1, 5, NAN };
    const double p = 1 - sqrt(12.0 / 14);
    assert_near(student_p(&s, 3), p, TABLE_TOLERANCE);
    assert_near(student_p(&s, 7), p, TABLE_TOLERANCE);
    assert_near(student_p(&s, 5), 1, ROUNDING);
    assert_true(student_p(&still, 3) == 0 && student_p(&still, 5) == 1);
    assert_true(isnan(student_p(&one, 3)));
    const double t = student_quantile(0.975, 2) / sqrt(3);     /* what an interval of 95 % leaves out */
    assert_near(student_p(&s, 5 - t), 0.05, TABLE_TOLERANCE);
}

static void sign_test_counts_the_ways(void **state)
{
    (void)state;
    assert_near(sign_p(6, 6), 2.0 / 64, 0);
    assert_near(sign_p(5, 6), 2.0 * (1 + 6) / 64, 0);
    assert_near(sign_p(4, 6), 2.0 * (1 + 6 + 15) / 64, 0);
    assert_near(sign_p(3, 6), 1, 0);           /* as many of the one as of the other */
    assert_near(sign_p(0, 6), 1, 0);
    assert_near(sign_p(64, 64), ldexp(2, -64), 0);
}

static void slope_of_a_line_is_its_slope(void **state)
{
    (void)state;
    const double x[] = { 1, 2, 4, 8 }, line[] = { 5, 3, -1, -9 }, bumpy[] = { 0, 1, 0, 1 };
    assert_near(slope_of(x, line, 4), -2, ROUNDING);
    /* mean x 3.75, sum (x - mean)^2 = 28.75, sum (x - mean) y = -1.75 + 4.25 */
    assert_near(slope_of(x, bumpy, 4), 2.5 / 28.75, ROUNDING);
    assert_true(isnan(slope_of(x, line, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_the_tables),
        cmocka_unit_test(quantiles_of_one_and_two_degrees_have_closed_forms),
        cmocka_unit_test(quantile_is_odd_about_one_half),
        cmocka_unit_test(spread_divides_by_n_minus_one),
        cmocka_unit_test(spread_of_too_few_numbers_is_not_a_number),
        cmocka_unit_test(interval_is_t_times_the_standard_error),
        cmocka_unit_test(p_is_the_chance_of_a_mean_as_far_off),
        cmocka_unit_test(sign_test_counts_the_ways),
        cmocka_unit_test(slope_of_a_line_is_its_slope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
