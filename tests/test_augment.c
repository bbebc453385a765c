/* SPDX-License-Identifier: MIT
 *
 * test_augment.c -- the pixels of views against golden values, on each instruction set that this
 * CPU has.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../engine/cpu/augment_pixels.h"
#include "../engine/ops.h"

/* The recipe of App. A with the released code's blur. */
static const struct augment paper = {
    .crop = true, .crop_scale = { 0.2f, 1.0f }, .crop_ratio = { 3.0f / 4.0f, 4.0f / 3.0f },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2.0f }, .blur_p = { 0.5f, 0.5f }, .flip_p = 0.5f,
    .mean = { 0.4914f, 0.4822f, 0.4465f }, .std = { 0.2023f, 0.1994f, 0.2010f }
};
static const struct augment nothing = { .std = { 1, 1, 1 } };

enum { SIDE_MAX = 33 };

/* The images of make_augment.py, planar. */
static void make_image(uint8_t *image, int kind, int h, int w)
{
    for (int c = 0; c < 3; c++) {
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                const uint32_t place = (uint32_t)((y * w + x) * 3 + c + 1);
                const int slope =
                    (x * (7 - 2 * c) + y * (3 + 2 * c) + x * y * (c + 1) / 8 + 40 * c) % 511;
                const int folded = slope < 510 - slope ? slope : 510 - slope;
                image[(c * h + y) * w + x] = (uint8_t)(kind == 0 ? (uint32_t)folded
                                                                 : place * 2654435761u >> 24);
            }
        }
    }
}

/* ---- golden values --------------------------------------------------------------------------- */

/* Float against float: the order of summation, and divisions written as products. */
static const double TORCH_TOLERANCE = 1e-5;
/* The cut at 3 sigma leaves out 0.27 % of the Gaussian's mass a dimension, so at most 0.54 % of the
 * range. */
static const double GAUSS_TOLERANCE = 0.0054;
/* Pillow rounds after each pass, and takes contrast's mean grey as a whole number.  Its blur is
 * compared on the smooth picture for sigma >= 1, away from the border: there Pillow repeats the
 * last pixel where torchvision mirrors (16/255 apart on that picture), and its boxes are poor for a
 * small sigma (3/255 apart at 0.5, and on white noise 15/255 at 0.25). */
static const double PIL_TOLERANCE = 2.0 / 255;
/* Pillow's hue is a byte: the shift and the hue are both cut to whole 255ths of a turn, and where
 * colour is full, one of those changes a channel by six times as much. */
static const double PIL_HUE_TOLERANCE = 8.0 / 255;

struct golden {
    char reference[8], name[32];
    int kind, h, w, size, normalize;
    struct view_params v;
};

static bool golden_read(struct golden *g, FILE *in)
{
    int flag[4];
    memset(g, 0, sizeof *g);
    struct view_params *const v = &g->v;
    if (fscanf(in, " case %7s %31s %d %d %d %d %d %d %d %d %d", g->reference, g->name, &g->kind,
               &g->h, &g->w, &g->size, &v->top, &v->left, &v->height, &v->width, &flag[0]) != 11) {
        return false;
    }
    for (int i = 0; i < JITTERS; i++)
        assert_int_equal(fscanf(in, "%hhu", &v->order[i]), 1);
    for (int i = 0; i < JITTERS; i++)
        assert_int_equal(fscanf(in, "%f", &v->factor[i]), 1);
    assert_int_equal(fscanf(in, "%d %f %d %d %d", &flag[1], &v->sigma, &flag[2], &g->normalize,
                            &flag[3]), 5);
    v->jitter = flag[0];
    v->gray = flag[1];
    v->blur = v->sigma > 0.0f;
    v->flip = flag[2];
    v->solarize = flag[3];
    return true;
}

/* Reads the case's values and returns the largest difference of ours, in shares of the range
 * 0..1. */
static double golden_difference(const struct golden *g, FILE *in)
{
    static uint8_t image[3 * SIDE_MAX * SIDE_MAX];
    static float y[3 * SIDE_MAX * SIDE_MAX];
    make_image(image, g->kind, g->h, g->w);
    augment_pixels(y, image, g->h, g->w, g->size, g->normalize ? &paper : &nothing, &g->v);
    const bool pil = strcmp(g->reference, "pil") == 0;
    const int margin = pil ? (int)ceil(3.0 * (double)g->v.sigma) : 0;
    double worst = 0.0;
    for (int i = 0; i < 3 * g->size * g->size; i++) {
        double value;
        assert_int_equal(fscanf(in, "%lf", &value), 1);
        const int row = i / 3 / g->size, column = i / 3 % g->size, end = g->size - margin;
        const bool inside = row >= margin && row < end && column >= margin && column < end;
        const double difference = fabs(value * (pil ? 1.0 / 255 : 1e-6) - (double)y[i]);
        worst = inside && difference > worst ? difference : worst;
    }
    return worst;
}

static double golden_tolerance(const struct golden *g)
{
    if (strcmp(g->reference, "torch") == 0)
        return TORCH_TOLERANCE;
    if (strcmp(g->reference, "gauss") == 0)
        return GAUSS_TOLERANCE;
    return strcmp(g->name, "hue") == 0 ? PIL_HUE_TOLERANCE : PIL_TOLERANCE;
}

static void pixels_match_the_golden_values(void **state)
{
    (void)state;
    FILE *const in = fopen(GOLDEN_DIR "/augment.txt", "r");
    assert_non_null(in);
    int cases = 0, wrong = 0;
    for (struct golden g; golden_read(&g, in); cases++) {
        const double difference = golden_difference(&g, in), tolerance = golden_tolerance(&g);
        if (!(difference <= tolerance)) {
            print_error("%s %s (image %d, sigma %g, hue %g): differs by %.3g, allowed %.3g\n",
                        g.reference, g.name, g.kind, (double)g.v.sigma, (double)g.v.factor[3],
                        difference, tolerance);
            wrong++;
        }
    }
    assert_true(feof(in));
    fclose(in);
    assert_int_equal(cases, 94);
    assert_int_equal(wrong, 0);
}

/* Black, white and between: hue is undefined there, and 0 / 0 must not come out. */
static void grey_pixels_keep_their_colour(void **state)
{
    (void)state;
    const uint8_t image[3 * 4] = { 0, 100, 200, 255, 0, 100, 200, 255, 0, 100, 200, 255 };
    float y[3 * 4];
    const struct view_params v = { .height = 2, .width = 2, .jitter = true, .order = { 3, 2, 0, 1 },
                                   .factor = { 1, 1, 1, 0.25f } };
    augment_pixels(y, image, 2, 2, 2, &nothing, &v);
    for (int i = 0; i < 3 * 4; i++)
        assert_true(y[i] == (float)image[i / 3] / 255.0f);
}

/* HSV as in textbooks, in double: `rgb` with its hue moved by `shift` turns. */
static void naive_hue(double rgb[3], double shift)
{
    const double r = rgb[0], g = rgb[1], b = rgb[2], high = fmax(r, fmax(g, b)),
                 range = high - fmin(r, fmin(g, b));
    if (range == 0.0)
        return;
    const double hue = high == r   ? (g - b) / range
                       : high == g ? 2.0 + (b - r) / range
                                   : 4.0 + (r - g) / range;
    const double moved = fmod(hue + 6.0 * shift + 12.0, 6.0);
    for (int c = 0; c < 3; c++) {            /* how far from this channel's own colour, in sixths */
        const double away = fabs(moved - 2.0 * c), distance = fmin(away, 6.0 - away);
        rgb[c] = high - range * fmin(fmax(distance - 1.0, 0.0), 1.0);
    }
}

/* Ten values of each channel: all sextants, and the lines between them, where two channels tie. */
static void every_hue_turns(void **state)
{
    (void)state;
    static uint8_t image[3 * SIDE_MAX * SIDE_MAX];
    static float y[3 * SIDE_MAX * SIDE_MAX];
    const int pixels = SIDE_MAX * SIDE_MAX;
    for (int i = 0; i < pixels; i++) {
        image[i] = (uint8_t)(28 * (i % 10));
        image[pixels + i] = (uint8_t)(28 * (i / 10 % 10));
        image[2 * pixels + i] = (uint8_t)(28 * (i / 100 % 10));
    }
    for (int turn = -7; turn <= 7; turn++) {
        const float shift = (float)turn / 14;
        const struct view_params v = { .height = SIDE_MAX, .width = SIDE_MAX, .jitter = true,
                                       .order = { 0, 1, 2, 3 }, .factor = { 1, 1, 1, shift } };
        augment_pixels(y, image, SIDE_MAX, SIDE_MAX, SIDE_MAX, &nothing, &v);
        for (int i = 0; i < pixels; i++) {
            double rgb[3];
            for (int c = 0; c < 3; c++)
                rgb[c] = image[c * pixels + i] / 255.0;
            naive_hue(rgb, (double)shift);
            for (int c = 0; c < 3; c++)
                assert_true(fabs((double)y[3 * i + c] - rgb[c]) < TORCH_TOLERANCE);
        }
    }
}

/* What lies outside the crop is loaded along with it, and must not be seen. */
static void crop_alone_is_seen(void **state)
{
    (void)state;
    enum { SIDE = 33, OUT_SIDE = 12 };
    static uint8_t image[3 * SIDE * SIDE], other[3 * SIDE * SIDE];
    static float y[3 * OUT_SIDE * OUT_SIDE], again[3 * OUT_SIDE * OUT_SIDE];
    const struct view_params v = { .top = 5, .left = 18, .height = 21, .width = 7, .flip = true };
    make_image(image, 1, SIDE, SIDE);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        const int row = i / SIDE % SIDE, column = i % SIDE;
        const bool inside = row >= v.top && row < v.top + v.height && column >= v.left &&
                            column < v.left + v.width;
        other[i] = inside ? image[i] : (uint8_t)~image[i];
    }
    augment_pixels(y, image, SIDE, SIDE, OUT_SIDE, &nothing, &v);
    augment_pixels(again, other, SIDE, SIDE, OUT_SIDE, &nothing, &v);
    assert_memory_equal(again, y, sizeof y);
}

/* The blur is the widest user of the stack: it must fit at the size of ImageNet's views, and keep a
 * constant. */
static void large_views_work(void **state)
{
    (void)state;
    enum { SIDE = 256, PIXELS = SIDE * SIDE };
    uint8_t *const image = malloc(3 * PIXELS);
    float *const y = malloc(3 * PIXELS * sizeof *y);
    assert_non_null(image);
    assert_non_null(y);
    memset(image, 51, 3 * PIXELS);
    const struct view_params v = { .height = SIDE, .width = SIDE, .blur = true, .sigma = 300.0f };
    augment_pixels(y, image, SIDE, SIDE, SIDE, &nothing, &v);
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_true(fabsf(y[i] - 0.2f) < 1e-5f);
    free(y);
    free(image);
}

/* ---- op_augment ------------------------------------------------------------------------------ */

enum { BATCH = 33, H = 32, W = 29, SIZE = 15, IN = 3 * H * W, OUT = 3 * SIZE * SIZE };

static void make_batch(uint8_t *images, int32_t *index)
{
    for (int i = 0; i < BATCH; i++) {
        make_image(images + (size_t)i * IN, i % 2, H, W);
        images[i * IN + i] ^= 0x55;                    /* no two alike */
        index[i] = (int32_t)((i * 7 + 3) % BATCH);
    }
}

static void augment(float *y, const uint8_t *images, const int32_t *index, int n,
                    const struct augment *recipe)
{
    const int32_t epoch = 2;
    op_augment((dev_act *)y, (const dev_byte *)images, (const dev_int *)index, n, H, W, SIZE,
               recipe, 5, (const dev_int *)&epoch, 1);
}

static void batch_is_the_same_for_any_threads_and_order(void **state)
{
    (void)state;
    static uint8_t images[BATCH * IN];
    static float one[BATCH * OUT], many[BATCH * OUT], view[OUT];
    int32_t index[BATCH];
    make_batch(images, index);
    machine_open(1);
    augment(one, images, index, BATCH, &paper);
    enum { TURNS = 200 };                              /* long enough for threads to meet */
    for (int turn = 0; turn < TURNS; turn++) {
        machine_open(2 + turn % 4);
        memset(many, 0xFF, sizeof many);
        augment(many, images, index, BATCH, &paper);
        assert_memory_equal(many, one, sizeof one);
    }
    for (int i = BATCH - 1; i >= 0; i--) {     /* one at a time, from the last, as augment.h says */
        augment(many, images, index + i, 1, &paper);
        assert_memory_equal(many, one + i * OUT, sizeof view);
        const struct view_params v = augment_draw(&paper, 5, 2, (uint32_t)index[i], 1, H, W);
        augment_pixels(view, images + index[i] * IN, H, W, SIZE, &paper, &v);
        assert_memory_equal(view, one + i * OUT, sizeof view);
    }
}

static void test_transform_is_the_identity_at_equal_size(void **state)
{
    (void)state;
    static uint8_t image[3 * 32 * 32];
    static float y[3 * 32 * 32];
    const int32_t index = 0, epoch = 2;
    make_image(image, 1, 32, 32);
    op_augment((dev_act *)y, (const dev_byte *)image, (const dev_int *)&index, 1, 32, 32, 32,
               &nothing, 1, (const dev_int *)&epoch, 3);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 32 * 32; i++)
            assert_true(y[3 * i + c] == (float)image[c * 32 * 32 + i] / 255.0f);
    }
}

static void bf16_views_are_the_rounded_ones(void **state)
{
    (void)state;
    static uint8_t images[BATCH * IN];
    static float y[BATCH * OUT];
    static uint16_t rounded[BATCH * OUT], made[BATCH * OUT];
    int32_t index[BATCH];
    make_batch(images, index);
    augment(y, images, index, BATCH, &paper);
    machine_set_precision(PRECISION_BF16);
    mem_act_upload((dev_act *)rounded, y, BATCH * OUT);
    augment((float *)made, images, index, BATCH, &paper);
    machine_set_precision(PRECISION_FP32);
    assert_memory_equal(made, rounded, sizeof made);
}

/* ---- instruction sets ------------------------------------------------------------------------ */

/* A run's views do not depend on the CPU: compares with what the first call has seen. */
static void views_are_the_same_on_every_instruction_set(void **state)
{
    (void)state;
    static uint8_t images[BATCH * IN];
    static float y[BATCH * OUT], first[BATCH * OUT];
    static bool seen;
    int32_t index[BATCH];
    make_batch(images, index);
    augment(y, images, index, BATCH, &paper);
    if (!seen)
        memcpy(first, y, sizeof y);
    seen = true;
    assert_memory_equal(y, first, sizeof y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_match_the_golden_values),
        cmocka_unit_test(grey_pixels_keep_their_colour),
        cmocka_unit_test(every_hue_turns),
        cmocka_unit_test(crop_alone_is_seen),
        cmocka_unit_test(large_views_work),
        cmocka_unit_test(batch_is_the_same_for_any_threads_and_order),
        cmocka_unit_test(test_transform_is_the_identity_at_equal_size),
        cmocka_unit_test(bf16_views_are_the_rounded_ones),
        cmocka_unit_test(views_are_the_same_on_every_instruction_set),
    };
    /* as in isa.c */
    static const char *const sets[] = { "avx512-bf16", "avx512", "avx2", "plain" };
    struct machine_info best;
    machine_open(1);
    machine_describe(&best);
    int failures = 0;
    bool has = false;
    if (strcmp(best.machine, "cpu"))     /* one way of computing, whatever the processor */
        return cmocka_run_group_tests_name(best.machine, tests, NULL, NULL);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const size_t length = strlen(sets[i]);
        const char end =
            best.kernels[length < strlen(best.kernels) ? length : strlen(best.kernels)];
        has = has || (!strncmp(best.kernels, sets[i], length) && (end == '\0' || end == ','));
        if (!has)
            continue;
        if (setenv("SIMSIAM_ISA", sets[i], 1))
            return EXIT_FAILURE;
        machine_open(1);
        failures += cmocka_run_group_tests_name(sets[i], tests, NULL, NULL);
    }
    return failures;
}
