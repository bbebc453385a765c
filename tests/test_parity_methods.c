/* SPDX-License-Identifier: MIT
 *
 * test_parity_methods.c -- a training step of each method beside SimSiam, and three of them, against
 * PyTorch, tensor by tensor, by the trainer that makes all runs.
 *
 * golden/byol_*.txt and the like hold PyTorch's answers; golden/make_byol.py and make_methods.py made
 * them and say what a line means.
 */
#include "parity.h"

#include "../experiments/methods/byol.h"
#include "../experiments/methods/moco.h"
#include "../experiments/methods/simclr.h"
#include "../experiments/methods/swav.h"
#include "../experiments/run/train.h"

/* As in the makers.  Three steps in epochs of two: a cosine of tau goes on over their end. */
enum { ENTRIES = 8, EPOCHS = 2, EPOCH_STEPS = 2, QUEUE = 48, PROTOTYPES = 20 };
static const double TAU = 0.6;

#define WIDE { 4, { "fc 128 bias", "bn", "relu", "fc d no-bias" } }
#define BYOLS .projector = WIDE, .predictor = WIDE
#define CONTRAST .projector = { 5, { "fc d", "bn", "relu", "fc d", "bn" } }, .predictor = { .n = 0 }
#define LINEAR .projector = { 3, { "fc d bias", "relu", "fc d bias" } }, .predictor = { .n = 0 }
#define SWAV_F .projector = { 4, { "fc d", "bn", "relu", "fc d bias" } }
#define SWAVS SWAV_F, .predictor = { .n = 0 }
#define SWAV_H SWAV_F, .predictor = { 4, { "fc 16", "bn", "relu", "fc 20" } }
#define WITH_IMAGES(seed) .widths = { 3, { 32, 64, 128 } }, .blocks = { 1, { 1 } }, .size = 16, \
                          .dim = 64, .images = seed

/* What the settings of a method are to be, the net that follows the trained one (NULL: none), and
 * whether that one's running statistics are told too. */
struct parity_method {
    const char *name;
    void (*set)(struct settings *s, int variant);
    const struct params *(*target)(const struct trainer *t);
    bool target_statistics;
    int first_step;                /* of the three: a later one begins within a ring */
};
struct method_case { struct parity_case net; const struct parity_method *method; int variant; };

/* A net after a step: weights less those of the start, and running statistics. */
struct net { float *moved, *stats; };
/* What a case leaves on the host, of the first step [0] and of the last [1]; and how many lines of
 * the file were about each. */
struct result {
    const struct params *ps;
    float loss[STEPS], *grad[2], *queue;
    size_t queue_floats;
    struct net online[2], target[2];
    int losses_seen, gradients_seen, online_seen, target_seen, queue_seen;
};

/* ---- the methods ----------------------------------------------------------------------------- */

static void byol_set(struct settings *s, int variant)
{
    *byol_own(s) = (struct byol_settings){
        .momentum = TAU, .schedule = TARGET_COSINE, .scale = variant,
    };
}

static const struct params *byol_target(const struct trainer *t)
{
    return &((const struct byol *)t->own)->target->params;
}

enum { SIMCLR_JOINT, SIMCLR_PREDICTOR };
static void simclr_set(struct settings *s, int variant)
{
    const bool joint = variant == SIMCLR_JOINT;
    *simclr_own(s) = (struct simclr_settings){ joint ? 0.5 : 0.2, joint };
    s->stop_grad = !joint;
}

/* The variant is how many ways a pair of views is read. */
static void moco_set(struct settings *s, int variant)
{
    *moco_own(s) = (struct moco_settings){ .temperature = 0.2, .momentum = TAU, .queue = QUEUE,
                                           .bn_splits = 2 };
    s->pairs.n = variant;
}

static const struct params *moco_target(const struct trainer *t)
{
    return &((const struct moco *)t->own)->key->params;
}

enum { SWAV_OUTSIDE, SWAV_FLOW, SWAV_PREDICTOR };
static void swav_set(struct settings *s, int variant)
{
    const bool own = variant == SWAV_OUTSIDE, flow = variant == SWAV_FLOW;
    *swav_own(s) = (struct swav_settings){
        .temperature = own ? 0.1 : flow ? 0.2 : 2, .epsilon = own ? 0.05 : 0.1, .iterations = 3,
        .prototypes = PROTOTYPES, .prototype_norm = own ? NORM_OUTSIDE : NORM_IN_GRADIENT,
        .joint_bn = true,
    };
    s->stop_grad = !flow;
}

static const struct parity_method of_byol = { "byol", byol_set, byol_target, true, 0 };
static const struct parity_method of_simclr = { "simclr", simclr_set, NULL, false, 0 };
static const struct parity_method of_moco = { "moco", moco_set, moco_target, false, 1 };
static const struct parity_method of_swav = { "swav", swav_set, NULL, false, 0 };

/* The formula's rows, of unit length, in place of random ones. */
static void queue_set(const struct trainer *t)
{
    const struct moco *const own = t->own;
    const size_t n = (size_t)own->info_nce.queue * (size_t)own->info_nce.width;
    const struct stream s = stream_open("queue");
    float *const x = host_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = uniform(s, i);
    mem_upload(moco_queue(own), x, sizeof *x * n);
    op_normalize_rows(moco_queue(own), own->info_nce.queue, own->info_nce.width);
    free(x);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct settings settings_of(const struct method_case *c)
{
    int method = 0, dataset = 0;
    while (strcmp(methods[method].name, c->method->name)) method++;
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
    c->method->set(&s, c->variant);
    return s;
}

/* A trainer at the start, its net of the formula's weights and what follows it a copy. */
static void trainer_start(struct trainer *t, const struct settings *s, const struct method_case *c)
{
    trainer_open(t, s, 1);
    weights_fill(&t->model.params, &c->net);
    t->method->close(t->own);
    t->own = t->method->open(&t->model, s);
    if (c->method == &of_moco) queue_set(t);
    for (int g = 0; g < GROUPS; g++) t->schedule[g].constant = true;
}

static struct net net_download(const struct params *ps, const float *start)
{
    struct net n = { download(ps->data, ps->count), download(ps->stats, ps->n_stats) };
    for (size_t i = 0; i < ps->count; i++) n.moved[i] -= start[i];
    return n;
}

/* What else a method keeps. */
static void own_download(struct result *r, const struct trainer *t, const struct method_case *c)
{
    if (c->method != &of_moco) return;
    const struct moco *const own = t->own;
    r->queue_floats = (size_t)own->info_nce.queue * (size_t)own->info_nce.width;
    r->queue = download(moco_queue(own), r->queue_floats);
}

static struct result train(struct trainer *t, const struct method_case *c)
{
    struct params *const ps = &t->model.params;
    struct result r = { .ps = ps };
    float *const start = download(ps->data, ps->count);
    dev_act *const images = mem_alloc(images_count(c->net.size) * mem_act_bytes());
    images_fill(images, c->net.size, c->net.images);
    const struct var views = var_input(images, VIEWS * BATCH, c->net.size, c->net.size, 3);
    for (int step = 0; step < STEPS; step++) {
        const int at = step + c->method->first_step;
        trainer_seek(t, at / EPOCH_STEPS, at % EPOCH_STEPS);
        trainer_step_on(t, views);
        mem_download(&r.loss[step], float_at(t->log_now, LOG_LOSS), sizeof(float));
        if (step != 0 && step != STEPS - 1) continue;
        r.grad[step != 0] = download(ps->grad, ps->count);
        r.online[step != 0] = net_download(ps, start);
        if (c->method->target) r.target[step != 0] = net_download(c->method->target(t), start);
    }
    own_download(&r, t, c);
    mem_free(images);
    free(start);
    return r;
}

static void result_free(struct result *r)
{
    free(r->queue);
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
    if (!strcmp(g->kind, "own")) {
        r->queue_seen++;
        *count = r->queue_floats;
        return r->queue;
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
    const struct method_case *c = *state;
    const struct settings s = settings_of(c);
    static struct trainer t;
    trainer_start(&t, &s, c);
    struct result r = train(&t, c);
    compare(&(struct comparison){
        .file = c->net.file, .entries = ENTRIES, .tolerance = TOLERANCE,
        .find = values_find, .of = &r,
    });
    /* Nothing of ours may have gone unlooked at; a target has no predictor. */
    int weights = 0, target = 0;
    for (int i = 0; i < r.ps->n; i++) {
        weights += !r.ps->p[i].statistic;
        target += c->method->target && r.ps->p[i].group == GROUP_ENCODER &&
                  (c->method->target_statistics || !r.ps->p[i].statistic);
    }
    assert_int_equal(r.losses_seen, STEPS);
    assert_int_equal(r.gradients_seen, 2 * weights);
    assert_int_equal(r.online_seen, 2 * r.ps->n);
    assert_int_equal(r.target_seen, 2 * target);
    assert_int_equal(r.queue_seen, c->method == &of_moco);
    result_free(&r);
    trainer_close(&t);
}

int main(void)
{
    static struct method_case cases[] = {
        { { .file = "byol_small_paper_squared", SMALL, PAPER }, &of_byol, SCALE_SQUARED },
        { { .file = "byol_small_paper_cosine", SMALL, PAPER }, &of_byol, SCALE_COSINE },
        { { .file = "byol_small_byol_squared", SMALL, BYOLS }, &of_byol, SCALE_SQUARED },
        { { .file = "simclr_small_joint", WITH_IMAGES(1), CONTRAST }, &of_simclr, SIMCLR_JOINT },
        { { .file = "simclr_small_predictor", SMALL, PAPER }, &of_simclr, SIMCLR_PREDICTOR },
        { { .file = "moco_small_both", WITH_IMAGES(1), LINEAR }, &of_moco, 2 },
        { { .file = "moco_small_one", WITH_IMAGES(1), LINEAR }, &of_moco, 1 },
        { { .file = "swav_small_outside", WITH_IMAGES(1), SWAVS }, &of_swav, SWAV_OUTSIDE },
        { { .file = "swav_small_flow", WITH_IMAGES(1), SWAVS }, &of_swav, SWAV_FLOW },
        { { .file = "swav_small_predictor", WITH_IMAGES(4), SWAV_H }, &of_swav, SWAV_PREDICTOR },
    };
#define PARITY(sentence, i) { sentence, parity, NULL, NULL, &cases[i] }
    const struct CMUnitTest tests[] = {
        PARITY("byol_with_simsiams_heads_and_its_own_scale_of_the_loss", 0),
        PARITY("byol_with_simsiams_heads_and_scale", 1),
        PARITY("byol_with_its_own_heads_and_scale", 2),
        PARITY("simclr_with_both_views_in_one_batch_norm", 3),
        PARITY("simclr_with_a_predictor_stop_gradient_and_views_apart", 4),
        PARITY("moco_both_ways_in_split_batch_norm", 5),
        PARITY("moco_as_published", 6),
        PARITY("swav_with_the_prototypes_norm_outside_of_the_gradient", 7),
        PARITY("swav_without_stop_gradient_and_the_norm_in_it", 8),
        PARITY("swav_with_a_predictor_of_its_scores", 9),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
