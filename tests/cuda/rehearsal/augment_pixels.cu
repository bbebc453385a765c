/* SPDX-License-Identifier: MIT
 *
 * augment_pixels.cu -- the CUDA machine's augmentation, and a view of given parameters made by it:
 * what the CPU's tests of pixels ask for (engine/cpu/augment_pixels.h).
 */
#include "../../../engine/cuda/augment.cu"
extern "C" {
#include "../../../engine/cpu/augment_pixels.h"
}

static __global__ void sim_given(float *y, float *room, const uint8_t *image, int h, int w,
                                 int size, augment recipe, view_params v)
{
    make_view(y, room, image, h, w, size, recipe, v);
}

void augment_pixels(float *y, const uint8_t *image, int h, int w, int size,
                    const struct augment *recipe, const struct view_params *v)
{
    float *const room = (float *)cuda_scratch(SCRATCH_RESULT, canvas_floats(size) * sizeof *room);
    LAUNCH(sim_given, 1, THREADS, y, room, image, h, w, size, *recipe, *v);
}
