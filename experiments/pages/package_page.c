/* SPDX-License-Identifier: MIT
 *
 * package_page.c -- the folder of a scale described to programs: columns by the files' own first
 * lines, files by what they are called.
 */
#include "package_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../run/measures.h"
#include "../../engine/object.h"
#include "build_info.h"

static const char licence[] = "https://spdx.org/licenses/MIT", paper[] = "https://arxiv.org/abs/2011.10566";

static void text_put(json_t *object, const char *key, const char *text)
{
    object_put(object, key, json_string(text));
}

/* ---- columns --------------------------------------------------------------------------------- */

/* Those that are no measure's, in whichever file. */
static const struct { const char *name, *type, *about; } columns[] = {
    { "row", "string", "the row's name in its experiment; untrained is the reference" },
    { "n", "integer", "seeds" },
    { "paper", "number", "the paper's number: ImageNet, ResNet-50, linear top-1 in %" },
    { "state", "string", "healthy, collapsed, mixed, unstable, diverged or not run" },
    { "seed", "integer", "the run's seed" },
    { "epoch", "integer", "0 is the untrained network" },
    { "monitored", "integer", "1 if the epoch was monitored, else 0" },
    { "id", "string", "the claim; ID.K is the K-th part of a conjunction" },
    { "table", "string", "the table that decides it" },
    { "predicate", "string", "what is claimed of which rows and metrics" },
    { "estimate", "number", "the difference to the row or value that the predicate names, or a slope; of a state, "
                            "the share of seeds that have it" },
    { "low", "number", "the lower end of the interval by which it is decided" },
    { "high", "number", "the upper end of that interval" },
    { "verdict", "string", "holds, fails, mixed, inconclusive or not run" },
    { "look", "integer", "the number of seeds at which it was looked at" },
    { "p", "number", "p of Student's t over paired seeds" },
    { "kept", "integer", "1 if Benjamini and Hochberg's rule keeps it among all claims of the scale, else 0" },
    { "error", "number", "how often a decision by this rule is wrong, at most" },
};

static json_t *field_new(const char *name, const char *type, const char *before, const char *about)
{
    json_t *const field = made(json_object());
    char *const text = text_format("%s%s", before, about);
    text_put(field, "name", name);
    text_put(field, "type", type);
    text_put(field, "description", text);
    free(text);
    return field;
}

/* The measure of a column X, X_mean or X_std. */
static const struct measure *measure_of(const char *column, const char **which)
{
    static const char *const ends[] = { "", "_mean", "_std" }, *const says[] = { "", "mean over the seeds: ",
                                                                               "std over the seeds: " };
    const size_t n = strlen(column);
    for (int k = 0; k < 3; k++) {
        const size_t m = strlen(ends[k]);
        if (n <= m || strcmp(column + n - m, ends[k])) continue;
        char *const name = text_format("%.*s", (int)(n - m), column);
        const struct measure *const found = measure_find(name, ~0u);
        free(name);
        *which = says[k];
        if (found) return found;
    }
    return NULL;
}

static json_t *column_new(const char *name)
{
    const char *which = "";
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
        if (!strcmp(name, columns[k].name))
            return field_new(name, columns[k].type, "", columns[k].about);
    const struct measure *const m = measure_of(name, &which);
    if (!m) die_user("column %s is not known (make the table again)", name);
    return field_new(name, "number", which, m->about);
}

/* By the file's first line; NULL if it is not there. */
static json_t *schema_read(const char *path)
{
    char *const text = file_read_own(path, NULL), *rest = text;
    if (!text) {
        if (errno != ENOENT) die("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    json_t *const schema = made(json_object()), *const fields = made(json_array()), *const missing =
        made(json_array());
    char *titles = strsep(&rest, "\n");
    for (char *name; (name = strsep(&titles, ",")); ) list_add(fields, column_new(name));
    list_add(missing, json_string(""));
    object_put(schema, "fields", fields);
    object_put(schema, "missingValues", missing);
    free(text);
    return schema;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* What a table has, and what the scale has: `title` stands before the table's own. */
struct part { const char *suffix, *media, *title; };
static const struct part of_table[] = {
    { ".csv", "text/csv", "Rows beside the paper's numbers" },
    { "_claims.csv", "text/csv", "Claims and their verdicts" },
    { "_curves.csv", "text/csv", "Every number of every epoch and seed" },
    { "_runs.jsonl", "application/jsonl", "Settings and summaries of the runs" },
    { ".md", "text/markdown", "The table as a page" },
    { ".tex", "application/x-tex", "The table in LaTeX" },
    { "_caption.tex", "application/x-tex", "Its caption in LaTeX" },
    { ".svg", "image/svg+xml", "Its figure" },
}, of_scale[] = {
    { "claims.csv", "text/csv", "All claims of the scale" },
    { "claims.md", "text/markdown", "The paper's statements, answered" },
    { "report.html", "text/html", "All tables on one page" },
    { "provenance.json", "application/json", "Build, machine, libraries and data of the runs" },
};
enum { OF_TABLE = sizeof of_table / sizeof *of_table, OF_SCALE = sizeof of_scale / sizeof *of_scale };
enum { PAGES = 3 };                /* of these, the report's own are there once this is written */

static bool is_csv(const struct part *p) { return !strcmp(p->media, "text/csv"); }

/* "FOLDER/NAME": may it be described?  The report's own pages are written beside this one. */
static bool is_there(const char *folder, const char *name)
{
    char *const path = text_format("%s/%s", folder, name);
    const bool there = !access(path, R_OK);
    free(path);
    return there;
}

/* ---- Frictionless ---------------------------------------------------------------------------- */

static void resource_add(json_t *list, const char *folder, const char *file, const char *title, const char *of)
{
    char *const path = text_format("%s/%s", folder, file);
    json_t *const schema = schema_read(path);
    free(path);
    if (!schema) return;
    json_t *const r = made(json_object());
    char *const name = text_format("%.*s", (int)(strlen(file) - strlen(".csv")), file);
    char *const whole = text_format(*of ? "%s: %s" : "%s%s", title, of);
    text_put(r, "profile", "tabular-data-resource");
    text_put(r, "name", name);
    text_put(r, "path", file);
    text_put(r, "title", whole);
    text_put(r, "format", "csv");
    text_put(r, "mediatype", "text/csv");
    text_put(r, "encoding", "utf-8");
    object_put(r, "schema", schema);
    list_add(list, r);
    free(name);
    free(whole);
}

static json_t *object_of(const char *key, const char *text, const char *key_2, const char *text_2)
{
    json_t *const o = made(json_object());
    text_put(o, key, text);
    if (key_2) text_put(o, key_2, text_2);
    return o;
}

static json_t *list_of(json_t *one)
{
    json_t *const list = made(json_array());
    list_add(list, one);
    return list;
}

/* The end of an object or a list that has no other within, from its first character on; NULL: it has. */
static const char *leaf_end(const char *at)
{
    const char ends = *at == '{' ? '}' : ']';
    bool quoted = false;
    for (at++; *at; at++) {
        if (quoted && *at == '\\') at++;
        else if (*at == '"') quoted = !quoted;
        else if (!quoted && *at == ends) return at;
        else if (!quoted && strchr("{[", *at)) return NULL;
    }
    return NULL;
}

/* A line for each field and each entity's parts, so that a change of one is a line of a diff. */
static void object_write(FILE *out, json_t *o)
{
    char *const text = object_text(o, JSON_INDENT(1));
    bool quoted = false;
    for (const char *at = text; *at; at++) {
        if (*at == '"') quoted = !quoted;
        if (quoted && *at == '\\') putc(*at++, out);
        const char *const end = !quoted && strchr("{[", *at) ? leaf_end(at) : NULL;
        putc(*at, out);
        while (end && at < end)
            if (*++at != '\n') putc(*at, out);
            else {
                if (at[-1] == ',') putc(' ', out);
                at += strspn(at + 1, " ");
            }
    }
    putc('\n', out);
    free(text);
}

void datapackage_page(FILE *out, const struct report *r, const char *scale)
{
    json_t *const o = made(json_object()), *const resources = made(json_array());
    char *const name = text_format("simsiam-%s", scale), *const folder = text_format("%s/%s", r->places[0].results,
                                                                                    scale);
    char *const title = text_format("SimSiam's ablations at scale %s", scale);
    for (int k = 0; k < r->n; k++) {
        const struct experiment *const e = &r->table[k]->e;
        for (int i = 0; i < OF_TABLE; i++) {
            char *const file = text_format("%s%s", e->name, of_table[i].suffix);
            if (is_csv(&of_table[i])) resource_add(resources, folder, file, of_table[i].title, e->title);
            free(file);
        }
    }
    resource_add(resources, folder, of_scale[0].suffix, of_scale[0].title, "");
    text_put(o, "profile", "tabular-data-package");
    text_put(o, "name", name);
    text_put(o, "title", title);
    text_put(o, "description", r->table[0]->e.caption);
    text_put(o, "version", BUILD_VERSION);
    object_put(o, "licenses", list_of(object_of("name", "MIT", "path", licence)));
    object_put(o, "sources", list_of(object_of("title", "Chen and He, Exploring Simple Siamese Representation "
                                               "Learning, CVPR 2021", "path", paper)));
    object_put(o, "resources", resources);
    object_write(out, o);
    free(title);
    free(folder);
    free(name);
}

/* ---- RO-Crate -------------------------------------------------------------------------------- */

static json_t *entity_add(json_t *graph, const char *id, const char *type, const char *name)
{
    json_t *const e = object_of("@id", id, "@type", type);
    if (name) text_put(e, "name", name);
    list_add(graph, e);
    return e;
}

static json_t *link_to(const char *id) { return object_of("@id", id, NULL, NULL); }

static void file_add(json_t *graph, json_t *parts, json_t *results, const char *file, const struct part *p,
                     const char *of)
{
    char *const title = text_format(*of ? "%s: %s" : "%s%s", p->title, of);
    json_t *const e = entity_add(graph, file, "File", title);
    text_put(e, "encodingFormat", p->media);
    list_add(parts, link_to(file));
    if (results) list_add(results, link_to(file));
    free(title);
}

/* The files of a table, and the action that made them. */
static void table_add(json_t *graph, json_t *parts, const struct table *t, const char *folder)
{
    json_t *const results = made(json_array());
    for (int i = 0; i < OF_TABLE; i++) {
        char *const file = text_format("%s%s", t->e.name, of_table[i].suffix);
        if (is_there(folder, file)) file_add(graph, parts, results, file, &of_table[i], t->e.title);
        free(file);
    }
    if (json_array_size(results)) {
        const char *const name = t->e.name, *const scale = t->e.scale;
        char *const id = text_format("#%s", name);
        char *const command = text_format("simsiam run configs/%s.yaml --scale %s; simsiam table configs/%s.yaml "
                                          "--scale %s", name, scale, name, scale);
        json_t *const action = entity_add(graph, id, "CreateAction", t->e.title);
        text_put(action, "description", command);
        object_put(action, "instrument", link_to("#simsiam"));
        object_put(action, "result", json_incref(results));
        free(command);
        free(id);
    }
    json_decref(results);
}

/* The day of SOURCE_DATE_EPOCH, or on which this version was released. */
static void day_format(char day[16])
{
    const char *const said = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    const long long seconds = said ? strtoll(said, &end, 10) : -1;
    const time_t when = (time_t)seconds;
    struct tm utc;
    if (!said || end == said || *end || seconds < 0 || !gmtime_r(&when, &utc) ||
        !strftime(day, 16, "%Y-%m-%d", &utc))
        snprintf(day, 16, "%s", BUILD_RELEASED);
}

static void program_add(json_t *graph)
{
    json_t *const program = entity_add(graph, "#simsiam", "SoftwareSourceCode", "simsiam");
    text_put(program, "description", "The ablations of SimSiam, in C");
    text_put(program, "version", BUILD_VERSION);
    text_put(program, "programmingLanguage", "C11");
    object_put(program, "license", link_to(licence));
    json_t *const article = entity_add(graph, paper, "ScholarlyArticle",
                                       "Exploring Simple Siamese Representation Learning");
    text_put(article, "author", "Xinlei Chen, Kaiming He");
    text_put(article, "datePublished", "2021");
    entity_add(graph, licence, "CreativeWork", "MIT License");
}

void crate_page(FILE *out, const struct report *r, const char *scale)
{
    json_t *const o = made(json_object()), *const graph = made(json_array()), *const parts = made(json_array());
    char *const folder = text_format("%s/%s", r->places[0].results, scale);
    char *const title = text_format("SimSiam's ablations at scale %s", scale);
    char day[16];
    day_format(day);
    json_t *const itself = entity_add(graph, "ro-crate-metadata.json", "CreativeWork", NULL);
    object_put(itself, "conformsTo", link_to("https://w3id.org/ro/crate/1.1"));
    object_put(itself, "about", link_to("./"));
    json_t *const root = entity_add(graph, "./", "Dataset", title);
    text_put(root, "description", r->table[0]->e.caption);
    text_put(root, "datePublished", day);
    object_put(root, "license", link_to(licence));
    object_put(root, "citation", link_to(paper));
    object_put(root, "hasPart", parts);
    for (int k = 0; k < r->n; k++) table_add(graph, parts, r->table[k], folder);
    for (int i = 0; i < OF_SCALE; i++)
        if (i < PAGES || is_there(folder, of_scale[i].suffix))
            file_add(graph, parts, NULL, of_scale[i].suffix, &of_scale[i], "");
    static const struct part package = { "datapackage.json", "application/json", "The columns of the CSV files" };
    file_add(graph, parts, NULL, package.suffix, &package, "");
    program_add(graph);
    text_put(o, "@context", "https://w3id.org/ro/crate/1.1/context");
    object_put(o, "@graph", graph);
    object_write(out, o);
    free(title);
    free(folder);
}
