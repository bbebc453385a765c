/* SPDX-License-Identifier: MIT
 *
 * provenance.c -- build, libraries, machine, data: as JSON for a run, as text for `simsiam info`.
 */
#include "provenance.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "../methods/code.h"
#include "../../engine/ops.h"
#include "build_info.h"

/* One fact a line: name and value. */
enum { FACTS = 12 };
struct fact { const char *name; char value[320]; };

static void facts_gather(struct fact fact[FACTS])
{
    struct machine_info m;
    struct utsname u;
    machine_describe(&m);
    if (uname(&u)) die("uname: %s", strerror(errno));
    const char *const name[FACTS] = { "version", "commit", "compiler", "flags", "machine", "device",
                                      "kernels", "library", "system", "libc", "libyaml",
                                      "jansson" };
    const char *const value[FACTS] = { BUILD_VERSION, BUILD_COMMIT, BUILD_COMPILER, BUILD_FLAGS,
                                       m.machine, m.device, m.kernels, m.library, u.release,
                                       gnu_get_libc_version(), yaml_get_version_string(),
                                       JANSSON_VERSION };
    for (int i = 0; i < FACTS; i++) {
        fact[i].name = name[i];
        snprintf(fact[i].value, sizeof fact[i].value, "%s", value[i]);
    }
}

void provenance_print(FILE *out)
{
    struct fact fact[FACTS];
    struct machine_info m;
    facts_gather(fact);
    machine_describe(&m);
    for (int i = 0; i < FACTS; i++) fprintf(out, "%-10s %s\n", fact[i].name, fact[i].value);
    fprintf(out, "%-10s %d\n%-10s %s\n", "threads", m.threads, "data", data_folder());
}

/* The file's object, or NULL if it is not there or is none. */
static json_t *provenance_read(const char *folder)
{
    char *const path = text_format("%s/provenance.json", folder);
    char *const text = file_read(path, NULL);
    if (!text && errno != ENOENT) die("cannot read %s: %s", path, strerror(errno));
    json_t *const o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(text);
    free(path);
    return o;
}

char *provenance_kernels(const char *folder)
{
    json_t *const o = provenance_read(folder);
    const char *const kernels = json_string_value(json_object_get(o, "kernels"));
    char *const copy = kernels ? text_format("%s", kernels) : NULL;
    json_decref(o);
    return copy;
}

static const char then[] = " then ";

/* Is `one` among those of the list "A then B"? */
static bool is_named(const char *list, const char *one)
{
    const size_t n = strlen(one);
    for (const char *at = list; at; at = strstr(at, then)) {
        if (at != list) at += strlen(then);
        if (!strncmp(at, one, n) && (!at[n] || !strncmp(at + n, then, strlen(then)))) return true;
    }
    return false;
}

/* The object is gone. */
static void provenance_save(const char *folder, json_t *o)
{
    char *const text = json_dumps(o, JSON_INDENT(1));
    char *const path = text_format("%s/provenance.json", folder);
    if (!text) die("no memory for provenance.json (close other programs)");
    if (!file_write_atomic(path, text, strlen(text)))
        die("cannot write %s: %s", path, strerror(errno));
    free(path);
    free(text);
    json_decref(o);
}

bool provenance_kernels_add(const char *folder)
{
    struct machine_info m;
    machine_describe(&m);
    char *const before = provenance_kernels(folder);
    if (!before || is_named(before, m.kernels)) {
        free(before);
        return false;
    }
    json_t *const o = provenance_read(folder);
    char *const both = text_format("%s%s%s", before, then, m.kernels);
    if (json_object_set_new(o, "kernels", json_string(both)))
        die("no memory for provenance.json (close other programs)");
    provenance_save(folder, o);
    free(both);
    free(before);
    return true;
}

void provenance_write(const char *folder, const struct settings *s, int seed,
                      const char *train_hash, const char *monitor_hash, const char *test_hash)
{
    struct fact fact[FACTS];
    struct machine_info m;
    facts_gather(fact);
    machine_describe(&m);
    char started[32];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));

    json_t *const o = json_object();
    int bad = json_object_set_new(o, "code_hash", json_string(code_hash_of(s->method)));
    for (int i = 0; i < FACTS; i++)
        bad |= json_object_set_new(o, fact[i].name, json_string(fact[i].value));
    bad |= json_object_set_new(o, "threads", json_integer(m.threads));
    bad |= json_object_set_new(o, "seed", json_integer(seed));
    bad |= json_object_set_new(o, "dataset", json_string(data_sources[s->dataset].name));
    if (*s->folder) bad |= json_object_set_new(o, "folder", json_string(s->folder));
    bad |= json_object_set_new(o, "train_hash", json_string(train_hash));
    bad |= json_object_set_new(o, "monitor_hash", json_string(monitor_hash));
    if (*test_hash) bad |= json_object_set_new(o, "test_hash", json_string(test_hash));
    bad |= json_object_set_new(o, "started", json_string(started));
    if (bad) die("no memory for provenance.json (close other programs)");
    provenance_save(folder, o);
}
