/* SPDX-License-Identifier: MIT
 *
 * train.c -- a run's model, data and position; one step of SGD, and what it logs.
 */
#include "train.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../methods/recipe.h"
#include "../../engine/comm.h"

static int shards_here(const struct settings *s)
{
    return s->shards / comm_size();
}

/* ---- opening --------------------------------------------------------------------------------- */

static void set_open(struct image_set *set, const struct settings *s, enum data_split split,
                     int first, int count)
{
    const struct image_part part = { &data_sources[s->dataset], s->folder, split, first, count,
                                     s->skip_bad };
    images_open(set, &part);
}

/* lr = base_lr * batch / 256 (Sec. 3); by the root of the batch, where it is asked for (SimCLR,
 * App. B.1), 0.075 root(batch) = 0.3 * 4096 / 256 * root(batch / 4096). */
static double rate_of(const struct settings *s)
{
    const int root = s->lr_root_batch;
    if (!root) return s->base_lr * s->batch / 256;
    return s->base_lr * root / 256 * sqrt((double)s->batch / root);
}

void trainer_open(struct trainer *t, const struct settings *s, int seed)
{
    memset(t, 0, sizeof *t);
    if (!machine_has_precision((enum precision)s->precision)) {
        struct machine_info m;
        machine_describe(&m);
        die_user(
            "precision: fp16 is not one of machine %s; say fp32 or bf16, or run with DEVICE=cuda",
            m.machine);
    }
    machine_set_precision((enum precision)s->precision);
    t->s = s;
    t->seed = (uint64_t)seed;
    set_open(&t->train, s, DATA_TRAIN, s->train_first, s->train_count);
    set_open(&t->monitor, s, (enum data_split)s->monitor_split, s->monitor_first, s->monitor_count);
    if (settings_has_test(s)) set_open(&t->test, s, DATA_TEST, 0, s->test_count);
    t->recipe = recipe_train(s);
    t->standard_recipe = recipe_standard(s);
    t->test_recipe = recipe_test(s);
    t->probe_recipe = recipe_probe(s);
    model_build(&t->model, s, t->seed);
    t->method = methods[s->method].method;
    t->plan = model_views(s);
    t->steps = s->train_count / s->batch;
    t->optim = (struct optim){ (enum optimizer)s->optimizer, (float)s->momentum,
                               (float)s->weight_decay };
    for (int g = 0; g < GROUPS; g++)
        t->schedule[g] = (struct schedule){
            .lr = rate_of(s), .epochs = s->epochs, .steps = t->steps,
            .warmup_epochs = s->warmup * s->epochs, .by_step = s->lr_schedule == LR_BY_STEP,
            .from = s->warmup_from, .end = s->lr_end,
        };
    t->schedule[GROUP_PREDICTOR].constant = s->predictor_lr == PREDICTOR_CONSTANT;
    t->log = mem_alloc(sizeof(float) * LOG_WIDTH * (size_t)t->steps);
    t->log_now = mem_alloc(sizeof(float) * LOG_WIDTH);
    if (s->shards > 1) t->shard_loss = mem_alloc(sizeof(float) * (size_t)(shards_here(s) + 1));
    t->lr = mem_alloc(sizeof(float) * GROUPS);
    t->tape.batch = batch_here(s);
    t->tape.parts = s->shards > 1 ? shards_here(s) : 0;
    t->across = (struct across){ comm_sum_wide, comm_size(), comm_rank() == 0 };
    if (comm_size() > 1) t->tape.across = &t->across;
    image_batch_open(&t->encoded, EVAL_CHUNK);
    const size_t widths = (size_t)(t->model.backbone.features + t->model.projector.out +
                                   t->model.predictor.out);
    if (comm_size() > 1)
        t->encoded_room = mem_alloc(sizeof(float) * (size_t)comm_size() * EVAL_CHUNK * widths);
    const struct loader_source views = { &t->train, t->train.host.n, batch_here(s), t->plan.views,
                                         s->image_size, &t->recipe, t->seed, s->batch,
                                         comm_rank() * batch_here(s) };
    loader_open(&t->loader, &views);
    t->own = t->method->open ? t->method->open(&t->model, s) : NULL;
    probe_open(&t->probe, t->model.backbone.features, t->train.host.classes);
}

void trainer_close(struct trainer *t)
{
    machine_forget();
    loader_close(&t->loader);
    if (t->own) t->method->close(t->own);
    probe_close(&t->probe);
    mem_free(t->log);
    mem_free(t->log_now);
    mem_free(t->shard_loss);
    mem_free(t->lr);
    image_batch_close(&t->encoded);
    mem_free(t->encoded_room);
    tape_free(&t->tape);
    model_free(&t->model);
    images_close(&t->train);
    images_close(&t->monitor);
    images_close(&t->test);
    memset(t, 0, sizeof *t);
}

/* ---- one step -------------------------------------------------------------------------------- */

static struct var batch_var(const struct trainer *t, dev_act *x, int views)
{
    const int size = t->s->image_size;
    return var_input(x, views * batch_here(t->s), size, size, 3);
}

/* The step at the trainer's position, as its method sees it. */
static struct step step_here(struct trainer *t, struct var views)
{
    dev_float *const loss = t->shard_loss ? t->shard_loss : float_at(t->log_now, LOG_LOSS);
    return (struct step){
        .tape = &t->tape, .f = &t->model, .x = views, .s = t->s, .plan = &t->plan,
        .distance = distances[t->s->distance].add, .own = t->own,
        .loss = loss, .loss_whole = comm_rank() ? float_at(loss, (size_t)shards_here(t->s)) : loss,
        .epoch = t->epoch, .step = t->step, .steps = t->steps, .ahead = t->ahead,
        .loader = &t->loader,
    };
}

/* False if a stop was requested before all was done. */
static bool work_ahead(struct trainer *t)
{
    const struct step here = step_here(t, (struct var){ .data = NULL });
    return !t->method->ahead || t->method->ahead(&here);
}

struct var trainer_views(struct trainer *t)
{
    if (!work_ahead(t)) return (struct var){ .data = NULL };
    return batch_var(t, loader_make(&t->loader, t->epoch, t->step, 0, t->plan.views),
                     t->plan.views);
}

/* The forward pass; answers z of all views.  The shards' losses are added up as all their sums are. */
static struct var forward(struct trainer *t, const struct step *here)
{
    mem_zero(t->log_now, sizeof(float) * LOG_WIDTH);
    if (t->shard_loss) mem_zero(t->shard_loss, sizeof(float) * (size_t)(shards_here(t->s) + 1));
    tape_reset(&t->tape);
    const struct var z = t->method->loss(here);
    if (!t->shard_loss) return z;
    op_tree(t->shard_loss, 1, shards_here(t->s));
    comm_sum(t->shard_loss, 1);
    mem_copy(float_at(t->log_now, LOG_LOSS), t->shard_loss, sizeof(float));
    return z;
}

/* All that a step does on the machine, at addresses that are the same in each. */
static void step_issue(struct trainer *t, const struct step *here)
{
    struct params *const ps = &t->model.params;
    mem_zero(ps->grad, sizeof(float) * ps->count);
    const struct var z = forward(t, here);
    const int n = batch_here(t->s);
    for (int v = 0; v < t->plan.views; v++)
        op_std(float_at(t->log_now, (size_t)(LOG_STD + v)),
               batch_whole(&t->tape, var_rows(z, v * n, n), 1).data, 1, t->s->batch, z.c);
    tape_backward(&t->tape);
    comm_sum(ps->grad, ps->count);
    op_sumsq(float_at(t->log_now, LOG_GRAD), ps->grad, ps->count);
    for (int g = 0; g < GROUPS; g++) optim_step(ps, g, float_at(t->lr, (size_t)g), &t->optim);
    if (t->method->moved) t->method->moved(here);
}

/* `make`: the views are yet to be made, by ops alone. */
static void step(struct trainer *t, struct var views, bool make)
{
    assert(t->step < t->steps);
    float lr[GROUPS];
    for (int g = 0; g < GROUPS; g++) lr[g] = (float)schedule_lr(&t->schedule[g], t->epoch, t->step);
    mem_upload(t->lr, lr, sizeof lr);
    const struct step here = step_here(t, views);
    const bool alike = !t->method->aim || t->method->aim(&here);
    /* A step that makes its views is another one than a step on views in the same place. */
    const void *const key = !alike || !comm_is_recordable() ? NULL : make ? (const void *)t->loader.batch.index : views.data;
    if (machine_record(key)) {
        if (make) loader_issue(&t->loader, 0, t->plan.views);
        step_issue(t, &here);
        machine_recorded();
    }
    mem_copy(float_at(t->log, (size_t)t->step * LOG_WIDTH), t->log_now, sizeof(float) * LOG_WIDTH);
    t->step++;
}

void trainer_step_on(struct trainer *t, struct var views)
{
    step(t, views, false);
}

void trainer_forward(struct trainer *t, struct var views)
{
    const struct step here = step_here(t, views);
    if (t->method->aim) t->method->aim(&here);
    forward(t, &here);
}

bool trainer_step(struct trainer *t)
{
    if (!work_ahead(t)) return false;
    if (loader_is_issued(&t->loader)) {    /* the views are a part of the step, and of its record */
        loader_aim(&t->loader, t->epoch, t->step);
        step(t, batch_var(t, t->loader.room[0], t->plan.views), true);
        return true;
    }
    dev_act *const views = loader_take(&t->loader, t->epoch, t->step);
    const bool last = t->step + 1 == t->steps;
    const int epoch = last ? t->epoch + 1 : t->epoch;
    if (epoch < t->s->epochs) loader_start(&t->loader, epoch, last ? 0 : t->step + 1);
    trainer_step_on(t, batch_var(t, views, t->plan.views));
    loader_wait(&t->loader);
    return true;
}

void trainer_seek(struct trainer *t, int epoch, int at)
{
    assert(epoch >= 0 && at >= 0 && at <= t->steps);
    t->epoch = epoch;
    t->step = at;
}

void trainer_ahead(struct trainer *t, int steps)
{
    t->ahead = steps;
}

void trainer_scale(struct trainer *t, int train, int monitor, int test)
{
    assert(train <= t->train.host.n && monitor <= t->monitor.host.n);
    t->train.host.n = train;
    t->monitor.host.n = monitor;
    if (test < t->test.host.n) t->test.host.n = test;
}

const struct image_set *trainer_test(const struct trainer *t)
{
    return t->test.host.n ? &t->test : &t->monitor;
}

/* ---- its numbers ----------------------------------------------------------------------------- */

/* In fp16 a gradient may overflow where the loss does not; the machine then leaves that step out
 * (op_sgd).  So many in a row, or a whole epoch of them, are no accident: the scale is wrong for
 * this net, and nothing is learnt any more. */
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
        for (int v = 0; v < t->plan.views; v++) spread += row[LOG_STD + v] / t->plan.views;
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
