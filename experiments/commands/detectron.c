/* SPDX-License-Identifier: MIT
 *
 * detectron.c -- torchvision's names to detectron2's, and a pickle of numpy arrays.
 *
 *   conv1.weight, bn1.*            stem.conv1.weight, stem.conv1.norm.*
 *   layerN.B.convM.weight          res(N+1).B.convM.weight
 *   layerN.B.bnM.*                 res(N+1).B.convM.norm.*
 *   layerN.B.downsample.0.weight   res(N+1).B.shortcut.weight, and .1.* to .norm.*
 *
 * Protocol 3 of pickle, the first with bytes, as numpy pickles an array: _reconstruct(ndarray, (0,),
 * b"b"), then its state (1, shape, dtype, is_fortran, bytes).
 */
#include "detectron.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

/* "layer2.0.bn1.weight" to "res3.0.conv1.norm.weight", in fresh memory; NULL: not of a backbone. */
static char *detectron_name(const char *name)
{
    char rest[64];
    int stage, block, number, at = 0;
    if (!strcmp(name, "conv1.weight")) return text_format("stem.conv1.weight");
    if (sscanf(name, "bn1.%63s", rest) == 1) return text_format("stem.conv1.norm.%s", rest);
    if (sscanf(name, "layer%d.%d.%n", &stage, &block, &at) != 2 || !at) return NULL;
    const char *const part = name + at;
    if (sscanf(part, "conv%d.%63s", &number, rest) == 2)
        return text_format("res%d.%d.conv%d.%s", stage + 1, block, number, rest);
    if (sscanf(part, "bn%d.%63s", &number, rest) == 2)
        return text_format("res%d.%d.conv%d.norm.%s", stage + 1, block, number, rest);
    if (sscanf(part, "downsample.0.%63s", rest) == 1)
        return text_format("res%d.%d.shortcut.%s", stage + 1, block, rest);
    if (sscanf(part, "downsample.1.%63s", rest) == 1)
        return text_format("res%d.%d.shortcut.norm.%s", stage + 1, block, rest);
    return NULL;
}

/* ---- pickle ---------------------------------------------------------------------------------- */

static void little(FILE *out, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) fputc((int)(x >> 8 * i & 255), out);
}

static void text_put(FILE *out, const char *text)      /* BINUNICODE */
{
    fputc('X', out);
    little(out, strlen(text), 4);
    fputs(text, out);
}

static void number_put(FILE *out, int64_t x)           /* BININT */
{
    fputc('J', out);
    little(out, (uint64_t)x, 4);
}

static void array_put(FILE *out, const struct weight_tensor *t)
{
    size_t count = 1;
    fputs("cnumpy.core.multiarray\n_reconstruct\n" "cnumpy\nndarray\n", out);
    fputc('(', out);
    number_put(out, 0);
    fputs("t" "C\1b" "\x87R", out);        /* (0,), b"b": a tuple of three, called */
    fputc('(', out);
    number_put(out, 1);
    fputc('(', out);
    for (int i = 0; i < t->n_dims; i++) {
        number_put(out, t->dim[i]);
        count *= (size_t)t->dim[i];
    }
    fputc('t', out);
    /* dtype("f4", False, True), of the little order */
    fputs("cnumpy\ndtype\n", out);
    text_put(out, "f4");
    fputs("\x89\x88\x87R(", out);
    number_put(out, 3);
    text_put(out, "<");
    fputs("NNN", out);
    for (int i = 0; i < 2; i++) number_put(out, -1);
    number_put(out, 0);
    fputs("tb" "\x89" "B", out);           /* the state is set; not Fortran's order; bytes */
    little(out, count * sizeof *t->x, 4);
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &t->x[i], sizeof word);
        little(out, word, sizeof word);
    }
    fputs("tb", out);
}

bool detectron_write(const struct weights *w, const char *path)
{
    char *file;
    size_t bytes;
    FILE *const out = open_memstream(&file, &bytes);
    if (!out) die("out of memory: %s (close other programs)", path);
    fputs("\x80\3}(", out);
    text_put(out, "model");
    fputs("}(", out);
    for (size_t i = 0; i < w->n; i++) {
        char *const name = w->t[i].x ? detectron_name(w->t[i].name) : NULL;
        if (!name) continue;
        text_put(out, name);
        array_put(out, &w->t[i]);
        free(name);
    }
    fputc('u', out);
    text_put(out, "__author__");
    text_put(out, "simsiam export");
    text_put(out, "matching_heuristics");
    fputs("\x88u.", out);
    if (fclose(out)) die("out of memory: %s (close other programs)", path);
    const bool written = file_write_atomic(path, file, bytes);
    const int error = errno;
    free(file);
    errno = error;
    return written;
}
