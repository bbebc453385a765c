/* SPDX-License-Identifier: MIT
 *
 * array_source.h -- the bytes of a matrix in order, wherever they come from; and the three formats,
 * each of which fills a struct array_file and leaves the source at the first number.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zlib.h>

#include "base.h"

enum { SOURCE_AHEAD = 9, SOURCE_ROOM = 16384 };

struct source {
    FILE *file;
    bool world;                    /* the last refusal is the world's fault */
    int64_t left;                  /* bytes to come, where it is known, else -1 */
    uint8_t ahead[SOURCE_AHEAD];   /* read already, to see what it is */
    size_t ahead_at, ahead_end;
    /* A member of an .npz: checked, and perhaps deflated. */
    bool member, deflated, ended;
    int64_t packed;                /* bytes of it in the file to come */
    uint32_t crc, crc_said;
    z_stream z;
    uint8_t room[SOURCE_ROOM];
};

/* Opens a file, or - for standard input; *bytes: its length, -1 if it has none.  source_close() in
 * either case. */
bool source_open(struct source *s, const char *file, int64_t *bytes, char wrong[WRONG_TEXT]);
bool source_take(struct source *s, void *to, size_t bytes, char wrong[WRONG_TEXT]);
bool source_skip(struct source *s, int64_t bytes, char wrong[WRONG_TEXT]);
/* Is there nothing more, and was all as it was said to be? */
bool source_end(struct source *s, char wrong[WRONG_TEXT]);
/* From here on the source is a member's content. */
bool source_enter(struct source *s, int64_t packed, int64_t bytes, bool deflated, uint32_t crc,
                  char wrong[WRONG_TEXT]);
void source_close(struct source *s);

struct array_file;
/* `name` may be NULL.  `file_bytes`: the file's length, -1 if it has none. */
bool npy_open(struct array_file *a, char wrong[WRONG_TEXT]);
bool npz_open(struct array_file *a, const char *name, int64_t file_bytes, char wrong[WRONG_TEXT]);
bool safetensors_open(struct array_file *a, const char *name, char wrong[WRONG_TEXT]);
