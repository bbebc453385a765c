/* SPDX-License-Identifier: MIT
 *
 * state.h -- what a checkpoint holds: the tensors of everything that keeps numbers, and the position.
 */
#pragma once
#include "train.h"

/* The method's own tensors (method.h): at most METHOD_TENSORS; returns how many. */
int trainer_tensors(const struct trainer *t, struct tensor *list);

/* SHA-256 of all weights and running statistics. */
void trainer_hash(const struct trainer *t, char hex[HASH_TEXT]);

/* Checkpoint: tensors, position, log and probe.  trainer_load is false if there is none, or only damaged ones: the
 * trainer is then as it was.  One that cannot be read exits 1; a whole one of another run (`identity` is the run's
 * hash) or version exits 2: it is somebody's work, and this run would replace it. */
bool trainer_save(const struct trainer *t, const char *path, const char *identity);
bool trainer_load(struct trainer *t, const char *path, const char *identity);
