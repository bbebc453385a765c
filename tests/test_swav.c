/* SPDX-License-Identifier: MIT
 *
 * test_swav.c -- SwAV: its loss and gradients beside numbers that others found, its prototypes, and
 * its queue.
 */
#include "method_runs.h"

#include "../experiments/methods/swav.h"

enum { PROTOTYPES = 12 };

static struct settings small(void)
{
    struct settings s = settings_make("swav");
    s.predictor = (struct word_list){ .n = 0 };
    swav_own(&s)->prototypes = PROTOTYPES;
    swav_own(&s)->frozen_epochs = 0;
    return s;
}

static struct swav *state_of(const struct trainer *t)
{
    return t->own;
}

static float *prototypes_of(const struct trainer *t)
{
    const struct param *const p = &t->model.params.p[state_of(t)->prototypes];
    return download(float_at(t->model.params.data, p->offset), p->count);
}

/* ---- golden numbers -------------------------------------------------------------------------- */

enum { N = 4, WIDE = 6, FEW = 5 };

/* Those of test_ops_contrast.c. */
static void rows_fill(float *x, int n, int seed)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < WIDE; j++)
            x[i * WIDE + j] =
                (float)((1103 * i + 769 * j + 97 * seed + 17 * i * j) % 127 - 63) / 64;
}

/* The loss of z [2N, WIDE] and prototypes [FEW, WIDE], times `longer`, and its gradients. */
struct outcome { double loss, dz[2 * N * WIDE], dw[FEW * WIDE], norm_z, norm_w; };

static struct outcome golden_run(enum prototype_norm norm, bool stop_grad, const int pairs[2][2],
                                 float longer)
{
    struct settings s = small();
    s.stop_grad = stop_grad;
    s.batch = N;
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < 2; i++) s.pairs.v[p][i] = pairs[p][i];
    swav_own(&s)->prototypes = FEW;
    swav_own(&s)->prototype_norm = norm;
    static struct model f;                               /* of prototypes alone */
    memset(&f, 0, sizeof f);
    f.projector.out = WIDE;
    const struct method *const m = methods[s.method].method;
    m->declare(&f.params, &s, WIDE);
    params_alloc(&f.params, 1);
    struct swav *const w = m->open(&f, &s);
    float z[2 * N * WIDE], c[FEW * WIDE], got[2 * N * WIDE];
    rows_fill(z, N, 1);
    rows_fill(z + N * WIDE, N, 2);
    rows_fill(c, FEW, 5);
    for (int i = 0; i < FEW * WIDE; i++) c[i] *= longer;
    mem_upload(f.params.data, c, sizeof c);
    if (norm == NORM_OUTSIDE) op_normalize_rows(f.params.data, FEW, WIDE);
    dev_act *const x = mem_alloc(sizeof z), *const dx = mem_alloc(sizeof z);
    dev_float *const loss = mem_alloc(sizeof(float));
    mem_act_upload(x, z, 2 * N * WIDE);
    const struct node node = { .op = &w->whole.op, .x = var_input(x, 2 * N, 1, 1, WIDE),
                               .w = params_weight(&f.params, 0), .dx = { dx, false },
                               .loss = loss, .scale = 0.5f };
    w->whole.op.fwd(&node);
    w->whole.op.bwd(&node);
    struct outcome o = { 0 };
    float value;
    mem_download(&value, loss, sizeof value);
    o.loss = (double)value;
    mem_act_download(got, dx, 2 * N * WIDE);
    for (int i = 0; i < 2 * N * WIDE; i++) o.dz[i] = (double)got[i];
    mem_download(got, f.params.grad, sizeof c);
    for (int i = 0; i < FEW * WIDE; i++) o.dw[i] = (double)got[i];
    for (int i = 0; i < 2 * N * WIDE; i++) o.norm_z += o.dz[i] * o.dz[i];
    for (int i = 0; i < FEW * WIDE; i++) o.norm_w += o.dw[i] * o.dw[i];
    o.norm_z = sqrt(o.norm_z);
    o.norm_w = sqrt(o.norm_w);
    mem_free(x);
    mem_free(dx);
    mem_free(loss);
    m->close(w);
    model_free(&f);
    return o;
}

static const int swapped[2][2] = { { 0, 1 }, { 1, 0 } };

static void check_row(const double *got, const double *want, double tolerance)
{
    for (int j = 0; j < WIDE; j++)
        if (!(fabs(got[j] - want[j]) < tolerance)) fail_msg("%d: %g for %g", j, got[j], want[j]);
}

static void loss_and_gradients_are_what_others_found(void **state)
{
    (void)state;
    static const double z_0[WIDE] = { 3.001518619659e-01, -1.071112404697e-01, -2.722817970301e-01,
                                      2.779905012768e-01, -3.313340024154e-01, -2.156750756792e-01 };
    static const double w_0[WIDE] = { 4.290743594923e-01, -5.235635161171e-01, -4.732177106916e-01,
                                      2.167224239929e-01, 1.388424951076e-04, -3.948477784241e-01 };
    const struct outcome inside = golden_run(NORM_IN_GRADIENT, true, swapped, 1);
    assert_true(fabs(inside.loss - 7.359750308494) < 2e-6 * 7.36);
    assert_true(fabs(inside.norm_z - 2.867710641126) < 2e-5 * 2.87);
    assert_true(fabs(inside.norm_w - 2.607568212629) < 2e-5 * 2.61);
    check_row(inside.dz, z_0, 6e-5);
    check_row(inside.dw, w_0, 6e-5);
    const struct outcome outside = golden_run(NORM_OUTSIDE, true, swapped, 1);
    assert_true(fabs(outside.loss - 7.359750308494) < 2e-6 * 7.36);
    assert_true(fabs(outside.norm_w - 4.967253023049) < 2e-5 * 4.97);
}

static void without_stop_gradient_it_goes_back_through_sinkhorn(void **state)
{
    (void)state;
    static const double z_0[WIDE] = { 3.004650569799e-01, -1.036617911171e-01, -2.730600039944e-01,
                                      2.803485471580e-01, -3.362021792827e-01, -2.166649433111e-01 };
    const struct outcome o = golden_run(NORM_IN_GRADIENT, false, swapped, 1);
    assert_true(fabs(o.loss - 7.359750308494) < 2e-6 * 7.36);
    assert_true(fabs(o.norm_z - 3.980598541950) < 2e-5 * 3.98);
    assert_true(fabs(o.norm_w - 3.995525772597) < 2e-5 * 4);
    check_row(o.dz, z_0, 8e-5);
}

/* Its own view's code in place of the other's would be 1.49. */
static void a_code_is_predicted_from_the_other_view(void **state)
{
    (void)state;
    static const int same[2][2] = { { 0, 0 }, { 1, 1 } };
    const struct outcome o = golden_run(NORM_OUTSIDE, true, same, 1);
    assert_true(fabs(o.loss - 1.491896993147) < 1e-5);
}

/* w_k . dw_k = 0, and longer prototypes change nothing but their gradient, which is shorter. */
static void the_norm_in_the_gradient_leaves_directions_alone(void **state)
{
    (void)state;
    const struct outcome o = golden_run(NORM_IN_GRADIENT, true, swapped, 1);
    const struct outcome longer = golden_run(NORM_IN_GRADIENT, true, swapped, 4);
    float w[FEW * WIDE];
    rows_fill(w, FEW, 5);
    for (int k = 0; k < FEW; k++) {
        double along = 0;
        for (int j = 0; j < WIDE; j++) along += (double)w[k * WIDE + j] * o.dw[k * WIDE + j];
        assert_true(fabs(along) < 1e-5);
    }
    assert_true(longer.loss == o.loss && longer.norm_z == o.norm_z);
    for (int i = 0; i < FEW * WIDE; i++) assert_true(fabs(4 * longer.dw[i] - o.dw[i]) < 1e-6);
    const struct outcome outside = golden_run(NORM_OUTSIDE, true, swapped, 1);
    double along = 0;
    for (int j = 0; j < WIDE; j++) along += (double)w[j] * outside.dw[j];
    assert_true(fabs(along) > 0.1);
}

/* ---- prototypes ------------------------------------------------------------------------------ */

static void prototypes_are_trained_with_the_encoder(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = small();
    trainer_open(&t, &s, 3);
    const struct params *const ps = &t.model.params;
    const struct param *const p = &ps->p[state_of(&t)->prototypes];
    assert_true(p->group == GROUP_ENCODER && p->n_dims == 2 && p->dim[0] == PROTOTYPES &&
                p->dim[1] == D);
    float *const before = prototypes_of(&t);
    step_make(&t);
    float *const after = prototypes_of(&t);
    assert_memory_not_equal(before, after, sizeof *after * p->count);
    free(before);
    free(after);
    trainer_close(&t);
}

/* To the bit, and without velocity, for so many epochs: weight decay would show. */
static void frozen_prototypes_stay_as_they_are(void **state)
{
    (void)state;
    static struct trainer t;
    for (int norm = NORM_OUTSIDE; norm <= NORM_IN_GRADIENT; norm++) {
        struct settings s = small();
        s.weight_decay = 0.1;
        swav_own(&s)->frozen_epochs = 1;
        swav_own(&s)->prototype_norm = norm;
        trainer_open(&t, &s, 3);
        const struct param *const p = &t.model.params.p[state_of(&t)->prototypes];
        float *const first = prototypes_of(&t);
        for (int i = 0; i < STEPS; i++) {
            step_make(&t);
            float *const now = prototypes_of(&t);
            float *const v = download(float_at(t.model.params.velocity, p->offset), p->count);
            assert_memory_equal(now, first, sizeof *now * p->count);
            for (size_t k = 0; k < p->count; k++) assert_true(v[k] == 0);
            free(now);
            free(v);
        }
        step_make(&t);
        float *const moved = prototypes_of(&t);
        assert_memory_not_equal(moved, first, sizeof *moved * p->count);
        free(first);
        free(moved);
        trainer_close(&t);
    }
}

/* Outside of the gradient: of unit length when a pass begins.  In it, they keep their own. */
static void prototypes_are_put_to_unit_length_before_a_pass(void **state)
{
    (void)state;
    static struct trainer t;
    for (int norm = NORM_OUTSIDE; norm <= NORM_IN_GRADIENT; norm++) {
        struct settings s = small();
        swav_own(&s)->prototype_norm = norm;
        trainer_open(&t, &s, 3);
        step_make(&t);
        loss_here(&t, trainer_views(&t));
        float *const c = prototypes_of(&t);
        double off = 0;
        for (int k = 0; k < PROTOTYPES; k++) {
            double square = 0;
            for (int j = 0; j < D; j++) square += (double)c[k * D + j] * (double)c[k * D + j];
            off = fmax(off, fabs(sqrt(square) - 1));
        }
        assert_true(norm == NORM_OUTSIDE ? off < 1e-6 : off > 0.01);
        free(c);
        trainer_close(&t);
    }
}

/* ---- the loss of a net ----------------------------------------------------------------------- */

static void the_gradient_is_the_derivative_without_stop_gradient(void **state)
{
    (void)state;
    struct settings s = small();
    s.stop_grad = false;
    swav_own(&s)->prototype_norm = NORM_IN_GRADIENT;
    swav_own(&s)->epsilon = 0.5;                         /* codes that bend less than the step */
    swav_own(&s)->temperature = 0.5;
    check_derivative(s, 0);
}

static void batch_norm_sees_both_views_together_or_each(void **state)
{
    (void)state;
    struct settings s = small();
    check_statistics_moves(&s, 0.9);
    swav_own(&s)->joint_bn = false;
    check_statistics_moves(&s, 0.81);
}

/* Of 64 images with milder views: with the usual ones codes end spread evenly, at ln K. */
static void it_learns(void **state)
{
    (void)state;
    struct settings s = small();
    s.epochs = 20;
    s.views.crop_scale[0] = 0.8;
    s.views.jitter_p = 0;
    s.views.gray_p = 0;
    const struct left first = run(&s, 1), last = run(&s, 20 * STEPS);
    const size_t at = (STEPS - 1) * LOG_WIDTH + LOG_LOSS;
    assert_true(last.log[at] < 0.8f * first.log[LOG_LOSS]);
    assert_true((double)last.log[at] < log(PROTOTYPES));
}

/* ---- a predictor of the scores --------------------------------------------------------------- */

static struct settings predicted(void)
{
    struct settings s = small();
    s.predictor = (struct word_list){ 4, { "fc 3", "bn", "relu", "fc 12" } };
    return s;
}

static void the_gradient_with_a_predictor_is_the_derivative(void **state)
{
    (void)state;
    struct settings s = predicted();
    s.stop_grad = false;
    swav_own(&s)->prototype_norm = NORM_IN_GRADIENT;
    swav_own(&s)->epsilon = 0.5;
    swav_own(&s)->temperature = 0.5;
    check_derivative(s, 0);
}

/* Its codes are of the scores: they are the same whatever h is, and the loss of an h that gives
 * zeros is ln K. */
static void a_predictor_tells_codes_of_scores_that_it_does_not_make(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = predicted();
    swav_own(&s)->prototype_norm = NORM_IN_GRADIENT;     /* outside, a pass rounds them once more */
    trainer_open(&t, &s, 3);
    const struct var views = trainer_views(&t);
    const size_t n = codes_floats(&state_of(&t)->codes, PROTOTYPES);
    float *codes[2];
    for (int zero = 0; zero < 2; zero++) {
        const struct params *const ps = &t.model.params;
        const size_t first = ps->group_end[GROUP_ENCODER];
        if (zero) mem_zero(float_at(ps->data, first), sizeof(float) * (ps->count - first));
        const double loss = loss_here(&t, views);
        codes[zero] = download(state_of(&t)->codes.codes, n);
        assert_true(zero == (fabs(loss - log(PROTOTYPES)) < 1e-5));
    }
    assert_memory_equal(codes[0], codes[1], n * sizeof(float));
    free(codes[0]);
    free(codes[1]);
    trainer_close(&t);
}

static void a_run_with_a_predictor_goes_on_too(void **state)
{
    (void)state;
    struct settings s = predicted();
    check_goes_on(s);
    check_threads(s);
    swav_own(&s)->frozen_epochs = 1;
    swav_own(&s)->queue = 2 * BATCH;
    swav_own(&s)->queue_from = 0;
    check_goes_on_in(PRECISION_BF16, s);
}

static void a_run_by_its_own_recipe_goes_on_too(void **state)
{
    (void)state;
    check_own_recipe(small(), OPTIMIZER_LARC);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static struct settings queued(void)
{
    struct settings s = small();
    s.epochs = 3;
    swav_own(&s)->queue = 3 * BATCH;
    swav_own(&s)->queue_from = 0;
    return s;
}

/* Filled for three steps, then used: up to there a run is the one without. */
static void the_queue_is_used_once_it_is_full(void **state)
{
    (void)state;
    const struct settings with = queued();
    struct settings without = queued();
    swav_own(&without)->queue = 0;
    const struct left a = run(&with, 3), b = run(&without, 3);
    assert_string_equal(a.hash, b.hash);
    const struct left c = run(&with, 4), d = run(&without, 4);
    assert_true(c.log[3 * LOG_WIDTH + LOG_LOSS] != d.log[3 * LOG_WIDTH + LOG_LOSS]);
    struct settings later = queued();
    swav_own(&later)->queue_from = 1;
    const struct left e = run(&later, STEPS + 3);
    const struct left f = run(&without, STEPS + 3);
    assert_string_equal(e.hash, f.hash);
    const struct left g = run(&later, STEPS + 4), h = run(&without, STEPS + 4);
    assert_string_not_equal(g.hash, h.hash);
}

/* Of each view its own features, in place of the oldest. */
static void the_queue_is_a_ring_of_features(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = queued();
    trainer_open(&t, &s, 3);
    const size_t view = 4 * BATCH * D, count = BATCH * D;
    for (int step = 0; step < 2 * STEPS; step++) {
        step_make(&t);
        float *const x = download(state_of(&t)->codes.features, 2 * view);
        for (int v = 0; v < 2; v++)
            assert_memory_equal(x + v * view + step % 3 * count, x + v * view + 3 * count,
                                count * sizeof *x);
        assert_memory_not_equal(x, x + view, view * sizeof *x);
        free(x);
    }
    trainer_close(&t);
}

/* Of a batch that was cut: whole steps, as many as fit. */
static void a_queue_is_cut_to_whole_steps(void **state)
{
    (void)state;
    struct settings s = queued();
    s.batch = 20;
    methods[s.method].method->cut(&s);
    assert_int_equal(swav_own(&s)->queue, 40);
}

static void a_run_goes_on_and_hangs_on_no_threads(void **state)
{
    (void)state;
    struct settings s = small();
    check_goes_on(s);
    check_threads(s);
    swav_own(&s)->frozen_epochs = 1;
    check_goes_on_in(PRECISION_BF16, s);
    s.stop_grad = false;
    check_threads(s);
    check_goes_on_in(PRECISION_BF16, s);
    check_goes_on_in(PRECISION_BF16, queued());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients_are_what_others_found),
        cmocka_unit_test(without_stop_gradient_it_goes_back_through_sinkhorn),
        cmocka_unit_test(a_code_is_predicted_from_the_other_view),
        cmocka_unit_test(the_norm_in_the_gradient_leaves_directions_alone),
        cmocka_unit_test(prototypes_are_trained_with_the_encoder),
        cmocka_unit_test(frozen_prototypes_stay_as_they_are),
        cmocka_unit_test(prototypes_are_put_to_unit_length_before_a_pass),
        cmocka_unit_test(the_gradient_is_the_derivative_without_stop_gradient),
        cmocka_unit_test(batch_norm_sees_both_views_together_or_each),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(the_gradient_with_a_predictor_is_the_derivative),
        cmocka_unit_test(a_predictor_tells_codes_of_scores_that_it_does_not_make),
        cmocka_unit_test(a_run_with_a_predictor_goes_on_too),
        cmocka_unit_test(a_run_by_its_own_recipe_goes_on_too),
        cmocka_unit_test(the_queue_is_used_once_it_is_full),
        cmocka_unit_test(the_queue_is_a_ring_of_features),
        cmocka_unit_test(a_queue_is_cut_to_whole_steps),
        cmocka_unit_test(a_run_goes_on_and_hangs_on_no_threads),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
