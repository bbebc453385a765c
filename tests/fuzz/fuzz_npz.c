/* SPDX-License-Identifier: MIT
 *
 * fuzz_npz.c -- any bytes as an .npz file: refused, or so many rows of numbers of its member `a`, and
 * of the only one.
 */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    array_fuzz(data, bytes, "PK\x03\x04", 4, "a");
    array_fuzz(data, bytes, "PK\x03\x04", 4, NULL);
    return 0;
}
