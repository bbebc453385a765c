/* SPDX-License-Identifier: MIT
 *
 * experiment_inside.h -- what experiment.c and experiment_scale.c share, and nobody else sees.
 */
#pragma once
#include "experiment.h"

#include "heading.h"

/* Keys whose value is wrong: of settings_keys, and of a method's own. */
struct wrong { bool shared[KEYS_MAX], own[KEYS_MAX]; };

enum { METHODS_MAX = 8 };
struct base { struct settings settings; struct wrong wrong; bool used; };

struct loading {
    struct experiment *e;
    struct config_file file, scale;
    yaml_node_t *top, *scale_top;              /* their roots; NULL if reported */
    yaml_node_t *not_run, *rows;               /* the scale's entries of those names for this table;
                                                  NULL if it has none */
    struct base base[METHODS_MAX];             /* what stands above the rows, for the rows of each
                                                  method */
    struct view_settings standard;             /* the scale's views */
    struct settings of_scale;                  /* what the scale alone says */
    int above;                                 /* the method of rows that choose none */
    bool of_paper;                             /* a table of the paper: with a heading */
    bool method_wrong;                         /* some `method:` is unknown: no key is said to be
                                                  another's */
    const struct rule *told[RULES_MAX];        /* broken above the rows: reported once, not per
                                                  row */
    int n_told;
};

/* One of the rows that a row with `lengths:` or `batches:` stands for (experiment_columns.c).
 * Without either there is one, whose end is "". */
enum { COLUMNS_MAX = 8 };
struct column {
    char end[16];                              /* of its name: "100" */
    int times, batch;                          /* of the row's epochs; its batch, 0: the row's */
    const yaml_node_t *at, *paper;             /* where it stands; its number, NULL without */
};
/* Those of a row; how many, 0 (reported) if they are wrong. */
int columns_read(struct loading *l, yaml_node_t *row, struct column column[COLUMNS_MAX]);
void column_apply(const struct column *c, struct settings *s);

/* Why the scale cannot host a row. */
extern const struct key reason_key;

/* Reads what a scale says beside its settings: looks, and the entries of this table under `rows:`
 * and `not_run:`.  Their rows are looked up once they are read. */
void scale_read(struct loading *l, const char *folder);
void scale_rows_check(struct loading *l);
/* Index of the row that `what:` names at `at`; -1 (reported) if there is none. */
int row_look(const struct experiment *e, struct config_file *f, const yaml_node_t *at,
             const char *what);
bool name_listed(char **names, const char *name);

/* Reads the words of a claim, which stand at `node`, into its parts (claim_parse.c); false
 * (reported) if they are wrong. */
bool claim_parse(struct claim *c, const struct experiment *e, struct config_file *f,
                 const yaml_node_t *node);
