/* SPDX-License-Identifier: MIT
 *
 * fuzz_experiment.c -- any bytes as one of the three files of an experiment, the other two being
 * right.
 *
 * The first byte says which: x, the experiment; s, the scale; p, the paper's statements.
 */
#include "fuzz.h"
#include "../../experiments/suite/experiment.h"

static const struct { const char *name, *right; } files[] = {
    { "x.yaml",
      "baseline: a\nrows:\n  - { name: a, paper: 67.7 }\n  - { name: b, stop_grad: false }\n"
      "claims:\n  better: linear a > b\n" },
    { "scale/s.yaml",
      "note: small\ndataset: synthetic\nimage_size: 16\ntrain_count: 100\nmonitor_count: 50\n"
      "widths: [8, 16]\ndim: 32\nbatch: 10\nknn_k: 5\nprobe_batch: 10\n" },
    { "paper.yaml",
      "better: { section: Section 1, says: a is better, table: x, predicate: linear a > b }\n" },
};
enum { FILES = sizeof files / sizeof *files };

static struct input_file file[FILES];
static char *path;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static char folder[] = "/tmp/fuzz-experiment-XXXXXX";
    if (!mkdtemp(folder)) abort();
    char *scales = text_format("%s/scale", folder);
    if (!folder_make(scales)) abort();
    free(scales);
    for (int i = 0; i < FILES; i++) {
        input_open(&file[i]);
        char *name = text_format("%s/%s", folder, files[i].name);
        if (symlink(file[i].path, name)) abort();
        free(name);
    }
    path = text_format("%s/x.yaml", folder);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct experiment e;
    if (!bytes) return 0;
    const int own = data[0] == 's' ? 1 : data[0] == 'p' ? 2 : 0;
    for (int i = 0; i < FILES; i++) input_put(&file[i], files[i].right, strlen(files[i].right));
    input_put(&file[own], data + 1, bytes - 1);
    IF_NOT_REFUSED {
        experiment_load(&e, path, "s");
        if (e.n_rows < 1 || e.n_rows > ROWS_MAX || e.baseline >= e.n_rows) abort();
    }
    return 0;
}
