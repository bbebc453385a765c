/* SPDX-License-Identifier: MIT
 *
 * tensorboard.c -- metrics.jsonl to an events file.
 *
 * The file is TFRecords, each: the length of its data (8 bytes, little-endian), that length's masked
 * CRC-32C, the data, and theirs (tensorflow/core/lib/io/record_writer.h).  Data are a protobuf Event:
 *
 *   1 wall_time (double), 2 step (varint), 3 file_version (the first event alone), 5 summary, which is
 *   1 value: 1 tag, 2 simple_value (float)
 */
#include "tensorboard.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../run/measures.h"
#include "../../engine/object.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

enum { BYTES_MAX = 192 };                      /* of an event: a number and its name */
struct bytes { unsigned char at[BYTES_MAX]; size_t n; };

static void byte_put(struct bytes *b, uint64_t x)
{
    if (b->n < BYTES_MAX) b->at[b->n++] = (unsigned char)(x & 255);
}

static void little_put(struct bytes *b, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) byte_put(b, x >> 8 * i);
}

static void varint_put(struct bytes *b, uint64_t x)
{
    for (; x > 127; x >>= 7) byte_put(b, (x & 127) | 128);
    byte_put(b, x);
}

/* A field of bytes: its number and kind 2, the length, what it is. */
static void field_put(struct bytes *b, int field, const void *data, size_t n)
{
    const unsigned char *const from = data;
    byte_put(b, (uint64_t)(field << 3 | 2));
    varint_put(b, n);
    for (size_t i = 0; i < n; i++) byte_put(b, from[i]);
}

static void double_put(struct bytes *b, int field, double x)
{
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    byte_put(b, (uint64_t)(field << 3 | 1));
    little_put(b, word, 8);
}

static void float_put(struct bytes *b, int field, float x)
{
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    byte_put(b, (uint64_t)(field << 3 | 5));
    little_put(b, word, 4);
}

/* ---- records --------------------------------------------------------------------------------- */

/* CRC-32C (Castagnoli, reflected), turned and moved so that a file may hold checksums of its own. */
static uint32_t masked_crc(const unsigned char *data, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void record_put(FILE *out, const struct bytes *data)
{
    struct bytes before = { .n = 0 }, behind = { .n = 0 };
    little_put(&before, data->n, 8);
    little_put(&before, masked_crc(before.at, 8), 4);
    little_put(&behind, masked_crc(data->at, data->n), 4);
    fwrite(before.at, 1, before.n, out);
    fwrite(data->at, 1, data->n, out);
    fwrite(behind.at, 1, behind.n, out);
}

static void version_put(FILE *out, double when)
{
    static const char version[] = "brain.Event:2";
    struct bytes event = { .n = 0 };
    double_put(&event, 1, when);
    field_put(&event, 3, version, sizeof version - 1);
    record_put(out, &event);
}

static void number_put(FILE *out, double when, int step, const char *group, const char *name, double x)
{
    char tag[64];
    struct bytes value = { .n = 0 }, summary = { .n = 0 }, event = { .n = 0 };
    const int length = snprintf(tag, sizeof tag, "%s/%s", group, name);
    field_put(&value, 1, tag, (size_t)length);
    float_put(&value, 2, (float)x);
    field_put(&summary, 1, value.at, value.n);
    double_put(&event, 1, when);
    byte_put(&event, 2 << 3);
    varint_put(&event, (uint64_t)step);
    field_put(&event, 5, summary.at, summary.n);
    record_put(out, &event);
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* When it was started, in seconds since 1970; 0 if its papers do not say. */
static double started_of(const char *folder)
{
    char *const path = text_format("%s/provenance.json", folder);
    json_t *const papers = object_read(path, NULL);
    const char *const said = json_string_value(json_object_get(papers, "started"));
    struct tm utc = { .tm_year = 70, .tm_mday = 1 };
    const bool read = said && strptime(said, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const double when = read ? (double)timegm(&utc) : 0;
    json_decref(papers);
    free(path);
    return when;
}

/* Adds to when[epoch], [n], the seconds that the run's clock has of the epochs up to it. */
static void clock_add(double *when, int n, const char *folder)
{
    char *const path = text_format("%s/timing.jsonl", folder);
    char *const text = file_read_own(path, NULL), *rest = text;
    for (char *line; rest && (line = strsep(&rest, "\n")); ) {
        json_t *const reading = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const double seconds = json_number_value(json_object_get(reading, "seconds"));
        const json_int_t epoch = json_integer_value(json_object_get(reading, "epoch"));
        for (int e = epoch < 0 ? 0 : (int)epoch; e < n; e++) when[e] += seconds;
        json_decref(reading);
    }
    free(text);
    free(path);
}

/* A number that does not exist is left out. */
static int epoch_put(FILE *out, double when, const struct epoch_record *e)
{
    int n = 0;
    for (const struct measure *m = measures; m->name; m++) {
        const double x = m->is & MEASURE_END ? NAN : epoch_number(e, m);
        if (!isfinite(x)) continue;
        number_put(out, when, e->epoch, m->is & MEASURE_TRAINED ? "train" : "monitor", m->name, x);
        n++;
    }
    return n;
}

static int end_put(FILE *out, double when, const struct run_record *r)
{
    int n = 0;
    for (const struct measure *m = measures; m->name; m++) {
        if (!(m->is & MEASURE_END) || !isfinite(run_number(r, m))) continue;
        number_put(out, when, r->last.epoch, "end", m->name, run_number(r, m));
        n++;
    }
    return n;
}

int tensorboard_write(const char *folder, const char *directory)
{
    struct run_record r;
    char *events;
    size_t bytes;
    int n = 0;
    const bool finished = run_read(&r, folder);
    if (!r.n_curve) die_user("%s: no epoch of a run is there (a run's folder is runs/HASH/seed-N)", folder);
    double *const when = host_alloc((size_t)r.n_curve, sizeof *when), started = started_of(folder);
    for (int i = 0; i < r.n_curve; i++) when[i] = started;
    clock_add(when, r.n_curve, folder);
    FILE *const out = open_memstream(&events, &bytes);
    if (!out) die("out of memory: %s (close other programs)", directory);
    version_put(out, started);
    for (int i = 0; i < r.n_curve; i++) n += epoch_put(out, when[i], &r.curve[i]);
    if (finished) n += end_put(out, when[r.n_curve - 1], &r);
    if (fclose(out)) die("out of memory: %s (close other programs)", directory);
    char *const path = text_format("%s/events.out.tfevents.%010.0f.simsiam", directory, started);
    if (!folder_make(directory)) die("cannot make %s: %s (is it writable?)", directory, strerror(errno));
    if (!file_write_atomic(path, events, bytes))
        die("cannot write %s: %s (is there room, and may it be written?)", path, strerror(errno));
    free(path);
    free(events);
    free(when);
    run_free(&r);
    return n;
}
