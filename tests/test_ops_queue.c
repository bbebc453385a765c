/* SPDX-License-Identifier: MIT
 *
 * test_ops_queue.c -- rows that are shuffled and queued, and statistics of split batch norm.
 */
#include "naive.h"

enum { ROWS = 7, PLACES = 33 };
static const int32_t places[ROWS] = { 31, 0, 32, 5, 1, 17, 2 };

/* Rows of activations of odd widths: row i is place index[i], and back; the others stay. */
static void rows_are_taken_from_their_places_and_put_back(void **state)
{
    (void)state;
    static const int widths[] = { 1, 5, 257 };
    for (int w = 0; w < 3; w++) {
        const size_t d = (size_t)widths[w], all = PLACES * d, bytes = d * mem_act_bytes();
        const float *const x = random_floats(all, 1), *const old = random_floats(all, 2);
        dev_act *const taken = act_garbage(ROWS * d), *const put = act_of(old, all);
        const dev_int *const index = int_of(places, ROWS);
        op_rows_take(taken, act_of(x, all), index, ROWS, bytes);
        op_rows_put(put, taken, index, ROWS, bytes);
        const float *const rows = act_read(taken, ROWS * d), *const now = act_read(put, all);
        for (size_t i = 0; i < ROWS; i++)
            assert_memory_equal(rows + i * d, x + (size_t)places[i] * d, d * sizeof *x);
        for (size_t i = 0; i < PLACES; i++) {
            bool is_new = false;
            for (int j = 0; j < ROWS; j++) is_new |= places[j] == (int32_t)i;
            assert_memory_equal(now + i * d, (is_new ? x : old) + i * d, d * sizeof *x);
        }
        release();
    }
}

/* As if each split had statistics of its own, moved once, and all were averaged; of the same
 * numbers op_bn_act_fwd makes a move a split. */
static void split_statistics_move_once_by_the_splits_mean(void **state)
{
    (void)state;
    enum { G = 3, M = 5, C = 33, N = G * M * C };
    const float *const x = random_floats(N, 1), *const start = random_floats(2 * C, 2);
    dev_float *const mean = machine_room(G * C * sizeof(float));
    dev_float *const rstd = machine_room(G * C * sizeof(float));
    dev_float *const old = float_of(start, 2 * C), *const run = float_of(start, 2 * C);
    dev_float *const by_groups = float_of(start, 2 * C);
    const struct bn_shape s = { G, M, C };
    op_bn_act_fwd(act_garbage(N), mean, rstd, by_groups, float_at(by_groups, C), act_of(x, N), NULL,
                  NULL, NULL, s, false);
    op_bn_split(run, float_at(run, C), old, float_at(old, C), mean, rstd, s);
    double want[2 * C] = { 0 };
    for (int c = 0; c < C; c++)
        for (int g = 0; g < G; g++) {
            double m = 0, v = 0;
            for (int i = 0; i < M; i++) m += (double)x[(g * M + i) * C + c] / M;
            for (int i = 0; i < M; i++) v += pow((double)x[(g * M + i) * C + c] - m, 2) / (M - 1);
            want[c] += (0.9 * (double)start[c] + 0.1 * m) / G;
            want[C + c] += (0.9 * (double)start[C + c] + 0.1 * v) / G;
        }
    check_close("statistics", float_read(run, 2 * C), want, 2 * C, TOLERANCE_ROUND);
    double apart = 0;
    for (int c = 0; c < 2 * C; c++)
        apart = fmax(apart, fabs((double)float_read(by_groups, 2 * C)[c] - want[c]));
    assert_true(apart > 0.05);
    op_bn_split(old, float_at(old, C), old, float_at(old, C), mean, rstd, s);       /* in place */
    assert_memory_equal(float_read(old, 2 * C), float_read(run, 2 * C), 2 * C * sizeof(float));
    release();
}

/* One group: what batch norm itself does. */
static void one_split_is_plain_batch_norm(void **state)
{
    (void)state;
    enum { M = 33, C = 7, N = M * C };
    const float *const x = random_floats(N, 1), *const start = random_floats(2 * C, 2);
    dev_float *const mean = machine_room(C * sizeof(float));
    dev_float *const rstd = machine_room(C * sizeof(float));
    dev_float *const plain = float_of(start, 2 * C), *const old = float_of(start, 2 * C);
    const struct bn_shape s = { 1, M, C };
    op_bn_act_fwd(act_garbage(N), mean, rstd, plain, float_at(plain, C), act_of(x, N), NULL, NULL,
                  NULL, s, false);
    op_bn_split(old, float_at(old, C), old, float_at(old, C), mean, rstd, s);
    const double *const want = doubles_of(float_read(plain, 2 * C), 2 * C);
    check_close("statistics", float_read(old, 2 * C), want, 2 * C, TOLERANCE_ROUND);
    release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_taken_from_their_places_and_put_back),
        cmocka_unit_test(split_statistics_move_once_by_the_splits_mean),
        cmocka_unit_test(one_split_is_plain_batch_norm),
    };
    machine_open(1);
    return RUN_PRECISIONS("ops: queue", tests);
}
