/* SPDX-License-Identifier: MIT
 *
 * heading.c -- which tables there are, and their order, from the experiments' own files.
 */
#include "heading.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A target is a word of command lines, file names and make. */
static const char *target_error(const char *target)
{
    static const char letters[] = "-abcdefghijklmnopqrstuvwxyz0123456789";
    const bool right = *target != '-' && !target[strspn(target, letters)];
    return right ? NULL : "small letters, digits, and between them -";
}

#define KEY(member) .name = #member, .offset = offsetof(struct heading, member), .unit = ""
static const struct key keys[] = {
    { KEY(target), .type = KEY_TEXT, .count = NAME_LENGTH, .check = target_error },
    { KEY(order),  .type = KEY_INT,  .low = 1, .high = 1000 },
    { KEY(turn),   .type = KEY_INT,  .low = 1, .high = 1000 },
    { KEY(cost),   .type = KEY_TEXT, .count = TEXT_MAX },
};
static const struct key title_key = { KEY(title), .type = KEY_TEXT, .count = TEXT_MAX };
#undef KEY
enum { KEYS = sizeof keys / sizeof *keys };
const char *const heading_names[] = { "target", "order", "turn", "cost", NULL };

bool heading_read(struct heading *h, struct config_file *f, yaml_node_t *root)
{
    const yaml_node_t *node[KEYS], *first = NULL;
    for (int k = 0; k < KEYS; k++) {
        node[k] = config_get(f, root, keys[k].name);
        if (!first) first = node[k];
    }
    if (!first) return false;
    bool right = true;
    for (int k = 0; k < KEYS; k++) {
        if (!node[k])
            config_error(f, first, "a table of the paper has target, order, turn and cost; there "
                                   "is no %s", keys[k].name);
        right = node[k] && config_value(f, node[k], &keys[k], h) && right;
    }
    return right;
}

/* ---- the list ---------------------------------------------------------------------------- */

static int is_yaml(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return n > strlen(".yaml") && !strcmp(entry->d_name + n - strlen(".yaml"), ".yaml");
}

char **names_list(const char *folder, const char *what)
{
    struct dirent **entry;
    const int n = scandir(folder, &entry, is_yaml, alphasort);
    if (n < 0) die_user("cannot list %s: %s (%s)", folder, strerror(errno), what);
    char **names = host_alloc((size_t)n + 1, sizeof *names);
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(entry[i]->d_name) - strlen(".yaml");
        names[i] = text_format("%.*s", (int)length, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return names;
}

void names_free(char **names)
{
    for (char **name = names; *name; name++) free(*name);
    free(names);
}

static bool same_target(const struct heading *a, const struct heading *b)
{
    return !strcmp(a->target, b->target);
}

static bool same_order(const struct heading *a, const struct heading *b)
{
    return a->order == b->order;
}

static bool same_turn(const struct heading *a, const struct heading *b)
{
    return a->turn == b->turn;
}

/* What stands in two files is nobody's. */
static const struct {
    const char *key;
    bool (*same)(const struct heading *a, const struct heading *b);
} own[] = { { "target", same_target }, { "order", same_order }, { "turn", same_turn } };

static void distinct_check(const struct headings *list, const struct heading *h,
                           struct config_file *f, yaml_node_t *root)
{
    for (int i = 0; i < list->n; i++) {
        const struct heading *const other = &list->v[i];
        for (size_t k = 0; k < sizeof own / sizeof *own; k++)
            if (own[k].same(other, h))
                config_error(f, config_get(f, root, own[k].key),
                             "%s: %s.yaml has the same; each table has its own", own[k].key,
                             other->name);
    }
}

/* Reads one file into the list's next place; returns how many mistakes it has. */
static int heading_add(struct headings *list, const char *folder, const char *name)
{
    struct heading *const h = &list->v[list->n];
    struct config_file f;
    char *path = text_format("%s/%s.yaml", folder, name);
    if (strlen(name) >= NAME_LENGTH)
        die_user("%s: a name of at most %d bytes", path, NAME_LENGTH - 1);
    memcpy(h->name, name, strlen(name) + 1);
    memcpy(h->title, name, strlen(name) + 1);
    if (config_open(&f, path)) {
        yaml_node_t *const root = config_root(&f), *title = NULL;
        if (root) title = config_get(&f, root, "title");
        if (title) config_value(&f, title, &title_key, h);
        if (root && heading_read(h, &f, root)) {
            distinct_check(list, h, &f, root);
            list->n++;
        }
    }
    const int errors = f.errors;
    config_close(&f);
    free(path);
    return errors;
}

static int turn_compare(const void *a, const void *b)
{
    return ((const struct heading *)a)->turn - ((const struct heading *)b)->turn;
}

static int order_compare(const void *a, const void *b)
{
    return ((const struct heading *)a)->order - ((const struct heading *)b)->order;
}

void headings_open(struct headings *list, const char *folder, enum heading_order by)
{
    char **names = names_list(folder, "experiments lie in configs/, or where --configs says");
    int n = 0, errors = 0;
    while (names[n]) n++;
    *list = (struct headings){ .v = host_alloc((size_t)n + 1, sizeof *list->v) };
    for (int i = 0; i < n; i++)                /* paper.yaml is no experiment: the statements */
        if (strcmp(names[i], "paper")) errors += heading_add(list, folder, names[i]);
    names_free(names);
    if (errors)
        die_user("%d mistake%s in the configuration; nothing was done", errors,
                 errors > 1 ? "s" : "");
    qsort(list->v, (size_t)list->n, sizeof *list->v,
          by == HEADINGS_BY_TURN ? turn_compare : order_compare);
}
