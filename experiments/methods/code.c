/* SPDX-License-Identifier: MIT
 *
 * code.c -- the hashes that the build made (engine/code_hash.c).
 *
 * A file of its own: each machine's program has another one, and else the same objects.
 */
#include "code.h"

#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "code_hash.h"             /* CODE_HASHES, CODES_EQUAL, CODES_TOGETHER */

static const struct { const char *method; char hash[HASH_TEXT]; } hashes[] = { CODE_HASHES };
/* Groups of codes; the last row is none. */
static const struct { char hash[HASH_TEXT]; int group; } equal[] = { CODES_EQUAL { "", -1 } };
/* By program; the last row is none. */
static const struct { char hash[HASH_TEXT]; int program; } together[] = {
    CODES_TOGETHER { "", -1 }
};

const char *code_hash_of(int method)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (!strcmp(hashes[i].method, methods[method].name)) return hashes[i].hash;
    die("no hash of the code of method %s (METHODS in CMakeLists.txt lacks it)",
        methods[method].name);
}

static int group_of(const char *hash)
{
    int i = 0;
    while (*equal[i].hash && strcmp(equal[i].hash, hash)) i++;
    return equal[i].group;
}

bool code_same(const char *a, const char *b)
{
    const int group = group_of(a);
    return !strcmp(a, b) || (group >= 0 && group == group_of(b));
}

static bool is_ours(const char *code)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (code_same(hashes[i].hash, code)) return true;
    return false;
}

static bool is_of(int program, const char *code)
{
    for (int i = 0; *together[i].hash; i++)
        if (together[i].program == program && code_same(together[i].hash, code)) return true;
    return false;
}

bool code_beside(const char *a, const char *b)
{
    if (is_ours(a) && is_ours(b)) return true;
    for (int i = 0; *together[i].hash; i++)
        if (code_same(together[i].hash, a) && is_of(together[i].program, b)) return true;
    return false;
}
