/* SPDX-License-Identifier: MIT
 *
 * phase.c -- one word in a file.
 */
#include "phase.h"

#include <stdio.h>
#include <stdlib.h>

void phase(const char *word)
{
    const char *path = getenv("SIMSIAM_PHASE_FILE");
    FILE *f = path && *path ? fopen(path, "w") : NULL;
    if (!f) return;                            /* a test's aid: never a reason to fail a run */
    fprintf(f, "%s\n", word);
    fclose(f);
}
