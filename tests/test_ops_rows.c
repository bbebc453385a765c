/* SPDX-License-Identifier: MIT
 *
 * test_ops_rows.c -- ReLU, pooling, the loss, the std of Sec. 4.1, SGD, and the machine's memory.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "naive.h"

#ifdef __has_feature                     /* clang's way of saying __SANITIZE_ADDRESS__ */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

static const struct { int n, d; } shapes[] = {
    { 1, 1 }, { 1, 7 }, { 7, 33 }, { 33, 3 }, { 33, 257 }, { 129, 130 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* got[n] is want[n], or base[n] + want[n], in an activation's digits: of the largest number that was rounded. */
static void check_gradient(const char *what, const dev_act *got, const float *base, const double *want, size_t n)
{
    double *const sum = doubles_of(base, n);
    for (size_t i = 0; i < n; i++) sum[i] += want[i];
    check_close(what, act_read(got, n), sum, n, act_tolerance(TOLERANCE_ROUND));
}

/* ---- ReLU -------------------------------------------------------------------------------------------- */

static void relu_keeps_what_is_positive_and_nan(void **state)
{
    (void)state;
    const float x[7] = { -2, -0.0f, 0, 1e-30f, 3, NAN, -INFINITY }, want[7] = { 0, 0, 0, 1e-30f, 3, NAN, 0 };
    for (size_t n = 1; n < 40000; n = n * 7 + 4) {       /* to both sides of where threads join in */
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
        const float *y = random_floats(n, 1), *dy = random_floats(n, 2), *dirty = random_floats(n, 3);
        double *want = doubles_of(NULL, n);
        for (size_t i = 0; i < n; i++) want[i] = y[i] > 0 ? (double)dy[i] : 0;
        dev_act *sum = act_of(dirty, n), *dx = act_garbage(n), *in_place = act_of(dy, n);
        op_relu_bwd(onto(sum), act_of(dy, n), act_of(y, n), n);
        op_relu_bwd(over(dx), act_of(dy, n), act_of(y, n), n);
        op_relu_bwd(over(in_place), in_place, act_of(y, n), n);
        op_relu_bwd(unwanted, act_of(dy, n), act_of(y, n), n);
        check_gradient("dx, added", sum, dirty, want, n);
        check_close("dx", act_read(dx, n), want, n, 0);
        check_close("dx, in place", act_read(in_place, n), want, n, 0);
        release();
    }
}

/* ---- pooling ----------------------------------------------------------------------------------------- */

static void pooling_is_the_mean_over_pixels_and_its_gradient_shares_evenly(void **state)
{
    (void)state;
    static const int sizes[][3] = {
        { 1, 1, 1 }, { 7, 1, 33 }, { 1, 35, 3 }, { 33, 25, 17 }, { 7, 49, 130 }, { 3, 133, 16 }, { 33, 64, 64 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n = sizes[i][0], hw = sizes[i][1], c = sizes[i][2];
        const size_t nx = (size_t)(n * hw * c), ny = (size_t)(n * c);
        const float *x = random_floats(nx, 1), *dy = random_floats(ny, 2), *dirty = random_floats(nx, 3);
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
        check_gradient("dx, added", sum, dirty, want_x, nx);
        check_gradient("dx", dx, NULL, want_x, nx);
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

/* ---- negative cosine, eq. (1) ------------------------------------------------------------------------ */

struct cosine { double *p, *z; double weight; int n, d; };

static double cosine_objective(void *context)
{
    const struct cosine *c = context;
    return naive_cosine(c->p, c->z, c->weight, c->n, c->d);
}

/* da = scale d(-cos(a, b))/da, row by row. */
static double *naive_cosine_gradient(const double *a, const double *b, double scale, int n, int d)
{
    double *const da = doubles_of(NULL, (size_t)(n * d));
    for (int i = 0; i < n * d; i++) {
        const double *const x = a + i / d * d, *const y = b + i / d * d;
        const double xx = naive_dot(x, x, (size_t)d), yy = naive_dot(y, y, (size_t)d);
        da[i] = scale * (naive_dot(x, y, (size_t)d) * a[i] / xx - b[i]) / sqrt(xx * yy);
    }
    return da;
}

static void cosine_is_equation_1_and_its_gradients_are_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const size_t size = (size_t)(shapes[i].n * shapes[i].d);
        const float *p = random_floats(size, 1), *z = random_floats(size, 2), *dirty = random_floats(size, 3);
        struct cosine c = { doubles_of(p, size), doubles_of(z, size), 1.5, shapes[i].n, shapes[i].d };
        dev_float *loss = float_of((float[]){ 0.25f }, 1);
        op_cosine_fwd(loss, act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        const double want = cosine_objective(&c);
        check_added("loss", float_read(loss, 1), (float[]){ 0.25f }, &want, 1, TOLERANCE_ROUND);
        dev_act *dp = act_of(dirty, size), *dz = act_of(dirty, size);
        op_cosine_bwd(onto(dp), onto(dz), act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        const double *const want_p = naive_cosine_gradient(c.p, c.z, 1.5 / c.n, c.n, c.d);
        const double *const want_z = naive_cosine_gradient(c.z, c.p, 1.5 / c.n, c.n, c.d);
        check_gradient("dp, added", dp, dirty, want_p, size);
        check_gradient("dz, added", dz, dirty, want_z, size);
        if (!testing_bf16()) {                           /* bf16 has no digits for a difference */
            check_difference("dp", act_read(dp, size), dirty, c.p, size, sparse(size), cosine_objective, &c);
            check_difference("dz", act_read(dz, size), dirty, c.z, size, sparse(size), cosine_objective, &c);
        }
        dp = act_garbage(size), dz = act_garbage(size);
        op_cosine_bwd(over(dp), over(dz), act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        check_gradient("dp", dp, NULL, want_p, size);
        check_gradient("dz", dz, NULL, want_z, size);
        release();
    }
}

static void a_stopped_side_of_the_loss_gets_nothing_and_changes_nothing(void **state)
{
    (void)state;
    const float *p = random_floats(7 * 33, 1), *z = random_floats(7 * 33, 2), *dirty = random_floats(7 * 33, 3);
    dev_act *both_p = act_of(dirty, 231), *both_z = act_of(dirty, 231);
    dev_act *dp = act_of(dirty, 231), *dz = act_of(dirty, 231);
    op_cosine_bwd(onto(both_p), over(both_z), act_of(p, 231), act_of(z, 231), 0.5f, 7, 33);
    op_cosine_bwd(onto(dp), unwanted, act_of(p, 231), act_of(z, 231), 0.5f, 7, 33);
    op_cosine_bwd(unwanted, over(dz), act_of(p, 231), act_of(z, 231), 0.5f, 7, 33);
    assert_memory_equal(act_read(both_p, 231), act_read(dp, 231), 231 * sizeof(float));
    assert_memory_equal(act_read(both_z, 231), act_read(dz, 231), 231 * sizeof(float));
    release();
}

static void a_constant_output_has_loss_minus_one_and_std_zero(void **state)
{
    (void)state;
    const float *row = random_floats(257, 1);
    float *z = host_room(66 * 257 * sizeof *z);
    /* Rows of three lengths: the length does not count. */
    for (int i = 0; i < 66 * 257; i++) z[i] = row[i % 257] * (float)(1 << i / 257 % 3);
    dev_float *loss = machine_room(sizeof(float)), *std = machine_room(2 * sizeof(float));
    op_cosine_fwd(loss, act_of(z, 33 * 257), act_of(z + 33 * 257, 33 * 257), 1.0f, 33, 257);
    op_std(std, act_of(z, 66 * 257), 2, 33, 257);
    assert_float_equal(float_read(loss, 1)[0], -1, TOLERANCE_ROUND);
    assert_float_equal(float_read(std, 2)[0], 0, TOLERANCE_ROUND);
    assert_float_equal(float_read(std, 2)[1], 0, TOLERANCE_ROUND);
    release();
}

static void zero_vectors_have_cosine_zero_and_finite_gradients(void **state)
{
    (void)state;
    const float zero[7] = { 0 }, *z = random_floats(7, 1);
    dev_float *loss = machine_room(sizeof(float));
    dev_act *dp = machine_room(7 * mem_act_bytes()), *dz = machine_room(7 * mem_act_bytes());
    op_cosine_fwd(loss, act_of(zero, 7), act_of(z, 7), 1.0f, 1, 7);
    assert_true(float_read(loss, 1)[0] == 0);
    op_cosine_bwd(over(dp), over(dz), act_of(zero, 7), act_of(z, 7), 1.0f, 1, 7);
    /* |p| is held at COSINE_EPS: dp = -z / |z| / COSINE_EPS, and z cannot change a cosine that is 0. */
    const double norm = sqrt(naive_dot(doubles_of(z, 7), doubles_of(z, 7), 7));
    double want[7];
    for (int i = 0; i < 7; i++) want[i] = -(double)z[i] / norm / (double)COSINE_EPS;
    check_close("dp", act_read(dp, 7), want, 7, act_tolerance(TOLERANCE_ROUND));
    for (int i = 0; i < 7; i++) assert_true(act_read(dz, 7)[i] == 0);
    op_cosine_bwd(over(dp), over(dz), act_of(zero, 7), act_of(zero, 7), 1.0f, 1, 7);
    for (int i = 0; i < 7; i++) assert_true(isfinite(act_read(dp, 7)[i]) && isfinite(act_read(dz, 7)[i]));
    release();
}

static void a_vector_shorter_than_the_held_norm_has_no_gradient_along_itself(void **state)
{
    (void)state;
    const float *z = random_floats(7, 1);
    const double norm = sqrt(naive_dot(doubles_of(z, 7), doubles_of(z, 7), 7));
    float p[7];
    double want[7];
    for (int i = 0; i < 7; i++) {                        /* half of COSINE_EPS long, along z */
        p[i] = test_number((float)((double)z[i] / norm * (double)COSINE_EPS / 2));
        want[i] = -(double)z[i] / norm / (double)COSINE_EPS;
    }
    dev_act *dp = act_garbage(7);
    op_cosine_bwd(over(dp), unwanted, act_of(p, 7), act_of(z, 7), 1.0f, 1, 7);
    check_close("dp", act_read(dp, 7), want, 7, act_tolerance(TOLERANCE_ROUND));
    release();
}

static void nan_reaches_the_loss_the_std_and_its_row_of_the_gradient(void **state)
{
    (void)state;
    float *p = random_floats(7 * 5, 1);
    const float *z = random_floats(7 * 5, 2);
    p[12] = NAN;                                         /* row 2 */
    dev_float *loss = machine_room(sizeof(float)), *std = machine_room(sizeof(float));
    dev_act *dp = machine_room(35 * mem_act_bytes());
    op_cosine_fwd(loss, act_of(p, 35), act_of(z, 35), 1.0f, 7, 5);
    op_cosine_bwd(over(dp), unwanted, act_of(p, 35), act_of(z, 35), 1.0f, 7, 5);
    op_std(std, act_of(p, 35), 1, 7, 5);
    assert_true(isnan(float_read(loss, 1)[0]) && isnan(float_read(std, 1)[0]));
    for (int i = 0; i < 35; i++) assert_int_equal(isnan(act_read(dp, 35)[i]) != 0, i / 5 == 2);
    release();
}

/* ---- std, Sec. 4.1 ------------------------------------------------------------------------------------ */

static void std_is_the_naive_one_per_group_over_m_minus_one(void **state)
{
    (void)state;
    for (int i = 2; i < SHAPES; i++)
        for (int groups = 1; groups <= 3; groups++) {
            const int m = shapes[i].n, d = shapes[i].d;
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
    assert_float_equal(float_read(out, 1)[0], 1, 0.02);  /* 4 of the estimate's standard deviations at d = 128 */
    release();
}

/* ---- copies and norms -------------------------------------------------------------------------------- */

static void rows_are_normalised_and_zero_rows_stay_zero(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const int n = shapes[i].n, d = shapes[i].d;
        const size_t size = (size_t)(n * d);
        float *x = random_floats(size, 1);
        if (n > 1) memset(x, 0, (size_t)d * sizeof *x);
        double *want = doubles_of(x, size);
        for (int r = 0; r < n; r++) {
            const double norm = fmax(sqrt(naive_dot(want + r * d, want + r * d, (size_t)d)), (double)COSINE_EPS);
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

/* ---- optimiser --------------------------------------------------------------------------------------- */

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

static void sum_of_squares_adds_and_is_summed_in_double(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200000; n = n * 7 + 4)
        for (int large = 0; large < 2; large++) {
            float *x = random_floats(n, 1);
            if (large) x[0] = 4096;                      /* 2^24: in float, what follows would be lost */
            double want = 0;
            for (size_t i = 0; i < n; i++) want += (double)x[i] * (double)x[i];
            dev_float *out = float_of((float[]){ 0.5f }, 1);
            op_sumsq(out, float_of(x, n), n);
            check_added("sum", float_read(out, 1), (float[]){ 0.5f }, &want, 1, TOLERANCE_ROUND);
            release();
        }
}

/* ---- the machine ------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(cosine_is_equation_1_and_its_gradients_are_finite_differences),
        cmocka_unit_test(a_stopped_side_of_the_loss_gets_nothing_and_changes_nothing),
        cmocka_unit_test(a_constant_output_has_loss_minus_one_and_std_zero),
        cmocka_unit_test(zero_vectors_have_cosine_zero_and_finite_gradients),
        cmocka_unit_test(a_vector_shorter_than_the_held_norm_has_no_gradient_along_itself),
        cmocka_unit_test(nan_reaches_the_loss_the_std_and_its_row_of_the_gradient),
        cmocka_unit_test(std_is_the_naive_one_per_group_over_m_minus_one),
        cmocka_unit_test(gaussian_output_has_std_near_one),
        cmocka_unit_test(rows_are_normalised_and_zero_rows_stay_zero),
        cmocka_unit_test(activations_convert_to_floats),
        cmocka_unit_test(sgd_is_pytorchs_over_three_steps),
        cmocka_unit_test(sum_of_squares_adds_and_is_summed_in_double),
        cmocka_unit_test(memory_is_zeroed_aligned_and_copied),
        cmocka_unit_test(too_much_memory_dies_with_its_size_and_a_hint),
        cmocka_unit_test(the_machine_says_what_it_is),
    };
    return RUN_PRECISIONS("ops: rows", tests);
}
