/* SPDX-License-Identifier: MIT
 *
 * config.h -- YAML files read against a table of keys; libyaml for the syntax, the table for the
 * meaning.
 *
 * A key is one row: name, type, where it goes, range, unit, sentence.  Everything wrong with a file
 * is reported in one pass as "file:line:column: what is wrong, what would be right", and no value
 * is half-applied.
 *
 * A file is small by decree: at most 1 MiB, 20,000 nodes and 32 levels, and no aliases, so that it
 * is a tree and every walk over it is linear.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

enum key_type {
    KEY_INT,          /* int; 010 is refused: to some readers it is 8 */
    KEY_FLOAT,        /* double; 1e-5 is a number, NaN and inf are not */
    KEY_BOOL,         /* bool: true, false */
    KEY_TEXT,         /* char[count]: 1..count-1 bytes on one line, as `check` wants it */
    KEY_CHOICE,       /* int: index into `choices` (NULL-terminated) */
    KEY_FLOATS,       /* double[count], exactly `count` numbers; with `scalar`, or one for all */
    KEY_INTS,         /* struct int_list, 1..LIST_MAX numbers; with `scalar`, one may stand alone */
    KEY_WORDS,        /* struct word_list, 0..LIST_MAX texts, each checked by `check` */
    KEY_PAIRS         /* struct pair_list, 1..PAIRS_MAX lists of two whole numbers */
};

enum { LIST_MAX = 16, WORD_MAX = 48, PAIRS_MAX = 4 };
struct int_list { int n; int v[LIST_MAX]; };
struct word_list { int n; char v[LIST_MAX][WORD_MAX]; };
struct pair_list { int n; int v[PAIRS_MAX][2]; };

struct key {
    const char *name;
    enum key_type type;
    size_t offset;                 /* in the struct that is filled */
    double low, high;              /* range of each number */
    const char *unit;              /* "" if none */
    const char *sentence;          /* help */
    const char *const *choices;    /* KEY_CHOICE: the first name */
    size_t stride; /* bytes from one name to the next: names may stand in a table of structs; 0: an
                                    * array of names */
    int count;                     /* KEY_FLOATS, KEY_TEXT */
    bool scalar;                   /* KEY_INTS: 2 is [2], and is printed so; KEY_FLOATS: [2, 2] */
    const char *(*check)(const char *word);   /* KEY_WORDS, KEY_TEXT: NULL if right, else what would
                                                 be right */
    const char *before;            /* the value, as config_print() writes it, that means what was
                                    * done before the key existed: then it is not printed, and a
                                    * config that does not speak of it is what it was; NULL: always
                                    * printed */
};

/* One parsed file. */
struct config_file {
    const char *path;
    const char *help;        /* set after config_open(): where all keys are listed; NULL: nowhere */
    yaml_document_t document;
    bool open;
    int errors;
};

/* Parses.  False (reported) if the file is not one readable document: missing, too large, syntax,
 * non-UTF-8, aliases.  Names repeated in any of its mappings are reported too, but leave the
 * document readable: count f->errors at the end.  `path` must outlive f. */
bool config_open(struct config_file *f, const char *path);
void config_close(struct config_file *f);
/* Reports "path:line:column: message" at the node to stderr and counts it in f->errors. */
void config_error(struct config_file *f, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The root mapping, or NULL (reported). */
yaml_node_t *config_root(struct config_file *f);
/* The value of `name` in a mapping, or NULL. */
yaml_node_t *config_get(struct config_file *f, yaml_node_t *mapping, const char *name);
/* The text of a scalar, or NULL if it is not one. */
const char *config_text(const yaml_node_t *node);
/* What stands at a node, for a message: its text, cut to fit and quoted if it was, or its kind. */
enum { SHOWN_MAX = 56 };
const char *config_shown(char shown[SHOWN_MAX], const yaml_node_t *node);
/* A decimal number that a double holds: 1, +3, -0.5, .5, 1e-5; false if the text is not one. */
bool config_number(const char *text, double *value);

/* Reads one value; `target` is the struct that key->offset counts from.  False (reported) if it is
 * wrong. */
bool config_value(struct config_file *f, const yaml_node_t *node, const struct key *key,
                  void *target);
/* Reads every pair of `mapping` into `target` by `keys` (NULL-named row at the end).  Names in
 * `others` (NULL- terminated, may be NULL) are left to the caller; any other unknown name is an
 * error with the nearest known one.  False if the value of a known key was wrong: `target` then
 * lacks it.  wrong[i] (unless NULL) becomes whether the value of keys[i] was, and stays as it was
 * if the mapping has none. */
bool config_apply(struct config_file *f, yaml_node_t *mapping, const struct key *keys, void *target,
                  const char *const *others, bool *wrong);
/* The nearest of `names` (NULL-terminated) by edit distance, or NULL if none is near. */
const char *config_nearest(const char *word, const char *const *names);
/* Writes "name: value" lines for every key that is not at `before`, in the table's order: the
 * resolved form, which names a run.  Numbers as the shortest text that reads back equal.  Fresh
 * memory. */
char *config_print(const struct key *keys, const void *source);
/* The help text of a table: name, type, range, unit, sentence. */
void config_help(FILE *out, const struct key *keys);
