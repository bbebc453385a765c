/* SPDX-License-Identifier: MIT
 *
 * took.c -- a run's clock readings, added up.
 */
#include "took.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "../../engine/base.h"
#include "../../engine/ops.h"

/* A run that was pooled brings the clock of the machine that made it. */
static bool is_of_here(const char *folder, int threads)
{
    struct machine_info here;
    machine_describe(&here);
    char *const path = text_format("%s/provenance.json", folder);
    json_t *const papers = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *const device = json_string_value(json_object_get(papers, "device"));
    const bool same = device && !strcmp(device, here.device) &&
                      json_integer_value(json_object_get(papers, "threads")) == threads;
    json_decref(papers);
    free(path);
    return same;
}

double run_took(const char *folder, int threads)
{
    char *const path = text_format("%s/timing.jsonl", folder);
    char *const text = is_of_here(folder, threads) ? file_read(path, NULL) : NULL, *rest = text;
    double seconds = 0;
    for (char *line; rest && (line = strsep(&rest, "\n")); ) {
        json_t *const reading = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        seconds += json_number_value(json_object_get(reading, "seconds"));
        json_decref(reading);
    }
    free(text);
    free(path);
    return seconds > 0 ? seconds : NAN;
}
