/* SPDX-License-Identifier: MIT
 *
 * test_folder.c -- folders of images: what is in them and in which order, what is refused, what a
 * bad image changes (nothing but its own place), and that the views are the same whoever makes
 * them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "picture_files.h"
#include "../engine/folder.h"
#include "../engine/loader.h"

static char root[] = "/tmp/test-folder-XXXXXX";

static int root_make(void **state)
{
    (void)state;
    return mkdtemp(root) && setenv("DATA", root, 1) == 0 ? 0 : -1;
}

static int command(const char *format, const char *a)
{
    char *const text = text_format(format, a);
    const int rc = system(text);
    free(text);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static int root_remove(void **state)
{
    (void)state;
    return command("rm -rf '%s'", root);
}

/* ---- making folders -------------------------------------------------------------------------- */

static void put(const char *name, const void *content, size_t bytes)
{
    char *const path = text_format("%s/%s", root, name), *const folder = path_folder(path);
    assert_true(folder_make(folder));
    assert_true(file_write_synced(path, content, bytes));
    free(folder);
    free(path);
}

/* A JPEG or PNG whose size and pixels are its number's. */
static void put_image(const char *name, int number, bool png)
{
    enum { SIDE = 40 };
    static uint8_t pixels[SIDE * SIDE * 3];
    const int h = 17 + number * 7 % 23, w = 17 + number * 5 % 23;
    for (int i = 0; i < h * w * 3; i++)
        pixels[i] = (uint8_t)((i * (number + 3) / 8) & 255);
    struct bytes file = png ? png_file(pixels, h, w, (size_t)(3 * w), PNG_COLOR_TYPE_RGB, 8, false)
                            : jpeg_file(pixels, h, w,
                                        (struct jpeg_kind){ 3, 90, false, false, NULL, 0, false });
    put(name, file.at, file.n);
    free(file.at);
}

/* ROOT/NAME/{train,val}: classes b, B, a with 5, 3, 4 images. */
static void put_set(const char *name)
{
    static const struct { const char *class; int n; } classes[] = { { "b", 5 }, { "B", 3 },
                                                                    { "a", 4 } };
    static const char *const splits[] = { "train", "val" };
    for (int s = 0, number = 0; s < 2; s++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < classes[c].n; i++, number++) {
                char *const at = text_format("%s/%s/%s/%d.jpg", name, splits[s], classes[c].class,
                                             i);
                put_image(at, number, false);
                free(at);
            }
}

/* ---- what is in it --------------------------------------------------------------------------- */

static void images_come_in_turn_from_classes_sorted_by_bytes(void **state)
{
    (void)state;
    static const char *const names[] = { "B/0.jpg", "a/0.jpg", "b/0.jpg", "B/1.jpg", "a/1.jpg",
                                         "b/1.jpg", "B/2.jpg", "a/2.jpg", "b/2.jpg", "a/3.jpg",
                                         "b/3.jpg", "b/4.jpg" };
    static const int labels[] = { 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 2, 2 };
    put_set("set");
    put("set/train/a/.hidden", "x", 1);
    struct dataset all, part;
    folder_load(&all, "set", DATA_TRAIN, 0, 0, 0);
    assert_true(all.n == 12 && all.classes == 3);
    for (int i = 0; i < 12; i++) {
        assert_string_equal(all.folder->name[i], names[i]);
        assert_int_equal(all.labels[i], labels[i]);
    }
    folder_load(&part, "set", DATA_TRAIN, 4, 5, 0);
    assert_int_equal(part.n, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(part.folder->name[i], names[4 + i]);
        assert_int_equal(part.labels[i], labels[4 + i]);
    }
    assert_string_not_equal(part.hash, all.hash);
    data_free(&part);
    data_free(&all);
}

static void val_is_taken_before_test(void **state)
{
    (void)state;
    put_set("two");
    struct dataset set;
    char *const from = text_format("%s/two/val", root), *const to = text_format("%s/two/test",
                                                                                root);
    assert_int_equal(rename(from, to), 0);
    folder_load(&set, "two", DATA_TEST, 0, 0, 0);
    assert_string_equal(set.folder->path, to);
    data_free(&set);
    assert_int_equal(command("cd '%s/two' && cp -r test val", root), 0);
    folder_load(&set, "two", DATA_TEST, 0, 0, 0);
    assert_string_equal(set.folder->path, from);
    data_free(&set);
    free(from);
    free(to);
}

static void a_replaced_file_changes_the_hash(void **state)
{
    (void)state;
    char before[HASH_TEXT];
    struct dataset set;
    put_set("hash");
    folder_load(&set, "hash", DATA_TRAIN, 0, 0, 0);
    memcpy(before, set.hash, sizeof before);
    data_free(&set);
    folder_load(&set, "hash", DATA_TRAIN, 0, 0, 0);
    assert_string_equal(set.hash, before);
    data_free(&set);
    put("hash/train/a/1.jpg", "short", 5);
    folder_load(&set, "hash", DATA_TRAIN, 0, 0, 0);
    assert_string_not_equal(set.hash, before);
    data_free(&set);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void leave_at_once(int status, void *unused)
{
    (void)unused;
    fflush(stderr);
    _exit(status);
}

/* Does `what` in a child, which is expected to exit with `status` and to say `text`. */
static void assert_ends(void (*what)(const char *), const char *name, int status, const char *text)
{
    char *const err = text_format("%s/err", root);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (!freopen(err, "w", stderr) || on_exit(leave_at_once, NULL))
            _exit(99);
        what(name);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    char *const said = file_read(err, NULL);
    assert_non_null(said);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != status || !strstr(said, text))
        fail_msg("%s: status %d, not %d with \"%s\": %s", name, WEXITSTATUS(how), status, text,
                 said);
    free(said);
    free(err);
}

static void load(const char *name)
{
    struct dataset set;
    folder_load(&set, name, DATA_TRAIN, 0, 0, 0);
    data_free(&set);
    folder_load(&set, name, DATA_TEST, 0, 0, 0);
}

static void load_too_many(const char *name)
{
    struct dataset set;
    folder_load(&set, name, DATA_TRAIN, 3, 10, 0);
}

static void folders_that_are_no_set_exit_2_by_name(void **state)
{
    (void)state;
    assert_ends(load, "absent", EXIT_USER, "absent/train: there is no such folder; images lie in");
    put("file/train", "x", 1);
    assert_ends(load, "file", EXIT_USER, "file/train: there is no such folder");
    assert_int_equal(command("mkdir -p '%s/empty/train'", root), 0);
    assert_ends(load, "empty", EXIT_USER, "empty/train: it has 0 folders of images");
    put_image("one/train/only/1.jpg", 1, false);
    assert_ends(load, "one", EXIT_USER, "one/train: it has one class; at least 2");
    put_image("beside/train/a/1.jpg", 1, false);
    put_image("beside/train/x.jpg", 1, false);
    assert_ends(load, "beside", EXIT_USER,
                "beside/train/x.jpg: it lies beside the classes' folders");
    put_image("hollow/train/a/1.jpg", 1, false);
    assert_int_equal(command("mkdir -p '%s/hollow/train/b'", root), 0);
    put_image("hollow/val/a/1.jpg", 1, false);
    put_image("hollow/val/b/1.jpg", 1, false);
    assert_ends(load, "hollow", EXIT_USER, "hollow/train/b: it has no images");
    put_set("escape");
    assert_int_equal(command("mkdir -p '%s/escape/train/z\033[31mclass'", root), 0);
    assert_ends(load, "escape", EXIT_USER, "escape/train/z?[31mclass: it has no images");
    put_set("more");
    put_image("more/val/c/1.jpg", 1, false);
    assert_ends(load, "more", EXIT_USER, "more/val/c: there is no such class in");
    put_set("less");
    put_image("less/train/c/1.jpg", 1, false);
    assert_ends(load, "less", EXIT_USER, "less/val: it lacks the class c of");
    assert_ends(load_too_many, "set", EXIT_USER,
                "has 12 images, numbered from 0; 10 from 3 on were asked for");
}

/* ---- views ----------------------------------------------------------------------------------- */

enum { SIZE = 13, VIEWS = 2, OUT = 3 * SIZE * SIZE, ALL = 12 };
static const struct augment recipe = {
    .crop = true, .crop_scale = { 0.2f, 1.0f }, .crop_ratio = { 3.0f / 4.0f, 4.0f / 3.0f },
    .jitter = { 0.4f, 0.4f, 0.4f, 0.1f }, .jitter_p = 0.8f, .gray_p = 0.2f,
    .blur_sigma = { 0.1f, 2.0f }, .blur_p = { 0.5f, 0.5f }, .flip_p = 0.5f, .std = { 1, 1, 1 }
};
static const struct view_order order = { &recipe, 7, 2, 0, VIEWS, SIZE };
static const int32_t everything[ALL] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

/* Views [VIEWS, ALL, S, S, 3] of all images of a set's training split; how many are bad. */
static int views_of(float *y, const char *name, int may_skip)
{
    struct dataset set;
    folder_load(&set, name, DATA_TRAIN, 0, 0, may_skip);
    assert_int_equal(set.n, ALL);
    folder_batch(set.folder, (dev_act *)y, everything, ALL, &order);
    const int bad = folder_bad(set.folder, NULL);
    data_free(&set);
    return bad;
}

static void views_are_the_same_for_any_threads(void **state)
{
    (void)state;
    static float one[VIEWS * ALL * OUT], many[VIEWS * ALL * OUT];
    machine_open(1);
    assert_int_equal(views_of(one, "set", 0), 0);
    for (int threads = 2; threads < 6; threads++) {
        machine_open(threads);
        memset(many, 0xff, sizeof many);
        views_of(many, "set", 0);
        assert_memory_equal(many, one, sizeof one);
    }
    machine_open(1);
}

/* The parameters are drawn for the image's own height and width. */
static void view_is_that_of_its_own_size(void **state)
{
    (void)state;
    static float y[VIEWS * ALL * OUT];
    views_of(y, "set", 0);
    struct dataset set;
    folder_load(&set, "set", DATA_TRAIN, 0, 0, 0);
    for (int i = 0; i < ALL; i++) {
        char *const path = folder_name(set.folder, i), wrong[WRONG_TEXT];
        size_t bytes;
        uint8_t *const file = (uint8_t *)file_read(path, &bytes);
        struct image_info info;
        struct picture p = { .pixels = NULL };
        assert_true(image_look(&info, file, bytes, wrong) &&
                    image_decode(&p, &info, file, bytes, 1, wrong));
        float view[OUT];
        void *const room = mem_alloc(op_view_room(SIZE, p.h > p.w ? p.h : p.w));
        for (int v = 0; v < VIEWS; v++) {
            const struct view_params drawn = augment_draw(&recipe, 7, 2, (uint32_t)i, (uint32_t)v,
                                                          p.h, p.w);
            if (view_shrink(&recipe, &drawn, p.h, p.w, SIZE) > 1)
                continue;
            op_view((dev_act *)view, room, p.pixels, p.h, p.w, 1, SIZE, &recipe, &drawn);
            assert_memory_equal(view, y + (v * ALL + i) * OUT, sizeof view);
        }
        mem_free(room);
        picture_free(&p);
        free(file);
        free(path);
    }
    data_free(&set);
}

/* Kind is told by content: a PNG named .jpg is a PNG. */
static void mislabelled_file_is_read_as_what_it_is(void **state)
{
    (void)state;
    put_set("mixed");
    put_image("mixed/train/a/1.jpg", 3, true);
    static float y[VIEWS * ALL * OUT];
    assert_int_equal(views_of(y, "mixed", 0), 0);
}

static void all_views(const char *name)
{
    static float y[VIEWS * ALL * OUT];
    views_of(y, name, 0);
}

static void all_views_but_one(const char *name)
{
    static float y[VIEWS * ALL * OUT];
    views_of(y, name, 1);
}

static void bad_image_ends_the_run_by_its_name(void **state)
{
    (void)state;
    put_set("bad");
    put("bad/train/b/2.jpg", "\xff\xd8\xff\xe0 no picture", 15);
    assert_ends(all_views, "bad", EXIT_USER, "bad/train/b/2.jpg: not a whole JPEG picture");
    put("bad/train/a/0.jpg", "", 0);
    assert_ends(all_views, "bad", EXIT_USER, "bad/train/a/0.jpg: it is empty; mend or remove it");
    assert_ends(all_views_but_one, "bad", EXIT_USER, "2 of the images are bad, skip_bad allows 1");
}

/* An image that is gone after it was read once: its place in the batch must not keep what another
 * left there. */
static int bad_after_two_epochs(const char *name, int may_skip)
{
    struct dataset set;
    static float y[VIEWS * ALL * OUT];
    folder_load(&set, name, DATA_TRAIN, 0, 0, may_skip);
    folder_batch(set.folder, (dev_act *)y, everything, ALL, &order);
    char *const path = text_format("%s/%s/train/b/2.jpg", root, name);
    const bool gone = !unlink(path);
    free(path);
    folder_batch(set.folder, (dev_act *)y, everything, ALL, &order);
    const int bad = folder_bad(set.folder, NULL);
    data_free(&set);
    return gone ? bad : -1;
}

static void two_epochs(const char *name)
{
    bad_after_two_epochs(name, 0);
}

static void image_that_goes_during_the_run_is_a_bad_one(void **state)
{
    (void)state;
    put_set("gone");
    put_set("gone-skipped");
    assert_ends(two_epochs, "gone", EXIT_USER,
                "gone/train/b/2.jpg: No such file or directory; mend or remove it");
    assert_int_equal(bad_after_two_epochs("gone-skipped", 1), 1);
}

/* b/2 and b/3 are bad: b/4 comes next, and no other place knows. */
static void skipped_image_changes_its_own_place_alone(void **state)
{
    (void)state;
    enum { PLACE = 8, NEXT = 10, GOOD = 11 };          /* of b/2, b/3, b/4 */
    static float whole[VIEWS * ALL * OUT], y[VIEWS * ALL * OUT], again[VIEWS * ALL * OUT];
    put_set("skip");
    views_of(whole, "skip", 0);
    put("skip/train/b/2.jpg", "no picture", 10);
    put("skip/train/b/3.jpg", "none either", 11);
    for (int threads = 1; threads < 4; threads++) {
        machine_open(threads);
        memset(y, 0, sizeof y);
        assert_int_equal(views_of(y, "skip", 2), 2);
        if (threads == 1)
            memcpy(again, y, sizeof y);
        assert_memory_equal(y, again, sizeof y);
        for (int k = 0; k < VIEWS * ALL; k++)
            if (k % ALL != PLACE && k % ALL != NEXT)
                assert_memory_equal(y + k * OUT, whole + k * OUT, OUT * sizeof *y);
    }
    machine_open(1);
    put_set("twin");                                   /* drawn for its place, cut from b/4 */
    struct dataset twin;
    assert_int_equal(command("cd '%s/twin/train/b' && cp 4.jpg 2.jpg", root), 0);
    folder_load(&twin, "twin", DATA_TRAIN, 0, 0, 0);
    static float wanted[VIEWS * OUT];
    const int32_t place = PLACE;
    folder_batch(twin.folder, (dev_act *)wanted, &place, 1, &order);
    for (int v = 0; v < VIEWS; v++)
        assert_memory_equal(y + (v * ALL + PLACE) * OUT, wanted + v * OUT, OUT * sizeof *y);
    data_free(&twin);
}

static void all_views_but_many(const char *name)
{
    static float y[VIEWS * ALL * OUT];
    views_of(y, name, 100);
}

static void class_without_a_good_image_ends_the_run(void **state)
{
    (void)state;
    put_set("none");
    for (int i = 0; i < 3; i++) {
        char *const name = text_format("none/train/B/%d.jpg", i);
        put(name, "x", 1);
        free(name);
    }
    assert_ends(all_views_but_many, "none", EXIT_USER, "a class has none that is good");
}

/* What would hold a reader up, or has nothing to read, is a bad image. */
static void what_is_no_file_is_a_bad_image(void **state)
{
    (void)state;
    put_set("odd");
    char *const fifo = text_format("%s/odd/train/a/9.pipe", root);
    char *const link = text_format("%s/odd/train/b/9", root);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(command("mkdir '%s/odd/train/B/9'", root), 0);
    put("odd/train/a/\x1b[31m.jpg", "x", 1);
    struct dataset set;
    folder_load(&set, "odd", DATA_TRAIN, 0, 0, 0);
    char **const why = host_alloc((size_t)set.n, sizeof *why);
    assert_int_equal(folder_bad(set.folder, why), 4);
    for (int i = 0; i < set.n; i++) {
        char *const name = folder_name(set.folder, i);
        const bool no_file = strstr(name, "9.pipe") || strstr(name, "B/9"),
                   is_link = strstr(name, "b/9") != NULL;
        if (no_file)
            assert_string_equal(why[i], "not a regular file");
        else if (is_link)
            assert_string_equal(why[i], "No such file or directory");
        else if (why[i])
            assert_non_null(strstr(name, "/a/?[31m.jpg"));
        free(name);
        free(why[i]);
    }
    free(why);
    free(fifo);
    free(link);
    data_free(&set);
}

/* ---- the loader ------------------------------------------------------------------------------ */

static int cores(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
}

static void batches_made_ahead_are_those_made_now(void **state)
{
    (void)state;
    enum { BATCH = 5 };
    struct image_set set;
    static float now[VIEWS * BATCH * OUT];
    machine_open(cores() > 1 ? cores() - 1 : 1);
    images_open(&set, &(struct image_part){ data_source_find("folder"), "set", DATA_TRAIN, 0, 0,
                                            0 });
    struct loader l;
    const struct loader_source source = { &set, set.host.n, BATCH, VIEWS, SIZE, &recipe, 7 };
    loader_open(&l, &source);
    assert_true(l.beside && l.threads >= 1);
    for (int epoch = 0; epoch < 20; epoch++) {
        memcpy(now, loader_make(&l, epoch, 1, 0, VIEWS), sizeof now);
        loader_start(&l, epoch, 1);
        loader_wait(&l);
        const dev_act *const ahead = loader_take(&l, epoch, 1);
        assert_int_equal(l.ahead.epoch, -1);
        assert_memory_equal(ahead, now, sizeof now);
    }
    loader_close(&l);
    images_close(&set);
    machine_open(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_come_in_turn_from_classes_sorted_by_bytes),
        cmocka_unit_test(val_is_taken_before_test),
        cmocka_unit_test(a_replaced_file_changes_the_hash),
        cmocka_unit_test(folders_that_are_no_set_exit_2_by_name),
        cmocka_unit_test(views_are_the_same_for_any_threads),
        cmocka_unit_test(view_is_that_of_its_own_size),
        cmocka_unit_test(mislabelled_file_is_read_as_what_it_is),
        cmocka_unit_test(bad_image_ends_the_run_by_its_name),
        cmocka_unit_test(image_that_goes_during_the_run_is_a_bad_one),
        cmocka_unit_test(skipped_image_changes_its_own_place_alone),
        cmocka_unit_test(class_without_a_good_image_ends_the_run),
        cmocka_unit_test(what_is_no_file_is_a_bad_image),
        cmocka_unit_test(batches_made_ahead_are_those_made_now),
    };
    machine_open(1);
    return cmocka_run_group_tests(tests, root_make, root_remove);
}
