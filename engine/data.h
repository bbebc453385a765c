/* SPDX-License-Identifier: MIT
 *
 * data.h -- image sets in memory, as stored: uint8, planar.
 *
 * Readers: CIFAR-10's binary files; idx files plain or gzipped (MNIST, Fashion-MNIST), whose one channel is
 * repeated to three; a synthetic set made in code, for tests only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base.h"

struct dataset {
    uint8_t *images;               /* [n, 3, h, w] */
    int32_t *labels;               /* [n], 0 .. classes-1 */
    int n, h, w, classes;
    char hash[HASH_TEXT];          /* SHA-256 over the images and labels in use */
};

enum data_split { DATA_TRAIN, DATA_TEST };

/* What is known of a set before it is read. */
struct data_source {
    const char *name;              /* as in YAML: "cifar10" */
    const char *folder;            /* below the data folder */
    const char *fetch;             /* what brings it: "make -f Makefile.repro data-cifar10" */
    int n[2], h, w, classes;       /* images per split */
    float mean[3], std[3];         /* per channel, of the training set, for values in 0..1 */
};
/* The table of sets; NULL-named row at its end. */
extern const struct data_source data_sources[];
const struct data_source *data_source_find(const char *name);     /* NULL if unknown */

/* The user's data folder: DATA if set, else $XDG_CACHE_HOME/simsiam, else ~/.cache/simsiam.  Static text. */
const char *data_folder(void);

/* Reads images first .. first+count-1 of a split.  Every file is checked in full for size and, where its
 * SHA-256 is known, for content.  Missing files: exit 1, naming the command that brings them; a wrong file:
 * exit 2, naming it and what is wrong.  data_free() accepts a zeroed struct. */
void data_load(struct dataset *set, const char *name, enum data_split split, int first, int count);
void data_free(struct dataset *set);
