/* SPDX-License-Identifier: MIT
 *
 * test_augment_draw.c -- the recipe's random parameters: their distributions, and that they are
 * what they are for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "../engine/augment.h"

/* The recipe of App. A with the released code's blur. */
static const struct augment paper = {
    .crop = true, .crop_scale = { 0.2f, 1.0f }, .crop_ratio = { 3.0f / 4.0f, 4.0f / 3.0f },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2.0f }, .blur_p = { 0.5f, 0.5f }, .flip_p = 0.5f, .std = { 1, 1, 1 }
};

enum { DRAWS = 100000, BINS = 20 };

static struct view_params draw(const struct augment *recipe, uint32_t image)
{
    return augment_draw(recipe, 7, 3, image, 1, 32, 32);
}

/* Six standard deviations: one test in 10^8 would fail by chance, and the seeds are fixed
 * anyway. */
static void assert_share(int count, int n, double p)
{
    assert_true(fabs(count - n * p) < 6.0 * sqrt(n * p * (1.0 - p)));
}

/* Chi-square with bins - 1 degrees of freedom has mean bins - 1 and variance 2 (bins - 1): six
 * deviations again. */
static void assert_even(const int *count, int bins)
{
    double n = 0.0, sum = 0.0;
    for (int i = 0; i < bins; i++)
        n += count[i];
    assert_true(n > 20.0 * bins);
    for (int i = 0; i < bins; i++)
        sum += (count[i] - n / bins) * (count[i] - n / bins) / (n / bins);
    assert_true(sum < bins - 1 + 6.0 * sqrt(2.0 * (bins - 1)));
}

static void count_in(int *count, double x, double low, double high)
{
    assert_true(x >= low - 1e-6 && x <= high + 1e-6);
    const int bin = (int)((x - low) / (high - low) * BINS);
    count[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
}

static void elementary_functions_agree_with_libm(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const double u = (philox_draw(1, PHILOX_AUGMENT, 0, i, 0, 0).v[0] + 0.5) / 4294967296.0;
        const double x = exp(60.0 * u - 30.0), e = 1400.0 * u - 700.0;
        assert_true(fabs(portable_sqrt(x) - sqrt(x)) < 4e-16 * sqrt(x));
        assert_true(fabs(portable_log(x) - log(x)) < 4e-16 * fmax(1.0, fabs(log(x))));
        assert_true(fabs(portable_exp(e) - exp(e)) < 4e-16 * fmax(1.0, fabs(e)) * exp(e));
    }
    assert_true(portable_exp(0.0) == 1.0);
    assert_true(portable_log(1.0) == 0.0);
}

static void crop_share_and_log_ratio_are_uniform(void **state)
{
    (void)state;
    int share_count[BINS] = { 0 }, ratio_count[BINS] = { 0 };
    for (uint32_t i = 0; i < DRAWS; i++) {
        float share, ratio;
        crop_shape_draw(&share, &ratio, &paper, philox_draw(7, PHILOX_AUGMENT, 0, i, 0, DRAW_CROP));
        count_in(share_count, (double)share, 0.2, 1.0);
        count_in(ratio_count, log((double)ratio), log(3.0 / 4.0), log(4.0 / 3.0));
    }
    assert_even(share_count, BINS);
    assert_even(ratio_count, BINS);
}

/* A quarter of the area, square: always 16 x 16, at 17 x 17 places. */
static void crop_place_is_uniform(void **state)
{
    (void)state;
    struct augment recipe = paper;
    recipe.crop_scale[0] = recipe.crop_scale[1] = 0.25f;
    recipe.crop_ratio[0] = recipe.crop_ratio[1] = 1.0f;
    static int place[17 * 17];
    for (uint32_t i = 0; i < DRAWS; i++) {
        const struct view_params v = draw(&recipe, i);
        assert_int_equal(v.height, 16);
        assert_int_equal(v.width, 16);
        assert_in_range(v.top, 0, 16);
        assert_in_range(v.left, 0, 16);
        place[v.top * 17 + v.left]++;
    }
    assert_even(place, 17 * 17);
}

static void crop_box_has_the_drawn_shape_and_lies_inside(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const struct view_params v = augment_draw(&paper, 7, 3, i, 0, 24, 37);
        assert_true(v.top >= 0 && v.left >= 0 && v.height > 0 && v.width > 0);
        assert_true(v.top + v.height <= 24 && v.left + v.width <= 37);
        bool found = false; /* the first try that fits; 24 x 37 is never without one in this test */
        for (uint32_t k = 0; k < CROP_TRIES && !found; k++) {
            float share, ratio;
            crop_shape_draw(&share, &ratio, &paper,
                            philox_draw(7, PHILOX_AUGMENT, 3, i, 0, DRAW_CROP + k));
            const double area = 24 * 37 * (double)share;
            const long w = lround(sqrt(area * (double)ratio)),
                       h = lround(sqrt(area / (double)ratio));
            found = w <= 37 && h <= 24;
            if (found) {
                assert_int_equal(v.width, w);
                assert_int_equal(v.height, h);
            }
        }
    }
}

/* torchvision's three fallbacks. */
static void crop_that_never_fits_is_central(void **state)
{
    (void)state;
    struct augment recipe = paper;
    recipe.crop_scale[0] = 0.9f;
    struct view_params v = augment_draw(&recipe, 1, 2, 3, 0, 100, 10);
    const int tall[] = { 43, 0, 13, 10 }, wide[] = { 0, 43, 10, 13 }, whole[] = { 0, 0, 10, 10 };
    assert_memory_equal(&v, tall, sizeof tall);        /* top, left, height, width come first */
    v = augment_draw(&recipe, 1, 2, 3, 0, 10, 100);
    assert_memory_equal(&v, wide, sizeof wide);
    recipe.crop_scale[0] = recipe.crop_scale[1] = 4.0f;
    v = augment_draw(&recipe, 1, 2, 3, 0, 10, 10);
    assert_memory_equal(&v, whole, sizeof whole);
}

static void transforms_come_as_often_as_the_recipe_says(void **state)
{
    (void)state;
    int jitter = 0, gray = 0, blur = 0, flip = 0, flip_and_gray = 0, order[256] = { 0 };
    for (uint32_t i = 0; i < DRAWS; i++) {
        const struct view_params v = draw(&paper, i);
        jitter += v.jitter;
        gray += v.gray;
        blur += v.blur;
        flip += v.flip;
        flip_and_gray += v.flip && v.gray;
        if (v.jitter)
            order[v.order[0] * 64 + v.order[1] * 16 + v.order[2] * 4 + v.order[3]]++;
    }
    assert_share(jitter, DRAWS, 0.8);
    assert_share(gray, DRAWS, 0.2);
    assert_share(blur, DRAWS, 0.5);
    assert_share(flip, DRAWS, 0.5);
    assert_share(flip_and_gray, DRAWS, 0.1);
    int seen[24], n = 0;
    for (int i = 0; i < 256; i++) {
        if (order[i]) {
            assert_true(n < 24);
            assert_int_equal(1 << (i >> 6) | 1 << (i >> 4 & 3) | 1 << (i >> 2 & 3) | 1 << (i & 3),
                             15);
            seen[n++] = order[i];
        }
    }
    assert_int_equal(n, 24);
    assert_even(seen, 24);
}

static void factors_and_sigma_are_uniform(void **state)
{
    (void)state;
    struct augment recipe = paper;
    recipe.jitter[JITTER_CONTRAST] = 1.5f;             /* below 0 there is nothing: from 0 to 2.5 */
    int factor[JITTERS][BINS] = { 0 }, sigma[BINS] = { 0 };
    for (uint32_t i = 0; i < DRAWS; i++) {
        const struct view_params v = draw(&recipe, i);
        if (v.jitter) {
            count_in(factor[JITTER_BRIGHTNESS], (double)v.factor[JITTER_BRIGHTNESS], 0.6, 1.4);
            count_in(factor[JITTER_CONTRAST], (double)v.factor[JITTER_CONTRAST], 0.0, 2.5);
            count_in(factor[JITTER_SATURATION], (double)v.factor[JITTER_SATURATION], 0.6, 1.4);
            count_in(factor[JITTER_HUE], (double)v.factor[JITTER_HUE], -0.1, 0.1);
        }
        if (v.blur)
            count_in(sigma, (double)v.sigma, 0.1, 2.0);
    }
    for (int k = 0; k < JITTERS; k++)
        assert_even(factor[k], BINS);
    assert_even(sigma, BINS);
}

static void everything_changes_the_draw(void **state)
{
    (void)state;
    struct view_params v[] = {
        augment_draw(&paper, 1, 2, 3, 0, 32, 32), augment_draw(&paper, 2, 2, 3, 0, 32, 32),
        augment_draw(&paper, 1, 3, 3, 0, 32, 32), augment_draw(&paper, 1, 2, 4, 0, 32, 32),
        augment_draw(&paper, 1, 2, 3, 1, 32, 32),
    };
    for (size_t a = 0; a < sizeof v / sizeof *v; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_memory_not_equal(&v[a], &v[b], 4 * sizeof(int));    /* the boxes */
        }
    }
    const struct view_params again = augment_draw(&paper, 1, 2, 3, 0, 32, 32);
    assert_memory_equal(&v[0], &again, 4 * sizeof(int));
}

/* Each transform may be switched off, and the others do not notice. */
static void switching_one_off_leaves_the_others(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        const struct view_params all = draw(&paper, i);
        struct augment recipe = paper;
        recipe.crop = false;
        recipe.gray_p = 0.0f;
        struct view_params v = draw(&recipe, i);
        assert_true(v.top == 0 && v.left == 0 && v.height == 32 && v.width == 32 && !v.gray);
        assert_true(v.jitter == all.jitter && v.blur == all.blur && v.flip == all.flip &&
                    v.sigma == all.sigma);
        assert_memory_equal(v.factor, all.factor, sizeof v.factor);
        recipe = paper;
        recipe.jitter_p = recipe.blur_p[0] = recipe.blur_p[1] = recipe.flip_p = 0.0f;
        v = draw(&recipe, i);
        assert_false(v.jitter || v.blur || v.flip);
        assert_true(v.gray == all.gray);
        assert_memory_equal(&v, &all, 4 * sizeof(int));
        recipe = paper;
        recipe.jitter[JITTER_BRIGHTNESS] = recipe.jitter[JITTER_HUE] = 0.0f;
        recipe.jitter_p = recipe.flip_p = 1.0f;
        v = draw(&recipe, i);
        assert_true(v.jitter && v.flip);
        assert_true(v.factor[JITTER_BRIGHTNESS] == 1.0f && v.factor[JITTER_HUE] == 0.0f);
        assert_true(!all.jitter || v.factor[JITTER_CONTRAST] == all.factor[JITTER_CONTRAST]);
    }
}

/* BYOL's two recipes: even views are blurred and not solarised, odd ones seldom and sometimes; and
 * neither is decided by the other's draw. */
static void even_and_odd_views_have_recipes_of_their_own(void **state)
{
    (void)state;
    struct augment byol = paper;
    byol.blur_p[0] = 1.0f;
    byol.blur_p[1] = 0.1f;
    byol.solarize_p[1] = 0.2f;
    int blur[4] = { 0 }, solarize[4] = { 0 }, both = 0;
    for (uint32_t i = 0; i < DRAWS; i++)
        for (uint32_t view = 0; view < 4; view++) {
            const struct view_params v = augment_draw(&byol, 1, 2, i, view, 32, 32);
            const struct view_params plain = augment_draw(&paper, 1, 2, i, view, 32, 32);
            blur[view] += v.blur;
            solarize[view] += v.solarize;
            both += view == 1 && v.blur && v.solarize;
            assert_false(plain.solarize);
            assert_memory_equal(&v, &plain, 4 * sizeof(int));
            assert_true(v.jitter == plain.jitter && v.gray == plain.gray && v.flip == plain.flip);
        }
    for (int view = 0; view < 4; view += 2) {
        assert_true(blur[view] == DRAWS && solarize[view] == 0);
        assert_share(blur[view + 1], DRAWS, 0.1);
        assert_share(solarize[view + 1], DRAWS, 0.2);
    }
    assert_share(both, DRAWS, 0.02);
}

/* The bits of many draws, folded into one number: what every compiler and machine has to find. */
static void draws_are_the_same_bits_everywhere(void **state)
{
    (void)state;
    uint64_t hash = 0xcbf29ce484222325u;               /* FNV-1a, by words */
    for (uint32_t i = 0; i < 10000; i++) {
        const int w = 24 + (int)(i % 17);
        const struct view_params v = augment_draw(&paper, 0x123456789abcdefu, i % 7, i, i % 3, 32,
                                                  w);
        uint32_t word[13] = { (uint32_t)v.top, (uint32_t)v.left, (uint32_t)v.height,
                              (uint32_t)v.width, v.jitter, v.gray, v.blur, v.flip };
        memcpy(word + 8, v.factor, sizeof v.factor);
        memcpy(word + 12, &v.sigma, sizeof v.sigma);
        for (int k = 0; k < 13; k++)
            hash = (hash ^ word[k]) * 0x100000001b3u;
        hash = (hash ^ (uint64_t)v.order[0] ^ (uint64_t)v.order[3] << 8) * 0x100000001b3u;
    }
    assert_true(hash == 0x9076f3110a85b1dau);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementary_functions_agree_with_libm),
        cmocka_unit_test(crop_share_and_log_ratio_are_uniform),
        cmocka_unit_test(crop_place_is_uniform),
        cmocka_unit_test(crop_box_has_the_drawn_shape_and_lies_inside),
        cmocka_unit_test(crop_that_never_fits_is_central),
        cmocka_unit_test(transforms_come_as_often_as_the_recipe_says),
        cmocka_unit_test(factors_and_sigma_are_uniform),
        cmocka_unit_test(everything_changes_the_draw),
        cmocka_unit_test(switching_one_off_leaves_the_others),
        cmocka_unit_test(even_and_odd_views_have_recipes_of_their_own),
        cmocka_unit_test(draws_are_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
