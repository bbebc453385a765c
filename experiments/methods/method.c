/* SPDX-License-Identifier: MIT
 *
 * method.c -- the table of methods.
 */
#include "method.h"

extern const struct method simsiam;

const struct named_method methods[] = {
    { "simsiam", &simsiam },
    { NULL, NULL }
};
