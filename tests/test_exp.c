/* SPDX-License-Identifier: MIT
 *
 * test_exp.c -- exponentials of many scores at once, as this instruction set has them, beside libm's in double.
 */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "exp.h"

/* By how many units of its last place e is not exp(x); a number below FLT_MIN has FLT_MIN's. */
static double units_off(float e, double x)
{
    const double is = exp(x);
    int power;
    frexp(is > (double)FLT_MIN ? is : (double)FLT_MIN, &power);
    return fabs((double)e - is) / ldexp(1, power - FLT_MANT_DIG);
}

/* Every power of two that fp32 has, 4,096 places in each. */
static void is_exp_to_two_units(void **state)
{
    (void)state;
    enum { PLACES = 4096 };
    double worst = 0;
    for (int power = -126; power < 127; power++)
        for (int at = 0; at < PLACES; at += LANES) {
            double x[LANES];
            float e[LANES];
            for (int j = 0; j < LANES; j++)
                x[j] = (power + (at + j) / (double)PLACES) * 0.69314718055994530942;
            exp_lanes(e, x);
            for (int j = 0; j < LANES; j++) worst = fmax(worst, units_off(e[j], x[j]));
        }
    assert_true(worst > 0 && worst < 2);
}

static float exp_of(double x)
{
    double all[LANES];
    float e[LANES];
    for (int j = 0; j < LANES; j++) all[j] = x;
    exp_lanes(e, all);
    for (int j = 1; j < LANES; j++) assert_memory_equal(&e[j], &e[0], sizeof e[0]);
    return e[0];
}

static void ends_are_what_they_must_be(void **state)
{
    (void)state;
    assert_true(exp_of(0) == 1);
    assert_true(exp_of(-0.0) == 1);
    assert_true(exp_of(-INFINITY) == 0);
    assert_true(exp_of(-1e300) == 0);
    assert_true(exp_of(-89) == 0);
    assert_true(exp_of(-87) > 0);
    assert_true(isinf(exp_of(89)));
    assert_true(isinf(exp_of(INFINITY)));
    assert_true(isnan(exp_of(NAN)));
    assert_true(isnan(exp_of(-(double)NAN)));
}

/* Rows of every length up to some vectors: nothing behind the last number is read into a sum, or written. */
static void rows_end_where_they_end(void **state)
{
    (void)state;
    enum { MOST = 3 * LANES + 1 };
    for (int n = 0; n <= MOST; n++) {
        float s[MOST + 1], e[MOST + 1];
        double sum = 0;
        for (int i = 0; i <= MOST; i++) {
            s[i] = i < n ? (float)(i * 37 % 11) / 4 : 50;
            e[i] = -7;
        }
        const double from = 2.75, times = 10;
        for (int i = 0; i < n; i++) sum += exp(((double)s[i] - from) * times);
        assert_true(fabs(exp_row(e, s, n, from, times) - sum) <= 1e-6 * sum);
        assert_true(fabs(exp_row(NULL, s, n, from, times) - sum) <= 1e-6 * sum);
        for (int i = 0; i < n; i++) assert_true(units_off(e[i], ((double)s[i] - from) * times) < 2);
        for (int i = n; i <= MOST; i++) assert_true(e[i] == -7);
    }
}

static void the_most_passes_over_nan(void **state)
{
    (void)state;
    enum { MOST = 3 * LANES + 1 };
    for (int n = 0; n <= MOST; n++)
        for (int place = 0; place < n; place++) {
            float s[MOST + 1];
            for (int i = 0; i <= MOST; i++) s[i] = i < n ? -(float)(i + 2) : 9;
            s[place] = -1;
            assert_true(most_of(s, n) == -1);
            s[place] = NAN;
            assert_true(most_of(s, n) == (n == 1 ? -INFINITY : place == 0 ? -3 : -2));
            assert_true(isnan(exp_row(NULL, s, n, -2, 1)));
        }
    assert_true(most_of(NULL, 0) == -INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_exp_to_two_units),
        cmocka_unit_test(ends_are_what_they_must_be),
        cmocka_unit_test(rows_end_where_they_end),
        cmocka_unit_test(the_most_passes_over_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
