/* SPDX-License-Identifier: MIT
 *
 * tar.c -- headers of 512 bytes, and what pax and GNU put before them.
 */
#include "tar.h"

#include <string.h>

/* POSIX.1-1988's header, "ustar": where its fields are. */
enum {
    NAME_AT = 0,
    NAME_BYTES = 100,
    SIZE_AT = 124,
    SIZE_BYTES = 12,
    SUM_AT = 148,
    SUM_BYTES = 8,
    KIND_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_BYTES = 155
};
/* Of a pax header or a long name: what is longer is none of an image's. */
enum { EXTRA_MOST = 65536 };

/* What headers of its own say of the member that follows. */
struct extra {
    char name[TAR_NAME];
    bool named, sized;
    int64_t bytes;
};

/* ---- numbers --------------------------------------------------------------------------------- */

/* Octal digits between blanks; or, with the first bit set, GNU's 8 bytes and more, big endian, of
 * two's complement. */
static bool number_read(int64_t *value, const uint8_t *field, int bytes)
{
    *value = 0;
    if (field[0] & 0x80) {
        if (field[0] != 0x80) return false; /* negative, or of 90 bits and more */
        for (int i = 1; i < bytes; i++) {
            if (*value >> 54) return false;
            *value = *value << 8 | field[i];
        }
        return true;
    }
    int i = 0;
    while (i < bytes && field[i] == ' ') i++;
    const int first = i;
    for (; i < bytes && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (field[i] - '0');
    if (i == first) return false;
    while (i < bytes && (field[i] == ' ' || !field[i])) i++;
    return i == bytes;
}

/* The sum of all bytes, those of the sum itself as blanks; some old programs took them as signed. */
static bool sum_is_right(const uint8_t *header)
{
    int64_t said, plain = 0, with_sign = 0;
    for (int i = 0; i < TAR_BLOCK; i++) {
        const bool own = i >= SUM_AT && i < SUM_AT + SUM_BYTES;
        plain += own ? ' ' : header[i];
        with_sign += own ? ' ' : (int8_t)header[i];
    }
    return number_read(&said, header + SUM_AT, SUM_BYTES) && (said == plain || said == with_sign);
}

static bool is_zero(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (block[i]) return false;
    return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A name is shown to people, written a line each, and must stay where the archive is. */
static bool name_check(char *name, char wrong[WRONG_TEXT])
{
    size_t skip = 0;
    while (name[skip] == '.' && name[skip + 1] == '/')
        for (skip += 2; name[skip] == '/'; skip++) continue;
    memmove(name, name + skip, strlen(name + skip) + 1);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--) name[n - 1] = '\0';
    if (skip && !*name) strcpy(name, ".");       /* the folder that was packed */
    if (!*name) return refuse(wrong, "a member without a name");
    if (*name == '/') return refuse(wrong, "a name that begins with /: %.80s", name);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            return refuse(wrong, "a name with the control character %d: %.80s", *c, name);
    for (const char *part = name;; part++) {
        if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/'))
            return refuse(wrong, "a name with ..: %.80s", name);
        part = strchr(part, '/');
        if (!part) break;
    }
    return true;
}

static bool name_take(struct extra *e, const char *value, size_t bytes, char wrong[WRONG_TEXT])
{
    if (bytes >= TAR_NAME)
        return refuse(wrong, "a name of %zu bytes; %d at most", bytes, TAR_NAME - 1);
    if (memchr(value, '\0', bytes)) return refuse(wrong, "a name with a zero byte");
    memcpy(e->name, value, bytes);
    e->name[bytes] = '\0';
    e->named = true;
    return true;
}

/* Of a header alone: prefix/name in ustar's, where GNU's has times. */
static void name_plain(char name[TAR_NAME], const uint8_t *header)
{
    const char *const prefix = (const char *)header + PREFIX_AT;
    const int before =
        memcmp(header + MAGIC_AT, "ustar", 6) ? 0 : (int)strnlen(prefix, PREFIX_BYTES);
    snprintf(name, TAR_NAME, "%.*s%s%.*s", before, prefix, before ? "/" : "", NAME_BYTES,
             (const char *)header + NAME_AT);
}

/* ---- pax ------------------------------------------------------------------------------------- */

static bool size_take(struct extra *e, const char *value, size_t bytes, char wrong[WRONG_TEXT])
{
    e->bytes = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (value[i] < '0' || value[i] > '9' || e->bytes > INT64_MAX / 16)
            return refuse(wrong, "a pax size that is no number of bytes: %.*s",
                          (int)(bytes < 40 ? bytes : 40), value);
        e->bytes = e->bytes * 10 + (value[i] - '0');
    }
    e->sized = true;
    return bytes || refuse(wrong, "a pax size that is empty");
}

static bool record_take(struct extra *e, const char *key, size_t key_bytes, const char *value,
                        size_t bytes, char wrong[WRONG_TEXT])
{
    if (key_bytes == 4 && !memcmp(key, "path", 4)) return name_take(e, value, bytes, wrong);
    if (key_bytes == 4 && !memcmp(key, "size", 4)) return size_take(e, value, bytes, wrong);
    if (key_bytes >= 11 && !memcmp(key, "GNU.sparse.", 11)) return refuse(wrong, "a sparse file");
    return true; /* times, owners, a comment */
}

/* "LENGTH KEY=VALUE\n", where the length counts all of it. */
static bool pax_read(struct extra *e, const char *text, size_t bytes, char wrong[WRONG_TEXT])
{
    while (bytes) {
        size_t length = 0, digits = 0;
        while (digits < bytes && digits < 6 && text[digits] >= '0' && text[digits] <= '9')
            length = length * 10 + (size_t)(text[digits++] - '0');
        if (!digits || length > bytes || length < digits + 4 || text[digits] != ' ' ||
            text[length - 1] != '\n')
            return refuse(wrong, "a pax header that is no list of LENGTH KEY=VALUE");
        const char *const key = text + digits + 1, *const end = text + length - 1;
        const char *const is = memchr(key, '=', (size_t)(end - key));
        if (!is) return refuse(wrong, "a pax header that is no list of LENGTH KEY=VALUE");
        if (!record_take(e, key, (size_t)(is - key), is + 1, (size_t)(end - is - 1), wrong))
            return false;
        text += length;
        bytes -= length;
    }
    return true;
}

/* ---- members --------------------------------------------------------------------------------- */

/* The content of a header that says something of the next: in front of a member, or of all. */
static bool extra_read(const struct tar *t, struct extra *e, char kind, int64_t offset,
                       int64_t bytes, char wrong[WRONG_TEXT])
{
    char text[EXTRA_MOST];
    if (kind == 'K') return true; /* where a link leads; it is refused itself */
    if (bytes > EXTRA_MOST)
        return refuse(wrong, "a header of %lld bytes; %d at most", (long long)bytes, EXTRA_MOST);
    if (!t->read(t->context, text, offset, (size_t)bytes, wrong)) return false;
    if (kind == 'L') return name_take(e, text, strnlen(text, (size_t)bytes), wrong);
    if (kind == 'x') return pax_read(e, text, (size_t)bytes, wrong);
    struct extra all = { .named = false };
    if (!pax_read(&all, text, (size_t)bytes, wrong)) return false;
    return !(all.named || all.sized) ||
           refuse(wrong, "a pax header that gives all members one name or size");
}

/* Behind the first block of zeros there may be more of them, up to a record of any length. */
static enum tar_step end_check(struct tar *t, struct tar_member *m, char wrong[WRONG_TEXT])
{
    enum { PIECE = 65536 };
    uint8_t piece[PIECE];
    while (t->at < t->end) {
        const int64_t left = t->end - t->at;
        const size_t n = left < PIECE ? (size_t)left : PIECE;
        m->header = t->at;
        if (!t->read(t->context, piece, t->at, n, wrong)) return TAR_WRONG;
        for (size_t i = 0; i < n; i++, m->header++) {
            if (!piece[i]) continue;
            refuse(wrong, "bytes behind the archive's end (two archives in one file?)");
            return TAR_WRONG;
        }
        t->at += (int64_t)n;
    }
    return TAR_END;
}

static bool member_fill(struct tar_member *m, const struct extra *e, const uint8_t *header,
                        char kind, char wrong[WRONG_TEXT])
{
    if (e->named)
        memcpy(m->name, e->name, TAR_NAME);
    else
        name_plain(m->name, header);
    const size_t length = strlen(m->name);
    const bool as_folder = length && m->name[length - 1] == '/';
    if (!name_check(m->name, wrong)) return false;
    if (kind == '1' || kind == '2') return refuse(wrong, "a link: %.100s", m->name);
    if (kind != '0' && kind != '\0' && kind != '7' && kind != '5')
        return refuse(wrong, "no regular file (kind %d of tar): %.80s", (unsigned char)kind,
                      m->name);
    m->folder = kind == '5' || (kind == '\0' && as_folder);
    return true;
}

/* One header, and the block behind its content.  *more: it only said something of the next. */
static bool header_read(struct tar *t, struct tar_member *m, struct extra *e, const uint8_t *header,
                        bool *more, char wrong[WRONG_TEXT])
{
    const char kind = (char)header[KIND_AT];
    *more = kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K';
    if (!sum_is_right(header)) return refuse(wrong, "no header of tar (its sum is wrong)");
    if (!number_read(&m->bytes, header + SIZE_AT, SIZE_BYTES))
        return refuse(wrong, "a size that is negative or no number");
    if (!*more && e->sized) m->bytes = e->bytes;
    m->offset = t->at + TAR_BLOCK;
    if (m->bytes > t->end - m->offset)
        return refuse(wrong, "it ends before a member of %lld bytes does (cut short?)",
                      (long long)m->bytes);
    if (*more ? !extra_read(t, e, kind, m->offset, m->bytes, wrong)
              : !member_fill(m, e, header, kind, wrong))
        return false;
    const int64_t padding = (TAR_BLOCK - m->bytes % TAR_BLOCK) % TAR_BLOCK;
    if (padding > t->end - m->offset - m->bytes)
        return refuse(wrong, "it ends within a block of 512 (cut short?)");
    t->at = m->offset + m->bytes + padding;
    return true;
}

enum tar_step tar_next(struct tar *t, struct tar_member *m, char wrong[WRONG_TEXT])
{
    struct extra e = { .named = false };
    m->header = t->at;
    for (bool more = true; more;) {
        uint8_t header[TAR_BLOCK];
        if (t->end - t->at < TAR_BLOCK) {
            refuse(wrong, "it ends without the block of zeros that ends an archive (cut short?)");
            return TAR_WRONG;
        }
        if (!t->read(t->context, header, t->at, TAR_BLOCK, wrong)) return TAR_WRONG;
        if (is_zero(header, TAR_BLOCK)) {
            if (t->at == m->header) return end_check(t, m, wrong);
            refuse(wrong, "a header that speaks of the next member, and there is none");
            return TAR_WRONG;
        }
        if (!header_read(t, m, &e, header, &more, wrong)) return TAR_WRONG;
        if (header[KIND_AT] == 'g') m->header = t->at; /* it says nothing of the next */
    }
    return TAR_MEMBER;
}
