/* SPDX-License-Identifier: MIT
 *
 * mpi.c -- the processes of many machines (comm.h).  MPI moves bytes; what is added is added here, in
 * the order of the tree, for MPI promises none.
 *
 * Recursive halving, nearest rank first, then doubling: at distance d, a rank gives one half of what it
 * has to its neighbour, takes the other, and adds.  That is the tree, with the bytes of an ordinary
 * all-reduce.
 */
#include "../comm.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "../base.h"

/* Bytes of a call that are moved at a time, at most. */
enum { PIECE = 1 << 22 };
/* Up to so many, whole vectors go: half the messages. */
enum { FEW = 1 << 15 };

/* What a rank tells another for which it has waited long. */
struct note { uint64_t call; long calls; };
enum { NOTE_TAG = 0, CALL_TAG = 1 };

/* What this process knows; the one place where it is. */
static struct {
    bool open, closed;
    int rank, size, node_rank, node_size, sharing;
    double patience;
    const char *what;              /* comm_at() */
    long number;
    uint64_t call;                 /* the one under way */
    long calls;
    int voice, stderr_kept;        /* of a rank that does not speak: where it writes, and where it would */
    void *room[2];                 /* host memory for pieces */
    size_t room_bytes[2];
    struct comm_times times;
} mpi = { .size = 1, .node_size = 1, .sharing = 1, .voice = -1, .stderr_kept = -1 };

/* ---- who is here ----------------------------------------------------------------------------- */

int comm_rank(void)
{
    return mpi.rank;
}

int comm_size(void)
{
    return mpi.size;
}

int comm_node_rank(void)
{
    return mpi.node_rank;
}

int comm_node_size(void)
{
    return mpi.node_size;
}

int comm_threads(void)
{
    return threads_share(mpi.sharing);
}

bool comm_is_recordable(void)
{
    return mpi.size == 1;
}

void comm_patience(double seconds)
{
    mpi.patience = seconds;
}

void comm_at(const char *what, long number)
{
    mpi.what = what;
    mpi.number = number;
}

void comm_times(struct comm_times *t)
{
    *t = mpi.times;
    mpi.times = (struct comm_times){ 0, 0, 0 };
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Nobody knows of another's mistake.  So one that is not rank 0 waits for a moment, in which rank 0
 * ends it if it makes the same. */
static void others_first(void)
{
    if (mpi.rank) nanosleep(&(struct timespec){ .tv_nsec = 400000000 + 4000000 * mpi.rank }, NULL);
}

static bool mpi_speaks(void)
{
    if (!mpi.closed) others_first();
    return true;
}

static void voice_raise(void)
{
    if (mpi.stderr_kept >= 0) voice_tell(mpi.voice, mpi.stderr_kept);
}

void comm_abort(int status)
{
    if (!mpi.open || mpi.closed) exit(status);
    voice_raise();
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, status);
    _exit(status);
}

/* ---- before MPI is asked --------------------------------------------------------------------- */

/* A command is read, and may be wrong, before comm_open(): by each process, and one should say it. */
static int rank_announced(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const text = getenv(names[i]);
        if (text) return atoi(text);
    }
    return 0;
}

/* A process that never came to comm_open() has its own mistake, unless rank 0 ends it first. */
static void unopened_end(int status, void *none)
{
    (void)none;
    if (mpi.open || !status) return;
    mpi.rank = rank_announced();
    others_first();
    voice_raise();
}

static void rank_lower(void)
{
    mpi.voice = voice_open();
    mpi.stderr_kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    voice_lower(mpi.voice);
}

__attribute__((constructor))
static void announced_lower(void)
{
    if (rank_announced() <= 0 || on_exit(unopened_end, NULL)) return;
    rank_lower();
}

/* ---- moving ---------------------------------------------------------------------------------- */

static void place_text(char text[96], long calls)
{
    const int n = snprintf(text, 96, ", call %ld", calls);
    if (mpi.what) snprintf(text + n, 96 - (size_t)n, ", %.40s %ld", mpi.what, mpi.number);
}

static void mpi_check(int error, const char *what)
{
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    if (error == MPI_SUCCESS) return;
    MPI_Error_string(error, text, &length);
    die("%s: %s (is the network in order?)", what, text);
}

/* Both sides of a call have its tag; those of other calls do not fit, and are waited for in vain. */
static int tag_of(uint64_t call)
{
    const uint64_t folded = call ^ call >> 15 ^ call >> 30 ^ call >> 45;
    return CALL_TAG + (int)((folded ^ (uint64_t)mpi.calls * 2654435761u) % 32000);
}

/* Tells the awaited rank where this one is, once a call, and reads what others say of themselves.  One
 * that is in another call by the same number has made a mistake. */
static void notes_exchange(int awaited, bool first)
{
    static struct note given;
    static MPI_Request sent = MPI_REQUEST_NULL;
    int done = 1;
    if (sent != MPI_REQUEST_NULL) mpi_check(MPI_Test(&sent, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (first && done) {
        given = (struct note){ mpi.call, mpi.calls };
        mpi_check(MPI_Isend(&given, sizeof given, MPI_BYTE, awaited, NOTE_TAG, MPI_COMM_WORLD, &sent),
                  "MPI_Isend");
    }
    MPI_Status from;
    int there = 0;
    mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, NOTE_TAG, MPI_COMM_WORLD, &there, &from), "MPI_Iprobe");
    if (!there) return;
    struct note note;
    mpi_check(MPI_Recv(&note, sizeof note, MPI_BYTE, from.MPI_SOURCE, NOTE_TAG, MPI_COMM_WORLD, &from),
              "MPI_Recv");
    if (note.calls != mpi.calls || note.call == mpi.call) return;
    char a[CALL_TEXT], b[CALL_TEXT], place[96];
    call_text(a, mpi.call);
    call_text(b, note.call);
    place_text(place, mpi.calls);
    die("rank %d makes %s where rank %d makes %s%s: all must make the same calls, a mistake in this program",
        mpi.rank, a, from.MPI_SOURCE, b, place);
}

static void waited_in_vain(int awaited, double seconds)
{
    char call[CALL_TEXT], place[96];
    call_text(call, mpi.call);
    place_text(place, mpi.calls);
    die("rank %d waited %.3g s in %s%s for rank %d, which has stopped, died or works: all end; the same command "
        "goes on from the last checkpoint", mpi.rank, seconds, call, place, awaited);
}

/* Until all of n are done.  Time in which this process was stopped itself is no waiting. */
static void requests_wait(MPI_Request *request, int n, int awaited)
{
    enum { EAGER = 256 };
    const double most = 0.25, spins = 0.002, silent = 0.3;
    const double start = clock_seconds();
    double waited = 0, last = start;
    bool noted = false;
    for (long polls = 0;; polls++) {
        int done;
        mpi_check(MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
        if (done) break;
        if (polls < EAGER) continue;
        const double now = clock_seconds();
        waited += fmin(now - last, most);
        last = now;
        if (waited < spins)
            sched_yield();
        else
            nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
        if (waited > silent) {
            notes_exchange(awaited, !noted);
            noted = true;
        }
        if (waited > mpi.patience) waited_in_vain(awaited, waited);
    }
    mpi.times.waited += clock_seconds() - start;
}

/* Gives and takes at once; nothing goes where there are no bytes. */
static void exchange(const void *give, size_t n_give, void *take, size_t n_take, int other)
{
    MPI_Request request[2];
    int n = 0;
    const int tag = tag_of(mpi.call);
    if (take)
        mpi_check(MPI_Irecv(take, (int)n_take, MPI_BYTE, other, tag, MPI_COMM_WORLD, &request[n++]), "MPI_Irecv");
    if (give)
        mpi_check(MPI_Isend(give, (int)n_give, MPI_BYTE, other, tag, MPI_COMM_WORLD, &request[n++]), "MPI_Isend");
    requests_wait(request, n, other);
}

/* ---- a call ---------------------------------------------------------------------------------- */

static double call_begin(enum call call, size_t bytes)
{
    mpi.call = call_pack(call, bytes);
    mpi.calls++;
    mpi.times.calls++;
    return clock_seconds() - mpi.times.waited;
}

static void call_end(double began)
{
    mpi.times.moved += clock_seconds() - mpi.times.waited - began;
}

static void *room(int which, size_t bytes)
{
    if (bytes > mpi.room_bytes[which]) {
        free(mpi.room[which]);
        mpi.room[which] = host_alloc(bytes, 1);
        mpi.room_bytes[which] = bytes;
    }
    return mpi.room[which];
}

static size_t piece_of(size_t bytes, size_t done)
{
    return bytes - done < PIECE ? bytes - done : PIECE;
}

static void join_bits(void *to, const void *a, const void *b, size_t n)
{
    for (size_t i = 0; i < n; i++) ((int *)to)[i] = ((const int *)a)[i] | ((const int *)b)[i];
}

/* y = the lower rank's and the higher rank's, in this order on both. */
static void join_ordered(char *y, const char *theirs, size_t bytes, size_t width, join_fn *join, int d)
{
    if (mpi.rank & d)
        join(y, theirs, y, bytes / width);
    else
        join(y, y, theirs, bytes / width);
}

static void join_few(char *x, size_t bytes, size_t width, join_fn *join)
{
    char *const theirs = room(1, bytes ? bytes : 1);
    for (int d = 1; d < mpi.size; d *= 2) {
        exchange(x, bytes, theirs, bytes, mpi.rank ^ d);
        join_ordered(x, theirs, bytes, width, join, d);
    }
}

static void join_many(char *x, size_t bytes, size_t width, join_fn *join)
{
    char *const theirs = room(1, bytes);
    struct { size_t from, bytes; } had[32];
    size_t from = 0, n = bytes;
    int k = 0;
    for (int d = 1; d < mpi.size; d *= 2, k++) {
        had[k].from = from;
        had[k].bytes = n;
        const size_t low = n / width / 2 * width, keep = mpi.rank & d ? from + low : from;
        const size_t give = mpi.rank & d ? from : from + low, kept = mpi.rank & d ? n - low : low;
        exchange(x + give, n - kept, theirs, kept, mpi.rank ^ d);
        join_ordered(x + keep, theirs, kept, width, join, d);
        from = keep;
        n = kept;
    }
    for (int d = mpi.size / 2; d >= 1; d /= 2) {
        k--;
        const size_t other = mpi.rank & d ? had[k].from : had[k].from + n;
        exchange(x + from, n, x + other, had[k].bytes - n, mpi.rank ^ d);
        from = had[k].from;
        n = had[k].bytes;
    }
}

void join_all(void *x, size_t n, size_t width, enum call kind, join_fn *join)
{
    if (mpi.size == 1) return;
    const size_t bytes = n * width;
    const double began = call_begin(kind, bytes);
    size_t piece, done = 0;
    do {
        piece = piece_of(bytes, done);
        char *const host = room(0, piece ? piece : 1);
        mem_download(host, (char *)x + done, piece);
        if (piece <= FEW)
            join_few(host, piece, width, join);
        else
            join_many(host, piece, width, join);
        mem_upload((char *)x + done, host, piece);
    } while ((done += piece) < bytes);
    call_end(began);
}

int comm_agree(int bits)
{
    if (stop_signalled()) bits |= AGREE_STOP;
    if (mpi.size == 1) return bits;
    const double began = call_begin(CALL_AGREE, 0);
    join_few((char *)&bits, sizeof bits, sizeof bits, join_bits);
    if (bits & AGREE_STOP) stop_agree();
    call_end(began);
    return bits;
}

void comm_barrier(void)
{
    if (mpi.size == 1) return;
    const double began = call_begin(CALL_BARRIER, 0);
    int nothing = 0;
    join_few((char *)&nothing, sizeof nothing, sizeof nothing, join_bits);
    call_end(began);
}

/* From those who have it to those at distance d. */
void comm_broadcast(void *host, size_t bytes)
{
    if (mpi.size == 1) return;
    const double began = call_begin(CALL_BROADCAST, bytes);
    size_t piece, done = 0;
    do {
        piece = piece_of(bytes, done);
        char *const at = (char *)host + done;
        for (int d = mpi.size / 2; d >= 1; d /= 2) {
            if (mpi.rank % d) continue;
            if (mpi.rank & d)
                exchange(NULL, 0, at, piece, mpi.rank ^ d);
            else
                exchange(at, piece, NULL, 0, mpi.rank ^ d);
        }
    } while ((done += piece) < bytes);
    call_end(began);
}

void comm_gather(void *all, const void *own, size_t bytes)
{
    if (mpi.size == 1) {
        if (all != own) memmove(all, own, bytes);
        return;
    }
    const double began = call_begin(CALL_GATHER, bytes);
    size_t piece, done = 0;
    do {
        piece = piece_of(bytes, done);
        if (mpi.rank) exchange((const char *)own + done, piece, NULL, 0, 0);
        for (int r = 1; !mpi.rank && r < mpi.size; r++)
            exchange(NULL, 0, (char *)all + (size_t)r * bytes + done, piece, r);
        if (!mpi.rank) memmove((char *)all + done, (const char *)own + done, piece);
    } while ((done += piece) < bytes);
    call_end(began);
}

void comm_all_gather(void *all, const void *own, size_t bytes)
{
    if (mpi.size == 1) {
        if (all != own) mem_copy(all, own, bytes);
        return;
    }
    const double began = call_begin(CALL_ALL_GATHER, bytes);
    const size_t most = PIECE / (size_t)mpi.size;      /* of a rank: together they are one piece */
    size_t piece, done = 0;
    do {
        piece = bytes - done < most ? bytes - done : most;
        char *const host = room(0, piece ? piece * (size_t)mpi.size : 1);
        mem_download(host + (size_t)mpi.rank * piece, (const char *)own + done, piece);
        for (int d = 1; d < mpi.size; d *= 2) {
            const size_t have = (size_t)(mpi.rank & -d) * piece, want = (size_t)((mpi.rank ^ d) & -d) * piece;
            exchange(host + have, piece * (size_t)d, host + want, piece * (size_t)d, mpi.rank ^ d);
        }
        for (size_t r = 0; r < (size_t)mpi.size; r++)
            mem_upload((char *)all + r * bytes + done, host + r * piece, piece);
    } while ((done += piece) < bytes);
    call_end(began);
}

/* ---- the start, and its counterpart ---------------------------------------------------------- */

/* How many ranks of this node have the cores that this one has. */
static int sharing_count(MPI_Comm node)
{
    cpu_set_t *const all = host_alloc((size_t)mpi.node_size, sizeof *all), own;
    int n = 0;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own)) die("cannot ask for the cores: %s", strerror(errno));
    mpi_check(MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, node), "MPI_Allgather");
    for (int r = 0; r < mpi.node_size; r++) n += CPU_EQUAL(&all[r], &own) != 0;
    free(all);
    return n;
}

void comm_open(int *argc, char ***argv, int ranks, double patience)
{
    int level;
    mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
    mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &mpi.rank), "MPI_Comm_rank");
    mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &mpi.size), "MPI_Comm_size");
    mpi.patience = patience > 0 ? patience : 300;
    mpi.open = true;
    if (mpi.rank && mpi.voice < 0) rank_lower();
    die_together(mpi_speaks, comm_abort);
    if (level < MPI_THREAD_FUNNELED) die("this MPI allows no thread beside its own (take another, as Open MPI)");
    if (mpi.size > COMM_RANKS_MAX || (mpi.size & (mpi.size - 1)))
        die_user("%d processes: take a power of two, to %d", mpi.size, COMM_RANKS_MAX);
    if (ranks > 1 && ranks != mpi.size)
        die_user("%d processes where %d were asked for (mpirun -n %d)", mpi.size, ranks, ranks);
    MPI_Comm node;
    mpi_check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, mpi.rank, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    mpi_check(MPI_Comm_rank(node, &mpi.node_rank), "MPI_Comm_rank");
    mpi_check(MPI_Comm_size(node, &mpi.node_size), "MPI_Comm_size");
    mpi.sharing = sharing_count(node);
    mpi_check(MPI_Comm_free(&node), "MPI_Comm_free");
    if (mpi.size > 1) stop_share();
}

void comm_close(void)
{
    if (mpi.size > 1) {
        call_begin(CALL_CLOSE, 0);
        int nothing = 0;
        join_few((char *)&nothing, sizeof nothing, sizeof nothing, join_bits);
    }
    for (int i = 0; i < 2; i++) {
        free(mpi.room[i]);
        mpi.room[i] = NULL;
        mpi.room_bytes[i] = 0;
    }
    mpi.closed = true;
    mpi_check(MPI_Finalize(), "MPI_Finalize");
}
