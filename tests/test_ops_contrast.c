/* SPDX-License-Identifier: MIT
 *
 * test_ops_contrast.c -- scores of unit rows, their contrast, and the way back through the norm.
 */
#include "naive.h"

/* ---- golden numbers -------------------------------------------------------------------------- */

/* Rows whose values bf16 holds exactly, as those who made the golden numbers (Python, float64,
 * gradients by complex steps) had them: ((1103 i + 769 j + 97 s + 17 i j) mod 127 - 63) / 64. */
static float *rows_of(int n, int d, int s)
{
    float *const x = host_room((size_t)(n * d) * sizeof *x);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++)
            x[i * d + j] = (float)((1103 * i + 769 * j + 97 * s + 17 * i * j) % 127 - 63) / 64;
    return x;
}

static float *two_views(int n, int d, int first, int second)
{
    float *const z = host_room((size_t)(2 * n * d) * sizeof *z);
    memcpy(z, rows_of(n, d, first), (size_t)(n * d) * sizeof *z);
    memcpy(z + n * d, rows_of(n, d, second), (size_t)(n * d) * sizeof *z);
    return z;
}

/* ---- the loss as its ops make it ------------------------------------------------------------- */

/* Anchors [M, D]; keys [M + K, D], of which the last K are a queue.  keys NULL: the anchors. */
struct contest {
    const float *anchors, *keys;
    int m, k, d, shift;
    bool in_batch;
    float temperature, weight;
};
struct outcome { float loss; dev_act *anchors_grad, *keys_grad; };

static dev_float *unit_of(const float *x, int n, int d)
{
    dev_float *const y = machine_room((size_t)(n * d) * sizeof(float));
    op_act_to_float(y, act_of(x, (size_t)(n * d)), (size_t)(n * d));
    op_normalize_rows(y, n, d);
    return y;
}

/* Gradients go onto `dirty` [M, D], or over garbage if it is NULL. */
static struct outcome contest_run(const struct contest *c, const float *dirty)
{
    const float *const keys = c->keys ? c->keys : c->anchors;
    const size_t md = (size_t)(c->m * c->d), columns = (size_t)(c->m + c->k);
    dev_float *const a = unit_of(c->anchors, c->m, c->d);
    dev_float *const b = unit_of(keys, c->m + c->k, c->d);
    dev_float *const s = machine_room((size_t)c->m * columns * sizeof(float));
    dev_float *const da = machine_room(md * sizeof(float));
    dev_float *const db = machine_room(columns * (size_t)c->d * sizeof(float));
    dev_float *const loss = float_of((float[]){ 0.25f }, 1);
    op_scores_fwd(s, a, b, c->m, c->m + c->k, c->d);
    op_contrast(loss, s, c->temperature, c->weight, c->m, c->k, c->shift, c->in_batch);
    op_scores_bwd(da, db, s, a, b, c->m, c->m + c->k, c->d);
    struct outcome o = { float_read(loss, 1)[0] - 0.25f,
                         dirty ? act_of(dirty, md) : act_garbage(md),
                         dirty ? act_of(dirty, md) : act_garbage(md) };
    const struct act_grad to_anchors = { o.anchors_grad, dirty != NULL };
    const struct act_grad to_keys = { o.keys_grad, dirty != NULL };
    op_unit_bwd(to_anchors, da, act_of(c->anchors, md), c->m, c->d);
    op_unit_bwd(to_keys, db, act_of(keys, md), c->m, c->d);
    return o;
}

/* ---- the reference --------------------------------------------------------------------------- */

struct reference { const struct contest *c; double *anchors, *keys; };

static double cosine_of(const double *a, const double *b, int d)
{
    return naive_dot(a, b, (size_t)d) /
           (sqrt(naive_dot(a, a, (size_t)d)) * sqrt(naive_dot(b, b, (size_t)d)));
}

static double objective(void *context)
{
    const struct reference *const r = context;
    const struct contest *const c = r->c;
    double sum = 0;
    for (int i = 0; i < c->m; i++) {
        const int class = (i + c->shift) % c->m;
        double all = 0, own = 0;
        for (int j = 0; j < c->m + c->k; j++) {
            const bool rival = j >= c->m || (c->in_batch && j != i);
            if (j != class && !rival) continue;
            const double e = exp(cosine_of(r->anchors + i * c->d, r->keys + j * c->d, c->d) /
                                 (double)c->temperature);
            all += e;
            if (j == class) own = e;
        }
        sum += log(all / own);
    }
    return (double)c->weight * sum / c->m;
}

/* Anchors and keys apart: the shapes are odd, the queue is there or not, as negatives are. */
static const struct contest contests[] = {
    { NULL, NULL, 2, 0, 1, 1, true, 0.5f, 1 }, { NULL, NULL, 2, 0, 7, 1, true, 0.1f, 1.5f },
    { NULL, NULL, 14, 0, 33, 7, true, 0.2f, 1 }, { NULL, NULL, 66, 0, 257, 33, true, 0.5f, 0.5f },
    { NULL, NULL, 1, 1, 7, 0, false, 0.2f, 1 }, { NULL, NULL, 7, 33, 5, 0, false, 0.07f, 1 },
    { NULL, NULL, 14, 65, 33, 7, false, 0.2f, 1.5f },
    { NULL, NULL, 33, 257, 130, 0, false, 0.1f, 1 },
};
enum { CONTESTS = sizeof contests / sizeof *contests };

static void the_loss_is_its_equation_and_its_gradients_are_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < CONTESTS; i++) {
        struct contest c = contests[i];
        const size_t md = (size_t)(c.m * c.d), all = (size_t)((c.m + c.k) * c.d);
        const float *const dirty = random_floats(md, 3);
        c.anchors = random_floats(md, 1);
        c.keys = random_floats(all, 2);
        struct reference r = { &c, doubles_of(c.anchors, md), doubles_of(c.keys, all) };
        const double want = objective(&r);
        const struct outcome added = contest_run(&c, dirty), fresh = contest_run(&c, NULL);
        check_close("loss", &added.loss, &want, 1, TOLERANCE_SUM);
        if (!testing_bf16()) {                           /* bf16 has no digits for a difference */
            check_difference("anchors", act_read(added.anchors_grad, md), dirty, r.anchors, md,
                             sparse(md), objective, &r);
            check_difference("keys", act_read(added.keys_grad, md), dirty, r.keys, md, sparse(md),
                             objective, &r);
        }
        for (int side = 0; side < 2; side++) {           /* over what was there, and onto it */
            const float *const over_ = act_read(side ? fresh.keys_grad : fresh.anchors_grad, md);
            check_row_gradient("added", side ? added.keys_grad : added.anchors_grad, dirty,
                               doubles_of(over_, md), md);
        }
        release();
    }
}

/* ---- what others found for the same numbers -------------------------------------------------- */

/* Of a gradient's norm, and of a loss: fp32's. */
#define TOLERANCE_GOLDEN_GRADIENT 2e-5
#define TOLERANCE_GOLDEN_LOSS 2e-6

static void check_golden(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s is %.9g, expected %.9g", what, got, want);
}

/* Both parts of the gradient, where the keys are the anchors; in bf16 each was rounded. */
static double *both_parts(const struct outcome *o, size_t n)
{
    double *const sum = doubles_of(act_read(o->anchors_grad, n), n);
    const float *const more = act_read(o->keys_grad, n);
    for (size_t i = 0; i < n; i++) sum[i] += (double)more[i];
    return sum;
}

static void check_gradient(const double *got, size_t n, double norm, const double *row, int at,
                           int d)
{
    const double tolerance = norm * (testing_bf16() ? TOLERANCE_BF16 : TOLERANCE_GOLDEN_GRADIENT);
    check_golden("norm", sqrt(naive_dot(got, got, n)), norm, tolerance);
    for (int j = 0; j < d; j++) check_golden("gradient", got[at * d + j], row[j], tolerance);
}

static const struct { float t; double loss, norm, row_7[6]; } nt_xent[] = {
    { 0.1f, 8.431096878025, 5.353689564298,
      { -1.038864179143e-02, 1.124339402401, -2.968993835824e-01, 6.904229642544e-01,
        -5.838829248019e-01, 4.012492829652e-01 } },
    { 0.2f, 4.531604438508, 2.516300788751,
      { -7.202446680562e-02, 5.452225118107e-01, -1.493461199387e-01, 3.345650803626e-01,
        -2.429866181466e-01, 2.199478161541e-01 } },
    { 0.5f, 2.640040955445, 9.212274626967e-01,
      { -1.023689426229e-01, 1.943236837592e-01, -4.113050223433e-02, 1.186106597007e-01,
        -3.839634803182e-02, 1.084054028914e-01 } },
};

static void nt_xent_is_simclrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nt_xent / sizeof *nt_xent; i++) {
        const struct contest c = { two_views(4, 6, 1, 2), NULL, 8, 0, 6, 4, true, nt_xent[i].t, 1 };
        const struct outcome o = contest_run(&c, NULL);
        check_golden("loss", (double)o.loss, nt_xent[i].loss,
                     TOLERANCE_GOLDEN_LOSS * nt_xent[i].loss);
        check_gradient(both_parts(&o, 48), 48, nt_xent[i].norm, nt_xent[i].row_7, 7, 6);
        release();
    }
}

/* What the same rows give where a mistake is made, in eight digits: none of it may come out.  The
 * diagonal is no negative, rows are of unit length, the positive is in the denominator, both views
 * are negatives, rows are view after view, and there is a temperature. */
static void common_mistakes_of_simclr_give_other_losses(void **state)
{
    (void)state;
    static const double wrong[] = { 3.253576909, 3.892641515, 2.541899572, 1.705972924, 2.253860887,
                                    2.223166479 };
    const struct contest c = { two_views(4, 6, 1, 2), NULL, 8, 0, 6, 4, true, 0.5f, 1 };
    const double loss = (double)contest_run(&c, NULL).loss;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_true(fabs(loss - wrong[i]) > 0.05);
    check_golden("loss", loss, 2.640040955445, 1e-5);
    release();
}

static const struct { float t; double there, back, norm, row_0[6]; } info_nce[] = {
    { 0.07f, 7.519624401184, 10.23240207418, 5.894130727279,
      { 1.016277074306e-01, 6.312977228910e-01, -1.250617623467, -7.209253207044e-01,
        -1.912368196102e-01, -1.417218494652 } },
    { 0.1f, 5.410863225547, 7.300296128524, 4.030434167540,
      { 6.971875913688e-02, 4.315467106666e-01, -8.552995948898e-01, -4.929810173246e-01,
        -1.308320814609e-01, -9.692426312095e-01 } },
    { 0.2f, 3.106163555315, 4.068000808185, 1.853063514655,
      { 3.414584608844e-02, 1.830006921379e-01, -3.715715583714e-01, -2.106662092195e-01,
        -5.989974873511e-02, -4.219288549279e-01 } },
};

/* Keys [4 or 8], then a queue of five. */
static float *with_queue(const float *keys, int m)
{
    float *const all = host_room((size_t)((m + 5) * 6) * sizeof *all);
    memcpy(all, keys, (size_t)(m * 6) * sizeof *all);
    memcpy(all + m * 6, rows_of(5, 6, 3), 30 * sizeof *all);
    return all;
}

static void info_nce_is_mocos_either_way_and_the_symmetric_form_their_mean(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof info_nce / sizeof *info_nce; i++) {
        const float t = info_nce[i].t, *const q = rows_of(4, 6, 1), *const k = rows_of(4, 6, 2);
        const struct contest there = { q, with_queue(k, 4), 4, 5, 6, 0, false, t, 1 };
        const struct contest back = { k, with_queue(q, 4), 4, 5, 6, 0, false, t, 1 };
        const float *const both = two_views(4, 6, 1, 2);
        const struct contest symmetric = { both, with_queue(both, 8), 8, 5, 6, 4, false, t, 1 };
        const struct outcome o = contest_run(&there, NULL);
        const double mean = (info_nce[i].there + info_nce[i].back) / 2;
        check_golden("q to k", (double)o.loss, info_nce[i].there, TOLERANCE_GOLDEN_LOSS * 8);
        check_golden("k to q", (double)contest_run(&back, NULL).loss, info_nce[i].back, 2e-5);
        check_golden("mean", (double)contest_run(&symmetric, NULL).loss, mean, 2e-5);
        check_gradient(doubles_of(act_read(o.anchors_grad, 24), 24), 24, info_nce[i].norm,
                       info_nce[i].row_0, 0, 6);
        release();
    }
}

/* A term that meets its own keys, enqueued between the terms, is another one: 6.38 for 3.11. */
static void keys_that_are_in_the_queue_already_would_be_seen(void **state)
{
    (void)state;
    const float *const q = rows_of(4, 6, 1), *const k = rows_of(4, 6, 2);
    float *const all = host_room(13 * 6 * sizeof *all);
    memcpy(all, with_queue(k, 4), 54 * sizeof *all);
    memcpy(all + 54, q, 24 * sizeof *all);
    const struct contest c = { q, all, 4, 9, 6, 0, false, 0.2f, 1 };
    check_golden("loss", (double)contest_run(&c, NULL).loss, 6.379568361847, 2e-5);
    release();
}

/* ---- identities ------------------------------------------------------------------------------ */

static double norm_of_rows(const double *g, size_t n)
{
    return sqrt(naive_dot(g, g, n));
}

static void equal_rows_give_the_logarithm_of_the_choices_and_no_gradient(void **state)
{
    (void)state;
    const float *const row = random_floats(33, 5);
    float *const z = host_room(21 * 33 * sizeof *z);
    for (int i = 0; i < 21 * 33; i++) z[i] = row[i % 33];
    const struct contest c[] = { { z, NULL, 14, 0, 33, 7, true, 0.1f, 1 },
                                 { z, z, 4, 17, 33, 0, false, 0.2f, 1 },
                                 { z, NULL, 2, 0, 33, 1, true, 0.5f, 1 } };
    static const double choices[] = { 13, 18, 1 };       /* 2N - 1, 1 + K, one image */
    for (int i = 0; i < 3; i++) {
        const struct outcome o = contest_run(&c[i], NULL);
        const size_t n = (size_t)(c[i].m * 33);
        check_golden("loss", (double)o.loss, log(choices[i]), 1e-6);
        assert_true(norm_of_rows(both_parts(&o, n), n) < 1e-5);
    }
    release();
}

/* All keys of one image are each its own: no loss, no gradient, whatever they are. */
static void one_image_has_nothing_to_be_told_from(void **state)
{
    (void)state;
    const struct contest c = { two_views(1, 6, 1, 2), NULL, 2, 0, 6, 1, true, 0.5f, 1 };
    const struct outcome o = contest_run(&c, NULL);
    assert_true(o.loss == 0 && norm_of_rows(both_parts(&o, 12), 12) == 0);
    release();
}

static void the_gradient_is_at_right_angles_to_its_row(void **state)
{
    (void)state;
    const float *const z = random_floats(14 * 33, 1);
    const struct contest c = { z, NULL, 14, 0, 33, 7, true, 0.2f, 1 };
    const struct outcome o = contest_run(&c, NULL);
    const double *const g = both_parts(&o, 14 * 33), *const x = doubles_of(z, 14 * 33);
    const double limit = testing_bf16() ? TOLERANCE_BF16 : 1e-6;
    for (int i = 0; i < 14; i++) {
        const double size = sqrt(naive_dot(g + i * 33, g + i * 33, 33) *
                                 naive_dot(x + i * 33, x + i * 33, 33));
        assert_true(size > 1e-3 && fabs(naive_dot(g + i * 33, x + i * 33, 33)) < limit * size);
    }
    release();
}

/* Images in another order, views swapped, rows of other lengths: the same loss; a row twice as long
 * has half the gradient. */
static void order_views_and_lengths_do_not_count(void **state)
{
    (void)state;
    enum { N = 7, D = 33, ALL = 2 * N * D };
    const float *const z = random_floats(ALL, 1);
    float *const other = host_room(ALL * sizeof *other);
    for (int i = 0; i < 2 * N; i++)
        for (int j = 0; j < D; j++) {
            const int image = i % N * 3 % N, view = 1 - i / N;
            other[i * D + j] = z[(view * N + image) * D + j] * (float)(1 << i % 3);
        }
    const struct contest a = { z, NULL, 2 * N, 0, D, N, true, 0.2f, 1 };
    const struct contest b = { other, NULL, 2 * N, 0, D, N, true, 0.2f, 1 };
    const struct outcome x = contest_run(&a, NULL), y = contest_run(&b, NULL);
    check_golden("loss", (double)y.loss, (double)x.loss, 1e-6);
    const double *const g = both_parts(&x, ALL), *const h = both_parts(&y, ALL);
    for (int i = 0; i < 2 * N; i++)
        for (int j = 0; j < D; j++) {
            const int image = i % N * 3 % N, view = 1 - i / N;
            check_golden("gradient", h[i * D + j] * (1 << i % 3), g[(view * N + image) * D + j],
                         testing_bf16() ? 2e-4 : 1e-6);
        }
    release();
}

static void a_rotation_does_not_count(void **state)
{
    (void)state;
    enum { ROWS = 14, D = 33 };
    if (testing_bf16()) skip();                          /* a rotated row is no row of bf16's */
    const float *const z = random_floats(ROWS * D, 1);
    float *const turned = host_room(ROWS * D * sizeof *turned);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < D; j++) {                    /* by 1 radian in the plane of 3 and 4 */
            const double x = (double)z[i * D + 3], y = (double)z[i * D + 4];
            turned[i * D + j] = j == 3 ? (float)(cos(1) * x - sin(1) * y)
                                : j == 4 ? (float)(sin(1) * x + cos(1) * y) : z[i * D + j];
        }
    const struct contest a = { z, NULL, ROWS, 0, D, 7, true, 0.2f, 1 };
    const struct contest b = { turned, NULL, ROWS, 0, D, 7, true, 0.2f, 1 };
    check_golden("loss", (double)contest_run(&b, NULL).loss, (double)contest_run(&a, NULL).loss,
                 1e-6);
    release();
}

/* ln(1 + (2N - 2) e^(-N / ((N - 1) T))) for images on a regular simplex, and no more than what the
 * worst rows can cost. */
static void the_loss_lies_within_its_bounds_and_a_simplex_reaches_the_lower(void **state)
{
    (void)state;
    enum { N = 9, D = 9 };
    const double t = 0.5, least = log1p((2 * N - 2) * exp(-N / (N - 1.0) / t));
    float *const z = host_room(2 * N * D * sizeof *z);
    for (int i = 0; i < 2 * N * D; i++) z[i] = i / D % N == i % D ? N - 1.0f : -1.0f;
    const struct contest simplex = { z, NULL, 2 * N, 0, D, N, true, (float)t, 1 };
    check_golden("least", (double)contest_run(&simplex, NULL).loss, least, 2e-6);
    const float *const spread = random_floats(2 * N * D, 1);
    const struct contest any = { spread, NULL, 2 * N, 0, D, N, true, (float)t, 1 };
    const double loss = (double)contest_run(&any, NULL).loss;
    assert_true(loss > least && loss < log1p((2 * N - 2) * exp(2 / t)));
    release();
}

/* Section 6.2's reading: with anchors p and keys z.  With p = z the keys' gradient and the anchors'
 * are two parts of one, and neither is half of it. */
static void a_predictor_has_anchors_of_its_own(void **state)
{
    (void)state;
    const float *const z = two_views(4, 6, 1, 2), *const w = rows_of(6, 6, 5);
    float *const p = host_room(48 * sizeof *p);
    for (int i = 0; i < 48; i++) {
        double sum = 0;
        for (int j = 0; j < 6; j++) sum += (double)z[i / 6 * 6 + j] * (double)w[j * 6 + i % 6];
        p[i] = (float)sum;
    }
    const struct contest same = { z, NULL, 8, 0, 6, 4, true, 0.2f, 1 };
    const struct outcome o = contest_run(&same, NULL);
    const double limit = testing_bf16() ? 5e-3 : 3e-5;
    const double *const anchors = doubles_of(act_read(o.anchors_grad, 48), 48);
    const double *const keys = doubles_of(act_read(o.keys_grad, 48), 48);
    check_golden("anchors", norm_of_rows(anchors, 48), 1.280284400937, limit);
    check_golden("keys", norm_of_rows(keys, 48), 1.246628032458, limit);
    if (!testing_bf16()) {                               /* p is no row of bf16's */
        const struct contest c = { p, z, 8, 0, 6, 4, true, 0.2f, 1 };
        const struct outcome with = contest_run(&c, NULL);
        check_golden("loss", (double)with.loss, 4.325851300935, 1e-5);
        const float *const dp = act_read(with.anchors_grad, 48);
        double back[48] = { 0 };                         /* stopped: dz = dp W^T */
        for (int i = 0; i < 48; i++)
            for (int j = 0; j < 6; j++)
                back[i] += (double)dp[i / 6 * 6 + j] * (double)w[i % 6 * 6 + j];
        check_golden("stopped", norm_of_rows(back, 48), 1.829171788415, 1e-4);
        for (int i = 0; i < 48; i++) back[i] += (double)act_read(with.keys_grad, 48)[i];
        check_golden("whole", norm_of_rows(back, 48), 2.702245976072, 1e-4);
    }
    release();
}

/* A queue that is the batch's other keys makes N-way InfoNCE of the batch (MoCo v3's without its
 * predictor), and its order does not count. */
static void a_queue_of_the_other_keys_is_n_way_info_nce(void **state)
{
    (void)state;
    const float *const q = rows_of(4, 6, 1), *const k = rows_of(4, 6, 2);
    double sum = 0;
    float *const all = host_room(24 * sizeof *all);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) memcpy(all + j * 6, k + (i + j) % 4 * 6, 6 * sizeof *all);
        const struct contest one = { q + i * 6, all, 1, 3, 6, 0, false, 0.2f, 1 };
        sum += (double)contest_run(&one, NULL).loss / 4;
    }
    check_golden("loss", sum, 2.366223949991, 1e-5);
    release();
}

static void the_order_of_the_queue_does_not_count(void **state)
{
    (void)state;
    enum { M = 7, K = 33, D = 5 };
    const float *const q = random_floats(M * D, 1), *const keys = random_floats((M + K) * D, 2);
    float *const other = host_room((M + K) * D * sizeof *other);
    for (int i = 0; i < M + K; i++) {
        const int from = i < M ? i : M + (i - M) * 5 % K;
        memcpy(other + i * D, keys + from * D, D * sizeof *other);
    }
    const struct contest a = { q, keys, M, K, D, 0, false, 0.2f, 1 };
    const struct contest b = { q, other, M, K, D, 0, false, 0.2f, 1 };
    const struct outcome x = contest_run(&a, NULL), y = contest_run(&b, NULL);
    check_golden("loss", (double)y.loss, (double)x.loss, 2e-6);
    check_close("gradient", act_read(y.anchors_grad, M * D),
                doubles_of(act_read(x.anchors_grad, M * D), M * D), M * D,
                testing_bf16() ? TOLERANCE_BF16 : 2e-6);
    release();
}

/* ---- edges ----------------------------------------------------------------------------------- */

static void nan_reaches_the_loss_and_its_rows_gradient(void **state)
{
    (void)state;
    float *const q = random_floats(7 * 5, 1);
    q[12] = NAN;                                         /* row 2 */
    const struct contest c = { q, random_floats(16 * 5, 2), 7, 9, 5, 0, false, 0.2f, 1 };
    const struct outcome o = contest_run(&c, NULL);
    assert_true(isnan(o.loss));
    for (int i = 0; i < 35; i++)
        assert_int_equal(isnan(act_read(o.anchors_grad, 35)[i]) != 0, i / 5 == 2);
    release();
}

/* exp(1 / 0.005) is no float. */
static void a_low_temperature_overflows_nowhere(void **state)
{
    (void)state;
    const struct contest c = { random_floats(14 * 33, 1), NULL, 14, 0, 33, 7, true, 0.005f, 1 };
    const struct outcome o = contest_run(&c, NULL);
    assert_true(isfinite(o.loss));
    const double *const g = both_parts(&o, 14 * 33);
    assert_true(isfinite(norm_of_rows(g, 14 * 33)));
    release();
}

static void a_row_shorter_than_the_held_norm_has_no_gradient_along_itself(void **state)
{
    (void)state;
    const float *const dy = random_floats(7, 2), zero[7] = { 0 };
    double want[7];
    for (int i = 0; i < 7; i++) want[i] = (double)dy[i];
    float small[7];
    for (int i = 0; i < 7; i++) small[i] = dy[i] * (float)COSINE_EPS;      /* for fp16's sake */
    dev_act *const dx = act_garbage(7);
    op_unit_bwd(over(dx), float_of(small, 7), act_of(zero, 7), 1, 7);
    check_close("dx", act_read(dx, 7), want, 7, act_tolerance(TOLERANCE_ROUND));
    release();
}

/* Of weights: the same in fp32, added. */
static void a_weights_gradient_is_added(void **state)
{
    (void)state;
    enum { N = 7, D = 33 };
    const float *const w = random_floats(N * D, 1), *const dy = random_floats(N * D, 2),
                *const dirty = random_floats(N * D, 3);
    dev_float *const dw = float_of(dirty, N * D);
    op_unit_weight_bwd(dw, float_of(dy, N * D), float_of(w, N * D), N, D);
    const double *const x = doubles_of(w, N * D), *const g = doubles_of(dy, N * D);
    double *const want = doubles_of(NULL, N * D);
    for (int i = 0; i < N * D; i++) {
        const double *const row = x + i / D * D;
        const double square = naive_dot(row, row, D), along = naive_dot(row, g + i / D * D, D);
        want[i] = (g[i] - x[i] * along / square) / sqrt(square);
    }
    check_added("dw", float_read(dw, N * D), dirty, want, N * D, TOLERANCE_ROUND);
    release();
}

static void what_is_not_wanted_changes_nothing(void **state)
{
    (void)state;
    enum { M = 7, N = 33, D = 5 };
    const float *const dirty = random_floats(N * D, 5);
    dev_float *const a = float_of(random_floats(M * D, 1), M * D);
    dev_float *const b = float_of(random_floats(N * D, 2), N * D);
    dev_float *const ds = float_of(random_floats(M * N, 3), M * N);
    dev_float *const da = float_of(random_floats(M * D, 4), M * D);
    dev_float *const alone = machine_room(M * D * sizeof(float));
    dev_float *const db = float_of(dirty, N * D), *const more = float_of(dirty, N * D);
    op_scores_bwd(da, db, ds, a, b, M, N, D);
    op_scores_bwd(alone, NULL, ds, a, b, M, N, D);
    op_scores_bwd(NULL, more, ds, a, b, M, N, D);
    assert_memory_equal(float_read(da, M * D), float_read(alone, M * D), M * D * sizeof(float));
    assert_memory_equal(float_read(db, N * D), float_read(more, N * D), N * D * sizeof(float));
    release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_its_equation_and_its_gradients_are_finite_differences),
        cmocka_unit_test(nt_xent_is_simclrs),
        cmocka_unit_test(common_mistakes_of_simclr_give_other_losses),
        cmocka_unit_test(info_nce_is_mocos_either_way_and_the_symmetric_form_their_mean),
        cmocka_unit_test(keys_that_are_in_the_queue_already_would_be_seen),
        cmocka_unit_test(equal_rows_give_the_logarithm_of_the_choices_and_no_gradient),
        cmocka_unit_test(one_image_has_nothing_to_be_told_from),
        cmocka_unit_test(the_gradient_is_at_right_angles_to_its_row),
        cmocka_unit_test(order_views_and_lengths_do_not_count),
        cmocka_unit_test(a_rotation_does_not_count),
        cmocka_unit_test(the_loss_lies_within_its_bounds_and_a_simplex_reaches_the_lower),
        cmocka_unit_test(a_predictor_has_anchors_of_its_own),
        cmocka_unit_test(a_queue_of_the_other_keys_is_n_way_info_nce),
        cmocka_unit_test(the_order_of_the_queue_does_not_count),
        cmocka_unit_test(nan_reaches_the_loss_and_its_rows_gradient),
        cmocka_unit_test(a_low_temperature_overflows_nowhere),
        cmocka_unit_test(a_row_shorter_than_the_held_norm_has_no_gradient_along_itself),
        cmocka_unit_test(a_weights_gradient_is_added),
        cmocka_unit_test(what_is_not_wanted_changes_nothing),
    };
    machine_open(1);
    return RUN_PRECISIONS("ops: contrast", tests);
}
