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

int method_views(const struct settings *s)
{
    int last = 0;
    for (int k = 0; k < s->pairs.n; k++)
        for (int end = 0; end < 2; end++)
            if (s->pairs.v[k][end] > last) last = s->pairs.v[k][end];
    return last + 1;
}

int method_passes(const struct settings *s)
{
    const struct method *const m = methods[s->method].method;
    return s->epochs * (m->passes ? m->passes(s) : 3 * method_views(s));
}
