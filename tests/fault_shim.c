/* SPDX-License-Identifier: MIT
 *
 * fault_shim.c -- for LD_PRELOAD: the N-th call that touches a file below a folder fails, for
 * faults.sh.
 *
 *   FAULT_ROOT   the folder
 *   FAULT_AT     N, counted from 1 over the calls that FAULT_KIND can befall
 *   FAULT_KIND   a row of the table below
 *   FAULT_LOG    a file that is written when it happens: the call, and the path where it is known
 *
 * stdio's own calls do not pass here, so its functions stand beside the system's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum call { OPEN = 1, WRITE = 2, SYNC = 4, CLOSE = 8, NAME = 16, CUT = 32, FLUSH = 64, ANY = 127,
            LOCK = 128 };
enum way { FAIL, SHORT, DIE, GO_ON };
static const struct kind { const char *name; int calls, error; enum way way;
} kinds[] = { { "EIO", ANY, EIO, FAIL },
              { "ENOSPC", OPEN | WRITE | FLUSH | SYNC | NAME, ENOSPC,
                FAIL }, /* some disks say so only at the sync */
              { "EACCES", OPEN | NAME, EACCES, FAIL },
              { "EINTR", OPEN | WRITE | FLUSH | SYNC, EINTR, FAIL },
              { "SHORT", WRITE, 0, SHORT }, /* half of the bytes are taken */
              { "KILL", ANY, 0, DIE }, /* before the call; a write is half done */
              { "ENOLCK", LOCK, ENOLCK, FAIL }, /* some network file systems */
              { "STOP", ANY, 0, GO_ON }, /* no fault: the call is made while a stop is asked for */
              { NULL, 0, 0, FAIL } };

/* The function behind ours; dlsym's answer is an object pointer, which only a union turns into a
 * function's. */
#define NEXT(name) \
    static union { void *object; __typeof__(&name) call; } next; \
    if (!next.object && !(next.object = dlsym(RTLD_NEXT, #name))) abort()

static bool below_root(const char *path)
{
    const char *root = getenv("FAULT_ROOT");
    return root && path && !strncmp(path, root, strlen(root));
}

static const char *path_of(int fd, char path[4096])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = 0;
    return path;
}

static void fault_log(const char *name, const char *path)
{
    char line[4200];
    const int saved = errno, n = snprintf(line, sizeof line, "%s %s\n", name, path);
    const char *log = getenv("FAULT_LOG");
    NEXT(open);
    const int fd = log ? next.call(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd < 0) abort();
    static union { void *object; ssize_t (*call)(int, const void *, size_t); } out;
    if (!(out.object = dlsym(RTLD_NEXT, "write")) || out.call(fd, line, (size_t)n) != n) abort();
    errno = saved;
}

/* Is it this call's turn?  Then NULL is not the answer, and errno is set. */
static const struct kind *fault(enum call call, const char *name, const char *path)
{
    static int count;
    const char *at = getenv("FAULT_AT"), *wanted = getenv("FAULT_KIND");
    if (!at || !wanted || !below_root(path)) return NULL;
    const struct kind *k = kinds;
    while (k->name && strcmp(k->name, wanted)) k++;
    if (!k->name) abort();
    if (!(k->calls & call) || ++count != atoi(at)) return NULL;
    fault_log(name, path);
    if (k->way == DIE && call != WRITE) raise(SIGKILL);
    if (k->way == GO_ON) {
        raise(SIGUSR1);
        return NULL;
    }
    errno = k->error;
    return k;
}

/* ---- the system's calls ---------------------------------------------------------------------- */

int open(const char *path, int flags, ...)
{
    NEXT(open);
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault(OPEN, "open", path) ? -1 : next.call(path, flags, mode);
}

/* For reading, where a link is none. */
int openat(int folder, const char *path, int flags, ...)
{
    NEXT(openat);
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault(OPEN, "openat", path) ? -1 : next.call(folder, path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    NEXT(write);
    char path[4096];
    const struct kind *k = fault(WRITE, "write", path_of(fd, path));
    if (!k) return next.call(fd, data, bytes);
    if (k->way == FAIL) return -1;
    const ssize_t half = next.call(fd, data, (bytes + 1) / 2);
    if (k->way == DIE) raise(SIGKILL);
    return half;
}

int flock(int fd, int operation)
{
    char path[4096];
    NEXT(flock);
    return fault(LOCK, "flock", path_of(fd, path)) ? -1 : next.call(fd, operation);
}

int fsync(int fd)
{
    NEXT(fsync);
    char path[4096];
    return fault(SYNC, "fsync", path_of(fd, path)) ? -1 : next.call(fd);
}

/* A failed close has closed. */
int close(int fd)
{
    NEXT(close);
    char path[4096];
    const struct kind *k = fault(CLOSE, "close", path_of(fd, path));
    const int error = errno, status = next.call(fd);
    if (!k) return status;
    errno = error;
    return -1;
}

int ftruncate(int fd, off_t length)
{
    NEXT(ftruncate);
    char path[4096];
    return fault(CUT, "ftruncate", path_of(fd, path)) ? -1 : next.call(fd, length);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    return fault(NAME, "rename", from) ? -1 : next.call(from, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    NEXT(renameat2);
    return fault(NAME, "renameat2", from) ? -1 : next.call(from_fd, from, to_fd, to, flags);
}

int rmdir(const char *path)
{
    NEXT(rmdir);
    return fault(NAME, "rmdir", path) ? -1 : next.call(path);
}

int link(const char *from, const char *to)
{
    NEXT(link);
    return fault(NAME, "link", from) ? -1 : next.call(from, to);
}

int unlink(const char *path)
{
    NEXT(unlink);
    return fault(NAME, "unlink", path) ? -1 : next.call(path);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    return fault(NAME, "mkdir", path) ? -1 : next.call(path, mode);
}

/* ---- stdio's --------------------------------------------------------------------------------- */

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen);
    return fault(OPEN, "fopen", path) ? NULL : next.call(path, mode);
}

int fflush(FILE *f)
{
    NEXT(fflush);
    char path[4096];
    return f && fault(FLUSH, "fflush", path_of(fileno(f), path)) ? EOF : next.call(f);
}

int fclose(FILE *f)
{
    NEXT(fclose);
    char path[4096];
    const struct kind *k = fault(CLOSE, "fclose", path_of(fileno(f), path));
    const int error = errno, status = next.call(f);
    if (!k) return status;
    errno = error;
    return EOF;
}
