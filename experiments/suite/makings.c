/* SPDX-License-Identifier: MIT
 *
 * makings.c -- what the committed runs of a scale were made of and on: read, named, written.
 */
#include "makings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/object.h"

json_t *making_read(const char *folder, const struct run_record *r)
{
    char *path = text_format("%s/provenance.json", folder);
    char why[WHY_READ];
    json_t *facts = object_read(path, why);
    if (!facts) die("%s (delete the folder and run it again)", why);
    const char *code = json_string_value(json_object_get(facts, "code_hash"));
    if (!code || strcmp(code, r->code_hash))
        die("%s is of other code than summary.json beside it (delete the folder and run it again)",
            path);
    /* When a run was started is no result: a diff of results/ shows what computed, not when. */
    json_object_del(facts, "started");
    json_object_del(facts, "seed");
    json_object_del(facts, "seal");
    object_put(facts, "machine", json_string(r->machine));
    object_put(facts, "data_hash", json_string(r->data_hash));
    free(path);
    return facts;
}

void making_name(char name[MAKING_NAME], const json_t *facts)
{
    char *text = json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS), hash[HASH_TEXT];
    if (!text) die("no memory for the provenance (close other programs)");
    hash_bytes(hash, text, strlen(text));
    const char *code = json_string_value(json_object_get(facts, "code_hash"));
    snprintf(name, MAKING_NAME, "%.8s-%.8s", code ? code : "", hash);
    free(text);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The facts of making `name`: a value that is an object is given by name. */
static json_t *facts_of(json_t *file, const char *name)
{
    json_t *facts = made(json_object()), *value;
    const char *fact;
    json_object_foreach(file, fact, value) {
        json_t *own = json_is_object(value) ? json_object_get(value, name) : value;
        if (own) object_put(facts, fact, json_incref(own));
    }
    return facts;
}

json_t *makings_read(const char *scale_folder)
{
    char *path = text_format("%s/provenance.json", scale_folder), *text = file_read_own(path, NULL);
    json_t *makings = made(json_object());
    if (!text && errno != ENOENT && errno != ENOTDIR)
        warn("cannot read %s: %s", path, strerror(errno));
    json_t *file = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL, *code;
    if (text && !json_is_object(json_object_get(file, "code_hash"))) warn("%s is broken", path);
    const char *name;
    json_object_foreach(json_object_get(file, "code_hash"), name, code) {
        json_t *facts = facts_of(file, name);
        char own[MAKING_NAME];
        making_name(own, facts);
        if (strcmp(own, name)) warn("%s: %s is not what it was made as", path, name);
        else object_put(makings, name, json_incref(facts));
        json_decref(facts);
    }
    json_decref(file);
    free(text);
    free(path);
    return makings;
}

/* The value of a fact if all makings have the same, else each one's by name. */
static json_t *fact_of(const json_t *makings, const char *fact)
{
    json_t *each = made(json_object()), *facts, *first = NULL;
    bool shared = strcmp(fact, "code_hash");   /* whose names are the list of makings */
    const char *name;
    json_object_foreach((json_t *)makings, name, facts) {
        json_t *value = json_object_get(facts, fact);
        if (!first) first = value;
        shared = shared && value && json_equal(value, first);
        if (value) object_put(each, name, json_incref(value));
    }
    if (!shared) return each;
    json_incref(first);
    json_decref(each);
    return first;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same, by name: the file does not hang on the order in which tables were made. */
static json_t *makings_sorted(const json_t *makings)
{
    const char **names = host_alloc(json_object_size(makings) + 1, sizeof *names), *name;
    json_t *sorted = made(json_object()), *facts;
    size_t n = 0;
    json_object_foreach((json_t *)makings, name, facts) names[n++] = name;
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        object_put(sorted, names[i], json_incref(json_object_get(makings, names[i])));
    free(names);
    return sorted;
}

bool makings_write(const char *scale_folder, const json_t *makings)
{
    json_t *sorted = makings_sorted(makings), *file = made(json_object()), *facts, *value;
    const char *name, *fact;
    json_object_foreach(sorted, name, facts)
        json_object_foreach(facts, fact, value)
            if (!json_object_get(file, fact)) object_put(file, fact, fact_of(sorted, fact));
    char *json = object_text(file, JSON_INDENT(1));
    char *text = text_format("%s\n", json), *path = text_format("%s/provenance.json", scale_folder);
    const bool written = file_write_atomic(path, text, strlen(text));
    const int why = errno;
    json_decref(sorted);
    free(json);
    free(text);
    free(path);
    errno = why;
    return written;
}

/* ---- pruning --------------------------------------------------------------------------------- */

static int is_runs(const struct dirent *entry)
{
    static const char suffix[] = "_runs.jsonl";
    const size_t n = strlen(entry->d_name);
    return n >= sizeof suffix && !strcmp(entry->d_name + n - strlen(suffix), suffix);
}

/* All runs files of the folder, one behind the other; NULL if one cannot be read. */
static char *runs_text(const char *scale_folder)
{
    struct dirent **entry;
    const int n = scandir(scale_folder, &entry, is_runs, alphasort);
    char *all = n < 0 ? NULL : text_format("%s", "");
    for (int i = 0; i < n; i++) {
        char *path = text_format("%s/%s", scale_folder, entry[i]->d_name);
        char *text = file_read_own(path, NULL);
        char *longer = all && text ? text_format("%s%s", all, text) : NULL;
        free(all);
        free(text);
        free(path);
        free(entry[i]);
        all = longer;
    }
    if (n >= 0) free(entry);
    return all;
}

void makings_prune(const char *scale_folder)
{
    json_t *makings = makings_read(scale_folder), *facts;
    char *runs = runs_text(scale_folder);
    const char *name;
    void *next;
    bool pruned = false;
    json_object_foreach_safe(makings, next, name, facts) {
        char *named = text_format("\"making\": \"%s\"", name);
        const bool used = !runs || strstr(runs, named);
        free(named);
        if (used) continue;
        json_object_del(makings, name);
        pruned = true;
    }
    if (pruned && !makings_write(scale_folder, makings))
        die("cannot write %s/provenance.json: %s (is the folder writable?)", scale_folder,
            strerror(errno));
    free(runs);
    json_decref(makings);
}
