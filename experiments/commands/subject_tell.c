/* SPDX-License-Identifier: MIT
 *
 * subject_tell.c -- a verdict for people, and for what runs tests: JSON (docs/check.schema.json),
 * TAP 13, JUnit's XML (docs/junit.xsd), GitHub's annotations.
 */
#include "subject.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../pages/look_html.h"
#include "../../engine/object.h"

bool subject_fails(const struct telling *t, const struct subject *s)
{
    return s->status == EXIT_DIVERGED || (!s->status && (t->fail_on >> s->verdict.grade & 1));
}

/* ---- words --------------------------------------------------------------------------------- */

static const char *meaning(const struct subject *s)
{
    static const char *const text[SIMSIAM_GRADES] = {
        [SIMSIAM_HEALTHY] = "samples differ, and more than their views do",
        [SIMSIAM_DIMENSIONAL] = "few directions are in use",
        [SIMSIAM_PARTIAL] = "two views of a sample differ about as much as two samples do",
        [SIMSIAM_COMPLETE] = "the output is a constant",
        [SIMSIAM_UNDECIDED] = "near a threshold: train on, or look at the measures",
    };
    return s->status ? s->wrong : text[s->verdict.grade];
}

char *measure_text(const char *format, double x)
{
    return isnan(x) ? text_format("none") : text_format(format, x);
}

char *subject_evidence(const struct subject *s)
{
    static const enum simsiam_grade grades[] = { SIMSIAM_COMPLETE, SIMSIAM_PARTIAL,
                                                 SIMSIAM_DIMENSIONAL };
    const struct simsiam_evidence *const e = &s->evidence;
    if (s->status) return text_format("%s", s->wrong);
    char *const share = measure_text("%.3f", e->view_share), *const norm = measure_text("%.3f", e->mean_norm);
    char *const rank = measure_text("%.1f", e->rank);
    char *text = text_format("std*sqrt(d) %.3f, view share %s, |E z'| %s, directions %s",
                             e->std_sqrtd, share, norm, rank);
    for (int i = 0; i < 3; i++) {
        const double away = s->verdict.distance[grades[i]];
        char *const percent = measure_text("%+.0f %%", 100 * away), *const before = text;
        text = text_format("%s%s %s %s", before,
                           i ? "," : "; thresholds away:", simsiam_grade_name(grades[i]), percent);
        free(percent);
        free(before);
    }
    free(share);
    free(norm);
    free(rank);
    return text;
}

/* "since epoch 3, at epoch 5", or how many samples. */
static char *where_text(const struct subject *s)
{
    if (s->epoch >= 0) return text_format("since epoch %d, at epoch %d", s->since, s->epoch);
    if (s->status) return text_format("no measures");
    return text_format("%lld samples of %d features", (long long)s->evidence.n, s->evidence.d);
}

/* What belongs to no threshold, a line each. */
static void more_print(const struct subject *s)
{
    const struct simsiam_evidence *const e = &s->evidence;
    if (isnan(e->directions_90)) {
        if (e->d) printf("    the rows do not differ, and have no direction\n");
    } else {
        printf("    90 %% of the variance in %.0f directions, 99 %% in %.0f; participation ratio %.1f\n",
               e->directions_90, e->directions_99, e->participation);
    }
    if (!s->has_others) return;
    char *const rankme = measure_text("%.1f", s->others.rankme);
    char *const lidar = measure_text("%.1f", s->others.lidar);
    char *const alpha = measure_text("%.2f", s->others.alpha_req);
    printf("    lightly's level %.3f, RankMe %s, LiDAR %s, alpha-ReQ %s\n", s->others.level, rankme, lidar,
           alpha);
    free(rankme);
    free(lidar);
    free(alpha);
}

/* `before` stands before each name. */
static void text_print(const struct telling *t, const char *before)
{
    for (int i = 0; i < t->n; i++) {
        const struct subject *const s = &t->subject[i];
        if (s->status && s->status != EXIT_DIVERGED) continue;
        if (s->is_run) {
            char *const told = subject_run_text(s);
            printf("%s%s: %s\n", before, s->name, told);
            free(told);
            continue;
        }
        char *const where = where_text(s), *const evidence = subject_evidence(s);
        printf("%s%s: %s: %s (%s)\n", before, s->name, subject_verdict(s), meaning(s), where);
        if (!s->status) {
            printf("    %s\n", evidence);
            more_print(s);
        }
        free(where);
        free(evidence);
    }
}

void tell_text(const struct telling *t) { text_print(t, ""); }

/* ---- TAP ----------------------------------------------------------------------------------- */

void tell_tap(const struct telling *t)
{
    printf("TAP version 13\n1..%d\n", t->n);
    for (int i = 0; i < t->n; i++) {
        const struct subject *const s = &t->subject[i];
        char *const evidence = subject_evidence(s);
        printf("%s %d - ", subject_fails(t, s) ? "not ok" : "ok", i + 1);
        for (const char *at = s->name; *at; at++) printf(*at == '#' ? "\\#" : "%c", *at);
        printf(": %s%s\n# %s\n", subject_verdict(s), s->status == EXIT_AGAIN ? " # SKIP" : "", evidence);
        free(evidence);
    }
}

/* ---- GitHub -------------------------------------------------------------------------------- */

/* A workflow command's text: its own signs and ends of lines are written as in an address. */
static void github_put(const char *text)
{
    for (; *text; text++) printf(strchr("%\r\n", *text) ? "%%%02X" : "%c", (unsigned char)*text);
}

/* A file's name may be a workflow command: none begins a line. */
void tell_github(const struct telling *t)
{
    text_print(t, "simsiam check: ");
    for (int i = 0; i < t->n; i++) {
        const struct subject *const s = &t->subject[i];
        char *const evidence = subject_evidence(s);
        const bool healthy = !s->status && s->verdict.grade == SIMSIAM_HEALTHY;
        printf("::%s title=simsiam check::", subject_fails(t, s) ? "error" : healthy ? "notice" : "warning");
        github_put(s->name);
        printf(": %s: ", subject_verdict(s));
        github_put(evidence);
        putchar('\n');
        free(evidence);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* JSON has no bytes that are no UTF-8. */
static json_t *string(const char *text)
{
    char *const plain = text_format("%s", text);
    json_t *json = json_string(plain);
    for (char *at = plain; !json && *at; at++)
        if ((unsigned char)*at > 127) *at = '?';
    if (!json) json = json_string(plain);
    free(plain);
    return json;
}

struct number { const char *name; double x; };

/* An object of the numbers up to one without a name. */
static json_t *numbers_json(const struct number *number)
{
    json_t *const o = made(json_object());
    for (; number->name; number++) object_put(o, number->name, real_new(number->x));
    return o;
}

static json_t *evidence_json(const struct simsiam_evidence *e)
{
    return numbers_json((const struct number[]){ { "std_sqrtd", e->std_sqrtd },
                                                 { "mean_norm", e->mean_norm },
                                                 { "view_share", e->view_share },
                                                 { "rank", e->rank },
                                                 { "participation", e->participation },
                                                 { "directions_90", e->directions_90 },
                                                 { "directions_99", e->directions_99 },
                                                 { NULL, 0 } });
}

static json_t *others_json(const struct simsiam_others *others)
{
    return numbers_json((const struct number[]){ { "level", others->level },
                                                 { "rankme", others->rankme },
                                                 { "lidar", others->lidar },
                                                 { "alpha_req", others->alpha_req },
                                                 { NULL, 0 } });
}

static json_t *rule_json(void)
{
    const struct simsiam_rule *const r = &simsiam_rule_standard;
    json_t *const o = made(json_object());
    object_put(o, "edition", json_integer(2));
    object_put(o, "provisional", json_false());
    object_put(o, "dead", real_new(r->dead));
    object_put(o, "spread", real_new(r->spread));
    object_put(o, "share", real_new(r->share));
    object_put(o, "few", real_new(r->few));
    object_put(o, "few_least", real_new(r->few_least));
    object_put(o, "few_share", real_new(r->few_share));
    object_put(o, "few_dim", json_integer(r->few_dim));
    object_put(o, "near", real_new(r->near));
    return o;
}

static json_t *subject_json(const struct telling *t, const struct subject *s)
{
    static const enum simsiam_grade grades[] = { SIMSIAM_COMPLETE, SIMSIAM_PARTIAL,
                                                 SIMSIAM_DIMENSIONAL };
    json_t *const o = made(json_object()), *const distance = made(json_object());
    object_put(o, "name", string(s->name));
    object_put(o, "verdict", json_string(subject_verdict(s)));
    object_put(o, "fails", json_boolean(subject_fails(t, s)));
    if (s->status) {
        object_put(o, "why", string(s->wrong));
        json_decref(distance);
        return o;
    }
    for (int i = 0; i < 3; i++)
        object_put(distance, simsiam_grade_name(grades[i]), real_new(s->verdict.distance[grades[i]]));
    if (s->is_run) object_put(o, "finished", json_boolean(s->run_finished));
    if (s->epoch >= 0) {
        object_put(o, "epoch", json_integer(s->epoch));
        object_put(o, "since", json_integer(s->since));
    } else {
        object_put(o, "samples", json_integer(s->evidence.n));
        object_put(o, "features", json_integer(s->evidence.d));
    }
    object_put(o, "evidence", evidence_json(&s->evidence));
    object_put(o, "distance", distance);
    if (s->has_others) object_put(o, "others", others_json(&s->others));
    return o;
}

void tell_json(const struct telling *t)
{
    json_t *const o = made(json_object());
    json_t *const subjects = made(json_array()), *const fail_on = made(json_array());
    for (int g = 0; g < SIMSIAM_GRADES; g++)
        if (t->fail_on >> g & 1) list_add(fail_on, json_string(simsiam_grade_name(g)));
    for (int i = 0; i < t->n; i++) list_add(subjects, subject_json(t, &t->subject[i]));
    object_put(o, "schema", json_integer(1));
    object_put(o, "rule", rule_json());
    object_put(o, "fail_on", fail_on);
    object_put(o, "exit", json_integer(t->status));
    object_put(o, "subjects", subjects);
    char *const text = object_text(o, JSON_INDENT(2));
    puts(text);
    free(text);
}

/* ---- JUnit --------------------------------------------------------------------------------- */

void tell_junit(const struct telling *t, const char *path)
{
    int failures = 0, skipped = 0;
    char *text;
    size_t bytes;
    FILE *const out = open_memstream(&text, &bytes);
    if (!out) die("out of memory: cannot write XML (close other programs)");
    for (int i = 0; i < t->n; i++) failures += subject_fails(t, &t->subject[i]);
    for (int i = 0; i < t->n; i++) skipped += t->subject[i].status == EXIT_AGAIN;
    html(out,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
         "  <testsuite name=\"simsiam check\" tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"%d\">\n",
         t->n, failures, skipped);
    for (int i = 0; i < t->n; i++) {
        const struct subject *const s = &t->subject[i];
        const char *const verdict = subject_verdict(s);
        char *const evidence = subject_evidence(s);
        json_t *const name = string(s->name), *const said = string(evidence);
        html(out, "    <testcase classname=\"simsiam.check\" name=\"%s\">\n", json_string_value(name));
        if (subject_fails(t, s))
            html(out, "      <failure type=\"%s\" message=\"%s\">%s</failure>\n    </testcase>\n", verdict,
                 verdict, json_string_value(said));
        else if (t->subject[i].status == EXIT_AGAIN)
            html(out, "      <skipped message=\"%s\"/>\n    </testcase>\n", json_string_value(said));
        else
            html(out, "      <system-out>%s: %s</system-out>\n    </testcase>\n", verdict,
                 json_string_value(said));
        free(evidence);
        json_decref(name);
        json_decref(said);
    }
    html(out, "  </testsuite>\n</testsuites>\n");
    if (fclose(out)) die("out of memory: cannot write XML (close other programs)");
    if (!file_write_atomic(path, text, bytes))
        die("cannot write %s: %s (is there room, and may you write there?)", path, strerror(errno));
    free(text);
}
