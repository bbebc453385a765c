/* SPDX-License-Identifier: MIT
 *
 * cmd_config.c -- `simsiam config`: what a row's settings come to, and their hash.
 */
#include "commands.h"

#include <stdlib.h>

#include "options.h"
#include "../methods/method.h"
#include "../suite/experiment.h"

static void row_print(const struct experiment *e, int i)
{
    if (*e->row[i].not_run) {
        printf("# %s, row %s, scale %s: not run: %s\n", e->name, e->row[i].name, e->scale,
               e->row[i].not_run);
        return;
    }
    char hash[HASH_TEXT];
    settings_hash(hash, &e->row[i].settings);
    char *text = settings_print(&e->row[i].settings);
    printf("# %s, row %s, scale %s\n# hash: %s\n%s", e->name, e->row[i].name, e->scale, hash, text);
    free(text);
}

static void keys_print(void)
{
    config_help(stdout, settings_keys);
    for (int m = 0; methods[m].name; m++) {
        if (!settings_own_keys(m)) continue;
        printf("\nwith method: %s, also\n", methods[m].name);
        config_help(stdout, settings_own_keys(m));
    }
}

int command_config(int argc, char **argv)
{
    const char *row = NULL, *scale = "quick";
    bool keys = false;
    const struct option_row rows[] = {
        { "row", OPTION_TEXT, &row, "ROW",
          "this row alone; without it all rows, as YAML documents" },
        { "scale", OPTION_TEXT, &scale, "SCALE", "the sizes: a file of scale/ beside FILE" },
        { "keys", OPTION_FLAG, &keys, NULL, "list every key with its range, and exit" },
        { .name = NULL }
    };
    const int operands = options_parse(argc, argv, "config FILE [options] | config --keys",
                                       "Prints the resolved settings of an experiment's rows.",
                                       rows, 0, 1);
    if (keys == (operands == 1))
        die_user("config wants either one FILE or --keys (try \"simsiam config --help\")");
    if (keys) {
        keys_print();
    } else {
        struct experiment *e = host_alloc(1, sizeof *e);
        experiment_load(e, argv[1], scale);
        const int one = row ? experiment_row(e, row) : -1;
        for (int i = 0; i < e->n_rows; i++) {
            if (one >= 0 && i != one) continue;
            if (one < 0 && i) puts("---");
            row_print(e, i);
        }
        free(e);
    }
    return 0;
}
