/* SPDX-License-Identifier: MIT
 *
 * test_parity.c -- a training step and three of them against PyTorch, tensor by tensor.
 *
 * golden/parity_*.txt hold PyTorch's answers in double, reduced per tensor to its norm, two projections on random
 * signs and some entries; golden/make_parity.py made them and says what a line means.  Weights and images come
 * from a formula that the script and this file share, so no weights are stored.
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

#include "../engine/base.h"
#include "../engine/optim.h"
#include "../experiments/methods/method.h"

enum { BATCH = 8, VIEWS = 2, STEPS = 3, PROJECTIONS = 2 };
static const float LR = 0.002f, MOMENTUM = 0.9f, DECAY = 0.5f;
/* fp32 against double, relative to a tensor's norm.  PyTorch's own fp32 stays below it (make_parity.py). */
static const double TOLERANCE = 1e-4;
/* Of ImageNet's nets, where of millions of inputs of ReLUs and max-pools some lie within rounding of zero or of
 * each other, and their gradients go another way in another arithmetic. */
static const double TOLERANCE_IMAGENET = 1e-3;
static const double UNIT = 1e-7;   /* of the scale: what one count in a golden file is worth */

#define SMALL .widths = { 3, { 32, 64, 128 } }, .blocks = { 1, { 1 } }, .size = 16, .dim = 64, .images = 4
#define RESNET18 .widths = { 4, { 64, 128, 256, 512 } }, .blocks = { 1, { 2 } }, .size = 16, .dim = 256, \
                 .images = 31
#define IMAGENET .widths = { 4, { 64, 128, 256, 512 } }, .stem = STEM_IMAGENET, .size = 224, .dim = 2048, \
                 .imagenet = true, .stop_grad = true
#define RESNET18_224 IMAGENET, .blocks = { 1, { 2 } }, .images = 4
#define RESNET50_224 IMAGENET, .blocks = { 4, { 3, 4, 6, 3 } }, .block = BLOCK_BOTTLENECK, .images = 13
#define THREE .projector = { 8, { "fc d", "bn", "relu", "fc d", "bn", "relu", "fc d", "bn" } }, \
              .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define PAPER .projector = { 5, { "fc d", "bn", "relu", "fc d", "bn" } }, \
              .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define RELEASED .projector = { 5, { "fc d", "bn", "relu", "fc d frozen-bias", "bn no-affine" } }, \
                 .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define BIAS .projector = { 5, { "fc d bias", "bn", "relu", "fc d bias", "bn" } }, \
             .predictor = { 4, { "fc d/4 bias", "bn", "relu", "fc d" } }

struct parity_case {
    const char *file;
    struct int_list widths, blocks;
    int stem, block, size, dim;
    int images;                    /* their seed */
    bool imagenet;
    struct word_list projector, predictor;
    bool stop_grad;
};

/* ---- the formula that both languages share ------------------------------------------------------------- */

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

/* How far from zero betas are, on one side and the other (make_parity.py): ReLUs' inputs keep off it. */
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

/* ---- training ------------------------------------------------------------------------------------------ */

/* What a case leaves on the host. */
struct result { float loss, *z, *p, *grad, *data, *stats; size_t outputs; };

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

static struct result train(struct model *m, const struct settings *s, const struct parity_case *c)
{
    const struct method *const method = methods[s->method].method;
    const struct view_plan plan = model_views(s);
    void *const own = method->open(m, s);
    static struct tape tape;                                   /* large; zeroed is ready */
    struct result r = { 0 };
    struct params *const ps = &m->params;
    dev_float *const lr = mem_alloc(4), *const loss = mem_alloc(4);
    mem_upload(lr, &LR, 4);
    for (int step = 0; step < STEPS; step++) {
        tape_reset(&tape);
        mem_zero(loss, 4);
        mem_zero(ps->grad, 4 * ps->count);
        const struct step here = { .tape = &tape, .f = m, .x = images_make(&tape, c->size, c->images), .s = s,
                                   .plan = &plan, .distance = neg_cosine, .own = own, .loss = loss,
                                   .step = step, .steps = STEPS };
        const struct var z = method->loss(&here);
        if (step == 0) {
            mem_download(&r.loss, loss, 4);
            r.z = download_views(z);
            r.p = download_predictions(&tape, m, z);
            r.outputs = (size_t)z.n * (size_t)z.c;
        }
        tape_backward(&tape);
        if (step == 0) r.grad = download(ps->grad, ps->count);
        for (int g = 0; g < GROUPS; g++) optim_sgd(ps, (enum param_group)g, lr, MOMENTUM, DECAY);
    }
    r.data = download(ps->data, ps->count);
    r.stats = download(ps->stats, ps->n_stats);
    mem_free(lr);
    mem_free(loss);
    method->close(own);
    tape_free(&tape);
    return r;
}

static void result_free(struct result *r)
{
    free(r->z), free(r->p), free(r->grad), free(r->data), free(r->stats);
}

/* ---- comparison ---------------------------------------------------------------------------------------- */

/* One line of a golden file. */
struct golden { char kind[8], name[48]; size_t count; double scale; const char *numbers; };

/* Where our own values of it lie; count is set to 0 if there is no such tensor. */
static const float *values_find(const struct result *r, const struct params *ps, const struct golden *g,
                                size_t *count)
{
    *count = 1;
    if (!strcmp(g->kind, "out") && !strcmp(g->name, "loss")) return &r->loss;
    *count = r->outputs;
    if (!strcmp(g->kind, "out") && !strcmp(g->name, "z")) return r->z;
    if (!strcmp(g->kind, "out") && !strcmp(g->name, "p")) return r->p;
    for (int i = 0; i < ps->n; i++) {
        const struct param *p = &ps->p[i];
        if (strcmp(p->name, g->name)) continue;
        *count = p->count;
        return (!strcmp(g->kind, "grad") ? r->grad : p->statistic ? r->stats : r->data) + p->offset;
    }
    *count = 0;
    return NULL;
}

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
static double tensor_ratio(const float *x, const struct golden *g, const struct parity_case *c, char *numbers)
{
    const size_t most = c->imagenet ? 16 : 64, entries = g->count < most ? g->count : most;
    const size_t stride = g->count / entries;
    const double tolerance = c->imagenet ? TOLERANCE_IMAGENET : TOLERANCE;
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

/* Every line of the file against our tensors; counts them in seen[grad, after, out]. */
static void compare(const struct parity_case *c, const struct result *r, const struct params *ps, int seen[3])
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
        size_t count;
        assert_int_equal(sscanf(line, "%7s %47s %zu %lf%n", g.kind, g.name, &g.count, &g.scale, &at), 4);
        const float *const x = values_find(r, ps, &g, &count);
        if (count != g.count) fail_msg("%s %s: %zu elements, golden %zu", g.kind, g.name, count, g.count);
        const double ratio = tensor_ratio(x, &g, c, line + at);
        if (ratio > worst) {
            worst = ratio;
            snprintf(worst_name, sizeof worst_name, "%s %s", g.kind, g.name);
        }
        if (!(ratio <= 1)) print_message("%s %s: %g of the tolerance\n", g.kind, g.name, ratio);
        seen[*g.kind == 'g' ? 0 : *g.kind == 'a' ? 1 : 2]++;
    }
    assert_int_equal(fclose(f), 0);
    print_message("%s: worst %.3f of the tolerance (%s)\n", c->file, worst, worst_name);
    assert_true(worst <= 1);
}

static void parity(void **state)
{
    const struct parity_case *c = *state;
    const struct settings s = { .stem = c->stem, .block = c->block, .widths = c->widths, .blocks = c->blocks,
                                .dim = c->dim, .projector = c->projector, .predictor = c->predictor,
                                .stop_grad = c->stop_grad, .pairs = { 2, { { 0, 1 }, { 1, 0 } } } };
    static struct model m;
    model_build(&m, &s, 1);
    weights_fill(&m.params, c);
    struct result r = train(&m, &s, c);
    int seen[3] = { 0 }, trained = 0;
    compare(c, &r, &m.params, seen);
    /* Nothing of ours may have gone unlooked at. */
    for (int i = 0; i < m.params.n; i++) trained += params_weight(&m.params, i).grad && !m.params.p[i].statistic;
    assert_int_equal(seen[0], trained);
    assert_int_equal(seen[1], m.params.n);
    assert_int_equal(seen[2], 3);
    result_free(&r);
    model_free(&m);
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(0);
    return 0;
}

/* `test_parity 224`: ImageNet's nets, which take many times as long as all others. */
int main(int argc, char **argv)
{
    static struct parity_case cases[] = {
        { "parity_small_paper_stop", SMALL, PAPER, .stop_grad = true },
        { "parity_small_paper_flow", SMALL, PAPER, .stop_grad = false },
        { "parity_small_released_stop", SMALL, RELEASED, .stop_grad = true },
        { "parity_small_released_flow", SMALL, RELEASED, .stop_grad = false },
        { "parity_small_bias_stop", SMALL, BIAS, .stop_grad = true },
        { "parity_small_bias_flow", SMALL, BIAS, .stop_grad = false },
        { "parity_resnet18_paper_stop", RESNET18, PAPER, .stop_grad = true },
        { "parity_resnet18_paper_flow", RESNET18, PAPER, .stop_grad = false },
        { "parity_resnet18_released_stop", RESNET18, RELEASED, .stop_grad = true },
        { "parity_resnet18_released_flow", RESNET18, RELEASED, .stop_grad = false },
        { "parity_resnet18_224_three_stop", RESNET18_224, THREE },
        { "parity_resnet50_224_three_stop", RESNET50_224, THREE },
    };
#define PARITY(sentence, i) { sentence, parity, NULL, NULL, &cases[i] }
    const struct CMUnitTest tests[] = {
        PARITY("small_net_with_the_papers_head_and_stop_gradient", 0),
        PARITY("small_net_with_the_papers_head_without_stop_gradient", 1),
        PARITY("small_net_with_the_released_head_and_stop_gradient", 2),
        PARITY("small_net_with_the_released_head_without_stop_gradient", 3),
        PARITY("small_net_with_useless_biases_and_stop_gradient", 4),
        PARITY("small_net_with_useless_biases_without_stop_gradient", 5),
        PARITY("resnet18_with_the_papers_head_and_stop_gradient", 6),
        PARITY("resnet18_with_the_papers_head_without_stop_gradient", 7),
        PARITY("resnet18_with_the_released_head_and_stop_gradient", 8),
        PARITY("resnet18_with_the_released_head_without_stop_gradient", 9),
    };
    const struct CMUnitTest large[] = {
        PARITY("resnet18_at_224_with_the_papers_head", 10),
        PARITY("resnet50_at_224_with_the_papers_head", 11),
    };
    if (argc > 1 && !strcmp(argv[1], "224")) return cmocka_run_group_tests(large, machine_start, NULL);
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
