/* SPDX-License-Identifier: MIT
 *
 * eval_parts.h -- what `simsiam eval` does, by what it was asked for.
 */
#pragma once
#include "../run/monitor.h"
#include "../suite/experiment.h"

/* Learning rates to try, from "0.1 1 10"; a wrong one exits 2. */
enum { RATES_MAX = 32 };
struct rates { double rate[RATES_MAX]; int n; };

struct asked {
    int seed, threads;
    const char *from;              /* a run's folder, or a .safetensors file; NULL: the row's own run */
    const char *outputs;           /* a folder; NULL: none */
    struct rates rates;
};

bool is_weights_file(const char *path);
/* A status, as those below: 0, EXIT_AGAIN if a stop was requested, EXIT_DIVERGED. */
int eval_weights(const struct row *row, const struct asked *asked);

/* The probe's accuracy at other learning rates, from the same frozen features: for choosing a rate,
 * on held-out images. */
int probe_rates(struct trainer *t, struct probe_data *data, const struct rates *rates);

/* Into `folder`, as .npy of float32 and int32: train_f and test_f [n, f], backbone features under the
 * test transform, with train_label and test_label [n]; z [n, d], projections of the monitor images,
 * and z1, z2 [n, d], those of two views by the scale's standard recipe: what `simsiam check --views
 * z1.npy z2.npy --rest z.npy` judges. */
int outputs_dump(struct trainer *t, const struct probe_data *data, const char *folder);
