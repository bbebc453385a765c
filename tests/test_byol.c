/* SPDX-License-Identifier: MIT
 *
 * test_byol.c -- BYOL: what it is exactly beside SimSiam, its target's momentum, its derivative,
 * and that a run goes on with its target.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../experiments/methods/byol.h"
#include "../experiments/run/state.h"

enum { BATCH = 16, D = 8, IMAGES = 64, STEPS = IMAGES / BATCH };
enum { OF_SIMSIAM, OF_BYOL };

static struct settings settings_make(int method)
{
    struct settings s = settings_default(method);
    s.precision = PRECISION_FP32;
    s.dataset = (int)(data_source_find("synthetic") - data_sources);
    s.image_size = 8;
    s.train_count = IMAGES;
    s.monitor_count = 32;
    s.knn_k = 5;
    s.widths = (struct int_list){ 2, { 4, 8 } };
    s.blocks = (struct int_list){ 1, { 1 } };
    s.dim = D;
    s.epochs = 2;
    s.batch = BATCH;
    s.base_lr = 1;
    s.probe_batch = 16;
    s.probe_epochs = 1;
    return s;
}

/* BYOL whose target is the online network itself, with SimSiam's scale. */
static struct settings without_momentum(void)
{
    struct settings s = settings_make(OF_BYOL);
    *byol_own(&s) = (struct byol_settings){ 0, TARGET_CONSTANT, SCALE_COSINE };
    return s;
}

static const struct byol *state_of(const struct trainer *t)
{
    return t->own;
}

static float *download(const dev_float *x, size_t n)
{
    float *const host = host_alloc(n, sizeof *host);
    mem_download(host, x, sizeof *host * n);
    return host;
}

static double distance(const dev_float *a, const dev_float *b, size_t n)
{
    float *const x = download(a, n), *const y = download(b, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow((double)x[i] - (double)y[i], 2);
    free(x);
    free(y);
    return sqrt(sum);
}

static double target_distance(const struct trainer *t)
{
    const struct params *const xi = &state_of(t)->target->params;
    return distance(xi->data, t->model.params.data, xi->count);
}

static void step_make(struct trainer *t)
{
    assert_true(trainer_step(t));
    if (t->step == t->steps) trainer_seek(t, t->epoch + 1, 0);
}

/* Of the last epoch's log, and the weights and statistics: everything that a run's numbers are. */
struct left { float log[STEPS * LOG_WIDTH]; char hash[HASH_TEXT]; };

static struct left left_by(struct trainer *t)
{
    struct left l;
    mem_download(l.log, t->log, sizeof l.log);
    trainer_hash(t, l.hash);
    return l;
}

static struct left run(const struct settings *s, int steps)
{
    static struct trainer t;
    trainer_open(&t, s, 3);
    for (int i = 0; i < steps; i++) step_make(&t);
    const struct left l = left_by(&t);
    trainer_close(&t);
    return l;
}

static void assert_same(const struct left *a, const struct left *b)
{
    assert_string_equal(a->hash, b->hash);
    assert_memory_equal(a->log, b->log, sizeof a->log);
}

static int precisions(void)
{
    return machine_has_precision(PRECISION_FP16) ? PRECISION_FP16 : PRECISION_BF16;
}

/* ---- beside SimSiam -------------------------------------------------------------------------- */

/* Sec. 6.2: "BYOL without the momentum encoder is SimSiam", to the bit: losses, weights, online
 * statistics. */
static void byol_without_momentum_is_simsiam_bit_for_bit(void **state)
{
    (void)state;
    for (int precision = PRECISION_FP32; precision <= precisions(); precision++) {
        struct settings simsiam = settings_make(OF_SIMSIAM), byol = without_momentum();
        simsiam.precision = byol.precision = precision;
        const struct left a = run(&simsiam, 2 * STEPS), b = run(&byol, 2 * STEPS);
        assert_same(&a, &b);
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
        struct settings simsiam = settings_make(OF_SIMSIAM), byol = without_momentum();
        simsiam.pairs = byol.pairs = pairs[i];
        const struct left a = run(&simsiam, STEPS), b = run(&byol, STEPS);
        assert_same(&a, &b);
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
    struct settings s = settings_make(OF_BYOL);
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
    const struct settings s = settings_make(OF_BYOL);
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
    struct settings s = settings_make(OF_BYOL);
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
    struct settings s = settings_make(OF_BYOL);
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
    struct settings s = settings_make(OF_BYOL);
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

static void statistics_off(const struct params *xi)
{
    float *const off = download(xi->stats, xi->n_stats);
    for (size_t i = 0; i < xi->n_stats; i++) off[i] += 1;
    mem_upload(xi->stats, off, sizeof *off * xi->n_stats);
    free(off);
}

/* Those of the target, set off by 1, keep 0.9 of that in the pass of each view. */
static void they_are_not_averaged_with_the_online_ones(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make(OF_BYOL);
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
        struct settings s = settings_make(OF_BYOL);
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
    const struct settings s = settings_make(OF_BYOL);
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

/* The loss at the weights as they are; nothing moves but statistics, which no number here hangs
 * on. */
static double loss_here(struct trainer *t, struct var views)
{
    float loss;
    trainer_forward(t, views);
    mem_download(&loss, float_at(t->log_now, LOG_LOSS), sizeof loss);
    return (double)loss;
}

/* The gradient against differences of the loss, along directions: the target's weights do not
 * move with them. */
static void gradient_is_the_derivative_with_the_target_fixed(void **state)
{
    (void)state;
    static struct trainer t;
    struct settings s = settings_make(OF_BYOL);
    s.zero_init_residual = false;
    trainer_open(&t, &s, 3);
    struct params *const ps = &t.model.params;
    const size_t n = ps->count, bytes = sizeof(float) * n;
    float *const w = download(ps->data, n), *const moved = host_alloc(n, sizeof *moved);
    for (size_t i = 0; i < n; i++) w[i] += 0.2f * sinf((float)(i * i));   /* away from the target */
    mem_upload(ps->data, w, bytes);
    const struct var views = trainer_views(&t);
    mem_zero(ps->grad, bytes);
    assert_true(loss_here(&t, views) > 0.1);
    tape_backward(&t.tape);
    float *const g = download(ps->grad, n);
    double worst = 0, size = 0;
    for (int direction = 0; direction < 12; direction++) {
        double along = 0, value[2];
        const double eps = 2e-3;            /* fp32 sums: 1e-7 / eps of noise, eps^2 of curvature */
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++) {
                const double at = 1.7 * (double)i * (direction + 1) + direction;
                const double u = sin(at) / sqrt((double)n / 2);
                moved[i] = (float)((double)w[i] + (side ? eps : -eps) * u);
                if (side) along += u * (double)g[i];
            }
            mem_upload(ps->data, moved, bytes);
            value[side] = loss_here(&t, views);
        }
        const double numeric = (value[1] - value[0]) / (2 * eps);
        worst = fmax(worst, fabs(numeric - along));
        size = fmax(size, fabs(along));
    }
    assert_true(size > 0.05);
    if (!(worst < 0.01 * size)) fail_msg("the derivative is off by %g of %g", worst, size);
    free(w);
    free(moved);
    free(g);
    trainer_close(&t);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* A run stopped within an epoch ends in the same bytes, the target's and the log's too; tau with
 * it. */
static void a_run_goes_on_with_its_target(void **state)
{
    (void)state;
    for (int precision = PRECISION_FP32; precision <= precisions(); precision++) {
        static struct trainer t;
        struct settings s = settings_make(OF_BYOL);
        byol_own(&s)->momentum = 0.6;
        s.precision = precision;
        char path[] = "/tmp/test-byol-XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        float *target[2], *statistics[2], tau[2];
        const struct params *xi = NULL;
        struct left left[2];
        for (int stopped = 0; stopped < 2; stopped++) {
            trainer_open(&t, &s, 3);
            for (int i = 0; i < 2 * STEPS; i++) {
                if (stopped && i == STEPS + 1) {         /* within the second epoch */
                    assert_true(trainer_save(&t, path, "me"));
                    trainer_close(&t);
                    trainer_open(&t, &s, 3);
                    assert_true(trainer_load(&t, path, "me"));
                }
                step_make(&t);
            }
            left[stopped] = left_by(&t);
            xi = &state_of(&t)->target->params;
            target[stopped] = download(xi->data, xi->count);
            statistics[stopped] = download(xi->stats, xi->n_stats);
            mem_download(&tau[stopped], state_of(&t)->tau, sizeof tau[stopped]);
            if (!stopped) trainer_close(&t);
        }
        assert_same(&left[0], &left[1]);
        assert_memory_equal(target[0], target[1], sizeof **target * xi->count);
        assert_memory_equal(statistics[0], statistics[1], sizeof **statistics * xi->n_stats);
        assert_true(tau[0] == tau[1]);
        assert_true(fabs((double)tau[0] - byol_tau(byol_own(&s), 2 * STEPS - 1, 2 * STEPS)) < 1e-7);
        trainer_close(&t);
        for (int i = 0; i < 2; i++) {
            free(target[i]);
            free(statistics[i]);
        }
        close(fd);
        char *const before = text_format("%s.prev", path);
        unlink(path);
        unlink(before);
        free(before);
    }
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
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
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
