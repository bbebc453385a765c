/* SPDX-License-Identifier: MIT
 *
 * data.h -- image sets in memory, as stored: uint8, planar.
 *
 * Readers: the binary files of CIFAR-10 and CIFAR-100; idx files plain or gzipped (MNIST,
 * Fashion-MNIST), whose one channel is repeated to three; a synthetic set made in code, for tests
 * only.  Folders of images are folder.h's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base.h"

struct dataset {
    uint8_t *images;              /* [n, 3, h, w]; NULL if they are read as they are needed, from */
    struct folder *folder;        /* here (folder.h); then h and w are 0 */
    int32_t *labels;              /* [n], 0 .. classes-1 */
    int n, h, w, classes;
    char hash[HASH_TEXT]; /* SHA-256 over the SHA-256 of the images and that of the labels in use */
};

enum data_split { DATA_TRAIN, DATA_TEST };

/* One file of a set, and the SHA-256 of its content (of an idx file: unpacked). */
struct data_file { const char *name; enum data_split split; size_t bytes; const char *sha256; };

/* Fills images and labels, for which there is room, with first .. first+n-1 of a split. */
struct data_source;
typedef void data_reader(struct dataset *set, const struct data_source *source,
                         enum data_split split, int first);

/* What is known of a set before it is read. */
struct data_source {
    const char *name;        /* as in YAML: "cifar10" */
    const char *folder;      /* below the data folder */
    const char *fetch;       /* the command that brings it: "make -f Makefile.repro data-cifar10" */
    int n[2], h, w, classes; /* images per split; of a folder the most there may be, and 0, 0, 0 */
    float mean[3], std[3];   /* per channel, of the training set, for values in 0..1 */
    /* NULL-named row at the end; an idx file may be gzipped and end in ".gz" */
    const struct data_file *files;
    data_reader *read;             /* NULL: images.h reads them one by one, as they are needed */
};
/* The table of sets; NULL-named row at its end. */
extern const struct data_source data_sources[];
/* Images in folders, of any size and number: is this that row? */
bool data_is_folder(const struct data_source *source);
const struct data_source *data_source_find(const char *name);     /* NULL if unknown */

/* Reads one file, whole and checked, into fresh memory (which the caller frees), and its path into
 * *path (the same; may be NULL).  Missing: exit 1, naming the command that brings it; wrong: exit
 * 2, saying what is wrong. */
uint8_t *data_file_read(const struct data_source *source, const struct data_file *file,
                        char **path);

/* Reads images first .. first+count-1 of a split.  Every file that is read is checked in full, by
 * size and SHA-256; see data_file_read() for what is said and done about wrong ones.  More images
 * than there are: exit 2.  data_free() accepts a zeroed struct. */
void data_load(struct dataset *set, const char *name, enum data_split split, int first, int count);
void data_free(struct dataset *set);
