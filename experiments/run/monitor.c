/* SPDX-License-Identifier: MIT
 *
 * monitor.c -- collapse measures, rank, kNN and the probe's features.
 */
#include "monitor.h"

#include <math.h>
#include <stdlib.h>

#include "phase.h"
#include "../../engine/collapse.h"
#include "../../engine/spectrum.h"

/* What an encoding pass yields, on the machine: features [n, f] and z [n, d] with the set's
 * labels. */
struct encoding { struct features f, z; };

static struct features features_room(const struct image_set *set, int width)
{
    return (struct features){ mem_alloc(4 * (size_t)set->host.n * width), set->labels, set->host.n,
                              width, set->host.classes };
}

static bool encoding_open(struct encoding *e, struct trainer *t, const struct image_set *set)
{
    e->f = features_room(set, t->model.backbone.features);
    e->z = features_room(set, t->model.projector.out);
    return trainer_encode(t, set, &t->test_recipe, 0, VIEW_TEST, e->f.x, e->z.x, NULL);
}

static void encoding_close(struct encoding *e)
{
    mem_free(e->f.x);        /* the labels belong to the image set */
    mem_free(e->z.x);
}

static float *download(const dev_float *x, size_t floats)
{
    float *const host = host_alloc(floats, sizeof *host);
    mem_download(host, x, sizeof *host * floats);
    return host;
}

/* z' and its spread over images; in how many directions z and z' vary. */
static void monitor_spread(struct epoch_record *r, const struct features *test)
{
    const int n = test->n, d = test->d;
    const size_t floats = (size_t)n * d;
    struct collapse c;
    float *const z = download(test->x, floats);
    collapse_spread(&c, z, n, d);
    r->std_sqrtd = c.std_sqrtd;
    r->mean_norm = c.mean_norm;
    r->rank = effective_rank(z, n, d);
    free(z);

    dev_float *const unit = mem_alloc(4 * floats);
    mem_copy(unit, test->x, 4 * floats);
    op_normalize_rows(unit, n, d);
    float *const z1 = download(unit, floats);
    mem_free(unit);
    const struct spectrum s = spectrum_of(z1, n, d);
    free(z1);
    r->entropy_rank = s.entropy_rank;
    r->participation = s.participation;
    r->directions_90 = s.directions_90;
    r->directions_99 = s.directions_99;
    r->variance_1 = s.first[0];
    r->variance_2 = s.first[1];
    r->variance_4 = s.first[2];
    r->variance_8 = s.first[3];
}

/* Of the variance of z' the part that lies between two views of one image under the recipe. */
static bool monitor_views(struct trainer *t, double *share, const struct augment *recipe)
{
    const int n = t->monitor.host.n, d = t->model.projector.out;
    const size_t floats = (size_t)n * (size_t)d;
    dev_float *const views = mem_alloc(4 * floats);
    float *view[2] = { NULL, NULL };
    for (int v = 0; v < 2; v++)
        if (trainer_encode(t, &t->monitor, recipe, 0, VIEW_MONITOR + (uint32_t)v, NULL, views,
                           NULL))
            view[v] = download(views, floats);
    const bool done = view[0] && view[1];
    if (done) {
        struct collapse c;
        collapse_view_share(&c, view[0], view[1], n, d);
        *share = c.view_share;
    }
    free(view[0]);
    free(view[1]);
    mem_free(views);
    return done;
}

static bool monitor_collapse(struct trainer *t, struct epoch_record *r, const struct encoding *test)
{
    monitor_spread(r, &test->z);
    if (!monitor_views(t, &r->view_share, &t->recipe)) return false;
    r->view_share_standard = r->view_share;
    return !settings_has_standard(t->s) ||
           monitor_views(t, &r->view_share_standard, &t->standard_recipe);
}

/* Mean over the rows of the cosine of a, b [n, d]. */
static double mean_cosine(const float *a, const double *b, int n, int d)
{
    double sum = 0;
    for (int i = 0; i < n; i++, a += d, b += d) {
        double ab = 0, aa = 0, bb = 0;
        for (int j = 0; j < d; j++) {
            ab += (double)a[j] * b[j];
            aa += (double)a[j] * (double)a[j];
            bb += b[j] * b[j];
        }
        sum += ab / sqrt(aa * bb);
    }
    return sum / n;
}

/* Sec. 5.2: the best predictor has h(z) = E_T[f(T(x))].  cos_h sets h(z1) beside that mean,
 * cos_z sets z1 itself beside it: one view of each monitor image, and the mean of z/|z| over
 * `expectation_views` others. */
static bool monitor_expectation(struct trainer *t, struct epoch_record *r)
{
    const int n = t->monitor.host.n, d = t->model.projector.out, views = t->s->expectation_views;
    const size_t floats = (size_t)n * (size_t)d;
    dev_float *const z = mem_alloc(4 * floats), *const h = mem_alloc(4 * floats);
    double *const mean = host_alloc(floats, sizeof *mean);
    bool done = true;
    for (int v = 1; v <= views && done; v++) {
        done = trainer_encode(t, &t->monitor, &t->recipe, 0, VIEW_EXPECTATION + (uint32_t)v, NULL,
                              z, NULL);
        op_normalize_rows(z, n, d);
        float *const unit = download(z, floats);
        for (size_t i = 0; i < floats; i++) mean[i] += (double)unit[i] / views;
        free(unit);
    }
    done = done && trainer_encode(t, &t->monitor, &t->recipe, 0, VIEW_EXPECTATION, NULL, z, h);
    if (done) {
        float *const z1 = download(z, floats), *const h1 = download(h, floats);
        r->cos_h = mean_cosine(h1, mean, n, d);
        r->cos_z = mean_cosine(z1, mean, n, d);
        free(z1);
        free(h1);
    }
    free(mean);
    mem_free(z);
    mem_free(h);
    return done;
}

/* kNN on backbone features and on z: bank = training images under the test transform, left in
 * *bank. */
static bool monitor_knn(struct trainer *t, struct epoch_record *r, const struct encoding *test,
                        struct encoding *bank)
{
    const float temperature = (float)t->s->knn_temperature;
    if (!encoding_open(bank, t, &t->train)) return false;
    r->knn = knn_accuracy(&test->f, &bank->f, t->s->knn_k, temperature);
    r->knn_z = r->knn < 0 ? -1 : knn_accuracy(&test->z, &bank->z, t->s->knn_k, temperature);
    return r->knn_z >= 0;
}

/* kNN of the last weights on the whole test set: its features replace those of the monitor images,
 * unless the monitors were all of them. */
static bool monitor_test(struct trainer *t, struct epoch_record *r, struct encoding *test,
                         const struct encoding *bank)
{
    if (trainer_test(t) == &t->monitor) {
        r->knn_test = r->knn;
        return true;
    }
    mem_free(test->f.x);
    test->f = features_room(&t->test, test->f.d);
    if (!trainer_encode(t, &t->test, &t->test_recipe, 0, VIEW_TEST, test->f.x, NULL, NULL))
        return false;
    r->knn_test = knn_accuracy(&test->f, &bank->f, t->s->knn_k, (float)t->s->knn_temperature);
    return r->knn_test >= 0;
}

int monitor_run(struct trainer *t, struct epoch_record *r, bool last, struct probe_data *keep)
{
    phase("knn");
    struct encoding test, bank = { .f.x = NULL };
    int status = encoding_open(&test, t, &t->monitor) && monitor_collapse(t, r, &test) ? 0
                                                                                       : EXIT_AGAIN;
    r->monitored = !status;
    if (!status && !isfinite(r->std_sqrtd)) status = EXIT_DIVERGED;
    if (!status && t->s->expectation_views && !monitor_expectation(t, r)) status = EXIT_AGAIN;
    if (!status && !monitor_knn(t, r, &test, &bank)) status = EXIT_AGAIN;
    if (!status && last && !monitor_test(t, r, &test, &bank)) status = EXIT_AGAIN;
    if (!status && last && !t->s->probe_augment) {
        *keep = (struct probe_data){ bank.f, test.f };
        bank.f.x = test.f.x = NULL;
    }
    encoding_close(&test);
    encoding_close(&bank);
    return status;
}

/* ---- linear probe ---------------------------------------------------------------------------- */

int monitor_probe_open(struct trainer *t, struct probe_data *data)
{
    phase("probe");
    if (data->train.x) return 0;
    const int width = t->model.backbone.features;
    const struct image_set *const test = trainer_test(t);
    *data = (struct probe_data){ features_room(&t->train, width), features_room(test, width) };
    const bool done = trainer_encode(t, test, &t->test_recipe, 0, VIEW_TEST, data->test.x, NULL,
                                     NULL) &&
                      (t->s->probe_augment || trainer_encode(t, &t->train, &t->test_recipe, 0,
                                                             VIEW_TEST, data->train.x, NULL, NULL));
    return done ? 0 : EXIT_AGAIN;
}

void monitor_probe_restart(struct trainer *t)
{
    mem_zero(t->probe.state, sizeof(float) * probe_floats(t->probe.d, t->probe.classes));
    t->probe.epoch = 0;
}

struct probe_plan monitor_probe_plan(const struct trainer *t)
{
    const struct settings *const s = t->s;
    return (struct probe_plan){ s->probe_lr, s->probe_epochs, s->probe_batch, t->seed,
                                (enum probe_optimizer)s->probe_optimizer };
}

int monitor_probe_epoch(struct trainer *t, const struct probe_plan *plan, struct probe_data *data)
{
    phase("probe");
    if (t->s->probe_augment &&
        !trainer_encode(t, &t->train, &t->probe_recipe, (uint32_t)t->probe.epoch, VIEW_PROBE,
                        data->train.x, NULL, NULL))
        return EXIT_AGAIN;
    const double loss = probe_epoch(&t->probe, plan, &data->train);
    if (loss < 0) return EXIT_AGAIN;
    if (isfinite(loss)) return 0;
    warn("the linear probe diverged in its epoch %d (try a smaller probe_lr than %g)",
         t->probe.epoch, plan->lr);
    return EXIT_DIVERGED;
}

void monitor_probe_close(struct probe_data *data)
{
    mem_free(data->train.x);        /* the labels belong to the image sets */
    mem_free(data->test.x);
    *data = (struct probe_data){ .train.x = NULL };
}
