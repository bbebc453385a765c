/* SPDX-License-Identifier: MIT
 *
 * planted.c -- one of barriers.cu's kernels: ThreadSanitizer is to find the missing barrier, and nothing
 * where none is missing.
 *
 * usage: planted none | barrier
 */
#include "barriers.h"
#include "../../../engine/base.h"
#include "../../../engine/ops.h"

int main(int argc, char **argv)
{
    float sum[FAULT_BLOCKS * FAULT_THREADS];
    if (argc != 2 || (strcmp(argv[1], "none") && strcmp(argv[1], "barrier")))
        die_user("usage: planted none | barrier");
    machine_open(1);
    fault_run(sum, strcmp(argv[1], "none") ? FAULT_BARRIER : FAULT_NONE);
    printf("the sum is %g\n", (double)sum[0]);
    return 0;
}
