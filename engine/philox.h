/* SPDX-License-Identifier: MIT
 *
 * philox.h -- random numbers without a state: a draw is a function of what it is for.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011) turns a counter of four words and a key of two into four words.  Key and counter name the
 * draw, so it does not matter which thread asks, in which order, or in which process after a
 * restart.  gcc and nvcc both compile this.
 */
#pragma once
#include <stdint.h>

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

struct philox { uint32_t v[4]; };

/* What a draw is for: one number may be asked for by several parts of the program, and must not be
 * the same. */
enum philox_purpose { PHILOX_INIT, PHILOX_AUGMENT, PHILOX_ORDER };

/* Ten rounds over `c`, keyed by k0, k1.  Equal to Random123's philox4x32(ctr, key). */
HOST_DEVICE static inline struct philox philox4x32(struct philox c, uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c.v[0], b = (uint64_t)0xCD9E8D57u * c.v[2];
        const struct philox next = { { (uint32_t)(b >> 32) ^ c.v[1] ^ k0, (uint32_t)b,
                                       (uint32_t)(a >> 32) ^ c.v[3] ^ k1, (uint32_t)a } };
        c = next;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

/* The four words of draw number `draw` (below 2^24) for one view of one image in one epoch.
 * Purposes other than images give `epoch`, `image` and `view` a meaning of their own. */
HOST_DEVICE static inline struct philox philox_draw(uint64_t seed, enum philox_purpose purpose,
                                                    uint32_t epoch, uint32_t image, uint32_t view,
                                                    uint32_t draw)
{
    const struct philox counter = { { image, epoch, view, (uint32_t)purpose << 24 | draw } };
    return philox4x32(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
}

/* A word as a float in [0, 1): its upper 24 bits, all of which a float holds exactly. */
HOST_DEVICE static inline float philox_unit(uint32_t word)
{
    return (float)(word >> 8) * (1.0f / 16777216.0f);
}

/* A word as an integer in 0 .. n-1.  The shares of two values differ by at most n / 2^32. */
HOST_DEVICE static inline uint32_t philox_below(uint32_t word, uint32_t n)
{
    return (uint32_t)((uint64_t)word * n >> 32);
}

/* Place i of a random order of 0 .. n-1, i < n: a shuffle that needs no memory and no walk through
 * the places before.  A Feistel network is a bijection of 2^(2 half) numbers whatever its round
 * function is; a result that is not below n is encrypted again until it is (cycle walking), which
 * keeps it a bijection of 0 .. n-1.  The smallest even number of bits that holds n - 1 makes that
 * at most 4 times on average. */
HOST_DEVICE static inline uint32_t permute_index(uint64_t seed, uint32_t epoch, uint32_t n,
                                                 uint32_t i)
{
    enum { ROUNDS = 8 };           /* 4 are known to do for large halves; small sets have halves of
                                      1 to 4 bits */
    int half = 0;
    while (((uint64_t)1 << (2 * half)) < n)
        half++;
    const uint32_t mask = ((uint32_t)1 << half) - 1;
    do {
        uint32_t left = i >> half, right = i & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            const struct philox f = philox_draw(seed, PHILOX_ORDER, epoch, right, n, round);
            const uint32_t swap = left ^ (f.v[0] & mask);
            left = right;
            right = swap;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
