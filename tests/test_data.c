/* SPDX-License-Identifier: MIT
 *
 * test_data.c -- image sets: the parsers on small made-up files, right and wrong; the refusals by
 * name; the synthetic set.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "../engine/base.h"
#include "../engine/data.h"
#include "../engine/data_formats.h"

static char root[] = "/tmp/test-data-XXXXXX";
static char wrong[WRONG_TEXT];

static int root_make(void **state)
{
    (void)state;
    return mkdtemp(root) && setenv("DATA", root, 1) == 0 ? 0 : -1;
}

static int root_remove(void **state)
{
    (void)state;
    char *command = text_format("rm -rf '%s'", root);
    int rc = system(command);
    free(command);
    return rc;
}

static void assert_says(const char *said, const char *text)
{
    if (!strstr(said, text))
        fail_msg("\"%s\" is not in: %s", text, said);
}

/* ---- CIFAR-10 -------------------------------------------------------------------------------- */

enum { N = 7 };

static uint8_t *cifar_make(void)
{
    uint8_t *file = host_alloc(N + 1, CIFAR_RECORD);
    for (size_t i = 0; i < (size_t)N * CIFAR_RECORD; i++)
        file[i] = (uint8_t)(i * 31 % 253);
    for (int i = 0; i < N; i++)
        file[i * CIFAR_RECORD] = (uint8_t)(9 - i);
    return file;
}

static void cifar_records_become_planes_and_labels(void **state)
{
    (void)state;
    uint8_t *file = cifar_make(), *images = host_alloc(N, CIFAR_RECORD - 1);
    int32_t labels[N];
    assert_true(cifar_parse(images, labels, N, file, (size_t)N * CIFAR_RECORD, wrong));
    for (int i = 0; i < N; i++) {
        assert_int_equal(labels[i], 9 - i);
        for (int k = 0; k < CIFAR_RECORD - 1; k++)
            assert_int_equal(images[i * (CIFAR_RECORD - 1) + k], file[i * CIFAR_RECORD + 1 + k]);
    }
    free(images);
    free(file);
}

static void cifar_of_a_wrong_length_or_label_is_refused(void **state)
{
    (void)state;
    uint8_t *file = cifar_make(), *images = host_alloc(N, CIFAR_RECORD - 1);
    int32_t labels[N];
    const size_t right = (size_t)N * CIFAR_RECORD;
    const size_t lengths[] = { 0, 1, CIFAR_RECORD, right - 1, right + 1, right + CIFAR_RECORD };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_false(cifar_parse(images, labels, N, file, lengths[i], wrong));
        assert_says(wrong, "bytes");
    }
    file[5 * CIFAR_RECORD] = 10;
    assert_false(cifar_parse(images, labels, N, file, right, wrong));
    assert_string_equal(wrong, "the label of image 5 is 10, not 0..9");
    free(images);
    free(file);
}

static void cifar_record_is_what_cifar_parse_reads(void **state)
{
    (void)state;
    uint8_t rgb[CIFAR_RECORD - 1], record[CIFAR_RECORD], image[CIFAR_RECORD - 1];
    for (int i = 0; i < CIFAR_RECORD - 1; i++)
        rgb[i] = (uint8_t)(i * 37 % 251);
    cifar_record(record, 3, rgb);
    int32_t label;
    assert_true(cifar_parse(image, &label, 1, record, sizeof record, wrong));
    assert_int_equal(label, 3);
    for (int c = 0; c < 3; c++) {
        for (int y = 0; y < 32; y++) {
            for (int x = 0; x < 32; x++)
                assert_int_equal(image[(c * 32 + y) * 32 + x], rgb[(y * 32 + x) * 3 + c]);
        }
    }
}

/* ---- CIFAR-100 ------------------------------------------------------------------------------- */

static uint8_t *cifar100_make(void)
{
    uint8_t *file = host_alloc(N, CIFAR100_RECORD);
    for (size_t i = 0; i < (size_t)N * CIFAR100_RECORD; i++)
        file[i] = (uint8_t)(i * 29 % 251);
    for (int i = 0; i < N; i++) {
        file[i * CIFAR100_RECORD] = (uint8_t)(19 - i);
        file[i * CIFAR100_RECORD + 1] = (uint8_t)(99 - i);
    }
    return file;
}

static void cifar100_takes_the_fine_label_and_leaves_the_coarse_one(void **state)
{
    (void)state;
    uint8_t *file = cifar100_make(), *images = host_alloc(N, CIFAR_RECORD - 1);
    int32_t labels[N];
    assert_true(cifar100_parse(images, labels, N, file, (size_t)N * CIFAR100_RECORD, wrong));
    for (int i = 0; i < N; i++) {
        assert_int_equal(labels[i], 99 - i);
        for (int k = 0; k < CIFAR_RECORD - 1; k++)
            assert_int_equal(images[i * (CIFAR_RECORD - 1) + k], file[i * CIFAR100_RECORD + 2 + k]);
    }
    free(images);
    free(file);
}

static void cifar100_of_a_wrong_length_or_label_is_refused(void **state)
{
    (void)state;
    uint8_t *file = cifar100_make(), *images = host_alloc(N, CIFAR_RECORD - 1);
    int32_t labels[N];
    const size_t right = (size_t)N * CIFAR100_RECORD;
    const size_t lengths[] = { 0, 1, (size_t)N * CIFAR_RECORD, right - 1, right + 1,
                               right + CIFAR100_RECORD };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_false(cifar100_parse(images, labels, N, file, lengths[i], wrong));
        assert_says(wrong, "bytes");
    }
    file[4 * CIFAR100_RECORD + 1] = 100;
    assert_false(cifar100_parse(images, labels, N, file, right, wrong));
    assert_string_equal(wrong, "the label of image 4 is 100, not 0..99");
    file[2 * CIFAR100_RECORD] = 20;
    assert_false(cifar100_parse(images, labels, N, file, right, wrong));
    assert_string_equal(wrong, "the coarse label of image 2 is 20, not 0..19");
    free(images);
    free(file);
}

/* ---- idx ------------------------------------------------------------------------------------- */

/* 2 images of 3 x 5 grey values. */
enum { IDX_HEADER = 16, IDX_BYTES = IDX_HEADER + 30 };
static const int idx_dim[3] = { 2, 3, 5 };

static void idx_make(uint8_t file[IDX_BYTES])
{
    static const uint8_t header[IDX_HEADER] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5 };
    memcpy(file, header, IDX_HEADER);
    for (int i = IDX_HEADER; i < IDX_BYTES; i++)
        file[i] = (uint8_t)(200 - i);
}

static void idx_values_become_three_equal_channels(void **state)
{
    (void)state;
    uint8_t file[IDX_BYTES], images[2 * 3 * 15];
    const uint8_t *values;
    idx_make(file);
    assert_int_equal(idx_bytes(3, idx_dim), IDX_BYTES);
    assert_true(idx_parse(&values, 3, idx_dim, file, sizeof file, wrong));
    grey_repeat(images, values, 2, 15);
    for (int i = 0; i < 2; i++) {
        for (int c = 0; c < 3; c++) {
            for (int k = 0; k < 15; k++)
                assert_int_equal(images[(i * 3 + c) * 15 + k], 200 - (IDX_HEADER + i * 15 + k));
        }
    }
}

static void idx_with_any_other_header_or_length_is_refused(void **state)
{
    (void)state;
    uint8_t file[IDX_BYTES + 1] = { 0 };
    const uint8_t *values;
    idx_make(file);
    for (size_t bytes = 0; bytes <= sizeof file; bytes++) {
        /* In a block of just that size, so that a sanitizer sees a read behind it. */
        uint8_t *cut = host_alloc(bytes, 1);
        memcpy(cut, file, bytes);
        assert_int_equal(idx_parse(&values, 3, idx_dim, cut, bytes, wrong), bytes == IDX_BYTES);
        free(cut);
    }
    for (int i = 0; i < IDX_HEADER; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file[i] ^= (uint8_t)(1 << bit);
            assert_false(idx_parse(&values, 3, idx_dim, file, IDX_BYTES, wrong));
            assert_says(wrong, i < 4 ? "begins with" : "dimension");
            file[i] ^= (uint8_t)(1 << bit);
        }
    }
    /* images where labels should be */
    assert_false(idx_parse(&values, 1, idx_dim, file, IDX_BYTES, wrong));
}

static void label_out_of_range_is_refused_by_number(void **state)
{
    (void)state;
    uint8_t values[4] = { 0, 9, 3, 1 };
    int32_t labels[4];
    assert_true(labels_parse(labels, 4, 10, values, wrong));
    for (int i = 0; i < 4; i++)
        assert_int_equal(labels[i], values[i]);
    values[2] = 10;
    assert_false(labels_parse(labels, 4, 10, values, wrong));
    assert_string_equal(wrong, "the label of image 2 is 10, not 0..9");
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static size_t gzip_pack(uint8_t *packed, size_t room, const uint8_t *plain, size_t bytes)
{
    z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)plain, .avail_in = (uInt)bytes,
                   .next_out = packed, .avail_out = (uInt)room };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed_bytes = room - z.avail_out;
    deflateEnd(&z);
    return packed_bytes;
}

static void gzip_gives_back_what_was_packed(void **state)
{
    (void)state;
    enum { PLAIN = 5000 };
    uint8_t plain[PLAIN], packed[2 * PLAIN];
    for (int i = 0; i < PLAIN; i++)
        plain[i] = (uint8_t)(i * i % 241);
    size_t packed_bytes = gzip_pack(packed, sizeof packed, plain, PLAIN), bytes;
    uint8_t *got = gzip_unpack(&bytes, PLAIN, packed, packed_bytes, wrong);
    assert_non_null(got);
    assert_int_equal(bytes, PLAIN);
    assert_memory_equal(got, plain, PLAIN);
    free(got);
    packed_bytes = gzip_pack(packed, sizeof packed, plain, 0);
    got = gzip_unpack(&bytes, PLAIN, packed, packed_bytes, wrong);
    assert_non_null(got);
    assert_int_equal(bytes, 0);
    free(got);
}

static void damaged_gzip_is_refused(void **state)
{
    (void)state;
    enum { PLAIN = 300 };
    uint8_t plain[PLAIN], packed[2 * PLAIN];
    for (int i = 0; i < PLAIN; i++)
        plain[i] = (uint8_t)(i * i % 241);
    size_t n = gzip_pack(packed, sizeof packed, plain, PLAIN), bytes;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *part = host_alloc(cut, 1);
        memcpy(part, packed, cut);
        assert_null(gzip_unpack(&bytes, PLAIN, part, cut, wrong));
        free(part);
    }
    packed[n] = 0;
    assert_null(gzip_unpack(&bytes, PLAIN, packed, n + 1, wrong));
    assert_says(wrong, "follow");
    /* Each bit: refused, or (the header's time and system) without meaning; never other bytes. */
    int taken = 0;
    for (size_t i = 0; i < 8 * n; i++) {
        packed[i / 8] ^= (uint8_t)(1 << i % 8);
        uint8_t *got = gzip_unpack(&bytes, PLAIN, packed, n, wrong);
        if (got) {
            assert_int_equal(bytes, PLAIN);
            assert_memory_equal(got, plain, PLAIN);
            taken++;
        }
        free(got);
        packed[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_in_range(taken, 0, 8 * 7);          /* the header has 7 such bytes */
    assert_null(gzip_unpack(&bytes, PLAIN, plain, PLAIN, wrong));
}

static void gzip_bomb_is_refused_at_the_size_that_is_expected(void **state)
{
    (void)state;
    enum { PLAIN = 1000000 };
    uint8_t *plain = host_alloc(PLAIN, 1), packed[4096];
    size_t n = gzip_pack(packed, sizeof packed, plain, PLAIN), bytes;
    assert_null(gzip_unpack(&bytes, PLAIN - 1, packed, n, wrong));
    assert_says(wrong, "more than 999999 bytes");
    assert_null(gzip_unpack(&bytes, 10, packed, n, wrong));
    uint8_t *got = gzip_unpack(&bytes, PLAIN, packed, n, wrong);
    assert_non_null(got);
    free(got);
    free(plain);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static void table_of_sources_is_whole(void **state)
{
    (void)state;
    assert_null(data_source_find("cifar1000"));
    assert_null(data_source_find(""));
    for (const struct data_source *s = data_sources; s->name; s++) {
        assert_ptr_equal(data_source_find(s->name), s);
        if (data_is_folder(s)) {
            assert_string_equal(s->name, "folder");
            continue;
        }
        assert_int_equal(s->classes, strcmp(s->name, "cifar100") == 0 ? 100 : 10);
        assert_true(s->h == s->w && s->h > 0 && s->n[0] > 0 && s->n[1] > 0);
        for (int c = 0; c < 3; c++)
            assert_true(s->mean[c] > 0 && s->mean[c] < 1 && s->std[c] > 0 && s->std[c] < 1);
        size_t bytes[2] = { 0, 0 };
        for (const struct data_file *f = s->files; f->name; f++) {
            assert_int_equal(strlen(f->sha256), HASH_TEXT - 1);
            assert_int_equal(strspn(f->sha256, "0123456789abcdef"), HASH_TEXT - 1);
            bytes[f->split] += f->bytes;
        }
        if (strcmp(s->name, "cifar10") == 0) {
            assert_int_equal(bytes[DATA_TRAIN], 50000 * CIFAR_RECORD);
            assert_int_equal(bytes[DATA_TEST], 10000 * CIFAR_RECORD);
        }
        if (strcmp(s->name, "cifar100") == 0) {
            assert_int_equal(bytes[DATA_TRAIN], 50000 * 3074);
            assert_int_equal(bytes[DATA_TEST], 10000 * 3074);
        }
    }
}

static void data_folder_is_DATA_or_the_users_cache(void **state)
{
    (void)state;
    char *home = getenv("HOME") ? text_format("%s", getenv("HOME")) : NULL;
    assert_string_equal(data_folder(), root);
    unsetenv("DATA");
    setenv("XDG_CACHE_HOME", "/c", 1);
    assert_string_equal(data_folder(), "/c/simsiam");
    setenv("XDG_CACHE_HOME", "", 1);
    setenv("HOME", "/h", 1);
    assert_string_equal(data_folder(), "/h/.cache/simsiam");
    unsetenv("XDG_CACHE_HOME");
    assert_string_equal(data_folder(), "/h/.cache/simsiam");
    setenv("DATA", root, 1);
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

/* A child that dies on purpose frees nothing: it leaves before a sanitizer counts and changes its
 * status. */
static void leave_at_once(int status, void *unused)
{
    (void)unused;
    fflush(stderr);
    _exit(status);
}

/* Loads in a child; returns its exit status, and what it said in `said` (the caller frees). */
static int load_in_child(char **said, const char *name, enum data_split split, int first, int count)
{
    char *err = text_format("%s/err", root);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen(err, "w", stderr) || on_exit(leave_at_once, NULL) != 0)
            _exit(99);
        struct dataset set;
        data_load(&set, name, split, first, count);
        _exit(0);
    }
    int status;
    size_t bytes;
    assert_int_equal(waitpid(child, &status, 0), child);
    *said = file_read(err, &bytes);
    assert_non_null(*said);
    free(err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void missing_set_exits_1_and_names_the_command(void **state)
{
    (void)state;
    char *said;
    assert_int_equal(load_in_child(&said, "cifar10", DATA_TRAIN, 0, 10), EXIT_WORLD);
    assert_says(said, "cifar10/data_batch_1.bin: No such file");
    assert_says(said, "run make -f Makefile.repro data-cifar10");
    free(said);
    assert_int_equal(load_in_child(&said, "cifar10", DATA_TRAIN, 40000, 10), EXIT_WORLD);
    assert_says(said, "cifar10/data_batch_5.bin");
    free(said);
    assert_int_equal(load_in_child(&said, "fashion-mnist", DATA_TEST, 0, 10), EXIT_WORLD);
    assert_says(said, "data-fashion-mnist");
    free(said);
    assert_int_equal(load_in_child(&said, "cifar100", DATA_TRAIN, 0, 10), EXIT_WORLD);
    assert_says(said, "cifar100/train.bin: No such file");
    assert_says(said, "run make -f Makefile.repro data-cifar100");
    free(said);
}

static void wrong_file_exits_2_and_is_named_with_both_hashes(void **state)
{
    (void)state;
    char *folder = text_format("%s/cifar10", root),
         *path = text_format("%s/test_batch.bin", folder), *said;
    assert_true(folder_make(folder));
    assert_true(file_write_synced(path, "short", 5));
    assert_int_equal(load_in_child(&said, "cifar10", DATA_TEST, 0, 1), EXIT_USER);
    assert_says(said, "test_batch.bin: it has 5 bytes, should have 30730000");
    free(said);
    /* The right length, all zero: a file with a hole takes no room. */
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(path, 30730000), 0);
    assert_int_equal(load_in_child(&said, "cifar10", DATA_TEST, 0, 1), EXIT_USER);
    assert_says(said, path);
    assert_says(said, "its SHA-256 is ");
    assert_says(said, "should be 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b");
    assert_says(said, "run make -f Makefile.repro data-cifar10");
    free(said);
    assert_int_equal(unlink(path), 0);
    free(path);
    free(folder);
}

static void damaged_packed_file_exits_2_by_its_own_name(void **state)
{
    (void)state;
    char *folder = text_format("%s/mnist", root),
         *path = text_format("%s/train-images-idx3-ubyte.gz", folder);
    char *said;
    assert_true(folder_make(folder));
    assert_true(file_write_synced(path, "no gzip", 7));
    assert_int_equal(load_in_child(&said, "mnist", DATA_TRAIN, 0, 1), EXIT_USER);
    assert_says(said, "train-images-idx3-ubyte.gz: its gzip content is");
    free(said);
    uint8_t packed[64];
    size_t n = gzip_pack(packed, sizeof packed, (const uint8_t *)"few", 3);
    assert_true(file_write_synced(path, packed, n));
    assert_int_equal(load_in_child(&said, "mnist", DATA_TRAIN, 0, 1), EXIT_USER);
    assert_says(said, "train-images-idx3-ubyte.gz: it has 3 bytes, should have 47040016");
    free(said);
    free(path);
    free(folder);
}

static void more_images_than_there_are_exits_2(void **state)
{
    (void)state;
    static const int ranges[][2] = { { 0, 0 }, { 0, 60001 }, { 1, 60000 }, { -1, 1 }, { 60000, 1 },
                                     { INT_MAX, 1 }, { 2, INT_MAX } };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char *said;
        assert_int_equal(load_in_child(&said, "synthetic", DATA_TRAIN, ranges[i][0], ranges[i][1]),
                         EXIT_USER);
        assert_says(said, "synthetic has 60000 training images");
        free(said);
    }
}

static void synthetic_set_is_the_same_every_time_and_in_parts(void **state)
{
    (void)state;
    struct dataset all, part;
    data_load(&all, "synthetic", DATA_TRAIN, 0, 2000);
    /* The bytes are a promise: results of tests rest on them. */
    assert_string_equal(all.hash,
                        "5fbda6d88f1a347fea079524f24617207117178f8ceabaaa8fb5e4950a7720c6");
    data_load(&part, "synthetic", DATA_TRAIN, 33, 7);
    const size_t image = 3 * (size_t)all.h * (size_t)all.w;
    assert_int_equal(part.n, 7);
    assert_memory_equal(part.images, all.images + 33 * image, 7 * image);
    assert_memory_equal(part.labels, all.labels + 33, 7 * sizeof(int32_t));
    assert_string_not_equal(part.hash, all.hash);
    data_free(&part);
    data_load(&part, "synthetic", DATA_TEST, 33, 7);
    assert_memory_not_equal(part.images, all.images + 33 * image, 7 * image);
    data_free(&part);
    data_free(&part);              /* a zeroed struct */
    data_free(&all);
}

static void hash_of_a_set_sees_every_image_and_label_byte(void **state)
{
    (void)state;
    struct dataset set;
    data_load(&set, "synthetic", DATA_TEST, 0, 3);
    char part[2][HASH_TEXT], expected[HASH_TEXT];
    hash_bytes(part[0], set.images, 3 * 3 * 16 * 16);
    hash_bytes(part[1], set.labels, 3 * sizeof(int32_t));
    hash_bytes(expected, part, sizeof part);
    assert_string_equal(set.hash, expected);
    data_free(&set);
}

static void synthetic_mean_and_deviation_are_those_of_the_table(void **state)
{
    (void)state;
    const struct data_source *source = data_source_find("synthetic");
    struct dataset set;
    data_load(&set, "synthetic", DATA_TRAIN, 0, source->n[DATA_TRAIN]);
    const int plane = set.h * set.w;
    int per_class[10] = { 0 };
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < set.n; i++) {
            per_class[set.labels[i]] += c == 0;
            for (int k = 0; k < plane; k++) {
                double x = set.images[(i * 3 + c) * plane + k] / 255.0;
                sum += x;
                squares += x * x;
            }
        }
        const double n = (double)set.n * plane, mean = sum / n,
                     variance = squares / n - mean * mean;
        const double near = 0.002; /* the table's digits, and what differs between the channels */
        assert_true(mean > source->mean[c] - near && mean < source->mean[c] + near);
        assert_true(variance > (source->std[c] - near) * (source->std[c] - near));
        assert_true(variance < (source->std[c] + near) * (source->std[c] + near));
    }
    for (int c = 0; c < 10; c++)
        assert_int_equal(per_class[c], 6000);
    data_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar_records_become_planes_and_labels),
        cmocka_unit_test(cifar_of_a_wrong_length_or_label_is_refused),
        cmocka_unit_test(cifar_record_is_what_cifar_parse_reads),
        cmocka_unit_test(cifar100_takes_the_fine_label_and_leaves_the_coarse_one),
        cmocka_unit_test(cifar100_of_a_wrong_length_or_label_is_refused),
        cmocka_unit_test(idx_values_become_three_equal_channels),
        cmocka_unit_test(idx_with_any_other_header_or_length_is_refused),
        cmocka_unit_test(label_out_of_range_is_refused_by_number),
        cmocka_unit_test(gzip_gives_back_what_was_packed),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(gzip_bomb_is_refused_at_the_size_that_is_expected),
        cmocka_unit_test(table_of_sources_is_whole),
        cmocka_unit_test(data_folder_is_DATA_or_the_users_cache),
        cmocka_unit_test(missing_set_exits_1_and_names_the_command),
        cmocka_unit_test(wrong_file_exits_2_and_is_named_with_both_hashes),
        cmocka_unit_test(damaged_packed_file_exits_2_by_its_own_name),
        cmocka_unit_test(more_images_than_there_are_exits_2),
        cmocka_unit_test(synthetic_set_is_the_same_every_time_and_in_parts),
        cmocka_unit_test(hash_of_a_set_sees_every_image_and_label_byte),
        cmocka_unit_test(synthetic_mean_and_deviation_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, root_make, root_remove);
}
