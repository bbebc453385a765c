/* SPDX-License-Identifier: MIT
 *
 * table_gather.c -- the finished runs of an experiment, its claims decided.
 */
#include "table_gather.h"

#include <stdlib.h>
#include <string.h>

#include "../methods/code.h"
#include "../run/took.h"

static void record_copy(struct run_record *to, const struct run_record *from)
{
    *to = *from;
    to->curve = host_alloc((size_t)from->n_curve, sizeof *to->curve);
    memcpy(to->curve, from->curve, (size_t)from->n_curve * sizeof *to->curve);
}

/* Of runs/, the finished run that counts (found.h). */
static bool run_find(struct run_record *r, struct found *runs, const struct settings *s, int seed)
{
    const struct found_run *const run = found_run(runs, s, seed);
    *r = (struct run_record){ .state = RUN_NONE };
    if (!run || !run->record) {
        if (run) run_read(r, run->folder);     /* how far a half-done one is */
        return false;
    }
    record_copy(r, run->record);
    r->cpu = run_cpu(run->folder);
    return true;
}

/* A committed run may be of other code than this program's, which the caption names, but not of
 * other settings. */
static bool run_find_committed(struct run_record *r, const struct committed *c,
                               const struct row *row, int seed)
{
    *r = (struct run_record){ .state = RUN_NONE };
    const struct committed_run *run = committed_find(c, row->name, seed);
    if (!run) return false;
    char *config = settings_print(&row->settings);
    const bool same = !strcmp(config, committed_config(c, row->name));
    free(config);
    if (!same) {
        warn("%s/%s_runs.jsonl: %s seed %d is of other settings and is not counted", c->folder,
             c->table, row->name, seed);
        return false;
    }
    record_copy(r, &run->record);
    return true;
}

/* Why a run is missing, for who waits for it.  `runs` is NULL of committed ones. */
static void missing_tell(const struct run_record *r, struct found *runs, const struct row *row,
                         int seed)
{
    const char *why = NULL;
    const struct found_run *const other = runs ? found_other(runs, &row->settings, seed, &why)
                                               : NULL;
    if (other)
        say(stderr, "%s seed %d: not run (%s is %s)\n", row->name, seed, other->folder, why);
    else if (r->state == RUN_PARTIAL)
        say(stderr, "%s seed %d: not finished (epoch %d)\n", row->name, seed, r->last.epoch);
    else
        say(stderr, "%s seed %d: not run\n", row->name, seed);
}

const char *code_of_most(const struct table *t, int method)
{
    const char *best = NULL;
    int most = 0;
    for (int k = 0; k < t->e.n_rows * SEEDS_MAX; k++) {
        if (k % SEEDS_MAX >= t->row[k / SEEDS_MAX].n) continue;
        if (method >= 0 && t->e.row[k / SEEDS_MAX].settings.method != method) continue;
        const char *code = t->row[k / SEEDS_MAX].run[k % SEEDS_MAX].code_hash;
        int n = 0;
        for (int i = 0; i < t->e.n_rows; i++)
            for (int r = 0; r < t->row[i].n; r++) n += code_same(t->row[i].run[r].code_hash, code);
        if (n <= most) continue;
        most = n;
        best = code;
    }
    return best;
}

static char *row_images(const struct row *row)
{
    char *const config = settings_print(&row->settings), *const images = config_images(config);
    free(config);
    return images;
}

/* The data that most of a table's runs are of, among those of rows that ask for the same images as
 * `row`. */
static const char *data_of_most(const struct table *t, int row)
{
    const char *best = NULL;
    int most = 0;
    char *const images = row_images(&t->e.row[row]);
    int votes[ROWS_MAX * SEEDS_MAX] = { 0 };
    const char *of[ROWS_MAX * SEEDS_MAX];
    int n = 0;
    for (int i = 0; i < t->e.n_rows; i++) {
        char *const own = row_images(&t->e.row[i]);
        for (int r = 0; r < t->row[i].n && !strcmp(own, images); r++) {
            int k = 0;
            while (k < n && strcmp(of[k], t->row[i].run[r].data_hash)) k++;
            if (k == n) of[n++] = t->row[i].run[r].data_hash;
            if (++votes[k] <= most) continue;
            most = votes[k];
            best = of[k];
        }
        free(own);
    }
    free(images);
    return best;
}

/* Runs of different code or data are never mixed in one mean: only those of `code` and `data`
 * stay. */
static void other_drop(struct row_result *result, const char *name, const char *code,
                       const char *data)
{
    int kept = 0;
    for (int r = 0; r < result->n; r++) {
        struct run_record *run = &result->run[r];
        const bool same = code_same(run->code_hash, code);
        if (same && !strcmp(run->data_hash, data)) {
            result->run[kept++] = *run;
            continue;
        }
        say(stderr, "%s seed %d: of other %s (%.8s) than the table (%.8s); not counted\n", name,
                run->seed, same ? "data" : "code", same ? run->data_hash : run->code_hash,
                same ? data : code);
        run_free(run);
    }
    result->n = kept;
}

/* Returns how many finished runs there are. */
static int runs_gather(struct table *t, const struct places *p, const int *seeds, int n_seeds)
{
    int total = 0;
    struct found *const runs = p->from_results ? NULL : p->found;
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *row = &t->e.row[i];
        struct row_result *result = &t->row[i];
        if (*row->not_run) continue;            /* its settings are void, and nobody waits for it */
        for (int s = 0; s < n_seeds; s++) {
            struct run_record *r = &result->run[result->n];
            if (t->committed ? run_find_committed(r, &t->source, row, seeds[s])
                             : run_find(r, runs, &row->settings, seeds[s])) {
                result->n++;
                continue;
            }
            missing_tell(r, runs, row, seeds[s]);
            run_free(r);
        }
    }
    struct { char code[HASH_TEXT], data[HASH_TEXT]; } *const kept = host_alloc(ROWS_MAX,
                                                                               sizeof *kept);
    for (int i = 0; i < t->e.n_rows; i++) {      /* copies: the runs are about to move */
        const char *const code = code_of_most(t, t->e.row[i].settings.method),
                   *const data = data_of_most(t, i);
        if (code) memcpy(kept[i].code, code, sizeof kept[i].code);
        if (data) memcpy(kept[i].data, data, sizeof kept[i].data);
    }
    for (int i = 0; i < t->e.n_rows; i++) {
        other_drop(&t->row[i], t->e.row[i].name, kept[i].code, kept[i].data);
        total += t->row[i].n;
    }
    free(kept);
    rows_summarise(t);
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

int table_open(struct table *t, const char *path, const char *scale, const int *seeds, int n_seeds,
               const struct places *p)
{
    memset(t, 0, sizeof *t);
    experiment_load(&t->e, path, scale);
    t->committed = p->from_results;
    if (t->committed) committed_open(&t->source, p->results, t->e.scale, t->e.name);
    t->finished = runs_gather(t, p, seeds, n_seeds);
    t->failed = claims_decide(t);
    return t->finished;
}

void table_close(struct table *t)
{
    for (int i = 0; i < t->e.n_rows; i++)
        for (int k = 0; k < t->row[i].n; k++) run_free(&t->row[i].run[k]);
    committed_close(&t->source);
}
