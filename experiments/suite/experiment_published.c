/* SPDX-License-Identifier: MIT
 *
 * experiment_published.c -- numbers that others published of the same images, beside the paper's.
 *
 *   published:           of a table whose rows have them:
 *     dataset: cifar10   of which images they are; at scales of others they are left out
 *     source: text       whose they are, what of, with what net
 *     numbers: { ROW: percent }
 */
#include "experiment_inside.h"

#include <string.h>

static const char *const parts[] = { "dataset", "source", "numbers", NULL };
static const struct key source_key = { .name = "source", .type = KEY_TEXT, .count = TEXT_MAX,
                                       .unit = "" };
static const struct key number_key = { .name = "numbers", .type = KEY_FLOAT, .high = 100,
                                       .unit = "percent" };

/* One of settings_keys, by name. */
static const struct key *dataset_key(void)
{
    const struct key *key = settings_keys;
    while (strcmp(key->name, "dataset")) key++;
    return key;
}

static void numbers_read(struct loading *l, const yaml_node_t *numbers, bool shown)
{
    const yaml_node_pair_t *p = numbers->data.mapping.pairs.start;
    for (; p < numbers->data.mapping.pairs.top; p++) {
        const int i = row_look(l->e, &l->file, yaml_document_get_node(&l->file.document, p->key),
                               "published");
        double number;
        if (!config_value(&l->file, yaml_document_get_node(&l->file.document, p->value),
                          &number_key, &number) || i < 0 || !shown)
            continue;
        l->e->row[i].published = number;
    }
}

void published_read(struct loading *l)
{
    yaml_node_t *const all = config_get(&l->file, l->top, "published");
    if (!all) return;
    struct settings of = l->of_scale;
    const yaml_node_t *part[3] = { NULL };
    for (int i = 0; all->type == YAML_MAPPING_NODE && parts[i]; i++)
        part[i] = config_get(&l->file, all, parts[i]);
    if (!part[0] || !part[1] || !part[2] || part[2]->type != YAML_MAPPING_NODE ||
        all->data.mapping.pairs.top - all->data.mapping.pairs.start != 3) {
        config_error(&l->file, all, "published: { dataset: cifar10, source: whose, "
                     "numbers: { ROW: percent } } is wanted");
        return;
    }
    char source[TEXT_MAX];
    const bool known = config_value(&l->file, part[0], dataset_key(), &of);
    const bool named = config_value(&l->file, part[1], &source_key, source);     /* both are read */
    const bool shown = known && named && of.dataset == l->of_scale.dataset;
    if (shown) memcpy(l->e->published, source, sizeof source);
    numbers_read(l, part[2], shown);
}
