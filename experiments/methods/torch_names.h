/* SPDX-License-Identifier: MIT
 *
 * torch_names.h -- a model's tensors by the names and in the layouts that torchvision and timm have
 * for them, and back.
 *
 * The backbone's names are torchvision's already (conv1, bn1, layer2.0.downsample.1, ...); a
 * convolution's weights are [K, C, R, S] there and [K, R, S, C] here, all else lies the same.
 * Batch norm's num_batches_tracked, which torch's strict loading wants, is written, and not read.
 */
#pragma once
#include "encoder.h"
#include "../../engine/tensor_file.h"

/* The model's tensors, with data and stats [floats] as in its blocks, behind those in w. */
void torch_tensors_add(struct weights *w, const struct params *ps, const float *data,
                       const float *stats, int64_t batches);

/* What of a model a file has. */
struct torch_found {
    bool projector, predictor;
    const struct weight_tensor *fc, *fc_bias;      /* [classes, features], [classes]; NULL: none */
};
/* The backbone must be there whole and nothing else in its place; a head is there whole or not at
 * all, and then stays as it is; a classifier fc.* of that many classes is found.  False with a line
 * for each thing that is wrong on standard error, the file's name before it. */
bool torch_tensors_take(struct torch_found *found, const struct weights *w, const char *path,
                        struct params *ps, int features);
