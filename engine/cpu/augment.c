/* SPDX-License-Identifier: MIT
 *
 * augment.c -- the pixels of a view (App. A), in the order of the released code:
 *
 *     crop and resize -> colour jitter -> grayscale -> blur -> flip -> normalise
 *
 * Values are floats in 0..1 and are never rounded in between.  Each transform does what torchvision's does to a
 * float tensor, clamping to [0, 1] where that clamps; tests/golden/augment.txt holds it to that.
 */
#include <assert.h>
#include "cpu.h"
#include "augment_pixels.h"

static float clamp01(float x)
{
    return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

/* ---- crop and resize ----------------------------------------------------------------------------------- */

/* What one output pixel takes along one axis: inputs first .. first+n-1 of the crop, with weights summing to 1. */
struct tap { int first, n; const float *weight; };

/* A pixel of the output is a tent over the input, as wide as the larger of the two grids' spacings: PIL's and
 * torch's antialias.  Where the crop is smaller than the output this is plain bilinear interpolation, the
 * normalisation taking the place of clamped coordinates at the borders.  A tent covers at most 2 in / out + 1
 * inputs, and never more than 2 of a smaller crop: 2 in + out weights are enough. */
static void make_taps(struct tap *tap, float *weight, int in, int out)
{
    const float scale = (float)in / (float)out, support = scale > 1.0f ? scale : 1.0f;
    for (int i = 0; i < out; i++) {
        const float centre = scale * ((float)i + 0.5f);
        const int low = (int)(centre - support + 0.5f), first = low > 0 ? low : 0;
        const int high = (int)(centre + support + 0.5f), end = high < in ? high : in;
        float total = 0.0f;
        for (int j = first; j < end; j++) {
            const float distance = ((float)j - centre + 0.5f) / support;
            const float tent = distance < 0.0f ? 1.0f + distance : 1.0f - distance;
            weight[j - first] = tent > 0.0f ? tent : 0.0f;
            total += weight[j - first];
        }
        for (int j = 0; j < end - first; j++)
            weight[j] /= total;
        tap[i] = (struct tap){ first, end - first, weight };
        weight += end - first;
    }
}

/* y[size, size, 3] = the box of image [3, h, w] resized, 0..1.  The vertical pass comes first because planes of
 * bytes lie well for it; torch does the other first, which differs in the last bits only. */
static void crop_resize(float *y, const uint8_t *image, int h, int w, int size, const struct view_params *v)
{
    enum { WEIGHTS = 3 * AUGMENT_SIDE_MAX };
    struct tap across[AUGMENT_SIDE_MAX], down[AUGMENT_SIDE_MAX];
    float across_weight[WEIGHTS], down_weight[WEIGHTS], row[AUGMENT_SIDE_MAX];
    make_taps(across, across_weight, v->width, size);
    make_taps(down, down_weight, v->height, size);
    for (int p = 0; p < size; p++) {
        for (int c = 0; c < 3; c++) {
            const uint8_t *box = image + ((size_t)c * h + v->top) * w + v->left;
            for (int x = 0; x < v->width; x++)
                row[x] = 0.0f;
            for (int j = 0; j < down[p].n; j++) {
                const uint8_t *from = box + (size_t)(down[p].first + j) * w;
                const float weight = down[p].weight[j];
                for (int x = 0; x < v->width; x++)
                    row[x] += weight * (float)from[x];
            }
            for (int q = 0; q < size; q++) {
                float sum = 0.0f;
                for (int j = 0; j < across[q].n; j++)
                    sum += across[q].weight[j] * row[across[q].first + j];
                y[((size_t)p * size + q) * 3 + c] = sum / 255.0f;
            }
        }
    }
}

/* ---- colour: y is [n, 3] ------------------------------------------------------------------------------- */

static float luma(const float *rgb)        /* ITU-R 601-2, with torchvision's digits */
{
    return 0.2989f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static void adjust_brightness(float *y, size_t n, float factor)
{
    for (size_t i = 0; i < 3 * n; i++)
        y[i] = clamp01(factor * y[i]);
}

/* Blends with the mean grey of the whole view. */
static void adjust_contrast(float *y, size_t n, float factor)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += luma(y + 3 * i);
    const float rest = (1.0f - factor) * (float)(sum / (double)n);
    for (size_t i = 0; i < 3 * n; i++)
        y[i] = clamp01(factor * y[i] + rest);
}

/* Blends with each pixel's own grey. */
static void adjust_saturation(float *y, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++) {
        const float rest = (1.0f - factor) * luma(y + 3 * i);
        for (int c = 0; c < 3; c++)
            y[3 * i + c] = clamp01(factor * y[3 * i + c] + rest);
    }
}

/* Moves the hue of one pixel by `shift` turns, keeping HSV's saturation and value.  Hue is counted in sixths of a
 * turn, from red: channel `top` is the largest, and the difference of the other two is what lies around it. */
static void pixel_hue(float *rgb, float shift)
{
    const float r = rgb[0], g = rgb[1], b = rgb[2];
    const float high = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const float low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const float range = high - low;
    if (range == 0.0f) {
        return;                    /* grey has no hue */
    }
    const float sixth = high == r ? (g - b) / range : high == g ? 2.0f + (b - r) / range : 4.0f + (r - g) / range;
    float hue = sixth / 6.0f + shift;
    hue -= (float)(int)hue;
    hue += hue < 0.0f ? 1.0f : 0.0f;
    const int sector = (int)(hue * 6.0f);
    const float part = hue * 6.0f - (float)sector;
    const float falling = clamp01(high - range * part), rising = clamp01(low + range * part);
    switch (sector) {
    case 1: rgb[0] = falling, rgb[1] = high, rgb[2] = low; break;
    case 2: rgb[0] = low, rgb[1] = high, rgb[2] = rising; break;
    case 3: rgb[0] = low, rgb[1] = falling, rgb[2] = high; break;
    case 4: rgb[0] = rising, rgb[1] = low, rgb[2] = high; break;
    case 5: rgb[0] = high, rgb[1] = low, rgb[2] = falling; break;
    default: rgb[0] = high, rgb[1] = rising, rgb[2] = low; break;      /* 0, and 6 where a hue rounds to a turn */
    }
}

static void adjust_hue(float *y, size_t n, float shift)
{
    for (size_t i = 0; i < n; i++)
        pixel_hue(y + 3 * i, shift);
}

static void jitter_colours(float *y, size_t n, const struct view_params *v)
{
    static void (*const adjust[JITTERS])(float *, size_t, float) = {
        adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue
    };
    for (int i = 0; i < JITTERS; i++) {
        const int k = v->order[i];
        const float neutral = k == JITTER_HUE ? 0.0f : 1.0f;
        if (v->factor[k] != neutral)
            adjust[k](y, n, v->factor[k]);
    }
}

static void make_gray(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float gray = luma(y + 3 * i);
        y[3 * i] = y[3 * i + 1] = y[3 * i + 2] = gray;
    }
}

/* ---- blur ---------------------------------------------------------------------------------------------- */

/* Blurs n pixels of 3 channels, `step` floats apart.  kernel[0 .. radius] is the right half, its centre first. */
static void blur_line(float *y, int n, size_t step, const float *kernel, int radius)
{
    float line[AUGMENT_SIDE_MAX * 3 * 3];      /* with `radius` < n mirrored pixels at each end */
    for (int i = -radius; i < n + radius; i++) {
        const int mirrored = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
        for (int c = 0; c < 3; c++)
            line[3 * (i + radius) + c] = y[(size_t)mirrored * step + c];
    }
    for (int i = 0; i < n; i++) {
        const float *centre = line + 3 * (i + radius);
        for (int c = 0; c < 3; c++) {
            float sum = kernel[0] * centre[c];
            for (int j = 1; j <= radius; j++)
                sum += kernel[j] * (centre[c - 3 * j] + centre[c + 3 * j]);
            y[(size_t)i * step + c] = sum;
        }
    }
}

/* A Gaussian cut at 3 sigma (0.3 % of its mass), or at what a mirrored border can give, and normalised: with the
 * same kernel size this is torchvision's gaussian_blur.  The released code's PIL blur approximates the same
 * Gaussian by boxes. */
static void blur(float *y, int size, float sigma)
{
    float kernel[AUGMENT_SIDE_MAX];
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
    for (int i = 0; i < size; i++)
        blur_line(y + (size_t)i * size * 3, size, 3, kernel, radius);
    for (int i = 0; i < size; i++)
        blur_line(y + (size_t)i * 3, size, (size_t)size * 3, kernel, radius);
}

/* ---- flip and normalise -------------------------------------------------------------------------------- */

static void flip(float *y, int size)
{
    for (int p = 0; p < size; p++) {
        float *row = y + (size_t)p * size * 3;
        for (int a = 0, b = size - 1; a < b; a++, b--) {
            for (int c = 0; c < 3; c++) {
                const float swap = row[3 * a + c];
                row[3 * a + c] = row[3 * b + c];
                row[3 * b + c] = swap;
            }
        }
    }
}

static void normalize(float *y, size_t n, const struct augment *recipe)
{
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++)
            y[3 * i + c] = (y[3 * i + c] - recipe->mean[c]) / recipe->std[c];
    }
}

/* ---- views --------------------------------------------------------------------------------------------- */

void augment_pixels(float *y, const uint8_t *image, int h, int w, int size, const struct augment *recipe,
                    const struct view_params *v)
{
    assert(h <= AUGMENT_SIDE_MAX && w <= AUGMENT_SIDE_MAX && size <= AUGMENT_SIDE_MAX);
    assert(v->top >= 0 && v->left >= 0 && v->height > 0 && v->width > 0);
    assert(v->top + v->height <= h && v->left + v->width <= w);
    const size_t n = (size_t)size * size;
    crop_resize(y, image, h, w, size, v);
    if (v->jitter)
        jitter_colours(y, n, v);
    if (v->gray)
        make_gray(y, n);
    if (v->blur && v->sigma > 0.0f)
        blur(y, size, v->sigma);
    if (v->flip)
        flip(y, size);
    normalize(y, n, recipe);
}

void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w, int size,
                const struct augment *recipe, uint64_t seed, uint32_t epoch, uint32_t view)
{
    const int32_t *at = (const int32_t *)index;
    const uint8_t *stored = (const uint8_t *)images;
    const size_t in = (size_t)3 * h * w, out = (size_t)3 * size * size;
    #pragma omp parallel for schedule(static) num_threads(cpu_threads())
    for (int i = 0; i < n; i++) {
        const struct view_params v = augment_draw(recipe, seed, epoch, (uint32_t)at[i], view, h, w);
        augment_pixels(act_out(y) + i * out, stored + (size_t)at[i] * in, h, w, size, recipe, &v);
    }
}
