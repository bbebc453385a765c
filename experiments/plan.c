/* SPDX-License-Identifier: MIT
 *
 * plan.c -- `simsiam plan`: the runs of an experiment, what is done, and what the rest would cost here.
 *
 * Time is measured, not guessed: a few steps of each row are run, and the monitors' and the probe's share is
 * reckoned from the forward passes they make.
 */
#include "commands.h"
#include "experiment.h"
#include "options.h"
#include "runner.h"
#include "train.h"

#include <stdlib.h>

struct cost { double step_seconds, run_seconds, memory_mib, checkpoint_mib, parameters; };

/* A forward pass is about a third of a step's work on the same images. */
static double run_seconds(const struct trainer *t, double step)
{
    const struct settings *s = t->s;
    const double image = step / ((double)s->batch * t->model.n_views) / 3;
    const double monitors = 1 + s->epochs / s->knn_every + (s->epochs % s->knn_every != 0);
    const double probe = s->probe_augment ? s->probe_epochs : 1;
    return step * t->steps * s->epochs + image * (monitors * (s->train_count + 3.0 * s->monitor_count) +
                                                  probe * s->train_count);
}

/* Seconds of a step.  The first one allocates, which a small net notices; where it takes long enough to be a plan's
 * whole cost, it is taken as it is. */
static double step_time(struct trainer *t, int steps)
{
    enum { LONG = 3 };             /* seconds */
    double start = clock_seconds();
    trainer_step(t);
    const double first = clock_seconds() - start;
    if (steps > t->steps - 1) steps = t->steps - 1;
    if (first > LONG || steps < 1) return first;
    start = clock_seconds();
    for (int i = 0; i < steps; i++) trainer_step(t);
    return (clock_seconds() - start) / steps;
}

static struct cost measure(const struct settings *s, int steps)
{
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, s, 1);
    const struct params *ps = &t->model.params;
    struct cost c = { .step_seconds = step_time(t, steps), .parameters = (double)ps->count };
    const size_t widths = (size_t)t->model.backbone.features + (size_t)t->model.projector.out;
    const size_t features = (size_t)(s->train_count + s->monitor_count) * widths;
    c.run_seconds = run_seconds(t, c.step_seconds);
    c.memory_mib = (double)(tape_bytes(&t->tape) + 12 * ps->count + 4 * features) / (1 << 20);
    c.checkpoint_mib = 2.0 * 8 * (double)ps->count / (1 << 20);
    trainer_close(t);
    free(t);
    return c;
}

int command_plan(int argc, char **argv)
{
    const char *scale = "quick", *seed_text = "1 2 3", *root = "runs";
    int threads = 0, steps = 5;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "seeds", OPTION_TEXT, &seed_text, "LIST", "seeds" },
        { "runs", OPTION_TEXT, &root, "DIR", "where runs are kept" },
        { "threads", OPTION_INT, &threads, "N", "threads; 0: all cores" },
        { "steps", OPTION_INT, &steps, "N", "steps to time for each row" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "plan FILE [options]", "Which runs are left, and their time, memory and disk here.",
                  rows, 1, 1);
    threads_check(threads);
    if (steps < 1) die_user("--steps %d: at least 1", steps);
    static struct experiment e;
    experiment_load(&e, argv[1], scale);
    int seeds[SEEDS_MAX], left = 0;
    const int n_seeds = seeds_parse(seeds, seed_text);
    machine_open(threads);
    double total = 0;
    printf("%-16s %6s %6s %12s %12s %10s %12s %12s\n", "row", "runs", "left", "parameters", "ms/step", "memory MiB",
           "disk MiB/run", "minutes/run");
    for (int r = 0; r < e.n_rows; r++) {
        int row_left = 0;
        for (int i = 0; i < n_seeds; i++) {
            char *stale;
            row_left += run_finished(root, &e.row[r].settings, seeds[i], &stale) == RUN_NONE;
            free(stale);
        }
        const struct cost c = measure(&e.row[r].settings, steps);
        printf("%-16s %6d %6d %12.0f %12.1f %10.0f %12.1f %12.1f\n", e.row[r].name, n_seeds, row_left, c.parameters,
               1e3 * c.step_seconds, c.memory_mib, c.checkpoint_mib, c.run_seconds / 60);
        total += row_left * c.run_seconds;
        left += row_left;
    }
    printf("%d runs left, about %.1f hours one after the other\n", left, total / 3600);
    return 0;
}
