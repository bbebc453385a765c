/* SPDX-License-Identifier: MIT
 *
 * npy.c -- the header of numpy's own format (numpy.lib.format, versions 1 to 3): six bytes, a
 * version, a length, and a Python dictionary of three keys.
 */
#include "array_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MOST = 65535, MAGIC = 6, DESCR_MOST = 31 };

/* What is left of the dictionary. */
struct text {
    const char *at;
};

static void blanks_skip(struct text *t)
{
    while (*t->at == ' ' || *t->at == '\n') t->at++;
}

static bool take(struct text *t, char c)
{
    blanks_skip(t);
    if (*t->at != c) return false;
    t->at++;
    return true;
}

/* 'letters' into word. */
static bool quoted_take(struct text *t, char word[DESCR_MOST + 1])
{
    blanks_skip(t);
    const char quote = *t->at;
    if (quote != '\'' && quote != '"') return false;
    const char *const from = t->at + 1, *const to = strchr(from, quote);
    if (!to || to - from > DESCR_MOST) return false;
    memcpy(word, from, (size_t)(to - from));
    word[to - from] = 0;
    t->at = to + 1;
    return true;
}

static bool word_take(struct text *t, const char *word)
{
    blanks_skip(t);
    const size_t n = strlen(word);
    if (strncmp(t->at, word, n) != 0) return false;
    t->at += n;
    return true;
}

/* A number up to INT64_MAX. */
static bool count_take(struct text *t, int64_t *count)
{
    blanks_skip(t);
    if (!isdigit((unsigned char)*t->at)) return false;
    for (*count = 0; isdigit((unsigned char)*t->at); t->at++)
        if (__builtin_mul_overflow(*count, 10, count) ||
            __builtin_add_overflow(*count, *t->at - '0', count))
            return false;
    return true;
}

static bool descr_take(struct array_file *a, struct text *t, char wrong[WRONG_TEXT])
{
    static const struct {
        const char *name;
        enum number number;
    } known[] = {
        { "f2", NUMBER_F16 },
        { "f4", NUMBER_F32 },
        { "f8", NUMBER_F64 },
    };
    char word[DESCR_MOST + 1];
    if (take(t, '['))
        return refuse(wrong, "its entries are structures; a matrix of numbers is wanted");
    if (!quoted_take(t, word)) return refuse(wrong, "its header is damaged at descr");
    if (strchr(word, 'O'))
        return refuse(wrong, "its entries are Python objects; save numbers: z.astype(\"f4\")");
    text_disarm(word);
    for (int i = 0; i < 3; i++) {
        if ((*word != '<' && *word != '>') || strcmp(word + 1, known[i].name) != 0) continue;
        const uint16_t one = 1;
        a->number = known[i].number;
        a->swap = (*word == '<') != (*(const uint8_t *)&one == 1);
        return true;
    }
    return refuse(wrong,
                  "its numbers are %s; float16, float32 or float64 are wanted (z.astype(\"f4\"))",
                  word);
}

/* (n, d) */
static bool shape_take(struct array_file *a, struct text *t, char wrong[WRONG_TEXT])
{
    int64_t length[2] = { 0, 0 }, count;
    int dims = 0;
    if (!take(t, '(')) return refuse(wrong, "its header is damaged at shape");
    while (!take(t, ')')) {
        if (!count_take(t, &count)) return refuse(wrong, "its header is damaged at shape");
        if (dims < 2) length[dims] = count;
        dims++;
        if (!take(t, ',') && !(blanks_skip(t), *t->at == ')'))
            return refuse(wrong, "its header is damaged at shape");
    }
    if (dims != 2)
        return refuse(
            wrong,
            "it has %d dimensions; 2 are wanted, samples and features (z.reshape(len(z), -1))",
            dims);
    return array_shape(a, length[0], length[1], wrong);
}

static bool dictionary_take(struct array_file *a, struct text *t, char wrong[WRONG_TEXT])
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    int seen = 0;
    char key[DESCR_MOST + 1];
    if (!take(t, '{')) return refuse(wrong, "its header is no dictionary; is it an .npy file?");
    while (!take(t, '}')) {
        if (!quoted_take(t, key) || !take(t, ':')) return refuse(wrong, "its header is damaged");
        const int bit = !strcmp(key, "descr")           ? DESCR
                        : !strcmp(key, "fortran_order") ? ORDER
                        : !strcmp(key, "shape")         ? SHAPE
                                                        : 0;
        if (!bit || (seen & bit)) return refuse(wrong, "its header has a key too many");
        seen |= bit;
        if (bit == DESCR && !descr_take(a, t, wrong)) return false;
        if (bit == SHAPE && !shape_take(a, t, wrong)) return false;
        if (bit == ORDER && word_take(t, "True"))
            return refuse(wrong,
                          "its numbers lie in Fortran order; save numpy.ascontiguousarray(z)");
        if (bit == ORDER && !word_take(t, "False"))
            return refuse(wrong, "its header is damaged at fortran_order");
        if (!take(t, ',') && !(blanks_skip(t), *t->at == '}'))
            return refuse(wrong, "its header is damaged");
    }
    blanks_skip(t);
    if (seen != ALL || *t->at)
        return refuse(wrong, "its header wants descr, fortran_order and shape, and no more");
    return true;
}

bool npy_open(struct array_file *a, char wrong[WRONG_TEXT])
{
    uint8_t start[MAGIC + 2], size[4] = { 0 };
    if (!source_take(&a->source, start, sizeof start, wrong)) return false;
    if (memcmp(start, "\x93NUMPY", MAGIC) != 0)
        return refuse(wrong, "it is no .npy file (numpy.save makes one)");
    if (start[MAGIC] < 1 || start[MAGIC] > 3 || start[MAGIC + 1] != 0)
        return refuse(wrong, "it is of version %d.%d; 1.0, 2.0 and 3.0 are known", start[MAGIC],
                      start[MAGIC + 1]);
    if (!source_take(&a->source, size, start[MAGIC] == 1 ? 2 : 4, wrong)) return false;
    const uint32_t bytes =
        size[0] | (uint32_t)size[1] << 8 | (uint32_t)size[2] << 16 | (uint32_t)size[3] << 24;
    if (bytes > HEADER_MOST)
        return refuse(wrong, "its header is of %" PRIu32 " bytes; %d at most", bytes, HEADER_MOST);
    char *const header = host_alloc((size_t)bytes + 1, 1);
    bool right = source_take(&a->source, header, bytes, wrong);
    if (right && strlen(header) != bytes) right = refuse(wrong, "its header is damaged");
    struct text t = { header };
    right = right && dictionary_take(a, &t, wrong);
    free(header);
    return right;
}
