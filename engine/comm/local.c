/* SPDX-License-Identifier: MIT
 *
 * local.c -- the processes of one machine: forked, watched, and ended together (comm.h).
 *
 * The process that called comm_open() forks all ranks and stays behind.  It computes nothing, so that
 * whichever rank dies, there is one that knows, says it, and gives the status.
 */
#include "../comm.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "shared.h"
#include "../base.h"

struct local local = { .size = 1 };

/* ---- who is here ----------------------------------------------------------------------------- */

int comm_rank(void)
{
    return local.rank;
}

int comm_size(void)
{
    return local.size;
}

int comm_node_rank(void)
{
    return local.rank;
}

int comm_node_size(void)
{
    return local.size;
}

int comm_threads(void)
{
    return threads_share(local.size);
}

/* They go through host memory. */
bool comm_is_recordable(void)
{
    return local.size == 1;
}

void comm_patience(double seconds)
{
    local.patience = seconds;
}

void comm_at(const char *what, long number)
{
    if (local.size == 1) return;
    struct rank_state *const own = &local.shared->rank[local.rank];
    atomic_store_explicit(&own->what, what, memory_order_relaxed);
    atomic_store_explicit(&own->number, number, memory_order_relaxed);
}

void comm_times(struct comm_times *t)
{
    *t = local.times;
    local.times = (struct comm_times){ 0, 0, 0 };
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool speaker_is(int who)
{
    int nobody = 0;
    return atomic_compare_exchange_strong(&local.shared->speaker, &nobody, who) || nobody == who;
}

bool local_speaks(void)
{
    return speaker_is(local.rank + 1);
}

void local_end_with_others(void)
{
    const int ending = local.size > 1 ? atomic_load(&local.shared->ending) : 0;
    if (!ending) return;
    fflush(NULL);
    _exit(ending & ~ENDING);
}

/* All begin to end with this status, unless they do already. */
static void end_begin(int status)
{
    int none = 0;
    atomic_compare_exchange_strong(&local.shared->ending, &none, ENDING | status);
}

void comm_abort(int status)
{
    if (local.size == 1 || atomic_load(&local.shared->rank[local.rank].closed)) exit(status);
    if (local_speaks()) {
        end_begin(status);
        exit(status);
    }
    for (int tries = 0; tries < 1000; tries++) {      /* another was first, and gives the status of all */
        local_end_with_others();
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    _exit(status);
}

void place_text(char text[96], const struct rank_state *s)
{
    const char *const what = atomic_load(&s->what);
    int n = snprintf(text, 96, ", call %ld", atomic_load(&s->calls));
    if (what) snprintf(text + n, 96 - (size_t)n, ", %.40s %ld", what, atomic_load(&s->number));
}

/* ---- who watches ----------------------------------------------------------------------------- */

struct watch {
    pid_t pid[COMM_RANKS_MAX];     /* 0: has ended */
    int voice[COMM_RANKS_MAX], status[COMM_RANKS_MAX];
    int running;
    double since;                  /* when all began to end; 0 before */
};

/* A rank is no more.  Before all closed, that is the end of all. */
static void rank_ended(struct watch *w, int r, int how)
{
    struct rank_state *const s = &local.shared->rank[r];
    const bool killed = WIFSIGNALED(how), alone = !atomic_load(&s->closed);
    w->status[r] = killed ? EXIT_WORLD : WEXITSTATUS(how);
    w->pid[r] = 0;
    w->running--;
    const bool said = atomic_load(&local.shared->speaker) != 0;
    if (said || (!killed && !alone)) {
        /* It spoke and died before it could give the status. */
        if (said && alone && atomic_load(&local.shared->speaker) == r + 1)
            end_begin(w->status[r] ? w->status[r] : EXIT_WORLD);
        return;
    }
    if (!speaker_is(WATCHER)) return;
    char place[96];
    place_text(place, s);
    const size_t told = voice_tell(w->voice[r], STDERR_FILENO);
    if (killed) {
        say(stderr, "simsiam: rank %d (process %d) was ended by signal %d (%s) after%s: all end; the same command "
                    "goes on from the last checkpoint\n", r, atomic_load(&s->pid), WTERMSIG(how),
            strsignal(WTERMSIG(how)), place + 1);
    } else if (!w->status[r] || (r && !told && w->status[r] != EXIT_AGAIN)) {
        say(stderr, "simsiam: rank %d ended with status %d before the others, after%s: all end\n", r, w->status[r],
            place + 1);
    }
    end_begin(w->status[r] ? w->status[r] : EXIT_WORLD);
}

static void ranks_look(struct watch *w)
{
    for (int r = 0; r < local.size; r++) {
        int how;
        if (!w->pid[r] || waitpid(w->pid[r], &how, WNOHANG | WUNTRACED | WCONTINUED) <= 0) continue;
        if (WIFSTOPPED(how) || WIFCONTINUED(how)) {
            atomic_store(&local.shared->rank[r].stopped, WIFSTOPPED(how));
        } else {
            rank_ended(w, r, how);
        }
    }
}

static void ranks_kill(const struct watch *w)
{
    for (int r = 0; r < local.size; r++)
        if (w->pid[r]) kill(w->pid[r], SIGKILL);
}

/* What the rank said whose mistake it was, and the status of all. */
static int last_words(const struct watch *w)
{
    const int speaker = atomic_load(&local.shared->speaker), ending = atomic_load(&local.shared->ending);
    if (speaker > 1 && speaker < WATCHER) voice_tell(w->voice[speaker - 1], STDERR_FILENO);
    if (ending) return ending & ~ENDING;
    for (int r = 0; r < local.size; r++)
        if (w->status[r]) return w->status[r];
    return 0;
}

/* A second from the first sign of the end, whoever has not noticed is killed. */
static _Noreturn void watch(struct watch *w, const sigset_t *waited)
{
    const double grace = 0.8;
    while (w->running) {
        const struct timespec soon = { .tv_nsec = 20000000 }, later = { .tv_sec = 1 };
        const int signal_number = sigtimedwait(waited, NULL, w->since > 0 ? &soon : &later);
        if (signal_number > 0 && signal_number != SIGCHLD && atomic_exchange(&local.shared->signalled, true)) {
            speaker_is(WATCHER);
            end_begin(EXIT_AGAIN);
            ranks_kill(w);
        }
        ranks_look(w);
        if (!atomic_load(&local.shared->ending)) continue;
        if (w->since > 0 && clock_seconds() - w->since > grace) ranks_kill(w);
        if (!(w->since > 0)) w->since = clock_seconds();
    }
    _exit(last_words(w));
}

/* ---- the start ------------------------------------------------------------------------------- */

static void *room_shared(size_t bytes)
{
    void *const p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        die("cannot get %zu MiB that processes share: %s (try fewer --ranks)", bytes >> 20, strerror(errno));
    return p;
}

static void delay_read(void)
{
    const char *const text = getenv("COMM_DELAY");
    if (!text) return;
    double number[3] = { 0, 0, 0 };
    const char *at = text;
    for (int i = 0; at && i < 3; i++) {
        char *end;
        number[i] = strtod(at, &end);
        if (end == at || !(number[i] >= 0 && number[i] < 1e9) || (*end && *end != ',') || (*end && i == 2))
            die_user("COMM_DELAY=%s: microseconds, MB/s, microseconds of jitter, such as 35,1000,3", text);
        at = *end ? end + 1 : NULL;
    }
    local.delay.us = number[0];
    local.delay.rate = number[1];
    local.delay.jitter = number[2];
}

static int tasks_count(void)
{
    DIR *const folder = opendir("/proc/self/task");
    int n = 0;
    if (!folder) return 0;
    for (const struct dirent *e; (e = readdir(folder));) n += e->d_name[0] != '.';
    closedir(folder);
    return n;
}

/* OpenBLAS ends its own threads at a fork, and starts them again; OpenMP's would be waited for and
 * never come.  So one looks after the first fork, for a moment: a thread that was joined may still be
 * on the list. */
extern void __tsan_init(void) __attribute__((weak));       /* ThreadSanitizer has a thread of its own */

static void threads_none(const struct watch *w)
{
    const int allowed = __tsan_init ? 2 : 1;
    int n = 0;
    for (int tries = 0; tries < 100 && (n = tasks_count()) > allowed; tries++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    if (n <= allowed) return;
    ranks_kill(w);
    for (int r = 0; r < local.size; r++)
        if (w->pid[r]) waitpid(w->pid[r], NULL, 0);
    local.size = 1;
    die("%d threads before comm_open(), for which a new process would wait in vain: a mistake in this program "
        "(--ranks 1 does without)", n - allowed);
}

static void rank_begin(const struct watch *w, int r, pid_t parent)
{
    local.rank = r;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl: %s", strerror(errno));
    if (getppid() != parent) _exit(EXIT_WORLD);
    atomic_store(&local.shared->rank[r].pid, getpid());      /* the parent may not have come to it */
    local.delay.draws = (uint64_t)r + 1;
    if (r) voice_lower(w->voice[r]);
    for (int i = 0; i < local.size; i++)
        if (w->voice[i] >= 0) close(w->voice[i]);
    die_together(local_speaks, comm_abort);
    stop_share();
}

void comm_open(int *argc, char ***argv, int ranks, double patience)
{
    (void)argc;
    (void)argv;
    if (ranks <= 1) return;
    if (ranks > COMM_RANKS_MAX || (ranks & (ranks - 1)))
        die_user("%d processes: take a power of two, to %d", ranks, COMM_RANKS_MAX);
    delay_read();
    local.patience = patience > 0 ? patience : 300;
    local.spins = threads_share(1) >= ranks ? 4000 : 50;
    local.shared = room_shared(sizeof *local.shared);
    local.slot = room_shared((size_t)ranks * ROOMS * PIECE);
    struct watch w = { .running = 0 };
    for (int r = 0; r < ranks; r++) w.voice[r] = r ? voice_open() : -1;

    static const int watched[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
    sigset_t waited, before;
    sigemptyset(&waited);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) sigaddset(&waited, watched[i]);
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || sigprocmask(SIG_BLOCK, &waited, &before))
        die("cannot wait for signals: %s (is this a POSIX system?)", strerror(errno));
    const pid_t parent = getpid();
    fflush(NULL);
    local.size = ranks;
    for (int r = 0; r < ranks; r++) {
        const pid_t pid = fork();
        if (pid < 0) {
            const int error = errno;
            ranks_kill(&w);
            local.size = 1;
            die("cannot start process %d of %d: %s (try fewer --ranks)", r + 1, ranks, strerror(error));
        }
        if (!pid) {
            if (sigprocmask(SIG_SETMASK, &before, NULL)) die("sigprocmask: %s", strerror(errno));
            rank_begin(&w, r, parent);
            return;
        }
        w.pid[r] = pid;
        atomic_store(&local.shared->rank[r].pid, pid);
        w.running++;
        if (!r) threads_none(&w);
    }
    watch(&w, &waited);
}
