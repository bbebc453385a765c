/* SPDX-License-Identifier: MIT
 *
 * loader.c -- two rooms and a thread between them.
 */
#include "loader.h"
#include "../engine/base.h"
#include "../engine/philox.h"

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

/* Asks the machine for `at_once` images at a time: one is made by the calling thread alone. */
static void batch_make(struct loader *l, dev_act *x, int epoch, int step, int first, int views, int at_once)
{
    const struct loader_source *const s = &l->source;
    const size_t pixels = (size_t)3 * (size_t)s->size * (size_t)s->size;
    loader_order(s, l->order, epoch, step);
    mem_upload(l->index, l->order, sizeof *l->order * (size_t)s->batch);
    for (int v = 0; v < views; v++)
        for (int i = 0; i < s->batch; i += at_once)
            op_augment(act_at(x, pixels * (size_t)(v * s->batch + i)), s->images, int_at(l->index, (size_t)i),
                       at_once, s->h, s->w, s->size, s->recipe, s->seed, (uint32_t)epoch, (uint32_t)(first + v));
}

dev_act *loader_make(struct loader *l, int epoch, int step, int first, int views)
{
    assert(views <= l->source.views);
    batch_make(l, l->room[0], epoch, step, first, views, l->source.batch);
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

/* ---- the thread ---------------------------------------------------------------------------------------- */

static void *work(void *loader)
{
    struct loader *const l = loader;
    pthread_mutex_lock(&l->mutex);
    for (;;) {
        while (l->state == LOADER_IDLE) pthread_cond_wait(&l->changed, &l->mutex);
        if (l->state == LOADER_CLOSES) break;
        pthread_mutex_unlock(&l->mutex);
        batch_make(l, l->room[1], l->ahead.epoch, l->ahead.step, 0, l->source.views, 1);
        pthread_mutex_lock(&l->mutex);
        l->state = LOADER_IDLE;
        pthread_cond_signal(&l->changed);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static void state_set(struct loader *l, enum loader_state state)
{
    pthread_mutex_lock(&l->mutex);
    l->state = state;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void loader_start(struct loader *l, int epoch, int step)
{
    if (!l->beside) return;
    l->ahead.epoch = epoch, l->ahead.step = step;
    state_set(l, LOADER_WORKS);
}

void loader_wait(struct loader *l)
{
    if (!l->beside) return;
    pthread_mutex_lock(&l->mutex);
    while (l->state == LOADER_WORKS) pthread_cond_wait(&l->changed, &l->mutex);
    pthread_mutex_unlock(&l->mutex);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static bool core_to_spare(void)
{
    struct machine_info m;
    cpu_set_t allowed;
    machine_describe(&m);
    return !strcmp(m.machine, "cpu") && !sched_getaffinity(0, sizeof allowed, &allowed) &&
           m.threads < CPU_COUNT(&allowed);
}

/* Signals are the host thread's business.  Without the thread the run is the same, so none is no fault. */
static bool thread_start(struct loader *l)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before)) return false;
    const bool started = !pthread_create(&l->thread, NULL, work, l);
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
    const bool spare = core_to_spare();
    l->room[0] = mem_alloc(bytes);
    l->room[1] = spare ? mem_alloc(bytes) : NULL;
    l->beside = spare && thread_start(l);
}

void loader_close(struct loader *l)
{
    if (l->beside) {
        loader_wait(l);
        state_set(l, LOADER_CLOSES);
        const int joined = pthread_join(l->thread, NULL);
        assert(!joined);
    }
    free(l->order);
    mem_free(l->index), mem_free(l->room[0]), mem_free(l->room[1]);
    memset(l, 0, sizeof *l);
}
