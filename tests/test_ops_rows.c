/* SPDX-License-Identifier: MIT
 *
 * test_ops_rows.c -- ReLU, pooling, the std of Sec. 4.1, SGD, LARS, moving averages, and the
 * machine's memory.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "naive.h"

#ifdef __has_feature                     /* clang's way of saying __SANITIZE_ADDRESS__ */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* ---- ReLU ------------------------------------------------------------------------------------ */

static void relu_keeps_what_is_positive_and_nan(void **state)
{
    (void)state;
    const float x[7] = { -2, -0.0f, 0, 1e-30f, 3, NAN,
                         -INFINITY }, want[7] = { 0, 0, 0, 1e-30f, 3, NAN, 0 };
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {      /* to both sides of where threads join in */
        float *many = host_room(n * sizeof *many);
        for (size_t i = 0; i < n; i++) many[i] = x[i % 7];
        dev_act *y = act_garbage(n);
        op_relu_fwd(y, act_of(many, n), n);
        const float *got = act_read(y, n);
        for (size_t i = 0; i < n; i++) {
            if (isnan(want[i % 7])) assert_true(isnan(got[i]));
            else assert_true(got[i] == test_number(want[i % 7]));
        }
        release();
    }
}

static void relu_backward_passes_where_the_output_is_positive(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {
        const float *y = random_floats(n, 1), *dy = random_floats(n, 2),
                    *dirty = random_floats(n, 3);
        double *want = doubles_of(NULL, n);
        for (size_t i = 0; i < n; i++) want[i] = y[i] > 0 ? (double)dy[i] : 0;
        dev_act *sum = act_of(dirty, n), *dx = act_garbage(n), *in_place = act_of(dy, n);
        op_relu_bwd(onto(sum), act_of(dy, n), act_of(y, n), n);
        op_relu_bwd(over(dx), act_of(dy, n), act_of(y, n), n);
        op_relu_bwd(over(in_place), in_place, act_of(y, n), n);
        op_relu_bwd(unwanted, act_of(dy, n), act_of(y, n), n);
        check_row_gradient("dx, added", sum, dirty, want, n);
        check_close("dx", act_read(dx, n), want, n, 0);
        check_close("dx, in place", act_read(in_place, n), want, n, 0);
        release();
    }
}

/* ---- pooling --------------------------------------------------------------------------------- */

static void pooling_is_the_mean_over_pixels_and_its_gradient_shares_evenly(void **state)
{
    (void)state;
    static const int sizes[][3] = {
        { 1, 1, 1 },    { 7, 1, 33 },   { 1, 35, 3 },   { 33, 25, 17 },
        { 7, 49, 130 }, { 3, 133, 16 }, { 33, 64, 64 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n = sizes[i][0], hw = sizes[i][1], c = sizes[i][2];
        const size_t nx = (size_t)(n * hw * c), ny = (size_t)(n * c);
        const float *x = random_floats(nx, 1), *dy = random_floats(ny, 2),
                    *dirty = random_floats(nx, 3);
        double *want = doubles_of(NULL, ny), *want_x = doubles_of(NULL, nx);
        for (int e = 0; e < n * hw * c; e++) {
            const int out = e / (hw * c) * c + e % c;
            want[out] += (double)x[e] / hw;
            want_x[e] = (double)dy[out] / hw;
        }
        dev_act *y = act_garbage(ny), *sum = act_of(dirty, nx), *dx = act_garbage(nx);
        op_pool_fwd(y, act_of(x, nx), n, hw, c);
        op_pool_bwd(onto(sum), act_of(dy, ny), n, hw, c);
        op_pool_bwd(over(dx), act_of(dy, ny), n, hw, c);
        op_pool_bwd(unwanted, act_of(dy, ny), n, hw, c);
        check_close("y", act_read(y, ny), want, ny, act_tolerance(TOLERANCE_ROUND));
        check_row_gradient("dx, added", sum, dirty, want_x, nx);
        check_row_gradient("dx", dx, NULL, want_x, nx);
        release();
    }
}

static void nan_survives_pooling(void **state)
{
    (void)state;
    float *x = random_floats(2 * 5 * 3, 1);
    x[7] = NAN;                                          /* image 0, channel 1 */
    dev_act *y = act_of(x, 6);
    op_pool_fwd(y, act_of(x, 30), 2, 5, 3);
    const float *got = act_read(y, 6);
    for (int i = 0; i < 6; i++) assert_int_equal(isnan(got[i]) != 0, i == 1);
    release();
}

/* ---- max-pooling ----------------------------------------------------------------------------- */

static const struct pool_shape pool_shapes[] = {
    /* n   h   w    c  r stride pad */
    {  1,  1,  1,   1, 3, 2, 1 },
    {  7,  5,  7,  33, 3, 2, 1 },
    {  3,  7,  1,   7, 3, 2, 1 },
    {  2,  8,  9,  65, 3, 2, 1 },
    {  1, 33,  7,  16, 2, 2, 0 },
    {  3,  7,  7,   3, 3, 1, 1 },
    {  2,  9, 11, 130, 5, 3, 2 },
    {  1,  7,  8,   1, 3, 3, 2 },
    {  3, 17, 33,  64, 3, 2, 1 },
};
enum { POOL_SHAPES = sizeof pool_shapes / sizeof *pool_shapes };

/* y = the largest of each window, and in at[] which x that is: the first one. */
static void naive_max_pool(double *y, int *at, const double *x, struct pool_shape s)
{
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    for (int e = 0; e < s.n * p * q * s.c; e++) {
        const int c = e % s.c, j = e / s.c % q, i = e / s.c / q % p, n = e / s.c / q / p;
        at[e] = -1;
        for (int r = 0; r < s.r; r++)
            for (int t = 0; t < s.r; t++) {
                const int h = i * s.stride - s.pad + r, w = j * s.stride - s.pad + t;
                if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                const int from = ((n * s.h + h) * s.w + w) * s.c + c;
                if (at[e] < 0 || x[from] > x[at[e]]) at[e] = from;
            }
        y[e] = x[at[e]];
    }
}

struct pooling { struct pool_shape s; size_t nx, ny; float *x; double *y, *xd, *dyd; int *at; };

/* Numbers of 1/8, so that windows have several largest ones; `distinct`: none that a small step
 * could overtake. */
static struct pooling pooling_of(struct pool_shape s, bool distinct)
{
    struct pooling p = { .s = s, .nx = (size_t)(s.n * s.h * s.w * s.c) };
    p.ny = (size_t)(s.n * conv_out(s.h, s.r, s.stride, s.pad) *
                    conv_out(s.w, s.r, s.stride, s.pad) * s.c);
    p.x = random_floats(p.nx, 1);
    for (size_t i = 0; i < p.nx; i++)
        p.x[i] = distinct ? (float)(i * 97 % 1009) / 1009 : rintf(p.x[i] * 8) / 8;
    p.xd = doubles_of(p.x, p.nx), p.y = doubles_of(NULL, p.ny),
    p.dyd = doubles_of(random_floats(p.ny, 2), p.ny);
    p.at = host_room(p.ny * sizeof *p.at);
    naive_max_pool(p.y, p.at, p.xd, s);
    return p;
}

static void max_pooling_is_the_naive_one_and_ties_go_to_the_first(void **state)
{
    (void)state;
    for (int i = 0; i < POOL_SHAPES; i++) {
        const struct pooling p = pooling_of(pool_shapes[i], false);
        const float *dy = random_floats(p.ny, 2), *dirty = random_floats(p.nx, 3);
        double *want = doubles_of(NULL, p.nx);
        for (size_t e = 0; e < p.ny; e++) want[p.at[e]] += (double)dy[e];
        dev_act *x = act_of(p.x, p.nx), *y = act_garbage(p.ny), *sum = act_of(dirty, p.nx),
                *dx = act_garbage(p.nx);
        op_max_pool_fwd(y, x, p.s);
        op_max_pool_bwd(onto(sum), act_of(dy, p.ny), x, p.s);
        op_max_pool_bwd(over(dx), act_of(dy, p.ny), x, p.s);
        op_max_pool_bwd(unwanted, act_of(dy, p.ny), x, p.s);
        check_close("y", act_read(y, p.ny), p.y, p.ny, 0);
        check_row_gradient("dx, added", sum, dirty, want, p.nx);
        check_row_gradient("dx", dx, NULL, want, p.nx);
        release();
    }
}

/* The sum of dy times the naive y. */
static double max_pool_objective(void *context)
{
    const struct pooling *p = context;
    naive_max_pool(p->y, p->at, p->xd, p->s);
    return naive_dot(p->y, p->dyd, p->ny);
}

static void max_poolings_gradient_is_the_finite_difference(void **state)
{
    (void)state;
    if (testing_bf16()) return;                          /* bf16's rounding of dx is no slope */
    for (int i = 0; i < POOL_SHAPES; i++) {
        struct pooling p = pooling_of(pool_shapes[i], true);
        const float *dirty = random_floats(p.nx, 3);
        dev_act *dx = act_of(dirty, p.nx);
        op_max_pool_bwd(onto(dx), act_of(random_floats(p.ny, 2), p.ny), act_of(p.x, p.nx), p.s);
        check_difference("dx", act_read(dx, p.nx), dirty, p.xd, p.nx, sparse(p.nx),
                         max_pool_objective, &p);
        release();
    }
}

static void max_pooling_keeps_nan_and_infinities(void **state)
{
    (void)state;
    /* Windows of two: each has the larger, the NaN wherever it stands, and -inf where there is
     * nothing else. */
    const float x[8] = { NAN, 3, 2, NAN, -INFINITY, -INFINITY, INFINITY,
                         1 }, dy[4] = { 1, 2, 3, 4 };
    const float want[8] = { 1, 0, 0, 2, 3, 0, 4, 0 };
    const struct pool_shape s = { 1, 2, 8, 1, 2, 2, 0 };
    float two_rows[16];
    for (int i = 0; i < 8; i++) {
        two_rows[i] = x[i];
        two_rows[8 + i] = i == 3 || i == 0 ? 0 : -INFINITY;
    }
    dev_act *y = act_garbage(4), *dx = act_garbage(16);
    op_max_pool_fwd(y, act_of(two_rows, 16), s);
    op_max_pool_bwd(over(dx), act_of(dy, 4), act_of(two_rows, 16), s);
    const float *got = act_read(y, 4), *slope = act_read(dx, 16);
    assert_true(isnan(got[0]) && isnan(got[1]) && got[2] == -INFINITY && got[3] == INFINITY);
    for (int i = 0; i < 16; i++) assert_true(slope[i] == (i < 8 ? want[i] : 0));
    release();
}

/* ---- std, Sec. 4.1 --------------------------------------------------------------------------- */

static void std_is_the_naive_one_per_group_over_m_minus_one(void **state)
{
    (void)state;
    for (int i = 2; i < ROW_SHAPES; i++)
        for (int groups = 1; groups <= 3; groups++) {
            const int m = row_shapes[i].n, d = row_shapes[i].d;
            const size_t size = (size_t)(groups * m * d);
            const float *x = random_floats(size, 1);
            double *z = doubles_of(x, size), want[3] = { 0 };
            for (int r = 0; r < groups * m; r++) {
                const double norm = sqrt(naive_dot(z + r * d, z + r * d, (size_t)d));
                for (int j = 0; j < d; j++) z[r * d + j] /= norm;
            }
            for (int gj = 0; gj < groups * d; gj++) {
                const double *at = z + gj / d * m * d + gj % d;
                double mean = 0, sum = 0;
                for (int r = 0; r < m; r++) mean += at[r * d] / m;
                for (int r = 0; r < m; r++) sum += pow(at[r * d] - mean, 2);
                want[gj / d] += sqrt(d) * sqrt(sum / (m - 1)) / d;
            }
            dev_float *out = float_of((float[]){ 5, 5, 5 }, 3);      /* dirty: it overwrites */
            op_std(out, act_of(x, size), groups, m, d);
            check_close("std", float_read(out, 3), want, (size_t)groups, TOLERANCE_ROUND);
            release();
        }
}

static void gaussian_output_has_std_near_one(void **state)
{
    (void)state;
    dev_float *out = machine_room(sizeof(float));
    op_std(out, act_of(gaussian_floats(512 * 128, 1), 512 * 128), 1, 512, 128);
    /* 4 of the estimate's standard deviations at d = 128 */
    assert_float_equal(float_read(out, 1)[0], 1, 0.02);
    release();
}

/* ((x0 + x1) + (x2 + x3)) + ..., of numbers that another order would round otherwise. */
static void a_tree_is_balanced(void **state)
{
    (void)state;
    enum { N = 33, MOST = 8 };
    const float *x = random_floats(N * MOST, 1);
    for (int parts = 1; parts <= MOST; parts *= 2) {
        float *want = host_room(N * MOST * sizeof *want);
        memcpy(want, x, N * MOST * sizeof *want);
        for (int left = parts / 2; left >= 1; left /= 2)          /* level by level, side by side */
            for (int i = 0; i < left; i++)
                for (int j = 0; j < N; j++)
                    want[i * N + j] = want[2 * i * N + j] + want[(2 * i + 1) * N + j];
        dev_float *got = float_of(x, N * MOST);
        op_tree(got, N, parts);
        assert_memory_equal(float_read(got, N), want, N * sizeof *want);
    }
    release();
}

/* ---- copies and norms ------------------------------------------------------------------------ */

static void rows_are_normalised_and_zero_rows_stay_zero(void **state)
{
    (void)state;
    for (int i = 0; i < ROW_SHAPES; i++) {
        const int n = row_shapes[i].n, d = row_shapes[i].d;
        const size_t size = (size_t)(n * d);
        float *x = random_floats(size, 1);
        if (n > 1) memset(x, 0, (size_t)d * sizeof *x);
        double *want = doubles_of(x, size);
        for (int r = 0; r < n; r++) {
            const double norm = fmax(sqrt(naive_dot(want + r * d, want + r * d, (size_t)d)),
                                     (double)COSINE_EPS);
            for (int j = 0; j < d; j++) want[r * d + j] /= norm;
        }
        dev_float *y = float_of(x, size);
        op_normalize_rows(y, n, d);
        check_close("row", float_read(y, size), want, size, TOLERANCE_ROUND);
        release();
    }
}

static void activations_convert_to_floats(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {
        const float *x = random_floats(n, 1);
        dev_float *y = machine_room(n * sizeof(float));
        op_act_to_float(y, act_of(x, n), n);
        assert_memory_equal(float_read(y, n), x, n * sizeof(float));
        release();
    }
}

static void floats_become_activations_and_gradients_go_back_and_forth(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {
        const float *x = gaussian_floats(n, 1), *dirty = random_floats(n, 2);
        const double *want = doubles_of(x, n);
        dev_act *y = act_garbage(n), *sum = act_of(dirty, n), *dx = act_garbage(n);
        dev_float *back = float_of(dirty, n);
        op_float_to_act(y, float_of(x, n), n);
        op_act_to_float_bwd(onto(sum), float_of(x, n), n);
        op_act_to_float_bwd(over(dx), float_of(x, n), n);
        op_float_to_act_bwd(back, act_of(x, n), n);
        check_close("y", act_read(y, n), want, n, 0);
        check_row_gradient("dx, added", sum, dirty, want, n);
        check_row_gradient("dx", dx, NULL, want, n);
        check_added("dx of floats", float_read(back, n), dirty, want, n, TOLERANCE_ROUND);
        release();
    }
}

/* A third is no activation of 16 bits: rounded to nearest as any is. */
static void a_float_is_rounded_as_an_activation_is(void **state)
{
    (void)state;
    enum { N = 33 };
    float x[N];
    for (int i = 0; i < N; i++) x[i] = 1.0f / (float)(3 + i);
    x[7] = NAN;
    dev_act *y = act_garbage(N);
    op_float_to_act(y, float_of(x, N), N);
    const float *got = act_read(y, N), *want = act_read(act_of(x, N), N);
    for (int i = 0; i < N; i++) assert_true(i == 7 ? isnan(got[i]) : got[i] == want[i]);
    release();
}

/* ---- optimiser ------------------------------------------------------------------------------- */

static void sgd_is_pytorchs_over_three_steps(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {
        const float *w0 = random_floats(n, 1), *g = random_floats(n, 2);
        double *w = doubles_of(w0, n), *v = doubles_of(NULL, n);
        dev_float *dw = float_of(w0, n), *dv = machine_room(n * sizeof(float));
        for (int step = 0; step < 3; step++) {
            const float lr = 0.1f / (float)(step + 1);
            op_sgd(dw, dv, float_of(g, n), float_of(&lr, 1), 0.9f, 0.01f, n);
            for (size_t i = 0; i < n; i++) {
                v[i] = (double)0.9f * v[i] + ((double)g[i] + (double)0.01f * w[i]);
                w[i] -= (double)lr * v[i];
            }
        }
        check_close("w", float_read(dw, n), w, n, TOLERANCE_ROUND);
        check_close("v", float_read(dv, n), v, n, TOLERANCE_ROUND);
        release();
    }
}

/* LARS as ops.h has it, in double. */
static void naive_lars(double *w, double *v, const double *g, double lr, const struct lars *how,
                       size_t n)
{
    const double wd = (double)how->wd, trust = (double)how->trust;
    const double w_norm = sqrt(naive_dot(w, w, n));
    double g_norm = sqrt(naive_dot(g, g, n)), sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow(g[i] + wd * w[i], 2);
    g_norm = how->of_sum ? sqrt(sum) : g_norm + (g_norm > 0 ? wd * w_norm : 0);
    const double ratio = trust > 0 && w_norm > 0 && g_norm > 0 ? trust * w_norm / g_norm : 1;
    for (size_t i = 0; i < n; i++) {
        const double u = ratio * (g[i] + wd * w[i]);
        v[i] = (double)how->momentum * v[i] + (how->rate_outside ? 1 : lr) * u;
        w[i] -= how->rate_outside ? lr * v[i] : v[i];
    }
}

/* The rate changes from step to step: only then do its places differ. */
static void check_lars(struct lars how, float scale, size_t n)
{
    float *w = random_floats(n, 1), *v = random_floats(n, 2);
    for (size_t j = 0; j < n; j++) v[j] *= 0.01f;
    double *want_w = doubles_of(w, n), *want_v = doubles_of(v, n);
    dev_float *w_there = float_of(w, n), *v_there = float_of(v, n);
    for (uint32_t step = 0; step < 3; step++) {
        float *g = random_floats(n, 3 + step), lr = 0.32f / (float)(1 + step);
        for (size_t j = 0; j < n; j++) g[j] *= scale;
        op_lars(w_there, v_there, float_of(g, n), float_of(&lr, 1), how, n);
        naive_lars(want_w, want_v, doubles_of(g, n), (double)lr, &how, n);
    }
    check_close("w", float_read(w_there, n), want_w, n, TOLERANCE_ROUND);
    check_close("v", float_read(v_there, n), want_v, n, TOLERANCE_ROUND);
    release();
}

static void lars_is_the_naive_one_over_three_steps_in_each_form(void **state)
{
    (void)state;
    static const struct { float wd, trust, scale; } cases[] = {
        { 0, 0.001f, 1 }, { 0.1f, 0.02f, 1 }, { 0, 1, 1e4f }, { 0.1f, 0, 1 },
    };
    for (int i = 0; i < 4; i++)
        for (int form = 0; form < 4; form++)
            for (size_t n = 1; n < 40000; n = n * 7 + 4)
                check_lars((struct lars){ 0.9f, cases[i].wd, cases[i].trust, form % 2, form / 2 },
                           cases[i].scale, n);
}

/* One first step of w = (3, 4) by g = (1, -2), as others computed it: SimCLR's and BYOL's, You's
 * and SwAV's, and what is left out of it. */
static void lars_moves_by_the_numbers_that_others_found(void **state)
{
    (void)state;
    static const double of_sum[] = { 2.999054111062, 4.001164171 },
                        of_parts[] = { 2.999287298409, 4.000877171189 }, left_out[] = { 2.7, 4.6 };
    const float w[2] = { 3, 4 }, g[2] = { 1, -2 }, zero[2] = { 0 }, lr = 0.3f;
    for (int form = 0; form < 6; form++) {
        const bool out = form > 3, sum = form % 2;
        const struct lars how = { 0.9f, out ? 0 : 0.1f, out ? 0 : 0.001f, sum, form / 2 % 2 };
        dev_float *moved = float_of(w, 2);
        op_lars(moved, float_of(zero, 2), float_of(g, 2), float_of(&lr, 1), how, 2);
        check_close("w", float_read(moved, 2), out ? left_out : sum ? of_sum : of_parts, 2,
                    TOLERANCE_ROUND);
    }
    release();
}

/* Twice the gradient: the same step without weight decay, twice the step of what is left out. */
static void lars_looks_at_the_gradients_direction_alone(void **state)
{
    (void)state;
    enum { N = 33 };
    const float *w = random_floats(N, 1), *g = random_floats(N, 2), lr = 0.5f, zero[N] = { 0 };
    float twice[N];
    for (int i = 0; i < N; i++) twice[i] = 2 * g[i];
    for (int form = 0; form < 8; form++) {
        const bool out = form / 4;
        const struct lars how = { 0.9f, 0, out ? 0 : 0.01f, form % 2, form / 2 % 2 };
        dev_float *one = float_of(w, N), *two = float_of(w, N);
        op_lars(one, float_of(zero, N), float_of(g, N), float_of(&lr, 1), how, N);
        op_lars(two, float_of(zero, N), float_of(twice, N), float_of(&lr, 1), how, N);
        const float *a = float_read(one, N), *b = float_read(two, N);
        for (int i = 0; i < N; i++)
            assert_true(fabsf(w[i] - b[i] - (out ? 2 : 1) * (w[i] - a[i])) < 1e-6f);
    }
    release();
}

static void lars_takes_a_plain_step_from_zero_weights_and_none_by_zero_gradients(void **state)
{
    (void)state;
    const float zero[7] = { 0 }, g[7] = { 1, -2, 3, 0, 5, 6, -7 }, lr = 0.5f;
    for (int form = 0; form < 4; form++) {
        struct lars how = { 0.9f, 0.1f, 0.001f, form % 2, form / 2 };
        dev_float *w = float_of(zero, 7), *v = float_of(zero, 7), *rate = float_of(&lr, 1);
        op_lars(w, v, float_of(g, 7), rate, how, 7);
        for (int i = 0; i < 7; i++) assert_true(float_read(w, 7)[i] == -lr * g[i]);

        /* Without a gradient the weights follow their momentum, */
        dev_float *still = float_of(g, 7), *rest = float_of(zero, 7);
        how.wd = 0;
        op_lars(still, rest, float_of(zero, 7), rate, how, 7);
        assert_memory_equal(float_read(still, 7), g, sizeof g);
        if (how.of_sum) continue;                        /* whose sum is the decay then */
        how.wd = 0.5f;                                   /* and a decay in full */
        op_lars(still, rest, float_of(zero, 7), rate, how, 7);
        for (int i = 0; i < 7; i++) assert_true(float_read(still, 7)[i] == g[i] - 0.25f * g[i]);
    }
    release();
}

static void lars_does_not_hide_nan(void **state)
{
    (void)state;
    const float w[3] = { 1, 2, 3 }, v[3] = { 0 }, g[3] = { 0, NAN, 0 }, lr = 1;
    for (int form = 0; form < 4; form++) {
        const struct lars how = { 0.9f, 0, 0.001f, form % 2, form / 2 };
        dev_float *moved = float_of(w, 3);
        op_lars(moved, float_of(v, 3), float_of(g, 3), float_of(&lr, 1), how, 3);
        for (int i = 0; i < 3; i++) assert_true(isnan(float_read(moved, 3)[i]));
    }
    release();
}

/* To both sides of a vector, and far beyond where threads join in. */
static const size_t ema_sizes[] = { 1, 7, 33, 1000003 };

static void a_moving_average_is_the_naive_one_over_three_steps(void **state)
{
    (void)state;
    static const float momenta[3] = { 0.99f, 0.5f, 0.003f };
    for (int i = 0; i < 4; i++) {
        const size_t n = ema_sizes[i];
        const float *start = random_floats(n, 1);
        double *want = doubles_of(start, n);
        dev_float *y = float_of(start, n);
        for (uint32_t step = 0; step < 3; step++) {
            const float *x = random_floats(n, 2 + step), m = momenta[step];
            op_ema(y, float_of(x, n), float_of(&m, 1), n);
            for (size_t j = 0; j < n; j++)
                want[j] = (double)m * want[j] + (1 - (double)m) * (double)x[j];
        }
        check_close("y", float_read(y, n), want, n, TOLERANCE_ROUND);
        release();
    }
}

static void a_moving_average_without_momentum_is_a_copy_and_with_all_of_it_stands_still(
    void **state)
{
    (void)state;
    static const float odd[5] = { -0.0f, INFINITY, NAN, -INFINITY, 1e-42f };
    static const float none = 0, all = 1;
    for (int i = 0; i < 4; i++) {
        const size_t n = ema_sizes[i];
        float *x = random_floats(n, 1), *y = random_floats(n, 2);
        for (size_t j = 0; j < n; j += 3) {
            x[j] = odd[j % 5];
            y[j] = odd[(j / 3 + 1) % 5];
        }
        dev_float *moved = float_of(y, n), *kept = float_of(y, n), *from = float_of(x, n);
        op_ema(moved, from, float_of(&none, 1), n);
        op_ema(kept, from, float_of(&all, 1), n);
        assert_memory_equal(float_read(moved, n), x, n * sizeof *x);
        assert_memory_equal(float_read(kept, n), y, n * sizeof *y);
        release();
    }
}

static void a_moving_average_of_what_it_is_already_does_not_move(void **state)
{
    (void)state;
    static const float momenta[4] = { 0.996f, 0.7f, 0.3f, 1e-7f };
    for (int i = 0; i < 4; i++) {
        const size_t n = ema_sizes[i];
        const float *x = random_floats(n, 1);
        dev_float *y = float_of(x, n), *same = float_of(x, n);
        op_ema(y, same, float_of(&momenta[i], 1), n);
        assert_memory_equal(float_read(y, n), x, n * sizeof *x);
        release();
    }
}

static void a_moving_average_does_not_hide_nan(void **state)
{
    (void)state;
    const float x[3] = { 1, NAN, 2 }, y[3] = { NAN, 1, 1 }, m = 0.5f, broken = NAN;
    dev_float *moved = float_of(y, 3), *lost = float_of(x, 3);
    op_ema(moved, float_of(x, 3), float_of(&m, 1), 3);
    op_ema(lost, float_of(x, 3), float_of(&broken, 1), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(isnan(float_read(moved, 3)[i]) != 0, i < 2);
        assert_true(isnan(float_read(lost, 3)[i]));
    }
    release();
}

static void sum_of_squares_adds_and_is_summed_in_double(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200000; n = n * 7 + 4)
        for (int large = 0; large < 2; large++) {
            float *x = random_floats(n, 1);
            if (large) x[0] = 4096;                 /* 2^24: in float, what follows would be lost */
            double want = 0;
            for (size_t i = 0; i < n; i++) want += (double)x[i] * (double)x[i];
            dev_float *out = float_of((float[]){ 0.5f }, 1);
            op_sumsq(out, float_of(x, n), n);
            check_added("sum", float_read(out, 1), (float[]){ 0.5f }, &want, 1, TOLERANCE_ROUND);
            release();
        }
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void memory_is_zeroed_aligned_and_copied(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 1000; bytes = bytes * 3 + 1) {
        unsigned char *p = machine_room(bytes), text[1000], back[1000];
        assert_int_equal((uintptr_t)p % 64, 0);
        mem_download(back, p, bytes);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(back[i], 0);
        memset(text, 0x5a, sizeof text);
        mem_upload(p, text, bytes);
        mem_download(back, p, bytes);
        if (bytes) assert_memory_equal(back, text, bytes);
        mem_zero(p, bytes);
        mem_download(back, p, bytes);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(back[i], 0);
    }
    mem_free(NULL);
    release();
}

static void too_much_memory_dies_with_its_size_and_a_hint(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip();                                              /* the sanitizer ends the program itself */
#endif
    int end[2];
    assert_int_equal(pipe(end), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(end[1], STDERR_FILENO);
        mem_free(mem_alloc(SIZE_MAX / 4));
        _exit(0);
    }
    close(end[1]);
    char text[256] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(end[0], text + n, sizeof text - 1 - n)) > 0; ) n += (size_t)got;
    close(end[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(text, "4398046511103 MiB"));
    assert_non_null(strstr(text, "smaller batch"));
}

static void the_machine_says_what_it_is(void **state)
{
    (void)state;
    struct machine_info info;
    machine_open(3);
    machine_describe(&info);
    assert_int_equal(info.threads, 3);
    assert_true(info.device[0] && info.library[0]);
    machine_open(0);
    machine_describe(&info);
    assert_true(info.threads >= 1);
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relu_keeps_what_is_positive_and_nan),
        cmocka_unit_test(relu_backward_passes_where_the_output_is_positive),
        cmocka_unit_test(pooling_is_the_mean_over_pixels_and_its_gradient_shares_evenly),
        cmocka_unit_test(nan_survives_pooling),
        cmocka_unit_test(max_pooling_is_the_naive_one_and_ties_go_to_the_first),
        cmocka_unit_test(max_poolings_gradient_is_the_finite_difference),
        cmocka_unit_test(max_pooling_keeps_nan_and_infinities),
        cmocka_unit_test(std_is_the_naive_one_per_group_over_m_minus_one),
        cmocka_unit_test(gaussian_output_has_std_near_one),
        cmocka_unit_test(a_tree_is_balanced),
        cmocka_unit_test(rows_are_normalised_and_zero_rows_stay_zero),
        cmocka_unit_test(activations_convert_to_floats),
        cmocka_unit_test(floats_become_activations_and_gradients_go_back_and_forth),
        cmocka_unit_test(a_float_is_rounded_as_an_activation_is),
        cmocka_unit_test(sgd_is_pytorchs_over_three_steps),
        cmocka_unit_test(lars_is_the_naive_one_over_three_steps_in_each_form),
        cmocka_unit_test(lars_moves_by_the_numbers_that_others_found),
        cmocka_unit_test(lars_looks_at_the_gradients_direction_alone),
        cmocka_unit_test(lars_takes_a_plain_step_from_zero_weights_and_none_by_zero_gradients),
        cmocka_unit_test(lars_does_not_hide_nan),
        cmocka_unit_test(a_moving_average_is_the_naive_one_over_three_steps),
        cmocka_unit_test(
            a_moving_average_without_momentum_is_a_copy_and_with_all_of_it_stands_still),
        cmocka_unit_test(a_moving_average_of_what_it_is_already_does_not_move),
        cmocka_unit_test(a_moving_average_does_not_hide_nan),
        cmocka_unit_test(sum_of_squares_adds_and_is_summed_in_double),
        cmocka_unit_test(memory_is_zeroed_aligned_and_copied),
        cmocka_unit_test(too_much_memory_dies_with_its_size_and_a_hint),
        cmocka_unit_test(the_machine_says_what_it_is),
    };
    return RUN_PRECISIONS("ops: rows", tests);
}
