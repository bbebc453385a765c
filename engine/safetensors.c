/* SPDX-License-Identifier: MIT
 *
 * safetensors.c -- a tensor of a .safetensors file: eight bytes of length, a JSON header that says
 * of each tensor its type, its shape and its place, then the tensors, one behind another without a
 * gap.
 */
#include "safetensors.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* The format allows 100 MB; a header of a hundred thousand tensors is a tenth of this, and what
 * JSON takes in memory is some tens of times its text. */
enum { HEADER_MOST = 16 << 20 };

static const struct { const char *name; int bytes; enum number number; } types[] = {
    { "F16", 2, NUMBER_F16 }, { "BF16", 2, NUMBER_BF16 }, { "F32", 4, NUMBER_F32 },
    { "F64", 8, NUMBER_F64 }, { "BOOL", 1, NUMBERS }, { "U8", 1, NUMBERS }, { "I8", 1, NUMBERS },
    { "F8_E4M3", 1, NUMBERS }, { "F8_E5M2", 1, NUMBERS }, { "U16", 2, NUMBERS },
    { "I16", 2, NUMBERS }, { "U32", 4, NUMBERS }, { "I32", 4, NUMBERS }, { "U64", 8, NUMBERS },
    { "I64", 8, NUMBERS },
};
enum { TYPES = sizeof types / sizeof *types };

enum number st_number(const struct st_tensor *t)
{
    return t->type == TYPES ? NUMBERS : types[t->type].number;
}

static int type_find(const char *name)
{
    int i = 0;
    while (name && i < TYPES && strcmp(types[i].name, name) != 0) i++;
    return name ? i : TYPES;
}

/* shape and type make as many bytes as its place has; of a type that is not known here, any. */
static bool size_right(const struct st_tensor *t)
{
    int64_t bytes = t->type < TYPES ? types[t->type].bytes : 0;
    for (size_t i = 0; i < json_array_size(t->shape); i++) {
        const json_t *const length = json_array_get(t->shape, i);
        if (!json_is_integer(length) || json_integer_value(length) < 0) return false;
        if (__builtin_mul_overflow(bytes, (int64_t)json_integer_value(length), &bytes))
            return false;
    }
    return t->type == TYPES || bytes == t->to - t->from;
}

static bool tensor_take(struct st_tensor *t, const char *name, json_t *said, char wrong[WRONG_TEXT])
{
    const json_t *const place = json_object_get(said, "data_offsets");
    const json_t *const from = json_array_get(place, 0), *const to = json_array_get(place, 1);
    const char *const type = json_string_value(json_object_get(said, "dtype"));
    *t = (struct st_tensor){ name, type_find(type), json_integer_value(from), json_integer_value(to),
                          json_object_get(said, "shape") };
    if (!type || !json_is_array(t->shape) || json_array_size(place) != 2 ||
        !json_is_integer(from) || !json_is_integer(to) || t->from < 0 || t->to < t->from ||
        !size_right(t))
        return refuse(wrong, "tensor %.40s: dtype, shape and data_offsets do not fit each other",
                      name);
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct st_tensor *const x = a, *const y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from)
                              : (x->to > y->to) - (x->to < y->to);
}

/* tensor [n] in the order of the file; *end is where the last one ends. */
static bool places_check(struct st_tensor *tensor, size_t n, int64_t *end, char wrong[WRONG_TEXT])
{
    *end = 0;
    qsort(tensor, n, sizeof *tensor, by_place);
    for (size_t i = 0; i < n; i++) {
        if (tensor[i].from < *end)
            return refuse(wrong, "tensor %.40s overlaps another one", tensor[i].name);
        if (tensor[i].from > *end)
            return refuse(wrong, "there is a hole before tensor %.40s", tensor[i].name);
        *end = tensor[i].to;
    }
    return true;
}

static bool is_float(const struct st_tensor *t, char wrong[WRONG_TEXT])
{
    return st_number(t) != NUMBERS ||
           refuse(wrong, "tensor %.40s is of type %s; F16, BF16, F32 or F64 is wanted", t->name,
                  t->type == TYPES ? "unknown" : types[t->type].name);
}

/* The tensor of that name, or the only one. */
static bool choose(struct array_file *a, const struct st_tensor *tensor, size_t n, const char *name,
                   int64_t end, char wrong[WRONG_TEXT])
{
    size_t i = 0;
    if (!n) return refuse(wrong, "it holds no tensor");
    if (!name && n != 1) return refuse(wrong, "it holds %zu tensors; say which: FILE:NAME", n);
    while (name && i < n && strcmp(tensor[i].name, name) != 0) i++;
    if (i == n) return refuse(wrong, "it holds no tensor of that name");
    const struct st_tensor *const t = &tensor[i];
    if (!is_float(t, wrong)) return false;
    if (json_array_size(t->shape) != 2)
        return refuse(wrong, "tensor %.40s has %zu dimensions; 2 are wanted, samples and features",
                      t->name, json_array_size(t->shape));
    const uint16_t one = 1;
    a->number = types[t->type].number;
    a->swap = *(const uint8_t *)&one != 1; /* the format's order is the little one */
    a->behind = end - t->to;
    if (a->source.left >= 0 && a->source.left != end)
        return refuse(wrong,
                      "its tensors make %" PRId64 " bytes, and %" PRId64 " follow its header", end,
                      a->source.left);
    return array_shape(a, json_integer_value(json_array_get(t->shape, 0)),
                       json_integer_value(json_array_get(t->shape, 1)), wrong) &&
           source_skip(&a->source, t->from, wrong);
}

void st_free(struct st_list *l)
{
    free(l->tensor);
    json_decref(l->root);
    *l = (struct st_list){ .root = NULL };
}

static bool root_take(struct st_list *l, char wrong[WRONG_TEXT])
{
    const char *key;
    json_t *said;
    bool right = json_is_object(l->root) || refuse(wrong, "its header is no object");
    l->tensor = host_alloc(json_object_size(l->root) + 1, sizeof *l->tensor);
    json_object_foreach(l->root, key, said)
    {
        if (right && strcmp(key, "__metadata__") != 0)
            right = tensor_take(&l->tensor[l->n++], key, said, wrong);
    }
    return right && places_check(l->tensor, l->n, &l->end, wrong);
}

bool st_header(struct st_list *l, struct source *source, char wrong[WRONG_TEXT])
{
    uint8_t size[8];
    uint64_t bytes = 0;
    *l = (struct st_list){ .root = NULL };
    if (!source_take(source, size, sizeof size, wrong)) return false;
    for (int i = 7; i >= 0; i--) bytes = bytes << 8 | size[i];
    if (bytes > HEADER_MOST)
        return refuse(wrong, "its header is of %" PRIu64 " bytes; %d at most", bytes, HEADER_MOST);
    if (source->left >= 0 && bytes > (uint64_t)source->left)
        return refuse(wrong, "its header is longer than the file; is it whole?");
    char *const text = host_alloc((size_t)bytes + 1, 1);
    json_error_t error;
    bool right = source_take(source, text, (size_t)bytes, wrong);
    if (right &&
        !(l->root = json_loadb(text, (size_t)bytes, JSON_REJECT_DUPLICATES, &error))) {
        text_disarm(error.text);
        right = refuse(wrong, "its header is no JSON: %.80s", error.text);
    }
    right = right && root_take(l, wrong);
    free(text);
    return right;
}

bool safetensors_open(struct array_file *a, const char *name, char wrong[WRONG_TEXT])
{
    struct st_list l;
    const bool right = st_header(&l, &a->source, wrong) &&
                       choose(a, l.tensor, l.n, name, l.end, wrong);
    st_free(&l);
    return right;
}
