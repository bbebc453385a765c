/* SPDX-License-Identifier: MIT
 *
 * main.c -- `simsiam`: one program, one file per sub-command (commands.c has the list).
 */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"
#include "../../engine/base.h"

static void help(FILE *out)
{
    fprintf(out, "usage: simsiam COMMAND [options]      (simsiam COMMAND --help, simsiam --version)\n\n"
                 "The ablations of SimSiam (Chen & He, 2021), each with a verdict.\n\n");
    for (const struct command *c = commands; c->name; c++) fprintf(out, "  %-10s %s\n", c->name, c->sentence);
    fputs("\nexit status:\n", out);
    for (const struct exit_row *r = exit_rows; r->sentence; r++)
        fprintf(out, "  %-10d %s\n", r->status, r->sentence);
}

/* OpenBLAS asks for its room when it is loaded, and where the address space has none it asks for
 * ever.  This runs before any library does, so that nothing but the kernel may be asked here. */
__attribute__((no_sanitize("address", "thread", "undefined")))
static void room_check(int argc, char **argv, char **environment)
{
    static const char message[] =
        "simsiam: under 512 MiB of address space, in which OpenBLAS never starts (try "
        "ulimit -v unlimited)\n";
    struct rlimit room;
    (void)argc;
    (void)argv;
    (void)environment;
    if (getrlimit(RLIMIT_AS, &room) || room.rlim_cur == RLIM_INFINITY ||
        room.rlim_cur >= (rlim_t)512 << 20)
        return;
    const ssize_t unheard = write(STDERR_FILENO, message, sizeof message - 1);
    (void)unheard;
    _exit(EXIT_WORLD);
}
__attribute__((section(".preinit_array"), used))
static void (*const room_check_first)(int, char **, char **) = room_check;

/* A file that may not grow is a write that fails, with a message, not the end without one. */
static void size_signal_ignore(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGXFSZ, &ignore, NULL))
        die("cannot ignore SIGXFSZ: %s (is this a POSIX system?)", strerror(errno));
}

int main(int argc, char **argv)
{
    size_signal_ignore();
    if (argc < 2) {
        help(stderr);
        return EXIT_USER;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help(stdout);
        return finish(0);
    }
    if (!strcmp(argv[1], "--version")) {
        version_print(stdout);
        return finish(0);
    }
    if (!strcmp(argv[1], "--manual")) {
        manual_print(stdout);
        return finish(0);
    }
    return finish(command_dispatch(commands, "", argc, argv));
}
