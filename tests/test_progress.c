/* SPDX-License-Identifier: MIT
 *
 * test_progress.c -- what a run says, to a file and to a pseudo-terminal in stderr's place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../engine/base.h"
#include "../experiments/run/progress.h"

enum { SAID = 4096, EPOCHS = 3, STEPS = 50 };

/* stderr goes to a file from capture_open() to capture_close(). */
struct capture { FILE *file; int kept; };
static struct capture capture_open(void)
{
    struct capture c = { .file = tmpfile(), .kept = dup(STDERR_FILENO) };
    assert_true(c.file && c.kept >= 0);
    fflush(stderr);
    dup2(fileno(c.file), STDERR_FILENO);
    return c;
}
static void capture_close(struct capture *c, char said[SAID])
{
    fflush(stderr);
    dup2(c->kept, STDERR_FILENO);
    close(c->kept);
    rewind(c->file);
    said[fread(said, 1, SAID - 1, c->file)] = '\0';
    fclose(c->file);
}

static void train(struct progress *p, bool quiet, bool several)
{
    progress_open(p, quiet, several, "fig2/with seed 1");
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        for (int step = 1; step <= STEPS; step++)
            progress_step(p, epoch, EPOCHS, step, STEPS, -0.5, 0.98, epoch == 2 ? 37.25 : NAN,
                          4100);
    }
}

/* What train() writes to a terminal of `columns`; false where the system has no
 * pseudo-terminals. */
static bool said_to_terminal(char said[SAID], bool several, int columns)
{
    const int ours = posix_openpt(O_RDWR | O_NOCTTY);
    if (ours < 0 || grantpt(ours) || unlockpt(ours)) return false;
    const int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY);
    if (theirs < 0) return false;
    struct winsize size = { .ws_row = 24, .ws_col = (unsigned short)columns };
    assert_int_equal(ioctl(theirs, TIOCSWINSZ, &size), 0);
    fflush(stderr);
    const int kept = dup(STDERR_FILENO);
    dup2(theirs, STDERR_FILENO);
    struct progress p;
    train(&p, false, several);
    progress_close(&p);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    size_t used = 0;               /* a terminal holds 4096 bytes, but may hand them out in parts */
    while (used == 0 || said[used - 1] != '\n') {
        const ssize_t got = read(ours, said + used, SAID - 1 - used);
        assert_true(got > 0);
        used += (size_t)got;
    }
    said[used] = '\0';
    close(theirs);
    close(ours);
    return true;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text++) n++;
    return n;
}

static void a_short_run_says_its_last_line_once(void **state)
{
    (void)state;
    char said[SAID];
    struct progress p;
    struct capture c = capture_open();
    train(&p, false, false);
    capture_close(&c, said);                  /* before progress_close(): a long probe may follow */
    assert_string_equal(
        said, "fig2/with seed 1  epoch 3/3  loss -0.5000  std 0.98  kNN 37.2  views/s 4100  "
              "ETA 0:00\n");
    c = capture_open();
    progress_close(&p);
    capture_close(&c, said);
    assert_string_equal(said, "");
}

static void quiet_says_nothing(void **state)
{
    (void)state;
    char said[SAID];
    struct progress p;
    struct capture c = capture_open();
    train(&p, true, false);
    progress_close(&p);
    capture_close(&c, said);
    assert_string_equal(said, "");
}

static void a_stopped_run_says_where_once(void **state)
{
    (void)state;
    char said[SAID];
    struct progress p;
    struct capture c = capture_open();
    progress_open(&p, false, true, "a");
    progress_step(&p, 2, 8, 7, 78, NAN, NAN, NAN, NAN);
    progress_close(&p);
    progress_close(&p);
    capture_close(&c, said);
    assert_string_equal(said, "a  epoch 2/8  7/78  loss -  std -  kNN -  views/s -\n");
}

static void a_terminal_gets_one_line_rewritten(void **state)
{
    (void)state;
    char said[SAID];
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    const double start = clock_seconds();
    if (!said_to_terminal(said, false, 100)) skip();
    assert_int_equal(count(said, "\n"), 1);
    /* Ten showings a second and the last step's; the newline is \r\n. */
    assert_true(count(said, "\r") - 1 <= 1 + (clock_seconds() - start) / 0.1);
    assert_non_null(strstr(said, "\r\033[1mfig2/with seed 1\033[0m  epoch 3/3  50/50  loss"));
}

static void no_color_is_honoured(void **state)
{
    (void)state;
    char said[SAID];
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    if (!said_to_terminal(said, false, 100)) skip();
    assert_null(strstr(said, "\033[1m"));
    assert_non_null(strstr(said, "\rfig2/with seed 1  epoch 3/3"));
}

static void the_line_is_cut_to_the_terminal(void **state)
{
    (void)state;
    char said[SAID];
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    if (!said_to_terminal(said, false, 30)) skip();
    assert_non_null(strstr(said, "\rwith seed 1  epoch 3/3\033[K"));
    assert_null(strstr(said, "loss"));
}

static void eighty_columns_keep_speed_and_eta(void **state)
{
    (void)state;
    char said[SAID];
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    if (!said_to_terminal(said, false, 82)) skip();
    assert_non_null(
        strstr(said, "\rwith seed 1  epoch 3/3  50/50  loss -0.5000  std 0.98  kNN 37.2  4100/s  "
                     "ETA 0:00"));
    assert_true(said_to_terminal(said, false, 80));
    assert_non_null(
        strstr(said,
               "\rwith seed 1  epoch 3/3  loss -0.5000  std 0.98  kNN 37.2  4100/s  ETA 0:00"));
    assert_true(said_to_terminal(said, false, 70));
    assert_non_null(
        strstr(said, "\rwith seed 1  epoch 3/3  loss -0.5000  kNN 37.2  4100/s  ETA 0:00"));
}

static void plain_lines_beside_other_jobs_and_on_dumb_terminals(void **state)
{
    (void)state;
    char said[SAID];
    setenv("TERM", "xterm", 1);
    if (!said_to_terminal(said, true, 200)) skip();
    assert_int_equal(count(said, "\033"), 0);
    assert_int_equal(count(said, "\n"), 1);
    setenv("TERM", "dumb", 1);
    assert_true(said_to_terminal(said, false, 200));
    assert_int_equal(count(said, "\033"), 0);
    unsetenv("TERM");
    assert_true(said_to_terminal(said, false, 200));
    assert_int_equal(count(said, "\033"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_run_says_its_last_line_once),
        cmocka_unit_test(quiet_says_nothing),
        cmocka_unit_test(a_stopped_run_says_where_once),
        cmocka_unit_test(a_terminal_gets_one_line_rewritten),
        cmocka_unit_test(no_color_is_honoured),
        cmocka_unit_test(the_line_is_cut_to_the_terminal),
        cmocka_unit_test(eighty_columns_keep_speed_and_eta),
        cmocka_unit_test(plain_lines_beside_other_jobs_and_on_dumb_terminals),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
