/* SPDX-License-Identifier: MIT
 *
 * optim.h -- SGD and LARS over parameter groups, and the learning rate's schedule.
 */
#pragma once
#include "nn.h"

/* By epoch or by step, from a rate that is scaled by the batch already. */
struct schedule {
    double lr;             /* after scaling by the batch */
    int epochs, steps;     /* steps an epoch */
    double warmup_epochs;  /* linear per step; 0: none */
    bool constant;         /* Table 1c: not decayed, and not warmed up either (the released code) */
    bool by_step;
    double from, end;      /* by_step: shares of lr, in the warm-up's first step and at the end */
};
/* The rate of step `step` (from 0) of epoch `epoch` (from 0).
 * By epoch, as SimSiam's released code has it: lr/2 (1 + cos(pi (e - W) / (E - W))) once the W
 * epochs of warm-up are over, which begins at lr / its steps.
 * By step, as SimCLR, BYOL and SwAV have it, k of K steps with W of warm-up: lr (from + (1 - from)
 * k / W), then lr (end + (1 - end) / 2 (1 + cos(pi (k - W) / (K - W)))).  (SwAV's own warm-up gets
 * there a step earlier: k / (W - 1).) */
double schedule_lr(const struct schedule *s, int epoch, int step);

/* LARS: op_lars() on each tensor, with a trust coefficient of 0.001 as all three papers have it.
 * SimCLR and BYOL leave biases and batch norm out of it and of weight decay, SwAV nothing (its
 * LARC, apex's, does not clip). */
enum optimizer { OPTIMIZER_SGD, OPTIMIZER_LARS_SIMCLR, OPTIMIZER_LARS_BYOL, OPTIMIZER_LARC };
struct optim { enum optimizer by; float momentum, wd; };

/* One step on every trained tensor of a group.  SGD's weight decay is of all of them, batch norm
 * and biases included (Sec. 3).  lr[0] is on the machine.  Frozen tensors do not move, nor
 * decay. */
void optim_step(const struct params *ps, int group, const dev_float *lr, const struct optim *o);
