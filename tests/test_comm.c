/* SPDX-License-Identifier: MIT
 *
 * test_comm.c -- the processes of one run: sums are one tree to the bit, however cut; and all end when one does.
 *
 * Each case is run by processes of its own; what they print and how they end is what is looked at.  The same source
 * is test_comm and, started by LAUNCHER and linked with MPI, test_comm_mpi.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../engine/base.h"
#include "../engine/comm.h"

/* ---- running ranks ----------------------------------------------------------------------------------- */

struct ended { int status; char said[8192]; double seconds; };

/* A rank's part; what it finds wrong it dies of.  Named, for it may be another program's. */
typedef void part_fn(void);
struct part { const char *name; part_fn *run; };
#define CHECK(truth) ((truth) ? (void)0 : die("%s:%d: not so on rank %d of %d: %s", __FILE__, __LINE__, \
                                              comm_rank(), comm_size(), #truth))

static bool is_mpi(void)
{
    return *LAUNCHER;
}

static _Noreturn void part_run(int ranks, double patience, part_fn *run)
{
    comm_open(NULL, NULL, ranks, patience);
    run();
    comm_close();
    exit(0);
}

/* As root and with more ranks than cores, too. */
static _Noreturn void part_launch(int ranks, double patience, const char *name)
{
    char n[16], seconds[16], own[4096] = "";
    if (readlink("/proc/self/exe", own, sizeof own - 1) < 0) _exit(98);
    snprintf(n, sizeof n, "%d", ranks);
    snprintf(seconds, sizeof seconds, "%g", patience);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
    execl(LAUNCHER, LAUNCHER, "--oversubscribe", "--bind-to", "none", "-q", "-n", n, own, name, seconds,
          (char *)NULL);
    _exit(99);
}

static struct ended ranks_run(int ranks, double patience, struct part part)
{
    struct ended e = { .seconds = clock_seconds() };
    int ends[2];
    assert_return_code(pipe(ends), errno);
    fflush(NULL);
    const pid_t pid = fork();
    assert_return_code(pid, errno);
    if (!pid) {
        if (dup2(ends[1], STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0) _exit(99);
        close(ends[0]);
        close(ends[1]);
        if (is_mpi()) part_launch(ranks, patience, part.name);
        part_run(ranks, patience, part.run);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], e.said + n, sizeof e.said - 1 - n)) > 0;) n += (size_t)got;
    close(ends[0]);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    e.status = WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
    e.seconds = clock_seconds() - e.seconds;
    return e;
}

#define ROW(f) { #f, f }
#define PART(f) ((struct part)ROW(f))

static void all_well(int ranks, struct part part)
{
    const struct ended e = ranks_run(ranks, 60, part);
    if (e.status || *e.said) print_error("%d ranks: %s\n", ranks, e.said);
    assert_int_equal(e.status, 0);
    assert_string_equal(e.said, "");
}

static int times_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++) n++;
    return n;
}

/* Ended as said, by one line, which holds these words. */
static void one_message(const struct ended *e, int status, double within, const char *const *words)
{
    /* A launcher has its own to say. */
    const int lines = is_mpi() ? times_of(e->said, *words) : times_of(e->said, "\n");
    if (e->status != status || lines != 1) print_error("status %d: %s\n", e->status, e->said);
    assert_int_equal(e->status, status);
    assert_int_equal(lines, 1);
    for (; *words; words++) {
        if (!strstr(e->said, *words)) print_error("no \"%s\" in: %s\n", *words, e->said);
        assert_non_null(strstr(e->said, *words));
    }
    assert_true(e->seconds < within);
}
#define SAYS(...) (const char *const[]){ __VA_ARGS__, NULL }
/* Beside the patience: the second in which all end, and what a sanitizer and a busy machine take. */
enum { SOON = 10 };

/* ---- sums -------------------------------------------------------------------------------------------- */

enum { LEAVES = 16, LONGEST = 200003 };
static const size_t lengths[] = { 1, 7, 33, 10007, LONGEST };
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* Numbers of all sizes, so that another order of sums has other digits; some are no numbers. */
static double leaf(int v, size_t i)
{
    static const double odd[] = { -0.0, 0.0, 1e-42, -1e-42, INFINITY, -INFINITY, NAN, 3e38 };
    uint64_t z = (uint64_t)i * LEAVES + (uint64_t)v + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    if (i % 5 == 3) return odd[i / 5 % 2];                         /* a sum of nothing else is 0, or -0 */
    if (i % 11 == 6 && z % 4 == 0) return odd[z / 4 % 8];
    return ldexp((double)(z >> 11) - (1 << 30) * 4194304.0, (int)(z % 41) - 70);
}

static float tree_float(size_t i, int first, int n)
{
    return n == 1 ? (float)leaf(first, i) : tree_float(i, first, n / 2) + tree_float(i, first + n / 2, n / 2);
}

static double tree_double(size_t i, int first, int n)
{
    return n == 1 ? leaf(first, i) : tree_double(i, first, n / 2) + tree_double(i, first + n / 2, n / 2);
}

static bool same_float(float a, float b)
{
    return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

static bool same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

static void sums_are_the_tree(void)
{
    const int own = LEAVES / comm_size(), first = own * comm_rank();
    float *const x = host_alloc(LONGEST, sizeof *x), *const y = host_alloc(LONGEST, sizeof *y);
    double *const wide = host_alloc(LONGEST, sizeof *wide);
    for (int l = 0; l < LENGTHS; l++) {
        const size_t n = lengths[l];
        for (size_t i = 0; i < n; i++) {
            x[i] = tree_float(i, first, own);
            y[i] = x[i];
            wide[i] = tree_double(i, first, own);
        }
        comm_sum((dev_float *)x, n);
        comm_sum_wide((dev_wide *)wide, n);
        /* In buckets, cut where no line of a cache ends. */
        for (size_t done = 0, bucket = 1; done < n; done += bucket, bucket = 3 * bucket + 2)
            comm_sum((dev_float *)(y + done), n - done < bucket ? n - done : bucket);
        for (size_t i = 0; i < n; i++) {
            CHECK(same_float(x[i], tree_float(i, 0, LEAVES)));
            CHECK(same_float(y[i], x[i]));
            CHECK(same_double(wide[i], tree_double(i, 0, LEAVES)));
        }
    }
    free(x);
    free(y);
    free(wide);
}

static void tree_of_any_cut(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= LEAVES; ranks *= 2) all_well(ranks, PART(sums_are_the_tree));
}

/* All have the same bytes, those of no number too: weights must stay equal. */
static void replicas(void)
{
    enum { N = 5001 };
    static float x[N], all[LEAVES][N];
    for (size_t i = 0; i < N; i++) {
        const uint32_t nan = 0x7fc00000u + (uint32_t)comm_rank() + 1;
        x[i] = (float)leaf(comm_rank(), i);
        if (i % 3 == 0) memcpy(&x[i], &nan, sizeof nan);
    }
    comm_sum((dev_float *)x, 33);
    comm_sum((dev_float *)(x + 33), N - 33);
    comm_all_gather(all, x, sizeof x);
    for (int r = 0; r < comm_size(); r++) CHECK(!memcmp(all[r], x, sizeof x));
}

static void replicas_are_equal(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= LEAVES; ranks *= 4) all_well(ranks, PART(replicas));
}

static void largest(void)
{
    float x[4] = { (float)comm_rank(), comm_rank() ? -0.0f : 0.0f, comm_rank() == 1 ? NAN : 5,
                   comm_rank() ? 0.0f : -0.0f };
    comm_max((dev_float *)x, 4);
    CHECK(x[0] == (float)(comm_size() - 1));
    CHECK(!signbit(x[1]) && x[1] == 0);
    CHECK(isnan(x[2]) == (comm_size() > 1));
    CHECK(comm_size() == 1 || (!signbit(x[3]) && x[3] == 0));
}

static void maximum_is_exact_and_keeps_nan(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= LEAVES; ranks *= 4) all_well(ranks, PART(largest));
}

/* ---- what is said to all ----------------------------------------------------------------------------- */

/* Lengths on both sides of a piece of shared memory, and none. */
static const size_t sizes[] = { 0, 1, 77, 262144, 300001 };

static unsigned char mark(int rank, size_t i)
{
    return (unsigned char)(31 * i + (i >> 8) + 101 * (size_t)rank + 7);
}

static void sent_and_gathered(void)
{
    const size_t most = 300001;
    unsigned char *const own = host_alloc(most, 1), *const all = host_alloc(most, (size_t)comm_size());
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t n = sizes[s];
        for (size_t i = 0; i < n; i++) own[i] = mark(comm_rank(), i);
        comm_all_gather(all, own, n);
        for (int r = 0; r < comm_size(); r++)
            for (size_t i = 0; i < n; i++) CHECK(all[(size_t)r * n + i] == mark(r, i));
        memset(all, 0, n * (size_t)comm_size());
        comm_gather(comm_rank() ? NULL : all, own, n);
        for (int r = 0; r < comm_size() && !comm_rank(); r++)
            for (size_t i = 0; i < n; i++) CHECK(all[(size_t)r * n + i] == mark(r, i));
        comm_broadcast(own, n);
        for (size_t i = 0; i < n; i++) CHECK(own[i] == mark(0, i));
        comm_barrier();
    }
    CHECK(comm_agree(comm_rank() == comm_size() - 1 ? AGREE_LOOK : 0) == AGREE_LOOK);
    CHECK(comm_agree(comm_rank() == 0 ? AGREE_SAVE : AGREE_LOOK) ==
          (comm_size() > 1 ? AGREE_SAVE | AGREE_LOOK : AGREE_SAVE));
    CHECK(comm_agree(0) == 0 && !stop_requested());
    CHECK(comm_threads() >= 1 && comm_node_rank() == comm_rank() && comm_node_size() == comm_size());
    struct comm_times t;
    comm_times(&t);
    CHECK(t.waited >= 0 && t.moved >= 0 && t.calls == (comm_size() > 1 ? 23 : 0));
    comm_times(&t);
    CHECK(t.calls == 0);
    free(own);
    free(all);
}

static void all_hear_rank_0_and_it_hears_all(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= LEAVES; ranks *= 2) all_well(ranks, PART(sent_and_gathered));
}

/* ---- how all end ------------------------------------------------------------------------------------- */

static void go_on(int calls)
{
    float x[33] = { 0 };
    for (int i = 0; i < calls; i++) {
        comm_at("step", i);
        comm_sum((dev_float *)x, 33);
    }
}

static void one_is_killed(void)
{
    go_on(3);
    if (comm_rank() == 1) raise(SIGKILL);
    go_on(1);
}

static void first_is_killed(void)
{
    go_on(3);
    if (comm_rank() == 0) raise(SIGKILL);
    go_on(1);
}

static void a_killed_rank_is_named(void **state)
{
    (void)state;
    struct ended e = ranks_run(4, 60, PART(one_is_killed));
    one_message(&e, EXIT_WORLD, SOON, SAYS("rank 1 (process ", "signal 9", "call 3, step 2"));
    e = ranks_run(4, 60, PART(first_is_killed));
    one_message(&e, EXIT_WORLD, SOON, SAYS("rank 0 (process ", "signal 9", "call 3, step 2"));
}

static void one_is_stopped(void)
{
    int pid[4] = { 0 };
    const int own = getpid();
    comm_gather(pid, &own, sizeof own);
    for (int r = 0; r < comm_size() && !comm_rank(); r++) printf("%d ", pid[r]);
    go_on(5);
    if (comm_rank() == 2) raise(SIGSTOP);
    go_on(1);
}

static void a_stopped_rank_is_named(void **state)
{
    (void)state;
    const struct ended e = ranks_run(4, 1, PART(one_is_stopped));
    one_message(&e, EXIT_WORLD, 1 + SOON, SAYS(is_mpi() ? "for rank 2" : "for rank 2 (process ", "stopped",
                                               "waited 1", "comm_sum of 33 floats, call 7, step 0"));
    assert_true(e.seconds > 1);
}

static void a_stopped_rank_is_gone(void **state)
{
    (void)state;
    const struct ended e = ranks_run(4, 1, PART(one_is_stopped));
    assert_non_null(strstr(e.said, "stopped after call 6, step 4"));
    char *at = (char *)e.said;
    for (int r = 0; r < 4; r++) {
        const long pid = strtol(at, &at, 10);
        assert_true(pid > 1);
        assert_int_equal(kill((pid_t)pid, 0), -1);
        assert_int_equal(errno, ESRCH);
    }
}

/* All are stopped for longer than the patience, as by Ctrl-Z: nobody has waited. */
static void all_are_stopped(void)
{
    go_on(1);
    int pid[4] = { 0 };
    const int own = getpid();
    comm_gather(pid, &own, sizeof own);
    const pid_t watcher = getppid();
    if (!comm_rank()) {
        const pid_t who = fork();
        if (!who) {
            for (int r = 0; r < comm_size(); r++) kill(pid[r], SIGSTOP);
            kill(watcher, SIGSTOP);
            nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
            kill(watcher, SIGCONT);
            for (int r = 0; r < comm_size(); r++) kill(pid[r], SIGCONT);
            _exit(0);
        }
        CHECK(waitpid(who, NULL, 0) == who);
    }
    go_on(3);
}

static void a_pause_of_all_is_no_waiting(void **state)
{
    (void)state;
    const struct ended e = ranks_run(4, 1, PART(all_are_stopped));
    if (e.status) print_error("%s\n", e.said);
    assert_int_equal(e.status, 0);
    assert_string_equal(e.said, "");
}

static void one_ends_early(void)
{
    go_on(2);
    if (comm_rank() == 3) exit(0);
    go_on(1);
}

static void one_says_why(void)
{
    go_on(2);
    if (comm_rank() == 3) {
        say(stderr, "train/3.jpg: no picture\n");
        exit(EXIT_USER);
    }
    go_on(1);
}

static void a_rank_that_ends_early_ends_all(void **state)
{
    (void)state;
    struct ended e = ranks_run(4, 60, PART(one_ends_early));
    one_message(&e, EXIT_WORLD, SOON, SAYS("rank 3 ended with status 0", "call 2, step 1"));
    e = ranks_run(4, 60, PART(one_says_why));
    one_message(&e, EXIT_USER, SOON, SAYS("train/3.jpg: no picture"));
}

static void bad_image(void)
{
    go_on(2);
    if (comm_rank() == 3) die_user("3.jpg:1:1: not a JPEG");
    go_on(1);
}

static void full_disk(void)
{
    go_on(2);
    if (!comm_rank()) die("cannot write: no space left");
    go_on(1);
}

static void bad_for_all(void)
{
    die_user("quick.yaml:1:1: no such key");
}

static void given_up(void)
{
    if (comm_rank() == 1) comm_abort(EXIT_DIVERGED);
    go_on(1);
}

static void a_mistake_is_said_once(void **state)
{
    (void)state;
    struct ended e = ranks_run(4, 60, PART(bad_image));
    one_message(&e, EXIT_USER, SOON, SAYS("3.jpg:1:1: not a JPEG"));
    e = ranks_run(4, 60, PART(full_disk));
    one_message(&e, EXIT_WORLD, SOON, SAYS("no space left"));
    for (int ranks = 1; ranks <= 16; ranks *= 4) {
        e = ranks_run(ranks, 60, PART(bad_for_all));
        one_message(&e, EXIT_USER, SOON, SAYS("no such key"));
    }
    e = ranks_run(4, 60, PART(given_up));
    assert_int_equal(e.status, EXIT_DIVERGED);
    assert_true(is_mpi() || !*e.said);
}

static void rank_0_speaks(void)
{
    printf("a word of rank 0\n");
    if (comm_rank()) warn("of no consequence");
    comm_barrier();
    comm_close();
    exit(EXIT_AGAIN);
}

static void others_are_silent(void **state)
{
    (void)state;
    const struct ended e = ranks_run(4, 60, PART(rank_0_speaks));
    one_message(&e, EXIT_AGAIN, SOON, SAYS("a word of rank 0"));
    assert_null(strstr(e.said, "of no consequence"));
}

static void other_size(void)
{
    go_on(2);
    float x[34] = { 0 };
    comm_sum((dev_float *)x, comm_rank() == 1 ? 34 : 33);
}

static void other_call(void)
{
    go_on(2);
    float x[33] = { 0 };
    if (comm_rank() == 1)
        comm_broadcast(x, sizeof x);
    else
        comm_sum((dev_float *)x, 33);
}

static void one_closes(void)
{
    if (comm_rank() == 1) return;
    go_on(1);
}

static void calls_that_differ_are_named(void **state)
{
    (void)state;
    struct ended e = ranks_run(2, 60, PART(other_size));
    one_message(&e, EXIT_WORLD, SOON, SAYS("comm_sum of 33 floats", "comm_sum of 34 floats", "rank 1", "step 1"));
    e = ranks_run(4, 60, PART(other_call));
    one_message(&e, EXIT_WORLD, SOON, SAYS("comm_sum of 33 floats", "comm_broadcast of 132 bytes", "rank 1"));
    e = ranks_run(4, 60, PART(one_closes));
    one_message(&e, EXIT_WORLD, SOON, SAYS("comm_close", "comm_sum of 33 floats"));
}

/* ---- signals ----------------------------------------------------------------------------------------- */

#define WHOSE "TEST_SIGNAL_OF"                 /* whose signal it is; -1: who watches */

static void steps_until_told(void)
{
    const char *const whose = getenv(WHOSE);
    const int to_whom = whose ? atoi(whose) : -1;
    stop_install();
    int step = 0;
    for (; step < 100000 && !stop_requested(); step++) {
        if (step == 100 && comm_rank() == (to_whom < 0 ? 0 : to_whom))
            kill(to_whom < 0 ? getppid() : getpid(), SIGUSR1);
        if (step == 100) nanosleep(&(struct timespec){ .tv_nsec = 1000000 * comm_rank() }, NULL);
        go_on(1);
        CHECK(!stop_requested() || step > 100);
        comm_agree(0);
    }
    int all[4] = { 0 };
    comm_all_gather(all, &step, sizeof step);
    for (int r = 0; r < comm_size(); r++) CHECK(all[r] == step);
    comm_close();
    exit(EXIT_AGAIN);
}

static void a_signal_stops_all_at_one_step(void **state)
{
    (void)state;
    for (int whose = is_mpi() ? 0 : -1; whose < 4; whose += is_mpi() ? 3 : 1) {
        char text[16];
        snprintf(text, sizeof text, "%d", whose);
        assert_return_code(setenv(WHOSE, text, 1), errno);
        const struct ended e = ranks_run(4, 60, PART(steps_until_told));
        if (e.status != EXIT_AGAIN) print_error("%s\n", e.said);
        assert_int_equal(e.status, EXIT_AGAIN);
        assert_true(is_mpi() || !*e.said);
    }
}

static void hears_nothing(void)
{
    stop_install();
    if (!comm_rank()) {
        kill(getppid(), SIGTERM);
        nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
        kill(getppid(), SIGTERM);
    }
    for (;;) pause();
}

static void a_second_signal_ends_all_at_once(void **state)
{
    (void)state;
    const struct ended e = ranks_run(4, 60, PART(hears_nothing));
    assert_int_equal(e.status, EXIT_AGAIN);
    assert_string_equal(e.said, "");
    assert_true(e.seconds < SOON);
}

/* ---- the start --------------------------------------------------------------------------------------- */

static void nothing(void) {}

static void a_number_that_is_no_power_of_two_is_refused(void **state)
{
    (void)state;
    const struct ended e = ranks_run(6, 60, PART(nothing));
    one_message(&e, EXIT_USER, SOON, SAYS("6 processes", "a power of two"));
}

static void nobody(void *context, int i, int worker)
{
    (void)context;
    (void)i;
    (void)worker;
}

static void threads_before_are_told(void **state)
{
    (void)state;
    fflush(NULL);
    int ends[2], how;
    assert_return_code(pipe(ends), errno);
    const pid_t pid = fork();
    if (!pid) {
        if (dup2(ends[1], STDERR_FILENO) < 0) _exit(99);
        each_parallel(3, 3, 1, nobody, NULL);
        comm_open(NULL, NULL, 2, 60);
        comm_close();
        exit(0);
    }
    close(ends[1]);
    char said[512] = "";
    const ssize_t got = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == EXIT_WORLD);
    assert_true(got > 0);
    assert_non_null(strstr(said, "threads before comm_open()"));
}

/* As the program does: threads after, in each rank. */
static void work(void *context, int i, int worker)
{
    (void)worker;
    ((float *)context)[i] = (float)i;
}

static void threads(void)
{
    float x[64];
    machine_open(2);
    each_parallel(64, 2, 1, work, x);
    comm_sum((dev_float *)x, 64);
    for (int i = 0; i < 64; i++) CHECK(x[i] == (float)(i * comm_size()));
}

static void each_rank_has_threads_of_its_own(void **state)
{
    (void)state;
    all_well(4, PART(threads));
}

static void slow(void)
{
    float x[250000] = { 0 };
    const double start = clock_seconds();
    comm_sum((dev_float *)x, 250000);          /* 1 MB, of which (R - 1)/R go there and back */
    const double whole = clock_seconds() - start;
    comm_barrier();
    CHECK(whole >= 0.01 + 0.01);
    CHECK(clock_seconds() - start >= whole + 0.01);
}

static void a_slow_network_is_made(void **state)
{
    (void)state;
    assert_return_code(setenv("COMM_DELAY", "10000,100,5", 1), errno);
    all_well(2, PART(slow));
    assert_return_code(setenv("COMM_DELAY", "10000;100", 1), errno);
    const struct ended e = ranks_run(2, 60, PART(nothing));
    one_message(&e, EXIT_USER, SOON, SAYS("COMM_DELAY=10000;100"));
    assert_return_code(unsetenv("COMM_DELAY"), errno);
}

/* ---- all --------------------------------------------------------------------------------------------- */

/* What a launcher starts; what it watches itself is its own matter. */
static const struct part parts[] = {
    ROW(sums_are_the_tree), ROW(replicas), ROW(largest), ROW(sent_and_gathered), ROW(one_is_stopped),
    ROW(bad_image), ROW(full_disk), ROW(bad_for_all), ROW(given_up),
    ROW(rank_0_speaks), ROW(other_size), ROW(other_call),
    ROW(one_closes), ROW(steps_until_told), ROW(nothing)
};

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tree_of_any_cut),
    cmocka_unit_test(replicas_are_equal),
    cmocka_unit_test(maximum_is_exact_and_keeps_nan),
    cmocka_unit_test(all_hear_rank_0_and_it_hears_all),
    cmocka_unit_test(a_stopped_rank_is_named),
    cmocka_unit_test(a_mistake_is_said_once),
    cmocka_unit_test(others_are_silent),
    cmocka_unit_test(calls_that_differ_are_named),
    cmocka_unit_test(a_signal_stops_all_at_one_step),
    cmocka_unit_test(a_number_that_is_no_power_of_two_is_refused)
};

static const struct CMUnitTest tests_of_one_machine[] = {
    cmocka_unit_test(a_killed_rank_is_named),
    cmocka_unit_test(a_stopped_rank_is_gone),
    cmocka_unit_test(a_pause_of_all_is_no_waiting),
    cmocka_unit_test(a_rank_that_ends_early_ends_all),
    cmocka_unit_test(a_second_signal_ends_all_at_once),
    cmocka_unit_test(threads_before_are_told),
    cmocka_unit_test(each_rank_has_threads_of_its_own),
    cmocka_unit_test(a_slow_network_is_made)
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(argv[1], parts[i].name)) part_run(0, atof(argv[2]), parts[i].run);
    if (argc > 1) return 99;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return is_mpi() ? failed : failed + cmocka_run_group_tests(tests_of_one_machine, NULL, NULL);
}
