/* SPDX-License-Identifier: MIT
 *
 * cudnn_cache.c -- the fastest plan of each convolution, timed once and kept in a file.
 *
 * Two plans of a convolution add in other orders, so the choice decides digits; and a clock decides
 * the choice.  So it is made once: what the file says is taken, by every process on this card, as
 * long as it is there.  The same bytes run to run (rule 4 of ops.h) then means: with the same file.
 * A run that goes on elsewhere, or after the file was removed, goes on in other roundings, as on
 * another card.  Where no file can be kept nothing is timed, and cuDNN's first suggestion is taken,
 * which no clock decides.
 *
 * The file is of one card and one version of cuDNN, and is named after them:
 *
 *     cuDNN 91900 on NVIDIA H200, 132 multiprocessors
 *     forward bf16 [1024, 32, 32, 64] to 64, 3x3, stride 1, padding 1: engine 38 knobs 2=1 13=0
 *     ...
 *     SHA-256 of the lines above
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "cudnn_plan.h"

enum { KEY = 112, ENTRIES = 8192, PATH = 4096 };

static struct {
    char path[PATH], head[256];          /* the file and its first line; path "": not opened yet */
    struct { char key[KEY], tag[PLAN_TAG]; } entry[ENTRIES];
    int n;
    bool warned, changed;         /* said that no file can be kept; has the file not all entries? */
} own;

/* ---- the file -------------------------------------------------------------------------------- */

static void path_make(const char *name)
{
    snprintf(own.head, sizeof own.head, "cuDNN %zu on %s\n", cudnnGetVersion(), name);
    const int n = snprintf(own.path, sizeof own.path, "%s/plans/%s", data_folder(), own.head);
    if (n < 0 || n >= (int)sizeof own.path)
        die("the data folder's name is longer than %d bytes (set DATA)", PATH);
    for (char *c = own.path + strlen(own.path) - strlen(own.head); *c; c++)
        if (*c == ' ' || *c == ',' || *c == '/') *c = '-';
    memcpy(own.path + strlen(own.path) - 1, ".txt", 5);  /* in the line end's place */
}

static const char *tag_of(const char *key)
{
    for (int i = 0; i < own.n; i++)
        if (!strcmp(own.entry[i].key, key)) return own.entry[i].tag;
    return NULL;
}

static void entry_put(const char *key, const char *tag)
{
    int i = 0;
    while (i < own.n && strcmp(own.entry[i].key, key)) i++;
    if (i == ENTRIES) die("more than %d convolutions in %s (remove it)", ENTRIES, own.path);
    snprintf(own.entry[i].key, KEY, "%s", key);
    snprintf(own.entry[i].tag, PLAN_TAG, "%s", tag);
    own.n += i == own.n;
    own.changed = true;
}

/* A file whose sum is right and whose first line is ours, without both: free() it.  `start` is
 * where the rest begins. */
static char *sealed_read(const char *path, char **start)
{
    size_t bytes;
    char *const text = file_read(path, &bytes), sum[HASH_TEXT];
    const size_t last = HASH_TEXT;                       /* a hash and its line end */
    if (!text) return NULL;
    bool good = bytes >= last && text[bytes - 1] == '\n' &&
                !strncmp(text, own.head, strlen(own.head));
    if (good) {
        hash_bytes(sum, text, bytes - last);
        good = !strncmp(text + bytes - last, sum, HASH_TEXT - 1);
    }
    if (!good) {
        warn("%s is damaged, or not this card's: its plans are chosen anew", path);
        free(text);
        return NULL;
    }
    text[bytes - last] = '\0';
    *start = text + strlen(own.head);
    return text;
}

/* The text has room for the sum. */
static bool sealed_put(const char *path, char *text)
{
    char sum[HASH_TEXT];
    hash_bytes(sum, text, strlen(text));
    strcat(strcat(text, sum), "\n");
    return file_write_atomic(path, text, strlen(text));
}

static void file_take(void)
{
    char *lines, *const text = sealed_read(own.path, &lines);
    own.changed = !text;
    if (!text) return;
    own.n = 0;
    for (char *line = lines, *end; own.n < ENTRIES && (end = strchr(line, '\n')); line = end + 1) {
        char *const colon = strstr(line, ": ");
        if (!colon || colon > end) break;
        snprintf(own.entry[own.n].key, KEY, "%.*s", (int)(colon - line), line);
        snprintf(own.entry[own.n++].tag, PLAN_TAG, "%.*s", (int)(end - colon - 2), colon + 2);
    }
    free(text);
}

static bool file_put(void)
{
    const size_t room = sizeof own.head + (size_t)own.n * (KEY + PLAN_TAG + 4) + HASH_TEXT + 1;
    char *const text = host_alloc(room, 1);
    size_t used = (size_t)snprintf(text, room, "%s", own.head);
    for (int i = 0; i < own.n; i++)
        used += (size_t)snprintf(text + used, room - used, "%s: %s\n", own.entry[i].key,
                                 own.entry[i].tag);
    const bool written = sealed_put(own.path, text);
    free(text);
    return written;
}

/* Who chooses holds this: other processes wait, do not disturb the clock, and then read what was
 * chosen.  Below 0 where no file can be kept. */
static int lock_take(void)
{
    char *const folder = path_folder(own.path), *const path = text_format("%s.lock", own.path);
    const int lock = folder_make(folder) ? open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666) : -1;
    const bool taken = lock >= 0 && !flock(lock, LOCK_EX);
    if (lock >= 0 && !taken) close(lock);
    free(folder);
    free(path);
    return taken ? lock : -1;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static void key_make(char key[KEY], struct conv_work work)
{
    static const char *const pass[] = { [CONV_FWD] = "forward", [CONV_DGRAD] = "dx",
                                        [CONV_WGRAD] = "dw" };
    static const char *const precision[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                             [PRECISION_FP16] = "fp16" };
    const struct conv_shape s = work.s;
    snprintf(key, KEY, "%s%s %s [%d, %d, %d, %d] to %d, %dx%d, stride %d, padding %d",
             pass[work.pass], work.add ? " added" : "", precision[work.precision], s.n, s.h, s.w,
             s.c, s.k, s.r, s.r, s.stride, s.pad);
}

/* For whom a plan is chosen, and of how many. */
struct choice {
    int candidates;
    char *why;
    size_t why_size;
    const struct plan_chooser *chooser;
};

/* The plan of an untimed suggestion is tried once: that cuDNN makes it does not say that it
 * runs. */
static bool works(const struct choice *c, struct plan *p)
{
    if (!plan_make(p, c->why, c->why_size, c->chooser->device)) return false;
    if (c->chooser->runs(p, c->chooser->context)) return true;
    snprintf(c->why, c->why_size, "a plan does not run (%s)", p->tag);
    return false;
}

/* The fastest of the first that run; of equals the first; -1 if none does. */
static int fastest(const struct choice *c, struct plan *list, int n)
{
    double least = (double)INFINITY;
    int best = -1, timed = 0;
    for (int i = 0; i < n && timed < c->candidates; i++) {
        if (!plan_make(&list[i], c->why, c->why_size, c->chooser->device)) continue;
        const double seconds = c->chooser->time(&list[i], c->chooser->context);
        timed += seconds < (double)INFINITY;
        if (seconds < least) {
            least = seconds;
            best = i;
        }
    }
    if (best < 0 && n) snprintf(c->why, c->why_size, "none of cuDNN's %d suggestions runs", n);
    return best;
}

/* What the file says, if that still runs; else the fastest; or the first that runs. */
static int choose(const struct choice *c, struct plan *list, int n, const char *tag, bool timed)
{
    for (int i = 0; tag && i < n; i++)
        if (!strcmp(list[i].tag, tag) && works(c, &list[i])) return i;
    if (timed) return fastest(c, list, n);
    for (int i = 0; i < n; i++)
        if (works(c, &list[i])) return i;
    return -1;
}

/* Where any kernel needs some microseconds, no clock is worth its own time: less than 2^30
 * operations. */
static bool is_small(struct conv_shape s)
{
    const double pixels = (double)conv_out(s.h, s.r, s.stride, s.pad) *
                          conv_out(s.w, s.r, s.stride, s.pad);
    return 2.0 * s.n * pixels * s.k * s.c * s.r * s.r < 1 << 30;
}

/* *p = one of the list, if i is one; the others are freed. */
static bool take(struct plan *p, struct plan *list, int n, int i)
{
    if (i >= 0) {
        *p = list[i];
        list[i] = (struct plan){ NULL };
    }
    while (n > 0) plan_free(&list[--n]);
    return i >= 0;
}

bool plan_choose(struct plan *p, char *why, size_t why_size, struct conv_work work,
                 const struct plan_chooser *chooser)
{
    char key[KEY];
    struct plan list[PLAN_SUGGESTIONS];
    const int n = plan_list(list, PLAN_SUGGESTIONS, why, why_size, work, chooser->device);
    const bool small = is_small(work.s);
    const int candidates = work.pass == CONV_WGRAD ? PLAN_CANDIDATES_WGRAD : PLAN_CANDIDATES;
    const struct choice c = { candidates, why, why_size, chooser };
    if (small) return take(p, list, n, choose(&c, list, n, NULL, false));
    key_make(key, work);
    if (!*own.path) path_make(chooser->name);
    const int lock = lock_take();
    file_take();
    const char *const tag = tag_of(key);
    const int i = choose(&c, list, n, tag, lock >= 0);
    if (i >= 0 && (!tag || strcmp(tag, list[i].tag))) entry_put(key, list[i].tag);
    const bool kept = lock >= 0 && (!own.changed || file_put());
    if (!kept && !own.warned)
        warn("cannot keep %s: %s (convolutions are not timed)", own.path, strerror(errno));
    own.warned = own.warned || !kept;
    if (lock >= 0) close(lock);
    return take(p, list, n, i);
}
