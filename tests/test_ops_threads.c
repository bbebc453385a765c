/* SPDX-License-Identifier: MIT
 *
 * test_ops_threads.c -- rule 4 of ops.h: the same bytes for 1, 2 and 3 threads, and run to run.
 *
 * Shapes are large enough for every op to be cut into several chunks.
 */
#include "naive.h"

/* What an op wrote, one output after the other. */
struct log { unsigned char *bytes; size_t n, room; };

static void log_bytes(struct log *l, const void *data, size_t bytes)
{
    if (l->n + bytes > l->room) {
        l->room = 2 * (l->n + bytes);
        l->bytes = realloc(l->bytes, l->room);
        assert_non_null(l->bytes);
    }
    memcpy(l->bytes + l->n, data, bytes);
    l->n += bytes;
}

static void log_act(struct log *l, const dev_act *p, size_t n)
{
    log_bytes(l, act_read(p, n), n * sizeof(float));
}

static void log_float(struct log *l, const dev_float *p, size_t n)
{
    log_bytes(l, float_read(p, n), n * sizeof(float));
}

static dev_act *some_act(size_t n, uint32_t seed)
{
    return act_of(random_floats(n, seed), n);
}

static dev_float *some_float(size_t n, uint32_t seed)
{
    return float_of(random_floats(n, seed), n);
}

typedef void logged_fn(struct log *);

static void check_threads(logged_fn *run)
{
    static const int threads[] = { 1, 2, 3, 3, 1 };
    struct log first = { 0 };
    for (int i = 0; i < 5; i++) {
        struct log l = { 0 };
        machine_open(threads[i]);
        run(&l);
        release();
        assert_true(l.n > 0);
        if (i == 0) {
            first = l;
            continue;
        }
        assert_int_equal(l.n, first.n);
        if (memcmp(l.bytes, first.bytes, l.n) != 0)
            fail_msg("%d threads give other bytes than 1", threads[i]);
        free(l.bytes);
    }
    free(first.bytes);
}

static void run_conv(struct log *l)
{
    static const struct conv_shape shapes[] = {
        { 33, 16, 16, 3, 32, 3, 1,
          1 }, { 17, 16, 16, 32, 32, 3, 1, 1 }, { 33, 8, 8, 33, 64, 3, 2, 1 },
        { 33, 8, 8, 64, 65, 1, 2,
          0 }, { 33, 4, 4, 70, 131, 3, 1, 1 }, { 7, 4, 4, 65, 257, 1, 1, 0 },
        { 17, 32, 32, 16, 16, 3, 1,
          1 }, { 17, 8, 8, 64, 64, 3, 1, 1 }, { 18, 8, 8, 64, 128, 3, 2, 1 },
        { 18, 4, 4, 128, 128, 3, 1,
          1 }, { 17, 16, 16, 32, 64, 1, 2, 0 }, { 5, 33, 33, 3, 64, 7, 2, 3 },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct conv_shape s = shapes[i];
        const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
        const size_t nx = (size_t)(s.n * s.h * s.w * s.c), ny = (size_t)(s.n * p * q * s.k);
        const size_t nw = (size_t)(s.k * s.r * s.r * s.c);
        dev_act *x = some_act(nx, 1), *y = some_act(ny, 2), *dy = some_act(ny, 3),
                *dx = some_act(nx, 4);
        dev_float *w = some_float(nw, 5), *dw = some_float(nw, 6);
        op_conv_fwd(y, x, w, s);
        op_conv_bwd(i % 2 ? onto(dx) : over(dx), dw, dy, x, w, s);
        log_act(l, y, ny);
        log_act(l, dx, nx);
        log_float(l, dw, nw);
    }
}

static void run_fc(struct log *l)
{
    enum { N = 257, C = 129, K = 300 };
    dev_act *x = some_act(N * C, 1), *y = some_act(N * K, 2), *dy = some_act(N * K, 3),
            *dx = some_act(N * C, 4);
    dev_float *w = some_float(K * C, 5), *b = some_float(K, 6), *dw = some_float(K * C, 7),
              *db = some_float(K, 8);
    op_fc_fwd(y, x, w, b, (struct fc_shape){ N, C, K });
    op_fc_bwd(onto(dx), dw, db, dy, x, w, (struct fc_shape){ N, C, K });
    log_act(l, y, N * K);
    log_act(l, dx, N * C);
    log_float(l, dw, K * C);
    log_float(l, db, K);
}

static void run_norm_of(struct log *l, struct bn_shape s)
{
    const size_t c = (size_t)s.c, gc = (size_t)s.groups * c, n = gc * (size_t)s.rows;
    dev_act *x = some_act(n, 1), *y = some_act(n, 2), *dy = some_act(n, 3), *dx = some_act(n, 4);
    dev_act *r = some_act(n, 5), *dr = some_act(n, 6), *e = some_act(n, 7);
    dev_float *gamma = some_float(c, 8), *beta = some_float(c, 9), *mean = some_float(gc, 10);
    dev_float *rstd = some_float(gc, 11), *run_mean = some_float(c, 12),
              *run_var = some_float(c, 13);
    dev_float *dgamma = some_float(c, 14), *dbeta = some_float(c, 15);
    op_bn_act_fwd(y, mean, rstd, run_mean, run_var, x, gamma, beta, r, s, true);
    op_bn_act_bwd(onto(dx), dgamma, dbeta, onto(dr), dy, y, x, gamma, mean, rstd, s, true);
    op_bn_act_eval(e, x, gamma, beta, mean, rstd, r, s.groups * s.rows, s.c, true);
    log_act(l, y, n);
    log_act(l, dx, n);
    log_act(l, dr, n);
    log_act(l, e, n);
    op_bn_act_bwd(over(dx), dgamma, dbeta, over(dy), dy, y, x, gamma, mean, rstd, s, true);
    log_act(l, dx, n);
    log_act(l, dy, n);
    log_float(l, mean, gc), log_float(l, rstd, gc), log_float(l, run_mean, c),
        log_float(l, run_var, c);
    log_float(l, dgamma, c);
    log_float(l, dbeta, c);
}

static void run_norm(struct log *l)
{
    run_norm_of(l, (struct bn_shape){ 3, 2001, 33 });
    run_norm_of(l, (struct bn_shape){ 2, 8200, 16 });
}

static void run_rows(struct log *l)
{
    enum { N = 257, D = 130, S = N * D };
    dev_act *p = some_act(S, 1), *z = some_act(S, 2), *dp = some_act(S, 3), *dz = some_act(S, 4);
    dev_act *y = some_act(S, 5), *dx = some_act(S, 6), *pooled = some_act(S, 7),
            *dpool = some_act(S, 8);
    dev_float *loss = some_float(1, 9), *std = some_float(1, 10), *sum = some_float(1, 12);
    dev_float *rows = some_float(S, 11), *w = some_float(S, 13), *v = some_float(S, 14);
    dev_float *lr = some_float(1, 15), *copy = some_float(S, 16);
    op_relu_fwd(y, p, S);
    op_relu_bwd(onto(dx), z, y, S);
    op_pool_fwd(pooled, p, N, 10, 13);
    op_pool_bwd(onto(dpool), pooled, N, 10, 13);
    const struct pool_shape window = { 5, 25, 20, 13, 3, 2, 1 };   /* of 32,500 < S numbers */
    dev_act *most = some_act(S, 19), *dmost = some_act(S, 20);
    op_max_pool_fwd(most, p, window);
    op_max_pool_bwd(onto(dmost), most, p, window);
    log_act(l, most, S);
    log_act(l, dmost, S);
    op_cosine_fwd(loss, p, z, 0.5f, N, D);
    op_cosine_bwd(onto(dp), over(dz), p, z, 0.5f, N, D);
    op_cross_entropy_fwd(loss, p, z, 0.5f, N, D);
    op_cross_entropy_bwd(onto(dp), onto(dz), p, z, 0.5f, N, D);
    int32_t image[N];
    for (int i = 0; i < N; i++) image[i] = i * 7 % N;
    dev_float *memory = some_float(S, 17);
    dev_act *eta = some_act(S, 18);
    op_average(eta, memory, int_of(image, N), p, N, D, 0.8f, true, true, true);
    log_act(l, eta, S);
    log_float(l, memory, S);
    op_std(std, p, 1, N, D);
    op_act_to_float(copy, p, S);
    dev_act *narrow = some_act(S, 22), *dnarrow = some_act(S, 23);
    dev_float *wide = some_float(S, 24);
    op_float_to_act(narrow, copy, S);
    op_act_to_float_bwd(onto(dnarrow), copy, S);
    op_float_to_act_bwd(wide, dnarrow, S);
    log_act(l, narrow, S);
    log_act(l, dnarrow, S);
    log_float(l, wide, S);
    op_normalize_rows(rows, N, D);
    op_sgd(w, v, rows, lr, 0.9f, 1e-4f, S);
    op_sumsq(sum, rows, S);
    for (int form = 0; form < 4; form++)
        op_lars(w, v, rows, lr, (struct lars){ 0.9f, 1e-4f, 0.001f, form % 2, form / 2 }, S);
    dev_float *twin = some_float(S, 21);
    op_ema(twin, w, lr, S);
    log_float(l, twin, S);
    log_act(l, y, S), log_act(l, dx, S), log_act(l, pooled, S), log_act(l, dpool, S),
        log_act(l, dp, S);
    log_act(l, dz, S), log_float(l, loss, 1), log_float(l, std, 1), log_float(l, rows, S),
        log_float(l, w, S);
    log_float(l, v, S);
    log_float(l, copy, S);
    log_float(l, sum, 1);
}

static void run_contrast(struct log *l)
{
    enum { M = 129, N = 257, D = 130, ITERATIONS = 3 };
    dev_float *a = some_float(M * D, 1), *b = some_float(N * D, 2), *s = some_float(M * N, 3);
    dev_float *da = some_float(M * D, 4), *db = some_float(N * D, 5), *loss = some_float(1, 6);
    dev_float *q = some_float(M * N, 7), *ds = some_float(M * N, 8), *dq = some_float(M * N, 9);
    dev_float *potentials = some_float(ITERATIONS * (M + N), 10), *dw = some_float(M * D, 11);
    dev_act *x = some_act(M * D, 12), *dx = some_act(M * D, 13), *y = some_act(M * D, 14);
    int32_t place[M];
    for (int i = 0; i < M; i++) place[i] = i * 7 % M;
    op_normalize_rows(a, M, D);
    op_normalize_rows(b, N, D);
    op_scores_fwd(s, a, b, M, N, D);
    op_sinkhorn_fwd(q, potentials, s, 0.05f, ITERATIONS, M, N);
    op_code_entropy_fwd(loss, s, q, 0.1f, 1, M, N);
    op_code_entropy_bwd(ds, dq, s, q, 0.1f, 1, M, N);
    op_sinkhorn_bwd(ds, dq, potentials, s, 0.05f, ITERATIONS, M, N);
    op_contrast(loss, s, 0.2f, 1, M, N - M, 5, true);
    op_scores_bwd(da, db, s, a, b, M, N, D);
    op_unit_bwd(onto(dx), da, x, M, D);
    op_unit_weight_bwd(dw, da, a, M, D);
    op_rows_take(y, x, int_of(place, M), M, D * mem_act_bytes());
    op_rows_put(x, y, int_of(place, M), M, D * mem_act_bytes());
    log_float(l, s, M * N);
    log_float(l, q, M * N);
    log_float(l, ds, M * N);
    log_float(l, dq, M * N);
    log_float(l, da, M * D);
    log_float(l, db, N * D);
    log_float(l, dw, M * D);
    log_float(l, loss, 1);
    log_act(l, dx, M * D);
    log_act(l, x, M * D);
    log_act(l, y, M * D);
}

static void run_eval(struct log *l)
{
    enum { N = 333, M = 2050, D = 130, K = 10 };
    dev_float *query = some_float(N * D, 1), *bank = some_float(M * D, 2);
    dev_float *w = some_float(K * D, 3), *b = some_float(K, 4);
    dev_float *loss = some_float(1, 5), *dw = some_float(K * D, 6), *db = some_float(K, 7);
    int32_t label[M], index[N], pred[N];
    for (int i = 0; i < M; i++) label[i] = i * 7 % K;
    for (int i = 0; i < N; i++) index[i] = i * 5 % M;
    dev_int *labels = int_of(label, M), *indices = int_of(index, N),
            *knn = machine_room(sizeof pred);
    dev_int *classes = machine_room(sizeof pred);
    op_normalize_rows(query, N, D);
    op_normalize_rows(bank, M, D);
    op_knn(knn, query, N, bank, labels, M, D, K, 33, 0.1f);
    op_classifier_grad(loss, dw, db, bank, labels, indices, N, D, K, w, b);
    op_classify(classes, query, N, D, K, w, b);
    log_float(l, loss, 1);
    log_float(l, dw, K * D);
    log_float(l, db, K);
    mem_download(pred, knn, sizeof pred);
    log_bytes(l, pred, sizeof pred);
    mem_download(pred, classes, sizeof pred);
    log_bytes(l, pred, sizeof pred);
}

static void convolution_does_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_conv);
}
static void fully_connected_does_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_fc);
}
static void batch_norm_does_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_norm);
}
static void rows_do_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_rows);
}
static void contrast_and_codes_do_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_contrast);
}
static void evaluation_does_not_depend_on_the_threads(void **state)
{
    (void)state;
    check_threads(run_eval);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_does_not_depend_on_the_threads),
        cmocka_unit_test(fully_connected_does_not_depend_on_the_threads),
        cmocka_unit_test(batch_norm_does_not_depend_on_the_threads),
        cmocka_unit_test(rows_do_not_depend_on_the_threads),
        cmocka_unit_test(contrast_and_codes_do_not_depend_on_the_threads),
        cmocka_unit_test(evaluation_does_not_depend_on_the_threads),
    };
    return RUN_PRECISIONS("ops: threads", tests);
}
