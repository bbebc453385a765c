/* SPDX-License-Identifier: MIT
 *
 * fuzz_claim.c -- any line as a claim's predicate, over three rows; its words and numbers, beneath
 * YAML's.
 */
#include "fuzz.h"
#include "../../experiments/suite/experiment.h"

static struct input_file file, paper;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    input_open(&file);
    input_open(&paper);
    return 0;
}

/* A block scalar takes any printable text as it stands; what else there is in the line becomes a
 * blank. */
static char *line_make(const uint8_t *data, size_t bytes)
{
    char *line = host_alloc(bytes + 1, 1);
    for (size_t i = 0; i < bytes; i++)
        line[i] = data[i] >= ' ' && data[i] < 127 ? (char)data[i] : ' ';
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct experiment e;
    char *line = line_make(data, bytes);
    /* 1: blanks before it are the line's own */
    char *text = text_format("claims:\n  c: |1-\n   %s\n", line);
    char *says = text_format("c: { section: 1, says: s, table: x, predicate: linear a > b }\n");
    input_put(&file, text, strlen(text));
    input_put(&paper, says, strlen(says));
    e = (struct experiment){ .name = "x", .n_rows = 3,
                             .row = { { .name = "a" }, { .name = "b" }, { .name = "10" } } };
    struct config_file f;
    struct statements known;
    config_open(&f, file.path);
    statements_open(&known, paper.path);
    yaml_node_t *root = config_root(&f);
    if (root) claims_read(&e, &f, config_get(&f, root, "claims"), root, &known);
    for (int i = 0; i < e.n_claims && !f.errors; i++)
        if (e.claim[i].n < 1 || e.claim[i].n > PARTS_MAX) abort();
    statements_close(&known);
    config_close(&f);
    free(says);
    free(text);
    free(line);
    return 0;
}
