/* SPDX-License-Identifier: MIT
 *
 * fuzz_config.c -- any bytes as a YAML file of settings: refused, or settings that print and read
 * back.
 */
#include "fuzz.h"
#include "../../experiments/methods/method.h"

static struct input_file file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    input_open(&file);
    return 0;
}

/* The settings as the file at file.path has them; false if anything in it is wrong. */
static bool file_settings(struct settings *s)
{
    struct config_file f;
    config_open(&f, file.path);
    yaml_node_t *root = config_root(&f);
    const yaml_node_t *const node = root ? config_get(&f, root, "method") : NULL;
    const char *const name = node ? config_text(node) : NULL;
    int method = 0;
    while (name && methods[method].name && strcmp(methods[method].name, name)) method++;
    if (!methods[method].name) method = 0;     /* refused below */
    struct key keys[KEYS_MAX];
    settings_keys_of(keys, method);
    *s = settings_default(method);
    if (root) config_apply(&f, root, keys, s, NULL, NULL);
    const bool right = !f.errors;
    config_close(&f);
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct settings s;
    input_put(&file, data, bytes);
    if (!file_settings(&s)) return 0;
    char *first = settings_print(&s);
    input_put(&file, first, strlen(first));
    if (!settings_read(&s, file.path)) abort();
    char *second = settings_print(&s);
    if (strcmp(first, second)) abort();
    free(first);
    free(second);
    return 0;
}
