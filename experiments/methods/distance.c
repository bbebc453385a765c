/* SPDX-License-Identifier: MIT
 *
 * distance.c -- the table of distances.
 */
#include "distance.h"

const struct distance distances[] = {
    { "cosine", neg_cosine },
    { "cross_entropy", cross_entropy },
    { NULL, NULL }
};
