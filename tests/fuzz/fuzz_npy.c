/* SPDX-License-Identifier: MIT
 *
 * fuzz_npy.c -- any bytes as an .npy file: refused, or so many rows of numbers.
 */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    array_fuzz(data, bytes, "\x93NUMPY", 6, NULL);
    return 0;
}
