/* SPDX-License-Identifier: MIT
 *
 * calibrate.h -- what a run would cost here, from a few of its own steps.
 */
#pragma once
#include <stdio.h>
#include "../methods/settings.h"

struct cost {
    double step_seconds, run_seconds, memory_mib, checkpoint_mib, parameters;
    bool part;            /* scaled from a few images made in code: no reading and decoding in it */
};

/* The same with batches of `batch` images, of as many as two batches made in code: for what asks
 * for time alone. */
struct settings settings_part(const struct settings *s, int batch);
/* A line that says what of the batch and of the method's own was cut; none if nothing was. */
void settings_part_print(FILE *out, const struct settings *s, const struct settings *part);

/* Measures n runs, one of each settings, `jobs` at a time as `simsiam run` would have them: in
 * processes of `threads` threads beside each other, since cores that share a memory slow each
 * other.  At least `steps` steps and a second of them, one pass of the monitors and a few epochs of
 * the probe each; nothing is written.  Before any machine_open().  Dies if a process fails. */
void calibrate(struct cost *cost, const struct settings *const *s, int n, int jobs, int threads,
               int steps);
