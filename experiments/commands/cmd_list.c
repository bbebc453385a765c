/* SPDX-License-Identifier: MIT
 *
 * cmd_list.c -- `simsiam list`: the tables of the paper that there are, from their own files.
 */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "../suite/heading.h"
#include "../suite/installed.h"

enum column { TARGETS, FILES, NAMES, COLUMNS };
static const char *const column_names[] = { "targets", "files", "names", NULL };

static void heading_print(const struct heading *h, const char *configs, enum column only)
{
    char *const path = text_format("%s/%s.yaml", configs, h->name);
    if (only == TARGETS) puts(h->target);
    else if (only == FILES) puts(path);
    else if (only == NAMES) puts(h->name);
    else say(stdout, "%-12s %-32s %2d  %s (%s)\n", h->target, path, h->order, h->title, h->cost);
    free(path);
}

/* The table of a target; exits 2, naming the nearest, without one. */
static const struct heading *heading_of(const struct headings *list, const char *target,
                                        const char *configs)
{
    const char **const names = host_alloc((size_t)list->n + 1, sizeof *names);
    for (int i = 0; i < list->n; i++) {
        names[i] = list->v[i].target;
        if (!strcmp(names[i], target)) {
            free(names);
            return &list->v[i];
        }
    }
    const char *const near = config_nearest(target, names);
    if (near) die_user("no table `%s`; did you mean `%s`?", target, near);
    die_user("no table `%s` in %s; see simsiam list", target, configs);
}

static enum column column_of(const char *name)
{
    for (int c = 0; c < COLUMNS; c++)
        if (!strcmp(column_names[c], name)) return (enum column)c;
    const char *const near = config_nearest(name, column_names);
    if (near) die_user("--only %s: did you mean %s?", name, near);
    die_user("--only %s: targets, files or names", name);
}

int command_list(int argc, char **argv)
{
    const char *configs = NULL, *only = NULL;
    bool paper = false;
    const struct option_row rows[] = {
        { "configs", OPTION_TEXT, &configs, "DIR", CONFIGS_SENTENCE },
        { "paper", OPTION_FLAG, &paper, NULL,
          "by `order`, the paper's and the report's; without it by `turn`, that of `make tables`" },
        { "only", OPTION_TEXT, &only, "targets|files|names", "one word a line" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    const int n = options_parse(argc, argv, "list [TARGET] [options]",
                                "The tables of the paper, a line each: what make calls it "
                                "(table-TARGET), its file, its place in the paper, its title and "
                                "what it costs.", rows, 0, 1);
    if (!configs) configs = configs_folder();
    const enum column column = only ? column_of(only) : COLUMNS;
    struct headings list;
    headings_open(&list, configs, paper ? HEADINGS_BY_ORDER : HEADINGS_BY_TURN);
    if (n) heading_print(heading_of(&list, argv[1], configs), configs, column);
    else for (int i = 0; i < list.n; i++) heading_print(&list.v[i], configs, column);
    free(list.v);
    return 0;
}
