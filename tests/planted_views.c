/* SPDX-License-Identifier: MIT
 *
 * planted_views.c -- outputs of a kind as two .npy files, for tests/test_detect.sh.
 *
 * usage: planted_views KIND N D A.npy B.npy
 */
#include <stdio.h>

#include "outputs.h"

static const struct { const char *name; struct planted p; } kinds[] = {
    { "healthy", { .directions = 1 << 20, .power = 0.5, .between = 1, .within = 0.3 } },
    { "dimensional", { .directions = 3, .between = 1, .within = 0.0005 } },
    { "partial", { .directions = 1 << 20, .between = 0.3, .within = 0.8, .offset = 6 } },
    { "complete", { .directions = 1, .between = 0, .within = 1e-5, .offset = 1 } },
    { "constant", { .directions = 1, .between = 0, .within = 0, .offset = 1 } },
    { "undecided", { .directions = 1 << 20, .between = 1, .within = 0.88, .offset = 5 } },
    { "diverged", { .directions = 1, .between = INFINITY } },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int npy_write(const char *path, const float *z, int n, int d)
{
    char header[119];
    FILE *const f = fopen(path, "wb");
    if (!f) return 1;
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", n, d);
    fprintf(f, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0, header);
    fwrite(z, sizeof *z, (size_t)n * (size_t)d, f);
    return fclose(f);
}

int main(int argc, char **argv)
{
    int kind = 0;
    while (argc == 6 && kind < KINDS && strcmp(kinds[kind].name, argv[1]) != 0) kind++;
    if (argc != 6 || kind == KINDS) {
        fprintf(stderr, "usage: planted_views KIND N D A.npy B.npy\n");
        return 2;
    }
    struct planted p = kinds[kind].p;
    p.n = atoi(argv[2]);
    p.d = atoi(argv[3]);
    if (p.directions > p.d) p.directions = p.d;
    struct outputs o = outputs_make(p, 1);
    const int failed = npy_write(argv[4], o.z1, p.n, p.d) || npy_write(argv[5], o.z2, p.n, p.d);
    outputs_free(&o);
    return failed;
}
