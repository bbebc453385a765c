/* SPDX-License-Identifier: MIT
 *
 * split_bn.c -- running statistics of split batch norm.
 */
#include "split_bn.h"

void split_bn_open(struct split_bn *b, const struct params *ps, int splits)
{
    *b = (struct split_bn){ splits, mem_alloc(sizeof(float) * ps->n_stats) };
}

void split_bn_close(struct split_bn *b)
{
    mem_free(b->before);
}

void split_bn_keep(const struct split_bn *b, const struct params *ps)
{
    mem_copy(b->before, ps->stats, sizeof(float) * ps->n_stats);
}

/* What a running statistic was before the pass. */
static const dev_float *before(const struct split_bn *b, const struct params *ps,
                               const dev_float *now)
{
    const size_t at = (size_t)((const char *)now - (const char *)ps->stats) / sizeof(float);
    return float_at(b->before, at);
}

void split_bn_move(const struct split_bn *b, const struct params *ps, const struct tape *t,
                   int first, int views)
{
    for (int i = first; i < t->n_nodes; i++) {
        const struct node *const n = &t->node[i];
        if (!n->bn.groups || !n->run_mean) continue;
        const size_t channels = (size_t)b->splits * (size_t)n->bn.c;
        const struct bn_shape split = { b->splits, n->bn.rows, n->bn.c };
        const dev_float *mean = before(b, ps, n->run_mean), *var = before(b, ps, n->run_var);
        for (int v = 0; v < views; v++) {
            op_bn_split(n->run_mean, n->run_var, mean, var, float_at(n->mean, (size_t)v * channels),
                        float_at(n->rstd, (size_t)v * channels), split);
            mean = n->run_mean;
            var = n->run_var;
        }
    }
}
