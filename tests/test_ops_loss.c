/* SPDX-License-Identifier: MIT
 *
 * test_ops_loss.c -- the similarities and the moving average of the target.
 */
#include "naive.h"

/* ---- negative cosine, eq. (1) ---------------------------------------------------------------- */

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
    for (int i = 0; i < ROW_SHAPES; i++) {
        const size_t size = (size_t)(row_shapes[i].n * row_shapes[i].d);
        const float *p = random_floats(size, 1), *z = random_floats(size, 2),
                    *dirty = random_floats(size, 3);
        struct cosine c = { doubles_of(p, size), doubles_of(z, size), 1.5, row_shapes[i].n,
                            row_shapes[i].d };
        dev_float *loss = float_of((float[]){ 0.25f }, 1);
        op_cosine_fwd(loss, act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        const double want = cosine_objective(&c);
        check_added("loss", float_read(loss, 1), (float[]){ 0.25f }, &want, 1, TOLERANCE_ROUND);
        dev_act *dp = act_of(dirty, size), *dz = act_of(dirty, size);
        op_cosine_bwd(onto(dp), onto(dz), act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        const double *const want_p = naive_cosine_gradient(c.p, c.z, 1.5 / c.n, c.n, c.d);
        const double *const want_z = naive_cosine_gradient(c.z, c.p, 1.5 / c.n, c.n, c.d);
        check_row_gradient("dp, added", dp, dirty, want_p, size);
        check_row_gradient("dz, added", dz, dirty, want_z, size);
        if (!testing_bf16()) {                           /* bf16 has no digits for a difference */
            check_difference("dp", act_read(dp, size), dirty, c.p, size, sparse(size),
                             cosine_objective, &c);
            check_difference("dz", act_read(dz, size), dirty, c.z, size, sparse(size),
                             cosine_objective, &c);
        }
        dp = act_garbage(size);
        dz = act_garbage(size);
        op_cosine_bwd(over(dp), over(dz), act_of(p, size), act_of(z, size), 1.5f, c.n, c.d);
        check_row_gradient("dp", dp, NULL, want_p, size);
        check_row_gradient("dz", dz, NULL, want_z, size);
        release();
    }
}

static void a_stopped_side_of_the_loss_gets_nothing_and_changes_nothing(void **state)
{
    (void)state;
    const float *p = random_floats(7 * 33, 1), *z = random_floats(7 * 33, 2),
                *dirty = random_floats(7 * 33, 3);
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
    /* |p| is held at COSINE_EPS: dp = -z / |z| / COSINE_EPS, and z cannot change a cosine that is
     * 0. */
    const double norm = sqrt(naive_dot(doubles_of(z, 7), doubles_of(z, 7), 7));
    double want[7];
    for (int i = 0; i < 7; i++) want[i] = -(double)z[i] / norm / (double)COSINE_EPS;
    check_close("dp", act_read(dp, 7), want, 7, act_tolerance(TOLERANCE_ROUND));
    for (int i = 0; i < 7; i++) assert_true(act_read(dz, 7)[i] == 0);
    op_cosine_bwd(over(dp), over(dz), act_of(zero, 7), act_of(zero, 7), 1.0f, 1, 7);
    for (int i = 0; i < 7; i++)
        assert_true(isfinite(act_read(dp, 7)[i]) && isfinite(act_read(dz, 7)[i]));
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

/* ---- cross-entropy, Sec. 4.5 ----------------------------------------------------------------- */

/* log sum exp of a row. */
static double naive_log_sum(const double *x, int d)
{
    double sum = 0, most = x[0];
    for (int j = 0; j < d; j++) most = fmax(most, x[j]);
    for (int j = 0; j < d; j++) sum += exp(x[j] - most);
    return most + log(sum);
}

static double cross_entropy_objective(void *context)
{
    const struct cosine *c = context;
    double sum = 0;
    for (int i = 0; i < c->n; i++) {
        const double *const p = c->p + i * c->d, *const z = c->z + i * c->d;
        const double log_p = naive_log_sum(p, c->d), log_z = naive_log_sum(z, c->d);
        for (int j = 0; j < c->d; j++) sum -= exp(z[j] - log_z) * (p[j] - log_p);
    }
    return c->weight * sum / c->n;
}

/* Into dp and dz of the whole objective. */
static void naive_cross_entropy_gradient(double *dp, double *dz, const struct cosine *c)
{
    for (int i = 0; i < c->n; i++) {
        const double *const p = c->p + i * c->d, *const z = c->z + i * c->d;
        const double log_p = naive_log_sum(p, c->d), log_z = naive_log_sum(z, c->d),
                     scale = c->weight / c->n;
        double mean = 0;                                 /* of -log softmax(p) under softmax(z) */
        for (int j = 0; j < c->d; j++) mean -= exp(z[j] - log_z) * (p[j] - log_p);
        for (int j = 0; j < c->d; j++) {
            dp[i * c->d + j] = scale * (exp(p[j] - log_p) - exp(z[j] - log_z));
            dz[i * c->d + j] = scale * exp(z[j] - log_z) * (log_p - p[j] - mean);
        }
    }
}

static void cross_entropy_is_that_of_section_4_5_and_its_gradients_are_finite_differences(
    void **state)
{
    (void)state;
    for (int i = 0; i < ROW_SHAPES; i++) {
        const size_t size = (size_t)(row_shapes[i].n * row_shapes[i].d);
        const float *p = random_floats(size, 1), *z = random_floats(size, 2),
                    *dirty = random_floats(size, 3);
        float *wide = host_room(size * sizeof *wide);   /* peaked, as logits of a trained net are */
        for (size_t j = 0; j < size; j++) wide[j] = 8 * z[j];
        struct cosine c = { doubles_of(p, size), doubles_of(wide, size), 1.5, row_shapes[i].n,
                            row_shapes[i].d };
        dev_float *loss = float_of((float[]){ 0.25f }, 1);
        op_cross_entropy_fwd(loss, act_of(p, size), act_of(wide, size), 1.5f, c.n, c.d);
        const double want = cross_entropy_objective(&c);
        check_added("loss", float_read(loss, 1), (float[]){ 0.25f }, &want, 1, TOLERANCE_ROUND);
        double *const want_p = doubles_of(NULL, size), *const want_z = doubles_of(NULL, size);
        naive_cross_entropy_gradient(want_p, want_z, &c);
        dev_act *dp = act_of(dirty, size), *dz = act_of(dirty, size);
        op_cross_entropy_bwd(onto(dp), onto(dz), act_of(p, size), act_of(wide, size), 1.5f, c.n,
                             c.d);
        check_row_gradient("dp, added", dp, dirty, want_p, size);
        check_row_gradient("dz, added", dz, dirty, want_z, size);
        if (!testing_bf16()) {
            check_difference("dp", act_read(dp, size), dirty, c.p, size, sparse(size),
                             cross_entropy_objective, &c);
            check_difference("dz", act_read(dz, size), dirty, c.z, size, sparse(size),
                             cross_entropy_objective, &c);
        }
        dp = act_garbage(size);
        dz = act_garbage(size);
        op_cross_entropy_bwd(over(dp), unwanted, act_of(p, size), act_of(wide, size), 1.5f, c.n,
                             c.d);
        op_cross_entropy_bwd(unwanted, over(dz), act_of(p, size), act_of(wide, size), 1.5f, c.n,
                             c.d);
        check_row_gradient("dp", dp, NULL, want_p, size);
        check_row_gradient("dz", dz, NULL, want_z, size);
        release();
    }
}

/* Before training: z Gaussian, p near 0: ln 2048.  Its floor is the entropy of softmax(z): ln 2048
 * - 1/2. */
static void cross_entropy_starts_near_log_d_and_ends_at_the_targets_entropy(void **state)
{
    (void)state;
    enum { ROWS = 64, WIDE = 2048 };
    const float *z = gaussian_floats(ROWS * WIDE, 1), *zero = host_room(ROWS * WIDE * sizeof *zero);
    dev_float *loss = machine_room(2 * sizeof(float));
    op_cross_entropy_fwd(loss, act_of(zero, ROWS * WIDE), act_of(z, ROWS * WIDE), 1, ROWS, WIDE);
    op_cross_entropy_fwd(float_at(loss, 1), act_of(z, ROWS * WIDE), act_of(z, ROWS * WIDE), 1, ROWS,
                         WIDE);
    assert_float_equal(float_read(loss, 2)[0], 7.6246, 1e-3);
    assert_float_equal(float_read(loss, 2)[1], 7.12, 0.02);
    release();
}

/* exp(1000) is no number; a softmax of 1000s is. */
static void cross_entropy_of_large_logits_is_finite_and_nan_stays(void **state)
{
    (void)state;
    float *p = random_floats(7 * 5, 1), *z = random_floats(7 * 5, 2);
    for (int i = 0; i < 35; i++) {
        p[i] *= 1000;
        z[i] *= 1000;
    }
    dev_float *loss = machine_room(sizeof(float));
    dev_act *dp = act_garbage(35), *dz = act_garbage(35);
    op_cross_entropy_fwd(loss, act_of(p, 35), act_of(z, 35), 1, 7, 5);
    op_cross_entropy_bwd(over(dp), over(dz), act_of(p, 35), act_of(z, 35), 1, 7, 5);
    assert_true(isfinite(float_read(loss, 1)[0]));
    for (int i = 0; i < 35; i++)
        assert_true(isfinite(act_read(dp, 35)[i]) && isfinite(act_read(dz, 35)[i]));
    z[12] = NAN;                                         /* row 2 */
    op_cross_entropy_fwd(loss, act_of(p, 35), act_of(z, 35), 1, 7, 5);
    op_cross_entropy_bwd(over(dp), unwanted, act_of(p, 35), act_of(z, 35), 1, 7, 5);
    assert_true(isnan(float_read(loss, 1)[0]));
    for (int i = 0; i < 35; i++) assert_int_equal(isnan(act_read(dp, 35)[i]) != 0, i / 5 == 2);
    release();
}

/* ---- the moving average of the target, Sec. 5.2 ---------------------------------------------- */

enum { IMAGES = 9, ROWS = 7, WIDE = 33 };
static const int32_t which[ROWS] = { 3, 0, 8, 5, 1, 7, 2 };

/* One call for z; the images of even index have been seen before.  What the op has to give. */
static void check_average(bool from_first, bool normalise, bool keep)
{
    const float *z = random_floats(ROWS * WIDE, 1);
    float *memory = random_floats(IMAGES * WIDE, 2);
    for (int i = 0; i < IMAGES * WIDE; i++) memory[i] = i / WIDE % 2 ? 0 : memory[i] + 0.25f;
    dev_float *const kept_ = float_of(memory, IMAGES * WIDE);
    dev_act *const eta = act_garbage(ROWS * WIDE);
    double *const want = doubles_of(NULL, ROWS * WIDE), *const after = doubles_of(memory,
                                                                                  IMAGES * WIDE);
    for (int i = 0; i < ROWS * WIDE; i++) {
        const int image = which[i / WIDE], at = image * WIDE + i % WIDE;
        const double *const row = doubles_of(z + i / WIDE * WIDE, WIDE);
        const double x = row[i % WIDE] / (normalise ? sqrt(naive_dot(row, row, WIDE)) : 1);
        want[i] = from_first && image % 2 ? x : 0.8 * (double)memory[at] + 0.2 * x;
        if (keep) after[at] = want[i];
    }
    const dev_int *const index = int_of(which, ROWS);
    op_average(eta, kept_, index, act_of(z, ROWS * WIDE), ROWS, WIDE, 0.8f, from_first, normalise,
               keep);
    check_close("eta", act_read(eta, ROWS * WIDE), want, ROWS * WIDE,
                act_tolerance(TOLERANCE_ROUND));
    check_close("memory", float_read(kept_, IMAGES * WIDE), after, IMAGES * WIDE, TOLERANCE_ROUND);
    op_average(NULL, kept_, index, act_of(z, ROWS * WIDE), ROWS, WIDE, 0.8f, from_first, normalise,
               keep);
    release();
}

static void average_moves_an_images_target_and_its_memory_if_it_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) check_average(i & 1, i & 2, i & 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosine_is_equation_1_and_its_gradients_are_finite_differences),
        cmocka_unit_test(a_stopped_side_of_the_loss_gets_nothing_and_changes_nothing),
        cmocka_unit_test(a_constant_output_has_loss_minus_one_and_std_zero),
        cmocka_unit_test(zero_vectors_have_cosine_zero_and_finite_gradients),
        cmocka_unit_test(a_vector_shorter_than_the_held_norm_has_no_gradient_along_itself),
        cmocka_unit_test(nan_reaches_the_loss_the_std_and_its_row_of_the_gradient),
        cmocka_unit_test(
            cross_entropy_is_that_of_section_4_5_and_its_gradients_are_finite_differences),
        cmocka_unit_test(cross_entropy_starts_near_log_d_and_ends_at_the_targets_entropy),
        cmocka_unit_test(cross_entropy_of_large_logits_is_finite_and_nan_stays),
        cmocka_unit_test(average_moves_an_images_target_and_its_memory_if_it_is_kept),
    };
    machine_open(1);
    return RUN_PRECISIONS("ops: losses", tests);
}
