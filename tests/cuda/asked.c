/* SPDX-License-Identifier: MIT
 *
 * asked.c -- engine/ops.h for a test that wants to know what a net asks of a machine, and none of
 * the answers.
 *
 * Memory is addresses that nobody looks at, so that a step of any size fits.
 */
#include "asked.h"

#include <stdio.h>
#include <string.h>

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
    s.c = padded(s.c);
    s.k = padded(s.k);
    const struct conv_work work = { pass, precision, add, s };
    for (int i = 0; i < n_asked; i++)
        if (asked[i].pass == pass && asked[i].precision == precision && asked[i].add == add &&
            !memcmp(&asked[i].s, &s, sizeof s)) return;
    if (n_asked == ASKED_MOST) die("more than %d convolutions", ASKED_MOST);
    asked[n_asked++] = work;
}

/* The other ops do nothing, in mute.c; room for a view is asked for by the byte. */
size_t op_view_room(int size, int side) { return 1; }
void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    ask(CONV_FWD, false, s);
}
void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x,
                 const dev_float *w, struct conv_shape s)
{
    if (dx.at) ask(CONV_DGRAD, dx.add, s);
    if (dw) ask(CONV_WGRAD, false, s);
}

/* ---- the machine ----------------------------------------------------------------------------- */

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
void mem_act_download(float *host_dst, const dev_act *src, size_t n)
{
    memset(host_dst, 0, n * sizeof *host_dst);
}
