/* SPDX-License-Identifier: MIT
 *
 * test_ops_norm.c -- batch norm with ReLU and residual against naive loops and finite differences.
 */
#include "naive.h"

/* Channels with and without tails, rows that fold and rows that do not, one chunk and several. */
static const struct bn_shape shapes[] = {
    { 1, 2, 1 },   { 2, 7, 3 },     { 3, 33, 7 },    { 1, 33, 17 }, { 2, 5, 33 },
    { 3, 7, 65 },  { 1, 7, 1 },     { 2, 64, 7 },    { 1, 36, 16 }, { 2, 33, 64 },
    { 2, 7, 130 }, { 2, 1200, 33 }, { 2, 4104, 16 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* What is left out or switched on. */
struct variant { bool affine, residual, relu; };
static const struct variant variants[] = {
    { false, false, false }, { true, false, false }, { true, false, true }, { true, true, true },
    { false, true, true }, { true, true, false }, { false, true, false }, { false, false, true },
};
enum { VARIANTS = sizeof variants / sizeof *variants };

struct problem {
    size_t n, c, gc;
    float *x, *gamma, *beta, *residual, *dy, *dirty;
    double *dyd;
    struct naive_bn naive;
};

static struct problem problem_of(struct bn_shape s, struct variant v)
{
    struct problem p = { .n = (size_t)(s.groups * s.rows * s.c), .c = (size_t)s.c,
                         .gc = (size_t)(s.groups * s.c) };
    p.x = random_floats(p.n, 1);
    p.gamma = random_floats(p.c, 2);
    p.beta = random_floats(p.c, 3);
    p.residual = random_floats(p.n, 4), p.dy = random_floats(p.n, 5),
    p.dirty = random_floats(p.n, 6);
    /* a mean that is not small */
    for (size_t i = 0; i < p.n; i++) p.x[i] = test_number(p.x[i] + 3);
    p.dyd = doubles_of(p.dy, p.n);
    p.naive = (struct naive_bn){ .y = doubles_of(NULL, p.n), .x = doubles_of(p.x, p.n), .s = s,
                                 .relu = v.relu, .mean = doubles_of(NULL, p.gc),
                                 .var = doubles_of(NULL, p.gc) };
    if (v.affine) {
        p.naive.gamma = doubles_of(p.gamma, p.c);
        p.naive.beta = doubles_of(p.beta, p.c);
    }
    if (v.residual) p.naive.residual = doubles_of(p.residual, p.n);
    naive_bn_fwd(&p.naive);
    return p;
}

/* The problem on the machine, after its forward pass. */
struct device { dev_act *x, *y, *residual, *dy; dev_float *gamma, *beta, *mean, *rstd; };

static struct device forward_in(const struct problem *p, struct bn_shape s, dev_float *run_mean,
                                dev_float *run_var)
{
    const struct device d = {
        .x = act_of(p->x, p->n), .y = act_of(p->dirty, p->n), .dy = act_of(p->dy, p->n),
        .residual = p->naive.residual ? act_of(p->residual, p->n) : NULL,
        .gamma = p->naive.gamma ? float_of(p->gamma, p->c) : NULL,
        .beta = p->naive.beta ? float_of(p->beta, p->c) : NULL,
        .mean = machine_room(p->gc * sizeof(float)), .rstd = machine_room(p->gc * sizeof(float)),
    };
    op_bn_act_fwd(d.y, d.mean, d.rstd, run_mean, run_var, d.x, d.gamma, d.beta, d.residual, s,
                  p->naive.relu);
    return d;
}

static struct device forward(const struct problem *p, dev_float *run_mean, dev_float *run_var)
{
    return forward_in(p, p->naive.s, run_mean, run_var);
}

static void forward_is_the_naive_normalisation_in_every_variant(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int v = 0; v < VARIANTS; v++) {
            const struct problem p = problem_of(shapes[i], variants[v]);
            const struct device d = forward(&p, NULL, NULL);
            double *rstd = doubles_of(NULL, p.gc);
            for (size_t j = 0; j < p.gc; j++) rstd[j] = 1 / sqrt(p.naive.var[j] + (double)BN_EPS);
            check_close("y", act_read(d.y, p.n), p.naive.y, p.n, act_tolerance(TOLERANCE_SUM));
            check_close("mean", float_read(d.mean, p.gc), p.naive.mean, p.gc, TOLERANCE_ROUND);
            check_close("rstd", float_read(d.rstd, p.gc), rstd, p.gc, TOLERANCE_ROUND);
            release();
        }
}

/* Numbers that lie far from zero and close together: the variance is in their last digits.  Nor may
 * an outlier in the first row spoil it. */
static void a_large_mean_does_not_hide_the_variance(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int outlier = 0; outlier < 2; outlier++) {
            const struct bn_shape s = shapes[i];
            struct problem p = problem_of(s, variants[0]);
            const float far = testing_bf16() ? 60 : 4000;
            for (size_t e = 0; e < p.n; e++) p.x[e] = test_number(far + p.x[e]);
            for (int j = 0; outlier && j < s.c; j++) p.x[j] = -far;
            p.naive.x = doubles_of(p.x, p.n);
            naive_bn_fwd(&p.naive);
            const struct device d = forward(&p, NULL, NULL);
            const float *rstd = float_read(d.rstd, p.gc);
            for (size_t j = 0; j < p.gc; j++) {
                const double want = 1 / sqrt(p.naive.var[j] + (double)BN_EPS);
                if (!(fabs((double)rstd[j] / want - 1) < TOLERANCE_SUM))
                    fail_msg("rstd[%zu] is %.9g, expected %.9g", j, (double)rstd[j], want);
            }
            release();
        }
}

static double objective(void *context)
{
    const struct problem *p = context;
    naive_bn_fwd(&p->naive);
    return naive_dot(p->naive.y, p->dyd, p->n);
}

/* In fp32: bf16 has no digits for a difference, its gradients are compared with the formula
 * below. */
static void backward_is_the_finite_difference_of_the_naive_forward(void **state)
{
    (void)state;
    if (testing_bf16()) skip();
    for (int i = 1; i < 11; i++)           /* not two rows (xhat is a sign), nor the large shapes */
        for (int v = 0; v < VARIANTS; v++) {
            struct problem p = problem_of(shapes[i], variants[v]);
            const struct device d = forward(&p, NULL, NULL);
            const float *dirty_c = random_floats(p.c, 7);
            dev_act *dx = act_of(p.dirty, p.n),
                    *dr = p.naive.residual ? act_of(p.dirty, p.n) : NULL;
            dev_float *dgamma = p.naive.gamma ? float_of(dirty_c, p.c) : NULL;
            dev_float *dbeta = p.naive.beta ? float_of(dirty_c, p.c) : NULL;
            /* Without ReLU y must not matter. */
            op_bn_act_bwd(onto(dx), dgamma, dbeta, onto(dr), d.dy, p.naive.relu ? d.y : NULL, d.x,
                          d.gamma, d.mean, d.rstd, p.naive.s, p.naive.relu);
            check_difference("dx", act_read(dx, p.n), p.dirty, p.naive.x, p.n, sparse(p.n),
                             objective, &p);
            if (dr)
                check_difference("dresidual", act_read(dr, p.n), p.dirty, p.naive.residual, p.n,
                                 sparse(p.n), objective, &p);
            if (dgamma) {
                check_difference("dgamma", float_read(dgamma, p.c), dirty_c, p.naive.gamma, p.c,
                                 sparse(p.c), objective, &p);
                check_difference("dbeta", float_read(dbeta, p.c), dirty_c, p.naive.beta, p.c,
                                 sparse(p.c), objective, &p);
            }
            release();
        }
}

/* The formula of ops.h in double, at every element; the sign of y is the one the op is given. */
struct gradients { double *x, *residual, *gamma, *beta; };

static struct gradients naive_gradients(const struct problem *p, const float *y)
{
    const struct bn_shape s = p->naive.s;
    const struct gradients want = { doubles_of(NULL, p->n), doubles_of(NULL, p->n),
                                    doubles_of(NULL, p->c), doubles_of(NULL, p->c) };
    for (int gj = 0; gj < s.groups * s.c; gj++) {
        const int j = gj % s.c;
        const double rstd = 1 / sqrt(p->naive.var[gj] + (double)BN_EPS);
        double sum = 0, product = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int r = 0; r < s.rows; r++) {
                const size_t e = (size_t)((gj / s.c * s.rows + r) * s.c + j);
                const double g = !p->naive.relu || y[e] > 0 ? p->dyd[e] : 0;
                const double xhat = (p->naive.x[e] - p->naive.mean[gj]) * rstd;
                const double scale = p->naive.gamma ? p->naive.gamma[j] * rstd : rstd;
                if (pass == 0) {
                    sum += g;
                    product += g * xhat;
                } else {
                    want.x[e] = scale * (g - sum / s.rows - xhat * product / s.rows);
                    want.residual[e] = g;
                }
            }
        want.gamma[j] += product;
        want.beta[j] += sum;
    }
    return want;
}

/* Where the gradients go: added to what is there, over numbers that must not matter, or where dy
 * lies. */
enum place { ADDED, OVER, X_IN_PLACE, RESIDUAL_IN_PLACE, PLACES };

static void check_gradients(struct bn_shape s, struct variant v, enum place place)
{
    const struct problem p = problem_of(s, v);
    const struct device d = forward(&p, NULL, NULL);
    const struct gradients want = naive_gradients(&p, act_read(d.y, p.n));
    const float *dirty_c = random_floats(p.c, 7), *base = place == ADDED ? p.dirty : NULL;
    dev_act *const dx = place == X_IN_PLACE ? d.dy : base ? act_of(base, p.n) : act_garbage(p.n);
    dev_act *const dr = place == RESIDUAL_IN_PLACE ? d.dy
                        : base                     ? act_of(base, p.n)
                                                   : act_garbage(p.n);
    dev_float *const dgamma = float_of(dirty_c, p.c), *const dbeta = float_of(dirty_c, p.c);
    op_bn_act_bwd((struct act_grad){ dx, base != NULL }, dgamma, dbeta,
                  (struct act_grad){ v.residual ? dr : NULL,
                                     base != NULL }, d.dy, v.relu ? d.y : NULL, d.x,
                  d.gamma, d.mean, d.rstd, s, v.relu);
    for (size_t i = 0; base && i < p.n; i++) {
        want.x[i] += (double)base[i];
        want.residual[i] += (double)base[i];
    }
    check_close("dx", act_read(dx, p.n), want.x, p.n, act_tolerance(TOLERANCE_SUM));
    check_added("dgamma", float_read(dgamma, p.c), dirty_c, want.gamma, p.c, TOLERANCE_SUM);
    check_added("dbeta", float_read(dbeta, p.c), dirty_c, want.beta, p.c, TOLERANCE_SUM);
    if (v.residual)                                    /* where nothing is added, dy's own digits */
        check_close("dresidual", act_read(dr, p.n), want.residual, p.n,
                    base ? act_tolerance(TOLERANCE_ROUND) : 0);
    release();
}

static void backward_is_the_naive_gradients_added_over_and_in_place(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int v = 0; v < VARIANTS; v++)
            for (int place = 0; place < PLACES; place++)
                if (place != RESIDUAL_IN_PLACE || variants[v].residual)
                    check_gradients(shapes[i], variants[v], (enum place)place);
}

static void a_gradient_that_is_not_wanted_changes_nothing_else(void **state)
{
    (void)state;
    const struct bn_shape s = { 2, 33, 17 };
    const struct problem p = problem_of(s, (struct variant){ true, true, true });
    const struct device d = forward(&p, NULL, NULL);
    const float *dirty_c = random_floats(p.c, 7);
    float *all[4];
    for (int add = 0; add < 2; add++)
        for (int alone = -1; alone < 4; alone++) {       /* -1: all four at once */
            dev_act *dx = act_of(p.dirty, p.n), *dr = act_of(p.dirty, p.n);
            dev_float *dgamma = float_of(dirty_c, p.c), *dbeta = float_of(dirty_c, p.c);
            op_bn_act_bwd((struct act_grad){ alone < 0 || alone == 0 ? dx : NULL, add },
                          alone < 0 || alone == 1 ? dgamma : NULL,
                          alone < 0 || alone == 2 ? dbeta : NULL,
                          (struct act_grad){ alone < 0 || alone == 3 ? dr : NULL, add }, d.dy, d.y,
                          d.x, d.gamma, d.mean, d.rstd, s, true);
            float *got[4] = { act_read(dx, p.n), float_read(dgamma, p.c), float_read(dbeta, p.c),
                              act_read(dr, p.n) };
            const size_t n[4] = { p.n, p.c, p.c, p.n };
            const float *dirty[4] = { p.dirty, dirty_c, dirty_c, p.dirty };
            for (int i = 0; i < 4; i++) {
                if (alone < 0) all[i] = got[i];
                else
                    assert_memory_equal(got[i], i == alone ? all[i] : dirty[i],
                                        n[i] * sizeof(float));
            }
        }
    op_bn_act_bwd(unwanted, NULL, NULL, unwanted, d.dy, d.y, d.x, d.gamma, d.mean, d.rstd, s, true);
    release();
}

static void running_statistics_move_once_per_group_with_the_unbiased_variance(void **state)
{
    (void)state;
    const struct bn_shape s = { 3, 7, 17 };
    const struct problem p = problem_of(s, (struct variant){ false, false, false });
    const float *start = random_floats(p.c, 8);
    dev_float *run_mean = float_of(start, p.c), *run_var = float_of(start, p.c);
    forward(&p, run_mean, run_var);
    double *want_mean = doubles_of(start, p.c), *want_var = doubles_of(start, p.c);
    for (int g = 0; g < s.groups; g++)
        for (int j = 0; j < s.c; j++) {
            const double unbiased = p.naive.var[g * s.c + j] * s.rows / (s.rows - 1);
            want_mean[j] = 0.9 * want_mean[j] + 0.1 * p.naive.mean[g * s.c + j];
            want_var[j] = 0.9 * want_var[j] + 0.1 * unbiased;
        }
    check_close("run_mean", float_read(run_mean, p.c), want_mean, p.c, TOLERANCE_ROUND);
    check_close("run_var", float_read(run_var, p.c), want_var, p.c, TOLERANCE_ROUND);
    release();
}

static void views_in_one_call_equal_separate_passes_to_the_bit(void **state)
{
    (void)state;
    const struct bn_shape s = { 3, 1200, 33 }, one = { 1, 1200, 33 };
    const struct problem p = problem_of(s, (struct variant){ true, true, true });
    const float *start = random_floats(p.c, 8), *dirty_c = random_floats(p.c, 7);
    const size_t m = p.n / 3, c = p.c;
    dev_float *run_mean = float_of(start, c), *run_var = float_of(start, c);
    const struct device d = forward(&p, run_mean, run_var);
    dev_act *dx = act_of(p.dirty, p.n), *dr = act_of(p.dirty, p.n);
    dev_float *dgamma = float_of(dirty_c, c), *dbeta = float_of(dirty_c, c);
    op_bn_act_bwd(onto(dx), dgamma, dbeta, over(dr), d.dy, d.y, d.x, d.gamma, d.mean, d.rstd, s,
                  true);

    dev_act *y1 = act_of(p.dirty, p.n), *dx1 = act_of(p.dirty, p.n), *dr1 = act_of(p.dirty, p.n);
    dev_float *mean1 = machine_room(p.gc * sizeof(float)),
              *rstd1 = machine_room(p.gc * sizeof(float));
    dev_float *run_mean1 = float_of(start, c), *run_var1 = float_of(start, c);
    dev_float *dgamma1 = float_of(dirty_c, c), *dbeta1 = float_of(dirty_c, c);
    for (size_t g = 0; g < 3; g++) {
        op_bn_act_fwd(act_at(y1, g * m), float_at(mean1, g * c), float_at(rstd1, g * c), run_mean1,
                      run_var1, act_at(d.x, g * m), d.gamma, d.beta, act_at(d.residual, g * m), one,
                      true);
        op_bn_act_bwd(onto(act_at(dx1, g * m)), dgamma1, dbeta1, over(act_at(dr1, g * m)),
                      act_at(d.dy, g * m), act_at(y1, g * m), act_at(d.x, g * m), d.gamma,
                      float_at(mean1, g * c), float_at(rstd1, g * c), one, true);
    }
    assert_memory_equal(act_read(d.y, p.n), act_read(y1, p.n), p.n * sizeof(float));
    assert_memory_equal(act_read(dx, p.n), act_read(dx1, p.n), p.n * sizeof(float));
    assert_memory_equal(act_read(dr, p.n), act_read(dr1, p.n), p.n * sizeof(float));
    assert_memory_equal(float_read(d.mean, p.gc), float_read(mean1, p.gc), p.gc * sizeof(float));
    assert_memory_equal(float_read(d.rstd, p.gc), float_read(rstd1, p.gc), p.gc * sizeof(float));
    assert_memory_equal(float_read(run_mean, c), float_read(run_mean1, c), c * sizeof(float));
    assert_memory_equal(float_read(run_var, c), float_read(run_var1, c), c * sizeof(float));
    assert_memory_equal(float_read(dgamma, c), float_read(dgamma1, c), c * sizeof(float));
    assert_memory_equal(float_read(dbeta, c), float_read(dbeta1, c), c * sizeof(float));
    release();
}

static void evaluation_uses_the_running_statistics_in_every_variant(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        const struct bn_shape s = { 1, 33, 17 };
        const struct problem p = problem_of(s, variants[v]);
        const float *mean = random_floats(p.c, 8);
        float *var = random_floats(p.c, 9);
        double *want = doubles_of(NULL, p.n);
        for (size_t j = 0; j < p.c; j++) var[j] = var[j] * var[j] + 0.01f;
        for (size_t i = 0; i < p.n; i++) {
            const size_t j = i % p.c;
            double y = ((double)p.x[i] - (double)mean[j]) / sqrt((double)var[j] + (double)BN_EPS);
            if (p.naive.gamma) y = y * (double)p.gamma[j] + (double)p.beta[j];
            if (p.naive.residual) y += (double)p.residual[i];
            want[i] = variants[v].relu && y < 0 ? 0 : y;
        }
        dev_act *y = act_of(p.dirty, p.n);
        op_bn_act_eval(y, act_of(p.x, p.n), p.naive.gamma ? float_of(p.gamma, p.c) : NULL,
                       p.naive.beta ? float_of(p.beta, p.c) : NULL, float_of(mean, p.c),
                       float_of(var, p.c), p.naive.residual ? act_of(p.residual, p.n) : NULL,
                       s.rows, s.c, variants[v].relu);
        check_close("y", act_read(y, p.n), want, p.n, act_tolerance(TOLERANCE_SUM));
        release();
    }
}

/* xhat of a constant is 0, not what cancellation leaves times 1 / sqrt(eps). */
static void a_constant_channel_gives_beta_and_no_gradient(void **state)
{
    (void)state;
    const struct bn_shape s = { 2, 33, 3 };
    struct problem p = problem_of(s, (struct variant){ true, false, false });
    for (size_t i = 0; i < p.n; i++) p.x[i] = 1234.5f;
    const struct device d = forward(&p, NULL, NULL);
    const float *y = act_read(d.y, p.n);
    for (size_t i = 0; i < p.n; i++) assert_float_equal(y[i], p.beta[i % 3], 1e-7);
    release();
}

static void nan_survives_the_relu_of_every_path(void **state)
{
    (void)state;
    const struct bn_shape s = { 2, 7, 3 };
    struct problem p = problem_of(s, (struct variant){ true, true, true });
    p.x[1] = NAN;                                        /* group 0, channel 1 */
    const struct device d = forward(&p, NULL, NULL);
    dev_act *eval = act_of(p.dirty, p.n), *dx = act_of(p.dirty, p.n);
    op_bn_act_eval(eval, d.x, d.gamma, d.beta, float_of(p.gamma, p.c),
                   float_of((float[]){ 1, 1, 1 }, 3), NULL, 14, 3, true);
    op_bn_act_bwd(over(dx), NULL, NULL, unwanted, d.dy, d.y, d.x, d.gamma, d.mean, d.rstd, s, true);
    const float *y = act_read(d.y, p.n), *e = act_read(eval, p.n), *g = act_read(dx, p.n);
    for (size_t i = 0; i < p.n; i++) {
        /* the statistics carry it to its whole channel */
        const bool hit = i < p.n / 2 && i % 3 == 1;
        assert_int_equal(isnan(y[i]) != 0, hit);
        assert_int_equal(isnan(g[i]) != 0, hit);
        assert_int_equal(isnan(e[i]) != 0, i == 1);
    }
    release();
}

/* The statistics and gradients of a group do not change with the parts that its rows come in, but in the
 * last digits: of several groups, of several views in a group, of rows that fold and rows that do not. */
static void parts_have_the_statistics_of_the_whole(void **state)
{
    (void)state;
    static const struct bn_shape cut[] = {
        { 2, 64, 7, { 4, 1 } }, { 1, 36, 16, { 2, 2 } }, { 1, 120, 33, { 4, 2 } },
        { 2, 4104, 16, { 8, 1 } }, { 1, 1200, 65, { 2, 3 } },
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        struct bn_shape whole = cut[i];
        whole.parts = (struct parts){ 0 };
        const struct problem p = problem_of(whole, (struct variant){ true, true, true });
        const float *start = random_floats(p.c, 8), *dirty_c = random_floats(p.c, 7);
        double *rstd = doubles_of(NULL, p.gc);
        float *got[2][4];
        for (size_t j = 0; j < p.gc; j++) rstd[j] = 1 / sqrt(p.naive.var[j] + (double)BN_EPS);
        for (int by_parts = 0; by_parts < 2; by_parts++) {
            const struct bn_shape s = by_parts ? cut[i] : whole;
            dev_float *mean = float_of(start, p.c), *var = float_of(start, p.c);
            dev_float *dgamma = float_of(dirty_c, p.c), *dbeta = float_of(dirty_c, p.c);
            const struct device d = forward_in(&p, s, mean, var);
            dev_act *dx = act_of(p.dirty, p.n), *dr = act_of(p.dirty, p.n);
            check_close("y", act_read(d.y, p.n), p.naive.y, p.n, act_tolerance(TOLERANCE_SUM));
            check_close("mean", float_read(d.mean, p.gc), p.naive.mean, p.gc, TOLERANCE_ROUND);
            check_close("rstd", float_read(d.rstd, p.gc), rstd, p.gc, TOLERANCE_ROUND);
            op_bn_act_bwd(over(dx), dgamma, dbeta, over(dr), d.dy, d.y, d.x, d.gamma, d.mean, d.rstd, s,
                          true);
            got[by_parts][0] = float_read(var, p.c);
            got[by_parts][1] = float_read(dgamma, p.c);
            got[by_parts][2] = float_read(dbeta, p.c);
            got[by_parts][3] = act_read(dx, p.n);
        }
        check_close("running variance", got[1][0], doubles_of(got[0][0], p.c), p.c, TOLERANCE_SUM);
        check_close("dgamma", got[1][1], doubles_of(got[0][1], p.c), p.c, TOLERANCE_SUM);
        check_close("dbeta", got[1][2], doubles_of(got[0][2], p.c), p.c, TOLERANCE_SUM);
        check_close("dx", got[1][3], doubles_of(got[0][3], p.n), p.n, act_tolerance(TOLERANCE_SUM));
        release();
    }
}

int main(void)
{
    machine_open(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_naive_normalisation_in_every_variant),
        cmocka_unit_test(a_large_mean_does_not_hide_the_variance),
        cmocka_unit_test(backward_is_the_finite_difference_of_the_naive_forward),
        cmocka_unit_test(backward_is_the_naive_gradients_added_over_and_in_place),
        cmocka_unit_test(a_gradient_that_is_not_wanted_changes_nothing_else),
        cmocka_unit_test(running_statistics_move_once_per_group_with_the_unbiased_variance),
        cmocka_unit_test(views_in_one_call_equal_separate_passes_to_the_bit),
        cmocka_unit_test(parts_have_the_statistics_of_the_whole),
        cmocka_unit_test(evaluation_uses_the_running_statistics_in_every_variant),
        cmocka_unit_test(a_constant_channel_gives_beta_and_no_gradient),
        cmocka_unit_test(nan_survives_the_relu_of_every_path),
    };
    return RUN_PRECISIONS("ops: batch norm", tests);
}
