/* SPDX-License-Identifier: MIT
 *
 * data.c -- image sets in memory: CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST from files, and a
 * synthetic set from a formula.
 */
#include "data.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data_formats.h"
#include "folder.h"

/* ---- the files of each set ------------------------------------------------------------------- */

/* The official files, as cifar-10-binary.tar.gz holds them. */
#define BATCH (10000 * (size_t)CIFAR_RECORD)      /* bytes of a file */
static const struct data_file cifar10_files[] = {
    { "data_batch_1.bin", DATA_TRAIN, BATCH,
      "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5" },
    { "data_batch_2.bin", DATA_TRAIN, BATCH,
      "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed" },
    { "data_batch_3.bin", DATA_TRAIN, BATCH,
      "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67" },
    { "data_batch_4.bin", DATA_TRAIN, BATCH,
      "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48" },
    { "data_batch_5.bin", DATA_TRAIN, BATCH,
      "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add" },
    { "test_batch.bin", DATA_TEST, BATCH,
      "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b" },
    { NULL, DATA_TRAIN, 0, NULL }
};

/* As cifar-100-binary.tar.gz holds them; the training set is one file. */
static const struct data_file cifar100_files[] = {
    { "train.bin", DATA_TRAIN, 50000 * (size_t)CIFAR100_RECORD,
      "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29" },
    { "test.bin", DATA_TEST, 10000 * (size_t)CIFAR100_RECORD,
      "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a" },
    { NULL, DATA_TRAIN, 0, NULL }
};

/* idx files: images before labels in each split.  The hash is that of the unpacked content, because
 * one content can be packed in many ways. */
#define IDX_FILES(train_images, train_labels, test_images, test_labels) {                       \
    { "train-images-idx3-ubyte", DATA_TRAIN, 16 + 60000 * 784, train_images },                  \
    { "train-labels-idx1-ubyte", DATA_TRAIN, 8 + 60000, train_labels },                         \
    { "t10k-images-idx3-ubyte", DATA_TEST, 16 + 10000 * 784, test_images },                     \
    { "t10k-labels-idx1-ubyte", DATA_TEST, 8 + 10000, test_labels },                            \
    { NULL, DATA_TRAIN, 0, NULL } }
static const struct data_file mnist_files[] = IDX_FILES(
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2");
static const struct data_file fashion_mnist_files[] = IDX_FILES(
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34");
static const struct data_file no_files[] = { { NULL, DATA_TRAIN, 0, NULL } };

enum { SYNTHETIC_SIDE = 16 };

/* ---- files ----------------------------------------------------------------------------------- */

/* The path of a file as it lies there: plain, or else gzipped.  Fresh memory. */
static uint8_t *file_open(char **path, size_t *bytes, bool *packed,
                          const struct data_source *source, const struct data_file *file)
{
    *packed = false;
    *path = text_format("%s/%s/%s", data_folder(), source->folder, file->name);
    char *content = file_read(*path, bytes);
    if (!content && errno == ENOENT) {
        char *gz = text_format("%s.gz", *path);
        content = file_read(gz, bytes);
        *packed = content || errno != ENOENT;
        free(*packed ? *path : gz);
        *path = *packed ? gz : *path;
    }
    return (uint8_t *)content;
}

uint8_t *data_file_read(const struct data_source *source, const struct data_file *file, char **path)
{
    char *at, wrong[WRONG_TEXT];
    size_t bytes;
    bool packed;
    uint8_t *content = file_open(&at, &bytes, &packed, source, file);
    if (!content) die("cannot open %s: %s; run %s", at, strerror(errno), source->fetch);
    if (packed) {
        uint8_t *unpacked = gzip_unpack(&bytes, file->bytes, content, bytes, wrong);
        free(content);
        content = unpacked;
        if (!content) die_user("%s: %s; run %s", at, wrong, source->fetch);
    }
    if (bytes != file->bytes)
        die_user("%s: it has %zu bytes, should have %zu; run %s", at, bytes, file->bytes,
                 source->fetch);
    char hash[HASH_TEXT];
    hash_bytes(hash, content, bytes);
    if (strcmp(hash, file->sha256) != 0)
        die_user("%s: its SHA-256 is %s, should be %s; run %s", at, hash, file->sha256,
                 source->fetch);
    if (path) {
        *path = at;
    } else {
        free(at);
    }
    return content;
}

/* ---- readers: images first .. first+count-1 of a split into a set that has room for them ----- */

/* A file that has passed its SHA-256 and does not parse is a wrong row in the tables above. */
static void parsed(bool ok, const char *wrong)
{
    if (!ok)
        die("a file with the right SHA-256 does not parse: %s (this is a bug; please report it)",
            wrong);
}

typedef bool records_fn(uint8_t *images, int32_t *labels, int n, const uint8_t *file, size_t bytes,
                        char wrong[WRONG_TEXT]);

static void records_read(struct dataset *set, const struct data_source *source,
                         enum data_split split, int first, records_fn *parse, size_t bytes)
{
    const size_t image = CIFAR_RECORD - 1;
    char wrong[WRONG_TEXT] = "";
    int begin = 0, last = first + set->n;   /* this file's images are begin .. end-1 of the split */
    for (const struct data_file *f = source->files; f->name; f++) {
        if (f->split != split) continue;
        int end = begin + (int)(f->bytes / bytes);
        int from = first > begin ? first : begin, to = last < end ? last : end;
        if (from < to) {
            uint8_t *content = data_file_read(source, f, NULL);
            const uint8_t *record = content + (size_t)(from - begin) * bytes;
            const int n = to - from;
            uint8_t *images = set->images + (size_t)(from - first) * image;
            parsed(parse(images, set->labels + (from - first), n, record, (size_t)n * bytes, wrong),
                   wrong);
            free(content);
        }
        begin = end;
    }
}

static void cifar10_read(struct dataset *set, const struct data_source *source,
                         enum data_split split, int first)
{
    records_read(set, source, split, first, cifar_parse, CIFAR_RECORD);
}

static void cifar100_read(struct dataset *set, const struct data_source *source,
                          enum data_split split, int first)
{
    records_read(set, source, split, first, cifar100_parse, CIFAR100_RECORD);
}

static void idx_read(struct dataset *set, const struct data_source *source, enum data_split split,
                     int first)
{
    const struct data_file *f = source->files;
    while (f->split != split) f++;
    const int dim[3] = { source->n[split], source->h, source->w }, plane = source->h * source->w;
    char wrong[WRONG_TEXT] = "";
    const uint8_t *values = NULL;
    uint8_t *images = data_file_read(source, f, NULL);
    parsed(idx_parse(&values, 3, dim, images, f->bytes, wrong), wrong);
    grey_repeat(set->images, values + (size_t)first * (size_t)plane, set->n, plane);
    free(images);
    f++;
    uint8_t *labels = data_file_read(source, f, NULL);
    parsed(idx_parse(&values, 1, dim, labels, f->bytes, wrong), wrong);
    parsed(labels_parse(set->labels, set->n, source->classes, values + first, wrong), wrong);
    free(labels);
}

/* splitmix64 (Steele, Lea and Flood 2014), as a hash of its argument. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* 0..224 and back in 16 steps: stripes without libm, so that the bytes are the same everywhere. */
static int triangle(int x)
{
    int t = x & 15;
    return t < 8 ? 32 * t : 32 * (15 - t);
}

/* Class c: stripes in one of five directions, fine in classes 0..4 and coarse above.  Where they
 * start, how strong they are in each channel, and the noise are the image's own. */
static void synthetic_image(uint8_t *image, int label, uint64_t key)
{
    static const int direction[5][2] = { { 1, 0 }, { 0, 1 }, { 1, 1 }, { 1, -1 }, { 2, 1 } };
    const int *d = direction[label % 5], step = label < 5 ? 4 : 2;
    const int phase = (int)(mix(key) & 15);
    for (int c = 0; c < 3; c++) {
        const int strength = (int)(mix(key ^ (uint64_t)(c + 1)) & 127);
        for (int i = 0; i < SYNTHETIC_SIDE * SYNTHETIC_SIDE; i++) {
            const int x = i % SYNTHETIC_SIDE, y = i / SYNTHETIC_SIDE;
            const int wave = triangle(step * (d[0] * y + d[1] * x) + phase) - 112;
            const int noise = (int)(mix(key + (uint64_t)(16 + 3 * i + c)) & 63) - 32;
            const int v = 128 + wave * strength / 96 + noise;
            image[c * SYNTHETIC_SIDE * SYNTHETIC_SIDE + i] = (uint8_t)(v < 0     ? 0
                                                                       : v > 255 ? 255
                                                                                 : v);
        }
    }
}

static void synthetic_read(struct dataset *set, const struct data_source *source,
                           enum data_split split, int first)
{
    for (int i = 0; i < set->n; i++) {
        uint64_t key = mix((uint64_t)split << 32 | (uint64_t)(first + i));
        /* Every class equally often in each ten neighbours. */
        set->labels[i] = (first + i) % source->classes;
        synthetic_image(set->images + (size_t)i * 3 * SYNTHETIC_SIDE * SYNTHETIC_SIDE,
                        set->labels[i], key);
    }
}

/* ---- the sets -------------------------------------------------------------------------------- */

/* CIFAR-10's deviations are the mean over images of each image's own, not that over all pixels
 * (0.247 0.243 0.262): the reproductions use these, and so do we. */
const struct data_source data_sources[] = {
    { "cifar10", "cifar10", "make -f Makefile.repro data-cifar10", { 50000, 10000 }, CIFAR_SIDE,
      CIFAR_SIDE, 10, { 0.4914f, 0.4822f, 0.4465f }, { 0.2023f, 0.1994f, 0.2010f }, cifar10_files,
      cifar10_read },
    { "mnist", "mnist", "cp {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz DATA/mnist",
      { 60000, 10000 }, 28, 28, 10,
      { 0.1307f, 0.1307f, 0.1307f }, { 0.3081f, 0.3081f, 0.3081f }, mnist_files, idx_read },
    { "fashion-mnist", "fashion-mnist", "make -f Makefile.repro data-fashion-mnist",
      { 60000, 10000 }, 28, 28, 10, { 0.2860f, 0.2860f, 0.2860f }, { 0.3530f, 0.3530f, 0.3530f },
      fashion_mnist_files, idx_read },
    { "synthetic", "", "nothing: it is made in code", { 60000, 10000 }, SYNTHETIC_SIDE,
      SYNTHETIC_SIDE, 10, { 0.5f, 0.5f, 0.5f }, { 0.2257f, 0.2257f, 0.2257f }, no_files,
      synthetic_read },
    { "cifar100", "cifar100", "make -f Makefile.repro data-cifar100", { 50000, 10000 }, CIFAR_SIDE,
      CIFAR_SIDE, 100, { 0.5071f, 0.4865f, 0.4409f }, { 0.2009f, 0.1984f, 0.2023f }, cifar100_files,
      cifar100_read },
    /* ImageNet's, whatever the images: what networks trained elsewhere are used to. */
    { "folder", "", "nothing: the images are yours", { FOLDER_IMAGES_MAX, FOLDER_IMAGES_MAX }, 0, 0,
      0, { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f }, no_files, NULL },
    { NULL, NULL, NULL, { 0, 0 }, 0, 0, 0, { 0, 0, 0 }, { 0, 0, 0 }, NULL, NULL }
};

const struct data_source *data_source_find(const char *name)
{
    for (const struct data_source *s = data_sources; s->name; s++) {
        if (strcmp(s->name, name) == 0) return s;
    }
    return NULL;
}

bool data_is_folder(const struct data_source *source)
{
    return !source->read;
}

/* ---- a set ----------------------------------------------------------------------------------- */

static void set_hash(struct dataset *set)
{
    char part[2][HASH_TEXT];
    hash_bytes(part[0], set->images, (size_t)set->n * 3 * (size_t)set->h * (size_t)set->w);
    hash_bytes(part[1], set->labels, (size_t)set->n * sizeof *set->labels);
    hash_bytes(set->hash, part, sizeof part);
}

void data_load(struct dataset *set, const char *name, enum data_split split, int first, int count)
{
    const struct data_source *source = data_source_find(name);
    assert(source && "the name has been checked by the config");
    assert(source->read && "folder_load() reads those");
    if (first < 0 || count < 1 || count > source->n[split] || first > source->n[split] - count) {
        die_user("%s has %d %s images, numbered from 0; %d from %d on were asked for", name,
                 source->n[split], split == DATA_TRAIN ? "training" : "test", count, first);
    }
    const size_t image = 3 * (size_t)source->h * (size_t)source->w;
    *set = (struct dataset){ .n = count, .h = source->h, .w = source->w,
                             .classes = source->classes };
    set->images = host_alloc((size_t)count, image);
    set->labels = host_alloc((size_t)count, sizeof *set->labels);
    source->read(set, source, split, first);
    set_hash(set);
}

void data_free(struct dataset *set)
{
    free(set->images);
    free(set->labels);
    folder_free(set->folder);
    *set = (struct dataset){ 0 };
}
