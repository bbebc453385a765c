/* SPDX-License-Identifier: MIT
 *
 * monitor.h -- what is looked at during and after training, always in evaluation mode on the
 * monitor images.
 */
#pragma once
#include "train.h"

/* Backbone features of the training and the test images.  Zeroed: none yet. */
struct probe_data { struct features train, test; };

/* Fills the monitored measures of r: cos_h and cos_z if they are to be measured, knn_test if these
 * are the run's last weights.  0; EXIT_AGAIN if a stop was requested; EXIT_DIVERGED if the outputs
 * are not finite: r then holds no kNN, which would count noise.  Of the last weights the features
 * it made are left in *keep, where the probe wants the same. */
int monitor_run(struct trainer *t, struct epoch_record *r, bool last, struct probe_data *keep);

/* The linear probe on frozen backbone features, going on from t->probe: one epoch each call;
 * status as above. Opening makes the features unless `data` has them; restarting forgets what
 * the probe has learnt. */
int monitor_probe_open(struct trainer *t, struct probe_data *data);
void monitor_probe_restart(struct trainer *t);
/* The plan that the run's settings ask for; another one may be tried. */
struct probe_plan monitor_probe_plan(const struct trainer *t);
int monitor_probe_epoch(struct trainer *t, const struct probe_plan *plan, struct probe_data *data);
void monitor_probe_close(struct probe_data *data);
