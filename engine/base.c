/* SPDX-License-Identifier: MIT
 *
 * base.c -- dying with a hint, files that are whole or absent, hashes, clocks, the stop flag.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <omp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

/* ---- messages -------------------------------------------------------------------------------- */

/* Bytes of the character that begins at `c`, 0 if they are none in UTF-8; its code. */
static int character(const unsigned char *c, unsigned *code)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const int n = *c < 0x80 ? 1 : *c >> 5 == 6 ? 2 : *c >> 4 == 14 ? 3 : *c >> 3 == 30 ? 4 : 0;
    *code = n > 1 ? *c & (0xffu >> (n + 1)) : *c;
    for (int i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (c[i] & 0x3fu);
    }
    return n && *code >= least[n] && *code <= 0x10ffff && *code >> 11 != 0x1b ? n : 0;
}

static bool drives(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0x61c;
}

void text_disarm(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c;) {
        unsigned code;
        const int n = character(c, &code);
        if (!n || drives(code)) memset(c, '?', n ? (size_t)n : 1);
        c += n ? n : 1;
    }
}

void say(FILE *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text;
    if (vasprintf(&text, format, args) < 0)
        die("out of memory: cannot format a text (close other programs)");
    va_end(args);
    const size_t n = strlen(text);
    const bool ends = n && text[n - 1] == '\n';
    if (ends) text[n - 1] = 0;
    text_disarm(text);
    fprintf(out, ends ? "%s\n" : "%s", text);
    free(text);
}

/* A message may hold a file's name, and the file may be another's.  One write per line as far as
 * stdio allows, so that lines of parallel programs do not mix. */
static void message(const char *kind, const char *format, va_list args)
{
    char *text;
    const bool formatted = vasprintf(&text, format, args) >= 0;
    if (formatted) text_disarm(text);
    fflush(stdout);                /* what was said before comes before */
    fprintf(stderr, PROGRAM ": %s%s\n", kind,
            formatted ? text : "out of memory (close other programs)");
    if (formatted) free(text);
}

static struct { bool (*speaks)(void); void (*end)(int status); } together;    /* how this process ends */

void die_together(bool (*speaks)(void), void (*end)(int status))
{
    together.speaks = speaks;
    together.end = end;
}

static _Noreturn void end_with(int status, const char *format, va_list args)
{
    if (!together.speaks || together.speaks()) message("", format, args);
    if (together.end) together.end(status);
    exit(status);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    end_with(EXIT_WORLD, format, args);
}

void die_user(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    end_with(EXIT_USER, format, args);
}

void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message("warning: ", format, args);
    va_end(args);
}

bool refuse(char wrong[WRONG_TEXT], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(wrong, WRONG_TEXT, format, args);
    va_end(args);
    return false;
}

/* ---- memory and text ------------------------------------------------------------------------- */

void *host_alloc(size_t count, size_t size)
{
    /* calloc checks count * size for overflow; no bytes are still a pointer of one's own. */
    void *p = count && size ? calloc(count, size) : calloc(1, 1);
    if (!p) {
        die("out of memory: cannot allocate %zu x %zu bytes (close other programs or use a smaller scale)",
            count, size);
    }
    return p;
}

char *text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        die("out of memory: cannot format a text (close other programs)");
    va_end(args);
    return text;
}

/* ---- threads --------------------------------------------------------------------------------- */

void each_parallel(int n, int workers, int few, each_fn *f, void *context)
{
#pragma omp parallel for schedule(dynamic, few) num_threads(workers)
    for (int i = 0; i < n; i++) f(context, i, omp_get_thread_num());
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static double clock_read(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        die("cannot read the clock: %s (is this a POSIX system?)", strerror(errno));
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_seconds(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

double clock_cpu_seconds(void)
{
    return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

static EVP_MD_CTX *hash_open(void)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
    return md;
}

static void hash_add(EVP_MD_CTX *md, const void *data, size_t bytes)
{
    if (EVP_DigestUpdate(md, data, bytes) != 1)
        die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
}

static void hash_close(char hex[HASH_TEXT], EVP_MD_CTX *md)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_DigestFinal_ex(md, digest, &length) != 1 || 2 * length + 1 != HASH_TEXT)
        die("OpenSSL cannot compute SHA-256 (is libcrypto installed whole?)");
    EVP_MD_CTX_free(md);
    static const char digit[] = "0123456789abcdef";
    for (unsigned int i = 0; i < length; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[HASH_TEXT - 1] = 0;
}

void hash_bytes(char hex[HASH_TEXT], const void *data, size_t bytes)
{
    EVP_MD_CTX *md = hash_open();
    hash_add(md, data, bytes);
    hash_close(hex, md);
}

/* A pipe must not hold the program up until somebody writes to it, and a device may have no end:
 * errno is EINVAL then.  A folder fails when it is read.  What lies there may change between the
 * look and the opening, which waits for nobody either. */
static FILE *regular_open(const char *path, bool own)
{
    struct stat st;
    if (own ? lstat(path, &st) : stat(path, &st)) return NULL;
    if (S_ISLNK(st.st_mode)) errno = ELOOP;
    else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) errno = EINVAL;
    else {
        const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | (own ? O_NOFOLLOW : 0);
        const int fd = openat(AT_FDCWD, path, flags);
        FILE *const in = fd < 0 ? NULL : fdopen(fd, "rb");
        if (fd >= 0 && !in) close(fd);
        return in;
    }
    return NULL;
}

bool hash_file(char hex[HASH_TEXT], const char *path)
{
    FILE *in = regular_open(path, false);
    if (!in) return false;
    EVP_MD_CTX *md = hash_open();
    static const size_t piece = 1 << 16;
    unsigned char *buffer = host_alloc(piece, 1);
    size_t got;
    errno = 0;
    while ((got = fread(buffer, 1, piece, in)) > 0) hash_add(md, buffer, got);
    int error = ferror(in) ? errno : 0;
    free(buffer);
    hash_close(hex, md);
    fclose(in);                    /* nothing was written: it has no news */
    errno = error;
    return error == 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *data_folder(void)
{
    static char folder[4096];
    const char *data = getenv("DATA"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (data && *data) {
        n = snprintf(folder, sizeof folder, "%s", data);
    } else if (cache && *cache) {
        n = snprintf(folder, sizeof folder, "%s/" PROGRAM, cache);
    } else if (home && *home) {
        n = snprintf(folder, sizeof folder, "%s/.cache/" PROGRAM, home);
    } else {
        die("there is no home folder to keep data in (set DATA to a folder)");
    }
    if (n < 0 || (size_t)n >= sizeof folder)
        die("the data folder's name is longer than %zu bytes (set DATA to another)",
            sizeof folder - 1);
    return folder;
}

static char *content_read(const char *path, size_t *bytes, bool own)
{
    FILE *in = regular_open(path, own);
    if (!in) return NULL;
    /* Grows by doubling instead of asking for the size first: files may grow meanwhile. */
    size_t room = 1 << 12, n = 0;
    char *data = host_alloc(room, 1);
    errno = 0;
    for (;;) {
        n += fread(data + n, 1, room - 1 - n, in);
        if (n < room - 1) break;
        room *= 2;
        char *more = realloc(data, room);
        if (!more) die("out of memory: %s does not fit (close other programs)", path);
        data = more;
    }
    int error = ferror(in) ? errno : 0;
    fclose(in);
    if (error) {
        free(data);
        errno = error;
        return NULL;
    }
    data[n] = 0;
    if (bytes) *bytes = n;
    return data;
}

char *file_read(const char *path, size_t *bytes)
{
    return content_read(path, bytes, false);
}

char *file_read_own(const char *path, size_t *bytes)
{
    return content_read(path, bytes, true);
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? text_format("%.*s", (int)(slash - path) + 1, path) : text_format("./");
}

static bool write_whole(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int folder_list(struct dirent ***entry, const char *path, int (*wanted)(const struct dirent *))
{
    return scandir(path, entry, wanted, by_bytes);
}

int entry_seen(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    /* Some file systems cannot sync a folder and say EINVAL: there is nothing more that could be
     * done. */
    bool ok = fsync(fd) == 0 || errno == EINVAL;
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

/* Writes, syncs and closes fd, whose file is `path`; false with errno set, and no file, on
 * failure. */
static bool write_synced(int fd, const char *path, const void *data, size_t bytes)
{
    bool ok = write_whole(fd, data, bytes) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && ok) {    /* some disks report what they could not write only here */
        error = errno;
        ok = false;
    }
    if (!ok) {
        unlink(path);
        errno = error;
    }
    return ok;
}

/* A file of ours that is open: a regular one of this name alone.  With a second name it is another's
 * too. */
static bool is_own(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

int file_open_own(const char *path, int flags)
{
    const int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0 || is_own(fd)) return fd;
    close(fd);
    errno = EEXIST;
    return -1;
}

/* What lies at `path` goes: left by a kill, or laid there.  Nothing that it leads to is touched. */
bool file_write_synced(const char *path, const void *data, size_t bytes)
{
    int fd = -1;
    for (int again = 0; fd < 0 && again < 2; again++) {
        if (again && unlink(path) != 0 && errno != ENOENT) return false;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) return false;
    }
    return fd >= 0 && write_synced(fd, path, data, bytes);
}

/* Opens `path` for writing, alone: a second writer waits until the first has renamed its file away,
 * and then makes a new one.  Where the file system knows no locks, nobody waits.  What is no file
 * of ours, a link or a pipe, is taken out of the way.  -1 with errno set. */
static int open_alone(const char *path)
{
    for (;;) {
        const int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (fd < 0 && errno != ELOOP && errno != ENXIO) return -1;
        while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
            ;
        struct stat own, there;
        const bool here = fd >= 0 && fstat(fd, &own) == 0 && lstat(path, &there) == 0 &&
                          own.st_ino == there.st_ino && own.st_dev == there.st_dev;
        if (here && is_own(fd)) return fd;
        if ((fd < 0 || here) && unlink(path) != 0 && errno != ENOENT) {
            const int error = errno;
            if (fd >= 0) close(fd);
            errno = error;
            return -1;
        }
        if (fd >= 0) close(fd);
    }
}

bool file_write_atomic(const char *path, const void *data, size_t bytes)
{
    /* Always the same name: what a kill leaves behind, the next write takes.  Two programs may
     * write one table at once, so the lock is held, on a second number of the file, until the name
     * is given away. */
    char *temp = text_format("%s.tmp", path);
    char *folder = path_folder(path);
    const int lock = open_alone(temp);
    const int fd = lock < 0 ? -1 : fcntl(lock, F_DUPFD_CLOEXEC, 0);
    bool ok = fd >= 0 && ftruncate(fd, 0) == 0 && write_synced(fd, temp, data, bytes);
    int error = errno;
    if (ok && rename(temp, path) != 0) {
        error = errno;
        ok = false;
        unlink(temp);
    }
    if (lock >= 0 && close(lock) != 0 && ok) {
        error = errno;
        ok = false;
    }
    if (ok && !folder_sync(folder)) {
        error = errno;
        ok = false;
    }
    free(temp);
    free(folder);
    errno = error;
    return ok;
}

/* mkdir, where an existing folder is as good.  Only EEXIST asks what is there: another process may
 * be making the same folder at this moment. */
static bool folder_make_one(const char *path)
{
    if (mkdir(path, 0777) == 0) return true;
    struct stat s;
    int error = errno;
    bool folder = stat(path, &s) == 0 && S_ISDIR(s.st_mode);
    errno = error == EEXIST ? ENOTDIR : error;
    return folder;
}

bool folder_make(const char *path)
{
    char *p = text_format("%s", path);
    bool ok = true;
    /* Each prefix that ends at a slash, and then the whole; a slash at the start ends none. */
    for (char *at = p + (p[0] == '/'); ok; at++) {
        char kept = *at;
        if (kept == '/' || kept == 0) {
            *at = 0;
            ok = folder_make_one(p);
            *at = kept;
        }
        if (kept == 0) break;
    }
    int error = errno;
    free(p);
    errno = error;
    return ok;
}

/* ---- the stop flag --------------------------------------------------------------------------- */

static volatile sig_atomic_t stop_raised;      /* the process's own: a signal has no other place to
                                                  write to */

static void stop_raise(int signal_number)
{
    (void)signal_number;
    if (stop_raised) _exit(EXIT_AGAIN);
    stop_raised = 1;
}

void stop_install(void)
{
    static const int raising[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
    struct sigaction act = { .sa_handler = stop_raise, .sa_flags = SA_RESTART };
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof raising / sizeof *raising; i++) {
        if (sigaction(raising[i], &act, NULL) != 0)
            die("cannot catch signal %d: %s (is this a POSIX system?)", raising[i],
                strerror(errno));
    }
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGPIPE, &ignore, NULL) != 0)
        die("cannot ignore SIGPIPE: %s (is this a POSIX system?)", strerror(errno));
}

static bool stop_shared, stop_agreed;

bool stop_requested(void)
{
    return stop_shared ? stop_agreed : stop_raised;
}

void stop_share(void)
{
    stop_shared = true;
}

bool stop_signalled(void)
{
    return stop_raised;
}

void stop_agree(void)
{
    stop_agreed = true;
}
