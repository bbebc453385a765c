/* SPDX-License-Identifier: MIT
 *
 * test_png.c -- pictures come back as they went, and no bytes do harm.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "../engine/base.h"
#include "../engine/png.h"

static char folder[] = "/tmp/test-png-XXXXXX";
static char path[64];

static int folder_open(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/picture.png", folder);
    return 0;
}

static int folder_close(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);                                     /* fails if a temporary file stayed */
}

static void written_picture_reads_back(void **state)
{
    (void)state;
    enum { W = 33, H = 7 };
    uint8_t rgb[H * W * 3];
    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = (uint8_t)((unsigned)i * 2654435761u >> 24);
    assert_true(png_write_rgb(path, rgb, W, H));
    int w = 0, h = 0;
    uint8_t *const back = png_read_rgb(path, &w, &h);
    assert_non_null(back);
    assert_int_equal(w, W);
    assert_int_equal(h, H);
    assert_memory_equal(back, rgb, sizeof rgb);
    free(back);
}

static void failed_write_is_reported(void **state)
{
    (void)state;
    const uint8_t rgb[3] = { 0 };
    assert_false(png_write_rgb("/nonexistent/picture.png", rgb, 1, 1));
    assert_false(png_write_rgb(path, rgb, 0, 1));
    assert_false(png_write_rgb(path, rgb, 1, PNG_SIDE_MAX + 1));
}

/* ---- pictures made by hand ------------------------------------------------------------------- */

struct bytes { uint8_t v[1024]; size_t n; };

static void put_word(struct bytes *b, uint32_t word)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        b->v[b->n++] = (uint8_t)(word >> shift);
}

static void put_chunk(struct bytes *b, const char *name, const void *data, size_t n)
{
    put_word(b, (uint32_t)n);
    const size_t start = b->n;
    memcpy(b->v + b->n, name, 4);
    if (n)
        memcpy(b->v + b->n + 4, data, n);
    b->n += 4 + n;
    put_word(b, (uint32_t)crc32(0, b->v + start, (unsigned)(4 + n)));
}

/* A picture of the given format; `rows` with the filter byte before each row. */
static struct bytes make_png(uint32_t w, uint32_t h, int depth, int colour, const uint8_t *palette,
                             size_t colours, const uint8_t *rows, size_t n)
{
    struct bytes b = { { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' }, 8 }, header = { { 0 }, 0 };
    put_word(&header, w);
    put_word(&header, h);
    header.v[header.n] = (uint8_t)depth;
    header.v[header.n + 1] = (uint8_t)colour;
    put_chunk(&b, "IHDR", header.v, 13);
    /* 1.0: a reader that corrects for it would change values */
    put_chunk(&b, "gAMA", "\0\1\x86\xa0", 4);
    if (palette)
        put_chunk(&b, "PLTE", palette, 3 * colours);
    uint8_t packed[256];
    uLongf size = sizeof packed;
    assert_int_equal(compress(packed, &size, rows, (uLong)n), Z_OK);
    put_chunk(&b, "IDAT", packed, size);
    put_chunk(&b, "IEND", NULL, 0);
    return b;
}

static void assert_reads_as(const struct bytes *b, int w, int h, const uint8_t *rgb)
{
    int back_w, back_h;
    assert_true(file_write_atomic(path, b->v, b->n));
    uint8_t *const back = png_read_rgb(path, &back_w, &back_h);
    assert_non_null(back);
    assert_true(back_w == w && back_h == h);
    assert_memory_equal(back, rgb, (size_t)w * h * 3);
    free(back);
}

static void every_format_becomes_rgb(void **state)
{
    (void)state;
    const uint8_t rgba[] = { 0, 10, 20, 30, 0, 40, 50, 60,
                             128 }, rgba_rgb[] = { 10, 20, 30, 40, 50, 60 };
    struct bytes b = make_png(2, 1, 8, 6, NULL, 0, rgba, sizeof rgba);
    assert_reads_as(&b, 2, 1, rgba_rgb);
    const uint8_t bits[] = { 0, 0x40 }, bits_rgb[] = { 0, 0, 0, 255, 255, 255, 0, 0, 0 };
    b = make_png(3, 1, 1, 0, NULL, 0, bits, sizeof bits);
    assert_reads_as(&b, 3, 1, bits_rgb);
    const uint8_t palette[] = { 1, 2, 3, 4, 5, 6 }, indexed[] = { 0, 1, 0, 0 };
    const uint8_t indexed_rgb[] = { 4, 5, 6, 1, 2, 3 };
    b = make_png(1, 2, 8, 3, palette, 2, indexed, sizeof indexed);
    assert_reads_as(&b, 1, 2, indexed_rgb);
    const uint8_t deep[] = { 0, 7, 200, 8, 0, 9, 255 }, deep_rgb[] = { 7, 8, 9 };
    b = make_png(1, 1, 16, 2, NULL, 0, deep, sizeof deep);
    assert_reads_as(&b, 1, 1, deep_rgb);
}

static void too_large_a_picture_is_refused(void **state)
{
    (void)state;
    static const uint8_t rows[2 * (PNG_SIDE_MAX + 1)];       /* black, and whole but for its size */
    int w, h;
    for (int more = 0; more < 2; more++) {
        const struct bytes b = make_png(1, PNG_SIDE_MAX + (uint32_t)more, 8, 0, NULL, 0, rows,
                                        2 * (PNG_SIDE_MAX + (size_t)more));
        assert_true(file_write_atomic(path, b.v, b.n));
        uint8_t *const rgb = png_read_rgb(path, &w, &h);
        assert_true(more ? !rgb : rgb && w == 1 && h == PNG_SIDE_MAX);
        free(rgb);
    }
}

/* Cut anywhere, or with any one byte changed, a picture is refused or read, never more than
 * that. */
static void damaged_pictures_do_no_harm(void **state)
{
    (void)state;
    const uint8_t rows[] = { 0, 1, 2, 3, 4, 5, 6, 1, 1, 1, 1, 1, 1, 1 };
    const struct bytes whole = make_png(2, 2, 8, 2, NULL, 0, rows, sizeof rows);
    const int loud = dup(STDERR_FILENO); /* hundreds of warnings follow: asserts wait until after */
    assert_true(loud >= 0 && freopen("/dev/null", "w", stderr));
    int w, h, taken = 0, harm = 0;
    for (size_t n = 0; n < whole.n; n++) {
        harm += !file_write_atomic(path, whole.v, n);
        uint8_t *const rgb = png_read_rgb(path, &w, &h);
        taken += rgb != NULL;
        free(rgb);
    }
    for (size_t i = 0; i < whole.n; i++) {
        struct bytes b = whole;
        b.v[i] ^= 0xFF;
        harm += !file_write_atomic(path, b.v, b.n);
        uint8_t *const rgb = png_read_rgb(path, &w, &h);
        harm += rgb && (w != 2 || h != 2);
        free(rgb);
    }
    fflush(stderr);
    assert_true(dup2(loud, STDERR_FILENO) >= 0);
    close(loud);
    assert_int_equal(taken, 0);
    assert_int_equal(harm, 0);
}

static void absent_picture_is_no_picture(void **state)
{
    (void)state;
    int w, h;
    assert_null(png_read_rgb("/nonexistent/picture.png", &w, &h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_picture_reads_back),
        cmocka_unit_test(failed_write_is_reported),
        cmocka_unit_test(every_format_becomes_rgb),
        cmocka_unit_test(too_large_a_picture_is_refused),
        cmocka_unit_test(damaged_pictures_do_no_harm),
        cmocka_unit_test(absent_picture_is_no_picture),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
