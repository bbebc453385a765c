/* SPDX-License-Identifier: MIT
 *
 * table_caption.c -- what a table's caption says: the sizes, the rules of its states, where its
 * numbers come from.
 */
#include "table_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/collapse/simsiam_collapse.h"

/* kNN before training, of the first row that has it: a backbone that was never trained is not at
 * chance. */
static struct spread untrained_knn(const struct table *t)
{
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row_result *row = &t->row[i];
        double x[SEEDS_MAX];
        int n = 0;
        for (int r = 0; r < row->n; r++)
            if (row->run[r].n_curve && row->run[r].curve[0].epoch == 0)
                x[n++] = row->run[r].curve[0].knn;
        if (n) return spread_of(x, n);
    }
    return spread_of(NULL, 0);
}

/* " code aabbccdd 11223344": each different text that the runs have at `offset`. */
static void hashes_print(FILE *out, const struct table *t, const char *title, size_t offset)
{
    const char *seen[ROWS_MAX * 2];
    int n = 0;
    fprintf(out, " %s", title);
    for (int i = 0; i < t->e.n_rows; i++) {
        for (int r = 0; r < t->row[i].n && n < ROWS_MAX * 2; r++) {
            const char *hash = (const char *)&t->row[i].run[r] + offset;
            int k = 0;
            while (k < n && strcmp(seen[k], hash)) k++;
            if (k < n) continue;
            seen[n++] = hash;
            fprintf(out, " %.8s", hash);
        }
    }
}

/* The rule of `unstable`, where there is a baseline. */
static void stability_print(FILE *out, const struct table *t)
{
    if (t->e.baseline < 0) return;
    fprintf(out, "Unstable: the loss's noise from step to step, averaged over the epochs, is over %d times "
                 "that of the same seed in row %s, where method, batch and distance are the same; the ratio is the "
                 "column oscillation.\n", UNSTABLE_RATIO, t->e.row[t->e.baseline].name);
}

/* "loss: ...; kNN: ..." of the measures of a kind: those of a whole run, or of an epoch. */
static void sentences_print(FILE *out, unsigned kind, bool end, const char *stop)
{
    const struct measure *list[MEASURES_MAX];
    const int n = measures_of(list, kind);
    const char *between = "";
    for (int i = 0; i < n; i++) {
        if (!list[i]->sentence || !(list[i]->is & MEASURE_END) == end) continue;
        fprintf(out, "%s%s", between, list[i]->sentence);
        between = "; ";
    }
    fputs(stop, out);
}

/* What the rows set, each beside what stands above them all. */
static void rows_print(FILE *out, const struct table *t)
{
    const char *between = "Rows set, beside the scale and the table: ";
    for (int i = 0; i < t->e.n_rows; i++) {
        if (!*t->e.row[i].own || i == t->e.untrained) continue;
        fprintf(out, "%s%s (%s)", between, t->e.row[i].name, t->e.row[i].own);
        between = ", ";
    }
    if (*between == ',') fputs(".\n", out);
    if (t->e.untrained >= 0)
        fputs("Row untrained is a reference, the scale's network before its first step, measured as "
              "the others are; no `each`, `every row` or `any row` includes it.\n", out);
}

/* What no number of seeds takes away: that the images are themselves a sample. */
static void sampling_print(FILE *out, const struct table *t)
{
    /* Of differences between paired rows: measured at 2,000 images, 0.5 to 0.65 points. */
    enum { MEASURED_AT = 2000 };
    const double measured = 0.65;
    const int linear = (int)(measure_find("linear", MEASURE_COLUMN) - measures);
    int images = 0;
    for (int i = 0; i < t->e.n_rows; i++) {
        const double p = t->row[i].number[linear].mean / 100;
        if (!isfinite(p)) continue;
        const struct settings *const s = &t->e.row[i].settings;
        const int n = settings_has_test(s) ? s->test_count : s->monitor_count;
        if (!images)
            fprintf(out, "The %d images that linear is measured on are the same for all seeds, and "
                         "a sample themselves: that adds sqrt(p(1 - p)/%d) to an accuracy p, in "
                         "points ", n, n);
        fprintf(out, "%s%.1f (%s)", images ? ", " : "", 100 * sqrt(p * (1 - p) / n),
                t->e.row[i].name);
        images = n;
    }
    if (images)
        fprintf(out, ", and to a difference of two rows about %.2g at most, which no number of "
                     "seeds takes away.\n", measured * sqrt((double)MEASURED_AT / images));
}

/* "95 % at 3 seeds" */
static void looks_print(FILE *out, const struct looks *looks)
{
    fputs("Numbers are decided ", out);
    for (int k = 0; k < looks->n; k++)
        fprintf(out, "%sat %d seeds by the interval of %.3g %%", k ? ", " : "", looks->seeds[k],
                100 * (1 - looks->error[k]));
    if (looks->n)
        fputs(" (Student's t over seeds 1 to n, differences paired by seed), at the first look that "
              "decides; the interval shown is that look's.\n", out);
    else
        fputs("never at this scale, which declares no looks; intervals: 95 %, Student's t over "
              "seeds, differences paired by seed.\n", out);
    fprintf(out, "States are decided once the seeds that have one lead those that have it not by "
                 "%d, or the others do; mixed if neither comes within %d seeds.  Runs near the "
                 "threshold count for neither side.\n", STATE_LEAD, STATE_SEEDS);
}

static void collapse_print(FILE *out, const struct table *t)
{
    const struct simsiam_rule *const rule = &simsiam_rule_standard;
    fprintf(out, "Collapsed: std·√d <= %g and view share under the scale's views >= %g, or std·√d <= "
                 "%g.\n", rule->spread, rule->share, rule->dead);
    bool few = false;
    for (int i = 0; i < t->e.n_rows; i++) few = few || t->row[i].dimensional;
    if (few)
        fputs("Dimensional: a seed of the row uses few directions (docs/detector.md); it counts as "
              "not collapsed.\n", out);
}

static void caption_print(FILE *out, const struct table *t)
{
    const size_t title = strlen(t->e.title);
    fprintf(out, "%s%s\n", t->e.title, title && strchr(".?!", t->e.title[title - 1]) ? "" : ".");
    fprintf(out, "Scale %s: %s\n", t->e.scale, t->e.caption);
    rows_print(out, t);
    sentences_print(out, MEASURE_COLUMN, true, ".\n");
    sentences_print(out, MEASURE_COLUMN, false, ".  ");
    sentences_print(out, MEASURE_EVIDENCE, false, ".\n");
    if (*t->e.published) fprintf(out, "published: %s.\n", t->e.published);
    if (table_has_work(t))
        fputs("passes: of the network for an image over all epochs, a backward one counted as two; "
              "cpu s: a core's seconds in training, where they are known.\n", out);
    const struct spread knn = untrained_knn(t);
    if (isfinite(knn.mean) && (t->e.untrained < 0 || !t->row[t->e.untrained].n)) {
        char cell[CELL];
        cell_format(cell, &knn, 1);
        fprintf(out, "A backbone that was never trained has kNN %s.\n", cell);
    }
    sampling_print(out, t);
    collapse_print(out, t);
    stability_print(out, t);
    for (int i = 0; i < t->e.n_rows; i++)
        if (*t->e.row[i].not_run)
            fprintf(out, "Row %s is not run at this scale: %s.\n", t->e.row[i].name,
                    t->e.row[i].not_run);
    fprintf(
        out,
        "A claim's estimate is the difference to the row or value it names; of rises, the slope "
        "per epoch, leaving out epoch 0 (the untrained network).\n");
    looks_print(out, &t->e.looks);
    int runs = 0;
    for (int i = 0; i < t->e.n_rows; i++) runs += t->row[i].n;
    if (!runs) return;
    fprintf(out, "%s", t->committed ? "From committed runs, not rerun here:" : "From runs of");
    hashes_print(out, t, "code", offsetof(struct run_record, code_hash));
    fputc(',', out);
    hashes_print(out, t, "data", offsetof(struct run_record, data_hash));
    fputc(',', out);
    hashes_print(out, t, "machine", offsetof(struct run_record, machine));
    fputs(".\n", out);
}

char *caption_text(const struct table *t)
{
    char *text;
    size_t bytes;
    FILE *out = text_stream(&text, &bytes);
    caption_print(out, t);
    text_stream_end(out);
    return text;
}
