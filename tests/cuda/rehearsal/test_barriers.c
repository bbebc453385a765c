/* SPDX-License-Identifier: MIT
 *
 * test_barriers.c -- the rehearsal finds what is planted: a barrier that is missing, and shared memory
 * that is read as the block before left it.  On a card both would give other numbers now and then.
 */
#include "../../naive.h"
#include "barriers.h"

/* Has every thread the right sum? */
static bool is_right(enum fault fault, bool backwards)
{
    float sum[FAULT_BLOCKS * FAULT_THREADS];
    bool right = true;
    if (backwards) assert_int_equal(setenv("REHEARSAL_EARLY", "1", 1), 0);
    fault_run(sum, fault);
    assert_int_equal(unsetenv("REHEARSAL_EARLY"), 0);
    for (int i = 0; i < FAULT_BLOCKS * FAULT_THREADS; i++)
        right = right && sum[i] == FAULT_THREADS * (FAULT_THREADS + 1) / 2;
    return right;
}

static void planted_faults_are_found_in_one_order_or_the_other(void **state)
{
    (void)state;
    for (int fault = 0; fault < FAULTS; fault++) {
        const bool found = !is_right((enum fault)fault, false) || !is_right((enum fault)fault, true);
        assert_int_equal(found, fault != FAULT_NONE);
    }
}

int main(void)
{
    machine_open(1);
    (void)failures_fp32;                                 /* other tests' */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_faults_are_found_in_one_order_or_the_other),
    };
    return cmocka_run_group_tests_name("cuda: planted faults", tests, NULL, NULL);
}
