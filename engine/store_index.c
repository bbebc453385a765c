/* SPDX-License-Identifier: MIT
 *
 * store_index.c -- the archives read once, what was read kept against a stop, and the index written.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* of SHA-256 no other interface gives its state away, to go on from */
#include "store_index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "folder.h"
#include "store.h"

enum { PIECE = 1 << 20, NOTE_EVERY = 1 << 28 };

/* ---- an archive ------------------------------------------------------------------------------ */

struct source_tar {
    char *path; /* whole */
    const char *given;
    int fd;
    int64_t bytes, mtime, hashed; /* how far its SHA-256 is */
    SHA256_CTX sha;
    char hash[HASH_TEXT];
    uint8_t *piece;
};

static void pread_all(const struct source_tar *a, void *to, int64_t offset, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pread(a->fd, (char *)to + done, bytes - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) die("cannot read %s: %s (is the disk in order?)", a->path, strerror(errno));
        if (!n) die_user("%s: it became shorter while it was read", a->path);
        done += (size_t)n;
    }
}

static bool archive_bytes(void *context, void *to, int64_t offset, size_t bytes,
                          char wrong[WRONG_TEXT])
{
    const struct source_tar *const a = context;
    if (offset < 0 || offset > a->bytes || (int64_t)bytes > a->bytes - offset)
        return refuse(wrong, "it ends there");
    pread_all(a, to, offset, bytes);
    return true;
}

/* The bytes before `to` into the hash, by whole blocks of 64 so that the state is eight numbers.  False if a stop
 * was requested. */
static bool archive_hash(struct source_tar *a, int64_t to)
{
    if (to < a->bytes) to -= to % SHA256_CBLOCK;
    while (a->hashed < to) {
        if (stop_requested()) return false;
        const size_t n = to - a->hashed < PIECE ? (size_t)(to - a->hashed) : PIECE;
        pread_all(a, a->piece, a->hashed, n);
        if (SHA256_Update(&a->sha, a->piece, n) != 1)
            die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
        a->hashed += (int64_t)n;
    }
    return true;
}

static void archive_hashed(struct source_tar *a)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    if (SHA256_Final(digest, &a->sha) != 1)
        die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(a->hash + 2 * i, 3, "%02x", digest[i]);
}

static void archive_look(struct source_tar *a, const char *given)
{
    struct stat st;
    *a = (struct source_tar){ .given = given, .fd = -1, .path = realpath(given, NULL) };
    if (!a->path || stat(a->path, &st))
        die_user("%s: %s; the archives of a set are wanted", given, strerror(errno));
    if (!S_ISREG(st.st_mode))
        die_user("%s: it is no file; the archives of a set are wanted", given);
    if (strpbrk(a->path, "\n\t"))
        die_user("%s: a name with a tab or a newline cannot be written in an index", given);
    a->bytes = st.st_size;
    a->mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static void archive_open(struct source_tar *a)
{
    a->fd = open(a->path, O_RDONLY | O_CLOEXEC);
    if (a->fd < 0) die("cannot open %s: %s (is it readable?)", a->path, strerror(errno));
    a->piece = host_alloc(PIECE, 1);
    if (!a->hashed && SHA256_Init(&a->sha) != 1)
        die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
}

static void archive_close(struct source_tar *a)
{
    if (a->fd >= 0) close(a->fd);
    free(a->piece);
    a->piece = NULL;
    a->fd = -1;
}

/* ---- what was read so far: OUT.part ---------------------------------------------------------- */

/* Lines, each behind what it tells: "archive BYTES MTIME PATH", "image OFFSET BYTES LABEL NAME", "at OFFSET HASHED
 * KIND STATE", "done KIND SHA-256".  What stands behind the last `at` or `done` was not yet kept. */
#define PART_HEAD "simsiam index 1, begun\n"

struct making {
    const char *out;
    char *part;
    FILE *file; /* OUT.part */
    struct source_tar *archive;
    int archives, now; /* `now` is the one that is read */
    struct index_entries entries;
    int noted; /* so many of the entries are in the file */
    enum index_kind kind;
    int64_t at; /* where the one that is read goes on */
};

static _Noreturn void part_failed(const struct making *m)
{
    die("cannot write %s: %s (is the disk full?)", m->part, strerror(errno));
}

static void part_sync(const struct making *m)
{
    if (fflush(m->file) || fsync(fileno(m->file))) part_failed(m);
}

static void part_entries(struct making *m)
{
    for (; m->noted < m->entries.n; m->noted++) {
        const struct index_entry *const e = &m->entries.v[m->noted];
        if (fprintf(m->file, "image\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%s\n", e->offset,
                    e->bytes, e->label, e->name) < 0)
            part_failed(m);
    }
}

static void part_note(struct making *m, const struct index_scan *s)
{
    const struct source_tar *const a = &m->archive[m->now];
    const SHA256_CTX *const h = &a->sha;
    part_entries(m);
    if (fprintf(m->file, "at\t%" PRId64 "\t%" PRId64 "\t%d\t%x %x %x %x %x %x %x %x\n", scan_at(s),
                a->hashed, (int)s->kind, h->h[0], h->h[1], h->h[2], h->h[3], h->h[4], h->h[5],
                h->h[6], h->h[7]) < 0)
        part_failed(m);
    part_sync(m);
}

static void part_archive(struct making *m)
{
    const struct source_tar *const a = &m->archive[m->now];
    if (fprintf(m->file, "archive\t%" PRId64 "\t%" PRId64 "\t%s\n", a->bytes, a->mtime, a->path) <
        0)
        part_failed(m);
}

static void part_done(struct making *m)
{
    part_entries(m);
    if (fprintf(m->file, "done\t%d\t%s\n", (int)m->kind, m->archive[m->now].hash) < 0)
        part_failed(m);
    part_sync(m);
}

static bool state_read(struct source_tar *a, int64_t *at, int *kind, const char *line)
{
    SHA256_CTX h;
    unsigned w[8];
    int64_t hashed;
    if (SHA256_Init(&h) != 1) return false;
    if (sscanf(line, "at\t%" SCNd64 "\t%" SCNd64 "\t%d\t%x %x %x %x %x %x %x %x", at, &hashed, kind,
               &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6], &w[7]) != 11)
        return false;
    if (*at < 0 || *at > a->bytes || hashed < 0 || hashed > a->bytes || hashed % SHA256_CBLOCK)
        return false;
    for (int i = 0; i < 8; i++) h.h[i] = w[i];
    h.Nl = (unsigned)((uint64_t)hashed << 3);
    h.Nh = (unsigned)((uint64_t)hashed >> 29);
    a->sha = h;
    a->hashed = hashed;
    return true;
}

/* A line of the file; false if it is none, or not of these archives. */
static bool part_line(struct making *m, const char *line, bool *keeps)
{
    struct source_tar *const a = &m->archive[m->now < m->archives ? m->now : 0];
    int64_t bytes, mtime;
    int name = 0, kind = 0;
    struct index_entry e = { .archive = m->now };
    *keeps = false;
    if (m->now >= m->archives) return false;
    if (sscanf(line, "archive\t%" SCNd64 "\t%" SCNd64 "%*1[\t]%n", &bytes, &mtime, &name) == 2 &&
        name)
        return bytes == a->bytes && mtime == a->mtime && !strcmp(line + name, a->path);
    if (sscanf(line, "image\t%" SCNd64 "\t%" SCNd64 "\t%" SCNd64 "%*1[\t]%n", &e.offset, &e.bytes,
               &e.label, &name) == 3 &&
        name && e.offset >= 0 && e.bytes >= 0 && e.offset <= a->bytes &&
        e.bytes <= a->bytes - e.offset) {
        entries_add(&m->entries, &e, line + name);
        return true;
    }
    if (state_read(a, &m->at, &kind, line)) {
        *keeps = true;
    } else if (sscanf(line, "done\t%d\t%n", &kind, &name) == 1 && name &&
               strlen(line + name) == HASH_TEXT - 1) {
        memcpy(a->hash, line + name, HASH_TEXT);
        *keeps = true;
        m->now++;
        m->at = 0;
    }
    if (*keeps)
        m->kind = kind == INDEX_NESTED    ? INDEX_NESTED
                  : kind == INDEX_SAMPLES ? INDEX_SAMPLES
                                          : INDEX_UNKNOWN;
    return *keeps;
}

/* How many bytes of OUT.part are of use; the entries that they have are taken. */
static size_t part_read(struct making *m)
{
    size_t bytes, kept = 0;
    char *const text = file_read_own(m->part, &bytes), *at = text;
    int entries = 0;
    if (!text) return 0;
    if (!strncmp(text, PART_HEAD, strlen(PART_HEAD))) kept = strlen(PART_HEAD);
    for (at += kept; kept;) {
        char *const newline = memchr(at, '\n', (size_t)(text + bytes - at));
        bool keeps;
        if (!newline) break;
        *newline = '\0';
        if (!part_line(m, at, &keeps)) break;
        at = newline + 1;
        if (!keeps) continue;
        kept = (size_t)(at - text);
        entries = m->entries.n;
    }
    while (m->entries.n > entries) free(m->entries.v[--m->entries.n].name);
    m->noted = m->entries.n;
    if (kept && (m->now || m->at))
        warn("%s: goes on with archive %d of %d, at byte %" PRId64, m->out,
             m->now + (m->now < m->archives), m->archives, m->at);
    free(text);
    return kept;
}

static void part_open(struct making *m)
{
    const size_t kept = part_read(m);
    const int fd = file_open_own(m->part, O_WRONLY | O_CREAT | O_APPEND);
    if (fd < 0 || ftruncate(fd, (off_t)kept)) part_failed(m);
    m->file = fdopen(fd, "a");
    if (!m->file || (!kept && fputs(PART_HEAD, m->file) < 0)) part_failed(m);
}

/* A wrong archive leaves nothing behind that a later call would go on from. */
static _Noreturn void index_refuse(const struct making *m, int archive, int64_t at,
                                   const char *wrong)
{
    if (m->part) unlink(m->part);
    die_user("%s: byte %" PRId64 ": %s", m->archive[archive].given, at, wrong);
}

/* ---- classes --------------------------------------------------------------------------------- */

static int by_label(const void *x, const void *y)
{
    const struct index_entry *const a = x, *const b = y;
    return a->label != b->label ? (a->label > b->label) - (a->label < b->label)
                                : strcmp(a->name, b->name);
}

/* The class's part of CLASS/FILE, before its file: the folder that the picture lies in; 0 if none. */
static int class_span(const char *name, const char **class)
{
    const char *const slash = strrchr(name, '/');
    *class = slash;
    if (!slash) return 0;
    while (*class > name && (*class)[-1] != '/') (*class)--;
    return (int)(slash - *class);
}

/* Sorted by label: has each its own folder?  Two labels are compared by the names of all, sorted. */
static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static bool folders_tell(const struct index_entries *e)
{
    char **const name = host_alloc((size_t)e->n, sizeof *name);
    int n = 0;
    bool tell = true;
    for (int i = 0; tell && i < e->n; i++) {
        const char *class, *before;
        const int span = class_span(e->v[i].name, &class);
        if (!span)
            tell = false;
        else if (!i || e->v[i].label != e->v[i - 1].label)
            name[n++] = text_format("%.*s", span, class);
        else
            tell = class_span(e->v[i - 1].name, &before) == span &&
                   !memcmp(class, before, (size_t)span);
    }
    qsort(name, (size_t)n, sizeof *name, by_text);
    for (int i = 1; i < n; i++) tell = tell && strcmp(name[i - 1], name[i]);
    for (int i = 0; i < n; i++) free(name[i]);
    free(name);
    return tell;
}

/* Names become CLASS/FILE, labels 0 .. classes-1, and all is in that order. */
static void classes_name(struct making *m)
{
    struct index_entries *const e = &m->entries;
    if (m->kind == INDEX_SAMPLES) {
        qsort(e->v, (size_t)e->n, sizeof *e->v, by_label);
        const bool tell = folders_tell(e);
        for (int i = 0; i < e->n; i++) {
            const char *class;
            char *const name = e->v[i].name;
            (void)class_span(name, &class);
            e->v[i].name = tell ? text_format("%s", class)
                                : text_format("%" PRId64 "/%s", e->v[i].label, name);
            free(name);
        }
    }
    /* CLASS before FILE: a byte below the slash in a class's name must not put it before its beginning. */
    for (int i = 0; i < e->n; i++) {
        char *const slash = strchr(e->v[i].name, '/');
        if (!slash)
            index_refuse(m, e->v[i].archive, e->v[i].offset,
                         "what was noted of it is damaged; begin anew");
        *slash = '\x01';
    }
    qsort(e->v, (size_t)e->n, sizeof *e->v, by_label);
    int64_t label = -1, was = -2;
    for (int i = 0; i < e->n; i++) {
        struct index_entry *const x = &e->v[i], *const before = i ? x - 1 : x;
        const size_t span = strcspn(x->name, "\x01");
        if (!i || x->label != was || strncmp(x->name, before->name, span + 1))
            label++;
        else if (!strcmp(x->name, before->name)) {
            char wrong[WRONG_TEXT];
            x->name[span] = '/';
            refuse(wrong, "two images have one name, %.60s; the other is %.60s at byte %" PRId64,
                   x->name, m->archive[before->archive].given, before->offset);
            index_refuse(m, x->archive, x->offset, wrong);
        }
        was = x->label;
        x->label = label;
    }
    if (label + 1 > FOLDER_CLASSES_MAX)
        die_user("%s: %" PRId64 " classes; at most %d", m->out, label + 1, FOLDER_CLASSES_MAX);
}

/* ---- the index ------------------------------------------------------------------------------- */

/* A path that lies below the index's folder is written from there, so that both may move together. */
static const char *path_beside(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    return strncmp(path, folder, n) ? path : path + n;
}

static char *index_text(struct making *m, size_t *bytes)
{
    char *text = NULL,
         hash[HASH_TEXT], *const folder = path_folder(m->out), *const at = realpath(folder, NULL);
    char *const beside = text_format("%s/", at ? at : "");
    const struct index_entries *const e = &m->entries;
    FILE *const f = open_memstream(&text, bytes);
    if (!f) die("cannot make room for %s: %s (close other programs)", m->out, strerror(errno));
    fprintf(f, STORE_HEAD "archives %d classes %" PRId64 " images %d\n", m->archives,
            e->v[e->n - 1].label + 1, e->n);
    for (int i = 0; i < m->archives; i++) {
        const struct source_tar *const a = &m->archive[i];
        fprintf(f, "%" PRId64 "\t%" PRId64 "\t%s\t%s\n", a->bytes, a->mtime, a->hash,
                path_beside(a->path, beside));
    }
    for (int i = 0; i < e->n; i++)
        if (!i || e->v[i].label != e->v[i - 1].label)
            fprintf(f, "%.*s\n", (int)strcspn(e->v[i].name, "\x01"), e->v[i].name);
    for (int i = 0; i < e->n; i++) {
        const struct index_entry *const x = &e->v[i];
        fprintf(f, "%" PRId64 "\t%d\t%" PRId64 "\t%" PRId64 "\t%s\n", x->label, (int)x->archive,
                x->offset, x->bytes, strchr(x->name, '\x01') + 1);
    }
    if (fflush(f) || ferror(f))
        die("cannot make room for %s: %s (close other programs)", m->out, strerror(errno));
    hash_bytes(hash, text, *bytes);
    fprintf(f, "end %s\n", hash);
    if (fclose(f))
        die("cannot make room for %s: %s (close other programs)", m->out, strerror(errno));
    free(beside);
    free(at);
    free(folder);
    return text;
}

static void index_write(struct making *m)
{
    if (!m->entries.n) index_refuse(m, 0, 0, "no image in any of the archives");
    classes_name(m);
    size_t bytes;
    char *const text = index_text(m, &bytes);
    if (!file_write_atomic(m->out, text, bytes))
        die("cannot write %s: %s (is the disk full?)", m->out, strerror(errno));
    unlink(m->part);
    free(text);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool archive_read(struct making *m)
{
    struct source_tar *const a = &m->archive[m->now];
    struct index_scan s = { .t = { archive_bytes, a, m->at, a->bytes },
                            .entries = &m->entries,
                            .kind = m->kind,
                            .archive = m->now,
                            .ended = m->at && m->at == a->bytes };
    enum tar_step step = TAR_MEMBER;
    char wrong[WRONG_TEXT] = "";
    archive_open(a);
    if (!m->at) part_archive(m);
    bool on = true;
    for (int64_t noted = a->hashed; on && step == TAR_MEMBER;) {
        step = scan_next(&s, wrong);
        if (step == TAR_WRONG) index_refuse(m, m->now, s.where, wrong);
        on = archive_hash(a, step == TAR_END ? a->bytes : scan_at(&s));
        if (step == TAR_MEMBER && (!on || a->hashed - noted >= NOTE_EVERY)) {
            part_note(m, &s);
            noted = a->hashed;
        }
    }
    m->kind = s.kind;
    if (on) {
        archive_hashed(a);
        part_done(m);
        m->now++;
        m->at = 0;
    }
    archive_close(a);
    return on;
}

/* Two names of one archive would have each of its images twice. */
static void archives_look(struct making *m, char **archive)
{
    for (int i = 0; i < m->archives; i++) {
        archive_look(&m->archive[i], archive[i]);
        for (int k = 0; k < i; k++)
            if (!strcmp(m->archive[k].path, m->archive[i].path))
                die_user("%s: it is named twice", archive[i]);
    }
}

/* Is the index there already, of these archives as they are? */
static bool is_current(const struct making *m)
{
    size_t bytes;
    struct store s;
    char wrong[WRONG_TEXT], *const text = file_read(m->out, &bytes);
    if (!text) return false;
    char *const folder = path_folder(m->out), *const at = realpath(folder, NULL),
                *const beside = text_format("%s/", at ? at : "");
    bool is = store_parse(&s, text, bytes, beside, wrong) && s.archives == m->archives;
    for (int i = 0; is && i < m->archives; i++) {
        const struct source_tar *const a = &m->archive[i];
        is = !strcmp(s.archive[i].path, a->path) && s.archive[i].bytes == a->bytes &&
             s.archive[i].mtime == a->mtime;
    }
    store_free(&s);
    free(beside);
    free(at);
    free(folder);
    return is;
}

static void making_free(struct making *m)
{
    for (int i = 0; i < m->archives; i++) free(m->archive[i].path);
    free(m->archive);
    free(m->part);
    entries_free(&m->entries);
}

bool index_make(const char *out, char **archive, int archives)
{
    struct making m = { .out = out,
                        .archives = archives,
                        .archive = host_alloc((size_t)archives, sizeof *m.archive) };
    archives_look(&m, archive);
    m.part = text_format("%s.part", out);
    bool on = true;
    if (!is_current(&m)) {
        part_open(&m);
        while (on && m.now < archives) on = archive_read(&m);
        if (on) index_write(&m);
        if (fclose(m.file)) part_failed(&m);
    }
    making_free(&m);
    return on;
}
