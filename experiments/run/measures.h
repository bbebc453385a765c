/* SPDX-License-Identifier: MIT
 *
 * measures.h -- the one table of the numbers that a run reports.
 *
 * A new one is a field of struct epoch_record (record.h), a line in measures.c, MEASURE_LATER among
 * its kinds, and whoever computes it: files, claims, tables and captions read the line.
 */
#pragma once
#include "record.h"

enum {
    MEASURE_TRAINED = 1,           /* of every epoch: a key of each line of metrics.jsonl */
    MEASURE_MONITORED = 2,         /* of a monitored epoch */
    MEASURE_END = 4,               /* of a whole run: in struct run_record, a key of summary.json */
    MEASURE_FINAL = 8,             /* of the last epoch, in summary.json's "final" */
    MEASURE_COLUMN = 16,           /* of a table */
    MEASURE_EVIDENCE = 32,         /* beside the table */
    MEASURE_CLAIMED = 64,          /* a claim may name it */
    MEASURE_RATIO = 128,           /* shown as the ratio to the baseline's (stability.h) */
    MEASURE_WIDE = 512,            /* of a column: left out in LaTeX where one column of a page is the room */
    MEASURE_LATER = 256            /* files of before it was recorded lack it: it reads as NaN */
};

struct measure {
    const char *name;              /* in files and claims */
    size_t offset;                 /* in struct run_record if MEASURE_END, else in epoch_record */
    unsigned is;
    int place;                     /* on pages and in lists of claims, from the left */
    const char *title;             /* on pages, with so many decimals */
    int decimals;
    const char *sentence;         /* what captions say; NULL: another's, or a rule, speaks for it */
    const char *about;             /* what it is, for who reads the files (docs/metrics.md) */
    const char *end;               /* the measure that is this one's number of a whole run, where a
                                      run has it; NULL: its own of the last epoch */
};
extern const struct measure measures[];    /* in the order of the files; NULL-named at the end */
enum { MEASURES_MAX = 32 };                /* the end counted */

/* Those of any of these kinds; returns how many.  In the order of pages if asked for columns,
 * evidence or claims. */
int measures_of(const struct measure *list[MEASURES_MAX], unsigned kinds);
/* The one of that name that is of any of these kinds, or NULL. */
const struct measure *measure_find(const char *name, unsigned kinds);

/* The number in an epoch; at the end of a run. */
double epoch_number(const struct epoch_record *e, const struct measure *m);
double run_number(const struct run_record *r, const struct measure *m);
/* An epoch of which nothing is known yet: every number is NaN. */
struct epoch_record epoch_empty(int epoch);
