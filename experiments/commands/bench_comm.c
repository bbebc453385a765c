/* SPDX-License-Identifier: MIT
 *
 * bench_comm.c -- the table of sums over processes (bench_comm.h).
 */
#include "bench_comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/base.h"
#include "../../engine/comm.h"

/* A loss; batch norm's sums; a layer's gradient; ResNet-18's. */
static const size_t sizes[] = { 8, 1 << 10, 8 << 10, 32 << 10, 100 << 10, 1 << 20, 10 << 20, 45 << 20 };
enum { LINES = sizeof sizes / sizeof *sizes };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sum(void *x, void *y, size_t bytes)
{
    (void)y;
    comm_sum(x, bytes / sizeof(float));
}

static void copies(void *x, void *y, size_t bytes)
{
    mem_copy(y, x, bytes);
    mem_copy(x, y, bytes);
}

struct timing { double median, least; };

/* Microseconds of one call, all processes beginning together; small ones are timed many at a time. */
static struct timing time_of(void (*f)(void *, void *, size_t), void *x, void *y, size_t bytes, int repeats)
{
    const int many = bytes <= 32 << 10 ? 200 : 1;
    double *const us = host_alloc((size_t)repeats, sizeof *us);
    for (int i = -1; i < repeats; i++) {       /* the first is not counted */
        comm_barrier();
        const double start = clock_seconds();
        for (int k = 0; k < many; k++) f(x, y, bytes);
        if (i >= 0) us[i] = 1e6 * (clock_seconds() - start) / many;
    }
    qsort(us, (size_t)repeats, sizeof *us, compare);
    const struct timing t = { us[repeats / 2], us[0] };
    free(us);
    return t;
}

void bench_comm(int ranks, int repeats)
{
    comm_open(NULL, NULL, ranks, 0);
    machine_open(1);
    if (comm_size() == 1) die_user("one process sends nothing (--ranks 2, or mpirun -n 2 simsiam-mpi bench comm)");
    void *const x = mem_alloc(sizes[LINES - 1]), *const y = mem_alloc(sizes[LINES - 1]);
    printf("comm_sum of %d processes, %d on this machine; microseconds, medians of %d\n", comm_size(),
           comm_node_size(), repeats);
    printf("%10s %10s %10s %14s %14s\n", "bytes", "sum", "least", "two copies", "sum / copies");
    for (int i = 0; i < LINES; i++) {
        const struct timing s = time_of(sum, x, y, sizes[i], repeats), c = time_of(copies, x, y, sizes[i], repeats);
        printf("%10zu %10.1f %10.1f %14.2f %14.2f\n", sizes[i], s.median, s.least, c.median, s.median / c.median);
        fflush(stdout);
    }
    mem_free(x);
    mem_free(y);
    comm_close();
}
