/* SPDX-License-Identifier: MIT
 *
 * test_base.c -- files that are whole or as they were, hashes by their published vectors, the stop
 * flag.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../engine/base.h"

static char root[] = "/tmp/test-base-XXXXXX";

static int root_make(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int root_remove(void **state)
{
    (void)state;
    char *command = text_format("rm -rf '%s'", root);
    int rc = system(command);
    free(command);
    return rc;
}

static int files_in(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void assert_file_is(const char *path, const char *text)
{
    size_t bytes;
    char *got = file_read(path, &bytes);
    assert_non_null(got);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(got, text);
    free(got);
}

/* Runs `body` in a child with stderr in the file root/err; returns the wait status. */
static int in_child(void (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char *err = text_format("%s/err", root);
        if (!freopen(err, "w", stderr))
            _exit(99);
        free(err);
        body();
        exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void written_file_reads_back_and_nothing_else_is_left(void **state)
{
    (void)state;
    char *folder = text_format("%s/a/b//c", root), *path = text_format("%s/a/b/c/file", root);
    assert_true(folder_make(folder));
    assert_true(folder_make(folder));          /* again: as good */
    assert_true(file_write_atomic(path, "one", 3));
    assert_file_is(path, "one");
    assert_true(file_write_atomic(path, "", 0));
    assert_file_is(path, "");
    /* Long enough that reading grows its room several times, with a NUL inside. */
    enum { LONG = 100003 };
    char *data = host_alloc(LONG, 1);
    for (int i = 0; i < LONG; i++)
        data[i] = (char)(i * 7 % 251);
    assert_true(file_write_atomic(path, data, LONG));
    size_t bytes;
    char *got = file_read(path, &bytes);
    assert_int_equal(bytes, LONG);
    assert_memory_equal(got, data, LONG);
    assert_int_equal(got[LONG], 0);
    assert_int_equal(files_in(folder), 1);
    free(got);
    free(data);
    free(path);
    free(folder);
}

static void new_file_has_the_mode_that_the_umask_leaves(void **state)
{
    (void)state;
    char *path = text_format("%s/mode", root);
    mode_t before = umask(027);
    bool ok = file_write_atomic(path, "x", 1);
    umask(before);
    assert_true(ok);
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    free(path);
}

/* Each byte of a file is of one writer, whoever is last, and nobody's write fails. */
static void writers_of_one_file_do_not_meet(void **state)
{
    (void)state;
    enum { WRITERS = 4, TIMES = 25, BYTES = 70000 };
    char *folder = text_format("%s/meet", root), *path = text_format("%s/meet/file", root);
    assert_true(folder_make(folder));
    fflush(NULL);
    for (int w = 0; w < WRITERS; w++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child) continue;
        char *data = host_alloc(BYTES, 1);
        memset(data, 'a' + w, BYTES);
        int failed = 0;
        for (int i = 0; i < TIMES; i++) failed += !file_write_atomic(path, data, BYTES - (size_t)w);
        _exit(failed != 0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    size_t bytes;
    char *data = file_read(path, &bytes);
    assert_non_null(data);
    assert_int_equal(bytes, BYTES - (data[0] - 'a'));
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != data[0]) fail_msg("byte %zu is another writer's", i);
    assert_int_equal(files_in(folder), 1);
    free(data);
    free(path);
    free(folder);
}

static void full_disk_leaves_the_old_file_and_no_temporary_one(void **state)
{
    (void)state;
    char *folder = text_format("%s/full", root), *path = text_format("%s/full/file", root);
    assert_true(folder_make(folder));
    assert_true(file_write_atomic(path, "old", 3));
    /* A limit on the size of files fails in write(), as a full disk does. */
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    tight = before;
    tight.rlim_cur = 1000;
    char data[5000] = { 1 };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool ok = file_write_atomic(path, data, sizeof data);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(ok);
    assert_int_equal(error, EFBIG);
    assert_file_is(path, "old");
    assert_int_equal(files_in(folder), 1);
    free(path);
    free(folder);
}

static void file_that_cannot_be_replaced_leaves_no_temporary_one(void **state)
{
    (void)state;
    char *folder = text_format("%s/taken", root), *path = text_format("%s/taken/file/x", root);
    assert_true(folder_make(path)); /* a folder that is not empty stands where the file should go */
    path[strlen(path) - 2] = 0;
    assert_false(file_write_atomic(path, "x", 1));
    assert_int_not_equal(errno, 0);
    assert_int_equal(files_in(folder), 1);
    free(path);
    free(folder);
}

static void path_below_a_file_is_refused_with_a_reason(void **state)
{
    (void)state;
    char *file = text_format("%s/file", root), *below = text_format("%s/file/below", root);
    assert_true(file_write_atomic(file, "x", 1));
    errno = 0;
    assert_false(file_write_atomic(below, "x", 1));
    assert_int_equal(errno, ENOTDIR);
    errno = 0;
    assert_false(folder_make(below));
    assert_int_equal(errno, ENOTDIR);
    errno = 0;
    assert_false(folder_make(file));
    assert_int_equal(errno, ENOTDIR);
    size_t bytes;
    errno = 0;
    assert_null(file_read(below, &bytes));
    assert_int_equal(errno, ENOTDIR);
    errno = 0;
    assert_null(file_read(root, &bytes));      /* a folder opens, but does not read */
    assert_int_equal(errno, EISDIR);
    assert_false(folder_sync(below));
    free(file);
    free(below);
}

static void a_pipe_or_a_device_is_no_file_and_is_not_waited_for(void **state)
{
    (void)state;
    char *const pipe = text_format("%s/pipe", root), hex[HASH_TEXT];
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *const paths[] = { pipe, "/dev/zero" };
    alarm(10);                     /* nobody will ever write to it */
    for (int i = 0; i < 2; i++) {
        errno = 0;
        assert_null(file_read(paths[i], NULL));
        assert_int_equal(errno, EINVAL);
        errno = 0;
        assert_false(hash_file(hex, paths[i]));
        assert_int_equal(errno, EINVAL);
    }
    alarm(0);
    assert_int_equal(unlink(pipe), 0);
    free(pipe);
}

/* What lies in the way of a temporary name, or of one that is opened: the victim that it leads to stays
 * as it was, and nothing is waited for. */
static void what_lies_in_the_way_is_neither_followed_nor_waited_for(void **state)
{
    (void)state;
    enum { LINK, HARD_LINK, PIPE, DANGLING, WAYS };
    char *const path = text_format("%s/own", root), *const victim = text_format("%s/victim", root);
    static const char *const names[] = { "own.tmp", "own" };
    alarm(10);
    for (int way = LINK; way < WAYS; way++) {
        for (int k = 0; k < 2; k++) {
            char *const in_way = text_format("%s/%s", root, names[k]);
            assert_true(file_write_atomic(victim, "precious", 8));
            unlink(path);
            if (way == LINK) assert_int_equal(symlink(victim, in_way), 0);
            if (way == HARD_LINK) assert_int_equal(link(victim, in_way), 0);
            if (way == PIPE) assert_int_equal(mkfifo(in_way, 0600), 0);
            if (way == DANGLING) assert_int_equal(symlink("/nonexistent/file", in_way), 0);
            errno = 0;
            if (k && way != HARD_LINK) assert_null(file_read_own(in_way, NULL));
            if (k && way != HARD_LINK) assert_int_equal(errno, way == PIPE ? EINVAL : ELOOP);
            if (k) assert_int_equal(file_open_own(in_way, O_RDWR | O_CREAT), -1);
            assert_true(k ? file_write_synced(path, "new", 3) : file_write_atomic(path, "new", 3));
            assert_file_is(path, "new");
            assert_file_is(victim, "precious");
            struct stat st;
            assert_true(!lstat(path, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1);
            assert_true(!k == (lstat(in_way, &st) != 0));      /* no temporary name stays */
            free(in_way);
        }
    }
    alarm(0);
    unlink(path);
    unlink(victim);
    free(path);
    free(victim);
}

static void what_drives_a_terminal_is_disarmed(void **state)
{
    (void)state;
    static const struct { const char *text, *shown; } cases[] = {
        { "plain, ä √ 中 🦊", "plain, ä √ 中 🦊" },
        { "\x1b[31mred", "?[31mred" },      { "a\tb\rc\nd\x7f", "a?b?c?d?" },
        { "\xc2\x9b" "31m", "??31m" },      /* U+009B, CSI in one character */
        { "\x9b" "31m", "?31m" },           /* the same as a byte, no UTF-8 */
        { "\xe2\x80\xae" "gpj", "???gpj" }, /* what follows from right to left */
        { "\xed\xa0\x80 \xc0\x80 \xf8\x88\x80\x80\x80", "??? ?? ?????" },
        { "cut \xe2\x88", "cut ??" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const text = text_format("%s", cases[i].text), *said;
        text_disarm(text);
        assert_string_equal(text, cases[i].shown);
        size_t bytes;
        FILE *const out = open_memstream(&said, &bytes);
        say(out, "%s\n", cases[i].text);
        fclose(out);
        assert_int_equal(said[bytes - 1], '\n');
        said[bytes - 1] = 0;
        assert_string_equal(said, cases[i].shown);
        free(said);
        free(text);
    }
}

static void folder_of_a_path_ends_in_its_slash(void **state)
{
    (void)state;
    static const char *const pairs[][2] = { { "a/b", "a/" }, { "b", "./" }, { "/b", "/" },
                                            { "/a/b/c", "/a/b/" } };
    for (int i = 0; i < 4; i++) {
        char *folder = path_folder(pairs[i][0]);
        assert_string_equal(folder, pairs[i][1]);
        free(folder);
    }
}

/* ---- hashes ---------------------------------------------------------------------------------- */

static void hashes_are_those_of_fips_180(void **state)
{
    (void)state;
    char hex[HASH_TEXT];
    hash_bytes(hex, "", 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_bytes(hex, "abc", 3);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    enum { MILLION = 1000000 };
    char *a = host_alloc(MILLION, 1);
    memset(a, 'a', MILLION);
    char *path = text_format("%s/million", root);
    assert_true(file_write_atomic(path, a, MILLION));
    assert_true(hash_file(hex, path));
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    errno = 0;
    assert_false(hash_file(hex, root));
    assert_int_equal(errno, EISDIR);
    assert_int_equal(unlink(path), 0);
    assert_false(hash_file(hex, path));
    assert_int_equal(errno, ENOENT);
    free(a);
    free(path);
}

/* ---- messages and signals -------------------------------------------------------------------- */

static void die_body(void)
{
    die("cannot open %s (try %d)", "x", 7);
}

static void die_user_body(void)
{
    die_user("no row %s", "y");
}

static void huge_body(void)
{
    /* More than there is, and more than fits a size_t. */
    volatile size_t half = (SIZE_MAX >> 1) + 1;
    free(host_alloc(half, 2));
}

static void dying_says_why_and_which_kind_of_wrong_it_was(void **state)
{
    (void)state;
    char *err = text_format("%s/err", root);
    int status = in_child(die_body);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_WORLD);
    assert_file_is(err, "simsiam: cannot open x (try 7)\n");
    status = in_child(die_user_body);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_USER);
    assert_file_is(err, "simsiam: no row y\n");
    status = in_child(huge_body);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_WORLD);
    free(err);
}

static int raised;                 /* the signal that stop_body() tries */

static void stop_body(void)
{
    stop_install();
    if (stop_requested())
        _exit(1);
    kill(getpid(), SIGPIPE);       /* ignored */
    kill(getpid(), raised);
    if (!stop_requested())
        _exit(2);
    kill(getpid(), raised);        /* the second one ends it here */
    _exit(3);
}

static void first_signal_raises_the_flag_and_a_second_exits_75(void **state)
{
    (void)state;
    static const int signals[] = { SIGINT, SIGTERM, SIGUSR1 };
    for (int i = 0; i < 3; i++) {
        raised = signals[i];
        int status = in_child(stop_body);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EXIT_AGAIN);
    }
}

static void clocks_move_forward(void **state)
{
    (void)state;
    double start = clock_seconds(), cpu = clock_cpu_seconds();
    assert_true(start >= 0 && cpu >= 0);
    while (clock_seconds() - start < 0.01) {
    }
    assert_true(clock_cpu_seconds() > cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_file_reads_back_and_nothing_else_is_left),
        cmocka_unit_test(new_file_has_the_mode_that_the_umask_leaves),
        cmocka_unit_test(writers_of_one_file_do_not_meet),
        cmocka_unit_test(full_disk_leaves_the_old_file_and_no_temporary_one),
        cmocka_unit_test(file_that_cannot_be_replaced_leaves_no_temporary_one),
        cmocka_unit_test(path_below_a_file_is_refused_with_a_reason),
        cmocka_unit_test(a_pipe_or_a_device_is_no_file_and_is_not_waited_for),
        cmocka_unit_test(what_lies_in_the_way_is_neither_followed_nor_waited_for),
        cmocka_unit_test(what_drives_a_terminal_is_disarmed),
        cmocka_unit_test(folder_of_a_path_ends_in_its_slash),
        cmocka_unit_test(hashes_are_those_of_fips_180),
        cmocka_unit_test(dying_says_why_and_which_kind_of_wrong_it_was),
        cmocka_unit_test(first_signal_raises_the_flag_and_a_second_exits_75),
        cmocka_unit_test(clocks_move_forward),
    };
    return cmocka_run_group_tests(tests, root_make, root_remove);
}
