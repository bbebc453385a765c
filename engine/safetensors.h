/* SPDX-License-Identifier: MIT
 *
 * safetensors.h -- the header of a .safetensors file: which tensors lie where.
 */
#pragma once
#include "array_file.h"

struct json_t;
/* [from, to) in bytes behind the header; what its shape and type make is what lies there. */
struct st_tensor { const char *name; int type; int64_t from, to; struct json_t *shape; };
struct st_list {
    struct json_t *root;           /* the header as JSON, __metadata__ included */
    struct st_tensor *tensor;      /* [n], in the order of the file, without a hole or an overlap */
    size_t n;
    int64_t end;                   /* bytes of all */
};

/* Reads the header; the source stands at the first tensor then.  False with a sentence in `wrong`.
 * st_free() in either case. */
bool st_header(struct st_list *l, struct source *source, char wrong[WRONG_TEXT]);
void st_free(struct st_list *l);

/* NUMBERS for a type that is no F16, BF16, F32 or F64. */
enum number st_number(const struct st_tensor *t);
