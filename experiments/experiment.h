/* SPDX-License-Identifier: MIT
 *
 * experiment.h -- what the readers of settings.h's files share: experiment.c, rules.c, statement.c, claim_parse.c.
 */
#pragma once
#include "settings.h"

/* ---- rules.c: what no range of one key can say ----------------------------------------------------------- */

/* Settings that do not go together.  broken() writes what is wrong and what would be right, and returns true.
 * `keys` (NULL-terminated) are all that it reads; the mistake stands where the most specific of them does. */
struct rule {
    const char *keys[6];
    bool (*broken)(const struct settings *s, char why[TEXT_MAX]);
};
enum { RULES_MAX = 32, KEYS_MAX = 64 };         /* KEYS_MAX: rows of settings_keys */
extern const struct rule settings_rules[];       /* NULL function at the end */

/* ---- statement.c: paper.yaml ------------------------------------------------------------------------------ */

struct named_statement { const char *id; bool right; struct statement statement; };      /* wrong: reported */
struct statements {
    struct config_file file;       /* its `errors` count what was reported */
    struct named_statement *v;     /* in the file's order, NULL-named at the end; NULL if the file has no root */
};
void statements_open(struct statements *s, const char *path);
void statements_close(struct statements *s);
/* The id nearest to a wrong one, or NULL. */
const char *statements_nearest(const struct statements *s, const char *id);

/* ---- claim_parse.c ---------------------------------------------------------------------------------------- */

/* Reads the value of `claims:`; the experiment's name and rows are read already.  Mistakes are counted in f. */
void claims_read(struct experiment *e, struct config_file *f, const yaml_node_t *claims,
                 const struct statements *known);
