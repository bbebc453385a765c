/* SPDX-License-Identifier: MIT
 *
 * checkpoint.h -- named blobs in one file that is whole or is not taken.
 *
 * Layout: "SSCKPT01", u32 version, u32 blobs; per blob u32 name length, name, u64 bytes, content; SHA-256 of all
 * before it.  Little endian.
 * Saving: PATH.new is written and synced, the current file gets a second name, PATH.new becomes PATH, the second
 * name becomes PATH.prev, the folder is synced: at any moment PATH is whole, or PATH.prev is as it was.
 * Loading: the current file, or else the previous one with a warning.  One writer a path.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct blob { const char *name; const void *data; size_t bytes; };

/* Replaces the checkpoint at `path`; false with errno set, and the old one still in place (or, if only the last
 * syncs failed, the new one), on failure. */
bool checkpoint_save(const char *path, const struct blob *blobs, int n);

/* blob[i].data points into `file`, without alignment: copy it out. */
struct checkpoint { char *file; size_t bytes; struct blob *blob; int n; };
/* False if there is neither a whole file at `path` nor at `path`.prev.  A damaged file is named in a warning. */
bool checkpoint_load(struct checkpoint *c, const char *path);
const struct blob *checkpoint_find(const struct checkpoint *c, const char *name);     /* NULL if absent */
void checkpoint_free(struct checkpoint *c);
