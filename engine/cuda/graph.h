/* SPDX-License-Identifier: MIT
 *
 * graph.h -- what the machine's other files must know of a step that is being recorded (graph.cu).
 */
#pragma once
#include "cuda.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Is this thread between machine_record() and machine_recorded(), and are the ops recorded now?  It
 * may then not wait for the stream, make or free memory, or read the host's. */
bool record_open(void);
/* What was recorded names memory that is about to go: each step is recorded anew when it comes
 * next. */
void record_again(void);
/* What threads beside the host's one put into the stream (views, and the rooms for them) stands
 * between these: it waits while a step is recorded, which would else hold it too. */
void record_beside_begin(void);
void record_beside_end(void);

#ifdef __cplusplus
}
#endif
