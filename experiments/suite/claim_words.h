/* SPDX-License-Identifier: MIT
 *
 * claim_words.h -- a claim's words, one at a time, and the rows that they name (claim_parse.c).
 *
 * All these report what is wrong, at its word.
 */
#pragma once
#include "experiment_inside.h"

/* `not no collapse` and a list of all rows */
enum { TOKENS_MAX = 2 * ROWS_MAX + 3, TOKEN_MAX = 64 };
struct parser {
    const struct experiment *e;
    struct config_file *f;
    const yaml_node_t *node;       /* the claim's text */
    const char *text;
    struct { char word[TOKEN_MAX]; size_t at; } token[TOKENS_MAX];     /* of one part */
    int n;
    size_t from, end;              /* where the part starts and ends */
    char length[TOKEN_MAX];        /* what the names of its rows end in; "": they are as written */
    char before[TOKEN_MAX];        /* of a change: what those that it starts at end in */
    bool drop;                     /* the parts are of `drop from B to B` */
};

/* Reports at a byte of the claim's text, which stands in the file as it is unless it is folded or
 * escaped; returns false. */
bool claim_wrong(struct parser *p, size_t at, const char *format, ...) PRINTF_LIKE(3, 4);
/* Reports at token i, or at the part's end where it is missing; returns false. */
bool word_wrong(struct parser *p, int i, const char *format, ...) PRINTF_LIKE(3, 4);
/* Splits the part at spaces, commas and colons; false if it cannot be a part. */
bool tokens_split(struct parser *p);
/* The word of token i; "" where it is missing. */
const char *word_at(const struct parser *p, int i);
/* Words that are as they are, from token i on. */
bool words_parse(struct parser *p, int i, const char *const *words, const char *usage);

/* The row that a word names where rows end in `length`; -1: none, which is not reported. */
int row_index(const struct parser *p, const char *name, const char *length);
/* The row that token i names; where rows end in another length than the part's. */
bool row_parse(struct parser *p, int i, int *row);
bool row_at_parse(struct parser *p, int i, const char *length, int *row);
bool is_row(const struct parser *p, int i);
/* Every row of the length that the part is at, without the untrained one. */
uint32_t rows_all(const struct parser *p);
/* Makes part->rows those without part->other, which token i names. */
bool others_set(struct parser *p, int i, struct predicate *part);
