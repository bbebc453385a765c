/* SPDX-License-Identifier: MIT
 *
 * cmd_bench.c -- `simsiam bench`: time and memory of a training step; each layer beside the peaks.
 *
 * The roofline of a pass over a layer is the larger of two times: its products at the peak rate of the precision,
 * and its tensors, each moved once, at the rate of a copy.  Both peaks are measured in the same run; the bytes come
 * from the list of layers, not from what an implementation moves.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "calibrate.h"
#include "options.h"
#include "../run/train.h"
#include "../suite/experiment.h"

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

/* ---- memory -------------------------------------------------------------------------------------------- */

/* A line of /proc/self/status, in MiB; 0 where there is no such file. */
static double status_mib(const char *key)
{
    char line[256];
    unsigned long kib = 0;
    FILE *const f = fopen("/proc/self/status", "r");
    const size_t length = strlen(key);
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, length) && line[length] == ':') kib = strtoul(line + length + 1, NULL, 10);
    if (f) fclose(f);
    return (double)kib / 1024;
}

/* Lets the high-water mark of the resident memory start from what is resident now, and returns that. */
static double memory_start(void)
{
    FILE *const f = fopen("/proc/self/clear_refs", "w");
    if (f) {
        fputs("5", f);
        fclose(f);
    }
    return status_mib("VmRSS");
}

/* ---- the whole step ------------------------------------------------------------------------------------ */

/* The clock, once the machine has done what it was asked: a device works on behind the calls.  `any` is a number of
 * the machine's. */
static double clock_settled(const dev_float *any)
{
    float number;
    mem_download(&number, any, sizeof number);
    return clock_seconds();
}

struct timing { double median, least, most; };

static struct timing timing_of(double *seconds, int n)
{
    struct timing t = { .median = median(seconds, n) };            /* sorts */
    t.least = seconds[0];
    t.most = seconds[n - 1];
    return t;
}

static struct var views_make(struct trainer *t)
{
    const struct var views = trainer_views(t);
    if (!views.data) exit(EXIT_AGAIN);
    return views;
}

/* Views of one batch, made once and kept outside the tape. */
static struct var views_keep(struct trainer *t)
{
    tape_reset(&t->tape);
    const struct var x = views_make(t);
    const size_t bytes = (size_t)x.n * x.h * x.w * x.c * mem_act_bytes();
    void *const host = host_alloc(bytes, 1);
    struct var kept = x;
    kept.data = mem_alloc(bytes);
    mem_download(host, x.data, bytes);
    mem_upload(kept.data, host, bytes);
    free(host);
    return kept;
}

/* Steps on views that are there already, and steps that make theirs, in turn. */
static void time_steps(struct trainer *t, struct var views, int repeats, struct timing *ready, struct timing *made)
{
    double a[REPEATS_MAX], b[REPEATS_MAX];
    for (int i = 0; i < repeats; i++) {
        double start = clock_settled(t->log);
        trainer_step_on(t, views);
        a[i] = clock_settled(t->log) - start;
        /* trainer_step() finds the batch that was made ahead for it. */
        trainer_seek(t, t->epoch, t->step - 1);
        start = clock_settled(t->log);
        if (made) trainer_step(t);
        b[i] = clock_settled(t->log) - start;
        if (t->step == t->steps) trainer_seek(t, t->epoch, 0);
    }
    *ready = timing_of(a, repeats);
    if (made) *made = timing_of(b, repeats);
}

static double time_augment(struct trainer *t, int repeats)
{
    double seconds[REPEATS_MAX];
    for (int i = 0; i < repeats; i++) {
        tape_reset(&t->tape);
        const double start = clock_settled(t->log);
        views_make(t);
        seconds[i] = clock_settled(t->log) - start;
    }
    return median(seconds, repeats);
}

/* The processor's time for the views of a batch, whatever else the machine does meanwhile.  Its clock may tick in
 * hundredths of a second. */
static double cpu_augment(struct trainer *t)
{
    const double enough = 1, start = clock_cpu_seconds();
    double spent = 0;
    int batches = 0;
    for (; spent < enough; batches++) {
        tape_reset(&t->tape);
        views_make(t);
        spent = clock_cpu_seconds() - start;
    }
    return spent / batches;
}

static double time_sgd(struct trainer *t, int repeats)
{
    double seconds[REPEATS_MAX];
    for (int i = 0; i < repeats; i++) {
        const double start = clock_settled(t->log);
        for (int g = 0; g < GROUPS; g++)
            optim_step(&t->model.params, g, float_at(t->lr, (size_t)g), &t->optim);
        seconds[i] = clock_settled(t->log) - start;
    }
    return median(seconds, repeats);
}

/* ---- each layer ---------------------------------------------------------------------------------------- */

static double count(struct var v) { return v.data ? (double)v.n * v.h * v.w * v.c : 0; }

static double weights(const struct node *n)
{
    if (!n->w.data) return 0;
    if (n->conv.n) return (double)n->conv.k * n->conv.r * n->conv.r * n->conv.c;
    return n->bn.c ? 2.0 * n->bn.c : (double)n->x.c * n->y.c + (n->b.data ? n->y.c : 0);
}

static double forward_bytes(const struct node *n)
{
    return (count(n->x) + count(n->x2) + count(n->y)) * (double)mem_act_bytes() + 4 * weights(n);
}

/* dy, what it is multiplied with or masked by, dx, dx2; weights and their gradients. */
static double backward_bytes(const struct node *n)
{
    double activations = count(n->y);
    if (n->w.grad || n->bn.c || n->pool.n || n->loss) activations += count(n->x);
    if (n->loss) activations += count(n->x2);
    if (n->relu) activations += count(n->y);
    if (n->x.grad) activations += count(n->x);
    if (n->x2.grad) activations += count(n->x2);
    return activations * (double)mem_act_bytes() + 4 * weights(n) * (n->w.grad ? 2 : 1);
}

/* One pass over one layer; bound: the seconds that the roofline allows. */
struct pass { double seconds, flops, bytes, bound; };
struct layer { struct pass pass[2]; };                             /* forward, backward */

/* Times each op of tape_backward() in its place. */
struct watch {
    struct tape_watcher watcher;
    const dev_float *any;          /* for clock_settled() */
    double start, seconds[TAPE_NODES];
};

static void watch_tell(struct tape_watcher *watcher, int node, bool done)
{
    struct watch *const w = (struct watch *)watcher;
    const double now = clock_settled(w->any);
    if (done) w->seconds[node] = now - w->start;
    else w->start = now;
}

static double peak_of(const struct machine_peaks *peak)
{
    return mem_act_bytes() == 2 ? peak->bf16 : peak->fp32;
}

static struct pass pass_of(double seconds, double flops, double bytes, const struct machine_peaks *peak)
{
    const double compute = flops / peak_of(peak), memory = bytes / peak->copy;
    return (struct pass){ seconds, flops, bytes, compute > memory ? compute : memory };
}

/* Times every recorded op forward and backward; the nodes stay on the tape.  `layer` has room for TAPE_NODES. */
static void time_layers(struct trainer *t, struct var views, struct layer *layer, int repeats,
                        const struct machine_peaks *peak)
{
    double (*const seconds)[2][REPEATS_MAX] = host_alloc(TAPE_NODES, sizeof *seconds);
    struct watch *const watch = host_alloc(1, sizeof *watch);
    for (int r = 0; r < repeats; r++) {
        mem_zero(t->model.params.grad, sizeof(float) * t->model.params.count);
        trainer_forward(t, views);
        for (int i = 0; i < t->tape.n_nodes; i++) {
            const double start = clock_settled(t->log);
            t->tape.node[i].op->fwd(&t->tape.node[i]);
            seconds[i][0][r] = clock_settled(t->log) - start;
        }
        *watch = (struct watch){ .watcher = { watch_tell }, .any = t->log };
        tape_backward_watched(&t->tape, &watch->watcher);
        for (int i = 0; i < t->tape.n_nodes; i++) seconds[i][1][r] = watch->seconds[i];
    }
    for (int i = 0; i < t->tape.n_nodes; i++) {
        const struct node *n = &t->tape.node[i];
        const double flops = n->op->flops ? n->op->flops(n) : 0;
        layer[i].pass[0] = pass_of(median(seconds[i][0], repeats), flops, forward_bytes(n), peak);
        layer[i].pass[1] = pass_of(median(seconds[i][1], repeats), flops * (!!n->x.grad + !!n->w.grad),
                                   backward_bytes(n), peak);
    }
    free(watch);
    free(seconds);
}

/* The best of some measurements: where the threads of the first one share a core, it says a tenth of the truth. */
static struct machine_peaks peaks_measure(void)
{
    enum { TRIES = 8 };
    struct machine_peaks best = { 0, 0, 0, 0 };
    for (int i = 0; i < TRIES; i++) {
        struct machine_peaks now;
        machine_peaks(&now);
        if (now.fp32 > best.fp32) best.fp32 = now.fp32;
        if (now.bf16 > best.bf16) best.bf16 = now.bf16;
        if (now.sgemm > best.sgemm) best.sgemm = now.sgemm;
        if (now.copy > best.copy) best.copy = now.copy;
    }
    return best;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

enum { NAME = 32 };

static void layer_name(char name[NAME], const struct node *n)
{
    const struct conv_shape *s = &n->conv;
    if (s->n)
        snprintf(name, NAME, "conv %dx%d%s %d->%d %dx%d", s->r, s->r, s->stride > 1 ? " /2" : "", s->c, s->k,
                 s->h, s->w);
    else if (n->bn.c)
        snprintf(name, NAME, "bn%s%s %d %dx%d", n->x2.data ? " + x" : "", n->relu ? " relu" : "", n->x.c, n->x.h,
                 n->x.w);
    else if (n->w.data)
        snprintf(name, NAME, "%s %d->%d", n->op->name, n->x.c, n->y.c);
    else
        snprintf(name, NAME, "%s %d", n->op->name, n->x.c);
}

static void print_pass(const char *name, const char *direction, const struct pass *p, double step,
                       const struct machine_peaks *peak)
{
    printf("%-30s %-8s %8.3f %6.1f", name, direction, 1e3 * p->seconds, 100 * p->seconds / step);
    const double rate = p->flops / p->seconds;
    if (p->flops > 0) printf(" %9.1f %6.1f", 1e-9 * rate, 100 * rate / peak_of(peak));
    else printf(" %9s %6s", "", "");
    printf(" %9.2f %8.1f %6.1f\n", 1e-6 * p->bytes, 1e-9 * p->bytes / p->seconds,
           100 * p->bound / p->seconds);
}

static const char *const directions[2] = { "forward", "backward" };

static void print_layers(const struct tape *t, const struct layer *layer, double step,
                         const struct machine_peaks *peak)
{
    printf("%-30s %-8s %8s %6s %9s %6s %9s %8s %6s\n", "layer", "pass", "ms", "% step", "GFLOP/s", "% peak", "MB",
           "GB/s", "% roof");
    for (int i = 0; i < t->n_nodes; i++)
        for (int k = 0; k < 2; k++) {
            char name[NAME];
            layer_name(name, &t->node[i]);
            print_pass(name, directions[k], &layer[i].pass[k], step, peak);
        }
}

/* The sums over all layers of each kind; returns those of all kinds. */
static struct pass print_kinds(const struct tape *t, const struct layer *layer, double step,
                               const struct machine_peaks *peak)
{
    struct pass sum = { 0, 0, 0, 0 };
    for (int i = 0; i < t->n_nodes; i++) {
        bool seen = false;
        for (int j = 0; j < i; j++) seen |= t->node[j].op == t->node[i].op;
        for (int k = 0; k < 2 && !seen; k++) {
            struct pass all = { 0, 0, 0, 0 };
            char name[NAME];
            for (int j = i; j < t->n_nodes; j++) {
                if (t->node[j].op != t->node[i].op) continue;
                const struct pass *p = &layer[j].pass[k];
                all.seconds += p->seconds;
                all.flops += p->flops;
                all.bytes += p->bytes;
                all.bound += p->bound;
            }
            snprintf(name, sizeof name, "all %s", t->node[i].op->name);
            print_pass(name, directions[k], &all, step, peak);
            sum.seconds += all.seconds;
            sum.bound += all.bound;
        }
    }
    return sum;
}

/* ---- one row at one precision ---------------------------------------------------------------------------- */

struct bench {
    const struct experiment *e;
    const struct row *row;
    int repeats;
    bool brief;
    struct machine_peaks peak;
};

static void report(const struct bench *b, struct trainer *t, struct var views, const struct timing *ready,
                   const struct timing *made, double mib)
{
    struct layer *const layer = host_alloc(TAPE_NODES, sizeof *layer);
    const double step = ready->median;
    time_layers(t, views, layer, b->repeats, &b->peak);
    struct machine_info m;
    machine_describe(&m);
    printf("%s/%s: batch %d, %d x %d, %s, %d threads, %s; medians of %d\n", b->e->name, b->row->name, t->s->batch,
           t->s->image_size, t->s->image_size, precision_names[t->s->precision], m.threads, m.kernels, b->repeats);
    print_layers(&t->tape, layer, step, &b->peak);
    const struct pass sum = print_kinds(&t->tape, layer, step, &b->peak);
    const double views_made = (double)t->s->batch * t->plan.views, augment = time_augment(t, b->repeats);
    const double update_bytes = 20.0 * (double)t->model.params.count;      /* w, v, g in; w, v out */
    const struct pass update = pass_of(time_sgd(t, b->repeats), 0, update_bytes, &b->peak);
    print_pass("sgd", "", &update, step, &b->peak);
    const double rest = step - sum.seconds - update.seconds;
    printf("%-39s %8.3f %6.1f\n", "rest of the step", 1e3 * rest, 100 * rest / step);
    printf("%-39s %8.3f        %.1f image pairs/s, %.1f %% of the roofline\n", "step", 1e3 * step,
           t->s->batch / step, 100 * (sum.bound + update.bound) / step);
    printf("%-39s %8.3f        %.3f of the step without; augmentation alone %.0f views/s a core\n",
           "step with augmentation", 1e3 * made->median, made->median / step, views_made / augment / m.threads);
    if (!images_on_machine(&t->train)) {
        const double cpu = cpu_augment(t), images = t->s->batch;
        printf("%-39s %8.0f images in a second of one core's work; the step takes %.0f images/s, %.2f cores'\n",
               "decode and augmentation", images / cpu, images / step, cpu / step);
    }
    printf("%-39s %8.1f MiB; gradients of weights and momentum, there before, %.1f MiB\n\n",
           "memory the steps added", mib, 8.0 * (double)t->model.params.count / (1 << 20));
    free(layer);
}

static void bench_row(const struct bench *b, const struct settings *s)
{
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, s, 1);
    const struct var views = views_keep(t);
    struct timing ready, made;
    const double before = memory_start();
    trainer_step_on(t, views);
    if (t->step == t->steps) trainer_seek(t, t->epoch, 0);     /* an epoch of one step */
    time_steps(t, views, b->repeats, &ready, b->brief ? NULL : &made);
    const double mib = status_mib("VmHWM") - before;
    if (b->brief)
        printf("%s simsiam %.2f %.2f %.2f %.1f\n", precision_names[s->precision],
               1e3 * ready.median, 1e3 * ready.least, 1e3 * ready.most, mib);
    else
        report(b, t, views, &ready, &made, mib);
    mem_free(views.data);
    trainer_close(t);
    free(t);
}

int command_bench(int argc, char **argv)
{
    const char *scale = "quick", *row = NULL, *precision = NULL;
    int threads = 0, repeats = 11, batch = 0;
    bool brief = false, synthetic = false;
    const struct option_row rows[] = {
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "row", OPTION_TEXT, &row, "ROW", "row to time; the first one if not given" },
        { "batch", OPTION_INT, &batch, "N", "images of a step; 0: the row's" },
        { "precision", OPTION_TEXT, &precision, "fp32|bf16|fp16", "one of them; all if not given" },
        { "threads", OPTION_INT, &threads, "N", "threads; 0: all cores" },
        { "repeats", OPTION_INT, &repeats, "N", "how often each is timed" },
        { "synthetic", OPTION_FLAG, &synthetic, NULL, "images made in code in the data set's place" },
        { "brief", OPTION_FLAG, &brief, NULL, "one line: precision, simsiam, median, least, most ms, MiB added" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "bench FILE [options]",
                  "Time and memory of a training step, and each layer's share of what the machine can reach.",
                  rows, 1, 1);
    threads_check(threads);
    if (repeats < 1 || repeats > REPEATS_MAX) die_user("--repeats %d: 1 to %d", repeats, REPEATS_MAX);
    int only = -1;
    for (int p = PRECISION_FP32; precision && p <= PRECISION_FP16; p++)
        if (!strcmp(precision, precision_names[p])) only = p;
    if (precision && only < 0) die_user("--precision %s: fp32, bf16 or fp16", precision);
    struct experiment *const e = host_alloc(1, sizeof *e);
    experiment_load(e, argv[1], scale);
    const struct row *const timed = &e->row[row ? experiment_hosted(e, row) : 0];
    struct bench b = { e, timed, repeats, brief, { 0, 0, 0, 0 } };
    struct settings s = b.row->settings;
    if (batch) s.batch = batch;
    while (s.batch % s.shards) s.shards /= 2;
    if (s.batch < 2 || s.batch > s.train_count)
        die_user("--batch %d: 2 to the row's %d training images", s.batch, s.train_count);
    if (synthetic) {
        s = settings_part(&s, s.batch);
        settings_part_print(brief ? stderr : stdout, &b.row->settings, &s);
    }
    machine_open(threads);
    if (!brief) {
        b.peak = peaks_measure();
        printf("peaks of this machine, now: fp32 %.0f, bf16 %.0f, sgemm %.0f GFLOP/s; copy %.1f GB/s\n\n",
               1e-9 * b.peak.fp32, 1e-9 * b.peak.bf16, 1e-9 * b.peak.sgemm, 1e-9 * b.peak.copy);
    }
    for (int p = PRECISION_FP32; p <= PRECISION_FP16; p++) {
        s.precision = p;
        if (p == only || (!precision && machine_has_precision((enum precision)p))) bench_row(&b, &s);
    }
    free(e);
    return 0;
}
