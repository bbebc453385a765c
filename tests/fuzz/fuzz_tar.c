/* SPDX-License-Identifier: MIT
 *
 * fuzz_tar.c -- any bytes as an archive: refused, or images that lie in it, whoever goes on from where; and as the
 * lines of an index, sealed so that they are read.
 *
 * The first byte is the kind: bit 0 an index, else an archive; bit 1 the headers' sums are made right, so that what
 * lies behind them is reached.
 */
#include "fuzz.h"
#include "../../engine/store.h"
#include "../../engine/store_index.h"

struct memory {
    const uint8_t *bytes;
    int64_t n;
    bool mended;
};

/* What looks like a header, at a block's beginning, gets its sum. */
static void sum_mend(uint8_t *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++) sum += header[i];
    char text[8];
    snprintf(text, sizeof text, "%06o", sum);
    if (sum != 8 * ' ')
        memcpy(header + 148, text, 7);
    else
        memset(header + 148, 0, 8);
}

static bool memory_read(void *context, void *to, int64_t offset, size_t bytes,
                        char wrong[WRONG_TEXT])
{
    const struct memory *const m = context;
    (void)wrong;
    if (offset < 0 || offset > m->n || (int64_t)bytes > m->n - offset) abort();
    memcpy(to, m->bytes + offset, bytes);
    if (m->mended && bytes == TAR_BLOCK) sum_mend(to);
    return true;
}

static void scan(const struct memory *m, int64_t at, struct index_entries *e)
{
    struct index_scan s = { .t = { memory_read, (void *)(uintptr_t)m, at, m->n }, .entries = e };
    char wrong[WRONG_TEXT] = "";
    enum tar_step step;
    int64_t before = at;
    while ((step = scan_next(&s, wrong)) == TAR_MEMBER) {
        if (scan_at(&s) <= before || scan_at(&s) > m->n) abort();
        before = scan_at(&s);
    }
    if (step == TAR_WRONG && !*wrong) abort();
    if (step == TAR_WRONG && (s.where < 0 || s.where > m->n)) abort();
    for (int i = 0; i < e->n; i++) {
        const struct index_entry *const x = &e->v[i];
        if (x->offset < 0 || x->bytes < 0 || x->offset > m->n || x->bytes > m->n - x->offset ||
            !*x->name)
            abort();
        if (x->label < 0 && !strchr(x->name, '/')) abort();
    }
}

static void index_read(const uint8_t *data, size_t bytes)
{
    size_t n;
    char *text = NULL, hash[HASH_TEXT], wrong[WRONG_TEXT] = "";
    FILE *const f = open_memstream(&text, &n);
    if (!f) abort();
    fputs(STORE_HEAD, f);
    fwrite(data, 1, bytes, f);
    fflush(f);
    hash_bytes(hash, text, n);
    fprintf(f, "end %s\n", hash);
    fclose(f);
    struct store s;
    if (!store_parse(&s, text, n, "./", wrong) && !*wrong) abort();
    for (int i = 0; !*wrong && i < s.n; i++)
        if (s.image[i].place.bytes > s.archive[s.image[i].place.archive].bytes ||
            s.image[i].label >= s.classes)
            abort();
    store_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes) return 0;
    if (data[0] & 1) {
        index_read(data + 1, bytes - 1);
        return 0;
    }
    const struct memory m = { data + 1, (int64_t)bytes - 1, data[0] & 2 };
    struct index_entries e = { .n = 0 };
    scan(&m, 0, &e);
    entries_free(&e);
    return 0;
}
