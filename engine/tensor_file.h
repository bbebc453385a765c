/* SPDX-License-Identifier: MIT
 *
 * tensor_file.h -- named tensors in a .safetensors file, all of them in memory.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

enum { WEIGHT_DIMS = 8 };
/* x [dim[0], dim[1], ...], row-major; NULL for what is no float tensor here: then, if it is to be
 * written, a single int64, `whole`. */
struct weight_tensor {
    char *name;
    int n_dims;
    int64_t dim[WEIGHT_DIMS];
    float *x;
    int64_t whole;
};
struct json_t;
struct weights {
    struct weight_tensor *t;
    size_t n;
    struct json_t *metadata;       /* an object of texts, or NULL */
};

/* Reads F16, BF16, F32 and F64 tensors as floats; those of other types have a name and a shape.
 * False with a sentence in `wrong`; *world: it is the world's fault, not the file's.  weights_free()
 * in either case. */
bool weights_read(struct weights *w, const char *path, bool *world, char wrong[WRONG_TEXT]);
/* Writes the file whole or not at all, tensors in their order, floats as F32; false with errno set. */
bool weights_write(const struct weights *w, const char *path);
void weights_free(struct weights *w);

/* A new tensor behind the others, its numbers (floats: count of dim) not yet set. */
struct weight_tensor *weights_add(struct weights *w, const char *name, int n_dims,
                                  const int64_t *dim);
/* NULL if there is none. */
const struct weight_tensor *weights_find(const struct weights *w, const char *name);
/* What the metadata say under a key, or NULL. */
const char *weights_said(const struct weights *w, const char *key);
