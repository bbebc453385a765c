/* SPDX-License-Identifier: MIT
 *
 * method.c -- the table of methods: those of METHODS in CMakeLists.txt, in their order.
 */
#include "method.h"

#define METHOD(name) extern const struct method name;
#include "method_list.h"           /* METHOD(simsiam) ... */
#undef METHOD

#define METHOD(name) { #name, &name },
const struct named_method methods[] = {
#include "method_list.h"
    { NULL, NULL }
};
