/* SPDX-License-Identifier: MIT
 *
 * outputs_dump.c -- `simsiam eval --outputs DIR`: features, labels and projections as numpy's .npy,
 * version 1 (numpy.lib.format).
 */
#include "eval_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* [n, d], or [n] for d = 0, of 4 bytes each: <f4 or <i4.  The header is as long as makes the numbers
 * begin at a multiple of 64. */
static void npy_write(const char *folder, const char *name, const char *type, const void *x, int n, int d)
{
    enum { BEFORE = 10, LINE = 64 };
    char shape[32];
    if (d) snprintf(shape, sizeof shape, "%d, %d", n, d);
    else snprintf(shape, sizeof shape, "%d,", n);
    char *const text = text_format("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    const size_t length = strlen(text), header = (BEFORE + length + LINE) / LINE * LINE;
    const size_t bytes = 4 * (size_t)n * (size_t)(d ? d : 1);
    char *const file = host_alloc(header + bytes, 1), *const path = text_format("%s/%s.npy", folder, name);
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (char)((header - BEFORE) & 255);
    file[9] = (char)((header - BEFORE) >> 8);
    memcpy(file + BEFORE, text, length);
    memset(file + BEFORE + length, ' ', header - BEFORE - length - 1);
    file[header - 1] = '\n';
    memcpy(file + header, x, bytes);
    if (!file_write_atomic(path, file, header + bytes))
        die("cannot write %s: %s (is there room, and may it be written?)", path, strerror(errno));
    free(file);
    free(text);
    free(path);
}

static void floats_write(const char *folder, const char *name, const dev_float *x, int n, int d)
{
    float *const host = host_alloc((size_t)n * (size_t)d, sizeof *host);
    mem_download(host, x, sizeof *host * (size_t)n * (size_t)d);
    npy_write(folder, name, "<f4", host, n, d);
    free(host);
}

static void set_write(const char *folder, const char *split, const struct features *f, const struct image_set *set)
{
    char *const features = text_format("%s_f", split), *const labels = text_format("%s_label", split);
    floats_write(folder, features, f->x, f->n, f->d);
    npy_write(folder, labels, "<i4", set->host.labels, f->n, 0);
    free(features);
    free(labels);
}

int outputs_dump(struct trainer *t, const struct probe_data *data, const char *folder)
{
    static const char *const names[] = { "z", "z1", "z2" };
    const struct augment *const recipes[] = { &t->test_recipe, &t->standard_recipe, &t->standard_recipe };
    static const uint32_t views[] = { VIEW_TEST, VIEW_MONITOR, VIEW_MONITOR + 1 };
    const int n = t->monitor.host.n, d = t->model.projector.out;
    if (!folder_make(folder)) die("cannot make %s: %s (is it writable?)", folder, strerror(errno));
    dev_float *const z = mem_alloc(sizeof(float) * (size_t)n * (size_t)d);
    bool done = true;
    for (int i = 0; i < 3 && done; i++) {
        done = trainer_encode(t, &t->monitor, recipes[i], 0, views[i], NULL, z, NULL);
        if (done) floats_write(folder, names[i], z, n, d);
    }
    mem_free(z);
    /* a probe that augments has its views' features there, and makes them anew in each epoch */
    done = done && (!t->s->probe_augment || trainer_encode(t, &t->train, &t->test_recipe, 0, VIEW_TEST,
                                                           data->train.x, NULL, NULL));
    if (!done) return EXIT_AGAIN;
    set_write(folder, "train", &data->train, &t->train);
    set_write(folder, "test", &data->test, trainer_test(t));
    return 0;
}
