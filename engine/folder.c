/* SPDX-License-Identifier: MIT
 *
 * folder.c -- which images a folder has: classes, files, labels, and which of them turned out bad.
 */
#include "folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names ----------------------------------------------------------------------------------- */

/* Not alphasort(), which goes by the locale: on another machine the classes would have other
 * labels. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_seen(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The names in a folder, sorted, in fresh memory; their number. */
static int names_read(char ***names, const char *path)
{
    struct dirent **entry;
    const int n = scandir(path, &entry, is_seen, by_bytes);
    if (n < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            die_user(
                "%s: there is no such folder; images lie in FOLDER/train/CLASS and FOLDER/val/CLASS (or test)",
                path);
        die("cannot list %s: %s (is it readable?)", path, strerror(errno));
    }
    *names = host_alloc((size_t)n + 1, sizeof **names);
    for (int i = 0; i < n; i++) {
        (*names)[i] = text_format("%s", entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return n;
}

static void names_free(char **names, int n)
{
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The classes of a split: its folders.  A file beside them is a mistake of whoever made it. */
static int classes_read(char ***names, const char *path)
{
    const int n = names_read(names, path);
    if (n < 1 || n > FOLDER_CLASSES_MAX)
        die_user("%s: it has %d folders of images, one for each class; 2 to %d are wanted", path, n,
                 FOLDER_CLASSES_MAX);
    for (int i = 0; i < n; i++) {
        char *const folder = text_format("%s/%s", path, (*names)[i]);
        if (!is_folder(folder))
            die_user(
                "%s: it lies beside the classes' folders; images lie in a folder for each class",
                folder);
        free(folder);
    }
    if (n < 2)
        die_user(
            "%s: it has one class; at least 2, or kNN and the linear probe have nothing to tell apart",
            path);
    return n;
}

/* A label means the same in both splits, so both have the same classes. */
static void classes_compare(char **names, int n, const char *path, char **train, int n_train,
                            const char *train_path)
{
    for (int i = 0; i < n || i < n_train; i++) {
        const int order = i >= n ? 1 : i >= n_train ? -1 : strcmp(names[i], train[i]);
        if (order < 0) die_user("%s/%s: there is no such class in %s", path, names[i], train_path);
        if (order > 0) die_user("%s: it lacks the class %s of %s", path, train[i], train_path);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

struct class_files { char **name; int n; };

/* The listing takes seconds for a million files, minutes over a network: it can be stopped. */
static struct class_files *files_read(const char *path, char **class, int classes, long *total)
{
    struct class_files *const files = host_alloc((size_t)classes, sizeof *files);
    *total = 0;
    for (int c = 0; c < classes; c++) {
        if (stop_requested()) exit(EXIT_AGAIN);
        char *const folder = text_format("%s/%s", path, class[c]);
        files[c].n = names_read(&files[c].name, folder);
        if (!files[c].n) die_user("%s: it has no images", folder);
        *total += files[c].n;
        if (*total > FOLDER_IMAGES_MAX)
            die_user("%s: more than %d images", path, FOLDER_IMAGES_MAX);
        free(folder);
    }
    return files;
}

/* Places first .. first+n-1 of the order: one file of each class in turn. */
static void files_take(struct folder *f, int32_t *label, const struct class_files *files,
                       char **class, int classes, int first)
{
    long place = 0;
    for (int rank = 0, taken = 0; taken < f->n; rank++) {
        for (int c = 0; c < classes && taken < f->n; c++) {
            if (rank >= files[c].n || place++ < first) continue;
            f->name[taken] = text_format("%s/%s", class[c], files[c].name[rank]);
            label[taken++] = c;
        }
    }
}

/* The lengths are looked at because a name alone does not show that a file was replaced. */
static void names_hash(char hash[HASH_TEXT], const struct folder *f)
{
    char (*const part)[HASH_TEXT] = host_alloc((size_t)f->n, sizeof *part);
    for (int i = 0; i < f->n; i++) {
        if (stop_requested()) exit(EXIT_AGAIN);
        char *const path = text_format("%s/%s", f->path, f->name[i]);
        struct stat st;
        /* gone: a bad image */
        const long long bytes = stat(path, &st) ? -1 : (long long)st.st_size;
        char *const line = text_format("%s %lld", f->name[i], bytes);
        hash_bytes(part[i], line, strlen(line));
        free(line);
        free(path);
    }
    hash_bytes(hash, part, (size_t)f->n * sizeof *part);
    free(part);
}

/* ---- a set ----------------------------------------------------------------------------------- */

char *folder_root(const char *root)
{
    return *root == '/' ? text_format("%s", root) : text_format("%s/%s", data_folder(), root);
}

bool folder_is_set(const char *root)
{
    char *const path = text_format("%s/train", root);
    const bool is = is_folder(path);
    free(path);
    return is;
}

/* ROOT/val if it is there, else ROOT/test: ImageNet's test images have no labels. */
static char *split_path(const char *root, enum data_split split)
{
    char *const path = text_format("%s/%s", root, split == DATA_TRAIN ? "train" : "val");
    if (split == DATA_TRAIN || is_folder(path)) return path;
    free(path);
    return text_format("%s/test", root);
}

static struct folder *folder_new(char *path, int n, int may_skip)
{
    struct folder *const f = host_alloc(1, sizeof *f);
    f->path = path;
    f->n = n;
    f->may_skip = may_skip;
    f->name = host_alloc((size_t)n, sizeof *f->name);
    f->state = host_alloc((size_t)n, sizeof *f->state);
    f->first_bad = n;
    const int rc = pthread_mutex_init(&f->mutex, NULL);
    if (rc) die("cannot make a mutex: %s", strerror(rc));
    struct machine_info machine;
    machine_describe(&machine);
    f->threads = machine.threads > 1 ? machine.threads : 1;
    f->team = host_alloc((size_t)f->threads, sizeof *f->team);
    return f;
}

void folder_load(struct dataset *set, const char *root, enum data_split split, int first, int count,
                 int may_skip)
{
    char **train,
        **class, *const at = folder_root(root), *const train_path = split_path(at, DATA_TRAIN);
    char *const path = split_path(at, split);
    long total;
    const int n_train = classes_read(&train, train_path), classes = classes_read(&class, path);
    classes_compare(class, classes, path, train, n_train, train_path);
    struct class_files *const files = files_read(path, class, classes, &total);
    if (!count && first < total) count = (int)(total - first);
    if (first < 0 || count < 1 || first + (long)count > total)
        die_user("%s has %ld images, numbered from 0; %d from %d on were asked for", path, total,
                 count, first);
    *set = (struct dataset){ .n = count, .classes = classes };
    set->labels = host_alloc((size_t)count, sizeof *set->labels);
    set->folder = folder_new(path, count, may_skip);
    set->folder->label = set->labels;
    files_take(set->folder, set->labels, files, class, classes, first);
    names_hash(set->hash, set->folder);
    for (int c = 0; c < classes; c++) names_free(files[c].name, files[c].n);
    free(files);
    names_free(class, classes);
    names_free(train, n_train);
    free(train_path);
    free(at);
}

void folder_free(struct folder *f)
{
    if (!f) return;
    for (int i = 0; i < f->threads; i++) maker_free(&f->team[i]);
    const int rc = pthread_mutex_destroy(&f->mutex);
    assert(!rc);
    (void)rc;
    names_free(f->name, f->n);
    free(f->team);
    free((void *)f->state);
    free(f->path);
    free(f);
}

/* ---- bad ones -------------------------------------------------------------------------------- */

char *folder_name(const struct folder *f, int image)
{
    char *const shown = text_format("%s/%s", f->path, f->name[image]);
    text_disarm(shown);
    return shown;
}

void folder_note(struct folder *f, int image, bool good, const char *wrong)
{
    if (f->state[image] == (good ? IMAGE_GOOD : IMAGE_BAD))
        return;                    /* nearly always: no thread waits for another then */
    pthread_mutex_lock(&f->mutex);
    if (good && f->state[image] == IMAGE_UNSEEN) f->state[image] = IMAGE_GOOD;
    /* One that was good is bad once it is gone or cut short: else the batch would keep what was in
     * its place. */
    if (!good && f->state[image] != IMAGE_BAD) {            /* another thread may have been first */
        f->state[image] = IMAGE_BAD;
        f->bad++;
        if (image < f->first_bad) {    /* not the one met first: that would depend on the threads */
            f->first_bad = image;
            memcpy(f->wrong, wrong, WRONG_TEXT);
        }
        char *const name = folder_name(f, image);
        if (f->may_skip) warn("%s: %s; skipped, another of its class takes its place", name, wrong);
        free(name);
    }
    pthread_mutex_unlock(&f->mutex);
}

void folder_check(const struct folder *f)
{
    if (f->bad <= f->may_skip && !f->hopeless) return;
    char *const name = folder_name(f, f->first_bad);
    if (f->may_skip)
        die_user("%s: %s; %d of the images are bad, skip_bad allows %d%s (verify the folder: that names all)", name,
                 f->wrong, f->bad, f->may_skip, f->hopeless ? "; a class has none that is good" : "");
    die_user("%s: %s; mend or remove it (verify the folder: that names all such files), or let skip_bad: N "
             "go on without up to N", name, f->wrong);
}

struct looking { struct folder *f; char **why; };

static void look_at(void *context, int i, int worker)
{
    const struct looking *const l = context;
    struct folder *const f = l->f;
    if (f->state[i] != IMAGE_UNSEEN || stop_requested()) return;
    char wrong[WRONG_TEXT] = "";
    const bool good = folder_look(f, &f->team[worker], i, wrong);
    folder_note(f, i, good, wrong);
    if (!good && l->why) l->why[i] = text_format("%s", wrong);
}

int folder_bad(struct folder *f, char **why)
{
    enum { FEW = 16 };             /* one photograph takes as long as hundreds of thumbnails */
    struct looking l = { f, why };
    each_parallel(f->n, f->threads, FEW, look_at, &l);
    return stop_requested() ? -1 : f->bad;
}
