/* SPDX-License-Identifier: MIT
 *
 * subject_check.c -- `simsiam check` of runs, `--views` and `--metrics`: what was asked for, the
 * subjects, the exit status.
 */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "options.h"
#include "../../engine/base.h"
#include "../../engine/config.h"

/* The grade of a name's first n letters; SIMSIAM_GRADES if there is none that may fail. */
static int grade_find(const char *name, size_t n)
{
    int g = SIMSIAM_DIMENSIONAL;
    while (g < SIMSIAM_GRADES && (strncmp(simsiam_grade_name((enum simsiam_grade)g), name, n) ||
                                  strlen(simsiam_grade_name((enum simsiam_grade)g)) != n))
        g++;
    return g;
}

/* "partial,complete"; "none" to no bit. */
unsigned grades_parse(const char *text)
{
    static const char *const names[] = { "dimensional", "partial", "complete", "undecided", "none", NULL };
    unsigned grades = 0;
    if (!strcmp(text, "none")) return 0;
    for (const char *at = text;; at++) {
        const size_t n = strcspn(at, ",");
        const int g = grade_find(at, n);
        if (g == SIMSIAM_GRADES) {
            char *const word = text_format("%.*s", (int)n, at);
            const char *const near = config_nearest(word, names);
            if (near) die_user("check: --fail-on: no grade \"%s\"; the nearest is %s", word, near);
            die_user("check: --fail-on: no grade \"%s\"; there are dimensional, partial, complete, "
                     "undecided, or none alone", word);
        }
        grades |= 1u << g;
        at += n;
        if (!*at) return grades;
    }
}

/* - or -:NAME */
static bool is_pipe(const char *path) { return path[0] == '-' && (!path[1] || path[1] == ':'); }

static void asked_check(const struct subjects_asked *a, char **operand, int n)
{
    if (a->views && a->metrics) die_user("check: --views and --metrics; one of the two");
    if (a->json + a->tap + a->github > 1) die_user("check: one of --json, --tap and --github");
    if (a->views && (n < 2 || n % 2))
        die_user("check: --views wants files in pairs, A B, of the outputs for two views; %d given",
                 n);
    if (a->metrics && n < 1) die_user("check: --metrics wants a FILE of JSON lines");
    if (!a->views && !a->metrics && n < 1)
        die_user("check: no RUN given, a folder such as runs/0123456789abcdef/seed-1");
    if (!a->views && (a->rest || a->others || a->threads))
        die_user("check: --rest, --others and --threads go with --views");
    if (a->rest && n != 2) die_user("check: --rest goes with one pair of views");
    int pipes = a->rest && is_pipe(a->rest);
    for (int i = 0; i < n && (a->views || a->metrics); i++) pipes += is_pipe(operand[i]);
    if (pipes > 1) die_user("check: - (standard input) can be one of the files alone");
    threads_check(a->threads);
}

/* The verdicts in the form that was asked for, once there is nothing wrong with any file. */
static void subjects_tell(const struct subjects_asked *a, const struct telling *t)
{
    const bool wrong = t->status == EXIT_USER || t->status == EXIT_WORLD;
    if (wrong && (a->json || a->tap || a->github)) return;
    if (a->json) tell_json(t);
    else if (a->tap) tell_tap(t);
    else if (a->github) tell_github(t);
    else tell_text(t);
    if (a->junit && !wrong) tell_junit(t, a->junit);
}

int subjects_check(const struct subjects_asked *a, char **operand, int n)
{
    /* A wrong command first, then what is wrong with a subject; that one is too young says least,
     * or "try again" would hide a collapse. */
    static const int order[STATUSES] = { EXIT_USER, EXIT_WORLD, EXIT_DIVERGED, EXIT_COLLAPSED, EXIT_AGAIN };
    asked_check(a, operand, n);
    const int step = a->views ? 2 : 1;
    struct subject *const subject = host_alloc((size_t)(n / step), sizeof *subject);
    struct telling t = { .fail_on = grades_parse(a->fail_on), .subject = subject, .n = n / step };
    for (int i = 0; i < t.n; i++) {
        struct subject *const s = &subject[i];
        if (a->views)
            subject_views(s, operand[2 * i], operand[2 * i + 1], a->rest, a->others, a->threads);
        else if (a->metrics)
            subject_metrics(s, operand[i]);
        else
            subject_run(s, operand[i]);
        if (s->status && s->status != EXIT_DIVERGED)       /* a run's says not of what */
            fprintf(stderr, "%s: %s\n", s->is_run ? s->name : "simsiam", s->wrong);
        const int own = s->status ? s->status : subject_fails(&t, s) ? EXIT_COLLAPSED : 0;
        t.status = graver_by(order, t.status, own);
    }
    subjects_tell(a, &t);
    for (int i = 0; i < t.n; i++) subject_free(&subject[i]);
    free(subject);
    return t.status;
}
