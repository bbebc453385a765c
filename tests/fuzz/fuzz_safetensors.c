/* SPDX-License-Identifier: MIT
 *
 * fuzz_safetensors.c -- any bytes as a .safetensors file: refused, or so many rows of numbers of its
 * tensor `half`, and of the only one; and all of its tensors.
 */
#include "fuzz_array.h"
#include "../../engine/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    array_fuzz(data, bytes, "", 0, "half");
    array_fuzz(data, bytes, "", 0, NULL);

    static struct input_file file;
    if (!file.path[0]) input_open(&file);
    input_put(&file, data, bytes);
    struct weights w;
    char wrong[WRONG_TEXT] = "";
    bool world;
    if (!weights_read(&w, file.path, &world, wrong) && (!*wrong || world)) abort();
    weights_free(&w);
    return 0;
}
