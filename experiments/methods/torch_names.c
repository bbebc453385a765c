/* SPDX-License-Identifier: MIT
 *
 * torch_names.c -- [K, R, S, C] to [K, C, R, S] and back; which names are a model's.
 */
#include "torch_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_conv(const struct param *p) { return p->n_dims == 4; }

/* to [k, c, s] = from [k, s, c]; the other way round with c and s exchanged. */
static void turn(float *to, const float *from, size_t k, size_t s, size_t c)
{
    for (size_t n = 0; n < k; n++, to += s * c, from += s * c)
        for (size_t i = 0; i < s; i++)
            for (size_t j = 0; j < c; j++) to[j * s + i] = from[i * c + j];
}

static int torch_shape(int64_t dim[WEIGHT_DIMS], const struct param *p)
{
    static const int order[4] = { 0, 3, 1, 2 };
    for (int i = 0; i < p->n_dims; i++) dim[i] = p->dim[is_conv(p) ? order[i] : i];
    return p->n_dims;
}

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

void torch_tensors_add(struct weights *w, const struct params *ps, const float *data,
                       const float *stats, int64_t batches)
{
    static const char variance[] = "running_var";
    for (int i = 0; i < ps->n; i++) {
        const struct param *const p = &ps->p[i];
        const float *const from = (p->statistic ? stats : data) + p->offset;
        int64_t dim[WEIGHT_DIMS];
        const int n_dims = torch_shape(dim, p);
        struct weight_tensor *const t = weights_add(w, p->name, n_dims, dim);
        if (is_conv(p))
            turn(t->x, from, (size_t)p->dim[0], (size_t)(p->dim[1] * p->dim[2]), (size_t)p->dim[3]);
        else
            memcpy(t->x, from, p->count * sizeof *from);
        if (!ends_in(p->name, variance)) continue;
        const int before = (int)(strlen(p->name) - strlen(variance));
        char *const name = text_format("%.*snum_batches_tracked", before, p->name);
        weights_add(w, name, 0, NULL)->whole = batches;
        free(name);
    }
}

/* ---- back ------------------------------------------------------------------------------------ */

static bool begins_with(const char *name, const char *start)
{
    return !strncmp(name, start, strlen(start));
}

static char *shape_text(int n, const int64_t *dim)
{
    char *text = text_format("[");
    for (int i = 0; i < n; i++) {
        char *const longer = text_format("%s%s%lld", text, i ? ", " : "", (long long)dim[i]);
        free(text);
        text = longer;
    }
    char *const whole = text_format("%s]", text);
    free(text);
    return whole;
}

/* One thing that is wrong; a name may hold whatever its writer liked. */
static bool wrong_tensor(const char *path, const char *name, const char *what)
{
    char *const line = text_format("%s: tensor %.80s %s", path, name, what);
    text_disarm(line);
    fprintf(stderr, "%s\n", line);
    free(line);
    return false;
}

/* Is it a float tensor of that shape? */
static bool fits(const struct weight_tensor *t, int n_dims, const int64_t *dim, const char *path)
{
    const size_t bytes = sizeof *dim * (size_t)n_dims;
    if (t->n_dims == n_dims && !memcmp(t->dim, dim, bytes) && t->x) return true;
    char *const is = shape_text(t->n_dims, t->dim), *const wanted = shape_text(n_dims, dim);
    char *const what = text_format("is %s%s; %s of floats is wanted", is,
                                   t->x ? "" : " of another type", wanted);
    free(is);
    free(wanted);
    wrong_tensor(path, t->name, what);
    free(what);
    return false;
}

static bool param_take(struct params *ps, const struct param *p, const struct weight_tensor *t,
                       const char *path)
{
    int64_t dim[WEIGHT_DIMS];
    if (!fits(t, torch_shape(dim, p), dim, path)) return false;
    float *const ours = host_alloc(p->count, sizeof *ours);
    if (is_conv(p))
        turn(ours, t->x, (size_t)p->dim[0], (size_t)p->dim[3], (size_t)(p->dim[1] * p->dim[2]));
    else
        memcpy(ours, t->x, p->count * sizeof *ours);
    mem_upload(float_at(p->statistic ? ps->stats : ps->data, p->offset), ours,
               p->count * sizeof *ours);
    free(ours);
    return true;
}

/* What begins with `prefix`; NULL: the backbone, which is all that no head and no method owns. */
static bool belongs(const char *name, const char *prefix)
{
    static const char *const others[] = { "projector.", "predictor.", "prototypes", "fc.", NULL };
    if (prefix) return begins_with(name, prefix);
    for (int i = 0; others[i]; i++)
        if (begins_with(name, others[i])) return false;
    return true;
}

static bool some_there(const struct weights *w, const char *prefix)
{
    for (size_t i = 0; i < w->n; i++)
        if (begins_with(w->t[i].name, prefix)) return true;
    return false;
}

/* Takes a part's tensors; false if one is missing, of another shape, or has no place here. */
static bool part_take(struct params *ps, const struct weights *w, const char *prefix,
                      const char *path)
{
    enum { STRANGERS_TOLD = 10 };
    bool right = true;
    int more = 0;
    for (int i = 0; i < ps->n; i++) {
        const struct param *const p = &ps->p[i];
        if (!belongs(p->name, prefix)) continue;
        const struct weight_tensor *const t = weights_find(w, p->name);
        right = (t ? param_take(ps, p, t, path) : wrong_tensor(path, p->name, "is not there")) && right;
    }
    for (size_t k = 0; k < w->n; k++) {
        const char *const name = w->t[k].name;
        int i = 0;
        if (!belongs(name, prefix) || ends_in(name, "num_batches_tracked")) continue;
        while (i < ps->n && strcmp(ps->p[i].name, name)) i++;
        if (i < ps->n) continue;
        if (++more <= STRANGERS_TOLD) wrong_tensor(path, name, "has no place in this net");
        right = false;
    }
    if (more > STRANGERS_TOLD)
        fprintf(stderr, "%s: and %d more have none\n", path, more - STRANGERS_TOLD);
    return right;
}

static bool fc_take(struct torch_found *found, const struct weights *w, const char *path,
                    int features)
{
    found->fc = weights_find(w, "fc.weight");
    found->fc_bias = weights_find(w, "fc.bias");
    if (!found->fc && !found->fc_bias) return true;
    if (!found->fc || !found->fc_bias) {
        fprintf(stderr, "%s: of fc.weight and fc.bias one is missing\n", path);
        return false;
    }
    const int64_t classes = found->fc_bias->dim[0], dim[2] = { classes, features };
    return fits(found->fc_bias, 1, &classes, path) && fits(found->fc, 2, dim, path);
}

bool torch_tensors_take(struct torch_found *found, const struct weights *w, const char *path,
                        struct params *ps, int features)
{
    *found = (struct torch_found){ .projector = some_there(w, "projector."),
                                   .predictor = some_there(w, "predictor.") };
    bool right = part_take(ps, w, NULL, path);
    if (found->projector) right = part_take(ps, w, "projector.", path) && right;
    if (found->predictor) right = part_take(ps, w, "predictor.", path) && right;
    return fc_take(found, w, path, features) && right;
}
