/* SPDX-License-Identifier: MIT
 *
 * test_parity_byol.c -- a training step of BYOL and three of them against PyTorch, tensor by
 * tensor, by the trainer that makes all runs.
 *
 * golden/byol_*.txt hold PyTorch's answers; golden/make_byol.py made them and says what a line
 * means.
 */
#include "parity.h"

#include "../experiments/methods/byol.h"
#include "../experiments/run/train.h"

/* As in make_byol.py.  Three steps in epochs of two: the cosine of tau goes on over their end. */
enum { ENTRIES = 8, EPOCHS = 2, EPOCH_STEPS = 2 };
static const double TAU = 0.6;

#define WIDE { 4, { "fc 128 bias", "bn", "relu", "fc d no-bias" } }
#define BYOLS .projector = WIDE, .predictor = WIDE

struct byol_case { struct parity_case net; enum loss_scale scale; };

/* A net after a step: weights less those of the start, and running statistics. */
struct net { float *moved, *stats; };
/* What a case leaves on the host, of the first step [0] and of the last [1]; and how many lines of
 * the file were about each. */
struct result {
    const struct params *ps;
    float loss[STEPS], *grad[2];
    struct net online[2], target[2];
    int losses_seen, gradients_seen, online_seen, target_seen;
};

static struct settings settings_of(const struct byol_case *c)
{
    int method = 0, dataset = 0;
    while (strcmp(methods[method].name, "byol")) method++;
    while (strcmp(data_sources[dataset].name, "synthetic")) dataset++;
    struct settings s = settings_default(method);
    s.dataset = dataset;
    s.train_count = EPOCH_STEPS * BATCH;
    s.monitor_count = BATCH;
    s.image_size = c->net.size;
    s.widths = c->net.widths;
    s.blocks = c->net.blocks;
    s.dim = c->net.dim;
    s.projector = c->net.projector;
    s.predictor = c->net.predictor;
    s.zero_init_residual = false;
    s.precision = PRECISION_FP32;
    s.epochs = EPOCHS;
    s.batch = BATCH;
    s.base_lr = (double)LR * 256 / BATCH;
    s.momentum = (double)MOMENTUM;
    s.weight_decay = (double)DECAY;
    *byol_own(&s) = (struct byol_settings){
        .momentum = TAU, .schedule = TARGET_COSINE, .scale = c->scale,
    };
    return s;
}

/* A trainer at the start, its net of the formula's weights and the target a copy of it. */
static void trainer_start(struct trainer *t, const struct settings *s, const struct byol_case *c)
{
    trainer_open(t, s, 1);
    weights_fill(&t->model.params, &c->net);
    t->method->close(t->own);
    t->own = t->method->open(&t->model, s);
    for (int g = 0; g < GROUPS; g++) t->schedule[g].constant = true;
}

static struct net net_download(const struct params *ps, const float *start)
{
    struct net n = { download(ps->data, ps->count), download(ps->stats, ps->n_stats) };
    for (size_t i = 0; i < ps->count; i++) n.moved[i] -= start[i];
    return n;
}

static struct result train(struct trainer *t, const struct byol_case *c)
{
    const struct byol *const own = t->own;
    struct params *const ps = &t->model.params;
    struct result r = { .ps = ps };
    float *const start = download(ps->data, ps->count);
    dev_act *const images = mem_alloc(images_count(c->net.size) * mem_act_bytes());
    images_fill(images, c->net.size, c->net.images);
    const struct var views = var_input(images, VIEWS * BATCH, c->net.size, c->net.size, 3);
    for (int step = 0; step < STEPS; step++) {
        trainer_seek(t, step / EPOCH_STEPS, step % EPOCH_STEPS);
        trainer_step_on(t, views);
        mem_download(&r.loss[step], float_at(t->log_now, LOG_LOSS), sizeof(float));
        if (step != 0 && step != STEPS - 1) continue;
        r.grad[step != 0] = download(ps->grad, ps->count);
        r.online[step != 0] = net_download(ps, start);
        r.target[step != 0] = net_download(&own->target->params, start);
    }
    mem_free(images);
    free(start);
    return r;
}

static void result_free(struct result *r)
{
    for (int i = 0; i < 2; i++) {
        free(r->grad[i]);
        free(r->online[i].moved);
        free(r->online[i].stats);
        free(r->target[i].moved);
        free(r->target[i].stats);
    }
}

static const float *tensor_find(struct result *r, const char *kind, bool last,
                                const struct param *p)
{
    if (!strncmp(kind, "grad", 4)) {
        r->gradients_seen++;
        return r->grad[last] + p->offset;
    }
    const bool online = !strncmp(kind, "online", 6);
    assert_true(online || !strncmp(kind, "target", 6));
    const struct net *const n = online ? &r->online[last] : &r->target[last];
    *(online ? &r->online_seen : &r->target_seen) += 1;
    return (p->statistic ? n->stats : n->moved) + p->offset;
}

static const float *values_find(void *of, const struct golden *g, size_t *count)
{
    struct result *const r = of;
    if (!strcmp(g->kind, "out")) {
        r->losses_seen++;
        *count = 1;
        return &r->loss[g->name[strlen("loss")] - '1'];
    }
    for (int i = 0; i < r->ps->n; i++) {
        const struct param *const p = &r->ps->p[i];
        if (strcmp(p->name, g->name)) continue;
        *count = p->count;
        return tensor_find(r, g->kind, g->kind[strlen(g->kind) - 1] != '1', p);
    }
    return NULL;
}

static void parity(void **state)
{
    const struct byol_case *c = *state;
    const struct settings s = settings_of(c);
    static struct trainer t;
    trainer_start(&t, &s, c);
    struct result r = train(&t, c);
    compare(&(struct comparison){
        .file = c->net.file, .entries = ENTRIES, .tolerance = TOLERANCE,
        .find = values_find, .of = &r,
    });
    /* Nothing of ours may have gone unlooked at; the target has no predictor. */
    int weights = 0, target = 0;
    for (int i = 0; i < r.ps->n; i++) {
        weights += !r.ps->p[i].statistic;
        target += r.ps->p[i].group == GROUP_ENCODER;
    }
    assert_int_equal(r.losses_seen, STEPS);
    assert_int_equal(r.gradients_seen, 2 * weights);
    assert_int_equal(r.online_seen, 2 * r.ps->n);
    assert_int_equal(r.target_seen, 2 * target);
    result_free(&r);
    trainer_close(&t);
}

int main(void)
{
    static struct byol_case cases[] = {
        { { .file = "byol_small_paper_squared", SMALL, PAPER }, SCALE_SQUARED },
        { { .file = "byol_small_paper_cosine", SMALL, PAPER }, SCALE_COSINE },
        { { .file = "byol_small_byol_squared", SMALL, BYOLS }, SCALE_SQUARED },
    };
#define PARITY(sentence, i) { sentence, parity, NULL, NULL, &cases[i] }
    const struct CMUnitTest tests[] = {
        PARITY("simsiams_heads_and_byols_scale_of_the_loss", 0),
        PARITY("simsiams_heads_and_its_scale_of_the_loss", 1),
        PARITY("byols_heads_and_its_scale_of_the_loss", 2),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
