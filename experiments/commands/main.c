/* SPDX-License-Identifier: MIT
 *
 * main.c -- `simsiam`: one program, one file per sub-command.
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
#include "../../engine/config.h"
#include "build_info.h"

static const struct command {
    const char *name;
    int (*run)(int, char **);
    const char *sentence;
} commands[] = {
    { "run", command_run, "train the rows of an experiment, with monitors and linear probe" },
    { "eval", command_eval, "monitors and linear probe of a run's checkpoint" },
    { "table", command_table, "rows beside the paper's numbers, and each claim's verdict" },
    { "report", command_report, "all tables of a scale on one page, the claims first" },
    { "list", command_list, "the tables of the paper that there are" },
    { "plan", command_plan, "what an experiment would cost on this machine" },
    { "decide", command_decide, "further seeds where they can still decide a claim, within a budget of time" },
    { "pool", command_pool, "take over runs that were finished elsewhere, verified" },
    { "check", command_check, "has a run collapsed; and is the rule that says so still right" },
    { "export", command_export, "a run's weights for other programs: .safetensors, detectron2" },
    { "config", command_config, "a row's resolved settings and their hash; all keys" },
    { "data", command_data, "verify, decode or look at a data set" },
    { "info", command_info, "the machine, the libraries, the build" },
    { "bench", command_bench, "time of a step and the share of each op" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fprintf(out, "usage: simsiam COMMAND [options]      (simsiam COMMAND --help)\n\n"
                 "The ablations of SimSiam (Chen & He, 2021), each with a verdict.\n\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].sentence);
    fprintf(out, "\nexit: 0 done, 1 the world failed, 2 wrong command, config or data, 3 a claim fails (table\n"
                 "      --require, check --experiment) or a rerun differs (table --against), 4 collapsed (check,\n"
                 "      run --stop-on-collapse), 5 diverged, 75 stopped after a checkpoint: run it again and it\n"
                 "      goes on\n");
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
        printf("simsiam %s\n", BUILD_VERSION);
        return finish(0);
    }
    const char *names[COMMANDS + 1] = { NULL };
    for (int i = 0; i < COMMANDS; i++) {
        if (!strcmp(argv[1], commands[i].name)) return finish(commands[i].run(argc - 1, argv + 1));
        names[i] = commands[i].name;
    }
    const char *near = config_nearest(argv[1], names);
    if (near) die_user("no command `%s`; did you mean `%s`?", argv[1], near);
    die_user("no command `%s`; see simsiam --help", argv[1]);
}
