/* SPDX-License-Identifier: MIT
 *
 * isa.c -- chooses the variant for this CPU, and forwards each op to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../base.h"
#include "isa.h"
#include "variants.h"

/* ---- choosing ---------------------------------------------------------------------------------------- */

struct isa { const char *name; const struct variant *variant; };

/* From the best to the one that every CPU has. */
static const struct isa isas[] = {
#ifdef __x86_64__
    { "avx512-bf16", &variant_avx512_bf16 }, { "avx512", &variant_avx512 }, { "avx2", &variant_avx2 },
#endif
    { "plain", &variant_plain },
};
enum { ISAS = sizeof isas / sizeof *isas };

static const struct isa *chosen = &isas[ISAS - 1];
static bool winograd = true;

/* Can this CPU, and its operating system, run it? */
static bool runs_here(const struct isa *isa)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    if (isa->variant == &variant_avx2) return v3;
    if (isa->variant == &variant_avx512) return v4;
    if (isa->variant == &variant_avx512_bf16) return v4 && __builtin_cpu_supports("avx512bf16");
#endif
    return isa->variant == &variant_plain;
}

static void winograd_choose(void)
{
    const char *const wanted = getenv("SIMSIAM_WINOGRAD");
    winograd = !wanted || strcmp(wanted, "off");
    if (wanted && *wanted && winograd && strcmp(wanted, "on"))
        die_user("SIMSIAM_WINOGRAD=%s: it is on or off", wanted);
}

void isa_choose(void)
{
    const char *const wanted = getenv("SIMSIAM_ISA");
    winograd_choose();
    if (!wanted || !*wanted) {
        for (chosen = isas; !runs_here(chosen); chosen++) { }
        return;
    }
    char names[128] = "";
    for (int i = 0; i < ISAS; i++) {
        if (!strcmp(isas[i].name, wanted)) {
            if (!runs_here(&isas[i])) die_user("SIMSIAM_ISA=%s: this CPU does not have it", wanted);
            chosen = &isas[i];
            return;
        }
        strcat(strcat(names, i ? ", " : ""), isas[i].name);
    }
    die_user("SIMSIAM_ISA=%s: no such instruction set; there are: %s", wanted, names);
}

const char *isa_name(void)
{
    return chosen->name;
}

bool isa_allows_winograd(void)
{
    return winograd;
}

bool isa_multiplies_bf16(void)
{
    return chosen->variant->bf16_products;
}

/* ---- forwarding -------------------------------------------------------------------------------------- */

void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    chosen->variant->conv_fwd(y, x, w, s);
}

void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x, const dev_float *w,
                 struct conv_shape s)
{
    chosen->variant->conv_bwd(dx, dw, dy, x, w, s);
}

void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b, int n, int c, int k)
{
    chosen->variant->fc_fwd(y, x, w, b, n, c, k);
}

void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy, const dev_act *x,
               const dev_float *w, int n, int c, int k)
{
    chosen->variant->fc_bwd(dx, dw, db, dy, x, w, n, c, k);
}

void op_bn_act_fwd(dev_act *y, dev_float *mean, dev_float *rstd, dev_float *run_mean, dev_float *run_var,
                   const dev_act *x, const dev_float *gamma, const dev_float *beta, const dev_act *residual,
                   struct bn_shape s, bool relu)
{
    chosen->variant->bn_act_fwd(y, mean, rstd, run_mean, run_var, x, gamma, beta, residual, s, relu);
}

void op_bn_act_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta, struct act_grad dresidual,
                   const dev_act *dy, const dev_act *y, const dev_act *x, const dev_float *gamma,
                   const dev_float *mean, const dev_float *rstd, struct bn_shape s, bool relu)
{
    chosen->variant->bn_act_bwd(dx, dgamma, dbeta, dresidual, dy, y, x, gamma, mean, rstd, s, relu);
}

void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual, int rows, int c,
                    bool relu)
{
    chosen->variant->bn_act_eval(y, x, gamma, beta, run_mean, run_var, residual, rows, c, relu);
}

void op_relu_fwd(dev_act *y, const dev_act *x, size_t n)
{
    chosen->variant->relu_fwd(y, x, n);
}

void op_relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n)
{
    chosen->variant->relu_bwd(dx, dy, y, n);
}

void op_pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c)
{
    chosen->variant->pool_fwd(y, x, n, hw, c);
}

void op_pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c)
{
    chosen->variant->pool_bwd(dx, dy, n, hw, c);
}

void op_max_pool_fwd(dev_act *y, const dev_act *x, struct pool_shape s)
{
    chosen->variant->max_pool_fwd(y, x, s);
}

void op_max_pool_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, struct pool_shape s)
{
    chosen->variant->max_pool_bwd(dx, dy, x, s);
}

void op_cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d)
{
    chosen->variant->cosine_fwd(loss, p, z, weight, n, d);
}

void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z, float weight, int n,
                   int d)
{
    chosen->variant->cosine_bwd(dp, dz, p, z, weight, n, d);
}

void op_cross_entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d)
{
    chosen->variant->cross_entropy_fwd(loss, p, z, weight, n, d);
}

void op_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z, float weight,
                          int n, int d)
{
    chosen->variant->cross_entropy_bwd(dp, dz, p, z, weight, n, d);
}

void op_average(dev_act *eta, dev_float *memory, const dev_int *index, const dev_act *z, int n, int d,
                float momentum, bool from_first, bool normalise, bool keep)
{
    chosen->variant->average(eta, memory, index, z, n, d, momentum, from_first, normalise, keep);
}

void op_std(dev_float *out, const dev_act *z, int groups, int rows, int d)
{
    chosen->variant->std(out, z, groups, rows, d);
}

void op_act_to_float(dev_float *y, const dev_act *x, size_t n)
{
    chosen->variant->act_to_float(y, x, n);
}

void op_normalize_rows(dev_float *x, int n, int d)
{
    chosen->variant->normalize_rows(x, n, d);
}

void op_sgd(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum, float wd, size_t n)
{
    chosen->variant->sgd(w, v, g, lr, momentum, wd, n);
}

void op_lars(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum, float wd,
             float trust, size_t n)
{
    chosen->variant->lars(w, v, g, lr, momentum, wd, trust, n);
}

void op_ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n)
{
    chosen->variant->ema(y, x, momentum, n);
}

void op_sumsq(dev_float *out, const dev_float *x, size_t n)
{
    chosen->variant->sumsq(out, x, n);
}

void op_knn(dev_int *pred, const dev_float *query, int n, const dev_float *bank, const dev_int *label, int m, int d,
            int classes, int k, float temperature)
{
    chosen->variant->knn(pred, query, n, bank, label, m, d, classes, k, temperature);
}

void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x, const dev_int *label,
                        const dev_int *index, int n, int d, int k, const dev_float *w, const dev_float *b)
{
    chosen->variant->classifier_grad(loss, dw, db, x, label, index, n, d, k, w, b);
}

void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w, const dev_float *b)
{
    chosen->variant->classify(pred, x, n, d, k, w, b);
}

void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w, int size,
                const struct augment *recipe, uint64_t seed, const dev_int *epoch, uint32_t view)
{
    chosen->variant->augment(y, images, index, n, h, w, size, recipe, seed, epoch, view);
}

void op_view(dev_act *y, void *room, const uint8_t *image, int full_h, int full_w, int shrink, int size,
             const struct augment *recipe, const struct view_params *v)
{
    chosen->variant->view(y, room, image, full_h, full_w, shrink, size, recipe, v);
}

size_t op_view_room(int size, int side)
{
    return chosen->variant->view_room(size, side);
}

void machine_peaks(struct machine_peaks *p)
{
    chosen->variant->peaks(p);
}

void augment_pixels(float *y, const uint8_t *image, int h, int w, int size, const struct augment *recipe,
                    const struct view_params *v)
{
    chosen->variant->augment_pixels(y, image, h, w, size, recipe, v);
}
