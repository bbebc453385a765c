/* SPDX-License-Identifier: MIT
 *
 * settings.c -- the one table of keys, its defaults, and what a row comes to as text.
 */
#include "settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "../../engine/data.h"
#include "../../engine/eval.h"
#include "../../engine/nn.h"
#include "../../engine/ops.h"
#include "../../engine/optim.h"
#include "../../engine/resnet.h"

static const char *const split_names[] = { [DATA_TRAIN] = "train", [DATA_TEST] = "test", NULL };
static const char *const predictor_lr_names[] = { [PREDICTOR_COSINE] = "cosine",
                                                  [PREDICTOR_CONSTANT] = "constant",
                                                  [PREDICTOR_ZERO] = "zero", NULL };

static const char *const stem_names[] = { [STEM_CIFAR] = "cifar", [STEM_IMAGENET] = "imagenet",
                                          NULL };
static const char *const block_names[] = { [BLOCK_BASIC] = "basic",
                                           [BLOCK_BOTTLENECK] = "bottleneck", NULL };
static const char *const probe_optimizer_names[] = { [PROBE_SGD] = "sgd", [PROBE_LARS] = "lars",
                                                     NULL };

static const char *const lr_schedule_names[] = { [LR_BY_EPOCH] = "epoch", [LR_BY_STEP] = "step",
                                                 NULL };
static const char *const optimizer_names[] = { [OPTIMIZER_SGD] = "sgd",
                                               [OPTIMIZER_LARS_SIMCLR] = "lars-simclr",
                                               [OPTIMIZER_LARS_BYOL] = "lars-byol",
                                               [OPTIMIZER_LARC] = "larc", NULL };

const char *const precision_names[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                        [PRECISION_FP16] = "fp16", NULL };

#define AT(field) .name = #field, .offset = offsetof(struct settings, field)
#define INT(field, min, max, u, text) \
    { AT(field), .type = KEY_INT, .low = min, .high = max, .unit = u, .sentence = text }
#define FLOAT(field, min, max, u, text) \
    { AT(field), .type = KEY_FLOAT, .low = min, .high = max, .unit = u, .sentence = text }
#define BOOL(field, text) { AT(field), .type = KEY_BOOL, .unit = "", .sentence = text }
#define CHOICE(field, names, text) { AT(field), .type = KEY_CHOICE, .choices = names, .unit = "", .sentence = text }
/* A choice that came later, where `was` was done before. */
#define LATER(field, names, was, text) \
    { AT(field), .type = KEY_CHOICE, .choices = names, .before = was, .unit = "", .sentence = text }
/* Of a recipe's views: the row's own, and the standard ones, which are all zero where the row's are
 * those. */
#define VIEW(field, n, min, max, u, text) \
    { .name = #field, .offset = offsetof(struct settings, views.field), \
      .type = n > 1 ? KEY_FLOATS : KEY_FLOAT, .count = n, .low = min, .high = max, .unit = u, \
      .sentence = text }
#define STANDARD_AT(field, n, max, none, u) \
    .name = "standard_" #field, .offset = offsetof(struct settings, standard.field), \
    .type = n > 1 ? KEY_FLOATS : KEY_FLOAT, .count = n, .high = max, .before = none, .unit = u, \
    .sentence = "the same of the views by which rows are compared, where a row has others"
#define STANDARD(field, n, max, none, u) { STANDARD_AT(field, n, max, none, u) }
/* A probability of all views, or one of even and one of odd ones: BYOL's two recipes. */
#define EITHER(field, was, text) \
    { .name = #field, .offset = offsetof(struct settings, views.field), .type = KEY_FLOATS, \
      .count = 2, .high = 1, .scalar = true, .before = was, .unit = "", .sentence = text }
#define HEAD(field, text) \
    { AT(field), .type = KEY_WORDS, .check = head_word_error, .unit = "layers", .sentence = text }

/* It is printed as it is, and must read back the same. */
static const char *path_error(const char *path)
{
    const bool plain = !strchr(" -?:,[]{}#&*!|>'\"%@`", *path) && !strstr(path, ": ") &&
                       !strstr(path, " #") && !strchr(" :", path[strlen(path) - 1]);
    return plain ? NULL
                 : "a path that YAML reads without quotes, such as my-images or /data/my-images";
}

const struct key settings_keys[] = {
    /* data */
    { AT(dataset), .type = KEY_CHOICE, .choices = &data_sources[0].name,
      .stride = sizeof data_sources[0], .unit = "", .sentence = "the images" },
    { AT(folder), .type = KEY_TEXT, .count = PATH_TEXT, .check = path_error, .before = "",
      .unit = "",
      .sentence =
          "with dataset: folder, where train/CLASS and val/CLASS (or test) lie; in DATA unless from /" },
    { AT(skip_bad), .type = KEY_INT, .high = 10000000, .before = "0", .unit = "images",
      .sentence =
          "with dataset: folder, of each split that may be bad; their places go to others of their class" },
    { AT(pixel_mean), .type = KEY_FLOATS, .count = 3, .high = 1, .before = "[0, 0, 0]", .unit = "",
      .sentence = "of red, green, blue in 0..1, taken away before the net; with no pixel_std: the data set's" },
    { AT(pixel_std), .type = KEY_FLOATS, .count = 3, .high = 1, .before = "[0, 0, 0]", .unit = "",
      .sentence = "that they are divided by then; zeros: the data set's" },
    INT(image_size, 4, 512, "pixels", "side of a view; the test transform resizes to it"),
    INT(train_first, 0, 10000000, "", "first image of the training split that is used"),
    INT(train_count, 2, 10000000, "images",
        "training images used: for training, kNN bank and probe"),
    CHOICE(monitor_split, split_names,
           "split of the monitor images; train: held out, to choose settings by"),
    INT(monitor_first, 0, 10000000, "", "first monitor image of its split"),
    INT(monitor_count, 2, 10000000, "images",
        "images for kNN, std and view share; and for the probe, without test_count"),
    { AT(test_count), .type = KEY_INT, .high = 10000000, .before = "0", .unit = "images",
      .sentence = "test images for the last epoch's kNN and the probe; 0: the monitor images" },
    /* model */
    LATER(stem, stem_names, "cifar", "3x3, or ImageNet's: 7x7 with stride 2 and a max-pool"),
    LATER(block, block_names, "basic",
          "two 3x3, or 1x1, 3x3, 1x1 that ends four times as wide (ResNet-50)"),
    { AT(widths), .type = KEY_INTS, .low = 1, .high = 4096, .unit = "channels",
      .sentence =
          "channels of each stage of the backbone; ResNet-18 and ResNet-50 are [64, 128, 256, 512]" },
    { AT(blocks), .type = KEY_INTS, .low = 1, .high = STAGE_BLOCKS_MAX, .scalar = true,
      .unit = "blocks",
      .sentence =
          "blocks in each stage, a number for all or a list; ResNet-18 has 2, ResNet-50 [3, 4, 6, 3]" },
    BOOL(zero_init_residual, "the last BN scale of each block starts at zero (App. A)"),
    INT(dim, 2, 65536, "features", "d, the output dimension (Sup. B)"),
    HEAD(projector,
         "f's projection MLP: fc WIDTH [bias|no-bias|frozen-bias|constant], bn [no-affine], relu"),
    HEAD(predictor, "h, the prediction MLP, in the same words; [] is the identity (Table 1a)"),
    /* method */
    { AT(method), .type = KEY_CHOICE, .choices = &methods[0].name, .stride = sizeof methods[0],
      .unit = "", .sentence = "which loss is made of the views' outputs" },
    BOOL(stop_grad, "treat the target as a constant (Sec. 3, Figure 2)"),
    { AT(distance), .type = KEY_CHOICE, .choices = &distances[0].name,
      .stride = sizeof distances[0], .unit = "", .sentence = "D(p, z) (Sec. 3, eq. 1; Sec. 4.5)" },
    { AT(pairs), .type = KEY_PAIRS, .low = 0, .high = VIEWS_MAX - 1, .unit = "",
      .sentence =
          "[source, target] views of each term of the loss, whose mean it is (eq. 3 and 4; Sec. 4.6)" },
    /* optimisation */
    INT(epochs, 0, 100000, "passes", "passes over the training images; 0: the untrained network"),
    INT(batch, 2, 65536, "images",
        "images of one step; an incomplete last batch is dropped (Table 2)"),
    { AT(shards), .type = KEY_INT, .low = 1, .high = 1024, .before = "1", .unit = "",
      .sentence = "equal parts of a batch, a power of two, whose sums are a balanced tree; digits hang on it" },
    FLOAT(base_lr, 0, 1000, "", "lr = base_lr * batch / 256, then cosine per epoch (Sec. 3)"),
    /* SimCLR's Table B.1 compares two rules that agree at its own batch of 4096, 0.3 * batch / 256
     * and 0.075 * root of the batch: one key says both which rule, and where they agree. */
    { AT(lr_root_batch), .type = KEY_INT, .high = 65536, .before = "0", .unit = "images",
      .sentence = "lr by the root of the batch, the linear rule's at this one; 0: linear" },
    FLOAT(momentum, 0, 0.9999, "", "SGD's momentum"),
    FLOAT(weight_decay, 0, 1, "", "of all parameters, BN scales and biases too (App. A)"),
    FLOAT(warmup, 0, 1, "",
          "share of all steps in which the encoder's lr rises linearly; Tables 2 and 3a: 0.1"),
    /* SimSiam's and MoCo's rate changes from epoch to epoch, that of SimCLR, BYOL and SwAV with
     * each step.  Shares of lr, so that another batch keeps them. */
    LATER(lr_schedule, lr_schedule_names, "epoch",
          "the cosine's: a rate an epoch (Sec. 3), or a step, down to lr_end"),
    { AT(warmup_from), .type = KEY_FLOAT, .high = 1, .before = "0", .unit = "",
      .sentence = "with lr_schedule: step, share of lr in a warm-up's first step (SwAV: 0.0625)" },
    { AT(lr_end), .type = KEY_FLOAT, .high = 1, .before = "0", .unit = "",
      .sentence = "with lr_schedule: step, share of lr that the cosine ends at (SwAV: 0.001)" },
    LATER(optimizer, optimizer_names, "sgd",
          "SGD, or the LARS of SimCLR, of BYOL or of SwAV (LARC); trust coefficient 0.001"),
    CHOICE(precision, precision_names,
           "of activations; weights, statistics and sums are fp32 in any case"),
    CHOICE(predictor_lr, predictor_lr_names,
           "the predictor's lr: decayed, not decayed, never trained (Table 1)"),
    /* augmentation */
    VIEW(crop_scale, 2, 0.0001, 1, "", "smallest and largest share of the image's area in a crop"),
    VIEW(crop_ratio, 2, 0.1, 10, "", "smallest and largest width/height of a crop"),
    VIEW(jitter, 4, 0, 1, "",
         "strength of the brightness, contrast, saturation and hue jitter; hue at most 0.5"),
    VIEW(jitter_p, 1, 0, 1, "", "probability of the colour jitter"),
    VIEW(gray_p, 1, 0, 1, "", "probability of grayscale"),
    VIEW(blur_sigma, 2, 0.01, 10, "pixels", "smallest and largest sigma of the Gaussian blur"),
    EITHER(blur_p, NULL, "probability of the blur; 0 on CIFAR (App. D)"),
    EITHER(solarize_p, "0", "probability that bright becomes dark, after the blur (BYOL, App. B)"),
    VIEW(flip_p, 1, 0, 1, "", "probability of the horizontal flip"),
    STANDARD(crop_scale, 2, 1, "[0, 0]", ""),
    STANDARD(crop_ratio, 2, 10, "[0, 0]", ""),
    STANDARD(jitter, 4, 1, "[0, 0, 0, 0]", ""),
    STANDARD(jitter_p, 1, 1, "0", ""),
    STANDARD(gray_p, 1, 1, "0", ""),
    STANDARD(blur_sigma, 2, 10, "[0, 0]", "pixels"),
    { STANDARD_AT(blur_p, 2, 1, "0", ""), .scalar = true },
    { STANDARD_AT(solarize_p, 2, 1, "0", ""), .scalar = true },
    STANDARD(flip_p, 1, 1, "0", ""),
    /* monitors */
    INT(knn_every, 1, 100000, "passes",
        "evaluation monitors every so many epochs, and after the last"),
    INT(knn_k, 1, 100000, "images", "neighbours that vote"),
    FLOAT(knn_temperature, 0.02, 100, "", "T of the votes exp(similarity / T)"),
    INT(expectation_views, 0, 1000, "views",
        "of a monitor image, to set h(z) beside E[z] (Sec. 5.2); 0: not done"),
    /* linear probe */
    LATER(probe_optimizer, probe_optimizer_names, "sgd",
          "SGD, or LARS with a trust coefficient of 0.001 (App. A)"),
    FLOAT(probe_lr, 0, 10000, "", "learning rate of the linear probe, not scaled by its batch"),
    INT(probe_epochs, 1, 100000, "passes", "passes of the linear probe"),
    INT(probe_batch, 1, 65536, "images", "images of one step of the linear probe"),
    BOOL(probe_augment,
         "crop and flip the probe's images anew each epoch; false: features computed once"),
    { .name = NULL }
};

/* Appendix D where it speaks; where it does not, Sec. 3 and App. A, whose SGD the probe takes. */
static const struct settings defaults = {
    .dataset = 0,                  /* cifar10 */
    .image_size = 32,
    .train_first = 0, .train_count = 50000,
    .monitor_split = DATA_TEST, .monitor_first = 0, .monitor_count = 10000,
    .stem = STEM_CIFAR, .block = BLOCK_BASIC,
    .widths = { 4, { 64, 128, 256, 512 } }, .blocks = { 1, { 2 } }, .zero_init_residual = true,
    .dim = 2048,
    .projector = { 5, { "fc d", "bn", "relu", "fc d", "bn" } },
    .predictor = { 4, { "fc d/4", "bn", "relu", "fc d" } },
    .method = 0, .stop_grad = true, .distance = 0, .pairs = { 2, { { 0, 1 }, { 1, 0 } } },
    .epochs = 800, .batch = 512, .shards = 1,
    .base_lr = 0.03, .momentum = 0.9, .weight_decay = 5e-4, .warmup = 0,
    .predictor_lr = PREDICTOR_CONSTANT,
    .precision = PRECISION_BF16,
    .views = { .crop_scale = { 0.2, 1 }, .crop_ratio = { 3.0 / 4, 4.0 / 3 },
               .jitter = { 0.4, 0.4, 0.4, 0.1 }, .jitter_p = 0.8, .gray_p = 0.2,
               .blur_sigma = { 0.1, 2 }, .blur_p = { 0, 0 }, .flip_p = 0.5 },
    .knn_every = 10, .knn_k = 200, .knn_temperature = 0.1, .expectation_views = 0,
    .probe_optimizer = PROBE_SGD, .probe_lr = 30, .probe_epochs = 100, .probe_batch = 256,
    .probe_augment = true,
};

struct settings settings_default(int method)
{
    const struct method *const m = methods[method].method;
    struct settings s = defaults;
    s.method = method;
    assert(m->own_bytes <= sizeof s.own);
    if (m->own_bytes) memcpy(s.own, m->defaults, m->own_bytes);
    return s;
}

const struct key *settings_own_keys(int method)
{
    return methods[method].method->keys;
}

const struct rule *settings_own_rules(int method)
{
    return methods[method].method->rules;
}

int settings_keys_of(struct key list[KEYS_MAX], int method)
{
    int n = 0;
    for (const struct key *k = settings_keys; k->name; k++) {
        list[n++] = *k;
        if (k->offset != offsetof(struct settings, pairs)) continue;
        for (const struct key *own = settings_own_keys(method); own && own->name; own++)
            list[n++] = *own;
    }
    assert(n < KEYS_MAX);
    list[n] = (struct key){ .name = NULL };
    return n;
}

char *settings_print(const struct settings *s)
{
    struct key keys[KEYS_MAX];
    settings_keys_of(keys, s->method);
    return config_print(keys, s);
}

void settings_hash(char hex[HASH_TEXT], const struct settings *s)
{
    char *config = settings_print(s);
    hash_bytes(hex, config, strlen(config));
    free(config);
}

/* The method that a resolved config names; the first where it names none that there is, which is
 * reported when its value is read. */
static int method_named(struct config_file *f, yaml_node_t *root)
{
    const yaml_node_t *const node = config_get(f, root, "method");
    const char *const name = node ? config_text(node) : NULL;
    for (int m = 0; name && methods[m].name; m++)
        if (!strcmp(methods[m].name, name)) return m;
    return 0;
}

bool settings_read(struct settings *s, const char *path)
{
    struct config_file f;
    yaml_node_t *const root = config_open(&f, path) ? config_root(&f) : NULL;
    if (root) {
        struct key keys[KEYS_MAX];
        *s = settings_default(method_named(&f, root));
        const int n = settings_keys_of(keys, s->method);
        for (int k = 0; k < n; k++)            /* nobody asks for 0, but the untrained row has it */
            if (keys[k].offset == offsetof(struct settings, epochs)) keys[k].low = 0;
        config_apply(&f, root, keys, s, NULL, NULL);
    }
    char *const text = file_read(path, NULL), *const own = root ? settings_print(s) : NULL;
    if (!f.errors && !(text && own && !strcmp(text, own)))
        config_error(&f, root, "this is not how resolved settings are written (simsiam config)");
    const bool right = root && !f.errors;
    free(text);
    free(own);
    config_close(&f);
    return right;
}

bool settings_has_test(const struct settings *s)
{
    return s->test_count && (s->monitor_first || s->monitor_count != s->test_count);
}

void settings_standard(struct settings *s, const struct view_settings *standard)
{
    static const struct view_settings none = { .flip_p = 0 };
    s->standard = memcmp(&s->views, standard, sizeof *standard) ? *standard : none;
}

bool settings_has_standard(const struct settings *s)
{
    return s->standard.crop_scale[1] > 0;
}
