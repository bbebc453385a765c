/* SPDX-License-Identifier: MIT
 *
 * train.c -- the run's state, one step of SGD, and its checkpoint.
 */
#include "train.h"
#include "phase.h"
#include "../methods/recipe.h"
#include "../../engine/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ------------------------------------------------------------------------------------------- */

static void set_open(struct image_set *set, const struct settings *s, enum data_split split, int first, int count)
{
    const struct image_part part = { &data_sources[s->dataset], s->folder, split, first, count, s->skip_bad };
    images_open(set, &part);
}

void trainer_open(struct trainer *t, const struct settings *s, int seed)
{
    memset(t, 0, sizeof *t);
    if (!machine_has_precision((enum precision)s->precision)) {
        struct machine_info m;
        machine_describe(&m);
        die_user("precision: fp16 is not one of machine %s; say fp32 or bf16, or run with DEVICE=cuda", m.machine);
    }
    machine_set_precision((enum precision)s->precision);
    t->s = s;
    t->seed = (uint64_t)seed;
    set_open(&t->train, s, DATA_TRAIN, s->train_first, s->train_count);
    set_open(&t->monitor, s, (enum data_split)s->monitor_split, s->monitor_first, s->monitor_count);
    t->recipe = recipe_train(s);
    t->test_recipe = recipe_test(s);
    t->probe_recipe = recipe_probe(s);
    model_build(&t->model, s, t->seed);
    t->steps = s->train_count / s->batch;
    const double lr = s->base_lr * s->batch / 256;
    for (int g = 0; g < GROUPS; g++)
        t->schedule[g] = (struct schedule){ lr, s->epochs, t->steps, s->warmup * s->epochs, false };
    t->schedule[GROUP_PREDICTOR].constant = s->predictor_lr == PREDICTOR_CONSTANT;
    t->log = mem_alloc(sizeof(float) * LOG_WIDTH * (size_t)t->steps);
    t->log_now = mem_alloc(sizeof(float) * LOG_WIDTH);
    t->lr = mem_alloc(sizeof(float) * GROUPS);
    image_batch_open(&t->batch, s->batch > EVAL_CHUNK ? s->batch : EVAL_CHUNK);
    const struct loader_source views = { &t->train, t->train.host.n, s->batch, t->model.n_views, s->image_size,
                                         &t->recipe, t->seed };
    loader_open(&t->loader, &views);
    eta_open(&t->eta, s, t->model.projector.out, t->steps);
    probe_open(&t->probe, t->model.backbone.features, t->train.host.classes);
}

void trainer_close(struct trainer *t)
{
    machine_forget();
    loader_close(&t->loader);
    eta_close(&t->eta);
    probe_close(&t->probe);
    mem_free(t->log);
    mem_free(t->log_now);
    mem_free(t->lr);
    image_batch_close(&t->batch);
    tape_free(&t->tape);
    model_free(&t->model);
    images_close(&t->train);
    images_close(&t->monitor);
    memset(t, 0, sizeof *t);
}

/* ---- one step ------------------------------------------------------------------------------------------ */

static struct var batch_var(const struct trainer *t, dev_act *x, int views)
{
    const int size = t->s->image_size;
    return var_input(x, views * t->s->batch, size, size, 3);
}

/* Sec. 5.2: where an alternation starts, the targets of all its steps, with the weights as they are.  False if a
 * stop was requested before all were made. */
static bool alternation_start(struct trainer *t)
{
    const struct settings *const s = t->s;
    if (!t->eta.cache || t->step % t->eta.steps) return true;
    const int end = t->step + t->eta.steps < t->steps ? t->step + t->eta.steps : t->steps;
    const int views = s->eta_views == ETA_ONE ? 1 : t->model.n_views;
    const int first = s->eta_views == ETA_BATCH ? 0 : VIEW_ETA, groups = s->eta_bn == ETA_BN_BATCH ? views : 0;
    struct model *const frozen = model_frozen(&t->model);
    int step = t->step;
    for (; step < end && !stop_requested(); step++) {
        const struct var x = batch_var(t, loader_make(&t->loader, t->epoch, step, first, views), views);
        tape_reset(&t->tape);
        const struct var features = model_features(&t->tape, frozen, x, groups, false);
        const struct var z = model_project(&t->tape, frozen, features, groups, false);
        eta_store(&t->eta, step % t->eta.steps, &t->model.pairs, z, s->batch);
    }
    free(frozen);
    return step == end;
}

/* What the targets of this step need to know. */
static void eta_position(struct trainer *t)
{
    if (t->eta.cache) t->eta.slot = t->step % t->eta.steps;
    if (!t->eta.memory) return;
    t->batch.n = t->s->batch;
    loader_order(&t->loader.source, t->batch.order, t->epoch, t->step);
    image_batch_send(&t->batch, (uint32_t)t->epoch);
    t->eta.index = t->batch.index;
}

struct var trainer_views(struct trainer *t)
{
    alternation_start(t);
    const int views = t->model.n_views;
    return batch_var(t, loader_make(&t->loader, t->epoch, t->step, 0, views), views);
}

/* All that a step does on the machine, at addresses that are the same in each. */
static void step_issue(struct trainer *t, struct var views)
{
    struct params *const ps = &t->model.params;
    mem_zero(t->log_now, sizeof(float) * LOG_WIDTH);
    tape_reset(&t->tape);
    mem_zero(ps->grad, sizeof(float) * ps->count);
    const struct outputs o = methods[t->s->method]->loss(&t->tape, &t->model, views, &t->eta,
                                                         float_at(t->log_now, LOG_LOSS));
    for (int v = 0; v < t->model.n_views; v++)
        op_std(float_at(t->log_now, (size_t)(LOG_STD + v)), o.z[v].data, 1, t->s->batch, o.z[v].c);
    tape_backward(&t->tape);
    op_sumsq(float_at(t->log_now, LOG_GRAD), ps->grad, ps->count);
    for (int g = 0; g < GROUPS; g++)
        optim_sgd(ps, g, float_at(t->lr, (size_t)g), (float)t->s->momentum,
                  (float)t->s->weight_decay);
}

/* `make`: the views are yet to be made, by ops alone. */
static void step(struct trainer *t, struct var views, bool make)
{
    assert(t->step < t->steps);
    float lr[GROUPS];
    for (int g = 0; g < GROUPS; g++) lr[g] = (float)schedule_lr(&t->schedule[g], t->epoch, t->step);
    mem_upload(t->lr, lr, sizeof lr);
    eta_position(t);
    /* Cached targets lie at another address in every step of an alternation; and a step that makes its views is
     * another one than a step on views in the same place. */
    const void *const key = t->eta.cache ? NULL : make ? (const void *)t->loader.batch.index : views.data;
    if (machine_record(key)) {
        if (make) loader_issue(&t->loader, 0, t->model.n_views);
        step_issue(t, views);
        machine_recorded();
    }
    mem_copy(float_at(t->log, (size_t)t->step * LOG_WIDTH), t->log_now, sizeof(float) * LOG_WIDTH);
    t->step++;
}

void trainer_step_on(struct trainer *t, struct var views)
{
    step(t, views, false);
}

bool trainer_step(struct trainer *t)
{
    if (!alternation_start(t)) return false;
    if (loader_is_issued(&t->loader)) {        /* the views are a part of the step, and of its record */
        loader_aim(&t->loader, t->epoch, t->step);
        step(t, batch_var(t, t->loader.room[0], t->model.n_views), true);
        return true;
    }
    dev_act *const views = loader_take(&t->loader, t->epoch, t->step);
    const bool last = t->step + 1 == t->steps;
    const int epoch = last ? t->epoch + 1 : t->epoch;
    if (epoch < t->s->epochs) loader_start(&t->loader, epoch, last ? 0 : t->step + 1);
    trainer_step_on(t, batch_var(t, views, t->model.n_views));
    loader_wait(&t->loader);
    return true;
}

/* In fp16 a gradient may overflow where the loss does not; the machine then leaves that step out (op_sgd).  So many
 * in a row, or a whole epoch of them, are no accident: the scale is wrong for this net, and nothing is learnt any
 * more. */
enum { LEFT_OUT_MOST = 20 };

int trainer_summary(const struct trainer *t, struct epoch_record *r)
{
    float *const log = host_alloc((size_t)t->step * LOG_WIDTH, sizeof *log);
    mem_download(log, t->log, sizeof *log * (size_t)t->step * LOG_WIDTH);
    double loss = 0, change = 0, grad = 0, spread = 0;
    bool finite = true;
    int n = 0, applied = 0, in_a_row = 0;
    for (; n < t->step && finite; n++) {
        const float *const row = log + (size_t)n * LOG_WIDTH;
        loss += row[LOG_LOSS];
        if (n) change += pow((double)row[LOG_LOSS] - (double)row[LOG_LOSS - LOG_WIDTH], 2);
        for (int v = 0; v < t->model.n_views; v++) spread += row[LOG_STD + v] / t->model.n_views;
        const bool out = t->s->precision == PRECISION_FP16 && !isfinite(row[LOG_GRAD]);
        in_a_row = out ? in_a_row + 1 : 0;
        applied += !out;
        const bool hopeless = in_a_row > LEFT_OUT_MOST || in_a_row == t->steps;
        if (!out || hopeless) grad += sqrt(row[LOG_GRAD]);
        finite = isfinite(loss) && isfinite(grad) && isfinite(spread);
    }
    free(log);
    r->loss = loss / n;
    r->oscillation = n > 1 ? sqrt(change / (n - 1) / 2) : nan("");
    r->grad_norm = applied ? grad / applied : finite ? nan("") : grad;
    r->std_train = spread / n;
    r->left_out = n - applied;
    return finite ? 0 : n;
}

/* ---- evaluation ---------------------------------------------------------------------------------------- */

bool trainer_encode(struct trainer *t, const struct image_set *set, const struct augment *recipe, uint32_t epoch,
                    uint32_t view, dev_float *features, dev_float *z, dev_float *p)
{
    struct model *const frozen = model_frozen(&t->model);
    const int size = t->s->image_size;
    const struct view_order o = { recipe, t->seed, epoch, view, 1, size };
    int first = 0;
    for (; first < set->host.n && !stop_requested(); first += EVAL_CHUNK) {
        const int n = set->host.n - first < EVAL_CHUNK ? set->host.n - first : EVAL_CHUNK;
        t->batch.n = n;
        for (int i = 0; i < n; i++) t->batch.order[i] = first + i;
        image_batch_send(&t->batch, epoch);
        tape_reset(&t->tape);
        const struct var x = var_room(&t->tape, n, size, size, 3);
        images_views(set, x.data, &t->batch, &o);
        const struct var f = model_features(&t->tape, frozen, x, 0, false);
        if (features) op_act_to_float(float_at(features, (size_t)first * f.c), f.data, (size_t)n * f.c);
        if (!z && !p) continue;
        const struct var out = model_project(&t->tape, frozen, f, 0, false);
        if (z) op_act_to_float(float_at(z, (size_t)first * out.c), out.data, (size_t)n * out.c);
        if (!p) continue;
        const struct var h = model_predict(&t->tape, frozen, out, 0, false);
        op_act_to_float(float_at(p, (size_t)first * h.c), h.data, (size_t)n * h.c);
    }
    free(frozen);
    return first >= set->host.n;
}

int trainer_skipped(const struct trainer *t)
{
    const int train = images_skipped(&t->train), monitor = train < 0 ? -1 : images_skipped(&t->monitor);
    return monitor < 0 ? -1 : train + monitor;
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

/* A checkpoint holds papers (whose it is, where it stands, what the probe froze), then tensors by name. */
enum { PAPERS = 3, TENSORS_MAX = 6 };
struct tensor { const char *name; void *data; size_t floats; bool act; };

/* Returns how many there are. */
static int tensors(const struct trainer *t, struct tensor list[TENSORS_MAX])
{
    const struct params *ps = &t->model.params;
    const struct tensor all[TENSORS_MAX] = {
        { "weights", ps->data, ps->count, false }, { "velocity", ps->velocity, ps->count, false },
        { "statistics", ps->stats, ps->n_stats, false }, { "log", t->log, (size_t)t->steps * LOG_WIDTH, false },
        { "probe", t->probe.state, probe_floats(t->probe.d, t->probe.classes), false },
        { "eta", t->eta.cache ? (void *)t->eta.cache : t->eta.memory, t->eta.floats, t->eta.cache != NULL },
    };
    memcpy(list, all, sizeof all);
    return TENSORS_MAX - !t->eta.floats;
}

/* A tensor's numbers in fresh memory. */
static float *tensor_download(const struct trainer *t, const struct tensor *x)
{
    float *const copy = host_alloc(x->floats, sizeof *copy);
    if (x->act) mem_act_download(copy, x->data, x->floats);
    else mem_download(copy, x->data, sizeof *copy * x->floats);
    /* Rows of the log that this epoch has not reached hold the last epoch's: keep the file a function of the
     * position alone, so that a resumed run's checkpoints are the undisturbed run's. */
    if (x->data == t->log)
        memset(copy + (size_t)t->step * LOG_WIDTH, 0, sizeof *copy * LOG_WIDTH * (size_t)(t->steps - t->step));
    return copy;
}

static void tensor_upload(const struct tensor *x, const struct blob *from)
{
    if (!x->act) {
        mem_upload(x->data, from->data, from->bytes);
        return;
    }
    float *const copy = host_alloc(x->floats, sizeof *copy);   /* a blob begins at any byte of its file */
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

/* The hashes of both splits; 0 of images that cannot change. */
static size_t images_hash(const struct trainer *t, char hashes[2 * HASH_TEXT])
{
    if (!images_may_change(&t->train)) return 0;
    memcpy(hashes, t->train.host.hash, HASH_TEXT);
    memcpy(hashes + HASH_TEXT, t->monitor.host.hash, HASH_TEXT);
    return (size_t)2 * HASH_TEXT;
}

/* Going on with other images would be neither run. */
static void same_images_check(const struct trainer *t, const struct checkpoint *c, const char *path)
{
    char now[2 * HASH_TEXT];
    const size_t bytes = images_hash(t, now);
    const struct blob *then = checkpoint_find(c, "images");
    if (bytes && (!then || then->bytes != bytes || memcmp(then->data, now, bytes)))
        die_user("%s: the run began with other images than %s holds now: files came, went or were replaced; bring "
                 "them back, or remove the run's folder to begin anew", path, t->s->folder);
}

bool trainer_save(const struct trainer *t, const char *path, const char *identity)
{
    phase("checkpoint");
    struct tensor list[TENSORS_MAX];
    const int n = tensors(t, list);
    const uint64_t position[POSITIONS] = { (uint64_t)t->epoch, (uint64_t)t->step, t->untrained_monitored,
                                           t->metrics_bytes, (uint64_t)t->probe.epoch };
    struct blob blobs[PAPERS + TENSORS_MAX + 1] = { { "identity", identity, strlen(identity) },
                                            { "position", position, sizeof position },
                                            { "frozen", t->frozen, sizeof t->frozen } };
    for (int i = 0; i < n; i++)
        blobs[PAPERS + i] = (struct blob){ list[i].name, tensor_download(t, &list[i]),
                                           sizeof(float) * list[i].floats };
    char images[2 * HASH_TEXT];
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
        die("%s: the checkpoint is there and cannot be read (make it readable; or remove it, to start anew)", path);
    if (c->end == CHECKPOINT_OTHER_VERSION)
        die_user("%s: another version of the program wrote this checkpoint (use that version; or remove the file, "
                 "to start anew)", path);
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
    const struct blob *who = checkpoint_find(&c, "identity"), *where = checkpoint_find(&c, "position");
    const struct blob *froze = checkpoint_find(&c, "frozen");
    bool ours = who && who->bytes == strlen(identity) && !memcmp(who->data, identity, who->bytes) && where &&
                where->bytes == POSITIONS * sizeof(uint64_t) && froze && froze->bytes == sizeof t->frozen &&
                !((const char *)froze->data)[HASH_TEXT - 1];
    const struct blob *found[TENSORS_MAX];
    for (int i = 0; i < n && ours; i++) {
        found[i] = checkpoint_find(&c, list[i].name);
        ours = found[i] && found[i]->bytes == sizeof(float) * list[i].floats;
    }
    uint64_t position[POSITIONS];
    if (ours) same_images_check(t, &c, path);
    if (ours) memcpy(position, where->data, sizeof position);
    ours = ours && position[AT_EPOCH] <= (uint64_t)t->s->epochs && position[AT_STEP] <= (uint64_t)t->steps &&
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
    if (!ours) die_user("%s: a checkpoint of another run (remove it, to start this one anew)", path);
    return true;
}
