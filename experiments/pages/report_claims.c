/* SPDX-License-Identifier: MIT
 *
 * report_claims.c -- the report's first section: every statement of the paper with its verdict.
 */
#include "report.h"
#include "claims_write.h"
#include "table_csv.h"
#include <stdlib.h>
#include <string.h>

static bool is_of_state(const struct predicate *p)
{
    return p->kind >= CLAIM_COLLAPSE;
}

/* "linear with 42.8 ± 1.6, without 29.2 ± 0.3", "state without collapsed": ours, of the rows of a part. */
static void ours_write(FILE *out, const struct table *t, const struct predicate *p)
{
    const uint32_t rows = predicate_rows(p);
    const bool two = p->kind == CLAIM_GREATER && p->metric != p->other_metric;
    for (int pass = 0; pass <= two; pass++) {
        const struct measure *const m = pass ? p->other_metric : p->metric;
        fprintf(out, "%s%s", pass ? "; " : "", is_of_state(p) ? "state" : m->name);
        const char *between = " ";
        for (int i = 0; i < t->e.n_rows; i++) {
            if (!(rows >> i & 1)) continue;
            char cell[CELL];
            if (!t->row[i].n || is_of_state(p))
                snprintf(cell, sizeof cell, "%s", t->row[i].state);
            else
                cell_format(cell, &t->row[i].number[m - measures], m->decimals);
            fprintf(out, "%s<b>", between);
            html_text(out, t->e.row[i].name);
            fputs("</b> ", out);
            html_number(out, cell);
            between = ", ";
        }
    }
}

/* Numbers and words beside a verdict; of a part its own verdict in front. */
static void decision_write(FILE *out, const struct decision *d)
{
    char estimate[ESTIMATE_TEXT];
    estimate_format(estimate, d);
    html_number(out, estimate);
    if (d->n) fprintf(out, "%sn = %d", *estimate ? ", " : "", d->n);
    if (*d->reason) {
        if (*estimate || d->n) fputs("; ", out);
        html_number(out, d->reason);
    }
}

static void decided_write(FILE *out, const struct table *t, int c)
{
    const struct claim *claim = &t->e.claim[c];
    if (t->finished) fputs("<dt>here</dt><dd>", out);
    for (int p = 0; t->finished && p < claim->n; p++) {
        fputs(p ? "<br>" : "", out);
        ours_write(out, t, &claim->part[p]);
    }
    if (t->finished) fputs("</dd>\n", out);
    fputs("<dt>why</dt><dd>", out);
    decision_write(out, &t->claim[c].whole);
    fputs("</dd>\n", out);
    struct listed list[1 + PARTS_MAX];
    const int n = claim_list(list, t, c);
    for (int i = 1; i < n; i++) {
        fputs("<dt>part</dt><dd>", out);
        html_verdict(out, list[i].decision->verdict);
        fputs("<code>", out);
        html_text(out, list[i].predicate);
        fputs("</code> ", out);
        decision_write(out, list[i].decision);
        fputs("</dd>\n", out);
    }
}

static struct place place_of(const struct report *r, const char *id)
{
    return statement_place((const struct table *const *)r->table, r->n, id);
}

static void statement_write(FILE *out, const struct report *r, const struct named_statement *v)
{
    const struct statement *s = &v->statement;
    const struct place place = place_of(r, v->id);
    fprintf(out, "<li id=\"claim-%s\">", v->id);
    html_verdict(out, statement_verdict(s, &place));
    fputs("<div><p class=\"says\">", out);
    html_text(out, s->says);
    fputs("</p>\n<p class=\"soft\">", out);
    html_text(out, s->section);
    fputs(" · ", out);
    html_text(out, v->id);
    if (place.table) fprintf(out, " · <a href=\"#%s\">%s</a>", s->table, s->table);
    if (*s->predicate) {
        fputs(" · <code>", out);
        html_text(out, s->predicate);
        fputs("</code>", out);
    }
    fputs("</p>\n<dl>", out);
    if (*s->reported) {
        fputs("<dt>paper</dt><dd>", out);
        html_number(out, s->reported);
        fputs(" (", out);
        html_text(out, *s->metric ? s->metric : "ImageNet linear top-1");
        fputs(", %)</dd>\n", out);
    }
    if (place.table) {
        decided_write(out, place.table, place.index);
    } else if (s->exact) {
        fputs("<dt>why</dt><dd>", out);
        if (*s->test) {
            fputs("exact: decided by the test <code>", out);
            html_text(out, s->test);
            fputs("</code>", out);
        } else {
            fputs("exact: a test decides it, which is not written yet", out);
        }
        fputs("</dd>", out);
    } else {
        fputs("<dt>why</dt><dd>there is no experiment <code>", out);
        html_text(out, s->table);
        fputs("</code> yet</dd>", out);
    }
    fputs("</dl></div></li>\n", out);
}

void report_claims(FILE *out, const struct report *r)
{
    int count[VERDICT_NOT_RUN + 1] = { 0 };
    for (const struct named_statement *v = r->paper.v; v->id; v++) {
        const struct place place = place_of(r, v->id);
        count[statement_verdict(&v->statement, &place)]++;
    }
    fputs("<section id=\"claims\"><h2>The paper's statements</h2>\n<ul class=\"tally\">", out);
    for (int k = 0; k <= VERDICT_NOT_RUN; k++) {
        fprintf(out, "<li><b>%d</b> ", count[k]);
        html_verdict(out, (enum verdict)k);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n<p class=\"soft\">A claim <em>holds</em> or <em>fails</em> where a 95&nbsp;% interval over "
          "paired seeds decides it; it is <em>inconclusive</em> where the interval does not, and <em>not run</em> "
          "where there are no runs that may be compared.  An exact statement is decided by a unit test.</p>\n"
          "<ol class=\"claims\">\n", out);
    for (const struct named_statement *v = r->paper.v; v->id; v++) statement_write(out, r, v);
    fputs("</ol></section>\n", out);
}
