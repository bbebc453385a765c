/* SPDX-License-Identifier: MIT
 *
 * record.c -- a run's papers, written and read with jansson (record.h says what they hold).
 *
 * What is read may be torn, edited by hand or of another version: every value is checked for being
 * there, for its type and for its size, and a file that fails is no record.
 */
#include "record.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "measures.h"
#include "seal.h"

const char *const run_state_names[] = { "not run", "partial", "healthy", "collapsed", "diverged",
                                        NULL };

/* ---- tables: which key is which text (of numbers: measures.h) -------------------------------- */

struct text_key { const char *name; size_t offset, size; };
#define TEXT(member) { #member, offsetof(struct run_record, member), sizeof ((struct run_record *)0)->member }
static const struct text_key identity_texts[] = { TEXT(evidence),  TEXT(hash),    TEXT(code_hash),
                                                  TEXT(data_hash), TEXT(machine), TEXT(frozen_hash),
                                                  { NULL, 0, 0 } };
static const struct text_key row_text[] = { TEXT(row), { NULL, 0, 0 } };
static const struct text_key seal_text[] = { TEXT(metrics_hash), { NULL, 0, 0 } };

/* ---- writing --------------------------------------------------------------------------------- */

/* Files of before a measure was recorded stay what they are when they are written again. */
static bool left_out(const struct epoch_record *e, const struct measure *m)
{
    return m->is & MEASURE_LATER && isnan(epoch_number(e, m));
}
static void put_reals(json_t *object, unsigned kinds, const struct epoch_record *e)
{
    for (const struct measure *m = measures; m->name; m++)
        if (m->is & kinds && !left_out(e, m)) object_put(object, m->name, real_new(epoch_number(e, m)));
}
static void put_texts(json_t *object, const struct text_key *keys, const struct run_record *r)
{
    for (; keys->name; keys++) object_put(object, keys->name, json_string((const char *)r + keys->offset));
}
/* With a newline behind it; the text is gone. */
static char *line_of(char *text)
{
    char *const line = text_format("%s\n", text);
    free(text);
    return line;
}

char *epoch_print(const struct epoch_record *e)
{
    json_t *object = made(json_object());
    object_put(object, "epoch", json_integer(e->epoch));
    put_reals(object, MEASURE_TRAINED, e);
    if (e->monitored) put_reals(object, MEASURE_MONITORED, e);
    return line_of(object_text(object, JSON_COMPACT));
}

char *curve_print(const struct run_record *r)
{
    char *text;
    size_t bytes;
    FILE *const out = open_memstream(&text, &bytes);
    if (!out) die("no memory for metrics.jsonl (close other programs)");
    for (int i = 0; i < r->n_curve; i++) {
        char *const line = epoch_print(&r->curve[i]);
        fputs(line, out);
        free(line);
    }
    if (fclose(out)) die("no memory for metrics.jsonl (close other programs)");
    return text;
}

/* As in metrics.jsonl: first the numbers of every epoch, then those of a monitored one. */
static const unsigned field_kinds[] = { MEASURE_TRAINED, MEASURE_MONITORED };

void epoch_columns_add(struct epoch_columns *c, const struct epoch_record *e)
{
    bool had[MEASURES_MAX] = { false };
    for (int i = 0; i < c->n; i++) had[c->of[i] - measures] = true;
    c->n = 0;
    for (int i = 0; i < 2; i++) {
        const struct measure *m[MEASURES_MAX];
        const int n = measures_of(m, field_kinds[i]);
        for (int k = 0; k < n; k++)
            if (had[m[k] - measures] || !left_out(e, m[k])) c->of[c->n++] = m[k];
    }
}

void epoch_fields_head(FILE *out, const struct epoch_columns *c)
{
    fputs("epoch,monitored", out);
    for (int i = 0; i < c->n; i++) fprintf(out, ",%s", c->of[i]->name);
}

void epoch_fields(FILE *out, const struct epoch_columns *c, const struct epoch_record *e)
{
    fprintf(out, "%d,%d", e->epoch, e->monitored);
    for (int i = 0; i < c->n; i++) {
        const double x = epoch_number(e, c->of[i]);
        fputc(',', out);
        if ((c->of[i]->is & MEASURE_TRAINED || e->monitored) && isfinite(x))
            fprintf(out, "%.*g", OBJECT_DIGITS, x);
    }
}

json_t *summary_object(const struct run_record *r)
{
    json_t *object = made(json_object());
    json_t *final = made(json_object());
    object_put(object, "schema", json_integer(r->sealed ? RUN_SCHEMA : RUN_UNSEALED));
    put_texts(object, row_text, r);
    object_put(object, "seed", json_integer(r->seed));
    object_put(object, "epochs", json_integer(r->epochs));
    object_put(object, "state", json_string(run_state_names[r->state]));
    if (r->state != RUN_DIVERGED) object_put(object, "grade", json_string(simsiam_grade_name(r->grade)));
    object_put(object, "rule", json_integer(RUN_RULE));
    put_texts(object, identity_texts, r);
    object_put(final, "epoch", json_integer(r->last.epoch));
    put_reals(final, MEASURE_FINAL, &r->last);
    object_put(object, "final", final);
    for (const struct measure *m = measures; m->name; m++)
        if (m->is & MEASURE_END) object_put(object, m->name, real_new(run_number(r, m)));
    if (r->skipped) object_put(object, "skipped", json_integer(r->skipped));
    if (r->sealed) object_put(object, "metrics_hash", json_string(r->metrics_hash));
    return object;
}

char *summary_text(const struct run_record *r)
{
    json_t *const object = summary_object(r);
    return line_of((r->sealed ? sealed_text : object_text)(object, JSON_INDENT(2)));
}

bool summary_write(const struct run_record *r, const char *folder)
{
    char *text = summary_text(r);
    char *path = text_format("%s/summary.json", folder);
    const bool written = file_write_atomic(path, text, strlen(text));
    const int why = errno;
    free(path);
    free(text);
    errno = why;
    return written;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* jansson's getters take NULL and wrong types and answer NULL, so a missing key is a wrong
 * value. */
static bool get_int(int *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) return false;
    const json_int_t number = json_integer_value(value);
    if (number < 0 || number > INT_MAX) return false;
    *out = (int)number;
    return true;
}
static bool get_real(double *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_number(value) && !json_is_null(value)) return false;
    *out = json_is_null(value) ? NAN : json_number_value(value);
    return true;
}
/* The measures of these kinds, into the struct that their offsets are of. */
static bool get_reals(void *record, const json_t *object, unsigned kinds)
{
    for (const struct measure *m = measures; m->name; m++) {
        double *x = (double *)((char *)record + m->offset);
        if (!(m->is & kinds)) continue;
        if (m->is & MEASURE_LATER && !json_object_get(object, m->name)) *x = NAN;
        else if (!get_real(x, object, m->name)) return false;
    }
    return true;
}
static bool get_texts(struct run_record *r, const json_t *object, const struct text_key *keys)
{
    for (; keys->name; keys++) {
        const json_t *value = json_object_get(object, keys->name);
        if (!json_is_string(value) || json_string_length(value) >= keys->size) return false;
        memcpy((char *)r + keys->offset, json_string_value(value), json_string_length(value) + 1);
    }
    return true;
}

bool epoch_parse(struct epoch_record *e, const char *line)
{
    const struct measure *monitored[MEASURES_MAX];
    measures_of(monitored, MEASURE_MONITORED);
    *e = epoch_empty(0);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    e->monitored = json_object_get(object, monitored[0]->name) != NULL;
    const bool right = get_int(&e->epoch, object, "epoch") &&
                       get_reals(e, object, MEASURE_TRAINED) &&
                       (!e->monitored || get_reals(e, object, MEASURE_MONITORED));
    json_decref(object);
    return right;
}

/* The next field of a line, which ends there; NULL behind the last. */
static char *field_next(char **text)
{
    char *field = *text;
    if (!field) return NULL;
    char *comma = strchr(field, ',');
    if (comma) *comma = '\0';
    *text = comma ? comma + 1 : NULL;
    return field;
}

bool epoch_columns_take(struct epoch_columns *c, char *text)
{
    const char *title = field_next(&text);
    *c = (struct epoch_columns){ .n = 0 };
    if (!title || strcmp(title, "epoch")) return false;
    title = field_next(&text);
    if (!title || strcmp(title, "monitored")) return false;
    title = field_next(&text);
    for (int i = 0; i < 2; i++) {
        const struct measure *list[MEASURES_MAX];
        const int n = measures_of(list, field_kinds[i]);
        for (int k = 0; k < n; k++) {
            const bool there = title && !strcmp(title, list[k]->name);
            if (there) {
                c->of[c->n++] = list[k];
                title = field_next(&text);
            } else if (!(list[k]->is & MEASURE_LATER)) {
                return false;
            }
        }
    }
    return !title;
}

static bool field_get(double *x, const char *field, bool given)
{
    char *end;
    if (!field) return false;
    if (!*field) return true;
    if (!given || !strchr("-0123456789", *field)) return false;
    *x = strtod(field, &end);
    return !*end && isfinite(*x);
}

bool epoch_fields_take(struct epoch_record *e, const struct epoch_columns *c, char *text)
{
    *e = epoch_empty(0);
    const char *epoch = field_next(&text), *monitored = field_next(&text);
    if (!epoch || !*epoch || strlen(epoch) > 9 || epoch[strspn(epoch, "0123456789")]) return false;
    if (!monitored || (strcmp(monitored, "0") && strcmp(monitored, "1"))) return false;
    e->epoch = atoi(epoch);
    e->monitored = *monitored == '1';
    for (int i = 0; i < c->n; i++) {
        const struct measure *m = c->of[i];
        const bool given = m->is & MEASURE_TRAINED || e->monitored;
        if (!field_get((double *)((char *)e + m->offset), field_next(&text), given)) return false;
    }
    return !text;
}

/* The state a finished run may have. */
static bool get_state(enum run_state *out, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "state"));
    for (int s = RUN_HEALTHY; name && s <= RUN_DIVERGED; s++) {
        if (strcmp(name, run_state_names[s]) == 0) {
            *out = (enum run_state)s;
            return true;
        }
    }
    return false;
}

bool summary_take(struct run_record *r, const json_t *object)
{
    const json_t *final = json_object_get(object, "final");
    int schema = 0;
    r->rule = 1;
    if (json_object_get(object, "rule") && !get_int(&r->rule, object, "rule")) return false;
    if (!get_int(&schema, object, "schema")) return false;
    r->sealed = schema == RUN_SCHEMA;
    return (r->sealed ? get_texts(r, object, seal_text) : schema == RUN_UNSEALED) &&
           get_texts(r, object, row_text) && get_int(&r->seed, object, "seed") &&
           get_int(&r->epochs, object, "epochs") && get_state(&r->state, object) &&
           get_texts(r, object, identity_texts) &&
           get_int(&r->last.epoch, final, "epoch") && get_reals(&r->last, final, MEASURE_FINAL) &&
           get_reals(r, object, MEASURE_END) &&
           (!json_object_get(object, "skipped") || get_int(&r->skipped, object, "skipped"));
}

static bool summary_parse(struct run_record *r, const char *text, size_t bytes)
{
    json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    const bool right = summary_take(r, object);
    json_decref(object);
    return right;
}

/* ---- what a finished run can be -------------------------------------------------------------- */

static bool hex_digits(const char *hash)
{
    return strlen(hash) == HASH_TEXT - 1 && !hash[strspn(hash, "0123456789abcdef")];
}

static bool token(const char *name)
{
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("_.-", *at)) return false;
    return *name != '\0';
}

static bool percent(double x)
{
    return isnan(x) || (x >= 0 && x <= 100);
}

/* Nine digits tell floats apart, and both sides were printed with nine. */
static bool ends_with(const struct epoch_record *end, const struct epoch_record *last)
{
    for (const struct measure *m = measures; m->name; m++) {
        if (!(m->is & MEASURE_FINAL)) continue;
        const double a = epoch_number(end, m);
        const double b = epoch_number(last, m);
        if (a != b && !(isnan(a) && isnan(b))) return false;
    }
    return end->epoch == last->epoch;
}

static const char *curve_fault(const struct run_record *r)
{
    for (int i = 0; i < r->n_curve; i++) {
        if (r->curve[i].epoch != i) return "an epoch is missing";
        if (!percent(r->curve[i].knn) || !percent(r->curve[i].knn_z))
            return "an accuracy is not in 0..100";
    }
    if (!r->n_curve || !ends_with(&r->curve[r->n_curve - 1], &r->last))
        return "the last epoch's numbers are not the summary's";
    return NULL;
}

const char *run_fault(struct run_record *r)
{
    const char *wrong = curve_fault(r);
    if (wrong) return wrong;
    if (!hex_digits(r->hash) || !hex_digits(r->code_hash) || !hex_digits(r->data_hash) ||
        !hex_digits(r->frozen_hash))
        return "a hash is not 64 hex digits";
    if (!token(r->row) || !token(r->machine)) return "a name is not letters, digits, _ . -";
    if (!percent(r->linear)) return "an accuracy is not in 0..100";
    if (r->last.epoch > r->epochs || (r->last.epoch < r->epochs && r->state != RUN_DIVERGED))
        return "its last epoch is not that of its settings";
    const enum run_state said = r->state;
    r->last = r->curve[r->n_curve - 1];
    run_judge(r, isnan(r->linear));            /* only what diverged has no accuracy */
    const bool as_said = r->state == said ||
                         (r->rule < RUN_RULE && said != RUN_DIVERGED && r->state != RUN_DIVERGED);
    return as_said ? NULL : "its numbers do not make it what its state says";
}

/* Reads the lines of metrics.jsonl, whose epochs are 0, 1, 2 ..., into r->curve up to the first
 * that is not right.  True if all are. */
static bool curve_parse(struct run_record *r, char *text, size_t bytes)
{
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++) lines += text[i] == '\n';
    r->curve = host_alloc(lines, sizeof *r->curve);
    for (char *line = text, *end; line < text + bytes; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + bytes - line));
        if (!end) end = text + bytes;          /* file_read has put a NUL there */
        *end = '\0';
        struct epoch_record *e = &r->curve[r->n_curve];
        if (strlen(line) != (size_t)(end - line) || !epoch_parse(e, line)) return false;
        if (e->epoch != r->n_curve) return false;
        r->n_curve++;
    }
    return true;
}

/* The file's content, or NULL, warned of unless it is just not there. */
static char *read_text(const char *path, size_t *bytes)
{
    char *text = file_read_own(path, bytes);
    if (!text && errno != ENOENT && errno != ENOTDIR)
        warn("cannot read %s: %s", path, strerror(errno));
    return text;
}

/* A summary of schema 3 has a seal, and one of schema 2 has lost none. */
static bool seals_right(const struct run_record *r, const struct run_texts *t,
                        const char metrics_hash[HASH_TEXT], char wrong[WRONG_TEXT])
{
    const enum seal seal = seal_look(t->summary, t->summary_bytes);
    if (seal != (r->sealed ? SEAL_RIGHT : SEAL_NONE))
        return refuse(wrong, "summary.json is not what was written: its seal does not fit");
    if (r->sealed && strcmp(metrics_hash, r->metrics_hash))
        return refuse(wrong, "metrics.jsonl is not what was written: summary.json has another hash "
                      "of it");
    return true;
}

bool run_texts_take(struct run_record *r, const struct run_texts *t, char wrong[WRONG_TEXT])
{
    char metrics_hash[HASH_TEXT] = "";
    if (t->metrics) hash_bytes(metrics_hash, t->metrics, t->metrics_bytes);
    r->outputs = t->config ? outputs_of(t->config) : (struct outputs){ .samples = 0 };
    const bool whole_summary = summary_parse(r, t->summary, t->summary_bytes);
    const bool whole_curve = t->metrics && curve_parse(r, t->metrics, t->metrics_bytes);
    const char *fault = NULL;
    if (!whole_summary) return refuse(wrong, "summary.json is broken");
    if (!t->metrics) return refuse(wrong, "metrics.jsonl is not there, or cannot be read");
    if (!whole_curve) return refuse(wrong, "metrics.jsonl is broken in line %d", r->n_curve + 1);
    if ((fault = run_fault(r)))
        return refuse(wrong, "summary.json and metrics.jsonl are broken, %s", fault);
    return seals_right(r, t, metrics_hash, wrong);
}

bool run_read(struct run_record *r, const char *folder)
{
    *r = (struct run_record){ .state = RUN_NONE, .linear = NAN };
    char *const summary = text_format("%s/summary.json", folder),
         *const metrics = text_format("%s/metrics.jsonl", folder),
         *const config = text_format("%s/config.yaml", folder),
         *const noted = text_format("%s/metrics.sha256", folder);
    size_t bytes;
    char *const settings = read_text(config, &bytes);
    char *const seals = read_text(noted, &bytes);            /* first: a run under way adds to both */
    struct run_texts t = { .config = settings };
    t.summary = read_text(summary, &t.summary_bytes);
    t.metrics = read_text(metrics, &t.metrics_bytes);
    char wrong[WRONG_TEXT];
    const bool finished = t.summary, done = finished && run_texts_take(r, &t, wrong);
    const char *const lines = t.metrics ? t.metrics : "";
    if (!finished && lines_look(seals, lines, t.metrics ? t.metrics_bytes : 0, false) == SEAL_WRONG) {
        warn("%s/metrics.jsonl is not what was written: metrics.sha256 has another hash of it (remove "
             "the folder to run again)", folder);
    } else if (!finished) {
        if (t.metrics) curve_parse(r, t.metrics, t.metrics_bytes);
        r->state = r->n_curve ? RUN_PARTIAL : RUN_NONE;
        if (settings) r->outputs = outputs_of(settings);
        if (r->n_curve) r->last = r->curve[r->n_curve - 1];
    } else if (!done) {
        warn("%s/%s: the run counts as not run (run it again)", folder, wrong);
        r->state = RUN_NONE;
    }
    free(settings);
    free(seals);
    free(noted);
    free(t.summary);
    free(t.metrics);
    free(summary);
    free(metrics);
    free(config);
    return done;
}

void run_free(struct run_record *r)
{
    free(r->curve);
    r->curve = NULL;
    r->n_curve = 0;
}

char *run_folder(const char *root, const char *hash, int seed)
{
    assert(strlen(hash) >= 16);
    return text_format("%s/%.16s/seed-%d", root, hash, seed);
}
