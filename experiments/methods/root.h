/* SPDX-License-Identifier: MIT
 *
 * root.h -- a loss that is a method's own, on the tape.
 *
 * Its node's op is the first member of a struct of the method's, in which fwd and bwd find what
 * struct node has no room for.
 */
#pragma once
#include "../../engine/tape.h"

/* Runs the forward pass of a node without an output and, if any of its inputs wants a gradient,
 * keeps it. */
void tape_root(struct tape *t, const struct node *n);
