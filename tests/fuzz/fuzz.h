/* SPDX-License-Identifier: MIT
 *
 * fuzz.h -- what every fuzz target needs: its input as a file with a path, and a way back out of
 * die_user().
 *
 * A target is linked with --wrap=exit: a reader that refuses its input by exit(2) comes back to the
 * target.  Any other status is a finding: bytes in a file are the user's mistake, never the world's
 * fault.
 */
#pragma once
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../engine/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);
_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

static jmp_buf refused;
static bool reading;               /* between IF_NOT_REFUSED and the input's end */

_Noreturn void __wrap_exit(int status)
{
    if (!reading) __real_exit(status);
    if (status != EXIT_USER) abort();
    reading = false;
    longjmp(refused, 1);
}

/* IF_NOT_REFUSED { what reads the input } */
#define IF_NOT_REFUSED if (!setjmp(refused)) for (reading = true; reading; reading = false)

/* A file in memory, reached by a path like any other. */
struct input_file { int fd; char path[32]; };

static inline void input_open(struct input_file *f)
{
    f->fd = memfd_create("input", 0);
    if (f->fd < 0) abort();
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

static inline void input_put(const struct input_file *f, const void *data, size_t bytes)
{
    if (ftruncate(f->fd, 0) || pwrite(f->fd, data, bytes, 0) != (ssize_t)bytes) abort();
}
