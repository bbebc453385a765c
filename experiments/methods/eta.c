/* SPDX-License-Identifier: MIT
 *
 * eta.c -- targets kept from before: a cache, or a moving average; the keys that ask for them.
 */
#include "eta.h"

#include <assert.h>
#include <stdlib.h>

#include "../../engine/comm.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static const char *const from_names[] = { [ETA_FRESH] = "fresh", [ETA_CACHE] = "cache",
                                          [ETA_AVERAGE] = "average", NULL };
static const char *const views_names[] = { [ETA_BATCH] = "batch", [ETA_ANEW] = "anew",
                                           [ETA_ONE] = "one", NULL };
static const char *const bn_names[] = { [ETA_BN_BATCH] = "batch", [ETA_BN_RUNNING] = "running",
                                        NULL };
static const char *const init_names[] = { [ETA_FIRST] = "first", [ETA_ZERO] = "zero", NULL };

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct eta_settings, field)
const struct key eta_keys[] = {
    { AT("eta", from), .type = KEY_CHOICE, .choices = from_names, .unit = "",
      .sentence = "the target: this step's z, one computed before, or a moving average "
                  "(Sec. 5.2)" },
    { AT("eta_every", every), .type = KEY_INT, .high = 10000000, .unit = "steps",
      .sentence = "cache: of an alternation, starting anew each epoch; 0: the whole epoch" },
    { AT("eta_views", views), .type = KEY_CHOICE, .choices = views_names, .unit = "",
      .sentence = "cache: of the batch's own target views, of others, or of one for all" },
    { AT("eta_bn", bn), .type = KEY_CHOICE, .choices = bn_names, .unit = "",
      .sentence = "cache: batch norm by the batch's statistics, or by the running ones" },
    { AT("eta_momentum", momentum), .type = KEY_FLOAT, .high = 0.9999, .unit = "",
      .sentence = "average: m of eta = m eta + (1 - m) z" },
    { AT("eta_init", init), .type = KEY_CHOICE, .choices = init_names, .unit = "",
      .sentence = "average: starts as the image's first z, or as zero" },
    { AT("eta_normalise", normalise), .type = KEY_BOOL, .unit = "",
      .sentence = "average: of z/|z| (footnote 5)" },
    { .name = NULL }
};

const struct eta_settings eta_defaults = {
    .from = ETA_FRESH, .every = 1, .views = ETA_BATCH, .bn = ETA_BN_BATCH,
    .momentum = 0.8, .init = ETA_FIRST, .normalise = true,
};

static bool eta_without_stop(const struct settings *s, char *why)
{
    return eta_settings(s)->from != ETA_FRESH && !s->stop_grad &&
           because(why, "a target that was computed before has no gradient; stop_grad: true goes "
                   "with it");
}

/* It would silently be another experiment. */
static bool alternation_long(const struct settings *s, char *why)
{
    const struct eta_settings *const own = eta_settings(s);
    const int steps = s->train_count / s->batch;
    return own->from == ETA_CACHE && s->batch <= s->train_count && own->every > steps &&
           because(why, "eta_every %d is more than the %d steps of an epoch; 0 is a whole epoch",
                   own->every, steps);
}

const struct rule eta_rules[] = {
    { { "eta", "stop_grad" }, eta_without_stop },
    { { "eta_every", "eta", "batch", "train_count" }, alternation_long },
    { { NULL }, NULL }
};

/* ---- state ----------------------------------------------------------------------------------- */

void *eta_open(const struct model *f, const struct settings *s)
{
    struct eta *const e = host_alloc(1, sizeof *e);
    const size_t d = (size_t)f->projector.out, batch = (size_t)s->batch;
    e->s = *eta_settings(s);
    if (e->s.from == ETA_CACHE) {
        e->steps = e->s.every ? e->s.every : s->train_count / s->batch;
        e->terms = e->s.views == ETA_ONE ? 1 : s->pairs.n;
        e->floats = (size_t)e->steps * (size_t)e->terms * batch * d;
        e->cache = mem_alloc(e->floats * mem_act_bytes());
    }
    if (e->s.from == ETA_AVERAGE) {
        e->floats = (size_t)s->train_count * d;
        e->memory = mem_alloc(e->floats * sizeof(float));
        e->index = mem_alloc(batch * sizeof(int32_t));
        e->order = host_alloc(batch, sizeof *e->order);
    }
    return e;
}

void eta_close(void *own)
{
    struct eta *const e = own;
    mem_free(e->cache);
    mem_free(e->memory);
    mem_free(e->index);
    free(e->order);
    free(e);
}

int eta_tensors(void *own, struct tensor *list)
{
    const struct eta *const e = own;
    if (!e->floats) return 0;
    /* A cache is as long as an alternation, which is an epoch only where eta_every says so. */
    list[0] = (struct tensor){ .name = "eta", .floats = e->floats,
                               .data = e->cache ? (void *)e->cache : (void *)e->memory,
                               .act = e->cache != NULL,
                               .grows = e->cache && e->s.every ? GROWS_WITH_BATCH
                                                               : GROWS_WITH_IMAGES };
    return 1;
}

/* ---- alternation ----------------------------------------------------------------------------- */

/* Where the cache has term k of a slot, [batch, d]. */
static dev_act *cache_at(const struct eta *e, int slot, int k, int batch, int d)
{
    return act_at(e->cache, ((size_t)slot * (size_t)e->terms + (size_t)k) * (size_t)batch * (size_t)d);
}

/* Keeps z [views * N, d] as the targets of the pairs in `slot`; of a single view, as all pairs'. */
static void store(const struct eta *e, int slot, const struct pair_list *pairs, struct var z, int n)
{
    const size_t bytes = (size_t)n * (size_t)z.c * mem_act_bytes();
    assert(slot < e->steps);
    for (int k = 0; k < e->terms; k++) {
        const int view = z.n == n ? 0 : pairs->v[k][1];
        comm_all_gather(cache_at(e, slot, k, n * comm_size(), z.c), var_rows(z, view * n, n).data,
                        bytes);
    }
}

/* Steps of an alternation. */
static int alternation(const struct eta *e, const struct step *s)
{
    return s->ahead && s->ahead < e->steps ? s->ahead : e->steps;
}

bool eta_ahead(const struct step *s)
{
    const struct eta *const e = s->own;
    if (!e->cache || s->step % alternation(e, s)) return true;
    const int k = alternation(e, s), end = s->step + k < s->steps ? s->step + k : s->steps;
    const int views = e->s.views == ETA_ONE ? 1 : s->plan->views, size = s->s->image_size;
    const int first = e->s.views == ETA_BATCH ? 0 : VIEW_ETA;
    const int groups = e->s.bn == ETA_BN_BATCH ? views : 0;
    struct model *const frozen = model_frozen(s->f);
    int step = s->step;
    for (; step < end && !comm_stops(); step++) {
        dev_act *const made = loader_make(s->loader, s->epoch, step, first, views);
        const struct var x = var_input(made, views * batch_here(s->s), size, size, 3);
        tape_reset(s->tape);
        const struct var features = model_features(s->tape, frozen, x, groups, false);
        store(e, step % k, &s->s->pairs, model_project(s->tape, frozen, features, groups, false),
              batch_here(s->s));
    }
    free(frozen);
    return step == end;
}

int eta_passes(const struct settings *s)
{
    const struct eta_settings *const own = eta_settings(s);
    const int views = method_views(s), ahead = own->views == ETA_ONE ? 1 : views;
    return 3 * views + (own->from == ETA_CACHE ? ahead : 0);
}

/* Cached targets lie at another address in every step of an alternation. */
bool eta_aim(const struct step *s)
{
    struct eta *const e = s->own;
    if (e->cache) e->slot = s->step % alternation(e, s);
    if (e->memory) {
        struct loader_source all = s->loader->source;    /* of all processes */
        all.batch = s->s->batch;
        all.first = 0;
        loader_order(&all, e->order, s->epoch, s->step);
        mem_upload(e->index, e->order, sizeof *e->order * (size_t)s->s->batch);
    }
    return !e->cache;
}

/* ---- targets --------------------------------------------------------------------------------- */

static void average(const struct eta *e, dev_act *eta, dev_int *index, struct var z, bool keep)
{
    op_average(eta, e->memory, index, z.data, z.n, z.c, (float)e->s.momentum,
               e->s.init == ETA_FIRST, e->s.normalise, keep);
}

struct var eta_target(const struct eta *e, struct tape *t, int k, struct var z)
{
    const int first = comm_rank() * z.n, all = comm_size() * z.n;
    if (e->cache)
        return var_rows(var_input(cache_at(e, e->slot, k % e->terms, all, z.c), all, 1, 1, z.c), first,
                        z.n);
    if (!e->memory) return z;
    const struct var eta = var_room(t, z.n, 1, 1, z.c);
    average(e, eta.data, int_at(e->index, (size_t)first), z, false);
    return eta;
}

void eta_move(const struct eta *e, struct tape *t, struct var z)
{
    if (e->memory) average(e, NULL, e->index, batch_whole(t, z, 1), true);
}
