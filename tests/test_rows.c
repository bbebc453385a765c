/* SPDX-License-Identifier: MIT
 *
 * test_rows.c -- every row of every table is an experiment of its own: its loss leaves the baseline
 * row's as soon as its difference can be seen, and no two rows are one by mistake.
 *
 * On images made in code with a tiny net; what a row changes stays as it is.
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

#include "../experiments/methods/eta.h"
#include "../experiments/suite/heading.h"
#include "../experiments/run/train.h"

enum { EPOCH = 256, BATCH = 16 };      /* steps of the tiny epoch */

/* The row's settings, made small: 3 epochs, or as many times that as it has the baseline's. */
static struct settings tiny(const struct row *row, const struct row *base, bool batches)
{
    struct settings s = row->settings;
    s.dataset = 0;
    while (strcmp(data_sources[s.dataset].name, "synthetic")) s.dataset++;
    s.image_size = 4;
    s.train_count = EPOCH * BATCH;
    s.monitor_count = 32;
    s.widths = (struct int_list){ 1, { 4 } }, s.blocks = (struct int_list){ 1, { 1 } }, s.dim /= 16,
    s.epochs = 3 * row->settings.epochs / base->settings.epochs;
    if (!batches) s.batch = BATCH;
    return s;
}

static bool same_settings(const struct settings *a, const struct settings *b)
{
    char *const x = settings_print(a), *const y = settings_print(b);
    const bool same = !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

/* The step by which the losses differ. */
static int differs_by(const struct settings *a, const struct settings *b)
{
    struct settings rate = *a, every = *a, stop = *a, length = *a;
    length.epochs = b->epochs;
    rate.predictor_lr = b->predictor_lr;
    eta_own(&every)->every = eta_settings(b)->every;
    stop.stop_grad = b->stop_grad;
    if (same_settings(&stop, b)) return 2;               /* it changes the gradient, not the loss */
    if (same_settings(&length, b)) return EPOCH + 2;     /* the second epoch's rate */
    if (same_settings(
            &rate, b)) /* never trained: once the other is; not decayed: once the other has been */
        return a->predictor_lr == PREDICTOR_ZERO || b->predictor_lr == PREDICTOR_ZERO ? 2
                                                                                      : EPOCH + 2;
    const int k = eta_settings(a)->every ? eta_settings(a)->every : EPOCH;
    const int other = eta_settings(b)->every ? eta_settings(b)->every : EPOCH;
    if (same_settings(&every, b)) return (k < other ? k : other) + 1;
    return 1;
}

/* The losses of the first `steps` steps. */
static void losses(double *loss, const struct settings *s, int steps)
{
    static struct trainer t;
    trainer_open(&t, s, 5);
    for (int i = 0; i < steps; i++) {
        float log[LOG_WIDTH];
        if (t.step == t.steps) trainer_seek(&t, t.epoch + 1, 0);
        assert_true(trainer_step(&t));
        mem_download(log, float_at(t.log, (size_t)(t.step - 1) * LOG_WIDTH), sizeof log);
        loss[i] = (double)log[LOG_LOSS];
    }
    trainer_close(&t);
}

static void check_differ(const struct experiment *e, const struct row *a, const struct row *b)
{
    const bool batches = a->settings.batch != b->settings.batch;
    const struct settings x = tiny(a, a, batches), y = tiny(b, a, batches);
    const int by = differs_by(&x, &y);
    static double one[EPOCH + 2], other[EPOCH + 2];
    losses(one, &x, by);
    losses(other, &y, by);
    int first = 0;
    while (first < by && one[first] == other[first]) first++;
    if (first == by)
        fail_msg("%s: rows %s and %s have the same loss for %d steps", e->name, a->name, b->name,
                 by);
}

static void every_row_leaves_its_baseline(void **state)
{
    (void)state;
    static struct experiment e;
    int compared = 0;
    struct headings list;
    headings_open(&list, CONFIG_DIR, HEADINGS_BY_ORDER);
    for (int i = 0; i < list.n; i++) {
        char *const path = text_format(CONFIG_DIR "/%s.yaml", list.v[i].name);
        experiment_load(&e, path, "cifar10-small");            /* hosts every row */
        free(path);
        const struct row *const base = &e.row[e.baseline < 0 ? 0 : e.baseline];
        for (int r = 0; r < e.n_rows; r++) {
            const struct row *const row = &e.row[r];
            assert_string_equal(row->not_run, "");
            if (row == base || r == e.untrained) continue;
            check_differ(&e, base, row);
            compared++;
        }
    }
    assert_true(compared > list.n);            /* two rows a table, and most have more */
    free(list.v);
}

/* What names a run is read back from its folder when it is pooled. */
static void every_resolved_config_reads_back(void **state)
{
    (void)state;
    static const char *const scales[] = { "quick", "quick-fp32", "cifar10-small", "cifar10", "imagenet",
                                          "test" };
    static struct experiment e;
    static struct settings s;
    char path[] = "/tmp/simsiam-rows-XXXXXX";
    const int file = mkstemp(path);
    int rows = 0;
    struct headings list;
    headings_open(&list, CONFIG_DIR, HEADINGS_BY_ORDER);
    for (size_t k = 0; k < sizeof scales / sizeof *scales * (size_t)list.n; k++) {
        char *const of = text_format(CONFIG_DIR "/%s.yaml", list.v[k % (size_t)list.n].name);
        experiment_load(&e, of, scales[k / (size_t)list.n]);
        free(of);
        for (int r = 0; r < e.n_rows; r++) {
            if (*e.row[r].not_run) continue;
            char *const text = settings_print(&e.row[r].settings);
            assert_true(file_write_synced(path, text, strlen(text)));
            assert_true(settings_read(&s, path));
            assert_true(same_settings(&s, &e.row[r].settings));
            free(text);
            rows++;
        }
    }
    assert_true(rows > 100);
    free(list.v);
    assert_int_equal(close(file) | unlink(path), 0);
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_row_leaves_its_baseline),
                                       cmocka_unit_test(every_resolved_config_reads_back) };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
