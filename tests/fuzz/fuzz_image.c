/* SPDX-License-Identifier: MIT
 *
 * fuzz_image.c -- any bytes as an image file, and as one in a folder: refused with a sentence, or a
 * picture and views.
 *
 * The first byte chooses how much smaller the file is decoded and where a view is cut; the rest is
 * the file.
 */
#include "fuzz.h"
#include "../../engine/folder.h"

enum { SIZE = 9, PIXELS_MOST = 1 << 20 };      /* larger pictures are right, and slow */

static struct picture picture;
/* In memory where there is such a folder: an input is a file, and a disk's journal holds the target
 * up. */
static char in_memory[] = "/dev/shm/fuzz-image-XXXXXX", on_disk[] = "/tmp/fuzz-image-XXXXXX";
static const char *folder;
static struct dataset set;

static void folder_remove(void)
{
    static const char *const names[] = { "/train/a/1", "/train/b/1", "/train/a", "/train/b",
                                         "/train", "" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const path = text_format("%s%s", folder, names[i]);
        if (remove(path)) abort();
        free(path);
    }
}

/* ROOT/train/{a,b}/1: the input is a/1, whatever it was before. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static const char *const places[] = { "train/a", "train/b" };
    machine_open(1);
    folder = mkdtemp(in_memory) ? in_memory : mkdtemp(on_disk);
    if (!folder || atexit(folder_remove)) abort();
    for (int i = 0; i < 2; i++) {
        char *const at = text_format("%s/%s", folder, places[i]), *const file = text_format("%s/1",
                                                                                            at);
        if (!folder_make(at) || !file_write_synced(file, "", 0)) abort();
        free(at);
        free(file);
    }
    folder_load(&set, folder, DATA_TRAIN, 0, 0, 0);
    return 0;
}

static void view_cut(const struct image_info *info, int shrink, const struct augment *recipe,
                     uint32_t draw)
{
    static float y[3 * SIZE * SIZE];
    const struct view_params v = augment_draw(recipe, 1, 0, draw, 0, info->h, info->w);
    void *const room = mem_alloc(op_view_room(SIZE, picture.h > picture.w ? picture.h : picture.w));
    op_view((dev_act *)y, room, picture.pixels, info->h, info->w, shrink, SIZE, recipe, &v);
    mem_free(room);
}

/* The same bytes as a file of the folder. */
static void folder_entry(const uint8_t *file, size_t bytes)
{
    struct view_maker maker = { .file = NULL };
    char wrong[WRONG_TEXT] = "", *const path = text_format("%s/train/a/1", folder);
    FILE *const f = fopen(path, "w");
    if (!f || fwrite(file, 1, bytes, f) != bytes || fclose(f)) abort();
    if (!folder_look(set.folder, &maker, 0, wrong) && !*wrong) abort();
    maker_free(&maker);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct augment crop = { .crop = true, .crop_scale = { 0.08f, 1 },
                                         .crop_ratio = { 0.75f, 1.333f }, .std = { 1, 1, 1 } };
    static const struct augment centre = { .centre = true, .std = { 1, 1, 1 } };
    if (bytes < 1) return 0;
    char wrong[WRONG_TEXT] = "";
    struct image_info info;
    const int shrink = 1 << (data[0] & 3);
    const uint8_t *const file = data + 1;
    const bool looks = image_look(&info, file, bytes - 1, wrong);
    if (!looks && !*wrong) abort();
    if (looks && (long)info.h * info.w > PIXELS_MOST) return 0;
    if (looks && image_decode(&picture, &info, file, bytes - 1,
                              info.kind == IMAGE_JPEG ? shrink : 1, wrong)) {
        view_cut(&info, info.kind == IMAGE_JPEG ? shrink : 1, &crop, data[0]);
        view_cut(&info, info.kind == IMAGE_JPEG ? shrink : 1, &centre, data[0]);
    } else if (!*wrong) {
        abort();
    }
    folder_entry(file, bytes - 1);
    return 0;
}
