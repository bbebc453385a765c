/* SPDX-License-Identifier: MIT
 *
 * eval.h -- what frozen features are worth: weighted kNN and the linear probe.
 */
#pragma once
#include "ops.h"
#include "base.h"

/* Features on the machine with their labels on the machine: rows of x [n, d] (not normalised). */
struct features { dev_float *x; dev_int *label; int n, d, classes; };
void features_free(struct features *f);

/* kNN accuracy in percent of `query` against `bank` (op_knn), on copies normalised here.  Returns a
 * negative number if a stop was requested meanwhile. */
double knn_accuracy(const struct features *query, const struct features *bank, int k,
                    float temperature);

/* The linear probe's settings (Sec. 3, App. A and D): SGD or LARS, momentum 0.9, no weight decay,
 * cosine per epoch.  LARS is for the weights; the bias has the plain step, as SimCLR's and BYOL's
 * probes have it. */
enum probe_optimizer { PROBE_SGD, PROBE_LARS };
struct probe_plan { double lr; int epochs, batch; uint64_t seed; enum probe_optimizer optimizer; };

/* The probe's state, so that it can be stopped and go on: w [classes, d], b [classes] and their
 * velocities in one block of probe_floats(); `epoch` epochs are done. */
struct probe { dev_float *state, *grad; int epoch, d, classes; };
size_t probe_floats(int d, int classes);                  /* floats in `state`: 2 (d + 1) classes */
void probe_open(struct probe *p, int d, int classes);     /* weights start at zero */
void probe_close(struct probe *p);
/* One epoch over `train` in the order of the keyed permutation of (seed, epoch); returns the mean
 * loss (the last, smaller batch is used too), or -1 if a stop was requested: the probe is then as
 * it was before.  `train` may be other features each epoch: augmented views, in image order. */
double probe_epoch(struct probe *p, const struct probe_plan *plan, const struct features *train);
double probe_accuracy(const struct probe *p, const struct features *test);   /* percent */
