/* SPDX-License-Identifier: MIT
 *
 * test_checkpoint.c -- a checkpoint is whole or is not taken, whatever happened to its bytes or to
 * its writer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "../engine/base.h"
#include "../engine/checkpoint.h"

static char root[] = "/tmp/test-checkpoint-XXXXXX";
static char *path, *prev, *spare, *fresh, *err;

static int root_make(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    path = text_format("%s/checkpoint.bin", root);
    prev = text_format("%s.prev", path);
    spare = text_format("%s.spare", path);
    fresh = text_format("%s.new", path);
    err = text_format("%s/err", root);
    return 0;
}

static int root_remove(void **state)
{
    (void)state;
    char *command = text_format("rm -rf '%s'", root);
    int rc = system(command);
    free(command);
    free(path);
    free(prev);
    free(spare);
    free(fresh);
    free(err);
    return rc;
}

static int root_clear(void **state)
{
    (void)state;
    unlink(path);
    unlink(prev);
    unlink(spare);
    rmdir(fresh);
    unlink(fresh);
    return 0;
}

static bool exists(const char *name)
{
    struct stat s;
    return stat(name, &s) == 0;
}

/* Saves one blob "generation" with the number. */
static bool generation_save(int generation)
{
    const struct blob blob = { "generation", &generation, sizeof generation };
    return checkpoint_save(path, &blob, 1);
}

static int generation_of(const struct checkpoint *c)
{
    const struct blob *b = checkpoint_find(c, "generation");
    assert_non_null(b);
    assert_int_equal(b->bytes, sizeof(int));
    int generation;
    memcpy(&generation, b->data, sizeof generation);
    return generation;
}

/* Loads with stderr in the file `err`; -1 if there is nothing to load. */
static int generation_load(void)
{
    fflush(stderr);
    int kept = dup(2), to = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && to >= 0);
    assert_int_equal(dup2(to, 2), 2);
    struct checkpoint c;
    bool ok = checkpoint_load(&c, path);
    int generation = ok ? generation_of(&c) : -1;
    if (ok)
        checkpoint_free(&c);
    dup2(kept, 2);
    close(kept);
    close(to);
    return generation;
}

static void assert_warned(const char *text)
{
    size_t bytes;
    char *said = file_read(err, &bytes);
    assert_non_null(said);
    if (!strstr(said, text))
        fail_msg("\"%s\" is not in: %s", text, said);
    free(said);
}

static void damage(const char *file)
{
    size_t bytes;
    char *data = file_read(file, &bytes);
    assert_non_null(data);
    data[bytes / 2] ^= 1;
    assert_true(file_write_synced(file, data, bytes));
    free(data);
}

/* ---- what was saved is what is loaded -------------------------------------------------------- */

static void every_blob_comes_back_to_the_byte(void **state)
{
    (void)state;
    float x[33];
    for (int i = 0; i < 33; i++)
        x[i] = 1.0f / (float)(i + 1);
    const struct blob blobs[] = { { "weights", x, sizeof x }, { "empty", NULL, 0 }, { "", "?", 1 },
                                  { "a name with spaces and \xc3\xa4", "\0\1\2", 3 } };
    assert_true(checkpoint_save(path, blobs, 4));
    struct checkpoint c;
    assert_true(checkpoint_load(&c, path));
    assert_int_equal(c.n, 4);
    for (int i = 0; i < 4; i++) {
        const struct blob *b = checkpoint_find(&c, blobs[i].name);
        assert_ptr_equal(b, &c.blob[i]);
        assert_int_equal(b->bytes, blobs[i].bytes);
        assert_true(b->bytes == 0 || memcmp(b->data, blobs[i].data, b->bytes) == 0);
    }
    assert_null(checkpoint_find(&c, "weight"));
    checkpoint_free(&c);
    checkpoint_free(&c);           /* a zeroed struct */
    assert_true(checkpoint_save(path, NULL, 0));
    assert_true(checkpoint_load(&c, path));
    assert_int_equal(c.n, 0);
    checkpoint_free(&c);
}

static void layout_is_the_documented_one(void **state)
{
    (void)state;
    const struct blob blob = { "ab", "xyz", 3 };
    assert_true(checkpoint_save(path, &blob, 1));
    static const char expected[] = "SSCKPT01" "\1\0\0\0" "\1\0\0\0" "\2\0\0\0" "ab" "\3\0\0\0\0\0\0\0" "xyz";
    size_t bytes, content = sizeof expected - 1;
    char *file = file_read(path, &bytes);
    assert_int_equal(bytes, content + 32);
    assert_memory_equal(file, expected, content);
    unsigned char digest[32];
    SHA256((const unsigned char *)expected, content, digest);
    assert_memory_equal(file + content, digest, 32);
    free(file);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void every_flipped_bit_and_every_truncation_is_refused(void **state)
{
    (void)state;
    assert_true(generation_save(7));
    size_t bytes;
    char *good = file_read(path, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            good[i] ^= (char)(1 << bit);
            assert_true(file_write_synced(path, good, bytes));
            good[i] ^= (char)(1 << bit);
            assert_int_equal(generation_load(), -1);
        }
    }
    for (size_t length = 0; length < bytes; length++) {
        assert_true(file_write_synced(path, good, length));
        assert_int_equal(generation_load(), -1);
    }
    char *longer = host_alloc(bytes + 1, 1);
    memcpy(longer, good, bytes);
    assert_true(file_write_synced(path, longer, bytes + 1));
    assert_int_equal(generation_load(), -1);
    assert_warned(path);
    assert_true(file_write_synced(path, good, bytes));
    assert_int_equal(generation_load(), 7);
    free(longer);
    free(good);
}

/* Loads `bytes` of content behind which a right digest is put: only the parser stands between it
 * and harm. */
static bool forged_load(const char *content, size_t bytes)
{
    char *file = host_alloc(bytes + 32, 1);
    memcpy(file, content, bytes);
    SHA256((const unsigned char *)file, bytes, (unsigned char *)file + bytes);
    assert_true(file_write_synced(path, file, bytes + 32));
    free(file);
    struct checkpoint c;
    int kept = dup(2), to = open("/dev/null", O_WRONLY);
    dup2(to, 2);
    bool ok = checkpoint_load(&c, path);
    dup2(kept, 2);
    close(kept);
    close(to);
    if (ok)
        checkpoint_free(&c);
    return ok;
}

static void no_length_is_believed_even_under_a_right_checksum(void **state)
{
    (void)state;
    /* One blob "ab" of three bytes: name length at 16, name at 20, size at 22, content at 30. */
    char file[33] = "SSCKPT01" "\1\0\0\0" "\1\0\0\0" "\2\0\0\0" "ab" "\3\0\0\0\0\0\0\0" "xyz";
    assert_true(forged_load(file, 33));
    assert_false(forged_load(file, 32));               /* content cut */
    assert_false(forged_load(file, 16));               /* one blob announced, none there */
    assert_false(forged_load(file, 12));
    static const struct { int at, bytes; uint64_t value; } lies[] = {
        { 8, 4, 0 }, { 8, 4, 2 },                      /* version */
        { 12, 4,
          0 }, { 12, 4, 2 }, { 12, 4, 0x7fffffff }, { 12, 4, 0x80000000 }, { 12, 4, 0xffffffff },
        { 16, 4, 0 }, { 16, 4, 3 }, { 16, 4, 13 }, { 16, 4, 14 }, { 16, 4, 0xffffffff },
        { 20, 1, 0 },                                  /* a NUL inside the name */
        { 22, 8, 2 }, { 22, 8, 4 }, { 22, 8, UINT64_MAX }, { 22, 8, UINT64_MAX - 30 }, { 22, 8,
          1ull << 63 },
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char lie[33];
        memcpy(lie, file, sizeof lie);
        for (int k = 0; k < lies[i].bytes; k++)
            lie[lies[i].at + k] = (char)(lies[i].value >> 8 * k & 255);
        if (forged_load(lie, sizeof lie))
            fail_msg("lie %zu is believed", i);
    }
    /* Any byte set to anything telling: refused or taken, never a crash (the sanitizers watch). */
    static const unsigned char values[] = { 0, 1, 12, 13, 127, 128, 254, 255 };
    for (size_t i = 8; i < sizeof file; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            char other[33];
            memcpy(other, file, sizeof other);
            other[i] = (char)values[v];
            forged_load(other, sizeof other);
        }
    }
}

static void damaged_file_gives_way_to_the_previous_one_by_name(void **state)
{
    (void)state;
    assert_int_equal(generation_load(), -1);           /* nothing there */
    assert_true(generation_save(1));
    assert_false(exists(prev));
    assert_true(generation_save(2));
    assert_int_equal(generation_load(), 2);
    damage(path);
    assert_int_equal(generation_load(), 1);
    assert_warned(path);
    assert_warned("damaged");
    assert_warned(prev);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(generation_load(), 1);
    damage(prev);
    assert_int_equal(generation_load(), -1);
    assert_warned(prev);
}

/* ---- failures and kills ---------------------------------------------------------------------- */

static void failed_save_leaves_the_old_one(void **state)
{
    (void)state;
    assert_true(generation_save(1));
    /* Below a file. */
    char *below = text_format("%s/x", path);
    const struct blob blob = { "x", "y", 1 };
    errno = 0;
    assert_false(checkpoint_save(below, &blob, 1));
    assert_int_equal(errno, ENOTDIR);
    free(below);
    /* A disk that takes no more: here a limit on the size of files. */
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    tight = before;
    tight.rlim_cur = 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool ok = generation_save(2);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(ok);
    assert_int_equal(error, EFBIG);
    assert_false(exists(fresh));
    assert_int_equal(generation_load(), 1);
    /* Something in the way of the new file. */
    assert_int_equal(mkdir(fresh, 0700), 0);
    assert_false(generation_save(2));
    assert_int_equal(generation_load(), 1);
    assert_false(exists(prev));
    assert_int_equal(rmdir(fresh), 0);
    /* An unwritable folder stops anybody but root. */
    if (geteuid() != 0) {
        assert_int_equal(chmod(root, 0500), 0);
        ok = generation_save(2);
        assert_int_equal(chmod(root, 0700), 0);
        assert_false(ok);
        assert_int_equal(generation_load(), 1);
    }
}

static void leftovers_of_a_killed_save_do_no_harm(void **state)
{
    (void)state;
    assert_true(generation_save(1));
    assert_true(generation_save(2));
    /* Killed after `spare` was made, and a torn new file lies there. */
    assert_int_equal(link(path, spare), 0);
    assert_true(file_write_synced(fresh, "torn", 4));
    assert_int_equal(generation_load(), 2);
    assert_true(generation_save(3));
    assert_int_equal(generation_load(), 3);
    damage(path);
    assert_int_equal(generation_load(), 2);
    assert_false(exists(spare));
    assert_false(exists(fresh));
}

/* `path` is damaged and `prev` the one whole file.  The save fails at its last rename, because
 * `prev` is made a folder that cannot be replaced: by then the new file must stand at `path`. */
static void new_file_is_in_place_before_the_previous_one_is_touched(void **state)
{
    (void)state;
    assert_true(generation_save(1));
    damage(path);
    assert_int_equal(mkdir(prev, 0700), 0);
    assert_false(generation_save(2));
    assert_int_equal(generation_load(), 2);
    assert_false(exists(spare));
    assert_int_equal(rmdir(prev), 0);
}

static void kill_at_any_moment_leaves_a_whole_checkpoint(void **state)
{
    (void)state;
    int last = 0;
    /* A busy machine may leave every child without its turn: some of those that come wait longer. */
    for (int round = 0; round < 60 || (last == 0 && round < 600); round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (int g = last + 1;; g++) {
                if (!generation_save(g))
                    _exit(1);
            }
        }
        struct timespec wait = { 0, (1 + round / 60) * (1000000 + 137911L * (round * 31 % 60)) };
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        int now = generation_load();
        if (now == -1) {           /* killed before the very first save was done */
            now = 0;
            assert_int_equal(last, 0);
            assert_false(exists(path));
        }
        assert_true(now >= last);
        last = now;
    }
    assert_true(last > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, root_clear)
    const struct CMUnitTest tests[] = {
        TEST(every_blob_comes_back_to_the_byte),
        TEST(layout_is_the_documented_one),
        TEST(every_flipped_bit_and_every_truncation_is_refused),
        TEST(no_length_is_believed_even_under_a_right_checksum),
        TEST(damaged_file_gives_way_to_the_previous_one_by_name),
        TEST(failed_save_leaves_the_old_one),
        TEST(leftovers_of_a_killed_save_do_no_harm),
        TEST(new_file_is_in_place_before_the_previous_one_is_touched),
        TEST(kill_at_any_moment_leaves_a_whole_checkpoint),
    };
    return cmocka_run_group_tests(tests, root_make, root_remove);
}
