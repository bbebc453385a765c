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
    int above;                                 /* the method of rows that choose none */
    bool of_paper;                             /* a table of the paper: with a heading */
    bool method_wrong;                         /* some `method:` is unknown: no key is said to be
                                                  another's */
    const struct rule *told[RULES_MAX];        /* broken above the rows: reported once, not per
                                                  row */
    int n_told;
};

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
