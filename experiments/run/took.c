/* SPDX-License-Identifier: MIT
 *
 * took.c -- a run's clock readings, added up.
 */
#include "took.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/object.h"
#include "../../engine/ops.h"

/* A run that was pooled brings the clock of the machine that made it. */
static bool is_of_here(const char *folder, int threads)
{
    struct machine_info here;
    machine_describe(&here);
    char *const path = text_format("%s/provenance.json", folder);
    json_t *const papers = object_read(path, NULL);
    const char *const device = json_string_value(json_object_get(papers, "device"));
    const bool same = device && !strcmp(device, here.device) &&
                      json_integer_value(json_object_get(papers, "threads")) == threads;
    json_decref(papers);
    free(path);
    return same;
}

/* The sum of a key over the readings of `part`, NULL: of all; NaN if one of a part lacks it. */
static double readings_sum(const char *folder, const char *part, const char *key)
{
    char *const path = text_format("%s/timing.jsonl", folder);
    char *const text = file_read_own(path, NULL), *rest = text;
    double sum = 0;
    for (char *line; rest && (line = strsep(&rest, "\n")); ) {
        json_t *const reading = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *const what = json_string_value(json_object_get(reading, "what"));
        const json_t *const number = json_object_get(reading, key);
        if (!part) sum += json_number_value(number);
        else if (what && !strcmp(what, part)) sum += number ? json_number_value(number) : NAN;
        json_decref(reading);
    }
    free(text);
    free(path);
    return sum > 0 ? sum : NAN;
}

double run_took(const char *folder, int threads)
{
    return is_of_here(folder, threads) ? readings_sum(folder, NULL, "seconds") : NAN;
}

double run_cpu(const char *folder)
{
    const double sum = readings_sum(folder, "train", "cpu");
    return isnan(sum) ? 0 : round(10 * sum) / 10;          /* as it is committed (commit.c) */
}
