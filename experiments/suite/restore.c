/* SPDX-License-Identifier: MIT
 *
 * restore.c -- committed runs as a run's papers (restore.h).
 */
#include "restore.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "committed.h"
#include "../run/seal.h"

static const char suffix[] = "_runs.jsonl";

static int is_runs_file(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return n >= sizeof suffix && !strcmp(entry->d_name + n - strlen(suffix), suffix);
}

bool restore_is_results(const char *folder)
{
    struct dirent **entry;
    const int n = folder_list(&entry, folder, is_runs_file);
    for (int i = 0; i < n; i++) free(entry[i]);
    if (n >= 0) free(entry);
    return n > 0;
}

/* The facts of a making as the run's provenance.json, which making_read() has them from. */
static char *provenance_text(const json_t *facts, int seed)
{
    json_t *const papers = made(json_deep_copy(facts));
    json_object_del(papers, "data_hash");
    object_put(papers, "seed", json_integer(seed));
    return sealed_text(papers, JSON_INDENT(1));
}

static enum adoption run_restore(struct adopter *a, const struct committed *c,
                                 const struct committed_run *run, char why[WHY_TEXT])
{
    char *const provenance = provenance_text(json_object_get(c->makings, run->making),
                                             run->record.seed);
    char *const metrics = curve_print(&run->record), *const summary = summary_text(&run->record);
    const struct papers p = { .record = run->record, .config = committed_config(c, run->row),
                              .provenance = provenance, .metrics = metrics, .summary = summary };
    const enum adoption end = adopt_papers(a, &p, why);
    free(provenance);
    free(metrics);
    free(summary);
    return end;
}

/* Which runs were met: tables share rows. */
struct met { char (*hash)[HASH_TEXT]; int *seed; int n; };

static bool is_met(struct met *met, const struct run_record *r)
{
    for (int i = 0; i < met->n; i++)
        if (met->seed[i] == r->seed && !strcmp(met->hash[i], r->hash)) return true;
    const size_t room = (size_t)met->n + 1;
    met->hash = realloc(met->hash, room * sizeof *met->hash);
    met->seed = realloc(met->seed, room * sizeof *met->seed);
    if (!met->hash || !met->seed) die("out of memory (close other programs)");
    memcpy(met->hash[met->n], r->hash, HASH_TEXT);
    met->seed[met->n++] = r->seed;
    return false;
}

static void table_restore(struct adopter *a, const struct committed *c, struct met *met,
                          int count[ADOPTIONS])
{
    char why[WHY_TEXT];
    for (int i = 0; i < c->n; i++) {
        const struct committed_run *const run = &c->run[i];
        if (is_met(met, &run->record)) continue;
        const enum adoption end = run_restore(a, c, run, why);
        count[end]++;
        if (end == ADOPT_REFUSED)
            warn("%s/%s%s: %s seed %d: %s; not taken", c->folder, c->table, suffix, run->row,
                 run->record.seed, why);
    }
    count[ADOPT_REFUSED] += c->broken;
}

void restore_folder(struct adopter *a, const char *folder, int count[ADOPTIONS])
{
    struct dirent **entry;
    const int n = folder_list(&entry, folder, is_runs_file);
    if (n < 0) die("cannot list %s: %s (is the folder readable?)", folder, strerror(errno));
    struct met met = { .n = 0 };
    for (int i = 0; i < n; i++) {
        struct committed c;
        char *const table = text_format("%.*s", (int)(strlen(entry[i]->d_name) - strlen(suffix)),
                                        entry[i]->d_name);
        committed_open_in(&c, folder, table);
        table_restore(a, &c, &met, count);
        committed_close(&c);
        free(table);
        free(entry[i]);
    }
    free(entry);
    free(met.hash);
    free(met.seed);
}
