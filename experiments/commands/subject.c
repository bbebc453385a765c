/* SPDX-License-Identifier: MIT
 *
 * subject.c -- outputs of two views, or a log's lines, to a verdict.
 */
#include "subject.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "../../engine/array_file.h"

enum { VIEWS = 2, ARRAYS = 3, FEW = 256 };

/* Why there is no verdict: printf's sentence, the caller's status. */
static void unable(struct subject *s, int status, const char *format, ...) PRINTF_LIKE(3, 4);
static void unable(struct subject *s, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vasprintf(&s->wrong, format, args) < 0)
        die("out of memory: cannot format a text (close other programs)");
    va_end(args);
    text_disarm(s->wrong);
    s->status = status;
}

/* ---- outputs ------------------------------------------------------------------------------- */

struct views {
    const char *path[ARRAYS];
    struct array_file *file; /* [ARRAYS]: large, not for the stack */
    int n; /* of them: 2 or 3 */
};

static bool views_open(struct subject *s, const struct views *v)
{
    char wrong[WRONG_TEXT];
    for (int i = 0; i < v->n; i++) {
        if (array_open(&v->file[i], v->path[i], wrong)) continue;
        unable(s, v->file[i].source.world ? EXIT_WORLD : EXIT_USER, "%s: %s", v->path[i], wrong);
        return false;
    }
    const struct array_file *const a = &v->file[0];
    for (int i = 1; i < v->n; i++) {
        if (v->file[i].n == a->n && v->file[i].d == a->d) continue;
        unable(
            s, EXIT_USER,
            "%s: it is [%lld, %d], and %s is [%lld, %d]; outputs of the same samples are wanted, "
            "in the same order",
            v->path[i], (long long)v->file[i].n, v->file[i].d, v->path[0], (long long)a->n, a->d);
        return false;
    }
    const int least = 2 * (a->d < FEW ? a->d : FEW);
    if (a->d > SIMSIAM_DIM_MAX)
        unable(s, EXIT_USER, "%s: %d features; %d at most", v->path[0], a->d, SIMSIAM_DIM_MAX);
    else if (a->n < least)
        unable(
            s, EXIT_USER,
            "%s: %lld samples of %d features; at least %d are wanted, or their number and not the "
            "net would say in how many directions they vary",
            v->path[0], (long long)a->n, a->d, least);
    return !s->status;
}

/* Some rows at a time from the files into the detector. */
static bool rows_pass(struct subject *s, const struct views *v, struct simsiam_detector *detector,
                      float *room, int64_t most)
{
    const struct array_file *const a = &v->file[0];
    float *z[ARRAYS] = { NULL };
    char wrong[WRONG_TEXT];
    for (int i = 0; i < v->n; i++) z[i] = room + (size_t)i * (size_t)most * (size_t)a->d;
    for (int64_t done = 0, rows; done < a->n; done += rows) {
        rows = a->n - done < most ? a->n - done : most;
        for (int i = 0; i < v->n; i++) {
            if (array_read(&v->file[i], z[i], rows, wrong)) continue;
            unable(s, v->file[i].source.world ? EXIT_WORLD : EXIT_USER, "%s: %s", v->path[i],
                   wrong);
            return false;
        }
        const int status = simsiam_add(detector, z[0], z[1], z[2], rows);
        if (!status) continue;
        unable(s, EXIT_DIVERGED, "%s among rows %lld to %lld", simsiam_status_text(status),
               (long long)done + 1, (long long)(done + rows));
        return false;
    }
    return true;
}

static void detector_judge(struct subject *s, struct simsiam_detector *detector)
{
    int status = simsiam_measure(detector, &s->evidence);
    if (!status && s->has_others) status = simsiam_compare(detector, &s->others);
    if (!status)
        simsiam_judge(&s->verdict, &s->evidence, NULL);
    else if (status == SIMSIAM_NOT_FINITE)
        unable(s, EXIT_DIVERGED, "%s", simsiam_status_text(status));
    else
        unable(s, status == SIMSIAM_TWINS ? EXIT_USER : EXIT_WORLD, "%s: %s", s->name,
               simsiam_status_text(status));
}

static void views_judge(struct subject *s, const struct views *v, int threads)
{
    enum { NUMBERS_MOST = 1 << 20 }; /* 4 MB of each view at a time */
    const int d = v->file[0].d;
    const int64_t most = d < NUMBERS_MOST ? NUMBERS_MOST / d : 1;
    struct simsiam_detector *detector;
    const int status = simsiam_open(&detector, d, v->n == ARRAYS, threads);
    if (status) {
        unable(s, EXIT_WORLD, "%s: %s", s->name, simsiam_status_text(status));
        return;
    }
    float *const room = host_alloc((size_t)v->n * (size_t)most * (size_t)d, sizeof *room);
    if (rows_pass(s, v, detector, room, most)) detector_judge(s, detector);
    free(room);
    simsiam_close(detector);
}

void subject_views(struct subject *s, const char *a, const char *b, const char *rest, bool others,
                   int threads)
{
    *s = (struct subject){ .epoch = -1, .since = -1, .has_others = others };
    struct views v = { { a, b, rest }, host_alloc(ARRAYS, sizeof *v.file), rest ? ARRAYS : VIEWS };
    s->name = rest ? text_format("%s, %s, at rest %s", a, b, rest) : text_format("%s, %s", a, b);
    text_disarm(s->name);
    if (views_open(s, &v)) views_judge(s, &v, threads);
    for (int i = 0; i < v.n; i++) array_close(&v.file[i]);
    free(v.file);
}

/* ---- a log's lines ------------------------------------------------------------------------- */

/* Python's json writes NaN and Infinity, which JSON does not have: null in their place, outside of
 * strings.  The caller frees. */
static char *nulls_put(const char *text)
{
    static const char *const words[] = { "-Infinity", "Infinity", "NaN" };
    char *const out = host_alloc(2 * strlen(text) + 1, 1), *to = out;
    bool quoted = false;
    while (*text) {
        int i = 0;
        while (i < 3 && (quoted || strncmp(text, words[i], strlen(words[i])) != 0)) i++;
        if (i < 3) {
            to = stpcpy(to, "null");
            text += strlen(words[i]);
            continue;
        }
        if (*text == '"') quoted = !quoted;
        if (quoted && *text == '\\' && text[1]) *to++ = *text++;
        *to++ = *text++;
    }
    return out;
}

static json_t *line_load(const char *text, size_t length, json_error_t *error)
{
    json_error_t unused;
    json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, error);
    if (line || (!strstr(text, "NaN") && !strstr(text, "Infinity"))) return line;
    char *const plain = nulls_put(text);
    line = json_loads(plain, JSON_REJECT_DUPLICATES, &unused);
    free(plain);
    return line;
}

/* A number, or null, which is NaN; false for anything else, and where it is missing. */
static bool number_take(const json_t *line, const char *key, double *x)
{
    const json_t *const value = json_object_get(line, key);
    *x = json_is_number(value) ? json_number_value(value) : NAN;
    return json_is_number(value) || json_is_null(value);
}

/* One line that holds the three: the last so far. */
static void line_judge(struct subject *s, const json_t *line, const char *path, int number)
{
    const json_t *const epoch = json_object_get(line, "epoch");
    struct simsiam_evidence e = { .n = 0,
                                  .mean_norm = NAN,
                                  .rank = NAN,
                                  .participation = NAN,
                                  .directions_90 = NAN,
                                  .directions_99 = NAN };
    if (!json_object_get(line, "std_sqrtd") && !json_object_get(line, "view_share")) return;
    if (!json_is_integer(epoch) || json_integer_value(epoch) < 0 ||
        json_integer_value(epoch) > INT_MAX) {
        unable(s, EXIT_USER, "%s:%d:1: epoch: a whole number from 0 is wanted", path, number);
    } else if (!number_take(line, "std_sqrtd", &e.std_sqrtd)) {
        unable(s, EXIT_USER, "%s:%d:1: std_sqrtd: a number is wanted, or null", path, number);
    } else if (!number_take(line, "view_share", &e.view_share)) {
        unable(s, EXIT_USER, "%s:%d:1: view_share: a number is wanted, or null", path, number);
    }
    if (s->status == EXIT_USER) return;
    number_take(line, "mean_norm", &e.mean_norm);
    const enum simsiam_grade before = s->verdict.grade;
    const int now = (int)json_integer_value(epoch);
    s->evidence = e;
    simsiam_judge(&s->verdict, &e, NULL);
    if (s->since < 0 || s->verdict.grade != before) s->since = now;
    s->epoch = now;
}

/* All lines but one that is still being written. */
static void lines_judge(struct subject *s, FILE *file, const char *path)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    for (int number = 1; !s->status && (length = getline(&text, &room, file)) > 0; number++) {
        json_error_t error;
        json_t *const line = line_load(text, (size_t)length, &error);
        if (!line && text[length - 1] != '\n') break;
        if (strspn(text, " \t\r\n") == (size_t)length) {
            json_decref(line);
            continue;
        }
        if (!json_is_object(line))
            unable(s, EXIT_USER, "%s:%d:%d: %s; a JSON object a line is wanted", path, number,
                   line || error.column < 1 ? 1 : error.column, line ? "no object" : error.text);
        else
            line_judge(s, line, path, number);
        json_decref(line);
    }
    if (!s->status && ferror(file))
        unable(s, EXIT_WORLD, "%s: cannot read on: %s", path, strerror(errno));
    free(text);
}

void subject_metrics(struct subject *s, const char *path)
{
    *s = (struct subject){ .name = text_format("%s", path), .epoch = -1, .since = -1 };
    text_disarm(s->name);
    FILE *const file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    if (!file) {
        unable(s, EXIT_USER, "%s: cannot open it: %s", path, strerror(errno));
        return;
    }
    struct stat about;
    if (!fstat(fileno(file), &about) && S_ISDIR(about.st_mode)) {
        fclose(file);
        unable(s, EXIT_USER, "%s: it is a folder; a file of JSON lines is wanted (of a run: its metrics.jsonl)",
               path);
        return;
    }
    lines_judge(s, file, path);
    if (file != stdin) fclose(file);
    if (s->status) return;
    if (s->epoch < 0)
        unable(s, EXIT_USER,
               "%s: no line holds epoch, std_sqrtd and view_share; one of each epoch is wanted",
               path);
    else if (!isfinite(s->evidence.std_sqrtd))
        unable(s, EXIT_DIVERGED, "std_sqrtd is no number at epoch %d", s->epoch);
}

void subject_free(struct subject *s)
{
    free(s->name);
    free(s->wrong);
    *s = (struct subject){ .name = NULL };
}

const char *subject_verdict(const struct subject *s)
{
    if (s->status == EXIT_AGAIN) return "none";
    return s->status == EXIT_DIVERGED ? "diverged" : simsiam_grade_name(s->verdict.grade);
}
