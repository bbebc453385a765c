/* SPDX-License-Identifier: MIT
 *
 * look_html.c -- a page of HTML: escapes, grids, statements, and drawings inside it.
 */
#include "look_html.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ----------------------------------------------------------------------------------- */

static void letter(FILE *out, char c)
{
    static const struct { char from; const char *to; } escapes[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" },
    };
    size_t i = 0;
    while (i < sizeof escapes / sizeof *escapes && escapes[i].from != c) i++;
    if (i < sizeof escapes / sizeof *escapes)
        fputs(escapes[i].to, out);
    else
        fputc(c, out);
}

/* A text of whatever origin, disarmed but for its ends of lines, which <pre> shows. */
static char *plain_text(const char *text)
{
    char *const copy = text_format("%s", text);
    for (char *line = copy, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end = 0;
        text_disarm(line);
        if (end) *end++ = '\n';
    }
    return copy;
}

void html(FILE *out, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    for (; *format; format++) {
        if (*format != '%') {
            fputc(*format, out);
            continue;
        }
        format++;
        assert(strchr("sd%", *format));
        if (*format == 's') {
            char *const text = plain_text(va_arg(values, const char *));
            for (const char *at = text; *at; at++) letter(out, *at);
            free(text);
        } else if (*format == 'd')
            fprintf(out, "%d", va_arg(values, int));
        else
            fputc('%', out);
    }
    va_end(values);
}

/* A text, escaped, a hyphen before a digit as a minus sign. */
static void html_number(FILE *out, const char *text)
{
    char *const plain = plain_text(text);
    for (const char *at = plain; *at; at++) {
        if (is_minus(plain, at)) fputs("−", out);
        else letter(out, *at);
    }
    free(plain);
}

/* A verdict as sign, colour and word. */
static void verdict_put(FILE *out, enum verdict verdict)
{
    static const struct { const char *class, *sign; } looks[] = {
        [VERDICT_HOLDS] = { "holds", "✓" }, [VERDICT_FAILS] = { "fails", "✗" },
        [VERDICT_MIXED] = { "mixed", "≈" },
        [VERDICT_INCONCLUSIVE] = { "open", "?" }, [VERDICT_NOT_RUN] = { "none", "–" },
    };
    html(out, "<span class=\"verdict %s\"><span aria-hidden=\"true\">%s</span> %s</span>",
         looks[verdict].class, looks[verdict].sign, verdict_names[verdict]);
}

/* ---- grids ----------------------------------------------------------------------------------- */

void html_box(FILE *out, const char *label, const char *name)
{
    html(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s of %s\">"
              "<table>\n", label, name);
}

static bool is_right(enum cell_kind kind)
{
    return kind == CELL_COUNT || kind == CELL_VALUE;
}

static void cell(FILE *out, const struct grid *g, int line, int column)
{
    char room[CELL];
    const char *text = grid_text(room, g, line, column);
    const enum cell_kind kind = g->column[column].kind;
    if ((kind == CELL_VALUE || kind == CELL_NUMBER) && !strcmp(text, "-")) text = "–";
    if (kind == CELL_NAME) {
        html(out, "<th scope=\"row\">%s</th>", text);
    } else if (kind == CELL_CLAIM) {
        char *claim = text_format("%.*s", (int)strcspn(text, "."), text);    /* a part: its claim */
        html(out, "<th scope=\"row\"><a href=\"#claim-%s\">%s</a></th>", claim, text);
        free(claim);
    } else if (kind == CELL_CODE) {
        html(out, "<td><code>%s</code></td>", text);
    } else if (kind == CELL_VERDICT) {
        fputs("<td>", out);
        verdict_put(out, g->line[line].cell[column].decision->verdict);
        fputs("</td>", out);
    } else {
        fputs(is_right(kind) ? "<td class=\"n\">"
              : kind == CELL_NOTE ? "<td class=\"text\">" : "<td>", out);
        html_number(out, text);
        fputs("</td>", out);
    }
}

/* A line without numbers says why in place of its last ones; where no numbers are last, in place
 * of all but its name. */
static void grid(FILE *out, const struct grid *g)
{
    static const char *const labels[] = { [GRID_NUMBERS] = "numbers", [GRID_EVIDENCE] = "evidence",
                                          [GRID_WORK] = "work", [GRID_CLAIMS] = "claims" };
    int order[COLUMNS_MAX], last = 0;
    const int n = columns_of(order, g, LOOK_HTML);
    while (last < n && g->column[order[n - 1 - last]].kind == CELL_NUMBER) last++;
    html_box(out, labels[g->kind], g->table);
    fputs("<thead><tr>", out);
    for (int c = 0; c < n; c++) {
        const struct column *column = &g->column[order[c]];
        fputs(is_right(column->kind) ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">",
              out);
        html(out, "%s</th>", column->title);
    }
    fputs("</tr></thead>\n<tbody>", out);
    for (int i = 0; i < g->n_lines; i++) {
        const char *why = g->line[i].why;
        const int taken = !why ? 0 : last ? last : n - 1;
        fputs("<tr>", out);
        for (int c = 0; c < n - taken; c++) cell(out, g, i, order[c]);
        if (taken) html(out, "<td colspan=\"%d\" class=\"soft\">%s</td>", taken, why);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>", out);
}

static void caption(FILE *out, const char *table, const char *const *lines)
{
    (void)table;
    fputs("<ul class=\"caption\">", out);
    for (; *lines; lines++) {
        fputs("<li>", out);
        html_number(out, *lines);
        fputs("</li>\n", out);
    }
    fputs("</ul>", out);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void answers_open(FILE *out, const struct tally *tally)
{
    fputs("<section id=\"claims\"><h2>The paper's statements</h2>\n<ul class=\"tally\">", out);
    for (int k = 0; k < VERDICTS; k++) {
        html(out, "<li><b>%d</b> ", tally->count[k]);
        verdict_put(out, (enum verdict)k);
        fputs("</li>\n", out);
    }
    const struct family *const f = tally->family;
    char wrong[CELL];
    snprintf(wrong, sizeof wrong, "%.2g", family_wrong(f));
    fputs(
        "</ul>\n<p class=\"soft\">A claim about numbers <em>holds</em> or <em>fails</em> where the "
        "interval over paired seeds decides it at a look that the scale declared beforehand, one "
        "about states where the seeds that have the state lead the others by three, or the others "
        "do; it is <em>mixed</em> where neither came within 15 seeds, <em>inconclusive</em> until "
        "then, and <em>not run</em> where there are no runs that may be compared.  An exact "
        "statement is decided by a unit test.</p>\n",
        out);
    html(out,
         "<p class=\"soft\">Decided: %d of %d numbers that a look has come for, %d of %d states, "
         "parts of conjunctions one by one. Expected to be wrong among them, on average and at "
         "most: %s, which is %d %% of the numbers and 1.5 %% of the %d rows of states (where two "
         "seeds in ten or eight have the state). BH: one of %d numbers that Benjamini and "
         "Hochberg's rule keeps at %d %% over all %d.</p>\n",
         f->numbers_decided, f->numbers, f->states_decided, f->states, wrong, PERCENT_ERROR,
         f->state_rows, f->kept, PERCENT_ERROR, f->numbers);
    fputs("<ol class=\"claims\">\n", out);
}

/* "linear with 42.8 ± 1.6, without 29.2 ± 0.3", "state without collapsed". */
static void ours(FILE *out, const struct table *t, const struct predicate *p)
{
    struct ours list[OURS_MAX];
    const int n = ours_of(list, t, p);
    for (int i = 0; i < n; i++) {
        const struct measure *m = list[i].metric;
        const struct row_result *row = &t->row[list[i].row];
        char number[CELL];
        if (m) cell_format(number, &row->number[m - measures], m->decimals);
        if (i && m == list[i - 1].metric) fputs(", ", out);
        else html(out, "%s%s ", i ? "; " : "", m ? m->name : "state");
        html(out, "<b>%s</b> ", t->e.row[list[i].row].name);
        html_number(out, m && row->n ? number : row->state);
    }
}

/* Numbers and words beside a verdict. */
static void decision(FILE *out, const struct listed *l, const struct family *f)
{
    const struct decision *const d = l->decision;
    char estimate[CELL], error[CELL];
    estimate_format(estimate, d);
    error_format(error, l, f);
    html_number(out, estimate);
    if (d->n) html(out, "%sn = %d", *estimate ? ", " : "", d->n);
    if (*error) html(out, ", %s", error);
    if (*d->reason && (*estimate || d->n)) fputs("; ", out);
    html_number(out, d->reason);
}

static void decided(FILE *out, const struct answer *a)
{
    const char *between = "<dt>here</dt><dd>";
    for (int i = 0; a->table->finished && i < a->n; i++) {
        if (!a->part[i].part) continue;        /* of a conjunction as a whole: its parts */
        fputs(between, out);
        ours(out, a->table, a->part[i].part);
        between = "<br>";
    }
    if (a->table->finished) fputs("</dd>\n", out);
    fputs("<dt>why</dt><dd>", out);
    decision(out, &a->part[0], a->family);
    fputs("</dd>\n", out);
    for (int i = 1; i < a->n; i++) {
        fputs("<dt>part</dt><dd>", out);
        verdict_put(out, a->part[i].decision->verdict);
        html(out, "<code>%s</code> ", a->part[i].predicate);
        decision(out, &a->part[i], a->family);
        fputs("</dd>\n", out);
    }
}

static void answer(FILE *out, const struct answer *a)
{
    const struct statement *s = a->statement;
    html(out, "<li id=\"claim-%s\">", a->id);
    verdict_put(out, a->verdict);
    html(out, "<div><p class=\"says\">%s</p>\n<p class=\"soft\">%s · %s", s->says, s->section,
         a->id);
    if (a->table) html(out, " · <a href=\"#%s\">%s</a>", s->table, s->table);
    if (*s->predicate) html(out, " · <code>%s</code>", s->predicate);
    fputs("</p>\n<dl>", out);
    if (*s->reported) {
        fputs("<dt>paper</dt><dd>", out);
        html_number(out, s->reported);
        html(out, " (%s, %%)</dd>\n", *s->metric ? s->metric : "ImageNet linear top-1");
    }
    if (a->table)
        decided(out, a);
    else if (!s->exact)
        html(out, "<dt>why</dt><dd>there is no experiment <code>%s</code> yet</dd>", s->table);
    else if (*s->test)
        html(out, "<dt>why</dt><dd>exact: decided by the test <code>%s</code></dd>", s->test);
    else
        fputs("<dt>why</dt><dd>exact: a test decides it, which is not written yet</dd>", out);
    fputs("</dl></div></li>\n", out);
}

static void answers_close(FILE *out)
{
    fputs("</ol></section>\n", out);
}

const struct look look_html = { .name = LOOK_HTML,
                                .grid = grid,
                                .caption = caption,
                                .answers_open = answers_open,
                                .answer = answer,
                                .answers_close = answers_close };

/* ---- drawings -------------------------------------------------------------------------------- */

bool html_svg(FILE *out, const char *svg, const char *prefix)
{
    static const struct { const char *from, *to; } left_out[] = {
        { "<title>", "</title>" }, { "<desc>", "</desc>" },
        { "xmlns=\"", "\"" }, { "xmlns:xlink=\"", "\"" },
    };
    enum { LEFT_OUT = sizeof left_out / sizeof *left_out };
    static const char *const named[] = { " id='", " id=\"", "href='#", "href=\"#", "url(#" };
    const char *at = strstr(svg, "<svg"), *end = at ? strstr(at, "</svg>") : NULL;
    if (!end) return false;
    while (at < end) {
        size_t i = 0, k = 0;
        while (i < LEFT_OUT && strncmp(at, left_out[i].from, strlen(left_out[i].from))) i++;
        if (i < LEFT_OUT) {
            const char *close = strstr(at + strlen(left_out[i].from), left_out[i].to);
            at = close && close < end ? close + strlen(left_out[i].to) : end;
            continue;
        }
        while (k < sizeof named / sizeof *named && strncmp(at, named[k], strlen(named[k]))) k++;
        if (k < sizeof named / sizeof *named) {
            fputs(named[k], out);
            word_put(out, prefix);
            fputc('-', out);
            at += strlen(named[k]);
        } else {
            fputc(*at++, out);
        }
    }
    fputs("</svg>\n", out);
    return true;
}
