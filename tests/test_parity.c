/* SPDX-License-Identifier: MIT
 *
 * test_parity.c -- a training step of SimSiam and three of them against PyTorch, tensor by tensor.
 *
 * golden/parity_*.txt hold PyTorch's answers; golden/make_parity.py made them.
 */
#include "parity.h"

#include "../engine/optim.h"

/* Of ImageNet's nets, where of millions of inputs of ReLUs and max-pools some lie within rounding
 * of zero or of each other, and their gradients go another way in another arithmetic. */
static const double TOLERANCE_IMAGENET = 1e-3;

#define RESNET18 .widths = { 4, { 64, 128, 256, 512 } }, .blocks = { 1, { 2 } }, .size = 16, \
                 .dim = 256, .images = 31
#define IMAGENET .widths = { 4, { 64, 128, 256, 512 } }, .stem = STEM_IMAGENET, .size = 224, \
                 .dim = 2048, .imagenet = true, .stop_grad = true
#define RESNET18_224 IMAGENET, .blocks = { 1, { 2 } }, .images = 4
#define RESNET50_224 IMAGENET, .blocks = { 4, { 3, 4, 6, 3 } }, .block = BLOCK_BOTTLENECK, \
                     .images = 13
#define THREE .projector = { 8, { "fc d", "bn", "relu", "fc d", "bn", "relu", "fc d", "bn" } }, \
              .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define RELEASED .projector = { 5, { "fc d", "bn", "relu", "fc d frozen-bias", "bn no-affine" } }, \
                 .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define BIAS .projector = { 5, { "fc d bias", "bn", "relu", "fc d bias", "bn" } }, \
             .predictor = { 4, { "fc d/4 bias", "bn", "relu", "fc d" } }

/* What a case leaves on the host, and how many lines of the file were about it. */
struct result {
    const struct params *ps;
    float loss, *z, *p, *grad, *data, *stats;
    size_t outputs;                /* numbers of z, and of p */
    int gradients_seen, tensors_seen, outputs_seen;
};

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

static struct var views_make(struct tape *t, const struct parity_case *c)
{
    const struct var x = var_room(t, VIEWS * BATCH, c->size, c->size, 3);
    images_fill(x.data, c->size, c->images);
    return x;
}

static struct result train(struct model *m, const struct settings *s, const struct parity_case *c)
{
    const struct method *const method = methods[s->method].method;
    const struct view_plan plan = model_views(s);
    void *const own = method->open(m, s);
    static struct tape tape;                                   /* large; zeroed is ready */
    struct params *const ps = &m->params;
    struct result r = { .ps = ps };
    const struct optim sgd = { OPTIMIZER_SGD, MOMENTUM, DECAY };
    dev_float *const lr = mem_alloc(sizeof LR), *const loss = mem_alloc(sizeof(float));
    mem_upload(lr, &LR, sizeof LR);
    for (int step = 0; step < STEPS; step++) {
        tape_reset(&tape);
        mem_zero(loss, sizeof(float));
        mem_zero(ps->grad, sizeof(float) * ps->count);
        const struct step here = { .tape = &tape, .f = m, .x = views_make(&tape, c), .s = s,
                                   .plan = &plan, .distance = neg_cosine, .own = own, .loss = loss,
                                   .step = step, .steps = STEPS };
        const struct var z = method->loss(&here);
        if (step == 0) {
            mem_download(&r.loss, loss, sizeof(float));
            r.z = download_views(z);
            r.p = download_predictions(&tape, m, z);
            r.outputs = (size_t)z.n * (size_t)z.c;
        }
        tape_backward(&tape);
        if (step == 0) r.grad = download(ps->grad, ps->count);
        for (int g = 0; g < GROUPS; g++) optim_step(ps, g, lr, &sgd);
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
    free(r->z);
    free(r->p);
    free(r->grad);
    free(r->data);
    free(r->stats);
}

/* Of a line whose kind is `out`. */
static const float *output_find(struct result *r, const char *name, size_t *count)
{
    const bool is_loss = !strcmp(name, "loss");
    r->outputs_seen++;
    *count = is_loss ? 1 : r->outputs;
    return is_loss ? &r->loss : !strcmp(name, "z") ? r->z : !strcmp(name, "p") ? r->p : NULL;
}

static const float *values_find(void *of, const struct golden *g, size_t *count)
{
    struct result *const r = of;
    if (!strcmp(g->kind, "out")) return output_find(r, g->name, count);
    const bool gradient = !strcmp(g->kind, "grad");
    for (int i = 0; i < r->ps->n; i++) {
        const struct param *p = &r->ps->p[i];
        if (strcmp(p->name, g->name)) continue;
        *(gradient ? &r->gradients_seen : &r->tensors_seen) += 1;
        *count = p->count;
        return (gradient ? r->grad : p->statistic ? r->stats : r->data) + p->offset;
    }
    return NULL;
}

static void parity(void **state)
{
    const struct parity_case *c = *state;
    const struct settings s = {
        .stem = c->stem, .block = c->block, .widths = c->widths, .blocks = c->blocks, .dim = c->dim,
        .projector = c->projector, .predictor = c->predictor,
        .shards = 1, .stop_grad = c->stop_grad, .pairs = { 2, { { 0, 1 }, { 1, 0 } } },
    };
    static struct model m;
    model_build(&m, &s, 1);
    weights_fill(&m.params, c);
    struct result r = train(&m, &s, c);
    compare(&(struct comparison){
        .file = c->file, .entries = c->imagenet ? 16 : 64,
        .tolerance = c->imagenet ? TOLERANCE_IMAGENET : TOLERANCE, .find = values_find, .of = &r,
    });
    /* Nothing of ours may have gone unlooked at. */
    int trained = 0;
    for (int i = 0; i < m.params.n; i++)
        trained += params_weight(&m.params, i).grad && !m.params.p[i].statistic;
    assert_int_equal(r.gradients_seen, trained);
    assert_int_equal(r.tensors_seen, m.params.n);
    assert_int_equal(r.outputs_seen, 3);
    result_free(&r);
    model_free(&m);
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
    if (argc > 1 && !strcmp(argv[1], "224"))
        return cmocka_run_group_tests(large, machine_start, NULL);
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
