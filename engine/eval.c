/* SPDX-License-Identifier: MIT
 *
 * eval.c -- what frozen features are worth: weighted kNN (Wu et al. 2018) and the linear probe
 * (Sec. 3, App. A).
 *
 *   kNN:    the K nearest by cosine vote exp(s / T) for their label
 *   probe:  SGD or LARS on mean cross-entropy of x w^T + b, momentum 0.9, no weight decay,
 *           lr_e = lr (1 + cos(pi e / epochs)) / 2, e = 0 .. epochs - 1
 *
 * Features keep their place; what moves is an index.  So an epoch uploads one permutation and reads
 * the losses back once, and the machine is never waited for in between.
 */
#include "eval.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "philox.h"

static const float PROBE_MOMENTUM = 0.9f;
/* LARS's eta, "how much we trust the layer to change its weights" (You et al. 2017); the released
 * code's value. */
static const float PROBE_TRUST = 0.001f;

/* Queries a call of op_knn: enough for many threads, few enough to look for a stop in time. */
enum { KNN_ROWS = 1024 };

void features_free(struct features *f)
{
    mem_free(f->x);
    mem_free(f->label);
    *f = (struct features){ 0 };
}

/* The features' rows, l2-normalised, in memory of their own. */
static dev_float *normalised_copy(const struct features *f)
{
    const size_t bytes = (size_t)f->n * f->d * sizeof(float);
    dev_float *x = mem_alloc(bytes);
    mem_copy(x, f->x, bytes);
    op_normalize_rows(x, f->n, f->d);
    return x;
}

/* In how many of the n places pred and label agree. */
static int hits(const dev_int *pred, const dev_int *label, int n)
{
    int32_t *host = host_alloc(2 * (size_t)n, sizeof *host);
    mem_download(host, pred, (size_t)n * sizeof *host);
    mem_download(host + n, label, (size_t)n * sizeof *host);
    int equal = 0;
    for (int i = 0; i < n; i++) equal += host[i] == host[n + i];
    free(host);
    return equal;
}

double knn_accuracy(const struct features *query, const struct features *bank, int k,
                    float temperature)
{
    assert(query->d == bank->d && query->n > 0 && bank->n > 0 && k > 0);
    dev_float *q = normalised_copy(query), *b = normalised_copy(bank);
    dev_int *pred = mem_alloc((size_t)query->n * sizeof(int32_t));
    int done = 0;
    for (; done < query->n && !stop_requested(); done += KNN_ROWS) {
        const int n = query->n - done < KNN_ROWS ? query->n - done : KNN_ROWS;
        op_knn(int_at(pred, (size_t)done), float_at(q, (size_t)done * query->d), n, b, bank->label,
               bank->n, bank->d, bank->classes, k, temperature);
    }
    const double accuracy = done < query->n ? -1
                                            : 100.0 * hits(pred, query->label, query->n) / query->n;
    mem_free(pred);
    mem_free(q);
    mem_free(b);
    return accuracy;
}

/* ---- linear probe ---------------------------------------------------------------------------- */

/* w [classes, d] and b [classes]; the velocities behind them have the same layout. */
static size_t weights_count(int d, int classes)
{
    return (size_t)classes * ((size_t)d + 1);
}

size_t probe_floats(int d, int classes)
{
    return 2 * weights_count(d, classes);
}

void probe_open(struct probe *p, int d, int classes)
{
    *p = (struct probe){ .d = d, .classes = classes };
    p->state = mem_alloc(probe_floats(d, classes) * sizeof(float));
    p->grad = mem_alloc(weights_count(d, classes) * sizeof(float));
}

void probe_close(struct probe *p)
{
    mem_free(p->state);
    mem_free(p->grad);
    *p = (struct probe){ 0 };
}

/* The epoch's order, on the machine. */
static dev_int *order_upload(uint64_t seed, uint32_t epoch, int n)
{
    int32_t *host = host_alloc((size_t)n, sizeof *host);
    const uint32_t own = epoch | 1u << 31;     /* not the orders of training's epochs */
    for (int i = 0; i < n; i++)
        host[i] = (int32_t)permute_index(seed, own, (uint32_t)n, (uint32_t)i);
    dev_int *order = mem_alloc((size_t)n * sizeof *host);
    mem_upload(order, host, (size_t)n * sizeof *host);
    free(host);
    return order;
}

/* The weights start at zero, where LARS has no ratio: their first step is a plain one (op_lars). */
static void probe_step(struct probe *p, enum probe_optimizer optimizer, const dev_float *lr)
{
    const size_t count = weights_count(p->d, p->classes), w = (size_t)p->classes * p->d;
    dev_float *const velocity = float_at(p->state, count);
    size_t plain = 0;                          /* what SGD moves begins here */
    if (optimizer == PROBE_LARS) {
        const struct lars you = { .momentum = PROBE_MOMENTUM, .trust = PROBE_TRUST };
        op_lars(p->state, velocity, p->grad, lr, you, w);
        plain = w;
    }
    op_sgd(float_at(p->state, plain), float_at(velocity, plain), float_at(p->grad, plain), lr,
           PROBE_MOMENTUM, 0, count - plain);
}

double probe_epoch(struct probe *p, const struct probe_plan *plan, const struct features *train)
{
    assert(p->d == train->d && p->classes == train->classes && train->n > 0 && plan->batch > 0);
    assert(p->epoch < plan->epochs);
    const int n = train->n, batches = (n + plan->batch - 1) / plan->batch;
    const size_t b_at = (size_t)p->classes * p->d, count = weights_count(p->d, p->classes);
    const float lr = (float)(plan->lr * 0.5 * (1 + cos(M_PI * p->epoch / plan->epochs)));

    /* A stop in the middle goes back to the epoch's start: a checkpoint holds whole epochs of the
     * probe. */
    const size_t state = probe_floats(p->d, p->classes) * sizeof(float);
    float *before = host_alloc(1, state);
    mem_download(before, p->state, state);
    dev_int *order = order_upload(plan->seed, (uint32_t)p->epoch, n);
    /* [batches]; behind them the lr */
    dev_float *losses = mem_alloc(((size_t)batches + 1) * sizeof(float));
    dev_float *lr_there = float_at(losses, (size_t)batches);
    mem_upload(lr_there, &lr, sizeof lr);
    int done = 0;
    for (; done < batches && !stop_requested(); done++) {
        const int i = done, first = i * plan->batch,
                  rows = n - first < plan->batch ? n - first : plan->batch;
        mem_zero(p->grad, count * sizeof(float));
        op_classifier_grad(float_at(losses, (size_t)i), p->grad, float_at(p->grad, b_at), train->x,
                           train->label, int_at(order, (size_t)first), rows, p->d, p->classes,
                           p->state, float_at(p->state, b_at));
        probe_step(p, plan->optimizer, lr_there);
    }

    float *loss = host_alloc((size_t)batches, sizeof *loss);
    mem_download(loss, losses, (size_t)batches * sizeof *loss);
    double sum = 0;                /* over images: the last batch weighs what it holds */
    for (int i = 0; i < batches; i++)
        sum += (double)loss[i] *
               (n - i * plan->batch < plan->batch ? n - i * plan->batch : plan->batch);
    free(loss);
    mem_free(losses);
    mem_free(order);
    if (done < batches) mem_upload(p->state, before, state);
    else p->epoch++;
    free(before);
    return done < batches ? -1 : sum / n;
}

double probe_accuracy(const struct probe *p, const struct features *test)
{
    assert(p->d == test->d && p->classes == test->classes && test->n > 0);
    dev_int *pred = mem_alloc((size_t)test->n * sizeof(int32_t));
    op_classify(pred, test->x, test->n, p->d, p->classes, p->state,
                float_at(p->state, (size_t)p->classes * p->d));
    const double accuracy = 100.0 * hits(pred, test->label, test->n) / test->n;
    mem_free(pred);
    return accuracy;
}
