/* SPDX-License-Identifier: MIT
 *
 * plants_table.c -- the detector's operating characteristic on planted outputs: how often a collapse of
 * each kind is found and a healthy output accused, by its rule and by what others measure.
 *
 * A trial draws a plant of its kind: where from .. to stands, uniformly in between.  Others give a
 * number and no verdict; each gets the threshold with which it tells the plants of other seeds apart
 * best: detection less false alarm, kinds weighing alike.
 */
#include "plants.h"

#include <errno.h>
#include <stdio.h>

#include "../../engine/base.h"

enum { TRIALS = 16, FITTED = 4 };  /* of each kind and size; those of other seeds for thresholds */

/* ---- kinds and sizes --------------------------------------------------------------------------- */

enum directions { ALL, TEN_CLASSES, FEW };     /* d; 9; 1 .. min(4, .02 min(n - 1, d)) or 1 */

static const struct kind {
    const char *name, *what;
    enum simsiam_grade truth;
    enum directions directions;
    double power[2], std[2], share[2];
    bool inside;
    double faint;                  /* beside what is planted, in every direction, of a direction's size */
} kinds[] = {
    { "spread", "a power law's spectrum", SIMSIAM_HEALTHY, ALL, { .3, .8 }, { .95, 1 }, { .01, .2 }, false, 0 },
    { "strong views", "the same, views far apart", SIMSIAM_HEALTHY, ALL, { .3, .8 }, { .95, 1 }, { .3, .6 },
      false, 0 },
    { "offset", "the same beside a common offset", SIMSIAM_HEALTHY, ALL, { .3, .8 }, { .2, .5 }, { .01, .3 },
      false, 0 },
    { "small", "samples small beside an offset, views agree", SIMSIAM_HEALTHY, ALL, { 0, 0 }, { .1, .2 },
      { .05, .25 }, false, 0 },
    { "ten classes", "9 directions, views in every one", SIMSIAM_HEALTHY, TEN_CLASSES, { 0, 0 }, { .95, 1 },
      { .02, .1 }, false, 0 },
    { "nine directions", "9, views in these alone", SIMSIAM_HEALTHY, TEN_CLASSES, { 0, 0 }, { .35, 1 },
      { .02, .3 }, true, 0 },
    { "constant", "a constant and float noise", SIMSIAM_COMPLETE, ALL, { 0, 0 }, { 1e-6, 1e-4 }, { 1, 1 },
      false, 0 },
    { "nearly constant", "a constant, samples still told apart", SIMSIAM_COMPLETE, ALL, { 0, .5 },
      { .005, .035 }, { .1, .9 }, false, 0 },
    { "views outweigh", "an offset, views farther apart than samples", SIMSIAM_PARTIAL, ALL, { 0, .5 },
      { .1, .35 }, { .6, .9 }, false, 0 },
    { "few directions", "1 to 4 of them", SIMSIAM_DIMENSIONAL, FEW, { 0, 0 }, { .95, 1 }, { .02, .5 }, true,
      0 },
    { "few and offset", "the same beside a common offset", SIMSIAM_DIMENSIONAL, FEW, { 0, 0 }, { .2, .45 },
      { .02, .3 }, true, 0 },
    { "few and faint", "the same as few, and 1 % in every other", SIMSIAM_DIMENSIONAL, FEW, { 0, 0 },
      { .95, 1 }, { 0, 0 }, false, .01 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct { int n, d; } sizes[] = {
    { 32, 16 }, { 128, 16 }, { 128, 64 }, { 512, 64 }, { 512, 256 }, { 2048, 256 }, { 512, 520 },
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static double between(const double range[2], struct draws *r)
{
    return range[0] + (range[1] - range[0]) * draw_uniform(r);
}

static struct plant plant_draw(const struct kind *kind, int n, int d, unsigned seed)
{
    struct draws r = { .seed = seed };
    struct plant p = { .n = n, .d = d, .directions = d, .inside = kind->inside };
    p.power = between(kind->power, &r);
    p.std = between(kind->std, &r);
    p.share = between(kind->share, &r);
    const int most = (int)(0.02 * (n - 1 < d ? n - 1 : d)), few = most < 1 ? 1 : most > 4 ? 4 : most;
    if (kind->directions == TEN_CLASSES) p.directions = 9;
    if (kind->directions == FEW) p.directions = 1 + (int)(few * draw_uniform(&r));
    const double faint = kind->faint * kind->faint * d / p.directions;
    if (kind->faint > 0) p.share = faint / (1 + faint);
    return p;
}

/* ---- what each tool says ----------------------------------------------------------------------- */

enum tool { STD, LEVEL, RANKME, LIDAR, ALPHA, TOOLS };
static const char *const tool_name[TOOLS] = { "std", "level", "RankMe", "LiDAR", "alpha-ReQ" };
static const double STD_MOST = 0.5;            /* the first edition's, as people use it alone */

struct trial {
    int kind, size;
    enum simsiam_grade grade;
    double x[TOOLS];               /* ranks as a share of min(n - 1, d) */
};

/* Flagged outside low .. high. */
struct fit { double low, high; };
static bool flagged(const struct fit *fit, double x) { return x < fit->low || x > fit->high; }

static bool collapse(enum simsiam_grade g) { return g != SIMSIAM_HEALTHY && g != SIMSIAM_UNDECIDED; }

static void trial_make(struct trial *t, int kind, int size, unsigned number)
{
    const int n = sizes[size].n, d = sizes[size].d, most = n - 1 < d ? n - 1 : d;
    const unsigned seed = 2 * ((unsigned)(kind * SIZES + size) * 1000 + number);
    struct simsiam_evidence e;
    struct simsiam_others o;
    struct simsiam_verdict v;
    planted_measure(&e, &o, plant_outputs(plant_draw(&kinds[kind], n, d, seed)), seed + 1);
    simsiam_judge(&v, &e, NULL);
    *t = (struct trial){ kind, size, v.grade,
                         { e.std_sqrtd, o.level, o.rankme / most, o.lidar / most, o.alpha_req } };
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Detection less false alarm, each a mean over its kinds. */
static double merit(const struct fit *fit, enum tool tool, const struct trial *t, int n)
{
    double found[2] = { 0, 0 };
    int of[2] = { 0, 0 };
    for (int i = 0; i < n; i++) {              /* as many trials of each kind */
        const int sick = kinds[t[i].kind].truth != SIMSIAM_HEALTHY;
        found[sick] += flagged(fit, t[i].x[tool]);
        of[sick]++;
    }
    return found[1] / of[1] - found[0] / of[0];
}

/* The best threshold, half way between two trials; alpha-ReQ, whose best value is 1, has one on either
 * side, chosen in turn until neither moves. */
static struct fit fit_make(enum tool tool, const struct trial *t, int n)
{
    struct fit best = { -INFINITY, INFINITY };
    if (tool == STD) return (struct fit){ STD_MOST, INFINITY };
    double *const x = host_alloc((size_t)n, sizeof *x);
    int count = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(t[i].x[tool])) x[count++] = t[i].x[tool];
    qsort(x, (size_t)count, sizeof *x, ascending);
    double most = merit(&best, tool, t, n);
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i + 1 < count; i++) {
            const double middle = (x[i] + x[i + 1]) / 2;
            for (int side = 0; side < 2; side++) {
                const bool low = side == 0;
                if ((low && tool == LEVEL) || (!low && (tool == RANKME || tool == LIDAR))) continue;
                const struct fit fit = { low ? middle : best.low, low ? best.high : middle };
                const double now = fit.low <= fit.high ? merit(&fit, tool, t, n) : -1;
                if (now <= most) continue;
                most = now;
                best = fit;
                moved = true;
            }
        }
    }
    free(x);
    return best;
}

/* ---- counts ------------------------------------------------------------------------------------ */

struct count {
    int n, grade[SIMSIAM_GRADES], right, found[TOOLS];         /* found: flagged by a tool */
};

static void count_add(struct count *c, const struct trial *t, const struct fit *fit)
{
    c->n++;
    c->grade[t->grade]++;
    c->right += t->grade == kinds[t->kind].truth;
    for (int k = 0; k < TOOLS; k++) c->found[k] += flagged(&fit[k], t->x[k]);
}

static int accused(const struct count *c)
{
    int n = 0;
    for (int g = 0; g < SIMSIAM_GRADES; g++) n += collapse((enum simsiam_grade)g) ? c->grade[g] : 0;
    return n;
}

struct counts {
    struct fit fit[TOOLS];
    struct count cell[KINDS][SIZES], kind[KINDS], size[SIZES][2], all[2];      /* [healthy, collapsed] */
    int sizes;
};

static void counts_make(struct counts *c, const struct trial *t, int n)
{
    for (int i = 0; i < n; i++) {
        const int sick = kinds[t[i].kind].truth != SIMSIAM_HEALTHY;
        count_add(&c->cell[t[i].kind][t[i].size], &t[i], c->fit);
        count_add(&c->kind[t[i].kind], &t[i], c->fit);
        count_add(&c->size[t[i].size][sick], &t[i], c->fit);
        count_add(&c->all[sick], &t[i], c->fit);
    }
}

/* ---- files ------------------------------------------------------------------------------------- */

static FILE *file_open(const char *folder, const char *name)
{
    char *const path = text_format("%s/%s", folder, name);
    FILE *const file = fopen(path, "w");
    if (!file) die("cannot write %s: %s (is the folder there, and writable?)", path, strerror(errno));
    free(path);
    return file;
}

static void file_end(FILE *file)
{
    const bool wrong = ferror(file);
    if (fclose(file) || wrong) die("cannot write the table: %s (is the disk full?)", strerror(errno));
}

/* Numbers of trials. */
static void cells_write(const struct counts *c, const char *folder)
{
    FILE *const f = file_open(folder, "operating.csv");
    fprintf(f, "kind,truth,n,d,trials,healthy,dimensional,partial,complete,undecided");
    for (int k = 0; k < TOOLS; k++) fprintf(f, ",%s", tool_name[k]);
    for (int i = 0; i < KINDS * c->sizes; i++) {
        const int kind = i / c->sizes, size = i % c->sizes;
        const struct count *const cell = &c->cell[kind][size];
        fprintf(f, "\n%s,%s,%d,%d,%d", kinds[kind].name, simsiam_grade_name(kinds[kind].truth),
                sizes[size].n, sizes[size].d, cell->n);
        for (int g = 0; g < SIMSIAM_GRADES; g++) fprintf(f, ",%d", cell->grade[g]);
        for (int k = 0; k < TOOLS; k++) fprintf(f, ",%d", cell->found[k]);
    }
    fprintf(f, "\n");
    file_end(f);
}

static double percent(int part, int n) { return 100.0 * part / n; }

/* A line of what the figure draws (plots/operating.gp): percents. */
static void pooled_line(FILE *f, const char *over, int place, const char *name, bool sick,
                        const struct count *c)
{
    fprintf(f, "%s,%d,%s,%s,%d,%.1f,%.1f", over, place, name, sick ? "collapsed" : "healthy", c->n,
            percent(accused(c), c->n), percent(c->grade[SIMSIAM_UNDECIDED], c->n));
    for (int k = 0; k < TOOLS; k++) fprintf(f, ",%.1f", percent(c->found[k], c->n));
    fprintf(f, "\n");
}

static void pooled_write(const struct counts *c, const char *folder)
{
    FILE *const f = file_open(folder, "operating_pooled.csv");
    fprintf(f, "over,place,name,truth,trials,rule,undecided");
    for (int k = 0; k < TOOLS; k++) fprintf(f, ",%s", tool_name[k]);
    fprintf(f, "\n");
    for (int i = 0; i < KINDS; i++)
        pooled_line(f, "kind", i + 1, kinds[i].name, kinds[i].truth != SIMSIAM_HEALTHY, &c->kind[i]);
    for (int i = 0; i < 2 * c->sizes; i++) {
        char *const name = text_format("%d x %d", sizes[i / 2].n, sizes[i / 2].d);
        pooled_line(f, "size", i / 2 + 1, name, i % 2, &c->size[i / 2][i % 2]);
        free(name);
    }
    file_end(f);
}

static void heading_write(FILE *f, const struct counts *c)
{
    const struct fit *const t = c->fit;
    fprintf(f,
            "# How often the collapse detector is right: planted outputs\n\n"
            "**Synthetic material alone**: outputs planted with a known truth, %d trials of each kind and\n"
            "size, by those who wrote the rule. It shows what each measure can and cannot see. How often\n"
            "real training runs are judged rightly is in [real.md](real.md). Made by `make -f\n"
            "Makefile.repro detector-table`; every count is in operating.csv, what each kind's trials are\n"
            "drawn from in plants_table.c.\n\n",
            TRIALS);
    fprintf(f,
            "*Flagged*: the rule says dimensional, partial or complete. Other tools give a number and no\n"
            "verdict. std alone is flagged at std·√d ≤ %.2g, the spread threshold of the rule's first\n"
            "edition. The others have the threshold that tells %d trials of other seeds of each kind and\n"
            "size apart best (detection less false alarm, each kind weighing alike), which is more than\n"
            "their papers give: ",
            STD_MOST, FITTED);
    fprintf(f,
            "level ≥ %.3f (lightly's 1 − std·√d), RankMe ≤ %.4f and LiDAR ≤ %.4f\n"
            "of min(N − 1, d), α-ReQ outside %.2f .. %.2f. A number that does not exist (α-ReQ of a\n"
            "constant) is not flagged.\n\n![Share flagged by kind, and by size](operating.svg)\n\n",
            t[LEVEL].high, t[RANKME].low, t[LIDAR].low, t[ALPHA].low, t[ALPHA].high);
}

static void kinds_write(FILE *f, const struct counts *c)
{
    fprintf(f, "## By kind\n\nShare of trials flagged, in percent: of healthy outputs a false alarm, of collapsed "
            "ones a detection.\n*Right* is the very grade.\n\n"
            "| kind | planted | truth | trials | rule: right | flagged | undecided");
    for (int k = 0; k < TOOLS; k++) fprintf(f, " | %s", tool_name[k]);
    fprintf(f, " |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < KINDS; i++) {
        const struct count *const n = &c->kind[i];
        fprintf(f, "| %s | %s | %s | %d | %.0f | %.0f | %.0f", kinds[i].name, kinds[i].what,
                simsiam_grade_name(kinds[i].truth), n->n, percent(n->right, n->n), percent(accused(n), n->n),
                percent(n->grade[SIMSIAM_UNDECIDED], n->n));
        for (int k = 0; k < TOOLS; k++) fprintf(f, " | %.0f", percent(n->found[k], n->n));
        fprintf(f, " |\n");
    }
}

/* "detection / false alarm" */
static void sizes_line(FILE *f, const char *name, const struct count c[2])
{
    fprintf(f, "| %s | %.0f / %.0f | %.0f / %.0f", name, percent(accused(&c[1]), c[1].n),
            percent(accused(&c[0]), c[0].n), percent(c[1].grade[SIMSIAM_UNDECIDED], c[1].n),
            percent(c[0].grade[SIMSIAM_UNDECIDED], c[0].n));
    for (int k = 0; k < TOOLS; k++)
        fprintf(f, " | %.0f / %.0f", percent(c[1].found[k], c[1].n), percent(c[0].found[k], c[0].n));
    fprintf(f, " |\n");
}

static void sizes_write(FILE *f, const struct counts *c)
{
    fprintf(f, "\n## By size\n\nDetection / false alarm in percent, of all kinds; *undecided*: of collapsed ones "
            "/ of healthy ones.\n\n| samples × features | rule | undecided");
    for (int k = 0; k < TOOLS; k++) fprintf(f, " | %s", tool_name[k]);
    fprintf(f, " |\n|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < c->sizes; i++) {
        char *const name = text_format("%d × %d", sizes[i].n, sizes[i].d);
        sizes_line(f, name, c->size[i]);
        free(name);
    }
    sizes_line(f, "all", c->all);
}

/* ---- the cases that show what each tool does not see ------------------------------------------- */

static const struct { const char *name; enum simsiam_grade truth; struct planted p; } cases[] = {
    { "a power law's spectrum", SIMSIAM_HEALTHY, { 1000, 256, 256, 0.5, 1, 0.1, 0, false } },
    { "the same beside a large offset", SIMSIAM_HEALTHY, { 1000, 256, 256, 0.5, 1, 0.1, 5, false } },
    { "4 of 256 directions", SIMSIAM_DIMENSIONAL, { 1000, 256, 4, 0, 1, 0.001, 0, false } },
    { "a constant and float noise", SIMSIAM_COMPLETE, { 1000, 256, 256, 0, 0, 1e-5, 1, false } },
    { "an offset, views outweigh samples", SIMSIAM_PARTIAL, { 1000, 256, 256, 0, 0.3, 0.8, 6, false } },
    { "an offset, samples small, views agree", SIMSIAM_HEALTHY, { 1000, 256, 256, 0, 0.6, 0.2, 6, false } },
};
enum { CASES = sizeof cases / sizeof *cases };

static void cases_write(FILE *f, const struct counts *c)
{
    static const int digits[TOOLS] = { 2, 2, 0, 0, 2 };
    fprintf(f, "\n## Six cases of 1,000 × 256\n\nWhat each measures; **bold** is flagged.\n\n"
            "| planted | truth | rule | view share | directions");
    for (int k = 0; k < TOOLS; k++) fprintf(f, " | %s", tool_name[k]);
    fprintf(f, " |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < CASES; i++) {
        struct simsiam_evidence e;
        struct simsiam_others o;
        struct simsiam_verdict v;
        planted_measure(&e, &o, cases[i].p, 1);
        simsiam_judge(&v, &e, NULL);
        const double x[TOOLS] = { e.std_sqrtd, o.level, o.rankme, o.lidar, o.alpha_req };
        const char *const strong = collapse(v.grade) ? "**" : "";
        fprintf(f, "| %s | %s | %s%s%s | %.2f | %.1f", cases[i].name, simsiam_grade_name(cases[i].truth), strong,
                simsiam_grade_name(v.grade), strong, e.view_share, e.rank);
        for (int k = 0; k < TOOLS; k++) {
            const double share = k == RANKME || k == LIDAR ? x[k] / cases[i].p.d : x[k];
            const char *const bold = flagged(&c->fit[k], share) ? "**" : "";
            fprintf(f, " | %s%.*f%s", bold, digits[k], x[k], bold);
        }
        fprintf(f, " |\n");
    }
}

void plants_table(const char *folder, int some)
{
    static struct counts c;
    c.sizes = some > 0 && some < SIZES ? some : SIZES;
    struct trial *const t = host_alloc(KINDS * SIZES * TRIALS, sizeof *t);
    for (int fitting = 1; fitting >= 0; fitting--) {           /* the seeds from 0, then those behind */
        const int trials = fitting ? FITTED : TRIALS, from = fitting ? 0 : FITTED, n = KINDS * c.sizes * trials;
        for (int i = 0; i < n; i++)
            trial_make(&t[i], i / trials / c.sizes, i / trials % c.sizes, (unsigned)(from + i % trials));
        for (int k = 0; k < TOOLS && fitting; k++) c.fit[k] = fit_make((enum tool)k, t, n);
        if (!fitting) counts_make(&c, t, n);
    }
    free(t);
    cells_write(&c, folder);
    pooled_write(&c, folder);
    FILE *const f = file_open(folder, "operating.md");
    heading_write(f, &c);
    kinds_write(f, &c);
    sizes_write(f, &c);
    cases_write(f, &c);
    file_end(f);
}
