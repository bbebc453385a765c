/* SPDX-License-Identifier: MIT
 *
 * page.c -- what all looks share: cells as text, the order of columns, lines.
 */
#include "page.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- grids ----------------------------------------------------------------------------------- */

int columns_of(int order[COLUMNS_MAX], const struct grid *g, enum look_name look)
{
    int n = 0;
    for (int at = 1; at <= COLUMNS_MAX; at++)
        for (int c = 0; c < g->n_columns; c++)
            if (g->column[c].at[look] == at) order[n++] = c;
    return n;
}

void cell_format(char cell[CELL], const struct spread *s, int decimals)
{
    if (!isfinite(s->mean))
        snprintf(cell, CELL, "-");
    else if (!isfinite(s->std))
        snprintf(cell, CELL, "%.*f", decimals, s->mean);
    else
        snprintf(cell, CELL, "%.*f ± %.*f", decimals, s->mean, decimals, s->std);
}

void estimate_format(char text[CELL], const struct decision *d)
{
    text[0] = 0;
    if (isfinite(d->low) && isfinite(d->high))
        snprintf(text, CELL, "%.3g [%.3g, %.3g]", d->estimate, d->low, d->high);
    else if (isfinite(d->estimate) && !d->counted)
        snprintf(text, CELL, "%.3g", d->estimate);
}

const char *grid_text(char room[CELL], const struct grid *g, int line, int column)
{
    const struct column *what = &g->column[column];
    if (line < 0) return what->title;
    const struct cell *cell = &g->line[line].cell[column];
    switch (what->kind) {
    case CELL_COUNT: snprintf(room, CELL, "%d", cell->count); return room;
    case CELL_VALUE:
    case CELL_NUMBER: cell_format(room, &cell->number, what->decimals); return room;
    case CELL_ESTIMATE: estimate_format(room, cell->decision); return room;
    case CELL_VERDICT: return verdict_names[cell->decision->verdict];
    default: return cell->text;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

double family_wrong(const struct family *f)
{
    return f->numbers * PERCENT_ERROR / 100.0 + f->state_rows * STATE_ERROR;
}

bool family_keeps(const struct family *f, const struct listed *l)
{
    const struct decision *const d = l->decision;
    return l->part && d->verdict <= VERDICT_MIXED && d->p <= f->threshold;
}

void error_format(char text[CELL], const struct listed *l, const struct family *f)
{
    const struct decision *const d = l->decision;
    const bool decided = d->verdict <= VERDICT_MIXED;
    text[0] = 0;
    if (isfinite(d->p))
        snprintf(text, CELL, "p %.2g%s", d->p, family_keeps(f, l) ? " BH" : "");
    else if (decided && isfinite(d->error))
        snprintf(text, CELL, "error %.2g", d->error);
}

int ours_of(struct ours list[OURS_MAX], const struct table *t, const struct predicate *p)
{
    if (p->kind == CLAIM_GREATER && p->metric != p->other_metric) {
        list[0] = (struct ours){ p->metric, p->row };
        list[1] = (struct ours){ p->other_metric, p->other };
        return 2;
    }
    const uint32_t rows = predicate_rows(p);
    const struct measure *metric = p->kind >= CLAIM_COLLAPSE ? NULL : p->metric;
    int n = 0;
    for (int i = 0; i < t->e.n_rows; i++)
        if (rows >> i & 1) list[n++] = (struct ours){ metric, i };
    return n;
}

/* ---- texts ----------------------------------------------------------------------------------- */

bool is_minus(const char *start, const char *text)
{
    return *text == '-' && isdigit((unsigned char)text[1]) &&
           (text == start || !isalnum((unsigned char)text[-1]));
}

void word_put(FILE *out, const char *name)
{
    for (; *name; name++) fputc(isalnum((unsigned char)*name) || strchr("_.:", *name) ? *name : '-', out);
}

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

const char **lines_of(char *text)
{
    size_t n = 0;
    for (const char *at = text; *at; at++) n += *at == '\n';
    const char **lines = host_alloc(n + 2, sizeof *lines);
    n = 0;
    while (text && *text) lines[n++] = strsep(&text, "\n");
    return lines;
}

bool lines_have(const char *const *lines, const char *line)
{
    for (; *lines; lines++)
        if (!strcmp(*lines, line)) return true;
    return false;
}
