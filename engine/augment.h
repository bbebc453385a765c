/* SPDX-License-Identifier: MIT
 *
 * augment.h -- the recipe's random parameters (App. A), drawn by one piece of code on every machine.
 *
 * gcc and nvcc both compile this header, and the numbers must agree to the bit: only +, -, *, / and sqrt-free
 * float arithmetic in a fixed order, no libm, no contraction of a * b + c (the build passes -ffp-contract=off
 * and -fmad=false).  A draw is a function of (seed, epoch, image, view, what): threads, prefetch and resume
 * change nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct augment {
    bool crop;                     /* false: the whole image (the test transform) */
    float crop_scale[2];           /* share of the area, uniform */
    float crop_ratio[2];           /* aspect ratio, log-uniform */
    float jitter[4], jitter_p;     /* brightness, contrast, saturation, hue */
    float gray_p;
    float blur_sigma[2], blur_p;   /* pixels of the output image */
    float flip_p;
    float mean[3], std[3];         /* of the data set, for values in 0..1 */
};
/* ... struct view_params, augment_draw() and the keyed permutation follow: see the section below. */
