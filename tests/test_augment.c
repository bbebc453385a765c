/* SPDX-License-Identifier: MIT
 *
 * test_augment.c -- the pixels against golden values, the parameters against their distributions.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../engine/cpu/augment_pixels.h"
#include "../engine/ops.h"

/* The recipe of App. A with the released code's blur. */
static const struct augment paper = {
    .crop = true, .crop_scale = { 0.2f, 1.0f }, .crop_ratio = { 3.0f / 4.0f, 4.0f / 3.0f },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2.0f }, .blur_p = 0.5f, .flip_p = 0.5f,
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
                const int slope = (x * (7 - 2 * c) + y * (3 + 2 * c) + x * y * (c + 1) / 8 + 40 * c) % 511;
                const int folded = slope < 510 - slope ? slope : 510 - slope;
                image[(c * h + y) * w + x] = (uint8_t)(kind == 0 ? (uint32_t)folded : place * 2654435761u >> 24);
            }
        }
    }
}

/* ---- golden values ------------------------------------------------------------------------------------- */

/* Float against float: the order of summation, and divisions written as products. */
static const double TORCH_TOLERANCE = 1e-5;
/* The cut at 3 sigma leaves out 0.27 % of the Gaussian's mass a dimension, so at most 0.54 % of the range. */
static const double GAUSS_TOLERANCE = 0.0054;
/* Pillow rounds after each pass, and takes contrast's mean grey as a whole number. */
static const double PIL_TOLERANCE = 2.0 / 255;

struct golden {
    char reference[8], name[32];
    int kind, h, w, size, normalize;
    struct view_params v;
};

static bool golden_read(struct golden *g, FILE *in)
{
    int flag[3];
    memset(g, 0, sizeof *g);
    struct view_params *const v = &g->v;
    if (fscanf(in, " case %7s %31s %d %d %d %d %d %d %d %d %d", g->reference, g->name, &g->kind, &g->h, &g->w,
               &g->size, &v->top, &v->left, &v->height, &v->width, &flag[0]) != 11) {
        return false;
    }
    for (int i = 0; i < JITTERS; i++) {
        assert_int_equal(fscanf(in, "%hhu", &v->order[i]), 1);
    }
    for (int i = 0; i < JITTERS; i++) {
        assert_int_equal(fscanf(in, "%f", &v->factor[i]), 1);
    }
    assert_int_equal(fscanf(in, "%d %f %d %d", &flag[1], &v->sigma, &flag[2], &g->normalize), 4);
    v->jitter = flag[0];
    v->gray = flag[1];
    v->blur = v->sigma > 0.0f;
    v->flip = flag[2];
    return true;
}

/* Reads the case's values and returns the largest difference of ours, in shares of the range 0..1. */
static double golden_difference(const struct golden *g, FILE *in)
{
    static uint8_t image[3 * SIDE_MAX * SIDE_MAX];
    static float y[3 * SIDE_MAX * SIDE_MAX];
    make_image(image, g->kind, g->h, g->w);
    augment_pixels(y, image, g->h, g->w, g->size, g->normalize ? &paper : &nothing, &g->v);
    const double unit = strcmp(g->reference, "pil") == 0 ? 1.0 / 255 : 1e-6;
    double worst = 0.0;
    for (int i = 0; i < 3 * g->size * g->size; i++) {
        double value;
        assert_int_equal(fscanf(in, "%lf", &value), 1);
        const double difference = fabs(value * unit - (double)y[i]);
        worst = difference > worst ? difference : worst;
    }
    return worst;
}

static double golden_tolerance(const struct golden *g)
{
    if (strcmp(g->reference, "torch") == 0) {
        return TORCH_TOLERANCE;
    }
    return strcmp(g->reference, "gauss") == 0 ? GAUSS_TOLERANCE : PIL_TOLERANCE;
}

static void pixels_match_the_golden_values(void **state)
{
    (void)state;
    FILE *const in = fopen(GOLDEN_DIR "/augment.txt", "r");
    assert_non_null(in);
    int cases = 0, wrong = 0;
    for (struct golden g; golden_read(&g, in); cases++) {
        const double difference = golden_difference(&g, in), tolerance = golden_tolerance(&g);
        if (getenv("SHOW") || difference > tolerance) {
            print_message("%s %s (image %d, sigma %g, hue %g): differs by %.3g, allowed %.3g\n", g.reference, g.name,
                          g.kind, (double)g.v.sigma, (double)g.v.factor[3], difference, tolerance);
        }
        wrong += difference > tolerance;
    }
    assert_true(feof(in));
    fclose(in);
    assert_int_equal(cases, 95);
    assert_int_equal(wrong, 0);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_match_the_golden_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
