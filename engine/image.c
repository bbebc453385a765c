/* SPDX-License-Identifier: MIT
 *
 * image.c -- JPEG by libjpeg-turbo, PNG by png.c.
 *
 * Both libraries leave by longjmp() when a file is wrong.  All that is needed afterwards lies in a
 * struct outside the frame of setjmp(), and what the library allocated is freed in one place,
 * reached either way.
 */
#include "image.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base.h"
#include "png.h"

_Static_assert((int)IMAGE_SIDE_MAX <= (int)PNG_SIDE_MAX && (int)PNG_WRONG == (int)WRONG_TEXT,
               "png.c refuses what is refused here");

/* Before anything is allocated: a header of twenty bytes may promise gigabytes. */
static bool size_check(long h, long w, char wrong[WRONG_TEXT])
{
    if (h < 1 || w < 1 || h > IMAGE_SIDE_MAX || w > IMAGE_SIDE_MAX || h * w > IMAGE_PIXELS_MAX)
        return refuse(wrong, "it has %ld x %ld pixels; at most %d a side and %d in all are taken",
                      w, h, IMAGE_SIDE_MAX, IMAGE_PIXELS_MAX);
    return true;
}

/* Only ever grows: a thread that has met its largest picture allocates no more for pixels. */
static void picture_resize(struct picture *p, int h, int w)
{
    const size_t bytes = 3 * (size_t)h * (size_t)w;
    if (bytes > p->room) {
        free(p->pixels);
        p->pixels = host_alloc(bytes, 1);
        p->room = bytes;
    }
    p->h = h;
    p->w = w;
}

void picture_free(struct picture *p)
{
    free(p->pixels);
    *p = (struct picture){ 0 };
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* A progressive file of a few kilobytes may have a scan for each bit of each coefficient, and each
 * costs as much as a picture; encoders write about 10. */
enum { SCANS_MAX = 200 };

struct jpeg {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    char *wrong;
};

/* The library would exit(). */
static _Noreturn void on_error(j_common_ptr common)
{
    struct jpeg *const j = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    refuse(j->wrong, "not a whole JPEG picture: %.*s", WRONG_TEXT - 40, text);
    longjmp(j->leave, 1);
}

/* Level -1 is a warning: libjpeg would go on and invent pixels.  Two are about a number in a header
 * alone, which no pixel hangs on. */
static void on_message(j_common_ptr common, int level)
{
    const int code = common->err->msg_code;
    if (level < 0 && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM) on_error(common);
}

static void on_progress(j_common_ptr common)
{
    struct jpeg *const j = common->client_data;
    if (j->d.input_scan_number <= SCANS_MAX) return;
    refuse(j->wrong, "it has more than %d scans", SCANS_MAX);
    longjmp(j->leave, 1);
}

/* Everything that the library calls is set before it is called; jpeg_destroy_decompress() is always
 * right. */
static void jpeg_open(struct jpeg *j, char wrong[WRONG_TEXT])
{
    *j = (struct jpeg){ .wrong = wrong };
    j->d.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->progress.progress_monitor = on_progress;
    j->d.client_data = j;
}

static bool jpeg_header(struct jpeg *j, const uint8_t *file, size_t bytes)
{
    jpeg_create_decompress(&j->d);     /* keeps err and client_data */
    j->d.progress = &j->progress;
    jpeg_mem_src(&j->d, file, (unsigned long)bytes);
    jpeg_read_header(&j->d, TRUE);
    return size_check((long)j->d.image_height, (long)j->d.image_width, j->wrong);
}

static bool jpeg_look(struct image_info *info, const uint8_t *file, size_t bytes,
                      char wrong[WRONG_TEXT])
{
    struct jpeg j;
    jpeg_open(&j, wrong);
    bool ok = false;
    if (!setjmp(j.leave) && jpeg_header(&j, file, bytes)) {
        info->h = (int)j.d.image_height;
        info->w = (int)j.d.image_width;
        ok = true;
    }
    jpeg_destroy_decompress(&j.d);
    return ok;
}

/* One row of CMYK to the planes' rows: each ink takes its share of the light, black of all three
 * colours.  255 is no ink, as Adobe writes it; PIL, and with it ImageFolder, takes files without
 * Adobe's marker so too. */
static void cmyk_row(uint8_t *const to[3], const uint8_t *row, int w)
{
    for (int x = 0; x < w; x++, row += 4)
        for (int c = 0; c < 3; c++) to[c][x] = (uint8_t)((row[c] * row[3] + 127) / 255);
}

static void rgb_row(uint8_t *const to[3], const uint8_t *row, int w)
{
    for (int x = 0; x < w; x++, row += 3)
        for (int c = 0; c < 3; c++)
            to[c][x] = row[c];
}

/* Decodes after jpeg_header(); leaves by longjmp() if something is wrong. */
static void jpeg_rows(struct jpeg *j, struct picture *p, int shrink)
{
    struct jpeg_decompress_struct *const d = &j->d;
    const bool cmyk = d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK;
    d->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;        /* libjpeg makes no RGB of four inks */
    d->scale_num = 1;
    d->scale_denom = (unsigned)shrink;
    d->dct_method = JDCT_ISLOW;
    d->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(d);
    const size_t plane = (size_t)d->output_height * d->output_width;
    picture_resize(p, (int)d->output_height, (int)d->output_width);
    JSAMPARRAY row = d->mem->alloc_sarray((j_common_ptr)d, JPOOL_IMAGE,
                                          d->output_width * (unsigned)d->output_components, 1);
    while (d->output_scanline < d->output_height) { /* interleaved in libjpeg, planar for op_view */
        uint8_t *const at = p->pixels + (size_t)d->output_scanline * d->output_width;
        uint8_t *const to[3] = { at, at + plane, at + 2 * plane };
        jpeg_read_scanlines(d, row, 1);
        if (cmyk) cmyk_row(to, row[0], p->w);
        else rgb_row(to, row[0], p->w);
    }
    jpeg_finish_decompress(d);     /* reads to the end: a file may lack its last scans */
}

/* Nothing that is needed after a longjmp() changes between it and setjmp(): `ok` is set last. */
static bool jpeg_decode(struct picture *p, const uint8_t *file, size_t bytes, int shrink,
                        char wrong[WRONG_TEXT])
{
    struct jpeg j;
    jpeg_open(&j, wrong);
    bool ok = false;
    if (!setjmp(j.leave) && jpeg_header(&j, file, bytes)) {
        jpeg_rows(&j, p, shrink);
        ok = true;
    }
    jpeg_destroy_decompress(&j.d);
    return ok;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The size stands in the first chunk: length, "IHDR", width, height. */
static bool png_look(struct image_info *info, const uint8_t *file, size_t bytes,
                     char wrong[WRONG_TEXT])
{
    if (bytes < 24 || memcmp(file + 12, "IHDR", 4) != 0)
        return refuse(wrong, "not a whole PNG picture: it does not begin with its size");
    const uint32_t w = big_endian(file + 16), h = big_endian(file + 20);
    if (!size_check((long)h, (long)w, wrong)) return false;
    info->h = (int)h;
    info->w = (int)w;
    return true;
}

static bool png_decode(struct picture *p, const uint8_t *file, size_t bytes, char wrong[WRONG_TEXT])
{
    int w, h;
    char why[PNG_WRONG];
    uint8_t *const rgb = png_decode_rgb(file, bytes, &w, &h, IMAGE_PIXELS_MAX, why);
    if (!rgb) return refuse(wrong, "not a whole PNG picture: %.*s", WRONG_TEXT - 40, why);
    picture_resize(p, h, w);
    const size_t plane = (size_t)h * (size_t)w;
    for (int y = 0; y < h; y++) {
        uint8_t *const at = p->pixels + (size_t)y * (size_t)w;
        uint8_t *const to[3] = { at, at + plane, at + 2 * plane };
        rgb_row(to, rgb + 3 * (size_t)y * (size_t)w, w);
    }
    free(rgb);
    return true;
}

/* ---- either ---------------------------------------------------------------------------------- */

static const struct { const char *bytes; size_t n; enum image_kind kind; } beginnings[] = {
    { "\xff\xd8\xff", 3, IMAGE_JPEG }, { "\x89PNG\r\n\x1a\n", 8, IMAGE_PNG }
};

bool image_look(struct image_info *info, const uint8_t *file, size_t bytes, char wrong[WRONG_TEXT])
{
    if (!bytes) return refuse(wrong, "it is empty");
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (bytes < beginnings[i].n || memcmp(file, beginnings[i].bytes, beginnings[i].n) != 0)
            continue;
        info->kind = beginnings[i].kind;
        return info->kind == IMAGE_JPEG ? jpeg_look(info, file, bytes, wrong)
                                        : png_look(info, file, bytes, wrong);
    }
    return refuse(wrong, "neither JPEG nor PNG: it begins with %02x %02x %02x %02x", file[0],
                  bytes > 1 ? file[1] : 0, bytes > 2 ? file[2] : 0, bytes > 3 ? file[3] : 0);
}

bool image_decode(struct picture *p, const struct image_info *info, const uint8_t *file,
                  size_t bytes, int shrink, char wrong[WRONG_TEXT])
{
    assert(shrink == 1 || info->kind == IMAGE_JPEG);
    return info->kind == IMAGE_JPEG ? jpeg_decode(p, file, bytes, shrink, wrong) :
                                      png_decode(p, file, bytes, wrong);
}
