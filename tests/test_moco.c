/* SPDX-License-Identifier: MIT
 *
 * test_moco.c -- MoCo: its key encoder and when it moves, its queue, and split and shuffled batch
 * norm.
 */
#include "method_runs.h"

#include "../experiments/methods/moco.h"

enum { K = 4 * BATCH };

static struct settings small(int views)
{
    struct settings s = settings_make("moco");
    s.predictor = (struct word_list){ .n = 0 };
    s.pairs.n = views;                                   /* [[0, 1]], or [[0, 1], [1, 0]] */
    *moco_own(&s) = (struct moco_settings){ .temperature = 0.2, .momentum = 0.75, .queue = K,
                                            .bn_splits = 2, .shuffle_bn = true };
    return s;
}

static const struct moco *state_of(const struct trainer *t)
{
    return t->own;
}

/* ---- the key encoder ------------------------------------------------------------------------- */

/* theta_k <- m theta_k + (1 - m) theta_q with theta_q as the step finds it, before it encodes. */
static void the_key_encoder_moves_before_the_keys_are_encoded(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = small(2);
    trainer_open(&t, &s, 3);
    const struct params *const key = &state_of(&t)->key->params;
    assert_true(distance(key->data, t.model.params.data, key->count) == 0 && !key->grad);
    for (int k = 0; k < STEPS; k++) {
        float *const old = download(t.model.params.data, key->count);
        float *const before = download(key->data, key->count);
        step_make(&t);
        float *const new = download(t.model.params.data, key->count);
        float *const after = download(key->data, key->count);
        double by_new = 0, by_old = 0;
        for (size_t i = 0; i < key->count; i++) {
            const double kept = 0.75 * (double)before[i];
            by_new = fmax(by_new, fabs((double)after[i] - kept - 0.25 * (double)new[i]));
            by_old = fmax(by_old, fabs((double)after[i] - kept - 0.25 * (double)old[i]));
        }
        assert_true(by_old < 1e-6 && by_new > 1e-3);       /* weights of about 1, in fp32 */
        free(old);
        free(before);
        free(new);
        free(after);
    }
    trainer_close(&t);
}

static void momentum_1_never_moves_it_and_0_is_the_query_encoder(void **state)
{
    (void)state;
    static struct trainer t;
    for (int m = 0; m < 2; m++) {
        struct settings s = small(2);
        moco_own(&s)->momentum = m;
        trainer_open(&t, &s, 3);
        const struct params *const key = &state_of(&t)->key->params;
        const size_t n = key->count;
        float *const start = download(t.model.params.data, n);
        for (int i = 0; i < STEPS - 1; i++) step_make(&t);
        float *const online = download(t.model.params.data, n);
        step_make(&t);
        float *const now = download(key->data, n);
        assert_memory_equal(now, m ? start : online, sizeof *now * n);
        free(start);
        free(online);
        free(now);
        trainer_close(&t);
    }
}

/* ---- the queue ------------------------------------------------------------------------------- */

static double row_norm(const float *x)
{
    double sum = 0;
    for (int j = 0; j < D; j++) sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

/* Random directions at first, other ones with another seed; then each step's keys in their place,
 * and K / rows steps later those of then. */
static void the_queue_is_a_ring_of_keys(void **state)
{
    (void)state;
    static struct trainer t;
    for (int views = 1; views <= 2; views++) {
        const struct settings s = small(views);
        const int rows = views * BATCH, around = K / rows;
        trainer_open(&t, &s, 3);
        const struct moco *const own = state_of(&t);
        float *before = NULL;
        for (int step = 0; step < 2 * STEPS; step++) {
            step_make(&t);
            float *const queue = download(moco_queue(own), K * D);
            float *const keys = download(own->info_nce.keys, (size_t)(rows * D));
            const size_t first = (size_t)(step % around * rows * D), count = (size_t)(rows * D);
            assert_memory_equal(queue + first, keys, count * sizeof *keys);
            for (size_t i = 0; before && i < K * D; i++)
                if (i < first || i >= first + count) assert_true(queue[i] == before[i]);
            for (int i = 0; i < K; i++) assert_true(fabs(row_norm(queue + i * D) - 1) < 1e-6);
            free(before);
            before = queue;
            free(keys);
        }
        free(before);
        trainer_close(&t);
    }
}

/* Its random start is the seed's: of 64 directions none is like another's. */
static void the_first_queue_is_random(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = small(1);
    float *queue[3];
    for (int i = 0; i < 3; i++) {
        trainer_open(&t, &s, i / 2 + 3);                 /* seeds 3, 3, 4 */
        loss_here(&t, trainer_views(&t));
        queue[i] = download(moco_queue(state_of(&t)), K * D);
        trainer_close(&t);
    }
    double mean[2] = { 0 };
    assert_memory_equal(queue[0], queue[1], K * D * sizeof(float));
    for (int i = 0; i < K * D; i++) {
        mean[0] += (double)queue[0][i] / (K * D);
        mean[1] += (double)(queue[0][i] * queue[2][i]) / (K * D);
    }
    assert_true(fabs(mean[0]) < 0.1 && fabs(mean[1]) < 0.05);   /* of 512, std 1 / sqrt 8 */
    for (int i = 0; i < 3; i++) free(queue[i]);
}

/* ---- the loss -------------------------------------------------------------------------------- */

/* Eq. 1 in double, of the unit rows that the step has: against the queue as it was. */
static void logged_loss_is_info_nce_of_the_outputs(void **state)
{
    (void)state;
    static struct trainer t;
    for (int views = 1; views <= 2; views++) {
        const struct settings s = small(views);
        const int rows = views * BATCH;
        trainer_open(&t, &s, 3);
        const struct contrastive *const c = &state_of(&t)->info_nce;
        step_make(&t);
        const double loss = loss_here(&t, trainer_views(&t));
        float *const a = download(c->anchors, (size_t)(rows * D));
        float *const b = download(c->keys, (size_t)((rows + K) * D));
        double sum = 0;
        for (int i = 0; i < rows; i++) {
            double all = 0, own = 0;
            for (int k = 0; k < rows + K; k++) {
                double score = 0;
                for (int j = 0; j < D; j++) score += (double)a[i * D + j] * (double)b[k * D + j];
                if (k == (i + rows - BATCH) % rows) own = exp(score / 0.2);
                if (k >= rows) all += exp(score / 0.2);
            }
            sum += log((all + own) / own) / rows;
        }
        assert_true(fabs(loss - sum) < 2e-6 * loss);
        free(a);
        free(b);
        trainer_close(&t);
    }
}

/* The keys, which the weights do not move: m = 1. */
static void the_gradient_is_the_derivative_with_the_keys_fixed(void **state)
{
    (void)state;
    for (int views = 1; views <= 2; views++) {
        struct settings s = small(views);
        moco_own(&s)->momentum = 1;
        check_derivative(s, 0.2f);
    }
}

/* With one pair the second view is a key alone: the loss does not hang on which net is its query's.
 * What is told of both views has the key's output in its place. */
static void one_pair_has_a_query_of_the_first_view_alone(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = small(1);
    trainer_open(&t, &s, 3);
    const struct var views = trainer_views(&t);
    trainer_step_on(&t, views);
    float log[LOG_WIDTH];
    mem_download(log, t.log_now, sizeof log);
    assert_true(log[LOG_STD] > 0 && log[LOG_STD + 1] > 0);
    assert_int_equal(state_of(&t)->info_nce.rows, BATCH);
    trainer_close(&t);
}

/* ---- batch norm ------------------------------------------------------------------------------ */

/* Whatever the splits: a move a view, by their mean. */
static void running_statistics_move_once_a_view(void **state)
{
    (void)state;
    for (int splits = 1; splits <= 4; splits *= 2) {
        struct settings s = small(2);
        moco_own(&s)->bn_splits = splits;
        check_statistics_moves(&s, 0.81);
        s.pairs.n = 1;
        check_statistics_moves(&s, 0.9);
    }
}

static struct left of_norm(int splits, bool shuffle)
{
    struct settings s = small(2);
    moco_own(&s)->bn_splits = splits;
    moco_own(&s)->shuffle_bn = shuffle;
    return run(&s, 1);
}

/* Shuffled and put back: with one split the same rows in the same order, but for the order in which
 * statistics are summed; with several, other images share statistics. */
static void a_shuffle_counts_with_several_splits_alone(void **state)
{
    (void)state;
    const struct left plain = of_norm(1, false), shuffled = of_norm(1, true);
    assert_float_equal(plain.log[LOG_LOSS], shuffled.log[LOG_LOSS], 1e-5);
    assert_float_equal(plain.log[LOG_GRAD], shuffled.log[LOG_GRAD], 1e-4);
    const struct left split = of_norm(2, false), both = of_norm(2, true);
    assert_true(fabsf(split.log[LOG_LOSS] - both.log[LOG_LOSS]) > 1e-3f);
    assert_true(fabsf(split.log[LOG_LOSS] - plain.log[LOG_LOSS]) > 1e-3f);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void it_learns(void **state)
{
    (void)state;
    struct settings s = small(2);
    s.epochs = 20;
    moco_own(&s)->momentum = 0.9;
    const struct left second = run(&s, 3 * STEPS), last = run(&s, 20 * STEPS);
    const size_t at = (STEPS - 1) * LOG_WIDTH + LOG_LOSS;
    assert_true(last.log[at] < 0.9f * second.log[at]);   /* the first queue is an easy one */
}

static void a_run_goes_on_with_its_keys_and_hangs_on_no_threads(void **state)
{
    (void)state;
    check_goes_on(small(1));
    check_goes_on_in(PRECISION_BF16, small(2));
    for (int views = 1; views <= 2; views++) check_threads(small(views));
}

/* Of a batch that was cut: equal parts of two images or more, and a queue of whole steps. */
static void splits_and_queue_are_cut_to_the_batch(void **state)
{
    (void)state;
    static const struct { int batch, views, queue, splits, want_queue, want_splits; } cases[] = {
        { 4, 2, 65536, 8, 65536, 2 }, { 12, 2, 100, 8, 96, 6 }, { 14, 1, 100, 4, 98, 2 },
        { 64, 2, 48, 8, 128, 8 }, { 2, 1, 3, 8, 2, 1 }, { 9, 1, 9, 4, 9, 3 },
        { 8, 1, 64, 8, 64, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s = settings_make("moco");
        s.batch = cases[i].batch;
        s.pairs.n = cases[i].views;
        moco_own(&s)->queue = cases[i].queue;
        moco_own(&s)->bn_splits = cases[i].splits;
        methods[s.method].method->cut(&s);
        assert_int_equal(moco_own(&s)->queue, cases[i].want_queue);
        assert_int_equal(moco_own(&s)->bn_splits, cases[i].want_splits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_encoder_moves_before_the_keys_are_encoded),
        cmocka_unit_test(momentum_1_never_moves_it_and_0_is_the_query_encoder),
        cmocka_unit_test(the_queue_is_a_ring_of_keys),
        cmocka_unit_test(the_first_queue_is_random),
        cmocka_unit_test(logged_loss_is_info_nce_of_the_outputs),
        cmocka_unit_test(the_gradient_is_the_derivative_with_the_keys_fixed),
        cmocka_unit_test(one_pair_has_a_query_of_the_first_view_alone),
        cmocka_unit_test(running_statistics_move_once_a_view),
        cmocka_unit_test(a_shuffle_counts_with_several_splits_alone),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(a_run_goes_on_with_its_keys_and_hangs_on_no_threads),
        cmocka_unit_test(splits_and_queue_are_cut_to_the_batch),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
