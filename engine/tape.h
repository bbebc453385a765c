/* SPDX-License-Identifier: MIT
 *
 * tape.h -- remember a forward pass, then run it backwards.
 *
 * The one idea to keep in mind:
 *
 *     grad == NULL  means  "no gradient wanted here".
 *
 * Images have no grad, frozen weights have no grad, evaluation has no grad, and stop-gradient is
 * nothing but a copy of the variable with its grad set to NULL.
 */
#pragma once
#include "ops.h"

/* The gradient of a node's output.  It has memory only while tape_backward() is between the first
 * op that writes it and the op that made the output. */
struct grad {
    dev_act *at;                   /* NULL at other times */
    size_t n;                      /* elements */
    bool written;                  /* in this backward pass */
};

/* An activation [N, H, W, C]; a feature vector has h = w = 1. */
struct var {
    dev_act *data;
    struct grad *grad;
    size_t first;            /* where in grad it begins, in elements: rows of another begin later */
    int n, h, w, c;
};

/* A parameter tensor; grad NULL: frozen. */
struct weight { dev_float *data, *grad; };

struct node;
/* A kind of op.  fwd and bwd read all they need from the node, so that either can be run again by
 * itself, as the benchmark does (bwd once tape_backward() has given it dy, dx and dx2). */
struct op {
    const char *name;
    void (*fwd)(const struct node *);
    void (*bwd)(const struct node *);
    double (*flops)(const struct node *);      /* of fwd; bwd costs as much for each gradient.
                                                  NULL: no products */
    bool in_place;                 /* may bwd leave dx2, or dx, where dy lies? */
};

/* One recorded op.  The payload holds what it needs; each kind uses its own part. */
struct node {
    const struct op *op;
    struct var y, x, x2;           /* output; first and second input (residual, target) */
    const dev_act *dy;             /* their gradients, in bwd */
    struct act_grad dx, dx2;
    int block;                     /* the arena's block that y lies in, */
    size_t used;                   /* and how much of it was used before */
    struct weight w, b;            /* weight and bias, or gamma and beta */
    dev_float *mean, *rstd;        /* batch norm's saved statistics, */
    dev_float *run_mean, *run_var; /* and its running ones */
    dev_float *loss;               /* where a loss term is added */
    struct conv_shape conv;
    struct pool_shape pool;        /* of a max-pool */
    struct fc_shape fc;
    struct bn_shape bn;            /* groups == 0: evaluation */
    float scale;                   /* a loss term's weight */
    bool relu;
};

enum { TAPE_NODES = 1024, TAPE_BLOCKS = 512 };
struct tape {
    struct node node[TAPE_NODES];
    struct grad grad[TAPE_NODES];  /* of each node's output */
    int n_nodes;
    /* The arena: blocks taken from the machine as the first step needs them, used again by every
     * later one, so that a training step allocates nothing and sees the same addresses each time.
     * The forward pass piles activations up, the backward pass takes them away again and lays the
     * gradients where they were. */
    struct block { char *base; size_t size, used; } block[TAPE_BLOCKS];
    int n_blocks;
    /* A batch of so many images is cut into so many parts (struct parts of ops.h), and other processes
     * have others of it (NULL: none); what goes through is whole batches, view after view.  parts 0:
     * whatever goes through is not cut. */
    int batch, parts;
    const struct across *across;
    int splits;                    /* of each view that is here, as groups of their own; 0: views are whole */
};

/* A zeroed struct tape is ready for use. */
void tape_reset(struct tape *t);                   /* forget everything; keeps the arena */
void tape_free(struct tape *t);
size_t tape_bytes(const struct tape *t);           /* the arena's size on the machine */
/* Runs backwards every node that a gradient reaches; loss terms are the roots, and their weights
 * the seeds.  Activations do not survive it. */
void tape_backward(struct tape *t);
/* The same, and `tell` hears of each op before it runs and after. */
struct tape_watcher { void (*tell)(struct tape_watcher *w, int node, bool done); };
void tape_backward_watched(struct tape *t, struct tape_watcher *w);

struct var var_input(dev_act *data, int n, int h, int w, int c);
/* images first .. first+n-1 of x: a view, no copy */
struct var var_rows(struct var x, int first, int n);
struct var stopgrad(struct var x);                      /* Sec. 3: treat x as a constant */
/* Room for an input or a batch of views in the arena, without a gradient. */
struct var var_room(struct tape *t, int n, int h, int w, int c);

/* Ops.  A node is recorded only if some input or weight wants a gradient. */
struct var conv(struct tape *t, struct var x, struct weight w, int k, int r, int stride, int pad);
/* b.data may be NULL */
struct var fc(struct tape *t, struct var x, struct weight w, struct weight b, int k);
struct var relu(struct tape *t, struct var x);
struct var pool(struct tape *t, struct var x);                                  /* global average */
struct var max_pool(struct tape *t, struct var x, int r, int stride, int pad);

/* Batch norm, ReLU and residual as one op.  groups > 0: training, statistics per group of n /
 * groups images, running statistics move if not NULL.  groups == 0: evaluation from the running
 * statistics. */
struct norm { struct weight gamma, beta; dev_float *run_mean, *run_var; };
struct var bn_act(struct tape *t, struct var x, const struct norm *bn, const struct var *residual,
                  int groups, bool relu);

/* A node of an op that is the caller's own, made of op, inputs and whatever the op reads: its
 * struct op may be the first member of a struct in which fwd and bwd find what struct node has no
 * room for.  With an output [N, width], N rows as x has; with width 0 it is a root, as a loss is,
 * and the answer has no data. */
struct var tape_node(struct tape *t, const struct node *n, int width);

/* loss[0] += weight * mean(-cos(p, z)), eq. (1). */
void neg_cosine(struct tape *t, dev_float *loss, float weight, struct var p, struct var z);
/* loss[0] += weight * mean(-softmax(z) . log softmax(p)), Sec. 4.5. */
void cross_entropy(struct tape *t, dev_float *loss, float weight, struct var p, struct var z);
