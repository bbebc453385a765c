/* SPDX-License-Identifier: MIT
 *
 * test_identities.c -- what the paper's equations say exactly, held against a whole tiny SimSiam.
 *
 * The reference is a naive forward pass in double, written once more here; its numeric derivative
 * is the third opinion beside the engine's backward and PyTorch's (test_parity.c).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../experiments/methods/method.h"

enum { N = 5, S = 5, D = 4, IMAGE = S * S * 3, WEIGHTS_MAX = 2048 };
static const float DIRT = 0.25f;         /* in every gradient beforehand: `=` for `+=` must show */
static const double FP32 = 1e-5;         /* of the gradient's norm: the same sum in another order */

static struct tape tape;
static struct model m;
static struct settings settings;           /* of m */
static dev_float *loss;

static float random_float(void)
{
    static uint32_t s = 1;
    s = s * 1664525u + 1013904223u;
    return (float)(s >> 8) / 8388608.0f - 1.0f;
}

static const struct pair_list SYMMETRIC = { 2,
                                            { { 0, 1 }, { 1, 0 } } }, ONE_WAY = { 1, { { 0, 1 } } },
                              OTHER_WAY = { 1,
                                            { { 1, 0 } } }, TWICE = { 2, { { 0, 1 }, { 2, 3 } } },
                              TWICE_APART = { 2, { { 0, 2 }, { 1, 3 } } };
static float images[VIEWS_MAX * N * IMAGE];

/* A net of two stages with both heads; every parameter off its first value, no gamma near zero. */
static struct { int stem, block; } net;    /* of what model_make() makes; CIFAR's unless a test says
                                              otherwise */
static void model_make(bool stop_grad, bool predictor, enum predictor_lr lr)
{
    settings = settings_default(0);
    settings.stem = net.stem;
    settings.block = net.block;
    settings.widths = (struct int_list){ 2, { 3, 4 } };
    settings.blocks = (struct int_list){ 1, { 1 } };
    settings.dim = D;
    settings.zero_init_residual = false;
    settings.stop_grad = stop_grad;
    settings.predictor_lr = lr;
    settings.predictor = (struct word_list){ predictor ? 4 : 0,
                                             { "fc d/2", "bn", "relu", "fc d" } };
    model_free(&m);
    model_build(&m, &settings, 3);
    float w[WEIGHTS_MAX];
    assert_true(m.params.count <= WEIGHTS_MAX);
    mem_download(w, m.params.data, 4 * m.params.count);
    for (size_t i = 0; i < m.params.count; i++) w[i] += 0.3f * sinf((float)(i * i));
    mem_upload(m.params.data, w, 4 * m.params.count);
}

static void pairs_set(struct pair_list pairs)
{
    settings.pairs = pairs;
}

static int n_views(void)
{
    return model_views(&settings).views;
}

static struct var views_make(void)
{
    const struct var x = var_room(&tape, n_views() * N, S, S, 3);
    mem_act_upload(x.data, images, (size_t)n_views() * N * IMAGE);
    return x;
}

static void step_begin(float dirt)
{
    float g[WEIGHTS_MAX];
    for (int i = 0; i < WEIGHTS_MAX; i++) g[i] = dirt;
    mem_upload(m.params.grad, g, 4 * m.params.count);
    mem_zero(loss, 4);
    tape_reset(&tape);
}

static float z_seen[VIEWS_MAX * N * D];        /* activations do not survive the backward pass */

/* SimSiam's forward pass, on the tape; its z. */
static struct var forward(void)
{
    const struct method *const simsiam = methods[settings.method].method;
    const struct view_plan plan = model_views(&settings);
    void *const own = simsiam->open(&m, &settings);
    const struct step step = { .tape = &tape, .f = &m, .x = views_make(), .s = &settings,
                               .plan = &plan, .distance = distances[settings.distance].add,
                               .own = own, .loss = loss };
    const struct var z = simsiam->loss(&step);
    simsiam->close(own);
    return z;
}

/* One step of SimSiam into g [count]; returns the loss. */
static float step(float *g, float dirt)
{
    float value;
    step_begin(dirt);
    const struct var z = forward();
    assert_int_equal(z.n, n_views() * N);
    mem_act_download(z_seen, z.data, (size_t)z.n * D);
    tape_backward(&tape);
    mem_download(g, m.params.grad, 4 * m.params.count);
    mem_download(&value, loss, 4);
    return value;
}

static double norm(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* |a - scale b| / |a|. */
static double distance(const float *a, const float *b, double scale, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (a[i] - scale * b[i]) * (a[i] - scale * b[i]);
    return sqrt(sum) / norm(a, n);
}

/* ---- the reference --------------------------------------------------------------------------- */

struct act { int n, h, w, c; double x[VIEWS_MAX * N * S * S * D]; };

static const double *ref_weight(const double *w, int id) { return w + m.params.p[id].offset; }

static void ref_conv(struct act *y, const struct act *x, const double *w,
                     const struct conv_layer *l)
{
    y->n = x->n;
    y->c = l->k;
    y->h = conv_out(x->h, l->r, l->stride, l->pad);
    y->w = conv_out(x->w, l->r, l->stride, l->pad);
    const double *const kernel = ref_weight(w, l->w);
    for (int at = 0; at < y->n * y->h * y->w * y->c; at++) {
        const int k = at % y->c, q = at / y->c % y->w, p = at / y->c / y->w % y->h,
                  n = at / y->c / y->w / y->h;
        double sum = 0;
        for (int i = 0; i < l->r; i++)
            for (int j = 0; j < l->r; j++) {
                const int row = p * l->stride + i - l->pad, column = q * l->stride + j - l->pad;
                if (row < 0 || row >= x->h || column < 0 || column >= x->w) continue;
                for (int c = 0; c < x->c; c++)
                    sum += x->x[((n * x->h + row) * x->w + column) * x->c + c]
                         * kernel[((k * l->r + i) * l->r + j) * x->c + c];
            }
        y->x[at] = sum;
    }
}

/* Each view of N images on its own, in place. */
static void ref_bn(struct act *y, const double *w, const struct bn_layer *l)
{
    const int rows = N * y->h * y->w;
    for (int v = 0; v < y->n / N; v++)
        for (int c = 0; c < y->c; c++) {
            double *const x = y->x + v * rows * y->c + c, mean = 0, var = 0;
            for (int i = 0; i < rows; i++) mean += x[i * y->c] / rows;
            for (int i = 0; i < rows; i++)
                var += (x[i * y->c] - mean) * (x[i * y->c] - mean) / rows;
            const double gamma = ref_weight(w, l->gamma)[c] / sqrt(var + (double)BN_EPS);
            for (int i = 0; i < rows; i++)
                x[i * y->c] = gamma * (x[i * y->c] - mean) + ref_weight(w, l->beta)[c];
        }
}

static void ref_relu(struct act *y)
{
    for (int i = 0; i < y->n * y->h * y->w * y->c; i++) y->x[i] = fmax(y->x[i], 0);
}

/* 3x3, stride 2, padding 1, of what is not negative. */
static void ref_max_pool(struct act *x)
{
    struct act y = { .n = x->n, .h = conv_out(x->h, 3, 2, 1), .w = conv_out(x->w, 3, 2, 1),
                     .c = x->c };
    for (int at = 0; at < y.n * y.h * y.w * y.c; at++) {
        const int c = at % y.c, q = at / y.c % y.w, p = at / y.c / y.w % y.h,
                  n = at / y.c / y.w / y.h;
        for (int tap = 0; tap < 9; tap++) {
            const int row = 2 * p + tap / 3 - 1, column = 2 * q + tap % 3 - 1;
            if (row < 0 || row >= x->h || column < 0 || column >= x->w) continue;
            y.x[at] = fmax(y.x[at], x->x[((n * x->h + row) * x->w + column) * x->c + c]);
        }
    }
    *x = y;
}

static void ref_block(struct act *x, const double *w, const struct res_block *b)
{
    struct act h, y = *x, skip = *x;
    for (int i = 0; i < b->n; i++, y = h) {
        if (i) ref_relu(&y);
        ref_conv(&h, &y, w, &b->conv[i]);
        ref_bn(&h, w, &b->bn[i]);
    }
    if (b->project) {
        ref_conv(&skip, x, w, &b->shortcut);
        ref_bn(&skip, w, &b->bn_shortcut);
    }
    for (int i = 0; i < y.n * y.h * y.w * y.c; i++) y.x[i] += skip.x[i];
    ref_relu(&y);
    *x = y;
}

static void ref_backbone(struct act *f, const double *w, int views)
{
    struct act x = { .n = views * N, .h = S, .w = S, .c = 3 }, y;
    for (int i = 0; i < views * N * IMAGE; i++) x.x[i] = images[i];
    ref_conv(&y, &x, w, &m.backbone.stem);
    ref_bn(&y, w, &m.backbone.bn_stem);
    ref_relu(&y);
    if (m.backbone.kind == STEM_IMAGENET) ref_max_pool(&y);
    for (int i = 0; i < m.backbone.n_blocks; i++) ref_block(&y, w, &m.backbone.block[i]);
    *f = (struct act){ .n = y.n, .h = 1, .w = 1, .c = y.c };
    const int pixels = y.h * y.w;
    for (int i = 0; i < y.n * pixels * y.c; i++)
        f->x[i / (pixels * y.c) * y.c + i % y.c] += y.x[i] / pixels;
}

static void ref_head(struct act *x, const double *w, const struct head *h)
{
    for (int i = 0; i < h->n; i++) {
        const struct head_layer *const l = &h->layer[i];
        if (l->kind == HEAD_BN) ref_bn(x, w, &l->bn);
        if (l->kind == HEAD_RELU) ref_relu(x);
        if (l->kind != HEAD_FC) continue;
        struct act y = { .n = x->n, .h = 1, .w = 1, .c = l->fc.k };
        for (int at = 0; at < y.n * y.c; at++) {
            const int n = at / y.c, k = at % y.c;
            if (l->fc.b >= 0) y.x[at] = ref_weight(w, l->fc.b)[k];
            for (int c = 0; c < x->c; c++)
                y.x[at] += x->x[n * x->c + c] * ref_weight(w, l->fc.w)[k * x->c + c];
        }
        *x = y;
    }
}

static void ref_outputs(struct act *z, struct act *p, const double *w)
{
    ref_backbone(z, w, n_views());
    ref_head(z, w, &m.projector);
    *p = *z;
    ref_head(p, w, &m.predictor);
}

/* Predictions from the weights w.  Targets too, or from `frozen` if that is not NULL: the
 * stop-gradient. */
static double ref_loss(const double *w, const struct act *frozen)
{
    struct act z, p;
    double sum = 0;
    ref_outputs(&z, &p, w);
    const struct act *const target = frozen ? frozen : &z;
    for (int k = 0; k < settings.pairs.n; k++)
        for (int i = 0; i < N; i++) {
            const double *const a = p.x + (settings.pairs.v[k][0] * N + i) * D;
            const double *const b = target->x + (settings.pairs.v[k][1] * N + i) * D;
            double ab = 0, aa = 0, bb = 0;
            for (int d = 0; d < D; d++) {
                ab += a[d] * b[d];
                aa += a[d] * a[d];
                bb += b[d] * b[d];
            }
            sum -= ab / sqrt(aa * bb);
        }
    return sum / N / settings.pairs.n;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void check_gradient(bool stop_grad, struct pair_list pairs)
{
    float g[WEIGHTS_MAX];
    static double w[WEIGHTS_MAX], numeric[WEIGHTS_MAX];
    model_make(stop_grad, true, PREDICTOR_COSINE);
    pairs_set(pairs);
    float start[WEIGHTS_MAX];
    mem_download(start, m.params.data, 4 * m.params.count);
    for (size_t i = 0; i < m.params.count; i++) w[i] = start[i];
    struct act z, p;
    ref_outputs(&z, &p, w);
    const struct act *const frozen = stop_grad ? &z : NULL;
    assert_float_equal(step(g, DIRT), ref_loss(w, frozen), 1e-5);

    double whole = 0;
    for (size_t i = 0; i < m.params.count; i++) {
        const double old = w[i], eps = 1e-6;
        w[i] = old + eps;
        const double high = ref_loss(w, frozen);
        w[i] = old - eps;
        numeric[i] = (high - ref_loss(w, frozen)) / (2 * eps);
        w[i] = old;
        whole += numeric[i] * numeric[i];
    }
    /* As in test_parity.c: 1e-4 of the tensor's norm, or of 1e-3 of the whole one where the
     * tensor's is small. */
    for (int t = 0; t < m.params.n; t++) {
        const struct param *const q = &m.params.p[t];
        double square = 1e-6 * whole;
        if (q->statistic) continue;
        for (size_t i = q->offset; i < q->offset + q->count; i++) square += numeric[i] * numeric[i];
        for (size_t i = q->offset; i < q->offset + q->count; i++)
            if (!(fabs(g[i] - DIRT - numeric[i]) <= 1e-4 * sqrt(square)))
                fail_msg("%s[%zu]: %g, numerically %g", q->name, i - q->offset, g[i] - DIRT,
                         numeric[i]);
    }
}

static void with_stopgrad_it_is_the_derivative_with_targets_frozen(void **state)
{
    (void)state;
    check_gradient(true, SYMMETRIC);
}

static void without_stopgrad_it_is_the_derivative_of_everything(void **state)
{
    (void)state;
    check_gradient(false, SYMMETRIC);
}

static void asymmetric_loss_has_its_derivative(void **state)
{
    (void)state;
    check_gradient(true, ONE_WAY);
    check_gradient(true, OTHER_WAY);
    check_gradient(false, ONE_WAY);
}

static void two_asymmetric_pairs_of_four_views_have_theirs(void **state)
{
    (void)state;
    check_gradient(true, TWICE);
    check_gradient(true, TWICE_APART);
}

static void bottlenecks_behind_imagenets_stem_have_their_derivative(void **state)
{
    (void)state;
    net.stem = STEM_IMAGENET;
    net.block = BLOCK_BOTTLENECK;
    check_gradient(true, SYMMETRIC);
    net.block = BLOCK_BASIC;
    check_gradient(false, SYMMETRIC);
    net.stem = STEM_CIFAR;
}

/* Sec. 4.6. */
static void symmetric_gradient_is_the_mean_of_the_asymmetric_ones(void **state)
{
    (void)state;
    float both[WEIGHTS_MAX], one[WEIGHTS_MAX], other[WEIGHTS_MAX];
    model_make(true, true, PREDICTOR_COSINE);
    const float value = step(both, 0);
    pairs_set(ONE_WAY);
    const float first = step(one, 0);
    pairs_set(OTHER_WAY);
    const float second = step(other, 0);
    assert_float_equal(value, 0.5f * (first + second), 1e-6);
    assert_true(distance(one, other, 1, m.params.count) > 0.1);
    for (size_t i = 0; i < m.params.count; i++) one[i] += other[i];
    assert_true(distance(both, one, 0.5, m.params.count) < FP32);
}

/* Sec. 4.2, the claim predictor-none-half: why stop-gradient alone cannot help without a
 * predictor. */
static void without_predictor_stopgrad_only_halves_the_gradient(void **state)
{
    (void)state;
    float stopped[WEIGHTS_MAX], flowing[WEIGHTS_MAX];
    for (int predictor = 0; predictor < 2; predictor++) {
        model_make(true, predictor, PREDICTOR_COSINE);
        const float value = step(stopped, 0);
        settings.stop_grad = false;
        assert_float_equal(step(flowing, 0), value, 0);
        const double d = distance(flowing, stopped, 2, m.params.count);
        assert_true(predictor ? d > 0.1 : d < FP32);   /* with a predictor it does something else */
    }
}

/* ---- what is not computed -------------------------------------------------------------------- */

static void stopped_branch_is_not_walked(void **state)
{
    (void)state;
    model_make(true, true, PREDICTOR_COSINE);
    for (int stop = 0; stop < 2; stop++) {
        struct var z[2], p;
        int nodes[3] = { 0 }, live = 0;
        step_begin(0);
        const struct var x = views_make();
        for (int v = 0; v < 2; v++) {
            z[v] = model_project(&tape, &m,
                                 model_features(&tape, &m, var_rows(x, v * N, N), 1, true), 1,
                                 true);
            nodes[v] = tape.n_nodes;
        }
        p = model_predict(&tape, &m, z[0], 1, true);
        neg_cosine(&tape, loss, 1, p, stop ? stopgrad(z[1]) : z[1]);
        tape_backward(&tape);
        for (int i = nodes[0]; i < nodes[1]; i++) live += tape.node[i].dy != NULL;
        assert_true(nodes[1] > nodes[0]);
        assert_int_equal(live, stop ? 0 : nodes[1] - nodes[0]);
        for (int i = 0; i < tape.n_nodes; i++)
            if ((i < nodes[0] || i >= nodes[1]) && tape.node[i].y.grad)
                assert_non_null(tape.node[i].dy);
    }
}

/* A view that is only a target, behind a stop-gradient, leaves nothing on the tape: its pass costs
 * no backward.  Without the stop it does, and its output is the target all the same. */
static void view_that_is_only_a_target_is_not_recorded(void **state)
{
    (void)state;
    int nodes[2];
    float z[2][N * D];
    for (int stop = 0; stop < 2; stop++) {
        model_make(stop, true, PREDICTOR_COSINE);
        pairs_set(ONE_WAY);
        step_begin(0);
        const struct view_plan plan = model_views(&settings);
        const struct views each = encode(&tape, &m, views_make(), &plan),
                           p = predict(&tape, &m, &each, &plan);
        assert_non_null(each.of[0].grad);
        assert_int_equal(each.of[1].grad == NULL, stop);
        assert_null(p.of[1].data);                     /* nobody asks for it */
        step_begin(0);
        mem_act_download(z[stop], var_rows(forward(), N, N).data, N * D);
        nodes[stop] = tape.n_nodes;
    }
    assert_true(nodes[1] < nodes[0]);
    assert_memory_equal(z[0], z[1], sizeof z[0]);
}

/* Table 1b. */
static void fixed_predictor_gets_no_gradient(void **state)
{
    (void)state;
    float trained[WEIGHTS_MAX], fixed[WEIGHTS_MAX];
    model_make(true, true, PREDICTOR_COSINE);
    step(trained, DIRT);
    model_make(true, true, PREDICTOR_ZERO);
    step(fixed, DIRT);
    const size_t encoder = m.params.group_end[GROUP_ENCODER];
    assert_memory_equal(fixed, trained, 4 * encoder);
    assert_memory_not_equal(fixed + encoder, trained + encoder, 4 * (m.params.count - encoder));
    for (size_t i = encoder; i < m.params.count; i++) assert_float_equal(fixed[i], DIRT, 0);
}

/* ---- views together and apart ---------------------------------------------------------------- */

static void all_views_together_equal_separate_passes(void **state)
{
    (void)state;
    float g[2][WEIGHTS_MAX], z[2][2 * N * D], stats[2][WEIGHTS_MAX];
    model_make(true, true, PREDICTOR_COSINE);
    const float together = step(g[0], 0);
    memcpy(z[0], z_seen, sizeof z[0]);
    mem_download(stats[0], m.params.stats, 4 * m.params.n_stats);

    model_make(true, true, PREDICTOR_COSINE);
    step_begin(0);
    const struct var x = views_make();
    struct var zs[2], ps[2];
    for (int v = 0; v < 2; v++) {
        zs[v] = model_project(&tape, &m, model_features(&tape, &m, var_rows(x, v * N, N), 1, true),
                              1, true);
        ps[v] = model_predict(&tape, &m, zs[v], 1, true);
        mem_act_download(z[1] + v * N * D, zs[v].data, N * D);
    }
    for (int v = 0; v < 2; v++) neg_cosine(&tape, loss, 0.5f, ps[v], stopgrad(zs[1 - v]));
    tape_backward(&tape);
    float apart;
    mem_download(&apart, loss, 4);
    mem_download(g[1], m.params.grad, 4 * m.params.count);
    mem_download(stats[1], m.params.stats, 4 * m.params.n_stats);
    assert_float_equal(together, apart, 1e-6);
    assert_true(distance(z[0], z[1], 1, 2 * N * D) < FP32);
    assert_true(distance(stats[0], stats[1], 1, m.params.n_stats) < FP32);
    assert_true(distance(g[0], g[1], 1, m.params.count) < FP32);

    /* One batch norm over both views is something else (Sec. 3 keeps them apart). */
    tape_reset(&tape);
    const struct var mixed =
        model_project(&tape, &m, model_features(&tape, &m, views_make(), 1, false), 1, false);
    mem_act_download(z[1], mixed.data, 2 * N * D);
    assert_true(distance(z[0], z[1], 1, 2 * N * D) > 1e-2);
}

/* ---- collapse, and what is not one ----------------------------------------------------------- */

/* The last gamma of the projector is zero, so that z is its beta, whatever the image. */
static void constant_output_is_the_minimum_with_std_zero(void **state)
{
    (void)state;
    float g[WEIGHTS_MAX], std[2] = { 0 };
    model_make(true, false, PREDICTOR_COSINE);
    mem_zero(params_weight(&m.params, m.projector.layer[4].bn.gamma).data, 4 * D);
    assert_float_equal(step(g, 0), -1, 1e-6);
    assert_true(norm(g, m.params.count) < 1e-6);
    dev_float *const out = mem_alloc(8);
    dev_act *const z = mem_alloc(2 * N * D * mem_act_bytes());
    mem_act_upload(z, z_seen, 2 * N * D);
    op_std(out, z, 2, N, D);
    mem_download(std, out, 8);
    assert_float_equal(std[0], 0, 1e-6);
    assert_float_equal(std[1], 0, 1e-6);
    mem_free(z);
    mem_free(out);
}

/* Sec. 4.1: z' of a Gaussian z has std 1/sqrt(d) in each channel. */
static void gaussian_output_has_std_one_over_root_d(void **state)
{
    (void)state;
    enum { ROWS = 2000, WIDE = 33 };
    static float z[ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++) {
        z[i] = 0;
        for (int k = 0; k < 12; k++) z[i] += random_float();       /* near enough: 12 uniforms */
    }
    dev_float *const out = mem_alloc(4);
    tape_reset(&tape);
    const struct var v = var_room(&tape, ROWS, 1, 1, WIDE);
    mem_act_upload(v.data, z, ROWS * WIDE);
    float std;
    op_std(out, v.data, 1, ROWS, WIDE);
    mem_download(&std, out, 4);
    assert_float_equal(std, 1, 0.01);                  /* sampling: 1 / sqrt(2 ROWS WIDE) = 0.3 % */
    mem_free(out);
}

/* Sec. 5.1, the claim mse-is-cosine: |a' - b'|^2 = 2 - 2 cos(a, b). */
static void mean_squared_error_on_the_sphere_is_2_minus_2_cos(void **state)
{
    (void)state;
    enum { ROWS = 7, WIDE = 33 };
    float host[2][ROWS * WIDE], value;
    struct var v[2];
    double mse = 0;
    step_begin(0);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < ROWS * WIDE; i++)
            host[k][i] = random_float() + (k ? 0.5f * host[0][i] : 0);
        v[k] = var_room(&tape, ROWS, 1, 1, WIDE);
        mem_act_upload(v[k].data, host[k], ROWS * WIDE);
        dev_float *const unit = mem_alloc(sizeof host[k]);
        mem_upload(unit, host[k], sizeof host[k]);
        op_normalize_rows(unit, ROWS, WIDE);
        mem_download(host[k], unit, sizeof host[k]);
        mem_free(unit);
    }
    for (int i = 0; i < ROWS * WIDE; i++) mse += pow((double)host[0][i] - host[1][i], 2);
    op_cosine_fwd(loss, v[0].data, v[1].data, 1, ROWS, WIDE);
    mem_download(&value, loss, 4);
    assert_true(value < -0.1f && value > -0.9f);
    assert_float_equal(mse / ROWS, 2 + 2 * value, 1e-6);
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    loss = mem_alloc(4);
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) images[i] = random_float();
    model_make(true, true, PREDICTOR_COSINE);
    return 0;
}

static int machine_stop(void **state)
{
    (void)state;
    mem_free(loss);
    tape_free(&tape);
    model_free(&m);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_stopgrad_it_is_the_derivative_with_targets_frozen),
        cmocka_unit_test(without_stopgrad_it_is_the_derivative_of_everything),
        cmocka_unit_test(asymmetric_loss_has_its_derivative),
        cmocka_unit_test(two_asymmetric_pairs_of_four_views_have_theirs),
        cmocka_unit_test(bottlenecks_behind_imagenets_stem_have_their_derivative),
        cmocka_unit_test(symmetric_gradient_is_the_mean_of_the_asymmetric_ones),
        cmocka_unit_test(without_predictor_stopgrad_only_halves_the_gradient),
        cmocka_unit_test(stopped_branch_is_not_walked),
        cmocka_unit_test(view_that_is_only_a_target_is_not_recorded),
        cmocka_unit_test(fixed_predictor_gets_no_gradient),
        cmocka_unit_test(all_views_together_equal_separate_passes),
        cmocka_unit_test(constant_output_is_the_minimum_with_std_zero),
        cmocka_unit_test(gaussian_output_has_std_one_over_root_d),
        cmocka_unit_test(mean_squared_error_on_the_sphere_is_2_minus_2_cos),
    };
    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
