/* SPDX-License-Identifier: MIT
 *
 * fuzz_safetensors.c -- any bytes as a .safetensors file: refused, or so many rows of numbers of its
 * tensor `half`, and of the only one.
 */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    array_fuzz(data, bytes, "", 0, "half");
    array_fuzz(data, bytes, "", 0, NULL);
    return 0;
}
