/* SPDX-License-Identifier: MIT
 *
 * committed.c -- what is committed of a table's runs: read and found (committed.h has the format).
 *
 * What is read may be torn, edited by hand, or of two states of which a kill left one half each: a
 * curve without a run is passed over, a run whose numbers are not its curve's is broken.
 */
#include "committed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../run/judge.h"
#include "../../engine/object.h"

/* ---- in memory ------------------------------------------------------------------------------- */

static void *grown(void *old, int n, int *room, size_t size)
{
    if (n < *room) return old;
    *room = 2 * *room + 16;
    void *fresh = host_alloc((size_t)*room, size);
    if (n) memcpy(fresh, old, (size_t)n * size);
    free(old);
    return fresh;
}

static struct committed_run *run_at(const struct committed *c, const char *row, int seed)
{
    for (int i = 0; i < c->n; i++)
        if (c->run[i].record.seed == seed && !strcmp(c->run[i].row, row)) return &c->run[i];
    return NULL;
}

const struct committed_run *committed_find(const struct committed *c, const char *row, int seed)
{
    return run_at(c, row, seed);
}

static struct committed_config *config_at(const struct committed *c, const char *row)
{
    for (int i = 0; i < c->n_configs; i++)
        if (!strcmp(c->config[i].row, row)) return &c->config[i];
    return NULL;
}

const char *committed_config(const struct committed *c, const char *row)
{
    const struct committed_config *config = config_at(c, row);
    return config ? config->text : NULL;
}

void committed_config_put(struct committed *c, const char *row, const char *text)
{
    struct committed_config *config = config_at(c, row);
    char *copy = text_format("%s", text);
    if (!config) {
        int room = c->n_configs;               /* one more each time: they are few */
        c->config = grown(c->config, c->n_configs, &room, sizeof *c->config);
        config = &c->config[c->n_configs++];
        snprintf(config->row, sizeof config->row, "%s", row);
    } else {
        free(config->text);
    }
    config->text = copy;
}

static struct committed_run *run_new(struct committed *c, const char *row)
{
    c->run = grown(c->run, c->n, &c->room, sizeof *c->run);
    struct committed_run *run = &c->run[c->n++];
    *run = (struct committed_run){ .record = { .seed = -1 } };     /* no run's */
    snprintf(run->row, sizeof run->row, "%s", row);
    return run;
}

void committed_put(struct committed *c, const char *row, const struct run_record *r,
                   const json_t *facts)
{
    struct committed_run *run = run_at(c, row, r->seed);
    if (!run) run = run_new(c, row);
    run_free(&run->record);
    run->record = *r;
    run->record.curve = host_alloc((size_t)r->n_curve, sizeof *r->curve);
    memcpy(run->record.curve, r->curve, (size_t)r->n_curve * sizeof *r->curve);
    making_name(run->making, facts);
    if (json_object_set(c->makings, run->making, (json_t *)facts))
        die("no memory for the provenance (close other programs)");
}

void committed_drop(struct committed *c, int i)
{
    run_free(&c->run[i].record);
    json_decref(c->run[i].line);
    c->n--;
    memmove(&c->run[i], &c->run[i + 1], (size_t)(c->n - i) * sizeof *c->run);
}

static int rank_of(const char *const *rows, const char *row)
{
    int rank = 0;
    while (rows[rank] && strcmp(rows[rank], row)) rank++;
    return rows[rank] ? rank : -1;
}

static int run_order(const void *a, const void *b)
{
    const struct committed_run *x = a, *y = b;
    return x->rank != y->rank ? x->rank - y->rank : x->record.seed - y->record.seed;
}

static int config_order(const void *a, const void *b)
{
    return ((const struct committed_config *)a)->rank - ((const struct committed_config *)b)->rank;
}

static bool row_has_run(const struct committed *c, const char *row)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->run[i].row, row)) return true;
    return false;
}

void committed_sort(struct committed *c, const char *const *rows)
{
    for (int i = c->n - 1; i >= 0; i--) {
        c->run[i].rank = rank_of(rows, c->run[i].row);
        if (c->run[i].rank < 0) committed_drop(c, i);
    }
    int kept = 0;
    for (int i = 0; i < c->n_configs; i++) {
        struct committed_config *config = &c->config[i];
        config->rank = rank_of(rows, config->row);
        if (row_has_run(c, config->row)) c->config[kept++] = *config;
        else free(config->text);
    }
    c->n_configs = kept;
    if (c->n) qsort(c->run, (size_t)c->n, sizeof *c->run, run_order);
    if (kept) qsort(c->config, (size_t)kept, sizeof *c->config, config_order);
}

void committed_close(struct committed *c)
{
    while (c->n) committed_drop(c, c->n - 1);
    for (int i = 0; i < c->n_configs; i++) free(c->config[i].text);
    free(c->run);
    free(c->config);
    free(c->folder);
    json_decref(c->makings);
    *c = (struct committed){ .n = 0 };
}

/* ---- reading --------------------------------------------------------------------------------- */

static char *part_path(const struct committed *c, const char *suffix)
{
    return text_format("%s/%s%s", c->folder, c->table, suffix);
}

/* The file's text, or NULL; warned of unless it is just not there. */
static char *part_read(struct committed *c, const char *suffix)
{
    char *path = part_path(c, suffix), *text = file_read_own(path, NULL);
    if (!text && errno != ENOENT && errno != ENOTDIR) {
        warn("cannot read %s: %s", path, strerror(errno));
        c->broken++;
    }
    free(path);
    return text;
}

/* Cuts the next whole line off; NULL at the end, and of one that is torn. */
static char *line_next(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    if (!end) return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

static bool is_setting(const json_t *line)
{
    const json_t *rows = json_object_get(line, "rows"), *item;
    size_t i;
    json_array_foreach(rows, i, item)
        if (!json_is_string(item)) return false;
    return json_is_string(json_object_get(line, "setting")) && (!rows || json_is_array(rows));
}

static bool has_row(const json_t *setting, const char *row)
{
    const json_t *rows = json_object_get(setting, "rows"), *item;
    size_t i;
    if (!rows) return true;
    json_array_foreach(rows, i, item)
        if (!strcmp(json_string_value(item), row)) return true;
    return false;
}

/* The resolved config of a row from the file's settings. */
static void config_join(struct committed *c, const json_t *settings, const char *row)
{
    char *text = text_format("%s", "");
    const json_t *setting;
    size_t i;
    json_array_foreach(settings, i, setting) {
        if (!has_row(setting, row)) continue;
        const char *line = json_string_value(json_object_get(setting, "setting"));
        char *longer = text_format("%s%s\n", text, line);
        free(text);
        text = longer;
    }
    committed_config_put(c, row, text);
    free(text);
}

static bool text_set(json_t *line, const char *name, const char *text)
{
    return text && !json_object_set_new(line, name, json_string(text));
}

/* The schema of a run's line: the file's, or 2, which it says.  The line is kept where it is sealed, to
 * be looked at with the curve; whose hash is not known yet. */
static bool schema_take(struct committed_run *run, json_t *line, json_t *schema)
{
    const bool sealed = json_integer_value(schema) == RUN_SCHEMA && !json_object_get(line, "schema");
    if (!sealed)
        return !json_object_get(line, "seal") &&
               (json_integer_value(schema) == RUN_UNSEALED ? !json_object_get(line, "schema") : true) &&
               !json_object_set_new(line, "schema", json_integer(RUN_UNSEALED));
    run->line = made(json_deep_copy(line));
    return json_is_string(json_object_get(line, "seal")) && !json_object_set(line, "schema", schema) &&
           text_set(line, "metrics_hash", "");
}

/* Is the line with the curve what was written?  The summary's hash of metrics.jsonl follows. */
static bool seal_check(struct committed_run *run)
{
    char seal[HASH_TEXT], said[HASH_TEXT];
    if (!run->record.sealed) return true;
    snprintf(said, sizeof said, "%s", json_string_value(json_object_get(run->line, "seal")));
    line_seal(seal, run->line, &run->record);
    char *const metrics = curve_print(&run->record);
    hash_bytes(run->record.metrics_hash, metrics, strlen(metrics));
    free(metrics);
    return !strcmp(seal, said);
}

/* A run's line, made a summary again with what its making and the file's first line say. */
static bool run_take(struct committed *c, json_t *line, json_t *schema)
{
    static const char *const of_making[] = { "code_hash", "data_hash", "machine", NULL };
    const char *row = json_string_value(json_object_get(line, "row"));
    const char *made_as = json_string_value(json_object_get(line, "made_as"));
    const char *making = json_string_value(json_object_get(line, "making"));
    const json_t *facts = making ? json_object_get(c->makings, making) : NULL;
    struct run_record record = { .state = RUN_NONE };
    bool right = row && strlen(row) < sizeof record.row && facts && strlen(making) < MAKING_NAME;
    struct committed_run *run = right ? run_new(c, row) : NULL;
    right = right && schema_take(run, line, schema);
    for (int i = 0; right && of_making[i]; i++) {
        const char *fact = json_string_value(json_object_get(facts, of_making[i]));
        right = text_set(line, of_making[i], fact);
    }
    right = right && text_set(line, "row", made_as ? made_as : row) &&
            text_set(line, "evidence", "") && summary_take(&record, line) && !run_at(c, run->row, record.seed);
    if (right) {
        const json_t *const cpu = json_object_get(line, "cpu");
        run->record = record;
        run->record.cpu = json_is_number(cpu) ? json_number_value(cpu) : 0;
        snprintf(run->making, sizeof run->making, "%s", making);
    } else if (run) {
        committed_drop(c, c->n - 1);
    }
    return right;
}

/* The first line: which version of summary.json the runs are of.  NULL, with a warning, unless it
 * is one that is read, and of this table and scale. */
static json_t *schema_read(struct committed *c, const char *path, char **text)
{
    const char *line = line_next(text);
    json_t *head = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *schema = json_incref(json_object_get(head, "schema"));
    const char *const table = json_string_value(json_object_get(head, "table")),
               *const scale = json_string_value(json_object_get(head, "scale"));
    const json_int_t version = json_integer_value(schema);
    const bool whole = json_is_integer(schema) && table && scale;
    const bool known = version == RUN_SCHEMA || version == RUN_UNSEALED;
    const bool own = whole && !strcmp(table, c->table) && (!c->scale || !strcmp(scale, c->scale));
    if (!whole)
        warn("%s:1 is broken: no run of it counts", path);
    else if (!known)
        warn("%s holds runs of version %" JSON_INTEGER_FORMAT
             ", which this program (%d) does not read", path, version, RUN_SCHEMA);
    else if (!own)
        warn("%s:1: of table %s at scale %s, which is not its name: no run of it counts", path, table,
             scale);
    c->broken += !whole || (known && !own);
    json_decref(head);
    if (known && own) return schema;
    json_decref(schema);
    return NULL;
}

static void runs_read(struct committed *c, char *text)
{
    char *path = part_path(c, "_runs.jsonl"), *line;
    json_t *settings = json_array(), *schema = schema_read(c, path, &text);
    if (!settings) die("no memory for the settings (close other programs)");
    for (int number = 2; schema && (line = line_next(&text)); number++) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const bool right = is_setting(object) ? !json_array_append(settings, object)
                                              : run_take(c, object, schema);
        if (!right)
            warn("%s:%d is broken: a run that it should tell of does not count", path, number);
        c->broken += !right;
        json_decref(object);
    }
    if (schema && *text) {
        warn("%s is torn: its last line has no end, and does not count", path);
        c->broken++;
    }
    for (int i = 0; i < c->n; i++)
        if (!committed_config(c, c->run[i].row)) config_join(c, settings, c->run[i].row);
    json_decref(settings);
    json_decref(schema);
    free(path);
}

/* An epoch of a run: its fields after row and seed.  A wrong one leaves a gap, by which the run is
 * found broken. */
static void epoch_take(struct committed_run *run, const struct epoch_columns *columns, char *fields)
{
    struct epoch_record e;
    struct run_record *r = &run->record;
    if (!epoch_fields_take(&e, columns, fields)) return;
    if ((r->n_curve & (r->n_curve - 1)) == 0) {
        int room = r->n_curve;                 /* of 0, 1, 2, 4 ...: over twice as much now */
        r->curve = grown(r->curve, r->n_curve, &room, sizeof *r->curve);
    }
    r->curve[r->n_curve++] = e;
}

static bool head_take(struct epoch_columns *columns, char *line)
{
    static const char first[] = "row,seed,";
    return line && !strncmp(line, first, strlen(first)) &&
           epoch_columns_take(columns, line + strlen(first));
}

/* A curve whose run's line is lost, or was not written before a kill: told once. */
static void without_run_tell(const struct committed *c, char told[WRONG_TEXT], const char *row, const char *seed)
{
    char now[WRONG_TEXT];
    snprintf(now, sizeof now, "%.64s,%.16s", row, seed);
    if (!strcmp(now, told)) return;
    memcpy(told, now, sizeof now);
    warn("%s/%s_curves.csv: %s seed %s has a curve, and no line of its run counts (make the table "
         "again)", c->folder, c->table, row, seed);
}

static void curves_read(struct committed *c, char *text)
{
    struct epoch_columns columns;
    if (!head_take(&columns, line_next(&text))) {
        warn("%s/%s_curves.csv has other columns than this program knows", c->folder, c->table);
        return;
    }
    char told[WRONG_TEXT] = "";
    for (char *line; (line = line_next(&text)); ) {
        char *seed = strchr(line, ','), *fields = seed ? strchr(seed + 1, ',') : NULL;
        if (!fields) continue;
        *seed++ = '\0';
        *fields++ = '\0';
        const bool number = *seed && strlen(seed) <= 9 && !seed[strspn(seed, "0123456789")];
        struct committed_run *run = number ? run_at(c, line, atoi(seed)) : NULL;
        if (run) epoch_take(run, &columns, fields);
        else without_run_tell(c, told, line, seed);
    }
}

static void all_open(struct committed *c, const char *folder, const char *scale, const char *table)
{
    *c = (struct committed){ .folder = text_format("%s", folder), .table = table, .scale = scale };
    c->makings = makings_read(c->folder);
    char *runs = part_read(c, "_runs.jsonl"), *curves = runs ? part_read(c, "_curves.csv") : NULL;
    if (runs) runs_read(c, runs);
    if (curves && c->n) curves_read(c, curves);
    for (int i = c->n - 1; i >= 0; i--) {
        c->run[i].record.outputs = outputs_of(committed_config(c, c->run[i].row));
        const char *fault = run_fault(&c->run[i].record);
        if (!fault && !seal_check(&c->run[i])) fault = "its line or its curve is not what was written";
        if (!fault) continue;
        warn("%s/%s_runs.jsonl and _curves.csv: %s seed %d is broken, %s: it does not count",
             c->folder, table, c->run[i].row, c->run[i].record.seed, fault);
        committed_drop(c, i);
        c->broken++;
    }
    free(runs);
    free(curves);
}

void committed_open(struct committed *c, const char *results, const char *scale, const char *table)
{
    char *const folder = text_format("%s/%s", results, scale);
    all_open(c, folder, scale, table);
    free(folder);
}

void committed_open_in(struct committed *c, const char *folder, const char *table)
{
    all_open(c, folder, NULL, table);
}
