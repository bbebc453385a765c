/* SPDX-License-Identifier: MIT
 *
 * cmd_eval.c -- `simsiam eval`: the monitors and the probe's accuracy of a run's checkpoint, as it stands.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eval_parts.h"
#include "options.h"
#include "../run/found.h"
#include "../run/judge.h"
#include "../run/measures.h"
#include "../run/monitor.h"
#include "../run/runner.h"
#include "../run/state.h"
#include "../suite/experiment.h"
#include "../../engine/checkpoint.h"

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

int probe_rates(struct trainer *t, struct probe_data *data, const struct rates *rates)
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

/* What a run's papers say of who made it: code, machine and data, whichever they are. */
static void maker_read(struct found_run *r, const char *folder, const struct settings *s, int seed)
{
    char *const config = settings_print(s), *const config_path = text_format("%s/config.yaml", folder);
    *r = (struct found_run){ .folder = text_format("%s", folder), .seed = seed, .config = config };
    char *const made = file_read(config_path, NULL);
    if (!made) die_user("%s: cannot be read: %s (--from wants the folder of a run)", config_path, strerror(errno));
    if (strcmp(made, config))
        die_user("%s: a run of other settings than the row's (simsiam config FILE prints those)", config_path);
    char why[TEXT_MAX];
    if (!found_papers(r, why)) die_user("%s", why);
    if (r->seed != seed) die_user("%s/provenance.json: a run of seed %d, not of --seed %d", folder, r->seed, seed);
    say(stdout, "from %s, by machine %s, code %.8s\n", folder, r->machine, r->code);
    free(config_path);
    free(made);
}

/* The run that counts for the row. */
static struct found_run own_find(const struct settings *s, int seed, const char *root, const char *what)
{
    struct found runs;
    const char *why;
    found_open(&runs, root);
    const struct found_run *const r = found_run(&runs, s, seed);
    const struct found_run *const other = r ? NULL : found_other(&runs, s, seed, &why);
    if (other) die_user("no run of %s; %s is %s (--from evaluates that)", what, other->folder, why);
    if (!r) die_user("%s: no checkpoint of %s (simsiam run makes it)", root, what);
    struct found_run own = *r;
    own.folder = text_format("%s", r->folder);
    own.config = text_format("%s", r->config);
    found_close(&runs);
    return own;
}

/* By which of its two names, with its data or as before, a checkpoint knows its run. */
static void name_choose(struct found_run *r, const char *path)
{
    struct checkpoint c;
    const bool there = checkpoint_load(&c, path);
    const struct blob *const name = there ? checkpoint_find(&c, "identity") : NULL;
    run_hash(r->hash, r->config, r->machine, r->code, r->data);
    if (name && (name->bytes != strlen(r->hash) || memcmp(name->data, r->hash, name->bytes)))
        run_hash_before(r->hash, r->config, r->machine, r->code);
    if (there) checkpoint_free(&c);
}

static int eval_run(const struct experiment *e, const struct row *row, const char *root, const struct asked *asked)
{
    const char *const from = asked->from;
    const struct rates *const rates = &asked->rates;
    const int seed = asked->seed;
    char *const what = text_format("%s/%s seed %d", e->name, row->name, seed);
    struct found_run run;
    if (from) maker_read(&run, from, &row->settings, seed);
    else run = own_find(&row->settings, seed, root, what);
    machine_open(asked->threads);
    char *const path = text_format("%s/checkpoint.bin", run.folder);
    name_choose(&run, path);
    struct trainer *const t = host_alloc(1, sizeof *t);
    trainer_open(t, &row->settings, seed);
    if (!trainer_load(t, path, run.hash))
        die_user("%s: no checkpoint of %s (%s)", path, what,
                 run.finished ? "one that was pooled from results/ has none: simsiam run --runs ELSEWHERE makes it"
                              : "simsiam run makes it");

    struct run_record r = { .outputs = outputs_of(run.config),
                            .last = epoch_empty(t->epoch) };   /* none of a divergence */
    struct probe_data data = { .train.x = NULL };
    const bool last = t->epoch == row->settings.epochs;
    int status = monitor_run(t, &r.last, last, &data);
    const int probed = t->probe.epoch;
    if (!status && (probed || rates->n || asked->outputs)) {
        status = monitor_probe_open(t, &data);
        if (!status && probed) r.linear = probe_accuracy(&t->probe, &data.test);
        if (!status && asked->outputs) status = outputs_dump(t, &data, asked->outputs);
        if (!status && rates->n) status = probe_rates(t, &data, rates);
    }
    monitor_probe_close(&data);
    if (status != EXIT_AGAIN) {
        run_judge(&r, status == EXIT_DIVERGED);
        say(stdout, "%s, %s, epoch %d of %d\n", what, run.folder, t->epoch,
               row->settings.epochs);
        printf("kNN %.2f on f, %.2f on z\n", r.last.knn, r.last.knn_z);
        if (last) printf("kNN %.2f on f of the whole test set\n", r.last.knn_test);
        if (probed) printf("linear %.2f after %d epochs of the probe\n", r.linear, probed);
        printf("std*sqrt(d) %.3f, |E z'| %.3f, view share %.3f, rank %.3f\n", r.last.std_sqrtd, r.last.mean_norm,
               r.last.view_share, r.last.rank);
        if (r.last.view_share_standard != r.last.view_share)
            printf("view share %.3f under the scale's views, by which it is judged\n", r.last.view_share_standard);
        printf("%s: %s\n", run_state_names[r.state], r.evidence);
    }
    trainer_close(t);
    free(t);
    free(path);
    free(what);
    free(run.folder);
    free(run.config);
    return status;
}

int command_eval(int argc, char **argv)
{
    const char *row = NULL, *scale = "quick", *root = "runs", *rate_text = NULL;
    struct asked asked = { .seed = 1 };
    const struct option_row rows[] = {
        { "row", OPTION_TEXT, &row, "ROW", "row of the experiment (needed)" },
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "seed", OPTION_INT, &asked.seed, "N", "seed" },
        { "runs", OPTION_TEXT, &root, "DIR", "where runs are kept" },
        { "from", OPTION_TEXT, &asked.from, "PLACE", "this run's folder instead, of other code or machine; or "
          "a .safetensors file with the row's net" },
        { "threads", OPTION_INT, &asked.threads, "N", "threads; 0: all cores" },
        { "probe-rates", OPTION_TEXT, &rate_text, "LIST", "also train the probe anew at these learning rates" },
        { "outputs", OPTION_TEXT, &asked.outputs, "DIR", "write features, labels, z of two views there, as .npy" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    options_parse(argc, argv, "eval FILE --row NAME [options]",
                  "Monitors and linear probe of a run's checkpoint, or of a net in a .safetensors file; writes "
                  "nothing but --outputs.", rows, 1, 1);
    threads_check(asked.threads);
    if (!row) die_user("eval needs --row NAME; see simsiam eval --help");
    if (rate_text) asked.rates = rates_parse(rate_text);
    struct experiment *const e = host_alloc(1, sizeof *e);
    experiment_load(e, argv[1], scale);
    stop_install();
    const struct row *const hosted = &e->row[experiment_hosted(e, row)];
    const int status = asked.from && is_weights_file(asked.from) ? eval_weights(hosted, &asked)
                                                                 : eval_run(e, hosted, root, &asked);
    free(e);
    return status;
}
