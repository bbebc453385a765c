/* SPDX-License-Identifier: MIT
 *
 * test_nn.c -- parameters, their first values and names; heads in words; the residual nets of
 * Appendix D.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/base.h"
#include "../engine/resnet.h"

#define WIDTHS .stages = 4, .widths = { 64, 128, 256, 512 }
/* Appendix D's net, and ImageNet's two as torchvision has them. */
static const struct resnet_shape CIFAR18 = { WIDTHS, .blocks = { 2, 2, 2, 2 }, .zero_init = true };
static const struct resnet_shape RESNET18 = { STEM_IMAGENET, WIDTHS, .blocks = { 2, 2, 2, 2 },
                                              .zero_init = true };
static const struct resnet_shape RESNET50 = { STEM_IMAGENET, BLOCK_BOTTLENECK, WIDTHS,
                                              .blocks = { 3, 4, 6, 3 }, .zero_init = true };
static const struct resnet_shape TINY = { .stages = 2, .widths = { 3, 5 }, .blocks = { 1, 1 } };
static const char *const PROJECTOR[] = { "fc d", "bn", "relu", "fc d", "bn" };
static const char *const PROJECTOR_NO_AFFINE[] = { "fc d", "bn", "relu", "fc d", "bn no-affine" };
static const char *const PREDICTOR[] = { "fc d/4", "bn", "relu", "fc d" };

static struct params params;       /* large */
static struct tape tape;

static int params_drop(void **state)
{
    (void)state;
    tape_free(&tape);
    params_free(&params);
    return 0;
}

static int machine_start(void **state)
{
    (void)state;
    machine_open(1);
    return 0;
}

static const struct param *param_find(const char *name)
{
    for (int i = 0; i < params.n; i++)
        if (!strcmp(params.p[i].name, name)) return &params.p[i];
    return NULL;
}

static const struct param *param_of_shape(const char *name, int n_dims, const int *dim)
{
    const struct param *const p = param_find(name);
    if (!p) fail_msg("no tensor is called %s", name);
    assert_int_equal(p->n_dims, n_dims);
    size_t count = 1;
    for (int i = 0; i < n_dims; i++) {
        assert_int_equal(p->dim[i], dim[i]);
        count *= (size_t)dim[i];
    }
    assert_int_equal(p->count, count);
    return p;
}

/* Learnt numbers (frozen ones too) declared since tensor `from`. */
static size_t learnt(int from)
{
    size_t sum = 0;
    for (int i = from; i < params.n; i++) sum += params.p[i].statistic ? 0 : params.p[i].count;
    return sum;
}

static float *values(const struct param *p)
{
    float *const x = host_alloc(p->count, sizeof *x);
    mem_download(x, float_at(p->statistic ? params.stats : params.data, p->offset), 4 * p->count);
    return x;
}

static bool all_are(const char *name, float value)
{
    const struct param *const p = param_find(name);
    assert_non_null(p);
    float *const x = values(p);
    bool equal = true;
    for (size_t i = 0; i < p->count; i++) equal &= x[i] == value;
    free(x);
    return equal;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void right_words_are_accepted(void **state)
{
    (void)state;
    static const char *const words[] = { "relu", "bn", "bn no-affine", "fc d", "fc f", "fc d/4",
                                         "fc f/2", "fc 1", "fc 2048", "fc 65536", "fc d bias",
                                         "fc d/4 no-bias", "fc 7 frozen-bias", "fc d constant" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (head_word_error(words[i])) fail_msg("\"%s\" was refused", words[i]);
}

static void wrong_words_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const words[] = { "", " ", "Relu", "relu ", "relu 3", "bn affine",
                                         "bn  no-affine", "fc", "fc ", "fc  d", "fc x", "fc 0",
                                         "fc -3", "fc 65537", "fc 1e3", "fc 99999999999999999999",
                                         "fc 7x", "fc d/", "fc d/0", "fc d/x", "fc d/-2", "fc d4",
                                         "fc d biased", "fc d bias bias", "fc bias", "conv 3",
                                         "fcd" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *const error = head_word_error(words[i]);
        if (!error) fail_msg("\"%s\" was accepted", words[i]);
        assert_true(strlen(error) > 20);
    }
}

static void head_is_named_and_shaped_like_a_sequential(void **state)
{
    (void)state;
    static const char *const words[] = { "fc d/4", "bn", "relu", "fc f/2", "relu", "fc 33" };
    const struct head h = head_declare(&params, "projector", words, 6, 7, 12, 10);
    assert_int_equal(h.n, 6);
    assert_int_equal(h.out, 33);
    param_of_shape("projector.0.weight", 2, (const int[]){ 3, 7 });
    param_of_shape("projector.1.weight", 1, (const int[]){ 3 });
    param_of_shape("projector.1.bias", 1, (const int[]){ 3 });
    assert_true(param_of_shape("projector.1.running_mean", 1, (const int[]){ 3 })->statistic);
    assert_true(param_of_shape("projector.1.running_var", 1, (const int[]){ 3 })->statistic);
    param_of_shape("projector.3.weight", 2, (const int[]){ 5, 3 });
    param_of_shape("projector.3.bias", 1, (const int[]){ 5 });
    param_of_shape("projector.5.weight", 2, (const int[]){ 33, 5 });
    param_of_shape("projector.5.bias", 1, (const int[]){ 33 });
    assert_int_equal(params.n, 9);
}

static void empty_head_is_the_identity(void **state)
{
    (void)state;
    const struct head h = head_declare(&params, "predictor", NULL, 0, 7, 12, 10);
    assert_int_equal(h.n, 0);
    assert_int_equal(h.out, 7);
    assert_int_equal(params.n, 0);
    const struct var x = var_room(&tape, 3, 1, 1, 7),
                     y = head_apply(&tape, &params, &h, x, 1, true);
    assert_ptr_equal(y.data, x.data);
}

static void fc_before_bn_has_no_bias_unless_the_list_says_so(void **state)
{
    (void)state;
    static const char *const words[] = { "fc d", "bn", "fc d bias", "bn", "fc d no-bias",
                                         "fc d frozen-bias", "bn", "fc d" };
    const struct head h = head_declare(&params, "h", words, 8, 3, 3, 3);
    const bool biased[] = { false, false, true, false, false, true, false, true };
    for (int i = 0; i < 8; i++)
        if (h.layer[i].kind == HEAD_FC) assert_int_equal(h.layer[i].fc.b >= 0, biased[i]);
    params_alloc(&params, 1);
    assert_non_null(params_weight(&params, h.layer[2].fc.b).grad);
    /* frozen: has a value, wants no gradient */
    assert_null(params_weight(&params, h.layer[5].fc.b).grad);
    assert_non_null(params_weight(&params, h.layer[5].fc.b).data);
    assert_non_null(params_weight(&params, h.layer[5].fc.w).grad);
    assert_null(params_weight(&params, h.layer[4].fc.b).data);
}

/* A planted collapse: the output is the bias, for every input and for ever. */
static void constant_layer_gives_its_bias_and_is_never_trained(void **state)
{
    (void)state;
    static const char *const words[] = { "fc d constant" };
    const struct head h = head_declare(&params, "h", words, 1, 3, 5, 3);
    params_alloc(&params, 1);
    const struct weight w = params_weight(&params, h.layer[0].fc.w),
                        b = params_weight(&params, h.layer[0].fc.b);
    assert_true(!w.grad && !b.grad && b.data);
    float bias[5], y[2 * 5];
    mem_download(bias, b.data, sizeof bias);
    const struct var x = var_room(&tape, 2, 1, 1, 3);
    mem_act_upload(x.data, (float[]){ 1, 2, 3, -4, 5, 6 }, 6);
    mem_act_download(y, head_apply(&tape, &params, &h, x, 0, false).data, 10);
    for (int i = 0; i < 10; i++) assert_true(y[i] == bias[i % 5]);
    assert_true(bias[0] != 0 && bias[0] != bias[1]);
}

/* ---- sizes and names ------------------------------------------------------------------------- */

/* Appendix D's net; leftthomas' reproduction counts 18.52 M too. */
static void cifar_model_has_18520128_parameters(void **state)
{
    (void)state;
    const struct resnet net = resnet_declare(&params, &CIFAR18);
    assert_int_equal(learnt(0), 11168832);
    assert_int_equal(net.features, 512);
    int from = params.n;
    const struct head projector = head_declare(&params, "projector", PROJECTOR, 5, net.features,
                                               2048, 512);
    assert_int_equal(learnt(from), 5251072);
    from = params.n;
    head_declare(&params, "predictor", PREDICTOR, 4, projector.out, 2048, 512);
    assert_int_equal(learnt(from), 2100224);
    assert_int_equal(learnt(0), 18520128);
    from = params.n;
    head_declare(&params, "other", PROJECTOR_NO_AFFINE, 5, net.features, 2048, 512);
    assert_int_equal(learnt(from), 5246976);
    params.n = 0;                              /* nothing was allocated */
}

static void backbone_is_named_like_torchvisions(void **state)
{
    (void)state;
    resnet_declare(&params, &CIFAR18);
    assert_int_equal(params.n, 20 + 20 * 4);   /* 20 convolutions; 20 batch norms of 4 tensors */
    param_of_shape("conv1.weight", 4, (const int[]){ 64, 3, 3, 3 });
    param_of_shape("bn1.running_var", 1, (const int[]){ 64 });
    param_of_shape("layer1.0.conv1.weight", 4, (const int[]){ 64, 3, 3, 64 });
    param_of_shape("layer2.0.conv1.weight", 4, (const int[]){ 128, 3, 3, 64 });
    param_of_shape("layer2.0.downsample.0.weight", 4, (const int[]){ 128, 1, 1, 64 });
    param_of_shape("layer2.0.downsample.1.bias", 1, (const int[]){ 128 });
    param_of_shape("layer4.1.bn2.running_mean", 1, (const int[]){ 512 });
    assert_null(param_find("layer1.0.downsample.0.weight"));
    assert_null(param_find("layer2.1.downsample.0.weight"));
    for (int i = 0; i < params.n; i++) assert_ptr_equal(param_find(params.p[i].name), &params.p[i]);
    params.n = 0;
}

/* 0.56 G multiply-adds at 32 x 32, by hand: the stem, then a first stage of 4 equal convolutions
 * and three of 3.5 such and a shortcut. */
static void resnet18_multiplies_and_adds_555_million_times(void **state)
{
    (void)state;
    const struct resnet net = resnet_declare(&params, &CIFAR18);
    const double one = 1024.0 * 64 * 9 * 64, shortcut = 256.0 * 128 * 64;
    const double expected = 2 * (1024.0 * 64 * 27 + 4 * one + 3 * (3.5 * one + shortcut));
    assert_true(resnet_flops(&params, &net, 32) == expected);
    params.n = 0;
}

/* sum(p.numel() for p in net.parameters()) without fc's, in torchvision. */
static void imagenet_nets_have_as_many_parameters_as_torchvisions(void **state)
{
    (void)state;
    struct resnet net = resnet_declare(&params, &RESNET18);
    assert_int_equal(learnt(0), 11176512);
    assert_int_equal(net.features, 512);
    params.n = 0;
    net = resnet_declare(&params, &RESNET50);
    assert_int_equal(learnt(0), 23508032);
    assert_int_equal(net.features, 2048);
    assert_int_equal(params.n, 53 + 53 * 4);   /* 53 convolutions; 53 batch norms of 4 tensors */
    params.n = 0;
}

static void bottlenecks_are_named_and_shaped_like_torchvisions(void **state)
{
    (void)state;
    const struct resnet net = resnet_declare(&params, &RESNET50);
    param_of_shape("conv1.weight", 4, (const int[]){ 64, 7, 7, 3 });
    param_of_shape("layer1.0.conv1.weight", 4, (const int[]){ 64, 1, 1, 64 });
    param_of_shape("layer1.0.conv2.weight", 4, (const int[]){ 64, 3, 3, 64 });
    param_of_shape("layer1.0.conv3.weight", 4, (const int[]){ 256, 1, 1, 64 });
    param_of_shape("layer1.0.downsample.0.weight", 4, (const int[]){ 256, 1, 1, 64 });
    param_of_shape("layer1.1.conv1.weight", 4, (const int[]){ 64, 1, 1, 256 });
    param_of_shape("layer2.0.conv1.weight", 4, (const int[]){ 128, 1, 1, 256 });
    param_of_shape("layer3.5.bn3.running_var", 1, (const int[]){ 1024 });
    param_of_shape("layer4.0.downsample.1.bias", 1, (const int[]){ 2048 });
    assert_null(param_find("layer1.1.downsample.0.weight"));
    assert_null(param_find("layer4.3.conv1.weight"));
    const struct res_block *const b = &net.block[3];          /* layer2.0: the 3x3 has the stride */
    assert_true(b->conv[0].stride == 1 && b->conv[1].stride == 2 && b->conv[2].stride == 1);
    assert_int_equal(b->shortcut.stride, 2);
    params.n = 0;
}

/* At 224 x 224, 1.81 and 4.09 G multiply-adds: what torchvision's page says of its weights. */
static void imagenet_nets_multiply_and_add_as_often_as_torchvisions(void **state)
{
    (void)state;
    struct resnet net = resnet_declare(&params, &RESNET18);
    assert_float_equal(resnet_flops(&params, &net, 224) / 2e9, 1.814, 0.001);
    params.n = 0;
    net = resnet_declare(&params, &RESNET50);
    assert_float_equal(resnet_flops(&params, &net, 224) / 2e9, 4.087, 0.001);
    params.n = 0;
}

static void groups_are_ranges_in_their_order(void **state)
{
    (void)state;
    params.group = 1;                          /* declared in the other order on purpose */
    head_declare(&params, "predictor", PREDICTOR, 4, 8, 8, 8);
    const size_t predictor = learnt(0);
    params.group = 0;
    head_declare(&params, "projector", PROJECTOR, 5, 7, 8, 7);
    params_alloc(&params, 1);
    const size_t encoder = 7 * 8 + 16 + 64 + 16;
    assert_int_equal(predictor, 8 * 2 + 4 + 2 * 8 + 8);
    assert_int_equal(params.group_end[0], encoder);
    assert_int_equal(params.group_end[1], encoder + predictor);
    assert_int_equal(params.count, encoder + predictor);
    unsigned char *const taken = host_alloc(params.count, 1), *const stat =
                                                                  host_alloc(params.n_stats, 1);
    for (int i = 0; i < params.n; i++) {
        const struct param *const p = &params.p[i];
        for (size_t k = p->offset; k < p->offset + p->count; k++) {
            assert_true(k < (p->statistic ? params.n_stats : params.count));
            assert_false((p->statistic ? stat : taken)[k]++);          /* no two share a place */
            if (!p->statistic) assert_int_equal(k >= encoder, p->group == 1);
        }
    }
    free(taken);
    free(stat);
}

/* ---- first values ---------------------------------------------------------------------------- */

struct moments { double mean, std, kurtosis, largest; };

static struct moments moments_of(const float *x, size_t n)
{
    struct moments m = { 0 };
    double second = 0, fourth = 0;
    for (size_t i = 0; i < n; i++) m.mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - m.mean;
        second += d * d / (double)n;
        fourth += d * d * d * d / (double)n;
        m.largest = fmax(m.largest, fabs((double)x[i]));
    }
    m.std = sqrt(second);
    m.kurtosis = fourth / (second * second);
    return m;
}

static void convolutions_start_as_kaiming_has_it(void **state)
{
    (void)state;
    conv_declare(&params, "conv", 33, 63, 3, 1, 1);
    params_alloc(&params, 1);
    float *const x = values(&params.p[0]);
    const struct moments m = moments_of(x, params.p[0].count);
    const double std = sqrt(2.0 / (63 * 9));                           /* fan_out */
    const double sampling = 1 / sqrt((double)params.p[0].count);       /* 18,711 values: 0.7 % */
    assert_float_equal(m.mean, 0, 4 * std * sampling);
    assert_float_equal(m.std, std, 4 * std * sampling);
    assert_float_equal(m.kurtosis, 3, 20 * sampling);              /* sd sqrt(24 / n): a normal's */
    assert_true(m.largest > 3.5 * std && m.largest < 6 * std);
    free(x);
}

static void fc_weight_and_bias_start_uniform_by_fan_in(void **state)
{
    (void)state;
    static const char *const words[] = { "fc 1031" };
    head_declare(&params, "h", words, 1, 37, 1, 1);
    params_alloc(&params, 1);
    const double bound = 1 / sqrt(37.0);
    for (int i = 0; i < 2; i++) {
        float *const x = values(&params.p[i]);
        const struct moments m = moments_of(x, params.p[i].count);
        const double sampling = 1 / sqrt((double)params.p[i].count);
        assert_true(m.largest <= bound && m.largest > 0.99 * bound);
        assert_float_equal(m.mean, 0, 4 * bound * sampling);
        assert_float_equal(m.std, bound / sqrt(3), 4 * bound * sampling);
        assert_float_equal(m.kurtosis, 1.8, 10 * sampling);            /* a uniform's */
        free(x);
    }
}

static void batch_norm_starts_as_the_identity(void **state)
{
    (void)state;
    bn_declare(&params, "bn", 33, true, INIT_ONE);
    params_alloc(&params, 1);
    assert_true(all_are("bn.weight", 1) && all_are("bn.bias", 0));
    assert_true(all_are("bn.running_mean", 0) && all_are("bn.running_var", 1));
}

/* App. A: the last gamma of a block is zero, so that relu(0 + x) = x and the net is its stem. */
static void blocks_start_as_the_identity(void **state)
{
    (void)state;
    enum { N = 3, S = 5, K = 7 };
    const struct resnet_shape shape = { .stages = 1, .widths = { K }, .blocks = { 3 },
                                        .zero_init = true };
    const struct resnet net = resnet_declare(&params, &shape);
    params_alloc(&params, 1);
    assert_true(all_are("layer1.2.bn2.weight", 0) && all_are("layer1.2.bn1.weight", 1));
    float image[N * S * S * 3], deep[N * K], stem[N * K];
    for (int i = 0; i < N * S * S * 3; i++) image[i] = sinf((float)(i * i));
    const struct var x = var_room(&tape, N, S, S, 3);
    mem_act_upload(x.data, image, N * S * S * 3);
    struct var y = resnet_apply(&tape, &params, &net, x, 1, false);
    mem_act_download(deep, y.data, N * K);
    y = conv_apply(&tape, &params, &net.stem, x);
    y = pool(&tape, bn_apply(&tape, &params, &net.bn_stem, y, NULL, 1, false, true));
    mem_act_download(stem, y.data, N * K);
    for (int i = 0; i < N * K; i++) assert_float_equal(deep[i], stem[i], 0);
    assert_true(moments_of(stem, N * K).std > 1e-3);
}

static void the_last_gamma_of_a_bottleneck_starts_at_zero(void **state)
{
    (void)state;
    const struct resnet_shape shape = { STEM_IMAGENET, BLOCK_BOTTLENECK, 1, { 3 }, { 2 }, true };
    resnet_declare(&params, &shape);
    params_alloc(&params, 1);
    assert_true(all_are("layer1.1.bn3.weight", 0) && all_are("layer1.1.bn2.weight", 1));
}

static void imagenets_stem_quarters_the_image(void **state)
{
    (void)state;
    const struct resnet_shape shape = { STEM_IMAGENET, BLOCK_BOTTLENECK, 2, { 3, 5 }, { 1, 2 },
                                        false };
    const struct resnet net = resnet_declare(&params, &shape);
    params_alloc(&params, 1);
    const struct var y = resnet_apply(&tape, &params, &net, var_room(&tape, 2, 33, 40, 3), 1, true);
    assert_true(y.h == 1 && y.w == 1 && y.c == 20);
    const struct var *const stem = &tape.node[0].y, *const pooled = &tape.node[2].y;
    assert_true(stem->h == 17 && stem->w == 20 && stem->c == 3);
    assert_true(pooled->h == 9 && pooled->w == 10);
    assert_true(tape.node[tape.n_nodes - 1].x.h == 5 && tape.node[tape.n_nodes - 1].x.w == 5);
}

static void without_the_option_no_gamma_is_zero(void **state)
{
    (void)state;
    resnet_declare(&params, &TINY);
    params_alloc(&params, 1);
    assert_true(all_are("layer1.0.bn2.weight", 1) && all_are("layer2.0.bn2.weight", 1));
    assert_true(all_are("layer2.0.downsample.1.weight", 1));
}

static void first_values_depend_on_seed_and_tensor_alone(void **state)
{
    (void)state;
    float *draw[3];
    for (int i = 0; i < 3; i++) {
        conv_declare(&params, "a", 5, 7, 3, 1, 1);
        conv_declare(&params, "b", 5, 7, 3, 1, 1);
        params_alloc(&params, i == 2 ? 2 : 1);
        draw[i] = values(&params.p[0]);
        float *const other = values(&params.p[1]);
        assert_memory_not_equal(draw[i], other, 4 * params.p[0].count);
        free(other);
        params_free(&params);
    }
    assert_memory_equal(draw[0], draw[1], 4 * 5 * 7 * 9);
    assert_memory_not_equal(draw[0], draw[2], 4 * 5 * 7 * 9);
    for (int i = 0; i < 3; i++) free(draw[i]);
}

/* ---- training and evaluation ----------------------------------------------------------------- */

static void running_statistics_move_only_when_tracked(void **state)
{
    (void)state;
    const struct resnet net = resnet_declare(&params, &TINY);
    params_alloc(&params, 1);
    float image[4 * 6 * 6 * 3];
    for (int i = 0; i < 4 * 6 * 6 * 3; i++) image[i] = sinf((float)(i * i));
    const struct var x = var_room(&tape, 4, 6, 6, 3);
    mem_act_upload(x.data, image, 4 * 6 * 6 * 3);
    resnet_apply(&tape, &params, &net, x, 2, false);
    resnet_apply(&tape, &params, &net, x, 0, false);
    assert_true(all_are("layer2.0.bn2.running_mean", 0) && all_are("bn1.running_var", 1));
    resnet_apply(&tape, &params, &net, x, 2, true);
    for (int i = 0; i < params.n; i++)
        if (params.p[i].statistic)
            assert_false(all_are(params.p[i].name, strstr(params.p[i].name, "mean") ? 0 : 1));
}

/* Evaluation is the same rule: a copy of the parameters without the gradients' block wants none. */
static void evaluation_without_gradients_records_nothing(void **state)
{
    (void)state;
    static struct params frozen;
    const struct resnet net = resnet_declare(&params, &TINY);
    const struct head h = head_declare(&params, "projector", PROJECTOR, 5, net.features, 8, 5);
    params_alloc(&params, 1);
    frozen = params;
    frozen.grad = NULL;
    const struct var x = var_room(&tape, 4, 6, 6, 3);
    const struct var z = head_apply(&tape, &frozen, &h,
                                    resnet_apply(&tape, &frozen, &net, x, 0, false), 0, false);
    assert_null(z.grad);
    assert_int_equal(z.c, 8);
    assert_int_equal(tape.n_nodes, 0);
    assert_non_null(
        head_apply(&tape, &params, &h, resnet_apply(&tape, &params, &net, x, 1, false), 1, false)
            .grad);
    /* stem, bn; two blocks; pool; fc bn fc bn */
    assert_int_equal(tape.n_nodes, 1 + 1 + 4 + 6 + 1 + 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, params_drop)
    const struct CMUnitTest tests[] = {
        TEST(right_words_are_accepted),
        TEST(wrong_words_are_refused_with_a_sentence),
        TEST(head_is_named_and_shaped_like_a_sequential),
        TEST(empty_head_is_the_identity),
        TEST(fc_before_bn_has_no_bias_unless_the_list_says_so),
        TEST(constant_layer_gives_its_bias_and_is_never_trained),
        TEST(cifar_model_has_18520128_parameters),
        TEST(backbone_is_named_like_torchvisions),
        TEST(resnet18_multiplies_and_adds_555_million_times),
        TEST(imagenet_nets_have_as_many_parameters_as_torchvisions),
        TEST(bottlenecks_are_named_and_shaped_like_torchvisions),
        TEST(imagenet_nets_multiply_and_add_as_often_as_torchvisions),
        TEST(groups_are_ranges_in_their_order),
        TEST(convolutions_start_as_kaiming_has_it),
        TEST(fc_weight_and_bias_start_uniform_by_fan_in),
        TEST(batch_norm_starts_as_the_identity),
        TEST(blocks_start_as_the_identity),
        TEST(the_last_gamma_of_a_bottleneck_starts_at_zero),
        TEST(imagenets_stem_quarters_the_image),
        TEST(without_the_option_no_gamma_is_zero),
        TEST(first_values_depend_on_seed_and_tensor_alone),
        TEST(running_statistics_move_only_when_tracked),
        TEST(evaluation_without_gradients_records_nothing),
    };
    return cmocka_run_group_tests(tests, machine_start, NULL);
}
