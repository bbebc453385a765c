/* SPDX-License-Identifier: MIT
 *
 * comm.h -- the processes of one run: who is here, sums in one order, and how all end when one does.
 *
 * One library a way, chosen by what a program links: comm/local.c is one process, or several of one
 * machine by fork and shared memory (no MPI); comm/mpi.c is many machines.  The rules:
 *
 *   1. All processes make the same calls with the same sizes in the same order; one that does not is
 *      named, with both calls.  So no clock, signal or file of one process decides anything:
 *      comm_agree() does.
 *   2. A sum is ((x0 + x1) + (x2 + x3)) + ...: the balanced tree over ranks, whose number is a power
 *      of two, for each element alone: cut into as many sums as one likes, the bytes are the same.
 *   3. Calls come from one host thread.  What a machine's ops compute is there before a call reads
 *      it, and what a call wrote before the ops that follow.
 *   4. A wait longer than the patience, a process that died or comm_abort() ends all processes within
 *      a second, and one of them says why: exit 1, naming ranks, call and step.
 *
 * One process, with or without comm_open(), pays nothing: each call returns at once, or copies.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "ops.h"

enum { COMM_RANKS_MAX = 128 };

/* From here on the caller is one of `ranks` processes (local: a power of two, else the command is
 * wrong; the process that called stays behind, watches, passes a first INT, TERM, HUP or USR1 on to
 * comm_agree(), ends all at a second, and exits with their status).  MPI: as many as were started,
 * and `ranks` is 0 or that.  What was written to stdio is flushed first.
 *
 * Before machine_open() and anything else that starts a thread: a process that was forked has none
 * of OpenMP's, and waits for them for ever.  Dies if there are any.
 *
 * patience: seconds that a call waits for the others; 0 is 300.
 *
 * Rank 0 speaks.  What another writes to stdout is dropped; to stderr, it is kept and told only where that rank
 * is the first to end the run: what all should read is gathered, and said by rank 0.
 *
 * COMM_DELAY=US[,MB/S[,JITTER]] in the environment (local) makes a slow network: each call takes US
 * microseconds a doubling of the ranks, its bytes at that rate, and up to JITTER microseconds more. */
void comm_open(int *argc, char ***argv, int ranks, double patience);
/* All come to it; from here on nobody is waited for, and each exits for itself.  The status of the
 * whole is rank 0's, or where that is 0 the first other one. */
void comm_close(void);
/* Ends this process and all others; what die() and die_user() end in when there are several. */
_Noreturn void comm_abort(int status);
/* Another patience from here on, for a part that takes longer: the same on all ranks. */
void comm_patience(double seconds);
/* What the calls that follow are about, for messages: comm_at("step", 12).  `what` is a literal. */
void comm_at(const char *what, long number);

int comm_rank(void);
int comm_size(void);
/* Of those on this computer: which device is this one's; how many share the cores. */
int comm_node_rank(void);
int comm_node_size(void);
/* Threads of a rank where nobody said how many: its cores, shared by those that have the same. */
int comm_threads(void);
/* May machine_record() record these calls? */
bool comm_is_recordable(void);

/* Or-ed over the ranks.  A signal that came to any is AGREE_STOP, and stop_requested() is true on
 * all from then on, not before. */
enum { AGREE_STOP = 1, AGREE_LOOK = 2, AGREE_SAVE = 4 };
int comm_agree(int bits);
/* Agrees, and says whether all are to stop. */
bool comm_stops(void);
void comm_barrier(void);
/* Host memory: rank 0's to all; `bytes` of each to `all` on rank 0, in rank order (NULL elsewhere). */
void comm_broadcast(void *host, size_t bytes);
void comm_gather(void *all, const void *own, size_t bytes);

/* The machine's memory, in place, on every rank.  A maximum is NaN if one is, and 0 is over -0. */
void comm_sum(dev_float *x, size_t n);
void comm_sum_wide(dev_wide *x, size_t n);
void comm_max(dev_float *x, size_t n);
/* The machine's memory: `bytes` of each, in rank order, which is the batch's order. */
void comm_all_gather(void *all, const void *own, size_t bytes);

/* This process's since the last call, to find who is slow: seconds that it waited for others and
 * that it moved and added numbers, and calls. */
struct comm_times { double waited, moved; long calls; };
void comm_times(struct comm_times *t);
