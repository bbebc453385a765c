/* SPDX-License-Identifier: MIT
 *
 * config_keys.c -- the half of config.h that knows the table of keys: reading by it, printing by
 * it, its help.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { RANGE_MAX = 160, NUMBER_MAX = 32 };

/* The shortest text that reads back equal, "30" rather than "3e+01"; 17 digits always do. */
static void number_text(char out[NUMBER_MAX], double value)
{
    char text[NUMBER_MAX];
    snprintf(out, NUMBER_MAX, "%.17g", value);
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) != value) continue;
        if (strlen(text) <= strlen(out)) memcpy(out, text, sizeof text);
        if (!strstr(text, "e+")) break;        /* more digits write the same */
    }
}

static bool is_whole(const struct key *key)
{
    return key->type == KEY_INT || key->type == KEY_INTS || key->type == KEY_PAIRS;
}

/* "1 to 100000 passes" */
static const char *range_text(char out[RANGE_MAX], const struct key *key)
{
    char low[NUMBER_MAX], high[NUMBER_MAX];
    if (is_whole(key)) {
        snprintf(low, sizeof low, "%.0f", key->low);
        snprintf(high, sizeof high, "%.0f", key->high);
    } else {
        number_text(low, key->low);
        number_text(high, key->high);
    }
    snprintf(out, RANGE_MAX, "%s to %s%s%s", low, high, *key->unit ? " " : "", key->unit);
    return out;
}

/* The i-th name of a KEY_CHOICE, NULL behind the last. */
static const char *choice(const struct key *key, int i)
{
    const size_t stride = key->stride ? key->stride : sizeof *key->choices;
    return *(const char *const *)((const char *)key->choices + (size_t)i * stride);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "010": eight to some readers, ten to others. */
static bool starts_with_zero(const char *text)
{
    text += strspn(text, "+-");
    return text[0] == '0' && isdigit((unsigned char)text[1]);
}

static bool number_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                        double *value)
{
    char range[RANGE_MAX], shown[SHOWN_MAX];
    const char *text = config_text(node);
    /* "5" in quotes is a text: YAML says so, and so does whoever put the quotes there. */
    const bool plain = text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool right = plain && config_number(text, value);
    if (is_whole(key)) right = right && strspn(text, "+-0123456789") == strlen(text);
    if (!right) {
        config_error(f, node, "%s: %s is not a %snumber; %s", key->name, config_shown(shown, node),
                     is_whole(key) ? "whole " : "", range_text(range, key));
        return false;
    }
    if (is_whole(key) && starts_with_zero(text)) {
        config_error(f, node, "%s: %s starts with 0; write %.0f", key->name,
                     config_shown(shown, node), *value);
        return false;
    }
    if (*value >= key->low && *value <= key->high) return true;
    config_error(f, node, "%s: %s is out of range; %s", key->name, config_shown(shown, node),
                 range_text(range, key));
    return false;
}

static bool bool_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                      bool *value)
{
    char shown[SHOWN_MAX];
    const char *text = config_text(node);
    const bool plain = text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (!strcmp(text, "true") || !strcmp(text, "false"))) {
        *value = *text == 't';
        return true;
    }
    config_error(f, node, "%s: %s is neither true nor false", key->name, config_shown(shown, node));
    return false;
}

static bool choice_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                        int *value)
{
    char all[512] = "", shown[SHOWN_MAX];
    const char *text = config_text(node), *name;
    for (int i = 0; (name = choice(key, i)); i++) {
        if (text && !strcmp(text, name)) {
            *value = i;
            return true;
        }
        const size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", name);
    }
    config_error(f, node, "%s: %s is not known; one of %s", key->name, config_shown(shown, node),
                 all);
    return false;
}

static bool text_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                      char *out, int size)
{
    char shown[SHOWN_MAX];
    const char *text = config_text(node), *wrong = text && key->check ? key->check(text) : NULL;
    if (!text || !*text || strlen(text) >= (size_t)size) {
        config_error(f, node, "%s: %s is not a text of 1 to %d bytes", key->name,
                     config_shown(shown, node), size - 1);
        return false;
    }
    for (const char *c = text; *c && !wrong; c++)
        if (iscntrl((unsigned char)*c))
            wrong = "a text on one line; >- folds several lines into one";
    if (wrong)
        config_error(f, node, "%s: %s is wrong; %s", key->name, config_shown(shown, node), wrong);
    else memcpy(out, text, strlen(text) + 1);
    return !wrong;
}

/* The number of a list's elements; -1 (reported) if it is not a list of low..high of them. */
static int list_size(struct config_file *f, const yaml_node_t *node, const struct key *key, int low,
                     int high)
{
    char shown[SHOWN_MAX], range[RANGE_MAX];
    const bool numbers = key->type != KEY_WORDS;
    const char *comma = numbers ? ", each " : "", *each = numbers ? range_text(range, key) : "";
    char wanted[40];
    if (low == high) snprintf(wanted, sizeof wanted, "exactly %d", low);
    else snprintf(wanted, sizeof wanted, "%d to %d", low, high);
    if (node->type != YAML_SEQUENCE_NODE) {
        config_error(f, node, "%s: %s is not a list; [...] of %s%s%s", key->name,
                     config_shown(shown, node), wanted, comma, each);
        return -1;
    }
    const long n = node->data.sequence.items.top - node->data.sequence.items.start;
    if (n >= low && n <= high) return (int)n;
    config_error(f, node, "%s: %ld in the list; %s%s%s", key->name, n, wanted, comma, each);
    return -1;
}

/* The one number of a list that is none: of KEY_FLOATS all are it. */
static bool lone_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                      void *out)
{
    double number = 0;
    if (!number_read(f, node, key, &number)) return false;
    if (key->type == KEY_INTS)
        *(struct int_list *)out = (struct int_list){ .n = 1, .v = { (int)number } };
    for (int i = 0; i < key->count; i++) ((double *)out)[i] = number;
    return true;
}

static bool all_equal(const double *v, int n)
{
    for (int i = 1; i < n; i++)
        if (v[i] != v[0]) return false;
    return true;
}

static bool list_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                      void *out)
{
    if (key->scalar && node->type == YAML_SCALAR_NODE) return lone_read(f, node, key, out);
    const bool fixed = key->type == KEY_FLOATS;
    const int low = fixed                   ? key->count
                    : key->type == KEY_INTS ? 1
                                            : 0,
              high = fixed ? key->count : LIST_MAX;
    const int n = list_size(f, node, key, low, high);
    struct int_list ints = { .n = n };
    struct word_list words = { .n = n };
    double floats[LIST_MAX];
    bool right = n >= 0;
    for (int i = 0; i < n; i++) {
        const yaml_node_t *item = yaml_document_get_node(&f->document,
                                                         node->data.sequence.items.start[i]);
        if (key->type == KEY_WORDS) {
            right &= text_read(f, item, key, words.v[i], WORD_MAX);
        } else {
            floats[i] = 0;
            right &= number_read(f, item, key, &floats[i]);
            if (right) ints.v[i] = (int)floats[i];
        }
    }
    if (!right) return false;
    switch (key->type) {
    case KEY_INTS: *(struct int_list *)out = ints; break;
    case KEY_WORDS: *(struct word_list *)out = words; break;
    default: memcpy(out, floats, (size_t)n * sizeof *floats); break;
    }
    return true;
}

/* Of anything else: 0. */
static long sequence_size(const yaml_node_t *node)
{
    return node->type == YAML_SEQUENCE_NODE
               ? node->data.sequence.items.top - node->data.sequence.items.start
               : 0;
}

/* [[0, 1], [1, 0]] */
static bool pairs_read(struct config_file *f, const yaml_node_t *node, const struct key *key,
                       struct pair_list *out)
{
    char shown[SHOWN_MAX], range[RANGE_MAX];
    const long n = sequence_size(node);
    if (n < 1 || n > PAIRS_MAX) {
        config_error(f, node, "%s: %s; a list of 1 to %d pairs of numbers, like [[0, 1], [1, 0]]",
                     key->name, config_shown(shown, node), PAIRS_MAX);
        return false;
    }
    struct pair_list pairs = { .n = (int)n };
    bool right = true;
    for (int i = 0; i < n; i++) {
        const yaml_node_t *item = yaml_document_get_node(&f->document,
                                                         node->data.sequence.items.start[i]);
        if (sequence_size(item) != 2) {
            config_error(f, item, "%s: %s is no pair; two numbers, each %s, like [0, 1]", key->name,
                         config_shown(shown, item), range_text(range, key));
            right = false;
            continue;
        }
        for (int j = 0; j < 2; j++) {
            double number = 0;
            right &= number_read(f,
                                 yaml_document_get_node(&f->document,
                                                        item->data.sequence.items.start[j]),
                                 key, &number);
            if (right) pairs.v[i][j] = (int)number;  /* what is out of range may be beyond an int */
        }
    }
    if (right) *out = pairs;
    return right;
}

bool config_value(struct config_file *f, const yaml_node_t *node, const struct key *key,
                  void *target)
{
    void *out = (char *)target + key->offset;
    double number = 0;
    bool right = false;
    switch (key->type) {
    case KEY_INT:
        if ((right = number_read(f, node, key, &number))) *(int *)out = (int)number;
        break;
    case KEY_FLOAT:
        if ((right = number_read(f, node, key, &number))) *(double *)out = number;
        break;
    case KEY_BOOL: right = bool_read(f, node, key, out); break;
    case KEY_TEXT: right = text_read(f, node, key, out, key->count); break;
    case KEY_CHOICE: right = choice_read(f, node, key, out); break;
    case KEY_FLOATS:
    case KEY_INTS:
    case KEY_WORDS: right = list_read(f, node, key, out); break;
    case KEY_PAIRS: right = pairs_read(f, node, key, out); break;
    }
    return right;
}

static const struct key *key_find(const struct key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (!strcmp(keys->name, name)) return keys;
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (!strcmp(name, *names)) return true;
    return false;
}

static void unknown_report(struct config_file *f, const yaml_node_t *node, const struct key *keys,
                           const char *const *others)
{
    size_t n = 0, count = 0;
    while (keys[n].name) n++;
    while (others && others[count]) count++;
    const char **names = host_alloc(n + count + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = keys[i].name;
    for (size_t i = 0; i < count; i++) names[n + i] = others[i];
    char shown[SHOWN_MAX];
    const char *nearest = config_nearest(config_text(node), names);
    if (nearest)
        config_error(f, node, "unknown key %s; did you mean %s?", config_shown(shown, node),
                     nearest);
    else config_error(f, node, "unknown key %s%s%s", config_shown(shown, node), f->help ? "; " : "",
                      f->help ? f->help : "");
    free(names);
}

bool config_apply(struct config_file *f, yaml_node_t *mapping, const struct key *keys, void *target,
                  const char *const *others, bool *wrong)
{
    bool all = true;
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
         p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *node = yaml_document_get_node(&f->document, p->key);
        const char *name = config_text(node);
        /* config_open() reported what is no word */
        if (!name || !*name || is_one_of(name, others)) continue;
        const struct key *key = key_find(keys, name);
        if (!key) {
            unknown_report(f, node, keys, others);
            continue;
        }
        const bool right = config_value(f, yaml_document_get_node(&f->document, p->value), key,
                                        target);
        if (wrong) wrong[key - keys] = !right;
        all &= right;
    }
    return all;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void numbers_print(FILE *out, const double *v, int n)
{
    char text[NUMBER_MAX];
    for (int i = 0; i < n; i++) {
        number_text(text, v[i]);
        fprintf(out, "%s%s", i ? ", " : "", text);
    }
}

static void value_print(FILE *out, const struct key *key, const void *value)
{
    switch (key->type) {
    case KEY_INT: fprintf(out, "%d", *(const int *)value); break;
    case KEY_FLOAT: numbers_print(out, value, 1); break;
    case KEY_BOOL: fputs(*(const bool *)value ? "true" : "false", out); break;
    case KEY_TEXT: fputs(value, out); break;
    case KEY_CHOICE: fputs(choice(key, *(const int *)value), out); break;
    case KEY_FLOATS:
        if (key->scalar && all_equal(value, key->count)) {
            numbers_print(out, value, 1);
            break;
        }
        fputc('[', out);
        numbers_print(out, value, key->count);
        fputc(']', out);
        break;
    case KEY_INTS: {
        const struct int_list *list = value;
        const bool lone = key->scalar && list->n == 1;
        if (!lone) fputc('[', out);
        for (int i = 0; i < list->n; i++) fprintf(out, "%s%d", i ? ", " : "", list->v[i]);
        if (!lone) fputc(']', out);
        break;
    }
    case KEY_WORDS: {
        const struct word_list *list = value;
        fputc('[', out);
        for (int i = 0; i < list->n; i++) fprintf(out, "%s%s", i ? ", " : "", list->v[i]);
        fputc(']', out);
        break;
    }
    case KEY_PAIRS: {
        const struct pair_list *list = value;
        fputc('[', out);
        for (int i = 0; i < list->n; i++)
            fprintf(out, "%s[%d, %d]", i ? ", " : "", list->v[i][0], list->v[i][1]);
        fputc(']', out);
        break;
    }
    }
}

/* A stream's text, whole, or the program ends. */
static void text_end(FILE *out)
{
    if (ferror(out) | fclose(out))
        die("out of memory: cannot print a configuration (close other programs)");
}

static FILE *text_begin(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    if (!out) die("out of memory: cannot print a configuration (close other programs)");
    return out;
}

char *config_print(const struct key *keys, const void *source)
{
    char *all = NULL;
    size_t size;
    FILE *out = text_begin(&all, &size);
    for (const struct key *k = keys; k->name; k++) {
        char *value = NULL;
        FILE *one = text_begin(&value, &size);
        value_print(one, k, (const char *)source + k->offset);
        text_end(one);
        if (!k->before || strcmp(value, k->before)) fprintf(out, "%s: %s\n", k->name, value);
        free(value);
    }
    text_end(out);
    return all;
}

void config_help(FILE *out, const struct key *keys)
{
    for (const struct key *k = keys; k->name; k++) {
        char range[RANGE_MAX];
        fprintf(out, "%-20s", k->name);
        switch (k->type) {
        case KEY_INT: fprintf(out, "whole number, %s", range_text(range, k)); break;
        case KEY_FLOAT: fprintf(out, "number, %s", range_text(range, k)); break;
        case KEY_BOOL: fputs("true or false", out); break;
        case KEY_TEXT: fprintf(out, "text, at most %d bytes", k->count - 1); break;
        case KEY_CHOICE:
            for (int i = 0; choice(k, i); i++) fprintf(out, "%s%s", i ? " | " : "", choice(k, i));
            break;
        case KEY_FLOATS:
            fprintf(out, "%slist of %d numbers, each %s", k->scalar ? "number or " : "", k->count,
                    range_text(range, k));
            break;
        case KEY_INTS:
            fprintf(out, "%slist of 1 to %d whole numbers, each %s",
                    k->scalar ? "whole number or " : "", LIST_MAX, range_text(range, k));
            break;
        case KEY_WORDS: fprintf(out, "list of at most %d %s", LIST_MAX, k->unit); break;
        case KEY_PAIRS:
            fprintf(out, "list of 1 to %d pairs of whole numbers, each %s", PAIRS_MAX,
                    range_text(range, k));
            break;
        }
        fprintf(out, "\n%20s%s\n", "", k->sentence);
    }
}
