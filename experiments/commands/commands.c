/* SPDX-License-Identifier: MIT
 *
 * commands.c -- the sub-commands and what they end with, once: help, manual and completion read it.
 */
#include "commands.h"

#include <string.h>

#include "../../engine/base.h"
#include "../../engine/config.h"

const struct command commands[] = {
    { "run", command_run, "train the rows of an experiment, with monitors and linear probe", NULL },
    { "eval", command_eval, "monitors and linear probe of a run's checkpoint", NULL },
    { "table", command_table, "rows beside the paper's numbers, and each claim's verdict", NULL },
    { "report", command_report, "all tables of a scale on one page, the claims first", NULL },
    { "list", command_list, "the tables of the paper that there are", NULL },
    { "plan", command_plan, "what an experiment would cost on this machine", NULL },
    { "decide", command_decide, "further seeds where they can still decide a claim, within a budget of time",
      NULL },
    { "pool", command_pool, "take over runs that were finished elsewhere, verified", NULL },
    { "check", command_check, "has a run collapsed; and is the rule that says so still right", NULL },
    { "export", command_export, "a run's weights for other programs: .safetensors, detectron2", NULL },
    { "config", command_config, "a row's resolved settings and their hash; all keys", NULL },
    { "data", command_data, "verify, decode or look at a data set", data_actions },
    { "info", command_info, "the machine, the libraries, the build", NULL },
    { "bench", command_bench, "time of a step and the share of each op", NULL },
    { "completion", command_completion, "what bash, zsh or fish completes", NULL },
    { .name = NULL }
};

const struct exit_row exit_rows[] = {
    { 0, "done" },
    { EXIT_WORLD, "the world failed: disk, memory, a missing program; the message says what to do" },
    { EXIT_USER, "the command, a config or the data are wrong" },
    { EXIT_CLAIM, "a claim fails (table --require), a rerun differs (table --against), the rule does not hold "
                  "(check --experiment)" },
    { EXIT_COLLAPSED, "collapsed (run --stop-on-collapse), or a grade that --fail-on names (check)" },
    { EXIT_DIVERGED, "diverged: NaN or infinity" },
    { EXIT_AGAIN, "stopped after a checkpoint: the same command goes on; check: no epoch to judge yet" },
    { .sentence = NULL }
};

int command_dispatch(const struct command *list, const char *what, int argc, char **argv)
{
    enum { LIST_MOST = 32 };
    const char *names[LIST_MOST] = { NULL };
    for (int i = 0; list[i].name; i++) {
        if (!strcmp(argv[1], list[i].name)) return list[i].run(argc - 1, argv + 1);
        names[i] = list[i].name;
    }
    const char *const near = config_nearest(argv[1], names), *const kind = *what ? "action" : "command";
    if (near) die_user("no %s `%s%s`; did you mean `%s%s`?", kind, what, argv[1], what, near);
    die_user("no %s `%s%s`; see simsiam %s--help", kind, what, argv[1], what);
}
