/* SPDX-License-Identifier: MIT
 *
 * fuzz_array.h -- what the targets of matrices share: bytes as a file, to its last row.
 */
#pragma once
#include "fuzz.h"
#include "../../engine/array_file.h"

/* The input begins as the format does, or it would be known for another one. */
static inline void array_fuzz(const uint8_t *data, size_t bytes, const char *start, size_t n,
                              const char *name)
{
    static struct input_file file;
    if (!file.path[0]) input_open(&file);
    if (bytes < n) return;
    uint8_t *const content = host_alloc(bytes + 1, 1);
    memcpy(content, data, bytes);
    memcpy(content, start, n);
    input_put(&file, content, bytes);
    free(content);

    char wrong[WRONG_TEXT] = "", *const path = text_format("%s%s%s", file.path, name ? ":" : "",
                                                           name ? name : "");
    struct array_file a;
    bool right = array_open(&a, path, wrong);
    /* A row is held whole: as many features as the detector takes. */
    enum { FEATURES_MOST = 32768 };
    if (right && (a.n < 1 || a.d < 1)) abort();
    if (right && a.d <= FEATURES_MOST) {
        float *const row = host_alloc((size_t)a.d, sizeof *row);
        for (int64_t i = 0; right && i < a.n; i++) right = array_read(&a, row, 1, wrong);
        free(row);
    }
    if (!right && (!*wrong || a.source.world)) abort();
    array_close(&a);
    free(path);
}
