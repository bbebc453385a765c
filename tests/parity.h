/* SPDX-License-Identifier: MIT
 *
 * parity.h -- what the tests against PyTorch share: the formula of weights and images
 * (golden/make_parity.py has it too), and how a line of a golden file is held against a tensor.
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

#include "../experiments/methods/method.h"
#include "../engine/base.h"
#include "../engine/optim.h"

enum { BATCH = 8, VIEWS = 2, STEPS = 3, PROJECTIONS = 2 };
static const float LR = 0.002f, MOMENTUM = 0.9f, DECAY = 0.5f;
/* fp32 against double, relative to a tensor's norm.  PyTorch's own fp32 stays below it
 * (make_parity.py). */
static const double TOLERANCE = 1e-4;
/* Of ImageNet's nets, where of millions of inputs of ReLUs and max-pools some lie within
 * rounding of zero or of each other, and their gradients go another way in another arithmetic. */
static const double TOLERANCE_IMAGENET = 1e-3;
static const double UNIT = 1e-7;   /* of the scale: what one count in a golden file is worth */

#define SMALL .widths = { 3, { 32, 64, 128 } }, .blocks = { 1, { 1 } }, .size = 16, .dim = 64, .images = 4
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

/* ---- the formula that both languages share --------------------------------------------------- */

struct stream { uint32_t base; };

/* FNV-1a of the name. */
static struct stream stream_open(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return (struct stream){ h };
}

/* Element i of a stream, in [-1, 1): 24 bits of a 32-bit finaliser, exact in fp32. */
static float uniform(struct stream s, size_t i)
{
    uint32_t x = s.base + (uint32_t)(i + 1) * 0x9e3779b9u;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    x ^= x >> 16;
    return (float)(x >> 8) / 8388608.0f - 1.0f;
}

/* How far from zero betas are, on one side and the other (make_parity.py): ReLUs' inputs keep
 * off it. */
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
    float spread = 0.25f, centre[2] = { 0, 0 };                /* of even and odd elements; bias of an fc */
    if (p->n_dims == 4) {
        spread = (float)sqrt(6.0 / (p->dim[0] * p->dim[1] * p->dim[2]));
    } else if (p->n_dims == 2) {
        spread = (float)sqrt(16.0 / p->dim[1]);
    } else if (!strcmp(role, ".weight")) {                     /* gamma */
        spread = 0.125f, centre[0] = centre[1] = 1;
    } else if (p->init != INIT_FC) {                           /* beta */
        centre[0] = beta_of(p->name, c), centre[1] = -centre[0];
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
        mem_upload(float_at(ps->data, p->offset), x, 4 * p->count);
        free(x);
    }
}

/* Four blocks, the same in the views of an image, under noise of each view's own. */
static struct var images_make(struct tape *t, int size, int seed)
{
    const size_t n = (size_t)BATCH * size * size * 3;
    char image[16], view[16];
    snprintf(image, sizeof image, "image %d", seed);
    snprintf(view, sizeof view, "view %d", seed);
    const struct stream shared = stream_open(image), own = stream_open(view);
    float *const x = host_alloc(VIEWS * n, sizeof *x);
    for (size_t i = 0; i < VIEWS * n; i++) {
        const size_t s = (size_t)size, b = s / 2, c = i % 3, column = i / 3 % s, row = i / 3 / s % s;
        const size_t image_of = i % n / (3 * s * s);
        x[i] = uniform(shared, ((image_of * 2 + row / b) * 2 + column / b) * 3 + c) + 0.5f * uniform(own, i);
    }
    const struct var v = var_room(t, VIEWS * BATCH, size, size, 3);
    mem_act_upload(v.data, x, VIEWS * n);
    free(x);
    return v;
}

/* ---- comparison ------------------------------------------------------------------------------ */

/* One line of a golden file. */
struct golden { char kind[8], name[48]; size_t count; double scale; const char *numbers; };

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

/* |ours - theirs| over what is allowed, for the next number of the line. */
static double ratio_next(double ours, const struct golden *g, double tolerance, char **at)
{
    char *end;
    const double theirs = (double)strtol(*at, &end, 10) * UNIT * g->scale;
    assert_ptr_not_equal(end, *at);
    *at = end;
    return fabs(ours - theirs) / (tolerance * g->scale);
}

/* The worst of a line's numbers; NaN counts as infinite. */
static double tensor_ratio(const float *x, const struct golden *g, size_t most, double tolerance,
                           char *numbers)
{
    const size_t entries = g->count < most ? g->count : most;
    const size_t stride = g->count / entries;
    double worst = ratio_next(norm(x, g->count), g, tolerance, &numbers);
    for (int j = 0; j < PROJECTIONS; j++)
        worst = fmax(worst, ratio_next(projection(x, g->count, g->name, j), g, tolerance, &numbers));
    for (size_t k = 0; k < entries; k++) {
        const double ratio = ratio_next(x[k * stride + k % stride], g, tolerance, &numbers);
        worst = ratio <= worst ? worst : isnan(ratio) ? INFINITY : ratio;
    }
    assert_string_equal(numbers, "\n");
    return worst;
}

static float *download(const dev_float *x, size_t n)
{
    float *const host = host_alloc(n, sizeof *host);
    mem_download(host, x, 4 * n);
    return host;
}

/* Of both views, one after the other. */
static float *download_views(struct var x)
{
    const size_t n = (size_t)x.n * (size_t)x.c;
    float *const host = host_alloc(n, sizeof *host);
    mem_act_download(host, x.data, n);
    return host;
}

/* h(z) of both views by the statistics of each, which do not move. */
static float *download_predictions(struct tape *t, const struct model *m, struct var z)
{
    struct model *const frozen = model_frozen(m);
    float *const p = download_views(model_predict(t, frozen, z, VIEWS, false));
    free(frozen);
    return p;
}
