/* SPDX-License-Identifier: MIT
 *
 * split_bn.c -- running statistics of split batch norm.
 */
#include "split_bn.h"

#include "../../engine/comm.h"

void split_bn_open(struct split_bn *b, const struct params *ps, int splits)
{
    size_t widest = 0;
    for (int i = 0; i < ps->n; i++)
        if (ps->p[i].statistic && ps->p[i].count > widest) widest = ps->p[i].count;
    const size_t all = sizeof(float) * (size_t)splits * widest;
    *b = (struct split_bn){ splits, mem_alloc(sizeof(float) * ps->n_stats), mem_alloc(all),
                            mem_alloc(all) };
}

void split_bn_close(struct split_bn *b)
{
    mem_free(b->before);
    mem_free(b->mean);
    mem_free(b->rstd);
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
        /* of a view, here; where it is one split all processes have it */
        const size_t channels = (size_t)(n->bn.groups / views) * (size_t)n->bn.c;
        const struct bn_shape split = { b->splits, bn_rows_in_all(&n->bn), n->bn.c };
        const dev_float *mean = before(b, ps, n->run_mean), *var = before(b, ps, n->run_var);
        for (int v = 0; v < views; v++) {
            const dev_float *means = float_at(n->mean, (size_t)v * channels);
            const dev_float *rstds = float_at(n->rstd, (size_t)v * channels);
            if (n->bn.groups / views < b->splits) {
                comm_all_gather(b->mean, means, sizeof(float) * channels);
                comm_all_gather(b->rstd, rstds, sizeof(float) * channels);
                means = b->mean;
                rstds = b->rstd;
            }
            op_bn_split(n->run_mean, n->run_var, mean, var, means, rstds, split);
            mean = n->run_mean;
            var = n->run_var;
        }
    }
}
