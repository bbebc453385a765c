/* SPDX-License-Identifier: MIT
 *
 * cmd_table.c -- `simsiam table`: an experiment's runs beside the paper's numbers, its claims decided.
 */
#include "commands.h"
#include "../suite/experiment.h"
#include "options.h"
#include "../run/phase.h"
#include "../methods/code.h"
#include "../pages/figure.h"
#include "../pages/table_page.h"
#include "../suite/table_gather.h"
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is committed of a run.  The summary is last: where it is, the rest is. */
static const struct paper { const char *name; bool clock; } papers[] = {
    { "config.yaml", false }, { "provenance.json", true }, { "metrics.jsonl", false }, { "summary.json", false },
};
enum { PAPERS = sizeof papers / sizeof *papers };

static void file_copy(const char *from, const char *to, const char *name, bool without_clock)
{
    char *source = text_format("%s/%s", from, name), *target = text_format("%s/%s", to, name);
    size_t bytes;
    char *content = file_read(source, &bytes);
    if (!content) die("cannot read %s: %s (delete the folder and run it again)", source, strerror(errno));
    if (without_clock) {
        json_error_t error;
        json_t *object = json_loadb(content, bytes, JSON_REJECT_DUPLICATES, &error);
        if (!object) die("%s: line %d: %s (delete the folder and run it again)", source, error.line, error.text);
        /* When a run was started is no result: a diff of results/ shows what computed, not when. */
        json_object_del(object, "started");
        free(content);
        content = json_dumps(object, JSON_INDENT(1));
        if (!content) die("no memory for %s", target);
        bytes = strlen(content);
        json_decref(object);
    }
    if (!file_write_atomic(target, content, bytes))
        die("cannot write %s: %s (is the folder writable?)", target, strerror(errno));
    free(content);
    free(source);
    free(target);
}

/* Deletes a committed run, its summary first. */
static void committed_remove(const char *folder)
{
    for (int f = PAPERS - 1; f >= 0; f--) {
        char *path = text_format("%s/%s", folder, papers[f].name);
        if (unlink(path) && errno != ENOENT) warn("cannot delete %s: %s", path, strerror(errno));
        free(path);
    }
    if (rmdir(folder)) warn("cannot delete %s: %s (it is of other code)", folder, strerror(errno));
}

/* Deletes this table's committed runs that are of other code than those it now shows: a seed that was not run again
 * would stand beside them. */
static void other_code_remove(const struct table *t, const struct places *p, const char *code)
{
    char *folder = text_format("%s/%s/runs/%s", p->results, t->e.scale, t->e.name);
    struct dirent **entry;
    const int n = scandir(folder, &entry, NULL, alphasort);
    if (n < 0) die("cannot list %s: %s (is the folder readable?)", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *path = text_format("%s/%s", folder, entry[i]->d_name);
        struct run_record r;
        if (entry[i]->d_name[0] != '.') {
            if (run_read(&r, path) && !code_same(r.code_hash, code)) committed_remove(path);
            run_free(&r);
        }
        free(path);
        free(entry[i]);
    }
    free(entry);
    free(folder);
}

/* The papers of every run in the table, so that a clone can show what it cannot rerun. */
static void runs_commit(const struct table *t, const struct places *p)
{
    const char *code = code_of_most(t);
    for (int i = 0; i < t->e.n_rows; i++) {
        for (int k = 0; k < t->row[i].n; k++) {
            const struct run_record *r = &t->row[i].run[k];
            char *from = run_folder(p->runs, r->hash, r->seed);
            char *to = committed_folder(p, &t->e, t->e.row[i].name, r->seed);
            if (!folder_make(to)) die("cannot make %s: %s (is the folder writable?)", to, strerror(errno));
            for (int f = 0; f < PAPERS; f++)
                file_copy(from, to, papers[f].name, papers[f].clock);
            free(from);
            free(to);
        }
    }
    other_code_remove(t, p, code);
}

static void results_write(const struct table *t, const struct places *p)
{
    char *folder = text_format("%s/%s", p->results, t->e.scale);
    if (!folder_make(folder)) die("cannot make %s: %s (is the folder writable?)", folder, strerror(errno));
    runs_commit(t, p);
    table_write(t, folder);
    fprintf(stderr, "wrote %s/%s.{csv,md,tex}, its curves, bands and claims, and its runs under %s/runs/%s\n",
            folder, t->e.name, folder, t->e.name);
    free(folder);
}

/* The data of a figure, from the table as it lies under results/, to a file of its own. */
static void figure_save(const char *path, const char *experiment, const char *scale, const char *results)
{
    char name[NAME_LENGTH], *text, *folder = text_format("%s/%s", results, scale);
    free(experiment_place(experiment, name));
    size_t bytes;
    FILE *out = text_stream(&text, &bytes);
    figure_write(out, folder, name);
    text_stream_end(out);
    if (!file_write_atomic(path, text, bytes))
        die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
    free(text);
    free(folder);
}

int command_table(int argc, char **argv)
{
    struct places p = { .runs = "runs", .results = "results" };
    const char *scale = "quick", *seed_text = "1 2 3", *figure = NULL;
    bool require = false;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "runs", OPTION_TEXT, &p.runs, "DIR", "where runs are kept" },
        { "results", OPTION_TEXT, &p.results, "DIR", "where tables are written" },
        { "from-results", OPTION_FLAG, &p.from_results, NULL, "print the committed runs; write nothing" },
        { "figure", OPTION_TEXT, &figure, "PATH",
          "write what plots/ draws, from the table under results/; nothing else is done" },
        { "require", OPTION_FLAG, &require, NULL, "exit 3 if a claim fails" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "table FILE [options]",
                  "Prints an experiment's finished runs beside the paper's numbers, decides its claims, and writes "
                  "both under results/.", rows, 1, 1);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    struct table *t = host_alloc(1, sizeof *t);
    if (figure) {
        figure_save(figure, argv[1], scale, p.results);
        return 0;
    }
    phase("table");
    struct found found;
    found_open(&found, p.runs);
    p.found = &found;
    table_open(t, argv[1], scale, seeds, n_seeds, &p);
    table_page(&(struct page){ stdout, &look_text }, t);
    if (!t->finished)
        printf("\nNo run is finished, so nothing was written.  To train:\n"
               "  simsiam run %s --scale %s --seeds \"%s\"\n", argv[1], scale, seed_text);
    else if (!p.from_results)
        results_write(t, &p);
    const int failed = t->failed;
    table_close(t);
    found_close(&found);
    free(t);
    return require && failed ? EXIT_CLAIM : 0;
}
