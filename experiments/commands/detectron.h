/* SPDX-License-Identifier: MIT
 *
 * detectron.h -- a backbone as detectron2 loads one: a pickle of {"model": {name: array},
 * "__author__": ..., "matching_heuristics": true}, whose names its DetectionCheckpointer matches by
 * their longest common ends (detectron2/checkpoint/detection_checkpoint.py).
 */
#pragma once
#include "../../engine/tensor_file.h"

/* Of torchvision's names the backbone's alone; false with errno set. */
bool detectron_write(const struct weights *w, const char *path);
