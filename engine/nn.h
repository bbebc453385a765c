/* SPDX-License-Identifier: MIT
 *
 * nn.h -- parameters and the layers that own them; heads as lists of layers.
 *
 * A model is built in two strokes: layers first declare their tensors (params_add gives each an
 * id), then params_alloc places all of them in one block and initialises them.  "For all
 * parameters" is then one loop.
 */
#pragma once
#include "tape.h"

enum init { INIT_ZERO, INIT_ONE,
            INIT_KAIMING,  /* conv: normal, std sqrt(2 / (k r r)), fan_out (torchvision's ResNet) */
            INIT_FC };     /* fc weight and bias: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) (App. A) */
/* Groups have learning rates of their own.  They are numbers, 0 .. GROUPS_MAX-1; who declares the
 * layers knows what they stand for. */
enum { GROUPS_MAX = 4 };

struct param {
    char name[48];               /* "layer1.0.conv1.weight": torchvision's names for the backbone */
    int dim[4], n_dims;
    size_t offset, count;          /* in floats, within its block */
    enum init init;
    int fan;                       /* fan_out of INIT_KAIMING, fan_in of INIT_FC */
    int group;
    bool frozen;                   /* never trained: its grad is NULL */
    bool statistic;                /* running mean or variance: lives in `stats`, not in `data` */
};

enum { PARAMS_MAX = 1024 };
struct params {
    struct param p[PARAMS_MAX];
    int n;
    int group;                     /* given to what params_add declares next */
    /* data, grad and velocity have one layout, group after group.  A copy of the struct with grad
     * NULL wants no gradient: it serves evaluation. */
    dev_float *data, *grad, *velocity, *stats;
    size_t count, n_stats;         /* floats in data, in stats */
    size_t group_end[GROUPS_MAX];      /* floats of data up to the end of each group */
};

int params_add(struct params *ps, const char *name, enum init init, int fan, int n_dims,
               const int *dim);
/* Allocates the blocks and initialises every tensor from (seed, its index, its element): the same
 * numbers whatever the machine and the number of threads. */
void params_alloc(struct params *ps, uint64_t seed);
void params_free(struct params *ps);
struct weight params_weight(const struct params *ps, int id);      /* id < 0: { NULL, NULL } */
dev_float *params_stat(const struct params *ps, int id);

struct conv_layer { int w, k, r, stride, pad; };
struct bn_layer { int gamma, beta, mean, var; };       /* gamma, beta < 0: no affine part */
struct fc_layer { int w, b, k; };                      /* b < 0: no bias */

struct conv_layer conv_declare(struct params *ps, const char *name, int c, int k, int r, int stride,
                               int pad);
struct bn_layer bn_declare(struct params *ps, const char *name, int c, bool affine,
                           enum init gamma);
struct var conv_apply(struct tape *t, const struct params *ps, const struct conv_layer *l,
                      struct var x);
/* groups as in bn_act(): 0 is evaluation.  track: let the running statistics move (training). */
struct var bn_apply(struct tape *t, const struct params *ps, const struct bn_layer *l, struct var x,
                    const struct var *residual, int groups, bool track, bool relu);

/* ---- heads: a list of layers in words -------------------------------------------------------- */

/* "fc WIDTH [bias|no-bias|frozen-bias|constant]", "bn [no-affine]", "relu".  WIDTH is a number, d,
 * f (the backbone's features), d/N or f/N.  An fc right before a bn has no bias unless the list
 * says so: the bn would remove it.  frozen-bias: keeps its initial value (the released code's
 * output layer).  constant: weights that stay zero and such a bias, so that the output is the same
 * for all: a collapse to test detectors with. */
enum head_kind { HEAD_FC, HEAD_BN, HEAD_RELU };
struct head_layer { enum head_kind kind; struct fc_layer fc; struct bn_layer bn; };
enum { HEAD_LAYERS = 16 };
struct head { struct head_layer layer[HEAD_LAYERS]; int n; int out; };  /* n == 0 is the identity */

/* Checks one layer's words.  NULL if they are right, else a sentence (static) that says what would
 * be. */
const char *head_word_error(const char *words);
/* Declares the layers of `words` [n] for inputs of `in` features; names are "PREFIX.0", "PREFIX.1",
 * ...  Width symbols mean d and f.  The words have passed head_word_error(). */
struct head head_declare(struct params *ps, const char *prefix, const char *const *words, int n,
                         int in, int d, int f);
struct var head_apply(struct tape *t, const struct params *ps, const struct head *h, struct var x,
                      int groups, bool track);
