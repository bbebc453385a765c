/* SPDX-License-Identifier: MIT
 *
 * test_calibration.c -- how often is a verdict wrong, and how often does it come?
 *
 * Claims that are true and claims that are false, by a distance in standard deviations of the
 * paired difference, on made-up seeds, through claim_decide() itself.  Wrong is `holds` of a false
 * claim and `fails` of a true one: at most 5 % each, however many looks there are.  Not to decide
 * is never wrong; how often it comes to a verdict is in the tables of docs/verdict_rules.md, which
 * are held here against what is computed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include "claim_rows.h"
#include "../engine/stats.h"

enum { TRIALS = 1000 };
/* A rate of 5 % is seen with a standard error of sqrt(0.05 0.95 / TRIALS), 0.7 percent; three of
 * them are left for chance.  The draws are fixed, so that the test says the same every time. */
#define RATE_MAX (0.05 + 3 * sqrt(0.05 * 0.95 / TRIALS))
/* ---- numbers --------------------------------------------------------------------------------- */

static double uniform(uint64_t *state)         /* SplitMix64 */
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return ((double)((x ^ x >> 31) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(2 * acos(-1) * uniform(state));
}

/* linear of every row: above b's by `above[row]`, in standard deviations of the difference.  A seed
 * moves all rows alike, five times as much. */
static void linear_draw(struct bench *t, const double above[ROWS], uint64_t *random)
{
    for (int i = 0; i < t->rows[A].n; i++) {
        const double common = 50 + 5 * normal(random);
        for (int row = 0; row < ROWS; row++)
            t->run[row][i].linear = common + above[row] + normal(random) / sqrt(2);
    }
}

/* ---- one kind of claim after the other.  `effect` > 0: true by so much; < 0: false; 0: on the
 * boundary. */

enum { WITHIN = 8 };               /* so that a difference can be five standard deviations inside */

static void greater_draw(struct bench *t, double effect, uint64_t *random)
{
    linear_draw(t, (double[ROWS]){ [A] = effect }, random);
}

/* `not a > b` is true of what is under a point above, and false of what is above at all: between
 * them both are right. */
static void not_draw(struct bench *t, double effect, uint64_t *random)
{
    linear_draw(t, (double[ROWS]){ [A] = -effect }, random);
}

/* On the other boundary. */
static void not_point_draw(struct bench *t, double effect, uint64_t *random)
{
    linear_draw(t, (double[ROWS]){ [A] = 1 - effect }, random);
}

static void within_draw(struct bench *t, double effect, uint64_t *random)
{
    linear_draw(t, (double[ROWS]){ [A] = WITHIN - effect }, random);
}

static void within_value_draw(struct bench *t, double effect, uint64_t *random)
{
    for (int i = 0; i < t->rows[A].n; i++)
        t->run[A][i].linear = 60 - WITHIN + effect + normal(random);
}

/* True: all rows are that near the margin, each a chance to fail.  False: one row is, the others
 * are none to see.
 */
static void each_draw(struct bench *t, double effect, uint64_t *random)
{
    const double others = effect > 0 ? WITHIN - effect : 0;
    linear_draw(t, (double[ROWS]){ [A] = others, [C] = -others, [D] = WITHIN - effect }, random);
}

/* True: every other row is that far below a, each a chance to fail.  False: one is above, the
 * others far below. */
static void each_other_draw(struct bench *t, double effect, uint64_t *random)
{
    const double others = effect > 0 ? -effect : -20;
    linear_draw(t, (double[ROWS]){ [B] = -effect, [C] = others, [D] = others }, random);
}

/* b gains `effect` more from d than a does from c: four draws, so sqrt(2) times the spread. */
static void change_draw(struct bench *t, double effect, uint64_t *random)
{
    linear_draw(t, (double[ROWS]){ [B] = effect }, random);
}

/* Of three systems, b and d beside a, each of which starts at c: as `each other`. */
static void gain_draw(struct bench *t, double effect, uint64_t *random)
{
    const double others = effect > 0 ? effect : 20;
    linear_draw(t, (double[ROWS]){ [B] = effect, [D] = others }, random);
}

/* The least of two epochs, the other one far above. */
static void curve_draw(struct bench *t, double effect, uint64_t *random)
{
    for (int i = 0; i < t->rows[A].n; i++) {
        t->curve[A][i][1].knn = 60 + effect + normal(random);
        t->curve[A][i][3].knn = 80;
    }
}

static void rises_draw(struct bench *t, double effect, uint64_t *random)
{
    for (int i = 0; i < t->rows[A].n; i++) {
        const double slope = effect + normal(random), start = 30 + normal(random);
        for (int e = 0; e < EPOCHS; e++) t->curve[A][i][e].knn = start + slope * e;
    }
}

static void metrics_draw(struct bench *t, double effect, uint64_t *random)
{
    for (int i = 0; i < t->rows[A].n; i++) {
        const double common = 5 * normal(random);
        t->run[A][i].last.cos_h = common + effect + normal(random) / sqrt(2);
        t->run[A][i].last.cos_z = common + normal(random) / sqrt(2);
    }
}

/* Three parts, a, c and d above b.  True: each just so.  False: one, with the others beyond
 * doubt. */
static void parts_draw(struct bench *t, double effect, uint64_t *random)
{
    const double others = effect > 0 ? effect : 20;
    linear_draw(t, (double[ROWS]){ [A] = effect, [C] = others, [D] = others }, random);
}

/* The same with a negation: `not a within X of b` among them. */
static void parts_not_draw(struct bench *t, double effect, uint64_t *random)
{
    const double others = effect > 0 ? effect : 20;
    linear_draw(t, (double[ROWS]){ [A] = WITHIN + effect, [C] = others, [D] = others }, random);
}

struct kind {
    const char *name;
    void (*draw)(struct bench *t, double effect, uint64_t *random);
    int n;
    struct predicate part[PARTS_MAX];
    bool one_sided;    /* the other verdict's boundary is elsewhere */
};

/* The kinds of claims.h about numbers. */
enum { KINDS = 15 };
static void kinds_make(struct kind kinds[KINDS])
{
    const uint32_t all = 1 << A | 1 << B | 1 << C | 1 << D;
    const struct predicate above = greater();
    struct predicate within = above, value = above, not = above, c = above, d = above,
                     rises = above, two = above, outside;
    within.kind = CLAIM_WITHIN_ROW;
    within.within = WITHIN;
    value.kind = CLAIM_WITHIN_VALUE;
    value.within = WITHIN;
    value.value = 60;
    not.negated = true;
    outside = within;
    outside.negated = true;
    c.row = C;
    d.row = D;
    rises.kind = CLAIM_RISES;
    rises.metric = metric_of("knn");
    two.metric = metric_of("cos_h");
    two.other_metric = metric_of("cos_z");
    two.other = A;
    struct predicate each_less = { .kind = CLAIM_EACH_LESS, .metric = metric_of("linear"), .other = A,
                                   .rows = all & ~(1u << A), .every = true };
    struct predicate grows = above, gain = each_less;
    grows.change = true;
    grows.row = B;
    grows.other = A;
    grows.start[A] = C;
    grows.start[B] = D;
    gain.kind = CLAIM_EACH_GREATER;
    gain.change = true;
    gain.rows = 1 << B | 1 << D;
    gain.start[A] = gain.start[B] = gain.start[D] = C;
    const struct predicate curve = { .kind = CLAIM_ABOVE, .metric = metric_of("knn"), .row = A,
                                     .value = 60, .epoch = 1 };
    const struct kind made[KINDS] = {
        { "a > b",              greater_draw,      1, { above }, false },
        { "not a > b, at 0",    not_draw,          1, { not }, true },
        { "not a > b, at 1",    not_point_draw,    1, { not }, true },
        { "a within X of b",    within_draw,       1, { within }, false },
        { "a within X of 60",   within_value_draw, 1, { value }, false },
        { "each within X of b", each_draw, 1, { each_within(WITHIN, all & ~(1u << B)) }, false },
        { "a > each other",     each_other_draw,   1, { each_less }, false },
        { "drop: a > b",        change_draw,       1, { grows }, false },
        { "gain a < each",      gain_draw,         1, { gain }, false },
        { "a above X",          curve_draw,        1, { curve }, false },
        { "a rises",            rises_draw,        1, { rises }, false },
        { "cos_h a > cos_z a",  metrics_draw,      1, { two }, false },
        { "three parts",        parts_draw,        3, { above, c, d }, false },
        { "three, one of not",  parts_not_draw,    3, { outside, c, d }, false },
        { "not, alone",         parts_not_draw,    1, { outside }, false },
    };
    memcpy(kinds, made, sizeof made);
}

static const struct looks three = { 1, { 3 }, { 0.05 } }, five = { 1, { 5 }, { 0.05 } },
                          ten = { 1, { 10 }, { 0.05 } },
                          equal = { 3, { 3, 5, 10 }, { 0.05 / 3, 0.05 / 3, 0.05 / 3 } },
                          rising = { 3, { 3, 5, 10 }, { 0.01, 0.015, 0.025 } },
                          unshared = { 3, { 3, 5, 10 }, { 0.05, 0.05, 0.05 } };

/* The rates of the verdicts. */
static void simulate(double rate[VERDICTS], const struct kind *kind, int trials,
                     const struct looks *looks, double effect, uint64_t *random)
{
    struct bench *t = bench_new(looks->seeds[looks->n - 1]);
    t->e.looks = *looks;
    int count[VERDICTS] = { 0 };
    for (int trial = 0; trial < trials; trial++) {
        kind->draw(t, effect, random);
        count[decide(t, kind->n, kind->part)->verdict]++;
    }
    for (int v = 0; v < VERDICTS; v++) rate[v] = (double)count[v] / trials;
    free(t);
}

static void wrong_at_most(const struct kind *kind, const struct looks *looks, double effect,
                          const char *what, double rate)
{
    if (rate > RATE_MAX)
        fail_msg("%s, %d looks to %d seeds, %g std: %s in %.3f of the trials", kind->name, looks->n,
                 looks->seeds[looks->n - 1], effect, what, rate);
}

static void at_most_five_percent_of_the_verdicts_are_wrong(void **state)
{
    (void)state;
    static const double effects[] = { -0.5, 0, 0.5 };    /* further off, a wrong verdict is rarer */
    const struct looks *const looks[] = { &three, &equal, &rising };
    uint64_t random = 1;
    struct kind kinds[KINDS];
    kinds_make(kinds);
    for (int k = 0; k < KINDS; k++) {
        for (size_t s = 0; s < sizeof looks / sizeof *looks; s++) {
            for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
                double rate[VERDICTS];
                simulate(rate, &kinds[k], TRIALS, looks[s], effects[i], &random);
                assert_true(rate[VERDICT_NOT_RUN] == 0);
                /* On the boundary a claim is false or true by a hair: neither verdict may come
                 * often. */
                if (effects[i] <= 0 && kinds[k].draw != not_draw)
                    wrong_at_most(&kinds[k], looks[s], effects[i], "holds", rate[VERDICT_HOLDS]);
                if (effects[i] >= 0 && kinds[k].draw != not_point_draw)
                    wrong_at_most(&kinds[k], looks[s], effects[i], "fails", rate[VERDICT_FAILS]);
                if (effects[i] == 0 && !kinds[k].one_sided)
                    wrong_at_most(&kinds[k], looks[s], 0, "either",       /* finds 5 % a side */
                                  rate[VERDICT_HOLDS] + rate[VERDICT_FAILS]);
            }
        }
    }
}

/* Whoever asks after every seed hears nothing between looks, and what was decided stays. */
static void a_verdict_never_changes_as_seeds_come(void **state)
{
    (void)state;
    uint64_t random = 3;
    int decided = 0;
    const struct predicate p[] = { greater(), state_of(CLAIM_COLLAPSE, 1 << C) };
    for (int trial = 0; trial < 300; trial++) {
        struct bench *t = bench_new(15);
        t->e.looks = rising;
        linear_draw(t, (double[ROWS]){ [A] = 0.7 }, &random);
        for (int i = 0; i < 15; i++)
            t->run[C][i].state = uniform(&random) < 0.4 ? RUN_COLLAPSED : RUN_HEALTHY;
        enum verdict stands[2] = { VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE };
        for (int n = 1; n <= 15; n++) {
            for (int row = 0; row < ROWS; row++) t->rows[row].n = n;
            for (int k = 0; k < 2; k++) {
                const enum verdict now = decide(t, 1, &p[k])->verdict;
                if (stands[k] != VERDICT_INCONCLUSIVE) assert_int_equal(now, stands[k]);
                if (k == 0 && now != stands[k]) assert_true(n == 3 || n == 5 || n == 10);
                stands[k] = now;
            }
        }
        assert_true(stands[1] != VERDICT_INCONCLUSIVE);
        decided += stands[0] != VERDICT_INCONCLUSIVE;
        free(t);
    }
    assert_true(decided > 100 && decided < 300);
}

/* ---- the tables of docs/verdict_rules.md ----------------------------------------------------- */

static char *rules;                /* the page */

/* The numbers of the line that begins with "| NAME |", n of them. */
static void line_read(const char *name, double *number, int n)
{
    char *const start = text_format("\n| %s |", name);
    const char *at = strstr(rules, start);
    if (!at) {
        fail_msg("docs/verdict_rules.md has no line %s", start);
        abort();                   /* fail_msg does not return, but does not say so */
    }
    at += strlen(start);
    for (int k = 0; k < n; k++) {
        char *end;
        number[k] = strtod(at, &end);
        if (end == at || !strchr(end, '|')) fail_msg("%s: %d numbers, not %d", name, k, n);
        at = strchr(end, '|') + 1;
    }
    free(start);
}

/* What is computed, beside what is written: each within its `off`.  A line that differs is printed
 * as it should be, and counted. */
static int differing;
static void line_check(const char *name, const double *computed, const double *off, int n)
{
    double written[16];
    line_read(name, written, n);
    for (int k = 0; k < n; k++) {
        if (fabs(computed[k] - written[k]) <= off[k]) continue;
        print_error("docs/verdict_rules.md: | %s |", name);
        for (int i = 0; i < n; i++) print_error(" %.3f |", computed[i]);
        print_error("\n");
        differing++;
        return;
    }
}

static int none_differs(void **state)
{
    (void)state;
    differing = 0;
    return 0;
}

/* Rounded to three digits; a rate of `trials`, four standard errors. */
#define ROUNDED 0.00051
static double rate_off(double rate, int trials)
{
    return ROUNDED + 4 * sqrt(fmax(rate * (1 - rate), 0.001) / trials);
}

/* The walk's ends, exactly: prob[with][without] is of being there, not ended. */
static void walk_exact(double out[4], double p)
{
    static double prob[STATE_SEEDS + 1][STATE_SEEDS + 1];
    memset(prob, 0, sizeof prob);
    memset(out, 0, 4 * sizeof *out);
    prob[0][0] = 1;
    for (int n = 0; n <= STATE_SEEDS; n++)
        for (int with = 0; with <= n; with++) {
            const int without = n - with, lead = with - without;
            const double here = prob[with][without];
            const int end = lead == STATE_LEAD    ? VERDICT_HOLDS
                            : lead == -STATE_LEAD ? VERDICT_FAILS
                            : n == STATE_SEEDS    ? VERDICT_MIXED
                                                  : VERDICT_INCONCLUSIVE;
            if (end < VERDICT_INCONCLUSIVE) {
                out[end] += here;
                out[3] += n * here;
            } else {
                prob[with + 1][without] += p * here;
                prob[with][without + 1] += (1 - p) * here;
            }
        }
}

static void walk_drawn(double out[4], double p, int trials, uint64_t *random)
{
    struct bench *t = bench_new(STATE_SEEDS);
    const struct predicate collapse = state_of(CLAIM_COLLAPSE, 1 << A);
    memset(out, 0, 4 * sizeof *out);
    for (int trial = 0; trial < trials; trial++) {
        for (int i = 0; i < STATE_SEEDS; i++)
            t->run[A][i].state = uniform(random) < p ? RUN_COLLAPSED : RUN_HEALTHY;
        const struct decision *d = decide(t, 1, &collapse);
        assert_true(d->verdict <= VERDICT_MIXED);
        out[d->verdict] += 1.0 / trials;
        out[3] += (double)d->n / trials;
    }
    free(t);
}

static void states_err_as_the_page_says(void **state)
{
    (void)state;
    enum { DRAWN = 4000 };
    uint64_t random = 4;
    for (int k = 1; k <= 19; k++) {
        if (k % 2 && k != 1 && k != 19) continue;               /* .05, .1, .2, ..., .9, .95 */
        const double p = k / 20.0;
        double exact[4], drawn[4];
        walk_exact(exact, p);
        walk_drawn(drawn, p, DRAWN, &random);
        for (int v = 0; v < 3; v++)
            assert_true(fabs(exact[v] - drawn[v]) < rate_off(exact[v], DRAWN));
        assert_true(fabs(exact[3] - drawn[3]) < 4 * 4 / sqrt(DRAWN));     /* a std of 4 at most */
        char name[16];
        snprintf(name, sizeof name, "%.2f", p);
        line_check(name, exact, (double[]){ ROUNDED, ROUNDED, ROUNDED, 0.051 }, 4);
        if (k == 4) assert_true(fabs(exact[0] - STATE_ERROR) < ROUNDED);
    }
    assert_int_equal(differing, 0);
}

static void looks_err_and_decide_as_the_page_says(void **state)
{
    (void)state;
    enum { DRAWN = 2000 };
    static const struct { const char *name; const struct looks *looks; } rows[] = {
        { "3", &three }, { "5", &five }, { "10", &ten }, { "3, 5, 10, equal", &equal },
        { "3, 5, 10, rising", &rising }, { "3, 5, 10, each 5 %", &unshared },
    };
    static const double effects[] = { 0, 1, 2, 3 };
    uint64_t random = 5;
    struct kind kinds[KINDS];
    kinds_make(kinds);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double computed[4], off[4], rate[VERDICTS];
        for (int k = 0; k < 4; k++) {
            simulate(rate, &kinds[0], DRAWN, rows[i].looks, effects[k], &random);
            computed[k] = rate[VERDICT_HOLDS] + (k ? 0 : rate[VERDICT_FAILS]);
            off[k] = rate_off(computed[k], DRAWN);
        }
        line_check(rows[i].name, computed, off, 4);
        if (rows[i].looks != &unshared) assert_true(computed[0] < RATE_MAX);
    }
    assert_int_equal(differing, 0);
}

/* Asked after each seed from 3 to 30, at 95 % each time. */
static void looking_at_every_seed_errs_as_the_page_says(void **state)
{
    (void)state;
    enum { DRAWN = 40000, FIRST = 3, LAST = 30 };
    double quantile[LAST + 1], x[LAST];
    for (int n = FIRST; n <= LAST; n++) quantile[n] = student_quantile(0.975, n - 1) / sqrt(n);
    uint64_t random = 6;
    int wrong = 0;
    for (int trial = 0; trial < DRAWN; trial++) {
        for (int i = 0; i < LAST; i++) x[i] = normal(&random);
        bool off = false;
        for (int n = FIRST; n <= LAST; n++) {
            const struct spread s = spread_of(x, n);
            off = off || fabs(s.mean) > quantile[n] * s.std;
        }
        wrong += off;
    }
    const double rate = (double)wrong / DRAWN;
    line_check("each of 3 to 30, each 5 %", &rate, (double[]){ rate_off(rate, DRAWN) }, 1);
    assert_int_equal(differing, 0);
}

/* A row of which a share of seeds collapses, ten standard deviations lower, beside one that is as
 * good as it is on average: how often a verdict comes, which is wrong.  By t alone, and with the
 * sign test; and how often that is because all seeds had one outcome. */
static void mixed_rows_err_as_the_page_says(void **state)
{
    (void)state;
    enum { DRAWN = 2000 };
    static const double shares[] = { 0.5, 0.2, 0.1 };
    uint64_t random = 7;
    const struct predicate p = greater();
    for (int seeds = 3; seeds <= 10; seeds += seeds == 3 ? 3 : 4) {
        for (int k = 0; k < 3; k++) {
            double computed[3] = { 0 }, off[3];
            struct bench *t = bench_new(seeds);
            t->e.looks = (struct looks){ 1, { seeds }, { 0.05 } };
            for (int trial = 0; trial < DRAWN; trial++) {
                int dead = 0;
                for (int i = 0; i < seeds; i++) {
                    const bool gone = uniform(&random) < shares[k];
                    dead += gone;
                    t->run[A][i].state = gone ? RUN_COLLAPSED : RUN_HEALTHY;
                    t->run[A][i].linear = 50 + 10 * (shares[k] - gone) + normal(&random) / sqrt(2);
                    t->run[B][i].linear = 50 + normal(&random) / sqrt(2);
                }
                const struct decision *d = decide(t, 1, &p);
                computed[0] += (d->low > 0 || d->high < 0) / (double)DRAWN;
                computed[1] += (d->verdict <= VERDICT_FAILS) / (double)DRAWN;
                computed[2] += (d->verdict <= VERDICT_FAILS && dead % seeds == 0) / (double)DRAWN;
            }
            free(t);
            for (int i = 0; i < 3; i++) off[i] = rate_off(computed[i], DRAWN);
            char name[32];
            snprintf(name, sizeof name, "%d seeds, %g collapse", seeds, shares[k]);
            line_check(name, computed, off, 3);
            assert_true(computed[1] - computed[2] < RATE_MAX);  /* seen to be mixed: 5 % */
        }
    }
    assert_int_equal(differing, 0);
}

static int page_read(void **state)
{
    (void)state;
    rules = file_read(CONFIG_DIR "/../docs/verdict_rules.md", NULL);
    return rules ? 0 : -1;
}

static int page_free(void **state)
{
    (void)state;
    free(rules);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_five_percent_of_the_verdicts_are_wrong),
        cmocka_unit_test(a_verdict_never_changes_as_seeds_come),
        cmocka_unit_test_setup(states_err_as_the_page_says, none_differs),
        cmocka_unit_test_setup(looks_err_and_decide_as_the_page_says, none_differs),
        cmocka_unit_test_setup(looking_at_every_seed_errs_as_the_page_says, none_differs),
        cmocka_unit_test_setup(mixed_rows_err_as_the_page_says, none_differs),
    };
    return cmocka_run_group_tests(tests, page_read, page_free);
}
