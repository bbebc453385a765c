/* SPDX-License-Identifier: MIT
 *
 * experiment.c -- an experiment's file at a scale, as rows of settings (settings.h).
 */
#include "experiment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heading.h"

struct loading {
    struct experiment *e;
    struct config_file file, scale;
    yaml_node_t *top, *scale_top;              /* their roots; NULL if reported */
    yaml_node_t *not_run;                      /* the scale's `not_run:` for this table; NULL if it has none */
    bool wrong[KEYS_MAX];                      /* settings_keys whose value above the rows is wrong */
    bool told[RULES_MAX];                      /* a rule broken above the rows is reported once, not per row */
};

static const char *const top_others[] = {
    "title", "target", "order", "turn", "cost", "baseline", "rows", "claims", NULL
};
static const char *const row_others[] = { "name", "paper", NULL };
static const char *const scale_others[] = { "note", "runs_on", "not_run", NULL };

/* ---- names and paths -------------------------------------------------------------------------------------- */

/* A row's name is one token of a claim, and stands in CSV, TeX and on command lines as it is. */
static const char *name_error(const char *name)
{
    static const char letters[] = "_.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return !strchr("_.-", *name) && !name[strspn(name, letters)] ? NULL : "letters, digits, and between them _ . -";
}

static const struct key title_key = { .name = "title", .type = KEY_TEXT, .count = TEXT_MAX, .unit = "" };
static const struct key note_key = { .name = "note", .type = KEY_TEXT, .count = CAPTION_MAX, .unit = "" };
static const struct key runs_on_key = { .name = "runs_on", .type = KEY_TEXT, .count = CAPTION_MAX, .unit = "" };
static const struct key name_key = { .name = "name", .type = KEY_TEXT, .count = NAME_LENGTH, .unit = "",
                                     .check = name_error };
static const struct key reason_key = { .name = "not_run", .type = KEY_TEXT, .count = TEXT_MAX, .unit = "" };
static const struct key paper_key = { .name = "paper", .type = KEY_FLOAT, .high = 100, .unit = "percent" };

char *experiment_place(const char *path, char name[NAME_LENGTH])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    const size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    if (!n || n >= NAME_LENGTH) die_user("%s: no name of 1 to %d bytes for an experiment", path, NAME_LENGTH - 1);
    memcpy(name, base, n);
    name[n] = 0;
    return slash ? text_format("%.*s", (int)(slash - path), path) : text_format(".");
}

/* Exits 2: "no scale quik; did you mean quick? There are cifar10, quick" */
static _Noreturn void unknown_die(const char *what, const char *name, const char *const *names)
{
    char all[2048] = "none";
    const char *nearest = config_nearest(name, names);
    for (size_t n = 0; *names && n < sizeof all; names++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", *names);
    if (nearest) die_user("no %s %s; did you mean %s? There are %s", what, name, nearest, all);
    die_user("no %s %s; there are %s", what, name, all);
}

static bool name_listed(char **names, const char *name)
{
    while (*names && strcmp(*names, name)) names++;
    return *names != NULL;
}

/* Exits 2 unless `scale` is one of the files in the folder. */
static void scale_check(const char *folder, const char *scale)
{
    char **names = names_list(folder, "scales lie in scale/ beside an experiment");
    if (!name_listed(names, scale)) unknown_die("scale", scale, (const char *const *)names);
    names_free(names);
}

/* ---- settings that do not go together --------------------------------------------------------------------- */

/* Where a broken rule is to be reported: at the most specific of its keys' values. */
static yaml_node_t *rule_place(struct loading *l, yaml_node_t *row, const struct rule *rule, struct config_file **f)
{
    const struct { struct config_file *f; yaml_node_t *mapping; } level[] = {
        { &l->file, row }, { &l->file, l->top }, { &l->scale, l->scale_top }
    };
    for (int i = 0; i < 3; i++) {
        *f = level[i].f;
        for (const char *const *key = rule->keys; *key; key++) {
            yaml_node_t *node = config_get(*f, level[i].mapping, *key);
            if (node) return node;
        }
    }
    assert(!"the defaults break a rule");
    return NULL;
}

/* A wrong value is not in the settings: judging them by it would invent mistakes. */
static bool rule_judgeable(const struct rule *rule, const bool wrong[KEYS_MAX])
{
    for (int k = 0; settings_keys[k].name; k++)
        for (const char *const *key = rule->keys; wrong[k] && *key; key++)
            if (!strcmp(*key, settings_keys[k].name)) return false;
    return true;
}

static void rules_check(struct loading *l, yaml_node_t *row_node, const struct row *row, const bool wrong[KEYS_MAX])
{
    for (int i = 0; settings_rules[i].broken; i++) {
        char why[TEXT_MAX];
        if (!rule_judgeable(&settings_rules[i], wrong)) continue;
        if (!settings_rules[i].broken(&row->settings, why)) continue;
        struct config_file *f;
        const yaml_node_t *node = rule_place(l, row_node, &settings_rules[i], &f);
        const bool own = f == &l->file && node->start_mark.index >= row_node->start_mark.index &&
                         node->end_mark.index <= row_node->end_mark.index;
        if (!own && l->told[i]) continue;
        l->told[i] = l->told[i] || !own;
        config_error(f, node, "%s", why);
    }
}

/* ---- what a scale cannot host ----------------------------------------------------------------------------- */

/* Another table's `ROW: why` lines; those of this table are read with its rows. */
static void reasons_check(struct loading *l, const yaml_node_t *table)
{
    for (const yaml_node_pair_t *p = table->data.mapping.pairs.start; p < table->data.mapping.pairs.top; p++) {
        char reason[TEXT_MAX];
        config_value(&l->scale, yaml_document_get_node(&l->scale.document, p->value), &reason_key, reason);
    }
}

/* Checks the scale's `not_run:` and finds the entry of this table. */
static void not_run_read(struct loading *l, const char *folder)
{
    yaml_node_t *tables = config_get(&l->scale, l->scale_top, "not_run");
    if (!tables) return;
    if (tables->type != YAML_MAPPING_NODE) {
        config_error(&l->scale, tables, "not_run: TABLE: lines are wanted, with ROW: why under each");
        return;
    }
    char **names = names_list(folder, "experiments lie beside scale/");
    for (const yaml_node_pair_t *p = tables->data.mapping.pairs.start; p < tables->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&l->scale.document, p->key);
        yaml_node_t *table = yaml_document_get_node(&l->scale.document, p->value);
        const char *name = config_text(key);
        if (!name || !*name) continue;                          /* config_open() reported it */
        if (!name_listed(names, name)) {
            const char *nearest = config_nearest(name, (const char *const *)names);
            if (nearest) config_error(&l->scale, key, "not_run: no table %s; did you mean %s?", name, nearest);
            else config_error(&l->scale, key, "not_run: no table %s; name a file beside scale/", name);
            continue;
        }
        if (table->type != YAML_MAPPING_NODE)
            config_error(&l->scale, table, "not_run: `ROW: why it cannot run here` lines are wanted under %s",
                         name);
        else if (strcmp(name, l->e->name)) reasons_check(l, table);
        else l->not_run = table;
    }
    names_free(names);
}

/* Index of the row that `what:` names at `at`; -1 (reported) if there is none. */
static int row_look(const struct experiment *e, struct config_file *f, const yaml_node_t *at, const char *what)
{
    const char *names[ROWS_MAX + 1] = { NULL }, *name = config_text(at);
    char shown[SHOWN_MAX];
    for (int i = 0; i < e->n_rows; i++) {
        if (name && !strcmp(e->row[i].name, name)) return i;
        names[i] = e->row[i].name;
    }
    const char *nearest = name ? config_nearest(name, names) : NULL;
    if (nearest) config_error(f, at, "%s: no row %s; did you mean %s?", what, name, nearest);
    else config_error(f, at, "%s: no row %s; the first is %s", what, config_shown(shown, at), names[0]);
    return -1;
}

/* The rows that the scale speaks of must be there. */
static void not_run_rows_check(struct loading *l)
{
    const yaml_node_pair_t *p = l->not_run->data.mapping.pairs.start, *end = l->not_run->data.mapping.pairs.top;
    for (; p < end; p++)
        row_look(l->e, &l->scale, yaml_document_get_node(&l->scale.document, p->key), "not_run");
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* Reads one row over `base`. */
static void row_read(struct loading *l, yaml_node_t *node, const struct settings *base)
{
    struct experiment *e = l->e;
    if (node->type != YAML_MAPPING_NODE) {
        config_error(&l->file, node, "a row is a mapping, like { name: with, stop_grad: true }");
        return;
    }
    struct row *row = &e->row[e->n_rows];
    *row = (struct row){ .settings = *base };
    const yaml_node_t *name = config_get(&l->file, node, "name"), *paper = config_get(&l->file, node, "paper");
    if (!name) config_error(&l->file, node, "the row has no name; `name: with`");
    else if (config_value(&l->file, name, &name_key, row->name))
        for (int i = 0; i < e->n_rows; i++)
            if (!strcmp(e->row[i].name, row->name))
                config_error(&l->file, name, "row %s stands twice; each row has its own name", row->name);
    if (paper) row->has_paper = config_value(&l->file, paper, &paper_key, &row->paper);
    bool wrong[KEYS_MAX];
    memcpy(wrong, l->wrong, sizeof wrong);
    config_apply(&l->file, node, settings_keys, &row->settings, row_others, wrong);
    const yaml_node_t *reason = l->not_run ? config_get(&l->scale, l->not_run, row->name) : NULL;
    if (reason) config_value(&l->scale, reason, &reason_key, row->not_run);
    else rules_check(l, node, row, wrong);                      /* what is not run need not go together here */
    e->n_rows++;
}

static void rows_read(struct loading *l)
{
    struct settings base = settings_defaults;
    if (l->scale_top) config_apply(&l->scale, l->scale_top, settings_keys, &base, scale_others, l->wrong);
    else memset(l->wrong, true, sizeof l->wrong);               /* whatever it was to set */
    if (!l->top) return;
    config_apply(&l->file, l->top, settings_keys, &base, top_others, l->wrong);
    const yaml_node_t *rows = config_get(&l->file, l->top, "rows");
    const yaml_node_item_t *start = NULL, *end = NULL;
    if (rows && rows->type == YAML_SEQUENCE_NODE) {
        start = rows->data.sequence.items.start;
        end = rows->data.sequence.items.top;
    }
    if (end - start < 1 || end - start > ROWS_MAX) {
        config_error(&l->file, rows ? rows : l->top, "rows: 1 to %d are wanted, like - { name: with }", ROWS_MAX);
        return;
    }
    for (; start < end; start++) row_read(l, yaml_document_get_node(&l->file.document, *start), &base);
    if (!l->e->n_rows) return;                                  /* reported */
    const yaml_node_t *baseline = config_get(&l->file, l->top, "baseline");
    if (baseline) l->e->baseline = row_look(l->e, &l->file, baseline, "baseline");
    if (l->not_run) not_run_rows_check(l);
}

static void text_get(struct config_file *f, yaml_node_t *mapping, const struct key *key, void *out)
{
    const yaml_node_t *node = config_get(f, mapping, key->name);
    if (node) config_value(f, node, key, out);
}

void experiment_load(struct experiment *e, const char *path, const char *scale)
{
    memset(e, 0, sizeof *e);
    e->baseline = -1;
    char *folder = experiment_place(path, e->name);
    char *scales = text_format("%s/scale", folder), *scale_path = text_format("%s/%s.yaml", scales, scale);
    char *paper_path = text_format("%s/paper.yaml", folder);
    struct loading l = { .e = e };
    if (!config_open(&l.file, path)) {                          /* no experiment: nothing need lie beside it */
        free(folder), free(scales), free(scale_path), free(paper_path);
        exit(EXIT_USER);
    }
    l.top = config_root(&l.file);
    scale_check(scales, scale);
    if (strlen(scale) >= NAME_LENGTH) die_user("scale %s: a name of at most %d bytes", scale, NAME_LENGTH - 1);
    memcpy(e->scale, scale, strlen(scale) + 1);
    if (config_open(&l.scale, scale_path)) l.scale_top = config_root(&l.scale);
    if (l.scale_top) not_run_read(&l, folder);

    memcpy(e->title, e->name, sizeof e->name);
    text_get(&l.file, l.top, &title_key, e->title);
    struct heading unused;
    if (l.top) heading_read(&unused, &l.file, l.top);           /* what is wrong there is wrong here, too */
    text_get(&l.scale, l.scale_top, &note_key, e->caption);
    text_get(&l.scale, l.scale_top, &runs_on_key, e->runs_on);
    rows_read(&l);
    int errors = 0;
    const yaml_node_t *claims = config_get(&l.file, l.top, "claims");
    if (claims || (l.top && access(paper_path, F_OK) == 0)) {  /* nobody needs the paper without a claim */
        struct statements known;
        statements_open(&known, paper_path);
        claims_read(e, &l.file, claims, l.top, &known);
        errors = known.file.errors;
        statements_close(&known);
    }
    errors += l.file.errors + l.scale.errors;
    config_close(&l.file);
    config_close(&l.scale);
    free(folder);
    free(scales);
    free(scale_path);
    free(paper_path);
    if (errors) die_user("%d mistake%s in the configuration; nothing was done", errors, errors > 1 ? "s" : "");
}

int experiment_row(const struct experiment *e, const char *name)
{
    const char *names[ROWS_MAX + 1] = { NULL };
    for (int i = 0; i < e->n_rows; i++) {
        if (!strcmp(e->row[i].name, name)) return i;
        names[i] = e->row[i].name;
    }
    unknown_die("row", name, names);
}

int experiment_hosted(const struct experiment *e, const char *name)
{
    const int i = experiment_row(e, name);
    if (*e->row[i].not_run)
        die_user("%s/%s is not run at scale %s: %s", e->name, name, e->scale, e->row[i].not_run);
    return i;
}
