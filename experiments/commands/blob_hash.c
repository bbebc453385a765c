/* SPDX-License-Identifier: MIT
 *
 * blob_hash.c -- blob_hash CHECKPOINT NAME...: the SHA-256 of named blobs of a checkpoint, a line
 * each, for same_bytes.sh; exit 1 if the checkpoint is not whole or lacks one, or if one is empty.
 */
#include <stdio.h>
#include <string.h>

#include "../../engine/base.h"
#include "../../engine/checkpoint.h"

int main(int argc, char **argv)
{
    struct checkpoint c;
    if (argc < 3) die_user("usage: blob_hash CHECKPOINT NAME...");
    if (!checkpoint_load(&c, argv[1])) die("%s: no whole checkpoint", argv[1]);
    for (int i = 2; i < argc; i++) {
        const struct blob *const blob = checkpoint_find(&c, argv[i]);
        char hex[HASH_TEXT];
        if (!blob || !blob->bytes) die("%s: it has no %s", argv[1], argv[i]);
        hash_bytes(hex, blob->data, blob->bytes);
        printf("%s %s\n", argv[i], hex);
    }
    checkpoint_free(&c);
    return 0;
}
