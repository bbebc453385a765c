/* SPDX-License-Identifier: MIT
 *
 * test_features.c -- ResNet-18 and ResNet-50 with weights that came in by torchvision's names make the
 * features that torchvision's own nets make.
 *
 * golden/features_*.txt hold those, in double; golden/make_features.py made them.  It has the same formula,
 * so no weights are stored.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formula.h"
#include "../experiments/methods/torch_names.h"
#include "../engine/base.h"

/* fp32 against double, of the largest feature. */
static const double FEATURES = 1e-5;
enum { SIDE = 224, PIXELS = SIDE * SIDE };

struct net {
    const char *file;
    struct settings s;
};

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

/* In torchvision's layout: a convolution is [K, C, R, S]. */
static void formula(const struct weight_tensor *t)
{
    size_t count = 1;
    float centre = 0, spread = 0.25f;                          /* beta, running_mean */
    for (int i = 0; i < t->n_dims; i++) count *= (size_t)t->dim[i];
    if (t->n_dims == 4) {
        spread = (float)sqrt(6.0 / (double)(t->dim[1] * t->dim[2] * t->dim[3]));
    } else if (ends_in(t->name, "running_var")) {
        centre = 1;
        spread = 0.5f;
    } else if (ends_in(t->name, ".weight")) {                  /* gamma */
        centre = 0.75f;
    }
    const struct stream s = stream_open(t->name);
    for (size_t i = 0; i < count; i++) t->x[i] = centre + spread * uniform(s, i);
}

/* As a file of torchvision's net would bring them: through the names alone. */
static void weights_bring(struct model *m)
{
    float *const data = host_alloc(m->params.count, sizeof *data), *const stats =
        host_alloc(m->params.n_stats, sizeof *stats);
    struct weights w = { .t = NULL };
    struct torch_found found;
    torch_tensors_add(&w, &m->params, data, stats, 0);
    for (size_t i = 0; i < w.n; i++)
        if (w.t[i].x) formula(&w.t[i]);
    assert_true(torch_tensors_take(&found, &w, "formula", &m->params, m->backbone.features));
    weights_free(&w);
    free(data);
    free(stats);
}

/* [1, 224, 224, 3] of the formula's [3, 224, 224]. */
static struct var image_make(struct tape *t)
{
    const struct var x = var_room(t, 1, SIDE, SIDE, 3);
    const struct stream s = stream_open("image");
    float *const host = host_alloc(3 * PIXELS, sizeof *host);
    for (size_t i = 0; i < 3 * PIXELS; i++) host[i % PIXELS * 3 + i / PIXELS] = uniform(s, i);
    mem_act_upload(x.data, host, 3 * PIXELS);
    free(host);
    return x;
}

/* The file's numbers in fresh memory, n of them. */
static double *golden_read(const char *name, int n)
{
    char path[1024], line[256];
    double *const x = host_alloc((size_t)n, sizeof *x);
    int read = 0;
    snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, name);
    FILE *const f = fopen(path, "r");
    if (!f) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#') continue;
        for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
            assert_true(read < n);
            x[read++] = strtod(word, NULL);
        }
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(read, n);
    return x;
}

static void features_are_torchvisions(void **state)
{
    const struct net *const net = *state;
    static struct model m;
    static struct tape tape;
    model_build(&m, &net->s, 1);
    weights_bring(&m);
    struct model *const frozen = model_frozen(&m);
    const int n = m.backbone.features;
    const struct var f = model_features(&tape, frozen, image_make(&tape), 0, false);
    assert_int_equal(f.n * f.c, n);
    float *const ours = host_alloc((size_t)n, sizeof *ours);
    mem_act_download(ours, f.data, (size_t)n);
    double *const theirs = golden_read(net->file, n);
    double off = 0, largest = 0;
    for (int i = 0; i < n; i++) {
        const double apart = fabs(ours[i] - theirs[i]);
        if (!(apart <= off)) off = apart;                      /* a NaN stays */
        largest = fmax(largest, fabs(theirs[i]));
    }
    print_message("%s: off by %.2e of the largest feature\n", net->file, off / largest);
    assert_true(off <= FEATURES * largest);
    tape_reset(&tape);
    free(frozen);
    free(ours);
    free(theirs);
    model_free(&m);
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(0);
    return 0;
}

int main(void)
{
#define HEADS .stem = STEM_IMAGENET, .widths = { 4, { 64, 128, 256, 512 } }, .dim = 64, \
              .projector = { 2, { "fc d", "bn" } }, .predictor = { 1, { "fc d" } }
    static struct net nets[] = {
        { "features_resnet18", { HEADS, .blocks = { 1, { 2 } } } },
        { "features_resnet50", { HEADS, .blocks = { 4, { 3, 4, 6, 3 } }, .block = BLOCK_BOTTLENECK } },
    };
    const struct CMUnitTest tests[] = {
        { "features_of_resnet18_are_torchvisions", features_are_torchvisions, NULL, NULL, &nets[0] },
        { "features_of_resnet50_are_torchvisions", features_are_torchvisions, NULL, NULL, &nets[1] },
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
