/* SPDX-License-Identifier: MIT
 *
 * table_write.c -- a table for the terminal, for a page and for a paper.
 */
#include "table_write.h"
#include "table_csv.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void cell_format(char cell[CELL], const struct spread *s, int decimals)
{
    if (!isfinite(s->mean))
        snprintf(cell, CELL, "-");
    else if (!isfinite(s->std))
        snprintf(cell, CELL, "%.*f", decimals, s->mean);
    else
        snprintf(cell, CELL, "%.*f ± %.*f", decimals, s->mean, decimals, s->std);
}

/* The cells of every look: row, n, paper, the measures, state. */
enum { LEADING = 3, COLUMNS = LEADING + 5 + 1, CELLS_MAX = LEADING + MEASURES_MAX };
struct cells { char text[CELLS_MAX][CELL]; };

static void cells_title(struct cells *c)
{
    static const char *const leading[LEADING] = { "row", "n", "paper" };
    for (int i = 0; i < LEADING; i++) snprintf(c->text[i], CELL, "%s", leading[i]);
    const struct measure *m[MEASURES_MAX];
    const int n = measures_of(m, MEASURE_COLUMN);
    for (int k = 0; k < n; k++) snprintf(c->text[LEADING + k], CELL, "%s", m[k]->title);
    snprintf(c->text[COLUMNS - 1], CELL, "state");
}

static void cells_row(struct cells *c, const struct table *t, int i)
{
    const struct row *row = &t->e.row[i];
    const struct row_result *result = &t->row[i];
    snprintf(c->text[0], CELL, "%s", row->name);
    snprintf(c->text[1], CELL, "%d", result->n);
    if (row->has_paper)
        snprintf(c->text[2], CELL, "%.1f", row->paper);
    else
        snprintf(c->text[2], CELL, "-");
    const struct measure *m[MEASURES_MAX];
    const int n = measures_of(m, MEASURE_COLUMN);
    for (int k = 0; k < n; k++) cell_format(c->text[LEADING + k], &result->number[m[k] - measures], m[k]->decimals);
    snprintf(c->text[COLUMNS - 1], CELL, "%s", result->state);
}

/* The line of the titles for i < 0, else of a row; returns how many cells it has.  A column without a number in any
 * row is left out: most tables have no expectation, and some no baseline. */
static int cells_evidence(struct cells *c, const struct table *t, int i)
{
    int n = 1;
    snprintf(c->text[0], CELL, "%s", i < 0 ? "evidence" : t->e.row[i].name);
    const struct measure *list[MEASURES_MAX];
    const int evidence = measures_of(list, MEASURE_EVIDENCE);
    for (int k = 0; k < evidence; k++) {
        const int m = (int)(list[k] - measures);
        bool any = false;
        for (int row = 0; row < t->e.n_rows; row++) any = any || isfinite(t->row[row].number[m].mean);
        if (!any) continue;
        if (i < 0)
            snprintf(c->text[n++], CELL, "%s", measures[m].title);
        else
            cell_format(c->text[n++], &t->row[i].number[m], measures[m].decimals);
    }
    snprintf(c->text[n++], CELL, "%s", i >= 0 && t->row[i].near_threshold ? "near the threshold" : "");
    return n;
}

/* Columns on a terminal, where "±" is three bytes and one place wide. */
static int places(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void columns_print(FILE *out, const struct cells *line, int n_lines, int n_columns)
{
    int width[CELLS_MAX] = { 0 };
    for (int i = 0; i < n_lines; i++)
        for (int c = 0; c < n_columns; c++)
            if (places(line[i].text[c]) > width[c]) width[c] = places(line[i].text[c]);
    for (int i = 0; i < n_lines; i++) {
        for (int c = 0; c < n_columns; c++) {
            const bool last = c == n_columns - 1 || (c == n_columns - 2 && !line[i].text[c + 1][0]);
            fprintf(out, "%s%*s", line[i].text[c], last ? 0 : width[c] + 2 - places(line[i].text[c]), "");
        }
        fputc('\n', out);
    }
}

void estimate_format(char text[ESTIMATE_TEXT], const struct decision *d)
{
    text[0] = 0;
    if (isfinite(d->low) && isfinite(d->high))
        snprintf(text, ESTIMATE_TEXT, "%.3g [%.3g, %.3g]", d->estimate, d->low, d->high);
    else if (isfinite(d->estimate) && !d->counted)
        snprintf(text, ESTIMATE_TEXT, "%.3g", d->estimate);
}

static void claims_print(FILE *out, const struct table *t)
{
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    int width = 0;
    for (int i = 0; i < n; i++)
        if ((int)strlen(list[i].id) > width) width = (int)strlen(list[i].id);
    for (int i = 0; i < n; i++) {
        const struct decision *d = list[i].decision;
        char estimate[ESTIMATE_TEXT];
        estimate_format(estimate, d);
        fprintf(out, "  %-*s  %-12s  %s\n", width, list[i].id, verdict_names[d->verdict], list[i].predicate);
        if (!estimate[0] && !d->reason[0]) continue;
        fprintf(out, "  %-*s  %-12s  ", width, "", "");
        if (d->n) fprintf(out, "n %d%s", d->n, estimate[0] ? ", " : "");
        fprintf(out, "%s%s%s\n", estimate, d->n && d->reason[0] ? "; " : "", d->reason);
    }
    free(list);
}

void table_print(FILE *out, const struct table *t)
{
    struct cells *line = host_alloc(ROWS_MAX + 1, sizeof *line);
    cells_title(&line[0]);
    for (int i = 0; i < t->e.n_rows; i++) cells_row(&line[1 + i], t, i);
    columns_print(out, line, 1 + t->e.n_rows, COLUMNS);
    fputc('\n', out);
    int columns = 0;
    for (int i = -1; i < t->e.n_rows; i++) columns = cells_evidence(&line[1 + i], t, i);
    columns_print(out, line, 1 + t->e.n_rows, columns);
    free(line);
    fputs("\nclaims\n", out);
    claims_print(out, t);
    char *caption = caption_text(t);
    fprintf(out, "\n%s", caption);
    free(caption);
}

/* ---- Markdown ---- */

void markdown_cell(FILE *out, const char *text)
{
    fputs("| ", out);
    for (; *text; text++) fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    fputc(' ', out);
}

static void markdown_line(FILE *out, const struct cells *c, int columns)
{
    for (int i = 0; i < columns; i++) markdown_cell(out, c->text[i]);
    fputs("|\n", out);
}

void markdown_rule(FILE *out, int columns)
{
    for (int i = 0; i < columns; i++) fputs("|---", out);
    fputs("|\n", out);
}

static void markdown_write(FILE *out, const struct table *t)
{
    struct cells line;
    cells_title(&line);
    markdown_line(out, &line, COLUMNS);
    markdown_rule(out, COLUMNS);
    for (int i = 0; i < t->e.n_rows; i++) {
        cells_row(&line, t, i);
        markdown_line(out, &line, COLUMNS);
    }
    fputc('\n', out);
    for (int i = -1; i < t->e.n_rows; i++) {
        const int columns = cells_evidence(&line, t, i);
        markdown_line(out, &line, columns);
        if (i < 0) markdown_rule(out, columns);
    }
    fputs("\n| claim | predicate | verdict | n | estimate | note |\n", out);
    markdown_rule(out, 6);
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    for (int i = 0; i < n; i++) {
        const struct decision *d = list[i].decision;
        char estimate[ESTIMATE_TEXT];
        estimate_format(estimate, d);
        markdown_cell(out, list[i].id);
        markdown_cell(out, list[i].predicate);
        fprintf(out, "| %s | %d ", verdict_names[d->verdict], d->n);
        markdown_cell(out, estimate);
        markdown_cell(out, d->reason);
        fputs("|\n", out);
    }
    free(list);
    fputc('\n', out);
    char *caption = caption_text(t);                            /* as a list, or its lines would run together */
    for (const char *at = caption; *at; at += strcspn(at, "\n") + 1) {
        fputs("- ", out);
        fwrite(at, 1, strcspn(at, "\n") + 1, out);
    }
    free(caption);
}

/* ---- LaTeX ---- */

static void latex_text(FILE *out, const char *text)
{
    static const struct { const char *from, *to; } escapes[] = {
        { "\\", "\\textbackslash{}" }, { "~", "\\textasciitilde{}" }, { "^", "\\textasciicircum{}" },
        { "_", "\\_" }, { "%", "\\%" }, { "&", "\\&" }, { "#", "\\#" }, { "$", "\\$" },
        { "{", "\\{" }, { "}", "\\}" },
        { "<=", "$\\le$" }, { ">=", "$\\ge$" }, { "<", "$<$" }, { ">", "$>$" }, { "|", "$|$" },
        { "±", "$\\pm$" }, { "√d", "$\\sqrt{d}$" }, { "·", "$\\cdot$" }, { "×", "$\\times$" },
    };
    for (const char *start = text; *text;) {
        /* A sign, not the hyphen of a word or the "-" of an empty cell. */
        if (*text == '-' && isdigit((unsigned char)text[1]) &&
            (text == start || !isalnum((unsigned char)text[-1]))) {
            fputs("$-$", out);
            text++;
            continue;
        }
        size_t i = 0;
        while (i < sizeof escapes / sizeof *escapes && strncmp(text, escapes[i].from, strlen(escapes[i].from))) i++;
        if (i < sizeof escapes / sizeof *escapes) {
            fputs(escapes[i].to, out);
            text += strlen(escapes[i].from);
        } else {
            fputc(*text++, out);
        }
    }
}

static void latex_line(FILE *out, const struct cells *c)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (i) fputs(" & ", out);
        latex_text(out, c->text[i]);
    }
    fputs(" \\\\\n", out);
}

static void latex_claims(FILE *out, const struct table *t)
{
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    if (n)
        fputs("\n\\medskip\n\\begin{tabular}{lp{0.35\\linewidth}lrl}\n\\toprule\n"
              "claim & predicate & verdict & n & estimate \\\\\n\\midrule\n", out);
    for (int i = 0; i < n; i++) {
        const struct decision *d = list[i].decision;
        char estimate[ESTIMATE_TEXT];
        estimate_format(estimate, d);
        latex_text(out, list[i].id);
        fputs(" & ", out);
        latex_text(out, list[i].predicate);
        fprintf(out, " & %s & %d & ", verdict_names[d->verdict], d->n);
        latex_text(out, estimate);
        fputs(" \\\\\n", out);
    }
    if (n) fputs("\\bottomrule\n\\end{tabular}\n", out);
    free(list);
}

static void latex_write(FILE *out, const struct table *t)
{
    struct cells line;
    char *caption = caption_text(t);
    fputs("% needs booktabs\n\\begin{table}\n\\centering\n\\begin{tabular}{lr*{6}{c}l}\n\\toprule\n", out);
    cells_title(&line);
    latex_line(out, &line);
    fputs("\\midrule\n", out);
    for (int i = 0; i < t->e.n_rows; i++) {
        cells_row(&line, t, i);
        latex_line(out, &line);
    }
    fputs("\\bottomrule\n\\end{tabular}\n", out);
    latex_claims(out, t);
    fputs("\\caption{", out);
    latex_text(out, caption);
    fprintf(out, "}\n\\label{tab:%s}\n\\end{table}\n", t->e.name);
    free(caption);
}

/* ---- files ---- */

FILE *text_stream(char **text, size_t *bytes)
{
    FILE *stream = open_memstream(text, bytes);
    if (!stream) die("cannot make a text stream: %s (free some memory)", strerror(errno));
    return stream;
}

void text_stream_end(FILE *stream)
{
    if (fclose(stream)) die("cannot write a text stream: %s (free some memory)", strerror(errno));
}

void table_write(const struct table *t, const char *folder)
{
    static const struct { const char *suffix; void (*write)(FILE *, const struct table *); } files[] = {
        { ".csv", csv_rows },          { ".md", markdown_write },     { ".tex", latex_write },
        { "_claims.csv", csv_claims },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text, *path = text_format("%s/%s%s", folder, t->e.name, files[i].suffix);
        size_t bytes;
        FILE *out = text_stream(&text, &bytes);
        files[i].write(out, t);
        text_stream_end(out);
        if (!file_write_atomic(path, text, bytes))
            die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
        free(text);
        free(path);
    }
}
