/* SPDX-License-Identifier: MIT
 *
 * checkpoint.c -- named blobs in one file that is whole or is not taken.
 *
 * Two promises.  A process killed at any instruction of checkpoint_save() leaves a whole file at
 * `path` or at `path`.prev.  And checkpoint_load() believes no length it reads: any bytes at all
 * are either a checkpoint whose SHA-256 fits, or refused.
 */
#include "checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "base.h"

static const char magic[8] = { 'S', 'S', 'C', 'K', 'P', 'T', '0', '1' };
enum { VERSION = 1, DIGEST = SHA256_DIGEST_LENGTH, HEADER = 16, BLOB_MIN = 4 + 8 };

/* ---- writing --------------------------------------------------------------------------------- */

/* Little endian whatever the machine, so that a checkpoint can be moved. */
static char *put(char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (char)(value >> 8 * i & 255);
    return at;
}

static char *put_bytes(char *at, const void *data, size_t bytes)
{
    if (bytes > 0) {               /* memcpy(at, NULL, 0) is not allowed */
        memcpy(at, data, bytes);
    }
    return at + bytes;
}

/* The whole file in fresh memory. */
static char *image_make(size_t *bytes, const struct blob *blobs, int n)
{
    size_t total = HEADER + DIGEST;
    for (int i = 0; i < n; i++)
        total += BLOB_MIN + strlen(blobs[i].name) + blobs[i].bytes;
    char *image = host_alloc(total, 1);
    char *at = put_bytes(image, magic, sizeof magic);
    at = put(at, VERSION, 4);
    at = put(at, (uint64_t)n, 4);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(blobs[i].name);
        at = put(at, length, 4);
        at = put_bytes(at, blobs[i].name, length);
        at = put(at, blobs[i].bytes, 8);
        at = put_bytes(at, blobs[i].data, blobs[i].bytes);
    }
    SHA256((const unsigned char *)image, total - DIGEST, (unsigned char *)at);
    *bytes = total;
    return image;
}

/* Gives the file at `path` the second name `spare`; where there are no hard links, a copy does.
 * True as well if there is no file yet. */
static bool spare_make(const char *spare, const char *path)
{
    if (unlink(spare) != 0 && errno != ENOENT) {       /* there if the last save was killed */
        return false;
    }
    if (link(path, spare) == 0 || errno == ENOENT)
        return true;
    size_t bytes;
    char *old = file_read(path, &bytes);
    bool ok = old ? file_write_synced(spare, old, bytes) : errno == ENOENT;
    int error = errno;
    free(old);
    errno = error;
    return ok;
}

/* The step after `fresh` is on the disk.  `path` is replaced before `prev` is touched: had `path`
 * been damaged, `prev` was the only whole file until then.  The sync between them keeps that order
 * through a power loss. */
static bool names_move(const char *path, const char *fresh)
{
    char *prev = text_format("%s.prev", path);
    char *spare = text_format("%s.spare", path);
    char *folder = path_folder(path);
    bool ok = spare_make(spare, path) && rename(fresh, path) == 0 && folder_sync(folder) &&
              (rename(spare, prev) == 0 || errno == ENOENT) && folder_sync(folder);
    int error = errno;
    if (!ok) {
        unlink(fresh);
        unlink(spare);
    }
    free(prev);
    free(spare);
    free(folder);
    errno = error;
    return ok;
}

bool checkpoint_save(const char *path, const struct blob *blobs, int n)
{
    size_t bytes;
    char *image = image_make(&bytes, blobs, n);
    char *fresh = text_format("%s.new", path);
    /* The new bytes are on the disk before anything happens to the old ones: a full disk is found
     * out here. */
    bool ok = file_write_synced(fresh, image, bytes) && names_move(path, fresh);
    int error = errno;
    free(image);
    free(fresh);
    errno = error;
    return ok;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What is left to read; every take checks against `left` before it moves. */
struct cursor { char *at; size_t left; };

static bool take(uint64_t *value, struct cursor *c, size_t bytes)
{
    if (c->left < bytes)
        return false;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)(unsigned char)c->at[i] << 8 * i;
    c->at += bytes;
    c->left -= bytes;
    return true;
}

static bool take_bytes(char **data, struct cursor *c, uint64_t bytes)
{
    if (c->left < bytes)
        return false;
    *data = c->at;
    c->at += bytes;
    c->left -= (size_t)bytes;
    return true;
}

static bool take_blob(struct blob *b, struct cursor *c)
{
    uint64_t length, bytes;
    char *name, *data;
    if (!take(&length, c, 4) || !take_bytes(&name, c, length) || memchr(name, 0, (size_t)length) ||
        !take(&bytes, c, 8) || !take_bytes(&data, c, bytes)) {
        return false;
    }
    /* The name ends where the size began, and the size has been read: its place takes the NUL. */
    name[length] = 0;
    *b = (struct blob){ name, data, (size_t)bytes };
    return true;
}

static const char other_version[] = "another version of the program wrote it";

/* NULL if the file is whole, else what is wrong with it. */
static const char *image_parse(struct checkpoint *c)
{
    if (c->bytes < HEADER + DIGEST || memcmp(c->file, magic, sizeof magic) != 0)
        return "it is cut short or no checkpoint";
    size_t content = c->bytes - DIGEST;
    unsigned char digest[DIGEST];
    SHA256((const unsigned char *)c->file, content, digest);
    if (memcmp(digest, c->file + content, DIGEST) != 0)
        return "its checksum is wrong";
    struct cursor at = { c->file + sizeof magic, content - sizeof magic };
    uint64_t version = 0, n = 0;
    if (!take(&version, &at, 4) || version != VERSION)
        return other_version;
    /* As many blobs as could fit, before memory for them is asked for. */
    if (!take(&n, &at, 4) || n > at.left / BLOB_MIN)
        return "its list of blobs is wrong";
    c->blob = host_alloc((size_t)n, sizeof *c->blob);
    for (c->n = 0; c->n < (int)n; c->n++) {
        if (!take_blob(&c->blob[c->n], &at))
            return "a blob is longer than the file";
    }
    return at.left ? "bytes follow its last blob" : NULL;
}

/* Reads one file; what cannot be used is said. */
static enum checkpoint_end load_one(struct checkpoint *c, const char *path)
{
    *c = (struct checkpoint){ 0 };
    c->file = file_read(path, &c->bytes);
    if (!c->file) {
        if (errno == ENOENT)
            return CHECKPOINT_ABSENT;
        warn("cannot read the checkpoint %s: %s", path, strerror(errno));
        return CHECKPOINT_UNREADABLE;
    }
    const char *wrong = image_parse(c);
    if (!wrong)
        return CHECKPOINT_LOADED;
    warn("the checkpoint %s %s: %s", path,
         wrong == other_version ? "is of no use here" : "is damaged", wrong);
    checkpoint_free(c);
    return wrong == other_version ? CHECKPOINT_OTHER_VERSION : CHECKPOINT_DAMAGED;
}

bool checkpoint_load(struct checkpoint *c, const char *path)
{
    const enum checkpoint_end first = load_one(c, path);
    c->end = first;
    if (first == CHECKPOINT_LOADED || first == CHECKPOINT_OTHER_VERSION)
        return first == CHECKPOINT_LOADED;
    char *prev = text_format("%s.prev", path);
    const enum checkpoint_end second = load_one(c, prev);
    if (second == CHECKPOINT_LOADED)
        warn("going on from the previous checkpoint, %s", prev);
    free(prev);
    c->end = second == CHECKPOINT_LOADED || second > first ? second : first;
    return second == CHECKPOINT_LOADED;
}

const struct blob *checkpoint_find(const struct checkpoint *c, const char *name)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->blob[i].name, name) == 0)
            return &c->blob[i];
    }
    return NULL;
}

void checkpoint_free(struct checkpoint *c)
{
    free(c->blob);
    free(c->file);
    *c = (struct checkpoint){ 0 };
}
