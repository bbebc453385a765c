/* SPDX-License-Identifier: MIT
 *
 * cmd_import.c -- `simsiam import`: a net in a .safetensors file as the checkpoint that a row begins from.
 *
 * Its folder has the name that the row's own run would have, so that run, eval and export know it; its
 * provenance says from which file it began, and so it never counts for the row (found.h).
 */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval_parts.h"
#include "options.h"
#include "../methods/code.h"
#include "../run/found.h"
#include "../run/provenance.h"
#include "../run/state.h"
#include "../../engine/data.h"

/* The folder is made beside its place, under a name that nobody reads, and renamed once it is whole. */
struct placing { char *folder, *staging, *parent; };

static void staging_clear(const struct placing *p)
{
    static const char *const names[] = { "config.yaml", "provenance.json", "checkpoint.bin" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const path = text_format("%s/%s", p->staging, names[i]);
        unlink(path);                              /* of one that was killed, or not there */
        free(path);
    }
    rmdir(p->staging);
}

static struct placing placing_open(const char *root, const char *hash, int seed)
{
    struct placing p = { .folder = run_folder(root, hash, seed) };
    p.parent = path_folder(p.folder);
    p.staging = text_format("%s.importing-%d", p.parent, seed);
    if (!access(p.folder, F_OK))
        die_user("%s: a run is there already (give another --to, or remove it)", p.folder);
    staging_clear(&p);
    if (!folder_make(p.staging)) die("cannot make %s: %s (is the folder writable?)", p.staging, strerror(errno));
    return p;
}

static _Noreturn void placing_fail(const struct placing *p, const char *name)
{
    const int why = errno;
    staging_clear(p);
    rmdir(p->parent);
    if (why == ENOTEMPTY || why == EEXIST)
        die_user("%s: a run is there already (give another --to, or remove it)", p->folder);
    die("cannot write %s/%s: %s (is there room, and may it be written?)", p->folder, name, strerror(why));
}

static void placing_write(const struct placing *p, const struct trainer *t, const char *config, const char *hash)
{
    char *const checkpoint = text_format("%s/checkpoint.bin", p->staging);
    char *const config_path = text_format("%s/config.yaml", p->staging);
    if (!file_write_atomic(config_path, config, strlen(config))) placing_fail(p, "config.yaml");
    if (!trainer_save(t, checkpoint, hash)) placing_fail(p, "checkpoint.bin");
    if (rename(p->staging, p->folder) || !folder_sync(p->parent)) placing_fail(p, "");
    free(checkpoint);
    free(config_path);
}

static void placing_close(struct placing *p)
{
    free(p->folder);
    free(p->staging);
    free(p->parent);
}

/* The tensors of the file in the trainer's model.  What the method keeps beside it (a momentum encoder)
 * begins as a copy of the model, and so begins again. */
static struct torch_found model_take(struct trainer *t, const struct weights *w, const char *path)
{
    const struct torch_found found = net_take(t, w, path);
    if (t->own) t->method->close(t->own);
    t->own = t->method->open ? t->method->open(&t->model, t->s) : NULL;
    return found;
}

static void found_tell(const struct placing *p, const struct torch_found *found, const struct weights *w)
{
    say(stdout, "%s: %zu tensors%s%s%s\n", p->folder, w->n,
        found->projector ? "" : ", no projector: as the seed has it",
        found->predictor ? "" : ", no predictor: as the seed has it",
        found->fc ? ", fc is left out: the probe begins anew" : "");
}

static void import(const char *path, const struct row *row, int seed, const char *to)
{
    struct weights w;
    struct machine_info m;
    char file[HASH_TEXT], data[HASH_TEXT], hash[HASH_TEXT];
    machine_open(1);
    net_read(&w, path);
    if (!hash_file(file, path)) die("cannot read %s: %s", path, strerror(errno));
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &row->settings, seed);
    const struct torch_found found = model_take(t, &w, path);

    const char *const images[PROVENANCE_SETS] = { t->train.host.hash, t->monitor.host.hash, t->test.host.hash };
    char *const config = settings_print(&row->settings);
    machine_describe(&m);
    run_data_hash(data, images[0], images[1], images[2]);
    run_hash(hash, config, m.machine, code_hash_of(row->settings.method), data);
    struct placing p = placing_open(to, hash, seed);
    provenance_import(p.staging, &row->settings, seed, images, file);
    placing_write(&p, t, config, hash);
    found_tell(&p, &found, &w);

    placing_close(&p);
    free(config);
    trainer_close(t);
    free(t);
    weights_free(&w);
}

static const char help[] =
    "Makes a checkpoint at epoch 0 of a row's net with the weights and running statistics of the file, named as\n"
    "export and torchvision name them: run --runs DIR goes on from it, eval --from and export take its folder,\n"
    "which is printed.  A head that the file lacks is as the seed initialises it.  provenance.json names the file\n"
    "by its SHA-256; such a run counts in no table.";

int command_import(int argc, char **argv)
{
    const char *experiment = NULL, *name = NULL, *scale = "quick", *to = NULL;
    int seed = 1;
    const struct option_row rows[] = {
        { "experiment", OPTION_TEXT, &experiment, "FILE", "the experiment of the row (needed)" },
        { "row", OPTION_TEXT, &name, "ROW", "the row whose net it is (needed)" },
        { "to", OPTION_TEXT, &to, "DIR", "where the run's folder is made, for --runs (needed)" },
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "seed", OPTION_INT, &seed, "N", "seed of what the file has not, and of the run" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "import PATH --experiment FILE --row ROW --to DIR [options]", help, rows, 1, 1);
    if (!experiment || !name || !to)
        die_user("import needs --experiment FILE, --row ROW and --to DIR; see simsiam import --help");
    if (seed < 1) die_user("--seed %d: give a number from 1 on", seed);
    if (!is_weights_file(argv[1]))
        die_user("import: %s: what is read ends in .safetensors (docs/weights.md: how others become one)", argv[1]);
    struct experiment *const e = host_alloc(1, sizeof *e);
    experiment_load(e, experiment, scale);
    import(argv[1], &e->row[experiment_hosted(e, name)], seed, to);
    free(e);
    return 0;
}
