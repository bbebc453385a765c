/* SPDX-License-Identifier: MIT
 *
 * table.c -- `simsiam table`: the finished runs of an experiment beside the paper's numbers, its claims decided.
 */
#include "commands.h"
#include "options.h"
#include "phase.h"
#include "runner.h"
#include "table_write.h"
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

struct places { const char *runs, *results; bool from_results; };

static char *committed_folder(const struct places *p, const struct table *t, const char *row, int seed)
{
    return text_format("%s/%s/runs/%s/%s-seed-%d", p->results, t->e.scale, t->e.name, row, seed);
}

static bool file_is(const char *folder, const char *name, const char *text)
{
    char *path = text_format("%s/%s", folder, name);
    size_t bytes;
    char *content = file_read(path, &bytes);
    const bool same = content && !strcmp(content, text);
    free(content);
    free(path);
    return same;
}

/* A run of runs/ must be of the very hash that its folder is named by. */
static bool run_find(struct run_record *r, const struct places *p, const struct settings *s, int seed)
{
    char hash[HASH_TEXT];
    settings_hash(hash, s);
    char *folder = run_folder(p->runs, hash, seed);
    bool found = run_read(r, folder);
    if (found && (strcmp(r->hash, hash) || r->seed != seed)) {
        warn("%s holds a run of another hash or seed and is not counted (delete it and run again)", folder);
        r->state = RUN_NONE;
        found = false;
    }
    free(folder);
    return found;
}

/* A committed run may be of other code than this program's, which the caption names, but not of other settings. */
static bool run_find_committed(struct run_record *r, const struct places *p, const struct table *t,
                               const struct row *row, int seed)
{
    char *folder = committed_folder(p, t, row->name, seed), *config = settings_print(&row->settings);
    bool found = run_read(r, folder);
    if (found && (r->seed != seed || !file_is(folder, "config.yaml", config))) {
        warn("%s is of other settings or another seed and is not counted", folder);
        r->state = RUN_NONE;
        found = false;
    }
    free(folder);
    free(config);
    return found;
}

/* Why a run is missing, for who waits for it. */
static void missing_tell(const struct run_record *r, const struct places *p, const struct row *row, int seed)
{
    char *stale = NULL;
    if (!p->from_results) run_finished(p->runs, &row->settings, seed, &stale);
    if (stale)
        fprintf(stderr, "%s seed %d: not run (%s is of other code or another machine)\n", row->name, seed, stale);
    else if (r->state == RUN_PARTIAL)
        fprintf(stderr, "%s seed %d: not finished (epoch %d)\n", row->name, seed, r->last.epoch);
    else
        fprintf(stderr, "%s seed %d: not run\n", row->name, seed);
    free(stale);
}

/* The code hash that most runs are of; of equally many, the first. */
static const char *code_of_most(const struct table *t)
{
    const char *best = NULL;
    int most = 0;
    for (int k = 0; k < t->e.n_rows * SEEDS_MAX; k++) {
        if (k % SEEDS_MAX >= t->row[k / SEEDS_MAX].n) continue;
        const char *code = t->row[k / SEEDS_MAX].run[k % SEEDS_MAX].code_hash;
        int n = 0;
        for (int i = 0; i < t->e.n_rows; i++)
            for (int r = 0; r < t->row[i].n; r++) n += !strcmp(t->row[i].run[r].code_hash, code);
        if (n <= most) continue;
        most = n;
        best = code;
    }
    return best;
}

/* Runs of different code are never mixed in one mean: only those of `code` stay. */
static void other_code_drop(struct row_result *result, const char *name, const char *code)
{
    int kept = 0;
    for (int r = 0; r < result->n; r++) {
        struct run_record *run = &result->run[r];
        if (!strcmp(run->code_hash, code)) {
            result->run[kept++] = *run;
            continue;
        }
        fprintf(stderr, "%s seed %d: of other code (%.8s) than the table (%.8s); not counted\n", name, run->seed,
                run->code_hash, code);
        run_free(run);
    }
    result->n = kept;
}

/* Returns how many finished runs there are. */
static int runs_gather(struct table *t, const struct places *p, const int *seeds, int n_seeds)
{
    int total = 0;
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *row = &t->e.row[i];
        struct row_result *result = &t->row[i];
        for (int s = 0; s < n_seeds; s++) {
            struct run_record *r = &result->run[result->n];
            if (p->from_results ? run_find_committed(r, p, t, row, seeds[s])
                                : run_find(r, p, &row->settings, seeds[s])) {
                result->n++;
                continue;
            }
            missing_tell(r, p, row, seeds[s]);
            run_free(r);
        }
    }
    char code[HASH_TEXT] = "";
    const char *most = code_of_most(t);
    if (most) memcpy(code, most, sizeof code);                  /* a copy: the runs are about to move */
    for (int i = 0; i < t->e.n_rows; i++) {
        other_code_drop(&t->row[i], t->e.row[i].name, code);
        row_summarise(&t->row[i]);
        total += t->row[i].n;
    }
    return total;
}

/* Returns how many claims fail. */
static int claims_decide(struct table *t)
{
    struct row_runs rows[ROWS_MAX];
    int failed = 0;
    for (int i = 0; i < t->e.n_rows; i++) rows[i] = (struct row_runs){ t->row[i].run, t->row[i].n };
    for (int i = 0; i < t->e.n_claims; i++) {
        claim_decide(&t->claim[i], &t->e.claim[i], &t->e, rows);
        failed += t->claim[i].whole.verdict == VERDICT_FAILS;
    }
    return failed;
}

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
        if (entry[i]->d_name[0] != '.' && run_read(&r, path)) {
            if (strcmp(r.code_hash, code)) committed_remove(path);
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
            char *to = committed_folder(p, t, t->e.row[i].name, r->seed);
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

int command_table(int argc, char **argv)
{
    struct places p = { .runs = "runs", .results = "results" };
    const char *scale = "quick", *seed_text = "1 2 3";
    bool require = false;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "runs", OPTION_TEXT, &p.runs, "DIR", "where runs are kept" },
        { "results", OPTION_TEXT, &p.results, "DIR", "where tables are written" },
        { "from-results", OPTION_FLAG, &p.from_results, NULL, "print the committed runs; write nothing" },
        { "require", OPTION_FLAG, &require, NULL, "exit 3 if a claim fails" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "table FILE [options]",
                  "Prints an experiment's finished runs beside the paper's numbers, decides its claims, and writes "
                  "both under results/.", rows, 1, 1);
    struct table *t = host_alloc(1, sizeof *t);
    experiment_load(&t->e, argv[1], scale);
    int seeds[SEEDS_MAX];
    const int n_seeds = seeds_parse(seeds, seed_text);
    phase("table");

    t->committed = p.from_results;
    const int finished = runs_gather(t, &p, seeds, n_seeds);
    const int failed = claims_decide(t);
    table_print(stdout, t);
    if (!finished)
        printf("\nNo run is finished, so nothing was written.  To train:\n"
               "  simsiam run %s --scale %s --seeds \"%s\"\n", argv[1], scale, seed_text);
    else if (!p.from_results)
        results_write(t, &p);
    for (int i = 0; i < t->e.n_rows; i++)
        for (int k = 0; k < t->row[i].n; k++) run_free(&t->row[i].run[k]);
    free(t);
    return require && failed ? EXIT_CLAIM : 0;
}
