/* SPDX-License-Identifier: MIT
 *
 * against_tell.c -- a rerun beside the committed table, in words (against_tell.h).
 */
#include "against_tell.h"

#include <stdlib.h>
#include <string.h>

#include "../suite/against.h"

/* All seeds that are committed of the table; exits 2 where its runs are not whole, or are of other
 * settings than the table's: what is compared must be one thing. */
static int seeds_committed(int seeds[SEEDS_MAX], const struct experiment *e, const char *folder)
{
    struct committed c;
    int n = 0;
    committed_open_in(&c, folder, e->name);
    if (c.broken)
        die_user("%s/%s_runs.jsonl is broken (see above): nothing is compared with it", folder,
                 e->name);
    if (!c.n) die_user("%s/%s_runs.jsonl: no run is committed there", folder, e->name);
    for (int i = 0; i < e->n_rows; i++) {
        const char *const theirs = committed_config(&c, e->row[i].name);
        if (*e->row[i].not_run || !theirs) continue;
        char *const own = settings_print(&e->row[i].settings);
        if (strcmp(own, theirs))
            die_user("%s/%s_runs.jsonl: row %s is of other settings than scale %s has here (compare "
                     "with the configs that made it)", folder, e->name, e->row[i].name, e->scale);
        free(own);
    }
    for (int i = 0; i < c.n; i++) {
        int k = 0;
        while (k < n && seeds[k] != c.run[i].record.seed) k++;
        if (k == n && n < SEEDS_MAX) seeds[n++] = c.run[i].record.seed;
    }
    committed_close(&c);
    return n;
}

/* Runs of other data are no rerun, whatever their numbers are. */
static void data_check(const struct table *here, const struct table *there, const char *dir)
{
    for (int i = 0; i < here->e.n_rows; i++) {
        if (!here->row[i].n || !there->row[i].n) continue;
        const char *const own = here->row[i].run[0].data_hash,
                   *const theirs = there->row[i].run[0].data_hash;
        if (strcmp(own, theirs))
            die_user("%s/%s_runs.jsonl: row %s was trained on other data (%.8s) than here (%.8s)",
                     dir, here->e.name, here->e.row[i].name, theirs, own);
    }
}

struct table *against_open(const char *path, const char *dir, const struct table *here)
{
    char *const folder = text_format("%s", dir);
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = '\0';
    const char *const slash = strrchr(folder, '/'), *const scale = slash ? slash + 1 : folder;
    if (strcmp(scale, here->e.scale))
        die_user("--against %s: results of scale %s are wanted, in a folder of that name", dir,
                 here->e.scale);
    int seeds[SEEDS_MAX];
    const int n = seeds_committed(seeds, &here->e, folder);
    char *const results = path_folder(folder);
    const struct places there = { .results = results, .from_results = true };
    struct table *const t = host_alloc(1, sizeof *t);
    table_open(t, path, scale, seeds, n, &there);
    data_check(here, t, folder);
    free(results);
    free(folder);
    return t;
}

static void rows_print(const struct table *t, uint32_t set, const char *why)
{
    for (int i = 0; i < t->e.n_rows; i++)
        if (set >> i & 1) printf("  %s: cannot tell: %s\n", t->e.row[i].name, why);
}

static void cell_print(const struct table *t, const struct against_cell *c)
{
    const char *const row = t->e.row[c->row].name;
    if (!c->measure) {
        printf("  %s %s: %.0f of %d seeds here, %.0f of %d there\n", row, run_state_names[c->state],
               c->here.mean, c->here.n, c->there.mean, c->there.n);
        return;
    }
    const int digits = c->measure->decimals + 1;
    printf("  %s %s: %.*f here, %.*f there, more than %.*f apart\n", row, c->measure->name, digits,
           c->here.mean, digits, c->there.mean, digits, c->bound);
}

static void cells_print(const struct table *t, const struct against *a)
{
    printf("  %d of %d cells differ (t over the seeds of either side; error %g for all together)\n",
           a->differ, a->n, AGAINST_ERROR);
    for (int k = 0; k < a->n; k++)
        if (a->cell[k].differs) cell_print(t, &a->cell[k]);
}

static void verdicts_print(const struct table *here, const struct table *there, uint32_t set,
                           const char *what)
{
    for (int i = 0; i < here->e.n_claims; i++)
        if (set >> i & 1)
            printf("  %s: %s here, %s there%s\n", here->e.claim[i].id,
                   verdict_names[here->claim[i].whole.verdict],
                   verdict_names[there->claim[i].whole.verdict], what);
}

int against_tell(const struct table *here, const struct table *there, const char *dir)
{
    struct against *const a = host_alloc(1, sizeof *a);
    against_compare(a, here, there);
    printf("\nagainst %s: %d of %d runs that both have are equal to the last digit\n", dir, a->same,
           a->shared);
    int status = 0;
    if (!a->all_same) {
        if (a->n) cells_print(here, a);
        rows_print(here, a->few, "fewer than 3 seeds on a side");
        rows_print(here, a->lost, "a number does not exist on one side");
        verdicts_print(here, there, a->flipped, ": flipped");
        verdicts_print(here, there, a->one_sided, ", which is no contradiction");
        status = a->differ || a->flipped ? EXIT_CLAIM : 0;
    }
    puts(a->all_same ? "the same" : status ? "different" : a->n ? "no difference found"
                                                              : "cannot tell");
    free(a);
    return status;
}
