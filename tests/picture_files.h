/* SPDX-License-Identifier: MIT
 *
 * picture_files.h -- JPEG and PNG files in memory, written by the libraries, for the tests of what
 * reads them.
 */
#pragma once
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <png.h>

struct bytes { uint8_t *at; size_t n; };

/* components 1: grey, 3: RGB, 4: CMYK, inverted; pixels [h, w, components].  `plain`: without
 * Adobe's marker. */
struct jpeg_kind {
    int components, quality;
    bool ycck, progressive;
    const uint8_t *exif;
    unsigned exif_bytes;
    bool plain;
};

static struct bytes jpeg_file(const uint8_t *pixels, int h, int w, struct jpeg_kind kind)
{
    static const J_COLOR_SPACE space[5] = { 0, JCS_GRAYSCALE, 0, JCS_RGB, JCS_CMYK };
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *at = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &at, &n);
    c.image_width = (unsigned)w;
    c.image_height = (unsigned)h;
    c.input_components = kind.components;
    c.in_color_space = space[kind.components];
    jpeg_set_defaults(&c);
    if (kind.components == 4)
        jpeg_set_colorspace(&c, kind.ycck ? JCS_YCCK : JCS_CMYK);
    jpeg_set_quality(&c, kind.quality, TRUE);
    if (kind.progressive)
        jpeg_simple_progression(&c);
    if (kind.plain) c.write_Adobe_marker = FALSE;
    jpeg_start_compress(&c, TRUE);
    if (kind.exif)
        jpeg_write_marker(&c, JPEG_APP0 + 1, kind.exif, kind.exif_bytes);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + (size_t)c.next_scanline *
                                                          (size_t)(w * kind.components));
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return (struct bytes){ at, n };
}

static void png_append(png_structp png, png_bytep from, size_t n)
{
    struct bytes *const to = png_get_io_ptr(png);
    to->at = realloc(to->at, to->n + n);
    memcpy(to->at + to->n, from, n);
    to->n += n;
}

/* pixels [h] rows of `row` bytes, as PNG stores them; `palette` of two colours where the type is
 * that. */
static struct bytes png_file(const uint8_t *pixels, int h, int w, size_t row, int color_type,
                             int depth, bool interlaced)
{
    static const png_color palette[2] = { { 10, 20, 30 }, { 200, 100, 50 } };
    struct bytes file = { NULL, 0 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, png_append, NULL);
    png_set_IHDR(png, info, (unsigned)w, (unsigned)h, depth, color_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 2);
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < h; y++)
            png_write_row(png, pixels + (size_t)y * row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return file;
}
