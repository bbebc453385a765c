/* SPDX-License-Identifier: MIT
 *
 * subject.h -- what `simsiam check` judges: a run's folder, and for anybody outputs of two views in
 * files, or the lines of a training's log; and how it tells of it, to people and to programs.
 */
#pragma once
#include <stdbool.h>

#include "../../engine/collapse/simsiam_collapse.h"

struct subject {
    char *name;                    /* "A, B", or the log's; ours to free, as is `wrong` */
    int status;                    /* 0: there is a verdict; EXIT_DIVERGED, or why there is none:
                                      EXIT_AGAIN (nothing to judge yet), EXIT_USER, EXIT_WORLD */
    char *wrong;                   /* why there is none */
    struct simsiam_evidence evidence;
    struct simsiam_verdict verdict;
    bool has_others;
    struct simsiam_others others;
    /* Of a log or a run: the epoch judged, and from where on all have its grade; else -1. */
    int epoch, since;
    /* Of a run: has it ended, and the last epoch's loss and kNN. */
    bool is_run, run_finished;
    double loss, knn;
};

/* A run's folder.  The verdict is made anew from metrics.jsonl: it needs no summary, so that a run
 * under way has one too, and a rule that broke since the summary was written shows. */
void subject_run(struct subject *s, const char *folder);
/* "partial since epoch 3, finished at epoch 5: std*sqrt(d) ...", of one with a verdict; else why it
 * has none; the caller frees. */
char *subject_run_text(const struct subject *s);

/* Outputs of two views, and at rest (NULL: none); `others`: what other tools measure as well. */
void subject_views(struct subject *s, const char *a, const char *b, const char *rest, bool others,
                   int threads);
/* Lines of JSON that hold epoch, std_sqrtd and view_share; others are passed over.  "-": standard
 * input. */
void subject_metrics(struct subject *s, const char *path);
void subject_free(struct subject *s);

/* "healthy", ..., "diverged", or "none": nothing to judge yet. */
const char *subject_verdict(const struct subject *s);

/* One line: the measures, and how far the thresholds of each grade are; the caller frees. */
char *subject_evidence(const struct subject *s);

/* The grades that --fail-on names, a bit each; a wrong name ends the program. */
unsigned grades_parse(const char *text);

/* "0.123", or "none" for a number that does not exist; the caller frees. */
char *measure_text(const char *format, double x) __attribute__((format(printf, 1, 0)));

/* The grades that fail a check, a bit each. */
struct telling {
    unsigned fail_on;
    int status;                    /* what the command ends with */
    const struct subject *subject;
    int n;
};
bool subject_fails(const struct telling *t, const struct subject *s);

void tell_text(const struct telling *t);       /* these four to standard output */
void tell_json(const struct telling *t);
void tell_tap(const struct telling *t);
void tell_github(const struct telling *t);
void tell_junit(const struct telling *t, const char *path);    /* dies if it cannot be written */

/* What `simsiam check`'s options say, and what it ends with. */
struct subjects_asked {
    bool views, metrics;           /* neither: folders of runs */
    bool json, tap, github, others;
    const char *rest, *junit, *fail_on;        /* NULL: none; fail_on: "partial,complete" */
    int threads;
};
int subjects_check(const struct subjects_asked *asked, char **operand, int n);
