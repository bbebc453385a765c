/* SPDX-License-Identifier: MIT
 *
 * test_figure.c -- the data of a figure, from a table's CSV files.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../experiments/pages/figure.h"
#include "../engine/base.h"
#include "../engine/collapse/simsiam_collapse.h"

static const char rows[] =
    "row,n,paper,linear_mean,linear_std,knn_mean,state\n"
    "a,2,67.7,42.5,1.5,38,healthy\n"
    "64,1,,40,,37,healthy\n"
    "later,0,1.5,,,,not run\n"
    "other,2,,39,0.5,37,diverged\n"
    "untrained,2,,36,0.5,33,healthy\n";
/* Columns in an order of their own, one that is no measure, seeds before epochs, an epoch that one
 * seed of two has. */
static const char curves[] =
    "row,seed,epoch,monitored,knn,loss\n"
    "a,1,0,1,30,\n"
    "a,1,1,1,31,-0.25\n"
    "a,1,2,0,,-0.75\n"
    "a,2,0,1,34,\n"
    "a,2,1,1,33,-0.75\n"
    "64,1,0,1,30,\n"
    "64,1,1,0,,-0.125\n"
    "other,1,1,1,20,7.5\n"
    "other,2,1,1,22,\n"
    "other,2,2,1,24,6.5\n"
    "untrained,1,0,1,33,\n"
    "untrained,2,0,1,34,\n";

static char folder[64];

static void put(const char *name, const char *text)
{
    char *path = text_format("%s/%s", folder, name);
    assert_true(file_write_atomic(path, text, strlen(text)));
    free(path);
}

static char *figure(void)
{
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    static const int two[] = { 1, 2 };
    figure_write(out, folder, "t", &(struct seeds){ two, 2 });
    fclose(out);
    return text;
}

static void blocks_are_thresholds_rows_and_a_curve_a_row(void **state)
{
    (void)state;
    put("t.csv", rows);
    put("t_curves.csv", curves);
    char *text = figure();
    char *wanted = text_format(
        "# thresholds\nstd share\n%g %g\n\n\n"
        "# rows\nrow place n paper linear_mean linear_std state right knn_points loss_points\n"
        "\"a\" 1 2 67.7 42.5 1.5 \"healthy\" 0 2 2\n"
        "\"64\" 2 1 NaN 40 0 \"healthy\" 0 1 1\n"
        "\"later\" 3 0 1.5 NaN NaN \"not run\" 0 0 0\n"
        "\"other\" 4 2 NaN 39 0.5 \"diverged\" 1 2 1\n\n\n"
        "# curves of a\nepoch knn_mean knn_std loss_mean loss_std\n"
        "0 32 %.9g NaN NaN\n1 32 %.9g -0.5 %.9g\n2 NaN NaN -0.75 0\n\n\n"
        "# curves of 64\nepoch knn_mean knn_std loss_mean loss_std\n"
        "0 30 0 NaN NaN\n1 NaN NaN -0.125 0\n\n\n"
        "# curves of later\nepoch knn_mean knn_std loss_mean loss_std\n\n\n"
        "# curves of other\nepoch knn_mean knn_std loss_mean loss_std\n"
        "1 21 %.9g NaN NaN\n2 24 0 6.5 0\n\n\n"
        "# untrained\nthere n linear_mean linear_std knn_mean loss_mean\n1 2 36 0.5 33.5 NaN\n\n\n",
        simsiam_rule_standard.spread, simsiam_rule_standard.share, 2 * sqrt(2), sqrt(2), sqrt(0.125), sqrt(2));
    assert_string_equal(text, wanted);
    free(wanted);
    free(text);
}

/* Committed ones of seeds that a later `table --seeds` did not show. */
static void curves_are_of_the_tables_seeds(void **state)
{
    (void)state;
    put("t.csv", "row,n,paper,linear_mean,linear_std,state\na,2,,,,healthy\nb,3,,,,healthy\n");
    put("t_curves.csv", "row,seed,epoch,loss\na,1,1,-0.5\na,2,1,-0.25\na,3,1,1\n"
                        "b,1,1,0.25\nb,2,1,0.25\nb,7,1,1\n");
    char *text = figure();
    if (!strstr(text, "loss_mean\n0 0 NaN NaN NaN\n")) fail_msg("%s", text);  /* no such row */
    if (!strstr(text, "curves of a\nepoch loss_mean loss_std\n1 -0.375 ")) fail_msg("%s", text);
    if (!strstr(text, "curves of b\nepoch loss_mean loss_std\n1 0.5 ")) fail_msg("%s", text);
    free(text);
}

/* A child's exit status and what it said. */
static int ends(char said[512])
{
    int pipes[2], status;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        dup2(pipes[1], STDERR_FILENO);
        free(figure());
        _exit(0);
    }
    close(pipes[1]);
    size_t n = 0;
    for (ssize_t got; n < 511 && (got = read(pipes[0], said + n, 511 - n)) > 0;) n += (size_t)got;
    said[n] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void damaged_files_are_refused_where_they_are_wrong(void **state)
{
    (void)state;
    static const char one[] = "row,n,paper,linear_mean,linear_std,state\na,1,,,,healthy\n";
    static const struct { const char *rows, *curves, *said; } cases[] = {
        { rows, "row,seed,epoch,loss\nb,1,1,-0.5\n", "t_curves.csv:2: row b is not in" },
        { rows, "row,seed,epoch,loss\na,1,1\n",
          "t_curves.csv:2: 3 fields where the first line has 4" },
        { rows, "row,seed,epoch,loss\na,1,1,-0.5\na,1,2,-0,5\n", "t_curves.csv:3: 5 fields" },
        { one, "row,seed,epoch,loss\na,1,1,much\n", "t_curves.csv:2: loss is no number: much" },
        { rows, "row,seed,epoch,loss\na,1,-1,0\n", "t_curves.csv:2: no epoch: -1" },
        { rows, "row,seed,epoch,loss\na,1x,1,0\n", "t_curves.csv:2: seed is no number: 1x" },
        { rows, "row,seed,epoch,loss\na,-1,1,0\n", "t_curves.csv:2: no seed: -1" },
        { rows, "row,seed,epoch,loss\na,1,1,0\n", "row a has curves of 1 of these seeds, and" },
        { "row,n,paper,linear_mean,linear_std,state\n", "row,seed,epoch\n",
          "t_curves.csv:1: there is no column loss" },
        { rows, "row,seed,epoch,loss\n\"a\",1,1,0\n", "t_curves.csv:2: a quote" },
        /* what would end a quote of gnuplot's, and begin a command */
        { "row,n,paper,linear_mean,linear_std,state\na',1,,,,healthy\n", "row,seed,epoch,loss\na',1,1,0\n",
          "t.csv:2: row is no name: a'" },
        { "row,n,paper,linear_mean,linear_std,state\na,1,,,,`x`\n", "row,seed,epoch,loss\na,1,1,0\n",
          "t.csv:2: state is no name: `x`" },
        { "row,n,paper,linear_mean,linear_std\n", "row,seed,epoch,loss\n",
          "t.csv:1: there is no column state" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[512];
        put("t.csv", cases[i].rows);
        put("t_curves.csv", cases[i].curves);
        assert_int_equal(ends(said), EXIT_USER);
        if (!strstr(said, cases[i].said)) fail_msg("no `%s` in: %s", cases[i].said, said);
    }
    char said[512];
    put("t.csv", rows);
    char *path = text_format("%s/t_curves.csv", folder);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_int_equal(ends(said), EXIT_WORLD);
    assert_non_null(strstr(said, "make the table first"));
}

static int folder_make_fresh(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/figure-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    char *command = text_format("rm -r '%s'", folder);
    const int status = system(command);
    free(command);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_thresholds_rows_and_a_curve_a_row),
        cmocka_unit_test(curves_are_of_the_tables_seeds),
        cmocka_unit_test(damaged_files_are_refused_where_they_are_wrong),
    };
    return cmocka_run_group_tests(tests, folder_make_fresh, folder_remove);
}
