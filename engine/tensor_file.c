/* SPDX-License-Identifier: MIT
 *
 * tensor_file.c -- a .safetensors file to named tensors and back (safetensors.h has its header).
 */
#include "tensor_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "object.h"
#include "safetensors.h"

void weights_free(struct weights *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->t[i].name);
        free(w->t[i].x);
    }
    free(w->t);
    json_decref(w->metadata);
    *w = (struct weights){ .t = NULL };
}

const struct weight_tensor *weights_find(const struct weights *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->t[i].name, name)) return &w->t[i];
    return NULL;
}

const char *weights_said(const struct weights *w, const char *key)
{
    return json_string_value(json_object_get(w->metadata, key));
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool shape_take(struct weight_tensor *t, const struct st_tensor *from, char wrong[WRONG_TEXT])
{
    const size_t n = json_array_size(from->shape);
    if (n > WEIGHT_DIMS)
        return refuse(wrong, "tensor %.40s has %zu dimensions; %d at most", from->name, n,
                      WEIGHT_DIMS);
    t->n_dims = (int)n;
    for (size_t i = 0; i < n; i++)
        t->dim[i] = json_integer_value(json_array_get(from->shape, i));
    return true;
}

/* The numbers of a tensor, which are the source's next; what is no float is passed over. */
static bool tensor_read(struct array_file *a, struct weight_tensor *t, const struct st_tensor *from,
                        char wrong[WRONG_TEXT])
{
    int64_t count = 1;
    a->number = st_number(from);
    if (a->number == NUMBERS) return source_skip(&a->source, from->to - from->from, wrong);
    for (int i = 0; i < t->n_dims; i++) count *= t->dim[i];    /* as its place has: no overflow */
    if (!count) return true;
    if (count > INT_MAX)
        return refuse(wrong, "tensor %.40s has more than %d numbers", from->name, INT_MAX);
    t->x = host_alloc((size_t)count, sizeof *t->x);
    a->d = (int)count;
    a->n = INT64_MAX;              /* rows follow: the file's end is looked for behind the last */
    a->done = 0;
    return array_read(a, t->x, 1, wrong);
}

static bool tensors_read(struct weights *w, struct array_file *a, const struct st_list *l,
                         char wrong[WRONG_TEXT])
{
    const uint16_t one = 1;
    const int64_t left = a->source.left;
    a->swap = *(const uint8_t *)&one != 1;     /* the format's order is the little one */
    if (left != l->end)
        return refuse(wrong, "its tensors make %" PRId64 " bytes, and %" PRId64 " follow its header%s",
                      l->end, left, left < l->end ? "; is it whole?" : "");
    w->metadata = json_incref(json_object_get(l->root, "__metadata__"));
    w->t = host_alloc(l->n + 1, sizeof *w->t);
    for (; w->n < l->n; w->n++) {
        struct weight_tensor *const t = &w->t[w->n];
        *t = (struct weight_tensor){ .x = NULL };
        if (!shape_take(t, &l->tensor[w->n], wrong) || !tensor_read(a, t, &l->tensor[w->n], wrong)) {
            free(t->x);
            return false;
        }
        t->name = text_format("%s", l->tensor[w->n].name);
    }
    return source_end(&a->source, wrong);
}

bool weights_read(struct weights *w, const char *path, bool *world, char wrong[WRONG_TEXT])
{
    struct array_file a;
    struct st_list l = { .root = NULL };
    int64_t bytes;
    memset(&a, 0, sizeof a);
    *w = (struct weights){ .t = NULL };
    /* nothing else is waited for, nor says by its header alone how much memory is taken */
    struct stat about;
    bool right = stat(path, &about) || S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) ||
                 refuse(wrong, "it is no regular file");
    right = right && source_open(&a.source, path, &bytes, wrong);
    if (right && a.source.ahead[8] != '{')
        right = refuse(wrong, "it is no .safetensors file (of a .pth file: docs/weights.md)");
    right = right && st_header(&l, &a.source, wrong) && tensors_read(w, &a, &l, wrong);
    *world = a.source.world;
    st_free(&l);
    source_close(&a.source);
    return right;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct weight_tensor *weights_add(struct weights *w, const char *name, int n_dims,
                                  const int64_t *dim)
{
    size_t count = 1;
    w->t = realloc(w->t, (w->n + 1) * sizeof *w->t);
    if (!w->t) die("out of memory (close other programs)");
    struct weight_tensor *const t = &w->t[w->n++];
    *t = (struct weight_tensor){ .name = text_format("%s", name), .n_dims = n_dims };
    for (int i = 0; i < n_dims; i++) {
        t->dim[i] = dim[i];
        count *= (size_t)dim[i];
    }
    if (n_dims) t->x = host_alloc(count, sizeof *t->x);
    return t;
}

static size_t bytes_of(const struct weight_tensor *t)
{
    size_t count = 1;
    for (int i = 0; i < t->n_dims; i++) count *= (size_t)t->dim[i];
    return t->x ? count * sizeof *t->x : sizeof t->whole;
}

static char *header_text(const struct weights *w)
{
    json_t *const root = made(json_object());
    size_t from = 0;
    if (w->metadata) object_put(root, "__metadata__", json_incref(w->metadata));
    for (size_t i = 0; i < w->n; i++) {
        const struct weight_tensor *const t = &w->t[i];
        const size_t to = from + bytes_of(t);
        json_t *const said = made(json_object()), *const shape = made(json_array());
        for (int k = 0; k < t->n_dims; k++)
            list_add(shape, json_integer(t->dim[k]));
        object_put(said, "dtype", json_string(t->x ? "F32" : "I64"));
        object_put(said, "shape", shape);
        object_put(said, "data_offsets", json_pack("[I, I]", (json_int_t)from, (json_int_t)to));
        object_put(root, t->name, said);
        from = to;
    }
    return object_text(root, JSON_COMPACT);
}

static void little_put(uint8_t *to, const void *from, size_t bytes, size_t word)
{
    const uint16_t one = 1;
    memcpy(to, from, bytes);
    if (*(const uint8_t *)&one == 1) return;
    for (size_t at = 0; at < bytes; at += word)
        for (size_t k = 0; k < word; k++) to[at + k] = ((const uint8_t *)from)[at + word - 1 - k];
}

/* The header's length is made a multiple of eight by blanks, so that what follows lies even. */
bool weights_write(const struct weights *w, const char *path)
{
    char *const text = header_text(w);
    const size_t length = strlen(text), room = (length + 7) / 8 * 8;
    size_t bytes = 8 + room;
    for (size_t i = 0; i < w->n; i++) bytes += bytes_of(&w->t[i]);
    uint8_t *const file = host_alloc(bytes, 1), *to = file + 8 + room;
    const uint64_t said = room;
    little_put(file, &said, 8, 8);
    memcpy(file + 8, text, length);
    memset(file + 8 + length, ' ', room - length);
    for (size_t i = 0; i < w->n; i++) {
        const struct weight_tensor *const t = &w->t[i];
        if (t->x) little_put(to, t->x, bytes_of(t), sizeof *t->x);
        else little_put(to, &t->whole, sizeof t->whole, sizeof t->whole);
        to += bytes_of(t);
    }
    const bool written = file_write_atomic(path, file, bytes);
    const int error = errno;
    free(file);
    free(text);
    errno = error;
    return written;
}
