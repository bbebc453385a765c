/* SPDX-License-Identifier: MIT
 *
 * test_tape.c -- what the tape records, what it walks back, and where it keeps things.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../engine/tape.h"

enum { N = 7, C = 5, K = 3 };
static const float DIRT = 0.25f;   /* what a weight's gradient holds before a backward: `=` for `+=`
                                      must show */

static struct tape tape;
static dev_float *loss;

/* The same numbers every time, in [-1, 1). */
static float random_float(void)
{
    static uint32_t s = 1;
    s = s * 1664525u + 1013904223u;
    return (float)(s >> 8) / 8388608.0f - 1.0f;
}

static dev_float *floats_make(size_t n, bool random)
{
    float *const x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = random ? random_float() : DIRT;
    dev_float *const d = mem_alloc(4 * n);
    mem_upload(d, x, 4 * n);
    free(x);
    return d;
}

static struct weight weight_make(size_t n)
{
    return (struct weight){ floats_make(n, true), floats_make(n, false) };
}

static void weight_free(struct weight w) { mem_free(w.data), mem_free(w.grad); }
static struct weight frozen(struct weight w) { return (struct weight){ w.data, NULL }; }

static struct var input_make(int n, int h, int w, int c)
{
    float x[N * 3 * 3 * C];
    const size_t count = (size_t)n * h * w * c;
    assert_true(count <= sizeof x / sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = random_float();
    const struct var v = var_room(&tape, n, h, w, c);
    mem_act_upload(v.data, x, count);
    return v;
}

static void input_read(float *x, const dev_act *data, size_t n) { mem_act_download(x, data, n); }

static const struct weight NONE = { NULL, NULL };

/* The node that made v. */
static int node_of(struct var v) { return (int)(v.grad - tape.grad); }

/* dy of the tape's first node: its memory is the last to be given out, so it still lies there after
 * the walk. */
static void first_gradient_read(float *g, size_t n) { input_read(g, tape.node[0].dy, n); }

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    loss = mem_alloc(4);
    return 0;
}

static int machine_stop(void **state)
{
    (void)state;
    mem_free(loss);
    return 0;
}

static int tape_clear(void **state)
{
    (void)state;
    tape_reset(&tape);
    return 0;
}

static int tape_drop(void **state)
{
    (void)state;
    tape_free(&tape);
    return 0;
}

/* ---- recording ------------------------------------------------------------------------------- */

static void nothing_is_recorded_where_no_gradient_is_wanted(void **state)
{
    (void)state;
    const struct weight w = weight_make(9 * K * C), b = weight_make(K), g = weight_make(K);
    dev_float *const mean = mem_alloc(4 * K), *const var = mem_alloc(4 * K);
    const struct norm bn = { frozen(g), frozen(b), mean, var };
    struct var y = conv(&tape, input_make(N, 3, 3, C), frozen(w), K, 3, 1, 1);
    y = bn_act(&tape, y, &bn, NULL, 1, true);
    y = relu(&tape, y);
    y = pool(&tape, y);
    y = fc(&tape, y, frozen(w), frozen(b), K);
    neg_cosine(&tape, loss, 1, y, y);
    assert_null(y.grad);
    assert_int_equal(tape.n_nodes, 0);
    weight_free(w);
    weight_free(b);
    weight_free(g);
    mem_free(mean);
    mem_free(var);
}

static void one_wanted_gradient_is_enough_to_record(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C), b = weight_make(K);
    const struct var x = input_make(N, 1, 1, C);
    assert_int_equal(node_of(fc(&tape, x, w, frozen(b), K)), 0);
    assert_int_equal(node_of(fc(&tape, x, frozen(w), b, K)), 1);
    const struct var y = fc(&tape, x, w, NONE, K);
    assert_int_equal(node_of(relu(&tape, y)), 3);
    assert_int_equal(node_of(fc(&tape, y, frozen(w), NONE, C)), 4);
    assert_int_equal(tape.n_nodes, 5);
    weight_free(w);
    weight_free(b);
}

static void batch_norm_in_evaluation_records_nothing(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C), g = weight_make(K), b = weight_make(K);
    dev_float *const mean = mem_alloc(4 * K), *const var = mem_alloc(4 * K);
    const struct norm bn = { g, b, mean, var };
    const struct var x = fc(&tape, input_make(N, 1, 1, C), w, NONE, K);
    assert_null(bn_act(&tape, x, &bn, NULL, 0, false).grad);
    assert_int_equal(tape.n_nodes, 1);
    assert_non_null(bn_act(&tape, x, &bn, NULL, 1, false).grad);
    assert_int_equal(tape.n_nodes, 2);
    weight_free(w);
    weight_free(g);
    weight_free(b);
    mem_free(mean);
    mem_free(var);
}

static void stopgrad_is_the_same_data_without_gradient(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C);
    const struct var y = fc(&tape, input_make(N, 1, 1, C), w, NONE, K), s = stopgrad(y);
    assert_non_null(y.grad);
    assert_null(s.grad);
    assert_ptr_equal(s.data, y.data);
    assert_int_equal(s.n, N);
    assert_int_equal(s.c, K);
    weight_free(w);
}

/* ---- walking back ---------------------------------------------------------------------------- */

static void dead_branches_are_not_walked(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C), other = weight_make(K * C);
    const struct var x = input_make(N, 1, 1, C);
    const struct var p = relu(&tape, fc(&tape, x, w, NONE, K));
    const struct var z = relu(&tape, fc(&tape, x, other, NONE, K));
    neg_cosine(&tape, loss, 1, p, stopgrad(z));
    tape_backward(&tape);
    assert_int_equal(tape.n_nodes, 5);
    const bool reached[4] = { true, true, false, false };
    for (int i = 0; i < 4; i++) assert_int_equal(tape.node[i].dy != NULL, reached[i]);
    float g[K * C];
    mem_download(g, other.grad, sizeof g);
    for (int i = 0; i < K * C; i++) assert_float_equal(g[i], DIRT, 0);
    mem_download(g, w.grad, sizeof g);
    float moved = 0;
    for (int i = 0; i < K * C; i++) moved += fabsf(g[i] - DIRT);
    assert_true(moved > 1e-3f);
    weight_free(w);
    weight_free(other);
}

static void frozen_weight_lets_the_gradient_through(void **state)
{
    (void)state;
    const struct weight w = weight_make(C * C), fixed = weight_make(C * C);
    const struct var x = input_make(N, 1, 1, C), target = input_make(N, 1, 1, C);
    float g[2][C * C], dirt[C * C];
    for (int trained = 0; trained < 2; trained++) {
        const struct var h = fc(&tape, x, w, NONE, C);
        neg_cosine(&tape, loss, 1, fc(&tape, h, trained ? fixed : frozen(fixed), NONE, C), target);
        tape_backward(&tape);
        mem_download(g[trained], w.grad, sizeof g[0]);
        if (!trained) mem_download(dirt, fixed.grad, sizeof dirt);
        tape.n_nodes = 0;
        for (int i = 0; i < C * C; i++) g[trained][i] -= trained ? g[0][i] : 0;
    }
    float moved = 0;
    for (int i = 0; i < C * C; i++) {
        moved += fabsf(g[0][i] - DIRT);
        assert_float_equal(g[1][i], g[0][i] - DIRT, 1e-6);     /* the same step again */
        assert_float_equal(dirt[i], DIRT, 0);
    }
    assert_true(moved > 1e-3f);
    weight_free(w);
    weight_free(fixed);
}

/* -cos(x, x) is -1 wherever x goes: the gradients of the two uses of x must cancel. */
static void variable_used_twice_collects_both_gradients(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C);
    const struct var x = input_make(N, 1, 1, C), target = input_make(N, 1, 1, K);
    float g[3][N * K];
    for (int use = 0; use < 3; use++) {
        tape.n_nodes = 0;
        const struct var y = fc(&tape, x, w, NONE, K);
        neg_cosine(&tape, loss, 1, y, use == 1 ? y : target);
        if (use == 2) neg_cosine(&tape, loss, 0.5f, target, y);
        tape_backward(&tape);
        first_gradient_read(g[use], N * K);
    }
    for (int i = 0; i < N * K; i++) {
        assert_float_equal(g[1][i], 0, 1e-6);
        assert_float_equal(g[2][i], 1.5f * g[0][i], 1e-6);
    }
    weight_free(w);
}

static void rows_are_a_view_of_data_and_gradient(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C);
    const struct var y = fc(&tape, input_make(N, 1, 1, C), w, NONE, K), rows = var_rows(y, 2, 3);
    float all[N * K], part[3 * K];
    input_read(all, y.data, N * K);
    input_read(part, rows.data, 3 * K);
    assert_int_equal(rows.n, 3);
    assert_memory_equal(part, all + 2 * K, sizeof part);
    neg_cosine(&tape, loss, 1, rows, input_make(3, 1, 1, K));
    tape_backward(&tape);
    first_gradient_read(all, N * K);
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < K; k++) sum += fabsf(all[i * K + k]);
        assert_int_equal(sum > 0, i >= 2 && i < 5);
    }
    weight_free(w);
}

/* relu(bn(conv(x)) + x), pooled: the residual's gradient must reach x beside the one through conv.
 * x is a conv's output, so that it has a gradient; the reference is the numeric derivative of the
 * engine's own forward pass. */
static double residual_loss(const struct var *x, const struct weight *w, const struct norm *bn,
                            const struct var *target)
{
    float value = 0;
    mem_upload(loss, &value, 4);
    const struct var a = conv(&tape, *x, w[0], C, 1, 1, 0);
    const struct var y = bn_act(&tape, conv(&tape, a, w[1], C, 3, 1, 1), bn, &a, 1, true);
    neg_cosine(&tape, loss, 1, pool(&tape, y), *target);
    mem_download(&value, loss, 4);
    return value;
}

static void residual_gets_its_gradient(void **state)
{
    (void)state;
    const struct weight w[2] = { weight_make(C * C), weight_make(9 * C * C) };
    const struct norm bn = { weight_make(C), weight_make(C), NULL, NULL };
    const struct var x = input_make(N, 3, 3, C), target = input_make(N, 1, 1, C);
    residual_loss(&x, w, &bn, &target);
    tape_backward(&tape);
    float g[C * C], v[C * C];
    mem_download(g, w[0].grad, sizeof g);
    mem_download(v, w[0].data, sizeof v);
    for (int i = 0; i < C * C; i++) {
        const float old = v[i], eps = 1e-3f;   /* fp32 forward: 1e-7 / 1e-3 of rounding, 1e-6 of
                                                  curvature */
        v[i] = old + eps, mem_upload(w[0].data, v, sizeof v);
        const double high = residual_loss(&x, w, &bn, &target);
        v[i] = old - eps;
        mem_upload(w[0].data, v, sizeof v);
        const double low = residual_loss(&x, w, &bn, &target);
        v[i] = old;
        mem_upload(w[0].data, v, sizeof v);
        assert_float_equal(g[i] - DIRT, (high - low) / (2 * eps), 1e-3);
    }
    weight_free(w[0]);
    weight_free(w[1]);
    weight_free(bn.gamma);
    weight_free(bn.beta);
}

/* ---- the arena ------------------------------------------------------------------------------- */

static void every_step_sees_the_same_addresses(void **state)
{
    (void)state;
    /* in floats: more than one block */
    const int sizes[] = { 7, 1 << 20, 33, 20 << 20, 1, 5 << 20 };
    enum { REQUESTS = sizeof sizes / sizeof *sizes };
    const dev_act *first[REQUESTS] = { NULL };
    size_t bytes = 0;
    for (int step = 0; step < 3; step++) {
        tape_reset(&tape);
        for (int i = 0; i < REQUESTS; i++) {
            const dev_act *const p = var_room(&tape, 1, 1, 1, sizes[i]).data;
            assert_int_equal((uintptr_t)p % 64, 0);
            if (step == 0) first[i] = p;
            assert_ptr_equal(p, first[i]);
        }
        if (step == 0) bytes = tape_bytes(&tape);
        assert_int_equal(tape_bytes(&tape), bytes);
    }
    assert_true(tape.n_blocks > 1);
    for (int i = 0; i < REQUESTS; i++)
        for (int j = 0; j < REQUESTS; j++) {
            const char *const a = (const char *)first[i], *const b = (const char *)first[j];
            assert_true(i == j || b >= a + mem_act_bytes() * (size_t)sizes[i] || b < a);
        }
}

static void steps_do_not_see_each_others_gradients(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C);
    float x[N * C], target[N * K], g[2][K * C], activation[2][N * K];
    for (int i = 0; i < N * C; i++) x[i] = random_float();
    for (int i = 0; i < N * K; i++) target[i] = random_float();
    for (int step = 0; step < 2; step++) {
        tape_reset(&tape);
        mem_zero(w.grad, sizeof g[0]);
        const struct var in = var_room(&tape, N, 1, 1, C), goal = var_room(&tape, N, 1, 1, K);
        mem_act_upload(in.data, x, N * C);
        mem_act_upload(goal.data, target, N * K);
        const struct var y = fc(&tape, in, w, NONE, K);
        neg_cosine(&tape, loss, 1, y, goal);
        tape_backward(&tape);
        mem_download(g[step], w.grad, sizeof g[0]);
        first_gradient_read(activation[step], N * K);
    }
    assert_memory_equal(g[0], g[1], sizeof g[0]);
    assert_memory_equal(activation[0], activation[1], sizeof activation[0]);
    weight_free(w);
}

enum { WIDE = 1200, CHAIN = 10 };         /* WIDE^2 floats: 5.5 MiB, eleven of which fill one block
                                             of the arena */

static struct var wide_layer(struct var x, struct weight w)
{
    return conv(&tape, x, w, 1, 1, 1, 0);
}

/* The backward pass of a chain needs no memory beside the forward pass's: what it has done with
 * makes room. */
static void gradients_lie_where_activations_were(void **state)
{
    (void)state;
    const struct weight w = weight_make(1), last = weight_make(1);
    struct var y = var_room(&tape, 1, WIDE, WIDE, 1);
    for (int i = 0; i < CHAIN; i++) y = wide_layer(y, w);
    const size_t before = tape_bytes(&tape);
    neg_cosine(&tape, loss, 1, fc(&tape, pool(&tape, y), last, NONE, 1),
               var_room(&tape, 1, 1, 1, 1));
    tape_backward(&tape);
    assert_int_equal(tape.n_blocks, 2);        /* the last layer's two gradients did not fit in the
                                                  first */
    assert_true(tape_bytes(&tape) <= 2 * before);
    const char *const end = tape.block[1].base + 3 * sizeof(float) * WIDE * WIDE;
    for (int i = 0; i < CHAIN; i++) {
        const char *const dy = (const char *)tape.node[i].dy;
        const bool first = dy >= tape.block[0].base && dy < tape.block[0].base + tape.block[0].size;
        assert_true(first || (dy >= tape.block[1].base && dy < end));
        if (i < CHAIN - 3) assert_true(first);
    }
    weight_free(w);
    weight_free(last);
}

/* ReLU and batch norm leave dx where dy was, unless someone else has written there before. */
static void what_works_in_place_takes_no_memory(void **state)
{
    (void)state;
    const struct weight w = weight_make(C * K), g = weight_make(K), b = weight_make(K);
    const struct norm bn = { g, b, NULL, NULL };
    const struct var x = input_make(N, 1, 1, C), target = input_make(N, 1, 1, K);
    for (int twice = 0; twice < 2; twice++) {
        tape.n_nodes = 0;
        const struct var y = fc(&tape, x, w, NONE, K);
        const struct var r = relu(&tape, bn_act(&tape, relu(&tape, y), &bn, NULL, 1, false));
        neg_cosine(&tape, loss, 1, r, target);
        if (twice) neg_cosine(&tape, loss, 1, y, target);      /* writes y's gradient first */
        tape_backward(&tape);
        assert_ptr_equal(tape.node[2].dy, tape.node[3].dy);
        assert_ptr_equal(tape.node[1].dy, tape.node[2].dy);
        assert_int_equal(tape.node[0].dy == tape.node[1].dy, !twice);
    }
    weight_free(w);
    weight_free(g);
    weight_free(b);
}

/* Rows of a variable are part of its gradient: the rest of it must read as zero, whatever lay
 * there. */
static void unwritten_rows_have_no_gradient(void **state)
{
    (void)state;
    const struct weight w = weight_make(K * C);
    const struct var x = input_make(N, 1, 1, C), target = input_make(N, 1, 1, K);
    struct var y = fc(&tape, x, w, NONE, K);
    float all[N * K];
    neg_cosine(&tape, loss, 1, y, target);     /* leaves numbers there */
    tape_backward(&tape);
    tape.n_nodes = 0;
    y = fc(&tape, x, w, NONE, K);
    neg_cosine(&tape, loss, 1, var_rows(y, 0, 2), var_rows(target, 0, 2));
    neg_cosine(&tape, loss, 1, var_rows(y, 5, 1), var_rows(target, 5, 1));
    tape_backward(&tape);
    first_gradient_read(all, N * K);
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < K; k++) sum += fabsf(all[i * K + k]);
        assert_int_equal(sum > 0, i < 2 || i == 5);
    }
    weight_free(w);
}

static void freed_tape_can_be_used_again(void **state)
{
    (void)state;
    var_room(&tape, 1, 1, 1, 33);
    tape_free(&tape);
    assert_int_equal(tape_bytes(&tape), 0);
    tape_free(&tape);
    assert_non_null(var_room(&tape, 1, 1, 1, 33).data);
    assert_true(tape_bytes(&tape) >= 33 * mem_act_bytes());
}

/* Large requests fill blocks of their own; the small ones between them must not open one each, or a
 * net whose activations are larger than a block runs out of blocks. */
static void small_requests_share_a_block_beside_large_ones(void **state)
{
    (void)state;
    enum { LARGE = 17 << 20, LARGE_ONES = 4 };               /* floats: 68 MiB */
    struct tape t = { 0 };
    for (int step = 0; step < 2; step++) {
        tape_reset(&t);
        for (int i = 0; i < LARGE_ONES; i++) {
            var_room(&t, 1, 1, 1, 1000);
            var_room(&t, 1, 1, 1, LARGE);
        }
        assert_true(tape_bytes(&t) ==
                    ((size_t)64 << 20) + LARGE_ONES * (size_t)LARGE * mem_act_bytes());
    }
    tape_free(&t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tape_clear, tape_drop)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_recorded_where_no_gradient_is_wanted),
        TEST(one_wanted_gradient_is_enough_to_record),
        TEST(batch_norm_in_evaluation_records_nothing),
        TEST(stopgrad_is_the_same_data_without_gradient),
        TEST(dead_branches_are_not_walked),
        TEST(frozen_weight_lets_the_gradient_through),
        TEST(variable_used_twice_collects_both_gradients),
        TEST(rows_are_a_view_of_data_and_gradient),
        TEST(residual_gets_its_gradient),
        TEST(every_step_sees_the_same_addresses),
        TEST(steps_do_not_see_each_others_gradients),
        TEST(gradients_lie_where_activations_were),
        TEST(what_works_in_place_takes_no_memory),
        TEST(unwritten_rows_have_no_gradient),
        TEST(freed_tape_can_be_used_again),
        cmocka_unit_test(small_requests_share_a_block_beside_large_ones),
    };
    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
