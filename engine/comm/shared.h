/* SPDX-License-Identifier: MIT
 *
 * shared.h -- what the processes of local.c share.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../comm.h"

/* Bytes of each rank that are moved at a time: with others' they stay in the caches.  A slot has two
 * such rooms, used in turn, so that a rank may write one while others still read the other. */
enum { PIECE = 1 << 18, ROOMS = 2 };

/* Of one rank.  `arrived` counts the meetings it has come to; a rank is at most one ahead of another,
 * so that what belongs to a meeting is kept for two. */
struct rank_state {
    _Alignas(128) _Atomic unsigned arrived;
    _Atomic unsigned sleepers;             /* those that sleep until it has come */
    _Atomic uint64_t call[2];              /* call_pack() */
    int bits[2];                           /* of comm_agree() */
    /* For messages. */
    _Atomic long calls, number;
    _Atomic(const char *) what;
    _Atomic int pid;
    atomic_bool stopped, closed;
};

struct shared {
    _Atomic int speaker;                   /* 1 + the rank that says why all end, WATCHER, or 0 */
    _Atomic int ending;                    /* ENDING | the status that all end with, or 0 */
    atomic_bool signalled;                 /* INT, TERM, HUP or USR1 came to who watches */
    struct rank_state rank[COMM_RANKS_MAX];
};
enum { WATCHER = COMM_RANKS_MAX + 1, ENDING = 0x100 };

/* What a process of local.c knows; the one place where it is. */
struct local {
    struct shared *shared;
    char *slot;                            /* [size][ROOMS][PIECE] */
    int rank, size;
    unsigned meetings;
    int room;
    int spins;                             /* looks before a sleep */
    double patience;
    struct { double us, rate, jitter; uint64_t draws; } delay;
    struct comm_times times;
};
extern struct local local;

/* Is it this process that says why all end? */
bool local_speaks(void);
/* Ends by what another has said; does nothing if none has. */
void local_end_with_others(void);
/* ", call 17, step 12" of a rank, into text. */
void place_text(char text[96], const struct rank_state *s);
