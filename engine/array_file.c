/* SPDX-License-Identifier: MIT
 *
 * array_file.c -- which file and which format, and its numbers as floats.
 */
#include "array_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int size_of[NUMBERS] = { 2, 2, 4, 8 };

bool array_shape(struct array_file *a, int64_t n, int64_t d, char wrong[WRONG_TEXT])
{
    if (n < 1 || d < 1) return refuse(wrong, "it is empty; samples and features are wanted");
    if (d > INT_MAX / 8 || n > INT64_MAX / (8 * d))
        return refuse(wrong, "its shape is beyond any file's length");
    a->n = n;
    a->d = (int)d;
    return true;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* The length of the file's name in `path`, FILE or FILE:NAME: the shortest that is there, as a name
 * may hold colons. */
static size_t file_part(const char *path)
{
    struct stat there;
    size_t n = strlen(path);
    for (const char *colon = strchr(path, ':'); colon && stat(path, &there);
         colon = strchr(colon + 1, ':')) {
        char *const file = text_format("%.*s", (int)(colon - path), path);
        const bool is = !strcmp(file, "-") || !stat(file, &there);
        free(file);
        if (!is) continue;
        n = (size_t)(colon - path);
        break;
    }
    return n;
}

bool source_open(struct source *s, const char *file, int64_t *bytes, char wrong[WRONG_TEXT])
{
    struct stat about;
    s->file = strcmp(file, "-") ? fopen(file, "rb") : stdin;
    if (!s->file) return refuse(wrong, "cannot open it: %s", strerror(errno));
    *bytes = s->left = -1;
    if (fstat(fileno(s->file), &about))
        return refuse(wrong, "cannot look at it: %s", strerror(errno));
    if (S_ISDIR(about.st_mode))
        return refuse(wrong, "it is a folder; a .npy, .npz or .safetensors file is wanted");
    if (S_ISREG(about.st_mode) && s->file != stdin) *bytes = s->left = about.st_size;
    s->ahead_end = fread(s->ahead, 1, SOURCE_AHEAD, s->file);
    return true;
}

static bool format_open(struct array_file *a, const char *name, int64_t bytes,
                        char wrong[WRONG_TEXT])
{
    const uint8_t *const start = a->source.ahead;
    if (!memcmp(start, "\x93NUMPY", 6))
        return name ? refuse(wrong, "an .npy file holds one array, which has no name")
                    : npy_open(a, wrong);
    if (!memcmp(start, "PK\x03\x04", 4) || !memcmp(start, "PK\x05\x06", 4))
        return npz_open(a, name, bytes, wrong);
    if (start[8] == '{') return safetensors_open(a, name, wrong);
    return refuse(wrong, "it is neither .npy, .npz nor .safetensors");
}

bool array_open(struct array_file *a, const char *path, char wrong[WRONG_TEXT])
{
    const size_t n = file_part(path);
    char *const file = text_format("%.*s", (int)n, path);
    int64_t bytes;
    memset(a, 0, sizeof *a);
    bool right = source_open(&a->source, file, &bytes, wrong) &&
                 format_open(a, path[n] ? path + n + 1 : NULL, bytes, wrong);
    free(file);
    const int64_t want = a->n * a->d * size_of[a->number] + a->behind;
    if (right && a->source.left >= 0 && a->source.left != want)
        right = refuse(wrong, "%lld bytes of numbers, where [%lld, %d] makes %lld%s",
                       (long long)a->source.left, (long long)a->n, a->d, (long long)want,
                       a->source.left > want ? "; nothing may follow them" : "; is it whole?");
    return right;
}

void array_close(struct array_file *a) { source_close(&a->source); }

/* ---- numbers ------------------------------------------------------------------------------- */

static float half_float(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                       : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                                      : ldexpf((float)fraction, -24);
    return h >> 15 ? -size : size;
}

/* One number of `bytes` bytes, in this machine's order. */
static float number_float(enum number number, const uint8_t *p)
{
    uint16_t half;
    uint32_t word;
    float x;
    double wide;
    switch (number) {
    case NUMBER_F16:
        memcpy(&half, p, sizeof half);
        return half_float(half);
    case NUMBER_BF16:
        memcpy(&half, p, sizeof half);
        word = (uint32_t)half << 16;
        memcpy(&x, &word, sizeof x);
        return x;
    case NUMBER_F32:
        memcpy(&x, p, sizeof x);
        return x;
    default:
        memcpy(&wide, p, sizeof wide);
        return (float)wide;
    }
}

/* Finite as a double and not as a float? */
static bool beyond_float(const uint8_t *p)
{
    double wide;
    memcpy(&wide, p, sizeof wide);
    return isfinite(wide) && !isfinite((float)wide);
}

static bool row_convert(struct array_file *a, float *to, uint8_t *from, size_t count,
                        char wrong[WRONG_TEXT])
{
    const size_t bytes = (size_t)size_of[a->number];
    for (size_t i = 0; i < count; i++, from += bytes) {
        for (size_t k = 0; a->swap && k < bytes / 2; k++) {
            const uint8_t kept = from[k];
            from[k] = from[bytes - 1 - k];
            from[bytes - 1 - k] = kept;
        }
        if (a->number == NUMBER_F64 && beyond_float(from))
            return refuse(wrong, "a number of row %lld is beyond float32 (3.4e38)",
                          (long long)a->done + 1);
        to[i] = number_float(a->number, from);
    }
    return true;
}

bool array_read(struct array_file *a, float *to, int64_t rows, char wrong[WRONG_TEXT])
{
    enum { ROOM = 32768 };
    uint8_t room[ROOM];
    const size_t bytes = (size_t)size_of[a->number];
    for (int64_t i = 0; i < rows; i++, a->done++) {
        for (size_t left = (size_t)a->d; left;) {
            const size_t now = left < ROOM / bytes ? left : ROOM / bytes;
            if (!source_take(&a->source, room, now * bytes, wrong) ||
                !row_convert(a, to, room, now, wrong))
                return false;
            to += now;
            left -= now;
        }
    }
    return a->done < a->n ||
           (source_skip(&a->source, a->behind, wrong) && source_end(&a->source, wrong));
}
