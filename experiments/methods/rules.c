/* SPDX-License-Identifier: MIT
 *
 * rules.c -- settings that are right one by one and wrong together (settings.h).
 */
#include "settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "../../engine/data.h"
#include "../../engine/ops.h"
#include "../../engine/optim.h"
#include "../../engine/resnet.h"

bool because(char why[TEXT_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(why, TEXT_MAX, format, arguments) < 0) *why = 0;
    va_end(arguments);
    return true;
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool train_beyond(const struct settings *s, char *why)
{
    const struct data_source *source = &data_sources[s->dataset];
    const int have = source->n[DATA_TRAIN];
    return s->train_first + s->train_count > have &&
           because(why, "training images %d to %d; %s has 0 to %d", s->train_first,
                   s->train_first + s->train_count - 1, source->name, have - 1);
}

static bool monitor_beyond(const struct settings *s, char *why)
{
    const struct data_source *source = &data_sources[s->dataset];
    const int have = source->n[s->monitor_split];
    return s->monitor_first + s->monitor_count > have &&
           because(why, "monitor images %d to %d; the %s split of %s has 0 to %d", s->monitor_first,
                   s->monitor_first + s->monitor_count - 1,
                   s->monitor_split == DATA_TEST ? "test" : "train", source->name, have - 1);
}

/* A setting chosen by what the test set says would be tuned on it. */
static bool test_while_choosing(const struct settings *s, char *why)
{
    return s->test_count && s->monitor_split == DATA_TRAIN &&
           because(why, "test_count %d with monitor_split: train, which chooses settings on held-out "
                   "images; leave it out", s->test_count);
}

static bool test_beyond(const struct settings *s, char *why)
{
    const struct data_source *source = &data_sources[s->dataset];
    return s->test_count > source->n[DATA_TEST] &&
           because(why, "test_count %d; the test split of %s has %d images", s->test_count,
                   source->name, source->n[DATA_TEST]);
}

/* Settings chosen on images the network has seen would be chosen on its memory. */
static bool monitor_seen(const struct settings *s, char *why)
{
    return s->monitor_split == DATA_TRAIN && s->monitor_first < s->train_first + s->train_count &&
           s->train_first < s->monitor_first + s->monitor_count &&
           because(why, "monitor images %d to %d are trained on too (%d to %d); hold them out",
                   s->monitor_first, s->monitor_first + s->monitor_count - 1, s->train_first,
                   s->train_first + s->train_count - 1);
}

static bool folder_alone(const struct settings *s, char *why)
{
    const bool folder = data_is_folder(&data_sources[s->dataset]);
    if (folder && !*s->folder)
        return because(
            why,
            "dataset: folder needs folder: PATH, where train/CLASS and val/CLASS (or test) lie");
    return !folder && *s->folder &&
           because(why, "folder: %s is of no use with dataset: %s; dataset: folder reads it",
                   s->folder, data_sources[s->dataset].name);
}

static bool skip_alone(const struct settings *s, char *why)
{
    return s->skip_bad && !data_is_folder(&data_sources[s->dataset]) &&
           because(why,
                   "skip_bad: %d goes with dataset: folder; the files of %s are right or refused",
                   s->skip_bad, data_sources[s->dataset].name);
}

static bool batch_large(const struct settings *s, char *why)
{
    return s->batch > s->train_count &&
           because(why, "batch %d is more than the %d training images; at most as many", s->batch,
                   s->train_count);
}

static bool probe_batch_large(const struct settings *s, char *why)
{
    return s->probe_batch > s->train_count &&
           because(why, "probe_batch %d is more than the %d training images; at most as many",
                   s->probe_batch, s->train_count);
}

/* A balanced tree over shards of as many images. */
static bool shards_uneven(const struct settings *s, char *why)
{
    if (s->shards & (s->shards - 1))
        return because(why, "shards %d is no power of two; 1, 2, 4, 8, ...", s->shards);
    return s->batch % s->shards &&
           because(why, "a batch of %d images does not come in %d equal shards; a power of two that "
                   "divides batch", s->batch, s->shards);
}

static bool knn_large(const struct settings *s, char *why)
{
    return s->knn_k > s->train_count &&
           because(why, "knn_k %d is more than the %d training images, the bank; at most as many",
                   s->knn_k, s->train_count);
}

/* ---- model ----------------------------------------------------------------------------------- */

static bool stages_many(const struct settings *s, char *why)
{
    return s->widths.n > STAGES_MAX && because(why, "%d stages; 1 to %d", s->widths.n, STAGES_MAX);
}

static bool blocks_unlike_widths(const struct settings *s, char *why)
{
    return s->blocks.n > 1 && s->blocks.n != s->widths.n &&
           because(why,
                   "blocks of %d stages, widths of %d; as many, or one number of blocks for all",
                   s->blocks.n, s->widths.n);
}

/* Each stage after the first halves the image, ImageNet's stem does so twice. */
static bool image_small(const struct settings *s, char *why)
{
    const int least = 1 << (s->widths.n - 1 + (s->stem == STEM_IMAGENET ? 2 : 0));
    return s->widths.n <= STAGES_MAX && s->image_size < least &&
           because(why, "image_size %d does not survive %d stages; at least %d", s->image_size,
                   s->widths.n, least);
}

static int backbone_features(const struct settings *s)
{
    return resnet_features((enum block_kind)s->block, s->widths.v[s->widths.n - 1]);
}

/* The width that "fc WIDTH ..." means; 0 and the reason if WIDTH is a fraction that leaves a
 * remainder. */
static int fc_width(const struct settings *s, const char *words, char *why)
{
    const char *at = words + strlen("fc ");
    if (*at != 'd' && *at != 'f') return (int)strtol(at, NULL, 10);
    const int base = *at == 'd' ? s->dim : backbone_features(s);
    if (at[1] != '/') return base;
    const long part = strtol(at + 2, NULL, 10);
    if (part > 0 && part <= base && base % part == 0) return (int)(base / part);
    because(why, "%s: %c is %d, not a multiple of %ld", words, *at, base, part);
    return 0;
}

/* The width behind a head for `width` features; 0 and the reason if one of its layers has none. */
static int head_out(const struct settings *s, const struct word_list *head, int width, char *why)
{
    for (int i = 0; i < head->n && width; i++)
        if (!strncmp(head->v[i], "fc ", 3)) width = fc_width(s, head->v[i], why);
    return width;
}

static int projector_out(const struct settings *s, char *why)
{
    return head_out(s, &s->projector, backbone_features(s), why);
}

static bool projector_fraction(const struct settings *s, char *why)
{
    return !projector_out(s, why);
}

static bool predictor_fraction(const struct settings *s, char *why)
{
    return !head_out(s, &s->predictor, 1, why);
}

int settings_predicted(const struct settings *s, int width, char why[TEXT_MAX])
{
    return head_out(s, &s->predictor, width, why);
}

/* The loss compares p with z, or it is the method's own matter. */
static bool predictor_width(const struct settings *s, char *why)
{
    if (methods[s->method].method->predicted) return false;
    const int z = projector_out(s, why), p = z ? head_out(s, &s->predictor, z, why) : 0;
    return z && p && z != p &&
           because(
               why,
               "the predictor gives %d features, the projector %d; they are compared, so as many",
               p, z);
}

/* ---- method ---------------------------------------------------------------------------------- */

static bool pair_of_itself(const struct settings *s, char *why)
{
    for (int i = 0; i < s->pairs.n; i++)
        if (s->pairs.v[i][0] == s->pairs.v[i][1])
            return because(why, "pairs: view %d is its own target; two views make a pair",
                           s->pairs.v[i][0]);
    return false;
}

/* A view that no pair names would be drawn and encoded for nothing. */
static bool view_unused(const struct settings *s, char *why)
{
    bool used[VIEWS_MAX] = { false };
    int last = 0;
    for (int i = 0; i < s->pairs.n; i++)
        for (int j = 0; j < 2; j++) {
            used[s->pairs.v[i][j]] = true;
            if (s->pairs.v[i][j] > last) last = s->pairs.v[i][j];
        }
    for (int v = 0; v < last; v++)
        if (!used[v])
            return because(why, "pairs: no pair has view %d, but one has %d; number them from 0", v,
                           last);
    return false;
}

/* ---- optimisation, augmentation -------------------------------------------------------------- */

/* Of the schedule by epochs they would be asked for and not done. */
static bool shares_by_epoch(const struct settings *s, char *why)
{
    if (s->lr_schedule == LR_BY_STEP) return false;
    return (s->warmup_from > 0 || s->lr_end > 0) &&
           because(why, "warmup_from and lr_end are of lr_schedule: step; say that, or leave them "
                   "out");
}

static bool from_without_warmup(const struct settings *s, char *why)
{
    return s->warmup_from > 0 && s->warmup == 0 &&
           because(why, "warmup_from %g of a warm-up that there is not; warmup above 0",
                   s->warmup_from);
}

/* Where gradients overflow fp16's scale, a step is left out: SGD looks at all tensors for that. */
static bool lars_in_fp16(const struct settings *s, char *why)
{
    return s->optimizer != OPTIMIZER_SGD && s->precision == PRECISION_FP16 &&
           because(why, "fp16 leaves out steps whose gradients overflow, which sgd alone knows; "
                   "precision: bf16 or fp32");
}

static bool crop_scale_order(const struct settings *s, char *why)
{
    return s->views.crop_scale[0] > s->views.crop_scale[1] &&
           because(why, "crop_scale: the smaller number comes first");
}

static bool crop_ratio_order(const struct settings *s, char *why)
{
    return s->views.crop_ratio[0] > s->views.crop_ratio[1] &&
           because(why, "crop_ratio: the smaller number comes first");
}

static bool blur_sigma_order(const struct settings *s, char *why)
{
    return s->views.blur_sigma[0] > s->views.blur_sigma[1] &&
           because(why, "blur_sigma: the smaller number comes first");
}

/* A hue is an angle in turns; half a turn reaches all of them. */
static bool hue_large(const struct settings *s, char *why)
{
    return s->views.jitter[3] > 0.5 &&
           because(why, "jitter: a hue of %g; at most 0.5, half the colour circle", s->views.jitter[3]);
}

/* Standard views are a whole recipe or none. */
static bool standard_torn(const struct settings *s, char *why)
{
    static const struct view_settings none = { .flip_p = 0 };
    const struct view_settings *const v = &s->standard;
    const bool whole = v->crop_scale[0] > 0 && v->crop_scale[1] >= v->crop_scale[0] &&
                       v->crop_ratio[0] > 0 && v->crop_ratio[1] >= v->crop_ratio[0] &&
                       v->blur_sigma[1] >= v->blur_sigma[0] &&
                       (v->blur_sigma[0] > 0 || (v->blur_p[0] == 0 && v->blur_p[1] == 0)) &&
                       v->jitter[3] <= 0.5;
    return !whole && memcmp(v, &none, sizeof none) &&
           because(why, "standard_crop_scale and the others of standard_... are a whole recipe, the "
                   "smaller number first, or all left out");
}

/* All zero, or none. */
static bool pixels_half(const struct settings *s, char why[TEXT_MAX])
{
    int deviations = 0;
    bool mean = false;
    for (int c = 0; c < 3; c++) {
        deviations += s->pixel_std[c] > 0;
        mean = mean || s->pixel_mean[c] > 0;
    }
    return (deviations % 3 || (mean && !deviations)) &&
           because(why, "three deviations above 0 are wanted, or pixel_mean and pixel_std both left out");
}

const struct rule settings_rules[] = {
    { { "folder", "dataset" }, folder_alone },
    { { "skip_bad", "dataset" }, skip_alone },
    { { "pixel_std", "pixel_mean" }, pixels_half },
    { { "train_count", "train_first", "dataset" }, train_beyond },
    { { "monitor_count", "monitor_first", "monitor_split", "dataset" }, monitor_beyond },
    { { "monitor_first", "monitor_count", "monitor_split", "train_count", "train_first" },
      monitor_seen },
    { { "test_count", "monitor_split" }, test_while_choosing },
    { { "test_count", "dataset" }, test_beyond },
    { { "batch", "train_count" }, batch_large },
    { { "shards", "batch" }, shards_uneven },
    { { "probe_batch", "train_count" }, probe_batch_large },
    { { "knn_k", "train_count" }, knn_large },
    { { "widths" }, stages_many },
    { { "blocks", "widths" }, blocks_unlike_widths },
    { { "image_size", "widths", "stem" }, image_small },
    { { "projector", "dim", "widths", "block" }, projector_fraction },
    { { "predictor", "dim", "widths", "block" }, predictor_fraction },
    { { "predictor", "projector", "dim", "widths", "block" }, predictor_width },
    { { "pairs" }, pair_of_itself },
    { { "pairs" }, view_unused },
    { { "warmup_from", "lr_end", "lr_schedule" }, shares_by_epoch },
    { { "warmup_from", "warmup" }, from_without_warmup },
    { { "optimizer", "precision" }, lars_in_fp16 },
    { { "crop_scale" }, crop_scale_order },
    { { "crop_ratio" }, crop_ratio_order },
    { { "blur_sigma" }, blur_sigma_order },
    { { "jitter" }, hue_large },
    { { "standard_crop_scale", "standard_crop_ratio", "standard_blur_sigma", "standard_blur_p",
        "standard_jitter" }, standard_torn },
    { { NULL }, NULL }
};

/* ---- processes ------------------------------------------------------------------------------- */

bool ranks_wrong(const struct settings *s, int ranks, char why[TEXT_MAX])
{
    const struct method *const m = methods[s->method].method;
    if (ranks > 0 && s->shards % ranks == 0) return m->ranks_wrong && m->ranks_wrong(s, ranks, why);
    char take[TEXT_MAX] = "1";
    for (int r = 2; r <= s->shards; r *= 2) {
        const size_t at = strlen(take);
        snprintf(take + at, sizeof take - at, "%s%d", 2 * r > s->shards ? " or " : ", ", r);
    }
    return because(why, "shards: %d on %d processes: take %s", s->shards, ranks, take);
}
