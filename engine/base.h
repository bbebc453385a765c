/* SPDX-License-Identifier: MIT
 *
 * base.h -- what every file needs: dying with a hint, files, hashes, clocks, the stop flag.
 *
 * Three kinds of wrong (STYLE.md): our bug is an assert; the world's fault is die(), exit 1; a
 * user's mistake is reported where it stands (config.h), exit 2.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes of every sub-command. */
enum {
    EXIT_WORLD = 1,     /* disk, memory, device, missing program: the message says what to do */
    EXIT_USER = 2,      /* the command line, a config or the data is wrong; nothing was written */
    EXIT_CLAIM = 3,     /* table --require: a claim fails */
    EXIT_COLLAPSED = 4, /* check, run --stop-on-collapse: the outputs are the same for all images */
    EXIT_DIVERGED = 5,  /* NaN or infinity */
    EXIT_AGAIN = 75     /* stopped by a signal after a checkpoint: run it again and it goes on */
};

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* "simsiam: MESSAGE" to stderr, then exit(1).  The message ends with what to do about it. */
_Noreturn void die(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same for a user's mistake: exit(2). */
_Noreturn void die_user(const char *format, ...) PRINTF_LIKE(1, 2);
void warn(const char *format, ...) PRINTF_LIKE(1, 2);
/* Several processes that are one run (comm.h) end together, and one says why: from here on die()
 * and die_user() are silent unless speaks(), and end(status), which does not return, is their end. */
void die_together(bool (*speaks)(void), void (*end)(int status));
/* What could drive the reader's terminal, or turn the order of what is read, becomes '?': control
 * characters, U+0080 .. U+009F too, marks of direction, bytes that are no UTF-8.  Messages go
 * through it. */
void text_disarm(char *text);
/* fprintf() of one line, or of a part of one, with the names of others in it: disarmed, but for a
 * newline at the end. */
void say(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* What is wrong with bytes that were read, for whoever knows the file's name.  Fills `wrong`; the
 * answer is always false, for "return refuse(...)". */
enum { WRONG_TEXT = 160 };
bool refuse(char wrong[WRONG_TEXT], const char *format, ...) PRINTF_LIKE(2, 3);

/* Zeroed host memory; dies when there is none.  The caller frees. */
void *host_alloc(size_t count, size_t size);
/* printf into fresh memory; the caller frees. */
char *text_format(const char *format, ...) PRINTF_LIKE(1, 2);

/* f(context, i, worker) for i = 0 .. n-1, in no order, by `workers` threads, which are 0 ..
 * workers-1 and take `few` at a time.  Above ops.h nobody else asks for a team of threads. */
typedef void each_fn(void *context, int i, int worker);
void each_parallel(int n, int workers, int few, each_fn *f, void *context);

/* Seconds since an arbitrary start, monotonic; the CPU seconds this process has used. */
double clock_seconds(void);
double clock_cpu_seconds(void);

/* SHA-256 as 64 hexadecimal digits and a NUL. */
enum { HASH_TEXT = 65 };
void hash_bytes(char hex[HASH_TEXT], const void *data, size_t bytes);
/* The same of a file's content; false (errno set) when it cannot be read. */
bool hash_file(char hex[HASH_TEXT], const char *path);

/* Where data are kept, and what is too costly to make twice: DATA if set, else
 * $XDG_CACHE_HOME/simsiam, else ~/.cache/simsiam.  Static text; dies if there is none. */
const char *data_folder(void);
/* A whole regular file in fresh memory, NUL added behind it, its length in *bytes unless NULL; NULL
 * with errno set when it cannot be read. */
char *file_read(const char *path, size_t *bytes);
/* The same of a file that the program writes itself: a link is none (errno is ELOOP), wherever it
 * leads. */
char *file_read_own(const char *path, size_t *bytes);
/* open() of such a file, for writing: no link is followed, no pipe waited for, and what is no
 * regular file of this name alone is refused (-1, errno is ELOOP, ENXIO or EEXIST). */
int file_open_own(const char *path, int flags);
/* Replaces `path` by the bytes, or leaves it as it was: temporary file in the same folder, fsync,
 * rename, fsync the folder.  False with errno set on failure; no temporary file stays behind. */
bool file_write_atomic(const char *path, const void *data, size_t bytes);
/* Makes `path` anew and fsyncs it, in place: for a name that nobody reads yet.  False with errno set,
 * and no file, on failure. */
bool file_write_synced(const char *path, const void *data, size_t bytes);
/* mkdir -p; false with errno set. */
bool folder_make(const char *path);
/* The folder that a path lies in, with its slash: "a/b" -> "a/", "b" -> "./".  The caller frees. */
char *path_folder(const char *path);
/* scandir() in the order of bytes, the same in every locale; entry_seen() leaves out hidden names. */
struct dirent;
int folder_list(struct dirent ***entry, const char *path, int (*wanted)(const struct dirent *));
int entry_seen(const struct dirent *entry);
/* fsync a folder, so that a rename in it survives a power loss; false with errno set. */
bool folder_sync(const char *path);

/* The stop flag.  stop_install() makes INT, TERM, HUP and USR1 raise it, and ignores PIPE; every
 * long loop polls stop_requested() at a point from which it can go on later.  A second signal ends
 * the process at once with 75: what the last checkpoint holds is kept. */
void stop_install(void);
bool stop_requested(void);
/* Several processes that are one run stop at the same step: after stop_share() a signal is what
 * stop_signalled() says, and stop_requested() what stop_agree() made it. */
void stop_share(void);
bool stop_signalled(void);
void stop_agree(void);
