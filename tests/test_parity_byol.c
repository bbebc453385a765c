/* SPDX-License-Identifier: MIT
 *
 * test_parity_byol.c -- one step of BYOL and three of them against PyTorch, tensor by tensor of
 * both networks.
 *
 * golden/byol_*.txt hold PyTorch's answers in double; golden/make_byol.py made them and says what a
 * line means.
 */
#include "parity.h"
#include "../experiments/methods/byol.h"

enum { K = 4, LOOKS = 2, ENTRIES = 8 };        /* steps of the whole run, of which STEPS are made */
static const double TAU = 0.6;

#define WIDE .projector = { 4, { "fc 128 bias", "bn", "relu", "fc d no-bias" } }, \
             .predictor = { 4, { "fc 128 bias", "bn", "relu", "fc d no-bias" } }

struct byol_case { struct parity_case net; int scale; };

/* A network when a step is over: weights less those of the start, and running statistics. */
struct net { float *moved, *stats; };
/* What a case leaves on the host: after steps 1 and STEPS. */
struct look { float *grad; struct net online, target; };
struct result { float loss[STEPS], *z, *p; size_t outputs; struct look look[LOOKS]; };

static struct net net_look(const struct params *ps, const float *start)
{
    const struct net n = { download(ps->data, ps->count), download(ps->stats, ps->n_stats) };
    for (size_t i = 0; i < ps->count; i++) n.moved[i] -= start[i];
    return n;
}

static struct result train(struct model *m, const struct settings *s, const struct byol_case *c)
{
    static struct tape tape;                                   /* large; zeroed is ready */
    struct result r = { .z = NULL };
    const struct method *const method = methods[s->method].method;
    const struct view_plan plan = model_views(s);
    struct byol *const own = method->open(m, s);
    struct params *const ps = &m->params;
    float *const start = download(ps->data, ps->count);
    dev_float *const lr = mem_alloc(4), *const loss = mem_alloc(4);
    mem_upload(lr, &LR, 4);
    for (int k = 0; k < STEPS; k++) {
        tape_reset(&tape);
        mem_zero(loss, 4);
        mem_zero(ps->grad, 4 * ps->count);
        const struct step here = { .tape = &tape, .f = m, .s = s, .plan = &plan,
                                   .distance = neg_cosine,
                                   .x = images_make(&tape, c->net.size, c->net.images), .own = own,
                                   .loss = loss, .step = k, .steps = K };
        method->aim(&here);
        const struct var z = method->loss(&here);
        mem_download(&r.loss[k], loss, 4);
        if (k == 0) {
            r.z = download_views(z);
            r.p = download_predictions(&tape, m, z);
            r.outputs = (size_t)z.n * (size_t)z.c;
        }
        tape_backward(&tape);
        for (int g = 0; g < GROUPS; g++) optim_sgd(ps, (enum param_group)g, lr, MOMENTUM, DECAY);
        method->moved(&here);
        if (k == 0 || k == STEPS - 1)
            r.look[k > 0] = (struct look){ download(ps->grad, ps->count), net_look(ps, start),
                                           net_look(&own->target->params, start) };
    }
    free(start);
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
    for (int i = 0; i < LOOKS; i++) {
        free(r->look[i].grad);
        free(r->look[i].online.moved);
        free(r->look[i].online.stats);
        free(r->look[i].target.moved);
        free(r->look[i].target.stats);
    }
}

/* ---- comparison ------------------------------------------------------------------------------ */

/* Where our own values of a line lie; count is set to 0 if there is no such tensor. */
static const float *values_find(const struct result *r, const struct params *ps,
                                const struct golden *g, size_t *count)
{
    *count = 1;
    if (!strncmp(g->name, "loss", 4)) return &r->loss[g->name[4] - '1'];
    *count = r->outputs;
    if (!strcmp(g->name, "z")) return r->z;
    if (!strcmp(g->name, "p")) return r->p;
    const struct look *const look = &r->look[g->kind[strlen(g->kind) - 1] != '1'];
    const struct net *const net = *g->kind == 't' ? &look->target : &look->online;
    for (int i = 0; i < ps->n; i++) {
        const struct param *const p = &ps->p[i];
        if (strcmp(p->name, g->name)) continue;
        *count = p->count;
        return (*g->kind == 'g' ? look->grad : p->statistic ? net->stats : net->moved) + p->offset;
    }
    *count = 0;
    return NULL;
}

/* Every line of the file; counts them in seen[grad; online and out; target]. */
static void compare(const struct byol_case *c, const struct result *r, const struct params *ps,
                    int seen[3])
{
    char path[1024], line[2048], worst_name[64] = "";
    double worst = 0;
    snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, c->net.file);
    FILE *const f = fopen(path, "r");
    if (!f) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#') continue;
        struct golden g;
        int at;
        size_t count;
        assert_int_equal(sscanf(line, "%7s %47s %zu %lf%n", g.kind, g.name, &g.count, &g.scale, &at),
                         4);
        const float *const x = values_find(r, ps, &g, &count);
        if (count != g.count)
            fail_msg("%s %s: %zu elements, golden %zu", g.kind, g.name, count, g.count);
        const double ratio = tensor_ratio(x, &g, ENTRIES, TOLERANCE, line + at);
        if (ratio > worst) {
            worst = ratio;
            snprintf(worst_name, sizeof worst_name, "%s %s", g.kind, g.name);
        }
        if (!(ratio <= 1)) print_message("%s %s: %g of the tolerance\n", g.kind, g.name, ratio);
        seen[strcspn("got", (char[]){ *g.kind, 0 })]++;
    }
    assert_int_equal(fclose(f), 0);
    print_message("%s: worst %.3f of the tolerance (%s)\n", c->net.file, worst, worst_name);
    assert_true(worst <= 1);
}

static void parity(void **state)
{
    const struct byol_case *const c = *state;
    int method = 0;
    while (strcmp(methods[method].name, "byol")) method++;
    struct settings s = settings_default(method);
    s.widths = c->net.widths;
    s.blocks = c->net.blocks;
    s.zero_init_residual = false;
    s.dim = c->net.dim;
    s.projector = c->net.projector;
    s.predictor = c->net.predictor;
    s.epochs = 1;
    *byol_own(&s) = (struct byol_settings){ TAU, TARGET_COSINE, c->scale };
    static struct model m;
    model_build(&m, &s, 1);
    weights_fill(&m.params, &c->net);
    struct result r = train(&m, &s, c);
    int seen[3] = { 0 }, trained = 0, target = 0;
    compare(c, &r, &m.params, seen);
    /* Nothing of ours may have gone unlooked at; the target has no predictor. */
    for (int i = 0; i < m.params.n; i++) {
        trained += params_weight(&m.params, i).grad && !m.params.p[i].statistic;
        target += !!strncmp(m.params.p[i].name, "predictor", strlen("predictor"));
    }
    assert_int_equal(seen[0], LOOKS * trained);
    assert_int_equal(seen[1], LOOKS * m.params.n + STEPS + 2);     /* `online` and `out` */
    assert_int_equal(seen[2], LOOKS * target);
    result_free(&r);
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
    static struct byol_case cases[] = {
        { { "byol_small_paper_squared", SMALL, PAPER }, SCALE_SQUARED },
        { { "byol_small_paper_cosine", SMALL, PAPER }, SCALE_COSINE },
        { { "byol_small_byol_squared", SMALL, WIDE }, SCALE_SQUARED },
    };
#define PARITY(sentence, i) { sentence, parity, NULL, NULL, &cases[i] }
    const struct CMUnitTest tests[] = {
        PARITY("small_net_with_simsiams_heads_and_the_loss_of_equation_2", 0),
        PARITY("small_net_with_simsiams_heads_and_scale", 1),
        PARITY("small_net_with_byols_heads_and_the_loss_of_equation_2", 2),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
