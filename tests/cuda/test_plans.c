/* SPDX-License-Identifier: MIT
 *
 * test_plans.c -- does cuDNN have a deterministic plan within the workspace for each convolution?  Asked without a
 * card: hopper.json describes one to it.
 *
 * The nets' convolutions are ResNet's of any width: stages of 3x3 from the resolution down, and what lies between.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../engine/cuda/plan.h"

static cudnnBackendDescriptor_t hopper(void)
{
    size_t bytes;
    cudnnBackendDescriptor_t d;
    char *const json = file_read(HOPPER, &bytes);
    assert_non_null(json);
    while (bytes > 0 && json[bytes - 1] == '\n') bytes--;
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d), CUDNN_STATUS_SUCCESS);
    assert_int_equal(cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                              (int64_t)bytes, json), CUDNN_STATUS_SUCCESS);
    assert_int_equal(cudnnBackendFinalize(d), CUDNN_STATUS_SUCCESS);
    free(json);
    return d;
}

/* A kernel that cuDNN compiles ends at the driver, who is not here: it was compiled. */
static bool compiled_only(const char *why)
{
    return strstr(why, "cuLibraryLoadData returned error  (34)") != NULL;
}

static void plans_exist(struct conv_shape s, cudnnBackendDescriptor_t device)
{
    s.c = (s.c + CONV_CHANNELS - 1) / CONV_CHANNELS * CONV_CHANNELS;
    s.k = (s.k + CONV_CHANNELS - 1) / CONV_CHANNELS * CONV_CHANNELS;
    for (int pass = 0; pass < CONV_PASSES; pass++)
        for (int how = 0; how < 4; how++) {
            const struct conv_work work = { (enum conv_pass)pass, how & 1, how & 2, s };
            struct plan plan;
            char why[512];
            if (work.add && pass != CONV_DGRAD) continue;
            const bool found = plan_find(&plan, why, sizeof why, work, (struct plan_device){ NULL, device });
            if (!found && !compiled_only(why))
                fail_msg("pass %d of [%d, %d, %d, %d] to %d, %dx%d, stride %d, %s%s: %s", pass, s.n, s.h, s.w, s.c,
                         s.k, s.r, s.r, s.stride, work.is_bf16 ? "bf16" : "fp32", work.add ? ", added" : "", why);
            /* A compiled kernel is only expected for the fp32 gradient of bf16 weights. */
            if (!found || plan.compiled_when_planned) assert_true(pass == CONV_WGRAD && work.is_bf16);
            if (found) assert_true(plan.workspace <= PLAN_WORKSPACE);
            plan_free(&plan);
        }
}

struct net { int n, size, width[4], stages; };

/* Two views of a batch: ResNet-18 on CIFAR-10, and a small net on small images. */
static const struct net nets[] = { { 1024, 32, { 64, 128, 256, 512 }, 4 }, { 256, 16, { 32, 64, 128 }, 3 } };

static void every_convolution_of_a_resnet_has_a_deterministic_plan_within_the_workspace(void **state)
{
    const cudnnBackendDescriptor_t device = *state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        const struct net *const net = &nets[i];
        int size = net->size;
        plans_exist((struct conv_shape){ net->n, size, size, 3, net->width[0], 3, 1, 1 }, device);
        for (int stage = 0; stage < net->stages; stage++) {
            const int k = net->width[stage], c = stage ? net->width[stage - 1] : k;
            if (stage) {
                plans_exist((struct conv_shape){ net->n, size, size, c, k, 3, 2, 1 }, device);
                plans_exist((struct conv_shape){ net->n, size, size, c, k, 1, 2, 0 }, device);
                size /= 2;
            }
            plans_exist((struct conv_shape){ net->n, size, size, k, k, 3, 1, 1 }, device);
        }
    }
}

/* Shapes of the ops' own tests, and of larger images: 7x7 and 1x1. */
static const struct conv_shape odd[] = {
    { 1, 1, 1, 1, 1, 1, 1, 0 }, { 2, 9, 8, 3, 4, 5, 2, 2 }, { 7, 7, 5, 17, 33, 3, 1, 1 },
    { 256, 224, 224, 3, 64, 7, 2, 3 }, { 256, 56, 56, 256, 512, 1, 2, 0 },
};

static void odd_shapes_and_large_images_have_plans_too(void **state)
{
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) plans_exist(odd[i], *state);
}

static int device_describe(void **state)
{
    *state = hopper();
    return 0;
}

static int device_forget(void **state)
{
    return cudnnBackendDestroyDescriptor(*state) != CUDNN_STATUS_SUCCESS;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_convolution_of_a_resnet_has_a_deterministic_plan_within_the_workspace),
        cmocka_unit_test(odd_shapes_and_large_images_have_plans_too),
    };
    return cmocka_run_group_tests_name("cuda: plans without a device", tests, device_describe, device_forget);
}
