/* SPDX-License-Identifier: MIT
 *
 * experiment_scale.c -- what a scale's file says beside its settings.
 *
 *   looks: [3, 5, 10]    at how many seeds numbers are decided, said before the first reported run
 *   look_errors: [...]   how often each may be wrong, 0.05 in all; equal parts if nothing is said
 *   methods:             what every row of a method sets at this scale (experiment_methods.c)
 *   rows:                what a row sets at this scale alone: TABLE: and under it ROW: { key: value }
 *   not_run:             what the scale cannot host: TABLE: and under it ROW: why
 *
 * A ROW that begins with * is every row whose name ends so and that has no line of its own:
 * "*-800": why
 */
#include "experiment_inside.h"

#include <math.h>
#include <string.h>

const struct key reason_key = { .name = "not_run", .type = KEY_TEXT, .count = TEXT_MAX,
                                .unit = "" };

/* ---- looks ----------------------------------------------------------------------------------- */

static const double ERRORS_MOST = 0.05;

/* The shares of the error, as written or equal. */
static void errors_read(struct loading *l, const yaml_node_t *node, struct looks *looks)
{
    const struct key key = { .name = "look_errors", .type = KEY_FLOATS, .high = ERRORS_MOST,
                             .count = looks->n, .unit = "" };
    for (int i = 0; i < looks->n; i++) looks->error[i] = ERRORS_MOST / looks->n;
    if (!node || !config_value(&l->scale, node, &key, looks->error)) return;
    double sum = 0;
    for (int i = 0; i < looks->n; i++) {
        sum += looks->error[i];
        if (looks->error[i] > 0) continue;
        config_error(&l->scale, node, "look_errors: a look of error 0 decides nothing; above 0");
        return;
    }
    if (sum > ERRORS_MOST * (1 + 1e-9))
        config_error(&l->scale, node, "look_errors: %g in all; at most %g, which the looks share",
                     sum, ERRORS_MOST);
}

static void looks_read(struct loading *l)
{
    static const struct key key = { .name = "looks", .type = KEY_INTS, .low = 2, .high = SEEDS_MAX,
                                    .unit = "seeds" };
    struct looks *const looks = &l->e->looks;
    const yaml_node_t *const node = config_get(&l->scale, l->scale_top, "looks"),
                      *const errors = config_get(&l->scale, l->scale_top, "look_errors");
    struct int_list list;
    if (!node && errors)
        config_error(&l->scale, errors,
                     "look_errors: of which looks? `looks: [3]` belongs with it");
    if (!node || !config_value(&l->scale, node, &key, &list)) return;
    if (list.n > LOOKS_MAX) {
        config_error(&l->scale, node, "looks: %d of them; at most %d", list.n, LOOKS_MAX);
        return;
    }
    for (int i = 0; i < list.n; i++) {
        looks->seeds[i] = list.v[i];
        if (!i || list.v[i] > list.v[i - 1]) continue;
        config_error(&l->scale, yaml_document_get_node(&l->scale.document,
                                                       node->data.sequence.items.start[i]),
                     "looks: %d behind %d; each look has more seeds than the one before", list.v[i],
                     list.v[i - 1]);
        return;
    }
    looks->n = list.n;
    errors_read(l, errors, looks);
}

/* ---- tables and their rows ------------------------------------------------------------------- */

/* Another table's `ROW: why` lines; those of this table are read with its rows. */
static void reasons_check(struct loading *l, const yaml_node_t *table)
{
    for (const yaml_node_pair_t *p = table->data.mapping.pairs.start;
         p < table->data.mapping.pairs.top; p++) {
        char reason[TEXT_MAX];
        config_value(&l->scale, yaml_document_get_node(&l->scale.document, p->value), &reason_key,
                     reason);
    }
}

/* Checks that each key of the scale's `what:` is a table, and finds the entry of this one; NULL if
 * there is none.  `line` is what stands under a table. */
static yaml_node_t *table_entry(struct loading *l, char **names, const char *what, const char *line,
                                void (*other)(struct loading *, const yaml_node_t *))
{
    yaml_node_t *const tables = config_get(&l->scale, l->scale_top, what), *entry = NULL;
    if (!tables) return NULL;
    if (tables->type != YAML_MAPPING_NODE) {
        config_error(&l->scale, tables, "%s: TABLE: lines are wanted, with %s under each", what,
                     line);
        return NULL;
    }
    for (const yaml_node_pair_t *p = tables->data.mapping.pairs.start;
         p < tables->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&l->scale.document, p->key);
        yaml_node_t *table = yaml_document_get_node(&l->scale.document, p->value);
        const char *name = config_text(key);
        if (!name || !*name) continue;                          /* config_open() reported it */
        if (!name_listed(names, name)) {
            const char *nearest = config_nearest(name, (const char *const *)names);
            if (nearest)
                config_error(&l->scale, key, "%s: no table %s; did you mean %s?", what, name,
                             nearest);
            else
                config_error(&l->scale, key, "%s: no table %s; name a file beside scale/", what,
                             name);
        } else if (table->type != YAML_MAPPING_NODE) {
            config_error(&l->scale, table, "%s: `%s` lines are wanted under %s", what, line, name);
        } else if (!strcmp(name, l->e->name)) {
            entry = table;
        } else if (other) {
            other(l, table);
        }
    }
    return entry;
}

void scale_read(struct loading *l, const char *folder)
{
    looks_read(l);
    char **const names = names_list(folder, "experiments lie beside scale/");
    l->not_run = table_entry(l, names, "not_run", "ROW: why it cannot run here", reasons_check);
    l->rows = table_entry(l, names, "rows", "ROW: { key: value }", NULL);
    names_free(names);
}

int row_look(const struct experiment *e, struct config_file *f, const yaml_node_t *at,
             const char *what)
{
    const char *names[ROWS_MAX + 1] = { NULL }, *name = config_text(at);
    char shown[SHOWN_MAX];
    for (int i = 0; i < e->n_rows; i++) {
        if (name && !strcmp(e->row[i].name, name)) return i;
        names[i] = e->row[i].name;
    }
    const char *nearest = name ? config_nearest(name, names) : NULL;
    if (nearest) config_error(f, at, "%s: no row %s; did you mean %s?", what, name, nearest);
    else
        config_error(f, at, "%s: no row %s; the first is %s", what, config_shown(shown, at),
                     names[0]);
    return -1;
}

static bool row_ends(const char *name, const char *pattern)
{
    const size_t n = strlen(name), end = strlen(pattern + 1);
    return *pattern == '*' && n >= end && !strcmp(name + n - end, pattern + 1);
}

yaml_node_t *scale_line(struct loading *l, yaml_node_t *entry, const char *row)
{
    if (!entry) return NULL;
    yaml_node_t *const own = config_get(&l->scale, entry, row);
    if (own) return own;
    for (const yaml_node_pair_t *p = entry->data.mapping.pairs.start;
         p < entry->data.mapping.pairs.top; p++) {
        const char *const name = config_text(yaml_document_get_node(&l->scale.document, p->key));
        if (name && row_ends(row, name))
            return yaml_document_get_node(&l->scale.document, p->value);
    }
    return NULL;
}

/* The rows that the scale speaks of must be there. */
static void entry_check(struct loading *l, const yaml_node_t *entry, const char *what)
{
    if (!entry) return;
    const yaml_node_pair_t *p = entry->data.mapping.pairs.start,
                           *const end = entry->data.mapping.pairs.top;
    for (; p < end; p++) {
        const yaml_node_t *const key = yaml_document_get_node(&l->scale.document, p->key);
        const char *const name = config_text(key);
        int found = 0;
        for (int i = 0; name && i < l->e->n_rows; i++) found += row_ends(l->e->row[i].name, name);
        if (!found) row_look(l->e, &l->scale, key, what);
    }
}

void scale_rows_check(struct loading *l)
{
    entry_check(l, l->not_run, "not_run");
    entry_check(l, l->rows, "rows");
}
