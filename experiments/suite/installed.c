/* SPDX-License-Identifier: MIT
 *
 * installed.c -- experiments beside the user, with the program, or in its checkout.
 */
#include "installed.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../engine/base.h"

static const char own[] = "configs";

static bool has_scales(const char *folder)
{
    struct stat about;
    char *const scales = text_format("%s/scale", folder);
    const bool there = !stat(scales, &about) && S_ISDIR(about.st_mode);
    free(scales);
    return there;
}

/* The folder that lies so from the program's, into `folder`; false if it holds no experiments. */
static bool beside_program(char folder[PATH_MAX], const char *relative)
{
    char program[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) return false;
    program[n] = 0;
    char *const place = path_folder(program), *const path = text_format("%s%s/%s", place, relative, own),
         *const real = realpath(path, NULL);
    const bool there = real && has_scales(real);
    if (there) memcpy(folder, real, strlen(real) + 1);         /* shorter than PATH_MAX, by realpath() */
    free(place);
    free(path);
    free(real);
    return there;
}

const char *configs_folder(void)
{
    static char folder[PATH_MAX];
    if (has_scales(own)) return own;
    return beside_program(folder, DATA_FROM_PROGRAM) || beside_program(folder, "..") ? folder : own;
}

char *configs_file(const char *path)
{
    const size_t n = strlen(own);
    if (access(path, F_OK) && !strncmp(path, own, n) && path[n] == '/') {
        char *const with_program = text_format("%s%s", configs_folder(), path + n);
        if (!access(with_program, F_OK)) return with_program;
        free(with_program);
    }
    return text_format("%s", path);
}

const char *scales_home(const char *folder)
{
    const char *const other = has_scales(folder) ? folder : configs_folder();
    return has_scales(other) ? other : folder;
}
