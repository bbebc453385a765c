/* SPDX-License-Identifier: MIT
 *
 * test_ops_eval.c -- weighted kNN and the linear classifier against naive versions.
 */
#include "naive.h"

/* cmocka's assert_float_equal takes NaN and infinity for equal to anything. */
#define assert_close(value, want, tolerance) assert_true(fabs((double)(value) - (want)) <= (tolerance))

/* ---- k nearest neighbours -------------------------------------------------------------------- */

static int32_t *random_labels(size_t n, int classes, uint32_t seed)
{
    const float *u = random_floats(n, seed);
    int32_t *label = host_room(n * sizeof *label);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)((u[i] + 1) / 2 * (float)classes) % classes;
    return label;
}

static int32_t *int_read(const dev_int *p, size_t n)
{
    int32_t *a = host_room(n * sizeof *a);
    mem_download(a, p, n * sizeof *a);
    return a;
}

/* Takes the nearest bank row k times; the first of equals is the lower index. */
static int naive_knn(const double *q, const double *bank, const int32_t *label, int m, int d,
                     int classes, int k, double t)
{
    double *cosine = calloc((size_t)m, sizeof *cosine),
           *votes = calloc((size_t)classes, sizeof *votes);
    assert_true(cosine && votes);
    for (int i = 0; i < m; i++) cosine[i] = naive_dot(q, bank + (size_t)i * (size_t)d, (size_t)d);
    for (int taken = 0; taken < k && taken < m; taken++) {
        int best = 0;
        for (int i = 1; i < m; i++)
            if (cosine[i] > cosine[best]) best = i;
        votes[label[best]] += exp(cosine[best] / t);
        cosine[best] = -INFINITY;
    }
    int first = 0;
    for (int i = 1; i < classes; i++)
        if (votes[i] > votes[first]) first = i;
    free(cosine);
    free(votes);
    return first;
}

static void check_knn(const float *query, int n, const float *bank, const int32_t *label, int m,
                      int d, int classes, int k, float temperature)
{
    const size_t nq = (size_t)(n * d), nb = (size_t)(m * d);
    const double *q = doubles_of(query, nq), *b = doubles_of(bank, nb);
    dev_int *pred = machine_room((size_t)n * sizeof(int32_t));
    op_knn(pred, float_of(query, nq), n, float_of(bank, nb), int_of(label, (size_t)m), m, d,
           classes, k, temperature);
    const int32_t *got = int_read(pred, (size_t)n);
    for (int i = 0; i < n; i++) {
        const int want = naive_knn(q + i * d, b, label, m, d, classes, k, (double)temperature);
        if (got[i] != want)
            fail_msg("query %d of %d, m %d, k %d: class %d, expected %d", i, n, m, k, got[i], want);
    }
}

static void knn_is_the_naive_vote(void **state)
{
    (void)state;
    /* n, m, d, classes, k: k over m, k = 1, several blocks of queries and of the bank */
    static const int sizes[][5] = {
        { 1, 1, 1, 2, 5 }, { 7, 33, 7, 3, 1 }, { 33, 33, 17, 10, 33 }, { 7, 5, 3, 4, 200 },
        { 70, 2100, 33, 10,
          7 }, { 65, 1100, 9, 7, 200 }, { 3, 1025, 17, 2, 500 }, { 259, 700, 5, 3, 33 },
        { 9, 4500, 6, 11, 20 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n = sizes[i][0], m = sizes[i][1], d = sizes[i][2];
        dev_float *query = float_of(random_floats((size_t)(n * d), 1), (size_t)(n * d));
        dev_float *bank = float_of(random_floats((size_t)(m * d), 2), (size_t)(m * d));
        op_normalize_rows(query, n, d);
        op_normalize_rows(bank, m, d);
        check_knn(float_read(query, (size_t)(n * d)), n, float_read(bank, (size_t)(m * d)),
                  random_labels((size_t)m, sizes[i][3], 3), m, d, sizes[i][3], sizes[i][4], 0.1f);
        release();
    }
}

/* Numbers that fp32 holds exactly, few of them: many equal cosines, whose order decides. */
static void knn_breaks_ties_by_the_lower_index_and_the_lower_class(void **state)
{
    (void)state;
    const int n = 65, m = 3000, d = 2;
    float *query = random_floats((size_t)(n * d), 1), *bank = random_floats((size_t)(m * d), 2);
    for (int i = 0; i < n * d; i++) query[i] = roundf(query[i] * 2) / 2;
    for (int i = 0; i < m * d; i++) bank[i] = roundf(bank[i] * 2) / 2;
    static const int ks[] = { 1, 2, 7, 33, 200, 1000 };
    for (int i = 0; i < 6; i++)
        check_knn(query, n, bank, random_labels((size_t)m, 10, 3), m, d, 10, ks[i], 0.25f);
    /* Two classes with one equal vote each, the higher class first in the bank. */
    check_knn((float[]){ 1, 0 }, 1, (float[]){ 1, 0, 1, 0, 0, 1 }, (int32_t[]){ 4, 2, 0 }, 3, 2, 5,
              2, 0.1f);
    release();
}

static int32_t knn_of_one(float query, const float *bank, const int32_t *label, int m, int k)
{
    dev_int *pred = machine_room(sizeof(int32_t));
    op_knn(pred, float_of(&query, 1), 1, float_of(bank, (size_t)m), int_of(label, (size_t)m), m, 1,
           4, k, 100);
    return int_read(pred, 1)[0];
}

/* A small negative cosine that underflows is -0, and equals 0.  A row that is NaN is nobody's
 * neighbour. */
static void knn_takes_zeros_for_equal_and_no_nan(void **state)
{
    (void)state;
    assert_int_equal(knn_of_one(1e-30f, (float[]){ -1, -1e-30f,
                                                   0 }, (int32_t[]){ 3, 2, 1 }, 3, 1), 2);
    assert_int_equal(knn_of_one(1, (float[]){ NAN, -1, NAN,
                                              NAN }, (int32_t[]){ 2, 1, 2, 2 }, 4, 4), 1);
    assert_int_equal(knn_of_one(NAN, (float[]){ 1, 1 }, (int32_t[]){ 2, 1 }, 2, 2), 0);
    release();
}

static void a_nearer_neighbour_outvotes_two_far_ones_only_at_low_temperature(void **state)
{
    (void)state;
    const float query[2] = { 1, 0 }, bank[6] = { 1, 0, 0.5f, 0.8660254f, 0.5f, -0.8660254f };
    const int32_t label[3] = { 1, 0, 0 };
    dev_int *pred = machine_room(sizeof(int32_t));
    op_knn(pred, float_of(query, 2), 1, float_of(bank, 6), int_of(label, 3), 3, 2, 2, 3, 0.1f);
    assert_int_equal(int_read(pred, 1)[0], 1);           /* exp(10) > 2 exp(5) */
    op_knn(pred, float_of(query, 2), 1, float_of(bank, 6), int_of(label, 3), 3, 2, 2, 3, 10.0f);
    assert_int_equal(int_read(pred, 1)[0], 0);           /* exp(0.1) < 2 exp(0.05) */
    release();
}

/* ---- the classifier -------------------------------------------------------------------------- */

struct classifier { double *x, *w, *b; const int32_t *label, *index; int n, d, k; };

static double logit(const struct classifier *c, int row, int j)
{
    return c->b[j] + naive_dot(c->x + row * c->d, c->w + j * c->d, (size_t)c->d);
}

static double cross_entropy(void *context)
{
    const struct classifier *c = context;
    double loss = 0;
    for (int i = 0; i < c->n; i++) {
        double sum = 0;
        for (int j = 0; j < c->k; j++) sum += exp(logit(c, c->index[i], j));
        loss += (log(sum) - logit(c, c->index[i], c->label[c->index[i]])) / c->n;
    }
    return loss;
}

static void classifier_loss_and_gradients_are_the_naive_cross_entropys(void **state)
{
    (void)state;
    /* n, rows, d, k */
    static const int sizes[][4] = { { 1, 1, 1, 2 }, { 7, 9, 3, 7 }, { 33, 70, 17, 10 },
                                    { 257, 300, 65, 3 } };
    for (int i = 0; i < 4; i++) {
        const int n = sizes[i][0], rows = sizes[i][1], d = sizes[i][2], k = sizes[i][3];
        const size_t nx = (size_t)(rows * d), nw = (size_t)(k * d), nk = (size_t)k;
        const float *x = random_floats(nx, 1), *w = random_floats(nw, 2), *b = random_floats(nk, 3);
        const float *dirty = random_floats(nw, 4);
        const int32_t *label = random_labels((size_t)rows, k, 5),
                      *index = random_labels((size_t)n, rows, 6);
        struct classifier c = { doubles_of(x, nx), doubles_of(w, nw), doubles_of(b, nk), label,
                                index, n, d, k };
        dev_float *loss = float_of(dirty, 1), *dw = float_of(dirty, nw), *db = float_of(dirty, nk);
        dev_float *dw_alone = float_of(dirty, nw), *db_alone = float_of(dirty, nk);
        dev_float *mx = float_of(x, nx), *mw = float_of(w, nw), *mb = float_of(b, nk);
        const dev_int *ml = int_of(label, (size_t)rows), *mi = int_of(index, (size_t)n);
        op_classifier_grad(loss, dw, db, mx, ml, mi, n, d, k, mw, mb);
        op_classifier_grad(loss, dw_alone, NULL, mx, ml, mi, n, d, k, mw, mb);
        op_classifier_grad(loss, NULL, db_alone, mx, ml, mi, n, d, k, mw, mb);
        const double want = 3 * cross_entropy(&c);       /* three calls, each adds */
        check_added("loss", float_read(loss, 1), dirty, &want, 1, TOLERANCE_ROUND);
        check_difference("dw", float_read(dw, nw), dirty, c.w, nw, sparse(nw), cross_entropy, &c);
        check_difference("db", float_read(db, nk), dirty, c.b, nk, 1, cross_entropy, &c);
        assert_memory_equal(float_read(dw, nw), float_read(dw_alone, nw), nw * sizeof(float));
        assert_memory_equal(float_read(db, nk), float_read(db_alone, nk), nk * sizeof(float));
        release();
    }
}

static void large_logits_do_not_overflow_and_nan_is_seen(void **state)
{
    (void)state;
    const float w[2] = { 5000, -5000 }, b[2] = { 0 }, x[2] = { 1, NAN };
    const int32_t label[2] = { 1, 0 }, index[2] = { 0, 1 };
    dev_float *loss = machine_room(sizeof(float)), *dw = machine_room(2 * sizeof(float));
    op_classifier_grad(loss, dw, NULL, float_of(x, 2), int_of(label, 2), int_of(index, 2), 1, 1, 2,
                       float_of(w, 2), float_of(b, 2));
    assert_close(float_read(loss, 1)[0], 10000, 1e-2);
    assert_close(float_read(dw, 2)[0], 1, 1e-6);
    /* The other way round, so that neither class is the one that is looked at first. */
    dev_float *mirrored_loss = machine_room(sizeof(float)),
              *mirrored_dw = machine_room(2 * sizeof(float));
    op_classifier_grad(mirrored_loss, mirrored_dw, NULL, float_of(x, 2), int_of(index, 2),
                       int_of(index, 2), 1, 1, 2, float_of((float[]){ -5000, 5000 }, 2),
                       float_of(b, 2));
    assert_close(float_read(mirrored_loss, 1)[0], 10000, 1e-2);
    assert_close(float_read(mirrored_dw, 2)[0], -1, 1e-6);
    op_classifier_grad(loss, dw, NULL, float_of(x, 2), int_of(label, 2), int_of(index, 2), 2, 1, 2,
                       float_of(w, 2), float_of(b, 2));
    assert_true(isnan(float_read(loss, 1)[0]) && isnan(float_read(dw, 2)[0]));
    release();
}

static void classify_is_the_naive_argmax_ties_to_the_lower_class(void **state)
{
    (void)state;
    const int n = 4101, d = 3, k = 7;                    /* more rows than are held at once */
    float *x = random_floats((size_t)(n * d), 1), *w = random_floats((size_t)(k * d), 2);
    float *b = random_floats((size_t)k, 3);
    for (int i = 0; i < n * d; i++) x[i] = roundf(x[i]);     /* exact sums, so that ties are ties */
    for (int i = 0; i < k * d; i++) w[i] = roundf(w[i]);
    for (int i = 0; i < k; i++) b[i] = roundf(b[i]);
    dev_int *pred = machine_room((size_t)n * sizeof(int32_t));
    op_classify(pred, float_of(x, (size_t)(n * d)), n, d, k, float_of(w, (size_t)(k * d)),
                float_of(b, (size_t)k));
    const int32_t *got = int_read(pred, (size_t)n);
    const struct classifier c = { .x = doubles_of(x, (size_t)(n * d)),
                                  .w = doubles_of(w, (size_t)(k * d)),
                                  .b = doubles_of(b, (size_t)k), .d = d };
    for (int i = 0; i < n; i++) {
        int top = 0;
        for (int j = 1; j < k; j++)
            if (logit(&c, i, j) > logit(&c, i, top)) top = j;
        assert_int_equal(got[i], top);
    }
    release();
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knn_is_the_naive_vote),
        cmocka_unit_test(knn_breaks_ties_by_the_lower_index_and_the_lower_class),
        cmocka_unit_test(knn_takes_zeros_for_equal_and_no_nan),
        cmocka_unit_test(a_nearer_neighbour_outvotes_two_far_ones_only_at_low_temperature),
        cmocka_unit_test(classifier_loss_and_gradients_are_the_naive_cross_entropys),
        cmocka_unit_test(large_logits_do_not_overflow_and_nan_is_seen),
        cmocka_unit_test(classify_is_the_naive_argmax_ties_to_the_lower_class),
    };
    return RUN_PRECISIONS("ops: evaluation", tests);
}
