/* SPDX-License-Identifier: MIT
 *
 * parity.h -- what the tests against PyTorch's golden files share: nets, the formula that their
 * weights and images come from, and the comparison.
 *
 * The files hold PyTorch's answers in double, reduced per tensor to its norm, two projections on
 * random signs and some entries; golden/make_parity.py says what a line means.  It has the same
 * formula, so no weights are stored.
 */
#pragma once
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
#include "../experiments/methods/method.h"
#include "../engine/base.h"

enum { BATCH = 8, VIEWS = 2, STEPS = 3, PROJECTIONS = 2 };
static const float LR = 0.002f, MOMENTUM = 0.9f, DECAY = 0.5f;
/* fp32 against double, relative to a tensor's scale.  PyTorch's own fp32 stays below it: the makers
 * of the files see to it. */
static const double TOLERANCE = 1e-4;
static const double UNIT = 1e-7;   /* of the scale: what one count in a golden file is worth */

#define SMALL .widths = { 3, { 32, 64, 128 } }, .blocks = { 1, { 1 } }, .size = 16, .dim = 64, \
              .images = 4
#define PAPER .projector = { 5, { "fc d", "bn", "relu", "fc d", "bn" } }, \
              .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }

struct parity_case {
    const char *file;
    struct int_list widths, blocks;
    int stem, block, size, dim;
    int images;                    /* their seed */
    bool imagenet;
    struct word_list projector, predictor;
    bool stop_grad;
};

/* How far from zero betas are, on either side (make_parity.py): ReLUs' inputs keep off it. */
static float beta_of(const char *name, const struct parity_case *c)
{
    const bool head = *name == 'p';                            /* projector, predictor */
    if (c->imagenet) return head ? 1.5f : 4;
    char last[16];
    snprintf(last, sizeof last, "layer%d", c->widths.n);
    return head || !strncmp(name, last, strlen(last)) ? 0 : 3;
}

static void tensor_fill(float *x, const struct param *p, const struct parity_case *c)
{
    const struct stream s = stream_open(p->name);
    const char *const role = strrchr(p->name, '.');
    float spread = 0.25f;                                      /* of a beta, and of an fc's bias */
    float centre[2] = { 0, 0 };                                /* of even and odd elements */
    if (p->n_dims == 4) {
        spread = (float)sqrt(6.0 / (p->dim[0] * p->dim[1] * p->dim[2]));
    } else if (p->n_dims == 2) {
        spread = (float)sqrt(16.0 / p->dim[1]);
    } else if (!strcmp(role, ".weight")) {                     /* gamma */
        spread = 0.125f;
        centre[0] = 1;
        centre[1] = 1;
    } else if (p->init != INIT_FC) {                           /* beta */
        centre[0] = beta_of(p->name, c);
        centre[1] = -centre[0];
    }
    for (size_t i = 0; i < p->count; i++) x[i] = centre[i % 2] + spread * uniform(s, i);
}

static void weights_fill(struct params *ps, const struct parity_case *c)
{
    for (int i = 0; i < ps->n; i++) {
        const struct param *p = &ps->p[i];
        if (p->statistic) continue;                            /* 0 and 1 already */
        float *const x = host_alloc(p->count, sizeof *x);
        tensor_fill(x, p, c);
        mem_upload(float_at(ps->data, p->offset), x, sizeof *x * p->count);
        free(x);
    }
}

static size_t images_count(int size)
{
    return (size_t)VIEWS * BATCH * (size_t)size * (size_t)size * 3;
}

/* [VIEWS * BATCH, S, S, 3]: four blocks, the same in the views of an image, under noise of each
 * view's own. */
static void images_fill(dev_act *to, int size, int seed)
{
    const size_t n = images_count(size), s = (size_t)size, b = s / 2;
    char image[16], view[16];
    snprintf(image, sizeof image, "image %d", seed);
    snprintf(view, sizeof view, "view %d", seed);
    const struct stream shared = stream_open(image), own = stream_open(view);
    float *const x = host_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        const size_t c = i % 3, column = i / 3 % s, row = i / 3 / s % s;
        const size_t image_of = i % (n / VIEWS) / (3 * s * s);
        const size_t block = (image_of * 2 + row / b) * 2 + column / b;
        x[i] = uniform(shared, block * 3 + c) + 0.5f * uniform(own, i);
    }
    mem_act_upload(to, x, n);
    free(x);
}

static float *download(const dev_float *x, size_t n)
{
    float *const host = host_alloc(n, sizeof *host);
    mem_download(host, x, sizeof *host * n);
    return host;
}

/* ---- comparison --------------------------------------------------------------------------- */

/* One line of a golden file. */
struct golden { char kind[8], name[48]; size_t count; double scale; };

/* Our own values of a line, and how many they are; 0 if there is no such tensor. */
typedef const float *values_fn(void *of, const struct golden *g, size_t *count);
struct comparison {
    const char *file;
    size_t entries;                /* of a tensor in the file, at most */
    double tolerance;
    values_fn *find;
    void *of;
};

static double projection(const float *x, size_t n, const char *name, int which)
{
    char stream[64];
    double sum = 0;
    snprintf(stream, sizeof stream, "%s/sign%d", name, which);
    const struct stream s = stream_open(stream);
    for (size_t i = 0; i < n; i++) sum += uniform(s, i) < 0 ? -x[i] : x[i];
    return sum;
}

static double norm(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* |ours - theirs| over what is allowed, for the next number of the line; NaN counts as infinite. */
static double ratio_next(double ours, const struct golden *g, double tolerance, char **at)
{
    char *end;
    const double theirs = (double)strtol(*at, &end, 10) * UNIT * g->scale;
    assert_ptr_not_equal(end, *at);
    *at = end;
    const double ratio = fabs(ours - theirs) / (tolerance * g->scale);
    return isnan(ratio) ? INFINITY : ratio;
}

/* The worst of a line's numbers. */
static double tensor_ratio(const float *x, const struct golden *g, const struct comparison *c,
                           char *numbers)
{
    const size_t entries = g->count < c->entries ? g->count : c->entries;
    const size_t stride = g->count / entries;
    double worst = ratio_next(norm(x, g->count), g, c->tolerance, &numbers);
    for (int j = 0; j < PROJECTIONS; j++) {
        const double ours = projection(x, g->count, g->name, j);
        worst = fmax(worst, ratio_next(ours, g, c->tolerance, &numbers));
    }
    for (size_t k = 0; k < entries; k++)
        worst = fmax(worst, ratio_next(x[k * stride + k % stride], g, c->tolerance, &numbers));
    assert_string_equal(numbers, "\n");
    return worst;
}

/* Every line of the file against our tensors. */
static void compare(const struct comparison *c)
{
    char path[1024], line[2048], worst_name[64] = "";
    double worst = 0;
    snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, c->file);
    FILE *const f = fopen(path, "r");
    if (!f) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#') continue;
        struct golden g;
        int at;
        size_t count = 0;
        const int read =
            sscanf(line, "%7s %47s %zu %lf%n", g.kind, g.name, &g.count, &g.scale, &at);
        assert_int_equal(read, 4);
        const float *const x = c->find(c->of, &g, &count);
        if (count != g.count)
            fail_msg("%s %s: %zu elements, golden %zu", g.kind, g.name, count, g.count);
        const double ratio = tensor_ratio(x, &g, c, line + at);
        if (ratio > worst) {
            worst = ratio;
            snprintf(worst_name, sizeof worst_name, "%s %s", g.kind, g.name);
        }
        if (ratio > 1) print_message("%s %s: %g of the tolerance\n", g.kind, g.name, ratio);
    }
    assert_int_equal(fclose(f), 0);
    print_message("%s: worst %.3f of the tolerance (%s)\n", c->file, worst, worst_name);
    assert_true(worst <= 1);
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(0);
    return 0;
}
