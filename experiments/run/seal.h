/* SPDX-License-Identifier: MIT
 *
 * seal.h -- papers that carry their own hash, so that a flipped bit, a lost line or an edited number
 * is seen.
 *
 * summary.json and provenance.json have a key "seal": the SHA-256 of the file with 64 zeros in its
 * place.  metrics.sha256 has a line "HASH BYTES" for each position at which a checkpoint was made:
 * the SHA-256 of so much of metrics.jsonl.  It is there before the checkpoint, and has no position
 * behind the file's end.
 */
#pragma once
#include "../../engine/object.h"

/* Sets the object's seal, last of its keys, and prints it: as object_text(). */
char *sealed_text(json_t *object, size_t flags);
enum seal { SEAL_NONE, SEAL_RIGHT, SEAL_WRONG };
enum seal seal_look(const char *text, size_t bytes);

/* Notes what metrics.jsonl, whole, is now: appended to the open metrics.sha256, and on the disk.  False
 * with errno set. */
bool lines_seal(int seals, const char *metrics);
/* Drops from the file what is noted of positions behind `bytes`, and a torn line; false with errno
 * set. */
bool lines_cut(const char *path, size_t bytes);
/* What metrics.sha256 (its text, or NULL: it is not there) says of so many bytes of metrics.jsonl: by
 * the last note up to them, or the one of that position alone (exact). */
enum seal lines_look(const char *seals, const char *metrics, size_t bytes, bool exact);
