/* SPDX-License-Identifier: MIT
 *
 * npz.c -- a member of a zip file (APPNOTE.TXT 6.3, with its 64-bit fields, which numpy.savez
 * always writes): the directory at the file's end says where it begins.
 */
#include "array_file.h"

#include <stdlib.h>
#include <string.h>

enum {
    END = 22,
    COMMENT_MOST = 65535, /* the end record, and what may follow it */
    LOCATOR = 20,
    END64 = 56,
    ENTRY = 46,
    LOCAL = 30,
    NAME_MOST = 256,
    STORED = 0,
    DEFLATED = 8,
    FLAG_ENCRYPTED = 1
};

static uint32_t u16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

struct directory {
    int64_t at, bytes;
    uint64_t entries;
};
struct entry {
    uint64_t packed, bytes, at;
    uint32_t crc, method, flags;
};

/* Bytes at a place in the file, which reading goes on from. */
static bool at_take(struct array_file *a, int64_t at, void *to, size_t bytes,
                    char wrong[WRONG_TEXT])
{
    if (at < 0 || fseeko(a->source.file, at, SEEK_SET))
        return refuse(wrong, "a place outside the file; is it whole?");
    a->source.ahead_at = a->source.ahead_end;
    return source_take(&a->source, to, bytes, wrong);
}

static bool directory_find(struct array_file *a, struct directory *d, int64_t file_bytes,
                           char wrong[WRONG_TEXT])
{
    uint8_t *const tail = host_alloc(END + COMMENT_MOST, 1);
    const int64_t bytes = file_bytes < END + COMMENT_MOST ? file_bytes : END + COMMENT_MOST;
    bool right = at_take(a, file_bytes - bytes, tail, (size_t)bytes, wrong);
    int64_t at = bytes - END;
    while (right && at >= 0 &&
           !(u32(tail + at) == 0x06054b50 && u16(tail + at + 20) == bytes - END - at))
        at--;
    if (right && at < 0) right = refuse(wrong, "its directory is missing; is the file whole?");
    if (right)
        *d = (struct directory){ u32(tail + at + 16), u32(tail + at + 12), u16(tail + at + 10) };
    uint8_t locator[LOCATOR], end[END64];
    const int64_t end_at = file_bytes - bytes + at;
    if (right && (d->entries == UINT16_MAX || d->at == UINT32_MAX || d->bytes == UINT32_MAX)) {
        right = at_take(a, end_at - LOCATOR, locator, LOCATOR, wrong) &&
                (u32(locator) == 0x07064b50 || refuse(wrong, "its directory is damaged")) &&
                at_take(a, (int64_t)u64(locator + 8), end, END64, wrong) &&
                (u32(end) == 0x06064b50 || refuse(wrong, "its directory is damaged"));
        if (right)
            *d = (struct directory){ (int64_t)u64(end + 48), (int64_t)u64(end + 40),
                                     u64(end + 32) };
    }
    free(tail);
    if (right && (d->at < 0 || d->bytes < 0 || d->at > end_at || d->bytes > end_at - d->at))
        right = refuse(wrong, "its directory lies outside the file");
    return right;
}

/* The 64-bit numbers that stand in the extra field [n], in this order, for those that are full. */
static bool wide_take(struct entry *e, const uint8_t *extra, size_t n, char wrong[WRONG_TEXT])
{
    uint64_t *const field[] = { &e->bytes, &e->packed, &e->at };
    for (size_t at = 0; at + 4 <= n;) {
        const size_t bytes = u16(extra + at + 2);
        const uint8_t *from = extra + at + 4, *const to = from + bytes;
        if (bytes > n - at - 4) return refuse(wrong, "its directory is damaged");
        for (int i = 0; u16(extra + at) == 1 && i < 3; i++) {
            if (*field[i] != UINT32_MAX) continue;
            if (to - from < 8) return refuse(wrong, "its directory is damaged");
            *field[i] = u64(from);
            from += 8;
        }
        at += 4 + bytes;
    }
    return true;
}

/* Is it NAME, or NAME.npy? */
static bool name_is(const char *entry, const char *name)
{
    const size_t n = strlen(name);
    return !strncmp(entry, name, n) && (!entry[n] || !strcmp(entry + n, ".npy"));
}

/* The entry of that name; without one the only entry. */
static bool entry_find(struct array_file *a, struct entry *e, const struct directory *d,
                       const char *name, char wrong[WRONG_TEXT])
{
    char said[NAME_MOST + 1];
    uint8_t head[ENTRY], *const extra = host_alloc(UINT16_MAX, 1);
    bool right = true, found = false;
    int64_t at = d->at;
    for (uint64_t i = 0; right && i < d->entries && !(found && name); i++) {
        if (at + ENTRY > d->at + d->bytes) right = refuse(wrong, "its directory is damaged");
        right = right && at_take(a, at, head, ENTRY, wrong) &&
                (u32(head) == 0x02014b50 || refuse(wrong, "its directory is damaged"));
        if (!right) break;
        const size_t letters = u16(head + 28), kept = letters < NAME_MOST ? letters : NAME_MOST;
        memset(said, 0, sizeof said);
        right = source_take(&a->source, said, kept, wrong) &&
                source_skip(&a->source, (int64_t)(letters - kept), wrong) &&
                source_take(&a->source, extra, u16(head + 30), wrong);
        at += ENTRY + (int64_t)letters + (int64_t)u16(head + 30) + (int64_t)u16(head + 32);
        if (!right || (name && (letters > NAME_MOST || !name_is(said, name)))) continue;
        if (found) right = refuse(wrong, "it holds several arrays; say which: FILE:NAME");
        *e = (struct entry){ .packed = u32(head + 20), .bytes = u32(head + 24),
                             .at = u32(head + 42), .crc = u32(head + 16),
                             .method = u16(head + 10), .flags = u16(head + 8) };
        right = right && wide_take(e, extra, u16(head + 30), wrong);
        found = true;
    }
    free(extra);
    if (right && !found && !name) return refuse(wrong, "it holds no array");
    if (right && !found) return refuse(wrong, "it holds no array of that name");
    return right;
}

bool npz_open(struct array_file *a, const char *name, int64_t file_bytes, char wrong[WRONG_TEXT])
{
    struct directory d;
    struct entry e;
    uint8_t local[LOCAL];
    if (file_bytes < END)
        return refuse(wrong, "an .npz is read from a file of its own, not from a pipe");
    a->source.left = -1; /* it is the member whose end counts */
    if (!directory_find(a, &d, file_bytes, wrong) || !entry_find(a, &e, &d, name, wrong))
        return false;
    if (e.flags & FLAG_ENCRYPTED)
        return refuse(wrong, "the array is encrypted; numpy.savez makes plain ones");
    if (e.method != STORED && e.method != DEFLATED)
        return refuse(wrong, "the array is packed by method %u; stored and deflated are known",
                      e.method);
    if (e.at > (uint64_t)d.at || !at_take(a, (int64_t)e.at, local, LOCAL, wrong))
        return refuse(wrong, "the array lies outside the file; is it whole?");
    if (u32(local) != 0x04034b50) return refuse(wrong, "the array's own header is damaged");
    const int64_t names = (int64_t)u16(local + 26) + (int64_t)u16(local + 28);
    const uint64_t from = e.at + LOCAL + (uint64_t)names;
    if (from > (uint64_t)d.at || e.packed > (uint64_t)d.at - from || e.bytes > INT64_MAX)
        return refuse(wrong, "the array lies outside the file; is it whole?");
    return source_skip(&a->source, names, wrong) &&
           source_enter(&a->source, (int64_t)e.packed, (int64_t)e.bytes, e.method == DEFLATED,
                        e.crc, wrong) &&
           npy_open(a, wrong);
}
