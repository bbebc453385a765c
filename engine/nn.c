/* SPDX-License-Identifier: MIT
 *
 * nn.c -- the parameter block, its initialisation (PAPER App. A), conv, bn and heads.
 */
#include "nn.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "philox.h"

/* ---- parameters ------------------------------------------------------------------------------ */

int params_add(struct params *ps, const char *name, enum init init, int fan, int n_dims,
               const int *dim)
{
    if (ps->n == PARAMS_MAX) die("the net has more than %d tensors: use fewer blocks", PARAMS_MAX);
    struct param *p = &ps->p[ps->n];
    *p = (struct param){ .init = init, .fan = fan, .n_dims = n_dims, .group = ps->group,
                         .count = 1 };
    const int length = snprintf(p->name, sizeof p->name, "%s", name);
    assert(length < (int)sizeof p->name);
    (void)length;
    assert(ps->group >= 0 && ps->group < GROUPS_MAX);
    for (int i = 0; i < n_dims; i++) {
        p->dim[i] = dim[i];
        p->count *= (size_t)dim[i];
    }
    return ps->n++;
}

/* A standard normal pair by Box and Muller from two draws of the tensor's own stream. */
static void draw_normal(float out[2], uint64_t seed, uint32_t tensor, uint32_t pair)
{
    const struct philox r = philox_draw(seed, PHILOX_INIT, tensor, pair, 0, 0);
    const double u = (r.v[0] + 1.0) / 4294967296.0, v = r.v[1] / 4294967296.0;
    const double radius = sqrt(-2.0 * log(u)), angle = 6.283185307179586 * v;
    out[0] = (float)(radius * cos(angle));
    out[1] = (float)(radius * sin(angle));
}

static void param_init(float *x, const struct param *p, uint64_t seed, uint32_t tensor)
{
    const float bound = 1.0f / sqrtf((float)p->fan), deviation = sqrtf(2.0f / (float)p->fan);
    for (size_t i = 0; i < p->count; i++) {
        float pair[2];
        switch (p->init) {
        case INIT_ZERO: x[i] = 0; break;
        case INIT_ONE: x[i] = 1; break;
        case INIT_KAIMING:
            if (i % 2 == 0) {
                draw_normal(pair, seed, tensor, (uint32_t)(i / 2));
                x[i] = deviation * pair[0];
                if (i + 1 < p->count) x[i + 1] = deviation * pair[1];
            }
            break;
        case INIT_FC: {
            const struct philox r = philox_draw(seed, PHILOX_INIT, tensor, (uint32_t)i, 0, 0);
            x[i] = bound * (2.0f * philox_unit(r.v[0]) - 1.0f);
            break;
        }
        }
    }
}

void params_alloc(struct params *ps, uint64_t seed)
{
    for (int g = 0; g < GROUPS_MAX; g++) {     /* by group, so that each is one range */
        for (int i = 0; i < ps->n; i++) {
            struct param *p = &ps->p[i];
            if (p->group != g) continue;
            size_t *const end = p->statistic ? &ps->n_stats : &ps->count;
            p->offset = *end;
            *end += p->count;
        }
        ps->group_end[g] = ps->count;
    }
    ps->data = mem_alloc(4 * ps->count);
    ps->grad = mem_alloc(4 * ps->count);
    ps->velocity = mem_alloc(4 * ps->count);
    ps->stats = mem_alloc(4 * ps->n_stats);
    /* Touched now, so that a training that does not fit in memory fails before its first step. */
    mem_zero(ps->grad, 4 * ps->count);
    mem_zero(ps->velocity, 4 * ps->count);
    for (int i = 0; i < ps->n; i++) {
        const struct param *p = &ps->p[i];
        float *const x = host_alloc(p->count, sizeof *x);
        param_init(x, p, seed, (uint32_t)i);
        mem_upload(float_at(p->statistic ? ps->stats : ps->data, p->offset), x, 4 * p->count);
        free(x);
    }
}

void params_free(struct params *ps)
{
    mem_free(ps->data);
    mem_free(ps->grad);
    mem_free(ps->velocity);
    mem_free(ps->stats);
    memset(ps, 0, sizeof *ps);
}

struct weight params_weight(const struct params *ps, int id)
{
    if (id < 0) return (struct weight){ NULL, NULL };
    const struct param *p = &ps->p[id];
    return (struct weight){ float_at(ps->data, p->offset),
                            p->frozen ? NULL : float_at(ps->grad, p->offset) };
}

dev_float *params_stat(const struct params *ps, int id)
{
    assert(ps->p[id].statistic);
    return float_at(ps->stats, ps->p[id].offset);
}

/* ---- layers ---------------------------------------------------------------------------------- */

static int add_tensor(struct params *ps, const char *prefix, const char *name, enum init init,
                      int fan, int n_dims, const int *dim)
{
    char full[sizeof ps->p[0].name];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return params_add(ps, full, init, fan, n_dims, dim);
}

struct conv_layer conv_declare(struct params *ps, const char *name, int c, int k, int r, int stride,
                               int pad)
{
    const int dim[4] = { k, r, r, c };
    const int w = add_tensor(ps, name, "weight", INIT_KAIMING, k * r * r, 4, dim);
    return (struct conv_layer){ w, k, r, stride, pad };
}

struct var conv_apply(struct tape *t, const struct params *ps, const struct conv_layer *l,
                      struct var x)
{
    return conv(t, x, params_weight(ps, l->w), l->k, l->r, l->stride, l->pad);
}

struct bn_layer bn_declare(struct params *ps, const char *name, int c, bool affine, enum init gamma)
{
    struct bn_layer l = { .gamma = -1, .beta = -1 };
    if (affine) {
        l.gamma = add_tensor(ps, name, "weight", gamma, 1, 1, &c);
        l.beta = add_tensor(ps, name, "bias", INIT_ZERO, 1, 1, &c);
    }
    l.mean = add_tensor(ps, name, "running_mean", INIT_ZERO, 1, 1, &c);
    l.var = add_tensor(ps, name, "running_var", INIT_ONE, 1, 1, &c);
    ps->p[l.mean].statistic = ps->p[l.var].statistic = true;
    return l;
}

struct var bn_apply(struct tape *t, const struct params *ps, const struct bn_layer *l, struct var x,
                    const struct var *residual, int groups, bool track, bool relu_after)
{
    const bool stats = track || groups == 0;
    const struct norm bn = { params_weight(ps, l->gamma), params_weight(ps, l->beta),
                             stats ? params_stat(ps, l->mean) : NULL,
                             stats ? params_stat(ps, l->var) : NULL };
    return bn_act(t, x, &bn, residual, groups, relu_after);
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* WIDTH: a number, d, f, d/N, f/N.  0 if it is none of these. */
static int head_width(const char *text, size_t length, int d, int f)
{
    char word[32], *end;
    if (length == 0 || length >= sizeof word) return 0;
    memcpy(word, text, length);
    word[length] = 0;
    long base = 1, number = 1;
    if (*word == 'd' || *word == 'f') {
        base = *word == 'd' ? d : f;
        if (!word[1]) return (int)base;
        if (word[1] != '/' || word[2] < '1' || word[2] > '9') return 0;
        number = strtol(word + 2, &end, 10);
        return *end || number > base ? 0 : (int)(base / number);
    }
    if (*word < '1' || *word > '9') return 0;
    number = strtol(word, &end, 10);
    return *end || number > 65536 ? 0 : (int)number;
}

enum bias { BIAS_DEFAULT, BIAS_YES, BIAS_NO, BIAS_FROZEN, BIAS_ALONE };
static const char *const bias_words[] = { "", " bias", " no-bias", " frozen-bias", " constant" };

/* Splits "fc WIDTH [BIAS]"; false if the words are not of that form. */
static bool fc_words(const char *words, int d, int f, int *width, enum bias *bias)
{
    if (strncmp(words, "fc ", 3)) return false;
    const size_t length = strcspn(words + 3, " ");
    *width = head_width(words + 3, length, d, f);
    for (int b = 0; b <= BIAS_ALONE; b++)
        if (!strcmp(words + 3 + length, bias_words[b])) {
            *bias = (enum bias)b;
            return *width > 0;
        }
    return false;
}

const char *head_word_error(const char *words)
{
    int width;
    enum bias bias;
    if (!strcmp(words, "relu") || !strcmp(words, "bn") || !strcmp(words, "bn no-affine"))
        return NULL;
    if (fc_words(words, 1 << 16, 1 << 16, &width, &bias)) return NULL;
    return "a layer is `fc WIDTH [bias|no-bias|frozen-bias|constant]` with WIDTH a number to 65536, d, f, d/N or "
           "f/N, or `bn [no-affine]`, or `relu`";
}

struct head head_declare(struct params *ps, const char *prefix, const char *const *words, int n,
                         int in, int d, int f)
{
    struct head h = { .out = in };
    assert(n <= HEAD_LAYERS);
    for (int i = 0; i < n; i++) {
        struct head_layer *l = &h.layer[h.n++];
        char name[32];
        snprintf(name, sizeof name, "%s.%d", prefix, i);
        int width = 0;
        enum bias bias = BIAS_DEFAULT;
        if (!strcmp(words[i], "relu")) {
            l->kind = HEAD_RELU;
        } else if (fc_words(words[i], d, f, &width, &bias)) {
            const int dim[2] = { width, h.out };
            const bool before_bn = i + 1 < n && !strncmp(words[i + 1], "bn", 2);
            l->kind = HEAD_FC;
            const enum init init = bias == BIAS_ALONE ? INIT_ZERO : INIT_FC;
            l->fc = (struct fc_layer){ add_tensor(ps, name, "weight", init, h.out, 2, dim), -1,
                                       width };
            ps->p[l->fc.w].frozen = bias == BIAS_ALONE;
            if (bias != BIAS_NO && (bias != BIAS_DEFAULT || !before_bn)) {
                l->fc.b = add_tensor(ps, name, "bias", INIT_FC, h.out, 1, &width);
                ps->p[l->fc.b].frozen = bias == BIAS_FROZEN || bias == BIAS_ALONE;
            }
            h.out = width;
        } else {
            l->kind = HEAD_BN;
            l->bn = bn_declare(ps, name, h.out, !strcmp(words[i], "bn"), INIT_ONE);
        }
    }
    return h;
}

struct var head_apply(struct tape *t, const struct params *ps, const struct head *h, struct var x,
                      int groups, bool track)
{
    for (int i = 0; i < h->n; i++) {
        const struct head_layer *l = &h->layer[i];
        const bool relu_next = i + 1 < h->n && h->layer[i + 1].kind == HEAD_RELU;
        if (l->kind == HEAD_FC) {
            x = fc(t, x, params_weight(ps, l->fc.w), params_weight(ps, l->fc.b), l->fc.k);
        } else if (l->kind == HEAD_BN) {
            x = bn_apply(t, ps, &l->bn, x, NULL, groups, track, relu_next);
            i += relu_next;                    /* bn and the relu behind it are one op */
        } else {
            x = relu(t, x);
        }
    }
    return x;
}
