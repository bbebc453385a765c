/* SPDX-License-Identifier: MIT
 *
 * report_table.c -- a table's section of the report: numbers, claims, figure, settings, provenance.
 */
#include "report.h"
#include "../run/runner.h"
#include "table_csv.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Opens what is wider than a phone: it scrolls in its own box, by keyboard too. */
static void box_open(FILE *out, const char *label, const char *name)
{
    fprintf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s of %s\"><table>\n", label,
            name);
}

/* ---- numbers ----------------------------------------------------------------------------------------------- */

static void title_write(FILE *out, const char *title)
{
    fputs("<th scope=\"col\">", out);
    html_text(out, title);
    fputs("</th>", out);
}

static void measure_write(FILE *out, const struct table *t, int i, int m)
{
    char cell[CELL];
    cell_format(cell, &t->row[i].number[m], measures[m].decimals);
    fputs("<td>", out);
    html_number(out, strcmp(cell, "-") ? cell : "–");
    fputs("</td>", out);
}

static void row_write(FILE *out, const struct table *t, int i)
{
    const struct measure *list[MEASURES_MAX];
    const int n_columns = measures_of(list, MEASURE_COLUMN);
    const struct row *row = &t->e.row[i];
    const struct row_result *result = &t->row[i];
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, row->name);
    fputs("</th>", out);
    if (row->has_paper) fprintf(out, "<td class=\"n\">%.1f</td>", row->paper);
    else fputs("<td class=\"n\">–</td>", out);
    if (!result->n) {
        fprintf(out, "<td>–</td><td class=\"n\">0</td><td>not run</td><td colspan=\"%d\" class=\"soft\">",
                n_columns - 1);
        html_text(out, row->not_run);
        fputs("</td></tr>\n", out);
        return;
    }
    measure_write(out, t, i, (int)(list[0] - measures));
    fprintf(out, "<td class=\"n\">%d</td><td>%s</td>", result->n, result->state);
    for (int k = 1; k < n_columns; k++) measure_write(out, t, i, (int)(list[k] - measures));
    fputs("</tr>\n", out);
}

/* Linear top-1 stands next to the paper's, so that a narrow screen shows the two together. */
static void numbers_write(FILE *out, const struct table *t)
{
    const struct measure *list[MEASURES_MAX];
    const int n_columns = measures_of(list, MEASURE_COLUMN);
    box_open(out, "numbers", t->e.name);
    fputs("<thead><tr><th scope=\"col\">row</th><th scope=\"col\" class=\"n\">paper</th>", out);
    title_write(out, list[0]->title);
    fputs("<th scope=\"col\" class=\"n\">n</th><th scope=\"col\">state</th>", out);
    for (int k = 1; k < n_columns; k++) title_write(out, list[k]->title);
    fputs("</tr></thead>\n<tbody>", out);
    for (int i = 0; i < t->e.n_rows; i++) row_write(out, t, i);
    fputs("</tbody></table></div>\n", out);
}

/* A column where some row has the number: most tables have no expectation, and some no baseline. */
static void evidence_write(FILE *out, const struct table *t)
{
    const struct measure *list[MEASURES_MAX];
    const int n = measures_of(list, MEASURE_EVIDENCE);
    bool shown[MEASURES_MAX] = { false };
    for (int k = 0; k < n; k++)
        for (int i = 0; i < t->e.n_rows; i++)
            shown[k] = shown[k] || isfinite(t->row[i].number[list[k] - measures].mean);
    fputs("<details><summary>Evidence</summary>\n", out);
    box_open(out, "evidence", t->e.name);
    fputs("<thead><tr><th scope=\"col\">row</th>", out);
    for (int k = 0; k < n; k++)
        if (shown[k]) title_write(out, list[k]->title);
    fputs("<th scope=\"col\">state</th></tr></thead>\n<tbody>", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        if (!t->row[i].n) continue;
        fputs("<tr><th scope=\"row\">", out);
        html_text(out, t->e.row[i].name);
        fputs("</th>", out);
        for (int k = 0; k < n; k++)
            if (shown[k]) measure_write(out, t, i, (int)(list[k] - measures));
        fprintf(out, "<td>%s%s</td></tr>\n", t->row[i].state,
                t->row[i].near_threshold ? ", near the threshold" : "");
    }
    fputs("</tbody></table></div></details>\n", out);
}

static void verdicts_write(FILE *out, const struct table *t)
{
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    box_open(out, "claims", t->e.name);
    fputs("<thead><tr><th scope=\"col\">verdict</th><th scope=\"col\">claim</th><th scope=\"col\">predicate</th>"
          "<th scope=\"col\" class=\"n\">n</th><th scope=\"col\">estimate</th><th scope=\"col\">note</th></tr>"
          "</thead>\n<tbody>", out);
    for (int i = 0; i < n; i++) {
        const struct decision *d = list[i].decision;
        char estimate[ESTIMATE_TEXT];
        estimate_format(estimate, d);
        fputs("<tr><td>", out);
        html_verdict(out, d->verdict);
        /* "id.2", a part, leads to its claim. */
        fprintf(out, "</td><th scope=\"row\"><a href=\"#claim-%.*s\">%s</a></th><td><code>",
                (int)strcspn(list[i].id, "."), list[i].id, list[i].id);
        html_text(out, list[i].predicate);
        fprintf(out, "</code></td><td class=\"n\">%d</td><td>", d->n);
        html_number(out, estimate);
        fputs("</td><td class=\"text\">", out);
        html_number(out, d->reason);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    free(list);
}

/* What this table's caption says beyond what all say; the title is a heading, the reasons stand in the rows. */
static void caption_write(FILE *out, const struct report *r, int k)
{
    const struct table *t = r->table[k];
    fputs("<ul class=\"caption\">", out);
    const char *line = strchr(r->caption[k], '\n') + 1;
    for (size_t length; *line; line += length + (line[length] == '\n')) {
        length = strcspn(line, "\n");
        bool said = report_line_shared(r, line, length);
        for (int i = 0; i < t->e.n_rows; i++) {
            const char *why = t->e.row[i].not_run, *found = *why ? strstr(line, why) : NULL;
            said = said || (found && found < line + length);
        }
        if (said) continue;
        char *text = text_format("%.*s", (int)length, line);
        fputs("<li>", out);
        html_number(out, text);
        fputs("</li>\n", out);
        free(text);
    }
    fputs("</ul>\n", out);
}

static void figure_write(FILE *out, const struct report *r, int k)
{
    const struct table *t = r->table[k];
    char *path = text_format("%s/%s/%s.svg", r->places[k].results, t->e.scale, t->e.name);
    char *svg = file_read(path, NULL);
    const char *label = t->e.title;
    if (svg && strstr(svg, "<svg")) {
        fputs("<figure><div class=\"card\" tabindex=\"0\" role=\"img\" aria-label=\"", out);
        html_text(out, label);
        fputs("\">", out);
        html_svg(out, svg, t->e.name);
        fputs("</div><figcaption>", out);
        html_text(out, label);
        fputs(": the rows over training.</figcaption></figure>\n", out);
    } else {
        fputs("<p class=\"soft\">No figure is drawn yet (make -f Makefile.repro figures).</p>\n", out);
    }
    free(svg);
    free(path);
}

/* ---- settings ---------------------------------------------------------------------------------------------- */

bool line_in(const char *text, const char *line, size_t length)
{
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (strcspn(text, "\n") == length && !strncmp(text, line, length)) return true;
    return false;
}

/* The lines of `text` that `reference` lacks. */
static void difference_write(FILE *out, const char *text, const char *reference)
{
    const char *between = "";
    for (size_t length; *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (line_in(reference, text, length)) continue;
        char *line = text_format("%.*s", (int)length, text);
        fprintf(out, "%s<code>", between);
        html_text(out, line);
        fputs("</code>", out);
        free(line);
        between = "<br>";
    }
    if (!*between) fputs("<span class=\"soft\">nothing: the same run</span>", out);
}

static void settings_write(FILE *out, const struct table *t)
{
    int first = 0;
    while (first < t->e.n_rows && *t->e.row[first].not_run) first++;
    if (first == t->e.n_rows) return;                           /* this scale hosts no row */
    char *reference = settings_print(&t->e.row[first].settings);
    fputs("<details><summary>Settings</summary>\n", out);
    box_open(out, "settings", t->e.name);
    fputs("<thead><tr><th scope=\"col\">row</th><th scope=\"col\">differs from <em>", out);
    html_text(out, t->e.row[first].name);
    fputs("</em> in</th></tr></thead>\n<tbody>", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        if (i == first) continue;
        const struct row *row = &t->e.row[i];
        fputs("<tr><th scope=\"row\">", out);
        html_text(out, row->name);
        fputs("</th><td class=\"text\">", out);
        if (*row->not_run) {
            fputs("<span class=\"soft\">not run: ", out);
            html_text(out, row->not_run);
            fputs("</span>", out);
        } else {
            char *text = settings_print(&row->settings);
            difference_write(out, text, reference);
            free(text);
        }
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n<p class=\"soft\">All settings of <em>", out);
    html_text(out, t->e.row[first].name);
    fputs("</em>:</p>\n<pre tabindex=\"0\">", out);
    html_text(out, reference);
    fputs("</pre></details>\n", out);
    free(reference);
}

/* ---- provenance -------------------------------------------------------------------------------------------- */

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
    json_t *object = json_load_file(path, 0, NULL);
    free(path);
    free(folder);
    return object;
}

/* Adds the value as text unless the list has it. */
static void distinct_add(json_t *list, const json_t *value)
{
    char *text = json_is_string(value) ? text_format("%s", json_string_value(value))
               : json_is_integer(value) ? text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value)) : NULL;
    size_t i;
    json_t *have;
    bool found = !text;
    json_array_foreach(list, i, have) found = found || !strcmp(json_string_value(have), text);
    if (!found && json_array_append_new(list, json_string(text))) die("no memory for the provenance");
    free(text);
}

/* Each different value that the runs have of each key, in the order of a run's file. */
static void provenance_write(FILE *out, const struct report *r, int table)
{
    static const char *const skipped[] = { "started", "seed", "data_hash", NULL };
    const struct table *t = r->table[table];
    json_t *all = json_object();
    for (int i = 0; i < t->e.n_rows; i++) {
        for (int k = 0; k < t->row[i].n; k++) {
            json_t *one = provenance_read(r, table, i, k), *value;
            const char *key;
            json_object_foreach(one, key, value) {
                json_t *list = json_object_get(all, key);
                if (!list && json_object_set_new(all, key, list = json_array()))
                    die("no memory for the provenance");
                distinct_add(list, value);
            }
            json_decref(one);
        }
    }
    fputs("<details><summary>Provenance</summary>\n<dl>", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        if (!t->row[i].n) continue;
        fputs("<dt>seeds of ", out);
        html_text(out, t->e.row[i].name);
        fputs("</dt><dd>", out);
        for (int k = 0; k < t->row[i].n; k++) fprintf(out, "%s%d", k ? ", " : "", t->row[i].run[k].seed);
        fputs("</dd>\n", out);
    }
    const char *key;
    json_t *list, *value;
    size_t v;
    json_object_foreach(all, key, list) {
        bool skip = false;
        for (int s = 0; skipped[s]; s++) skip = skip || !strcmp(key, skipped[s]);
        if (skip) continue;
        fputs("<dt>", out);
        html_text(out, key);
        fputs("</dt><dd>", out);
        json_array_foreach(list, v, value) {
            fputs(v ? "<br>" : "", out);
            html_text(out, json_string_value(value));
        }
        fputs("</dd>\n", out);
    }
    fputs("</dl></details>\n", out);
    json_decref(all);
}

/* ---- the section ------------------------------------------------------------------------------------------- */

void report_table_section(FILE *out, const struct report *r, int k)
{
    const struct table *t = r->table[k];
    fprintf(out, "<section id=\"%s\"><h2>", t->e.name);
    html_text(out, t->e.title);
    fputs("</h2>\n", out);
    if (!t->finished)
        fprintf(out, "<p class=\"mark\">Not run at this scale "
                     "(<code>simsiam run configs/%s.yaml --scale %s</code>).</p>\n", t->e.name, t->e.scale);
    else if (t->committed)
        fprintf(out, "<p class=\"mark\">From committed runs of code <code>%.16s</code>, not run again here.</p>\n",
                code_of_most(t));
    numbers_write(out, t);
    verdicts_write(out, t);
    caption_write(out, r, k);
    if (t->finished) figure_write(out, r, k);
    if (t->finished) evidence_write(out, t);
    settings_write(out, t);
    if (t->finished) provenance_write(out, r, k);
    fputs("</section>\n", out);
}
