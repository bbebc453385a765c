/* SPDX-License-Identifier: MIT
 *
 * test_launches.c -- how much a step puts into the stream: launches, copies, calls of the libraries,
 * as the rehearsal's runtime counts them.
 *
 * The net is ResNet-18 with SimSiam's heads, of few channels: how many it has changes no launch.
 */
#include "../naive.h"
#include <cuda_runtime.h>
#include "../../experiments/run/train.h"

/* Of a step that is replayed; and of those, all that is not within its record. */
enum { LAUNCHES_MOST = 200, BETWEEN_MOST = 2 };

static struct settings small_resnet18(void)
{
    struct settings s = settings_default(0);
    s.dataset = 0;
    while (strcmp(data_sources[s.dataset].name, "synthetic")) s.dataset++;
    s.image_size = 8;
    s.train_count = 16;
    s.monitor_count = 2;
    s.dim = 32;
    s.epochs = 2;
    s.batch = 2;
    s.widths = (struct int_list){ 4, { 8, 16, 24, 32 } };
    s.blocks = (struct int_list){ 4, { 2, 2, 2, 2 } };
    s.precision = PRECISION_BF16;
    return s;
}

static void a_step_of_resnet_18_takes_few_launches(void **state)
{
    (void)state;
    static struct trainer t;
    const struct settings s = small_resnet18();
    trainer_open(&t, &s, 1);
    for (int i = 0; i < 3; i++) assert_true(trainer_step(&t));       /* issued, recorded, replayed */
    const unsigned long before = rehearsal_queued(), recorded = rehearsal_recorded();
    assert_true(trainer_step(&t));
    const unsigned long all = rehearsal_queued() - before;
    print_message("a step: %lu launches, %lu of them outside of the record\n", all, all - recorded);
    assert_true(recorded > 100 && all > recorded);
    assert_true(all <= LAUNCHES_MOST);
    assert_true(all - recorded <= BETWEEN_MOST);
    trainer_close(&t);
}

int main(void)
{
    machine_open(1);
    (void)failures_fp32;                                 /* other tests' */
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_step_of_resnet_18_takes_few_launches) };
    return cmocka_run_group_tests_name("cuda: launches of a step", tests, NULL, NULL);
}
