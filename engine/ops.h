/* SPDX-License-Identifier: MIT
 *
 * ops.h -- everything the engine asks of a machine.
 *
 * Each function is written once per machine, under the same name: in cpu/ (the specification) and
 * in cuda/.  A program links exactly one of them; a missing op is a link error that names it.  The
 * rules:
 *
 *   1. Destination first, like memcpy.
 *   2. A backward ADDS into the gradients of weights.  An activation's gradient goes where a struct act_grad says:
 *      over what is there, or added to it.
 *   3. Any d* argument may be NULL (an act_grad's `at`): that gradient is not wanted, skip the work.
 *   4. The result depends on the arguments alone: same bytes for any number of threads, and run to run.
 *   5. Ops are called from one host thread; only op_augment of a single image may run on another one beside them.
 *
 * Shapes are letters: N images (rows), H x W pixels, C channels in, K channels out, D features, G
 * groups (views).  Images are NHWC, convolution weights KRSC, fc weights [K, C]; everything is
 * row-major and dense.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements in the machine's memory.  Left incomplete on purpose: code outside cpu/ and cuda/ can
 * hand the pointers around but cannot dereference them.
 * dev_float is always fp32: parameters, statistics, losses, optimiser state, evaluation features.
 * dev_act is an activation, as wide as machine_set_precision() said. */
typedef struct dev_float dev_float;
typedef struct dev_act dev_act;
typedef struct dev_int dev_int;      /* int32 */
typedef struct dev_wide dev_wide;    /* double: sums on their way to others */
typedef struct dev_byte dev_byte;    /* uint8: images as stored */

/* ---- the machine ----------------------------------------------------------------------------- */

struct machine_info {
    char machine[8];       /* "cpu" or "cuda": part of a run's identity */
    char device[128];      /* model name */
    char kernels[64];      /* the instruction set chosen, and how it computes bf16 */
    char library[256];     /* BLAS with its configuration and core type, or the CUDA libraries */
    int threads;           /* worker threads in use */
};

/* How activations and their gradients are stored.  Weights, their gradients, statistics, sums and
 * losses are fp32 or wider in any case (the CUDA machine rounds what a step adds to the gradient of
 * a convolution's weights to the activations' width); bf16 is rounded to nearest even, denormals to
 * zero.  fp16 is the CUDA machine's, which scales the gradients that it stores, so that small ones
 * are kept; nothing above this interface sees the scale. */
enum precision { PRECISION_FP32, PRECISION_BF16, PRECISION_FP16 };

/* Before any other call.  threads <= 0: one per core this process may use.  Dies if there is no
 * such device. */
void machine_open(int threads);
/* From here on; activations made before are void.  fp32 until the first call.
 * machine_has_precision() first. */
void machine_set_precision(enum precision precision);
bool machine_has_precision(enum precision precision);

/* A step is the same ops at the same addresses each time, and a machine may record it once and
 * replay it from then on.  machine_record(key): true, and the caller issues the ops and then calls
 * machine_recorded(); or false, and the machine has issued what it recorded for this key.  Nothing
 * in between may read from or write to the host.  A key is an address that the ops have in common
 * and other steps do not; NULL records nothing.  machine_forget() drops all records, before memory
 * that they name is freed. */
bool machine_record(const void *key);
void machine_recorded(void);
void machine_forget(void);

void machine_describe(struct machine_info *info);
/* What the machine reaches at its best on all threads, measured now: a benchmark's yardsticks.  In
 * FLOP/s: loops of fp32 products and of bf16 products, the BLAS's fp32 matrix product; in bytes/s,
 * read and written: a copy from and to the main memory. */
struct machine_peaks { double fp32, bf16, sgemm, copy; };
void machine_peaks(struct machine_peaks *p);

/* ---- memory ---------------------------------------------------------------------------------- */

void *mem_alloc(size_t bytes);                       /* zeroed, 64-byte aligned; dies with a hint */
void mem_free(void *p);                              /* NULL is fine */
void mem_zero(void *p, size_t bytes);
void mem_upload(void *dst, const void *host_src, size_t bytes);
void mem_download(void *host_dst, const void *src, size_t bytes);
void mem_copy(void *dst, const void *src, size_t bytes);       /* within the machine; no overlap */
size_t mem_act_bytes(void);                                    /* bytes of one dev_act */
void mem_act_upload(dev_act *dst, const float *host_src, size_t n);     /* converts */
void mem_act_download(float *host_dst, const dev_act *src, size_t n);   /* converts */

/* The i-th element; NULL stays NULL. */
static inline dev_float *float_at(dev_float *p, size_t i)
{
    return p ? (dev_float *)((char *)p + 4 * i) : NULL;
}
static inline dev_int *int_at(dev_int *p, size_t i)
{
    return p ? (dev_int *)((char *)p + 4 * i) : NULL;
}
static inline dev_act *act_at(dev_act *p, size_t i)
{
    return p ? (dev_act *)((char *)p + mem_act_bytes() * i) : NULL;
}

/* Where a backward leaves the gradient of an activation: `add` to what is there, or over it,
 * whatever it held. */
struct act_grad { dev_act *at; bool add; };

/* How the rows of a batch come in equal parts, by which sums over rows are made: the sum of each part,
 * then a balanced tree over the parts, ((p0 + p1) + (p2 + p3)) + ...  So a subtree may be summed
 * somewhere else, and the digits are the same.  Rows lie [views, n, ...]: part i has the i-th of each
 * view, one view after the other.  n is a power of two; {0}: not cut, all rows in their order. */
struct parts { int n, views; };
static inline int parts_n(struct parts p) { return p.n ? p.n : 1; }
static inline int parts_views(struct parts p) { return p.n ? p.views : 1; }
static inline int parts_pieces(struct parts p) { return parts_n(p) * parts_views(p); }
/* Sums that wait, the newest last: how many times the last two are to be joined behind part i. */
static inline int parts_joins(int i)
{
    int joins = 0;
    for (i++; i % 2 == 0; i /= 2) joins++;
    return joins;
}
/* How many sums may wait at a time. */
static inline int parts_waiting(struct parts p)
{
    int waiting = 1;
    for (int n = 1; n < parts_n(p); n *= 2) waiting++;
    return waiting;
}

/* ---- convolution ----------------------------------------------------------------------------- */

/* r x r kernel; 1 <= r, 0 <= pad < r; N images in so many parts. */
struct conv_shape { int n, h, w, c, k, r, stride, pad; struct parts parts; };
static inline int conv_out(int size, int r, int stride, int pad)
{
    return (size + 2 * pad - r) / stride + 1;
}

/* y[N,P,Q,K] = x[N,H,W,C] * w[K,R,R,C];  P, Q = conv_out of H, W. */
void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s);
/* dx[N,H,W,C] = the transposed convolution of dy[N,P,Q,K];  dw[K,R,R,C] += the correlation of x and
 * dy, summed by parts. */
void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x,
                 const dev_float *w, struct conv_shape s);

/* ---- fully connected ------------------------------------------------------------------------- */

struct fc_shape { int n, c, k; struct parts parts; };
/* y[N,K] = x[N,C] w[K,C]^T + b[K];  b may be NULL. */
void op_fc_fwd(dev_act *y, const dev_act *x, const dev_float *w, const dev_float *b,
               struct fc_shape s);
/* dx[N,C] = dy w;  dw[K,C] += dy^T x;  db[K] += column sums of dy: both summed by parts. */
void op_fc_bwd(struct act_grad dx, dev_float *dw, dev_float *db, const dev_act *dy,
               const dev_act *x, const dev_float *w, struct fc_shape s);

/* ---- batch norm with its ReLU and residual --------------------------------------------------- */

/* x is [G, M, C]: G groups (views) of M rows (images x pixels), statistics per group and channel
 * over M, whose sums are made by the parts of a group's rows.
 *   xhat = (x - mean) rstd,   rstd = 1 / sqrt(var + BN_EPS), var biased
 *   y = act(gamma xhat + beta + residual),   act = ReLU or the identity
 * gamma, beta NULL: no affine part.  residual NULL: none. */
#define BN_EPS 1e-5f           /* PyTorch's defaults, on both machines */
#define BN_MOMENTUM 0.1f
struct bn_shape { int groups, rows, c; struct parts parts; const struct across *across; struct parts split; };
/* split: of groups that are themselves parts of a view, [views, n, ...], whose gradients of gamma and beta
 * are a tree over those parts.  across: a group has M rows in each of `n` processes: sum(x, n) adds up what all have.  The gradients of gamma
 * and beta are of all rows, and are the first one's alone to add.  NULL: there is one. */
struct across { void (*sum)(dev_wide *x, size_t n); int n; bool is_first; };
static inline int bn_rows_in_all(const struct bn_shape *s)
{
    return s->across ? s->rows * s->across->n : s->rows;
}

/* Saves mean, rstd [G,C] for the backward.  run_mean, run_var [C], if not NULL, move by BN_MOMENTUM
 * once per group in order (unbiased variance), as separate forward passes of the views would. */
void op_bn_act_fwd(dev_act *y, dev_float *mean, dev_float *rstd, dev_float *run_mean,
                   dev_float *run_var, const dev_act *x, const dev_float *gamma,
                   const dev_float *beta, const dev_act *residual, struct bn_shape s, bool relu);
/* With g = dy where y > 0 (all of dy without ReLU): dresidual = g; dbeta += sum g; dgamma += sum g
 * xhat; dx = gamma rstd (g - mean_M(g) - xhat mean_M(g xhat)), means per group.  One of dx and
 * dresidual may lie where dy lies (then it does not add): dy is gone afterwards. */
void op_bn_act_bwd(struct act_grad dx, dev_float *dgamma, dev_float *dbeta,
                   struct act_grad dresidual, const dev_act *dy, const dev_act *y, const dev_act *x,
                   const dev_float *gamma, const dev_float *mean, const dev_float *rstd,
                   struct bn_shape s, bool relu);
/* Evaluation: xhat from the running statistics. x is [M, C]. */
void op_bn_act_eval(dev_act *y, const dev_act *x, const dev_float *gamma, const dev_float *beta,
                    const dev_float *run_mean, const dev_float *run_var, const dev_act *residual,
                    int rows, int c, bool relu);

/* ---- rows ------------------------------------------------------------------------------------ */

void op_relu_fwd(dev_act *y, const dev_act *x, size_t n);
/* dx = dy where y > 0; dx may lie where dy lies, then it does not add. */
void op_relu_bwd(struct act_grad dx, const dev_act *dy, const dev_act *y, size_t n);

/* Global average pooling: y[N,C] = mean over the HW pixels of x[N,HW,C]. */
void op_pool_fwd(dev_act *y, const dev_act *x, int n, int hw, int c);
void op_pool_bwd(struct act_grad dx, const dev_act *dy, int n, int hw, int c);

/* Max-pooling: y[N,P,Q,C] = the largest of each r x r window of x[N,H,W,C], padding apart; P, Q =
 * conv_out of H, W.  NaN is larger than any number. */
struct pool_shape { int n, h, w, c, r, stride, pad; };         /* 1 <= r <= 16, 0 <= pad < r */
void op_max_pool_fwd(dev_act *y, const dev_act *x, struct pool_shape s);
/* dx[N,H,W,C] = the sum of dy over the windows whose largest it is: the first one, where several
 * are equal. */
void op_max_pool_bwd(struct act_grad dx, const dev_act *dy, const dev_act *x, struct pool_shape s);

/* Negative cosine similarity (eq. 1): loss[0] += weight * mean over the N rows of -cos(p_i, z_i);
 * p, z [N,D].  Norms are taken as at least COSINE_EPS each, like PyTorch's cosine_similarity. */
#define COSINE_EPS 1e-8f
void op_cosine_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n, int d);
void op_cosine_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p, const dev_act *z,
                   float weight, int n, int d);

/* Cross-entropy similarity (Sec. 4.5): loss[0] += weight * mean over the N rows of
 * -softmax(z_i) . log softmax(p_i), softmax over the D features. */
void op_cross_entropy_fwd(dev_float *loss, const dev_act *p, const dev_act *z, float weight, int n,
                          int d);
void op_cross_entropy_bwd(struct act_grad dp, struct act_grad dz, const dev_act *p,
                          const dev_act *z, float weight, int n, int d);

/* The moving average of the target (Sec. 5.2): eta[i] = m memory[index[i]] + (1 - m) z_i, which is
 * left in the memory too if `keep`.  eta (may be NULL), z [N,D]; memory [images,D]; index [N], each
 * image once.  normalise: z_i / max(|z_i|, COSINE_EPS) instead of z_i.  from_first: where the
 * memory's row is all 0, m is 0. */
void op_average(dev_act *eta, dev_float *memory, const dev_int *index, const dev_act *z, int n,
                int d, float momentum, bool from_first, bool normalise, bool keep);

/* The gradient through y = op_normalize_rows(x), of losses that are made of unit rows in fp32
 * whatever the activations: dx = (dy - xhat (xhat . dy)) / |x|, xhat = x / |x|; |x| where held at
 * COSINE_EPS is a constant: dy / COSINE_EPS.  Of an activation x [N,D], and of a weight w [N,D]
 * (dw += ...); dy [N,D]. */
void op_unit_bwd(struct act_grad dx, const dev_float *dy, const dev_act *x, int n, int d);
void op_unit_weight_bwd(dev_float *dw, const dev_float *dy, const dev_float *w, int n, int d);

/* s[M,N] = a[M,D] b[N,D]^T, and its gradients: da[M,D] = ds b, over what is there, then db[N,D] +=
 * ds^T a.  Where a is b, both may go to one place. */
void op_scores_fwd(dev_float *s, const dev_float *a, const dev_float *b, int m, int n, int d);
void op_scores_bwd(dev_float *da, dev_float *db, const dev_float *ds, const dev_float *a,
                   const dev_float *b, int m, int n, int d);

/* The contrast of M rows with M + K others, whose scores are s[M,M+K]: row i's class is column (i +
 * shift) % M, and of the first M columns those of other images are negatives (`in_batch`: all but
 * column i, the row itself) or are left out (the last K, a queue's, are then the only ones).
 *   loss[0] += weight * mean over the rows of -log softmax(s / T) at the class
 * and s becomes the gradient of that. */
void op_contrast(dev_float *loss, dev_float *s, float temperature, float weight, int m, int k,
                 int shift, bool in_batch);

/* Rows of any kind, of `bytes` each (an even number): y[i] = x[index[i]], and y[index[i]] = x[i],
 * each place once; index [N] lies on the machine, for it varies per step.  No overlap. */
void op_rows_take(void *y, const void *x, const dev_int *index, int n, size_t bytes);
void op_rows_put(void *y, const void *x, const dev_int *index, int n, size_t bytes);

/* What split batch norm makes of running statistics (MoCo's; a shuffle goes with it): one move by
 * BN_MOMENTUM from old_mean, old_var [C] to the means over the groups of what op_bn_act_fwd saved,
 * mean, rstd [G,C], the variances unbiased; where that op itself moves once a group.  run_mean,
 * run_var [C] may be the old ones. */
void op_bn_split(dev_float *run_mean, dev_float *run_var, const dev_float *old_mean,
                 const dev_float *old_var, const dev_float *mean, const dev_float *rstd,
                 struct bn_shape s);

/* SwAV's codes (eq. 3 to 5, A.1): q[B,K] from exp(s / epsilon), s [B,K], by `iterations` of
 * Sinkhorn, prototypes (columns) first and samples (rows) last, so that each row of q sums to 1 and
 * each column nearly to B / K.  In the log domain, q = exp(s / epsilon + u[K] + v[B]); potentials
 * [iterations, K + B] keeps u and v of each iteration for the backward:
 * ds[B,K] += the gradient by s, of dq[B,K]. */
void op_sinkhorn_fwd(dev_float *q, dev_float *potentials, const dev_float *s, float epsilon,
                     int iterations, int b, int k);
void op_sinkhorn_bwd(dev_float *ds, const dev_float *dq, const dev_float *potentials,
                     const dev_float *s, float epsilon, int iterations, int b, int k);

/* SwAV's loss (eq. 2): loss[0] += weight * mean over the B rows of -q . log softmax(s / T); q, s
 * [B,K].  ds and dq (either may be NULL) += its gradients. */
void op_code_entropy_fwd(dev_float *loss, const dev_float *s, const dev_float *q, float temperature,
                         float weight, int b, int k);
void op_code_entropy_bwd(dev_float *ds, dev_float *dq, const dev_float *s, const dev_float *q,
                         float temperature, float weight, int b, int k);

/* Sec. 4.1: out[g] = sqrt(D) * mean over channels of the standard deviation (over M - 1) of the
 * l2-normalised rows of group g; z is [G, M, D].  Near 1 for spread outputs, 0 for a constant. */
void op_std(dev_float *out, const dev_act *z, int groups, int rows, int d);

/* From one kind of number to the other, y = x, and the gradients through that: dx = dy, dx += dy.
 * In a dev_float they are themselves, however a machine stores those of activations. */
void op_act_to_float(dev_float *y, const dev_act *x, size_t n);
void op_act_to_float_bwd(struct act_grad dx, const dev_float *dy, size_t n);
void op_float_to_act(dev_act *y, const dev_float *x, size_t n);
void op_float_to_act_bwd(dev_float *dx, const dev_act *dy, size_t n);
void op_normalize_rows(dev_float *x, int n, int d);    /* each row / max(its l2 norm, COSINE_EPS) */

/* x[n] = the balanced tree of x[parts, n] (struct parts), a power of two of them; the others hold
 * nothing afterwards. */
void op_tree(dev_float *x, size_t n, int parts);

/* ---- optimiser ------------------------------------------------------------------------------- */

/* PyTorch's SGD: g' = g + wd w;  v = momentum v + g';  w -= lr[0] v.  lr lives on the machine: it
 * varies per step, and a captured step must not. */
void op_sgd(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, float momentum,
            float wd, size_t n);
/* LARS (You et al. 2017) on one layer's tensor, in the forms that papers compute with:
 *   u = ratio (g + wd w),   ratio = trust |w| / (|g| + wd |w|), or of_sum: trust |w| / |g + wd w|
 *   v = momentum v + lr[0] u,  w -= v;   or rate_outside:  v = momentum v + u,  w -= lr[0] v
 * which differ while lr changes.  The ratio is 1 with a trust of 0, and where |w| or the norm below
 * it is 0: a layer that starts at zero could never leave it.  NaN in w or g reaches w.  (You's
 * Algorithm 1: neither; SimCLR: of_sum; BYOL: both; SwAV's LARC: rate_outside.) */
struct lars { float momentum, wd, trust; bool of_sum, rate_outside; };
void op_lars(dev_float *w, dev_float *v, const dev_float *g, const dev_float *lr, struct lars how,
             size_t n);
/* The moving average of a block of weights: y = m y + (1 - m) x, m = momentum[0], which lies on the
 * machine as lr does.  m = 0 gives x and m = 1 leaves y, to the bit, whatever the other holds; y
 * equal to x stays so. */
void op_ema(dev_float *y, const dev_float *x, const dev_float *momentum, size_t n);
/* out[0] += sum of squares, summed in double */
void op_sumsq(dev_float *out, const dev_float *x, size_t n);

/* ---- evaluation ------------------------------------------------------------------------------ */

/* Weighted kNN (Wu et al. 2018): for each query the K nearest bank rows by cosine (rows are
 * l2-normalised already, ties to the lower index), each voting exp(s / T) for its label; pred = the
 * class of most votes, ties to the lower class.  query [N,D], bank [M,D], label [M] in
 * 0..classes-1, pred [N].  K is cut to M. */
void op_knn(dev_int *pred, const dev_float *query, int n, const dev_float *bank,
            const dev_int *label, int m, int d, int classes, int k, float temperature);

/* A linear softmax classifier, for the probe.  logits = x[index] w^T + b over the rows of x named
 * by index[N]: loss[0] += mean cross-entropy; dw [K,D], db [K] += its gradient.  label is indexed
 * like x. */
void op_classifier_grad(dev_float *loss, dev_float *dw, dev_float *db, const dev_float *x,
                        const dev_int *label, const dev_int *index, int n, int d, int k,
                        const dev_float *w, const dev_float *b);
/* pred[N] = argmax of x[N,D] w^T + b, ties to the lower class. */
void op_classify(dev_int *pred, const dev_float *x, int n, int d, int k, const dev_float *w,
                 const dev_float *b);

/* ---- augmentation ---------------------------------------------------------------------------- */

struct augment;                 /* augment.h: the recipe's parameters */
/* y[N,S,S,3] = N views of images [*,3,H,W] (stored planar, 0..255): view `view` of image index[i]
 * in epoch[0], both in the machine's memory, for they change from step to step and a record of
 * steps does not.  Parameters: augment_draw(recipe, seed, epoch, index[i], view) of augment.h,
 * bit-equal on every machine; pixels in float, not rounded between transforms, normalised at the
 * end. */
void op_augment(dev_act *y, const dev_byte *images, const dev_int *index, int n, int h, int w,
                int size, const struct augment *recipe, uint64_t seed, const dev_int *epoch,
                uint32_t view);
/* y[S,S,3] = one view, with parameters already drawn, of an image of its own size: image [3,h,w]
 * lies in the host's memory, and is the stored [3,H,W] made smaller by `shrink`, 1, 2, 4 or 8, when
 * it was decoded (augment.h): h, w = H, W / shrink, rounded up.  `room` is op_view_room(S, the
 * longer of h, w) bytes of the machine's memory.  The one op that several host threads may call at
 * a time, each with its own room; it is then behind what the ops' thread had issued at its last
 * mem_upload(), mem_alloc() or mem_zero(), and before what that issues once it has returned. */
struct view_params;
void op_view(dev_act *y, void *room, const uint8_t *image, int full_h, int full_w, int shrink,
             int size, const struct augment *recipe, const struct view_params *v);
size_t op_view_room(int size, int side);

#ifdef __cplusplus
}
#endif
