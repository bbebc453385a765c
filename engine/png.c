/* SPDX-License-Identifier: MIT
 *
 * png.c -- pictures in and out, by libpng, always through memory: the file itself is read and
 * written by base.c, which knows how to do that atomically.
 */
#include "png.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base.h"

bool png_write_rgb(const char *path, const uint8_t *rgb, int w, int h)
{
    if (w < 1 || h < 1 || w > PNG_SIDE_MAX || h > PNG_SIDE_MAX) {
        warn("cannot write %s: %d x %d pixels (1 to %d a side are possible)", path, w, h,
             (int)PNG_SIDE_MAX);
        return false;
    }
    png_image image = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)w,
                        .height = (png_uint_32)h, .format = PNG_FORMAT_RGB };
    png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *file = malloc(bytes);
    if (!file) {
        warn("cannot write %s: no memory for %d x %d pixels", path, w, h);
        return false;
    }
    const bool encoded = png_image_write_to_memory(&image, file, &bytes, 0, rgb, 0, NULL);
    const bool written = encoded && file_write_atomic(path, file, bytes);
    if (!written) warn("cannot write %s: %s", path, encoded ? strerror(errno) : image.message);
    free(file);
    return written;
}

/* All that a read needs, outside the frame of setjmp(): what longjmp() leaves of that frame's own
 * variables is undefined. */
struct reader {
    const unsigned char *file;
    size_t bytes, at, pixels_most;
    png_structp png;
    png_infop info;
    uint8_t *rgb;
    char message[PNG_WRONG];
};

static void on_read(png_structp png, png_bytep to, size_t bytes)
{
    struct reader *r = png_get_io_ptr(png);
    if (bytes > r->bytes - r->at) png_error(png, "the file ends too early");
    memcpy(to, r->file + r->at, bytes);
    r->at += bytes;
}

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;                     /* odd ancillary chunks: the pixels are whole */
    (void)message;
}

/* Decodes r->file into r->rgb.  Nothing here is needed after a longjmp(). */
static void decode(struct reader *r)
{
    png_structp png = r->png;
    png_set_user_limits(png, PNG_SIDE_MAX, PNG_SIDE_MAX);
    png_set_read_fn(png, r, on_read);
    png_read_info(png, r->info);
    png_set_expand(png);           /* palettes and 1, 2, 4 bits to 8 */
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    const size_t row = png_get_rowbytes(png, r->info), h = png_get_image_height(png, r->info);
    if (row / 3 * h > r->pixels_most) png_error(png, "more pixels than are taken");
    if (row != 3 * (size_t)png_get_image_width(png, r->info))
        png_error(png, "unexpected pixel format");
    r->rgb = calloc(h, row);
    if (!r->rgb) png_error(png, "no memory for the pixels");
    for (int pass = 0; pass < passes; pass++) {
        for (size_t i = 0; i < h; i++) png_read_row(png, r->rgb + i * row, NULL);
    }
    png_read_end(png, NULL);
}

static bool read_picture(struct reader *r)
{
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info) {
        snprintf(r->message, sizeof r->message, "no memory");
        return false;
    }
    if (setjmp(png_jmpbuf(r->png))) return false;
    decode(r);
    return true;
}

/* Is there as much as each chunk says?  libpng would first make room: a hundred bytes may ask for 2
 * GiB.  A chunk is its length, its name, the content, a checksum; what comes after the last one is
 * not looked at. */
static bool chunks_check(const unsigned char *file, size_t bytes)
{
    enum { SIGNATURE = 8, FRAME = 12 };
    for (size_t at = SIGNATURE; at + FRAME <= bytes;) {
        const unsigned char *const c = file + at;
        const size_t length = (size_t)c[0] << 24 | (size_t)c[1] << 16 | (size_t)c[2] << 8 | c[3];
        if (length > bytes - at - FRAME) return false;
        if (!memcmp(c + 4, "IEND", 4)) return true;
        at += FRAME + length;
    }
    return true;                   /* libpng says what is missing */
}

uint8_t *png_decode_rgb(const uint8_t *file, size_t bytes, int *w, int *h, size_t pixels_most,
                        char wrong[PNG_WRONG])
{
    struct reader r = { .file = file, .bytes = bytes, .pixels_most = pixels_most };
    if (!chunks_check(file, bytes)) {
        snprintf(wrong, PNG_WRONG, "the file ends too early");
        return NULL;
    }
    if (read_picture(&r)) {
        *w = (int)png_get_image_width(r.png, r.info);
        *h = (int)png_get_image_height(r.png, r.info);
    } else {
        memcpy(wrong, r.message, sizeof r.message);
        free(r.rgb);
        r.rgb = NULL;
    }
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return r.rgb;
}

uint8_t *png_read_rgb(const char *path, int *w, int *h)
{
    size_t bytes;
    char wrong[PNG_WRONG], *file = file_read(path, &bytes);
    if (!file) {
        warn("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    uint8_t *const rgb = png_decode_rgb((const uint8_t *)file, bytes, w, h, SIZE_MAX, wrong);
    if (!rgb) warn("cannot read %s: not a whole PNG picture: %s", path, wrong);
    free(file);
    return rgb;
}
