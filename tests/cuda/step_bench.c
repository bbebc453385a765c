/* SPDX-License-Identifier: MIT
 *
 * step_bench.c -- times of the training step and of kNN, as often as asked, in one process.
 *
 * usage: step_bench FILE SCALE BATCH      (the first row of an experiment, with images made in
 * code)
 *
 * Choosing kernels takes a process some seconds; this one stays open, warm, and
 * answers each line of standard input with one of its own, so that its steps can take turns with
 * somebody else's:
 *
 *     PRECISION N            "PRECISION ours MEDIAN LEAST MOST, with augmentation MEDIAN LEAST MOST": in ms,
 *                            N steps on views that are there, and N that make theirs, in turn, the loss of
 *                            each waited for
 *     shares PRECISION N     what each kernel of a step has of it, means of N steps (watch.h), in lines; the last:
 *                            "shares PRECISION MS, replayed MS": a step's kernels, and a step
 *     knn QUERIES BANK       "knn MEDIAN LEAST MOST, with the way over the host MEDIAN LEAST MOST": milliseconds of
 *                            k nearest neighbours among features of ResNet-18's width, at the experiment's settings
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"
#include "../../experiments/commands/calibrate.h"
#include "../../experiments/suite/experiment.h"
#include "../../experiments/run/train.h"

enum { REPEATS_MAX = 1001, KNN_REPEATS = 5, KNN_WIDTH = 512, KNN_CLASSES = 10, KNN_ROWS = 1024,
       LINE = 128 };
/* Steps before one that counts: the first is issued, the second recorded; and libraries settle. */
enum { WARM = 5 };
/* Steps that are put into the stream before one that is watched: the card is behind then, and finds
 * each mark and the kernel behind it together, as it finds kernels in a graph. */
enum { AHEAD = 2 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts; prints milliseconds. */
static void print_times(double *seconds, int n)
{
    qsort(seconds, (size_t)n, sizeof *seconds, compare);
    printf("%.4f %.4f %.4f", 1e3 * seconds[n / 2], 1e3 * seconds[0], 1e3 * seconds[n - 1]);
}

/* The clock, once the machine has done what it was asked. */
static double clock_settled(const dev_float *any)
{
    float number;
    mem_download(&number, any, sizeof number);
    return clock_seconds();
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* One trainer at a time: graphs of two would not all be kept. */
struct steps { bool open; struct settings s; struct trainer t; struct var views; };

/* A step on views that are there, or NULL. */
static void step_make(struct trainer *t, const struct var *views)
{
    if (t->step == t->steps) trainer_seek(t, t->epoch, 0);
    if (views) trainer_step_on(t, *views);
    else trainer_step(t);
}

/* Views of a batch, outside of the room that the trainer makes its own in. */
static struct var views_keep(struct trainer *t)
{
    const struct var x = trainer_views(t);
    const size_t bytes = (size_t)x.n * (size_t)x.h * (size_t)x.w * (size_t)x.c * mem_act_bytes();
    struct var kept = x;
    kept.data = mem_alloc(bytes);
    mem_copy(kept.data, x.data, bytes);
    return kept;
}

static void steps_close(struct steps *k)
{
    if (!k->open) return;
    mem_free(k->views.data);
    trainer_close(&k->t);
    k->open = false;
}

static void steps_open(struct steps *k, enum precision precision)
{
    if (k->open && k->s.precision == (int)precision) return;
    steps_close(k);
    k->s.precision = (int)precision;
    trainer_open(&k->t, &k->s, 1);
    k->views = views_keep(&k->t);
    for (int i = 0; i < WARM; i++) {
        step_make(&k->t, &k->views);
        step_make(&k->t, NULL);
    }
    k->open = true;
}

static void answer_steps(struct steps *k, enum precision precision, int n)
{
    double ready[REPEATS_MAX], made[REPEATS_MAX];
    steps_open(k, precision);
    for (int i = 0; i < n; i++) {
        double start = clock_settled(k->t.log);
        step_make(&k->t, &k->views);
        ready[i] = clock_settled(k->t.log) - start;
        start = clock_settled(k->t.log);
        step_make(&k->t, NULL);
        made[i] = clock_settled(k->t.log) - start;
    }
    printf("%s ours ", precision_names[precision]);
    print_times(ready, n);
    printf(", with augmentation ");
    print_times(made, n);
    putchar('\n');
}

static void answer_shares(struct steps *k, enum precision precision, int n)
{
    double made[REPEATS_MAX], watched = 0;
    steps_open(k, precision);
    for (int i = 0; i < n; i++) {
        const double start = clock_settled(k->t.log);
        step_make(&k->t, NULL);
        made[i] = clock_settled(k->t.log) - start;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < AHEAD; j++) step_make(&k->t, NULL);
        watch_start();
        step_make(&k->t, NULL);
        clock_settled(k->t.log);
        watched += watch_stop();
    }
    char title[LINE];
    snprintf(title, sizeof title, "a step with augmentation in %s, batch %d",
             precision_names[precision], k->s.batch);
    watch_print(stdout, title, n);
    qsort(made, (size_t)n, sizeof *made, compare);
    printf("shares %s %.4f, replayed %.4f\n", precision_names[precision], 1e3 * watched / n,
           1e3 * made[n / 2]);
}

/* ---- k nearest neighbours -------------------------------------------------------------------- */

/* Numbers between -1 and 1, as rows of length 1 on the machine; labels in turn. */
static struct features features_make(int n, uint32_t state)
{
    const size_t numbers = (size_t)n * KNN_WIDTH;
    struct features f = { mem_alloc(numbers * sizeof(float)),
                          mem_alloc((size_t)n * sizeof(int32_t)), n, KNN_WIDTH, KNN_CLASSES };
    float *const x = host_alloc(numbers, sizeof *x);
    int32_t *const label = host_alloc((size_t)n, sizeof *label);
    for (size_t i = 0; i < numbers; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state / 2147483648.0f;
    }
    for (int i = 0; i < n; i++) label[i] = i % KNN_CLASSES;
    mem_upload(f.x, x, numbers * sizeof *x);
    mem_upload(f.label, label, (size_t)n * sizeof *label);
    op_normalize_rows(f.x, n, KNN_WIDTH);
    free(x);
    free(label);
    return f;
}

static void answer_knn(const struct settings *s, int queries, int bank)
{
    double op[KNN_REPEATS], all[KNN_REPEATS];
    struct features q = features_make(queries, 1), b = features_make(bank, 2);
    const int k = s->knn_k < bank ? s->knn_k : bank;
    const float temperature = (float)s->knn_temperature;
    dev_int *const pred = mem_alloc((size_t)queries * sizeof(int32_t));
    knn_accuracy(&q, &b, k, temperature);      /* loads kernels */
    for (int i = 0; i < KNN_REPEATS; i++) {
        double start = clock_settled(q.x);
        for (int done = 0; done < queries; done += KNN_ROWS)
            op_knn(int_at(pred, (size_t)done), float_at(q.x, (size_t)done * KNN_WIDTH),
                   queries - done < KNN_ROWS ? queries - done : KNN_ROWS, b.x, b.label, bank,
                   KNN_WIDTH, KNN_CLASSES, k, temperature);
        op[i] = clock_settled(q.x) - start;
        start = clock_settled(q.x);
        knn_accuracy(&q, &b, k, temperature);
        all[i] = clock_settled(q.x) - start;
    }
    printf("knn ");
    print_times(op, KNN_REPEATS);
    printf(", with the way over the host ");
    print_times(all, KNN_REPEATS);
    putchar('\n');
    mem_free(pred);
    features_free(&q);
    features_free(&b);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static enum precision precision_of(const char *name)
{
    for (int p = PRECISION_FP32; p <= PRECISION_FP16; p++)
        if (!strcmp(name, precision_names[p])) return (enum precision)p;
    die_user("step_bench: %s: fp32, bf16, fp16, shares or knn", name);
}

static void answer(struct steps *k, const char *line)
{
    char name[LINE];
    int a = 0, b = 0;
    if (sscanf(line, "knn %d %d", &a, &b) == 2 && a > 0 && b > 0) answer_knn(&k->s, a, b);
    else if (sscanf(line, "shares %127s %d", name, &a) == 2 && a > 0 && a <= REPEATS_MAX)
        answer_shares(k, precision_of(name), a);
    else if (sscanf(line, "%127s %d", name, &a) == 2 && a > 0 && a <= REPEATS_MAX)
        answer_steps(k, precision_of(name), a);
    else
        die_user(
            "step_bench: it knows `PRECISION N`, `shares PRECISION N` (N up to %d), `knn QUERIES BANK`",
            REPEATS_MAX);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const long batch = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (batch < 2 || batch > 4096) die_user("usage: step_bench FILE SCALE BATCH (2 to 4096)");
    static struct experiment e;
    static struct steps k;
    experiment_load(&e, argv[1], argv[2]);
    k.s = settings_part(&e.row[0].settings, (int)batch);
    k.s.knn_k = e.row[0].settings.knn_k;
    machine_open(0);
    char line[LINE];
    while (fgets(line, sizeof line, stdin)) answer(&k, line);
    steps_close(&k);
    return 0;
}
