/* SPDX-License-Identifier: MIT
 *
 * seal.c -- papers that carry their own hash (seal.h).
 */
#include "seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIGITS = HASH_TEXT - 1 };
static const char before_seal[] = "\"seal\": \"";

/* ---- in a JSON text -------------------------------------------------------------------------- */

/* Where the digits of the seal stand, from 0; SIZE_MAX: there is none.  A quote within a text is
 * escaped, so that it is no key.  A newline at the end is no part of what is sealed. */
static size_t seal_place(const char *text, size_t bytes)
{
    const char *at = memmem(text, bytes, before_seal, strlen(before_seal));
    if (!at) return SIZE_MAX;
    const size_t place = (size_t)(at - text) + strlen(before_seal);
    return place + DIGITS < bytes ? place : SIZE_MAX;
}

static void hash_without(char hash[HASH_TEXT], const char *text, size_t bytes, size_t place)
{
    char *const copy = host_alloc(bytes, 1);
    memcpy(copy, text, bytes);
    memset(copy + place, '0', DIGITS);
    hash_bytes(hash, copy, bytes);
    free(copy);
}

char *sealed_text(json_t *object, size_t flags)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char hash[HASH_TEXT];
    json_object_del(object, "seal");
    object_put(object, "seal", json_string(zeros));
    char *const text = object_text(object, flags);
    const size_t bytes = strlen(text), place = seal_place(text, bytes);
    hash_without(hash, text, bytes, place);
    memcpy(text + place, hash, DIGITS);
    return text;
}

enum seal seal_look(const char *text, size_t bytes)
{
    char hash[HASH_TEXT];
    bytes -= bytes && text[bytes - 1] == '\n';
    const size_t place = seal_place(text, bytes);
    if (place == SIZE_MAX) return SEAL_NONE;
    hash_without(hash, text, bytes, place);
    return memcmp(hash, text + place, DIGITS) ? SEAL_WRONG : SEAL_RIGHT;
}

/* ---- of metrics.jsonl ------------------------------------------------------------------------ */

bool lines_seal(int seals, const char *metrics)
{
    char hash[HASH_TEXT];
    size_t bytes;
    char *const text = file_read_own(metrics, &bytes);
    if (!text) return false;
    hash_bytes(hash, text, bytes);
    free(text);
    return dprintf(seals, "%s %zu\n", hash, bytes) > 0 && fsync(seals) == 0;
}

/* The next whole line; NULL at the end, and of one that is torn. */
static const char *note_next(const char *at, char hash[HASH_TEXT], size_t *bytes)
{
    int n = 0;
    return sscanf(at, "%64[0-9a-f] %zu%n", hash, bytes, &n) == 2 && strlen(hash) == DIGITS &&
           at[n] == '\n' ? at + n + 1 : NULL;
}

bool lines_cut(const char *path, size_t bytes)
{
    char *const text = file_read_own(path, NULL);
    if (!text) return errno == ENOENT;
    char hash[HASH_TEXT];
    size_t position;
    const char *at = text, *next;
    while ((next = note_next(at, hash, &position)) && position <= bytes) at = next;
    const bool right = !*at || file_write_atomic(path, text, (size_t)(at - text));
    const int error = errno;
    free(text);
    errno = error;
    return right;
}

enum seal lines_look(const char *seals, const char *metrics, size_t bytes, bool exact)
{
    char hash[HASH_TEXT], said[HASH_TEXT] = "";
    size_t position, last = 0;
    for (const char *at = seals; at && (at = note_next(at, hash, &position));) {
        if (position > bytes) {
            if (!exact) return SEAL_WRONG;
            break;
        }
        memcpy(said, hash, sizeof said);
        last = position;
    }
    if (!*said || (exact && last != bytes)) return SEAL_NONE;
    hash_bytes(hash, metrics, last);
    return strcmp(hash, said) ? SEAL_WRONG : SEAL_RIGHT;
}
