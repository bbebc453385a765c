/* SPDX-License-Identifier: MIT
 *
 * data_formats.c -- bytes to images: the binary records of CIFAR-10 and CIFAR-100, idx files, gzip.
 */
#include "data_formats.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base.h"

/* ---- CIFAR ----------------------------------------------------------------------------------- */

bool cifar_parse(uint8_t *images, int32_t *labels, int n, const uint8_t *file, size_t bytes,
                 char wrong[WRONG_TEXT])
{
    if (bytes != (size_t)n * CIFAR_RECORD)
        return refuse(wrong, "it has %zu bytes, and %d images are %zu", bytes, n,
                      (size_t)n * CIFAR_RECORD);
    for (int i = 0; i < n; i++) {
        const uint8_t *record = file + (size_t)i * CIFAR_RECORD;
        if (record[0] >= CIFAR_CLASSES)
            return refuse(wrong, "the label of image %d is %d, not 0..%d", i, record[0],
                          CIFAR_CLASSES - 1);
        labels[i] = record[0];
        memcpy(images + (size_t)i * (CIFAR_RECORD - 1), record + 1, CIFAR_RECORD - 1);
    }
    return true;
}

bool cifar100_parse(uint8_t *images, int32_t *labels, int n, const uint8_t *file, size_t bytes,
                    char wrong[WRONG_TEXT])
{
    if (bytes != (size_t)n * CIFAR100_RECORD)
        return refuse(wrong, "it has %zu bytes, and %d images are %zu", bytes, n,
                      (size_t)n * CIFAR100_RECORD);
    for (int i = 0; i < n; i++) {
        const uint8_t *record = file + (size_t)i * CIFAR100_RECORD;
        if (record[0] >= CIFAR100_COARSE)
            return refuse(wrong, "the coarse label of image %d is %d, not 0..%d", i, record[0],
                          CIFAR100_COARSE - 1);
        if (record[1] >= CIFAR100_CLASSES)
            return refuse(wrong, "the label of image %d is %d, not 0..%d", i, record[1],
                          CIFAR100_CLASSES - 1);
        labels[i] = record[1];
        memcpy(images + (size_t)i * (CIFAR_RECORD - 1), record + 2, CIFAR_RECORD - 1);
    }
    return true;
}

void cifar_record(uint8_t record[CIFAR_RECORD], int label, const uint8_t *rgb)
{
    enum { PLANE = CIFAR_SIDE * CIFAR_SIDE };
    record[0] = (uint8_t)label;
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < PLANE; i++) record[1 + c * PLANE + i] = rgb[3 * i + c];
    }
}

/* ---- idx ------------------------------------------------------------------------------------- */

size_t idx_bytes(int n_dims, const int *dim)
{
    size_t values = 1;
    for (int i = 0; i < n_dims; i++) values *= (size_t)dim[i];
    return 4 + 4 * (size_t)n_dims + values;
}

bool idx_parse(const uint8_t **values, int n_dims, const int *dim, const uint8_t *file,
               size_t bytes, char wrong[WRONG_TEXT])
{
    size_t header = 4 + 4 * (size_t)n_dims;
    if (bytes < header)
        return refuse(wrong, "it has %zu bytes, and an idx header of %d dimensions is %zu", bytes,
                      n_dims, header);
    if (file[0] != 0 || file[1] != 0 || file[2] != 8 || file[3] != n_dims) {
        return refuse(wrong, "it begins with %02x %02x %02x %02x, and an idx file of bytes in %d dimensions with "
                      "00 00 08 %02x", file[0], file[1], file[2], file[3], n_dims, n_dims);
    }
    for (int i = 0; i < n_dims; i++) {
        const uint8_t *d = file + 4 + 4 * i;
        uint32_t got = (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
        if (got != (uint32_t)dim[i])
            return refuse(wrong, "its dimension %d is %u, not %d", i + 1, got, dim[i]);
    }
    if (bytes != idx_bytes(n_dims, dim))
        return refuse(wrong, "it has %zu bytes, and its dimensions make %zu", bytes,
                      idx_bytes(n_dims, dim));
    *values = file + header;
    return true;
}

void grey_repeat(uint8_t *images, const uint8_t *grey, int n, int plane)
{
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            memcpy(images + ((size_t)i * 3 + (size_t)c) * (size_t)plane,
                   grey + (size_t)i * (size_t)plane, (size_t)plane);
        }
    }
}

bool labels_parse(int32_t *labels, int n, int classes, const uint8_t *values,
                  char wrong[WRONG_TEXT])
{
    for (int i = 0; i < n; i++) {
        if (values[i] >= classes)
            return refuse(wrong, "the label of image %d is %d, not 0..%d", i, values[i],
                          classes - 1);
        labels[i] = values[i];
    }
    return true;
}

/* ---- gzip ------------------------------------------------------------------------------------ */

uint8_t *gzip_unpack(size_t *bytes, size_t most, const uint8_t *file, size_t file_bytes,
                     char wrong[WRONG_TEXT])
{
    /* zlib counts in unsigned int; an image set's file is far below that, so longer ones are simply
     * refused. */
    if (most >= UINT_MAX || file_bytes >= UINT_MAX) {
        refuse(wrong, "it is longer than any file of this kind");
        return NULL;
    }
    /* One byte more than there may be tells too much from enough, without unpacking all of a
     * bomb. */
    uint8_t *out = host_alloc(most + 1, 1);
    z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)file, .avail_in = (uInt)file_bytes,
                   .next_out = out, .avail_out = (uInt)most + 1 };
    enum { WINDOW = 15, GZIP_ONLY = 16 };
    if (inflateInit2(&z, WINDOW + GZIP_ONLY) != Z_OK)
        die("zlib cannot start to unpack (out of memory? close other programs)");
    int end = inflate(&z, Z_FINISH);
    size_t got = most + 1 - z.avail_out;
    bool ok = false;
    if (got > most) {
        refuse(wrong, "it unpacks to more than %zu bytes", most);
    } else if (end != Z_STREAM_END) {
        refuse(wrong, "its gzip content is cut short or damaged (%s)",
               z.msg ? z.msg : "it ends too early");
    } else if (z.avail_in) {
        refuse(wrong, "%u bytes follow its gzip content", z.avail_in);
    } else {
        ok = true;
    }
    inflateEnd(&z);
    if (!ok) {
        free(out);
        return NULL;
    }
    *bytes = got;
    return out;
}
