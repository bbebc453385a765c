/* SPDX-License-Identifier: MIT
 *
 * experiment_columns.c -- rows that stand for several, as a line of Table 4 does.
 *
 *   - { name: simsiam, lengths: { 100: 68.1, 200: 70.0 } }   rows simsiam-100 and simsiam-200, of 1 and
 *         2 times the epochs that the row has without: the first length is the scale's; with the paper's numbers,
 *         ~ where it has none
 *   - { name: simsiam, batches: [512, 64] }                  rows simsiam-512 and simsiam-64, of those batches
 */
#include "experiment_inside.h"

#include <stdlib.h>
#include <string.h>

/* A whole number from 1 as a name's end; 0 (reported) if it is none. */
static int end_read(struct loading *l, const yaml_node_t *node, const char *what, int least,
                    struct column *c)
{
    static const int most = 100000;
    char shown[SHOWN_MAX];
    const char *const text = config_text(node);
    double x;
    c->at = node;
    if (text && strlen(text) < sizeof c->end && config_number(text, &x) && x == (int)x &&
        x >= least && x <= most && !strpbrk(text, "+-.eE")) {
        memcpy(c->end, text, strlen(text) + 1);
        return (int)x;
    }
    config_error(&l->file, node, "%s: %s is no whole number; %d to %d", what,
                 config_shown(shown, node), least, most);
    return 0;
}

static int lengths_read(struct loading *l, const yaml_node_t *node,
                        struct column column[COLUMNS_MAX])
{
    const yaml_node_pair_t *p = node->data.mapping.pairs.start,
                           *const end = node->data.mapping.pairs.top;
    int n = 0, first = 0;
    for (; p < end; p++, n++) {
        struct column *const c = &column[n];
        const yaml_node_t *const paper = yaml_document_get_node(&l->file.document, p->value);
        const char *const number = config_text(paper);
        *c = (struct column){ .paper = number && !strcmp(number, "~") ? NULL : paper };
        const int length = end_read(l, yaml_document_get_node(&l->file.document, p->key), "lengths",
                                    1, c);
        if (!length) return 0;
        if (!n) first = length;
        c->times = length / first;
        if (length == c->times * first) continue;
        config_error(&l->file, c->at, "lengths: %d is no multiple of %d; whole multiples of the first",
                     length, first);
        return 0;
    }
    return n;
}

static int batches_read(struct loading *l, const yaml_node_t *node,
                        struct column column[COLUMNS_MAX])
{
    const yaml_node_item_t *item = node->data.sequence.items.start,
                           *const end = node->data.sequence.items.top;
    int n = 0;
    for (; item < end; item++, n++) {
        column[n] = (struct column){ .times = 1 };
        column[n].batch = end_read(l, yaml_document_get_node(&l->file.document, *item), "batches", 2,
                                   &column[n]);
        if (!column[n].batch) return 0;
    }
    return n;
}

int columns_read(struct loading *l, yaml_node_t *row, struct column column[COLUMNS_MAX])
{
    const yaml_node_t *const lengths = config_get(&l->file, row, "lengths"),
                      *const batches = config_get(&l->file, row, "batches"),
                      *const paper = config_get(&l->file, row, "paper"),
                      *const epochs = config_get(&l->file, row, "epochs"),
                      *const batch = config_get(&l->file, row, "batch"),
                      *const twice = lengths ? epochs : batch;
    column[0] = (struct column){ .times = 1, .at = config_get(&l->file, row, "name"), .paper = paper };
    if (!lengths && !batches) return 1;
    size_t n = 0;
    const yaml_node_t *const node = lengths ? lengths : batches;
    if (lengths && lengths->type == YAML_MAPPING_NODE)
        n = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    if (!lengths && batches->type == YAML_SEQUENCE_NODE)
        n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (lengths && batches)
        config_error(&l->file, batches, "batches beside lengths; one of them");
    else if (paper)
        config_error(&l->file, paper, "paper: of which of them? A number belongs to each length");
    else if (twice)
        config_error(&l->file, twice, "%s stands in %s already; leave it out",
                     lengths ? "epochs" : "batch", lengths ? "lengths" : "batches");
    else if (n < 1 || n > COLUMNS_MAX)
        config_error(&l->file, node, "%s", lengths
                     ? "lengths: 1 to 8 with the paper's numbers are wanted, like { 100: 68.1, 200: 70.0 }"
                     : "batches: a list of 1 to 8 is wanted, like [512, 64]");
    else return lengths ? lengths_read(l, lengths, column) : batches_read(l, batches, column);
    return 0;
}

void column_apply(const struct column *c, struct settings *s)
{
    s->epochs *= c->times;
    if (c->batch) s->batch = c->batch;
}
