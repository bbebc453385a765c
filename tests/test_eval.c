/* SPDX-License-Identifier: MIT
 *
 * test_eval.c -- kNN and the linear probe on the machine, against planted data and a naive double
 * loop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../engine/eval.h"
#include "../engine/philox.h"

/* Float sums of at most 33 terms against double ones, over a few steps of SGD. */
static const double ROUNDING = 1e-4;

/* cmocka's assert_float_equal takes NaN for equal to anything. */
#define assert_close(value, want, tolerance) assert_true(fabs((double)(value) - (want)) <= (tolerance))

static struct features features_make(const float *x, const int32_t *label, int n, int d,
                                     int classes)
{
    struct features f = { .n = n, .d = d, .classes = classes };
    f.x = mem_alloc((size_t)n * d * sizeof *x);
    f.label = mem_alloc((size_t)n * sizeof *label);
    mem_upload(f.x, x, (size_t)n * d * sizeof *x);
    mem_upload(f.label, label, (size_t)n * sizeof *label);
    return f;
}

/* Row i belongs to class i % classes and lies near that axis, its length between 0.5 and 3. */
static struct features clusters(int n, int d, int classes, double spread)
{
    float *x = host_alloc((size_t)n * d, sizeof *x);
    int32_t *label = host_alloc((size_t)n, sizeof *label);
    for (int i = 0; i < n; i++) {
        label[i] = i % classes;
        const double length = 0.5 + 2.5 * drand48();
        for (int c = 0; c < d; c++)
            x[i * d + c] = (float)(length * ((c == label[i]) + spread * (drand48() - 0.5)));
    }
    struct features f = features_make(x, label, n, d, classes);
    free(x);
    free(label);
    return f;
}
static void relabel(struct features *f, int first, int step)
{
    int32_t *label = host_alloc((size_t)f->n, sizeof *label);
    mem_download(label, f->label, (size_t)f->n * sizeof *label);
    for (int i = first; i < f->n; i++) label[i] = (label[i] + step) % f->classes;
    mem_upload(f->label, label, (size_t)f->n * sizeof *label);
    free(label);
}

/* ---- kNN ------------------------------------------------------------------------------------- */

static void planted_clusters_are_told_apart(void **state)
{
    (void)state;
    srand48(1);
    struct features bank = clusters(99, 7, 3, 0.3), query = clusters(33, 7, 3, 0.3);
    assert_true(knn_accuracy(&query, &bank, 5, 0.1f) == 100);
    relabel(&query, 0, 1);
    assert_true(knn_accuracy(&query, &bank, 5, 0.1f) == 0);
    features_free(&bank);
    features_free(&query);
    assert_null(query.x);
}

/* More queries than one call of the machine takes, more numbers than are copied at a time, and the
 * last query mislabelled. */
static void every_chunk_of_queries_counts(void **state)
{
    (void)state;
    enum { N = 9400 };
    srand48(2);
    struct features bank = clusters(33, 7, 3, 0.3), query = clusters(N, 7, 3, 0.3);
    relabel(&query, N - 1, 1);
    assert_close(knn_accuracy(&query, &bank, 3, 0.1f), 100.0 * (N - 1) / N, 1e-9);
    features_free(&bank);
    features_free(&query);
}

static void features_are_left_as_they_were(void **state)
{
    (void)state;
    srand48(3);
    struct features bank = clusters(33, 7, 3, 0.3), query = clusters(7, 7, 3, 0.3);
    float before[33 * 7], after[33 * 7];
    mem_download(before, bank.x, sizeof before);
    knn_accuracy(&query, &bank, 5, 0.1f);
    mem_download(after, bank.x, sizeof after);
    assert_memory_equal(before, after, sizeof before);
    features_free(&bank);
    features_free(&query);
}

/* Three rows of class 0, one of them long, against one of class 1 that is the query itself: the
 * nearest by angle decides for k = 1, the many do for k = 4 and for any k beyond the bank, at a
 * temperature that makes votes nearly equal. */
static void k_is_cut_to_the_bank(void **state)
{
    (void)state;
    static const float x[] = { 20, 10, 1, 1, 1, 2, 3, 0 };
    static const int32_t label[] = { 0, 0, 0, 1 };
    struct features bank = features_make(x, label, 4, 2, 2),
                    query = features_make(x + 6, label + 3, 1, 2, 2);
    assert_true(knn_accuracy(&query, &bank, 1, 10) == 100);
    assert_true(knn_accuracy(&query, &bank, 4, 10) == 0);
    assert_true(knn_accuracy(&query, &bank, 200, 10) == 0);
    features_free(&bank);
    features_free(&query);
}

/* Last of all tests: the flag stays up. */
static void a_stop_request_ends_the_search(void **state)
{
    (void)state;
    srand48(4);
    struct features bank = clusters(33, 7, 3, 0.3), query = clusters(7, 7, 3, 0.3);
    assert_true(stop_requested());             /* since the test before */
    assert_true(knn_accuracy(&query, &bank, 5, 0.1f) < 0);
    features_free(&bank);
    features_free(&query);
}

/* Before the test above: the flag goes up when some of very many batches are done. */
static void a_stop_inside_a_probes_epoch_takes_the_probe_back_to_its_start(void **state)
{
    (void)state;
    enum { N = 50000, D = 7, K = 3 };
    const struct probe_plan plan = { .lr = 0.5, .epochs = 2, .batch = 1, .seed = 3 };
    const size_t bytes = probe_floats(D, K) * sizeof(float);
    srand48(8);
    struct features train = clusters(N, D, K, 3);
    float *before = host_alloc(bytes, 1), *after = host_alloc(bytes, 1);
    struct probe p;
    probe_open(&p, D, K);
    assert_true(probe_epoch(&p, &plan, &train) >= 0);
    mem_download(before, p.state, bytes);
    stop_install();
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &(struct itimerspec){ .it_value.tv_nsec = 2000000 },
                                   NULL),
                     0);
    assert_true(probe_epoch(&p, &plan, &train) < 0);
    assert_int_equal(timer_delete(timer), 0);
    mem_download(after, p.state, bytes);
    assert_memory_equal(after, before, bytes);
    assert_int_equal(p.epoch, 1);
    probe_close(&p);
    free(before);
    free(after);
    features_free(&train);
}

/* ---- probe ----------------------------------------------------------------------------------- */

/* The same in double: returns the mean loss of the last epoch, w [k, d] and b [k] behind each
 * other. */
/* One step of SGD, or of LARS on the weights and SGD on the bias. */
static void probe_reference_step(double *w, double *v, const double *g, int weights, int count,
                                 double lr, enum probe_optimizer optimizer)
{
    double ww = 0, gg = 0;
    for (int i = 0; i < weights; i++) {
        ww += w[i] * w[i];
        gg += g[i] * g[i];
    }
    const double ratio = ww > 0 && gg > 0 ? 0.001 * sqrt(ww / gg) : 1;
    for (int i = 0; i < count; i++) {
        const bool lars = optimizer == PROBE_LARS && i < weights;   /* whose v has the rate in it */
        v[i] = 0.9 * v[i] + (lars ? lr * ratio : 1) * g[i];
        w[i] -= (lars ? 1 : lr) * v[i];
    }
}

static double probe_reference(double *w, const struct features *f, const struct probe_plan *plan,
                              int epochs)
{
    const int n = f->n, d = f->d, k = f->classes, count = k * (d + 1);
    float *x = host_alloc((size_t)n * d, sizeof *x);
    int32_t *label = host_alloc((size_t)n, sizeof *label);
    double *v = host_alloc((size_t)count, sizeof *v), *g = host_alloc((size_t)count, sizeof *g);
    double *b = w + k * d, loss = 0;
    mem_download(x, f->x, (size_t)n * d * sizeof *x);
    mem_download(label, f->label, (size_t)n * sizeof *label);
    for (int e = 0; e < epochs; e++) {
        loss = 0;
        for (int first = 0; first < n; first += plan->batch) {
            const int rows = n - first < plan->batch ? n - first : plan->batch;
            memset(g, 0, (size_t)count * sizeof *g);
            for (int i = first; i < first + rows; i++) {
                const int at = (int)permute_index(plan->seed, (uint32_t)e | 1u << 31, (uint32_t)n,
                                                  (uint32_t)i);
                double p[16] = { 0 }, sum = 0;
                for (int j = 0; j < k; j++) {
                    p[j] = b[j];
                    for (int c = 0; c < d; c++) p[j] += w[j * d + c] * x[at * d + c];
                    sum += p[j] = exp(p[j]);
                }
                loss -= log(p[label[at]] / sum) / n;
                for (int j = 0; j < k; j++) {
                    const double delta = (p[j] / sum - (j == label[at])) / rows;
                    for (int c = 0; c < d; c++) g[j * d + c] += delta * x[at * d + c];
                    g[k * d + j] += delta;
                }
            }
            const double lr = plan->lr * (1 + cos(M_PI * e / plan->epochs)) / 2;
            probe_reference_step(w, v, g, k * d, count, lr, plan->optimizer);
        }
    }
    free(x);
    free(label);
    free(v);
    free(g);
    return loss;
}

static void check_probe(enum probe_optimizer optimizer)
{
    enum { N = 33, D = 7, K = 3, COUNT = K * (D + 1) };
    const struct probe_plan plan = { .lr = 0.5, .epochs = 4, .batch = 10, .seed = 11,       /* a last batch of 3 */
                                     .optimizer = optimizer };
    srand48(5);
    struct features train = clusters(N, D, K, 3);
    struct probe p;
    probe_open(&p, D, K);
    for (int epochs = 1; epochs <= plan.epochs; epochs++) {
        double want[COUNT] = { 0 };
        float got[COUNT];
        assert_close(probe_epoch(&p, &plan, &train), probe_reference(want, &train, &plan, epochs),
                     ROUNDING);
        mem_download(got, p.state, sizeof got);
        for (int i = 0; i < COUNT; i++) assert_close(got[i], want[i], ROUNDING);
        assert_int_equal(p.epoch, epochs);
    }
    probe_close(&p);
    features_free(&train);
}

static void the_probe_is_sgd_in_permuted_order(void **state)
{
    (void)state;
    check_probe(PROBE_SGD);
}
static void the_probe_by_lars_moves_weights_by_their_ratio_and_the_bias_plainly(void **state)
{
    (void)state;
    check_probe(PROBE_LARS);
}

static void a_separable_set_is_learned(void **state)
{
    (void)state;
    const struct probe_plan plan = { .lr = 1, .epochs = 20, .batch = 16, .seed = 1 };
    srand48(6);
    struct features train = clusters(99, 7, 3, 0.5), test = clusters(33, 7, 3, 0.5);
    struct probe p;
    probe_open(&p, 7, 3);
    assert_close(probe_accuracy(&p, &test), 100 / 3.0, 1e-9); /* zero weights: ties go to class 0 */
    double loss = 0;
    for (int e = 0; e < plan.epochs; e++) loss = probe_epoch(&p, &plan, &train);
    assert_true(loss < 0.3);
    assert_true(probe_accuracy(&p, &test) == 100);
    probe_close(&p);
    assert_null(p.state);
    features_free(&train);
    features_free(&test);
}

static void a_stopped_probe_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    enum { D = 7, K = 3, EPOCHS = 5 };
    const struct probe_plan plan = { .lr = 0.5, .epochs = EPOCHS, .batch = 10, .seed = 3 };
    const size_t bytes = probe_floats(D, K) * sizeof(float);
    assert_int_equal(bytes, 2 * (D + 1) * K * sizeof(float));
    srand48(7);
    struct features train = clusters(33, D, K, 3);
    float *whole = host_alloc(bytes, 1), *kept = host_alloc(bytes, 1);
    struct probe p;
    probe_open(&p, D, K);
    for (int e = 0; e < EPOCHS; e++) probe_epoch(&p, &plan, &train);
    mem_download(whole, p.state, bytes);
    probe_close(&p);

    for (int stop = 0; stop < EPOCHS; stop++) {
        probe_open(&p, D, K);
        for (int e = 0; e < stop; e++) probe_epoch(&p, &plan, &train);
        mem_download(kept, p.state, bytes);
        probe_close(&p);
        probe_open(&p, D, K);
        mem_upload(p.state, kept, bytes);
        p.epoch = stop;
        while (p.epoch < EPOCHS) probe_epoch(&p, &plan, &train);
        mem_download(kept, p.state, bytes);
        assert_memory_equal(kept, whole, bytes);
        probe_close(&p);
    }
    free(whole);
    free(kept);
    features_free(&train);
}

static void accuracy_counts_the_right_classes(void **state)
{
    (void)state;
    /* w is the identity and b prefers class 1 by 0.5: the last row's answer is class 1 because of
     * b. */
    static const float state_host[] = { 1, 0, 0, 1, 0, 0.5f }, x[] = { 2, 0, 0, 2, 1, 0.75f };
    static const int32_t label[] = { 0, 1, 1 }, other[] = { 0, 1, 0 };
    struct probe p;
    probe_open(&p, 2, 2);
    mem_upload(p.state, state_host, sizeof state_host);
    struct features right = features_make(x, label, 3, 2, 2),
                    one_wrong = features_make(x, other, 3, 2, 2);
    assert_true(probe_accuracy(&p, &right) == 100);
    assert_close(probe_accuracy(&p, &one_wrong), 200 / 3.0, 1e-9);
    probe_close(&p);
    features_free(&right);
    features_free(&one_wrong);
}

static int machine_ready(void **state)
{
    (void)state;
    machine_open(2);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_clusters_are_told_apart),
        cmocka_unit_test(every_chunk_of_queries_counts),
        cmocka_unit_test(features_are_left_as_they_were),
        cmocka_unit_test(k_is_cut_to_the_bank),
        cmocka_unit_test(the_probe_is_sgd_in_permuted_order),
        cmocka_unit_test(the_probe_by_lars_moves_weights_by_their_ratio_and_the_bias_plainly),
        cmocka_unit_test(a_separable_set_is_learned),
        cmocka_unit_test(a_stopped_probe_goes_on_to_the_same_bytes),
        cmocka_unit_test(accuracy_counts_the_right_classes),
        cmocka_unit_test(a_stop_inside_a_probes_epoch_takes_the_probe_back_to_its_start),
        cmocka_unit_test(a_stop_request_ends_the_search),
    };
    return cmocka_run_group_tests_name("eval", tests, machine_ready, NULL);
}
