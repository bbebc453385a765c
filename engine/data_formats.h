/* SPDX-License-Identifier: MIT
 *
 * data_formats.h -- bytes to images: the binary records of CIFAR-10 and CIFAR-100, idx files, gzip.
 *
 * Nothing in the bytes is believed before it is checked.  Each function returns false and a
 * sentence in `wrong` if the bytes are not what they should be; what it fills is then unspecified.
 */
#pragma once
#include "base.h"

/* Records of 1 + 3 * 32 * 32 bytes, the label and the planes R, G, B: images [n, 3, 32, 32], labels
 * [n] below 10.  The bytes must be n records, no more. */
enum { CIFAR_SIDE = 32, CIFAR_CLASSES = 10, CIFAR_RECORD = 1 + 3 * CIFAR_SIDE * CIFAR_SIDE };
bool cifar_parse(uint8_t *images, int32_t *labels, int n, const uint8_t *file, size_t bytes,
                 char wrong[WRONG_TEXT]);
/* The record of one image [32, 32, 3], the other way round. */
void cifar_record(uint8_t record[CIFAR_RECORD], int label, const uint8_t *rgb);

/* CIFAR-100's records have two labels: the coarse one, below 20, is checked and left out; the fine
 * one is taken. */
enum { CIFAR100_CLASSES = 100, CIFAR100_COARSE = 20, CIFAR100_RECORD = 1 + CIFAR_RECORD };
bool cifar100_parse(uint8_t *images, int32_t *labels, int n, const uint8_t *file, size_t bytes,
                    char wrong[WRONG_TEXT]);

/* idx: two zero bytes, type 8 (uint8), number of dimensions, each dimension as u32 big endian,
 * values.  The values in `file` are returned in *values; the dimensions must be dim [n_dims], and
 * nothing may follow them. */
bool idx_parse(const uint8_t **values, int n_dims, const int *dim, const uint8_t *file,
               size_t bytes, char wrong[WRONG_TEXT]);
size_t idx_bytes(int n_dims, const int *dim);              /* of such a file */

/* Grey images [n, plane] to images [n, 3, plane]: the one channel, three times. */
void grey_repeat(uint8_t *images, const uint8_t *grey, int n, int plane);
/* Bytes to labels, all below `classes`. */
bool labels_parse(int32_t *labels, int n, int classes, const uint8_t *values,
                  char wrong[WRONG_TEXT]);

/* Unpacks one gzip member of at most `most` bytes into fresh memory, which the caller frees; bytes
 * behind it are refused.  NULL with `wrong` on failure. */
uint8_t *gzip_unpack(size_t *bytes, size_t most, const uint8_t *file, size_t file_bytes,
                     char wrong[WRONG_TEXT]);
