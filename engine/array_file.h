/* SPDX-License-Identifier: MIT
 *
 * array_file.h -- matrices of numbers that other programs wrote, some rows at a time: .npy (numpy's
 * format, versions 1 to 3), members of an .npz, tensors of a .safetensors.
 *
 * A path is FILE, FILE:NAME for what stands under a name in it, or - (or -:NAME) for .npy or
 * .safetensors on standard input.  Where a file holds one matrix alone, it needs no name.  Headers
 * say how much memory they ask for before any is taken, and no content can do more harm than a
 * refusal; what is read is checked to its end: lengths, and the checksum of an .npz's member.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "array_source.h"
#include "base.h"

enum number { NUMBER_F16, NUMBER_BF16, NUMBER_F32, NUMBER_F64, NUMBERS };

struct array_file {
    int64_t n;                     /* [n, d] */
    int d;
    /* The rest is the reader's own. */
    struct source source;
    enum number number;
    bool swap;                     /* of the other byte order */
    int64_t done;                  /* rows that were read */
    int64_t behind;                /* bytes that may follow, of other tensors; nothing else may */
};

/* False with a sentence in `wrong` (what is wrong, what would be right); a->source.world says
 * whether it is the world's fault, not the file's.  array_close() in either case. */
bool array_open(struct array_file *a, const char *path, char wrong[WRONG_TEXT]);
/* The next rows, as floats: to [rows, d].  With the last one the file's end is checked. */
bool array_read(struct array_file *a, float *to, int64_t rows, char wrong[WRONG_TEXT]);
void array_close(struct array_file *a);

/* For the formats: n and d, if such a matrix can be. */
bool array_shape(struct array_file *a, int64_t n, int64_t d, char wrong[WRONG_TEXT]);
