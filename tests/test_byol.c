/* SPDX-License-Identifier: MIT
 *
 * test_byol.c -- BYOL: what it is exactly beside SimSiam, its target's momentum, its derivative,
 * and that a run goes on with its target.
 */
#include "method_runs.h"

#include "../experiments/methods/byol.h"

/* BYOL whose target is the online network itself, with SimSiam's scale. */
static struct settings without_momentum(void)
{
    struct settings s = settings_make("byol");
    *byol_own(&s) = (struct byol_settings){ 0, TARGET_CONSTANT, SCALE_COSINE };
    return s;
}

static const struct byol *state_of(const struct trainer *t)
{
    return t->own;
}

static double target_distance(const struct trainer *t)
{
    const struct params *const xi = &state_of(t)->target->params;
    return distance(xi->data, t->model.params.data, xi->count);
}

/* But for what SimSiam has not. */
static void assert_same_net(const struct left *a, const struct left *b)
{
    assert_string_equal(a->hash, b->hash);
    assert_memory_equal(a->log, b->log, sizeof a->log);
}

/* ---- beside SimSiam -------------------------------------------------------------------------- */

/* Sec. 6.2: "BYOL without the momentum encoder is SimSiam", to the bit: losses, weights, online
 * statistics. */
static void byol_without_momentum_is_simsiam_bit_for_bit(void **state)
{
    (void)state;
    for (int precision = PRECISION_FP32; precision <= precisions(); precision++) {
        struct settings simsiam = settings_make("simsiam"), byol = without_momentum();
        simsiam.precision = byol.precision = precision;
        const struct left a = run(&simsiam, 2 * STEPS), b = run(&byol, 2 * STEPS);
        assert_same_net(&a, &b);
        byol_own(&byol)->momentum = 0.5;
        const struct left c = run(&byol, 2 * STEPS);
        assert_string_not_equal(a.hash, c.hash);
    }
}

/* ... and so with one pair, whose target view goes through without gradient, and with four
 * views. */
static void so_it_is_with_other_pairs(void **state)
{
    (void)state;
    static const struct pair_list pairs[] = { { 1, { { 0, 1 } } }, { 2, { { 0, 1 }, { 2, 3 } } } };
    for (int i = 0; i < 2; i++) {
        struct settings simsiam = settings_make("simsiam"), byol = without_momentum();
        simsiam.pairs = byol.pairs = pairs[i];
        const struct left a = run(&simsiam, STEPS), b = run(&byol, STEPS);
        assert_same_net(&a, &b);
    }
}

/* |unit(p) - unit(z')|^2 = 2 + 2 D over two pairs: L = 4 + 4 L_SimSiam, its gradient four times
 * SimSiam's. */
static void squared_scale_is_4_plus_4_times_simsiams(void **state)
{
    (void)state;
    static struct trainer t;
    float loss[2], *gradient[2];
    for (int squared = 0; squared < 2; squared++) {
        struct settings s = without_momentum();
        byol_own(&s)->scale = squared ? SCALE_SQUARED : SCALE_COSINE;
        trainer_open(&t, &s, 3);
        step_make(&t);
        mem_download(&loss[squared], float_at(t.log, LOG_LOSS), sizeof(float));
        gradient[squared] = download(t.model.params.grad, t.model.params.count);
        if (squared)
            for (size_t i = 0; i < t.model.params.count; i++) gradient[0][i] *= 4;
        if (squared) {
            dev_float *const four = mem_alloc(sizeof(float) * t.model.params.count);
            mem_upload(four, gradient[0], sizeof(float) * t.model.params.count);
            const double away = distance(four, t.model.params.grad, t.model.params.count);
            double norm = 0;
            for (size_t i = 0; i < t.model.params.count; i++)
                norm += pow((double)gradient[0][i], 2);
            assert_true(norm > 1e-4 && away < 1e-5 * sqrt(norm));     /* sums of the same in fp32 */
            mem_free(four);
        }
        trainer_close(&t);
    }
    assert_true(loss[0] < 0.9f && loss[0] > -0.9f);
    assert_float_equal(loss[1], 4 + 4 * loss[0], 1e-5);
    free(gradient[0]);
    free(gradient[1]);
}

/* ---- golden numbers -------------------------------------------------------------------------- */

/* BYOL's tau, made in Python in float64. */
static void tau_is_on_a_cosine_to_1(void **state)
{
    (void)state;
    static const struct { double k, tau; } of_100[] = {
        { 0, 0.99 }, { 1, 9.900024671982e-01 }, { 25, 9.914644660941e-01 }, { 50, 0.995 },
        { 75, 9.985355339059e-01 }, { 99, 9.999975328018e-01 }, { 100, 1 },
    }, of_624[] = {
        { 0, 0.996 }, { 1, 9.960000253472e-01 }, { 156, 9.965857864376e-01 }, { 312, 0.998 },
        { 468, 9.994142135624e-01 }, { 623, 9.999999746528e-01 }, { 624, 1 },
    };
    const struct byol_settings a = { .momentum = 0.99 }, b = { .momentum = 0.996 };
    for (size_t i = 0; i < sizeof of_100 / sizeof *of_100; i++) {
        assert_true(fabs(byol_tau(&a, of_100[i].k, 100) - of_100[i].tau) < 1e-12);
        assert_true(fabs(byol_tau(&b, of_624[i].k, 624) - of_624[i].tau) < 1e-12);
    }
    for (int k = 0; k < 624; k++) assert_true(byol_tau(&b, k, 624) < byol_tau(&b, k + 1, 624));
    const struct byol_settings constant = { .momentum = 0.99, .schedule = TARGET_CONSTANT };
    assert_true(byol_tau(&constant, 0, 100) == 0.99 && byol_tau(&constant, 100, 100) == 0.99);
}

/* xi <- tau xi + (1 - tau) theta with theta as SGD leaves it: the step's old weights give another
 * target, and so does none. */
static void target_moves_after_the_optimiser(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    *byol_own(&s) = (struct byol_settings){ .momentum = 0.75, .schedule = TARGET_CONSTANT };
    trainer_open(&t, &s, 3);
    const struct params *const xi = &state_of(&t)->target->params;
    for (int k = 0; k < STEPS; k++) {
        float *const old = download(t.model.params.data, xi->count);
        float *const before = download(xi->data, xi->count);
        step_make(&t);
        float *const new = download(t.model.params.data, xi->count);
        float *const after = download(xi->data, xi->count);
        double by_new = 0, by_old = 0;
        for (size_t i = 0; i < xi->count; i++) {
            const double kept = 0.75 * (double)before[i];
            by_new = fmax(by_new, fabs((double)after[i] - kept - 0.25 * (double)new[i]));
            by_old = fmax(by_old, fabs((double)after[i] - kept - 0.25 * (double)old[i]));
        }
        assert_true(by_new < 1e-6 && by_old > 1e-3);       /* weights of about 1, in fp32 */
        free(old);
        free(before);
        free(new);
        free(after);
    }
    trainer_close(&t);
}

/* ---- the target ------------------------------------------------------------------------------ */

static void target_starts_as_the_online_network(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = settings_make("byol");
    trainer_open(&t, &s, 3);
    assert_true(target_distance(&t) == 0);
    assert_ptr_not_equal(state_of(&t)->target->params.data, t.model.params.data);
    assert_null(state_of(&t)->target->params.grad);
    step_make(&t);
    assert_true(target_distance(&t) > 0);
    trainer_close(&t);
}

static void momentum_1_never_moves_it(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    byol_own(&s)->momentum = 1;
    trainer_open(&t, &s, 3);
    const size_t n = state_of(&t)->target->params.count;
    float *const start = download(t.model.params.data, n);
    for (int i = 0; i < STEPS; i++) step_make(&t);
    float *const target = download(state_of(&t)->target->params.data, n);
    assert_memory_equal(target, start, sizeof *target * n);
    assert_true(target_distance(&t) > 0);
    free(start);
    free(target);
    trainer_close(&t);
}

/* Where the online network stands still, the target nears it by the factor tau a step. */
static void it_nears_a_network_that_stands_still_geometrically(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    s.base_lr = 0;
    *byol_own(&s) = (struct byol_settings){ .momentum = 0.75, .schedule = TARGET_CONSTANT };
    trainer_open(&t, &s, 3);
    const struct params *const xi = &state_of(&t)->target->params;
    float *const off = download(xi->data, xi->count);
    for (size_t i = 0; i < xi->count; i++) off[i] += 0.1f * sinf((float)i);
    mem_upload(xi->data, off, sizeof *off * xi->count);
    double away = target_distance(&t);
    for (int i = 0; i < 2 * STEPS; i++) {
        step_make(&t);
        assert_true(fabs(target_distance(&t) / away - 0.75) < 1e-5);
        away = target_distance(&t);
    }
    free(off);
    trainer_close(&t);
}

/* It is encoded in training mode: the statistics of its own pass move its own running ones, and
 * nothing else does. */
static void its_running_statistics_are_its_own(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    byol_own(&s)->momentum = 1;
    trainer_open(&t, &s, 3);
    const struct params *const ps = &t.model.params, *const xi = &state_of(&t)->target->params;
    assert_true(distance(xi->stats, ps->stats, xi->n_stats) == 0);
    float *const first = download(xi->stats, xi->n_stats);
    step_make(&t);                          /* both networks are still one: so are the statistics */
    assert_true(distance(xi->stats, ps->stats, xi->n_stats) == 0);
    float *const second = download(xi->stats, xi->n_stats);
    assert_memory_not_equal(first, second, sizeof *first * xi->n_stats);
    for (int i = 1; i < STEPS; i++) step_make(&t);
    assert_true(distance(xi->stats, ps->stats, xi->n_stats) > 0);
    free(first);
    free(second);
    trainer_close(&t);
}

/* Those of the target, set off by 1, keep 0.9 of that in the pass of each view. */
static void they_are_not_averaged_with_the_online_ones(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    *byol_own(&s) = (struct byol_settings){ 0.5, TARGET_CONSTANT, SCALE_COSINE };
    trainer_open(&t, &s, 3);
    const struct params *const ps = &t.model.params, *const xi = &state_of(&t)->target->params;
    statistics_off(xi);
    step_make(&t);
    float *const target = download(xi->stats, xi->n_stats);
    float *const online = download(ps->stats, xi->n_stats);
    for (size_t i = 0; i < xi->n_stats; i++)
        assert_float_equal(target[i] - online[i], 0.81, 1e-5);
    free(target);
    free(online);
    trainer_close(&t);
}

/* The target's running statistics after a step, set off by 1 before it or not. */
static float *statistics_after(const struct settings *s, bool off, size_t *n)
{
    static struct trainer t;
    trainer_open(&t, s, 3);
    const struct params *const xi = &state_of(&t)->target->params;
    if (off) statistics_off(xi);
    step_make(&t);
    *n = xi->n_stats;
    float *const after = download(xi->stats, xi->n_stats);
    trainer_close(&t);
    return after;
}

/* Each view that goes through keeps 0.9: with the one pair (0, 1) that is view 1 alone. */
static void a_view_that_no_pair_targets_is_not_the_targets(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct settings s = settings_make("byol");
        s.pairs = (struct pair_list){ both ? 2 : 1, { { 0, 1 }, { 1, 0 } } };
        size_t n;
        float *const plain = statistics_after(&s, false, &n);
        float *const off = statistics_after(&s, true, &n);
        for (size_t i = 0; i < n; i++)
            assert_float_equal(off[i] - plain[i], both ? 0.81 : 0.9, 1e-5);
        free(plain);
        free(off);
    }
}

/* The predictor is the online network's alone. */
static void the_target_has_no_predictor(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = settings_make("byol");
    trainer_open(&t, &s, 3);
    const struct params *const ps = &t.model.params, *const xi = &state_of(&t)->target->params;
    size_t weights = 0, statistics = 0;
    for (int i = 0; i < ps->n; i++) {
        if (!strncmp(ps->p[i].name, "predictor", strlen("predictor"))) continue;
        *(ps->p[i].statistic ? &statistics : &weights) += ps->p[i].count;
    }
    assert_true(weights < ps->count && statistics < ps->n_stats);
    assert_true(xi->count == weights && xi->n_stats == statistics);
    struct tensor kept[METHOD_TENSORS];
    assert_int_equal(trainer_tensors(&t, kept), 2);
    assert_true(kept[0].floats == weights && kept[1].floats == statistics);
    trainer_close(&t);
}

/* ---- the derivative -------------------------------------------------------------------------- */

/* The target's weights do not move with the online ones. */
static void gradient_is_the_derivative_with_the_target_fixed(void **state)
{
    (void)state;
    check_derivative(settings_make("byol"), 0.2f);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* The target's bytes are its own tensors'. */
static void a_run_goes_on_with_its_target(void **state)
{
    (void)state;
    struct settings s = settings_make("byol");
    byol_own(&s)->momentum = 0.6;
    check_goes_on(s);
}

/* tau of a run that was stopped is that of its step. */
static void tau_goes_on_too(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make("byol");
    byol_own(&s)->momentum = 0.6;
    trainer_open(&t, &s, 3);
    trainer_seek(&t, 1, STEPS - 1);
    step_make(&t);
    float tau;
    mem_download(&tau, state_of(&t)->tau, sizeof tau);
    assert_true(fabs((double)tau - byol_tau(byol_own(&s), 2 * STEPS - 1, 2 * STEPS)) < 1e-7);
    trainer_close(&t);
}

static void a_run_by_its_own_recipe_goes_on_too(void **state)
{
    (void)state;
    check_own_recipe(settings_make("byol"), OPTIMIZER_LARS_BYOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byol_without_momentum_is_simsiam_bit_for_bit),
        cmocka_unit_test(so_it_is_with_other_pairs),
        cmocka_unit_test(squared_scale_is_4_plus_4_times_simsiams),
        cmocka_unit_test(tau_is_on_a_cosine_to_1),
        cmocka_unit_test(target_moves_after_the_optimiser),
        cmocka_unit_test(target_starts_as_the_online_network),
        cmocka_unit_test(momentum_1_never_moves_it),
        cmocka_unit_test(it_nears_a_network_that_stands_still_geometrically),
        cmocka_unit_test(its_running_statistics_are_its_own),
        cmocka_unit_test(they_are_not_averaged_with_the_online_ones),
        cmocka_unit_test(a_view_that_no_pair_targets_is_not_the_targets),
        cmocka_unit_test(the_target_has_no_predictor),
        cmocka_unit_test(gradient_is_the_derivative_with_the_target_fixed),
        cmocka_unit_test(a_run_goes_on_with_its_target),
        cmocka_unit_test(tau_goes_on_too),
        cmocka_unit_test(a_run_by_its_own_recipe_goes_on_too),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
