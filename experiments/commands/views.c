/* SPDX-License-Identifier: MIT
 *
 * views.c -- a sheet of augmented views.
 */
#include <assert.h>
#include <stdlib.h>
#include "../../engine/folder.h"
#include "../../engine/ops.h"
#include "../../engine/png.h"
#include "views.h"

enum { GAP = 2 };                  /* white pixels between the views */

struct sheet { uint8_t *rgb; int w, h, cell; };

/* The byte for a value of 0..1; blur and rounding may leave a trifle outside. */
static uint8_t to_byte(float x)
{
    return (uint8_t)(x <= 0.0f ? 0.0f : x >= 1.0f ? 255.0f : x * 255.0f + 0.5f);
}

/* Draws view y [size, size, 3] into the cell at (row, column). */
static void draw_view(const struct sheet *s, int row, int column, const float *y, int size, int scale,
                      const struct augment *recipe)
{
    for (int p = 0; p < size * scale; p++) {
        uint8_t *out = s->rgb + 3 * ((size_t)(GAP + row * s->cell + p) * s->w + GAP + (size_t)column * s->cell);
        for (int q = 0; q < size * scale; q++) {
            const float *pixel = y + 3 * ((size_t)(p / scale) * size + q / scale);
            for (int c = 0; c < 3; c++)
                *out++ = to_byte(pixel[c] * recipe->std[c] + recipe->mean[c]);
        }
    }
}

/* All views of one kind, a column of the sheet.  The test transform is the recipe with everything random off. */
static void draw_column(const struct sheet *s, int column, const struct dataset *set, const struct augment *recipe,
                        int size, int n, int scale, uint64_t seed, uint32_t view)
{
    const size_t floats = (size_t)3 * size * size, stored = (size_t)3 * set->h * set->w * n;
    dev_act *y = mem_alloc(n * floats * mem_act_bytes());
    dev_byte *images = stored ? mem_alloc(stored) : NULL;
    dev_int *index = mem_alloc(n * sizeof(int32_t)), *epoch = mem_alloc(sizeof(int32_t));     /* zeroed: 0 */
    float *host = host_alloc(n * floats, sizeof *host);
    int32_t *order = host_alloc(n, sizeof *order);
    for (int i = 0; i < n; i++)
        order[i] = i;
    mem_upload(index, order, n * sizeof *order);
    if (set->folder) {
        const struct view_order o = { recipe, seed, 0, view, 1, size };
        folder_batch(set->folder, y, order, n, &o);
    } else {
        mem_upload(images, set->images, stored);
        op_augment(y, images, index, n, set->h, set->w, size, recipe, seed, epoch, view);
    }
    mem_act_download(host, y, n * floats);
    for (int i = 0; i < n; i++)
        draw_view(s, i, column, host + i * floats, size, scale, recipe);
    free(order);
    free(host);
    mem_free(index), mem_free(epoch);
    mem_free(images);
    mem_free(y);
}

bool views_sheet(const char *path, const struct dataset *set, const struct augment *recipe, int size, int n_images,
                 int n_views, uint64_t seed, int scale)
{
    assert(size > 0 && n_images > 0 && n_views >= 0 && scale > 0);
    const int n = n_images < set->n ? n_images : set->n, cell = size * scale + GAP;
    if (n > (PNG_SIDE_MAX - GAP) / cell || n_views + 1 > (PNG_SIDE_MAX - GAP) / cell) {
        warn("cannot write %s: the sheet would have more than %d pixels a side (try fewer images or views, or a "
             "smaller scale)", path, (int)PNG_SIDE_MAX);
        return false;
    }
    struct sheet s = { .w = GAP + (n_views + 1) * cell, .h = GAP + n * cell, .cell = cell };
    const size_t bytes = (size_t)3 * s.w * s.h;
    s.rgb = host_alloc(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        s.rgb[i] = 255;
    struct augment test = { .centre = set->folder != NULL };
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
