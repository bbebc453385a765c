/* SPDX-License-Identifier: MIT
 *
 * method.c -- the table of methods.
 */
#include "method.h"

extern const struct method simsiam, byol;

const struct named_method methods[] = {
    { "simsiam", &simsiam },
    { "byol", &byol },
    { NULL, NULL }
};
