/* SPDX-License-Identifier: MIT
 *
 * stream.h -- the machine's one stream, and what is put beside it (stream.cu): gradients of weights,
 * and views that other threads make.  Both join the stream before anybody can tell.
 */
#pragma once
#include "cuda.h"
#ifdef __cplusplus
extern "C" {
#endif

void stream_open(void);                  /* once, by the thread that is to issue ops */
/* That thread's stream is cuda_stream(); another's, which makes views, is one of its own. */
cudaStream_t stream_here(void);
/* Waits for all that this thread's memory may be used by. */
void stream_wait(void);
/* What other threads put into their streams from now on is behind all that was issued so far.  An upload
 * says so, and whatever makes or zeroes memory; a step does not, and so views are made beside it. */
void stream_mark(void);

/* ---- gradients of weights -------------------------------------------------------------------- */

struct span { const void *at; size_t bytes; };

/* Between these are the ops of one step of a backward pass that write what is named (and scratch
 * memory) and no gradient of a weight that was put beside: it then stays there, unless it reads any of
 * that.  All else joins it: whoever asks for the stream. */
enum { WRITTEN = 2 };
void beside_keep(const struct span written[WRITTEN]);
void beside_keep_end(void);
/* Between these stand kernels that read what is named: beside_stream() is then a stream of its own,
 * behind all that the one holds so far.  Outside it is cuda_stream(). */
void beside_fork(struct span a, struct span b);
void beside_fork_end(void);
cudaStream_t beside_stream(void);
bool beside_is_forked(void);
/* The stream waits for what is beside it, as far as it goes by now. */
void beside_join(void);
/* What conv.cu keeps for later is added to the gradients of weights (conv.cu). */
void gradients_add(void);

/* ---- views ----------------------------------------------------------------------------------- */

/* A thread that makes views: its stream, and pinned memory for what it copies. */
struct viewer {
    cudaStream_t stream;
    cudaEvent_t read, made;              /* what was copied has been read; all is done */
    uint8_t *pinned;
    size_t bytes;
    bool is_fresh;                       /* the machine's stream does not wait for it yet */
    struct viewer *next;
};
/* This thread's, with so many bytes of pinned memory that nobody reads any more; and the end of what it
 * put into its stream. */
struct viewer *viewer_begin(size_t bytes);
void viewer_end(struct viewer *v);

#ifdef __cplusplus
}
#endif
