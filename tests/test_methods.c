/* SPDX-License-Identifier: MIT
 *
 * test_methods.c -- what holds of every method alike: that a checkpoint keeps its state, that the
 * monitors see its own projection, that half precision rounds and no more; and what the detector
 * says of each, healthy and with a collapse planted.
 */
#include "method_runs.h"

#include "../experiments/methods/byol.h"
#include "../experiments/methods/eta.h"
#include "../experiments/methods/moco.h"
#include "../experiments/methods/simclr.h"
#include "../experiments/methods/swav.h"
#include "../experiments/run/judge.h"
#include "../experiments/run/measures.h"
#include "../experiments/run/monitor.h"

/* ---- each method, with all that it may keep -------------------------------------------------- */

static void as_it_is(struct settings *s)
{
    (void)s;
}

static void averaged(struct settings *s)
{
    s->predictor.n = 0;
    eta_own(s)->from = ETA_AVERAGE;
}

static void cached(struct settings *s)
{
    eta_own(s)->from = ETA_CACHE;
    eta_own(s)->every = 3;
}

static void with_momentum(struct settings *s)
{
    byol_own(s)->momentum = 0.6;
}

static void vanilla(struct settings *s)
{
    s->predictor.n = 0;
    s->stop_grad = false;
}

static void queued(struct settings *s)
{
    s->predictor.n = 0;
    *moco_own(s) = (struct moco_settings){ .temperature = 0.2, .momentum = 0.75,
                                           .queue = 4 * BATCH, .bn_splits = 2,
                                           .shuffle_bn = true };
}

static void prototyped(struct settings *s)
{
    s->predictor.n = 0;
    swav_own(s)->prototypes = 12;
    swav_own(s)->queue = 2 * BATCH;
    swav_own(s)->queue_from = 0;
}

static const struct sample { const char *method; void (*set)(struct settings *); } samples[] = {
    { "simsiam", as_it_is }, { "simsiam", averaged }, { "simsiam", cached },
    { "byol", with_momentum }, { "simclr", vanilla }, { "moco", queued }, { "swav", prototyped },
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct settings sample_of(int i)
{
    struct settings s = settings_make(samples[i].method);
    samples[i].set(&s);
    return s;
}

static void every_method_has_a_sample(void **state)
{
    (void)state;
    for (const struct named_method *m = methods; m->name; m++) {
        int i = 0;
        while (i < SAMPLES && strcmp(samples[i].method, m->name)) i++;
        assert_true(i < SAMPLES);
    }
}

/* ---- what a checkpoint keeps ----------------------------------------------------------------- */

static float *tensor_numbers(const struct tensor *x)
{
    float *const to = host_alloc(x->floats, sizeof *to);
    if (x->act) mem_act_download(to, x->data, x->floats);
    else mem_download(to, x->data, sizeof *to * x->floats);
    return to;
}

static void tensor_put(const struct tensor *x, const float *from)
{
    if (x->act) mem_act_upload(x->data, from, x->floats);
    else mem_upload(x->data, from, sizeof *from * x->floats);
}

/* A run that is stopped within its second epoch and goes on from the file, but for the method's
 * tensor `forgotten`, which is what a new process has; -1: none.  False: there is no such tensor. */
static bool run_forgetting(const struct settings *s, const char *path, int forgotten,
                           struct left *end, char name[32])
{
    static struct trainer t;
    struct tensor list[METHOD_TENSORS];
    trainer_open(&t, s, 3);
    for (int i = 0; i < STEPS + 1; i++) step_make(&t);
    assert_true(trainer_save(&t, path, "me"));
    trainer_close(&t);
    trainer_open(&t, s, 3);
    const int n = trainer_tensors(&t, list);
    const bool there = forgotten < n;
    float *const fresh = there && forgotten >= 0 ? tensor_numbers(&list[forgotten]) : NULL;
    assert_true(trainer_load(&t, path, "me"));
    if (fresh) {
        tensor_put(&list[forgotten], fresh);
        snprintf(name, 32, "%s", list[forgotten].name);
    }
    free(fresh);
    for (int i = STEPS + 1; there && i < 2 * STEPS; i++) step_make(&t);
    *end = left_by(&t);
    trainer_close(&t);
    return there;
}

/* Whatever of it is lost, another run comes of it: else no test could tell that it is kept.  But
 * for the statistics of BYOL's target, which no step reads. */
static void a_tensor_that_is_forgotten_shows(void **state)
{
    (void)state;
    char path[] = "/tmp/test-methods-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    int tensors = 0;
    for (int i = 0; i < SAMPLES; i++) {
        const struct settings s = sample_of(i);
        const struct left whole = run(&s, 2 * STEPS);
        struct left parts;
        char name[32] = "";
        assert_true(run_forgetting(&s, path, -1, &parts, name));
        assert_same(&whole, &parts);
        for (int k = 0; run_forgetting(&s, path, k, &parts, name); k++, tensors++) {
            const bool read = strcmp(name, "target_statistics") != 0;
            if (!strcmp(whole.own, parts.own) || (read && !strcmp(whole.hash, parts.hash)))
                fail_msg("%s forgets its %s, and nothing shows", samples[i].method, name);
        }
    }
    assert_int_equal(tensors, 7);        /* eta twice, target's two, key and queue, SwAV's queue */
    close(fd);
    char *const older = text_format("%s.prev", path);
    unlink(path);
    unlink(older);
    free(older);
}

/* The other methods' runs are in tests of their own. */
static void simsiams_run_goes_on_and_hangs_on_no_threads(void **state)
{
    (void)state;
    check_goes_on(sample_of(0));
    check_threads(sample_of(0));
}

/* ---- precision ------------------------------------------------------------------------------- */

/* Loss, gradient and std of a first step, of activations rounded by 2^-9 (bf16) or 2^-12 (fp16) some
 * ten times one after the other, and their sums. */
static const double HALF = 0.03, HALF_OF_GRADIENT = 0.12;

static void half_precision_rounds_and_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        struct settings s = sample_of(i);
        const struct left full = run(&s, 1);
        for (int precision = PRECISION_BF16; precision <= precisions(); precision++) {
            s.precision = precision;
            const struct left half = run(&s, 1);
            const double loss = full.log[LOG_LOSS], spread = full.log[LOG_STD];
            const double gradient = sqrt((double)full.log[LOG_GRAD]);
            const double off[3] = {
                fabs((double)half.log[LOG_LOSS] - loss) / fmax(fabs(loss), 1),
                fabs((double)half.log[LOG_STD] - spread) / spread,
                fabs(sqrt((double)half.log[LOG_GRAD]) - gradient) / gradient,
            };
            assert_string_not_equal(half.hash, full.hash);
            if (!(off[0] < HALF && off[1] < HALF && off[2] < HALF_OF_GRADIENT))
                fail_msg("%s, sample %d: loss, std, gradient off by %g %g %g", samples[i].method, i,
                         off[0], off[1], off[2]);
        }
    }
}

/* ---- the monitors ---------------------------------------------------------------------------- */

static struct epoch_record monitored(struct trainer *t)
{
    struct epoch_record r = epoch_empty(1);
    assert_int_equal(monitor_run(t, &r, false, NULL), 0);
    return r;
}

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

/* Zeroes the parameters whose names begin so; returns how many there are. */
static size_t parameters_lose(struct trainer *t, const char *with)
{
    const struct params *const ps = &t->model.params;
    size_t n = 0;
    for (int i = 0; i < ps->n; i++) {
        const struct param *const p = &ps->p[i];
        if (p->statistic || !begins(p->name, with)) continue;
        mem_zero(float_at(ps->data, p->offset), sizeof(float) * p->count);
        n += p->count;
    }
    return n;
}

/* Not the predictor's outputs, another network's, a queue's or the scores of prototypes: what is
 * beside f may be anything.  Without the projector z is a constant, and kNN of f is what it was. */
static void the_monitors_see_each_methods_own_projection(void **state)
{
    (void)state;
    static struct trainer t;
    for (int i = 0; i < SAMPLES; i++) {
        const struct settings s = sample_of(i);
        trainer_open(&t, &s, 3);
        for (int k = 0; k < STEPS; k++) step_make(&t);
        const struct epoch_record seen = monitored(&t);
        struct tensor list[METHOD_TENSORS];
        size_t beside = 0;
        for (int k = trainer_tensors(&t, list) - 1; k >= 0; k--) {
            float *const zeros = host_alloc(list[k].floats, sizeof *zeros);
            tensor_put(&list[k], zeros);
            free(zeros);
            beside++;
        }
        beside += parameters_lose(&t, "predictor") + parameters_lose(&t, "prototypes");
        assert_true(beside || !strcmp(samples[i].method, "simclr"));
        const struct epoch_record same = monitored(&t);
        assert_memory_equal(&seen, &same, sizeof seen);
        assert_true(parameters_lose(&t, "projector") > 0);
        const struct epoch_record none = monitored(&t);
        assert_true(none.std_sqrtd == 0 && none.knn == seen.knn && seen.std_sqrtd > 0.01);
        trainer_close(&t);
    }
}

/* A number that is not measured is none, and one that is measured is no zero by default. */
static void what_is_not_measured_is_no_number(void **state)
{
    (void)state;
    static const char *const unasked[] = { "cos_h", "cos_z", "knn_test" };
    static struct trainer t;
    for (int i = 0; i < SAMPLES; i++) {
        const struct settings s = sample_of(i);
        trainer_open(&t, &s, 3);
        for (int k = 0; k < STEPS - 1; k++) step_make(&t);
        assert_true(trainer_step(&t));
        struct epoch_record r = epoch_empty(1);
        assert_int_equal(monitor_run(&t, &r, false, NULL), 0);
        trainer_seek(&t, 0, STEPS);
        assert_int_equal(trainer_summary(&t, &r), 0);
        for (const struct measure *m = measures; m->name; m++) {
            if (m->is & MEASURE_END || begins(m->name, "lr")) continue;    /* course.c's */
            bool asked = true;
            for (int k = 0; k < 3; k++) asked = asked && strcmp(m->name, unasked[k]);
            const double x = epoch_number(&r, m);
            if (asked != isfinite(x) || x == 0)
                fail_msg("%s: %s is %g", samples[i].method, m->name, x);
        }
        char *const line = epoch_print(&r);
        assert_non_null(strstr(line, "\"cos_h\":null,\"cos_z\":null"));
        free(line);
        trainer_close(&t);
    }
}

/* ---- what the detector says ------------------------------------------------------------------ */

/* What no setting takes away is taken away here (CMakeLists.txt: --wrap). */
static enum { NOTHING, SINKHORN, NEGATIVES } taken;

void __real_op_sinkhorn_fwd(dev_float *q, dev_float *potentials, const dev_float *s, float epsilon,
                            int iterations, int b, int k);
void __wrap_op_sinkhorn_fwd(dev_float *q, dev_float *potentials, const dev_float *s, float epsilon,
                            int iterations, int b, int k);
/* Without Sinkhorn a code is the softmax of its own scores alone. */
void __wrap_op_sinkhorn_fwd(dev_float *q, dev_float *potentials, const dev_float *s, float epsilon,
                            int iterations, int b, int k)
{
    if (taken != SINKHORN) {
        __real_op_sinkhorn_fwd(q, potentials, s, epsilon, iterations, b, k);
        return;
    }
    const size_t n = (size_t)b * (size_t)k;
    float *const x = download(s, n);
    for (size_t row = 0; row < n; row += (size_t)k) {
        double sum = 0;
        for (int j = 0; j < k; j++) sum += exp((double)(x[row + (size_t)j] / epsilon));
        for (int j = 0; j < k; j++)
            x[row + (size_t)j] = (float)(exp((double)(x[row + (size_t)j] / epsilon)) / sum);
    }
    mem_upload(q, x, sizeof *x * n);
    free(x);
}

void __real_op_contrast(dev_float *loss, dev_float *s, float temperature, float weight, int m,
                        int k, int shift, bool in_batch);
void __wrap_op_contrast(dev_float *loss, dev_float *s, float temperature, float weight, int m,
                        int k, int shift, bool in_batch);
/* Without negatives the loss is the numerator's alone, the mean of -s / T at the positives. */
void __wrap_op_contrast(dev_float *loss, dev_float *s, float temperature, float weight, int m,
                        int k, int shift, bool in_batch)
{
    if (taken != NEGATIVES) {
        __real_op_contrast(loss, s, temperature, weight, m, k, shift, in_batch);
        return;
    }
    const size_t columns = (size_t)(m + k), n = (size_t)m * columns;
    float *const x = download(s, n);
    float all;
    mem_download(&all, loss, sizeof all);
    double sum = (double)all;
    for (int i = 0; i < m; i++) {
        const size_t at = (size_t)i * columns + (size_t)((i + shift) % m);
        sum -= (double)(weight * x[at] / temperature) / m;
    }
    memset(x, 0, sizeof *x * n);
    for (int i = 0; i < m; i++)
        x[(size_t)i * columns + (size_t)((i + shift) % m)] = -weight / (temperature * (float)m);
    all = (float)sum;
    mem_upload(loss, &all, sizeof all);
    mem_upload(s, x, sizeof *x * n);
    free(x);
}

/* BYOL's target becomes the online net itself, whose gradient it has; tau = 1 moves nothing. */
static void target_is_the_net(struct trainer *t, bool put_back)
{
    static struct model *target;
    struct byol *const own = t->own;
    if (!put_back) target = own->target;
    own->target = put_back ? target : &t->model;
}

enum { QUEUE = 256 };              /* keys: of four steps; features of a view: half of it */

static void queue_is_empty(struct trainer *t, bool put_back)
{
    ((struct moco *)t->own)->info_nce.queue = put_back ? QUEUE : 0;
}

static void unstopped(struct settings *s)
{
    s->stop_grad = false;
}

static void of_one_network(struct settings *s)
{
    *byol_own(s) = (struct byol_settings){ 1, TARGET_CONSTANT, SCALE_COSINE };
}

static void target_follows_at_once(struct settings *s)
{
    s->predictor.n = 0;
    *byol_own(s) = (struct byol_settings){ 0, TARGET_CONSTANT, SCALE_COSINE };
}

static void keys_of_the_net(struct settings *s)
{
    queued(s);
    moco_own(s)->momentum = 0;
}

static void thawed(struct settings *s)
{
    prototyped(s);
    swav_own(s)->frozen_epochs = 0;
}

/* A run and what is said of it; `open`: how it is planted in the method's state.  Two that the rule calls
 * healthy are not: without predictor the outputs have shrunk together (std 0.23) but still tell images
 * apart (view share 0.2); and with an empty queue MoCo's loss is 0 and trains nothing, so that the net
 * is the one that it began as, which spreads views as it spreads images (0.9). */
static const struct verdict {
    const char *what, *method;
    void (*set)(struct settings *);
    void (*open)(struct trainer *t, bool put_back);
    int taken;
    bool collapsed;
} verdicts[] = {
    { "SimSiam", "simsiam", as_it_is, NULL, NOTHING, false },
    { "BYOL", "byol", with_momentum, NULL, NOTHING, false },
    { "SimCLR", "simclr", vanilla, NULL, NOTHING, false },
    { "MoCo", "moco", queued, NULL, NOTHING, false },
    { "SwAV", "swav", prototyped, NULL, NOTHING, false },
    { "SimSiam without stop-gradient", "simsiam", unstopped, NULL, NOTHING, true },
    { "BYOL without stop-gradient", "byol", of_one_network, target_is_the_net, NOTHING, true },
    { "BYOL without predictor or momentum", "byol", target_follows_at_once, NULL, NOTHING,
      false },
    { "SimCLR without negatives", "simclr", vanilla, NULL, NEGATIVES, true },
    { "MoCo without momentum", "moco", keys_of_the_net, NULL, NOTHING, false },
    { "MoCo without momentum or negatives", "moco", keys_of_the_net, NULL, NEGATIVES, true },
    { "MoCo without momentum, with an empty queue", "moco", keys_of_the_net, queue_is_empty, NOTHING,
      false },
    { "SwAV without Sinkhorn", "swav", thawed, NULL, SINKHORN, true },
};

#ifndef VERDICT_EPOCHS
#define VERDICT_EPOCHS 40          /* fewer say nothing, and are for who looks at memory alone */
#endif

static void what_the_detector_says_of_each(void **state)
{
    (void)state;
    static struct trainer t;
    int unlike = 0;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        const struct verdict *const v = &verdicts[i];
        struct settings s = settings_make(v->method);
        s.widths = (struct int_list){ 2, { 8, 16 } };
        s.train_count = 256;
        s.monitor_count = 128;
        s.dim = 16;
        s.epochs = VERDICT_EPOCHS;
        s.batch = 32;
        s.base_lr = 1.6;
        v->set(&s);
        if (!strcmp(v->method, "moco")) moco_own(&s)->queue = QUEUE;
        if (!strcmp(v->method, "swav")) swav_own(&s)->queue = QUEUE / 2;
        trainer_open(&t, &s, 3);
        if (v->open) v->open(&t, false);
        taken = v->taken;
        for (int k = 0; k < s.epochs * t.steps; k++) step_make(&t);
        taken = NOTHING;
        const struct epoch_record r = monitored(&t);
        const struct simsiam_verdict verdict = epoch_verdict(&r, (struct outputs){ 128, 16 });
        const bool collapsed = verdict_collapsed(&verdict);
        print_message("%-44s std %.3f, view share %.3f: %s\n", v->what, r.std_sqrtd, r.view_share,
                      collapsed ? "collapsed" : "healthy");
        unlike += collapsed != v->collapsed;
        if (v->open) v->open(&t, true);
        trainer_close(&t);
    }
    assert_true(VERDICT_EPOCHS < 40 || !unlike);
}

/* ---- shards ---------------------------------------------------------------------------------- */

/* Sums in another order: the first step's numbers move in their last digits, and a run goes on, on any
 * number of threads, as it does without.  BN_SHARE: a gradient through batch norm's differences. */
static void shards_change_the_last_digits_alone(void **state)
{
    (void)state;
    static const double SUMS = 1e-5, BN_SHARE = 1e-3;
    for (int i = 0; i < SAMPLES; i++) {
        struct settings s = sample_of(i);
        const struct left whole = run(&s, 1);
        for (s.shards = 2; s.shards <= 4; s.shards *= 2) {
            const struct left cut = run(&s, 1);
            assert_string_not_equal(whole.hash, cut.hash);
            assert_float_equal(whole.log[LOG_LOSS], cut.log[LOG_LOSS],
                               SUMS * (1 + fabs((double)whole.log[LOG_LOSS])));
            assert_float_equal(whole.log[LOG_STD], cut.log[LOG_STD], SUMS);
            assert_float_equal(whole.log[LOG_GRAD], cut.log[LOG_GRAD],
                               BN_SHARE * (double)whole.log[LOG_GRAD]);
        }
        s.shards = 4;
        check_goes_on(s);
        check_threads(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_has_a_sample),
        cmocka_unit_test(a_tensor_that_is_forgotten_shows),
        cmocka_unit_test(simsiams_run_goes_on_and_hangs_on_no_threads),
        cmocka_unit_test(half_precision_rounds_and_no_more),
        cmocka_unit_test(the_monitors_see_each_methods_own_projection),
        cmocka_unit_test(what_is_not_measured_is_no_number),
        cmocka_unit_test(shards_change_the_last_digits_alone),
        cmocka_unit_test(what_the_detector_says_of_each),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
