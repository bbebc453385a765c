/* SPDX-License-Identifier: MIT
 *
 * config_files.h -- made-up files of an experiment, and all that loading them says.
 */
#pragma once
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../engine/ops.h"
/* For `scale` below, which its headers have as a parameter: before it. */
#include "../experiments/methods/method.h"
#include "../experiments/suite/experiment.h"

static char folder[] = "/tmp/simsiam-settings-XXXXXX";
static struct experiment experiment;             /* large */

static const char paper[] =
    "better: { section: Section 1, says: a is better, table: x, predicate: linear a > b }\n"
    "close:  { section: Section 1, says: a is close, table: x, predicate: linear a within 1 of b; no collapse a }\n"
    "other:  { section: Section 1, says: elsewhere, table: y, predicate: linear a > b }\n"
    "proof:  { section: Section 1, says: exact, exact: true }\n";
static const char scale[] =
    "note: a scale for tests\ndataset: synthetic\nimage_size: 16\ntrain_count: 100\n"
    "monitor_count: 50\nwidths: [8, 16]\ndim: 32\nbatch: 10\nknn_k: 5\nprobe_batch: 10\n";

/* Writes folder/NAME. */
static inline void file_put(const char *name, const char *text)
{
    char *path = text_format("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static inline int setup(void **state)
{
    (void)state;
    machine_open(1);
    if (!mkdtemp(folder)) return -1;
    char *path = text_format("%s/scale", folder);
    const bool made = folder_make(path);
    free(path);
    return made ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    static const char *const names[] = { "scale/s.yaml", "scale", "paper.yaml", "x.yaml", "" };
    int failed = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = text_format("%s/%s", folder, names[i]);
        failed |= remove(path);
        free(path);
    }
    return failed;
}

/* Loads folder/x.yaml, in this process: it is right.  The paper says nothing of a table without
 * claims. */
static inline void load(const char *x)
{
    file_put("x.yaml", x);
    file_put("scale/s.yaml", scale);
    file_put("paper.yaml", strstr(x, "claims:") ? paper : "{}");
    char *path = text_format("%s/x.yaml", folder);
    experiment_load(&experiment, path, "s");
    free(path);
}

/* Loads in a child, whose exit status is returned; `said` is what it printed to stderr. */
enum { SAID_MAX = 1 << 14 };
static inline int load_child(char said[SAID_MAX], const char *path, const char *scale_name,
                             const char *row)
{
    FILE *out = tmpfile();
    assert_non_null(out);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        if (dup2(fileno(out), STDERR_FILENO) < 0) _exit(99);
        experiment_load(&experiment, path, scale_name);
        if (row) experiment_row(&experiment, row);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rewind(out);
    said[fread(said, 1, SAID_MAX - 1, out)] = 0;
    fclose(out);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The whole of what loading these files says, the folder's name cut out; it must exit 2. */
static inline const char *mistakes(const char *x, const char *s, const char *p)
{
    static char text[SAID_MAX];
    char said[SAID_MAX], *path = text_format("%s/x.yaml", folder), *end = text;
    file_put("x.yaml", x);
    file_put("scale/s.yaml", s);
    file_put("paper.yaml", p);
    assert_int_equal(load_child(said, path, "s", NULL), 2);
    free(path);
    const size_t n = strlen(folder) + 1;
    for (const char *c = said; *c;) {
        if (!strncmp(c, folder, n - 1)) c += n;
        else *end++ = *c++;
    }
    *end = 0;
    /* The last line counts them. */
    char *last = strstr(text, "simsiam: ");
    assert_non_null(last);
    assert_non_null(strstr(last, "in the configuration; nothing was done\n"));
    int lines = 0;
    for (const char *c = text; c < last; c++) lines += *c == '\n';
    assert_int_equal(strtol(last + strlen("simsiam: "), NULL, 10), lines);
    *last = 0;
    return text;
}
