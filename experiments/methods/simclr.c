/* SPDX-License-Identifier: MIT
 *
 * simclr.c -- SimCLR (Chen et al. 2020, Algorithm 1), and with a predictor (Sec. 6.2, footnote 7).
 *
 * Its own form is `predictor: []` and `stop_grad: false`.
 */
#include "simclr.h"

#include <stdlib.h>

#include "contrastive.h"

static struct var loss(const struct step *s)
{
    struct contrastive *const nt_xent = s->own;
    const struct simclr_settings *const own = (const void *)s->s->own;
    const int groups = own->joint_bn ? 1 : s->plan->views;
    /* All 2N views: h = f(x), z = g(h) */
    const struct var h = model_features(s->tape, s->f, s->x, groups, true);
    const struct var z = model_project(s->tape, s->f, h, groups, true);
    /* Sec. 6.2: a predictor on the branch of the anchors, stop-gradient on that of the keys; of
     * both views, so it is symmetric.  Without a predictor the anchors are z. */
    const struct var p = model_predict(s->tape, s->f, z, groups, true);
    /* l(i, j) = -log exp(s_ij / T) / sum_{k != i} exp(s_ik / T), j the other view of i, mean over
     * the 2N rows (eq. 1) */
    contrastive_add(nt_xent, s->tape, s->loss_whole, p, s->s->stop_grad ? stopgrad(z) : z);
    return stopgrad(z);
}

static void *nt_xent_open(const struct model *f, const struct settings *s)
{
    struct contrastive *const c = host_alloc(1, sizeof *c);
    const struct simclr_settings *const own = (const void *)s->own;
    contrastive_open(c, 2 * s->batch, s->batch, 0, f->projector.out, s->batch, true, own->temperature);
    return c;
}

static void nt_xent_close(void *own)
{
    contrastive_close(own);
    free(own);
}

/* ---- keys ------------------------------------------------------------------------------------ */

#define AT(key, field) .name = key, .offset = OWN_OFFSET(struct simclr_settings, field), .unit = ""
static const struct key keys[] = {
    { AT("temperature", temperature), .type = KEY_FLOAT, .low = 0.005, .high = 100,
      .sentence = "T: scores are cosines / T" },
    { AT("joint_bn", joint_bn), .type = KEY_BOOL,
      .sentence = "batch norm over the rows of both views together; false: over each view's" },
    { .name = NULL }
};
/* T: of the paper's for CIFAR-10 (App. B.9), and of its code's; SimSiam's App. D says none.  Batch
 * norm sees both views at once in the code that its authors released. */
static const struct simclr_settings defaults = { .temperature = 0.5, .joint_bn = true };

static bool other_pairs(const struct settings *s, char *why)
{
    const struct pair_list *const p = &s->pairs;
    const bool both = p->n == 2 && p->v[0][0] == 0 && p->v[0][1] == 1 && p->v[1][0] == 1 &&
                      p->v[1][1] == 0;
    return !both &&
           because(why, "simclr contrasts two views with each other; pairs: [[0, 1], [1, 0]]");
}

static bool other_distance(const struct settings *s, char *why)
{
    return distances[s->distance].add != neg_cosine &&
           because(why, "simclr's scores are cosines; distance: cosine");
}

static const struct rule rules[] = {
    { { "pairs", "method" }, other_pairs },
    { { "distance", "method" }, other_distance },
    { { NULL }, NULL }
};

const struct method simclr = {
    .keys = keys, .rules = rules, .defaults = &defaults, .own_bytes = sizeof defaults,
    .open = nt_xent_open, .loss = loss, .close = nt_xent_close,
};
