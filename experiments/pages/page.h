/* SPDX-License-Identifier: MIT
 *
 * page.h -- what a page is made of, and its five looks.
 *
 * A page's content is walked once (table_page.c, claims_page.c) and handed to a look as values:
 * numbers, decisions, texts as they are.  A look alone formats, and escapes every text that it is
 * given.
 */
#pragma once
#include <stdio.h>

#include "../suite/table.h"

enum look_name { LOOK_TEXT, LOOK_MD, LOOK_TEX, LOOK_CSV, LOOK_HTML, LOOKS };

/* ---- grids: lines of cells under titles ------------------------------------------------------ */

enum cell_kind {
    CELL_NAME, CELL_CLAIM,        /* what its line is about; such an id of a claim or part (id.1) */
    CELL_TEXT, CELL_CODE, CELL_NOTE,           /* a word or two, a predicate, a sentence */
    CELL_COUNT, CELL_VALUE, CELL_NUMBER,       /* 3, 67.7, 45.1 ± 0.3 */
    CELL_VERDICT, CELL_ESTIMATE                /* of a decision */
};
struct cell {                      /* what its column's kind wants is set */
    const char *text;
    int count;
    struct spread number;
    const struct decision *decision;
};
struct column {
    const char *title, *name;      /* name: in CSV, if it is not the title */
    enum cell_kind kind;
    int decimals;
    int at[LOOKS];                 /* its place in each look, from 1; equal ones keep their order;
                                      0: left out */
};
enum { COLUMNS_MAX = MEASURES_MAX + 7, CELL = 96 };
enum grid_kind { GRID_NUMBERS, GRID_EVIDENCE, GRID_WORK, GRID_CLAIMS };
struct grid {
    enum grid_kind kind;
    const char *table;             /* the name of the table that it is of */
    int n_columns, n_lines;
    struct column column[COLUMNS_MAX];
    struct line {
        struct cell cell[COLUMNS_MAX];
        const char *why;           /* NULL: it has its numbers; else why not, "" if not told */
    } *line;                       /* [n_lines] */
};

/* The columns that a look shows, in its order; returns how many. */
int columns_of(int order[COLUMNS_MAX], const struct grid *g, enum look_name look);
/* A cell's text, not escaped; of line -1 the title.  In `room` if it has to be made. */
const char *grid_text(char room[CELL], const struct grid *g, int line, int column);
/* "45.1 ± 0.3", "45.1" of one seed, "-" where there is no number. */
void cell_format(char cell[CELL], const struct spread *s, int decimals);
/* "0.0231 [0.0102, 0.036]"; "" where there is no number, or words beside it say it. */
void estimate_format(char text[CELL], const struct decision *d);

/* ---- statements of the paper, answered ------------------------------------------------------- */

/* All decisions of a page together, the parts of conjunctions one by one. */
struct family {
    int numbers, numbers_decided;  /* those that a look has come for; of them holds and fails */
    int states, states_decided;    /* on rows that were run; */
    int state_rows;                /* of so many rows, which may each be decided wrongly */
    double threshold;              /* the largest p that Benjamini and Hochberg's rule keeps */
    int kept;
};
enum { PERCENT_ERROR = 5 };        /* of a number at all looks; of what BH keeps, on average */
/* How many of the verdicts are wrong, on average and at most, whatever the truth is: each number
 * that was looked at with 5 %, each row of a state with STATE_ERROR. */
double family_wrong(const struct family *f);
/* Whether it is a decided number that the rule keeps. */
bool family_keeps(const struct family *f, const struct listed *l);
/* "p 0.0032 BH" of a number, "error 0.015" of a decided state, "" of what is open. */
void error_format(char text[CELL], const struct listed *l, const struct family *f);

struct tally {
    const char *scale, *note;      /* the scale's name; what it differs in, NULL without a table */
    int all, count[VERDICTS];      /* statements, by verdict */
    const struct family *family;
};
struct answer {
    const char *id, *scale;
    const struct statement *statement;
    const struct table *table;     /* that decides it; NULL: none does */
    enum verdict verdict;
    const struct family *family;
    int n;                         /* of a table's: the claim, then the parts of a conjunction */
    struct listed part[1 + PARTS_MAX];
};

/* What we measured for a predicate: a metric of a row, or (NULL) its state. */
struct ours { const struct measure *metric; int row; };
enum { OURS_MAX = ROWS_MAX + 2 };
int ours_of(struct ours list[OURS_MAX], const struct table *t, const struct predicate *p);

/* ---- looks ----------------------------------------------------------------------------------- */

/* What a look has no way to show is NULL. */
struct look {
    enum look_name name;
    void (*open)(FILE *out);
    void (*grid)(FILE *out, const struct grid *g);
    /* Lines, NULL at the end, that stand below the table of that name. */
    void (*caption)(FILE *out, const char *table, const char *const *lines);
    void (*answers_open)(FILE *out, const struct tally *tally);
    void (*answer)(FILE *out, const struct answer *a);
    void (*answers_close)(FILE *out);
};
extern const struct look look_text, look_md, look_tex, look_csv, look_html;
struct page { FILE *out; const struct look *look; };

/* A name as a label of another language: what is no letter, digit, _ . : or - becomes -. */
void word_put(FILE *out, const char *name);
/* A hyphen that is a sign, not that of a word or of an empty cell; `text` is within what begins at
 * `start`. */
bool is_minus(const char *start, const char *text);

/* ---- texts ----------------------------------------------------------------------------------- */

/* A stream into fresh memory, text[bytes] once it is ended; dies if there is none. */
FILE *text_stream(char **text, size_t *bytes);
void text_stream_end(FILE *stream);
/* Cuts a text into its lines, in place; NULL at the end, the caller frees the list. */
const char **lines_of(char *text);
bool lines_have(const char *const *lines, const char *line);
