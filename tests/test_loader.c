/* SPDX-License-Identifier: MIT
 *
 * test_loader.c -- batches are the same whoever makes them, and whenever.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "../engine/loader.h"

enum { COUNT = 61, H = 32, W = 29, BATCH = 9, VIEWS = 3, SIZE = 15, STEPS = COUNT / BATCH,
       OUT = 3 * SIZE * SIZE };

static const struct augment recipe = {
    .crop = true, .crop_scale = { 0.2f, 1.0f }, .crop_ratio = { 3.0f / 4.0f, 4.0f / 3.0f },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2.0f }, .blur_p = { 0.5f, 0.5f }, .flip_p = 0.5f, .std = { 1, 1, 1 }
};

static int cores(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
}

/* One thread less than there are cores, so that the loader has one; skips where there is but
 * one. */
static void open_with_spare_core(struct loader *l)
{
    static uint8_t images[COUNT * 3 * H * W];
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)(i * 2654435761u >> 13);
    if (cores() < 2)
        skip();
    machine_open(cores() - 1);
    static struct image_set set;
    set = (struct image_set){ .host = { .n = COUNT, .h = H, .w = W },
                              .images = (dev_byte *)images };
    const struct loader_source source = { &set, COUNT, BATCH, VIEWS, SIZE, &recipe, 7 };
    loader_open(l, &source);
}

/* What rule 4 of ops.h and philox.h make of a batch: each view asked for by itself. */
static void assert_batch(const struct loader *l, const dev_act *views, int epoch, int step)
{
    static float one[OUT];
    for (int v = 0; v < VIEWS; v++) {
        for (int i = 0; i < BATCH; i++) {
            const int32_t at = (int32_t)permute_index(7, (uint32_t)epoch, COUNT,
                                                      (uint32_t)(step * BATCH + i));
            op_augment((dev_act *)one, l->source.images->images, (const dev_int *)&at, 1, H, W,
                       SIZE, &recipe, 7, (const dev_int *)&epoch, (uint32_t)v);
            assert_memory_equal((const float *)views + (v * BATCH + i) * OUT, one, sizeof one);
        }
    }
}

static void batches_made_ahead_are_those_made_now(void **state)
{
    (void)state;
    struct loader l;
    open_with_spare_core(&l);
    assert_true(l.beside);
    for (int epoch = 0; epoch < 9; epoch++) {
        for (int step = 0; step < STEPS; step++) {
            const bool first = epoch == 0 && step == 0, last = step + 1 == STEPS;
            assert_int_equal(l.ahead.epoch, first ? -1 : epoch);
            dev_act *const views = loader_take(&l, epoch, step);
            loader_start(&l, last ? epoch + 1 : epoch, last ? 0 : step + 1);
            loader_wait(&l);
            assert_batch(&l, views, epoch, step);      /* the next one went elsewhere */
        }
    }
    loader_close(&l);
}

/* A step computes on its views while the next ones are made. */
static void batch_in_use_is_left_alone(void **state)
{
    (void)state;
    static float copy[VIEWS * BATCH * OUT];
    struct loader l;
    open_with_spare_core(&l);
    const dev_act *const views = loader_take(&l, 3, 2);
    memcpy(copy, views, sizeof copy);
    loader_start(&l, 3, 3);
    for (int look = 0; look < 100; look++)
        assert_memory_equal(views, copy, sizeof copy);
    loader_wait(&l);
    assert_memory_equal(views, copy, sizeof copy);
    loader_close(&l);
}

/* Views of other numbers than a step's: targets of their own (eta.h). */
static void views_of_other_numbers_are_other_views(void **state)
{
    (void)state;
    struct loader l;
    open_with_spare_core(&l);
    static float step[BATCH * OUT], other[BATCH * OUT];
    memcpy(step, loader_make(&l, 1, 2, 1, 1), sizeof step);
    memcpy(other, loader_make(&l, 1, 2, 9, 1), sizeof other);
    assert_memory_equal(step, (const float *)loader_make(&l, 1, 2, 0, VIEWS) + BATCH * OUT,
                        sizeof step);
    assert_memory_not_equal(step, other, sizeof step);
    loader_close(&l);
}

/* As after a resume, or in the benchmark. */
static void other_batch_than_announced_is_made_now(void **state)
{
    (void)state;
    struct loader l;
    open_with_spare_core(&l);
    loader_start(&l, 1, 4);
    loader_wait(&l);
    assert_batch(&l, loader_take(&l, 1, 3), 1, 3);
    assert_batch(&l, loader_make(&l, 2, 4, 0, VIEWS), 2, 4);
    assert_batch(&l, loader_take(&l, 1, 4), 1, 4);     /* still there */
    assert_batch(&l, loader_take(&l, 1, 4), 1, 4);     /* made again */
    loader_close(&l);
}

static void closing_waits_for_the_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct loader l;
        open_with_spare_core(&l);
        if (i % 2)
            loader_start(&l, 0, 0);
        loader_close(&l);
        assert_false(l.beside);
    }
}

static void no_thread_takes_a_core_from_the_step(void **state)
{
    (void)state;
    struct loader l;
    open_with_spare_core(&l);
    const struct loader_source source = l.source;
    loader_close(&l);
    machine_open(0);
    loader_open(&l, &source);
    assert_false(l.beside);
    loader_start(&l, 0, 1);
    loader_wait(&l);
    assert_batch(&l, loader_take(&l, 0, 1), 0, 1);
    loader_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_made_ahead_are_those_made_now),
        cmocka_unit_test(batch_in_use_is_left_alone),
        cmocka_unit_test(views_of_other_numbers_are_other_views),
        cmocka_unit_test(other_batch_than_announced_is_made_now),
        cmocka_unit_test(closing_waits_for_the_thread),
        cmocka_unit_test(no_thread_takes_a_core_from_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
