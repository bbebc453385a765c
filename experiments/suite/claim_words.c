/* SPDX-License-Identifier: MIT
 *
 * claim_words.c -- a claim's words and rows (claim_words.h).
 */
#include "claim_words.h"

#include <stdarg.h>
#include <string.h>

static void wrong(struct parser *p, size_t at, const char *format, va_list arguments)
{
    char message[TEXT_MAX * 2];
    vsnprintf(message, sizeof message, format, arguments);
    yaml_node_t place = *p->node;
    if (place.start_mark.line == place.end_mark.line) {
        /* its quote */
        place.start_mark.column += place.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        for (size_t i = 0; i < at; i++)
            place.start_mark.column += ((unsigned char)p->text[i] & 0xc0) != 0x80;
    }
    config_error(p->f, &place, "%s", message);
}

bool claim_wrong(struct parser *p, size_t at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    wrong(p, at, format, arguments);
    va_end(arguments);
    return false;
}

/* The part's end stands for a token that is missing. */
bool word_wrong(struct parser *p, int i, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    wrong(p, i < p->n ? p->token[i].at : p->end, format, arguments);
    va_end(arguments);
    return false;
}

const char *word_at(const struct parser *p, int i)
{
    return i < p->n ? p->token[i].word : "";
}

bool tokens_split(struct parser *p)
{
    p->n = 0;
    for (size_t at = p->from; at < p->end;) {
        at += strspn(p->text + at, " ");
        const bool mark = p->text[at] == ',' || p->text[at] == ':';
        const size_t length = mark ? 1 : strcspn(p->text + at, " ,:;");
        if (at >= p->end || !length) break;
        if (p->n == TOKENS_MAX || length >= TOKEN_MAX)
            return claim_wrong(p, at, "too long; METRIC ROW > ROW is four short words");
        memcpy(p->token[p->n].word, p->text + at, length);
        p->token[p->n].word[length] = 0;
        p->token[p->n++].at = at;
        at += length;
    }
    return true;
}

bool words_parse(struct parser *p, int i, const char *const *words, const char *usage)
{
    for (; *words; i++, words++)
        if (strcmp(word_at(p, i), *words))
            return word_wrong(p, i, "`%s` is missing: %s", *words, usage);
    return true;
}

static int name_index(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static void row_names(const struct experiment *e, const char *names[ROWS_MAX + 1])
{
    for (int i = 0; i < e->n_rows; i++) names[i] = e->row[i].name;
    names[e->n_rows] = NULL;
}

int row_index(const struct parser *p, const char *name, const char *length)
{
    const char *names[ROWS_MAX + 1];
    char whole[2 * TOKEN_MAX];
    row_names(p->e, names);
    snprintf(whole, sizeof whole, "%s%s%s", name, *length ? "-" : "", length);
    return name_index(names, whole);
}

bool row_at_parse(struct parser *p, int i, const char *length, int *row)
{
    const char *names[ROWS_MAX + 1];
    const char *const between = *length ? "-" : "";
    row_names(p->e, names);
    *row = row_index(p, word_at(p, i), length);
    if (*row >= 0) return true;
    if (i >= p->n) return word_wrong(p, i, "the claim ends here; a row's name is missing");
    char name[2 * TOKEN_MAX];
    snprintf(name, sizeof name, "%s%s%s", word_at(p, i), between, length);
    const char *nearest = config_nearest(name, names);
    return nearest ? word_wrong(p, i, "no row %s; did you mean %s?", name, nearest)
                   : word_wrong(p, i, "no row %s; the first is %s", name, names[0]);
}

bool row_parse(struct parser *p, int i, int *row)
{
    return row_at_parse(p, i, p->length, row);
}

bool is_row(const struct parser *p, int i)
{
    return row_index(p, word_at(p, i), p->length) >= 0;
}

uint32_t rows_all(const struct parser *p)
{
    const size_t length = strlen(p->length);
    uint32_t set = 0;
    for (int i = 0; i < p->e->n_rows; i++) {
        const char *const name = p->e->row[i].name;
        const size_t n = strlen(name);
        const bool at = !length || (n > length + 1 && name[n - length - 1] == '-' &&
                                    !strcmp(name + n - length, p->length));
        if (at && i != p->e->untrained) set |= (uint32_t)1 << i;
    }
    return set;
}

bool others_set(struct parser *p, int i, struct predicate *part)
{
    part->rows = rows_all(p) & ~((uint32_t)1 << part->other);
    if (part->rows) return true;
    return word_wrong(p, i, "%s is the only row; each other one is wanted",
                 p->e->row[part->other].name);
}
