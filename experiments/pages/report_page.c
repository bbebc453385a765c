/* SPDX-License-Identifier: MIT
 *
 * report_page.c -- the report's content: the statements, how to read the tables, and a section for
 * each table.
 */
#include "report_page.h"

#include <stdlib.h>
#include <string.h>
#include "claims_page.h"
#include "look_html.h"
#include "table_page.h"
#include "../run/runner.h"
#include "../../engine/object.h"

/* ---- captions -------------------------------------------------------------------------------- */

/* The captions of all tables, as lines; the first is the title. */
struct captions {
    const struct report *r;
    char **text;
    const char ***lines;
};

static void captions_open(struct captions *c, const struct report *r)
{
    const size_t n = (size_t)r->n;
    *c = (struct captions){ r, host_alloc(n, sizeof *c->text), host_alloc(n, sizeof *c->lines) };
    for (int k = 0; k < r->n; k++) {
        c->text[k] = caption_text(r->table[k]);
        c->lines[k] = lines_of(c->text[k]);
    }
}

static void captions_close(struct captions *c)
{
    for (int k = 0; k < c->r->n; k++) {
        free(c->text[k]);
        free(c->lines[k]);
    }
    free(c->text);
    free(c->lines);
}

/* The first table with runs; the first, if none has any. */
static int first_run(const struct report *r)
{
    for (int k = 0; k < r->n; k++)
        if (r->table[k]->finished) return k;
    return 0;
}

/* A line that all tables with runs share (all tables, if none has any). */
static bool line_shared(const struct captions *c, const char *line)
{
    const bool any = c->r->table[first_run(c->r)]->finished;
    for (int k = 0; k < c->r->n; k++) {
        if (any && !c->r->table[k]->finished) continue;
        if (!lines_have(c->lines[k], line)) return false;
    }
    return true;
}

/* The reason why a row is not run stands in the row. */
static bool line_of_row(const struct table *t, const char *line)
{
    for (int i = 0; i < t->e.n_rows; i++)
        if (*t->e.row[i].not_run && strstr(line, t->e.row[i].not_run)) return true;
    return false;
}

/* Of table k's caption, without the title: what all share, or what it alone says. */
static void caption_write(FILE *out, const struct captions *c, int k, bool shared)
{
    size_t n = 0;
    while (c->lines[k][n]) n++;
    const char **some = host_alloc(n + 1, sizeof *some), **end = some;
    for (const char **line = c->lines[k] + 1; *line; line++) {
        if (line_shared(c, *line) != shared) continue;
        if (shared || !line_of_row(c->r->table[k], *line)) *end++ = *line;
    }
    look_html.caption(out, c->r->table[k]->e.name, some);
    free(some);
}

/* ---- figure and settings --------------------------------------------------------------------- */

static void figure_write(FILE *out, const struct report *r, int k)
{
    const struct table *t = r->table[k];
    char *path = text_format("%s/%s/%s.svg", r->places[k].results, t->e.scale, t->e.name);
    char *svg = file_read_own(path, NULL);
    if (svg && strstr(svg, "<svg")) {
        html(out, "<figure><div class=\"card\" tabindex=\"0\" role=\"img\" aria-label=\"%s\">",
             t->e.title);
        html_svg(out, svg, t->e.name);
        html(out, "</div><figcaption>%s: the rows over training.</figcaption></figure>\n",
             t->e.title);
    } else {
        fputs("<p class=\"soft\">No figure is drawn yet (make -f Makefile.repro figures).</p>\n",
              out);
    }
    free(svg);
    free(path);
}

/* The settings that the reference lacks. */
static void difference_write(FILE *out, const struct settings *s, const char *const *reference)
{
    char *text = settings_print(s);
    const char **lines = lines_of(text), *between = "";
    for (const char **line = lines; *line; line++) {
        if (lines_have(reference, *line)) continue;
        fputs(between, out);
        html(out, "<code>%s</code>", *line);
        between = "<br>";
    }
    if (!*between) fputs("<span class=\"soft\">nothing: the same run</span>", out);
    free(lines);
    free(text);
}

static void settings_write(FILE *out, const struct table *t)
{
    int first = 0;
    while (first < t->e.n_rows && *t->e.row[first].not_run) first++;
    if (first == t->e.n_rows) return;                           /* this scale hosts no row */
    const char *name = t->e.row[first].name;
    char *text = settings_print(&t->e.row[first].settings), *whole = text_format("%s", text);
    const char **reference = lines_of(text);
    fputs("<details><summary>Settings</summary>\n", out);
    html_box(out, "settings", t->e.name);
    html(out,
         "<thead><tr><th scope=\"col\">row</th><th scope=\"col\">differs from <em>%s</em> in</th>"
         "</tr></thead>\n<tbody>",
         name);
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *row = &t->e.row[i];
        if (i == first) continue;
        html(out, "<tr><th scope=\"row\">%s</th><td class=\"text\">", row->name);
        if (*row->not_run) html(out, "<span class=\"soft\">not run: %s</span>", row->not_run);
        else difference_write(out, &row->settings, reference);
        fputs("</td></tr>\n", out);
    }
    html(out, "</tbody></table></div>\n<p class=\"soft\">All settings of <em>%s</em>:</p>\n"
              "<pre tabindex=\"0\">%s</pre></details>\n", name, whole);
    free(reference);
    free(whole);
    free(text);
}
/* ---- provenance ------------------------------------------------------------------------------ */

/* What run k of row i was made of and on, or NULL where it cannot be read. */
static json_t *provenance_read(const struct report *r, int table, int i, int k)
{
    const struct table *t = r->table[table];
    const struct run_record *run = &t->row[i].run[k];
    if (t->committed) {
        const struct committed_run *at = committed_find(&t->source, t->e.row[i].name, run->seed);
        return json_incref(json_object_get(t->source.makings, at->making));
    }
    char *folder = run_folder(r->places[table].runs, run->hash, run->seed);
    char *path = text_format("%s/provenance.json", folder);
    json_t *object = object_read(path, NULL);
    free(path);
    free(folder);
    return object;
}

/* Adds the value as text unless the list has it. */
static void distinct_add(json_t *list, const json_t *value)
{
    char *text = json_is_string(value) ? text_format("%s", json_string_value(value))
                 : json_is_integer(value)
                     ? text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value))
                     : NULL;
    size_t i;
    json_t *have;
    bool found = !text;
    json_array_foreach(list, i, have) found = found || !strcmp(json_string_value(have), text);
    if (!found) list_add(list, json_string(text));
    free(text);
}

/* Each different value that the runs have of each key, in the order of a run's file; the caller
 * frees. */
static json_t *provenance_collect(const struct report *r, int table)
{
    const struct table *t = r->table[table];
    json_t *all = made(json_object());
    for (int i = 0; i < t->e.n_rows; i++) {
        for (int k = 0; k < t->row[i].n; k++) {
            json_t *one = provenance_read(r, table, i, k), *value;
            const char *key;
            json_object_foreach(one, key, value) {
                json_t *list = json_object_get(all, key);
                if (!list) object_put(all, key, list = json_array());
                distinct_add(list, value);
            }
            json_decref(one);
        }
    }
    return all;
}

static void provenance_write(FILE *out, const struct report *r, int table)
{
    const struct table *t = r->table[table];
    json_t *all = provenance_collect(r, table), *list, *value;
    json_object_del(all, "started");                            /* of a run alone */
    json_object_del(all, "seed");
    json_object_del(all, "seal");
    json_object_del(all, "data_hash");                    /* of the two above; the caption has it */
    fputs("<details><summary>Provenance</summary>\n<dl>", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        if (!t->row[i].n) continue;
        html(out, "<dt>seeds of %s</dt><dd>", t->e.row[i].name);
        for (int k = 0; k < t->row[i].n; k++)
            html(out, "%s%d", k ? ", " : "", t->row[i].run[k].seed);
        fputs("</dd>\n", out);
    }
    const char *key;
    size_t v;
    json_object_foreach(all, key, list) {
        html(out, "<dt>%s</dt><dd>", key);
        json_array_foreach(list, v, value) {
            fputs(v ? "<br>" : "", out);
            html(out, "%s", json_string_value(value));
        }
        fputs("</dd>\n", out);
    }
    fputs("</dl></details>\n", out);
    json_decref(all);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void table_section(FILE *out, const struct captions *c, int k)
{
    const struct table *t = c->r->table[k];
    const struct page p = { out, &look_html };
    html(out, "<section id=\"%s\"><h2>%s</h2>\n", t->e.name, t->e.title);
    if (!t->finished) {
        html(out, "<p class=\"mark\">Not run at this scale (<code>simsiam run configs/%s.yaml "
                  "--scale %s</code>).</p>\n", t->e.name, t->e.scale);
    } else if (t->committed) {
        char *code = text_format("%.16s", code_of_most(t, -1));
        html(out,
             "<p class=\"mark\">From committed runs of code <code>%s</code>, not run again here."
             "</p>\n",
             code);
        free(code);
    }
    table_numbers(&p, t);
    fputc('\n', out);
    table_work(&p, t);
    table_claims(&p, t);
    fputc('\n', out);
    caption_write(out, c, k, false);
    fputc('\n', out);
    if (t->finished) {
        figure_write(out, c->r, k);
        fputs("<details><summary>Evidence</summary>\n", out);
        table_evidence(&p, t);
        fputs("</details>\n", out);
    }
    settings_write(out, t);
    if (t->finished) provenance_write(out, c->r, k);
    fputs("</section>\n", out);
}

static void head_write(FILE *out, const struct report *r, const char *scale)
{
    html(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<title>SimSiam's ablations at scale %s</title>\n<style>\n", scale);
    fputs(report_css, out);
    html(out,
         "</style>\n</head>\n<body>\n"
         "<header><h1>SimSiam's ablations at scale <em>%s</em></h1>\n"
         "<p>Each statement of <cite>Exploring Simple Siamese Representation Learning</cite> "
         "(Chen and He, CVPR 2021) with what runs at this scale say of it; then the tables beside "
         "the paper's numbers, their figures, settings and provenance.</p>\n"
         "<p class=\"soft\">Scale %s: %s</p>\n"
         "<nav aria-label=\"sections\"><ul><li><a href=\"#claims\">Statements</a></li>\n",
         scale, scale, r->table[0]->e.caption);
    for (int k = 0; k < r->n; k++) {
        html(out, "<li><a href=\"#%s\">%s</a>", r->table[k]->e.name, r->table[k]->e.title);
        fputs(r->table[k]->finished ? "</li>\n" : " <span class=\"soft\">not run</span></li>\n",
              out);
    }
    fputs("</ul></nav></header>\n", out);
}

void report_page(FILE *out, const struct report *r, const char *scale)
{
    struct captions c;
    captions_open(&c, r);
    head_write(out, r, scale);
    fputs("<main>\n", out);
    claims_page(&(struct page){ out, &look_html }, (const struct table *const *)r->table, r->n,
                &r->paper, scale);
    fputs("<section id=\"reading\"><h2>How to read the tables</h2>\n", out);
    caption_write(out, &c, first_run(r), true);
    fputs("</section>\n", out);
    for (int k = 0; k < r->n; k++) table_section(out, &c, k);
    fputs("</main>\n</body>\n</html>\n", out);
    captions_close(&c);
}
