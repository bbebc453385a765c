/* SPDX-License-Identifier: MIT
 *
 * state.c -- a run's position and tensors as a file.
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "phase.h"
#include "../../engine/checkpoint.h"

/* A checkpoint holds papers (whose it is, where it stands, what the probe froze), then tensors
 * by name. */
enum { PAPERS = 3, SHARED_TENSORS = 5, TENSORS_MAX = SHARED_TENSORS + METHOD_TENSORS };

int trainer_tensors(const struct trainer *t, struct tensor *list)
{
    return t->method->tensors ? t->method->tensors(t->own, list) : 0;
}

/* Everything that keeps numbers, one after the other; returns how many tensors there are. */
static int tensors(const struct trainer *t, struct tensor list[TENSORS_MAX])
{
    const struct params *const ps = &t->model.params;
    const struct tensor shared[SHARED_TENSORS] = {
        { .name = "weights", .data = ps->data, .floats = ps->count },
        { .name = "velocity", .data = ps->velocity, .floats = ps->count },
        { .name = "statistics", .data = ps->stats, .floats = ps->n_stats },
        { .name = "log", .data = t->log, .floats = (size_t)t->steps * LOG_WIDTH },
        { .name = "probe", .data = t->probe.state,
          .floats = probe_floats(t->probe.d, t->probe.classes) },
    };
    memcpy(list, shared, sizeof shared);
    return SHARED_TENSORS + trainer_tensors(t, list + SHARED_TENSORS);
}

/* A tensor's numbers in fresh memory. */
static float *tensor_download(const struct trainer *t, const struct tensor *x)
{
    float *const copy = host_alloc(x->floats, sizeof *copy);
    if (x->act) mem_act_download(copy, x->data, x->floats);
    else mem_download(copy, x->data, sizeof *copy * x->floats);
    /* Rows of the log that this epoch has not reached hold the last epoch's: keep the file a
     * function of the position alone, so that a resumed run's checkpoints are the undisturbed
     * run's. */
    if (x->data == t->log)
        memset(copy + (size_t)t->step * LOG_WIDTH, 0,
               sizeof *copy * LOG_WIDTH * (size_t)(t->steps - t->step));
    return copy;
}

static void tensor_upload(const struct tensor *x, const struct blob *from)
{
    if (!x->act) {
        mem_upload(x->data, from->data, from->bytes);
        return;
    }
    /* A blob begins at any byte of its file. */
    float *const copy = host_alloc(x->floats, sizeof *copy);
    memcpy(copy, from->data, from->bytes);
    mem_act_upload(x->data, copy, x->floats);
    free(copy);
}

void trainer_hash(const struct trainer *t, char hex[HASH_TEXT])
{
    const struct params *ps = &t->model.params;
    float *const all = host_alloc(ps->count + ps->n_stats, sizeof *all);
    mem_download(all, ps->data, sizeof *all * ps->count);
    mem_download(all + ps->count, ps->stats, sizeof *all * ps->n_stats);
    hash_bytes(hex, all, sizeof *all * (ps->count + ps->n_stats));
    free(all);
}

/* The position as numbers, in this order. */
enum { AT_EPOCH, AT_STEP, AT_UNTRAINED, AT_METRICS, AT_PROBE, POSITIONS };

/* The hashes of all sets; 0 of images that cannot change. */
enum { SETS = 3 };
static size_t images_hash(const struct trainer *t, char hashes[SETS * HASH_TEXT])
{
    const struct image_set *const set[SETS] = { &t->train, &t->monitor, &t->test };
    if (!images_may_change(&t->train)) return 0;
    const int sets = t->test.host.n ? SETS : SETS - 1;
    for (int i = 0; i < sets; i++) memcpy(hashes + i * HASH_TEXT, set[i]->host.hash, HASH_TEXT);
    return (size_t)sets * HASH_TEXT;
}

/* Going on with other images would be neither run. */
static void same_images_check(const struct trainer *t, const struct checkpoint *c, const char *path)
{
    char now[SETS * HASH_TEXT];
    const size_t bytes = images_hash(t, now);
    const struct blob *then = checkpoint_find(c, "images");
    if (bytes && (!then || then->bytes != bytes || memcmp(then->data, now, bytes)))
        die_user("%s: the run began with other images than %s holds now: files came, went or were "
                 "replaced; bring them back, or remove the run's folder to begin anew",
                 path, t->s->folder);
}

bool trainer_save(const struct trainer *t, const char *path, const char *identity)
{
    phase("checkpoint");
    struct tensor list[TENSORS_MAX];
    const int n = tensors(t, list);
    const uint64_t position[POSITIONS] = { (uint64_t)t->epoch, (uint64_t)t->step,
                                           t->untrained_monitored, t->metrics_bytes,
                                           (uint64_t)t->probe.epoch };
    struct blob blobs[PAPERS + TENSORS_MAX + 1] = { { "identity", identity, strlen(identity) },
                                            { "position", position, sizeof position },
                                            { "frozen", t->frozen, sizeof t->frozen } };
    for (int i = 0; i < n; i++)
        blobs[PAPERS + i] = (struct blob){ list[i].name, tensor_download(t, &list[i]),
                                           sizeof(float) * list[i].floats };
    char images[SETS * HASH_TEXT];
    const size_t more = images_hash(t, images);
    blobs[PAPERS + n] = (struct blob){ "images", images, more };
    const bool saved = checkpoint_save(path, blobs, PAPERS + n + !!more);
    for (int i = 0; i < n; i++) free((void *)blobs[PAPERS + i].data);
    return saved;
}

/* Exits if what lies there must not be replaced. */
static void replaceable_check(const struct checkpoint *c, const char *path)
{
    if (c->end == CHECKPOINT_UNREADABLE)
        die("%s: the checkpoint is there and cannot be read (make it readable; or remove it, to start "
            "anew)",
            path);
    if (c->end == CHECKPOINT_OTHER_VERSION)
        die_user("%s: another version of the program wrote this checkpoint (use that version; or "
                 "remove the file, to start anew)", path);
}

bool trainer_load(struct trainer *t, const char *path, const char *identity)
{
    struct checkpoint c;
    if (!checkpoint_load(&c, path)) {
        replaceable_check(&c, path);
        return false;
    }
    struct tensor list[TENSORS_MAX];
    const int n = tensors(t, list);
    const struct blob *who = checkpoint_find(&c, "identity");
    const struct blob *where = checkpoint_find(&c, "position");
    const struct blob *froze = checkpoint_find(&c, "frozen");
    bool ours = who && who->bytes == strlen(identity) && !memcmp(who->data, identity, who->bytes) &&
                where && where->bytes == POSITIONS * sizeof(uint64_t) && froze &&
                froze->bytes == sizeof t->frozen && !((const char *)froze->data)[HASH_TEXT - 1];
    const struct blob *found[TENSORS_MAX];
    for (int i = 0; i < n && ours; i++) {
        found[i] = checkpoint_find(&c, list[i].name);
        ours = found[i] && found[i]->bytes == sizeof(float) * list[i].floats;
    }
    uint64_t position[POSITIONS];
    if (ours) same_images_check(t, &c, path);
    if (ours) memcpy(position, where->data, sizeof position);
    ours = ours && position[AT_EPOCH] <= (uint64_t)t->s->epochs &&
           position[AT_STEP] <= (uint64_t)t->steps &&
           position[AT_PROBE] <= (uint64_t)t->s->probe_epochs;
    if (ours) {
        for (int i = 0; i < n; i++) tensor_upload(&list[i], found[i]);
        memcpy(t->frozen, froze->data, sizeof t->frozen);
        t->epoch = (int)position[AT_EPOCH];
        t->step = (int)position[AT_STEP];
        t->untrained_monitored = position[AT_UNTRAINED];
        t->metrics_bytes = position[AT_METRICS];
        t->probe.epoch = (int)position[AT_PROBE];
    }
    checkpoint_free(&c);
    if (!ours)
        die_user("%s: a checkpoint of another run (remove it, to start this one anew)", path);
    return true;
}
