/* SPDX-License-Identifier: MIT
 *
 * test_mask.c -- batch norm's backward makes its ReLU's mask from x, to the bit as the forward made y,
 * where nothing was added to it; y is then not read.
 */
#include "../naive.h"

/* A pack a thread and a channel a thread; several blocks. */
static const struct bn_shape shapes[] = { { 2, 700, 24 }, { 1, 333, 7 } };

/* Outputs about the smallest that is stored: x of few values, and slopes down to where all is flushed
 * or rounded away. */
struct problem { size_t n; float *x, *gamma, *beta, *dy, *dirty; };

static struct problem problem_of(struct bn_shape s)
{
    const size_t n = (size_t)(s.groups * s.rows * s.c), c = (size_t)s.c;
    const struct problem p = { n, random_floats(n, 1), random_floats(c, 2), random_floats(c, 3),
                               random_floats(n, 4), random_floats(n, 5) };
    static const float slopes[] = { 1, -1, 0x1p-25f, -0x1p-24f, 0x1p-126f, -0x1p-127f, 0 };
    for (size_t i = 0; i < n; i++) {
        p.x[i] = floorf(4 * p.x[i]) / 4;
        p.dy[i] = test_number(p.dy[i]);
    }
    for (size_t j = 0; j < c; j++) {
        p.gamma[j] = slopes[j % (sizeof slopes / sizeof *slopes)];
        p.beta[j] = j % 3 ? -p.gamma[j] / 4 : 0;
    }
    return p;
}

struct given { float *dx, *dgamma, *dbeta; };

/* From y if the backward is told of another x, of the same numbers: the forward did not see that. */
static struct given gradients(const struct problem *p, struct bn_shape s, bool from_y, bool spoil)
{
    const size_t c = (size_t)s.c, gc = (size_t)s.groups * c;
    dev_act *const x = act_of(p->x, p->n), *const y = act_of(p->dirty, p->n);
    dev_act *const dx = act_of(p->dirty, p->n);
    dev_float *const mean = float_of(p->x, gc), *const rstd = float_of(p->x, gc);
    dev_float *const gamma = float_of(p->gamma, c), *const beta = float_of(p->beta, c);
    dev_float *const dgamma = float_of(p->dirty, c), *const dbeta = float_of(p->dirty, c);
    op_bn_act_fwd(y, mean, rstd, NULL, NULL, x, gamma, beta, NULL, s, true);
    float *const out = act_read(y, p->n);
    size_t above = 0;
    for (size_t i = 0; i < p->n; i++) above += out[i] > 0;
    assert_true(above > p->n / 8 && above < p->n / 8 * 7);
    for (size_t i = 0; i < p->n; i++) out[i] = NAN;
    if (spoil) mem_act_upload(y, out, p->n);
    op_bn_act_bwd(onto(dx), dgamma, dbeta, (struct act_grad){ NULL, false }, act_of(p->dy, p->n), y,
                  from_y ? act_of(p->x, p->n) : x, gamma, mean, rstd, s, true);
    return (struct given){ act_read(dx, p->n), float_read(dgamma, c), float_read(dbeta, c) };
}

static void check_equal(const struct given *a, const struct given *b, size_t n, size_t c, bool equal)
{
    assert_int_equal(!memcmp(a->dx, b->dx, n * sizeof(float)), equal);
    assert_int_equal(!memcmp(a->dgamma, b->dgamma, c * sizeof(float)), equal);
    assert_int_equal(!memcmp(a->dbeta, b->dbeta, c * sizeof(float)), equal);
}

static void x_says_the_mask_as_y_does_and_y_is_not_read(void **state)
{
    (void)state;
    for (int p = PRECISION_FP32; p <= PRECISION_FP16; p++) {
        machine_set_precision((enum precision)p);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const struct bn_shape s = shapes[i];
            const struct problem of = problem_of(s);
            const struct given by_x = gradients(&of, s, false, false),
                               by_y = gradients(&of, s, true, false),
                               unread = gradients(&of, s, false, true),
                               read = gradients(&of, s, true, true);
            check_equal(&by_x, &by_y, of.n, (size_t)s.c, true);
            check_equal(&by_x, &unread, of.n, (size_t)s.c, true);
            check_equal(&by_x, &read, of.n, (size_t)s.c, false);
            release();
        }
    }
    machine_set_precision(PRECISION_FP32);
}

int main(void)
{
    machine_open(1);
    (void)failures_fp32;                                 /* other tests' */
    const struct CMUnitTest tests[] = { cmocka_unit_test(x_says_the_mask_as_y_does_and_y_is_not_read) };
    return cmocka_run_group_tests_name("cuda: masks of batch norm", tests, NULL, NULL);
}
