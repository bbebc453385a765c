/* SPDX-License-Identifier: MIT
 *
 * object.c -- JSON made whole or not at all (object.h).
 */
#include "object.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *made(json_t *value)
{
    if (!value) die("cannot make JSON: no memory, or a text that is no UTF-8 (close other programs)");
    return value;
}

void object_put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, made(value)))
        die("cannot write \"%s\" as JSON: no memory, or a name that is no UTF-8", name);
}

void list_add(json_t *list, json_t *value)
{
    if (json_array_append_new(list, made(value)))
        die("out of memory: cannot make a list of JSON (close other programs)");
}

json_t *real_new(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

char *object_text(json_t *object, size_t flags)
{
    char *const json = json_dumps(object, flags | JSON_REAL_PRECISION(OBJECT_DIGITS));
    if (!json) die("out of memory: cannot print JSON (close other programs)");
    json_decref(object);
    return json;
}

json_t *object_read(const char *path, char why[WHY_READ])
{
    size_t bytes;
    json_error_t error;
    char unread[WHY_READ];
    if (!why) why = unread;
    char *const text = file_read_own(path, &bytes);
    if (!text) {
        const int reason = errno;
        snprintf(why, WHY_READ, "%s: %s", path, strerror(reason));
        errno = reason;
        return NULL;
    }
    json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!object) snprintf(why, WHY_READ, "%s:%d: %s", path, error.line, error.text);
    else if (!json_is_object(object)) snprintf(why, WHY_READ, "%s:1: no object", path);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    free(text);
    errno = EINVAL;
    return object;
}
