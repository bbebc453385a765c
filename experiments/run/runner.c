/* SPDX-License-Identifier: MIT
 *
 * runner.c -- training, monitors and probe of one run, with its papers.
 *
 * The order of writing makes a kill harmless: metrics.jsonl first, then the checkpoint that counts its bytes; what
 * lies behind that count after a restart is cut off and made again.  summary.json is last.
 */
#include "runner.h"
#include "measures.h"
#include "monitor.h"
#include "phase.h"
#include "progress.h"
#include "state.h"
#include "provenance.h"
#include "../../engine/collapse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Seconds between two looks at the loss, within an epoch: a device's steps are waited for only then. */
static const double LOOK_GAP = 1;
enum { LOCK_SECONDS = 5 };
/* What there is to do where the world failed after training began. */
#define GOES_ON "(then the same command goes on from the last checkpoint)"

struct runner {
    const struct run_options *o;
    const struct settings *s;
    const char *label;
    char hash[HASH_TEXT];
    char *folder, *checkpoint;
    FILE *metrics, *timing;
    int lock;
    struct trainer t;
    struct progress progress;
    struct epoch_record now, last;     /* the epoch under way; the last one finished */
    int collapsed_in_a_row;            /* monitored epochs, without the untrained one */
    struct probe_data features;        /* of the last epoch's monitors, for the probe; none after a restart */
    double saved_at, save_seconds;     /* when a checkpoint was last made, and what it took */
    double looked_at, epoch_start;
};

/* ---- the run's folder ---------------------------------------------------------------------------------- */

/* "process 123 on host", as the lock's holder has written it; "another process" if it has not. */
static char *lock_holder(int lock)
{
    char text[128] = "", host[65];
    long pid;
    const ssize_t n = pread(lock, text, sizeof text - 1, 0);
    if (n <= 0 || sscanf(text, "%ld %64[A-Za-z0-9._-]", &pid, host) != 2) return text_format("another process");
    return text_format("process %ld on %s", pid, host);
}

/* Who is here, for a process that comes second.  The lock holds without it. */
static void lock_sign(int lock, const char *path)
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) || ftruncate(lock, 0) ||
        dprintf(lock, "%ld %s\n", (long)getpid(), host) < 0)
        warn("cannot write into %s: %s (a second process will not be told who is here)", path, strerror(errno));
}

/* Takes the lock, which lasts no longer than this process.  Waits a little: the processes of a command that was
 * killed stop by themselves, but only after their step. */
static void folder_lock(struct runner *r)
{
    char *const path = text_format("%s/lock", r->folder);
    r->lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (r->lock < 0) die("cannot open %s: %s", path, strerror(errno));
    const double patience = clock_seconds() + LOCK_SECONDS;
    bool taken;
    while (!(taken = !flock(r->lock, LOCK_EX | LOCK_NB)) && clock_seconds() < patience && !stop_requested())
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    if (!taken && stop_requested()) exit(EXIT_AGAIN);
    if (!taken)
        die("%s: %s is at this run (wait for it, or end it)", r->folder, lock_holder(r->lock));
    lock_sign(r->lock, path);
    free(path);
}

static void metrics_sync(const struct runner *r)
{
    if (fflush(r->metrics) || fsync(fileno(r->metrics)))
        die("cannot write %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
}

static void save(struct runner *r)
{
    const double start = clock_seconds();
    metrics_sync(r);
    if (!trainer_save(&r->t, r->checkpoint, r->hash))
        die("cannot write %s: %s (the checkpoint before it is kept)", r->checkpoint, strerror(errno));
    r->saved_at = clock_seconds();
    r->save_seconds = r->saved_at - start;
}

static FILE *append_open(const struct runner *r, const char *name)
{
    char *const path = text_format("%s/%s", r->folder, name);
    const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    FILE *const f = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!f) die("cannot open %s: %s", path, strerror(errno));
    free(path);
    return f;
}

/* Two collapsed epochs in a row are no accident of one. */
enum { COLLAPSED_ENOUGH = 2 };

/* Takes note of a line of metrics.jsonl. */
static bool line_note(struct runner *r, const char *line)
{
    if (!epoch_parse(&r->last, line)) return false;
    const struct collapse c = epoch_collapse(&r->last);
    if (r->last.monitored && r->last.epoch > 0)
        r->collapsed_in_a_row = collapsed(&c) ? r->collapsed_in_a_row + 1 : 0;
    return true;
}

/* Opens metrics.jsonl at the checkpoint's position and reads back the last line before it. */
static void metrics_open(struct runner *r)
{
    r->metrics = append_open(r, "metrics.jsonl");
    struct stat st;
    const int fd = fileno(r->metrics);
    if (fstat(fd, &st)) die("cannot read %s/metrics.jsonl: %s", r->folder, strerror(errno));
    if ((uint64_t)st.st_size < r->t.metrics_bytes)
        die("%s/metrics.jsonl is shorter than its checkpoint says: remove the folder to run again", r->folder);
    if (ftruncate(fd, (off_t)r->t.metrics_bytes))
        die("cannot cut %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
    char line[2048];
    while (fgets(line, sizeof line, r->metrics))
        if (!line_note(r, line))
            die("%s/metrics.jsonl is damaged: remove the folder to run again", r->folder);
    if (fseek(r->metrics, 0, SEEK_END)) die("cannot read %s/metrics.jsonl: %s", r->folder, strerror(errno));
}

static void metrics_append(struct runner *r)
{
    char *const line = epoch_print(&r->now);
    if (fputs(line, r->metrics) < 0) die("cannot write %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
    r->t.metrics_bytes += strlen(line);
    /* What counts is the line, not the digits behind it: a run that goes on from here has no others. */
    if (!line_note(r, line)) die("%s: wrote a line that does not read: a bug; report it", r->label);
    free(line);
}

/* views: through the network meanwhile, in training; 0 elsewhere. */
static void timing_append(struct runner *r, const char *what, double since, double views)
{
    const double seconds = clock_seconds() - since;
    fprintf(r->timing, "{\"what\":\"%s\",\"epoch\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f", what, r->t.epoch,
            seconds, clock_cpu_seconds());
    if (views > 0 && seconds > 0) fprintf(r->timing, ",\"views_per_second\":%.1f", views / seconds);
    fprintf(r->timing, "}\n");
    fflush(r->timing);                         /* a lost clock reading is no loss */
}

/* Each start of the run: the threads and the library may be others than the first time. */
static void timing_start(struct runner *r, bool resumed)
{
    struct machine_info m;
    machine_describe(&m);
    fprintf(r->timing, "{\"what\":\"%s\",\"epoch\":%d,\"threads\":%d,\"kernels\":\"%s\",\"library\":\"%s\"}\n",
            resumed ? "resumed" : "started", r->t.epoch, m.threads, m.kernels, m.library);
    fflush(r->timing);
}

static void papers_write(const struct runner *r, int seed)
{
    char *const config = settings_print(r->s), *const path = text_format("%s/config.yaml", r->folder);
    if (!file_write_atomic(path, config, strlen(config))) die("cannot write %s: %s", path, strerror(errno));
    provenance_write(r->folder, r->s, seed, r->t.train.host.hash, r->t.monitor.host.hash);
    free(config), free(path);
}

/* ---- training ------------------------------------------------------------------------------------------ */

/* The untrained network is worth a line: on small images its kNN is far above chance. */
static int monitor_untrained(struct runner *r)
{
    if (r->t.untrained_monitored) return 0;
    r->now = epoch_empty(0);
    const double start = clock_seconds();
    const int status = monitor_run(&r->t, &r->now, NULL);
    if (status == EXIT_AGAIN) return status;
    metrics_append(r);
    if (status) return status;
    timing_append(r, "monitor", start, 0);
    r->t.untrained_monitored = true;
    save(r);
    return 0;
}

static bool is_time_to_look(struct runner *r)
{
    const double now = clock_seconds(), gap = fmin(LOOK_GAP, r->o->checkpoint_seconds);
    if (r->t.step < r->t.steps && now - r->looked_at < gap) return false;
    r->looked_at = now;
    return true;
}

/* At the end of an epoch: as often as costs at most a fiftieth of the time.  A small run's checkpoint is a matter
 * of milliseconds; on a fast device a large one's takes as long as an epoch. */
static bool is_time_to_save(const struct runner *r)
{
    return clock_seconds() - r->saved_at >= fmin(r->o->checkpoint_seconds, 50 * r->save_seconds);
}

static int train_epoch(struct runner *r)
{
    struct trainer *const t = &r->t;
    phase("train");
    r->now = epoch_empty(t->epoch + 1);
    r->epoch_start = r->looked_at = clock_seconds();
    const int first = t->step;
    while (t->step < t->steps) {
        if (stop_requested()) return EXIT_AGAIN;
        if (!trainer_step(t)) return EXIT_AGAIN;
        if (!is_time_to_look(r)) continue;
        const int diverged = trainer_summary(t, &r->now);
        if (diverged) {
            fprintf(stderr, "%s: diverged in epoch %d at step %d: loss %g, gradient norm %g\n", r->label,
                    t->epoch + 1, diverged, r->now.loss, r->now.grad_norm);
            return EXIT_DIVERGED;
        }
        const double views = (double)(t->step - first) * t->s->batch * t->plan.views;
        progress_step(&r->progress, t->epoch + 1, t->s->epochs, t->step, t->steps, r->now.loss, r->now.std_train,
                      r->last.knn, views / (clock_seconds() - r->epoch_start));
        if (clock_seconds() - r->saved_at >= r->o->checkpoint_seconds) {
            save(r);
            phase("train");
        }
    }
    if (first == t->steps) trainer_summary(t, &r->now);      /* a run that goes on from here has made no step */
    if (r->now.left_out)
        fprintf(stderr, "%s: epoch %d: %d steps are left out, whose gradients overflow fp16\n", r->label,
                t->epoch + 1, r->now.left_out);
    r->now.lr = schedule_lr(&t->schedule[GROUP_ENCODER], t->epoch, t->steps - 1);
    r->now.lr_predictor = t->s->predictor_lr == PREDICTOR_ZERO ? 0 :
                          schedule_lr(&t->schedule[GROUP_PREDICTOR], t->epoch, t->steps - 1);
    timing_append(r, "train", r->epoch_start, (double)(t->steps - first) * t->s->batch * t->plan.views);
    return 0;
}

static int train(struct runner *r)
{
    struct trainer *const t = &r->t;
    int status = monitor_untrained(r);
    while (!status && t->epoch < t->s->epochs) {
        if (r->o->stop_on_collapse && r->collapsed_in_a_row >= COLLAPSED_ENOUGH) return EXIT_COLLAPSED;
        status = train_epoch(r);
        const int epoch = t->epoch + 1;
        if (!status && (epoch % t->s->knn_every == 0 || epoch == t->s->epochs)) {
            const double start = clock_seconds();
            status = monitor_run(t, &r->now, epoch == t->s->epochs ? &r->features : NULL);
            timing_append(r, "monitor", start, 0);
        }
        if (status == EXIT_AGAIN) break;
        metrics_append(r);                     /* of an epoch that diverged too: the numbers as far as they go */
        if (status) break;
        t->epoch++;
        t->step = 0;
        if (t->epoch == t->s->epochs || is_time_to_save(r)) save(r);
    }
    return status;
}

/* ---- linear probe -------------------------------------------------------------------------------------- */

/* "Linear" means that the backbone does not move: the weights are hashed before and after. */
static int probe(struct runner *r, double *linear)
{
    struct trainer *const t = &r->t;
    const double start = clock_seconds();
    if (!*t->frozen) trainer_hash(t, t->frozen);
    const struct probe_plan plan = monitor_probe_plan(t);
    int status = monitor_probe_open(t, &r->features);
    while (!status && t->probe.epoch < t->s->probe_epochs) {
        status = stop_requested() ? EXIT_AGAIN : monitor_probe_epoch(t, &plan, &r->features);
        if (!status && clock_seconds() - r->saved_at >= r->o->checkpoint_seconds) save(r);
    }
    if (!status) *linear = probe_accuracy(&t->probe, &r->features.test);
    if (status) return status;
    char after[HASH_TEXT];
    trainer_hash(t, after);
    if (strcmp(t->frozen, after))
        die("%s: the frozen weights moved during the linear probe: a bug; report it", r->label);
    timing_append(r, "probe", start, 0);
    save(r);
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* Returns the state. */
static enum run_state summarise(const struct runner *r, const char *row, int seed, int status, double linear,
                                int skipped)
{
    struct run_record sum = { .seed = seed, .epochs = r->s->epochs, .last = r->last, .linear = linear,
                              .skipped = skipped };
    struct machine_info m;
    machine_describe(&m);
    run_judge(&sum, status == EXIT_DIVERGED);
    snprintf(sum.row, sizeof sum.row, "%s", row);
    snprintf(sum.hash, sizeof sum.hash, "%s", r->hash);
    snprintf(sum.code_hash, sizeof sum.code_hash, "%s", code_hash);
    snprintf(sum.machine, sizeof sum.machine, "%s", m.machine);
    snprintf(sum.frozen_hash, sizeof sum.frozen_hash, "%s", r->t.frozen);
    char *const both = text_format("%s%s", r->t.train.host.hash, r->t.monitor.host.hash);
    hash_bytes(sum.data_hash, both, strlen(both));
    free(both);
    phase("summary");
    metrics_sync(r);
    if (!summary_write(&sum, r->folder))
        die("cannot write %s/summary.json: %s " GOES_ON, r->folder, strerror(errno));
    return sum.state;
}

static void runner_open(struct runner *r, int seed)
{
    settings_hash(r->hash, r->s);
    r->folder = run_folder(r->o->root, r->hash, seed);
    r->checkpoint = text_format("%s/checkpoint.bin", r->folder);
    /* Data that are missing or wrong, and a model that memory does not hold, leave no folder behind. */
    machine_open(r->o->threads);
    trainer_open(&r->t, r->s, seed);
    if (!folder_make(r->folder)) die("cannot make %s: %s (is the folder writable?)", r->folder, strerror(errno));
    folder_lock(r);
    const bool resumed = trainer_load(&r->t, r->checkpoint, r->hash);
    if (!resumed) papers_write(r, seed);
    metrics_open(r);
    r->timing = append_open(r, "timing.jsonl");
    if (fseek(r->timing, 0, SEEK_END)) die("cannot read %s/timing.jsonl: %s", r->folder, strerror(errno));
    timing_start(r, resumed);
    r->saved_at = clock_seconds();
    progress_open(&r->progress, r->o->quiet, r->o->beside_others, r->label);
}

int run_one(const char *table, const char *row, const struct settings *s, int seed, const struct run_options *o)
{
    char *const label = text_format("%s/%s seed %d", table, row, seed);
    struct runner *const r = host_alloc(1, sizeof *r);
    r->o = o, r->s = s, r->label = label;
    r->last.knn = nan("");
    runner_open(r, seed);

    double linear = nan("");
    int status = train(r);
    if (!status) status = probe(r, &linear);
    if (status == EXIT_AGAIN || status == EXIT_COLLAPSED) save(r);
    const int skipped = status == EXIT_AGAIN || status == EXIT_COLLAPSED ? 0 : trainer_skipped(&r->t);
    if (skipped < 0) status = EXIT_AGAIN;      /* stopped while counting: the last checkpoint is what goes on */
    if (status == EXIT_COLLAPSED)
        fprintf(stderr, "%s: collapsed at epoch %d and at the monitored one before; without --stop-on-collapse it "
                "goes on\n", label, r->t.epoch);
    else if (status != EXIT_AGAIN && summarise(r, row, seed, status, linear, skipped) == RUN_COLLAPSED &&
             o->stop_on_collapse)
        status = EXIT_COLLAPSED;
    progress_close(&r->progress);
    if (status == EXIT_AGAIN && !o->quiet)
        fprintf(stderr, "%s: stopped at epoch %d step %d; the same command goes on from here\n", label, r->t.epoch,
                r->t.step);
    if (fclose(r->metrics) || fclose(r->timing) || close(r->lock))
        die("cannot write into %s: %s " GOES_ON, r->folder, strerror(errno));
    monitor_probe_close(&r->features);
    trainer_close(&r->t);
    free(r->folder), free(r->checkpoint), free(r), free(label);
    return status;
}

/* A finished run of the same config and seed under another hash: other code, or another machine. */
static char *run_stale(const char *root, const struct settings *s, int seed, const char *own)
{
    DIR *const runs = opendir(root);
    char *const config = settings_print(s), *found = NULL;
    for (struct dirent *d; runs && !found && (d = readdir(runs)); ) {
        char *const folder = text_format("%s/%s/seed-%d", root, d->d_name, seed);
        char *const paper = text_format("%s/config.yaml", folder), *const text = file_read(paper, NULL);
        char *const summary = text_format("%s/summary.json", folder);
        if (text && !strcmp(text, config) && strcmp(folder, own) && !access(summary, R_OK))
            found = text_format("%s", folder);
        free(folder), free(paper), free(text), free(summary);
    }
    if (runs) closedir(runs);
    free(config);
    return found;
}

enum run_state run_finished(const char *root, const struct settings *s, int seed, char **stale)
{
    char hash[HASH_TEXT];
    settings_hash(hash, s);
    char *const folder = run_folder(root, hash, seed);
    struct run_record record;
    const bool done = run_read(&record, folder);
    *stale = done ? NULL : run_stale(root, s, seed, folder);
    run_free(&record);
    free(folder);
    return done ? record.state : RUN_NONE;
}
