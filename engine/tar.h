/* SPDX-License-Identifier: MIT
 *
 * tar.h -- the members of a tar archive where they lie: ustar, pax (`path`, `size`), GNU's long names ('L').
 *
 * Nothing in the bytes is believed before it is checked, and nothing is unpacked.  A header's sum, a
 * size that is negative or leads beyond the archive, an archive without its end, bytes behind it, a
 * link, a device, a sparse file, a name that is absolute, has `..`, a control character or is longer than 4,095
 * bytes: each is wrong, with a sentence, and no member comes after it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base.h"

enum { TAR_BLOCK = 512, TAR_NAME = 4096 };

/* Bytes offset .. offset+bytes-1 of the archive, which are there; false with `wrong` if not. */
typedef bool tar_reader(void *context, void *to, int64_t offset, size_t bytes,
                        char wrong[WRONG_TEXT]);

/* The archive, or one inside another, lies at [at, end).  `at` is where the next header is. */
struct tar {
    tar_reader *read;
    void *context;
    int64_t at, end;
};

/* A regular file or a folder: its content lies at [offset, offset+bytes).  `header` is where what
 * belongs to it begins, the pax header of its own included. */
struct tar_member {
    char name[TAR_NAME]; /* without "./" at its front and "/" at its end */
    bool folder;
    int64_t header, offset, bytes;
};

enum tar_step { TAR_MEMBER, TAR_END, TAR_WRONG };
/* The next member.  Of a wrong one header says where it is. */
enum tar_step tar_next(struct tar *t, struct tar_member *m, char wrong[WRONG_TEXT]);
