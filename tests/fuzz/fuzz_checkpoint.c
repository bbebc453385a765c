/* SPDX-License-Identifier: MIT
 *
 * fuzz_checkpoint.c -- any bytes as a run's checkpoint: refused, or a position of that run.
 *
 * If the first byte is `+`, a right SHA-256 is put behind the others, so that what is past the
 * checksum is reached.
 */
#include "fuzz.h"

#include <openssl/sha.h>

#include "../../experiments/run/state.h"

static struct input_file file;
static struct trainer trainer;
static struct settings settings;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    input_open(&file);
    settings = settings_default(0);
    settings.dataset = (int)(data_source_find("synthetic") - data_sources);
    settings.image_size = 4;
    settings.train_count = 4;
    settings.monitor_count = 2;
    settings.widths = settings.blocks = (struct int_list){ 1, { 1 } };
    settings.dim = 4;
    settings.batch = 2;
    settings.probe_batch = 2;
    settings.knn_k = 1;
    settings.epochs = 2;
    machine_open(1);
    trainer_open(&trainer, &settings, 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes) return 0;
    const bool sealed = data[0] == '+';
    uint8_t *content = host_alloc(bytes + SHA256_DIGEST_LENGTH, 1);
    memcpy(content, data + 1, bytes - 1);
    if (sealed) SHA256(content, bytes - 1, content + bytes - 1);
    input_put(&file, content, bytes - 1 + (sealed ? SHA256_DIGEST_LENGTH : 0));
    free(content);
    IF_NOT_REFUSED {
        const bool taken = trainer_load(&trainer, file.path, "identity");
        if (taken &&
            (trainer.epoch < 0 || trainer.epoch > settings.epochs || trainer.step < 0 ||
             trainer.step > trainer.steps || !memchr(trainer.frozen, 0, sizeof trainer.frozen)))
            abort();
    }
    return 0;
}
