/* SPDX-License-Identifier: MIT
 *
 * small_shapes.c -- convolutions, evaluation and views once each, at shapes small and odd: for
 * compute-sanitizer, which makes a kernel ten to fifty times as slow.  What they compute is tested
 * elsewhere; here it must be finite.
 *
 * usage: small_shapes conv | eval | views
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "../../engine/augment.h"
#include "../../engine/base.h"
#include "../../engine/ops.h"

static dev_float *floats(size_t n)
{
    float *const x = numbers(n);
    dev_float *const to = mem_alloc(n * sizeof *x);
    mem_upload(to, x, n * sizeof *x);
    free(x);
    return to;
}

static dev_act *acts(size_t n)
{
    float *const x = numbers(n);
    dev_act *const to = mem_alloc(n * mem_act_bytes());
    mem_act_upload(to, x, n);
    free(x);
    return to;
}

/* 0, 1, ..., n - 1, modulo m. */
static dev_int *turns(int n, int m)
{
    int32_t *const x = host_alloc((size_t)n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = i % m;
    dev_int *const to = mem_alloc((size_t)n * sizeof *x);
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
    mem_free(x);
    mem_free(y);
    mem_free(dx);
    mem_free(w);
    mem_free(dw);
}

/* Channels that are padded, and such that are not. */
static void convs(void)
{
    for (int p = PRECISION_FP32; p <= PRECISION_FP16; p++) {
        machine_set_precision((enum precision)p);
        conv((struct conv_shape){ 3, 7, 5, 3, 33, 3, 1, 1 });
        conv((struct conv_shape){ 3, 7, 5, 16, 8, 3, 2, 1 });
        conv((struct conv_shape){ 1, 1, 7, 8, 16, 1, 2, 0 });
    }
    machine_set_precision(PRECISION_FP32);
}

static void eval(void)
{
    enum { N = 33, M = 1100, D = 17, CLASSES = 7 };
    dev_float *const query = floats(N * D), *const bank = floats(M * D),
                     *const w = floats(CLASSES * D);
    dev_float *const dw = floats(CLASSES * D), *const b = floats(CLASSES),
                     *const db = floats(CLASSES);
    dev_float *const loss = floats(1);
    dev_int *const label = turns(M, CLASSES), *const index = turns(N, N), *const pred = turns(N, N);
    op_normalize_rows(query, N, D);
    op_normalize_rows(bank, M, D);
    static const int ks[] = { 1, 33, 2 * M };
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        op_knn(pred, query, N, bank, label, M, D, CLASSES, ks[i], 0.1f);
    op_classifier_grad(loss, dw, db, bank, label, index, N, D, CLASSES, w, b);
    op_classify(pred, query, N, D, CLASSES, w, b);
    check_floats("loss", loss, 1), check_floats("dw", dw, CLASSES * D),
        check_floats("db", db, CLASSES);
    mem_free(query), mem_free(bank), mem_free(w), mem_free(dw), mem_free(b), mem_free(db),
        mem_free(loss);
    mem_free(label);
    mem_free(index);
    mem_free(pred);
}

static const struct augment recipe = {
    .crop = true, .crop_scale = { 0.2f, 1 }, .crop_ratio = { 0.75f, 4.0f / 3 },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2 }, .blur_p = { 0.5f, 0.5f }, .solarize_p = { 0.1f, 0.3f },
    .flip_p = 0.5f, .std = { 1, 1, 1 }
};

/* Views of stored images, and of images of their own sizes. */
static void views(void)
{
    enum { N = 33, H = 32, W = 29, SIZE = 16, PIXELS = 3 * SIZE * SIZE };
    static uint8_t image[N * 3 * H * W];
    static const struct { int h, w, shrink; } own[] = { { 1, 1, 1 }, { 7, 33, 1 }, { 65, 61, 2 } };
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 7 % 251);
    dev_byte *const images = mem_alloc(sizeof image);
    mem_upload(images, image, sizeof image);
    dev_int *const index = turns(N, N), *const epoch = mem_alloc(sizeof(int32_t));
    mem_upload(epoch, &(int32_t){ 2 }, sizeof(int32_t));
    for (int p = PRECISION_FP32; p <= PRECISION_FP16; p++) {
        machine_set_precision((enum precision)p);
        dev_act *const y = acts(N * PIXELS);
        op_augment(y, images, index, N, H, W, SIZE, &recipe, 1, epoch, 3);
        check_acts("a view", y, N * PIXELS);
        for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
            const int h = own[i].h, w = own[i].w;
            const struct view_params v = augment_draw(&recipe, 1, 2, (uint32_t)i, 3, h, w);
            void *const room = mem_alloc(op_view_room(SIZE, h > w ? h : w));
            op_view(y, room, image, h, w, own[i].shrink, SIZE, &recipe, &v);
            check_acts("a view of its own", y, PIXELS);
            mem_free(room);
        }
        mem_free(y);
    }
    mem_free(images);
    mem_free(index);
    mem_free(epoch);
}

static const struct { const char *name; void (*run)(void); } parts[] = {
    { "conv", convs }, { "eval", eval }, { "views", views }
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(argv[1], parts[i].name)) continue;
        machine_open(0);
        parts[i].run();
        printf("%s: done\n", parts[i].name);
        return 0;
    }
    die_user("usage: small_shapes conv | eval | views");
}
