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
#include "../suite/installed.h"
#include "../../engine/ops.h"
#include "build_info.h"

/* No device is asked for: whoever reports what he has may have none. */
void version_print(FILE *out)
{
    struct machine_info m;
    machine_describe(&m);
    fprintf(out, "simsiam %s\n%-10s %s\n%-10s %s\n%-10s %s\n", BUILD_VERSION, "commit", BUILD_COMMIT, "code",
            code_hash_of(0), "compiler", BUILD_COMPILER);
    say(out, "%-10s %s%s%s\n", "machine", m.machine, *m.device ? ", " : "", m.device);
}

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
    say(stdout, "%-10s %s\n", "configs", configs_folder());
    return 0;
}
