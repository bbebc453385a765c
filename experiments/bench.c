/* SPDX-License-Identifier: MIT
 *
 * bench.c -- `simsiam bench`: time of a step, GFLOP/s, and each op's share, against sgemm's rate.
 *
 * A recorded step holds all that its ops need, so each can be run again by itself: the shares are of ops timed
 * alone, the step is timed whole, and the difference is printed as what it is.
 */
#include "commands.h"
#include "options.h"
#include "train.h"

#include <stdlib.h>
#include <string.h>

enum { REPEATS_MAX = 101 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* The yardstick of this machine, in this run. */
static double peak_flops(void)
{
    struct machine_peaks p;
    machine_peaks(&p);
    printf("peaks: fp32 %.0f, bf16 %.0f, sgemm %.0f GFLOP/s; copy %.0f GB/s\n", 1e-9 * p.fp32, 1e-9 * p.bf16,
           1e-9 * p.sgemm, 1e-9 * p.copy);
    return p.sgemm;
}

/* One line of the profile: all ops of one kind, forward or backward. */
enum { KINDS_MAX = 16 };
struct kind { const struct op *op; bool backward; double seconds, flops; };

static struct kind *kind_of(struct kind *kind, int *n, const struct op *op, bool backward)
{
    for (int i = 0; i < *n; i++)
        if (kind[i].op == op && kind[i].backward == backward) return &kind[i];
    kind[*n] = (struct kind){ .op = op, .backward = backward };
    return &kind[(*n)++];
}

static double time_node(const struct node *n, bool backward, int repeats)
{
    double seconds[REPEATS_MAX];
    for (int i = 0; i < repeats; i++) {
        const double start = clock_seconds();
        (backward ? n->op->bwd : n->op->fwd)(n);
        seconds[i] = clock_seconds() - start;
    }
    return median(seconds, repeats);
}

static int profile(const struct tape *t, struct kind *kind, int repeats)
{
    int kinds = 0;
    for (int i = 0; i < t->n_nodes; i++)
        for (int backward = 0; backward < 2; backward++) {
            const struct node *n = &t->node[i];
            struct kind *const k = kind_of(kind, &kinds, n->op, backward);
            k->seconds += time_node(n, backward, repeats);
            if (!n->op->flops) continue;
            k->flops += n->op->flops(n) * (backward ? !!n->x.grad + !!n->w.grad : 1);
        }
    return kinds;
}

static double time_augment(struct trainer *t, int repeats)
{
    const int n = t->s->batch, views = t->model.n_views;
    double seconds[REPEATS_MAX];
    tape_reset(&t->tape);
    const struct var x = var_room(&t->tape, n, t->s->image_size, t->s->image_size, 3);
    for (int i = 0; i < repeats; i++) {
        const double start = clock_seconds();
        for (int v = 0; v < views; v++)
            op_augment(x.data, t->train.images, t->index, n, t->train.host.h, t->train.host.w, t->s->image_size,
                       &t->recipe, t->seed, 0, (uint32_t)v);
        seconds[i] = clock_seconds() - start;
    }
    return median(seconds, repeats);
}

static double time_sgd(struct trainer *t, int repeats)
{
    double seconds[REPEATS_MAX];
    for (int i = 0; i < repeats; i++) {
        const double start = clock_seconds();
        for (int g = 0; g < GROUPS; g++)
            optim_sgd(&t->model.params, (enum param_group)g, float_at(t->lr, (size_t)g), 0.9f, 0);
        seconds[i] = clock_seconds() - start;
    }
    return median(seconds, repeats);
}

static void line(const char *name, const char *pass, double seconds, double flops, double step, double peak)
{
    printf("%-10s %-9s %9.2f ms %7.1f %%", name, pass, 1e3 * seconds, 100 * seconds / step);
    if (flops > 0) printf(" %9.1f GFLOP/s %7.1f %% of peak", 1e-9 * flops / seconds, 100 * flops / seconds / peak);
    printf("\n");
}

static void bench_row(const struct experiment *e, const struct row *row, int repeats)
{
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &row->settings, 1);
    if (t->steps < repeats + 1) repeats = t->steps - 1;
    if (repeats < 1) die_user("%s: an epoch has %d steps; bench needs 2", row->name, t->steps);
    const double peak = peak_flops();
    double step[REPEATS_MAX];
    trainer_step(t);
    for (int i = 0; i < repeats; i++) {
        const double start = clock_seconds();
        trainer_step(t);
        step[i] = clock_seconds() - start;
    }
    const double whole = median(step, repeats);
    struct kind kind[KINDS_MAX];
    const int kinds = profile(&t->tape, kind, repeats);
    double sum = 0, flops = 0;
    for (int i = 0; i < kinds; i++) sum += kind[i].seconds, flops += kind[i].flops;
    printf("%s/%s, batch %d, %d x %d, median of %d\n", e->name, row->name, row->settings.batch,
           row->settings.image_size, row->settings.image_size, repeats);
    printf("sgemm: %.1f GFLOP/s (the peak below)\n", 1e-9 * peak);
    line("step", "whole", whole, flops, whole, peak);
    for (int i = 0; i < kinds; i++)
        line(kind[i].op->name, kind[i].backward ? "backward" : "forward", kind[i].seconds, kind[i].flops, whole,
             peak);
    const double augment = time_augment(t, repeats), sgd = time_sgd(t, repeats);
    line("augment", "", augment, 0, whole, peak);
    line("sgd", "", sgd, 0, whole, peak);
    line("rest", "", whole - sum - augment - sgd, 0, whole, peak);
    printf("%.0f image pairs/s\n", row->settings.batch / whole);
    trainer_close(t);
    free(t);
}

int command_bench(int argc, char **argv)
{
    const char *scale = "quick", *row = NULL;
    int threads = 0, repeats = 11;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "row", OPTION_TEXT, &row, "NAME", "row to time; the first one if not given" },
        { "threads", OPTION_INT, &threads, "N", "threads; 0: all cores" },
        { "repeats", OPTION_INT, &repeats, "N", "how often each is timed" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "bench FILE [options]",
                  "Time of a training step and the share of each op, beside the rate of sgemm.",
                  rows, 1, 1);
    threads_check(threads);
    if (repeats < 1 || repeats > REPEATS_MAX) die_user("--repeats %d: 1 to %d", repeats, REPEATS_MAX);
    static struct experiment e;
    experiment_load(&e, argv[1], scale);
    machine_open(threads);
    bench_row(&e, &e.row[row ? experiment_row(&e, row) : 0], repeats);
    return 0;
}
