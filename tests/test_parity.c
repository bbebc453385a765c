/* SPDX-License-Identifier: MIT
 *
 * test_parity.c -- a training step and three of them against PyTorch, tensor by tensor.
 *
 * golden/parity_*.txt hold PyTorch's answers in double, reduced per tensor to its norm, two
 * projections on random signs and some entries; golden/make_parity.py made them and says what a
 * line means.  Weights and images come from a formula that the script and this file share, so no
 * weights are stored.
 */
#include "parity.h"

#define RESNET18 .widths = { 4, { 64, 128, 256, 512 } }, .blocks = { 1, { 2 } }, .size = 16, .dim = 256, \
                 .images = 31
#define IMAGENET .widths = { 4, { 64, 128, 256, 512 } }, .stem = STEM_IMAGENET, .size = 224, .dim = 2048, \
                 .imagenet = true, .stop_grad = true
#define RESNET18_224 IMAGENET, .blocks = { 1, { 2 } }, .images = 4
#define RESNET50_224 IMAGENET, .blocks = { 4, { 3, 4, 6, 3 } }, .block = BLOCK_BOTTLENECK, .images = 13
#define THREE .projector = { 8, { "fc d", "bn", "relu", "fc d", "bn", "relu", "fc d", "bn" } }, \
              .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define RELEASED .projector = { 5, { "fc d", "bn", "relu", "fc d frozen-bias", "bn no-affine" } }, \
                 .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } }
#define BIAS .projector = { 5, { "fc d bias", "bn", "relu", "fc d bias", "bn" } }, \
             .predictor = { 4, { "fc d/4 bias", "bn", "relu", "fc d" } }

/* ---- training -------------------------------------------------------------------------------- */

/* What a case leaves on the host. */
struct result { float loss, *z, *p, *grad, *data, *stats; size_t outputs; };

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
        const struct step here = { .tape = &tape, .f = m, .s = s,
                                   .x = images_make(&tape, c->size, c->images), .plan = &plan, .distance = neg_cosine, .own = own, .loss = loss,
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
    free(r->z);
    free(r->p);
    free(r->grad);
    free(r->data);
    free(r->stats);
}

/* ---- comparison ------------------------------------------------------------------------------ */

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
        const double ratio = tensor_ratio(x, &g, c->imagenet ? 16 : 64,
                                          c->imagenet ? TOLERANCE_IMAGENET : TOLERANCE, line + at);
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
