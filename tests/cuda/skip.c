/* SPDX-License-Identifier: MIT
 *
 * skip.c -- linked to a test that needs a card: where there is none the test ends as skipped,
 * before its main.
 */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_SKIPPED = 77 };              /* what ctest shows as Skipped */

__attribute__((constructor)) static void skip_without_device(void)
{
    int devices = 0;
    if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) return;
    puts("no CUDA device: skipped");
    exit(EXIT_SKIPPED);
}
