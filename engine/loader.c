/* SPDX-License-Identifier: MIT
 *
 * loader.c -- two rooms and threads between them.
 */
#include "loader.h"
#include "base.h"
#include "philox.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- a batch ------------------------------------------------------------------------------------------- */

void loader_order(const struct loader_source *s, int32_t *order, int epoch, int step)
{
    for (int i = 0; i < s->batch; i++)
        order[i] = (int32_t)permute_index(s->seed, (uint32_t)epoch, (uint32_t)s->count,
                                          (uint32_t)(step * s->batch + i));
}

static size_t view_pixels(const struct loader_source *s)
{
    return (size_t)3 * (size_t)s->size * (size_t)s->size;
}

void loader_aim(struct loader *l, int epoch, int step)
{
    const int32_t now = epoch;
    loader_order(&l->source, l->order, epoch, step);
    mem_upload(l->index, l->order, sizeof *l->order * (size_t)l->source.batch);
    mem_upload(l->epoch, &now, sizeof now);
}

static struct view_order view_order_of(const struct loader_source *s, int epoch, int first, int views)
{
    return (struct view_order){ s->recipe, s->seed, (uint32_t)epoch, (uint32_t)first, views, s->size };
}

/* Views of `n` images of the batch's order from the i-th on: one image is made by the calling thread alone. */
static void views_make(struct loader *l, dev_act *x, int first, int views, int i, int n)
{
    const struct loader_source *const s = &l->source;
    for (int v = 0; v < views; v++)
        op_augment(act_at(x, view_pixels(s) * (size_t)(v * s->batch + i)), s->images,
                   int_at(l->index, (size_t)i), n, s->h, s->w, s->size, s->recipe, s->seed, l->epoch,
                   (uint32_t)(first + v));
}

bool loader_is_issued(const struct loader *l)
{
    return !l->source.folder && !l->beside;
}

dev_act *loader_issue(struct loader *l, int first, int views)
{
    assert(views <= l->source.views);
    views_make(l, l->room[0], first, views, 0, l->source.batch);
    return l->room[0];
}

dev_act *loader_make(struct loader *l, int epoch, int step, int first, int views)
{
    const struct loader_source *const s = &l->source;
    assert(views <= s->views);
    loader_aim(l, epoch, step);
    if (!s->folder) return loader_issue(l, first, views);
    const struct view_order o = view_order_of(s, epoch, first, views);
    folder_batch(s->folder, l->room[0], l->order, s->batch, &o);
    return l->room[0];
}

dev_act *loader_take(struct loader *l, int epoch, int step)
{
    if (l->ahead.epoch != epoch || l->ahead.step != step) return loader_make(l, epoch, step, 0, l->source.views);
    dev_act *const made = l->room[1];
    l->room[1] = l->room[0];
    l->room[0] = made;
    l->ahead.epoch = -1;
    return made;
}

/* ---- the threads --------------------------------------------------------------------------------------- */

/* All views of the i-th image of the batch ahead. */
static void image_make(struct loader *l, struct view_maker *maker, int i)
{
    const struct loader_source *const s = &l->source;
    if (!s->folder) {
        views_make(l, l->room[1], 0, s->views, i, 1);
        return;
    }
    const struct view_order o = view_order_of(s, l->ahead.epoch, 0, s->views);
    const size_t pixels = view_pixels(s);
    folder_views(s->folder, maker, act_at(l->room[1], pixels * (size_t)i), pixels * (size_t)s->batch, l->order[i],
                 &o);
}

/* Image after image, whichever is next. */
static void *work(void *loader)
{
    struct loader *const l = loader;
    pthread_mutex_lock(&l->mutex);
    struct view_maker *const maker = &l->maker[l->started++];
    for (;;) {
        while (l->state == LOADER_IDLE || (l->state == LOADER_WORKS && l->next == l->source.batch))
            pthread_cond_wait(&l->changed, &l->mutex);
        if (l->state == LOADER_CLOSES) break;
        const int i = l->next++;
        pthread_mutex_unlock(&l->mutex);
        image_make(l, maker, i);
        pthread_mutex_lock(&l->mutex);
        if (++l->done < l->source.batch) continue;
        l->state = LOADER_IDLE;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static void state_set(struct loader *l, enum loader_state state)
{
    pthread_mutex_lock(&l->mutex);
    l->state = state;
    l->next = l->done = 0;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void loader_start(struct loader *l, int epoch, int step)
{
    if (!l->beside) return;
    l->ahead.epoch = epoch, l->ahead.step = step;
    loader_aim(l, epoch, step);
    state_set(l, LOADER_WORKS);
}

void loader_wait(struct loader *l)
{
    if (!l->beside) return;
    pthread_mutex_lock(&l->mutex);
    while (l->state == LOADER_WORKS) pthread_cond_wait(&l->changed, &l->mutex);
    pthread_mutex_unlock(&l->mutex);
    if (l->source.folder) folder_check(l->source.folder);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* How many threads are to work beside the step. */
static int threads_beside(const struct loader_source *s)
{
    struct machine_info m;
    cpu_set_t allowed;
    machine_describe(&m);
    const bool cpu = !strcmp(m.machine, "cpu");
    const int cores = sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
    const int spare = cpu ? cores - m.threads : cores;
    if (!s->folder) return cpu && spare > 0;
    return spare < 1 ? 1 : spare < LOADER_THREADS_MAX ? spare : LOADER_THREADS_MAX;
}

/* Signals are the host thread's business.  Without the threads the run is the same, so none is no fault. */
static int threads_start(struct loader *l, int n)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before)) return 0;
    int started = 0;
    while (started < n && !pthread_create(&l->thread[started], NULL, work, l)) started++;
    const int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(!restored);
    return started;
}

void loader_open(struct loader *l, const struct loader_source *source)
{
    *l = (struct loader){ .source = *source, .ahead.epoch = -1, .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER, .state = LOADER_IDLE };
    const size_t batch = (size_t)source->batch, side = (size_t)source->size;
    const size_t bytes = mem_act_bytes() * 3 * side * side * batch * (size_t)source->views;
    l->order = host_alloc(batch, sizeof *l->order);
    l->index = mem_alloc(sizeof *l->order * batch);
    l->epoch = mem_alloc(sizeof(int32_t));
    const int wanted = threads_beside(source);
    l->room[0] = mem_alloc(bytes);
    l->room[1] = wanted ? mem_alloc(bytes) : NULL;
    l->threads = threads_start(l, wanted);
    l->beside = l->threads > 0;
}

void loader_close(struct loader *l)
{
    if (l->beside) {
        loader_wait(l);
        state_set(l, LOADER_CLOSES);
        for (int i = 0; i < l->threads; i++) {
            const int joined = pthread_join(l->thread[i], NULL);
            assert(!joined);
            maker_free(&l->maker[i]);
        }
    }
    free(l->order);
    mem_free(l->index), mem_free(l->epoch), mem_free(l->room[0]), mem_free(l->room[1]);
    memset(l, 0, sizeof *l);
}
