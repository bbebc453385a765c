/* SPDX-License-Identifier: MIT
 *
 * test_detector.c -- the detector's numbers against their definitions, and against themselves for
 * other threads and other pieces.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "outputs.h"
#include "../engine/collapse/detector.h"

/* Of the inputs, which are floats, and of what is taken from them in float: relative. */
static const double ROUNDING = 1e-6;
/* Eigenvalues are as exact as the largest one: some times double's rounding. */
static const double EIGEN = 1e-13;

/* cmocka's assert_float_equal takes NaN for equal to anything. */
#define assert_close(value, want, tolerance)                                                       \
    assert_true(fabs((double)(value) - (double)(want)) <=                                          \
                (tolerance) * fmax(1, fabs((double)(want))))

/* ---- eigenvalues ----------------------------------------------------------------------------- */

static void eigenvalues_compare(int d, double scale, double diagonal)
{
    double *const a = calloc((size_t)(d * d), sizeof *a), *const b =
                                                              calloc((size_t)(d * d), sizeof *b);
    double *const got = calloc((size_t)d, sizeof *got), *const want =
                                                            calloc((size_t)d, sizeof *want);
    struct draws r = { .seed = (uint32_t)d };
    for (int i = 0; i < d; i++)
        for (int k = 0; k <= i; k++)
            a[i * d + k] = scale * draw_gauss(&r) * (i == k ? diagonal : 1);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++) b[i * d + k] = a[(i > k ? i : k) * d + (i > k ? k : i)] / scale;
    assert_int_equal(eigenvalues(got, a, d), SIMSIAM_OK);
    naive_eigen(want, NULL, b, d);
    double largest = 0;
    for (int k = 0; k < d; k++) largest = fmax(largest, fabs(want[k]));
    for (int k = 0; k < d; k++) assert_true(fabs(got[k] / scale - want[k]) <= EIGEN * d * largest);
    free(a);
    free(b);
    free(got);
    free(want);
}

static void eigenvalues_are_those_of_jacobi(void **state)
{
    (void)state;
    const int size[] = { 1, 2, 3, 7, 33, 65 };
    for (int i = 0; i < 6; i++) {
        eigenvalues_compare(size[i], 1, 1);
        eigenvalues_compare(size[i], 1e-200, 1);
        eigenvalues_compare(size[i], 1e200, 30);
    }
}

/* 2 on the diagonal and -1 beside it: 2 - 2 cos(k pi / (d + 1)). */
static void a_known_tridiagonal_matrix_has_its_known_eigenvalues(void **state)
{
    (void)state;
    enum { D = 100 };
    double *const a = calloc(D * D, sizeof *a), value[D];
    for (int i = 0; i < D; i++) {
        a[i * D + i] = 2;
        if (i) a[i * D + i - 1] = -1;
    }
    assert_int_equal(eigenvalues(value, a, D), SIMSIAM_OK);
    for (int k = 0; k < D; k++)
        assert_close(value[k], 2 - 2 * cos((D - k) * M_PI / (D + 1)), EIGEN);
    free(a);
}

static void eigenvalues_of_nothing_and_of_one_direction(void **state)
{
    (void)state;
    enum { D = 33 };
    double *const a = calloc(D * D, sizeof *a), value[D], length = 0;
    assert_int_equal(eigenvalues(value, a, D), SIMSIAM_OK);
    for (int k = 0; k < D; k++) assert_true(value[k] == 0);
    for (int i = 0; i < D; i++) length += (1 + i) * (1 + i);
    for (int i = 0; i < D; i++)
        for (int k = 0; k <= i; k++) a[i * D + k] = (1 + i) * (1 + k);
    assert_int_equal(eigenvalues(value, a, D), SIMSIAM_OK);
    assert_close(value[0], length, EIGEN);
    for (int k = 1; k < D; k++) assert_true(fabs(value[k]) <= EIGEN * length);
    free(a);
}

/* ---- measures against their definitions ------------------------------------------------------ */

struct reference {
    double std_sqrtd, mean_norm, total;
};

/* z' of x [n, d]; its std_sqrtd, |E z'| and E|z' - E z'|^2. */
static struct reference naive_spread(double *unit, const double *x, int n, int d)
{
    struct reference r = { 0, 0, 0 };
    double *const mean = calloc((size_t)d, sizeof *mean);
    for (int i = 0; i < n; i++) {
        double square = 0;
        for (int k = 0; k < d; k++) square += x[i * d + k] * x[i * d + k];
        for (int k = 0; k < d; k++) unit[i * d + k] = x[i * d + k] / fmax(sqrt(square), 1e-8);
    }
    naive_mean(mean, unit, n, d);
    for (int k = 0; k < d; k++) {
        double square = 0;
        for (int i = 0; i < n; i++) square += pow(unit[i * d + k] - mean[k], 2);
        r.std_sqrtd += sqrt(square / (n - 1)) / sqrt(d);
        r.mean_norm += mean[k] * mean[k];
        r.total += square / n;
    }
    r.mean_norm = sqrt(r.mean_norm);
    free(mean);
    return r;
}

/* Both views' rows, one behind another. */
static double *rows_of(const struct outputs *o)
{
    const int half = o->n * o->d;
    double *const x = calloc((size_t)(2 * half), sizeof *x);
    for (int i = 0; i < half; i++) {
        x[i] = (double)o->z1[i];
        x[half + i] = (double)o->z2[i];
    }
    return x;
}

static void spectrum_check(const struct simsiam_evidence *e, const struct simsiam_others *others,
                           const double *x, int n, int d)
{
    double *const a = calloc((size_t)(d * d), sizeof *a), *const value =
                                                              calloc((size_t)d, sizeof *value);
    double *const sigma = calloc((size_t)d, sizeof *sigma), *const mean =
                                                                calloc((size_t)d, sizeof *mean);
    naive_mean(mean, x, n, d);
    naive_scatter(a, x, mean, n, d);
    naive_eigen(value, NULL, a, d);
    double sum = 0, squares = 0;
    for (int k = 0; k < d; k++) {
        sigma[k] = sqrt(fmax(value[k], 0));
        sum += value[k];
        squares += value[k] * value[k];
    }
    assert_close(e->rank, naive_entropy(sigma, d, 0), ROUNDING);
    assert_close(e->participation, sum * sum / squares, ROUNDING);
    double held = 0;
    int n90 = 0, n99 = 0;
    for (int k = 0; k < d; k++) {
        n90 += held < 0.9 * sum;
        n99 += held < 0.99 * sum;
        held += value[k];
    }
    assert_true(e->directions_90 == n90 && e->directions_99 == n99);

    /* The normal equations of ln l_k = b - alpha ln k, weights 1 / k. */
    double w = 0, wx = 0, wy = 0;
    for (int k = 1; k <= d; k++) {
        w += 1.0 / k;
        wx += log(k) / k;
        wy += log(value[k - 1]) / k;
    }
    double above = 0, below = 0;
    for (int k = 1; k <= d; k++) {
        above -= (log(k) - wx / w) * (log(value[k - 1]) - wy / w) / k;
        below += pow(log(k) - wx / w, 2) / k;
    }
    assert_close(others->alpha_req, above / below, ROUNDING);

    naive_scatter(a, x, NULL, n, d);
    naive_eigen(value, NULL, a, d);
    for (int k = 0; k < d; k++) sigma[k] = sqrt(fmax(value[k], 0));
    assert_close(others->rankme, naive_entropy(sigma, d, 1e-7), ROUNDING);
    free(a);
    free(value);
    free(sigma);
    free(mean);
}

/* LiDAR as its paper has it: W^-1/2 from W's eigenvectors. */
static double naive_lidar(const double *x, int n, int d)
{
    const size_t cells = (size_t)(d * d);
    double *const m = calloc((size_t)(n * d), sizeof *m), *const t =
                                                              calloc((size_t)(n * d), sizeof *t);
    double *const mean = calloc((size_t)d, sizeof *mean), *const value =
                                                              calloc((size_t)d, sizeof *value);
    double *const w = calloc(cells, sizeof *w), *const b = calloc(cells, sizeof *b);
    double *const q = calloc(cells, sizeof *q), *const root = calloc(cells, sizeof *root);
    double *const half = calloc(cells, sizeof *half);
    for (int i = 0; i < n * d; i++) {
        m[i] = (x[i] + x[n * d + i]) / 2;
        t[i] = (x[i] - x[n * d + i]) / 2;
    }
    naive_mean(mean, m, n, d);
    naive_scatter(b, m, mean, n, d);
    naive_scatter(w, t, NULL, n, d);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++) w[i * d + k] = w[i * d + k] / n + (i == k ? 1e-4 : 0);
    naive_eigen(value, q, w, d);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++)
            for (int c = 0; c < d; c++)
                root[i * d + k] += q[i * d + c] * q[k * d + c] / sqrt(value[c]);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++)
            for (int c = 0; c < d; c++) half[i * d + k] += root[i * d + c] * b[c * d + k] / n;
    memset(w, 0, cells * sizeof *w);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++)
            for (int c = 0; c < d; c++) w[i * d + k] += half[i * d + c] * root[c * d + k];
    naive_eigen(value, NULL, w, d);
    const double lidar = naive_entropy(value, d, 1e-7);
    double *const all[] = { m, t, mean, value, w, b, q, root, half };
    for (int i = 0; i < 9; i++) free(all[i]);
    return lidar;
}

static void evidence_of(struct simsiam_evidence *e, struct simsiam_others *others,
                        const struct outputs *o, const float *rest, int threads, int piece)
{
    struct simsiam_detector *c;
    assert_int_equal(simsiam_open(&c, o->d, rest != NULL, threads), SIMSIAM_OK);
    for (int done = 0; done < o->n; done += piece) {
        const int rows = o->n - done < piece ? o->n - done : piece;
        const size_t at = (size_t)done * (size_t)o->d;
        assert_int_equal(simsiam_add(c, o->z1 + at, o->z2 + at, rest ? rest + at : NULL, rows),
                         SIMSIAM_OK);
    }
    memset(e, 0, sizeof *e);
    assert_int_equal(simsiam_measure(c, e), SIMSIAM_OK);
    assert_int_equal(simsiam_compare(c, others), SIMSIAM_OK);
    simsiam_close(c);
}

static const struct planted shapes[] = {
    { .n = 150, .d = 7, .directions = 7, .power = 1, .between = 1, .within = 0.3, .offset = 0 },
    { .n = 133, .d = 33, .directions = 33, .power = 0.5, .between = 1, .within = 0.5, .offset = 5 },
    { .n = 200, .d = 49, .directions = 4, .power = 0, .between = 3, .within = 0.1, .offset = 40 },
    { .n = 130,
      .d = 65,
      .directions = 65,
      .power = 0.5,
      .between = 0.01,
      .within = 0.02,
      .offset = 1 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void measures_check(const struct outputs *o)
{
    const int n = o->n, d = o->d;
    double *const x = rows_of(o), *const unit = calloc((size_t)(2 * n * d), sizeof *unit);
    const struct reference r = naive_spread(unit, x, 2 * n, d);
    double within = 0;
    for (int k = 0; k < n * d; k++) within += pow(unit[k] - unit[n * d + k], 2) / n;
    struct simsiam_evidence e;
    struct simsiam_others others;
    evidence_of(&e, &others, o, NULL, 1, n);
    assert_true(e.n == n && e.d == d);
    assert_close(e.std_sqrtd, r.std_sqrtd, ROUNDING * fmin(1, r.std_sqrtd));
    assert_close(e.mean_norm, r.mean_norm, ROUNDING);
    assert_close(e.view_share, within / (2 * r.total), ROUNDING);
    assert_close(others.level, fmax(0, 1 - r.std_sqrtd), ROUNDING);
    spectrum_check(&e, &others, x, 2 * n, d);
    assert_close(others.lidar, naive_lidar(x, n, d), 1e-5);        /* whitening multiplies rounding */
    free(x);
    free(unit);
}

static void measures_are_what_their_definitions_say(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        struct outputs o = outputs_make(shapes[i], 1);
        measures_check(&o);
        outputs_free(&o);
    }
}

/* The views say how much they share, the rest how it is spread. */
static void samples_at_rest_are_what_is_spread(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[1], 1), at_rest = outputs_make(shapes[1], 2);
    struct simsiam_evidence views, e;
    struct simsiam_others views_others, others;
    evidence_of(&views, &views_others, &o, NULL, 1, o.n);
    evidence_of(&e, &others, &o, at_rest.z1, 2, o.n);
    double *const x = rows_of(&at_rest), *const unit = calloc((size_t)(o.n * o.d), sizeof *unit);
    const struct reference r = naive_spread(unit, x, o.n, o.d);
    assert_close(e.std_sqrtd, r.std_sqrtd, ROUNDING);
    assert_close(e.mean_norm, r.mean_norm, ROUNDING);
    assert_close(others.level, fmax(0, 1 - r.std_sqrtd), ROUNDING);
    spectrum_check(&e, &others, x, o.n, o.d);
    assert_true(e.view_share == views.view_share && others.lidar == views_others.lidar);
    free(x);
    free(unit);
    outputs_free(&o);
    outputs_free(&at_rest);
}

/* Spread by a few millionths of the mean: one pass without a pivot would have no digit left. */
static void a_far_mean_leaves_the_spread_its_digits(void **state)
{
    (void)state;
    const struct planted far = { .n = 300, .d = 33, .directions = 33, .power = 0.5,
                                 .between = 3e-6, .within = 1e-6, .offset = 1 };
    struct outputs o = outputs_make(far, 3);
    measures_check(&o);
    outputs_free(&o);
}

/* Rows shorter than 1e-8 are divided by that. */
static void a_zero_row_stays_zero(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[0], 1);
    for (int k = 0; k < o.d; k++) {
        o.z1[k] = 0;
        o.z2[k] = 0;
        o.z1[o.d + k] *= 1e-5f;
        o.z2[2 * o.d + k] = 1e-9f;
    }
    measures_check(&o);
    outputs_free(&o);
}

static void threads_and_pieces_change_no_digit(void **state)
{
    (void)state;
    struct outputs o = outputs_make((struct planted){ .n = 521,
                                                      .d = 101,
                                                      .directions = 50,
                                                      .power = 0.5,
                                                      .between = 1,
                                                      .within = 0.4,
                                                      .offset = 2 },
                                    1);
    struct simsiam_evidence first, e;
    struct simsiam_others first_others, others;
    evidence_of(&first, &first_others, &o, o.z2, 1, o.n);
    const int threads[] = { 2, 7, 0 }, piece[] = { 1, 100, 300 };
    for (int i = 0; i < 3; i++) {
        evidence_of(&e, &others, &o, o.z2, threads[i], piece[i]);
        assert_memory_equal(&e, &first, sizeof e);
        assert_memory_equal(&others, &first_others, sizeof others);
    }
    outputs_free(&o);
}

static void measuring_between_is_no_end(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[1], 1);
    struct simsiam_detector *c;
    struct simsiam_evidence half, whole, once;
    struct simsiam_others others;
    evidence_of(&once, &others, &o, NULL, 1, o.n);
    assert_int_equal(simsiam_open(&c, o.d, 0, 1), SIMSIAM_OK);
    assert_int_equal(simsiam_add(c, o.z1, o.z2, NULL, 100), SIMSIAM_OK);
    assert_int_equal(simsiam_measure(c, &half), SIMSIAM_OK);
    assert_int_equal(simsiam_add(c, o.z1 + 100 * o.d, o.z2 + 100 * o.d, NULL, o.n - 100),
                     SIMSIAM_OK);
    assert_int_equal(simsiam_measure(c, &whole), SIMSIAM_OK);
    assert_true(half.n == 100 && whole.n == o.n);
    assert_close(whole.rank, once.rank, ROUNDING);
    assert_close(whole.view_share, once.view_share, ROUNDING);
    simsiam_close(c);
    outputs_free(&o);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static int status_of(const float *z1, const float *z2, int n, int d)
{
    struct simsiam_evidence e;
    struct simsiam_verdict v;
    return simsiam_check(&e, &v, z1, z2, NULL, n, d, 1);
}

static void too_few_samples_are_refused(void **state)
{
    (void)state;
    const int d[] = { 1, 33, 300 }, least[] = { 2, 66, 512 };
    for (int i = 0; i < 3; i++) {
        struct outputs o = outputs_make(
            (struct planted){
                .n = least[i], .d = d[i], .directions = d[i], .between = 1, .within = 0.1 },
            1);
        assert_int_equal(status_of(o.z1, o.z2, least[i], d[i]), SIMSIAM_OK);
        assert_int_equal(status_of(o.z1, o.z2, least[i] - 1, d[i]), SIMSIAM_TOO_FEW);
        outputs_free(&o);
    }
}

/* The same numbers in both views, or zeros: what a dead head gives, and no twins. */
static void a_constant_without_noise_is_measured(void **state)
{
    (void)state;
    static float z[130 * 65];
    for (int zero = 0; zero < 2; zero++) {
        for (int i = 0; i < 130 * 65; i++) z[i] = zero ? 0 : 0.25f * (float)(i % 65 - 9);
        struct simsiam_detector *c;
        struct simsiam_evidence e;
        struct simsiam_others o;
        struct simsiam_verdict v;
        assert_int_equal(simsiam_open(&c, 65, 1, 1), SIMSIAM_OK);
        assert_int_equal(simsiam_add(c, z, z, z, 130), SIMSIAM_OK);
        assert_int_equal(simsiam_measure(c, &e), SIMSIAM_OK);
        assert_int_equal(simsiam_compare(c, &o), SIMSIAM_OK);
        simsiam_close(c);
        simsiam_judge(&v, &e, NULL);
        assert_int_equal(v.grade, SIMSIAM_COMPLETE);
        assert_true(isnan(e.view_share) && isnan(e.rank) && o.level > 0.999);
    }
}

static void twins_and_numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[1], 1);
    assert_int_equal(status_of(o.z1, o.z1, o.n, o.d), SIMSIAM_TWINS);
    struct outputs half = outputs_make(shapes[1], 2);      /* twins in the last block alone are none */
    memcpy(half.z2 + 128 * o.d, half.z1 + 128 * o.d, (size_t)((o.n - 128) * o.d) * sizeof *half.z1);
    assert_int_equal(status_of(half.z1, half.z2, o.n, o.d), SIMSIAM_OK);
    outputs_free(&half);
    const float wrong[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < 3; i++) {
        const float kept = o.z2[o.n * o.d - 1];
        o.z2[o.n * o.d - 1] = wrong[i];
        assert_int_equal(status_of(o.z1, o.z2, o.n, o.d), SIMSIAM_NOT_FINITE);
        o.z2[o.n * o.d - 1] = kept;
    }
    outputs_free(&o);
}

/* A row may be as far from the first block's mean as two floats can be from each other. */
static void outputs_near_the_end_of_float_are_measured(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[1], 1);
    for (int i = 0; i < o.n * o.d; i++) {
        const float sign = i < 128 * o.d ? 1 : -1;
        o.z1[i] = sign * 3.3e38f + o.z1[i] * 1e36f;
        o.z2[i] = sign * 3.3e38f + o.z2[i] * 1e36f;
    }
    measures_check(&o);
    outputs_free(&o);
}

/* 1e-4 is nothing beside a variance of 1e18 between views, and W is then not positive: "none". */
static void lidar_is_no_number_where_its_delta_is_lost(void **state)
{
    (void)state;
    struct outputs o = outputs_make(shapes[2], 1);
    for (int i = 0; i < o.n; i++) {
        for (int k = 0; k < o.d; k++) {        /* so that nothing is rounded in float */
            o.z1[i * o.d + k] = (float)(i * (k + 3) % 5 * 0x1p13);
            o.z2[i * o.d + k] = o.z1[i * o.d + k] + (float)((1 + i % 7) * (1 + k) * 0x1p27);
        }
    }
    struct simsiam_evidence e;
    struct simsiam_others others;
    evidence_of(&e, &others, &o, NULL, 1, o.n);
    assert_true(isnan(others.lidar) && isfinite(others.rankme) && isfinite(e.rank));
    outputs_free(&o);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct simsiam_detector *c;
    struct simsiam_evidence e;
    const float z[4] = { 0 };
    assert_int_equal(simsiam_open(NULL, 4, 0, 1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_open(&c, 0, 0, 1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_open(&c, SIMSIAM_DIM_MAX + 1, 0, 1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_open(&c, 4, 0, -1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_open(&c, 4, 0, 1), SIMSIAM_OK);
    assert_int_equal(simsiam_add(c, z, NULL, NULL, 1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_add(c, z, z, z, 1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_add(c, z, z, NULL, -1), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_measure(c, NULL), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_measure(NULL, &e), SIMSIAM_BAD_ARGUMENT);
    assert_int_equal(simsiam_measure(c, &e), SIMSIAM_TOO_FEW);
    simsiam_close(c);
    simsiam_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_are_those_of_jacobi),
        cmocka_unit_test(a_known_tridiagonal_matrix_has_its_known_eigenvalues),
        cmocka_unit_test(eigenvalues_of_nothing_and_of_one_direction),
        cmocka_unit_test(measures_are_what_their_definitions_say),
        cmocka_unit_test(samples_at_rest_are_what_is_spread),
        cmocka_unit_test(a_far_mean_leaves_the_spread_its_digits),
        cmocka_unit_test(a_zero_row_stays_zero),
        cmocka_unit_test(threads_and_pieces_change_no_digit),
        cmocka_unit_test(measuring_between_is_no_end),
        cmocka_unit_test(too_few_samples_are_refused),
        cmocka_unit_test(a_constant_without_noise_is_measured),
        cmocka_unit_test(twins_and_numbers_that_are_none_are_refused),
        cmocka_unit_test(outputs_near_the_end_of_float_are_measured),
        cmocka_unit_test(lidar_is_no_number_where_its_delta_is_lost),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
