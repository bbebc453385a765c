/* SPDX-License-Identifier: MIT
 *
 * options.h -- GNU long options from one table per sub-command; the same table prints --help, the
 * manual and the completion.
 */
#pragma once
#include <stdbool.h>
#include "../run/record.h"

#define CONFIGS_SENTENCE "where the experiments are; without it configs/, or those installed"

enum option_type { OPTION_FLAG, OPTION_INT, OPTION_FLOAT, OPTION_TEXT };
struct option_row {
    const char *name;              /* without the dashes; NULL ends the table */
    enum option_type type;
    void *target;                /* bool, int, double, const char *; holds the default beforehand */
    const char *argument;        /* shown in the help: "N", "DIR"; NULL for flags */
    const char *sentence;
};

/* Parses argv (argv[0] is the sub-command).  `usage` is what follows the program's name ("table
 * FILE [options]").  --help prints usage, sentence and table to stdout and exits 0; a wrong option
 * exits 2, naming the nearest.  Returns the number of operands, which are argv[1] .. argv[return];
 * more or fewer than the bounds exits 2. */
int options_parse(int argc, char **argv, const char *usage, const char *sentence,
                  const struct option_row *rows, int operands_min, int operands_max);

/* " (default quick)", or "" of an option without one; the caller frees. */
char *option_default(const struct option_row *r);

/* What a command hands to options_parse(), for the manual and the completion. */
struct option_page {
    const char *usage, *sentence;
    const struct option_row *rows;
};
/* Calls `command` until it asks for its options, gives `read` its page, and comes back: nothing is
 * parsed or done. */
typedef void option_reader(void *to, const struct option_page *page);
void options_read(int (*command)(int, char **), option_reader *read, void *to);

/* What a command's end returns: `status`, once all of stdout is written; dies if it cannot be. */
int finish(int status);

/* Threads for a program that may ask for any number: exits 2 unless 0 (all cores) to 1024. */
void threads_check(int threads);

/* "1 2 3" or "1,2,3" into seeds (1..2^31-1); a repeated or wrong one exits 2.  Returns their
 * number. */
int seeds_parse(int seeds[SEEDS_MAX], const char *text);
