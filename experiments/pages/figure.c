/* SPDX-License-Identifier: MIT
 *
 * figure.c -- from a table's CSV files to the data of its figure.
 */
#include "figure.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../suite/experiment.h"
#include "../../engine/collapse/simsiam_collapse.h"
#include "../../engine/config.h"
#include "../../engine/stats.h"

enum { COLUMNS_MAX = 64 };
static const char again[] = "make the table again";
/* A mean of negative cosines is at most so; a loss above it is another quantity. */
static const double COSINES_MOST = 1;

/* A CSV file whose fields hold neither comma nor quote: names of rows, states and numbers. */
struct csv {
    char *path, *text;             /* the file's content, cut up in place */
    int n_columns, n_lines;
    const char *title[COLUMNS_MAX];
    const char *(*line)[COLUMNS_MAX];          /* [n_lines], without the titles */
};

/* ---- reading ----------------------------------------------------------------------------- */

/* Cuts a line at its commas; returns the number of fields. */
static int fields_cut(const char *field[COLUMNS_MAX], char *line, const char *path, int number)
{
    if (strchr(line, '"'))
        die_user("%s:%d: a quote, which no name or number has (%s)", path, number, again);
    int n = 0;
    for (char *next = line; next; n++) {
        if (n == COLUMNS_MAX)
            die_user("%s:%d: over %d columns (%s)", path, number, COLUMNS_MAX, again);
        field[n] = strsep(&next, ",");
    }
    return n;
}

static void csv_open(struct csv *c, const char *folder, const char *name)
{
    *c = (struct csv){ .path = text_format("%s/%s.csv", folder, name) };
    c->text = file_read_own(c->path, NULL);
    if (!c->text)
        die("cannot read %s: %s (make the table first: simsiam table)", c->path, strerror(errno));
    size_t lines = 1;
    for (const char *at = c->text; *at; at++) lines += *at == '\n';
    c->line = host_alloc(lines, sizeof *c->line);
    char *next = c->text, *line = strsep(&next, "\n");
    c->n_columns = fields_cut(c->title, line, c->path, 1);
    while (next && *next) {
        line = strsep(&next, "\n");
        const int number = c->n_lines + 2;
        const int n = fields_cut(c->line[c->n_lines], line, c->path, number);
        if (n != c->n_columns)
            die_user("%s:%d: %d fields where the first line has %d (%s)", c->path, number, n,
                     c->n_columns, again);
        c->n_lines++;
    }
}

static void csv_close(struct csv *c)
{
    free(c->path);
    free(c->text);
    free(c->line);
}

static int column_of(const struct csv *c, const char *title)
{
    for (int k = 0; k < c->n_columns; k++)
        if (!strcmp(c->title[k], title)) return k;
    die_user("%s:1: there is no column %s (%s)", c->path, title, again);
}

/* The number in a field, NaN if it is empty. */
static double number_at(const struct csv *c, int line, int column)
{
    const char *const text = c->line[line][column];
    double x = NAN;
    if (*text && !config_number(text, &x))
        die_user("%s:%d: %s is no number: %s (%s)", c->path, line + 2, c->title[column], text,
                 again);
    return x;
}

/* A name that gnuplot is given within quotes, in a command too: of letters, digits, _ . - alone, as
 * rows are named, and states with blanks. */
static const char *word_at(const struct csv *c, int line, int column)
{
    static const char letters[] =
        " _.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *const word = c->line[line][column];
    if (!*word || word[strspn(word, letters)])
        die_user("%s:%d: %s is no name: %s (%s)", c->path, line + 2, c->title[column], word, again);
    return word;
}

/* ---- over the seeds ---------------------------------------------------------------------- */

/* One line of the curves: a row's epoch with one seed. */
struct point { int row, epoch, line, seed; };
struct curves {
    struct csv csv;
    int measure[COLUMNS_MAX], n_measures;      /* columns of measures */
    struct point *point;           /* [n], by row, then epoch */
    int n;
};

static int point_compare(const void *a, const void *b)
{
    const struct point *const p = a, *const q = b;
    if (p->row != q->row) return p->row < q->row ? -1 : 1;
    if (p->epoch != q->epoch) return p->epoch < q->epoch ? -1 : 1;
    return p->line < q->line ? -1 : p->line > q->line;         /* the seeds' order: the same sum */
}

/* How many seeds a row has points of. */
static int seeds_count(const struct curves *c, int row)
{
    int seed[SEEDS_MAX], n = 0;
    for (int i = 0; i < c->n; i++) {
        int k = 0;
        if (c->point[i].row != row) continue;
        while (k < n && seed[k] != c->point[i].seed) k++;
        if (k == n && n < SEEDS_MAX) seed[n++] = c->point[i].seed;
    }
    return n;
}

static bool is_among(const struct seeds *seeds, int seed)
{
    for (int i = 0; i < seeds->n; i++)
        if (seeds->v[i] == seed) return true;
    return false;
}

/* The curves of a row that its line in the table is of: all, if they are so many, else those of the
 * seeds that were asked for. */
static void seeds_choose(struct curves *c, const struct csv *rows, int row,
                         const struct seeds *seeds)
{
    const double n = number_at(rows, row, column_of(rows, "n"));
    if (seeds_count(c, row) == n) return;
    int kept = 0;
    for (int i = 0; i < c->n; i++)
        if (c->point[i].row != row || is_among(seeds, c->point[i].seed))
            c->point[kept++] = c->point[i];
    c->n = kept;
    const int left = seeds_count(c, row);
    if (left != n)
        die_user("%s: row %s has curves of %d of these seeds, and %s shows %g (give --seeds as to "
                 "the table, or %s)", c->csv.path, rows->line[row][column_of(rows, "row")], left,
                 rows->path, n, again);
}

static void curves_open(struct curves *c, const char *folder, const char *name,
                        const struct csv *rows)
{
    char *file = text_format("%s_curves", name);
    csv_open(&c->csv, folder, file);
    free(file);
    const int row = column_of(&c->csv, "row"), epoch = column_of(&c->csv, "epoch");
    const int seed = column_of(&c->csv, "seed"), name_at = column_of(rows, "row");
    c->n_measures = 0;
    for (int k = 0; k < c->csv.n_columns; k++)
        if (measure_find(c->csv.title[k], MEASURE_TRAINED | MEASURE_MONITORED))
            c->measure[c->n_measures++] = k;
    c->n = c->csv.n_lines;
    c->point = host_alloc((size_t)c->n + 1, sizeof *c->point);
    for (int i = 0; i < c->n; i++) {
        int r = 0;
        while (r < rows->n_lines && strcmp(rows->line[r][name_at], c->csv.line[i][row])) r++;
        const double e = number_at(&c->csv, i, epoch), s = number_at(&c->csv, i, seed);
        if (r == rows->n_lines)
            die_user("%s:%d: row %s is not in %s (%s)", c->csv.path, i + 2, c->csv.line[i][row],
                     rows->path, again);
        if (!(e >= 0 && e <= 1e6))
            die_user("%s:%d: no epoch: %s (%s)", c->csv.path, i + 2, c->csv.line[i][epoch], again);
        if (!(s >= 0 && s <= INT_MAX))
            die_user("%s:%d: no seed: %s (%s)", c->csv.path, i + 2, c->csv.line[i][seed], again);
        c->point[i] = (struct point){ r, (int)e, i, (int)s };
    }
    qsort(c->point, (size_t)c->n, sizeof *c->point, point_compare);
}

static void curves_close(struct curves *c)
{
    csv_close(&c->csv);
    free(c->point);
}

/* The end of the points that are of the same row, and epoch, as point i. */
static int epoch_end(const struct curves *c, int i)
{
    const struct point *const p = &c->point[i];
    int end = i;
    while (end < c->n && c->point[end].row == p->row && c->point[end].epoch == p->epoch)
        end++;
    return end;
}

/* A measure over the seeds at points [i, end). */
static struct spread spread_at(const struct curves *c, int i, int end, int column)
{
    double x[SEEDS_MAX];
    if (end - i > SEEDS_MAX)
        die_user("%s:%d: over %d seeds at one epoch (%s)", c->csv.path, c->point[i].line + 2,
                 SEEDS_MAX, again);
    for (int k = i; k < end; k++)
        x[k - i] = number_at(&c->csv, c->point[k].line, column);
    return spread_of(x, end - i);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void number_write(FILE *out, double x)
{
    if (isfinite(x)) fprintf(out, " %.9g", x);
    else fputs(" NaN", out);
}

static void spread_write(FILE *out, double mean, double std)
{
    number_write(out, mean);
    number_write(out, isfinite(mean) && isnan(std) ? 0 : std);  /* one seed */
}

/* Of a row: how many epochs have the measure, and its largest mean. */
static int epochs_with(const struct curves *c, int row, int column, double *most)
{
    int n = 0;
    *most = -INFINITY;
    for (int i = 0, end; i < c->n; i = end) {
        end = epoch_end(c, i);
        if (c->point[i].row != row) continue;
        const double mean = spread_at(c, i, end, column).mean;
        n += isfinite(mean);
        if (mean > *most) *most = mean;
    }
    return n;
}

/* The line of the untrained row, which is no curve; -1 without. */
static int untrained_line(const struct csv *rows)
{
    const int name = column_of(rows, "row");
    int r = rows->n_lines - 1;
    while (r >= 0 && strcmp(rows->line[r][name], untrained_name)) r--;
    return r;
}

static void rows_write(FILE *out, const struct csv *rows, const struct curves *c)
{
    const int reference = untrained_line(rows);
    int place = 0;
    const int name = column_of(rows, "row"), n = column_of(rows, "n");
    const int paper = column_of(rows, "paper");
    const int mean = column_of(rows, "linear_mean"), std = column_of(rows, "linear_std");
    const int state = column_of(rows, "state"), loss = column_of(&c->csv, "loss");
    fputs("# rows\nrow place n paper linear_mean linear_std state right", out);
    for (int m = 0; m < c->n_measures; m++)
        fprintf(out, " %s_points", c->csv.title[c->measure[m]]);
    for (int r = 0; r < rows->n_lines; r++) {
        double most;
        if (r == reference) continue;
        fprintf(out, "\n\"%s\" %d", word_at(rows, r, name), ++place);
        number_write(out, number_at(rows, r, n));
        number_write(out, number_at(rows, r, paper));
        spread_write(out, number_at(rows, r, mean), number_at(rows, r, std));
        epochs_with(c, r, loss, &most);
        fprintf(out, " \"%s\" %d", word_at(rows, r, state), most > COSINES_MOST);
        for (int m = 0; m < c->n_measures; m++)
            fprintf(out, " %d", epochs_with(c, r, c->measure[m], &most));
    }
    fputs("\n\n\n", out);
}

static void curve_write(FILE *out, const char *name, const struct curves *c, int row)
{
    fprintf(out, "# curves of %s\nepoch", name);
    for (int m = 0; m < c->n_measures; m++) {
        const char *const title = c->csv.title[c->measure[m]];
        fprintf(out, " %s_mean %s_std", title, title);
    }
    fputc('\n', out);
    for (int i = 0, end; i < c->n; i = end) {
        end = epoch_end(c, i);
        if (c->point[i].row != row) continue;
        fprintf(out, "%d", c->point[i].epoch);
        for (int m = 0; m < c->n_measures; m++) {
            const struct spread s = spread_at(c, i, end, c->measure[m]);
            spread_write(out, s.mean, s.std);
        }
        fputc('\n', out);
    }
    fputs("\n\n", out);
}

/* One line: the table's numbers, and the measures at its only epoch. */
static void untrained_write(FILE *out, const struct csv *rows, const struct curves *c)
{
    const int r = untrained_line(rows);
    fputs("# untrained\nthere n linear_mean linear_std", out);
    for (int m = 0; m < c->n_measures; m++) fprintf(out, " %s_mean", c->csv.title[c->measure[m]]);
    fprintf(out, "\n%d", r >= 0);
    number_write(out, r < 0 ? 0 : number_at(rows, r, column_of(rows, "n")));
    spread_write(out, r < 0 ? NAN : number_at(rows, r, column_of(rows, "linear_mean")),
                 r < 0 ? NAN : number_at(rows, r, column_of(rows, "linear_std")));
    int i = 0;
    while (i < c->n && c->point[i].row != r) i++;
    for (int m = 0; m < c->n_measures; m++)
        number_write(out, i < c->n ? spread_at(c, i, epoch_end(c, i), c->measure[m]).mean : NAN);
    fputs("\n\n\n", out);
}

void figure_write(FILE *out, const char *folder, const char *name, const struct seeds *seeds)
{
    struct csv rows;
    struct curves curves;
    csv_open(&rows, folder, name);
    curves_open(&curves, folder, name, &rows);
    for (int r = 0; r < rows.n_lines; r++) seeds_choose(&curves, &rows, r, seeds);
    fprintf(out, "# thresholds\nstd share\n%g %g\n\n\n", simsiam_rule_standard.spread,
            simsiam_rule_standard.share);
    rows_write(out, &rows, &curves);
    const int row = column_of(&rows, "row");
    for (int r = 0; r < rows.n_lines; r++)
        if (r != untrained_line(&rows)) curve_write(out, rows.line[r][row], &curves, r);
    untrained_write(out, &rows, &curves);
    curves_close(&curves);
    csv_close(&rows);
}
