/* SPDX-License-Identifier: MIT
 *
 * subject_run.c -- a run's folder, finished or not, to a verdict: its last monitored epoch, by the detector.
 */
#include "subject.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../run/judge.h"

/* The first monitored epoch from which on all have the last one's grade. */
static int grade_since(const struct run_record *r, enum simsiam_grade grade)
{
    int since = 0;
    for (int i = r->n_curve - 1; i >= 0 && r->curve[i].epoch >= 1; i--) {
        if (!r->curve[i].monitored) continue;
        if (epoch_verdict(&r->curve[i], r->outputs).grade != grade) break;
        since = r->curve[i].epoch;
    }
    return since;
}

/* The line that counts: the last monitored epoch of training; NULL if there is none.  The untrained network's
 * outputs may be nearly constant too, and no collapse. */
static const struct epoch_record *epoch_judged(const struct run_record *r)
{
    const struct epoch_record *last = NULL;
    for (int i = 0; i < r->n_curve; i++)
        if (r->curve[i].monitored && r->curve[i].epoch >= 1) last = &r->curve[i];
    return last;
}

static void record_judge(struct subject *s, const struct run_record *r)
{
    const struct epoch_record *const last = epoch_judged(r);
    const struct epoch_record *const end = r->n_curve ? &r->curve[r->n_curve - 1] : NULL;
    const bool diverged = r->state == RUN_DIVERGED || (end && end->epoch >= 1 && !isfinite(end->loss)) ||
                          (last && !isfinite(last->std_sqrtd));
    if (diverged) {
        struct run_record now = { .last = end ? *end : r->last };
        run_judge(&now, true);
        s->status = EXIT_DIVERGED;
        s->wrong = text_format("diverged: %s", now.evidence);
    } else if (!last) {
        s->status = EXIT_AGAIN;
        s->wrong = text_format("nothing to judge yet: no epoch of training is monitored (check again later)");
    } else {
        s->status = 0;
        s->evidence = epoch_evidence(last, r->outputs);
        s->verdict = epoch_verdict(last, r->outputs);
        s->epoch = last->epoch;
        s->since = grade_since(r, s->verdict.grade);
        s->loss = last->loss;
        s->knn = last->knn;
    }
}

char *subject_run_text(const struct subject *s)
{
    if (s->status) return text_format("%s", s->wrong);
    char *const evidence = subject_evidence(s);
    char *const loss = measure_text("%.3f", s->loss), *const knn = measure_text("%.1f", s->knn);
    char *const text = text_format("%s since epoch %d, %s at epoch %d: %s; loss %s, kNN %s", subject_verdict(s),
                                   s->since, s->run_finished ? "finished" : "not finished,", s->epoch, evidence,
                                   loss, knn);
    free(evidence);
    free(loss);
    free(knn);
    return text;
}

/* Ends of lines in metrics.jsonl, or -1: it cannot be read, and errno says why. */
static int lines_count(const char *path)
{
    size_t bytes;
    char *const text = file_read(path, &bytes);
    if (!text) return -1;
    int n = 0;
    for (size_t i = 0; i < bytes; i++) n += text[i] == '\n';
    free(text);
    return n;
}

static bool file_there(const char *folder, const char *name)
{
    char *const path = text_format("%s/%s", folder, name);
    const bool there = !access(path, F_OK);
    free(path);
    return there;
}

void subject_run(struct subject *s, const char *folder)
{
    *s = (struct subject){ .name = text_format("%s", folder), .status = EXIT_WORLD, .epoch = -1, .since = -1,
                           .is_run = true };
    text_disarm(s->name);
    char *const metrics = text_format("%s/metrics.jsonl", folder);
    const int lines = lines_count(metrics), why = errno;       /* before they are read: a run may add one */
    free(metrics);
    const bool none = lines < 0 && (why == ENOENT || why == ENOTDIR);
    if (none && !file_there(folder, "config.yaml") && !file_there(folder, "summary.json")) {
        s->status = EXIT_USER;
        s->wrong = text_format("no run lies here (its folder is like runs/0123456789abcdef/seed-1)");
        return;
    }
    struct run_record r;
    s->run_finished = run_read(&r, folder);
    if ((lines < 0 && !none) || (!s->run_finished && file_there(folder, "summary.json"))) {
        s->wrong = text_format("summary.json or metrics.jsonl cannot be read");     /* run_read() has warned */
    } else if (r.n_curve < lines) {
        s->wrong = text_format("line %d of metrics.jsonl is damaged, or another program's (of that: check "
                               "--metrics FILE; of this one: the same `run` goes on from the last checkpoint)",
                               r.n_curve + 1);
    } else {
        record_judge(s, &r);
    }
    run_free(&r);
}
