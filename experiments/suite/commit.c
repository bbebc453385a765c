/* SPDX-License-Identifier: MIT
 *
 * commit.c -- what is committed of a table's runs: written (committed.h has the format).
 *
 * A kill between two files leaves a state that is read: curves come first, then makings, then runs,
 * so that a run is there once the rest is.
 */
#include "committed.h"

#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../../engine/object.h"

/* ---- settings -------------------------------------------------------------------------------- */

/* A line of a resolved config, and which rows have it (by number in c->config). */
struct setting { char *line; bool *has; };
struct settings_list { struct setting *v; int n; };

static bool same_key(const char *a, const char *b)
{
    const size_t n = strcspn(a, ":");
    return !strncmp(a, b, n + 1);
}

/* Lays row k's line into the list, behind `at`: at the same line if there is one, else beside
 * others of its key.  Returns the place behind it: each row's lines stay in their order. */
static int setting_lay(struct settings_list *list, int at, const char *line, int k, int rows)
{
    for (int i = at; i < list->n; i++) {
        if (strcmp(list->v[i].line, line)) continue;
        list->v[i].has[k] = true;
        return i + 1;
    }
    while (at < list->n && same_key(list->v[at].line, line)) at++;
    memmove(&list->v[at + 1], &list->v[at], (size_t)(list->n++ - at) * sizeof *list->v);
    list->v[at].line = text_format("%s", line);
    list->v[at].has = host_alloc((size_t)rows, sizeof(bool));
    list->v[at].has[k] = true;
    return at + 1;
}

/* The object as a line; it is gone. */
static void line_write(FILE *out, json_t *object)
{
    char *const text = object_text(object, 0);
    fprintf(out, "%s\n", text);
    free(text);
}

static void setting_write(FILE *out, const struct committed *c, const struct setting *setting)
{
    json_t *object = made(json_object()), *rows = made(json_array());
    object_put(object, "setting", json_string(setting->line));
    for (int k = 0; k < c->n_configs; k++)
        if (setting->has[k]) list_add(rows, json_string(c->config[k].row));
    if ((int)json_array_size(rows) < c->n_configs) object_put(object, "rows", json_incref(rows));
    json_decref(rows);
    line_write(out, object);
}

static void configs_write(FILE *out, const struct committed *c)
{
    size_t lines = 1;
    for (int k = 0; k < c->n_configs; k++)
        for (const char *at = c->config[k].text; *at; at++) lines += *at == '\n';
    struct settings_list list = { .v = host_alloc(lines, sizeof *list.v) };
    for (int k = 0; k < c->n_configs; k++) {
        char *copy = text_format("%s", c->config[k].text), *rest = NULL;
        int at = 0;
        for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            at = setting_lay(&list, at, line, k, c->n_configs);
        free(copy);
    }
    for (int i = 0; i < list.n; i++) {
        setting_write(out, c, &list.v[i]);
        free(list.v[i].line);
        free(list.v[i].has);
    }
    free(list.v);
}

/* ---- the files ------------------------------------------------------------------------------- */

void line_seal(char seal[HASH_TEXT], json_t *line, const struct run_record *r)
{
    json_object_del(line, "seal");
    char *const said = object_text(json_incref(line), JSON_COMPACT | JSON_SORT_KEYS);
    char *const curve = curve_print(r), *const all = text_format("%s\n%s", said, curve);
    hash_bytes(seal, all, strlen(all));
    free(said);
    free(curve);
    free(all);
}

/* Where some are sealed, a run that is not says so, and no other may lack its seal. */
static bool some_sealed(const struct committed *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->run[i].record.sealed) return true;
    return false;
}

static void run_write(FILE *out, const struct committed_run *run, bool among_sealed)
{
    static const char *const elsewhere[] = { "schema", "row", "evidence", "code_hash", "data_hash",
                                             "machine", "metrics_hash", NULL };
    json_t *summary = summary_object(&run->record), *line = made(json_object());
    object_put(line, "row", json_string(run->row));
    for (int i = 0; elsewhere[i]; i++) json_object_del(summary, elsewhere[i]);
    if (json_object_update(line, summary)) die("no memory for a run's line (close other programs)");
    if (strcmp(run->row, run->record.row)) object_put(line, "made_as", json_string(run->record.row));
    object_put(line, "making", json_string(run->making));
    if (run->record.cpu > 0) object_put(line, "cpu", json_real(round(run->record.cpu * 10) / 10));
    json_decref(summary);
    char seal[HASH_TEXT];
    line_seal(seal, line, &run->record);
    if (run->record.sealed) object_put(line, "seal", json_string(seal));
    else if (among_sealed) object_put(line, "schema", json_integer(RUN_UNSEALED));
    line_write(out, line);
}

static void runs_write(FILE *out, const struct committed *c)
{
    json_t *head = made(json_object());
    object_put(head, "table", json_string(c->table));
    object_put(head, "scale", json_string(c->scale));
    const bool sealed = some_sealed(c);
    object_put(head, "schema", json_integer(sealed ? RUN_SCHEMA : RUN_UNSEALED));
    object_put(head, "made_by", json_string("simsiam table"));
    line_write(out, head);
    configs_write(out, c);
    for (int i = 0; i < c->n; i++) run_write(out, &c->run[i], sealed);
}

static void curves_write(FILE *out, const struct committed *c)
{
    struct epoch_columns columns = { .n = 0 };
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->run[i].record.n_curve; k++)
            epoch_columns_add(&columns, &c->run[i].record.curve[k]);
    fputs("row,seed,", out);
    epoch_fields_head(out, &columns);
    fputc('\n', out);
    for (int i = 0; i < c->n; i++) {
        const struct run_record *r = &c->run[i].record;
        for (int k = 0; k < r->n_curve; k++) {
            fprintf(out, "%s,%d,", c->run[i].row, r->seed);
            epoch_fields(out, &columns, &r->curve[k]);
            fputc('\n', out);
        }
    }
}

static void part_write(const struct committed *c, const char *suffix,
                       void (*write)(FILE *, const struct committed *))
{
    char *text, *path = text_format("%s/%s%s", c->folder, c->table, suffix);
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) die("no memory for %s", path);
    write(out, c);
    if (fclose(out)) die("no memory for %s", path);
    if (!file_write_atomic(path, text, bytes))
        die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
    free(text);
    free(path);
}

void committed_write(const struct committed *c)
{
    part_write(c, "_curves.csv", curves_write);
    if (!makings_write(c->folder, c->makings))
        die("cannot write %s/provenance.json: %s (is the folder writable?)", c->folder,
            strerror(errno));
    part_write(c, "_runs.jsonl", runs_write);
    makings_prune(c->folder);
}

int committed_lock(const char *scale_folder)
{
    const int fd = open(scale_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) die("cannot open %s: %s (is the folder readable?)", scale_folder, strerror(errno));
    /* A file system without locks has one user at a time, or none who can be told apart. */
    while (flock(fd, LOCK_EX) && errno == EINTR)
        ;
    return fd;
}
