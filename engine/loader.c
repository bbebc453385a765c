/* SPDX-License-Identifier: MIT
 *
 * loader.c -- two rooms and threads between them.
 */
#include "loader.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base.h"
#include "philox.h"

/* ---- a batch --------------------------------------------------------------------------------- */

void loader_order(const struct loader_source *s, int32_t *order, int epoch, int step)
{
    const int begin = step * (s->whole ? s->whole : s->batch) + s->first;
    for (int i = 0; i < s->batch; i++)
        order[i] = (int32_t)permute_index(s->seed, (uint32_t)epoch, (uint32_t)s->count,
                                          (uint32_t)(begin + i));
}

void loader_aim(struct loader *l, int epoch, int step)
{
    loader_order(&l->source, l->batch.order, epoch, step);
    image_batch_send(&l->batch, (uint32_t)epoch);
}

static struct view_order view_order_of(const struct loader_source *s, int epoch, int first,
                                       int views)
{
    assert(views <= s->views);
    return (struct view_order){ s->recipe, s->seed, (uint32_t)epoch, (uint32_t)first, views,
                                s->size };
}

bool loader_is_issued(const struct loader *l)
{
    return images_on_machine(l->source.images) && !l->beside;
}

dev_act *loader_issue(struct loader *l, int first, int views)
{
    assert(images_on_machine(l->source.images) && "files are not made by ops alone");
    /* The machine draws for the epoch that loader_aim() sent: this order's own is for files. */
    const struct view_order o = view_order_of(&l->source, 0, first, views);
    images_views(l->source.images, l->room[0], &l->batch, &o);
    return l->room[0];
}

dev_act *loader_make(struct loader *l, int epoch, int step, int first, int views)
{
    const struct view_order o = view_order_of(&l->source, epoch, first, views);
    loader_aim(l, epoch, step);
    images_views(l->source.images, l->room[0], &l->batch, &o);
    return l->room[0];
}

dev_act *loader_take(struct loader *l, int epoch, int step)
{
    if (l->ahead.epoch != epoch || l->ahead.step != step)
        return loader_make(l, epoch, step, 0, l->source.views);
    dev_act *const made = l->room[1];
    l->room[1] = l->room[0];
    l->room[0] = made;
    l->ahead.epoch = -1;
    return made;
}

/* ---- the threads ----------------------------------------------------------------------------- */

/* All views of the i-th image of the batch ahead. */
static void image_make(struct loader *l, struct view_maker *maker, int i)
{
    const struct view_order o = view_order_of(&l->source, l->ahead.epoch, 0, l->source.views);
    images_views_of(l->source.images, maker, l->room[1], &l->batch, i, &o);
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
    l->ahead.epoch = epoch;
    l->ahead.step = step;
    loader_aim(l, epoch, step);
    state_set(l, LOADER_WORKS);
}

void loader_wait(struct loader *l)
{
    if (!l->beside) return;
    pthread_mutex_lock(&l->mutex);
    while (l->state == LOADER_WORKS) pthread_cond_wait(&l->changed, &l->mutex);
    pthread_mutex_unlock(&l->mutex);
    images_check(l->source.images);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* How many threads are to work beside the step. */
static int threads_beside(const struct loader_source *s)
{
    struct machine_info m;
    cpu_set_t allowed;
    machine_describe(&m);
    const bool cpu = !strcmp(m.machine, "cpu");
    const int cores = sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
    const int spare = cpu ? cores - m.threads : cores;
    if (images_on_machine(s->images)) return cpu && spare > 0;
    return spare < 1 ? 1 : spare < LOADER_THREADS_MAX ? spare : LOADER_THREADS_MAX;
}

/* Signals are the host thread's business.  Without the threads the run is the same, so none is no
 * fault. */
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
    image_batch_open(&l->batch, source->batch);
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
    image_batch_close(&l->batch);
    mem_free(l->room[0]);
    mem_free(l->room[1]);
    memset(l, 0, sizeof *l);
}
