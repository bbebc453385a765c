/* SPDX-License-Identifier: MIT
 *
 * cmd_info.c -- `simsiam info`: what a run's provenance would say here.
 */
#include "commands.h"

#include <stddef.h>

#include "options.h"
#include "../methods/code.h"
#include "../methods/method.h"
#include "../run/provenance.h"
#include "../../engine/ops.h"

int command_info(int argc, char **argv)
{
    int threads = 0;
    const struct option_row rows[] = {
        { "threads", OPTION_INT, &threads, "N", "threads; 0: all cores" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "info [options]", "The machine, the libraries and the build.", rows,
                  0, 0);
    threads_check(threads);
    machine_open(threads);
    for (int m = 0; methods[m].name; m++)
        printf("%-10s %s of %s\n", "code", code_hash_of(m), methods[m].name);
    provenance_print(stdout);
    return 0;
}
