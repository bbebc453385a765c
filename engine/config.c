/* SPDX-License-Identifier: MIT
 *
 * config.c -- YAML files read against a table of keys (config.h).
 *
 * A file is walked twice.  First as a stream of events, to stop at what must not become a document:
 * bad syntax, too many nodes, too deep a nest, aliases (a few of them can stand for billions of
 * nodes, or for a cycle).  What is left is a small tree, and is loaded as libyaml's document.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base.h"

enum { BYTES_MAX = 1 << 20, NODES_MAX = 20000, DEPTH_MAX = 32, TAGS_MAX = 16, ANCHORS_MAX = 16, KEYS_MAX = 1000 };
enum { ERRORS_MAX = 100 };         /* shown per file: more would only scroll the first ones away */

/* ---- reporting ------------------------------------------------------------------------------- */

static void report(struct config_file *f, yaml_mark_t mark, const char *format, va_list arguments)
{
    char text[1024];
    if (++f->errors > ERRORS_MAX) return;
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        die("cannot format a message about %s", f->path);
    say(stderr, "%s:%zu:%zu: %s\n", f->path, mark.line + 1, mark.column + 1, text);
    if (f->errors == ERRORS_MAX)
        say(stderr, "%s: the %dth mistake; more are not shown\n", f->path, ERRORS_MAX);
}

__attribute__((format(printf, 3, 4)))
static void error_at(struct config_file *f, yaml_mark_t mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(f, mark, format, arguments);
    va_end(arguments);
}

void config_error(struct config_file *f, const yaml_node_t *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(f, at ? at->start_mark : (yaml_mark_t){ 0, 0, 0 }, format, arguments);
    va_end(arguments);
}

const char *config_shown(char shown[SHOWN_MAX], const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return node->type == YAML_SEQUENCE_NODE ? "a list" : "a mapping";
    const char *text = (const char *)node->data.scalar.value;
    const bool quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!*text && !quoted) return "nothing";
    size_t n = strlen(text), cut = n;
    if (n > SHOWN_MAX - 6)         /* two quotes, three dots, the end; and not inside a character */
        for (cut = SHOWN_MAX - 6; cut && ((unsigned char)text[cut] & 0xc0) == 0x80;) cut--;
    const char *quote = quoted ? "\"" : "";
    snprintf(shown, SHOWN_MAX, "%s%.*s%s%s", quote, (int)cut, text, cut < n ? "..." : "", quote);
    return shown;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void parser_open(yaml_parser_t *parser, const struct config_file *f, const char *text,
                        size_t bytes)
{
    if (!yaml_parser_initialize(parser))
        die("out of memory: cannot read %s (close other programs)", f->path);
    /* or it would guess UTF-16 from the first bytes */
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text, bytes);
}

static void syntax_error(struct config_file *f, const yaml_parser_t *parser, const char *text)
{
    if (parser->error == YAML_MEMORY_ERROR)
        die("out of memory: cannot read %s (close other programs)", f->path);
    if (parser->error != YAML_READER_ERROR) {
        error_at(f, parser->problem_mark,
                 "%s%s%s; YAML wants `key: value` lines, indented by spaces",
                 parser->context ? parser->context : "", parser->context ? ": " : "",
                 parser->problem);
        return;
    }
    /* The reader knows the byte, not the line. */
    yaml_mark_t mark = { parser->problem_offset, 0, 0 };
    for (size_t i = 0; i < parser->problem_offset; i++) {
        mark.column = text[i] == '\n' ? 0 : mark.column + (((unsigned char)text[i] & 0xc0) != 0x80);
        mark.line += text[i] == '\n';
    }
    error_at(f, mark, "%s (0x%02x); the file must be plain UTF-8 text", parser->problem,
             (unsigned)parser->problem_value);
}

struct census { int nodes, depth, documents, anchors; };

/* libyaml compares each with all before it. */
static bool has_anchor(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor != NULL
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor != NULL
                                                      : event->data.mapping_start.anchor != NULL;
}

/* Counts one event; false at the stream's end and at the first one that may not be. */
static bool event_count(struct config_file *f, const yaml_event_t *event, struct census *c)
{
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return false;
    case YAML_DOCUMENT_START_EVENT:
        if (++c->documents == 1) return true;
        error_at(f, event->start_mark, "a second document; a file holds one");
        return false;
    case YAML_ALIAS_EVENT:
        error_at(f, event->start_mark, "an alias (*); write the value out instead");
        return false;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        c->depth--;
        return true;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if (++c->depth > DEPTH_MAX) {
            error_at(f, event->start_mark, "nested too deeply; at most %d levels", DEPTH_MAX);
            return false;
        }
        break;
    case YAML_SCALAR_EVENT:
        break;
    default:
        return true;
    }
    if (has_anchor(event) && ++c->anchors > ANCHORS_MAX) {
        error_at(f, event->start_mark, "more than %d anchors (&); nothing may refer to them",
                 ANCHORS_MAX);
        return false;
    }
    if (++c->nodes <= NODES_MAX) return true;
    error_at(f, event->start_mark, "too large; at most %d values, lists and mappings", NODES_MAX);
    return false;
}

/* libyaml compares each tag directive with all before it: a megabyte of them would take minutes.
 * Looked for anywhere, because lines end in more ways than one. */
static bool directives_check(struct config_file *f, const char *text)
{
    const char *at = text;
    for (int n = 0; (at = strstr(at, "%TAG")); at++) {
        if (++n <= TAGS_MAX) continue;
        error_at(f, (yaml_mark_t){ 0, 0, 0 }, "more than %d %%TAG directives; a config needs none",
                 TAGS_MAX);
        return false;
    }
    return true;
}

static bool events_check(struct config_file *f, const char *text, size_t bytes)
{
    const int before = f->errors;
    yaml_parser_t parser;
    parser_open(&parser, f, text, bytes);
    struct census census = { 0 };
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            syntax_error(f, &parser, text);
            break;
        }
        more = event_count(f, &event, &census);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return f->errors == before;
}

/* The keys of one mapping: plain words, each once. */
static void keys_check(struct config_file *f, const yaml_node_t *mapping)
{
    const yaml_node_pair_t *start = mapping->data.mapping.pairs.start;
    if (mapping->data.mapping.pairs.top - start > KEYS_MAX) {
        config_error(f, mapping, "more than %d keys in one mapping", KEYS_MAX);
        return;
    }
    for (const yaml_node_pair_t *p = start; p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *node = yaml_document_get_node(&f->document, p->key);
        const char *name = config_text(node);
        char shown[SHOWN_MAX];
        if (!name || !*name)
            config_error(f, node, "%s as a key; a key is a word", config_shown(shown, node));
        for (const yaml_node_pair_t *q = start; name && *name && q < p; q++) {
            const yaml_node_t *first = yaml_document_get_node(&f->document, q->key);
            const char *other = config_text(first);
            if (!other || strcmp(name, other)) continue;
            config_error(f, node, "%s stands twice, first in line %zu; keep one",
                         config_shown(shown, node), first->start_mark.line + 1);
            break;
        }
    }
}

/* The file's bytes; NULL (reported) if it is not a small regular file. */
static char *text_read(struct config_file *f, size_t *bytes)
{
    struct stat st;
    if (stat(f->path, &st)) {
        error_at(f, (yaml_mark_t){ 0, 0, 0 }, "cannot read it: %s; name an existing YAML file",
                 strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > BYTES_MAX) {
        error_at(f, (yaml_mark_t){ 0, 0, 0 }, "not a regular file of at most %d bytes", BYTES_MAX);
        return NULL;
    }
    char *text = file_read(f->path, bytes);
    if (!text)
        error_at(f, (yaml_mark_t){ 0, 0, 0 }, "cannot read it: %s; make it readable",
                 strerror(errno));
    return text;
}

bool config_open(struct config_file *f, const char *path)
{
    *f = (struct config_file){ .path = path };
    size_t bytes = 0;
    char *content = text_read(f, &bytes);
    /* some editors write one */
    const size_t bom = content && !strncmp(content, "\xef\xbb\xbf", 3) ? 3 : 0;
    const char *text = content ? content + bom : NULL;
    bytes -= bom;
    if (text && directives_check(f, text) && events_check(f, text, bytes)) {
        yaml_parser_t parser;
        parser_open(&parser, f, text, bytes);
        f->open = yaml_parser_load(&parser, &f->document);
        if (!f->open) syntax_error(f, &parser, text);
        yaml_parser_delete(&parser);
    }
    free(content);
    const yaml_node_t *node;
    for (int i = 1; f->open && (node = yaml_document_get_node(&f->document, i)); i++)
        if (node->type == YAML_MAPPING_NODE) keys_check(f, node);
    return f->open;
}

void config_close(struct config_file *f)
{
    if (f->open) yaml_document_delete(&f->document);
    f->open = false;
}

/* ---- walking --------------------------------------------------------------------------------- */

yaml_node_t *config_root(struct config_file *f)
{
    if (!f->open) return NULL;                                  /* reported when it was opened */
    yaml_node_t *root = yaml_document_get_root_node(&f->document);
    if (root && root->type == YAML_MAPPING_NODE) return root;
    config_error(f, root, "no `key: value` lines; the file must be a mapping");
    return NULL;
}

yaml_node_t *config_get(struct config_file *f, yaml_node_t *mapping, const char *name)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE) return NULL;
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
         p < mapping->data.mapping.pairs.top; p++) {
        const char *text = config_text(yaml_document_get_node(&f->document, p->key));
        if (text && !strcmp(text, name)) return yaml_document_get_node(&f->document, p->value);
    }
    return NULL;
}

const char *config_text(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE) return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;    /* "\0" inside: no C string */
}

/* Skips digits; how many there were. */
static size_t digits_skip(const char **text)
{
    const char *start = *text;
    while (isdigit((unsigned char)**text)) ++*text;
    return (size_t)(*text - start);
}

bool config_number(const char *text, double *value)
{
    const char *at = text;
    if (*at == '+' || *at == '-') at++;
    size_t digits = digits_skip(&at);
    if (*at == '.') {
        at++;
        digits += digits_skip(&at);
    }
    if (!digits) return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        if (*at == '+' || *at == '-') at++;
        if (!digits_skip(&at)) return false;
    }
    if (*at) return false;
    errno = 0;
    const double number = strtod(text, NULL);
    if (errno) return false;                                 /* 1e999, and 1e-999, which is not 0 */
    *value = number + 0.0;                                   /* -0 prints, and hashes, as 0 */
    return true;
}

/* Levenshtein's distance of two short words; `limit` if it is not below. */
static int distance(const char *a, const char *b, int limit)
{
    const int na = (int)strlen(a), nb = (int)strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX || abs(na - nb) >= limit) return limit;
    int row[WORD_MAX + 1];
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb] < limit ? row[nb] : limit;
}

const char *config_nearest(const char *word, const char *const *names)
{
    /* Near is one letter, and one more for every three, but never all of them: `epoch` and
     * `stopgrad` have a neighbour, `lr` has none. */
    const size_t n = strlen(word);
    int best = n > WORD_MAX ? 0 : n < 3 ? (int)n : 2 + (int)n / 3;
    const char *nearest = NULL;
    for (; names && *names; names++) {
        const int d = distance(word, *names, best);
        if (d < best) {
            best = d;
            nearest = *names;
        }
    }
    return nearest;
}
