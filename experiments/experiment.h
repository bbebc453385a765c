/* SPDX-License-Identifier: MIT
 *
 * experiment.h -- what the readers of settings.h's files share: experiment.c, rules.c, claim_parse.c.
 */
#pragma once
#include "settings.h"

/* ---- rules.c: what no range of one key can say ----------------------------------------------------------- */

/* Settings that do not go together.  broken() writes what is wrong and what would be right, and returns true; the
 * mistake stands where the most specific of `keys` does (NULL-terminated). */
struct rule {
    const char *keys[6];
    bool (*broken)(const struct settings *s, char why[TEXT_MAX]);
};
enum { RULES_MAX = 32 };
extern const struct rule settings_rules[];       /* NULL function at the end */

/* ---- claim_parse.c: the paper's statements, and claims on them ------------------------------------------- */

/* One statement from the pairs of paper.yaml's root. */
bool statement_read(struct config_file *paper, yaml_node_t *node, struct statement *out);
/* Checks all statements of paper.yaml; false if its root is missing. */
bool statements_check(struct config_file *paper);
/* Reads `claims:` of the experiment; its rows are read already.  Mistakes are counted in `f`. */
void claims_read(struct experiment *e, struct config_file *f, yaml_node_t *claims, struct config_file *paper);
