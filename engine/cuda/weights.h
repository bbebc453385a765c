/* SPDX-License-Identifier: MIT
 *
 * weights.h -- weights in the activations' width, as convolutions and products read them (weights.cu).
 */
#pragma once
#include "cuda.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Of a block of memory that an optimiser writes there is a twin: the same numbers, narrowed, at the same
 * places.  Whoever writes weights writes both, or says what he wrote. */

/* The twin of w, which is being written: NULL in fp32. */
void *twin_to_write(const float *w);
/* That of w, to read; NULL if there is none, or not at a multiple of `alignment` bytes. */
const void *twin_to_read(const float *w, size_t alignment);
/* These bytes were written over: so is their twin, if they have one. */
void twin_follow(const void *p, size_t bytes);

/* The machine's blocks of memory: one that is there, and one that goes. */
void block_is_made(const void *p, size_t bytes);
void block_goes(const void *p);
/* Activations have another width from here on. */
void twins_forget(void);

#ifdef __cplusplus
}
#endif
