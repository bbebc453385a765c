/* SPDX-License-Identifier: MIT
 *
 * test_plans.c -- does cuDNN have a deterministic plan within the workspace for each convolution?  Asked without a
 * card: hopper.json describes one to it, and a driver that runs nothing (driver.c) loads what it compiles.
 *
 * Which convolutions there are, the nets themselves say: each scale's model makes a step and an evaluation on a
 * machine that only listens (asked.c).
 *
 * usage: test_plans [SCALE...]      (all of them)
 */
#include "hopper.h"
#include <glob.h>
#include <stdio.h>
#include "asked.h"
#include "../../experiments/experiment.h"
#include "../../experiments/method.h"
#include "../../experiments/train.h"

static const char *const precisions[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                          [PRECISION_FP16] = "fp16" };
enum { PRECISIONS = sizeof precisions / sizeof *precisions };

/* Does cuDNN say this of the plan's engine? */
static bool has_note(const struct plan *p, cudnnBackendNumericalNote_t wanted)
{
    enum { NOTES = 32 };
    cudnnBackendDescriptor_t suggestion, engine;
    cudnnBackendNumericalNote_t note[NOTES];
    int64_t n = 0, one;
    bool found = false;
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &suggestion), 0);
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine), 0);
    assert_int_equal(cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &suggestion), 0);
    assert_int_equal(cudnnBackendGetAttribute(suggestion, CUDNN_ATTR_ENGINECFG_ENGINE,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &engine), 0);
    assert_int_equal(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                              NOTES, &n, note), 0);
    for (int64_t i = 0; i < n; i++) found = found || note[i] == wanted;
    assert_int_equal(cudnnBackendDestroyDescriptor(engine), 0);
    assert_int_equal(cudnnBackendDestroyDescriptor(suggestion), 0);
    return found;
}

static void plan_exists(struct conv_work work, cudnnBackendDescriptor_t device)
{
    static const char *const pass[] = { [CONV_FWD] = "forward", [CONV_DGRAD] = "dx", [CONV_WGRAD] = "dw" };
    static struct plan list[PLAN_SUGGESTIONS];
    const struct plan_device here = { NULL, device };
    const struct conv_shape s = work.s;
    char why[512];
    const int n = plan_list(list, PLAN_SUGGESTIONS, why, sizeof why, work, here);
    int i = 0;
    while (i < n && !plan_make(&list[i], why, sizeof why, here)) i++;
    if (i == n)
        fail_msg("%s of [%d, %d, %d, %d] to %d, %dx%d, stride %d, %s%s: %s", pass[work.pass], s.n, s.h, s.w, s.c,
                 s.k, s.r, s.r, s.stride, precisions[work.precision], work.add ? ", added" : "", why);
    /* A compiled kernel is only expected for the fp32 gradient of 16-bit weights. */
    if (list[i].compiled_when_planned) assert_true(work.pass == CONV_WGRAD && work.precision != PRECISION_FP32);
    assert_true(list[i].workspace >= 0 && list[i].workspace <= PLAN_WORKSPACE);
    assert_false(has_note(&list[i], CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    for (i = 0; i < n; i++) plan_free(&list[i]);
}

/* ---- the nets ------------------------------------------------------------------------------------------- */

/* One step and one batch of an evaluation, in each precision. */
static void net_asks(const struct settings *s)
{
    static struct model m;
    static struct tape t;
    const int views = model_views(s), size = s->image_size;
    model_build(&m, s, 1);
    for (int p = 0; p < PRECISIONS; p++) {
        machine_set_precision((enum precision)p);
        memset(&t, 0, sizeof t);
        const struct var x = var_room(&t, views * s->batch, size, size, 3);
        methods[s->method]->loss(&t, &m, x, NULL, mem_alloc(sizeof(float)));
        tape_backward(&t);
        tape_reset(&t);
        struct model *const frozen = model_frozen(&m);
        model_features(&t, frozen, var_room(&t, EVAL_CHUNK, size, size, 3), 0, false);
        free(frozen);
        tape_free(&t);
    }
    model_free(&m);
}

/* What `s` asks for and no net before it did. */
static void net_has_plans(const char *name, const struct settings *s, cudnnBackendDescriptor_t device)
{
    const int before = n_asked;
    net_asks(s);
    for (int i = before; i < n_asked; i++) plan_exists(asked[i], device);
    print_message("%s: %d plans more\n", name, n_asked - before);
}

static char *const *only;                                /* scales; NULL-ended, empty: all */

static bool is_wanted(const char *scale)
{
    bool wanted = !*only;
    for (char *const *o = only; *o; o++) wanted = wanted || !strcmp(*o, scale);
    return wanted;
}

static void every_convolution_of_every_scale_has_a_deterministic_plan_within_the_workspace(void **state)
{
    static struct experiment e;
    glob_t scales;
    assert_int_equal(glob(CONFIG_DIR "/scale/*.yaml", 0, NULL, &scales), 0);
    for (size_t i = 0; i < scales.gl_pathc; i++) {
        char name[NAME_LENGTH];
        snprintf(name, sizeof name, "%s", strrchr(scales.gl_pathv[i], '/') + 1);
        *strchr(name, '.') = '\0';
        if (!is_wanted(name)) continue;
        experiment_load(&e, CONFIG_DIR "/fig2_stopgrad.yaml", name);
        net_has_plans(name, &e.row[0].settings, *state);
    }
    assert_true(scales.gl_pathc > 5);
    globfree(&scales);
}

static void resnet_18_at_224_has_them_too(void **state)
{
    static struct experiment e;
    if (!is_wanted("imagenet")) skip();
    experiment_load(&e, CONFIG_DIR "/fig2_stopgrad.yaml", "imagenet");
    struct settings s = e.row[0].settings;
    s.block = BLOCK_BASIC;
    s.blocks.n = 1, s.blocks.v[0] = 2;
    net_has_plans("imagenet's with ResNet-18", &s, *state);
}

/* Shapes of the ops' own tests. */
static const struct conv_shape odd[] = {
    { 1, 1, 1, 8, 8, 1, 1, 0 }, { 2, 9, 8, 8, 8, 5, 2, 2 }, { 7, 7, 5, 24, 40, 3, 1, 1 },
};

static void odd_shapes_have_plans(void **state)
{
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (int pass = 0; pass < CONV_PASSES; pass++)
            for (int p = 0; p < PRECISIONS; p++)
                for (int add = 0; add <= (pass == CONV_DGRAD); add++)
                    plan_exists((struct conv_work){ (enum conv_pass)pass, (enum precision)p, add, odd[i] }, *state);
}

int main(int argc, char **argv)
{
    (void)argc;
    only = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_shapes_have_plans),
        cmocka_unit_test(every_convolution_of_every_scale_has_a_deterministic_plan_within_the_workspace),
        cmocka_unit_test(resnet_18_at_224_has_them_too),
    };
    return cmocka_run_group_tests_name("cuda: plans without a device", tests, device_describe, device_forget);
}
