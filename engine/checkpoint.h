/* SPDX-License-Identifier: MIT
 *
 * checkpoint.h -- named blobs in one file that is whole or is not taken.
 *
 * Layout: "SSCKPT01", u32 version, u32 blobs; per blob u32 name length, name, u64 bytes, content;
 * SHA-256 of all before it.  Little endian.
 * Saving: PATH.new is written and synced, the current file gets a second name, PATH.new becomes
 * PATH, the second name becomes PATH.prev, the folder is synced: at any moment PATH is whole, or
 * PATH.prev is as it was.  Loading: the current file, or else the previous one with a warning.  One
 * writer a path.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct blob { const char *name; const void *data; size_t bytes; };

/* Replaces the checkpoint at `path`; false with errno set, and the old one still in place (or, if
 * only the last syncs failed, the new one), on failure. */
bool checkpoint_save(const char *path, const struct blob *blobs, int n);

/* What became of a file.  A damaged one is lost, whatever is done; the last two are whole
 * somewhere, and must not be replaced unasked. */
enum checkpoint_end { CHECKPOINT_LOADED, CHECKPOINT_ABSENT, CHECKPOINT_DAMAGED,
                      CHECKPOINT_UNREADABLE, CHECKPOINT_OTHER_VERSION };
/* blob[i].data points into `file`, without alignment: copy it out. */
struct checkpoint { char *file; size_t bytes; struct blob *blob; int n; enum checkpoint_end end; };
/* False if there is neither a whole file at `path` nor at `path`.prev; c->end says why, the graver
 * of the two.  A damaged or unreadable file is named in a warning.  Behind a file of another
 * version none is looked for. */
bool checkpoint_load(struct checkpoint *c, const char *path);
/* NULL if absent */
const struct blob *checkpoint_find(const struct checkpoint *c, const char *name);
void checkpoint_free(struct checkpoint *c);
