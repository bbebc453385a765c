/* SPDX-License-Identifier: MIT
 *
 * test_image.c -- files to pictures, right ones and wrong ones; pictures to views, against naive
 * double loops.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "picture_files.h"
#include "../engine/augment.h"
#include "../engine/base.h"
#include "../engine/image.h"
#include "../engine/ops.h"

enum { H = 37, W = 53 };
static char wrong[WRONG_TEXT];

static void assert_says(const char *said, const char *text)
{
    if (!strstr(said, text))
        fail_msg("\"%s\" is not in: %s", text, said);
}

/* Smooth, and every channel another: what a JPEG of good quality keeps. */
static uint8_t smooth(int y, int x, int c)
{
    return (uint8_t)(128 + 100 * sin(0.09 * x * (c + 1) + 0.05 * y) * cos(0.07 * y * (3 - c)));
}

static void fill(uint8_t *pixels, int h, int w, int components)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < components; c++)
                pixels[(y * w + x) * components + c] = smooth(y, x, c);
}

static bool decode(struct picture *p, struct bytes file, int shrink)
{
    struct image_info info;
    return image_look(&info, file.at, file.n, wrong) &&
           image_decode(p, &info, file.at, file.n, shrink, wrong);
}

/* Decodes and frees the file; it must be right. */
static struct picture decoded(struct bytes file)
{
    struct picture p = { .pixels = NULL };
    if (!decode(&p, file, 1))
        fail_msg("%s", wrong);
    free(file.at);
    return p;
}

static int at(const struct picture *p, int c, int y, int x)
{
    return p->pixels[((size_t)c * (size_t)p->h + (size_t)y) * (size_t)p->w + (size_t)x];
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* Quality 95 quantises by 2 of 255 and more, and halves the colours' resolution. */
enum { JPEG_TOLERANCE = 16 };

static void jpeg_becomes_planes(void **state)
{
    (void)state;
    static uint8_t pixels[H * W * 3];
    fill(pixels, H, W, 3);
    for (int progressive = 0; progressive < 2; progressive++) {
        const struct jpeg_kind kind = { 3, 95, false, progressive, NULL, 0, false };
        struct picture p = decoded(jpeg_file(pixels, H, W, kind));
        assert_true(p.h == H && p.w == W);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                for (int c = 0; c < 3; c++)
                    assert_in_range(at(&p, c, y, x) + JPEG_TOLERANCE - smooth(y, x, c), 0,
                                    2 * JPEG_TOLERANCE);
        picture_free(&p);
    }
}

static void grey_jpeg_is_repeated(void **state)
{
    (void)state;
    static uint8_t pixels[H * W];
    fill(pixels, H, W, 1);
    struct picture p = decoded(jpeg_file(pixels, H, W, (struct jpeg_kind){ 1, 95, false, false,
                                                                           NULL, 0, false }));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            assert_true(at(&p, 0, y, x) == at(&p, 1, y, x) && at(&p, 0, y, x) == at(&p, 2, y, x));
            assert_in_range(at(&p, 0, y, x) + 8 - smooth(y, x, 0), 0, 16);
        }
    picture_free(&p);
}

/* One colour: full of it, so that coding loses nothing.  255 is no ink, in Adobe's files and, as
 * PIL has it, in all. */
static void cmyk_and_ycck_become_rgb_with_adobes_marker_and_without(void **state)
{
    (void)state;
    static uint8_t pixels[16 * 16 * 4];
    static const int ink[4] = { 200, 120, 40, 180 };
    for (int i = 0; i < 16 * 16 * 4; i++)
        pixels[i] = (uint8_t)ink[i % 4];
    static const struct jpeg_kind kinds[3] = {
        { .components = 4, .quality = 100 }, { .components = 4, .quality = 100, .ycck = true },
        { .components = 4, .quality = 100, .plain = true },
    };
    for (int k = 0; k < 3; k++) {
        struct picture p = decoded(jpeg_file(pixels, 16, 16, kinds[k]));
        for (int c = 0; c < 3; c++)
            assert_in_range(at(&p, c, 7, 7) + 2 - ink[c] * ink[3] / 255, 0, 4);
        picture_free(&p);
    }
}

/* The place of `text` [n] in a file. */
static uint8_t *found(struct bytes file, const char *text, size_t n)
{
    for (size_t i = 0; i + n <= file.n; i++)
        if (!memcmp(file.at + i, text, n)) return file.at + i;
    fail_msg("no %s in the file", text);
    return NULL;
}

/* libjpeg warns of both, and every pixel is right: the major revision stands behind "JFIF", the
 * transform seven bytes behind "Adobe". */
static void a_jpeg_of_another_revision_or_transform_is_whole(void **state)
{
    (void)state;
    static uint8_t pixels[H * W * 4];
    fill(pixels, H, W, 3);
    struct bytes file = jpeg_file(pixels, H, W, (struct jpeg_kind){ .components = 3,
                                                                    .quality = 95 });
    struct picture want = { .pixels = NULL }, got = { .pixels = NULL };
    assert_true(decode(&want, file, 1));
    found(file, "JFIF", 5)[5] = 2;
    assert_true(decode(&got, file, 1));
    assert_memory_equal(got.pixels, want.pixels, 3 * H * W);
    free(file.at);
    fill(pixels, H, W, 4);
    file = jpeg_file(pixels, H, W, (struct jpeg_kind){ .components = 4, .quality = 95,
                                                       .ycck = true });
    assert_true(decode(&want, file, 1));
    found(file, "Adobe", 5)[11] = 7;                   /* then taken for YCCK, which it is */
    assert_true(decode(&got, file, 1));
    assert_memory_equal(got.pixels, want.pixels, 3 * H * W);
    free(file.at);
    picture_free(&want);
    picture_free(&got);
}

/* Orientation 6, "turn right by 90 degrees", as cameras write it. */
static void exif_orientation_is_not_applied(void **state)
{
    (void)state;
    static const uint8_t exif[] =
        "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    static uint8_t pixels[H * W * 3];
    fill(pixels, H, W, 3);
    struct picture plain = decoded(jpeg_file(pixels, H, W, (struct jpeg_kind){ 3, 90, false, false,
                                                                               NULL, 0, false }));
    struct picture turned = decoded(jpeg_file(pixels, H, W, (struct jpeg_kind){ 3, 90, false, false,
                                                                                exif,
                                                                                sizeof exif - 1,
                                                                                false }));
    assert_true(turned.h == H && turned.w == W);
    assert_memory_equal(turned.pixels, plain.pixels, 3 * H * W);
    picture_free(&plain);
    picture_free(&turned);
}

static void smaller_jpeg_is_rounded_up(void **state)
{
    (void)state;
    static uint8_t pixels[H * W * 3];
    fill(pixels, H, W, 3);
    struct bytes file = jpeg_file(pixels, H, W, (struct jpeg_kind){ 3, 95, false, false, NULL, 0,
                                                                    false });
    struct picture p = { .pixels = NULL };
    for (int shrink = 1; shrink <= SHRINK_MAX; shrink *= 2) {
        assert_true(decode(&p, file, shrink));
        assert_true(p.h == (H + shrink - 1) / shrink && p.w == (W + shrink - 1) / shrink);
    }
    picture_free(&p);
    free(file.at);
}

static void cut_or_damaged_jpeg_is_wrong(void **state)
{
    (void)state;
    static uint8_t pixels[H * W * 3];
    fill(pixels, H, W, 3);
    for (int progressive = 0; progressive < 2; progressive++) {
        struct bytes file = jpeg_file(pixels, H, W, (struct jpeg_kind){ 3, 95, false, progressive,
                                                                        NULL, 0, false });
        struct picture p = { .pixels = NULL };
        /* each cut, the last one before the end's marker is whole */
        for (size_t n = 0; n < file.n; n++) {
            /* exactly so long: a sanitizer sees a read beyond */
            uint8_t *const cut = malloc(n + 1);
            memcpy(cut, file.at, n);
            if (decode(&p, (struct bytes){ cut, n }, 1))
                fail_msg("%zu of %zu bytes are taken for a picture", n, file.n);
            assert_true(*wrong);
            free(cut);
        }
        uint32_t seed = 1;                     /* any damage: no crash, and a reason or a picture */
        for (int i = 0; i < 500; i++) {
            seed = seed * 1664525 + 1013904223;
            uint8_t *const byte = &file.at[2 + seed % (file.n - 2)];
            const uint8_t kept = *byte;
            *byte ^= (uint8_t)(1u << (seed >> 29));
            decode(&p, file, 1);
            *byte = kept;
        }
        assert_true(decode(&p, file, 1));
        picture_free(&p);
        free(file.at);
    }
}

/* ---- PNG ------------------------------------------------------------------------------------- */

/* What the process has had of the machine's memory at most, in kilobytes. */
static long peak_kilobytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void a_png_chunk_of_two_gibibytes_is_refused_before_it_is_given_room(void **state)
{
    (void)state;
    static const uint8_t rgb[4 * 4 * 3], chunk[] = "\x7f\xff\xff\xfftEXtxxxxxxxxxxxxxxxxxxxx";
    enum { HEAD = 8 + 25 };                            /* the signature and IHDR */
    struct bytes file = png_file(rgb, 4, 4, 12, PNG_COLOR_TYPE_RGB, 8, false);
    uint8_t *const huge = malloc(file.n + sizeof chunk);
    memcpy(huge, file.at, HEAD);
    memcpy(huge + HEAD, chunk, sizeof chunk - 1);
    memcpy(huge + HEAD + sizeof chunk - 1, file.at + HEAD, file.n - HEAD);
    const long before = peak_kilobytes();
    struct picture p = { .pixels = NULL };
    assert_false(decode(&p, (struct bytes){ huge, file.n + sizeof chunk - 1 }, 1));
    assert_says(wrong, "ends too early");
    assert_true(peak_kilobytes() - before < 100000);
    free(huge);
    free(file.at);
    picture_free(&p);
}

static void png_of_every_kind_becomes_rgb(void **state)
{
    (void)state;
    static uint8_t rgb[H * W * 3], rgba[H * W * 4], deep[H * W * 6], grey[H * W],
        bits[H * ((W + 7) / 8)];
    fill(rgb, H, W, 3);
    fill(grey, H, W, 1);
    for (int i = 0; i < H * W; i++) {
        memcpy(rgba + 4 * i, rgb + 3 * i, 3);
        rgba[4 * i + 3] = (uint8_t)(i % 256);     /* alpha is dropped: the colour below it counts */
        for (int c = 0; c < 3; c++) {
            deep[6 * i + 2 * c] = rgb[3 * i + c];
            deep[6 * i + 2 * c + 1] = (uint8_t)(i * 7);
        }
    }
    for (size_t i = 0; i < sizeof bits; i++)
        bits[i] = 0xA5;
    const struct { struct bytes file; int kind; } files[] = {
        { png_file(rgb, H, W, 3 * W, PNG_COLOR_TYPE_RGB, 8, false), 3 },
        { png_file(rgb, H, W, 3 * W, PNG_COLOR_TYPE_RGB, 8, true), 3 },
        { png_file(rgba, H, W, 4 * W, PNG_COLOR_TYPE_RGB_ALPHA, 8, false), 3 },
        { png_file(deep, H, W, 6 * W, PNG_COLOR_TYPE_RGB, 16, false), 3 },
        { png_file(grey, H, W, W, PNG_COLOR_TYPE_GRAY, 8, false), 1 },
        { png_file(bits, H, W, (W + 7) / 8, PNG_COLOR_TYPE_PALETTE, 1, false), 0 },
    };
    static const int palette[2][3] = { { 10, 20, 30 }, { 200, 100, 50 } };
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        struct picture p = decoded(files[k].file);
        assert_true(p.h == H && p.w == W);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(at(&p, c, y, x), files[k].kind == 3 ? smooth(y, x, c) :
                                     files[k].kind == 1 ? smooth(y, x, 0) :
                                     palette[0xA5 >> (7 - x % 8) & 1][c]);
        picture_free(&p);
    }
}

static void cut_or_damaged_png_is_wrong(void **state)
{
    (void)state;
    static uint8_t rgb[H * W * 3];
    fill(rgb, H, W, 3);
    struct bytes file = png_file(rgb, H, W, 3 * W, PNG_COLOR_TYPE_RGB, 8, true);
    struct picture p = { .pixels = NULL };
    for (size_t n = 0; n < file.n; n++) {
        uint8_t *const cut = malloc(n + 1);
        memcpy(cut, file.at, n);
        assert_false(decode(&p, (struct bytes){ cut, n }, 1));
        assert_true(*wrong);
        free(cut);
    }
    for (size_t i = 8; i < file.n; i++) {              /* each byte: its chunk's CRC finds it */
        file.at[i] ^= 0x10;
        assert_false(decode(&p, file, 1));
        file.at[i] ^= 0x10;
    }
    assert_true(decode(&p, file, 1));
    picture_free(&p);
    free(file.at);
}

/* ---- neither --------------------------------------------------------------------------------- */

static void kind_is_told_by_the_first_bytes(void **state)
{
    (void)state;
    struct image_info info;
    assert_false(image_look(&info, (const uint8_t *)"", 0, wrong));
    assert_string_equal(wrong, "it is empty");
    assert_false(image_look(&info, (const uint8_t *)"GIF89a", 6, wrong));
    assert_string_equal(wrong, "neither JPEG nor PNG: it begins with 47 49 46 38");
    assert_false(image_look(&info, (const uint8_t *)"\xff\xd8", 2, wrong));
    assert_says(wrong, "begins with ff d8 00 00");
}

/* A header promises what its writer likes; nothing is allocated for it. */
static void huge_pictures_are_refused_by_their_header(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = { { 20001, 1 }, { 1, 20001 }, { 0, 5 }, { 5, 0 },
                                         { 20000, 20000 }, { 0xffffffff, 0xffffffff },
                                         { 0x80000000, 1 } };
    static uint8_t rgb[3] = { 1, 2, 3 };
    struct bytes file = png_file(rgb, 1, 1, 3, PNG_COLOR_TYPE_RGB, 8, false);
    struct image_info info;
    assert_true(image_look(&info, file.at, file.n, wrong));
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        for (int k = 0; k < 4; k++) {
            file.at[16 + k] = (uint8_t)(sides[i][0] >> (24 - 8 * k));
            file.at[20 + k] = (uint8_t)(sides[i][1] >> (24 - 8 * k));
        }
        assert_false(image_look(&info, file.at, file.n, wrong));
        assert_says(wrong, "at most 20000 a side");
    }
    free(file.at);
    file = jpeg_file(rgb, 1, 1, (struct jpeg_kind){ 3, 90, false, false, NULL, 0, false });
    for (size_t i = 0; i + 9 < file.n; i++)
        if (file.at[i] == 0xff &&
            file.at[i + 1] == 0xc0) /* start of frame: height and width behind 5 bytes */
            memset(file.at + i + 5, 0xfe, 4);
    assert_false(image_look(&info, file.at, file.n, wrong));
    assert_says(wrong, "65278 x 65278 pixels");
    free(file.at);
}

/* ---- views ----------------------------------------------------------------------------------- */

static const struct augment nothing = { .std = { 1, 1, 1 } };
static const struct augment centre = { .centre = true, .std = { 1, 1, 1 } };

/* Float against double over some dozen products. */
static const double FLOAT_TOLERANCE = 1e-5;

/* y[out] = x[n], every stride-th value, resized: the tent of PIL and torchvision, in double. */
static void naive_resize(double *y, int out, const double *x, int n, int stride)
{
    const double scale = (double)n / out, support = scale > 1 ? scale : 1;
    for (int i = 0; i < out; i++) {
        double sum = 0, total = 0;
        for (int j = 0; j < n; j++) {
            const double weight = 1 - fabs((j + 0.5 - scale * (i + 0.5)) / support);
            if (weight <= 0)
                continue;
            sum += weight * x[(size_t)j * (size_t)stride];
            total += weight;
        }
        y[(size_t)i * (size_t)stride] = sum / total;
    }
}

/* to [out_h, out_w] = from [h, w] resized: `middle` holds [out_h, w], whose rows are w apart. */
static void naive_resize_both(double *to, int out_h, int out_w, const double *from, int h, int w)
{
    double *const middle = calloc((size_t)out_h * (size_t)w, sizeof *middle);
    double *const column = calloc((size_t)(h > out_h ? h : out_h), sizeof *column);
    double *const made = calloc((size_t)out_h, sizeof *made);
    for (int x = 0; x < w; x++) {
        for (int y = 0; y < h; y++)
            column[y] = from[y * w + x];
        naive_resize(made, out_h, column, h, 1);
        for (int y = 0; y < out_h; y++)
            middle[y * w + x] = made[y];
    }
    for (int y = 0; y < out_h; y++)
        naive_resize(to + y * out_w, out_w, middle + y * w, w, 1);
    free(made);
    free(column);
    free(middle);
}

static float *view_of(const uint8_t *image, int h, int w, int shrink, int size,
                      const struct augment *recipe, const struct view_params *v)
{
    float *const y = mem_alloc(sizeof *y * 3 * (size_t)size * (size_t)size);
    void *const room = mem_alloc(op_view_room(size, h > w ? h : w));
    op_view((dev_act *)y, room, image, h, w, shrink, size, recipe, v);
    mem_free(room);
    return y;
}

/* Python's round(): halves to even. */
static int round_even(double x)
{
    return (int)rint(x);
}

/* The paper's test transform in its two steps: the whole image resized, then the middle cut out. */
static void test_view_is_the_centre_of_the_resized_image(void **state)
{
    (void)state;
    static const int shapes[][3] = { { 37, 53, 16 }, { 53, 37, 7 }, { 33, 33, 32 }, { 7, 33, 16 },
                                     { 300, 9, 5 }, { 101, 75, 33 }, { 1, 7, 4 },
                                     { 256, 341, 224 } };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        const int h = shapes[k][0], w = shapes[k][1], size = shapes[k][2],
                  side = (int)(size * 256 / 224.0 + 0.5);
        const int out_h = h <= w ? side : (int)((double)side * h / w),
                  out_w = w <= h ? side : (int)((double)side * w / h);
        const int top = round_even((out_h - size) / 2.0), left = round_even((out_w - size) / 2.0);
        uint8_t *const image = malloc((size_t)(3 * h * w));
        double *const plane = calloc((size_t)(h * w), sizeof *plane);
        double *const whole = calloc((size_t)out_h * (size_t)out_w, sizeof *whole);
        for (int i = 0; i < 3 * h * w; i++)
            image[i] = (uint8_t)((uint32_t)(i + 1) * 2654435761u >> 24);
        const struct view_params v = { .height = h, .width = w };
        float *const y = view_of(image, h, w, 1, size, &centre, &v);
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < h * w; i++)
                plane[i] = image[c * h * w + i] / 255.0;
            naive_resize_both(whole, out_h, out_w, plane, h, w);
            for (int p = 0; p < size; p++)
                for (int q = 0; q < size; q++)
                    assert_true(fabs((double)y[3 * (p * size + q) + c] -
                                     whole[(top + p) * out_w + left + q]) < 2 * FLOAT_TOLERANCE);
        }
        free(whole);
        free(plane);
        free(image);
        mem_free(y);
    }
}

/* Wider than the stack of any thread: 20,000 pixels a side, at odd places. */
static void crop_of_a_wide_image_is_the_naive_one(void **state)
{
    (void)state;
    enum { WIDE = 20000, HIGH = 3, SIZE = 7 };
    uint8_t *const image = malloc(3 * WIDE * HIGH);
    for (int i = 0; i < 3 * WIDE * HIGH; i++)
        image[i] = (uint8_t)((uint32_t)(i + 1) * 2654435761u >> 24);
    const struct view_params v = { .top = 1, .left = 33, .height = 2, .width = 19901 };
    float *const y = view_of(image, HIGH, WIDE, 1, SIZE, &nothing, &v);
    double *const box = calloc(2 * 19901, sizeof *box), whole[SIZE * SIZE];
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 2 * v.width; i++)
            box[i] = image[c * WIDE * HIGH + (v.top + i / v.width) * WIDE + v.left + i % v.width] /
                     255.0;
        naive_resize_both(whole, SIZE, SIZE, box, v.height, v.width);
        for (int i = 0; i < SIZE * SIZE; i++)
            assert_true(fabs((double)y[3 * i + c] - whole[i]) < 10 * FLOAT_TOLERANCE);
    }
    free(box);
    free(image);
    mem_free(y);
}

/* Edges, texture and a slope, as photographs have. */
static uint8_t scene(int y, int x, int c)
{
    const double slope = 40 * sin(0.011 * x + 0.007 * y + c),
                 texture = 12 * sin(0.9 * x + 0.31 * y * (c + 1));
    const int edge = ((x / 61 + y / 47) & 1) * 70 +
                     ((x - 200) * (x - 200) + (y - 150) * (y - 150) < 8100) * 40;
    return (uint8_t)(70 + slope + texture + edge);
}

/* A view cut from the JPEG decoded at a half, a quarter, an eighth is the one cut from all of it
 * but for the decoder's filter in the tent's place: at most this much of the range anywhere (at
 * edges), and on average. */
static const double SHRINK_WORST = 0.05, SHRINK_MEAN = 0.006;

static void smaller_decoding_changes_a_view_by_little(void **state)
{
    (void)state;
    enum { HIGH = 387, WIDE = 513, CROPS = 60 };
    static const struct augment recipe = { .crop = true, .crop_scale = { 0.2f, 1.0f },
                                           .crop_ratio = { 0.75f, 1.333f }, .std = { 1, 1, 1 } };
    static uint8_t pixels[HIGH * WIDE * 3];
    for (int i = 0; i < HIGH * WIDE * 3; i++)
        pixels[i] = scene(i / 3 / WIDE, i / 3 % WIDE, i % 3);
    struct bytes file = jpeg_file(pixels, HIGH, WIDE, (struct jpeg_kind){ 3, 90, false, false, NULL,
                                                                          0, false });
    struct picture full = { .pixels = NULL }, small = { .pixels = NULL };
    assert_true(decode(&full, file, 1));
    int seen[SHRINK_MAX + 1] = { 0 };
    double worst = 0, mean = 0;
    for (uint32_t i = 0; i < CROPS; i++) {
        static const int sizes[] = { 16, 33, 56, 96 };
        const int size = sizes[i % 4];
        const struct augment *const r = i < 4 ? &centre : &recipe;
        const struct view_params v = augment_draw(r, 3, 0, i, 0, HIGH, WIDE);
        const int shrink = view_shrink(r, &v, HIGH, WIDE, size);
        seen[shrink]++;
        if (shrink == 1)
            continue;
        assert_true(decode(&small, file, shrink));
        float *const a = view_of(full.pixels, HIGH, WIDE, 1, size, r, &v);
        float *const b = view_of(small.pixels, HIGH, WIDE, shrink, size, r, &v);
        double sum = 0;
        for (int k = 0; k < 3 * size * size; k++) {
            const double change = fabs((double)a[k] - (double)b[k]);
            sum += change;
            worst = change > worst ? change : worst;
        }
        sum /= 3 * size * size;
        mean = sum > mean ? sum : mean;
        mem_free(a);
        mem_free(b);
    }
    print_message(
        "crops by decoding: 1/1 %d, 1/2 %d, 1/4 %d, 1/8 %d; worst %.4f, largest mean %.4f\n",
        seen[1], seen[2], seen[4], seen[8], worst, mean);
    assert_true(seen[1] && seen[2] && seen[4] && seen[8]);
    assert_true(worst < SHRINK_WORST && mean < SHRINK_MEAN);
    picture_free(&full);
    picture_free(&small);
    free(file.at);
}

/* ---- as ImageFolder reads them ------------------------------------------------------------- */

/* Pillow's libjpeg-turbo is another edition, whose colour conversion may round otherwise. */
enum { OTHER_EDITION = 1 };

/* Where docs/images.md says that we read otherwise, and how. */
static const struct { const char *name; enum { TAKEN, OTHER_PIXELS } here; } otherwise[] = {
    { "png-grey-16", OTHER_PIXELS }, { "png-grey-16-interlaced", OTHER_PIXELS },
    { "png-grey-16-transparent", OTHER_PIXELS }, { "png-bad-checksum-of-text", TAKEN },
    { NULL, TAKEN },
};

static struct bytes hex_read(char *text)
{
    struct bytes b = { malloc(strlen(text) / 2 + 1), strlen(text) / 2 };
    for (size_t i = 0; i < b.n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        b.at[i] = (uint8_t)byte;
    }
    return b;
}

/* The largest difference; -1: of another size. */
static int worst_of(const struct picture *p, int w, int h, const struct bytes *rgb)
{
    int worst = 0;
    if (p->w != w || p->h != h || rgb->n != (size_t)(3 * w * h)) return -1;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++) {
                const int d = abs(at(p, c, y, x) - rgb->at[3 * (y * w + x) + c]);
                if (d > worst) worst = d;
            }
    return worst;
}

/* tests/golden/make_pictures.py asked Pillow. */
static void every_kind_of_picture_is_read_as_image_folder_reads_it_or_as_readme_says(void **state)
{
    (void)state;
    char *const text = file_read(GOLDEN_DIR "/pictures.txt", NULL), *rest = text;
    assert_non_null(text);
    int seen = 0, other = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        if (*line == '#') continue;
        char *const name = strsep(&line, " ");
        const int w = atoi(strsep(&line, " ")), h = atoi(strsep(&line, " "));
        const struct bytes file = hex_read(strsep(&line, " "));
        const bool taken_there = strcmp(line, "refused") != 0;
        struct bytes rgb = taken_there ? hex_read(line) : (struct bytes){ NULL, 0 };
        struct picture p = { .pixels = NULL };
        const bool taken = decode(&p, file, 1);
        const int worst = taken && taken_there ? worst_of(&p, w, h, &rgb) : 0;
        size_t i = 0;
        while (otherwise[i].name && strcmp(otherwise[i].name, name)) i++;
        const bool same = taken == taken_there && worst >= 0 && worst <= OTHER_EDITION;
        const bool as_said = otherwise[i].here == TAKEN ? taken && !taken_there
                                                        : taken && worst > OTHER_EDITION;
        const bool right = otherwise[i].name ? as_said : same;
        if (!right)
            print_error("%s: %s here (%s), %s there, worst %d\n", name, taken ? "taken" : "refused",
                        taken ? "" : wrong, taken_there ? "taken" : "refused", worst);
        seen++;
        other += !right;
        picture_free(&p);
        free(rgb.at);
        free(file.at);
    }
    free(text);
    assert_true(seen > 80);
    assert_int_equal(other, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_becomes_planes),
        cmocka_unit_test(grey_jpeg_is_repeated),
        cmocka_unit_test(cmyk_and_ycck_become_rgb_with_adobes_marker_and_without),
        cmocka_unit_test(a_jpeg_of_another_revision_or_transform_is_whole),
        cmocka_unit_test(exif_orientation_is_not_applied),
        cmocka_unit_test(smaller_jpeg_is_rounded_up),
        cmocka_unit_test(cut_or_damaged_jpeg_is_wrong),
        cmocka_unit_test(png_of_every_kind_becomes_rgb),
        cmocka_unit_test(a_png_chunk_of_two_gibibytes_is_refused_before_it_is_given_room),
        cmocka_unit_test(cut_or_damaged_png_is_wrong),
        cmocka_unit_test(kind_is_told_by_the_first_bytes),
        cmocka_unit_test(huge_pictures_are_refused_by_their_header),
        cmocka_unit_test(test_view_is_the_centre_of_the_resized_image),
        cmocka_unit_test(crop_of_a_wide_image_is_the_naive_one),
        cmocka_unit_test(every_kind_of_picture_is_read_as_image_folder_reads_it_or_as_readme_says),
        cmocka_unit_test(smaller_decoding_changes_a_view_by_little),
    };
    machine_open(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
