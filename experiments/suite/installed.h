/* SPDX-License-Identifier: MIT
 *
 * installed.h -- where experiments lie for whoever has no configs/ beside himself: with the program.
 *
 * configs/ of the current folder comes first, if scales lie in it; then what was installed with the
 * program, found from where the program lies, so that the whole may be moved; then the checkout that
 * it was built in.
 */
#pragma once

/* That folder; "configs" if there is none.  Static text. */
const char *configs_folder(void);
/* A path as it was given, but configs/NAME of configs_folder() where there is only that; the caller
 * frees. */
char *configs_file(const char *path);
/* The folder whose scale/ serves experiments in `folder`: that itself, else configs_folder(). */
const char *scales_home(const char *folder);
