/* SPDX-License-Identifier: MIT
 *
 * experiment.c -- an experiment's file at a scale, as rows of settings (settings.h).
 */
#include "experiment_inside.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "installed.h"
#include "../methods/method.h"

static const char *const row_others[] = { "name", "paper", "lengths", "batches", NULL };
const char untrained_name[] = "untrained";

/* ---- names and paths ------------------------------------------------------------------------- */

/* A row's name is one token of a claim, and stands in CSV, TeX and on command lines as it is. */
static const char *name_error(const char *name)
{
    static const char letters[] =
        "_.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return !strchr("_.-", *name) && !name[strspn(name, letters)]
               ? NULL
               : "letters, digits, and between them _ . -";
}

static const struct key title_key = { .name = "title", .type = KEY_TEXT, .count = TEXT_MAX,
                                      .unit = "" };
static const struct key note_key = { .name = "note", .type = KEY_TEXT, .count = CAPTION_MAX,
                                     .unit = "" };
static const struct key runs_on_key = { .name = "runs_on", .type = KEY_TEXT, .count = CAPTION_MAX,
                                        .unit = "" };
static const struct key name_key = { .name = "name", .type = KEY_TEXT, .count = NAME_LENGTH,
                                     .unit = "", .check = name_error };
static const struct key paper_key = { .name = "paper", .type = KEY_FLOAT, .high = 100,
                                      .unit = "percent" };

char *experiment_place(const char *path, char name[NAME_LENGTH])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
               *dot = strrchr(base, '.');
    const size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *const shown = text_format("%s", base);
    text_disarm(shown);
    if (strcmp(shown, base))
        die_user("%s: an experiment's name is UTF-8 without control characters", path);
    free(shown);
    if (!n || n >= NAME_LENGTH || *base == '.')
        die_user("%s: an experiment's name has 1 to %d bytes, the first no dot", path,
                 NAME_LENGTH - 1);
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

bool name_listed(char **names, const char *name)
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

/* ---- settings that do not go together -------------------------------------------------------- */

/* Where a broken rule is to be reported: at the most specific of its keys' values. */
static yaml_node_t *rule_place(struct loading *l, yaml_node_t *row, yaml_node_t *here,
                               yaml_node_t *of_method, const struct rule *rule,
                               struct config_file **f)
{
    const struct { struct config_file *f; yaml_node_t *mapping; } level[] = {
        { &l->scale, here }, { &l->file, row }, { &l->scale, of_method }, { &l->file, l->top },
        { &l->scale, l->scale_top }
    };
    for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
        *f = level[i].f;
        if (!level[i].mapping) continue;
        for (const char *const *key = rule->keys; *key; key++) {
            yaml_node_t *node = config_get(*f, level[i].mapping, *key);
            if (node) return node;
        }
    }
    assert(!"the defaults break a rule");
    return NULL;
}

static bool reads_wrong(const struct rule *rule, const struct key *keys, const bool *wrong)
{
    for (int k = 0; keys && keys[k].name; k++)
        for (const char *const *key = rule->keys; wrong[k] && *key; key++)
            if (!strcmp(*key, keys[k].name)) return true;
    return false;
}

static bool is_told(const struct loading *l, const struct rule *rule)
{
    for (int i = 0; i < l->n_told; i++)
        if (l->told[i] == rule) return true;
    return false;
}

/* `here` is what the scale sets for the row, NULL if nothing. */
static void rules_check(struct loading *l, yaml_node_t *row_node, yaml_node_t *here,
                        const struct row *row, const struct rule *rules, const struct wrong *wrong)
{
    const struct settings *const s = &row->settings;
    for (const struct rule *rule = rules; rule && rule->broken; rule++) {
        char why[TEXT_MAX];
        /* A wrong value is not in the settings: judging them by it would invent mistakes. */
        if (reads_wrong(rule, settings_keys, wrong->shared) ||
            reads_wrong(rule, settings_own_keys(s->method), wrong->own) || !rule->broken(s, why))
            continue;
        struct config_file *f;
        const yaml_node_t *node = rule_place(l, row_node, here, l->base[s->method].here,
                                             rule, &f);
        const yaml_node_t *const part = f == &l->file ? row_node : here;
        const bool own = part && node->start_mark.index >= part->start_mark.index &&
                         node->end_mark.index <= part->end_mark.index;
        if (!own && is_told(l, rule)) continue;
        assert(l->n_told < RULES_MAX);
        if (!own) l->told[l->n_told++] = rule;
        config_error(f, node, "%s", why);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "stop_grad: false; batch: 64": the lines of `s` that `above` lacks. */
static void own_text(char text[OWN_TEXT], const struct settings *s, const struct settings *above)
{
    char *const mine = settings_print(s), *const theirs = settings_print(above);
    size_t n = 0;
    *text = 0;
    for (char *at = mine, *line; (line = strsep(&at, "\n")) && *line;) {
        char *const whole = text_format("\n%s\n", line), *const all = text_format("\n%s", theirs);
        if (!strstr(all, whole) && n < OWN_TEXT)
            n += (size_t)snprintf(text + n, OWN_TEXT - n, "%s%s", n ? "; " : "", line);
        free(whole);
        free(all);
    }
    free(mine);
    free(theirs);
}

/* What the scale sets for this row of this table, over the row. */
static yaml_node_t *here_apply(struct loading *l, struct row *row, struct wrong *wrong)
{
    static const char *const none[] = { NULL };
    yaml_node_t *const here = scale_line(l, l->rows, row->name);
    if (!here) return NULL;
    if (here->type != YAML_MAPPING_NODE) {
        config_error(&l->scale, here, "rows: settings of the row are wanted, like { batch: 64 }");
        return NULL;
    }
    const yaml_node_t *const method = config_get(&l->scale, here, "method");
    if (method) {
        config_error(&l->scale, method, "method: a row has one at every scale; name it in the row");
        return NULL;
    }
    shared_apply(&l->scale, here, &row->settings, none, wrong);
    own_apply(&l->scale, here, &row->settings, wrong);
    own_keys_check(l, &l->scale, here, row->settings.method);
    return here;
}

/* What a row says over what stands above it. */
static void row_settings(struct loading *l, yaml_node_t *node, struct row *row,
                         const struct base *above, const struct column *column)
{
    struct wrong wrong = above->wrong;
    row->settings = above->settings;
    shared_apply(&l->file, node, &row->settings, row_others, &wrong);
    own_apply(&l->file, node, &row->settings, &wrong);
    own_keys_check(l, &l->file, node, row->settings.method);
    yaml_node_t *const here = here_apply(l, row, &wrong);
    column_apply(column, &row->settings);
    own_text(row->own, &row->settings, &above->plain);
    if (!settings_has_standard(&row->settings)) settings_standard(&row->settings, &l->standard);
    const yaml_node_t *const reason = scale_line(l, l->not_run, row->name);
    if (reason) {                                    /* what is not run need not go together here */
        config_value(&l->scale, reason, &reason_key, row->not_run);
        return;
    }
    rules_check(l, node, here, row, settings_rules, &wrong);
    rules_check(l, node, here, row, settings_own_rules(row->settings.method), &wrong);
}

/* The row's name with its column's; false (reported) if it is none. */
static bool row_name(struct loading *l, const yaml_node_t *node, const struct column *column,
                     struct row *row)
{
    const struct experiment *const e = l->e;
    char name[NAME_LENGTH];
    if (!config_value(&l->file, node, &name_key, name)) return false;
    const int n = snprintf(row->name, sizeof row->name, "%s%s%s", name, *column->end ? "-" : "",
                           column->end);
    if (n >= NAME_LENGTH) {
        config_error(&l->file, node, "row %s-%s: a name has at most %d bytes", name, column->end,
                     NAME_LENGTH - 1);
        return false;
    }
    for (int i = 0; i < e->n_rows; i++) {
        if (strcmp(e->row[i].name, row->name)) continue;
        config_error(&l->file, column->at, "row %s stands twice; each row has its own name",
                     row->name);
        return false;
    }
    return true;
}

static void column_read(struct loading *l, yaml_node_t *node, const struct column *column)
{
    struct experiment *const e = l->e;
    const yaml_node_t *const name = config_get(&l->file, node, "name");
    if (e->n_rows == ROWS_MAX - 1) {                             /* one place is the untrained's */
        config_error(&l->file, column->at ? column->at : node, "more than %d rows; split the table",
                     ROWS_MAX - 1);
        return;
    }
    struct row *row = &e->row[e->n_rows];
    *row = (struct row){ .has_paper = false, .published = NAN };
    if (!name) config_error(&l->file, node, "the row has no name; `name: with`");
    else row_name(l, name, column, row);
    if (l->of_paper && !strcmp(row->name, untrained_name))
        config_error(&l->file, name,
                     "row %s: every table of the paper has it already; another name", row->name);
    if (column->paper)
        row->has_paper = config_value(&l->file, column->paper, &paper_key, &row->paper);
    row_settings(l, node, row, &l->base[method_chosen(l, node)], column);
    e->n_rows++;
}

static void row_read(struct loading *l, yaml_node_t *node)
{
    struct column column[COLUMNS_MAX];
    if (node->type != YAML_MAPPING_NODE) {
        config_error(&l->file, node, "a row is a mapping, like { name: with, stop_grad: true }");
        return;
    }
    const int n = columns_read(l, node, column);
    for (int i = 0; i < n; i++) column_read(l, node, &column[i]);
}

/* The reference that the paper lacks: the scale's network as it is before training, one for all
 * tables. */
static void untrained_add(struct loading *l)
{
    struct experiment *const e = l->e;
    e->untrained = e->n_rows++;
    struct row *const row = &e->row[e->untrained];
    *row = (struct row){ .settings = l->of_scale, .published = NAN };
    snprintf(row->name, sizeof row->name, "%s", untrained_name);
    row->settings.epochs = 0;
    row->settings.warmup = 0;
}

static void rows_read(struct loading *l)
{
    const yaml_node_t *rows = l->top ? config_get(&l->file, l->top, "rows") : NULL;
    const yaml_node_item_t *start = NULL, *end = NULL;
    if (rows && rows->type == YAML_SEQUENCE_NODE) {
        start = rows->data.sequence.items.start;
        end = rows->data.sequence.items.top;
    }
    bases_read(l, start, end);
    if (!l->top) return;
    if (end - start < 1 || end - start >= ROWS_MAX) {            /* one place is the untrained's */
        config_error(&l->file, rows ? rows : l->top,
                     "rows: 1 to %d are wanted, like - { name: with }", ROWS_MAX - 1);
        return;
    }
    for (; start < end; start++) row_read(l, yaml_document_get_node(&l->file.document, *start));
    if (!l->e->n_rows) return;                                  /* reported */
    const yaml_node_t *baseline = config_get(&l->file, l->top, "baseline");
    if (baseline) l->e->baseline = row_look(l->e, &l->file, baseline, "baseline");
    scale_rows_check(l);
    published_read(l);
    if (l->of_paper) untrained_add(l);
}

static void text_get(struct config_file *f, yaml_node_t *mapping, const struct key *key, void *out)
{
    const yaml_node_t *node = config_get(f, mapping, key->name);
    if (node) config_value(f, node, key, out);
}

/* Ends the message about a key that is none, and like none. */
static const char keys_help[] = "`simsiam config --keys` lists all";

void experiment_load(struct experiment *e, const char *path, const char *scale)
{
    memset(e, 0, sizeof *e);
    e->baseline = -1;
    e->untrained = -1;
    char *const file = configs_file(path), *const folder = experiment_place(file, e->name);
    const char *const home = scales_home(folder);
    char *scales = text_format("%s/scale", home),
         *scale_path = text_format("%s/%s.yaml", scales, scale);
    char *paper_path = text_format("%s/paper.yaml", folder);
    struct loading l = { .e = e };
    if (!config_open(&l.file, file)) {               /* no experiment: nothing need lie beside it */
        free(file);
        free(folder);
        free(scales);
        free(scale_path);
        free(paper_path);
        exit(EXIT_USER);
    }
    l.file.help = keys_help;
    l.top = config_root(&l.file);
    scale_check(scales, scale);
    if (strlen(scale) >= NAME_LENGTH)
        die_user("scale %s: a name of at most %d bytes", scale, NAME_LENGTH - 1);
    memcpy(e->scale, scale, strlen(scale) + 1);
    if (config_open(&l.scale, scale_path)) l.scale_top = config_root(&l.scale);
    l.scale.help = keys_help;
    if (l.scale_top) scale_read(&l, home);

    memcpy(e->title, e->name, sizeof e->name);
    text_get(&l.file, l.top, &title_key, e->title);
    struct heading unused;
    /* what is wrong there is wrong here, too */
    l.of_paper = l.top && heading_read(&unused, &l.file, l.top);
    text_get(&l.scale, l.scale_top, &note_key, e->caption);
    text_get(&l.scale, l.scale_top, &runs_on_key, e->runs_on);
    rows_read(&l);
    int errors = 0;
    const yaml_node_t *claims = config_get(&l.file, l.top, "claims");
    /* nobody needs the paper without a claim */
    if (claims || (l.top && access(paper_path, F_OK) == 0)) {
        struct statements known;
        statements_open(&known, paper_path);
        claims_read(e, &l.file, claims, l.top, &known);
        errors = known.file.errors;
        statements_close(&known);
    }
    errors += l.file.errors + l.scale.errors;
    config_close(&l.file);
    config_close(&l.scale);
    free(file);
    free(folder);
    free(scales);
    free(scale_path);
    free(paper_path);
    if (errors)
        die_user("%d mistake%s in the configuration; nothing was done", errors,
                 errors > 1 ? "s" : "");
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
