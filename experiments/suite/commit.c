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

static json_t *checked(json_t *value)
{
    if (!value) die("out of memory: cannot make JSON (close other programs)");
    return value;
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value))
        die("cannot write \"%s\" as JSON (not UTF-8, or no memory)", name);
}

/* The object as a line; it is gone. */
static void line_write(FILE *out, json_t *object)
{
    char *text = json_dumps(object, JSON_REAL_PRECISION(9));
    if (!text) die("out of memory: cannot print JSON (close other programs)");
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

static void setting_write(FILE *out, const struct committed *c, const struct setting *setting)
{
    json_t *object = checked(json_object()), *rows = checked(json_array());
    put(object, "setting", json_string(setting->line));
    for (int k = 0; k < c->n_configs; k++)
        if (setting->has[k] && json_array_append_new(rows, json_string(c->config[k].row)))
            die("no memory for the settings (close other programs)");
    if ((int)json_array_size(rows) < c->n_configs) put(object, "rows", json_incref(rows));
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

static void run_write(FILE *out, const struct committed_run *run)
{
    static const char *const elsewhere[] = { "schema", "row", "evidence", "code_hash", "data_hash",
                                             "machine", NULL };
    json_t *summary = summary_object(&run->record), *line = checked(json_object());
    put(line, "row", json_string(run->row));
    for (int i = 0; elsewhere[i]; i++) json_object_del(summary, elsewhere[i]);
    if (json_object_update(line, summary)) die("no memory for a run's line (close other programs)");
    if (strcmp(run->row, run->record.row)) put(line, "made_as", json_string(run->record.row));
    put(line, "making", json_string(run->making));
    if (run->record.cpu > 0) put(line, "cpu", json_real(round(run->record.cpu * 10) / 10));
    json_decref(summary);
    line_write(out, line);
}

static void runs_write(FILE *out, const struct committed *c)
{
    json_t *head = checked(json_object());
    put(head, "table", json_string(c->table));
    put(head, "scale", json_string(c->scale));
    put(head, "schema", json_integer(RUN_SCHEMA));
    put(head, "made_by", json_string("simsiam table"));
    line_write(out, head);
    configs_write(out, c);
    for (int i = 0; i < c->n; i++) run_write(out, &c->run[i]);
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
