/* SPDX-License-Identifier: MIT
 *
 * options.c -- GNU long options from one table per sub-command (options.h), by getopt_long.
 *
 * getopt_long finds the options, wherever they stand among the operands and however they are
 * shortened; its messages are ours, because they shall name the nearest option and the help.
 */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/base.h"
#include "../../engine/config.h"

int finish(int status)
{
    if (fflush(stdout) || ferror(stdout)) die("cannot write all of the output (is the disk full?)");
    return status;
}

enum { OPTIONS_MAX = 40, FIRST_VALUE = 256 };    /* values from 256 on cannot be mistaken for a
                                                    short option */

char *option_default(const struct option_row *r)
{
    const char *const text = r->type == OPTION_TEXT ? *(const char *const *)r->target : NULL;
    if (r->type == OPTION_INT) return text_format(" (default %d)", *(const int *)r->target);
    if (r->type == OPTION_FLOAT) return text_format(" (default %g)", *(const double *)r->target);
    return text ? text_format(" (default %s)", text) : text_format("%s", "");
}

static void help_print(const char *usage, const char *sentence, const struct option_row *rows)
{
    printf("usage: simsiam %s\n\n%s\n\noptions:\n", usage, sentence);
    for (const struct option_row *r = rows; r->name; r++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", r->name, r->argument ? " " : "",
                 r->argument ? r->argument : "");
        char *const preset = option_default(r);
        printf("  %-24s %s%s\n", left, r->sentence, preset);
        free(preset);
    }
    printf("  %-24s %s\n", "--help", "print this and exit");
}

/* `word` is what follows "--": unknown, or short for several. */
static _Noreturn void unknown_die(const char *command, const char *word,
                                  const struct option_row *rows)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *names[OPTIONS_MAX + 2], *meant[2] = { NULL, NULL };
    int n = 0, matches = 0;
    for (; rows[n].name; n++) names[n] = rows[n].name;
    names[n++] = "help";
    names[n] = NULL;
    for (int i = 0; i < n; i++)
        if (strncmp(names[i], name, strlen(name)) == 0 && matches++ < 2)
            meant[matches - 1] = names[i];
    if (matches > 1) {
        die_user("%s: --%s is short for --%s and --%s alike (try \"simsiam %s --help\")", command,
                 name, meant[0], meant[1], command);
    }
    const char *nearest = config_nearest(name, names);
    if (nearest) {
        die_user("%s: unknown option --%s; the nearest is --%s (try \"simsiam %s --help\")",
                 command, name, nearest, command);
    }
    die_user("%s: unknown option --%s (try \"simsiam %s --help\")", command, name, command);
}

static void value_store(const char *command, const struct option_row *r, const char *text)
{
    if (r->type == OPTION_FLAG) {
        *(bool *)r->target = true;
    } else if (r->type == OPTION_TEXT) {
        *(const char **)r->target = text;
    } else if (r->type == OPTION_INT) {
        char *end;
        errno = 0;
        const long value = strtol(text, &end, 10);
        if (end == text || *end || errno || value < INT_MIN || value > INT_MAX)
            die_user("%s: --%s \"%s\" is not a whole number", command, r->name, text);
        *(int *)r->target = (int)value;
    } else if (!config_number(text, r->target)) {
        die_user("%s: --%s \"%s\" is not a finite number", command, r->name, text);
    }
}

/* What getopt_long could not take: '?' or ':' with its `optopt` and `optind`. */
static _Noreturn void wrong_die(int found, char **argv, const struct option_row *rows)
{
    const char *command = argv[0];
    if (optopt == 0) unknown_die(command, argv[optind - 1] + 2, rows);
    if (optopt < FIRST_VALUE) {
        die_user("%s: unknown option -%c; options have long names (try \"simsiam %s --help\")",
                 command, optopt, command);
    }
    const struct option_row *r = &rows[optopt - FIRST_VALUE];
    if (found == ':')
        die_user("%s: --%s wants %s (%s)", command, r->name, r->argument, r->sentence);
    die_user("%s: --%s takes no value", command, r->name ? r->name : "help");
}

/* Who reads a command's page at the moment: nobody, but within options_read(). */
static struct { jmp_buf back; option_reader *read; void *to; } reader;

void options_read(int (*command)(int, char **), option_reader *read, void *to)
{
    reader.read = read;
    reader.to = to;
    if (!setjmp(reader.back)) command(0, (char *[]){ NULL });
    reader.read = NULL;
}

int options_parse(int argc, char **argv, const char *usage, const char *sentence,
                  const struct option_row *rows, int operands_min, int operands_max)
{
    if (reader.read) {
        reader.read(reader.to, &(struct option_page){ usage, sentence, rows });
        longjmp(reader.back, 1);
    }
    struct option table[OPTIONS_MAX + 2] = { 0 };
    int n = 0;
    for (; rows[n].name; n++) {
        assert(n < OPTIONS_MAX && (rows[n].type == OPTION_FLAG) == !rows[n].argument);
        table[n] = (struct option){ .name = rows[n].name, .val = FIRST_VALUE + n,
                                    .has_arg = rows[n].argument ? required_argument : no_argument };
    }
    table[n] = (struct option){ .name = "help", .val = FIRST_VALUE + n, .has_arg = no_argument };

    optind = 0;                    /* glibc: start afresh; a process may parse more than once */
    int found;
    while ((found = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (found == '?' || found == ':') wrong_die(found, argv, rows);
        if (found == FIRST_VALUE + n) {
            help_print(usage, sentence, rows);
            exit(finish(0));
        }
        value_store(argv[0], &rows[found - FIRST_VALUE], optarg);
    }
    /* getopt_long has moved the operands behind the options. */
    const int operands = argc - optind;
    if (operands < operands_min) {
        die_user("%s: %d operand%s given, at least %d wanted; usage: simsiam %s", argv[0], operands,
                 operands == 1 ? "" : "s", operands_min, usage);
    }
    if (operands > operands_max) {
        die_user("%s: \"%s\" is one operand too many; usage: simsiam %s", argv[0],
                 argv[optind + operands_max], usage);
    }
    memmove(argv + 1, argv + optind, (size_t)operands * sizeof *argv);
    return operands;
}

void threads_check(int threads)
{
    enum { THREADS_MAX = 1024 };
    if (threads < 0 || threads > THREADS_MAX)
        die_user("--threads %d: 0 (all cores) to %d", threads, THREADS_MAX);
}

int seeds_parse(int seeds[SEEDS_MAX], const char *text)
{
    int n = 0;
    for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        const int length = (int)strcspn(at, " ,");
        char *end;
        errno = 0;
        const long value = strtol(at, &end, 10);
        /* Plain digits: 010 is 8 to some readers. */
        if (*at < '1' || *at > '9' || end != at + length || errno || value > INT_MAX)
            die_user("seed \"%.*s\" is not a whole number from 1 to %d, in plain digits", length,
                     at, INT_MAX);
        for (int i = 0; i < n; i++)
            if (seeds[i] == value) die_user("seed %ld is given twice", value);
        if (n == SEEDS_MAX) die_user("more than %d seeds", SEEDS_MAX);
        seeds[n++] = (int)value;
        at = end;
    }
    if (n == 0) die_user("no seed given (try --seeds \"1 2 3\")");
    return n;
}
