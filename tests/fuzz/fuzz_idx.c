/* SPDX-License-Identifier: MIT
 *
 * fuzz_idx.c -- any bytes as an idx file of labels or images, plain or gzipped: refused, or values.
 *
 * The first byte is the kind: bit 0 images, else labels; bit 1 gzipped, else plain; the others how
 * many.
 */
#include "fuzz.h"
#include "../../engine/data_formats.h"

static void idx_read(const uint8_t *file, size_t bytes, bool images, int n)
{
    enum { SIDE = 5, MOST = 64 };
    const int dim[3] = { n, SIDE, SIDE };
    char wrong[WRONG_TEXT] = "";
    const uint8_t *values;
    int32_t labels[MOST];
    static uint8_t planes[MOST * 3 * SIDE * SIDE];
    if (!idx_parse(&values, images ? 3 : 1, dim, file, bytes, wrong)) {
        if (!*wrong) abort();
    } else if (images) {
        grey_repeat(planes, values, n, SIDE * SIDE);
    } else if (labels_parse(labels, n, 10, values, wrong)) {
        for (int i = 0; i < n; i++)
            if (labels[i] < 0 || labels[i] > 9) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes) return 0;
    const bool images = data[0] & 1, packed = data[0] & 2;
    const int n = data[0] >> 2;
    if (!packed) {
        idx_read(data + 1, bytes - 1, images, n);
        return 0;
    }
    enum { MOST = 4096 };
    char wrong[WRONG_TEXT] = "";
    size_t length;
    uint8_t *file = gzip_unpack(&length, MOST, data + 1, bytes - 1, wrong);
    if (!file && !*wrong) abort();
    if (file) idx_read(file, length, images, n);
    free(file);
    return 0;
}
