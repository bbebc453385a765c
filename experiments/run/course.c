/* SPDX-License-Identifier: MIT
 *
 * course.c -- the untrained network, the epochs, the probe.
 */
#include "course.h"

#include <string.h>

#include "measures.h"
#include "phase.h"
#include "state.h"
#include "../../engine/comm.h"

/* ---- training -------------------------------------------------------------------------------- */

/* The untrained network is worth a line: on small images its kNN is far above chance.  As in every
 * later epoch the running statistics are the data's; training begins with the ones it always began
 * with.  A run of no epochs keeps them: it ends with this line. */
static int untrained(struct course *c)
{
    const struct keeper *const k = &c->keeper;
    struct trainer *const t = c->t;
    if (t->untrained_monitored) return 0;
    const bool last = !t->s->epochs;
    c->now = epoch_empty(0);
    k->began(k->self);
    const struct params *const ps = &t->model.params;
    const size_t bytes = sizeof(float) * ps->n_stats;
    dev_float *const initial = mem_alloc(bytes);
    mem_copy(initial, ps->stats, bytes);
    int status = trainer_settle(t) ? monitor_run(t, &c->now, last, &c->features) : EXIT_AGAIN;
    if (!last || status == EXIT_AGAIN) mem_copy(ps->stats, initial, bytes);
    mem_free(initial);
    if (status == EXIT_AGAIN) return status;
    k->line(k->self);
    if (status) return status;
    k->took(k->self, "monitor", 0);
    c->t->untrained_monitored = true;
    k->save(k->self, SAVE_NOW);
    return 0;
}

static int steps_make(struct course *c)
{
    const struct keeper *const k = &c->keeper;
    struct trainer *const t = c->t;
    const int first = t->step;
    while (t->step < t->steps) {
        if (stop_requested() || !trainer_step(t)) return EXIT_AGAIN;
        if (!k->time_to_look(k->self)) continue;
        const int diverged = trainer_summary(t, &c->now);
        if (diverged) {
            k->diverged(k->self, diverged);
            return EXIT_DIVERGED;
        }
        k->looked(k->self, t->step - first);
        k->save(k->self, SAVE_BETWEEN);
        phase("train");
    }
    /* A run that goes on from here has made no step. */
    if (first == t->steps) trainer_summary(t, &c->now);
    return 0;
}

static int epoch_train(struct course *c)
{
    const struct keeper *const k = &c->keeper;
    struct trainer *const t = c->t;
    phase("train");
    c->now = epoch_empty(t->epoch + 1);
    k->began(k->self);
    const int first = t->step, status = steps_make(c);
    if (status) return status;
    c->now.lr = schedule_lr(&t->schedule[GROUP_ENCODER], t->epoch, t->steps - 1);
    c->now.lr_predictor = t->s->predictor_lr == PREDICTOR_ZERO ? 0 :
                          schedule_lr(&t->schedule[GROUP_PREDICTOR], t->epoch, t->steps - 1);
    k->took(k->self, "train", t->steps - first);
    return 0;
}

static int epoch_monitor(struct course *c)
{
    const struct keeper *const k = &c->keeper;
    const struct settings *const s = c->t->s;
    const int epoch = c->now.epoch;
    if (epoch % s->knn_every && epoch != s->epochs) return 0;
    k->began(k->self);
    const int status = monitor_run(c->t, &c->now, epoch == s->epochs, &c->features);
    k->took(k->self, "monitor", 0);
    return status;
}

static int train(struct course *c)
{
    const struct keeper *const k = &c->keeper;
    struct trainer *const t = c->t;
    int status = untrained(c);
    while (!status && t->epoch < t->s->epochs) {
        if (k->enough(k->self)) return EXIT_COLLAPSED;
        status = epoch_train(c);
        if (!status) status = epoch_monitor(c);
        if (status == EXIT_AGAIN) break;
        k->line(k->self);                      /* a divergence too: numbers as far as they go */
        if (status) break;
        trainer_seek(t, t->epoch + 1, 0);
        k->save(k->self, t->epoch == t->s->epochs ? SAVE_NOW : SAVE_EPOCH);
    }
    return status;
}

/* ---- linear probe ---------------------------------------------------------------------------- */

/* "Linear" means that the backbone does not move: the weights are hashed before and after. */
static int probe(struct course *c, double *linear)
{
    const struct keeper *const k = &c->keeper;
    struct trainer *const t = c->t;
    const struct probe_plan plan = monitor_probe_plan(t);
    k->began(k->self);
    if (!*t->frozen) trainer_hash(t, t->frozen);
    int status = monitor_probe_open(t, &c->features);
    while (!status && t->probe.epoch < plan.epochs) {
        status = comm_stops() ? EXIT_AGAIN : monitor_probe_epoch(t, &plan, &c->features);
        if (!status) k->save(k->self, SAVE_BETWEEN);
    }
    if (status) return status;
    *linear = probe_accuracy(&t->probe, &c->features.test);
    char after[HASH_TEXT];
    trainer_hash(t, after);
    if (strcmp(t->frozen, after))
        die("%s: the frozen weights moved during the linear probe: a bug; report it", c->label);
    k->took(k->self, "probe", 0);
    k->save(k->self, SAVE_NOW);
    return 0;
}

int course_run(struct course *c, double *linear)
{
    const int status = train(c);
    return status ? status : probe(c, linear);
}

void course_close(struct course *c)
{
    monitor_probe_close(&c->features);
}
