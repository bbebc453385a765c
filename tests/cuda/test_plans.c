/* SPDX-License-Identifier: MIT
 *
 * test_plans.c -- does cuDNN have a deterministic plan within the workspace for each convolution?
 * Asked without a card: hopper.json describes one to it, and a driver that refuses everything
 * (driver.c) stands in the true one's place: what would have to be compiled is no plan.
 *
 * Which convolutions there are, the nets themselves say: each row of each experiment makes, at each
 * scale, a step and its evaluations on a machine that only listens (asked.c), in each precision.
 *
 * usage: test_plans [SCALE...]      (all of them)
 */
#include "hopper.h"
#include <glob.h>
#include <stdio.h>
#include "asked.h"
#include "../../experiments/suite/experiment.h"
#include "../../experiments/methods/eta.h"
#include "../../experiments/run/train.h"

static const char *const precisions[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                          [PRECISION_FP16] = "fp16" };
extern const struct method simsiam;
enum { PRECISIONS = sizeof precisions / sizeof *precisions, NETS = 1024 };

/* Does cuDNN say this of the plan's engine? */
static bool has_note(const struct plan *p, cudnnBackendNumericalNote_t wanted)
{
    enum { NOTES = 32 };
    cudnnBackendDescriptor_t suggestion, engine;
    cudnnBackendNumericalNote_t note[NOTES];
    int64_t n = 0, one;
    bool found = false;
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &suggestion),
                     0);
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine), 0);
    assert_int_equal(cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &suggestion),
                     0);
    assert_int_equal(cudnnBackendGetAttribute(suggestion, CUDNN_ATTR_ENGINECFG_ENGINE,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &engine), 0);
    assert_int_equal(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                              CUDNN_TYPE_NUMERICAL_NOTE, NOTES, &n, note),
                     0);
    for (int64_t i = 0; i < n; i++) found = found || note[i] == wanted;
    assert_int_equal(cudnnBackendDestroyDescriptor(engine), 0);
    assert_int_equal(cudnnBackendDestroyDescriptor(suggestion), 0);
    return found;
}

/* A gradient of weights of much work that is fewer tiles, even small ones, than half a card has
 * multiprocessors. */
static bool wants_a_split(struct conv_work work)
{
    enum { TILE = 64, HALF = 66 };
    const struct conv_shape s = work.s;
    const int taps = s.r * s.r;
    const double places = (double)s.n * conv_out(s.h, s.r, s.stride, s.pad) *
                          conv_out(s.w, s.r, s.stride, s.pad);
    return work.pass == CONV_WGRAD && work.precision != PRECISION_FP32 &&
           2 * places * s.k * s.c * taps > 1e10 &&
           (s.k + TILE - 1) / TILE * ((s.c * taps + TILE - 1) / TILE) < HALF;
}

/* Its knobs say so, or its workspace has room for sums beside the result.  The tiles of a plan that comes
 * with the library cannot be read: its JSON has its engine and knobs, and no kernel. */
static bool splits_the_depth(const struct plan *p, struct conv_shape s)
{
    for (const char *at = strchr(p->tag, ' '); at; at = strchr(at + 1, ' ')) {
        int knob;
        long long value;
        if (sscanf(at, " %d=%lld", &knob, &value) == 2 && value > 1 &&
            (knob == CUDNN_KNOB_TYPE_SPLIT_K || knob == CUDNN_KNOB_TYPE_SPLIT_K_SLC))
            return true;
    }
    return p->workspace >= (int64_t)(sizeof(float) * (size_t)(s.k * s.r * s.r * s.c));
}

static int n_split, n_whole;
/* Of ImageNet's nets cuDNN suggests none for some: those are counted, for a card to say what it costs. */
static bool may_be_whole;

/* Is any that the cache would time such a one? */
static void some_candidate_splits(struct plan *list, int n, struct conv_work work,
                                  struct plan_device here)
{
    char why[512];
    bool found = false;
    for (int i = 0, made = 0; i < n && made < PLAN_CANDIDATES_WGRAD && !found; i++) {
        if (!list[i].plan && !plan_make(&list[i], why, sizeof why, here)) continue;
        found = splits_the_depth(&list[i], work.s);
        made++;
    }
    if (!found && !may_be_whole)
        fail_msg("dw of [%d, %d, %d, %d] to %d, %dx%d, %s: no candidate splits its depth", work.s.n,
                 work.s.h, work.s.w, work.s.c, work.s.k, work.s.r, work.s.r, precisions[work.precision]);
    *(found ? &n_split : &n_whole) += 1;
}

static void plan_exists(struct conv_work work, cudnnBackendDescriptor_t device)
{
    static const char *const pass[] = { [CONV_FWD] = "forward", [CONV_DGRAD] = "dx",
                                        [CONV_WGRAD] = "dw" };
    static struct plan list[PLAN_SUGGESTIONS];
    const struct plan_device here = { NULL, device };
    const struct conv_shape s = work.s;
    char why[512];
    const int n = plan_list(list, PLAN_SUGGESTIONS, why, sizeof why, work, here);
    int i = 0;
    while (i < n && !plan_make(&list[i], why, sizeof why, here)) i++;
    if (i == n)
        fail_msg("%s of [%d, %d, %d, %d] to %d, %dx%d, stride %d, %s%s: %s", pass[work.pass], s.n,
                 s.h, s.w, s.c, s.k, s.r, s.r, s.stride, precisions[work.precision],
                 work.add ? ", added" : "", why);
    assert_true(list[i].workspace >= 0 && list[i].workspace <= PLAN_WORKSPACE);
    assert_false(has_note(&list[i], CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    if (wants_a_split(work)) some_candidate_splits(list, n, work, here);
    for (i = 0; i < n; i++) plan_free(&list[i]);
}

/* ---- the nets -------------------------------------------------------------------------------- */

/* An evaluation's pass over n images: whole chunks and what is left. */
static void evaluation_asks(struct tape *t, struct model *frozen, int size, int n)
{
    const int chunk[2] = { n < EVAL_CHUNK ? n : EVAL_CHUNK, n % EVAL_CHUNK };
    for (int i = 0; i < 2; i++)
        if (chunk[i]) model_features(t, frozen, var_room(t, chunk[i], size, size, 3), 0, false);
}

/* SimSiam's own settings; NULL of another method's, which mean other things. */
static const struct eta_settings *eta_of(const struct settings *s)
{
    return methods[s->method].method == &simsiam ? eta_settings(s) : NULL;
}

/* What a net's shape hangs on, as the row has it; the rest is what costs little. */
static struct settings shape_of(const struct settings *row)
{
    struct settings s = settings_default(row->method);
    s.image_size = row->image_size;
    s.stem = row->stem;
    s.block = row->block;
    s.widths = row->widths;
    s.blocks = row->blocks;
    s.dim = 8;
    return s;
}

/* The net of a shape; the last one, whose weights took a second to draw, if it is the same. */
static const struct model *net_of(const struct settings *s)
{
    static struct model m;
    static char *built;
    const struct settings shape = shape_of(s);
    char *const text = settings_print(&shape);
    if (built && !strcmp(built, text)) {
        free(text);
        return &m;
    }
    if (built) model_free(&m);
    free(built);
    built = text;
    model_build(&m, s, 1);
    return &m;
}

/* A step, the passes that keep targets (Sec. 5.2), and the evaluations of a run, in each
 * precision. */
static void net_asks(const struct settings *s)
{
    const struct model *const m = net_of(s);
    static struct tape t;
    const struct view_plan plan = model_views(s);
    const struct method *const method = methods[s->method].method;
    const struct eta_settings *const eta = eta_of(s);
    const int views = plan.views, size = s->image_size;
    for (int p = 0; p < PRECISIONS; p++) {
        machine_set_precision((enum precision)p);
        memset(&t, 0, sizeof t);
        struct settings fresh = *s;
        if (eta) eta_own(&fresh)->from = ETA_FRESH;
        const struct step step = { .tape = &t, .f = m, .s = s, .plan = &plan,
                                   .distance = neg_cosine,
                                   .x = var_room(&t, views * s->batch, size, size, 3),
                                   .own = method->open(m, &fresh),
                                   .loss = mem_alloc(sizeof(float)) };
        method->loss(&step);
        tape_backward(&t);
        tape_reset(&t);
        struct model *const frozen = model_frozen(m);
        if (eta && eta->from == ETA_CACHE) {
            const int kept = eta->views == ETA_ONE ? 1 : views;
            const int groups = eta->bn == ETA_BN_BATCH ? kept : 0;
            model_features(&t, frozen, var_room(&t, kept * s->batch, size, size, 3), groups, false);
        }
        evaluation_asks(&t, frozen, size, s->train_count);
        evaluation_asks(&t, frozen, size, s->monitor_count);
        free(frozen);
        tape_free(&t);
    }
}

/* Asks what a row's convolutions hang on, once: the rest of its settings, heads for one, is set to
 * what costs little. */
static void row_asks(const struct settings *row)
{
    static char *seen[NETS];
    static int n;
    const struct eta_settings *const eta = eta_of(row);
    struct settings s = shape_of(row);
    s.train_count = row->train_count;
    s.monitor_count = row->monitor_count;
    s.stop_grad = row->stop_grad;
    s.pairs = row->pairs;
    s.batch = row->batch;
    if (eta) {
        eta_own(&s)->from = eta->from;
        eta_own(&s)->views = eta->views;
        eta_own(&s)->bn = eta->bn;
    }
    char *const text = settings_print(&s);
    int i = 0;
    while (i < n && strcmp(seen[i], text)) i++;
    if (i < n) {
        free(text);
        return;
    }
    assert_true(n < NETS);
    seen[n++] = text;
    net_asks(&s);
}

/* What each row of each experiment asks for at a scale; ResNet-50's rows at 224 with ResNet-18
 * too. */
static void scale_asks(const char *scale)
{
    static struct experiment e;
    glob_t files;
    assert_int_equal(glob(CONFIG_DIR "/[!p]*.yaml", 0, NULL, &files), 0);  /* paper.yaml has none */
    assert_true(files.gl_pathc > 10);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        experiment_load(&e, files.gl_pathv[i], scale);
        for (int row = 0; row < e.n_rows; row++) {
            struct settings s = e.row[row].settings;
            if (*e.row[row].not_run) continue;
            row_asks(&s);
            if (s.block != BLOCK_BOTTLENECK) continue;
            s.block = BLOCK_BASIC;
            s.blocks.n = 1;
            s.blocks.v[0] = 2;
            row_asks(&s);
        }
    }
    globfree(&files);
}

static char *const *only;                                /* scales; NULL-ended, empty: all */

static bool is_wanted(const char *scale)
{
    bool wanted = !*only;
    for (char *const *o = only; *o; o++) wanted = wanted || !strcmp(*o, scale);
    return wanted;
}

static void every_convolution_of_every_row_has_a_deterministic_plan_within_the_workspace(
    void **state)
{
    glob_t scales;
    assert_int_equal(glob(CONFIG_DIR "/scale/*.yaml", 0, NULL, &scales), 0);
    for (size_t i = 0; i < scales.gl_pathc; i++) {
        char name[NAME_LENGTH];
        const int before = n_asked;
        snprintf(name, sizeof name, "%s", strrchr(scales.gl_pathv[i], '/') + 1);
        *strchr(name, '.') = '\0';
        if (is_wanted(name)) scale_asks(name);
        if (is_wanted(name)) print_message("%s: %d convolutions more\n", name, n_asked - before);
    }
    assert_true(scales.gl_pathc > 5 && n_asked > 0);
    globfree(&scales);
    for (int i = 0; i < n_asked; i++) plan_exists(asked[i], *state);
    print_message("%d convolutions, %d gradients of weights with a depth to split, %d whole\n", n_asked, n_split,
                  n_whole);
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
                    plan_exists((struct conv_work){ (enum conv_pass)pass, (enum precision)p, add,
                                                    odd[i] },
                                *state);
}

/* cuDNN suggests no Winograd or FFT for our layout today, so the rule itself is asked. */
static void notes_that_forbid_an_engine(void **state)
{
    static const cudnnBackendNumericalNote_t never[] = {
        CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
        CUDNN_NUMERICAL_NOTE_FFT, CUDNN_NUMERICAL_NOTE_WINOGRAD,
        CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
        CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13,
        CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
    };
    (void)state;
    for (int p = 0; p < PRECISIONS; p++) {
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
            assert_false(plan_note_will_do(never[i], (enum precision)p));
        const bool narrow = p != PRECISION_FP32;
        assert_int_equal(plan_note_will_do(CUDNN_NUMERICAL_NOTE_TENSOR_CORE, (enum precision)p),
                         narrow);
        assert_int_equal(plan_note_will_do(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                                           (enum precision)p),
                         narrow);
        assert_true(plan_note_will_do(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, (enum precision)p));
    }
}

/* All that may be chosen, not the first alone: here cuDNN suggests some that are not
 * deterministic. */
static void no_suggestion_has_a_note_that_forbids_it(void **state)
{
    static const struct conv_shape s = { 8, 16, 16, 64, 64, 3, 1, 1 };
    static struct plan list[PLAN_SUGGESTIONS];
    const struct plan_device here = { NULL, *state };
    char why[256];
    int seen = 0;
    for (int p = 0; p < PRECISIONS; p++) {
        const struct conv_work work = { CONV_DGRAD, (enum precision)p, false, s };
        const int n = plan_list(list, PLAN_SUGGESTIONS, why, sizeof why, work, here);
        for (int i = 0; i < n; i++) {
            if (plan_make(&list[i], why, sizeof why, here)) seen++;
            for (int note = 0; list[i].plan && note < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; note++)
                if (has_note(&list[i], (cudnnBackendNumericalNote_t)note))
                    assert_true(
                        plan_note_will_do((cudnnBackendNumericalNote_t)note, (enum precision)p));
            plan_free(&list[i]);
        }
    }
    assert_true(seen > 10);
}

int main(int argc, char **argv)
{
    only = argv + 1;
    may_be_whole = argc > 1 && !strcmp(argv[1], "imagenet");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_that_forbid_an_engine),
        cmocka_unit_test(no_suggestion_has_a_note_that_forbids_it),
        cmocka_unit_test(odd_shapes_have_plans),
        cmocka_unit_test(
            every_convolution_of_every_row_has_a_deterministic_plan_within_the_workspace),
    };
    return cmocka_run_group_tests_name("cuda: plans without a device", tests, device_describe,
                                       device_forget);
}
