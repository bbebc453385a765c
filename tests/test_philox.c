/* SPDX-License-Identifier: MIT
 *
 * test_philox.c -- the random numbers and the keyed permutation.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../engine/philox.h"

/* Six standard deviations of chi-square with k degrees of freedom (mean k, variance 2k): about one
 * test in 10^7 would fail by chance, and the seeds are fixed anyway. */
static double chi_square_limit(int k)
{
    double root = 1.0;
    for (int i = 0; i < 40; i++)
        root = 0.5 * (root + 2.0 * k / root);
    return k + 6.0 * root;
}

static double chi_square(const int *count, int bins, double expected)
{
    double sum = 0.0;
    for (int i = 0; i < bins; i++)
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    return sum;
}

/* Random123's kat_vectors, philox4x32 10. */
static void known_answers_of_random123(void **state)
{
    (void)state;
    static const struct { uint32_t counter[4], key[2], answer[4]; } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct philox c;
        memcpy(c.v, known[i].counter, sizeof c.v);
        c = philox4x32(c, known[i].key[0], known[i].key[1]);
        assert_memory_equal(c.v, known[i].answer, sizeof c.v);
    }
}

static void every_argument_changes_the_draw(void **state)
{
    (void)state;
    const struct philox other[] = {
        philox_draw(5, PHILOX_AUGMENT, 1, 2, 3, 4),
        philox_draw(6, PHILOX_AUGMENT, 1, 2, 3, 4),
        philox_draw(5 + (1ull << 32), PHILOX_AUGMENT, 1, 2, 3, 4),
        philox_draw(5, PHILOX_ORDER, 1, 2, 3, 4),
        philox_draw(5, PHILOX_AUGMENT, 2, 2, 3, 4),
        philox_draw(5, PHILOX_AUGMENT, 1, 3, 3, 4),
        philox_draw(5, PHILOX_AUGMENT, 1, 2, 4, 4),
        philox_draw(5, PHILOX_AUGMENT, 1, 2, 3, 5),
    };
    const size_t n = sizeof other / sizeof *other;
    for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b < a; b++)
            assert_memory_not_equal(&other[a], &other[b], sizeof other[a]);
    }
}

static void unit_numbers_reach_both_ends_but_not_one(void **state)
{
    (void)state;
    assert_true(philox_unit(0) == 0.0f);
    assert_true(philox_unit(0xffffffff) == 1.0f - 1.0f / 16777216.0f);
    assert_int_equal(philox_below(0xffffffff, 24), 23);
    assert_int_equal(philox_below(0, 24), 0);
}

static void permutation_is_a_bijection(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 1, 2, 7, 33, 100, 4097, 50000 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const uint32_t n = sizes[s];
        uint8_t *const seen = calloc(n, 1);
        assert_non_null(seen);
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t to = permute_index(3, 9, n, i);
            assert_in_range(to, 0, n - 1);
            assert_int_equal(seen[to]++, 0);
        }
        free(seen);
    }
}

static void permutation_differs_by_epoch_and_seed(void **state)
{
    (void)state;
    enum { N = 4097 };
    int same_epoch = 0, same_seed = 0, fixed = 0;
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t to = permute_index(1, 0, N, i);
        same_epoch += to == permute_index(1, 1, N, i);
        same_seed += to == permute_index(2, 0, N, i);
        fixed += to == i;
    }
    /* Two random orders agree in one place on average; more than ten has a chance of 1e-8. */
    assert_in_range(same_epoch, 0, 10);
    assert_in_range(same_seed, 0, 10);
    assert_in_range(fixed, 0, 10);
}

/* Over many epochs each index is seen equally often at each place; so is each neighbour of index
 * 0's. */
static void every_place_is_equally_likely(void **state)
{
    (void)state;
    enum { N = 33, EPOCHS = 20000 };
    static int place[N][N], distance[N];
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        uint32_t first = 0;
        for (uint32_t i = 0; i < N; i++) {
            const uint32_t to = permute_index(11, epoch, N, i);
            place[i][to]++;
            if (i == 0) {
                first = to;
            } else if (i == 1) {
                distance[(to + N - first) % N]++;
            }
        }
    }
    for (int i = 0; i < N; i++)
        assert_true(chi_square(place[i], N, (double)EPOCHS / N) < chi_square_limit(N - 1));
    assert_int_equal(distance[0], 0);
    assert_true(chi_square(distance + 1, N - 1, (double)EPOCHS / (N - 1)) <
                chi_square_limit(N - 2));
}

/* With 7 places the network has two halves of 2 bits: all 42 places of a pair must still come up
 * evenly. */
static void small_permutations_are_even(void **state)
{
    (void)state;
    enum { N = 7, EPOCHS = 84000 };
    static int pair[N * N];
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
        pair[permute_index(1, epoch, N, 2) * N + permute_index(1, epoch, N, 5)]++;
    double sum = 0.0;
    for (int i = 0; i < N * N; i++) {
        const double expected = i / N == i % N ? 0.0 : EPOCHS / (N * (N - 1.0));
        if (expected == 0.0) {
            assert_int_equal(pair[i], 0);
        } else {
            sum += (pair[i] - expected) * (pair[i] - expected) / expected;
        }
    }
    assert_true(sum < chi_square_limit(N * (N - 1) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_random123),
        cmocka_unit_test(every_argument_changes_the_draw),
        cmocka_unit_test(unit_numbers_reach_both_ends_but_not_one),
        cmocka_unit_test(permutation_is_a_bijection),
        cmocka_unit_test(permutation_differs_by_epoch_and_seed),
        cmocka_unit_test(every_place_is_equally_likely),
        cmocka_unit_test(small_permutations_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
