/* SPDX-License-Identifier: MIT
 *
 * test_plan_cache.c -- plans are timed once: then the file says which, in every process; and a file
 * that is damaged, another card's or not to be written does no harm.
 *
 * A process is a child of the test's.  cuDNN plans for a card that is described to it; the clock is
 * the test's.
 */
#include "hopper.h"
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* 2^30 operations and a few. */
static struct conv_work work = { CONV_FWD, PRECISION_BF16, false, { 65, 15, 15, 64, 64, 3, 1, 1 } };

enum { MOST = 8 };
/* The plans' seconds, as they come, behind some that do not run; and how often it was asked. */
struct clock { int broken, runs, tries; double first, more; };
static int broken;                       /* of a clock's plans */

static double tell(const struct plan *p, void *context)
{
    struct clock *const c = context;
    assert_non_null(p->plan);
    const int i = c->runs++;
    return i < c->broken ? (double)INFINITY : c->first + c->more * i;
}

static bool try(const struct plan *p, void *context)
{
    struct clock *const c = context;
    assert_non_null(p->plan);
    return c->tries++ >= c->broken;
}

struct told { char tag[PLAN_TAG]; int runs, tries; };

/* What another process chooses, and how often it asked the clock; what it says on stderr. */
static struct told choose_elsewhere(cudnnBackendDescriptor_t device, const char *name, double more,
                                    char said[512])
{
    int answer[2], words[2], status;
    struct told t;
    assert_int_equal(pipe(answer), 0);
    assert_int_equal(pipe(words), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct clock c = { broken, 0, 0, 100, more };
        const struct plan_chooser chooser = { { NULL, device }, name, try, tell, &c };
        struct plan p;
        char why[256];
        dup2(words[1], STDERR_FILENO);
        memset(&t, 0, sizeof t);
        if (plan_choose(&p, why, sizeof why, work, &chooser)) memcpy(t.tag, p.tag, sizeof t.tag);
        t.runs = c.runs;
        t.tries = c.tries;
        _exit(write(answer[1], &t, sizeof t) != sizeof t);
    }
    close(answer[1]);
    close(words[1]);
    assert_int_equal(read(answer[0], &t, sizeof t), sizeof t);
    const ssize_t n = read(words[0], said, 511);
    said[n > 0 ? n : 0] = '\0';
    close(answer[0]);
    close(words[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return t;
}

/* The tags of the plans that may be chosen, as they come: more than are timed. */
static int tags(char tag[MOST + 2][PLAN_TAG], cudnnBackendDescriptor_t device)
{
    static struct plan list[PLAN_SUGGESTIONS];
    const struct plan_device here = { NULL, device };
    char why[256];
    int made = 0;
    const int n = plan_list(list, PLAN_SUGGESTIONS, why, sizeof why, work, here);
    for (int i = 0; i < n; i++) {
        if (made < MOST + 2 && plan_make(&list[i], why, sizeof why, here))
            memcpy(tag[made++], list[i].tag, PLAN_TAG);
        plan_free(&list[i]);
    }
    return made;
}

static const char *const card = "NVIDIA H200, 132 multiprocessors";
static char folder[] = "/tmp/plans-XXXXXX", file[256], tag[MOST + 2][PLAN_TAG], said[512];

/* The file of the fastest plan, which is the last of them. */
static void file_make(cudnnBackendDescriptor_t device)
{
    remove(file);
    const struct told t = choose_elsewhere(device, card, -1, said);
    assert_string_equal(t.tag, tag[MOST - 1]);
    assert_int_equal(t.runs, MOST);
    assert_string_equal(said, "");
    assert_int_equal(access(file, R_OK), 0);
}

static void the_fastest_plan_is_kept_and_no_clock_is_asked_again(void **state)
{
    file_make(*state);
    /* now the first would be the fastest */
    const struct told t = choose_elsewhere(*state, card, 1, said);
    assert_string_equal(t.tag, tag[MOST - 1]);
    assert_int_equal(t.runs, 0);
    assert_string_equal(said, "");
}

static void of_equally_fast_plans_the_first_is_taken(void **state)
{
    remove(file);
    const struct told t = choose_elsewhere(*state, card, 0, said);
    assert_string_equal(t.tag, tag[0]);
    assert_int_equal(t.runs, MOST);
}

/* Nor are they counted among those that are timed. */
static void plans_that_do_not_run_are_passed_over(void **state)
{
    remove(file);
    broken = 2;
    const struct told t = choose_elsewhere(*state, card, 1, said),
                      late = choose_elsewhere(*state, card, 1, said);
    broken = 0;
    assert_string_equal(t.tag, tag[2]);
    assert_int_equal(t.runs, MOST + 2);
    /* What the file says is tried too: here it does not run either, and is the second that does
     * not. */
    assert_int_equal(late.tries, 1);
    assert_int_equal(late.runs, MOST + 2);
}

static void another_card_has_a_file_of_its_own(void **state)
{
    file_make(*state);
    const struct told t = choose_elsewhere(*state, "NVIDIA H100, 132 multiprocessors", 1, said);
    assert_string_equal(t.tag, tag[0]);
    assert_int_equal(t.runs, MOST);
    assert_string_equal(choose_elsewhere(*state, card, 1, said).tag, tag[MOST - 1]);
}

/* Any byte but the line ends may be wrong; the file may be cut anywhere; or be another card's under
 * this name. */
static void a_damaged_or_foreign_file_is_said_once_and_made_anew(void **state)
{
    file_make(*state);
    size_t bytes;
    char *const good = file_read(file, &bytes);
    assert_non_null(good);
    for (size_t i = 0; i < 6; i++) {
        char *const bad = host_alloc(bytes + 1, 1);
        memcpy(bad, good, bytes);
        bad[i * (bytes - 1) / 5] ^= 1;
        assert_true(file_write_atomic(file, bad, i == 2 ? bytes / 2 : i == 4 ? 0 : bytes));
        free(bad);
        const struct told t = choose_elsewhere(*state, card, -1, said);
        assert_int_equal(t.runs, MOST);
        assert_string_equal(t.tag, tag[MOST - 1]);
        const char *const line = strchr(said, '\n');
        assert_non_null(strstr(said, "is damaged, or not this card's"));
        assert_true(line && !line[1]);
        size_t again;
        char *const now = file_read(file, &again);
        assert_int_equal(again, bytes);
        assert_memory_equal(now, good, bytes);
        free(now);
    }
    free(good);
}

static void a_plan_that_cudnn_no_longer_has_is_chosen_anew(void **state)
{
    char sum[HASH_TEXT], text[1024], key[256];
    file_make(*state);
    size_t bytes;
    char *const good = file_read(file, &bytes), *const line = strchr(good, '\n') + 1;
    snprintf(key, sizeof key, "%.*s", (int)(strstr(line, ": ") - line), line);
    const int n = snprintf(text, sizeof text, "%.*s%s: engine 9999 knobs\n", (int)(line - good),
                           good, key);
    hash_bytes(sum, text, (size_t)n);
    snprintf(text + n, sizeof text - (size_t)n, "%s\n", sum);
    assert_true(file_write_atomic(file, text, strlen(text)));
    assert_int_equal(choose_elsewhere(*state, card, -1, said).runs, MOST);
    assert_int_equal(choose_elsewhere(*state, card, 1, said).runs, 0);
    free(good);
}

/* Then a clock would decide anew each time. */
static void where_no_file_can_be_kept_nothing_is_timed(void **state)
{
    file_make(*state);
    char *const no_folder = text_format("%s/below", file);
    assert_int_equal(setenv("DATA", no_folder, 1), 0);
    const struct told t = choose_elsewhere(*state, card, -1, said);
    assert_int_equal(setenv("DATA", folder, 1), 0);
    assert_string_equal(t.tag, tag[0]);
    assert_int_equal(t.runs, 0);
    assert_non_null(strstr(said, "cannot keep"));
    free(no_folder);
}

/* 2^30 operations, counted where they are made: at every second place. */
static void a_small_convolution_is_not_timed(void **state)
{
    const struct conv_work large = work;
    work.s = (struct conv_shape){ 2048, 32, 32, 32, 32, 1, 2, 0 };
    remove(file);
    assert_true(choose_elsewhere(*state, card, -1, said).runs > 1);
    assert_int_equal(access(file, F_OK), 0);
    remove(file);
    work.s.n--;
    const struct told t = choose_elsewhere(*state, card, -1, said);
    work = large;
    assert_true(*t.tag);
    assert_int_equal(t.runs, 0);
    assert_int_not_equal(access(file, F_OK), 0);
}

/* Nor is it the end if cuDNN's first plan of it does not run. */
static void a_small_convolution_takes_the_first_plan_that_runs(void **state)
{
    work.s.n--;
    const struct told first = choose_elsewhere(*state, card, -1, said);
    broken = 3;
    const struct told t = choose_elsewhere(*state, card, -1, said);
    broken = 1000;
    const struct told none = choose_elsewhere(*state, card, -1, said);
    broken = 0;
    work.s.n++;
    assert_int_equal(first.tries, 1);
    assert_string_equal(first.tag, tag[0]);
    assert_int_equal(t.tries, 4);
    assert_string_equal(t.tag, tag[3]);
    assert_int_equal(t.runs, 0);
    assert_string_equal(none.tag, "");
    assert_true(none.tries > 4);
}

static int open_folder(void **state)
{
    if (device_describe(state) || !mkdtemp(folder) || setenv("DATA", folder, 1)) return -1;
    snprintf(file, sizeof file, "%s/plans/cuDNN-%zu-on-NVIDIA-H200--132-multiprocessors.txt",
             folder, cudnnGetVersion());
    return tags(tag, *state) < MOST + 2;                 /* or there is too little to choose */
}

static int close_folder(void **state)
{
    char *const all = text_format("rm -r '%s'", folder);
    const int status = system(all);
    free(all);
    return device_forget(state) || status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_plan_is_kept_and_no_clock_is_asked_again),
        cmocka_unit_test(of_equally_fast_plans_the_first_is_taken),
        cmocka_unit_test(plans_that_do_not_run_are_passed_over),
        cmocka_unit_test(another_card_has_a_file_of_its_own),
        cmocka_unit_test(a_damaged_or_foreign_file_is_said_once_and_made_anew),
        cmocka_unit_test(a_plan_that_cudnn_no_longer_has_is_chosen_anew),
        cmocka_unit_test(a_small_convolution_is_not_timed),
        cmocka_unit_test(a_small_convolution_takes_the_first_plan_that_runs),
        cmocka_unit_test(where_no_file_can_be_kept_nothing_is_timed),
    };
    return cmocka_run_group_tests_name("cuda: the plan cache", tests, open_folder, close_folder);
}
