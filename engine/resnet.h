/* SPDX-License-Identifier: MIT
 *
 * resnet.h -- residual networks (He et al. 2016), in torchvision's layout and under its names.
 *
 * A net is named by its stem, its kind of block, the widths of its stages and the blocks in each:
 *   ResNet-18   64-128-256-512, basic blocks x 2
 *   ResNet-50   64-128-256-512, bottlenecks x 3, 4, 6, 3
 */
#pragma once
#include "nn.h"

enum { STAGES_MAX = 4, STAGE_BLOCKS_MAX = 8, BLOCKS_MAX = STAGES_MAX * STAGE_BLOCKS_MAX };

/* For small images 3x3 with stride 1; ImageNet's is 7x7 with stride 2, then a max-pool of 3x3 with
 * stride 2. */
enum stem { STEM_CIFAR, STEM_IMAGENET };
/* Two 3x3; or 1x1, 3x3 and 1x1, of which the last is four times as wide and the 3x3 has the stride:
 * the published net has it in the first 1x1, torchvision and its likes ("v1.5") do not. */
enum block_kind { BLOCK_BASIC, BLOCK_BOTTLENECK };

struct resnet_shape {
    enum stem stem;
    enum block_kind block;
    int stages, widths[STAGES_MAX], blocks[STAGES_MAX];
    bool zero_init;       /* the last gamma of each block is zero at first: the identity (App. A) */
};

enum { BLOCK_CONVS = 3 };
struct res_block {
    struct conv_layer conv[BLOCK_CONVS], shortcut;
    struct bn_layer bn[BLOCK_CONVS], bn_shortcut;
    int n;                         /* convolutions */
    bool project;                  /* the shortcut is a 1x1 convolution, not the identity */
};
struct resnet {
    enum stem kind;
    struct conv_layer stem;
    struct bn_layer bn_stem;
    struct res_block block[BLOCKS_MAX];
    int n_blocks, features;        /* features: channels after the global average pooling */
};

/* Channels after the last stage, `width` wide. */
int resnet_features(enum block_kind block, int width);
/* Stage 0 keeps the stem's resolution, each later one halves it. */
struct resnet resnet_declare(struct params *ps, const struct resnet_shape *shape);
/* x [N,H,W,3] -> [N,1,1,features]; groups and track as in bn_apply(). */
struct var resnet_apply(struct tape *t, const struct params *ps, const struct resnet *net,
                        struct var x, int groups, bool track);
/* Multiply-adds of one image's forward pass, times 2. */
double resnet_flops(const struct params *ps, const struct resnet *net, int size);
