/* SPDX-License-Identifier: MIT
 *
 * augment.h -- the recipe's random parameters (App. A), drawn by one piece of code on every
 * machine.
 *
 * gcc and nvcc both compile this header, and the numbers must agree to the bit: only +, -, *, / in
 * a fixed order, no libm, no contraction of a * b + c (the build passes -ffp-contract=off and
 * -fmad=false).  A draw is a function of (seed, epoch, image, view, what): threads, prefetch and
 * resume change nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "philox.h"

struct augment {
    bool crop;                     /* false: the whole image (the test transform) */
    bool centre;                   /* not cropped at random: resized by its shorter side, and of
                                      that the centre */
    float crop_scale[2];           /* share of the area, uniform */
    float crop_ratio[2];           /* aspect ratio, log-uniform */
    float jitter[4], jitter_p;     /* brightness, contrast, saturation, hue */
    float gray_p;
    float blur_sigma[2];           /* pixels of the output image */
    float blur_p[2], solarize_p[2];        /* of views of even numbers, of odd ones: BYOL's two */
    float flip_p;
    float mean[3], std[3];         /* of the data set, for values in 0..1 */
};

enum { JITTER_BRIGHTNESS, JITTER_CONTRAST, JITTER_SATURATION, JITTER_HUE, JITTERS };

/* What is done to one view, in the order of the released code.  A transform that is off is the
 * identity. */
struct view_params {
    int top, left, height, width;  /* the crop box, in pixels of the stored image */
    bool jitter, gray, blur, flip;
    uint8_t order[JITTERS];        /* which jitter comes first, second, ... */
    float factor[JITTERS];         /* by JITTER_*; 1, 1, 1, 0 change nothing */
    float sigma;
    bool solarize;
};

/* Each transform has draws of its own, so that switching one off leaves the others as they were.  A
 * crop uses one draw of four words a try, from DRAW_CROP on. */
enum { CROP_TRIES = 10 };
enum augment_draws { DRAW_CROP = 0, DRAW_JITTER = CROP_TRIES, DRAW_FACTORS, DRAW_GRAY, DRAW_BLUR,
                     DRAW_FLIP, DRAW_SOLARIZE };

/* ---- elementary functions, the same on every machine ----------------------------------------- */

HOST_DEVICE static inline uint64_t double_bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
HOST_DEVICE static inline double bits_double(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Square root of a normal x > 0; relative error below 4e-16.  Halving the exponent is right to 6 %,
 * and each of Newton's steps squares that: 2e-3, 2e-6, 2e-12, rounding. */
HOST_DEVICE static inline double portable_sqrt(double x)
{
    double y = bits_double((double_bits(x) >> 1) + ((uint64_t)0x1FF << 52) + ((uint64_t)1 << 51));
    for (int i = 0; i < 4; i++)
        y = 0.5 * (y + x / y);
    return y;
}

/* Natural logarithm of a normal x > 0; error below 4e-16 max(1, |log x|).  x = 2^e m with m in
 * [2/3, 4/3), and log m = 2 atanh s with s = (m - 1) / (m + 1), |s| <= 1/5. */
HOST_DEVICE static inline double portable_log(double x)
{
    const uint64_t bits = double_bits(x);
    int e = (int)(bits >> 52) - 1023;
    double m = bits_double((bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1023 << 52);
    if (m >= 4.0 / 3.0) {
        m *= 0.5;
        e++;
    }
    const double s = (m - 1.0) / (m + 1.0), s2 = s * s;
    double sum = 0.0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * s2 + 1.0 / k;
    return e * 0.69314718055994530942 + 2.0 * s * sum;
}

/* exp x for |x| <= 700; relative error below 4e-16 max(1, |x|).  x = k log 2 + r with |r| <= log(2)
 * / 2; Taylor in r. */
HOST_DEVICE static inline double portable_exp(double x)
{
    const double t = x * 1.44269504088896340736;
    const int k = (int)(t < 0 ? t - 0.5 : t + 0.5);
    const double r = x - k * 0.69314718055994530942;
    double sum = 1.0;
    for (int i = 14; i >= 1; i--)
        sum = 1.0 + sum * r / i;
    return sum * bits_double((uint64_t)(1023 + k) << 52);
}

/* ---- blurring -------------------------------------------------------------------------------- */

/* A Gaussian cut at 3 sigma (0.3 % of its mass), or at what a mirrored border can give, and
 * normalised: with the same kernel size this is torchvision's gaussian_blur.  The released code's
 * PIL blur approximates the same Gaussian by boxes.  kernel[0 .. radius] is the right half, its
 * centre first; returns the radius. */
HOST_DEVICE static inline int blur_kernel(float *kernel, int size, float sigma)
{
    int radius = (int)(3.0f * sigma);
    radius += (float)radius < 3.0f * sigma;
    radius = radius < size ? radius : size - 1;
    double sum = 0.0;
    for (int j = 0; j <= radius; j++) {
        const double x = (double)j / (double)sigma, exponent = -0.5 * x * x;
        kernel[j] = exponent > -700.0 ? (float)portable_exp(exponent) : 0.0f;
        sum += j ? 2.0 * (double)kernel[j] : (double)kernel[j];
    }
    for (int j = 0; j <= radius; j++)
        kernel[j] = (float)((double)kernel[j] / sum);
    return radius;
}

/* Place i of a line of n that is mirrored at its ends: -n < i < 2 n - 1. */
HOST_DEVICE static inline int mirrored(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* ---- solarising ------------------------------------------------------------------------------ */

/* Bright becomes dark (BYOL, App. B).  On values of 8 bits it is torchvision's and Pillow's, whose
 * threshold is 128 of 255. */
HOST_DEVICE static inline float solarized(float v)
{
    return v < 0.5f ? v : 1.0f - v;
}

/* ---- drawing --------------------------------------------------------------------------------- */

HOST_DEVICE static inline float between(const float range[2], uint32_t word)
{
    return range[0] + (range[1] - range[0]) * philox_unit(word);
}

/* One try of a random crop: its share of the area, and its width / height. */
HOST_DEVICE static inline void crop_shape_draw(float *share, float *ratio,
                                               const struct augment *recipe, struct philox r)
{
    const double low = portable_log(recipe->crop_ratio[0]),
                 high = portable_log(recipe->crop_ratio[1]);
    *share = between(recipe->crop_scale, r.v[0]);
    *ratio = (float)portable_exp(low + (high - low) * philox_unit(r.v[1]));
}

/* The central crop that torchvision falls back on: as much of the image as the range of ratios
 * allows. */
HOST_DEVICE static inline void crop_central(struct view_params *v, const struct augment *recipe,
                                            int h, int w)
{
    const double ratio = (double)w / h;
    v->height = h;
    v->width = w;
    if (ratio < recipe->crop_ratio[0]) {
        v->height = (int)(w / (double)recipe->crop_ratio[0] + 0.5);
    } else if (ratio > recipe->crop_ratio[1]) {
        v->width = (int)(h * (double)recipe->crop_ratio[1] + 0.5);
    }
    v->top = (h - v->height) / 2;
    v->left = (w - v->width) / 2;
}

/* torchvision's RandomResizedCrop.get_params: ten tries for a box that fits, then the central
 * one. */
HOST_DEVICE static inline void crop_draw(struct view_params *v, const struct augment *recipe,
                                         uint64_t seed, uint32_t epoch, uint32_t image,
                                         uint32_t view, int h, int w)
{
    for (uint32_t attempt = 0; attempt < CROP_TRIES; attempt++) {
        const struct philox r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view,
                                            DRAW_CROP + attempt);
        float share, ratio;
        crop_shape_draw(&share, &ratio, recipe, r);
        const double area = (double)h * w * share;
        v->width = (int)(portable_sqrt(area * ratio) + 0.5);
        v->height = (int)(portable_sqrt(area / ratio) + 0.5);
        if (v->width > 0 && v->width <= w && v->height > 0 && v->height <= h) {
            v->top = (int)philox_below(r.v[2], (uint32_t)(h - v->height + 1));
            v->left = (int)philox_below(r.v[3], (uint32_t)(w - v->width + 1));
            return;
        }
    }
    crop_central(v, recipe, h, w);
}

/* torchvision's ColorJitter.get_params: each order equally likely; factors uniform in [max(0, 1 -
 * x), 1 + x], hue in [-x, x].  A jitter of 0 gives the factor that changes nothing. */
HOST_DEVICE static inline void jitter_draw(struct view_params *v, const float jitter[JITTERS],
                                           uint32_t order, struct philox r)
{
    uint8_t left[JITTERS] = { JITTER_BRIGHTNESS, JITTER_CONTRAST, JITTER_SATURATION, JITTER_HUE };
    /* the digits of `code` pick from what is left */
    uint32_t code = philox_below(order, 4 * 3 * 2);
    for (uint32_t i = 0; i < JITTERS; i++) {
        const uint32_t n = JITTERS - i, pick = code % n;
        code /= n;
        v->order[i] = left[pick];
        left[pick] = left[n - 1];
    }
    for (int k = 0; k < JITTERS; k++) {
        const float centre = k == JITTER_HUE ? 0.0f : 1.0f;
        float range[2] = { centre - jitter[k], centre + jitter[k] };
        if (k != JITTER_HUE && range[0] < 0.0f)
            range[0] = 0.0f;
        v->factor[k] = between(range, r.v[k]);
    }
}

/* The parameters of view `view` of image `image` [h, w] in `epoch`.  A probability of 0 is never,
 * of 1 always. */
HOST_DEVICE static inline struct view_params augment_draw(const struct augment *recipe,
                                                          uint64_t seed, uint32_t epoch,
                                                          uint32_t image, uint32_t view, int h,
                                                          int w)
{
    struct view_params v = { 0, 0, h, w, false, false, false, false, { 0, 1, 2, 3 }, { 1, 1, 1, 0 },
                             0, false };
    if (recipe->crop)
        crop_draw(&v, recipe, seed, epoch, image, view, h, w);
    struct philox r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view, DRAW_JITTER);
    v.jitter = philox_unit(r.v[0]) < recipe->jitter_p;
    if (v.jitter) {
        const struct philox factors = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view,
                                                  DRAW_FACTORS);
        jitter_draw(&v, recipe->jitter, r.v[1], factors);
    }
    r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view, DRAW_GRAY);
    v.gray = philox_unit(r.v[0]) < recipe->gray_p;
    r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view, DRAW_BLUR);
    v.blur = philox_unit(r.v[0]) < recipe->blur_p[view % 2];
    if (v.blur)
        v.sigma = between(recipe->blur_sigma, r.v[1]);
    r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view, DRAW_FLIP);
    v.flip = philox_unit(r.v[0]) < recipe->flip_p;
    r = philox_draw(seed, PHILOX_AUGMENT, epoch, image, view, DRAW_SOLARIZE);
    v.solarize = philox_unit(r.v[0]) < recipe->solarize_p[view % 2];
    return v;
}

/* ---- where a view looks ---------------------------------------------------------------------- */

/* Along one axis: `extent` pixels from `start` on, and no pixel outside low .. high-1.  In pixels
 * of the image as it is held, which may be the stored one made smaller by 1, 2, 4 or 8 (`shrink`)
 * when it was decoded. */
struct view_axis { float start, extent; int low, high; };

/* A random crop sees its box alone, as torchvision's does. */
HOST_DEVICE static inline struct view_axis view_axis_box(int first, int count, int shrink)
{
    const struct view_axis a = { (float)first / (float)shrink, (float)count / (float)shrink,
                                 first / shrink, (first + count + shrink - 1) / shrink };
    return a;
}

/* The paper's test transform: the shorter side to 256/224 of the view's, the other in proportion
 * and cut to whole pixels, then the central `size`; halves are rounded to even (torchvision's
 * Resize and CenterCrop).  Here it is one box of `n` pixels' axis, whose resize sees the pixels
 * around it, too. */
HOST_DEVICE static inline struct view_axis view_axis_centre(int n, int shorter, int size,
                                                            int shrink)
{
    const int side = (8 * size + 3) / 7, resized = (int)((double)side * n / shorter),
              rest = resized - size;
    const int half = rest / 2, first = half + ((rest & 1) && (half & 1));
    const double scale = (double)n / resized / shrink, reach = scale > 1.0 ? scale : 1.0;
    const double start = first * scale, extent = size * scale;
    const int held = (n + shrink - 1) / shrink, low = (int)(start - reach);
    const int high = (int)(start + extent + reach) + 1;
    const struct view_axis a = { (float)start, (float)extent, low > 0 ? low : 0,
                                 high < held ? high : held };
    return a;
}

HOST_DEVICE static inline void view_axes(struct view_axis axis[2], const struct augment *recipe,
                                         const struct view_params *v, int h, int w, int size,
                                         int shrink)
{
    const bool centre = recipe->centre && !recipe->crop;
    const int shorter = h < w ? h : w;
    axis[0] = centre ? view_axis_centre(h, shorter, size, shrink)
                     : view_axis_box(v->top, v->height, shrink);
    axis[1] = centre ? view_axis_centre(w, shorter, size, shrink)
                     : view_axis_box(v->left, v->width, shrink);
}

/* By how much (1, 2, 4, 8) an image may be made smaller before a view is cut from it: as long as
 * the view still is a reduction by SHRINK_REST, whose tent then decides what is seen, and not the
 * decoder's filter.  tests/test_image.c says what that changes. */
enum { SHRINK_MAX = 8, SHRINK_REST = 2 };
HOST_DEVICE static inline int view_shrink(const struct augment *recipe, const struct view_params *v,
                                          int h, int w, int size)
{
    struct view_axis axis[2];
    view_axes(axis, recipe, v, h, w, size, 1);
    const float extent = axis[0].extent < axis[1].extent ? axis[0].extent : axis[1].extent;
    int shrink = SHRINK_MAX;
    while (shrink > 1 && extent < (float)(shrink * SHRINK_REST * size))
        shrink /= 2;
    return shrink;
}
