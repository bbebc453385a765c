/* SPDX-License-Identifier: MIT
 *
 * cmd_export.c -- `simsiam export`: a run's weights, and its numbers, as other programs read them.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "detectron.h"
#include "options.h"
#include "tensorboard.h"
#include "../methods/method.h"
#include "../methods/recipe.h"
#include "../methods/torch_names.h"
#include "../../engine/augment.h"
#include "../../engine/checkpoint.h"
#include "../../engine/data.h"
#include "../../engine/eval.h"

/* Who reads it: what of the model it takes. */
enum reader { FOR_ALL, FOR_TORCHVISION, FOR_DETECTRON2, READERS };
static const struct { const char *name, *suffix; } readers[READERS] = {
    [FOR_ALL] = { "all", ".safetensors" },
    [FOR_TORCHVISION] = { "torchvision", ".safetensors" },
    [FOR_DETECTRON2] = { "detectron2", ".pkl" },
};

static enum reader reader_find(const char *name)
{
    static const char *const names[] = { "all", "torchvision", "detectron2", NULL };
    for (int r = 0; r < READERS; r++)
        if (!strcmp(name, readers[r].name)) return (enum reader)r;
    const char *const near = config_nearest(name, names);
    if (near) die_user("export: --for: no reader \"%s\"; the nearest is %s", name, near);
    die_user("export: --for: no reader \"%s\"; there are all, torchvision and detectron2", name);
}

/* ---- a checkpoint ---------------------------------------------------------------------------- */

/* What is taken of one.  The floats are copies: a blob begins at any byte of its file. */
struct snapshot {
    struct settings s;
    char run[HASH_TEXT];
    uint64_t epoch;
    float *data, *stats, *probe;               /* probe: NULL unless it is trained to its end */
    int classes;
};

static float *floats_of(const struct checkpoint *c, const char *name, size_t *count)
{
    const struct blob *const blob = checkpoint_find(c, name);
    if (!blob || blob->bytes % sizeof(float)) return NULL;
    *count = blob->bytes / sizeof(float);
    float *const x = host_alloc(*count + 1, sizeof *x);
    memcpy(x, blob->data, blob->bytes);
    return x;
}

static bool is_model(const struct params *ps, const struct snapshot *p, size_t data, size_t stats)
{
    return p->data && p->stats && data == ps->count && stats == ps->n_stats;
}

/* Its position: the epoch first, the probe's epoch last (state.c). */
static bool position_take(struct snapshot *p, const struct checkpoint *c, uint64_t *probed)
{
    const struct blob *const where = checkpoint_find(c, "position"),
                      *const who = checkpoint_find(c, "identity");
    if (!where || !who || where->bytes < 2 * sizeof *probed || where->bytes % sizeof *probed ||
        who->bytes != HASH_TEXT - 1)
        return false;
    memcpy(&p->epoch, where->data, sizeof p->epoch);
    memcpy(probed, (const char *)where->data + where->bytes - sizeof *probed, sizeof *probed);
    memcpy(p->run, who->data, who->bytes);
    return true;
}

static void snapshot_open(struct snapshot *p, const char *folder, const struct params *ps, int features)
{
    char *const path = text_format("%s/checkpoint.bin", folder);
    struct checkpoint c;
    if (!checkpoint_load(&c, path)) {
        if (c.end == CHECKPOINT_UNREADABLE) die("%s: it is there and cannot be read (make it readable)", path);
        if (c.end == CHECKPOINT_OTHER_VERSION)
            die_user("%s: another version of the program wrote this checkpoint (export it by that one)", path);
        die_user("%s: no checkpoint is there (a run that was pooled from results/ has none)", path);
    }
    size_t data = 0, stats = 0, probe = 0;
    uint64_t probed = 0;
    p->data = floats_of(&c, "weights", &data);
    p->stats = floats_of(&c, "statistics", &stats);
    p->probe = floats_of(&c, "probe", &probe);
    if (!position_take(p, &c, &probed) || !is_model(ps, p, data, stats))
        die_user("%s: its tensors are not those of the net in config.yaml beside it", path);
    p->classes = (int)(probe / 2 / (size_t)(features + 1));
    if (probed != (uint64_t)p->s.probe_epochs || probe != probe_floats(features, p->classes)) {
        free(p->probe);
        p->probe = NULL;
    }
    checkpoint_free(&c);
    free(path);
}

static void snapshot_close(struct snapshot *p)
{
    free(p->data);
    free(p->stats);
    free(p->probe);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void said(json_t *metadata, const char *key, char *text)
{
    if (json_object_set_new(metadata, key, json_string(text)))
        die("cannot put %s into the metadata: no memory, or no UTF-8", key);
    free(text);
}

static json_t *metadata_of(const struct snapshot *p, enum reader reader)
{
    json_t *const m = json_object();
    const struct augment a = recipe_test(&p->s);
    char hash[HASH_TEXT];
    settings_hash(hash, &p->s);
    said(m, "format", text_format("pt"));
    said(m, "made_by", text_format("simsiam export --for %s", readers[reader].name));
    said(m, "mean", text_format("%.9g %.9g %.9g", a.mean[0], a.mean[1], a.mean[2]));
    said(m, "std", text_format("%.9g %.9g %.9g", a.std[0], a.std[1], a.std[2]));
    said(m, "image_size", text_format("%d", p->s.image_size));
    said(m, "epoch", text_format("%llu", (unsigned long long)p->epoch));
    said(m, "run", text_format("%s", p->run));
    said(m, "settings_hash", text_format("%s", hash));
    said(m, "settings", settings_print(&p->s));
    if (p->s.stem == STEM_CIFAR)
        said(m, "stem", text_format("conv1 is 3x3 with stride 1, and there is no max-pool: in torchvision and timm "
                                    "replace conv1 and maxpool"));
    if (p->probe)
        said(m, "fc", text_format("the linear probe, on frozen features"));
    return m;
}

static void probe_add(struct weights *w, const struct snapshot *p, int features)
{
    const int64_t dim[2] = { p->classes, features };
    const size_t count = (size_t)p->classes * (size_t)features;
    memcpy(weights_add(w, "fc.weight", 2, dim)->x, p->probe, count * sizeof(float));
    memcpy(weights_add(w, "fc.bias", 1, dim)->x, p->probe + count,
           (size_t)p->classes * sizeof(float));
}

/* Heads are no part of a classifier, and stand behind the backbone. */
static bool is_head(const char *name)
{
    return !strncmp(name, "projector.", 10) || !strncmp(name, "predictor.", 10) ||
           !strncmp(name, "prototypes", 10);
}

static bool is_count(const char *name) { return strstr(name, "num_batches_tracked"); }

static void drop(struct weights *w, bool (*unwanted)(const char *))
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (unwanted(w->t[i].name)) {
            free(w->t[i].name);
            free(w->t[i].x);
        } else {
            w->t[kept++] = w->t[i];
        }
    }
    w->n = kept;
}

/* A run's folder, or the checkpoint in it, whichever was saved last; the caller frees. */
static char *folder_of(const char *place)
{
    static const char file[] = "checkpoint.bin", before[] = "checkpoint.bin.prev";
    const char *const slash = strrchr(place, '/'), *const name = slash ? slash + 1 : place;
    if (!strcmp(name, before))
        die_user("export: %s: an older state; give the run's folder, or its checkpoint.bin", place);
    if (strcmp(name, file)) return text_format("%s", place);
    return slash ? text_format("%.*s", (int)(slash - place), place) : text_format(".");
}

static int export(const char *place, const char *to, enum reader reader)
{
    static struct model m;
    struct snapshot p = { .data = NULL };
    struct weights w = { .t = NULL };
    char *const folder = folder_of(place), *const config = text_format("%s/config.yaml", folder);
    if (!settings_read(&p.s, config)) {
        free(config);
        free(folder);
        return EXIT_USER;
    }
    machine_open(1);
    model_build(&m, &p.s, 0);
    const int features = m.backbone.features, steps = p.s.train_count / p.s.batch;
    snapshot_open(&p, folder, &m.params, features);
    torch_tensors_add(&w, &m.params, p.data, p.stats, (int64_t)p.epoch * steps);
    if (reader != FOR_ALL) drop(&w, is_head);
    if (reader == FOR_DETECTRON2) drop(&w, is_count);
    if (p.probe && reader != FOR_DETECTRON2) probe_add(&w, &p, features);
    w.metadata = metadata_of(&p, reader);
    const bool written = reader == FOR_DETECTRON2 ? detectron_write(&w, to) : weights_write(&w, to);
    if (!written) die("cannot write %s: %s (is there room, and may it be written?)", to, strerror(errno));
    say(stdout, "%s: %zu tensors of run %.16s at epoch %llu%s\n", to, w.n, p.run, (unsigned long long)p.epoch,
           p.probe || reader != FOR_TORCHVISION ? "" : ", without fc: its linear probe is not trained");
    weights_free(&w);
    snapshot_close(&p);
    model_free(&m);
    free(config);
    free(folder);
    return 0;
}

static const char help[] =
    "Writes the weights and running statistics of a run's checkpoint, by torchvision's names and in its layouts:\n"
    "backbone, heads, and the linear probe as fc, once it is trained.  --for torchvision leaves the heads out, so\n"
    "that a ResNet loads it strictly; --for detectron2 writes the backbone as a pickle for its checkpointer.\n"
    "--tensorboard writes the numbers of each epoch so far as an events file.";

int command_export(int argc, char **argv)
{
    const char *to = NULL, *name = "all", *events = NULL;
    const struct option_row rows[] = {
        { "to", OPTION_TEXT, &to, "FILE", "where the weights are written" },
        { "for", OPTION_TEXT, &name, "all|torchvision|detectron2", "who reads it" },
        { "tensorboard", OPTION_TEXT, &events, "DIR", "where the numbers are written, for TensorBoard" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "export RUN [--to FILE.safetensors] [options]", help, rows, 1, 1);
    const enum reader reader = reader_find(name);
    if (!to && !events) die_user("export needs --to FILE%s, or --tensorboard DIR", readers[reader].suffix);
    const size_t n = to ? strlen(to) : 0, m = strlen(readers[reader].suffix);
    if (to && (n <= m || strcmp(to + n - m, readers[reader].suffix)))
        die_user("export: --to %s: what --for %s writes is read by its name's end, %s", to, name,
                 readers[reader].suffix);
    if (events) {
        char *const folder = folder_of(argv[1]);
        say(stdout, "%s: %d numbers of %s\n", events, tensorboard_write(folder, events), folder);
        free(folder);
    }
    return to ? export(argv[1], to, reader) : 0;
}
