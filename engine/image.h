/* SPDX-License-Identifier: MIT
 *
 * image.h -- the bytes of a JPEG or PNG file to a picture: planar RGB, 8 bits.
 *
 * What a file is, its first bytes say, not its name.  Nothing in the bytes is believed before it is
 * checked, and no content can end the program: each function returns false and a sentence in
 * `wrong` if they are not one whole picture.
 *
 *   JPEG   libjpeg-turbo's accurate integer DCT and fancy upsampling, as PIL's.  Grey is repeated; CMYK and YCCK
 *          become RGB by (255 - C) (255 - K) / 255, stored inverted as Adobe's are and PIL takes all.  Whatever
 *          libjpeg warns of, a file cut short above all, is wrong: it would show grey where there was a picture.
 *          Not so an unknown revision of JFIF or transform of Adobe's: those are numbers of a header.
 *   PNG    grey, palettes and 1, 2, 4 bits become RGB of 8 bits, of 16 bits the upper 8 are taken, and alpha is
 *          dropped, not composited: the colour below it is what is seen, as in torchvision's ImageFolder.
 *   both   no gamma, no colour profile, and no EXIF orientation: pixels are taken as they are stored, as
 *          ImageFolder takes them, so that a network trained elsewhere has seen the same.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "data_formats.h"

/* What larger headers promise would not fit into memory several times over: refused before anything
 * is decoded. */
enum { IMAGE_SIDE_MAX = 20000, IMAGE_PIXELS_MAX = 1 << 26 };

enum image_kind { IMAGE_JPEG, IMAGE_PNG };
struct image_info { enum image_kind kind; int h, w; };

/* From the file's header alone. */
bool image_look(struct image_info *info, const uint8_t *file, size_t bytes, char wrong[WRONG_TEXT]);

/* pixels [3, h, w]; `room` bytes are there.  Starts zeroed; grows as pictures are decoded into
 * it. */
struct picture { uint8_t *pixels; size_t room; int h, w; };

/* Decodes the whole file, which image_look() has looked at.  A JPEG is made smaller by `shrink` (1,
 * 2, 4, 8) in its DCT, h and w rounded up; of a PNG shrink is 1. */
bool image_decode(struct picture *p, const struct image_info *info, const uint8_t *file,
                  size_t bytes, int shrink, char wrong[WRONG_TEXT]);
void picture_free(struct picture *p);
