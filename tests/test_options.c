/* SPDX-License-Identifier: MIT
 *
 * test_options.c -- command lines, right and wrong.  Wrong ones end the process, so each is parsed
 * in a child whose exit status and messages are looked at.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../engine/base.h"
#include "../experiments/commands/options.h"

struct parsed {
    bool quiet;
    int every, epochs, operands;
    double lr;
    const char *scale;
    char *argv[16];
};

/* Parses "table WORDS..." (words NULL-terminated) with one to two operands. */
static void parse(struct parsed *p, const char *const *words)
{
    *p = (struct parsed){ .every = 2, .epochs = 8, .lr = 0.25, .scale = "quick" };
    const struct option_row rows[] = {
        { "quiet", OPTION_FLAG, &p->quiet, NULL, "say nothing" },
        { "knn-every", OPTION_INT, &p->every, "N", "epochs between monitors" },
        { "knn-epochs", OPTION_INT, &p->epochs, "N", "epochs with monitors" },
        { "lr", OPTION_FLOAT, &p->lr, "X", "learning rate" },
        { "scale", OPTION_TEXT, &p->scale, "NAME", "which scale" },
        { .name = NULL }
    };
    int argc = 0;
    static char command[] = "table";
    p->argv[argc++] = command;
    for (; *words; words++) p->argv[argc++] = (char *)*words;    /* moved, not written */
    p->operands = options_parse(argc, p->argv, "table FILE [NAME] [options]",
                                "Trains the rows of a table.", rows, 1, 2);
}
#define PARSE(p, ...) parse(p, (const char *const[]){ __VA_ARGS__, NULL })

/* Runs `act` in a child; returns its exit status, its stdout and stderr in `said`. */
static int in_child(char said[4096], void (*act)(const char *const *), const char *const *words)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        act(words);
        fflush(NULL);
        _exit(99);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; used < 4095 && (got = read(ends[0], said + used, 4095 - used)) > 0;
         used += (size_t)got)
        ;
    said[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static void parse_act(const char *const *words)
{
    struct parsed p;
    parse(&p, words);
}
static void seeds_act(const char *const *words)
{
    int seeds[SEEDS_MAX];
    seeds_parse(seeds, words[0]);
}
static void assert_wrong(void (*act)(const char *const *), const char *part,
                         const char *const *words)
{
    char said[4096];
    assert_int_equal(in_child(said, act, words), EXIT_USER);
    if (!strstr(said, part)) fail_msg("\"%s\" is not in \"%s\"", part, said);
}
#define WRONG(act, part, ...) assert_wrong(act, part, (const char *const[]){ __VA_ARGS__, NULL })

static void defaults_stay_without_options(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "fig2.yaml");
    assert_false(p.quiet);
    assert_int_equal(p.every, 2);
    assert_true(p.lr == 0.25);
    assert_string_equal(p.scale, "quick");
    assert_int_equal(p.operands, 1);
    assert_string_equal(p.argv[1], "fig2.yaml");
}

static void options_and_operands_mix(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "fig2.yaml", "--lr=1e-5", "--quiet", "name", "--knn-every", "-3", "--scale",
          "cifar10");
    assert_int_equal(p.operands, 2);
    assert_string_equal(p.argv[1], "fig2.yaml");
    assert_string_equal(p.argv[2], "name");
    assert_true(p.quiet);
    assert_true(p.lr == 1e-5);
    assert_int_equal(p.every, -3);
    assert_string_equal(p.scale, "cifar10");
}

static void a_name_may_be_shortened(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "--sc", "imagenet", "f");
    assert_string_equal(p.scale, "imagenet");
    assert_string_equal(p.argv[1], "f");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "--quiet", "--", "--lr");
    assert_true(p.quiet);
    assert_int_equal(p.operands, 1);
    assert_string_equal(p.argv[1], "--lr");
}

static void an_unknown_option_names_the_nearest(void **state)
{
    (void)state;
    WRONG(parse_act, "unknown option --scal3; the nearest is --scale", "f", "--scal3=x");
    WRONG(parse_act, "simsiam table --help", "f", "--zzzzzzzzzz");
    WRONG(parse_act, "unknown option -q", "f", "-q");
}

static void a_name_short_for_two_names_both(void **state)
{
    (void)state;
    WRONG(parse_act, "--knn-e is short for --knn-every and --knn-epochs alike", "f", "--knn-e",
          "3");
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    WRONG(parse_act, "--knn-every \"2x\" is not a whole number", "f", "--knn-every", "2x");
    WRONG(parse_act, "--knn-every \"\" is not a whole number", "f", "--knn-every=");
    WRONG(parse_act, "--knn-every \"99999999999\"", "f", "--knn-every", "99999999999");
    WRONG(parse_act, "--lr \"nan\" is not a finite number", "f", "--lr", "nan");
    WRONG(parse_act, "--lr wants X", "f", "--lr");
    WRONG(parse_act, "--quiet takes no value", "f", "--quiet=yes");
    WRONG(parse_act, "--help takes no value", "f", "--help=yes");
}

static void operands_are_counted(void **state)
{
    (void)state;
    WRONG(parse_act, "0 operands given, at least 1 wanted; usage: simsiam table FILE", "--quiet");
    WRONG(parse_act, "\"c\" is one operand too many", "a", "--quiet", "b", "c");
}

static void help_prints_the_table_and_ends_well(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(in_child(said, parse_act, (const char *const[]){ "--help", NULL }), 0);
    assert_non_null(strstr(said, "usage: simsiam table FILE [NAME] [options]\n"));
    assert_non_null(strstr(said, "Trains the rows of a table."));
    assert_non_null(strstr(said, "--knn-every N "));
    assert_non_null(strstr(said, "epochs between monitors (default 2)"));
    assert_non_null(strstr(said, "(default quick)"));
    assert_non_null(strstr(said, "--quiet   "));
}

static void help_act(const char *const *words)
{
    (void)words;
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    PARSE(&(struct parsed){ 0 }, "--help");
}

static void a_full_disk_is_no_success(void **state)
{
    (void)state;
    char said[4096];
    if (access("/dev/full", W_OK)) skip();
    assert_int_equal(in_child(said, help_act, NULL), EXIT_WORLD);
    assert_non_null(strstr(said, "is the disk full?"));
}

static void seeds_are_read_with_spaces_or_commas(void **state)
{
    (void)state;
    int seeds[SEEDS_MAX];
    assert_int_equal(seeds_parse(seeds, "1 2 3"), 3);
    assert_int_equal(seeds[2], 3);
    assert_int_equal(seeds_parse(seeds, " 7,5, 2147483647 "), 3);
    assert_int_equal(seeds[0], 7);
    assert_int_equal(seeds[2], 2147483647);
}

static void wrong_seeds_are_named(void **state)
{
    (void)state;
    WRONG(seeds_act, "seed \"0\"", "1 0");
    WRONG(seeds_act, "seed \"2147483648\"", "2147483648");
    WRONG(seeds_act, "seed \"2x\"", "1,2x,3");
    WRONG(seeds_act, "seed \"010\" is not a whole number from 1 to 2147483647, in plain digits",
          "010");
    WRONG(seeds_act, "seed \"+1\"", "+1");
    WRONG(seeds_act, "seed 4 is given twice", "4 1 4");
    WRONG(seeds_act, "no seed given", " , ");
}

static void more_seeds_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char text[8 * SEEDS_MAX] = "";
    int seeds[SEEDS_MAX];
    for (int i = 1; i <= SEEDS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", i);
    assert_int_equal(seeds_parse(seeds, text), SEEDS_MAX);
    strcat(text, "999");
    WRONG(seeds_act, "more than 64 seeds", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stay_without_options),
        cmocka_unit_test(options_and_operands_mix),
        cmocka_unit_test(a_name_may_be_shortened),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(an_unknown_option_names_the_nearest),
        cmocka_unit_test(a_name_short_for_two_names_both),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(operands_are_counted),
        cmocka_unit_test(help_prints_the_table_and_ends_well),
        cmocka_unit_test(a_full_disk_is_no_success),
        cmocka_unit_test(seeds_are_read_with_spaces_or_commas),
        cmocka_unit_test(wrong_seeds_are_named),
        cmocka_unit_test(more_seeds_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
