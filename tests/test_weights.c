/* SPDX-License-Identifier: MIT
 *
 * test_weights.c -- tensors to a .safetensors file and back; a model to torch's names and layouts and
 * back; and what is wrong with a file is named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "../experiments/methods/method.h"
#include "../experiments/methods/torch_names.h"

static char scratch[] = "/tmp/test-weights-XXXXXX";

/* ---- the file -------------------------------------------------------------------------------- */

static struct weights example(void)
{
    struct weights w = { .metadata = json_pack("{s:s}", "mean", "0.5 0.25 1") };
    const int64_t wide[4] = { 2, 3, 1, 5 }, one = 7, none[2] = { 3, 0 };
    struct weight_tensor *t = weights_add(&w, "a \"name\"", 4, wide);
    for (int i = 0; i < 30; i++) t->x[i] = (float)i - 7.5f;
    t = weights_add(&w, "b", 1, &one);
    for (int i = 0; i < 7; i++) t->x[i] = 1e-30f * (float)i;
    weights_add(&w, "count", 0, NULL)->whole = -77;
    weights_add(&w, "nothing", 2, none);
    return w;
}

static void tensors_come_back(void **state)
{
    (void)state;
    struct weights w = example(), back;
    char wrong[WRONG_TEXT];
    bool world;
    assert_true(weights_write(&w, scratch));
    if (!weights_read(&back, scratch, &world, wrong)) fail_msg("%s", wrong);
    assert_int_equal(back.n, w.n);
    assert_string_equal(weights_said(&back, "mean"), "0.5 0.25 1");
    assert_null(weights_said(&back, "std"));
    for (size_t i = 0; i < w.n; i++) {
        const struct weight_tensor *const t = weights_find(&back, w.t[i].name);
        assert_non_null(t);
        assert_int_equal(t->n_dims, w.t[i].n_dims);
        for (int k = 0; k < t->n_dims; k++) assert_int_equal(t->dim[k], w.t[i].dim[k]);
    }
    assert_memory_equal(weights_find(&back, "a \"name\"")->x, w.t[0].x, 30 * sizeof(float));
    assert_memory_equal(weights_find(&back, "b")->x, w.t[1].x, 7 * sizeof(float));
    assert_null(weights_find(&back, "count")->x);          /* of another type */
    assert_null(weights_find(&back, "nothing")->x);
    assert_null(weights_find(&back, "c"));
    weights_free(&w);
    weights_free(&back);
}

static void refused(const void *file, size_t bytes, const char *word)
{
    struct weights w;
    char wrong[WRONG_TEXT] = "";
    bool world;
    assert_true(file_write_synced(scratch, file, bytes));
    const bool right = weights_read(&w, scratch, &world, wrong);
    assert_false(world);
    if (right || !strstr(wrong, word)) fail_msg("no `%s` in: %s", word, right ? "nothing" : wrong);
    weights_free(&w);
}

/* A header and so many bytes behind it. */
static void header_refused(const char *header, size_t behind, const char *word)
{
    const size_t length = strlen(header);
    uint8_t *const file = host_alloc(8 + length + behind, 1);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, length);
    refused(file, 8 + length + behind, word);
    free(file);
}

static void wrong_files_are_refused_by_name(void **state)
{
    (void)state;
    static const uint8_t huge[9] = { 0, 0, 0, 12, 0, 0, 0, 0, '{' };       /* 192 MiB of header */
    struct weights w = example();
    size_t bytes;
    assert_true(weights_write(&w, scratch));
    char *const whole = file_read(scratch, &bytes);
    refused(whole, bytes - 1, "155 follow its header; is it whole?");
    refused(whole, 40, "is it whole?");
    refused("PK\3\4 archive of a .pth", 22, "no .safetensors");
    refused(huge, sizeof huge, "its header is of 201326592 bytes");
    refused(whole, 0, "no .safetensors");
#define TENSOR(name, type, shape, from, to) \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
    header_refused("{" TENSOR("a", "F32", "[2]", "0", "8") "," TENSOR("b", "F32", "[1]", "4", "8") "}",
                   8, "tensor b overlaps");
    header_refused("{" TENSOR("a", "F32", "[2]", "0", "8") "," TENSOR("b", "F32", "[1]", "12", "16") "}",
                   16, "hole before tensor b");
    header_refused("{" TENSOR("a", "F32", "[3]", "0", "8") "}", 8, "tensor a: dtype, shape");
    header_refused("{" TENSOR("a", "F32", "[2]", "0", "8") "}", 9, "8 bytes, and 9 follow");
    header_refused("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", 8, "9 dimensions");
    header_refused("{" TENSOR("a", "F64", "[1]", "0", "8") "," TENSOR("a", "F64", "[1]", "0", "8") "}",
                   8, "no JSON");
    /* shapes that overflow, of a type that is not known: nothing is multiplied */
    struct weights odd;
    char wrong[WRONG_TEXT];
    bool world;
    static const char strange[] =
        "{" TENSOR("a", "F4", "[4611686018427387904,4611686018427387904]", "0", "0") "}";
    uint8_t file[8 + sizeof strange] = { sizeof strange - 1 };
    memcpy(file + 8, strange, sizeof strange - 1);
    assert_true(file_write_synced(scratch, file, 7 + sizeof strange));
    assert_true(weights_read(&odd, scratch, &world, wrong));
    assert_true(odd.n == 1 && !odd.t[0].x);
    weights_free(&odd);
#undef TENSOR
    free(whole);
    weights_free(&w);
}

/* ---- a model --------------------------------------------------------------------------------- */

static struct settings small(void)
{
    struct settings s = settings_default(0);
    s.widths = (struct int_list){ 2, { 3, 5 } };
    s.blocks = (struct int_list){ 1, { 1 } };
    s.block = BLOCK_BOTTLENECK;
    s.dim = 8;
    return s;
}

static void model_download(const struct params *ps, float **data, float **stats)
{
    *data = host_alloc(ps->count, sizeof **data);
    *stats = host_alloc(ps->n_stats, sizeof **stats);
    mem_download(*data, ps->data, sizeof **data * ps->count);
    mem_download(*stats, ps->stats, sizeof **stats * ps->n_stats);
}

static struct weights exported(const struct params *ps)
{
    struct weights w = { .t = NULL };
    float *data, *stats;
    model_download(ps, &data, &stats);
    torch_tensors_add(&w, ps, data, stats, 3);
    free(data);
    free(stats);
    return w;
}

static void a_convolution_is_turned_to_torchs_layout(void **state)
{
    (void)state;
    const struct settings s = small();
    static struct model m;
    model_build(&m, &s, 1);
    struct weights w = exported(&m.params);
    const struct weight_tensor *const t = weights_find(&w, "conv1.weight");
    const struct param *const p = &m.params.p[0];
    assert_string_equal(p->name, "conv1.weight");
    float *const ours = host_alloc(p->count, sizeof *ours);
    mem_download(ours, float_at(m.params.data, p->offset), sizeof *ours * p->count);
    assert_true(t->n_dims == 4 && t->dim[0] == 3 && t->dim[1] == 3 && t->dim[2] == 3);
    for (int k = 0; k < 3; k++)                /* ours [k, r, s, c], torch's [k, c, r, s] */
        for (int c = 0; c < 3; c++)
            for (int r = 0; r < 9; r++)
                assert_true(t->x[(k * 3 + c) * 9 + r] == ours[(k * 9 + r) * 3 + c]);
    assert_int_equal(weights_find(&w, "layer2.0.downsample.1.num_batches_tracked")->whole, 3);
    assert_int_equal(weights_find(&w, "layer2.0.downsample.0.weight")->dim[1], 12);
    free(ours);
    weights_free(&w);
    model_free(&m);
}

/* Through the file into a model that began elsewhere. */
static void a_model_comes_back(void **state)
{
    (void)state;
    const struct settings s = small();
    static struct model m, other;
    struct torch_found found;
    char wrong[WRONG_TEXT];
    bool world;
    model_build(&m, &s, 1);
    model_build(&other, &s, 2);
    struct weights w = exported(&m.params), back;
    assert_true(weights_write(&w, scratch));
    assert_true(weights_read(&back, scratch, &world, wrong));
    assert_true(torch_tensors_take(&found, &back, "f", &other.params, other.backbone.features));
    assert_true(found.projector && found.predictor && !found.fc);
    float *data[2], *stats[2];
    model_download(&m.params, &data[0], &stats[0]);
    model_download(&other.params, &data[1], &stats[1]);
    assert_memory_equal(data[0], data[1], sizeof(float) * m.params.count);
    assert_memory_equal(stats[0], stats[1], sizeof(float) * m.params.n_stats);
    for (int i = 0; i < 2; i++) {
        free(data[i]);
        free(stats[i]);
    }
    weights_free(&w);
    weights_free(&back);
    model_free(&m);
    model_free(&other);
}

/* What a file lacks or has too much: said on standard error, which the test leaves open. */
enum spoil { RENAMED, TURNED, MORE, NO_HEAD, HALF_A_HEAD, CLASSIFIER, NO_BIAS, NARROW, SPOILS };
static void spoil(struct weights *w, enum spoil how, int features)
{
    struct weight_tensor *const first = (struct weight_tensor *)weights_find(w, "layer1.0.conv1.weight");
    const int64_t fc[2] = { 10, how == NARROW ? features - 1 : features }, classes = 10;
    size_t kept = 0;
    switch (how) {
    case RENAMED: first->name[5]++; break;
    case TURNED: {
        const int64_t k = first->dim[0];
        first->dim[0] = first->dim[2];
        first->dim[2] = k;
        break;
    }
    case MORE: weights_add(w, "layer9.0.conv1.weight", 1, &classes); break;
    case NO_HEAD:
    case HALF_A_HEAD:
        for (size_t i = 0; i < w->n; i++) {
            const bool head = !strncmp(w->t[i].name, "projector.", 10);
            if (head && (how == NO_HEAD || strstr(w->t[i].name, "projector.0"))) {
                free(w->t[i].name);
                free(w->t[i].x);
            } else {
                w->t[kept++] = w->t[i];
            }
        }
        w->n = kept;
        break;
    default:
        weights_add(w, "fc.weight", 2, fc);
        if (how != NO_BIAS) weights_add(w, "fc.bias", 1, &classes);
    }
}

static void a_net_is_there_whole_or_refused(void **state)
{
    (void)state;
    static const bool taken[SPOILS] = { [NO_HEAD] = true, [CLASSIFIER] = true };
    const struct settings s = small();
    static struct model m;
    model_build(&m, &s, 1);
    for (enum spoil how = RENAMED; how < SPOILS; how++) {
        struct weights w = exported(&m.params);
        struct torch_found found;
        spoil(&w, how, m.backbone.features);
        const bool right = torch_tensors_take(&found, &w, "a file", &m.params, m.backbone.features);
        if (right != taken[how]) fail_msg("spoilt in way %d: %s", how, right ? "taken" : "refused");
        if (how == NO_HEAD) assert_true(!found.projector && found.predictor);
        if (how == CLASSIFIER) assert_true(found.fc && found.fc_bias->dim[0] == 10);
        weights_free(&w);
    }
    model_free(&m);
}

static int start(void **state)
{
    (void)state;
    const int fd = mkstemp(scratch);
    machine_open(1);
    machine_set_precision(PRECISION_FP32);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_come_back),
        cmocka_unit_test(wrong_files_are_refused_by_name),
        cmocka_unit_test(a_convolution_is_turned_to_torchs_layout),
        cmocka_unit_test(a_model_comes_back),
        cmocka_unit_test(a_net_is_there_whole_or_refused),
    };
    return cmocka_run_group_tests_name("weights", tests, start, end);
}
