/* SPDX-License-Identifier: MIT
 *
 * sums.c -- what the processes of one machine say to each other, through shared memory (comm.h).
 *
 * All meet once for each piece of a call: each has written its piece into its slot before, and reads
 * the others' after.  Pieces go through two rooms in turn; who comes to the next meeting has read what
 * the one before was for, so that its room may be written again.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "shared.h"
#include "../base.h"
#include "../comm.h"

/* ---- meeting --------------------------------------------------------------------------------- */

/* Wakes up after a moment at the latest: someone may have died. */
static void sleep_while(_Atomic unsigned *word, unsigned value)
{
    const struct timespec moment = { .tv_nsec = 20000000 };
    syscall(SYS_futex, word, FUTEX_WAIT, value, &moment, NULL, 0);
}

static bool has_come(unsigned arrived, unsigned meeting)
{
    return (int)(arrived - meeting) >= 0;      /* they may run over */
}

/* "rank 2 (process 123, stopped)", or "ranks 2, 5 (..)": who has not come. */
static void absent_text(char *text, size_t size, unsigned meeting)
{
    const struct rank_state *const all = local.shared->rank;
    size_t n = 0;
    for (int r = 0; r < local.size && n < size; r++) {
        if (has_come(atomic_load(&all[r].arrived), meeting)) continue;
        char place[96];
        place_text(place, &all[r]);
        n += (size_t)snprintf(text + n, size - n, "%srank %d (process %d, %s after%s)", n ? ", " : "", r,
                              atomic_load(&all[r].pid), atomic_load(&all[r].stopped) ? "stopped" : "at work",
                              place + 1);
    }
}

static void waited_in_vain(unsigned meeting, double seconds)
{
    const struct rank_state *const own = &local.shared->rank[local.rank];
    char who[512] = "", call[CALL_TEXT], place[96];
    absent_text(who, sizeof who, meeting);
    if (!*who) return;                         /* it came in this moment */
    call_text(call, atomic_load(&own->call[meeting & 1]));
    place_text(place, own);
    die("rank %d waited %.3g s in %s%s for %s: all end; the same command goes on from the last checkpoint",
        local.rank, seconds, call, place, who);
}

static void rank_wait(int r, unsigned meeting)
{
    struct rank_state *const other = &local.shared->rank[r];
    unsigned arrived = 0;
    for (int i = 0; i < local.spins; i++)
        if (has_come(atomic_load_explicit(&other->arrived, memory_order_acquire), meeting)) return;
    /* Time in which this process was stopped itself, as at a terminal, is no waiting. */
    const double most = 0.25;
    double waited = 0, last = clock_seconds();
    while (!has_come(arrived = atomic_load(&other->arrived), meeting)) {
        atomic_fetch_add(&other->sleepers, 1);
        sleep_while(&other->arrived, arrived);
        atomic_fetch_sub(&other->sleepers, 1);
        if (has_come(atomic_load(&other->arrived), meeting)) return;
        local_end_with_others();
        const double now = clock_seconds();
        waited += fmin(now - last, most);
        last = now;
        if (waited > local.patience) waited_in_vain(meeting, waited);
    }
}

static void calls_differ(int r, uint64_t theirs, uint64_t ours)
{
    char a[CALL_TEXT], b[CALL_TEXT], place[96];
    call_text(a, ours);
    call_text(b, theirs);
    place_text(place, &local.shared->rank[local.rank]);
    die("rank %d makes %s where rank %d makes %s%s: all must make the same calls, a mistake in this program",
        local.rank, a, r, b, place);
}

/* Comes, and waits for all.  What others wrote before is there after. */
static void meet(uint64_t call)
{
    struct rank_state *const all = local.shared->rank, *const own = &all[local.rank];
    const unsigned meeting = ++local.meetings;
    const double start = clock_seconds();
    atomic_store_explicit(&own->call[meeting & 1], call, memory_order_relaxed);
    atomic_store(&own->arrived, meeting);
    if (atomic_load(&own->sleepers)) syscall(SYS_futex, &own->arrived, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    for (int r = 0; r < local.size; r++) {
        if (r == local.rank) continue;
        rank_wait(r, meeting);
        const uint64_t theirs = atomic_load_explicit(&all[r].call[meeting & 1], memory_order_relaxed);
        if (theirs != call) calls_differ(r, theirs, call);
    }
    local.times.waited += clock_seconds() - start;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static double call_begin(void)
{
    local.times.calls++;
    atomic_fetch_add_explicit(&local.shared->rank[local.rank].calls, 1, memory_order_relaxed);
    local_end_with_others();
    return clock_seconds() - local.times.waited;
}

/* What a network would have taken for the bytes that this rank gives or takes. */
static void network_wait(size_t bytes)
{
    double us = local.delay.rate > 0 ? (double)bytes / local.delay.rate : 0;
    for (int d = 1; d < local.size; d *= 2) us += local.delay.us;
    local.delay.draws = local.delay.draws * 6364136223846793005u + 1442695040888963407u;
    us += local.delay.jitter * (double)(local.delay.draws >> 40) / (1 << 24);
    if (!(us > 0)) return;
    const double end = clock_seconds() + 1e-6 * us;
    if (us > 200)                              /* a sleep is late by some 60 us; the rest is looked for */
        nanosleep(&(struct timespec){ (time_t)(1e-6 * (us - 100)), (long)(1e3 * fmod(us - 100, 1e6)) }, NULL);
    while (clock_seconds() < end) {}
}

static void call_end(double began, size_t bytes)
{
    network_wait(bytes);
    local.times.moved += clock_seconds() - local.times.waited - began;
}

static char *room_of(int r)
{
    return local.slot + ((size_t)r * ROOMS + (size_t)local.room) * PIECE;
}

static size_t piece_of(size_t bytes, size_t done)
{
    return bytes - done < PIECE ? bytes - done : PIECE;
}

int comm_agree(int bits)
{
    if (stop_signalled()) bits |= AGREE_STOP;
    if (local.size == 1) return bits;
    if (atomic_load_explicit(&local.shared->signalled, memory_order_relaxed)) bits |= AGREE_STOP;
    const double began = call_begin();
    struct rank_state *const all = local.shared->rank;
    const unsigned half = (local.meetings + 1) & 1;
    all[local.rank].bits[half] = bits;
    meet(call_pack(CALL_AGREE, 0));
    for (int r = 0; r < local.size; r++) bits |= all[r].bits[half];
    if (bits & AGREE_STOP) stop_agree();
    call_end(began, sizeof bits);
    return bits;
}

void comm_barrier(void)
{
    if (local.size == 1) return;
    const double began = call_begin();
    meet(call_pack(CALL_BARRIER, 0));
    call_end(began, 0);
}

void comm_close(void)
{
    if (local.size == 1) return;
    call_begin();
    meet(call_pack(CALL_CLOSE, 0));
    atomic_store(&local.shared->rank[local.rank].closed, true);
}

void comm_broadcast(void *host, size_t bytes)
{
    if (local.size == 1) return;
    const double began = call_begin();
    const uint64_t call = call_pack(CALL_BROADCAST, bytes);
    size_t n, done = 0;
    do {
        n = piece_of(bytes, done);
        local.room ^= 1;
        if (!local.rank) memcpy(room_of(0), (char *)host + done, n);
        meet(call);
        if (local.rank) memcpy((char *)host + done, room_of(0), n);
    } while ((done += n) < bytes);
    call_end(began, bytes);
}

/* `take` reads a piece of each rank's; `give` writes this rank's own. */
typedef void copy_fn(void *to, const void *from, size_t bytes);

static void gather(void *all, const void *own, size_t bytes, enum call kind, copy_fn *give, copy_fn *take)
{
    const double began = call_begin();
    const uint64_t call = call_pack(kind, bytes);
    size_t n, done = 0;
    do {
        n = piece_of(bytes, done);
        local.room ^= 1;
        give(room_of(local.rank), (const char *)own + done, n);
        meet(call);
        for (int r = 0; take && r < local.size; r++) take((char *)all + (size_t)r * bytes + done, room_of(r), n);
    } while ((done += n) < bytes);
    call_end(began, bytes * (size_t)(local.size - 1));
}

static void copy_host(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void comm_gather(void *all, const void *own, size_t bytes)
{
    if (local.size > 1)
        gather(all, own, bytes, CALL_GATHER, copy_host, local.rank ? NULL : copy_host);
    else if (all != own)
        memmove(all, own, bytes);
}

void comm_all_gather(void *all, const void *own, size_t bytes)
{
    if (local.size > 1)
        gather(all, own, bytes, CALL_ALL_GATHER, mem_download, mem_upload);
    else if (all != own)
        mem_copy(all, own, bytes);
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Few numbers: each rank adds all of them, after one meeting.  The first level of the tree goes from
 * the slots, which others read as well, into memory of this rank's own. */
enum { FEW = 1 << 12 };

static void join_few(char *x, size_t bytes, size_t width, join_fn *join, uint64_t call)
{
    static _Alignas(64) char own[COMM_RANKS_MAX / 2][FEW];
    local.room ^= 1;
    mem_download(room_of(local.rank), x, bytes);
    meet(call);
    for (int r = 0; r < local.size; r += 2) join(own[r / 2], room_of(r), room_of(r + 1), bytes / width);
    for (int d = 1; d < local.size / 2; d *= 2)
        for (int r = 0; r < local.size / 2; r += 2 * d) join(own[r], own[r], own[r + d], bytes / width);
    mem_upload(x, own[0], bytes);
}

/* Many: each rank adds its part of a piece of all ranks, in place, and takes the whole after a second
 * meeting. */
static void join_many(char *x, size_t bytes, size_t width, join_fn *join, uint64_t call)
{
    size_t n;
    for (size_t done = 0; done < bytes; done += n) {
        n = piece_of(bytes, done);
        local.room ^= 1;
        mem_download(room_of(local.rank), x + done, n);
        meet(call);
        const size_t line = 64, lines = (n + line - 1) / line, size = (size_t)local.size;
        const size_t from = lines * (size_t)local.rank / size * line;
        const size_t end = lines * (size_t)(local.rank + 1) / size * line, to = end < n ? end : n;
        for (int d = 1; d < local.size && from < to; d *= 2)
            for (int r = 0; r < local.size; r += 2 * d)
                join(room_of(r) + from, room_of(r) + from, room_of(r + d) + from, (to - from) / width);
        meet(call);
        mem_upload(x + done, room_of(0), n);
    }
}

void join_all(void *x, size_t n, size_t width, enum call kind, join_fn *join)
{
    if (local.size == 1) return;
    const double began = call_begin();
    const size_t bytes = n * width;
    const uint64_t call = call_pack(kind, bytes);
    if (bytes <= FEW)
        join_few(x, bytes, width, join, call);
    else
        join_many(x, bytes, width, join, call);
    call_end(began, 2 * bytes / (size_t)local.size * (size_t)(local.size - 1));
}
