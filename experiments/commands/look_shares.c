/* SPDX-License-Identifier: MIT
 *
 * look_shares.c -- look_shares STD FIRST LAST DIFFERENCE...: how a scale's two looks may share the
 * error of 5 %, before its first reported run.
 *
 * A claim is a mean difference over seeds, whose paired differences have the standard deviation STD;
 * it is looked at with FIRST seeds and, if that decided nothing, with LAST.  For each way to share
 * the error and each true DIFFERENCE (STD's unit, points of accuracy) it prints in how many of
 * 100,000 simulated claims the first look decides, and either; then the expected seeds.
 *
 * The last line is the choice: of the shares whose power at the end is, on average over the
 * differences, within a point of the best, the one of the fewest expected seeds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../engine/base.h"
#include "../../engine/philox.h"
#include "../../engine/stats.h"

enum { CLAIMS = 100000, SEEDS = 64, SHARES = 9, DIFFERENCES = 16 };
static const double ERROR = 0.05, WITHIN = 0.01;

/* A normal number for a seed of a simulated claim (Box and Muller). */
static double gauss(uint32_t claim, uint32_t seed)
{
    const struct philox p = philox_draw(1, PHILOX_ORDER, 0, claim, seed, 0);
    const double u = 1 - (double)philox_unit(p.v[0]), v = (double)philox_unit(p.v[1]);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

/* Does an interval at this error leave 0 out? */
static bool decides(const double *x, int n, double quantile)
{
    const struct spread s = spread_of(x, n);
    return fabs(s.mean) > quantile * s.std / sqrt(n);
}

struct power { double first, either; };

static struct power simulate(double std, double difference, const int looks[2], double share)
{
    const double t[2] = { student_quantile(1 - share / 2, looks[0] - 1),
                          student_quantile(1 - (ERROR - share) / 2, looks[1] - 1) };
    int first = 0, last = 0;
    for (uint32_t c = 0; c < CLAIMS; c++) {
        double x[SEEDS];
        for (int i = 0; i < looks[1]; i++) x[i] = difference + std * gauss(c, (uint32_t)i);
        if (decides(x, looks[0], t[0])) first++;
        else last += decides(x, looks[1], t[1]);
    }
    return (struct power){ (double)first / CLAIMS, (double)(first + last) / CLAIMS };
}

static double number(const char *text, double low, double high)
{
    char *end;
    const double x = strtod(text, &end);
    if (*end || !(x >= low && x <= high)) die_user("%s: a number from %g to %g", text, low, high);
    return x;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 4 + DIFFERENCES)
        die_user("usage: look_shares STD FIRST LAST DIFFERENCE...");
    const double std = number(argv[1], 1e-6, 100);
    const int looks[2] = { (int)number(argv[2], 2, SEEDS), (int)number(argv[3], 3, SEEDS) };
    if (looks[1] <= looks[0]) die_user("%d, then %d: the looks ascend", looks[0], looks[1]);
    const int n = argc - 4;
    double power[SHARES], seeds[SHARES], best = 0;
    printf("std %g, looks [%d, %d]\n%-16s %10s %8s %8s %8s\n", std, looks[0], looks[1],
           "error", "difference", "first", "either", "seeds");
    for (int k = 0; k < SHARES; k++) {
        const double share = ERROR * (k + 1) / (SHARES + 1);
        power[k] = seeds[k] = 0;
        for (int i = 0; i < n; i++) {
            const double difference = number(argv[4 + i], 0, 100);
            const struct power p = simulate(std, difference, looks, share);
            const double expected = looks[0] + (1 - p.first) * (looks[1] - looks[0]);
            printf("[%.3f, %.3f]   %10g %8.3f %8.3f %8.1f\n", share, ERROR - share, difference,
                   p.first, p.either, expected);
            power[k] += p.either / n;
            seeds[k] += expected / n;
        }
        best = fmax(best, power[k]);
    }
    int chosen = -1;
    for (int k = 0; k < SHARES; k++)
        if (power[k] >= best - WITHIN && (chosen < 0 || seeds[k] < seeds[chosen])) chosen = k;
    const double share = ERROR * (chosen + 1) / (SHARES + 1);
    printf("look_errors: [%g, %g]: power %.3f of at most %.3f, %.2f seeds\n", share, ERROR - share,
           power[chosen], best, seeds[chosen]);
    return 0;
}
