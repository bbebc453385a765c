/* SPDX-License-Identifier: MIT
 *
 * asked.c -- engine/ops.h for a test that wants to know what a net asks of a machine, and none of the answers.
 *
 * Memory is addresses that nobody looks at, so that a step of any size fits.
 */
#include <stdio.h>
#include <string.h>
#include "asked.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"     /* of ops that do nothing */

struct conv_work asked[ASKED_MOST];
int n_asked;

static enum precision precision;

static int padded(int channels)
{
    return (channels + CONV_CHANNELS - 1) / CONV_CHANNELS * CONV_CHANNELS;
}

static void ask(enum conv_pass pass, bool add, struct conv_shape s)
{
    s.c = padded(s.c), s.k = padded(s.k);
    const struct conv_work work = { pass, precision, add, s };
    for (int i = 0; i < n_asked; i++)
        if (asked[i].pass == pass && asked[i].precision == precision && asked[i].add == add &&
            !memcmp(&asked[i].s, &s, sizeof s)) return;
    if (n_asked == ASKED_MOST) die("more than %d convolutions", ASKED_MOST);
    asked[n_asked++] = work;
}

void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s) { ask(CONV_FWD, false, s); }
void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x, const dev_float *w,
                 struct conv_shape s)
{
    if (dx.at) ask(CONV_DGRAD, dx.add, s);
    if (dw) ask(CONV_WGRAD, false, s);
}

/* ---- the machine ---------------------------------------------------------------------------------------- */

void machine_open(int threads) {}
void machine_set_precision(enum precision p) { precision = p; }
bool machine_has_precision(enum precision p) { return true; }
bool machine_record(const void *key) { return true; }
void machine_recorded(void) {}
void machine_forget(void) {}
void machine_describe(struct machine_info *info) { memset(info, 0, sizeof *info); }
void machine_peaks(struct machine_peaks *p) { memset(p, 0, sizeof *p); }

void *mem_alloc(size_t bytes)
{
    static uintptr_t next = (uintptr_t)1 << 40;
    const uintptr_t at = next;
    next += (bytes + 63) / 64 * 64;
    return (void *)at;
}
void mem_free(void *p) {}
void mem_zero(void *p, size_t bytes) {}
void mem_upload(void *dst, const void *host_src, size_t bytes) {}
void mem_download(void *host_dst, const void *src, size_t bytes) { memset(host_dst, 0, bytes); }
void mem_copy(void *dst, const void *src, size_t bytes) {}
size_t mem_act_bytes(void) { return precision == PRECISION_FP32 ? 4 : 2; }
void mem_act_upload(dev_act *dst, const float *host_src, size_t n) {}
void mem_act_download(float *host_dst, const dev_act *src, size_t n) { memset(host_dst, 0, n * sizeof *host_dst); }

/* ---- the other ops -------------------------------------------------------------------------------------- */

void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b, int n, int c, int k) {}
void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy, const dev_act *x,
               const dev_float *w, int n, int c, int k) {}
void op_bn_act_fwd(dev_act *y, dev_float *mean, dev_float *rstd, dev_float *run_mean, dev_float *run_var,
                   const dev_act *x, const dev_float *gamma, const dev_float *beta, const dev_act *residual,
                   struct bn_shape s, bool relu) {}
void op_bn_act_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta, struct act_grad dresidual,
                   const dev_act *dy, const dev_act *y, const dev_act *x, const dev_float *gamma,
                   const dev_float *mean, const dev_float *rstd, struct bn_shape s, bool relu) {}
void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual, int rows, int c,
                    bool relu) {}
void op_relu_fwd(dev_act *y, const dev_act *x, size_t n) {}
void op_relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n) {}
void op_pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c) {}
void op_pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c) {}
void op_max_pool_fwd(dev_act *y, const dev_act *x, struct pool_shape s) {}
void op_max_pool_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, struct pool_shape s) {}
void op_cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d) {}
void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z, float weight, int n,
                   int d) {}
void op_cross_entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d) {}
void op_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z, float weight,
                          int n, int d) {}
void op_average(dev_act *eta, dev_float *memory, const dev_int *index, const dev_act *z, int n, int d,
                float momentum, bool from_first, bool normalise, bool keep) {}
void op_std(dev_float *out, const dev_act *z, int groups, int rows, int d) {}
void op_act_to_float(dev_float *y, const dev_act *x, size_t n) {}
void op_normalize_rows(dev_float *x, int n, int d) {}
void op_sgd(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum, float wd,
            size_t n) {}
void op_lars(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum, float wd,
             float trust, size_t n) {}
void op_ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n) {}
void op_sumsq(dev_float *out, const dev_float *x, size_t n) {}
void op_knn(dev_int *pred, const dev_float *query, int n, const dev_float *bank, const dev_int *label, int m,
            int d, int classes, int k, float temperature) {}
void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x, const dev_int *label,
                        const dev_int *index, int n, int d, int k, const dev_float *w, const dev_float *b) {}
void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w, const dev_float *b) {}
void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w, int size,
                const struct augment *recipe, uint64_t seed, const dev_int *epoch, uint32_t view) {}
void op_view(dev_act *y, void *room, const uint8_t *image, int full_h, int full_w, int shrink, int size,
             const struct augment *recipe, const struct view_params *v) {}
size_t op_view_room(int size, int side) { return 1; }
