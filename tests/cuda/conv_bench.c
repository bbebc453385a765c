/* SPDX-License-Identifier: MIT
 *
 * conv_bench.c -- each convolution of ResNet-18 on CIFAR through the machine's ops: milliseconds
 * and TFLOP/s.
 *
 * usage: conv_bench [IMAGES]      (1024: two views of a batch of 512)
 *
 * A pass is one call of an op, with what it does to the weights before and after, as in a step.
 * Prints CSV, and the sum in its last line.
 */
#include <stdlib.h>

#include "numbers.h"
#include "../../engine/base.h"
#include "../../engine/ops.h"

enum { WINDOWS = 7, CALLS = 8, IMAGES_MAX = 4096 };

/* ResNet-18's convolutions and how often each occurs. */
static const struct { struct conv_shape s; int times; } convs[] = {
    { { 0, 32, 32, 3, 64, 3, 1, 1 }, 1 },    { { 0, 32, 32, 64, 64, 3, 1, 1 }, 4 },
    { { 0, 32, 32, 64, 128, 3, 2, 1 }, 1 },  { { 0, 32, 32, 64, 128, 1, 2, 0 }, 1 },
    { { 0, 16, 16, 128, 128, 3, 1, 1 }, 3 }, { { 0, 16, 16, 128, 256, 3, 2, 1 }, 1 },
    { { 0, 16, 16, 128, 256, 1, 2, 0 }, 1 }, { { 0, 8, 8, 256, 256, 3, 1, 1 }, 3 },
    { { 0, 8, 8, 256, 512, 3, 2, 1 }, 1 },   { { 0, 8, 8, 256, 512, 1, 2, 0 }, 1 },
    { { 0, 4, 4, 512, 512, 3, 1, 1 }, 3 },
};

/* Tensors of one convolution, on the machine. */
struct work { struct conv_shape s; dev_act *x, *y, *dx; dev_float *w, *dw; };

static void pass_forward(const struct work *k) { op_conv_fwd(k->y, k->x, k->w, k->s); }
static void pass_dx(const struct work *k)
{
    op_conv_bwd((struct act_grad){ k->dx, false }, NULL, k->y, k->x, k->w, k->s);
}
static void pass_dw(const struct work *k)
{
    op_conv_bwd((struct act_grad){ NULL, false }, k->dw, k->y, k->x, k->w, k->s);
}
static const struct { const char *name; void (*run)(const struct work *); } passes[] = {
    { "forward", pass_forward }, { "dx", pass_dx }, { "dw", pass_dw }
};
enum { CONVS = sizeof convs / sizeof *convs, PASSES = sizeof passes / sizeof *passes };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The clock, once the machine has done what it was asked. */
static double clock_settled(const struct work *k)
{
    float any;
    mem_download(&any, k->dw, sizeof any);
    return clock_seconds();
}

/* Seconds of a call, the median of some windows; the first call of a shape makes its plan and is
 * not counted. */
static double time_pass(void (*run)(const struct work *), const struct work *k)
{
    double seconds[WINDOWS];
    run(k);
    for (int i = 0; i < WINDOWS; i++) {
        const double start = clock_settled(k);
        for (int j = 0; j < CALLS; j++)
            run(k);
        seconds[i] = (clock_settled(k) - start) / CALLS;
    }
    qsort(seconds, WINDOWS, sizeof *seconds, compare);
    return seconds[WINDOWS / 2];
}

static size_t count(int a, int b, int c, int d)
{
    return (size_t)a * (size_t)b * (size_t)c * (size_t)d;
}

/* An activation of n numbers between -1 and 1: zeros would spare the card its power, and flatter
 * it. */
static dev_act *act_make(size_t n)
{
    float *const host = numbers(n);
    dev_act *const x = mem_alloc(n * mem_act_bytes());
    mem_act_upload(x, host, n);
    free(host);
    return x;
}

static void work_free(struct work *k)
{
    mem_free(k->x);
    mem_free(k->y);
    mem_free(k->dx);
    mem_free(k->w);
    mem_free(k->dw);
}

/* Prints the passes of one convolution; adds their seconds in a step to `total`. */
static void bench(const char *precision, struct conv_shape s, int times, double *total)
{
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    const size_t in = count(s.n, s.h, s.w, s.c), out = count(s.n, p, q, s.k),
                 weights = count(s.k, s.r, s.r, s.c);
    struct work k = { s, act_make(in), act_make(out), mem_alloc(in * mem_act_bytes()),
                      mem_alloc(weights * sizeof(float)), mem_alloc(weights * sizeof(float)) };
    float *const w = host_alloc(weights, sizeof *w);
    for (size_t i = 0; i < weights; i++)
        w[i] = (float)(i % 17) / 170.0f - 0.05f;
    mem_upload(k.w, w, weights * sizeof *w);
    free(w);
    for (int i = 0; i < PASSES; i++) {
        if (s.c == 3 && passes[i].run == pass_dx)
            continue;              /* nobody asks for the gradient of the images */
        const double seconds = time_pass(passes[i].run, &k),
                     flops = 2.0 * (double)out * s.r * s.r * s.c;
        printf("%s,%dx%d/%d %d->%d %dx%d,%s,%d,%.4f,%.1f\n", precision, s.r, s.r, s.stride, s.c,
               s.k, s.h, s.w, passes[i].name, times, 1e3 * seconds, 1e-12 * flops / seconds);
        *total += times * seconds;
    }
    work_free(&k);
}

int main(int argc, char **argv)
{
    const long images = argc > 1 ? strtol(argv[1], NULL, 10) : 1024;
    if (argc > 2 || images < 1 || images > IMAGES_MAX)
        die_user("usage: conv_bench [IMAGES], 1 to %d", IMAGES_MAX);
    machine_open(0);
    static const char *const names[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                         [PRECISION_FP16] = "fp16" };
    double total[] = { 0, 0, 0 };
    puts("precision,convolution,pass,times,ms,tflops");
    for (int precision = PRECISION_FP32; precision <= PRECISION_FP16; precision++) {
        machine_set_precision((enum precision)precision);
        for (int i = 0; i < CONVS; i++) {
            struct conv_shape s = convs[i].s;
            s.n = (int)images;
            bench(names[precision], s, convs[i].times, &total[precision]);
        }
    }
    printf("all convolutions of a step: fp32 %.2f ms, bf16 %.2f ms, fp16 %.2f ms\n",
           1e3 * total[PRECISION_FP32], 1e3 * total[PRECISION_BF16], 1e3 * total[PRECISION_FP16]);
    return 0;
}
