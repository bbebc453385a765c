/* SPDX-License-Identifier: MIT
 *
 * found.c -- the runs that lie in a folder, and which of them count (found.h).
 */
#include "found.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge.h"
#include "seal.h"
#include "../methods/code.h"
#include "../../engine/data.h"
#include "../../engine/folder.h"
#include "../../engine/ops.h"

/* ---- what names a run ----------------------------------------------------------------------- */

void run_hash(char hex[HASH_TEXT], const char *config, const char *machine, const char *code,
              const char *data)
{
    char *text = text_format("%smachine: %s\ncode: %s\ndata: %s\n", config, machine, code, data);
    hash_bytes(hex, text, strlen(text));
    free(text);
}

void run_hash_before(char hex[HASH_TEXT], const char *config, const char *machine, const char *code)
{
    char *text = text_format("%smachine: %s\ncode: %s\n", config, machine, code);
    hash_bytes(hex, text, strlen(text));
    free(text);
}

void run_data_hash(char hex[HASH_TEXT], const char *train, const char *monitor, const char *test)
{
    char *all = text_format("%s%s%s", train, monitor, test);
    hash_bytes(hex, all, strlen(all));
    free(all);
}

char *config_images(const char *config)
{
    static const char *const keys[] = {
        "dataset: ", "folder: ", "train_first: ", "train_count: ", "monitor_split: ",
        "monitor_first: ", "monitor_count: ", "test_count: ", NULL
    };
    char *images = host_alloc(strlen(config) + 1, 1), *out = images;
    for (const char *line = config, *next; *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        int k = 0;
        while (keys[k] && strncmp(line, keys[k], strlen(keys[k]))) k++;
        if (!keys[k]) continue;
        memcpy(out, line, (size_t)(next - line));
        out += next - line;
    }
    *out = '\0';
    return images;
}

/* FNV-1a: most comparisons of a thousand runs end here. */
static uint64_t text_key(const char *text)
{
    uint64_t key = 0xcbf29ce484222325u;
    for (; *text; text++) key = (key ^ (unsigned char)*text) * 0x100000001b3u;
    return key;
}

/* ---- listing -------------------------------------------------------------------------------- */

/* The papers are gone. */
static bool papers_take(struct found_run *r, json_t *papers, const char *path, char *why)
{
    const char *code, *machine, *train, *monitor, *test = "";
    int seed;
    const bool right = papers && !json_unpack(papers, "{s:s, s:s, s:s, s:s, s?s, s:i}", "code_hash",
                                              &code, "machine", &machine, "train_hash", &train,
                                              "monitor_hash", &monitor, "test_hash", &test, "seed",
                                              &seed);
    if (right) {
        r->seed = seed;
        snprintf(r->code, sizeof r->code, "%s", code);
        snprintf(r->machine, sizeof r->machine, "%s", machine);
        run_data_hash(r->data, train, monitor, test);
    } else if (papers) {
        snprintf(why, TEXT_MAX, "%s: it must name machine, code_hash, seed, train_hash and "
                 "monitor_hash", path);
    }
    json_decref(papers);
    return right;
}

static bool papers_parse(struct found_run *r, const char *text, size_t bytes, const char *path, char *why)
{
    json_error_t error;
    json_t *const papers = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!papers) snprintf(why, TEXT_MAX, "%s:%d: %s", path, error.line, error.text);
    if (!papers_take(r, papers, path, why)) return false;
    if (seal_look(text, bytes) != SEAL_WRONG) return true;
    snprintf(why, TEXT_MAX, "%s is not what was written: its seal does not fit", path);
    return false;
}

bool found_papers(struct found_run *r, char why[TEXT_MAX])
{
    size_t bytes;
    char *const path = text_format("%s/provenance.json", r->folder);
    char *const text = file_read_own(path, &bytes);
    if (!text) snprintf(why, TEXT_MAX, "%s: %s", path, strerror(errno));
    const bool right = text && papers_parse(r, text, bytes, path, why);
    free(text);
    free(path);
    return right;
}

bool found_papers_take(struct found_run *r, const char *text, char why[TEXT_MAX])
{
    return papers_parse(r, text, strlen(text), "provenance.json", why);
}

static void summary_note(struct found_run *r, const struct run_record *record)
{
    memcpy(r->code, record->code_hash, sizeof r->code);
    memcpy(r->data, record->data_hash, sizeof r->data);
    memcpy(r->machine, record->machine, sizeof r->machine);
    r->state = record->state;
    r->collapse = grade_collapse(record->grade);
}

/* Does the folder's name fit what lies in it, and the summary, if there is one? */
static bool is_named(struct found_run *r, const struct run_record *record)
{
    run_hash(r->hash, r->config, r->machine, r->code, r->data);
    char *own = run_folder(r->root, r->hash, r->seed);
    bool named = !strcmp(own, r->folder);
    free(own);
    if (!named) {
        run_hash_before(r->hash, r->config, r->machine, r->code);
        own = run_folder(r->root, r->hash, r->seed);
        named = !strcmp(own, r->folder);
        free(own);
    }
    return named && (!r->finished || (!strcmp(record->hash, r->hash) && record->seed == r->seed));
}

/* Does provenance.json say what the summary says?  What is wrong with it is told. */
static bool papers_agree(const struct found_run *r, int seed)
{
    struct found_run of_papers = { .folder = r->folder };
    char why[TEXT_MAX];
    if (!found_papers(&of_papers, why)) {
        if (errno == ENOENT) return true;      /* whoever needs it says so */
        warn("%s: the run does not count (run it again)", why);
        return false;
    }
    const bool agree = of_papers.seed == seed && !strcmp(of_papers.code, r->code) &&
                       !strcmp(of_papers.machine, r->machine) && !strcmp(of_papers.data, r->data);
    if (!agree)
        warn("%s/provenance.json: of another seed, machine, code or data than summary.json beside it: "
             "the run does not count (run it again)", r->folder);
    return agree;
}

/* Reads what is to be known of a run beside its config. */
static void run_know(struct found_run *r)
{
    if (r->known) return;
    struct run_record *const record = host_alloc(1, sizeof *record);
    char why[TEXT_MAX];
    const int seed = r->seed;
    r->known = true;
    r->finished = run_read(record, r->folder);
    if (r->finished) summary_note(r, record);
    r->named = (r->finished ? papers_agree(r, record->seed) : found_papers(r, why)) && r->seed == seed &&
               is_named(r, record);
    r->seed = seed;
    if (r->finished) {
        r->record = record;
    } else {
        run_free(record);
        free(record);
    }
}

/* Takes the run of the folder; false if there is none. */
static bool run_take(struct found_run *r, const char *root, const char *name, const char *seed_name)
{
    char end;
    *r = (struct found_run){ .root = root };
    if (sscanf(seed_name, "seed-%d%c", &r->seed, &end) != 1) return false;
    r->folder = text_format("%s/%s/%s", root, name, seed_name);
    char *const config = text_format("%s/config.yaml", r->folder);
    r->config = file_read_own(config, NULL);
    free(config);
    if (!r->config) free(r->folder);
    else r->config_key = text_key(r->config);
    return r->config;
}

static void seeds_take(struct found *f, const char *name)
{
    char *const folder = text_format("%s/%s", f->root, name);
    struct dirent **entry;
    const int n = folder_list(&entry, folder, entry_seen);
    free(folder);
    if (n < 0) return;                         /* a file, or no one's to read */
    f->run = realloc(f->run, (size_t)(f->n + n + 1) * sizeof *f->run);
    if (!f->run) die("out of memory: %d runs in %s (close other programs)", f->n + n, f->root);
    for (int i = 0; i < n; i++) {
        f->n += run_take(&f->run[f->n], f->root, name, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

void found_open(struct found *f, const char *root)
{
    *f = (struct found){ .root = root };
    struct dirent **entry;
    const int n = folder_list(&entry, root, entry_seen);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR)
        die("cannot list %s: %s (is the folder readable?)", root, strerror(errno));
    for (int i = 0; i < n; i++) {
        seeds_take(f, entry[i]->d_name);
        free(entry[i]);
    }
    if (n >= 0) free(entry);
}

/* ---- which data ----------------------------------------------------------------------------- */

struct images_known { char *images; char data[HASH_TEXT]; bool here; };

void found_close(struct found *f)
{
    for (int i = 0; i < f->n; i++) {
        free(f->run[i].folder);
        free(f->run[i].config);
        if (f->run[i].record) run_free(f->run[i].record);
        free(f->run[i].record);
    }
    free(f->asked_config);
    for (int i = 0; i < f->n_images; i++) free(f->images[i].images);
    free(f->run);
    free(f->images);
    *f = (struct found){ .root = NULL };
}

bool found_source(const struct data_source *source)
{
    /* a folder without files to look for is not read */
    bool here = source->files->name || !*source->folder;
    for (const struct data_file *f = source->files; f->name; f++) {
        char *const plain = text_format("%s/%s/%s", data_folder(), source->folder, f->name);
        char *const packed = text_format("%s.gz", plain);
        here = here && (!access(plain, R_OK) || !access(packed, R_OK));
        free(plain);
        free(packed);
    }
    return here;
}

static bool data_present(const struct settings *s)
{
    const struct data_source *const source = &data_sources[s->dataset];
    if (!data_is_folder(source)) return found_source(source);
    char *const root = folder_root(s->folder);
    const bool present = folder_is_set(root);
    free(root);
    return present;
}

static void split_hash(char hex[HASH_TEXT], const struct settings *s, enum data_split split, int first,
                       int count)
{
    struct dataset set;
    const struct data_source *const source = &data_sources[s->dataset];
    if (data_is_folder(source)) folder_load(&set, s->folder, split, first, count, s->skip_bad);
    else data_load(&set, source->name, split, first, count);
    memcpy(hex, set.hash, HASH_TEXT);
    data_free(&set);
}

/* The hash of the data at hand.  In a process of its own: data that are wrong end a program that
 * would train on them (and say why), not one that only counts runs.  False: there are none, which
 * is no matter, or they are wrong, which is said.
 *
 * The child has this thread alone, so nothing in it may ask for a team of threads, which its
 * parent may have had.  Loading does not: it reads files or lists names; decoding, which does, is for
 * steps (folder.h). */
static bool data_look(char hex[HASH_TEXT], const struct settings *s)
{
    if (!data_present(s)) return false;
    int pipe_[2];
    fflush(NULL);
    if (pipe(pipe_)) die("pipe: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) die("cannot start a process: %s (close other programs)", strerror(errno));
    if (!pid) {
        char train[HASH_TEXT], monitor[HASH_TEXT], test[HASH_TEXT] = "", all[HASH_TEXT];
        split_hash(train, s, DATA_TRAIN, s->train_first, s->train_count);
        split_hash(monitor, s, (enum data_split)s->monitor_split, s->monitor_first,
                   s->monitor_count);
        if (settings_has_test(s)) split_hash(test, s, DATA_TEST, 0, s->test_count);
        run_data_hash(all, train, monitor, test);
        _exit(write(pipe_[1], all, sizeof all) == (ssize_t)sizeof all ? 0 : EXIT_WORLD);
    }
    close(pipe_[1]);
    size_t got = 0;
    while (got < HASH_TEXT) {
        const ssize_t n = read(pipe_[0], hex + got, HASH_TEXT - got);
        if (n > 0) got += (size_t)n;
        else if (!n || errno != EINTR) break;
    }
    close(pipe_[0]);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) die("waitpid: %s", strerror(errno));
    const bool right = got == HASH_TEXT && WIFEXITED(status) && !WEXITSTATUS(status);
    if (!right && !stop_requested())
        warn("so the data at hand do not say which runs count: those do whose data most runs have");
    return right;
}

/* The data that most finished runs of these images are of; of equally many, the first's.  "":
 * there is none. */
static void data_of_most(char hex[HASH_TEXT], struct found *f, const char *images)
{
    int *const votes = host_alloc((size_t)f->n + 1, sizeof *votes);    /* at each data's first run */
    int most = 0;
    *hex = '\0';
    for (int i = 0; i < f->n; i++) {
        char *const own = config_images(f->run[i].config);
        const bool asked = !strcmp(own, images);
        free(own);
        if (asked) run_know(&f->run[i]);
        if (!asked || !f->run[i].finished || !f->run[i].named) continue;
        int k = 0;
        while (strcmp(f->run[k].data, f->run[i].data)) k++;
        if (++votes[k] <= most) continue;
        most = votes[k];
        memcpy(hex, f->run[i].data, HASH_TEXT);
    }
    free(votes);
}

/* Which data the row means, asked once of each set of images. */
static const struct images_known *images_of(struct found *f, const struct settings *s,
                                            const char *config)
{
    char *const images = config_images(config);
    int i = 0;
    while (i < f->n_images && strcmp(f->images[i].images, images)) i++;
    if (i < f->n_images) {
        free(images);
        return &f->images[i];
    }
    f->images = realloc(f->images, (size_t)(i + 1) * sizeof *f->images);
    if (!f->images) die("out of memory (close other programs)");
    f->n_images++;
    struct images_known *const known = &f->images[i];
    *known = (struct images_known){ .images = images };
    known->here = data_look(known->data, s);
    if (!known->here) data_of_most(known->data, f, images);
    return known;
}

/* "": not known. */
static const char *data_of(struct found *f, const struct settings *s, const char *config)
{
    return images_of(f, s, config)->data;
}

const char *found_data(struct found *f, const struct settings *s)
{
    char *const config = settings_print(s);
    const struct images_known *const known = images_of(f, s, config);
    free(config);
    return known->here ? known->data : NULL;
}

/* ---- which run ------------------------------------------------------------------------------ */

/* Why a run of the row's config and seed does not count; NULL: it does. */
static const char *unlike(struct found *f, const struct found_run *r, const struct settings *s)
{
    if (!*f->machine) {
        struct machine_info own;
        machine_describe(&own);
        memcpy(f->machine, own.machine, sizeof f->machine);
    }
    if (!r->named) return "of another hash or seed than its folder's name";
    if (strcmp(r->machine, f->machine)) return "by another machine";
    if (!code_same(r->code, code_hash_of(s->method))) return "of other code";
    const char *const data = data_of(f, s, r->config);
    if (*data && strcmp(r->data, data)) return "of other data";
    return NULL;
}

/* The settings as they are printed: asked for seed after seed. */
static const char *asked_config(struct found *f, const struct settings *s)
{
    if (!f->asked_config || memcmp(&f->asked, s, sizeof *s)) {
        free(f->asked_config);
        memcpy(&f->asked, s, sizeof *s);
        f->asked_config = settings_print(s);
    }
    return f->asked_config;
}

/* The first run of the row and seed that counts, or the first that does not. */
static const struct found_run *run_search(struct found *f, const struct settings *s, int seed,
                                          bool finished, bool counts, const char **why)
{
    const char *const config = asked_config(f, s);
    const uint64_t key = text_key(config);
    const struct found_run *found = NULL;
    for (int i = 0; i < f->n && !found; i++) {
        struct found_run *const r = &f->run[i];
        if (r->seed != seed || r->config_key != key || strcmp(r->config, config)) continue;
        run_know(r);
        if (r->finished != finished) continue;
        *why = unlike(f, r, s);
        if (counts == !*why) found = r;
    }
    return found;
}

const struct found_run *found_run(struct found *f, const struct settings *s, int seed)
{
    const char *why;
    const struct found_run *const done = run_search(f, s, seed, true, true, &why);
    return done ? done : run_search(f, s, seed, false, true, &why);
}

enum run_state found_state(struct found *f, const struct settings *s, int seed)
{
    const struct found_run *const r = found_run(f, s, seed);
    return r && r->finished ? r->state : RUN_NONE;
}

const struct found_run *found_other(struct found *f, const struct settings *s, int seed,
                                    const char **why)
{
    return run_search(f, s, seed, true, false, why);
}
