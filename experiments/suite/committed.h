/* SPDX-License-Identifier: MIT
 *
 * committed.h -- what finished runs said, as it is committed: a clone shows what it cannot rerun.
 *
 * RESULTS/<scale>/<table>_runs.jsonl
 *     a line that names the table; the resolved configs, a line for each setting, with the rows that
 *     have it unless all have; a line for each run, by row and seed: its summary.json but for what is
 *     said elsewhere or follows from it, the name of its making, and the processor's seconds of
 *     its training where they are known
 * RESULTS/<scale>/<table>_curves.csv
 *     row, seed and every number of metrics.jsonl, a line for each epoch
 * RESULTS/<scale>/provenance.json
 *     the makings (makings.h)
 *
 * summary.json and metrics.jsonl follow to the byte.  The three are read together: a run without
 * its curve or its making, or with numbers that no run can have, is broken, is named in a warning,
 * and does not count.  Of a run that was sealed (record.h) the line is so, too, with the curve; a
 * line of schema 2 among such says that it is.
 */
#pragma once
#include <stdbool.h>
#include <jansson.h>
#include "makings.h"
#include "../run/record.h"

struct committed_run {
    char row[48];                /* in this table; the record names that of the table that ran it */
    struct run_record record;    /* with its curve */
    char making[MAKING_NAME];
    json_t *line;                /* of a sealed one, while it is read */
    int rank;                      /* of its row, once committed_sort() has said */
};
struct committed_config { char row[48]; char *text; int rank; };
struct committed {
    char *folder;                  /* RESULTS/<scale> */
    const char *table, *scale;
    struct committed_run *run;     /* n of them, in the order of the file */
    int n, room;
    struct committed_config *config;           /* resolved, of each row that has a run */
    int n_configs;
    json_t *makings;
    int broken;                    /* lines and runs that were told of and do not count */
};

/* All that is committed of a table: nothing if nothing is.  committed_close() in any case; the
 * texts stay yours. */
void committed_open(struct committed *c, const char *results, const char *scale, const char *table);
/* The same of a folder, whatever its scale; for reading alone. */
void committed_open_in(struct committed *c, const char *folder, const char *table);
void committed_close(struct committed *c);

/* The run, or NULL; and the resolved config of a row's runs, or NULL without any. */
const struct committed_run *committed_find(const struct committed *c, const char *row, int seed);
const char *committed_config(const struct committed *c, const char *row);

/* Takes a run in, in the place of that of the same row and seed; the record is copied, with its
 * curve. */
void committed_put(struct committed *c, const char *row, const struct run_record *r,
                   const json_t *facts);
void committed_config_put(struct committed *c, const char *row, const char *text);
void committed_drop(struct committed *c, int i);
/* Brings runs and configs into the order of the rows (NULL at the end of the names), then of seeds;
 * what is of no such row goes. */
void committed_sort(struct committed *c, const char *const *rows);

/* ---- commit.c -------------------------------------------------------------------------------- */

/* The seal of a run's line and its curve; that in the line goes. */
void line_seal(char seal[HASH_TEXT], json_t *line, const struct run_record *r);
/* Writes the three files, the runs in the order they are in; dies if it cannot.  One program at a
 * time: see committed_lock(). */
void committed_write(const struct committed *c);
/* Waits until no other program writes into the folder; close() of what it returns ends it. */
int committed_lock(const char *scale_folder);
