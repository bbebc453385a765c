/* SPDX-License-Identifier: MIT
 *
 * method_runs.h -- what the tests of methods share: a small run, what it leaves, that it goes on
 * after a stop, hangs on no number of threads, and has the gradient of its loss.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../experiments/methods/method.h"
#include "../experiments/run/state.h"
#include "../engine/optim.h"

enum { BATCH = 16, D = 8, IMAGES = 64, STEPS = IMAGES / BATCH };

static inline struct settings settings_make(const char *name)
{
    int method = 0;
    while (strcmp(methods[method].name, name)) method++;
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

static inline float *download(const dev_float *x, size_t n)
{
    float *const host = host_alloc(n, sizeof *host);
    mem_download(host, x, sizeof *host * n);
    return host;
}

static inline double distance(const dev_float *a, const dev_float *b, size_t n)
{
    float *const x = download(a, n), *const y = download(b, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow((double)x[i] - (double)y[i], 2);
    free(x);
    free(y);
    return sqrt(sum);
}

static inline void step_make(struct trainer *t)
{
    assert_true(trainer_step(t));
    if (t->step == t->steps) trainer_seek(t, t->epoch + 1, 0);
}

/* Of the last epoch's log, the weights and statistics, and the method's own tensors: everything
 * that a run's numbers are. */
struct left { float log[STEPS * LOG_WIDTH]; char hash[HASH_TEXT], own[HASH_TEXT]; };

static inline struct left left_by(struct trainer *t)
{
    struct left l = { .own = "" };
    struct tensor list[METHOD_TENSORS];
    const int n = trainer_tensors(t, list);
    mem_download(l.log, t->log, sizeof l.log);
    trainer_hash(t, l.hash);
    for (int i = 0; i < n; i++) {
        float *const x = host_alloc(list[i].floats + HASH_TEXT, sizeof *x);
        if (list[i].act) mem_act_download(x, list[i].data, list[i].floats);
        else mem_download(x, list[i].data, sizeof *x * list[i].floats);
        memcpy(x + list[i].floats, l.own, HASH_TEXT);    /* with those before it */
        hash_bytes(l.own, x, sizeof *x * list[i].floats + HASH_TEXT);
        free(x);
    }
    return l;
}

static inline struct left run(const struct settings *s, int steps)
{
    static struct trainer t;
    trainer_open(&t, s, 3);
    for (int i = 0; i < steps; i++) step_make(&t);
    const struct left l = left_by(&t);
    trainer_close(&t);
    return l;
}

static inline void assert_same(const struct left *a, const struct left *b)
{
    assert_string_equal(a->hash, b->hash);
    assert_string_equal(a->own, b->own);
    assert_memory_equal(a->log, b->log, sizeof a->log);
}

static inline int precisions(void)
{
    return machine_has_precision(PRECISION_FP16) ? PRECISION_FP16 : PRECISION_BF16;
}

/* A run stopped within an epoch ends in the same bytes, its method's tensors' too. */
static inline void check_goes_on_in(enum precision precision, struct settings s)
{
    static struct trainer t;
    s.precision = precision;
    char path[] = "/tmp/test-method-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    const struct left whole = run(&s, 2 * STEPS);
    trainer_open(&t, &s, 3);
    for (int i = 0; i < STEPS + 1; i++) step_make(&t);   /* within the second epoch */
    assert_true(trainer_save(&t, path, "me"));
    trainer_close(&t);
    trainer_open(&t, &s, 3);
    assert_true(trainer_load(&t, path, "me"));
    for (int i = STEPS + 1; i < 2 * STEPS; i++) step_make(&t);
    const struct left parts = left_by(&t);
    assert_same(&whole, &parts);
    trainer_close(&t);
    close(fd);
    char *const older = text_format("%s.prev", path);
    unlink(path);
    unlink(older);
    free(older);
}

static inline void check_goes_on(struct settings s)
{
    for (int precision = PRECISION_FP32; precision <= precisions(); precision++)
        check_goes_on_in((enum precision)precision, s);
}

/* One thread's bytes are three threads'; a device has no number of them. */
static inline void check_threads(struct settings s)
{
    struct machine_info m;
    machine_describe(&m);
    if (!strcmp(m.machine, "cuda")) return;
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
        s.precision = precision;
        machine_open(3);
        const struct left three = run(&s, STEPS);
        machine_open(1);
        const struct left one = run(&s, STEPS);
        assert_same(&one, &three);
    }
}

/* With the optimiser and the schedule of the method's own paper: the same bytes, and others than by
 * SGD. */
static inline void check_own_recipe(struct settings s, int optimizer)
{
    const struct left by_sgd = run(&s, STEPS);
    s.optimizer = optimizer;
    s.lr_schedule = LR_BY_STEP;
    s.warmup = 0.5;
    s.warmup_from = 0.0625;
    s.lr_end = 0.001;
    s.views.blur_p[0] = 1;
    s.views.solarize_p[1] = 0.5;
    const struct left own = run(&s, STEPS);
    assert_string_not_equal(own.hash, by_sgd.hash);
    check_goes_on_in(PRECISION_BF16, s);
    check_threads(s);
}

/* The loss at the weights as they are; nothing moves but what no number here hangs on. */
static inline double loss_here(struct trainer *t, struct var views)
{
    float loss;
    trainer_forward(t, views);
    mem_download(&loss, float_at(t->log_now, LOG_LOSS), sizeof loss);
    return (double)loss;
}

/* w + eps u, u of length 1 with elements of one size, the direction's own. */
static inline double unit_at(size_t i, size_t n, int direction)
{
    const double at = 1.7 * (double)i * (direction + 1) + direction;
    return sin(at) / sqrt((double)n / 2);
}

/* The slope of the loss along a direction, by a central difference. */
static inline double slope_along(struct trainer *t, struct var views, const float *w, int direction,
                                 double eps)
{
    const size_t n = t->model.params.count;
    float *const moved = host_alloc(n, sizeof *moved);
    double value[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            moved[i] = (float)((double)w[i] + (side ? eps : -eps) * unit_at(i, n, direction));
        mem_upload(t->model.params.data, moved, sizeof *moved * n);
        value[side] = loss_here(t, views);
    }
    free(moved);
    return (value[1] - value[0]) / (2 * eps);
}

/* The gradient against differences of the loss, along directions, of a net whose weights are `away`
 * from where they began.  Of two steps the better one counts: the larger meets kinks of ReLU, the smaller
 * what fp32 rounds. */
static inline void check_derivative(struct settings s, float away)
{
    static struct trainer t;
    s.zero_init_residual = false;
    trainer_open(&t, &s, 3);
    struct params *const ps = &t.model.params;
    const size_t n = ps->count, bytes = sizeof(float) * n;
    float *const w = download(ps->data, n);
    for (size_t i = 0; i < n; i++) w[i] += away * sinf((float)(i * i));
    mem_upload(ps->data, w, bytes);
    const struct var views = trainer_views(&t);
    mem_zero(ps->grad, bytes);
    assert_true(loss_here(&t, views) > 0.1);
    tape_backward(&t.tape);
    float *const g = download(ps->grad, n);
    double worst = 0, size = 0;
    for (int direction = 0; direction < 12; direction++) {
        double along = 0;
        for (size_t i = 0; i < n; i++) along += unit_at(i, n, direction) * (double)g[i];
        const double off = fmin(fabs(slope_along(&t, views, w, direction, 2e-3) - along),
                                fabs(slope_along(&t, views, w, direction, 5e-4) - along));
        worst = fmax(worst, off);
        size = fmax(size, fabs(along));
    }
    assert_true(size > 0.05);
    if (!(worst < 0.01 * size)) fail_msg("the derivative is off by %g of %g", worst, size);
    free(w);
    free(g);
    trainer_close(&t);
}

/* All running statistics set off by 1: what a view's pass leaves of that is 0.9. */
static inline void statistics_off(const struct params *ps)
{
    float *const off = download(ps->stats, ps->n_stats);
    for (size_t i = 0; i < ps->n_stats; i++) off[i] += 1;
    mem_upload(ps->stats, off, sizeof *off * ps->n_stats);
    free(off);
}

static inline void check_statistics_moves(const struct settings *s, double kept)
{
    static struct trainer t;
    float *after[2];
    size_t n = 0;
    for (int off = 0; off < 2; off++) {
        trainer_open(&t, s, 3);
        if (off) statistics_off(&t.model.params);
        step_make(&t);
        n = t.model.params.n_stats;
        after[off] = download(t.model.params.stats, n);
        trainer_close(&t);
    }
    for (size_t i = 0; i < n; i++)
        if (after[1][i] - after[0][i] != 1)              /* a head that no view goes through */
            assert_float_equal(after[1][i] - after[0][i], kept, 1e-5);
    assert_float_equal(after[1][0] - after[0][0], kept, 1e-5);
    free(after[0]);
    free(after[1]);
}

static inline int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
}
