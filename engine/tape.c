/* SPDX-License-Identifier: MIT
 *
 * tape.c -- the recorded ops, each with its backward beside it.
 */
#include "tape.h"

#include <assert.h>
#include <string.h>

#include "base.h"

/* ---- the arena ------------------------------------------------------------------------------- */

enum { ARENA_BLOCK = 64 << 20 };   /* bytes a block has at least: few blocks, little waste */

void tape_reset(struct tape *t)
{
    for (int i = 0; i < t->n_blocks; i++) t->block[i].used = 0;
    t->n_nodes = 0;
}

void tape_free(struct tape *t)
{
    for (int i = 0; i < t->n_blocks; i++) mem_free(t->block[i].base);
    memset(t, 0, sizeof *t);
}

size_t tape_bytes(const struct tape *t)
{
    size_t sum = 0;
    for (int i = 0; i < t->n_blocks; i++) sum += t->block[i].size;
    return sum;
}

/* A new block with at least `bytes`. */
static int block_open(struct tape *t, size_t bytes)
{
    if (t->n_blocks == TAPE_BLOCKS)
        die("the arena has more than %d blocks: make the batch smaller", TAPE_BLOCKS);
    const size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
    t->block[t->n_blocks] = (struct block){ mem_alloc(size), size, 0 };
    return t->n_blocks++;
}

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* The first block with room: large activations fill blocks of their own, small things the ends that
 * others leave.  The same requests in the same order get the same addresses, so every step after
 * the first finds its blocks. */
static int block_with_room(struct tape *t, size_t bytes)
{
    int i = 0;
    while (i < t->n_blocks && t->block[i].size - t->block[i].used < rounded(bytes)) i++;
    return i < t->n_blocks ? i : block_open(t, rounded(bytes));
}

static void *take(struct tape *t, size_t bytes)
{
    struct block *const b = &t->block[block_with_room(t, bytes)];
    void *p = b->base + b->used;
    b->used += rounded(bytes);
    return p;
}

static size_t count(struct var v) { return (size_t)v.n * v.h * v.w * v.c; }

struct var var_input(dev_act *data, int n, int h, int w, int c)
{
    return (struct var){ .data = data, .n = n, .h = h, .w = w, .c = c };
}

struct var var_room(struct tape *t, int n, int h, int w, int c)
{
    struct var v = var_input(NULL, n, h, w, c);
    v.data = take(t, count(v) * mem_act_bytes());
    return v;
}

struct var var_rows(struct var x, int first, int n)
{
    assert(first >= 0 && first + n <= x.n);
    const size_t row = (size_t)x.h * x.w * x.c;
    x.data = act_at(x.data, first * row);
    x.first += first * row;
    x.n = n;
    return x;
}

struct var stopgrad(struct var x)
{
    x.grad = NULL;
    return x;
}

/* ---- recording ------------------------------------------------------------------------------- */

/* How n rows in `groups` groups are cut: a group is some views, or a part of one, which is cut less. */
static struct parts parts_of(const struct tape *t, int n, int groups)
{
    if (!t->parts) return (struct parts){ 0 };
    const int views = n / t->batch;
    assert(n % t->batch == 0 && (views % groups == 0 || groups % views == 0));
    if (groups <= views) return (struct parts){ t->parts, views / groups };
    const int splits = groups / views;
    assert(splits % t->parts == 0 || t->parts % splits == 0);
    return (struct parts){ splits < t->parts ? t->parts / splits : 1, 1 };
}

/* Room for a node's output, remembering what lay below it. */
static void output_room(struct tape *t, struct node *n, int h, int w, int c)
{
    n->y = (struct var){ .n = n->x.n, .h = h, .w = w, .c = c };
    const size_t bytes = count(n->y) * mem_act_bytes();
    n->block = block_with_room(t, bytes);
    n->used = t->block[n->block].used;
    n->y.data = take(t, bytes);
}

/* Runs a node's forward pass and, if a gradient is wanted, keeps the node. */
static struct var record(struct tape *t, struct node *n, bool wanted)
{
    n->op->fwd(n);
    if (!wanted) return n->y;
    if (t->n_nodes == TAPE_NODES)
        die("the net has more than %d layers: use fewer blocks", TAPE_NODES);
    if (n->y.data) {
        n->y.grad = &t->grad[t->n_nodes];
        *n->y.grad = (struct grad){ .n = count(n->y) };
    }
    t->node[t->n_nodes++] = *n;
    return n->y;
}

struct var tape_node(struct tape *t, const struct node *own, int width)
{
    struct node n = *own;
    if (width) output_room(t, &n, 1, 1, width);
    return record(t, &n, n.x.grad || n.x2.grad || n.w.grad);
}

/* ---- backward -------------------------------------------------------------------------------- */

static char *grad_end(const struct grad *g)
{
    return (char *)g->at + rounded(g->n * mem_act_bytes());
}

/* A gradient that lies somewhere in the `bytes` from p on; NULL if there is none. */
static const struct grad *grad_within(const struct tape *t, const char *p, size_t bytes)
{
    for (int i = 0; i < t->n_nodes; i++) {
        const struct grad *g = &t->grad[i];
        if (g->at && p < grad_end(g) && (char *)g->at < p + bytes) return g;
    }
    return NULL;
}

/* Memory for g: the first gap above what a block still holds of the forward pass. */
static void grad_place(struct tape *t, struct grad *g)
{
    const size_t bytes = rounded(g->n * mem_act_bytes());
    for (int i = 0; i < t->n_blocks; i++) {
        const struct block *b = &t->block[i];
        const struct grad *in_the_way;
        char *p = b->base + b->used;
        while ((in_the_way = grad_within(t, p, bytes))) p = grad_end(in_the_way);
        if (p + bytes > b->base + b->size) continue;
        g->at = (dev_act *)p;
        return;
    }
    g->at = (dev_act *)t->block[block_open(t, bytes)].base;
}

/* Where a backward leaves the gradient of v: over what is there for the first writer, added for the
 * next ones.  Some rows of a variable are not all of its gradient: that starts as zero. */
static struct act_grad grad_into(struct tape *t, const struct var *v)
{
    struct grad *const g = v->grad;
    if (!g) return (struct act_grad){ NULL, false };
    const bool all = count(*v) == g->n;
    if (!g->at) grad_place(t, g);
    if (!g->written && !all) mem_zero(g->at, g->n * mem_act_bytes());
    const struct act_grad into = { act_at(g->at, v->first), g->written || !all };
    g->written = true;
    return into;
}

/* Hands the memory of y's gradient, which is gone after this node, to an input that has none
 * yet. */
static void grad_inherit(struct node *n)
{
    struct grad *const heir = n->x2.grad && !n->x2.grad->written ? n->x2.grad : n->x.grad;
    if (!n->op->in_place || !heir || heir->written || heir->n != n->y.grad->n) return;
    heir->at = n->y.grad->at;
    n->y.grad->at = NULL;
}

void tape_backward_watched(struct tape *t, struct tape_watcher *w)
{
    for (int i = 0; i < t->n_nodes; i++) {
        t->grad[i].at = NULL;
        t->grad[i].written = false;
    }
    for (int i = t->n_nodes - 1; i >= 0; i--) {
        struct node *const n = &t->node[i];
        struct grad *const dy = n->y.grad;
        if (!dy || dy->written) {                        /* a loss term has no dy: it is a root */
            if (dy) {
                n->dy = dy->at;
                grad_inherit(n);
            }
            n->dx = grad_into(t, &n->x);
            n->dx2 = grad_into(t, &n->x2);
            if (w) w->tell(w, i, false);
            n->op->bwd(n);
            if (w) w->tell(w, i, true);
        }
        if (!dy) continue;
        dy->at = NULL;
        t->block[n->block].used = n->used;      /* nothing before this node reads what came after */
    }
}

void tape_backward(struct tape *t)
{
    tape_backward_watched(t, NULL);
}

/* ---- ops: forward and backward side by side, then the call that records them ----------------- */

static void conv_fwd(const struct node *n)
{
    op_conv_fwd(n->y.data, n->x.data, n->w.data, n->conv);
}
static void conv_bwd(const struct node *n)
{
    op_conv_bwd(n->dx, n->w.grad, n->dy, n->x.data, n->w.data, n->conv);
}
static double conv_flops(const struct node *n)
{
    return 2.0 * (double)count(n->y) * n->conv.r * n->conv.r * n->x.c;
}
static const struct op conv_op = { "conv", conv_fwd, conv_bwd, conv_flops, false };

struct var conv(struct tape *t, struct var x, struct weight w, int k, int r, int stride, int pad)
{
    struct node n = { .op = &conv_op, .x = x, .w = w,
                      .conv = { x.n, x.h, x.w, x.c, k, r, stride, pad, parts_of(t, x.n, 1) } };
    output_room(t, &n, conv_out(x.h, r, stride, pad), conv_out(x.w, r, stride, pad), k);
    return record(t, &n, x.grad || w.grad);
}

static void fc_fwd(const struct node *n)
{
    op_fc_fwd(n->y.data, n->x.data, n->w.data, n->b.data, n->fc);
}
static void fc_bwd(const struct node *n)
{
    op_fc_bwd(n->dx, n->w.grad, n->b.grad, n->dy, n->x.data, n->w.data, n->fc);
}
static double fc_flops(const struct node *n) { return 2.0 * (double)count(n->y) * n->x.c; }
static const struct op fc_op = { "fc", fc_fwd, fc_bwd, fc_flops, false };

struct var fc(struct tape *t, struct var x, struct weight w, struct weight b, int k)
{
    assert(x.h == 1 && x.w == 1);
    struct node n = { .op = &fc_op, .x = x, .w = w, .b = b,
                      .fc = { x.n, x.c, k, parts_of(t, x.n, 1) } };
    output_room(t, &n, 1, 1, k);
    return record(t, &n, x.grad || w.grad || b.grad);
}

static void relu_fwd(const struct node *n) { op_relu_fwd(n->y.data, n->x.data, count(n->y)); }
static void relu_bwd(const struct node *n) { op_relu_bwd(n->dx, n->dy, n->y.data, count(n->y)); }
static const struct op relu_op = { "relu", relu_fwd, relu_bwd, NULL, true };

struct var relu(struct tape *t, struct var x)
{
    struct node n = { .op = &relu_op, .x = x };
    output_room(t, &n, x.h, x.w, x.c);
    return record(t, &n, x.grad);
}

static void pool_fwd(const struct node *n)
{
    op_pool_fwd(n->y.data, n->x.data, n->x.n, n->x.h * n->x.w, n->x.c);
}
static void pool_bwd(const struct node *n)
{
    op_pool_bwd(n->dx, n->dy, n->x.n, n->x.h * n->x.w, n->x.c);
}
static const struct op pool_op = { "pool", pool_fwd, pool_bwd, NULL, false };

struct var pool(struct tape *t, struct var x)
{
    struct node n = { .op = &pool_op, .x = x };
    output_room(t, &n, 1, 1, x.c);
    return record(t, &n, x.grad);
}

static void max_pool_fwd(const struct node *n) { op_max_pool_fwd(n->y.data, n->x.data, n->pool); }
static void max_pool_bwd(const struct node *n)
{
    op_max_pool_bwd(n->dx, n->dy, n->x.data, n->pool);
}
static const struct op max_pool_op = { "max-pool", max_pool_fwd, max_pool_bwd, NULL, false };

struct var max_pool(struct tape *t, struct var x, int r, int stride, int pad)
{
    struct node n = { .op = &max_pool_op, .x = x, .pool = { x.n, x.h, x.w, x.c, r, stride, pad } };
    output_room(t, &n, conv_out(x.h, r, stride, pad), conv_out(x.w, r, stride, pad), x.c);
    return record(t, &n, x.grad);
}

static void bn_act_fwd(const struct node *n)
{
    if (n->bn.groups == 0)
        op_bn_act_eval(n->y.data, n->x.data, n->w.data, n->b.data, n->run_mean, n->run_var,
                       n->x2.data, n->bn.rows, n->bn.c, n->relu);
    else
        op_bn_act_fwd(n->y.data, n->mean, n->rstd, n->run_mean, n->run_var, n->x.data, n->w.data,
                      n->b.data, n->x2.data, n->bn, n->relu);
}
static void bn_act_bwd(const struct node *n)
{
    assert(n->bn.groups > 0 && "evaluation has no gradient");
    op_bn_act_bwd(n->dx, n->w.grad, n->b.grad, n->dx2, n->dy, n->y.data, n->x.data, n->w.data,
                  n->mean, n->rstd, n->bn, n->relu);
}
static const struct op bn_op = { "bn", bn_act_fwd, bn_act_bwd, NULL, true };

struct var bn_act(struct tape *t, struct var x, const struct norm *bn, const struct var *residual,
                  int groups, bool relu_after)
{
    struct node n = { .op = &bn_op, .x = x, .w = bn->gamma, .b = bn->beta,
                      .run_mean = bn->run_mean, .run_var = bn->run_var, .relu = relu_after };
    const int rows = x.n * x.h * x.w;
    if (residual) n.x2 = *residual;
    output_room(t, &n, x.h, x.w, x.c);
    n.bn = (struct bn_shape){ groups, groups ? rows / groups : rows, x.c };
    if (groups) {
        assert(x.n % groups == 0);
        n.bn.parts = parts_of(t, x.n, groups);
        if (!t->splits) n.bn.across = t->across;
        else if (t->parts)
            n.bn.split = (struct parts){ t->splits < t->parts ? t->splits : t->parts,
                                         groups / t->splits };
        n.mean = take(t, 4 * (size_t)groups * (size_t)x.c);
        n.rstd = take(t, 4 * (size_t)groups * (size_t)x.c);
    }
    return record(t, &n, groups && (x.grad || n.w.grad || n.b.grad || n.x2.grad));
}

static void cosine_fwd(const struct node *n)
{
    op_cosine_fwd(n->loss, n->x.data, n->x2.data, n->scale, n->x.n, n->x.c);
}
static void cosine_bwd(const struct node *n)
{
    op_cosine_bwd(n->dx, n->dx2, n->x.data, n->x2.data, n->scale, n->x.n, n->x.c);
}
static const struct op cosine_op = { "cosine", cosine_fwd, cosine_bwd, NULL, false };

static void cross_entropy_fwd(const struct node *n)
{
    op_cross_entropy_fwd(n->loss, n->x.data, n->x2.data, n->scale, n->x.n, n->x.c);
}
static void cross_entropy_bwd(const struct node *n)
{
    op_cross_entropy_bwd(n->dx, n->dx2, n->x.data, n->x2.data, n->scale, n->x.n, n->x.c);
}
static const struct op cross_entropy_op = { "cross-entropy", cross_entropy_fwd, cross_entropy_bwd,
                                            NULL, false };

/* A loss term has no output to differentiate: it is a root. */
static void loss_term(struct tape *t, const struct op *op, dev_float *loss, float weight,
                      struct var p, struct var z)
{
    assert(p.n == z.n && p.c == z.c);
    struct node n = { .op = op, .x = p, .x2 = z, .loss = loss, .scale = weight };
    record(t, &n, p.grad || z.grad);
}

void neg_cosine(struct tape *t, dev_float *loss, float weight, struct var p, struct var z)
{
    loss_term(t, &cosine_op, loss, weight, p, z);
}

void cross_entropy(struct tape *t, dev_float *loss, float weight, struct var p, struct var z)
{
    loss_term(t, &cross_entropy_op, loss, weight, p, z);
}
