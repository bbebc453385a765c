/* SPDX-License-Identifier: MIT
 *
 * tensorboard.h -- a run's numbers as TensorBoard reads them.
 */
#pragma once

/* Writes the epochs of the run in `folder`, finished or under way, into an events file in `directory`,
 * which is made; the same run gives the same bytes.  Exits 2 if there is no epoch, 1 if it cannot be
 * written.  Returns how many numbers were written. */
int tensorboard_write(const char *folder, const char *directory);
