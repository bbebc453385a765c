/* SPDX-License-Identifier: MIT
 *
 * resnet.h -- residual networks for small images (He et al. 2016; the CIFAR stem: 3x3, stride 1, no max-pool).
 *
 * A net is named by the widths of its stages and the basic blocks in each: ResNet-18 is 64-128-256-512 x 2.
 */
#pragma once
#include "nn.h"

enum { STAGES_MAX = 4, BLOCKS_MAX = 32 };
struct basic_block {
    struct conv_layer conv1, conv2, shortcut;
    struct bn_layer bn1, bn2, bn_shortcut;
    bool project;                  /* the shortcut is a 1x1 convolution, not the identity */
};
struct resnet {
    struct conv_layer stem;
    struct bn_layer bn_stem;
    struct basic_block block[BLOCKS_MAX];
    int n_blocks, features;        /* features: channels after the global average pooling */
};

/* zero_init: the last gamma of each block starts at zero, so that each block starts as the identity (App. A).
 * Stage 0 keeps the resolution, each later one halves it. */
struct resnet resnet_declare(struct params *ps, const int *widths, int stages, int blocks, bool zero_init);
/* x [N,H,W,3] -> [N,1,1,features]; groups and track as in bn_apply(). */
struct var resnet_apply(struct tape *t, const struct params *ps, const struct resnet *net, struct var x, int groups,
                        bool track);
/* Multiply-adds of one image's forward pass, times 2. */
double resnet_flops(const struct params *ps, const struct resnet *net, int size);
