/* SPDX-License-Identifier: MIT
 *
 * cmd_table.c -- `simsiam table`: an experiment's runs beside the paper's numbers, its claims
 * decided.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "against_tell.h"
#include "options.h"
#include "../suite/experiment.h"
#include "../run/phase.h"
#include "../methods/code.h"
#include "../pages/figure.h"
#include "../pages/table_page.h"
#include "../suite/table_gather.h"

/* Is a committed run still one of this table's: of a row it has, with that row's settings, and of
 * code and data that may stand beside the runs it shows?  A seed that was not run again stays. */
static bool is_kept(const struct table *t, const struct committed *c,
                    const struct committed_run *run)
{
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *row = &t->e.row[i];
        if (*row->not_run || strcmp(row->name, run->row)) continue;
        char *config = settings_print(&row->settings);
        const bool same = !strcmp(config, committed_config(c, row->name));
        free(config);
        const bool other = t->row[i].n && strcmp(run->record.data_hash, t->row[i].run[0].data_hash);
        const char *const own = code_of_most(t, row->settings.method), *const run_code =
            run->record.code_hash;
        return same && !other && (own ? code_same(run_code, own)
                                      : code_beside(run_code, code_of_most(t, -1)));
    }
    return false;
}

/* What a run was made of and on: from its papers, or as committed. */
static json_t *facts_find(const struct table *t, const struct places *p, const struct row *row,
                          const struct run_record *r)
{
    if (p->from_results) {
        const struct committed_run *run = committed_find(&t->source, row->name, r->seed);
        return json_incref(json_object_get(t->source.makings, run->making));
    }
    char *folder = run_folder(p->runs, r->hash, r->seed);
    json_t *facts = making_read(folder, r);
    free(folder);
    return facts;
}

/* The runs that the table shows, among those that are committed already. */
static void runs_put(struct committed *c, const struct table *t, const struct places *p)
{
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *row = &t->e.row[i];
        if (!t->row[i].n) continue;
        char *config = settings_print(&row->settings);
        const char *old = committed_config(c, row->name);
        for (int k = c->n - 1; k >= 0 && old && strcmp(old, config); k--)
            if (!strcmp(c->run[k].row, row->name)) committed_drop(c, k);
        committed_config_put(c, row->name, config);
        free(config);
        for (int k = 0; k < t->row[i].n; k++) {
            struct run_record r = t->row[i].run[k];
            if (!table_has_work(t)) r.cpu = 0;           /* shown nowhere, and it makes a diff */
            json_t *facts = facts_find(t, p, row, &r);
            committed_put(c, row->name, &r, facts);
            json_decref(facts);
        }
    }
}

/* What the table shows, so that a clone can show what it cannot rerun. */
static void runs_commit(const struct table *t, const struct places *p)
{
    struct committed c;
    committed_open(&c, p->results, t->e.scale, t->e.name);
    runs_put(&c, t, p);
    for (int k = c.n - 1; k >= 0; k--)
        if (!is_kept(t, &c, &c.run[k])) committed_drop(&c, k);
    const char *rows[ROWS_MAX + 1] = { NULL };
    for (int i = 0; i < t->e.n_rows; i++) rows[i] = t->e.row[i].name;
    committed_sort(&c, rows);
    committed_write(&c);
    committed_close(&c);
}

static void results_write(const struct table *t, const struct places *p)
{
    char *folder = text_format("%s/%s", p->results, t->e.scale);
    if (!folder_make(folder))
        die("cannot make %s: %s (is the folder writable?)", folder, strerror(errno));
    const int lock = committed_lock(folder);
    runs_commit(t, p);
    table_write(t, folder);
    close(lock);
    say(stderr, "wrote %s/%s.{csv,md,tex}, its claims, runs and their curves\n", folder,
            t->e.name);
    free(folder);
}

/* The data of a figure, from the table as it lies under results/, to a file of its own. */
static void figure_save(const char *path, const char *experiment, const char *scale,
                        const char *results, const struct seeds *seeds)
{
    char name[NAME_LENGTH], *text, *folder = text_format("%s/%s", results, scale);
    free(experiment_place(experiment, name));
    size_t bytes;
    FILE *out = text_stream(&text, &bytes);
    figure_write(out, folder, name, seeds);
    text_stream_end(out);
    if (!file_write_atomic(path, text, bytes))
        die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
    free(text);
    free(folder);
}

int command_table(int argc, char **argv)
{
    struct places p = { .runs = "runs", .results = "results" };
    const char *scale = "quick", *seed_text = "1 2 3", *figure = NULL, *against = NULL;
    bool require = false;
    bool rewrite = false;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "runs", OPTION_TEXT, &p.runs, "DIR", "where runs are kept" },
        { "results", OPTION_TEXT, &p.results, "DIR", "where tables are written" },
        { "from-results", OPTION_FLAG, &p.from_results, NULL,
          "print the committed runs; write nothing" },
        { "rewrite", OPTION_FLAG, &rewrite, NULL,
          "write the committed runs' table and files again" },
        { "figure", OPTION_TEXT, &figure, "PATH",
          "write what plots/ draws, from the table under results/; nothing else is done" },
        { "against", OPTION_TEXT, &against, "DIR",
          "compare with the committed runs of results/SCALE, exit 3 if they differ; write nothing" },
        { "require", OPTION_FLAG, &require, NULL, "exit 3 if a claim fails" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(
        argc, argv, "table FILE [options]",
        "Prints an experiment's finished runs beside the paper's numbers, decides its claims, and writes "
        "both under results/.",
        rows, 1, 1);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    if (figure) {
        figure_save(figure, argv[1], scale, p.results, &(struct seeds){ seeds, n_seeds });
        return 0;
    }
    struct table *t = host_alloc(1, sizeof *t);
    phase("table");
    if (against && rewrite)
        die_user("--against writes nothing, and --rewrite does; give one of them");
    const bool shown_only = against || (p.from_results && !rewrite);
    p.from_results = p.from_results || rewrite;
    struct found found;
    found_open(&found, p.runs);
    p.found = &found;
    table_open(t, argv[1], scale, seeds, n_seeds, &p);
    /* the files written again say what they said */
    t->committed = p.from_results && !rewrite;
    struct table *const there = against ? against_open(argv[1], against, t) : NULL;
    table_page(&(struct page){ stdout, &look_text }, t);
    if (!t->finished)
        printf("\nNo run is finished, so nothing was written.  To train:\n"
               "  simsiam run %s --scale %s --seeds \"%s\"\n", argv[1], scale, seed_text);
    else if (!shown_only)
        results_write(t, &p);
    const int failed = t->failed, differs = there ? against_tell(t, there, against) : 0;
    if (there) table_close(there);
    free(there);
    table_close(t);
    found_close(&found);
    free(t);
    return require && failed ? EXIT_CLAIM : differs;
}
