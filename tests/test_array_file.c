/* SPDX-License-Identifier: MIT
 *
 * test_array_file.c -- matrices that numpy wrote are read to the digit, whatever their type and
 * format; and what is wrong with a file is named.
 *
 * The files of tests/fuzz/corpus/{npy,npz} are numpy's own, those of safetensors/ were put together
 * by the format's description.  All hold [3, 5] of 0, 1, 2, ... less 7.5.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../engine/array_file.h"

enum { N = 3, D = 5, CELLS = N * D };
static char scratch[] = "/tmp/test-array-XXXXXX";

static char *corpus(const char *name)
{
    return text_format("%s/../fuzz/corpus/%s", GOLDEN_DIR, name);
}

/* Opens and reads all of `path`, so many rows a call; the sentence, or "" if nothing is wrong. */
static const char *read_all(float z[CELLS], const char *path, int rows)
{
    static char wrong[WRONG_TEXT];
    struct array_file a;
    *wrong = 0;
    bool right = array_open(&a, path, wrong);
    if (right && (a.n != N || a.d != D)) {
        right = refuse(wrong, "of another shape: %lld, %d", (long long)a.n, a.d);
    }
    for (int i = 0; right && i < N; i += rows)
        right = array_read(&a, z + i * D, N - i < rows ? N - i : rows, wrong);
    array_close(&a);
    assert_true(right == !*wrong);
    assert_false(a.source.world);
    return wrong;
}

static void holds(const char *name, float sign)
{
    char *const path = corpus(name);
    for (int rows = 1; rows <= N; rows++) {
        float z[CELLS] = { 0 };
        assert_string_equal(read_all(z, path, rows), "");
        for (int i = 0; i < CELLS; i++) assert_true(z[i] == sign * ((float)i - 7.5f));
    }
    free(path);
}

static void matrices_are_read_whatever_their_type(void **state)
{
    (void)state;
    static const char *const names[] = { "npy/f2",
                                         "npy/f4",
                                         "npy/f8",
                                         "npy/f2-big",
                                         "npy/f4-big",
                                         "npy/f8-big",
                                         "npy/version-2",
                                         "npy/version-3",
                                         "npz/one-stored",
                                         "npz/one-deflated",
                                         "npz/one-stored:a",
                                         "npz/one-deflated:a.npy",
                                         "npz/wide",
                                         "npz/two-stored:a",
                                         "npz/two-deflated:a",
                                         "safetensors/one",
                                         "safetensors/one:z",
                                         "safetensors/four:half",
                                         "safetensors/four:brain",
                                         "safetensors/four:float",
                                         "safetensors/four:double" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) holds(names[i], 1);
    holds("npz/two-stored:b", -1);
    holds("npz/two-deflated:b", -1);
}

/* ---- what a user may give -------------------------------------------------------------------- */

static void refused(const char *path, const char *word)
{
    float z[CELLS];
    const char *const wrong = read_all(z, path, 1);
    if (!*wrong || !strstr(wrong, word)) fail_msg("%s: no `%s` in: %s", path, word, wrong);
}

static void refused_in_corpus(const char *name, const char *word)
{
    char *const path = corpus(name);
    refused(path, word);
    free(path);
}

static void wrong_files_are_refused_by_name(void **state)
{
    (void)state;
    refused("/nowhere/z.npy", "No such file");
    refused("/tmp", "folder");
    refused_in_corpus("npy/fortran", "Fortran order");
    refused_in_corpus("npy/objects", "Python objects");
    refused_in_corpus("npy/structures", "structures");
    refused_in_corpus("npy/whole", "numbers are <i8");
    refused_in_corpus("npy/three", "3 dimensions");
    refused_in_corpus("npy/f4:z", "no name");
    refused_in_corpus("npz/two-stored", "several arrays");
    refused_in_corpus("npz/two-stored:c", "no array of that name");
    refused_in_corpus("safetensors/four", "5 tensors; say which");
    refused_in_corpus("safetensors/four:c", "no tensor of that name");
    refused_in_corpus("safetensors/four:ids", "type I64");
    refused_in_corpus("safetensors/hole", "hole before tensor z");
    refused_in_corpus("safetensors/overlap", "b overlaps");
    refused_in_corpus("idx/labels", "neither .npy, .npz nor .safetensors");
}

/* ---- a byte that is wrong -------------------------------------------------------------------- */

struct content {
    uint8_t *bytes;
    size_t n;
};

static struct content content_of(const char *name)
{
    char *const path = corpus(name);
    struct content c;
    c.bytes = (uint8_t *)file_read(path, &c.n);
    assert_non_null(c.bytes);
    free(path);
    return c;
}

/* The first n bytes as a file, and `more` behind them; then refused. */
static void refused_bytes(const struct content *c, size_t n, size_t more, const char *name,
                          const char *word)
{
    uint8_t *const bytes = host_alloc(n + more + 1, 1);
    memcpy(bytes, c->bytes, n);
    char *const path = text_format("%s/file", scratch), *const named =
                                                            text_format("%s%s", path, name);
    assert_true(file_write_synced(path, bytes, n + more));
    refused(named, word);
    assert_int_equal(unlink(path), 0);
    free(bytes);
    free(path);
    free(named);
}

/* `from` is somewhere in the file; it becomes `to`. */
static void refused_with(const char *file, const char *from, const char *to, const char *word)
{
    struct content c = content_of(file);
    const size_t n = strlen(from);
    uint8_t *const at = memmem(c.bytes, c.n, from, n);
    assert_non_null(at);
    assert_int_equal(n, strlen(to));
    memcpy(at, to, n);
    refused_bytes(&c, c.n, 0, "", word);
    free(c.bytes);
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    refused_with("npy/f4", "(3, 5), }", "(4, 5), }", "is it whole?");
    refused_with("npy/f4", "(3, 5), }", "(2, 5), }", "nothing may follow");
    refused_with("npy/f4", "(3, 5), }", "(0, 5), }", "it is empty");
    refused_with("npy/f4", "(3, 5), }        ", "(9999999999,999)}", "is it whole?");
    refused_with("npy/f4", "(3, 5), }          ", "(3, 5), @          ", "damaged");
    refused_with("npy/f4", "(3, 5), }               ", "(99999999999999999999,1)",
                 "damaged at shape");
    refused_with("npy/f4", "(3, 5), }            ", "(3, 999999999999999)}", "beyond any file");
    refused_with("npy/f4", "'shape'", "'shapf'", "key too many");
    refused_with("npy/f4", "'fortran_order'", "'descr':'<f4','", "key too many");
    refused_with("npy/f4", "False", "false", "damaged at fortran_order");
    refused_with("npy/f4", "), }", "), @", "damaged");
    refused_with("npy/f4", "<f4", "|f4", "numbers are |f4");
    refused_with("npy/f4", "NUMPY\x01", "NUMPY\x04", "version 4.0");
    refused_with("safetensors/one", "[0,60]", "[0,59]", "do not fit");
    refused_with("safetensors/one", "[0,60]", "[0,64]", "do not fit");
    refused_with("safetensors/one", "[0,60]", "[9,69]", "hole");
    refused_with("safetensors/one", "[3,5]", "[3,-]", "no JSON");
    refused_with("safetensors/one", "[3,5]", "[15 ]", "1 dimensions");
    refused_with("safetensors/one", "\"F32\"", "\"F33\"", "unknown");
    refused_with("safetensors/one", "\"dtype\"", "\"dtyqe\"", "do not fit");
    struct content none = { (uint8_t *)"\2\0\0\0\0\0\0\0{}", 10 };
    refused_bytes(&none, none.n, 0, "", "it holds no tensor");
}

/* The bytes [n] at a place of the file; negative: from its end. */
static void refused_at(const char *file, const char *name, long at, const void *bytes, size_t n,
                       const char *word)
{
    struct content c = content_of(file);
    memcpy(c.bytes + (at < 0 ? (long)c.n + at : at), bytes, n);
    refused_bytes(&c, c.n, 0, name, word);
    free(c.bytes);
}

static void a_header_holds_three_keys_and_no_zero(void **state)
{
    (void)state;
    refused_with("npy/f4", "'fortran_order': False, ", "                        ", "no more");
    refused_at("npy/f4", "", 120, "", 1, "header is damaged");
    refused_at("npy/f4", "", 120, "x", 1, "no more");
    refused_at("npy/version-2", "", 10, "\x01", 1, "65535 at most");
    refused_at("safetensors/one", "", 3, "\x02", 1, "16777216 at most");
    refused_at("safetensors/one", "", 1, "\x01", 1, "longer than the file");
}

static void a_directory_that_lies_is_refused(void **state)
{
    (void)state;
    struct content c = content_of("npz/two-stored");
    const uint8_t *const entry = memmem(c.bytes, c.n, "PK\x01\x02", 4);
    const uint32_t packed = (uint32_t)entry[20] + 1, whole = (uint32_t)entry[24] + 1;
    const long at = entry - c.bytes;
    refused_at("npz/two-stored", ":a", at + 20, &packed, 1, "longer than it is said");
    refused_at("npz/two-stored", ":a", at + 24, &whole, 1, "nothing may follow");
    refused_at("npz/two-stored", ":a", at + 8, "\x01", 1, "encrypted");
    refused_at("npz/two-stored", ":a", at + 10, "\x0c", 1, "method 12");
    refused_at("npz/two-stored", ":a", at + 45, "\x10", 1, "outside the file");
    refused_at("npz/two-stored", ":a", at + 16, "....", 4, "checksum");
    refused_at("npz/two-stored", ":a", 0, "PK\x03\x05", 4, "neither");
    free(c.bytes);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void halves_are_exact_to_the_smallest_and_to_none(void **state)
{
    (void)state;
    static const uint16_t half[] = { 0x0001, 0x83ff, 0x0400, 0x7bff, 0xfc00, 0x7e00 };
    static const float value[] = { 0x1p-24f, -0x1.ff8p-15f, 0x1p-14f, 65504, -INFINITY, NAN };
    struct content c = content_of("npy/f2");
    memcpy(c.bytes + c.n - sizeof half, half, sizeof half);
    char *const path = text_format("%s/file", scratch);
    float z[CELLS];
    assert_true(file_write_synced(path, c.bytes, c.n));
    assert_string_equal(read_all(z, path, N), "");
    for (int i = 0; i < 5; i++) assert_true(z[CELLS - 6 + i] == value[i]);
    assert_true(isnan(z[CELLS - 1]));
    assert_int_equal(unlink(path), 0);
    free(path);
    free(c.bytes);
}

static void a_double_beyond_float_is_refused(void **state)
{
    (void)state;
    const double large = -1e39, infinite = INFINITY;
    refused_at("npy/f8", "", -(long)sizeof large, &large, sizeof large, "row 3 is beyond float32");
    struct content c = content_of("npy/f8"); /* infinity is a number for others to judge */
    memcpy(c.bytes + c.n - sizeof infinite, &infinite, sizeof infinite);
    char *const path = text_format("%s/file", scratch);
    float z[CELLS];
    assert_true(file_write_synced(path, c.bytes, c.n));
    assert_string_equal(read_all(z, path, N), "");
    assert_true(isinf(z[CELLS - 1]));
    assert_int_equal(unlink(path), 0);
    free(path);
    free(c.bytes);
}

static void every_cut_and_every_byte_too_many_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "npy/f4", "npz/one-stored", "npz/one-deflated",
                                         "safetensors/one" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct content c = content_of(names[i]);
        for (size_t n = 0; n < c.n; n++) refused_bytes(&c, n, 0, "", "");
        free(c.bytes);
    }
    struct content npy = content_of("npy/f4"), tensors = content_of("safetensors/one");
    refused_bytes(&npy, npy.n, 1, "", "nothing may follow");
    refused_bytes(&tensors, tensors.n, 1, "", "follow its header");
    free(npy.bytes);
    free(tensors.bytes);
}

/* Each byte of the numbers, turned: stored or deflated, the checksum tells. */
static void a_wrong_bit_in_an_npz_is_found(void **state)
{
    (void)state;
    static const char *const names[] = { "npz/one-stored", "npz/one-deflated" };
    for (int i = 0; i < 2; i++) {
        struct content c = content_of(names[i]);
        const uint8_t *const directory = memmem(c.bytes, c.n, "PK\x01\x02", 4);
        assert_non_null(directory);
        const size_t end = (size_t)(directory - c.bytes);
        for (size_t at = end - 20; at < end; at++) {
            c.bytes[at] ^= 4;
            refused_bytes(&c, c.n, 0, "", "");
            c.bytes[at] ^= 4;
        }
        free(c.bytes);
    }
}

/* ---- a pipe ---------------------------------------------------------------------------------- */

/* Standard input from a pipe that holds the file and `more`; what is wrong. */
static const char *piped(const char *name, const char *path, int more)
{
    static float z[CELLS];
    struct content c = content_of(name);
    int ends[2];
    const int kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(write(ends[1], c.bytes, c.n) == (ssize_t)c.n &&
                write(ends[1], "more", (size_t)more) == more);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    clearerr(stdin);
    const char *const wrong = read_all(z, path, 2);
    while (fgetc(stdin) != EOF);
    assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    close(kept);
    free(c.bytes);
    if (!*wrong)
        for (int i = 0; i < CELLS; i++) assert_true(z[i] == (float)i - 7.5f);
    return wrong;
}

static void standard_input_may_be_npy_or_safetensors(void **state)
{
    (void)state;
    assert_string_equal(piped("npy/f8", "-", 0), "");
    assert_string_equal(piped("safetensors/one", "-", 0), "");
    assert_string_equal(piped("safetensors/four", "-:brain", 0), "");
    assert_non_null(strstr(piped("npy/f8", "-", 2), "bytes follow"));
    assert_non_null(strstr(piped("safetensors/one", "-", 2), "bytes follow"));
    assert_non_null(strstr(piped("npz/one-stored", "-", 0), "not from a pipe"));
}

int main(void)
{
    if (!mkdtemp(scratch)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_are_read_whatever_their_type),
        cmocka_unit_test(wrong_files_are_refused_by_name),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(a_header_holds_three_keys_and_no_zero),
        cmocka_unit_test(a_directory_that_lies_is_refused),
        cmocka_unit_test(halves_are_exact_to_the_smallest_and_to_none),
        cmocka_unit_test(a_double_beyond_float_is_refused),
        cmocka_unit_test(every_cut_and_every_byte_too_many_is_refused),
        cmocka_unit_test(a_wrong_bit_in_an_npz_is_found),
        cmocka_unit_test(standard_input_may_be_npy_or_safetensors),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(scratch) || failed;
}
