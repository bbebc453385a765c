/* SPDX-License-Identifier: MIT
 *
 * eval_weights.c -- `simsiam eval --from FILE.safetensors`: what a row's monitors, the file's own
 * classifier and a linear probe say of a net that others made.
 */
#include "eval_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../methods/torch_names.h"
#include "../../engine/data.h"

bool is_weights_file(const char *path)
{
    static const char suffix[] = ".safetensors";
    const size_t n = strlen(path), m = strlen(suffix);
    return n > m && !strcmp(path + n - m, suffix);
}

/* Does the file say that its net wants other means or deviations than the row's? */
static void pixels_check(const struct weights *w, const char *key, const float own[3], const char *path)
{
    const char *const said = weights_said(w, key);
    float x[3];
    char more;
    if (!said) return;
    if (sscanf(said, "%f %f %f %c", &x[0], &x[1], &x[2], &more) != 3)
        die_user("%s: its metadata's %s is no three numbers", path, key);
    for (int c = 0; c < 3; c++)
        if (!(fabsf(x[c] - own[c]) <= 1e-3f))
            die_user("%s: made for %s %g %g %g, and the row has %g %g %g; say pixel_%s: [%g, %g, %g]", path, key,
                     x[0], x[1], x[2], own[0], own[1], own[2], key, x[0], x[1], x[2]);
}

static struct torch_found weights_take(struct trainer *t, const struct weights *w, const char *path)
{
    struct torch_found found;
    struct model *const m = &t->model;
    pixels_check(w, "mean", t->test_recipe.mean, path);
    pixels_check(w, "std", t->test_recipe.std, path);
    if (!torch_tensors_take(&found, w, path, &m->params, m->backbone.features))
        die_user("%s: not the net of this row (simsiam config FILE --row NAME prints it)", path);
    return found;
}

/* The file's own classifier on the last epoch's images. */
static void classifier_tell(const struct trainer *t, const struct torch_found *found, const struct features *test)
{
    const int classes = (int)found->fc_bias->dim[0], d = test->d;
    if (classes != t->train.host.classes) {
        printf("fc has %d classes and %s %d: not used\n", classes, data_sources[t->s->dataset].name,
               t->train.host.classes);
        return;
    }
    struct probe p;
    probe_open(&p, d, classes);
    mem_upload(p.state, found->fc->x, sizeof(float) * (size_t)classes * (size_t)d);
    mem_upload(float_at(p.state, (size_t)classes * (size_t)d), found->fc_bias->x, sizeof(float) * (size_t)classes);
    printf("fc %.2f on %d images\n", probe_accuracy(&p, test), test->n);
    probe_close(&p);
}

int eval_weights(const struct row *row, const struct asked *asked)
{
    const char *const path = asked->from;
    struct weights w;
    char wrong[WRONG_TEXT];
    bool world;
    machine_open(asked->threads);
    if (!weights_read(&w, path, &world, wrong)) {
        if (world) die("%s: %s", path, wrong);
        die_user("%s: %s", path, wrong);
    }
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &row->settings, asked->seed);
    const struct torch_found found = weights_take(t, &w, path);
    struct epoch_record last = epoch_empty(t->s->epochs);
    struct probe_data data = { .train.x = NULL };
    int status = monitor_run(t, &last, true, &data);
    if (!status) status = monitor_probe_open(t, &data);
    if (!status) {
        printf("%s, %s\nkNN %.2f on f, %.2f of the whole test set\n", row->name, path, last.knn, last.knn_test);
        if (found.fc) classifier_tell(t, &found, &data.test);
        if (found.projector)
            printf("std*sqrt(d) %.3f, |E z'| %.3f, view share %.3f, rank %.3f, kNN %.2f on z\n", last.std_sqrtd,
                   last.mean_norm, last.view_share, last.rank, last.knn_z);
        else
            printf("no projector is in the file: nothing is said of z\n");
        if (asked->outputs) status = outputs_dump(t, &data, asked->outputs);
        if (!status && asked->rates.n) status = probe_rates(t, &data, &asked->rates);
    }
    if (status == EXIT_DIVERGED)
        fprintf(stderr, "simsiam: %s: what the net makes of the images is not finite\n", path);
    monitor_probe_close(&data);
    trainer_close(t);
    free(t);
    weights_free(&w);
    return status;
}
