/* SPDX-License-Identifier: MIT
 *
 * commands.h -- the sub-commands of `simsiam`, each in cmd_NAME.c; each returns the exit status
 * (base.h).
 */
#pragma once
#include <stdio.h>

int command_run(int argc, char **argv);        /* train, monitor, probe */
int command_eval(int argc, char **argv);       /* monitors and probe of a checkpoint */
int command_table(int argc, char **argv);      /* rows beside the paper's, claims with verdicts */
int command_report(int argc, char **argv);     /* all tables of a scale on one page */
int command_list(int argc, char **argv);       /* which tables there are */
int command_plan(int argc, char **argv);       /* what a table would cost here */
int command_decide(int argc, char **argv);     /* further seeds where they can decide */
int command_pool(int argc, char **argv);       /* runs finished elsewhere count here */
int command_check(int argc, char **argv);      /* has a run collapsed */
int command_export(int argc, char **argv);     /* weights for other programs */
int command_config(int argc, char **argv);     /* a row's resolved config and its hash */
int command_data(int argc, char **argv);       /* verify, decode, sheets of views */
int command_info(int argc, char **argv);       /* the machine and the libraries */
int command_bench(int argc, char **argv);      /* step time and the share of each op */
int command_completion(int argc, char **argv); /* what a shell completes, and the words for it */

/* A command, or an action of one. */
struct command {
    const char *name;
    int (*run)(int, char **);
    const char *sentence;
    const struct command *actions;             /* NULL: it has none */
};
extern const struct command commands[], data_actions[];        /* NULL-named rows at their ends */
/* Runs the one that argv[1] names, of `list`; exits 2, naming the nearest, if there is none.  `what`
 * stands before a name: "", "data ". */
int command_dispatch(const struct command *list, const char *what, int argc, char **argv);

struct exit_row { int status; const char *sentence; };
extern const struct exit_row exit_rows[];      /* NULL-sentenced row at the end */

void manual_print(FILE *out);                  /* simsiam.1, in roff */
void version_print(FILE *out);                 /* version, commit, code, compiler, machine */
