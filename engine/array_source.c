/* SPDX-License-Identifier: MIT
 *
 * array_source.c -- bytes in order, from a file, a pipe or a member of an .npz, and never more
 * memory than one buffer, whatever a header says.
 */
#include "array_source.h"

#include <errno.h>
#include <string.h>

static bool short_refuse(struct source *s, char wrong[WRONG_TEXT])
{
    if (!ferror(s->file)) return refuse(wrong, "it ends too early; is it whole?");
    s->world = true;
    return refuse(wrong, "cannot read on: %s (is the disk sound?)", strerror(errno));
}

static bool file_take(struct source *s, uint8_t *to, size_t bytes, char wrong[WRONG_TEXT])
{
    for (; bytes && s->ahead_at < s->ahead_end; bytes--) *to++ = s->ahead[s->ahead_at++];
    return fread(to, 1, bytes, s->file) == bytes || short_refuse(s, wrong);
}

/* One step of inflating `bytes` more; zlib's answer, or Z_ERRNO with the sentence.  zlib may hold
 * output whose input is all taken, so that no input is an error only where nothing comes of it. */
static int inflate_step(struct source *s, uint8_t *to, uInt bytes, char wrong[WRONG_TEXT])
{
    if (!s->z.avail_in && s->packed) {
        const size_t now = s->packed < SOURCE_ROOM ? (size_t)s->packed : SOURCE_ROOM;
        if (!file_take(s, s->room, now, wrong)) return Z_ERRNO;
        s->packed -= (int64_t)now;
        s->z.next_in = s->room;
        s->z.avail_in = (uInt)now;
    }
    s->z.next_out = to;
    s->z.avail_out = bytes;
    const int end = inflate(&s->z, Z_NO_FLUSH);
    if (end == Z_OK || end == Z_STREAM_END) return end;
    refuse(wrong, end == Z_BUF_ERROR ? "a deflated member ends too early; is the file whole?"
                                     : "a deflated member is damaged; is the file whole?");
    return Z_ERRNO;
}

static bool inflate_take(struct source *s, uint8_t *to, size_t bytes, char wrong[WRONG_TEXT])
{
    while (bytes) {
        const uInt now = bytes < UINT16_MAX ? (uInt)bytes : UINT16_MAX;
        const int end = inflate_step(s, to, now, wrong);
        if (end == Z_ERRNO) return false;
        const uInt made = now - s->z.avail_out;
        to += made;
        bytes -= made;
        if (end == Z_STREAM_END && bytes)
            return refuse(wrong, "a deflated member is shorter than it is said to be");
        s->ended = end == Z_STREAM_END;
    }
    return true;
}

/* What stands behind the last byte says that it was the last. */
static bool inflate_end(struct source *s, char wrong[WRONG_TEXT])
{
    uint8_t none;
    while (!s->ended) {
        const int end = inflate_step(s, &none, 1, wrong);
        if (end == Z_ERRNO) return false;
        if (!s->z.avail_out) break;
        s->ended = end == Z_STREAM_END;
    }
    return (s->ended && !s->z.avail_in) ||
           refuse(wrong, "a deflated member is longer than it is said to be");
}

bool source_take(struct source *s, void *to, size_t bytes, char wrong[WRONG_TEXT])
{
    if (s->left >= 0 && (uint64_t)s->left < bytes)
        return refuse(wrong, "it ends too early; is it whole?");
    if (s->left >= 0) s->left -= (int64_t)bytes;
    if (s->member && !s->deflated) {
        if ((uint64_t)s->packed < bytes)
            return refuse(wrong, "a member is shorter than it is said to be");
        s->packed -= (int64_t)bytes;
    }
    if (!(s->deflated ? inflate_take(s, to, bytes, wrong) : file_take(s, to, bytes, wrong)))
        return false;
    for (size_t at = 0; s->member && at < bytes; at += SOURCE_ROOM) {
        const size_t left = bytes - at;
        const uInt now = left < SOURCE_ROOM ? (uInt)left : SOURCE_ROOM;
        s->crc = (uint32_t)crc32(s->crc, (const uint8_t *)to + at, now);
    }
    return true;
}

bool source_skip(struct source *s, int64_t bytes, char wrong[WRONG_TEXT])
{
    uint8_t room[4096];
    while (bytes > 0) {
        const size_t now = bytes < (int64_t)sizeof room ? (size_t)bytes : sizeof room;
        if (!source_take(s, room, now, wrong)) return false;
        bytes -= (int64_t)now;
    }
    return true;
}

bool source_end(struct source *s, char wrong[WRONG_TEXT])
{
    if (s->left > 0)
        return refuse(wrong, "%lld bytes follow the last number; none may", (long long)s->left);
    if (!s->member) {
        if (s->left < 0 && (s->ahead_at < s->ahead_end || fgetc(s->file) != EOF))
            return refuse(wrong, "bytes follow the last number; none may");
        return true;
    }
    if (s->deflated && !inflate_end(s, wrong)) return false;
    if (s->packed) return refuse(wrong, "a member is longer than it is said to be");
    if (s->crc != s->crc_said)
        return refuse(wrong, "a member's checksum is wrong; is the file damaged?");
    return true;
}

bool source_enter(struct source *s, int64_t packed, int64_t bytes, bool deflated, uint32_t crc,
                  char wrong[WRONG_TEXT])
{
    s->member = true;
    s->packed = packed;
    s->left = bytes;
    s->crc_said = crc;
    s->crc = (uint32_t)crc32(0, NULL, 0);
    s->ahead_at = s->ahead_end;
    if (!deflated) return true;
    if (inflateInit2(&s->z, -15) != Z_OK) {
        s->world = true;
        return refuse(wrong, "zlib cannot start (is there memory?)");
    }
    s->deflated = true;
    return true;
}

void source_close(struct source *s)
{
    if (s->deflated) inflateEnd(&s->z);
    if (s->file && s->file != stdin) fclose(s->file);
    s->file = NULL;
    s->deflated = false;
}
