/* SPDX-License-Identifier: MIT
 *
 * optim.h -- SGD over parameter groups, and the learning rate's schedule.
 */
#pragma once
#include "nn.h"

/* lr = base_lr * batch / 256 (Sec. 3), then by epoch. */
struct schedule {
    double lr;             /* after scaling by the batch */
    int epochs, steps;     /* steps an epoch */
    double warmup_epochs;  /* linear per step from lr / warm-up steps; 0: none */
    bool constant;         /* Table 1c: not decayed, and not warmed up either (the released code) */
};
/* The rate of step `step` (from 0) of epoch `epoch` (from 0): cosine per epoch, as the released
 * code has it, lr/2 (1 + cos(pi (e - W) / (E - W))) once the W epochs of warm-up are over. */
double schedule_lr(const struct schedule *s, int epoch, int step);

/* One SGD step on every trained tensor of a group; weight decay on all of them, batch norm and
 * biases included (Sec. 3).  lr[0] is on the machine.  Frozen tensors do not move, nor decay. */
void optim_sgd(const struct params *ps, int group, const dev_float *lr, float momentum, float wd);
