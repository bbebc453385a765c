/* SPDX-License-Identifier: MIT
 *
 * store.c -- an index read back, and one pread() an image.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

/* So many archives are kept open; of more, each is opened for each image, or a set of a thousand
 * would leave a process none to open. */
enum { OPEN_MOST = 128 };

/* ---- the text -------------------------------------------------------------------------------- */

/* The next line, ended by a NUL in the place of its newline; NULL behind the last. */
static char *line_next(char **at, const char *end)
{
    char *const line = *at, *const newline = memchr(line, '\n', (size_t)(end - line));
    if (!newline) return NULL;
    *newline = '\0';
    *at = newline + 1;
    return line;
}

/* Digits, then `after`, which may be the line's end. */
static bool number_next(int64_t *value, char **at, char after, int64_t least, int64_t most)
{
    if (**at < '0' || **at > '9') return false;
    char *end;
    errno = 0;
    *value = strtoll(*at, &end, 10);
    if (errno || *end != after || *value < least || *value > most) return false;
    *at = end + (after != '\0');
    return true;
}

static bool words_next(char **at, const char *words)
{
    const size_t n = strlen(words);
    if (strncmp(*at, words, n)) return false;
    *at += n;
    return true;
}

static bool archive_read(struct store_archive *a, char *line, const char *beside)
{
    if (!number_next(&a->bytes, &line, '\t', 0, INT64_MAX / 2) ||
        !number_next(&a->mtime, &line, '\t', 0, INT64_MAX / 2) ||
        strnlen(line, HASH_TEXT) < HASH_TEXT || line[HASH_TEXT - 1] != '\t')
        return false;
    memcpy(a->hash, line, HASH_TEXT - 1);
    line += HASH_TEXT;
    a->path = *line == '/' ? text_format("%s", line) : text_format("%s%s", beside, line);
    return *line;
}

static bool image_read(const struct store *s, struct store_image *image, char *line)
{
    int64_t label, archive;
    struct store_place *const p = &image->place;
    if (!number_next(&label, &line, '\t', 0, s->classes - 1) ||
        !number_next(&archive, &line, '\t', 0, s->archives - 1) ||
        !number_next(&p->offset, &line, '\t', 0, s->archive[archive].bytes) ||
        !number_next(&p->bytes, &line, '\t', 0, s->archive[archive].bytes - p->offset))
        return false;
    image->label = (int32_t)label;
    p->archive = (int32_t)archive;
    image->file = line;
    return *line;
}

static bool counts_read(struct store *s, char *line)
{
    int64_t archives, classes, n;
    if (!words_next(&line, "archives ") ||
        !number_next(&archives, &line, ' ', 1, STORE_ARCHIVES_MAX) ||
        !words_next(&line, "classes ") ||
        !number_next(&classes, &line, ' ', 1, FOLDER_CLASSES_MAX) ||
        !words_next(&line, "images ") || !number_next(&n, &line, '\0', 1, FOLDER_IMAGES_MAX))
        return false;
    s->archives = (int)archives;
    s->classes = (int)classes;
    s->n = (int)n;
    s->archive = host_alloc((size_t)s->archives, sizeof *s->archive);
    s->class = host_alloc((size_t)s->classes, sizeof *s->class);
    s->image = host_alloc((size_t)s->n, sizeof *s->image);
    for (int i = 0; i < s->archives; i++) s->archive[i].fd = -1;
    return true;
}

/* Images come by label, none of them without one, each file once. */
static bool order_is_right(const struct store *s)
{
    for (int i = 0; i < s->n; i++) {
        const int32_t before = i ? s->image[i - 1].label : -1, label = s->image[i].label;
        if (label != before && label != before + 1) return false;
        if (label == before && strcmp(s->image[i - 1].file, s->image[i].file) >= 0) return false;
    }
    return s->image[s->n - 1].label == s->classes - 1;
}

bool store_parse(struct store *s, char *text, size_t bytes, const char *beside,
                 char wrong[WRONG_TEXT])
{
    enum { TAIL = 4 + HASH_TEXT }; /* "end ", the digits, a newline */
    *s = (struct store){ .text = text };
    const size_t head = strlen(STORE_HEAD);
    if (bytes < head + TAIL || memcmp(text, STORE_HEAD, head))
        return refuse(wrong, "no index of this version; `simsiam data index` writes them");
    char hash[HASH_TEXT], *const tail = text + bytes - TAIL;
    hash_bytes(hash, text, bytes - TAIL);
    if (memcmp(tail, "end ", 4) || memcmp(tail + 4, hash, HASH_TEXT - 1) || text[bytes - 1] != '\n')
        return refuse(wrong, "it is not as it was written (its SHA-256 is another); `simsiam data "
                             "index` writes it anew");
    int number = 2;
    char *at = text + head, *line = line_next(&at, tail);
    bool ok = line && counts_read(s, line);
    for (int i = 0; ok && i < s->archives; i++, number += ok)
        ok = (line = line_next(&at, tail)) && archive_read(&s->archive[i], line, beside);
    for (int i = 0; ok && i < s->classes; i++, number += ok)
        ok = (s->class[i] = line_next(&at, tail)) && *s->class[i];
    for (int i = 0; ok && i < s->n; i++, number += ok)
        ok = (line = line_next(&at, tail)) && image_read(s, &s->image[i], line);
    if (!ok) return refuse(wrong, "line %d is none of an index", number + (s->archive != NULL));
    return (at == tail && order_is_right(s)) ||
           refuse(wrong, "its lines are more than it says, or out of order");
}

struct store *store_open(const char *path)
{
    size_t bytes;
    char wrong[WRONG_TEXT] = "", *const text = file_read(path, &bytes);
    if (!text) die("cannot read %s: %s (is it readable?)", path, strerror(errno));
    char *const beside = path_folder(path);
    struct store *const s = host_alloc(1, sizeof *s);
    if (!store_parse(s, text, bytes, beside, wrong)) die_user("%s: %s", path, wrong);
    free(beside);
    return s;
}

void store_free(struct store *s)
{
    if (!s) return;
    for (int i = 0; i < s->archives; i++) {
        if (s->archive[i].fd >= 0) close(s->archive[i].fd);
        free(s->archive[i].path);
    }
    free(s->archive);
    free(s->class);
    free(s->image);
    free(s->text);
    *s = (struct store){ .text = NULL };
}

/* ---- the archives ---------------------------------------------------------------------------- */

void store_check(struct store *s, const char *index)
{
    for (int i = 0; i < s->archives; i++) {
        struct store_archive *const a = &s->archive[i];
        struct stat st;
        char hash[HASH_TEXT];
        if (stop_requested()) exit(EXIT_AGAIN);
        if (stat(a->path, &st)) {
            if (errno != ENOENT && errno != ENOTDIR)
                die("cannot read %s: %s (is it readable?)", a->path, strerror(errno));
            die_user("%s: it has gone, and %s says where images lie in it", a->path, index);
        }
        if (st.st_size != a->bytes)
            die_user("%s: it has %lld bytes, and had %lld when %s was made (`simsiam data index` "
                     "makes it anew)",
                     a->path, (long long)st.st_size, (long long)a->bytes, index);
        if ((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec != a->mtime) {
            warn("%s: its time is another than in %s; its content is compared", a->path, index);
            if (!hash_file(hash, a->path))
                die("cannot read %s: %s (is the disk in order?)", a->path, strerror(errno));
            if (strcmp(hash, a->hash))
                die_user("%s: its SHA-256 is not that of %s (`simsiam data index` makes it anew)",
                         a->path, index);
        }
        if (i < OPEN_MOST) a->fd = open(a->path, O_RDONLY | O_CLOEXEC);
    }
}

bool store_read(const struct store *s, void *to, const struct store_place *place,
                char wrong[WRONG_TEXT])
{
    const struct store_archive *const a = &s->archive[place->archive];
    const int fd = a->fd >= 0 ? a->fd : open(a->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) die("cannot open %s: %s (is it readable?)", a->path, strerror(errno));
    bool ok = true;
    for (int64_t done = 0; ok && done < place->bytes;) {
        const ssize_t n =
            pread(fd, (char *)to + done, (size_t)(place->bytes - done), place->offset + done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) die("cannot read %s: %s (is the disk in order?)", a->path, strerror(errno));
        if (!n) ok = refuse(wrong, "the archive ends before it does");
        done += n;
    }
    if (fd != a->fd) close(fd);
    return ok;
}
