/* SPDX-License-Identifier: MIT
 *
 * adopt.c -- runs that were finished elsewhere, verified and taken over (adopt.h).
 */
#include "adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "same.h"
#include "../methods/code.h"
#include "../../engine/checkpoint.h"
#include "../../engine/ops.h"

/* ---- where runs are put together --------------------------------------------------------------- */

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* Removes a folder of files and, at `depth` above 0, of such folders; it may not be there.  A link
 * goes, and what it leads to stays. */
static void folder_remove(const char *path, int depth)
{
    struct dirent **entry;
    struct stat st;
    if (!lstat(path, &st) && !S_ISDIR(st.st_mode)) {
        if (unlink(path)) die("cannot remove %s: %s (remove it)", path, strerror(errno));
        return;
    }
    const int n = scandir(path, &entry, is_entry, NULL);
    if (n < 0 && errno == ENOENT) return;
    if (n < 0) die("cannot list %s: %s (remove it)", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *const inner = text_format("%s/%s", path, entry[i]->d_name);
        if (unlink(inner)) {
            if ((errno != EISDIR && errno != EPERM) || !depth)
                die("cannot remove %s: %s (remove it)", inner, strerror(errno));
            folder_remove(inner, depth - 1);
        }
        free(inner);
        free(entry[i]);
    }
    free(entry);
    if (rmdir(path)) die("cannot remove %s: %s (remove it)", path, strerror(errno));
}

void adopter_open(struct adopter *a, const char *root)
{
    *a = (struct adopter){ .root = root, .staging = text_format("%s/.adopt", root),
                           .made = access(root, F_OK) != 0 };
    if (!folder_make(root))
        die("cannot make %s: %s (is the folder writable?)", root, strerror(errno));
    a->lock = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->lock < 0) die("cannot open %s: %s (is the folder readable?)", root, strerror(errno));
    /* A file system without locks has one user at a time, or none who can be told apart. */
    while (flock(a->lock, LOCK_EX) && errno == EINTR)
        ;
    folder_remove(a->staging, 1);
    found_open(&a->found, root);
}

void adopter_close(struct adopter *a)
{
    folder_remove(a->staging, 1);
    found_close(&a->found);
    if (a->made && rmdir(a->root) && errno != ENOTEMPTY && errno != EEXIST)
        die("cannot remove %s: %s (remove it)", a->root, strerror(errno));
    if (close(a->lock)) die("cannot close %s: %s", a->root, strerror(errno));
    free(a->staging);
    *a = (struct adopter){ .root = NULL };
}

/* ---- what is verified -------------------------------------------------------------------------- */

static enum adoption answer(enum adoption what, char why[WHY_TEXT], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum adoption answer(enum adoption what, char why[WHY_TEXT], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, WHY_TEXT, format, arguments);
    va_end(arguments);
    return what;
}

/* Do provenance and config name the run that the summary speaks of?  ADOPT_TAKEN: they do. */
static enum adoption named_check(const struct papers *p, char why[WHY_TEXT])
{
    const struct run_record *const r = &p->record;
    struct found_run papers = { .seed = -1 };
    char wrong[TEXT_MAX], hash[HASH_TEXT], before[HASH_TEXT];
    if (!found_papers_take(&papers, p->provenance, wrong))
        return answer(ADOPT_REFUSED, why, "%s", wrong);
    if (papers.seed != r->seed || strcmp(papers.machine, r->machine) ||
        strcmp(papers.code, r->code_hash) || strcmp(papers.data, r->data_hash))
        return answer(ADOPT_REFUSED, why, "provenance.json: of another seed, machine, code or data "
                      "than summary.json beside it");
    run_hash(hash, p->config, r->machine, r->code_hash, r->data_hash);
    run_hash_before(before, p->config, r->machine, r->code_hash);
    if (strcmp(r->hash, hash) && strcmp(r->hash, before))
        return answer(ADOPT_REFUSED, why, "config.yaml: with the machine, code and data of "
                      "summary.json it names run %.16s, and summary.json is of %.16s", hash, r->hash);
    return ADOPT_TAKEN;
}

/* The config's settings: from its file, or from one that is written for it. */
static bool config_read(struct settings *s, const struct adopter *a, const struct papers *p)
{
    if (p->config_path) return settings_read(s, p->config_path);
    char *const path = text_format("%s/config.yaml", a->staging);
    if (!folder_make(a->staging) || !file_write_synced(path, p->config, strlen(p->config)))
        die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
    const bool right = settings_read(s, path);
    free(path);
    return right;
}

/* Is it a run that this program would have made here? */
static enum adoption counts_check(struct adopter *a, const struct papers *p, const struct settings *s,
                                  char why[WHY_TEXT])
{
    const struct run_record *const r = &p->record;
    struct machine_info own;
    machine_describe(&own);
    const char *const code = code_hash_of(s->method);
    if (r->epochs != s->epochs)
        return answer(ADOPT_REFUSED, why, "summary.json: epochs %d, and config.yaml has %d", r->epochs,
                      s->epochs);
    if (strcmp(r->machine, own.machine))
        return answer(ADOPT_REFUSED, why, "summary.json: by machine %s, and this program computes on %s "
                      "(pool it with that one's)", r->machine, own.machine);
    if (!code_same(r->code_hash, code))
        return answer(ADOPT_OTHER_CODE, why, "summary.json: of code %.8s, which equal_codes.txt does "
                      "not join with this program's, %.8s (make same-bytes shows codes equal)",
                      r->code_hash, code);
    const char *const data = found_data(&a->found, s);
    if (data && strcmp(r->data_hash, data))
        return answer(ADOPT_REFUSED, why, "summary.json: trained on data %.8s, and those at hand are "
                      "%.8s", r->data_hash, data);
    return ADOPT_TAKEN;
}

/* A checkpoint's bytes as they lie there. */
struct image { char *bytes; size_t n; };

/* Does the file end with the SHA-256 of all before it (checkpoint.h)?  checkpoint_load() would take
 * the one before it instead. */
static bool is_whole(const struct image *image)
{
    enum { DIGEST = 32 };
    char hash[HASH_TEXT], end[HASH_TEXT];
    if (image->n < DIGEST) return false;
    hash_bytes(hash, image->bytes, image->n - DIGEST);
    for (int i = 0; i < DIGEST; i++)
        snprintf(end + 2 * i, 3, "%02x", (unsigned char)image->bytes[image->n - DIGEST + (size_t)i]);
    return !strcmp(hash, end);
}

static bool is_of(const char *path, const char *id)
{
    struct checkpoint c;
    if (!checkpoint_load(&c, path)) return false;
    const struct blob *const who = checkpoint_find(&c, "identity");
    const bool ours = who && who->bytes == strlen(id) && !memcmp(who->data, id, who->bytes);
    checkpoint_free(&c);
    return ours;
}

static enum adoption checkpoint_check(struct image *image, const struct papers *p, char why[WHY_TEXT])
{
    image->bytes = file_read(p->checkpoint, &image->n);
    if (!image->bytes)
        return answer(ADOPT_REFUSED, why, "checkpoint.bin: cannot be read: %s", strerror(errno));
    if (!is_whole(image))
        return answer(ADOPT_REFUSED, why, "checkpoint.bin: not whole (without it the run can be "
                      "pooled)");
    if (!is_of(p->checkpoint, p->record.hash))
        return answer(ADOPT_REFUSED, why, "checkpoint.bin: another run's, or another version's "
                      "(without it the run can be pooled)");
    return ADOPT_TAKEN;
}

/* ---- taking over --------------------------------------------------------------------------------- */

/* What lies in the run's place already.  ADOPT_TAKEN: nothing that stays. */
static enum adoption place_check(const char *place, const struct papers *p, char why[WHY_TEXT])
{
    char *const path = text_format("%s/summary.json", place);
    const bool finished = !access(path, F_OK);
    free(path);
    struct run_record there;
    if (!finished || !run_read(&there, place)) return ADOPT_TAKEN;
    const bool same = run_same(&there, &p->record);
    run_free(&there);
    if (same) return ADOPT_THERE;
    return answer(ADOPT_REFUSED, why, "metrics.jsonl: %s is the same run with other numbers, and stays "
                  "(remove the one that is wrong)", place);
}

static void paper_put(const char *folder, const char *name, const void *data, size_t bytes)
{
    char *const path = text_format("%s/%s", folder, name);
    if (!file_write_synced(path, data, bytes))
        die("cannot write %s: %s (is the disk full?)", path, strerror(errno));
    free(path);
}

static void papers_put(const char *folder, const struct papers *p, const struct image *c)
{
    if (!folder_make(folder)) die("cannot make %s: %s (is it writable?)", folder, strerror(errno));
    paper_put(folder, "config.yaml", p->config, strlen(p->config));
    paper_put(folder, "provenance.json", p->provenance, strlen(p->provenance));
    paper_put(folder, "metrics.jsonl", p->metrics, strlen(p->metrics));
    if (p->timing) paper_put(folder, "timing.jsonl", p->timing, strlen(p->timing));
    if (c->bytes) paper_put(folder, "checkpoint.bin", c->bytes, c->n);
    paper_put(folder, "summary.json", p->summary, strlen(p->summary));
    if (!folder_sync(folder)) die("cannot sync %s: %s", folder, strerror(errno));
}

/* Is a process at the run that lies in the place?  The lock that this takes stays until close(). */
static bool place_lock(int *lock, const char *place)
{
    char *const path = text_format("%s/lock", place);
    *lock = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    free(path);
    return *lock < 0 || !flock(*lock, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

/* Brings the whole folder into its place; a half-done run that lies there changes places with it. */
static enum adoption folder_place(const char *staged, const char *place, char why[WHY_TEXT])
{
    char *const parent = path_folder(place);
    if (!folder_make(parent)) die("cannot make %s: %s (is it writable?)", parent, strerror(errno));
    int lock = -1;
    enum adoption end = ADOPT_TAKEN;
    if (rename(staged, place)) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            die("cannot rename %s to %s: %s", staged, place, strerror(errno));
        if (!place_lock(&lock, place))
            end = answer(ADOPT_REFUSED, why, "summary.json: a process is at the same run in %s (wait "
                         "for it, or end it)", place);
        else if (renameat2(AT_FDCWD, staged, AT_FDCWD, place, RENAME_EXCHANGE))
            end = answer(ADOPT_REFUSED, why, "summary.json: %s lies half done in the run's place, and "
                         "cannot be exchanged: %s (remove it)", place, strerror(errno));
    }
    if (end == ADOPT_TAKEN && !folder_sync(parent))
        die("cannot sync %s: %s", parent, strerror(errno));
    if (lock >= 0) close(lock);
    free(parent);
    return end;
}

static enum adoption verify(struct adopter *a, const struct papers *p, char why[WHY_TEXT])
{
    struct settings s;
    enum adoption end = named_check(p, why);
    if (end == ADOPT_TAKEN && !config_read(&s, a, p))
        end = answer(ADOPT_REFUSED, why, "config.yaml: not the settings of a run (see above)");
    return end == ADOPT_TAKEN ? counts_check(a, p, &s, why) : end;
}

/* Puts the verified papers together and brings them into place. */
static enum adoption take_over(struct adopter *a, const struct papers *p, const struct image *image,
                               char why[WHY_TEXT])
{
    char *const place = run_folder(a->root, p->record.hash, p->record.seed);
    char *const staged = text_format("%s/%.16s-%d", a->staging, p->record.hash, p->record.seed);
    enum adoption end = place_check(place, p, why);
    if (end == ADOPT_TAKEN) {
        papers_put(staged, p, image);
        end = folder_place(staged, place, why);
        folder_remove(staged, 0);              /* what was half done, or refused */
    }
    free(staged);
    free(place);
    return end;
}

enum adoption adopt_papers(struct adopter *a, const struct papers *p, char why[WHY_TEXT])
{
    *why = '\0';
    struct image image = { .bytes = NULL };
    enum adoption end = verify(a, p, why);
    if (end == ADOPT_TAKEN && p->checkpoint) end = checkpoint_check(&image, p, why);
    if (end == ADOPT_TAKEN) end = take_over(a, p, &image, why);
    free(image.bytes);
    return end;
}

/* ---- from a folder of runs ------------------------------------------------------------------------ */

enum { CONFIG, PROVENANCE, METRICS, SUMMARY, TIMING, FILES };
static const char *const file_names[FILES] = { "config.yaml", "provenance.json", "metrics.jsonl",
                                               "summary.json", "timing.jsonl" };

/* ADOPT_TAKEN: all that a finished run has was read, and is text. */
static enum adoption texts_read(char *text[FILES], const char *folder, char why[WHY_TEXT])
{
    static const int order[FILES] = { SUMMARY, CONFIG, PROVENANCE, METRICS, TIMING };
    for (int k = 0; k < FILES; k++) {
        const int i = order[k];
        char *const path = text_format("%s/%s", folder, file_names[i]);
        size_t bytes = 0;
        text[i] = file_read_own(path, &bytes);
        const int error = errno;
        free(path);
        if (!text[i] && error == ENOENT && i == SUMMARY)
            return answer(ADOPT_UNFINISHED, why, "summary.json: not there yet");
        if (!text[i] && error == ENOENT && i == TIMING) continue;
        if (!text[i])
            return answer(ADOPT_REFUSED, why, "%s: cannot be read: %s", file_names[i],
                          strerror(error));
        if (strlen(text[i]) != bytes)
            return answer(ADOPT_REFUSED, why, "%s: not text: byte %zu is 0", file_names[i],
                          strlen(text[i]) + 1);
    }
    return ADOPT_TAKEN;
}

/* Reads the record from copies of the texts, and looks at the folder's name. */
static enum adoption record_take(struct run_record *r, char *const text[FILES], const char *name,
                                 const char *seed_name, char why[WHY_TEXT])
{
    char wrong[WRONG_TEXT], own[32];
    struct run_texts t = { .config = text[CONFIG],
                           .summary = text_format("%s", text[SUMMARY]),
                           .metrics = text_format("%s", text[METRICS]),
                           .summary_bytes = strlen(text[SUMMARY]),
                           .metrics_bytes = strlen(text[METRICS]) };
    const bool right = run_texts_take(r, &t, wrong);
    free(t.summary);
    free(t.metrics);
    if (!right) return answer(ADOPT_REFUSED, why, "%s", wrong);
    snprintf(own, sizeof own, "seed-%d", r->seed);
    if (strncmp(name, r->hash, 16) || strlen(name) != 16 || strcmp(seed_name, own))
        return answer(ADOPT_REFUSED, why, "summary.json: of run %.16s/%s, which is not its folder's "
                      "name", r->hash, own);
    return ADOPT_TAKEN;
}

enum adoption adopt_folder(struct adopter *a, const char *from, const char *name,
                           const char *seed_name, char why[WHY_TEXT])
{
    char *const folder = text_format("%s/%s/%s", from, name, seed_name);
    char *const checkpoint = text_format("%s/checkpoint.bin", folder);
    char *const config = text_format("%s/config.yaml", folder), *text[FILES] = { NULL };
    struct papers p = { .record = { .linear = 0 }, .config_path = config };
    enum adoption end = texts_read(text, folder, why);
    if (end == ADOPT_TAKEN) end = record_take(&p.record, text, name, seed_name, why);
    if (end == ADOPT_TAKEN) {
        p.config = text[CONFIG];
        p.provenance = text[PROVENANCE];
        p.metrics = text[METRICS];
        p.summary = text[SUMMARY];
        p.timing = text[TIMING];
        if (!access(checkpoint, F_OK)) p.checkpoint = checkpoint;
        end = adopt_papers(a, &p, why);
    }
    run_free(&p.record);
    for (int i = 0; i < FILES; i++) free(text[i]);
    free(config);
    free(checkpoint);
    free(folder);
    return end;
}
