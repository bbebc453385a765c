/* SPDX-License-Identifier: MIT
 *
 * cmd_report.c -- `simsiam report`: claims, tables, figures, settings and provenance of a scale on
 * one page.
 *
 * Nothing here reads a clock: the same runs and figures give the same bytes.
 */
#include "../pages/claims_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "../pages/package_page.h"
#include "../pages/report_page.h"
#include "../run/phase.h"
#include "../suite/heading.h"
#include "../suite/installed.h"

/* Does runs/ hold as many finished runs of the table as are committed, and any?  Else what is
 * committed is shown: tables share rows, and one run made for another table would hide all that a
 * clone came with. */
static bool table_is_run(const char *path, const char *scale, const int *seeds, int n_seeds,
                         const struct places *p)
{
    struct experiment *e = host_alloc(1, sizeof *e);
    experiment_load(e, path, scale);
    int here = 0, committed = 0;
    struct committed c;
    committed_open(&c, p->results, e->scale, e->name);
    for (int k = 0; k < e->n_rows * n_seeds; k++) {
        const struct row *row = &e->row[k / n_seeds];
        const int seed = seeds[k % n_seeds];
        if (*row->not_run) continue;
        here += found_state(p->found, &row->settings, seed) != RUN_NONE;
        committed += committed_find(&c, row->name, seed) != NULL;
    }
    committed_close(&c);
    free(e);
    return here && here >= committed;
}

static void report_open(struct report *r, const char *configs, const char *scale, const int *seeds,
                        int n_seeds, const struct places *p)
{
    memset(r, 0, sizeof *r);
    char *paper = text_format("%s/paper.yaml", configs);
    statements_open(&r->paper, paper);
    if (r->paper.file.errors) die_user("%s is wrong (see above); nothing was done", paper);
    struct headings list;
    headings_open(&list, configs, HEADINGS_BY_ORDER);
    if (!list.n)
        die_user("%s has no table of the paper (an experiment with `target:`); see simsiam list",
                 configs);
    r->n = list.n;
    r->table = host_alloc((size_t)r->n, sizeof(struct table *));
    r->places = host_alloc((size_t)r->n, sizeof *r->places);
    for (int k = 0; k < r->n; k++) {
        char *path = text_format("%s/%s.yaml", configs, list.v[k].name);
        r->places[k] = *p;
        r->places[k].from_results = p->from_results ||
                                    !table_is_run(path, scale, seeds, n_seeds, p);
        r->table[k] = host_alloc(1, sizeof *r->table[k]);
        table_open(r->table[k], path, scale, seeds, n_seeds, &r->places[k]);
        free(path);
    }
    free(list.v);
    free(paper);
}

static void report_close(struct report *r)
{
    for (int k = 0; k < r->n; k++) {
        table_close(r->table[k]);
        free(r->table[k]);
    }
    free(r->table);
    free(r->places);
    statements_close(&r->paper);
}

static void claims_write(FILE *out, const struct report *r, const char *scale)
{
    claims_page(&(struct page){ out, &look_md }, (const struct table *const *)r->table, r->n,
                &r->paper, scale);
}

static void claims_csv_write(FILE *out, const struct report *r, const char *scale)
{
    claims_page(&(struct page){ out, &look_csv }, (const struct table *const *)r->table, r->n,
                &r->paper, scale);
}

static void report_write(const struct report *r, const char *scale, const char *results)
{
    static const struct {
        const char *name;
        void (*write)(FILE *, const struct report *, const char *scale);
    } files[] = { { "report.html", report_page }, { "claims.md", claims_write },
                  { "claims.csv", claims_csv_write }, { "datapackage.json", datapackage_page },
                  { "ro-crate-metadata.json", crate_page } };
    char *folder = text_format("%s/%s", results, scale);
    if (!folder_make(folder))
        die("cannot make %s: %s (is the folder writable?)", folder, strerror(errno));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = text_format("%s/%s", folder, files[i].name), *text;
        size_t bytes;
        FILE *out = text_stream(&text, &bytes);
        files[i].write(out, r, scale);
        text_stream_end(out);
        if (!file_write_atomic(path, text, bytes))
            die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
        say(stdout, "wrote %s\n", path);
        free(text);
        free(path);
    }
    free(folder);
}

int command_report(int argc, char **argv)
{
    struct places p = { .runs = "runs", .results = "results" };
    const char *scale = "quick", *seed_text = "1 2 3", *configs = NULL;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "configs", OPTION_TEXT, &configs, "DIR", CONFIGS_SENTENCE },
        { "runs", OPTION_TEXT, &p.runs, "DIR", "where runs are kept" },
        { "results", OPTION_TEXT, &p.results, "DIR",
          "where figures are read and the report is written" },
        { "from-results", OPTION_FLAG, &p.from_results, NULL,
          "show the committed runs, whatever runs/ holds" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(
        argc, argv, "report [options]",
        "Writes all tables of a scale as one page, results/SCALE/report.html, the paper's statements "
        "with their verdicts first, and those alone as claims.md and .csv; datapackage.json and "
        "ro-crate-metadata.json describe the folder.  A table without runs is shown from the committed ones.",
        rows, 0, 0);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    phase("report");
    struct report *r = host_alloc(1, sizeof *r);
    struct found found;
    found_open(&found, p.runs);
    p.found = &found;
    report_open(r, configs ? configs : configs_folder(), scale, seeds, n_seeds, &p);
    report_write(r, scale, p.results);
    report_close(r);
    found_close(&found);
    free(r);
    return 0;
}
