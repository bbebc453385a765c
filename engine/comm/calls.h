/* SPDX-License-Identifier: MIT
 *
 * calls.h -- what the ways of comm.h share: how a call is named, how one rank of many is heard.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum call {
    CALL_NONE, CALL_CLOSE, CALL_AGREE, CALL_BARRIER, CALL_BROADCAST, CALL_GATHER, CALL_SUM, CALL_SUM_WIDE,
    CALL_MAX, CALL_ALL_GATHER
};

/* A call and its bytes as one number, equal where both are. */
uint64_t call_pack(enum call call, size_t bytes);
/* "comm_sum of 33 floats". */
enum { CALL_TEXT = 64 };
void call_text(char text[CALL_TEXT], uint64_t packed);

/* to[i] = a[i] + b[i], or the larger of them, over n elements of one type; `to` may be a or b. */
typedef void join_fn(void *to, const void *a, const void *b, size_t n);
/* x[n] of `width` bytes each becomes the tree of all ranks' by `join`: each way has its own. */
void join_all(void *x, size_t n, size_t width, enum call kind, join_fn *join);

/* Memory for what one rank says to stderr; -1 where there is none.  voice_lower(): from here on stdout
 * goes nowhere and stderr there.  voice_tell() says its end to `out`; returns the bytes. */
int voice_open(void);
void voice_lower(int voice);
size_t voice_tell(int voice, int out);

/* Cores that this process may use; `sharing` of them use the same. */
int threads_share(int sharing);
