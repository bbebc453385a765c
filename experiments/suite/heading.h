/* SPDX-License-Identifier: MIT
 *
 * heading.h -- what an experiment's file says of itself as a table of the paper; a folder's list.
 *
 *   target: stopgrad              its name on command lines: make table-stopgrad
 *   order: 1                      its place among the paper's: the report
 *   turn: 1                       its place among those that are run: what decides most comes first
 *   cost: 3 minutes, 2 cores      what it takes, for whoever is about to run it
 *
 * An experiment without them is no table of the paper: a check, a choice of settings, a study.
 */
#pragma once
#include "../../engine/config.h"
#include "experiment.h"

struct heading {
    char name[NAME_LENGTH];        /* the file's name without ".yaml" */
    char target[NAME_LENGTH];      /* "": no table of the paper */
    char title[TEXT_MAX], cost[TEXT_MAX];
    int order, turn;
};

/* The keys above, for whoever reads the rest of the file; NULL at the end. */
extern const char *const heading_names[];

/* Reads them from a file's root; what is wrong is reported and counted in f.  False, too, if there
 * are none. */
bool heading_read(struct heading *h, struct config_file *f, yaml_node_t *root);

/* The tables among a folder's experiments; the caller frees v. */
struct headings { struct heading *v; int n; };
enum heading_order { HEADINGS_BY_TURN, HEADINGS_BY_ORDER };
/* Exits 2 if a file is wrong, or if two have the same target, order or turn. */
void headings_open(struct headings *list, const char *folder, enum heading_order by);

/* The names of a folder's YAML files without ".yaml", sorted, NULL at the end; exits 2 without the
 * folder, with `what` said behind the reason. */
char **names_list(const char *folder, const char *what);
void names_free(char **names);
