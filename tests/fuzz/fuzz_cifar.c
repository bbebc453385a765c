/* SPDX-License-Identifier: MIT
 *
 * fuzz_cifar.c -- any bytes as records of CIFAR-10: refused, or images with labels 0..9.
 */
#include "fuzz.h"
#include "../../engine/data_formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    enum { PIXELS = CIFAR_RECORD - 1, MOST = 8 };
    static uint8_t images[MOST * PIXELS];
    int32_t labels[MOST];
    char wrong[WRONG_TEXT] = "";
    if (!bytes) return 0;
    const int n = data[0] % (MOST + 1);        /* as many as it is said to hold */
    if (!cifar_parse(images, labels, n, data + 1, bytes - 1, wrong)) {
        if (!*wrong) abort();
        return 0;
    }
    for (int i = 0; i < n; i++) {
        if (labels[i] < 0 || labels[i] >= CIFAR_CLASSES ||
            memcmp(images + i * PIXELS, data + 2 + (size_t)i * CIFAR_RECORD, PIXELS))
            abort();
    }
    return 0;
}
