/* SPDX-License-Identifier: MIT
 *
 * object.h -- JSON made whole or not at all, and read from files of our own (jansson beneath).
 *
 * A value that jansson has not made (no memory, a text that is no UTF-8) ends the program: half a
 * paper would be worse.
 */
#pragma once
#include <stddef.h>
#include <jansson.h>
#include "base.h"

/* Significant digits of a number that is written: they tell any two floats apart. */
enum { OBJECT_DIGITS = 9 };

/* The value; dies if there is none. */
json_t *made(json_t *value);
/* Sets a key; the object takes the value over. */
void object_put(json_t *object, const char *name, json_t *value);
/* Appends to a list, which takes the value over. */
void list_add(json_t *list, json_t *value);
/* A number; null if it is not finite. */
json_t *real_new(double value);
/* The object as text, in fresh memory; the object is gone.  flags are json_dumps()'s. */
char *object_text(json_t *object, size_t flags);
/* The object of a file that the program writes itself, or NULL, and then `why` (may be NULL) says where
 * and what: "PATH:LINE: ...".  A key that stands twice is wrong.  errno is ENOENT if, and only if,
 * there is no such file. */
enum { WHY_READ = 512 };
json_t *object_read(const char *path, char why[WHY_READ]);
