/* SPDX-License-Identifier: MIT
 *
 * plants.c -- the detector on planted outputs, whose truth is known.
 *
 *     plants check               every grade is planted at either side of each threshold: TAP
 *     plants broken              each threshold in turn is broken, and the check must notice
 *     plants table FOLDER [N]    how often it and others are right, by kind and size (the first N)
 *
 * exit: 0, 3 where a plant has another grade or a broken threshold is not noticed, 1 and 2 as simsiam.
 */
#include "plants.h"

#include <stddef.h>
#include <stdio.h>

#include "../../engine/base.h"

static void status_check(int status)
{
    if (status) die("planted outputs cannot be measured: %s", simsiam_status_text(status));
}

struct planted plant_outputs(struct plant p)
{
    return (struct planted){ .n = p.n, .d = p.d, .directions = p.directions, .power = p.power,
                             .between = p.std * sqrt(1 - p.share), .within = p.std * sqrt(p.share),
                             .offset = sqrt(2 * (1 - p.std * p.std)), .inside = p.inside };
}

void planted_measure(struct simsiam_evidence *e, struct simsiam_others *others, struct planted p,
                     unsigned seed)
{
    struct outputs o = outputs_make(p, seed);
    struct simsiam_detector *detector;
    status_check(simsiam_open(&detector, p.d, 0, 0));
    status_check(simsiam_add(detector, o.z1, o.z2, NULL, p.n));
    status_check(simsiam_measure(detector, e));
    if (others) status_check(simsiam_compare(detector, others));
    simsiam_close(detector);
    outputs_free(&o);
}

/* ---- every grade, at either side of each threshold -------------------------------------------- */

/* A plant is farther from its threshold than `near`, and nearer than twice or half of it. */
static const struct point {
    const char *name;
    struct plant plant;
    enum simsiam_grade grade;
} points[] = {
    { "spread, a power law", { 512, 64, 64, 0.5, 1, 0.1, false }, SIMSIAM_HEALTHY },
    { "spread, strong views", { 512, 64, 64, 0.5, 1, 0.6, false }, SIMSIAM_HEALTHY },
    { "a constant and float noise", { 512, 64, 64, 0, 1e-6, 1, false }, SIMSIAM_COMPLETE },
    { "below dead", { 512, 64, 64, 0, 0.039, 0.2, false }, SIMSIAM_COMPLETE },
    { "above dead", { 512, 64, 64, 0, 0.075, 0.2, false }, SIMSIAM_HEALTHY },
    { "near dead", { 512, 64, 64, 0, 0.054, 0.2, false }, SIMSIAM_UNDECIDED },
    { "below spread, views outweigh", { 512, 64, 64, 0, 0.36, 0.8, false }, SIMSIAM_PARTIAL },
    { "above spread, views outweigh", { 512, 64, 64, 0, 0.7, 0.8, false }, SIMSIAM_HEALTHY },
    { "near spread, views outweigh", { 512, 64, 64, 0, 0.53, 0.8, false }, SIMSIAM_UNDECIDED },
    { "above share beside an offset", { 512, 64, 64, 0, 0.25, 0.65, false }, SIMSIAM_PARTIAL },
    { "below share beside an offset", { 512, 64, 64, 0, 0.25, 0.3, false }, SIMSIAM_HEALTHY },
    { "near share beside an offset", { 512, 64, 64, 0, 0.25, 0.4, false }, SIMSIAM_UNDECIDED },
    { "4 of 512 directions", { 1024, 512, 4, 0, 1, 0.1, true }, SIMSIAM_DIMENSIONAL },
    { "9 of 512 directions", { 1024, 512, 9, 0, 1, 0.1, true }, SIMSIAM_HEALTHY },
    { "4 of 520 directions, fewer samples", { 512, 520, 4, 0, 1, 0.1, true }, SIMSIAM_DIMENSIONAL },
    { "4 of 256 directions beside an offset", { 512, 256, 4, 0, 0.3, 0.2, true }, SIMSIAM_DIMENSIONAL },
    { "2 of 64 directions", { 512, 64, 2, 0, 1, 0.1, true }, SIMSIAM_DIMENSIONAL },
    { "3 of 64 directions", { 512, 64, 3, 0, 1, 0.1, true }, SIMSIAM_UNDECIDED },
    { "5 of 64 directions", { 512, 64, 5, 0, 1, 0.1, true }, SIMSIAM_HEALTHY },
    { "1 of 16 directions", { 512, 16, 1, 0, 1, 0.1, true }, SIMSIAM_DIMENSIONAL },
    { "2.3 of 16 directions", { 512, 16, 3, 1.6, 1, 0.1, true }, SIMSIAM_HEALTHY },
    { "1 of 8 directions", { 512, 8, 1, 0, 1, 0.1, true }, SIMSIAM_DIMENSIONAL },
    { "1 of 7 directions: too few to say", { 512, 7, 1, 0, 1, 0.1, true }, SIMSIAM_HEALTHY },
};
enum { POINTS = sizeof points / sizeof *points };

/* How many plants have another grade by this rule (NULL: the library's); `before` stands before each
 * line, and without `all` only those are told. */
static int points_judge(const struct simsiam_evidence *evidence, const struct simsiam_rule *rule,
                        const char *before, bool all)
{
    int wrong = 0;
    for (int i = 0; i < POINTS; i++) {
        const struct simsiam_evidence *const e = &evidence[i];
        struct simsiam_verdict v;
        simsiam_judge(&v, e, rule);
        const bool ok = v.grade == points[i].grade;
        wrong += !ok;
        if (ok && !all) continue;
        printf("%s%s %d - %s: %s\n", before, ok ? "ok" : "not ok", i + 1, points[i].name,
               simsiam_grade_name(v.grade));
        if (!ok)
            printf("#   expected: %s; std*sqrt(d) %.3f, view share %.3f, directions %.2f\n",
                   simsiam_grade_name(points[i].grade), e->std_sqrtd, e->view_share, e->rank);
    }
    return wrong;
}

/* ---- thresholds that are wrong ----------------------------------------------------------------- */

static const struct threshold { const char *name; size_t at; double least; } thresholds[] = {
    { "dead", offsetof(struct simsiam_rule, dead), 0.5 },
    { "spread", offsetof(struct simsiam_rule, spread), 0.5 },
    { "share", offsetof(struct simsiam_rule, share), 0.5 },
    { "few", offsetof(struct simsiam_rule, few), 0.5 },
    { "few_least", offsetof(struct simsiam_rule, few_least), 0.5 },
    { "few_share", offsetof(struct simsiam_rule, few_share), 0.5 },
    { "few_dim", offsetof(struct simsiam_rule, few_dim), 0.5 },
    { "near", offsetof(struct simsiam_rule, near), 0 },
};
enum { THRESHOLDS = sizeof thresholds / sizeof *thresholds };

static struct simsiam_rule broken(const struct threshold *t, double factor)
{
    struct simsiam_rule rule = simsiam_rule_standard;
    if (t->at == offsetof(struct simsiam_rule, few_dim)) rule.few_dim = (int32_t)(factor * rule.few_dim);
    else *(double *)(void *)((char *)&rule + t->at) *= factor;
    return rule;
}

/* So many of the breaks go by unnoticed. */
static int thresholds_break(const struct simsiam_evidence *evidence)
{
    int unnoticed = 0;
    for (int i = 0; i < 2 * THRESHOLDS; i++) {
        const struct threshold *const t = &thresholds[i / 2];
        const double factor = i % 2 ? 2 : t->least;
        const struct simsiam_rule rule = broken(t, factor);
        char *const before = text_format("# %s times %g: ", t->name, factor);
        const int wrong = points_judge(evidence, &rule, before, false);
        if (!wrong) fprintf(stderr, "%s times %g: the check does not notice\n", t->name, factor);
        unnoticed += !wrong;
        free(before);
    }
    return unnoticed;
}

int main(int argc, char **argv)
{
    const bool check = argc == 2 && !strcmp(argv[1], "check");
    if ((argc == 3 || argc == 4) && !strcmp(argv[1], "table")) {
        plants_table(argv[2], argc == 4 ? atoi(argv[3]) : 0);
        return 0;
    }
    if (!check && (argc != 2 || strcmp(argv[1], "broken") != 0)) {
        fprintf(stderr, "usage: plants check | broken | table FOLDER [SIZES]\n");
        return EXIT_USER;
    }
    struct simsiam_evidence evidence[POINTS];
    for (int i = 0; i < POINTS; i++)
        planted_measure(&evidence[i], NULL, plant_outputs(points[i].plant), 1);
    if (check) printf("1..%d\n", POINTS);
    const int wrong = check ? points_judge(evidence, NULL, "", true) : thresholds_break(evidence);
    return wrong ? EXIT_CLAIM : 0;
}
