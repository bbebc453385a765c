/* SPDX-License-Identifier: MIT
 *
 * store_index.h -- archives to an index (store.h): each is read once, from its beginning to its end.
 *
 * Two kinds of archives, not mixed in one index:
 *
 *   samples  as WebDataset has them: members that follow each other and have one name up to the first dot behind
 *            the last slash are a sample, a picture (.jpg, .jpeg, .png) and its label (.cls, an integer from 0 in
 *            ASCII); what else there is of it is left out.
 *   nested   as ILSVRC's train.tar: each member is a tar, CLASS.tar, of pictures.
 *
 * Classes are the labels in the order of the integers, or the inner tars' names in the order of their bytes.  A
 * label's name is the folder in which all its members lie, if that is no other label's; else the integer.  So the
 * same pictures in folders, as samples CLASS/FILE and nested have the same names, the same order and the same hash.
 */
#pragma once
#include "tar.h"

/* A picture: where it is, and what is known of its class. */
struct index_entry {
    char *name; /* the member's; nested: CLASS/FILE */
    int64_t label; /* -1: nested */
    int32_t archive;
    int64_t offset, bytes;
};
struct index_entries {
    struct index_entry *v;
    int n, room;
};
void entries_add(struct index_entries *e, const struct index_entry *entry, const char *name);
void entries_free(struct index_entries *e);

enum index_kind { INDEX_UNKNOWN, INDEX_SAMPLES, INDEX_NESTED };

/* An archive that is being read: `t` is whole samples or inner tars behind the last step. */
struct index_scan {
    struct tar t;
    struct index_entries *entries;
    enum index_kind kind;
    int32_t archive;
    int64_t where; /* of what is wrong */
    struct tar_member ahead; /* the first member of the next sample */
    bool is_ahead, ended;
};
/* One sample or one inner tar.  Of wrong ones `where` says the byte. */
enum tar_step scan_next(struct index_scan *s, char wrong[WRONG_TEXT]);
/* Where a scan that goes on later has to begin. */
int64_t scan_at(const struct index_scan *s);

/* Writes the index `out` of the archives, or goes on with one that was begun: what was read is
 * noted in OUT.part every 256 MiB and at a stop.  False if a stop was requested.  Exit 2 if an
 * archive is wrong, naming file and byte: then there is neither OUT.part nor a new `out`. */
bool index_make(const char *out, char **archive, int archives);
