/* SPDX-License-Identifier: MIT
 *
 * watch.h -- what each kernel of a step costs: the machine's work between two marks in its stream.
 *
 * A program that links watch.c with the linker's --wrap (cuda.cmake) has each launch, each
 * convolution, each product and each copy go through here; the machine itself knows nothing of it.
 * While it watches, steps are issued, not replayed: a graph has no marks.  On a device the marks
 * are events (watch_device.c), in the rehearsal times of the host's clock, taken when the stream
 * comes by (watch_host.c).
 */
#pragma once
#include <stdio.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Before and after something is put into the stream; nothing unless it watches.  What is within
 * another counts as that. */
void watch_begin(const char *name);
void watch_end(void);

/* From here on; and up to here: the stream must have been waited for.  Returns the seconds of all
 * in between. */
void watch_start(void);
double watch_stop(void);
/* A line for each name, "calls ms share name", the dearest first, then one of them all; a step's,
 * of `steps`.  All is forgotten then. */
void watch_print(FILE *out, const char *title, int steps);

/* The machine's: puts the i-th mark into the stream; the seconds from one to another, once it has
 * come by both. */
enum { MARKS = 4096 };
void mark_put(int i);
double mark_seconds(int from, int to);

#ifdef __cplusplus
}
#endif
