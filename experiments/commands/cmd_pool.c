/* SPDX-License-Identifier: MIT
 *
 * cmd_pool.c -- `simsiam pool`: runs that were finished elsewhere count as done here.
 *
 * A folder of runs, or committed results.  What computes may have been another machine, an earlier
 * day, a job of an array: what makes a run ours is what names it (found.h), and that its papers fit
 * together (adopt.h).
 */
#include "commands.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "../run/phase.h"
#include "../suite/restore.h"

/* The names in a folder, n of them; none of what is no folder. */
static struct dirent **names_list(const char *folder, int *n)
{
    struct dirent **entry = NULL;
    *n = folder_list(&entry, folder, entry_seen);
    if (*n < 0 && errno != ENOTDIR)
        die("cannot list %s: %s (is the folder readable?)", folder, strerror(errno));
    if (*n < 0) *n = 0;
    return entry;
}

/* Of code that is not known here nothing can be said but that: it is no run of this program. */
static void run_pool(struct adopter *a, const char *dir, const char *name, const char *seed_name,
                     int count[ADOPTIONS])
{
    char why[WHY_TEXT];
    enum adoption end = adopt_folder(a, dir, name, seed_name, why);
    if (end == ADOPT_OTHER_CODE) end = ADOPT_REFUSED;
    if (end == ADOPT_REFUSED) warn("%s/%s/%s/%s; not taken", dir, name, seed_name, why);
    count[end]++;
}

/* DIR/<anything>/seed-<anything>: what is no run of that name is told. */
static void runs_pool(struct adopter *a, const char *dir, int count[ADOPTIONS])
{
    int n, n_seeds;
    struct dirent **const entry = names_list(dir, &n);
    for (int i = 0; i < n; i++) {
        char *const folder = text_format("%s/%s", dir, entry[i]->d_name);
        struct dirent **const seed = names_list(folder, &n_seeds);
        for (int k = 0; k < n_seeds; k++) {
            if (!strncmp(seed[k]->d_name, "seed-", 5))
                run_pool(a, dir, entry[i]->d_name, seed[k]->d_name, count);
            free(seed[k]);
        }
        free(seed);
        free(folder);
        free(entry[i]);
    }
    free(entry);
}

/* Pools one folder and says what became of it.  Returns whether something was refused. */
static bool folder_pool(struct adopter *a, const char *dir)
{
    int count[ADOPTIONS] = { 0 }, all = 0;
    if (restore_is_results(dir)) restore_folder(a, dir, count);
    else runs_pool(a, dir, count);
    for (int i = 0; i < ADOPTIONS; i++) all += count[i];
    if (!all) {
        warn("%s: no run in it: HASH/seed-N of runs/, or TABLE_runs.jsonl of results/SCALE are wanted",
             dir);
        return true;
    }
    say(stdout, "%s: %d taken, %d there already, %d refused", dir, count[ADOPT_TAKEN],
           count[ADOPT_THERE], count[ADOPT_REFUSED]);
    if (count[ADOPT_UNFINISHED]) printf(", %d not finished", count[ADOPT_UNFINISHED]);
    if (count[ADOPT_OTHER_CODE])
        printf(", %d of other code (simsiam table --from-results shows them)", count[ADOPT_OTHER_CODE]);
    putchar('\n');
    return count[ADOPT_REFUSED];
}

/* Every folder that is not there is told before the first is looked into. */
static void folders_check(char **dir, int n)
{
    bool wrong = false;
    struct stat st;
    for (int i = 0; i < n; i++) {
        const bool there = !stat(dir[i], &st);
        if (there && S_ISDIR(st.st_mode)) continue;
        warn("%s: %s; a folder of runs or of results is wanted", dir[i],
             there ? "no folder" : strerror(errno));
        wrong = true;
    }
    if (wrong) exit(EXIT_USER);
}

int command_pool(int argc, char **argv)
{
    const char *root = "runs", *results = "results", *scale = "quick";
    const struct option_row rows[] = {
        { "runs", OPTION_TEXT, &root, "DIR", "where runs are kept, and taken to" },
        { "results", OPTION_TEXT, &results, "DIR", "without a DIR: where the committed runs are" },
        { "scale", OPTION_TEXT, &scale, "SCALE", "without a DIR: which of them" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    const int n = options_parse(
        argc, argv, "pool [DIR...] [options]",
        "Takes over finished runs from elsewhere: from folders of runs, or from committed results (without "
        "a DIR: RESULTS/SCALE).  Each is verified first; one that is wrong, or is here with other numbers, "
        "is named and not taken, exit 2.", rows, 0, argc);
    char *const own = text_format("%s/%s", results, scale), **const dir = n ? argv + 1
                                                                            : (char *[]){ own };
    folders_check(dir, n ? n : 1);
    phase("pool");
    struct adopter a;
    adopter_open(&a, root);
    bool refused = false;
    for (int i = 0; i < (n ? n : 1); i++) refused |= folder_pool(&a, dir[i]);
    adopter_close(&a);
    free(own);
    return refused ? EXIT_USER : 0;
}
