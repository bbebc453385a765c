/* SPDX-License-Identifier: MIT
 *
 * provenance.c -- build, libraries, machine, data: as JSON for a run, as text for `simsiam info`.
 */
#include "provenance.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "seal.h"
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
    for (int i = 0; i < FACTS; i++) say(out, "%-10s %s\n", fact[i].name, fact[i].value);
    fprintf(out, "%-10s %d\n%-10s %s\n", "threads", m.threads, "data", data_folder());
}

/* What the run is, in this order behind the facts. */
static json_t *identity(const struct settings *s, int seed, const char *const hash[PROVENANCE_SETS])
{
    static const char *const names[PROVENANCE_SETS] = { "train_hash", "monitor_hash", "test_hash" };
    json_t *const o = made(json_object());
    object_put(o, "seed", json_integer(seed));
    object_put(o, "dataset", json_string(data_sources[s->dataset].name));
    if (*s->folder) object_put(o, "folder", json_string(s->folder));
    for (int i = 0; i < PROVENANCE_SETS; i++)
        if (*hash[i]) object_put(o, names[i], json_string(hash[i]));
    return o;
}

static void provenance_save(const char *path, json_t *o)
{
    char *const text = sealed_text(o, JSON_INDENT(1));
    if (!file_write_atomic(path, text, strlen(text)))
        die("cannot write %s: %s", path, strerror(errno));
    free(text);
}

static void provenance_write(const char *path, const struct settings *s, json_t *own)
{
    struct fact fact[FACTS];
    struct machine_info m;
    facts_gather(fact);
    machine_describe(&m);
    char started[32];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));

    json_t *const o = made(json_object());
    object_put(o, "code_hash", json_string(code_hash_of(s->method)));
    for (int i = 0; i < FACTS; i++) object_put(o, fact[i].name, json_string(fact[i].value));
    object_put(o, "threads", json_integer(m.threads));
    if (json_object_update(o, own)) made(NULL);
    object_put(o, "started", json_string(started));
    provenance_save(path, o);
}

/* The file's object if it is whole and what it says of the run is true; else NULL, and why. */
static json_t *provenance_true(const char *path, const struct settings *s, json_t *own, const char **why)
{
    size_t bytes;
    char *const text = file_read_own(path, &bytes);
    if (!text && errno != ENOENT) die("cannot read %s: %s", path, strerror(errno));
    json_t *const o = text ? json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL) : NULL, *value;
    struct machine_info m;
    machine_describe(&m);
    struct fact fact[FACTS];
    facts_gather(fact);
    bool whole = o && json_is_integer(json_object_get(o, "threads"));
    for (int i = 0; i < FACTS; i++) whole = whole && json_is_string(json_object_get(o, fact[i].name));
    const char *const code = json_string_value(json_object_get(o, "code_hash"));
    const char *const machine = json_string_value(json_object_get(o, "machine")), *name;
    bool own_run = code && !strcmp(code, code_hash_of(s->method)) && machine && !strcmp(machine, m.machine);
    json_object_foreach(own, name, value)
        own_run = own_run && json_equal(value, json_object_get(o, name));
    *why = !whole ? "torn" : seal_look(text, bytes) == SEAL_WRONG ? "not what was written"
           : !own_run ? "another run's" : NULL;
    free(text);
    if (!*why) return o;
    json_decref(o);
    return NULL;
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

bool provenance_keep(const char *folder, const char *label, const struct settings *s, int seed,
                     const char *const hash[PROVENANCE_SETS], bool resumed)
{
    char *const path = text_format("%s/provenance.json", folder);
    const char *why = NULL;
    json_t *const own = identity(s, seed, hash);
    json_t *const o = resumed ? provenance_true(path, s, own, &why) : NULL;
    struct machine_info m;
    machine_describe(&m);
    const char *const before = json_string_value(json_object_get(o, "kernels"));
    const bool sealed = !o || json_object_get(o, "seal");
    if (!o) {
        if (resumed) warn("%s is %s: it is written again", path, why);
        provenance_write(path, s, own);
    } else if (!is_named(before, m.kernels)) {
        say(stderr, "%s: began with kernels of %s and goes on with %s: its bytes are neither's; "
            "provenance.json names both\n", label, before, m.kernels);
        char *const both = text_format("%s%s%s", before, then, m.kernels);
        object_put(o, "kernels", json_string(both));
        provenance_save(path, json_incref(o));
        free(both);
    }
    json_decref(o);
    json_decref(own);
    free(path);
    return sealed;
}
