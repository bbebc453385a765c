/* SPDX-License-Identifier: MIT
 *
 * experiment_inside.h -- what the files of experiment.c share, and nobody else sees.
 */
#pragma once
#include "experiment.h"

#include "heading.h"

/* Keys whose value is wrong: of settings_keys, and of a method's own. */
struct wrong { bool shared[KEYS_MAX], own[KEYS_MAX]; };

enum { METHODS_MAX = 8 };
/* What stands above the rows of one method. */
struct base {
    struct settings settings, plain;           /* plain: without what the scale sets for it */
    yaml_node_t *here;                         /* that; NULL if nothing */
    struct wrong wrong;
    bool used;
};

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

/* Sets what `mapping` says (experiment_methods.c): of all methods' keys, beside which `fixed` may
 * stand; and of those of the method that `s` has chosen. */
void shared_apply(struct config_file *f, yaml_node_t *mapping, struct settings *s,
                  const char *const *fixed, struct wrong *wrong);
void own_apply(struct config_file *f, yaml_node_t *mapping, struct settings *s,
               struct wrong *wrong);
/* A key of another method would be read by nobody.  method < 0: above the rows, where those of any
 * row's method are right; in a scale, which serves many tables, those of every method are. */
void own_keys_check(struct loading *l, struct config_file *f, yaml_node_t *mapping, int method);
/* The method that a row chooses; that of the rows above it if it chooses none. */
int method_chosen(struct loading *l, yaml_node_t *row);
/* The bases of the methods that the rows choose. */
void bases_read(struct loading *l, const yaml_node_item_t *start, const yaml_node_item_t *end);

/* What a table says of numbers that are published elsewhere (experiment_published.c). */
void published_read(struct loading *l);

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
/* What such an entry (NULL: none) has for a row; NULL if nothing. */
yaml_node_t *scale_line(struct loading *l, yaml_node_t *entry, const char *row);
/* Index of the row that `what:` names at `at`; -1 (reported) if there is none. */
int row_look(const struct experiment *e, struct config_file *f, const yaml_node_t *at,
             const char *what);
bool name_listed(char **names, const char *name);

/* Reads the words of a claim, which stand at `node`, into its parts (claim_parse.c); false
 * (reported) if they are wrong. */
bool claim_parse(struct claim *c, const struct experiment *e, struct config_file *f,
                 const yaml_node_t *node);
