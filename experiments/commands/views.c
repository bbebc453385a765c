/* SPDX-License-Identifier: MIT
 *
 * views.c -- a sheet of augmented views.
 */
#include "views.h"

#include <assert.h>
#include <stdlib.h>

#include "../../engine/images.h"
#include "../../engine/png.h"

enum { GAP = 2 };                  /* white pixels between the views */

struct sheet { uint8_t *rgb; int w, h, cell; };

/* The byte for a value of 0..1; blur and rounding may leave a trifle outside. */
static uint8_t to_byte(float x)
{
    return (uint8_t)(x <= 0.0f ? 0.0f : x >= 1.0f ? 255.0f : x * 255.0f + 0.5f);
}

/* Draws view y [size, size, 3] into the cell at (row, column). */
static void draw_view(const struct sheet *s, int row, int column, const float *y, int size,
                      int scale, const struct augment *recipe)
{
    for (int p = 0; p < size * scale; p++) {
        uint8_t *out = s->rgb + 3 * ((size_t)(GAP + row * s->cell + p) * s->w + GAP +
                                     (size_t)column * s->cell);
        for (int q = 0; q < size * scale; q++) {
            const float *pixel = y + 3 * ((size_t)(p / scale) * size + q / scale);
            for (int c = 0; c < 3; c++)
                *out++ = to_byte(pixel[c] * recipe->std[c] + recipe->mean[c]);
        }
    }
}

/* All views of one kind, a column of the sheet.  The test transform is the recipe with everything
 * random off. */
static void draw_column(const struct sheet *s, int column, const struct image_set *set,
                        const struct augment *recipe, int size, int n, int scale, uint64_t seed,
                        uint32_t view)
{
    const size_t floats = (size_t)3 * size * size;
    dev_act *const y = mem_alloc(n * floats * mem_act_bytes());
    float *const host = host_alloc(n * floats, sizeof *host);
    struct image_batch batch;
    const struct view_order o = { recipe, seed, 0, view, 1, size };
    image_batch_open(&batch, n);
    for (int i = 0; i < n; i++) batch.order[i] = i;
    image_batch_send(&batch, 0);
    images_views(set, y, &batch, &o);
    mem_act_download(host, y, n * floats);
    for (int i = 0; i < n; i++) draw_view(s, i, column, host + i * floats, size, scale, recipe);
    image_batch_close(&batch);
    free(host);
    mem_free(y);
}

bool views_sheet(const char *path, const struct image_set *set, const struct augment *recipe,
                 int size, int n_images, int n_views, uint64_t seed, int scale)
{
    assert(size > 0 && n_images > 0 && n_views >= 0 && scale > 0);
    const int n = n_images < set->host.n ? n_images : set->host.n, cell = size * scale + GAP;
    if (n > (PNG_SIDE_MAX - GAP) / cell || n_views + 1 > (PNG_SIDE_MAX - GAP) / cell) {
        warn(
            "cannot write %s: the sheet would have more than %d pixels a side (try fewer images or views, or a "
            "smaller scale)",
            path, (int)PNG_SIDE_MAX);
        return false;
    }
    struct sheet s = { .w = GAP + (n_views + 1) * cell, .h = GAP + n * cell, .cell = cell };
    const size_t bytes = (size_t)3 * s.w * s.h;
    s.rgb = host_alloc(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        s.rgb[i] = 255;
    struct augment test = { .centre = !set->host.h };
    for (int c = 0; c < 3; c++) {
        test.mean[c] = recipe->mean[c];
        test.std[c] = recipe->std[c];
    }
    draw_column(&s, 0, set, &test, size, n, scale, seed, 0);
    for (int v = 0; v < n_views; v++)
        draw_column(&s, 1 + v, set, recipe, size, n, scale, seed, (uint32_t)v);
    const bool written = png_write_rgb(path, s.rgb, s.w, s.h);
    free(s.rgb);
    return written;
}
