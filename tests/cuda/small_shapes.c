/* SPDX-License-Identifier: MIT
 *
 * small_shapes.c -- each op once at shapes small and odd: for compute-sanitizer, which makes a kernel ten
 * to fifty times as slow, and for ThreadSanitizer, which makes a barrier a millisecond (.ci/tsan).
 * What they compute is tested elsewhere; here it must be finite.
 *
 * usage: small_shapes conv | eval | views | norm | rows | codes [N]
 *        N rows or images, in fp16 alone; else 33, in each precision
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "../../engine/augment.h"
#include "../../engine/base.h"
#include "../../engine/ops.h"

/* The machine's memory, and its end. */
static struct { void *p[64]; int n; } taken;

static void *room(size_t bytes)
{
    if (taken.n == sizeof taken.p / sizeof *taken.p) die("small_shapes: more than %d rooms", taken.n);
    return taken.p[taken.n++] = mem_alloc(bytes);
}

static void release(void)
{
    while (taken.n) mem_free(taken.p[--taken.n]);
}

static dev_float *floats(size_t n)
{
    float *const x = numbers(n);
    dev_float *const to = room(n * sizeof *x);
    mem_upload(to, x, n * sizeof *x);
    free(x);
    return to;
}

static dev_act *acts(size_t n)
{
    float *const x = numbers(n);
    dev_act *const to = room(n * mem_act_bytes());
    mem_act_upload(to, x, n);
    free(x);
    return to;
}

/* 0, 1, ..., n - 1, modulo m. */
static dev_int *turns(int n, int m)
{
    int32_t *const x = host_alloc((size_t)n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = i % m;
    dev_int *const to = room((size_t)n * sizeof *x);
    mem_upload(to, x, (size_t)n * sizeof *x);
    free(x);
    return to;
}

static void check(const char *what, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            die("small_shapes: %s: number %zu is %g (see its tests)", what, i, (double)x[i]);
}

static void check_floats(const char *what, const dev_float *p, size_t n)
{
    float *const x = host_alloc(n, sizeof *x);
    mem_download(x, p, n * sizeof *x);
    check(what, x, n);
    free(x);
}

static void check_acts(const char *what, const dev_act *p, size_t n)
{
    float *const x = host_alloc(n, sizeof *x);
    mem_act_download(x, p, n);
    check(what, x, n);
    free(x);
}

/* ---- the parts ------------------------------------------------------------------------------- */

static void conv(struct conv_shape s)
{
    const size_t p = (size_t)conv_out(s.h, s.r, s.stride, s.pad),
                 q = (size_t)conv_out(s.w, s.r, s.stride, s.pad);
    const size_t in = (size_t)(s.n * s.h * s.w * s.c), weights = (size_t)(s.k * s.r * s.r * s.c);
    const size_t out = (size_t)(s.n * s.k) * p * q;
    dev_act *const x = acts(in), *const y = acts(out), *const dx = acts(in);
    dev_float *const w = floats(weights), *const dw = floats(weights);
    op_conv_fwd(y, x, w, s);
    op_conv_bwd((struct act_grad){ dx, false }, dw, y, x, w, s);
    op_conv_bwd((struct act_grad){ dx, true }, NULL, y, x, w, s);
    check_acts("y", y, out);
    check_acts("dx", dx, in);
    check_floats("dw", dw, weights);
    release();
}

/* Channels that are padded, and such that are not. */
static void convs(int n)
{
    (void)n;
    conv((struct conv_shape){ 3, 7, 5, 3, 33, 3, 1, 1 });
    conv((struct conv_shape){ 3, 7, 5, 16, 8, 3, 2, 1 });
    conv((struct conv_shape){ 1, 1, 7, 8, 16, 1, 2, 0 });
}

static void eval(int n)
{
    enum { D = 17, CLASSES = 7 };
    const int m = 33 * n + 11;
    dev_float *const query = floats((size_t)n * D), *const bank = floats((size_t)m * D),
                     *const w = floats(CLASSES * D);
    dev_float *const dw = floats(CLASSES * D), *const b = floats(CLASSES),
                     *const db = floats(CLASSES);
    dev_float *const loss = floats(1);
    dev_int *const label = turns(m, CLASSES), *const index = turns(n, n), *const pred = turns(n, n);
    op_normalize_rows(query, n, D);
    op_normalize_rows(bank, m, D);
    const int ks[] = { 1, 33, 2 * m };
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        op_knn(pred, query, n, bank, label, m, D, CLASSES, ks[i], 0.1f);
    op_classifier_grad(loss, dw, db, bank, label, index, n, D, CLASSES, w, b);
    op_classify(pred, query, n, D, CLASSES, w, b);
    check_floats("loss", loss, 1);
    check_floats("dw", dw, CLASSES * D);
    check_floats("db", db, CLASSES);
    release();
}

static const struct augment recipe = {
    .crop = true, .crop_scale = { 0.2f, 1 }, .crop_ratio = { 0.75f, 4.0f / 3 },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2 }, .blur_p = { 0.5f, 0.5f }, .solarize_p = { 0.1f, 0.3f },
    .flip_p = 0.5f, .std = { 1, 1, 1 }
};

/* Views of stored images, and of images of their own sizes. */
static void views(int n)
{
    enum { N = 33, H = 32, W = 29, SIZE = 16, PIXELS = 3 * SIZE * SIZE };
    static uint8_t image[N * 3 * H * W];
    static const struct { int h, w, shrink; } own[] = { { 1, 1, 1 }, { 7, 33, 1 }, { 65, 61, 2 } };
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 7 % 251);
    dev_byte *const images = room(sizeof image);
    mem_upload(images, image, sizeof image);
    dev_int *const index = turns(n, N), *const epoch = room(sizeof(int32_t));
    mem_upload(epoch, &(int32_t){ 2 }, sizeof(int32_t));
    dev_act *const y = acts((size_t)n * PIXELS);
    op_augment(y, images, index, n, H, W, SIZE, &recipe, 1, epoch, 3);
    check_acts("a view", y, (size_t)n * PIXELS);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const int h = own[i].h, w = own[i].w;
        const struct view_params v = augment_draw(&recipe, 1, 2, (uint32_t)i, 3, h, w);
        op_view(y, room(op_view_room(SIZE, h > w ? h : w)), image, h, w, own[i].shrink, SIZE,
                &recipe, &v);
        check_acts("a view of its own", y, PIXELS);
    }
    release();
}

/* Batch norm of rows in one chunk and in several, of a channel a thread and of a pack. */
static void norm(struct bn_shape s, bool with_residual)
{
    const size_t n = (size_t)(s.groups * s.rows * s.c), c = (size_t)s.c, gc = (size_t)s.groups * c;
    dev_act *const x = acts(n), *const y = acts(n), *const dy = acts(n), *const dx = acts(n);
    dev_act *const more = with_residual ? acts(n) : NULL;
    dev_float *const gamma = floats(c), *const dgamma = floats(c), *const run_mean = floats(c);
    dev_float *const beta = floats(c), *const dbeta = floats(c), *const run_var = room(4 * c);
    dev_float *const mean = floats(gc), *const rstd = floats(gc);
    for (int add = 0; add < 2; add++) {
        op_bn_act_fwd(y, mean, rstd, run_mean, run_var, x, gamma, beta, more, s, true);
        op_bn_act_bwd((struct act_grad){ dx, add }, dgamma, dbeta, (struct act_grad){ more, add },
                      dy, y, x, gamma, mean, rstd, s, true);
    }
    op_bn_split(run_mean, run_var, run_mean, run_var, mean, rstd, s);
    op_bn_act_eval(y, x, gamma, beta, run_mean, run_var, more, s.groups * s.rows, s.c, true);
    check_acts("dx", dx, n);
    check_acts("y", y, n);
    check_floats("dgamma", dgamma, c);
    release();
}

static void norms(int n)
{
    norm((struct bn_shape){ 2, 300 * n, 24 }, true);
    norm((struct bn_shape){ 1, n, 130 }, false);
}

/* What works on rows and columns of activations ... */
static void activations(int n)
{
    enum { D = 300, K = 33, MEMORY = 40 };
    const size_t all = (size_t)n * D;
    const struct pool_shape pool = { n, 10, 10, 3, 3, 2, 1 };
    dev_act *const x = acts(all), *const z = acts(all), *const dx = acts(all);
    dev_act *const y = acts((size_t)n * K);
    dev_float *const w = floats(D * K), *const dw = floats(D * K), *const db = floats(K);
    dev_float *const memory = floats(MEMORY * D), *const wide = floats(all);
    dev_float *const loss = floats(1);
    dev_int *const index = turns(n, MEMORY);
    const struct act_grad to = { dx, false };
    op_fc_fwd(y, x, w, db, (struct fc_shape){ n, D, K });
    op_fc_bwd(to, dw, db, y, x, w, (struct fc_shape){ n, D, K });
    op_cosine_fwd(loss, x, z, 1, n, D);
    op_cosine_bwd(to, to, x, z, 1, n, D);
    op_cross_entropy_fwd(loss, x, z, 1, n, D);
    op_cross_entropy_bwd(to, to, x, z, 1, n, D);
    op_std(loss, x, 1, n, D);
    op_average(z, memory, index, x, n, D, 0.9f, true, true, true);
    op_unit_bwd(to, wide, x, n, D);
    op_relu_fwd(z, x, all);
    op_relu_bwd(to, x, z, all);
    op_pool_fwd(z, x, n, D / 3, 3);
    op_pool_bwd(to, z, n, D / 3, 3);
    op_max_pool_fwd(z, x, pool);
    op_max_pool_bwd(to, z, x, pool);
    op_rows_take(z, x, index, n, D * mem_act_bytes());
    op_rows_put(memory, wide, index, n, D * sizeof(float));
    op_act_to_float(wide, x, all);
    op_float_to_act_bwd(wide, z, all);
    check_acts("dx", dx, all);
    check_floats("db", db, K);
    check_floats("loss", loss, 1);
    release();
}

/* ... and what moves weights. */
static void weights(void)
{
    enum { ROWS = 33, D = 17, N = ROWS * D };
    dev_float *const w = floats(N), *const v = floats(N), *const g = floats(N);
    dev_float *const rate = floats(1);
    op_unit_weight_bwd(g, v, w, ROWS, D);
    op_sgd(w, v, g, rate, 0.9f, 1e-4f, N);
    op_lars(w, v, g, rate, (struct lars){ 0.9f, 1e-4f, 1e-3f, true, false }, N);
    op_ema(v, w, rate, N);
    op_sumsq(rate, w, N);
    check_floats("w", w, N);
    check_floats("their squares", rate, 1);
    release();
}

static void rows(int n)
{
    activations(n);
    weights();
}

/* Losses that are made of scores. */
static void codes(int n)
{
    enum { D = 17, K = 300, TURNS = 3 };
    const size_t others = (size_t)(n + K), coded = (size_t)n * K;
    dev_float *const a = floats((size_t)n * D), *const b = floats(others * D);
    dev_float *const s = floats((size_t)n * others), *const potentials = floats(TURNS * others);
    dev_float *const q = floats(coded), *const dq = floats(coded), *const ds = floats(coded);
    dev_float *const score = floats(coded), *const loss = floats(1);
    op_scores_fwd(s, a, b, n, n + K, D);
    op_contrast(loss, s, 0.5f, 1, n, K, 1, true);
    op_scores_bwd(a, b, s, a, b, n, n + K, D);
    op_sinkhorn_fwd(q, potentials, score, 0.5f, TURNS, n, K);
    op_code_entropy_fwd(loss, score, q, 0.5f, 1, n, K);
    op_code_entropy_bwd(ds, dq, score, q, 0.5f, 1, n, K);
    op_sinkhorn_bwd(ds, dq, potentials, score, 0.5f, TURNS, n, K);
    check_floats("ds", ds, coded);
    check_floats("loss", loss, 1);
    release();
}

static const struct { const char *name; void (*run)(int n); bool of_activations; } parts[] = {
    { "conv", convs, true }, { "eval", eval, false },  { "views", views, true },
    { "norm", norms, true }, { "rows", rows, true },   { "codes", codes, false },
};
enum { MOST = 33 };

int main(int argc, char **argv)
{
    const int n = argc == 3 ? atoi(argv[2]) : MOST;
    for (size_t i = 0; argc >= 2 && n >= 2 && n <= MOST && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(argv[1], parts[i].name)) continue;
        machine_open(0);
        for (int p = n < MOST ? PRECISION_FP16 : PRECISION_FP32; p <= PRECISION_FP16; p++) {
            machine_set_precision((enum precision)p);
            parts[i].run(n);
            if (!parts[i].of_activations) break;
        }
        printf("%s: done\n", parts[i].name);
        return 0;
    }
    die_user("usage: small_shapes conv | eval | views | norm | rows | codes [N]      (N from 2 to %d)", MOST);
}
