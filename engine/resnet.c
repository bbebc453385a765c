/* SPDX-License-Identifier: MIT
 *
 * resnet.c -- blocks: y = relu(bn_n(conv_n(... relu(bn1(conv1(x))))) + shortcut(x)), n = 2 or 3.
 */
#include "resnet.h"

#include <assert.h>
#include <stdio.h>

/* A kind of block: its convolutions, the one with the stride, and how much wider than the stage its
 * output is. */
struct block_plan { int n, r[BLOCK_CONVS], strided, expansion; };
static const struct block_plan block_plans[] = {
    [BLOCK_BASIC] = { 2, { 3, 3 }, 0, 1 },
    [BLOCK_BOTTLENECK] = { 3, { 1, 3, 1 }, 1, 4 },
};
/* ImageNet's max-pool (He et al. 2016, Table 1). */
enum { POOL_SIDE = 3, POOL_STRIDE = 2, POOL_PAD = 1 };

int resnet_features(enum block_kind block, int width)
{
    return width * block_plans[block].expansion;
}

static struct res_block block_declare(struct params *ps, const char *name,
                                      const struct resnet_shape *shape, int c, int width,
                                      int stride)
{
    const struct block_plan *const plan = &block_plans[shape->block];
    const int out = resnet_features(shape->block, width);
    char part[48];
    struct res_block b = { .n = plan->n, .project = stride != 1 || c != out };
    for (int i = 0, in = c; i < b.n; i++) {
        const bool last = i + 1 == b.n;
        const int k = last ? out : width, r = plan->r[i];
        snprintf(part, sizeof part, "%s.conv%d", name, i + 1);
        b.conv[i] = conv_declare(ps, part, in, k, r, i == plan->strided ? stride : 1, r / 2);
        snprintf(part, sizeof part, "%s.bn%d", name, i + 1);
        b.bn[i] = bn_declare(ps, part, k, true, last && shape->zero_init ? INIT_ZERO : INIT_ONE);
        in = k;
    }
    if (!b.project) return b;
    snprintf(part, sizeof part, "%s.downsample.0", name);
    b.shortcut = conv_declare(ps, part, c, out, 1, stride, 0);
    snprintf(part, sizeof part, "%s.downsample.1", name);
    b.bn_shortcut = bn_declare(ps, part, out, true, INIT_ONE);
    return b;
}

struct resnet resnet_declare(struct params *ps, const struct resnet_shape *shape)
{
    assert(shape->stages >= 1 && shape->stages <= STAGES_MAX);
    const int first = shape->widths[0], last = shape->widths[shape->stages - 1];
    struct resnet net = { .kind = shape->stem, .features = resnet_features(shape->block, last) };
    if (net.kind == STEM_IMAGENET) net.stem = conv_declare(ps, "conv1", 3, first, 7, 2, 3);
    else net.stem = conv_declare(ps, "conv1", 3, first, 3, 1, 1);
    net.bn_stem = bn_declare(ps, "bn1", first, true, INIT_ONE);
    int c = first;
    for (int i = 0; i < shape->stages; i++) {
        assert(shape->blocks[i] >= 1 && shape->blocks[i] <= STAGE_BLOCKS_MAX);
        for (int j = 0; j < shape->blocks[i]; j++) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", i + 1, j);
            const int stride = i > 0 && j == 0 ? 2 : 1;
            net.block[net.n_blocks++] = block_declare(ps, name, shape, c, shape->widths[i], stride);
            c = resnet_features(shape->block, shape->widths[i]);
        }
    }
    return net;
}

static struct var block_apply(struct tape *t, const struct params *ps, const struct res_block *b,
                              struct var x, int groups, bool track)
{
    struct var skip = x;
    if (b->project) {
        skip = conv_apply(t, ps, &b->shortcut, x);
        skip = bn_apply(t, ps, &b->bn_shortcut, skip, NULL, groups, track, false);
    }
    for (int i = 0; i < b->n; i++) {
        x = conv_apply(t, ps, &b->conv[i], x);
        x = bn_apply(t, ps, &b->bn[i], x, i + 1 == b->n ? &skip : NULL, groups, track, true);
    }
    return x;
}

struct var resnet_apply(struct tape *t, const struct params *ps, const struct resnet *net,
                        struct var x, int groups, bool track)
{
    x = conv_apply(t, ps, &net->stem, x);
    x = bn_apply(t, ps, &net->bn_stem, x, NULL, groups, track, true);
    if (net->kind == STEM_IMAGENET) x = max_pool(t, x, POOL_SIDE, POOL_STRIDE, POOL_PAD);
    for (int i = 0; i < net->n_blocks; i++)
        x = block_apply(t, ps, &net->block[i], x, groups, track);
    return pool(t, x);
}

static double conv_flops(const struct params *ps, const struct conv_layer *l, int *size)
{
    *size = conv_out(*size, l->r, l->stride, l->pad);
    return 2.0 * *size * *size * (double)ps->p[l->w].count;
}

double resnet_flops(const struct params *ps, const struct resnet *net, int size)
{
    double sum = conv_flops(ps, &net->stem, &size);
    if (net->kind == STEM_IMAGENET) size = conv_out(size, POOL_SIDE, POOL_STRIDE, POOL_PAD);
    for (int i = 0; i < net->n_blocks; i++) {
        const struct res_block *b = &net->block[i];
        int side = size;
        if (b->project) sum += conv_flops(ps, &b->shortcut, &side);
        for (int j = 0; j < b->n; j++) sum += conv_flops(ps, &b->conv[j], &size);
    }
    return sum;
}
