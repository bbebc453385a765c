/* SPDX-License-Identifier: MIT
 *
 * test_views.c -- views made by the machine against those of the CPU's own code
 * (engine/cpu/augment.c, linked beside it under the names of its plain variant): pixels of any
 * crop, colour, blur and flip, of stored images and of images of their own size.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include "../../engine/augment.h"
#include "../../engine/base.h"
#include "../../engine/cpu/cpu.h"

extern __typeof__(op_view) op_view_plain;
extern __typeof__(op_view_room) op_view_room_plain;

/* What the CPU's code asks of its machine. */
bool cpu_bf16(void) { return false; }
int cpu_threads(void) { return 1; }
void *cpu_scratch(enum scratch slot, size_t bytes)
{
    die("no scratch %d of %zu bytes here (views ask for none)", (int)slot, bytes);
}

/* Sums over a view are made in another order, and pixels are in 0..1; bf16 keeps 8 bits of them. */
static const double tolerance[] = { [PRECISION_FP32] = 1e-5, [PRECISION_BF16] = 1.0 / 256 };

/* All that a recipe has, nothing normalised. */
static const struct augment recipe = {
    .crop = true, .crop_scale = { 0.2f, 1 }, .crop_ratio = { 0.75f, 4.0f / 3 },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2 }, .blur_p = { 0.5f, 0.5f }, .solarize_p = { 0.1f, 0.3f },
    .flip_p = 0.5f, .std = { 1, 1, 1 }
};
static const struct augment centre = { .centre = true, .std = { 1, 1, 1 } };

enum { SEED = 7, EPOCH = 3, VIEW = 1, SIZE = 17, OUT = 3 * SIZE * SIZE };

static uint8_t *image_make(int n, int h, int w)
{
    const size_t bytes = (size_t)n * 3 * (size_t)h * (size_t)w;
    uint8_t *const image = host_alloc(bytes, 1);
    uint32_t state = (uint32_t)(h * 1000 + w);
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        image[i] = (uint8_t)(state >> 24);
    }
    return image;
}

static int longer(int a, int b) { return a > b ? a : b; }

/* image [3, h / shrink, w / shrink], rounded up. */
static void expected_view(float y[OUT], const uint8_t *image, int h, int w, int shrink,
                          const struct augment *r, const struct view_params *v)
{
    const size_t room = op_view_room_plain(SIZE, longer(h, w));
    void *const at = aligned_alloc(64, (room + 63) / 64 * 64);
    assert_non_null(at);
    op_view_plain((dev_act *)y, at, image, h, w, shrink, SIZE, r, v);
    free(at);
}

static void views_near(const float *y, const float *expected, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)y[i] - (double)expected[i]) <= bound))
            fail_msg("pixel %zu: %.9g, expected %.9g", i, (double)y[i], (double)expected[i]);
}

static void views_of_stored_images_are_the_cpus(void **state)
{
    (void)state;
    enum { N = 33, H = 32, W = 29, IN = 3 * H * W };
    static float y[N * OUT], expected[OUT];
    int32_t order[N];
    uint8_t *const host = image_make(N, H, W);
    for (int i = 0; i < N; i++)
        order[i] = (int32_t)((i * 7 + 3) % N);
    dev_byte *const images = mem_alloc(N * IN);
    dev_int *const index = mem_alloc(sizeof order), *const epoch = mem_alloc(sizeof(int32_t));
    mem_upload(images, host, N * IN);
    mem_upload(index, order, sizeof order);
    mem_upload(epoch, &(int32_t){ EPOCH }, sizeof(int32_t));
    for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++) {
        machine_set_precision((enum precision)p);
        dev_act *const made = mem_alloc(N * OUT * mem_act_bytes());
        op_augment(made, images, index, N, H, W, SIZE, &recipe, SEED, epoch, VIEW);
        mem_act_download(y, made, N * OUT);
        mem_free(made);
        for (int i = 0; i < N; i++) {
            const struct view_params v = augment_draw(&recipe, SEED, EPOCH, (uint32_t)order[i],
                                                      VIEW, H, W);
            expected_view(expected, host + order[i] * IN, H, W, 1, &recipe, &v);
            views_near(y + i * OUT, expected, OUT, tolerance[p]);
        }
    }
    machine_set_precision(PRECISION_FP32);
    mem_free(images);
    mem_free(index);
    mem_free(epoch);
    free(host);
}

/* Full height and width, and by how much the image was made smaller. */
static const struct { int h, w, shrink;
} shapes[] = { { 1, 1, 1 },    { 7, 33, 1 },    { 33, 7, 1 },   { 300, 9, 1 },
               { 65, 131, 2 }, { 201, 150, 4 }, { 401, 333, 8 } };
enum { SHAPES = sizeof shapes / sizeof *shapes, DRAWS = 5 };

/* A view of one of the shapes, made by the machine, any thread; the room is fresh. */
struct made { dev_act *at; void *room; };

static struct made machine_view(const uint8_t *image, int i, const struct augment *r,
                                const struct view_params *v)
{
    const int shrink = shapes[i].shrink,
              side = (longer(shapes[i].h, shapes[i].w) + shrink - 1) / shrink;
    const struct made m = { mem_alloc(OUT * mem_act_bytes()), mem_alloc(op_view_room(SIZE, side)) };
    op_view(m.at, m.room, image, shapes[i].h, shapes[i].w, shrink, SIZE, r, v);
    return m;
}

static void view_read(float y[OUT], struct made m)
{
    mem_act_download(y, m.at, OUT);
    mem_free(m.room);
    mem_free(m.at);
}

static void views_of_an_image_of_its_own_size_are_the_cpus(void **state)
{
    (void)state;
    static const struct augment *const recipes[] = { &recipe, &centre };
    float y[OUT], expected[OUT];
    for (int i = 0; i < SHAPES; i++) {
        const int h = shapes[i].h, w = shapes[i].w, shrink = shapes[i].shrink;
        uint8_t *const image = image_make(1, (h + shrink - 1) / shrink, (w + shrink - 1) / shrink);
        for (int draw = 0; draw < 2 * DRAWS; draw++) {
            const struct augment *const r = recipes[draw % 2];
            const struct view_params v = augment_draw(r, SEED, EPOCH, (uint32_t)draw, VIEW, h, w);
            view_read(y, machine_view(image, i, r, &v));
            expected_view(expected, image, h, w, shrink, r, &v);
            views_near(y, expected, OUT, tolerance[PRECISION_FP32]);
        }
        free(image);
    }
}

/* Each thread makes views of one shape; what it made is compared with the same made alone. */
struct maker { pthread_t thread; int shape; const uint8_t *image; struct made view[DRAWS]; };

static void *make_views(void *maker)
{
    struct maker *const m = maker;
    for (int draw = 0; draw < DRAWS; draw++) {
        const struct view_params v = augment_draw(&recipe, SEED, EPOCH, (uint32_t)draw, VIEW,
                                                  shapes[m->shape].h, shapes[m->shape].w);
        m->view[draw] = machine_view(m->image, m->shape, &recipe, &v);
    }
    return NULL;
}

static void threads_with_rooms_of_their_own_do_not_meet(void **state)
{
    (void)state;
    static struct maker maker[SHAPES], alone;
    for (int i = 0; i < SHAPES; i++) {
        const int shrink = shapes[i].shrink;
        maker[i].shape = i;
        maker[i].image = image_make(1, (shapes[i].h + shrink - 1) / shrink,
                                    (shapes[i].w + shrink - 1) / shrink);
        assert_int_equal(pthread_create(&maker[i].thread, NULL, make_views, &maker[i]), 0);
    }
    for (int i = 0; i < SHAPES; i++)
        assert_int_equal(pthread_join(maker[i].thread, NULL), 0);
    for (int i = 0; i < SHAPES; i++) {
        alone.shape = i;
        alone.image = maker[i].image;
        make_views(&alone);
        for (int draw = 0; draw < DRAWS; draw++) {
            float y[OUT], expected[OUT];
            view_read(y, maker[i].view[draw]);
            view_read(expected, alone.view[draw]);
            assert_memory_equal(y, expected, sizeof y);
        }
        free((void *)maker[i].image);
    }
}

static int open_machine(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_stored_images_are_the_cpus),
        cmocka_unit_test(views_of_an_image_of_its_own_size_are_the_cpus),
        cmocka_unit_test(threads_with_rooms_of_their_own_do_not_meet),
    };
    return cmocka_run_group_tests_name("cuda: views beside the CPU's", tests, open_machine, NULL);
}
