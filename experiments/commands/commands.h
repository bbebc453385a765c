/* SPDX-License-Identifier: MIT
 *
 * commands.h -- the sub-commands of `simsiam`, each in cmd_NAME.c; each returns the exit status
 * (base.h).
 */
#pragma once

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
