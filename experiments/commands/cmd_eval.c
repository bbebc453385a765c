/* SPDX-License-Identifier: MIT
 *
 * cmd_eval.c -- `simsiam eval`: the monitors and the probe's accuracy of a run's checkpoint, as it stands.
 */
#include "commands.h"
#include "../run/monitor.h"
#include "../suite/experiment.h"
#include "options.h"
#include "../run/runner.h"
#include "../run/state.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Learning rates to try, from "0.1 1 10"; a wrong one exits 2. */
enum { RATES_MAX = 32 };
struct rates { double rate[RATES_MAX]; int n; };

static struct rates rates_parse(const char *list)
{
    struct rates r = { .n = 0 };
    char *const text = text_format("%s", list);
    for (char *word = strtok(text, " ,"); word; word = strtok(NULL, " ,")) {
        if (r.n == RATES_MAX) die_user("--probe-rates: more than %d rates", RATES_MAX);
        if (!config_number(word, &r.rate[r.n]) || r.rate[r.n] <= 0)
            die_user("--probe-rates: `%s` is not a rate; give numbers above 0", word);
        r.n++;
    }
    if (!r.n) die_user("--probe-rates: no rate; give numbers above 0");
    free(text);
    return r;
}

/* The probe's accuracy at other learning rates, from the same frozen features: for choosing a rate, on held-out
 * images.  0, or EXIT_AGAIN if a stop was requested. */
static int probe_rates(struct trainer *t, struct probe_data *data, const struct rates *rates)
{
    struct probe_plan plan = monitor_probe_plan(t);
    int status = 0;
    for (int i = 0; i < rates->n && status != EXIT_AGAIN; i++) {
        plan.lr = rates->rate[i];
        monitor_probe_restart(t);
        status = 0;
        while (!status && t->probe.epoch < plan.epochs)
            status = stop_requested() ? EXIT_AGAIN : monitor_probe_epoch(t, &plan, data);
        if (!status) printf("linear %.2f at lr %g\n", probe_accuracy(&t->probe, &data->test), plan.lr);
    }
    return status == EXIT_AGAIN ? status : 0;  /* a rate that diverged has said so, and is an answer */
}

/* The hash by which a checkpoint of these settings knows its run, made by the code and on the machine that the
 * run's provenance.json names, whichever they are: the tensors are the same for all of them. */
static void hash_of_maker(char hash[HASH_TEXT], const char *folder, const struct settings *s, int seed)
{
    char *const config = settings_print(s), *const config_path = text_format("%s/config.yaml", folder);
    char *const path = text_format("%s/provenance.json", folder);
    size_t bytes;
    char *const made = file_read(config_path, &bytes);
    if (!made) die_user("%s: cannot be read: %s (--from wants the folder of a run)", config_path, strerror(errno));
    if (strcmp(made, config))
        die_user("%s: a run of other settings than the row's (simsiam config FILE prints those)", config_path);
    json_error_t error;
    json_t *const papers = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!papers) die_user("%s:%d:%d: %s", path, error.line, error.column, error.text);
    const char *machine = NULL, *code = NULL;
    int its_seed;
    if (json_unpack_ex(papers, &error, 0, "{s:s, s:s, s:i}", "machine", &machine, "code_hash", &code, "seed",
                       &its_seed))
        die_user("%s: %s (a run's provenance names machine, code_hash and seed)", path, error.text);
    if (its_seed != seed) die_user("%s: a run of seed %d, not of --seed %d", path, its_seed, seed);
    settings_hash_by(hash, s, machine, code);
    printf("from %s, by machine %s, code %.8s\n", folder, machine, code);
    json_decref(papers);
    free(config), free(config_path), free(path), free(made);
}

static int eval_run(const struct experiment *e, const struct row *row, int seed, const char *root, const char *from,
                    int threads, const struct rates *rates)
{
    char hash[HASH_TEXT];
    if (from) hash_of_maker(hash, from, &row->settings, seed);
    else settings_hash(hash, &row->settings);
    char *const folder = from ? text_format("%s", from) : run_folder(root, hash, seed);
    char *const path = text_format("%s/checkpoint.bin", folder);
    machine_open(threads);
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &row->settings, seed);
    if (!trainer_load(t, path, hash))
        die_user("%s: no checkpoint of %s/%s seed %d (simsiam run makes it)", path, e->name, row->name, seed);

    struct run_record r = { .last = { .epoch = t->epoch, .knn = NAN, .knn_z = NAN } };    /* none of a divergence */
    struct probe_data data = { .train.x = NULL };
    int status = monitor_run(t, &r.last, &data);
    const int probed = t->probe.epoch;
    if (!status && (probed || rates->n)) {
        status = monitor_probe_open(t, &data);
        if (!status && probed) r.linear = probe_accuracy(&t->probe, &data.test);
        if (!status && rates->n) status = probe_rates(t, &data, rates);
    }
    monitor_probe_close(&data);
    if (status != EXIT_AGAIN) {
        run_judge(&r, status == EXIT_DIVERGED);
        printf("%s/%s seed %d, %s, epoch %d of %d\n", e->name, row->name, seed, folder, t->epoch,
               row->settings.epochs);
        printf("kNN %.2f on f, %.2f on z\n", r.last.knn, r.last.knn_z);
        if (probed) printf("linear %.2f after %d epochs of the probe\n", r.linear, probed);
        printf("std*sqrt(d) %.3f, |E z'| %.3f, view share %.3f, rank %.3f\n", r.last.std_sqrtd, r.last.mean_norm,
               r.last.view_share, r.last.rank);
        printf("%s: %s\n", run_state_names[r.state], r.evidence);
    }
    trainer_close(t);
    free(t), free(folder), free(path);
    return status;
}

int command_eval(int argc, char **argv)
{
    const char *row = NULL, *scale = "quick", *root = "runs", *from = NULL, *rate_text = NULL;
    int seed = 1, threads = 0;
    const struct option_row rows[] = {
        { "row", OPTION_TEXT, &row, "NAME", "row of the experiment (needed)" },
        { "scale", OPTION_TEXT, &scale, "NAME", "sizes: a file of configs/scale" },
        { "seed", OPTION_INT, &seed, "N", "seed" },
        { "runs", OPTION_TEXT, &root, "DIR", "where runs are kept" },
        { "from", OPTION_TEXT, &from, "DIR", "this run's folder instead: of other code, or another machine" },
        { "threads", OPTION_INT, &threads, "N", "threads; 0: all cores" },
        { "probe-rates", OPTION_TEXT, &rate_text, "LIST", "also train the probe anew at these learning rates" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "eval FILE --row NAME [options]",
                  "Monitors and linear probe of a run's checkpoint; changes nothing.", rows, 1, 1);
    threads_check(threads);
    if (!row) die_user("eval needs --row NAME; see simsiam eval --help");
    struct rates rates = { .n = 0 };
    if (rate_text) rates = rates_parse(rate_text);
    static struct experiment e;
    experiment_load(&e, argv[1], scale);
    stop_install();
    return eval_run(&e, &e.row[experiment_hosted(&e, row)], seed, root, from, threads, &rates);
}
