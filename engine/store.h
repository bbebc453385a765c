/* SPDX-License-Identifier: MIT
 *
 * store.h -- images inside archives, by an index: which archives, and where in them each image lies.
 *
 * The index of a split is ROOT/train.index (val.index, test.index), text that `simsiam data index`
 * writes (store_index.h):
 *
 *   simsiam index 1
 *   archives A classes C images N
 *   BYTES  MTIME (ns)  SHA-256  PATH        A lines, tabs between; PATH begins with / or lies beside the index
 *   NAME                                    C lines, in the order of the labels
 *   LABEL  ARCHIVE  OFFSET  BYTES  FILE     N lines, by label, then by the bytes of FILE
 *   end SHA-256                             of all lines above
 *
 * An image is one pread().  An archive that is not the one that was indexed is refused by its name.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base.h"

#define STORE_HEAD "simsiam index 1\n"
enum { STORE_ARCHIVES_MAX = 65536 };

struct store_archive {
    char *path;
    int64_t bytes, mtime;
    char hash[HASH_TEXT];
    int fd;
};
struct store_place {
    int32_t archive;
    int64_t offset, bytes;
};
struct store_image {
    const char *file;
    int32_t label;
    struct store_place place;
};

struct store {
    char *text; /* of the index; names point into it */
    struct store_archive *archive; /* [archives] */
    const char **class; /* [classes] */
    struct store_image *image; /* [n] */
    int archives, classes, n;
};

/* Of an index's text (fresh memory, which the store takes over, `bytes` and a NUL), whose folder is
 * `beside`; false with `wrong` if it is none.  store_free() in either case. */
bool store_parse(struct store *s, char *text, size_t bytes, const char *beside,
                 char wrong[WRONG_TEXT]);
/* Of a file; exit 2 if it is none. */
struct store *store_open(const char *path);
void store_free(struct store *s);

/* Exit 2 by its name if an archive has gone, has another length, or, where its time is another,
 * other content: that is read once, whole. */
void store_check(struct store *s, const char *index);

/* The bytes of a place to `to`, where there is room; false with `wrong` where the archive has become
 * shorter.  By any thread. */
bool store_read(const struct store *s, void *to, const struct store_place *place,
                char wrong[WRONG_TEXT]);
