/* SPDX-License-Identifier: MIT
 *
 * test_ops_sinkhorn.c -- SwAV's codes and the cross-entropy with them.
 */
#include "naive.h"

#define EPSILON 0.05f
enum { ITERATIONS = 3 };

static const struct { int b, k; } shapes[] = { { 1, 1 }, { 1, 7 }, { 7, 3 }, { 33, 65 },
                                                { 130, 257 } };
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Cosines. */
static float *scores_of(int b, int k, uint32_t seed)
{
    float *const s = random_floats((size_t)(b * k), seed);
    for (int i = 0; i < b * k; i++) s[i] *= 0.9f;
    return s;
}

static float *codes_made(const float *s, int iterations, int b, int k)
{
    const size_t n = (size_t)(b * k);
    dev_float *const q = machine_room(n * sizeof(float));
    dev_float *const potentials = machine_room((size_t)(iterations * (b + k)) * sizeof(float));
    op_sinkhorn_fwd(q, potentials, float_of(s, n), EPSILON, iterations, b, k);
    return float_read(q, n);
}

/* As the paper writes it: exp(s / epsilon), divided by the sums of columns, then of rows. */
static double *naive_codes(const double *s, int iterations, int b, int k)
{
    double *const q = doubles_of(NULL, (size_t)(b * k));
    for (int i = 0; i < b * k; i++) q[i] = exp(s[i] / (double)EPSILON);
    for (int t = 0; t < iterations; t++) {
        for (int j = 0; j < k; j++) {
            double sum = 0;
            for (int i = 0; i < b; i++) sum += q[i * k + j];
            for (int i = 0; i < b; i++) q[i * k + j] /= sum;
        }
        for (int i = 0; i < b; i++) {
            double sum = 0;
            for (int j = 0; j < k; j++) sum += q[i * k + j];
            for (int j = 0; j < k; j++) q[i * k + j] /= sum;
        }
    }
    return q;
}

/* fp32 potentials of about 20: 1e-6 of an exponent, six times. */
#define TOLERANCE_CODE 1e-5

static void codes_in_the_log_domain_are_the_plain_ones(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const int b = shapes[i].b, k = shapes[i].k;
        const float *const s = scores_of(b, k, 1);
        const double *const want = naive_codes(doubles_of(s, (size_t)(b * k)), ITERATIONS, b, k);
        const float *const q = codes_made(s, ITERATIONS, b, k);
        check_close("q", q, want, (size_t)(b * k), TOLERANCE_CODE);
        for (int row = 0; row < b; row++) {
            double sum = 0;
            for (int j = 0; j < k; j++) sum += (double)q[row * k + j];
            assert_true(fabs(sum - 1) < 1e-6);
        }
        release();
    }
}

/* What others found (Python, float64) for the scores of rows and prototypes as in
 * test_ops_contrast.c, and what two mistakes would give: samples first, and a softmax. */
static const float golden_scores[4][5] = {
    { 5.456373693e-01f, -1.041437898e-01f, -3.859420226e-01f,
      4.507983986e-01f, 2.062133106e-01f },
    { 1.754406559e-01f, 9.799978926e-01f, 6.043894571e-01f,
      3.239960251e-01f, -4.113037223e-02f },
    { -4.002577737e-01f, 6.280151800e-01f, 9.789027005e-01f,
      -1.063172197e-01f, 2.391980478e-01f },
    { 8.909515540e-02f, 3.625972522e-01f, -9.349586006e-02f,
      9.809360532e-01f, 6.051449187e-01f },
};
static const double golden_codes[4][5] = {
    { 9.985382246294e-01, 3.827383508235e-10, 1.398825682985e-12,
      9.917938467596e-05, 1.362595601798e-03 },
    { 6.077503507993e-04, 9.988155791634e-01, 5.591416662960e-04,
      7.850156392077e-06, 9.678663090183e-06 },
    { 6.042959505089e-09, 8.713242521047e-04, 9.965062945712e-01,
      1.429560187046e-09, 2.622373704190e-03 },
    { 1.356943357368e-05, 5.440458122803e-07, 6.089631324036e-11,
      5.009690320611e-01, 4.990168543987e-01 },
};
static const double samples_first[5] = { 7.999996983e-01, 5.454179851e-07, 1.950923141e-09,
                                        5.650178691e-02, 4.091716318e-01 };
static const double softmax_row[5] = { 8.686738438e-01, 1.972101700e-06, 7.034949067e-09,
                                        1.303454608e-01, 9.787163192e-04 };

static void codes_are_swavs_and_not_those_of_common_mistakes(void **state)
{
    (void)state;
    const float *const q = codes_made(&golden_scores[0][0], ITERATIONS, 4, 5);
    check_close("q", q, &golden_codes[0][0], 20, 2e-6);
    double by_samples = 0, by_softmax = 0;
    for (int j = 0; j < 5; j++) {
        by_samples = fmax(by_samples, fabs((double)q[j] - samples_first[j]));
        by_softmax = fmax(by_softmax, fabs((double)q[j] - softmax_row[j]));
    }
    assert_true(by_samples > 0.1 && by_softmax > 0.1);
    release();
}

/* The prototypes' totals: nearly B / K after three iterations, and nearer with more. */
static void prototypes_are_used_alike_in_the_limit(void **state)
{
    (void)state;
    double off[2] = { 0 };
    static const int iterations[2] = { ITERATIONS, 100 };
    for (int i = 0; i < 2; i++) {
        const float *const q = codes_made(&golden_scores[0][0], iterations[i], 4, 5);
        for (int j = 0; j < 5; j++) {
            double sum = 0;
            for (int row = 0; row < 4; row++) sum += (double)q[row * 5 + j] / 4;
            off[i] = fmax(off[i], fabs(sum - 0.2));
        }
    }
    assert_true(off[0] > 0.05 && off[0] < 0.08 && off[1] < 1e-5);
    release();
}

/* All scores shifted alike, or those of a prototype: the same codes.  Of a sample: others, for three
 * iterations do not reach the limit in which it would not count. */
static void shifts_count_for_samples_alone(void **state)
{
    (void)state;
    enum { B = 7, K = 33 };
    const float *const s = scores_of(B, K, 1);
    const double *const want = doubles_of(codes_made(s, ITERATIONS, B, K), B * K);
    float *const all = host_room(B * K * sizeof *all), *const by_k = host_room(B * K * sizeof *all),
                *const by_b = host_room(B * K * sizeof *all);
    for (int i = 0; i < B * K; i++) {
        all[i] = s[i] + 0.375f;
        by_k[i] = s[i] + 0.125f * (float)(i % K % 3);
        by_b[i] = s[i] + 0.125f * (float)(i / K % 3);
    }
    check_close("global", codes_made(all, ITERATIONS, B, K), want, B * K, TOLERANCE_CODE);
    check_close("prototype", codes_made(by_k, ITERATIONS, B, K), want, B * K, TOLERANCE_CODE);
    const float *const other = codes_made(by_b, ITERATIONS, B, K);
    double apart = 0;
    for (int i = 0; i < B * K; i++) apart = fmax(apart, fabs((double)other[i] - want[i]));
    assert_true(apart > 1e-3);
    release();
}

static void a_permutation_of_samples_or_prototypes_is_one_of_codes(void **state)
{
    (void)state;
    enum { B = 7, K = 33 };
    const float *const s = scores_of(B, K, 1), *const q = codes_made(s, ITERATIONS, B, K);
    float *const turned = host_room(B * K * sizeof *turned);
    double *const want = doubles_of(NULL, B * K);
    for (int i = 0; i < B * K; i++) {
        const int from = i / K * 3 % B * K + i % K * 5 % K;
        turned[i] = s[from];
        want[i] = (double)q[from];
    }
    check_close("q", codes_made(turned, ITERATIONS, B, K), want, B * K, TOLERANCE_CODE);
    release();
}

/* One sample, or samples that are all equal, are spread evenly, whatever their scores; and then the
 * loss is at least ln K. */
static void equal_samples_have_no_code_and_a_loss_of_ln_k(void **state)
{
    (void)state;
    enum { B = 7, K = 33 };
    float *const s = host_room(B * K * sizeof *s);
    for (int i = 0; i < B * K; i++) s[i] = scores_of(1, K, 1)[i % K];
    double uniform[B * K];
    for (int i = 0; i < B * K; i++) uniform[i] = 1.0 / K;
    for (int b = 1; b <= B; b += B - 1) {
        const float *const q = codes_made(s, ITERATIONS, b, K);
        check_close("q", q, uniform, (size_t)(b * K), TOLERANCE_CODE);
        dev_float *const loss = machine_room(sizeof(float));
        op_code_entropy_fwd(loss, float_of(s, B * K), float_of(q, (size_t)(b * K)), 0.1f, 1, b, K);
        assert_true((double)float_read(loss, 1)[0] >= log(K) - 1e-5);
    }
    release();
}

/* exp(1 / 0.05) is beyond fp16, exp(100 / 0.05) beyond all. */
static void large_scores_overflow_nowhere_and_nan_stays(void **state)
{
    (void)state;
    enum { B = 7, K = 5 };
    float *const s = scores_of(B, K, 1);
    for (int i = 0; i < B * K; i++) s[i] *= 100;
    const float *q = codes_made(s, ITERATIONS, B, K);
    for (int i = 0; i < B * K; i++) assert_true(isfinite(q[i]));
    s[12] = NAN;
    q = codes_made(s, ITERATIONS, B, K);
    for (int j = 0; j < K; j++) assert_true(isnan(q[2 * K + j]));
    dev_float *const loss = machine_room(sizeof(float));
    op_code_entropy_fwd(loss, float_of(s, B * K), float_of(q, B * K), 0.1f, 1, B, K);
    assert_true(isnan(float_read(loss, 1)[0]));
    release();
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* sum c q(s), as the loss is of the codes: `c` stands for dq. */
struct coding { double *s, *c; int b, k; };

static double coding_objective(void *context)
{
    const struct coding *const o = context;
    const double *const q = naive_codes(o->s, ITERATIONS, o->b, o->k);
    return naive_dot(q, o->c, (size_t)(o->b * o->k));
}

static void the_codes_gradient_is_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES - 1; i++) {
        const int b = shapes[i].b, k = shapes[i].k;
        const size_t n = (size_t)(b * k);
        const float *const s = scores_of(b, k, 1), *const dq = random_floats(n, 2),
                    *const dirty = random_floats(n, 3);
        struct coding o = { doubles_of(s, n), doubles_of(dq, n), b, k };
        dev_float *const q = machine_room(n * sizeof(float)), *const ds = float_of(dirty, n);
        dev_float *const potentials = machine_room(ITERATIONS * (size_t)(b + k) * sizeof(float));
        op_sinkhorn_fwd(q, potentials, float_of(s, n), EPSILON, ITERATIONS, b, k);
        op_sinkhorn_bwd(ds, float_of(dq, n), potentials, float_of(s, n), EPSILON, ITERATIONS, b, k);
        const float *const got = float_read(ds, n);
        for (size_t j = 0; j < n; j += sparse(n)) {      /* epsilon bends it: a finer step */
            const double keep = o.s[j], step = 1e-6;
            o.s[j] = keep + step;
            const double up = coding_objective(&o);
            o.s[j] = keep - step;
            const double down = coding_objective(&o);
            o.s[j] = keep;
            const double slope = (up - down) / (2 * step), have = (double)got[j] - (double)dirty[j];
            if (!(fabs(have - slope) <= 2e-4 * (1 + fabs(slope))))
                fail_msg("ds[%zu]: %.9g, finite difference %.9g", j, have, slope);
        }
        release();
    }
}

struct entropy { double *s, *q; int b, k; };

static double entropy_objective(void *context)
{
    const struct entropy *const e = context;
    double sum = 0;
    for (int i = 0; i < e->b; i++) {
        double all = 0;
        for (int j = 0; j < e->k; j++) all += exp(e->s[i * e->k + j] / 0.1);
        for (int j = 0; j < e->k; j++)
            sum -= e->q[i * e->k + j] * (e->s[i * e->k + j] / 0.1 - log(all));
    }
    return 1.5 * sum / e->b;
}

static void the_loss_is_a_cross_entropy_with_codes_and_its_gradients_are_differences(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const int b = shapes[i].b, k = shapes[i].k;
        const size_t n = (size_t)(b * k);
        const float *const s = scores_of(b, k, 1), *const dirty = random_floats(n, 3);
        float *const q = random_floats(n, 2);
        for (size_t j = 0; j < n; j++) q[j] = (q[j] + 1) / (float)k;   /* of sums near 1 */
        struct entropy e = { doubles_of(s, n), doubles_of(q, n), b, k };
        dev_float *const loss = float_of((float[]){ 0.25f }, 1);
        dev_float *const ds = float_of(dirty, n), *const dq = float_of(dirty, n);
        op_code_entropy_fwd(loss, float_of(s, n), float_of(q, n), 0.1f, 1.5f, b, k);
        op_code_entropy_bwd(ds, dq, float_of(s, n), float_of(q, n), 0.1f, 1.5f, b, k);
        const double want = entropy_objective(&e);
        check_added("loss", float_read(loss, 1), (float[]){ 0.25f }, &want, 1, TOLERANCE_ROUND);
        check_difference("ds", float_read(ds, n), dirty, e.s, n, sparse(n), entropy_objective, &e);
        check_difference("dq", float_read(dq, n), dirty, e.q, n, sparse(n), entropy_objective, &e);
        dev_float *const alone = float_of(dirty, n);
        op_code_entropy_bwd(alone, NULL, float_of(s, n), float_of(q, n), 0.1f, 1.5f, b, k);
        assert_memory_equal(float_read(alone, n), float_read(ds, n), n * sizeof(float));
        release();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_in_the_log_domain_are_the_plain_ones),
        cmocka_unit_test(codes_are_swavs_and_not_those_of_common_mistakes),
        cmocka_unit_test(prototypes_are_used_alike_in_the_limit),
        cmocka_unit_test(shifts_count_for_samples_alone),
        cmocka_unit_test(a_permutation_of_samples_or_prototypes_is_one_of_codes),
        cmocka_unit_test(equal_samples_have_no_code_and_a_loss_of_ln_k),
        cmocka_unit_test(large_scores_overflow_nowhere_and_nan_stays),
        cmocka_unit_test(the_codes_gradient_is_finite_differences),
        cmocka_unit_test(the_loss_is_a_cross_entropy_with_codes_and_its_gradients_are_differences),
    };
    machine_open(1);
    return RUN_PRECISIONS("ops: sinkhorn", tests);         /* fp32 in either */
}
