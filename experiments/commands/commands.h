/* SPDX-License-Identifier: MIT
 *
 * commands.h -- the sub-commands of `simsiam`, one file each; each returns the exit status
 * (base.h).
 */
#pragma once

int command_run(int argc, char **argv);        /* run.c: train, monitor, probe */
int command_eval(int argc, char **argv);       /* eval.c: monitors and probe of a checkpoint */
int command_table(int argc, char **argv);      /* table.c: rows beside the paper's, claims with
                                                  verdicts */
int command_report(int argc, char **argv);     /* report.c: all tables of a scale on one page */
int command_list(int argc, char **argv);       /* list.c: which tables there are */
int command_plan(int argc, char **argv);       /* plan.c: what a table would cost here */
int command_check(int argc, char **argv);      /* check.c: has a run collapsed */
int command_config(int argc, char **argv);     /* config.c: a row's resolved config and its hash */
int command_data(int argc, char **argv);       /* data.c: verify, decode, sheets of views */
int command_info(int argc, char **argv);       /* info.c: the machine and the libraries */
int command_bench(int argc, char **argv);      /* bench.c: step time and the share of each op */
