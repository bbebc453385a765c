/* SPDX-License-Identifier: MIT
 *
 * experiment_methods.c -- what stands above the rows of each method: the scale, the table, and
 * over both what the scale sets for a method.
 *
 *   methods:             in a scale: METHOD: { key: value }, for every row of that method; the
 *                        row itself, and what the scale's `rows:` say of it, go before
 */
#include "experiment_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../methods/method.h"

static const char *const top_others[] = {
    "title", "target", "order", "turn", "cost", "baseline", "rows", "published", "claims",
    NULL
};
static const char *const scale_others[] = { "note", "runs_on", "looks", "look_errors", "methods",
                                            "rows", "not_run", NULL };

/* ---- keys of methods ------------------------------------------------------------------------- */

static const struct key *own_key(int method, const char *name)
{
    for (const struct key *k = settings_own_keys(method); k && k->name; k++)
        if (!strcmp(k->name, name)) return k;
    return NULL;
}

/* The method that has a key of this name; -1: none. */
static int method_of_key(const char *name)
{
    for (int m = 0; methods[m].name; m++)
        if (own_key(m, name)) return m;
    return -1;
}

/* `fixed` (NULL-terminated) and the own keys of all methods: what is left when settings_keys are
 * read.  Fresh. */
static const char **others_of(const char *const *fixed)
{
    size_t n = 0;
    const char **const names = host_alloc(KEYS_MAX, sizeof *names);
    while (fixed[n]) n++;
    memcpy(names, fixed, n * sizeof *names);
    for (int m = 0; methods[m].name; m++)
        for (const struct key *k = settings_own_keys(m); k && k->name; k++) {
            assert(n + 1 < KEYS_MAX);
            names[n++] = k->name;
        }
    return names;
}

void shared_apply(struct config_file *f, yaml_node_t *mapping, struct settings *s,
                         const char *const *fixed, struct wrong *wrong)
{
    const char **const others = others_of(fixed);
    config_apply(f, mapping, settings_keys, s, others, wrong->shared);
    free(others);
}

void own_apply(struct config_file *f, yaml_node_t *mapping, struct settings *s,
                      struct wrong *wrong)
{
    const struct key *const keys = settings_own_keys(s->method);
    for (int k = 0; keys && keys[k].name; k++) {
        const yaml_node_t *const node = config_get(f, mapping, keys[k].name);
        if (node) wrong->own[k] = !config_value(f, node, &keys[k], s);
    }
}

int method_chosen(struct loading *l, yaml_node_t *row)
{
    const yaml_node_t *const node = row->type == YAML_MAPPING_NODE
                                        ? config_get(&l->file, row, "method")
                                        : NULL;
    const char *const name = node ? config_text(node) : NULL;
    for (int m = 0; name && methods[m].name; m++)
        if (!strcmp(methods[m].name, name)) return m;
    l->method_wrong |= node != NULL;           /* reported where its value is read */
    return l->above;
}

void own_keys_check(struct loading *l, struct config_file *f, yaml_node_t *mapping,
                           int method)
{
    if (l->method_wrong) return;
    const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
    for (; p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *const key = yaml_document_get_node(&f->document, p->key);
        const char *const name = config_text(key);
        const int of = name ? method_of_key(name) : -1;
        if (of < 0 || (method >= 0 && own_key(method, name))) continue;
        bool used = false;
        for (int m = 0; m < METHODS_MAX && method < 0; m++)
            used |= l->base[m].used && own_key(m, name);
        if (used) continue;
        if (method < 0)
            config_error(f, key,
                         "%s: a key of method: %s, which no row here has; leave it out", name,
                         methods[of].name);
        else
            config_error(f, key,
                         "%s: a key of method: %s, and here is method: %s; leave it out", name,
                         methods[of].name, methods[method].name);
    }
}

/* ---- the bases ------------------------------------------------------------------------------- */

static const char *const no_others[] = { NULL };

/* What the scale sets for a method; NULL if nothing, or nothing that can be read. */
static yaml_node_t *method_entry(struct loading *l, const char *name)
{
    yaml_node_t *const all = config_get(&l->scale, l->scale_top, "methods");
    yaml_node_t *const here = all && all->type == YAML_MAPPING_NODE
                                  ? config_get(&l->scale, all, name) : NULL;
    return here && here->type == YAML_MAPPING_NODE ? here : NULL;
}

/* What a method has there is read with its rows, or, if no row here has it, for its mistakes. */
static void method_check(struct loading *l, const yaml_node_t *key, yaml_node_t *here)
{
    const char *const name = config_text(key);
    const char *names[METHODS_MAX + 1] = { NULL };
    int m = -1;
    for (int k = 0; methods[k].name; k++) {
        names[k] = methods[k].name;
        if (name && !strcmp(name, names[k])) m = k;
    }
    char shown[SHOWN_MAX];
    if (m < 0) {
        const char *const nearest = name ? config_nearest(name, names) : NULL;
        config_error(&l->scale, key, "methods: no method %s; %s%s?", config_shown(shown, key),
                     nearest ? "did you mean " : "perhaps ", nearest ? nearest : *names);
        return;
    }
    if (here->type != YAML_MAPPING_NODE) {
        config_error(&l->scale, here, "methods: settings of %s are wanted, like { base_lr: 0.1 }",
                     name);
        return;
    }
    const yaml_node_t *const method = config_get(&l->scale, here, "method");
    if (method) {
        config_error(&l->scale, method, "method: these are %s's; leave it out", name);
        return;
    }
    own_keys_check(l, &l->scale, here, m);
    if (l->base[m].used) return;
    struct settings s = settings_default(m);
    struct wrong unused = { .shared = { false } };
    shared_apply(&l->scale, here, &s, no_others, &unused);
    own_apply(&l->scale, here, &s, &unused);
}

static void methods_check(struct loading *l)
{
    const yaml_node_t *const all = config_get(&l->scale, l->scale_top, "methods");
    if (!all) return;
    if (all->type != YAML_MAPPING_NODE) {
        config_error(&l->scale, all,
                     "methods: METHOD: lines are wanted, like simclr: { base_lr: 0.1 }");
        return;
    }
    for (const yaml_node_pair_t *p = all->data.mapping.pairs.start;
         p < all->data.mapping.pairs.top; p++)
        method_check(l, yaml_document_get_node(&l->scale.document, p->key),
                     yaml_document_get_node(&l->scale.document, p->value));
}

/* What stands above the rows of one method, over what all methods share. */
static void base_read(struct loading *l, struct base *base, int method, const struct base *shared)
{
    const struct settings own = settings_default(method);
    *base = *shared;
    base->used = true;
    base->settings.method = method;
    memcpy(base->settings.own, own.own, sizeof own.own);
    if (l->scale_top) own_apply(&l->scale, l->scale_top, &base->settings, &base->wrong);
    else memset(base->wrong.own, true, sizeof base->wrong.own);
    own_apply(&l->file, l->top, &base->settings, &base->wrong);
    base->plain = base->settings;
    yaml_node_t *const here = method_entry(l, methods[method].name);
    if (!here) return;
    base->here = here;
    shared_apply(&l->scale, here, &base->settings, no_others, &base->wrong);
    own_apply(&l->scale, here, &base->settings, &base->wrong);
}

void bases_read(struct loading *l, const yaml_node_item_t *start,
                       const yaml_node_item_t *end)
{
    struct base shared = { .settings = settings_default(0) };
    if (l->scale_top)
        shared_apply(&l->scale, l->scale_top, &shared.settings, scale_others, &shared.wrong);
    else memset(shared.wrong.shared, true, sizeof shared.wrong.shared); /* whatever it was to set */
    l->standard = shared.settings.views;
    struct wrong unused;                       /* said where a row has them */
    l->of_scale = shared.settings;
    if (l->scale_top) own_apply(&l->scale, l->scale_top, &l->of_scale, &unused);
    if (!l->top) return;
    shared_apply(&l->file, l->top, &shared.settings, top_others, &shared.wrong);
    l->above = shared.settings.method;
    for (int k = 0; settings_keys[k].name; k++)
        if (settings_keys[k].offset == offsetof(struct settings, method))
            l->method_wrong = shared.wrong.shared[k];
    if (start == end) base_read(l, &l->base[l->above], l->above, &shared);
    for (; start < end; start++) {
        const int method = method_chosen(l, yaml_document_get_node(&l->file.document, *start));
        assert(method < METHODS_MAX);
        if (!l->base[method].used) base_read(l, &l->base[method], method, &shared);
    }
    own_keys_check(l, &l->file, l->top, -1);
    methods_check(l);
}

