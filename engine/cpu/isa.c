/* SPDX-License-Identifier: MIT
 *
 * isa.c -- chooses the variant for this CPU, and forwards each op to it.
 */
#include "isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "variants.h"
#include "../base.h"

/* ---- choosing -------------------------------------------------------------------------------- */

struct isa { const char *name; const struct variant *variant; };

/* From the best to the one that every CPU has. */
static const struct isa isas[] = {
#ifdef __x86_64__
    { "avx512-bf16",
      &variant_avx512_bf16 }, { "avx512", &variant_avx512 }, { "avx2", &variant_avx2 },
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

/* ---- forwarding ------------------------------------------------------------------------------ */

#include "ops_calls.h"             /* op_conv_fwd() calls chosen->variant->conv_fwd(), and so on */

void machine_peaks(struct machine_peaks *p)
{
    chosen->variant->peaks(p);
}

void augment_pixels(float *y, const uint8_t *image, int h, int w, int size,
                    const struct augment *recipe, const struct view_params *v)
{
    chosen->variant->augment_pixels(y, image, h, w, size, recipe, v);
}
