/* SPDX-License-Identifier: MIT
 *
 * root.c -- a node of the tape that has no output to differentiate.
 */
#include "root.h"

#include <assert.h>

#include "../../engine/base.h"

void tape_root(struct tape *t, const struct node *n)
{
    assert(!n->y.data);
    n->op->fwd(n);
    if (!n->x.grad && !n->x2.grad && !n->w.grad) return;
    if (t->n_nodes == TAPE_NODES)
        die("the net has more than %d layers: use fewer blocks", TAPE_NODES);
    t->node[t->n_nodes++] = *n;
}
