/* SPDX-License-Identifier: MIT
 *
 * calibrate.c -- a run's cost, from the very functions that make it.
 *
 *   seconds = open + epochs * steps * step + (1 + monitored epochs) * monitors + test set
 *             + probe epochs * probe epoch
 *
 * Left out: checkpoints, and what writes the papers; a few milliseconds each.
 *
 * A step that would take minutes, or more memory than there is, is not made: images made in code
 * take the data set's place, PART_BATCH of them the batch's, and time and activations are scaled to
 * the whole.  That leaves out reading and decoding images, and takes the update of the weights, a
 * hundredth of such a step, for each part anew.
 */
#include "calibrate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_run.h"
#include "../methods/method.h"
#include "../run/monitor.h"
#include "../run/state.h"
#include "../../engine/data.h"

static const double SHORT = 1;     /* seconds: what takes less is measured again and again, */
static const double LONG = 3;      /* what takes more only once, or in part */
static const double WHOLE = 5e12;  /* operations: ResNet-18's 3.4e12 at 32x32 and batch 512 are
                                      made */
enum { PROBE_EPOCHS = 3, PART_LEAST = 256, PART_BATCH = 4 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Forward, and twice as much backward. */
static double step_operations(const struct settings *s)
{
    struct params *const ps = host_alloc(1, sizeof *ps);
    const struct resnet_shape shape = model_shape(s);
    const struct resnet net = resnet_declare(ps, &shape);
    const double image = 3 * resnet_flops(ps, &net, s->image_size);
    free(ps);
    return image * s->batch * model_views(s).views;
}

struct settings settings_part(const struct settings *s, int batch)
{
    struct settings part = *s;
    const struct data_source *const made = data_source_find("synthetic");
    part.dataset = (int)(made - data_sources);
    part.batch = batch;
    while (batch % part.shards) part.shards /= 2;
    part.train_first = part.monitor_first = 0;
    part.monitor_split = DATA_TEST;
    part.train_count = least(2 * batch, made->n[DATA_TRAIN]);
    part.monitor_count = least(2 * batch, made->n[DATA_TEST]);
    part.test_count = 0;
    part.knn_k = least(s->knn_k, part.train_count);
    part.probe_batch = least(s->probe_batch, part.train_count);
    const struct method *const method = methods[s->method].method;
    if (method->cut) method->cut(&part);
    return part;
}

/* "batch: 8 of 4096" of one key; false if it is not cut. */
static bool cut_print(FILE *out, const struct key *key, const struct settings *s,
                      const struct settings *part, const char *before)
{
    const struct key one[] = { *key, { .name = NULL } };
    char *const was = config_print(one, s), *const is = config_print(one, part);
    const bool cut = strcmp(was, is);
    was[strcspn(was, "\n")] = 0;
    is[strcspn(is, "\n")] = 0;
    if (cut) fprintf(out, "%s%s of %s", before, is, was + strlen(key->name) + strlen(": "));
    free(was);
    free(is);
    return cut;
}

void settings_part_print(FILE *out, const struct settings *s, const struct settings *part)
{
    const struct key *own = settings_own_keys(s->method), *shared = settings_keys;
    while (shared->offset != offsetof(struct settings, batch)) shared++;
    bool any = cut_print(out, shared, s, part, "made smaller for this machine: ");
    for (; own && own->name; own++)
        any |= cut_print(out, own, s, part, any ? ", " : "made smaller for this machine: ");
    if (any) fputc('\n', out);
}

/* Seconds of a step, its share of the targets that are kept included.  The first one allocates,
 * which a small net notices; where it takes long enough to be a plan's whole cost, it is taken as
 * it is. */
static double step_seconds(struct trainer *t, int steps, bool part)
{
    trainer_ahead(t, 1);            /* what is done ahead costs as much a step, however far ahead */
    double start = clock_seconds();
    trainer_step(t);
    const double first = clock_seconds() - start;
    if (first > LONG && !part) return first;
    trainer_seek(t, 0, 0);
    start = clock_seconds();
    double seconds = 0;
    while (t->step < t->steps && (t->step < steps || seconds < SHORT)) {
        trainer_step(t);
        seconds = clock_seconds() - start;
    }
    return seconds / t->step;
}

/* Images that one pass of the monitors encodes: both sets, two views for the view share, the
 * expectation's. */
static double monitor_images(const struct settings *s)
{
    const double views = s->expectation_views ? s->expectation_views + 1 : 0;
    return s->train_count + (3.0 + views) * s->monitor_count;
}

/* The part of the images that the monitors can do in LONG; a forward pass is about a third of a
 * step.  A part understates kNN, whose time grows with both sets: by little where the network is
 * large enough for a part. */
static double monitor_part(const struct trainer *t, double step)
{
    const double image = step / ((double)t->s->batch * t->plan.views) / 3;
    const double part = LONG / (image * monitor_images(t->s));
    return part < 1 ? part : 1;
}

static int part_of(int n, int floor, double part)
{
    const int some = (int)(n * part);
    return least(n, some > floor ? some : floor);
}

struct looks { double monitors, test, probe; };

/* Seconds of one pass of the monitors, of the last one's test set, and of one epoch of the probe, of
 * the run that `whole` describes. */
static void looks_seconds(struct trainer *t, const struct settings *whole, double step,
                          struct looks *looks)
{
    const struct settings *const s = t->s;
    const double part = monitor_part(t, step);
    const int bank_least = s->knn_k > s->probe_batch ? s->knn_k : s->probe_batch;
    struct settings measured = *s;
    measured.train_count = part_of(s->train_count,
                                   bank_least > PART_LEAST ? bank_least : PART_LEAST, part);
    measured.monitor_count = part_of(s->monitor_count, PART_LEAST, part);
    measured.test_count = settings_has_test(s) ? part_of(s->test_count, PART_LEAST, part) : 0;
    trainer_scale(t, measured.train_count, measured.monitor_count, measured.test_count);

    /* The numbers of a few steps say nothing, so neither does a divergence among them. */
    struct epoch_record r = { .epoch = 0 };
    struct probe_data features = { .train.x = NULL };
    double start = clock_seconds();
    monitor_run(t, &r, true, &features);
    const double image = (clock_seconds() - start) /
                         (monitor_images(&measured) + measured.test_count);
    looks->monitors = image * monitor_images(whole);
    looks->test = settings_has_test(whole) ? image * whole->test_count : 0;
    monitor_probe_open(t, &features);
    start = clock_seconds();
    const int epochs = least(s->probe_epochs, PROBE_EPOCHS);
    const struct probe_plan plan = monitor_probe_plan(t);
    for (int i = 0; i < epochs; i++) monitor_probe_epoch(t, &plan, &features);
    looks->probe = (clock_seconds() - start) / epochs * whole->train_count / measured.train_count;
    monitor_probe_close(&features);
}

/* Numbers that the method keeps in the run that `whole` describes, of which the trainer's may be a
 * part. */
static double method_floats(const struct trainer *t, const struct settings *whole)
{
    struct tensor list[METHOD_TENSORS];
    const int n = trainer_tensors(t, list);
    double floats = 0;
    const double times[] = {
        [GROWS_NOT] = 1,
        [GROWS_WITH_IMAGES] = (double)whole->train_count / t->s->train_count,
        [GROWS_WITH_BATCH] = (double)whole->batch / t->s->batch,
    };
    for (int i = 0; i < n; i++) floats += (double)list[i].floats * times[list[i].grows];
    return floats;
}

static struct cost measure(const struct settings *s, int steps)
{
    const bool part = step_operations(s) > WHOLE;
    struct settings taken = part ? settings_part(s, PART_BATCH) : *s;
    if (!taken.epochs) taken.epochs = 1;       /* steps are timed, whether the run makes any */
    const double scale = (double)s->batch / taken.batch;
    const double start = clock_seconds();
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &taken, 1);
    const double open = clock_seconds() - start;
    const struct params *const ps = &t->model.params;
    const double step = step_seconds(t, steps, part);
    struct cost c = { .step_seconds = scale * step, .parameters = (double)ps->count, .part = part };
    const size_t activations = tape_bytes(&t->tape);
    struct looks looks;
    looks_seconds(t, s, step, &looks);
    const int times = 1 + s->epochs / s->knn_every + (s->epochs % s->knn_every != 0);
    c.run_seconds = open + c.step_seconds * (s->train_count / s->batch) * s->epochs +
                    times * looks.monitors + looks.test + s->probe_epochs * looks.probe;

    const size_t widths = (size_t)t->model.backbone.features + (size_t)t->model.projector.out;
    const int tested = s->test_count > s->monitor_count ? s->test_count : s->monitor_count;
    const size_t features = (size_t)(s->train_count + tested) * widths;
    const double kept = method_floats(t, s);
    const double tape = part ? scale * (double)activations : (double)tape_bytes(&t->tape);
    c.memory_mib = (tape + 12 * (double)ps->count + 4 * (double)features + 4 * kept) / (1 << 20);
    c.checkpoint_mib = 2.0 * 4 * (2 * (double)ps->count + kept) / (1 << 20);
    trainer_close(t);
    free(t);
    return c;
}

/* Each process takes every jobs-th settings and leaves the costs in memory that is shared. */
void calibrate(struct cost *cost, const struct settings *const *s, int n, int jobs, int threads,
               int steps)
{
    if (!n) return;
    const size_t bytes = (size_t)n * sizeof *cost;
    struct cost *const shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("cannot share memory: %s (close other programs)", strerror(errno));
    jobs = least(jobs, n);
    fflush(NULL);
    for (int j = 0; j < jobs; j++) {
        const pid_t pid = fork();
        if (pid < 0) die("cannot start a process: %s (try --jobs 1)", strerror(errno));
        if (pid) continue;
        if (prctl(PR_SET_PDEATHSIG, SIGTERM)) die("prctl: %s", strerror(errno));
        machine_open(threads);
        for (int i = j; i < n; i += jobs) shared[i] = measure(s[i], steps);
        exit(0);
    }
    int failed = 0;
    for (int j = 0, status; j < jobs; j++) {
        if (wait(&status) < 0) die("wait: %s", strerror(errno));
        failed = graver(failed, WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_WORLD);
    }
    if (failed) {
        fprintf(stderr, "simsiam: a calibration failed: its message is above\n");
        exit(failed);
    }
    memcpy(cost, shared, bytes);
    munmap(shared, bytes);
}
