/* SPDX-License-Identifier: MIT
 *
 * png.h -- pictures in and out: sheets of views, and image sets that are shipped as PNG.
 *
 * Samples are taken and given as they are stored: no gamma, no colour profile, no background.  What
 * is decoded may be data rather than a picture, and then any such help would change it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PNG_SIDE_MAX = 20000 };     /* larger pictures are refused in both directions */
enum { PNG_WRONG = 160 };          /* bytes of a sentence that says what is wrong */

/* Replaces `path` by a picture of rgb [h, w, 3], or leaves it as it was: atomic, like
 * file_write_atomic().  False with a warning that says why. */
bool png_write_rgb(const char *path, const uint8_t *rgb, int w, int h);

/* The picture as [h, w, 3] in fresh memory, which the caller frees.  Palettes and grey become RGB,
 * 16 bits the upper 8, alpha is dropped.  NULL with a warning that says why if the file cannot be
 * read or is not a whole PNG; no content can do more harm than that. */
uint8_t *png_read_rgb(const char *path, int *w, int *h);
/* The same of a file in memory, `pixels_most` in it at most; NULL with a sentence in `wrong`. */
uint8_t *png_decode_rgb(const uint8_t *file, size_t bytes, int *w, int *h, size_t pixels_most,
                        char wrong[PNG_WRONG]);
