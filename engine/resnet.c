/* SPDX-License-Identifier: MIT
 *
 * resnet.c -- basic blocks: y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
 */
#include "resnet.h"

#include <assert.h>
#include <stdio.h>

static struct basic_block block_declare(struct params *ps, const char *name, int c, int k, int stride,
                                        bool zero_init)
{
    char part[48];
    struct basic_block b = { .project = stride != 1 || c != k };
    snprintf(part, sizeof part, "%s.conv1", name);
    b.conv1 = conv_declare(ps, part, c, k, 3, stride, 1);
    snprintf(part, sizeof part, "%s.bn1", name);
    b.bn1 = bn_declare(ps, part, k, true, INIT_ONE);
    snprintf(part, sizeof part, "%s.conv2", name);
    b.conv2 = conv_declare(ps, part, k, k, 3, 1, 1);
    snprintf(part, sizeof part, "%s.bn2", name);
    b.bn2 = bn_declare(ps, part, k, true, zero_init ? INIT_ZERO : INIT_ONE);
    if (!b.project) return b;
    snprintf(part, sizeof part, "%s.downsample.0", name);
    b.shortcut = conv_declare(ps, part, c, k, 1, stride, 0);
    snprintf(part, sizeof part, "%s.downsample.1", name);
    b.bn_shortcut = bn_declare(ps, part, k, true, INIT_ONE);
    return b;
}

struct resnet resnet_declare(struct params *ps, const int *widths, int stages, int blocks, bool zero_init)
{
    assert(stages >= 1 && stages <= STAGES_MAX && blocks >= 1 && stages * blocks <= BLOCKS_MAX);
    struct resnet net = { .features = widths[stages - 1] };
    net.stem = conv_declare(ps, "conv1", 3, widths[0], 3, 1, 1);
    net.bn_stem = bn_declare(ps, "bn1", widths[0], true, INIT_ONE);
    int c = widths[0];
    for (int i = 0; i < stages; i++)
        for (int j = 0; j < blocks; j++) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", i + 1, j);
            net.block[net.n_blocks++] = block_declare(ps, name, c, widths[i], i > 0 && j == 0 ? 2 : 1, zero_init);
            c = widths[i];
        }
    return net;
}

static struct var block_apply(struct tape *t, const struct params *ps, const struct basic_block *b, struct var x,
                              int groups, bool track)
{
    struct var skip = x;
    if (b->project) {
        skip = conv_apply(t, ps, &b->shortcut, x);
        skip = bn_apply(t, ps, &b->bn_shortcut, skip, NULL, groups, track, false);
    }
    struct var y = conv_apply(t, ps, &b->conv1, x);
    y = bn_apply(t, ps, &b->bn1, y, NULL, groups, track, true);
    y = conv_apply(t, ps, &b->conv2, y);
    return bn_apply(t, ps, &b->bn2, y, &skip, groups, track, true);
}

struct var resnet_apply(struct tape *t, const struct params *ps, const struct resnet *net, struct var x, int groups,
                        bool track)
{
    x = conv_apply(t, ps, &net->stem, x);
    x = bn_apply(t, ps, &net->bn_stem, x, NULL, groups, track, true);
    for (int i = 0; i < net->n_blocks; i++) x = block_apply(t, ps, &net->block[i], x, groups, track);
    return pool(t, x);
}

static double conv_flops(const struct conv_layer *l, int c, int *size)
{
    *size = conv_out(*size, l->r, l->stride, l->pad);
    return 2.0 * *size * *size * l->k * l->r * l->r * c;
}

double resnet_flops(const struct params *ps, const struct resnet *net, int size)
{
    double sum = conv_flops(&net->stem, 3, &size);
    for (int i = 0; i < net->n_blocks; i++) {
        const struct basic_block *b = &net->block[i];
        const int c = ps->p[b->conv1.w].dim[3];
        int side = size;
        if (b->project) sum += conv_flops(&b->shortcut, c, &side);
        sum += conv_flops(&b->conv1, c, &size);
        sum += conv_flops(&b->conv2, b->conv1.k, &size);
    }
    return sum;
}
