/* SPDX-License-Identifier: MIT
 *
 * folder_views.c -- from a file to its views: read, decode as small as the crops allow, crop and
 * resize in one pass.
 */
#include "folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 1 << 30 };      /* bytes of a file: what is longer is no picture */

void maker_free(struct view_maker *m)
{
    picture_free(&m->picture);
    free(m->file);
    mem_free(m->room);
    *m = (struct view_maker){ .file = NULL };
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* Of an open file into m->file, as long as it is now.  A disk that fails is no bad image: that is
 * the fault of the world, and skipping over it would make another run of this one. */
static bool content_read(struct view_maker *m, size_t *bytes, int fd, const char *path,
                         char wrong[WRONG_TEXT])
{
    struct stat st;
    if (fstat(fd, &st)) die("cannot read %s: %s (is the disk in order?)", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return refuse(wrong, "not a regular file");
    if (st.st_size > FILE_MOST) return refuse(wrong, "it is longer than 1 GiB");
    const size_t most = (size_t)st.st_size;
    if (most > m->file_room) {
        free(m->file);
        m->file = host_alloc(most, 1);
        m->file_room = most;
    }
    for (*bytes = 0; *bytes < most;) {
        const ssize_t n = read(fd, m->file + *bytes, most - *bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) die("cannot read %s: %s (is the disk in order?)", path, strerror(errno));
        if (!n) break;
        *bytes += (size_t)n;
    }
    return true;
}

static bool file_load(struct view_maker *m, size_t *bytes, const struct folder *f, int image,
                      char wrong[WRONG_TEXT])
{
    char *const path = text_format("%s/%s", f->path, f->name[image]);
    /* a pipe must not hold the run up */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool ok = false;
    if (fd >= 0) {
        ok = content_read(m, bytes, fd, path, wrong);
        close(fd);
    } else if (errno == ENOENT || errno == ELOOP || errno == ENXIO) {
        refuse(wrong, "%s", strerror(errno));
    } else {
        die("cannot open %s: %s (is it readable?)", path, strerror(errno));
    }
    free(path);
    return ok;
}

bool folder_look(struct folder *f, struct view_maker *m, int image, char wrong[WRONG_TEXT])
{
    size_t bytes;
    struct image_info info;
    return file_load(m, &bytes, f, image, wrong) && image_look(&info, m->file, bytes, wrong) &&
           image_decode(&m->picture, &info, m->file, bytes, 1, wrong);
}

/* ---- views ----------------------------------------------------------------------------------- */

/* The picture as it was decoded decides, which may be the smaller one. */
static void room_for(struct view_maker *m, int size)
{
    const int side = m->picture.h > m->picture.w ? m->picture.h : m->picture.w;
    const size_t bytes = op_view_room(size, side);
    if (bytes <= m->room_bytes) return;
    mem_free(m->room);
    m->room = mem_alloc(bytes);
    m->room_bytes = bytes;
}

/* The views of `place`, cut from `image`. */
static bool views_make(struct folder *f, struct view_maker *m, dev_act *y, size_t stride, int image,
                       int place, const struct view_order *o, char wrong[WRONG_TEXT])
{
    enum { VIEWS_MOST = 16 };
    assert(o->views <= VIEWS_MOST);
    struct view_params v[VIEWS_MOST];
    size_t bytes;
    struct image_info info;
    if (!file_load(m, &bytes, f, image, wrong) || !image_look(&info, m->file, bytes, wrong))
        return false;
    int shrink[VIEWS_MOST];
    for (int k = 0; k < o->views; k++) {
        v[k] = augment_draw(o->recipe, o->seed, o->epoch, (uint32_t)place, o->first + (uint32_t)k,
                            info.h, info.w);
        shrink[k] = info.kind == IMAGE_JPEG ? view_shrink(o->recipe, &v[k], info.h, info.w, o->size)
                                            : 1;
    }
    /* Decoded once for each size that is wanted, so that no view depends on what is asked for
     * beside it. */
    for (int now = 1; now <= SHRINK_MAX; now *= 2) {
        bool decoded = false;
        for (int k = 0; k < o->views; k++) {
            if (shrink[k] != now) continue;
            if (!decoded && !image_decode(&m->picture, &info, m->file, bytes, now, wrong))
                return false;
            decoded = true;
            room_for(m, o->size);
            op_view(act_at(y, (size_t)k * stride), m->room, m->picture.pixels, info.h, info.w, now,
                    o->size, o->recipe, &v[k]);
        }
    }
    return true;
}

/* The next image of the same class, round and round. */
static int next_of_class(const struct folder *f, int image)
{
    int next = image;
    do
        next = next + 1 < f->n ? next + 1 : 0;
    while (f->label[next] != f->label[image]);
    return next;
}

/* Which image stands for a bad one depends on the files alone, not on who met it first. */
void folder_views(struct folder *f, struct view_maker *m, dev_act *y, size_t stride, int image,
                  const struct view_order *o)
{
    int from = image;
    do {
        char wrong[WRONG_TEXT] = "";
        if (f->state[from] != IMAGE_BAD) {
            const bool good = views_make(f, m, y, stride, from, image, o, wrong);
            folder_note(f, from, good, wrong);
            if (good) return;
        }
        if (!f->may_skip)
            return;  /* folder_check() will end it, on the host's thread: an exit here would race */
        from = next_of_class(f, from);
    } while (from != image);
    pthread_mutex_lock(&f->mutex);
    f->hopeless = true;
    pthread_mutex_unlock(&f->mutex);
}

struct batch_work {
    struct folder *f;
    dev_act *y;
    const int32_t *index;
    int n;
    const struct view_order *order;
};

static void batch_image(void *context, int i, int worker)
{
    const struct batch_work *const w = context;
    const size_t pixels = (size_t)3 * (size_t)w->order->size * (size_t)w->order->size;
    folder_views(w->f, &w->f->team[worker], act_at(w->y, pixels * (size_t)i), pixels * (size_t)w->n,
                 w->index[i], w->order);
}

/* Who makes an image changes nothing in it, so threads take the next as they come. */
void folder_batch(struct folder *f, dev_act *y, const int32_t *index, int n,
                  const struct view_order *o)
{
    struct batch_work w = { f, y, index, n, o };
    each_parallel(n, f->threads, 1, batch_image, &w);
    folder_check(f);
}
