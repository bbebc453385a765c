/* SPDX-License-Identifier: MIT
 *
 * options.h -- GNU long options from one table per sub-command; the same table prints --help.
 */
#pragma once
#include <stdbool.h>
#include "../run/record.h"

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

/* What a command's end returns: `status`, once all of stdout is written; dies if it cannot be. */
int finish(int status);

/* Threads for a program that may ask for any number: exits 2 unless 0 (all cores) to 1024. */
void threads_check(int threads);

/* "1 2 3" or "1,2,3" into seeds (1..2^31-1); a repeated or wrong one exits 2.  Returns their
 * number. */
int seeds_parse(int seeds[SEEDS_MAX], const char *text);
