/* SPDX-License-Identifier: MIT
 *
 * runner.c -- a run's folder, lock, papers, checkpoints and words; course.h says what is run.
 *
 * The order of writing makes a kill harmless: metrics.jsonl first, then the checkpoint that counts
 * its bytes; what lies behind that count after a restart is cut off and made again.  summary.json
 * is last.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "found.h"
#include "course.h"
#include "judge.h"
#include "phase.h"
#include "progress.h"
#include "provenance.h"
#include "seal.h"
#include "state.h"
#include "../methods/code.h"
#include "../../engine/comm.h"

/* Seconds between two looks at the loss, within an epoch: a device's steps are waited for only
 * then. */
static const double LOOK_GAP = 1;
enum { LOCK_SECONDS = 5 };
/* What there is to do where the world failed after training began. */
#define GOES_ON "(then the same command goes on from the last checkpoint)"

struct runner {
    const struct run_options *o;
    const struct settings *s;
    const char *label;
    char hash[HASH_TEXT], data[HASH_TEXT];
    char *folder, *checkpoint;
    FILE *metrics, *timing;
    int seals;                       /* metrics.sha256 */
    uint64_t sealed_bytes;           /* as many of metrics.jsonl it notes */
    int lock;
    struct trainer t;
    struct progress progress;
    struct course course;
    struct epoch_record last;        /* the last epoch finished */
    struct outputs outputs;          /* z at the monitors */
    int collapsed_in_a_row;          /* monitored epochs, without the untrained one */
    double saved_at, save_seconds;   /* when a checkpoint was last made, and what it took */
    double looked_at, began_at;      /* when the log was last looked at, and when this part began */
    double began_cpu;                /* the processor's seconds at its beginning */
};

/* Of a run's processes the first has its folder, writes and speaks; the others compute the same. */
static bool leads(void)
{
    return comm_rank() == 0;
}

/* ---- the run's folder ------------------------------------------------------------------------ */

static char *in_folder(const struct runner *r, const char *name)
{
    return text_format("%s/%s", r->folder, name);
}

/* "process 123 on host", as the lock's holder has written it; "another process" if it has not. */
static char *lock_holder(int lock)
{
    char text[128] = "", host[65];
    long pid;
    const ssize_t n = pread(lock, text, sizeof text - 1, 0);
    if (n <= 0 || sscanf(text, "%ld %64[A-Za-z0-9._-]", &pid, host) != 2)
        return text_format("another process");
    return text_format("process %ld on %s", pid, host);
}

/* Who is here, for a process that comes second.  The lock holds without it. */
static void lock_sign(int lock, const char *path)
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) || ftruncate(lock, 0) ||
        dprintf(lock, "%ld %s\n", (long)getpid(), host) < 0)
        warn("cannot write into %s: %s (a second process will not be told who is here)", path,
             strerror(errno));
}

/* A file that is nothing or a holder's number: what else is there is not to be written over. */
static bool is_lock(int lock)
{
    char text[128] = "";
    long pid;
    struct stat st;
    if (fstat(lock, &st) || !S_ISREG(st.st_mode) || st.st_size >= (off_t)sizeof text) return false;
    const ssize_t n = pread(lock, text, sizeof text - 1, 0);
    return n == 0 || (n > 0 && sscanf(text, "%ld", &pid) == 1);
}

/* 0, or why the lock is not to be had now. */
static int lock_try(int lock)
{
    return flock(lock, LOCK_EX | LOCK_NB) ? errno : 0;
}

/* Takes the lock, which lasts no longer than this process.  Waits a little: the processes of a
 * command that was killed stop by themselves, but only after their step. */
static void folder_lock(struct runner *r)
{
    char *const path = in_folder(r, "lock");
    r->lock = open(path, O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (r->lock < 0 && errno == ELOOP) die("%s is a link, which no lock is (remove it)", path);
    if (r->lock < 0) die("cannot open %s: %s", path, strerror(errno));
    const double patience = clock_seconds() + LOCK_SECONDS;
    int why;
    while ((why = lock_try(r->lock)) && (why == EWOULDBLOCK || why == EINTR) &&
           clock_seconds() < patience && !stop_requested())
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    if (why && stop_requested()) exit(EXIT_AGAIN);
    if (why == EWOULDBLOCK || why == EINTR)
        die("%s: %s is at this run (wait for it, or end it)", r->folder, lock_holder(r->lock));
    if (why)
        die("cannot lock %s: %s (keep runs on a file system that has locks: --runs)", path,
            strerror(why));
    if (!is_lock(r->lock)) die("%s is no lock that a run has written (remove it)", path);
    lock_sign(r->lock, path);
    free(path);
}

static void metrics_sync(const struct runner *r)
{
    if (fflush(r->metrics) || fsync(fileno(r->metrics)))
        die("cannot write %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
}

/* What the checkpoint will count is noted before it is there (seal.h). */
static void metrics_seal(struct runner *r)
{
    char *const metrics = in_folder(r, "metrics.jsonl");
    if (r->sealed_bytes != r->t.metrics_bytes && !lines_seal(r->seals, metrics))
        die("cannot write %s/metrics.sha256: %s " GOES_ON, r->folder, strerror(errno));
    r->sealed_bytes = r->t.metrics_bytes;
    free(metrics);
}

static void save(struct runner *r)
{
    if (!leads()) return;
    const double start = clock_seconds();
    metrics_sync(r);
    metrics_seal(r);
    if (!trainer_save(&r->t, r->checkpoint, r->hash))
        die("cannot write %s: %s (the checkpoint before it is kept)", r->checkpoint,
            strerror(errno));
    r->saved_at = clock_seconds();
    r->save_seconds = r->saved_at - start;
}

/* A file of the run, and of no other name: what a link leads to is not ours to cut. */
static int append_open(const struct runner *r, const char *name)
{
    char *const path = in_folder(r, name);
    const int fd = file_open_own(path, O_CREAT | O_RDWR);
    if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EEXIST))
        die("%s is no file that a run has written: a link, or a pipe (remove it)", path);
    if (fd < 0) die("cannot open %s: %s", path, strerror(errno));
    free(path);
    return fd;
}

static FILE *append_stream(const struct runner *r, const char *name)
{
    FILE *const f = fdopen(append_open(r, name), "r+");
    if (!f) die("cannot open %s/%s: %s", r->folder, name, strerror(errno));
    return f;
}

/* Takes note of a line of metrics.jsonl. */
static bool line_note(struct runner *r, const char *line)
{
    if (!epoch_parse(&r->last, line)) return false;
    const struct simsiam_verdict v = epoch_verdict(&r->last, r->outputs);
    if (r->last.monitored && r->last.epoch > 0)
        r->collapsed_in_a_row = grade_collapse(v.grade) ? r->collapsed_in_a_row + 1 : 0;
    return true;
}

/* NULL: it is not there, or nothing of ours. */
static char *there_read(const char *path, size_t *bytes)
{
    char *const text = file_read_own(path, bytes);
    if (!text && errno != ENOENT && errno != ELOOP && errno != EINVAL)
        die("cannot read %s: %s " GOES_ON, path, strerror(errno));
    return text;
}

/* Are the bytes that the checkpoint counts those that were written?  What is noted of later ones
 * goes; a run of before such notes has its first one now. */
static void seals_open(struct runner *r, bool sealed_before)
{
    char *const path = in_folder(r, "metrics.sha256"), *const metrics = in_folder(r, "metrics.jsonl");
    const size_t counted = r->t.metrics_bytes;
    size_t bytes = 0;
    if (!lines_cut(path, counted)) die("cannot write %s: %s " GOES_ON, path, strerror(errno));
    char *const seals = counted ? there_read(path, NULL) : NULL;
    char *const lines = counted ? there_read(metrics, &bytes) : NULL;
    const enum seal is = counted && bytes >= counted ? lines_look(seals, lines, counted, true) : SEAL_RIGHT;
    if (is == SEAL_WRONG || (is == SEAL_NONE && sealed_before))
        die("%s is not what was written: %s (remove the folder to run again)", metrics,
            is == SEAL_WRONG ? "metrics.sha256 has another hash of it"
                             : "metrics.sha256 says nothing of it");
    r->sealed_bytes = is == SEAL_RIGHT ? counted : 0;
    r->seals = append_open(r, "metrics.sha256");
    if (lseek(r->seals, 0, SEEK_END) < 0) die("cannot read %s: %s", path, strerror(errno));
    free(seals);
    free(lines);
    free(path);
    free(metrics);
}

/* Opens metrics.jsonl at the checkpoint's position and reads back the last line before it. */
static void metrics_open(struct runner *r)
{
    r->metrics = append_stream(r, "metrics.jsonl");
    struct stat st;
    const int fd = fileno(r->metrics);
    if (fstat(fd, &st)) die("cannot read %s/metrics.jsonl: %s", r->folder, strerror(errno));
    if ((uint64_t)st.st_size < r->t.metrics_bytes)
        die("%s/metrics.jsonl is shorter than its checkpoint says: remove the folder to run again",
            r->folder);
    if (ftruncate(fd, (off_t)r->t.metrics_bytes))
        die("cannot cut %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
    char line[2048];
    while (fgets(line, sizeof line, r->metrics))
        if (!line_note(r, line))
            die("%s/metrics.jsonl is damaged: remove the folder to run again", r->folder);
    if (fseek(r->metrics, 0, SEEK_END))
        die("cannot read %s/metrics.jsonl: %s", r->folder, strerror(errno));
    metrics_seal(r);
}

/* Each start of the run: the threads and the library may be others than the first time. */
static void timing_start(struct runner *r, bool resumed)
{
    struct machine_info m;
    machine_describe(&m);
    fprintf(r->timing,
            "{\"what\":\"%s\",\"epoch\":%d,\"threads\":%d,\"kernels\":\"%s\",\"library\":\"%s\"}\n",
            resumed ? "resumed" : "started", r->t.epoch, m.threads, m.kernels, m.library);
    fflush(r->timing);
}

/* Writes config.yaml unless it says what it should. */
static void config_keep(const struct runner *r, bool resumed)
{
    char *const config = settings_print(r->s);
    char *const path = in_folder(r, "config.yaml");
    char *const there = resumed ? file_read_own(path, NULL) : NULL;
    if (resumed && !there && errno != ENOENT && errno != ELOOP) die("cannot read %s: %s", path, strerror(errno));
    if (!there || strcmp(there, config)) {
        if (resumed) warn("%s is torn: it is written again", path);
        if (!file_write_atomic(path, config, strlen(config)))
            die("cannot write %s: %s", path, strerror(errno));
    }
    free(there);
    free(config);
    free(path);
}

/* ---- the course's keeper --------------------------------------------------------------------- */

/* Two collapsed epochs in a row are no accident of one. */
enum { COLLAPSED_ENOUGH = 2 };

static bool keep_enough(void *self)
{
    const struct runner *const r = self;
    return r->o->stop_on_collapse && r->collapsed_in_a_row >= COLLAPSED_ENOUGH;
}

static void keep_began(void *self)
{
    struct runner *const r = self;
    r->began_at = r->looked_at = clock_seconds();
    r->began_cpu = clock_cpu_seconds();
}

static bool keep_time_to_look(void *self)
{
    struct runner *const r = self;
    const double now = clock_seconds(), gap = fmin(LOOK_GAP, r->o->checkpoint_seconds);
    const bool is_time = r->t.step == r->t.steps || now - r->looked_at >= gap;
    comm_at("step", r->t.step);
    /* The first one's clock; and a stop, from one step to the next, is of all. */
    if (!(comm_agree(is_time && leads() ? AGREE_LOOK : 0) & AGREE_LOOK)) return false;
    r->looked_at = now;
    return true;
}

/* Views through the network in so many steps. */
static double views_of(const struct runner *r, int steps)
{
    return (double)steps * r->s->batch * r->t.plan.views;
}

static void keep_looked(void *self, int steps)
{
    struct runner *const r = self;
    const struct trainer *const t = &r->t;
    const struct epoch_record *const now = &r->course.now;
    progress_step(&r->progress, now->epoch, r->s->epochs, t->step, t->steps, now->loss,
                  now->std_train, r->last.knn,
                  views_of(r, steps) / (clock_seconds() - r->began_at));
}

static void keep_diverged(void *self, int step)
{
    const struct runner *const r = self;
    const struct epoch_record *const now = &r->course.now;
    say(stderr, "%s: diverged in epoch %d at step %d: loss %g, gradient norm %g\n", r->label,
            now->epoch, step, now->loss, now->grad_norm);
}

static void keep_took(void *self, const char *part, int steps)
{
    struct runner *const r = self;
    const double seconds = clock_seconds() - r->began_at, views = views_of(r, steps);
    if (!leads()) return;
    fprintf(r->timing, "{\"what\":\"%s\",\"epoch\":%d,\"seconds\":%.3f,\"cpu\":%.3f", part,
            r->t.epoch, seconds, clock_cpu_seconds() - r->began_cpu);
    if (views > 0 && seconds > 0) fprintf(r->timing, ",\"views_per_second\":%.1f", views / seconds);
    fprintf(r->timing, "}\n");
    fflush(r->timing);                         /* a lost clock reading is no loss */
}

static void keep_line(void *self)
{
    struct runner *const r = self;
    const struct epoch_record *const now = &r->course.now;
    if (now->left_out)
        say(stderr, "%s: epoch %d: %d steps are left out, whose gradients overflow fp16\n",
                r->label, now->epoch, now->left_out);
    char *const line = epoch_print(now);
    if (leads() && fputs(line, r->metrics) < 0)
        die("cannot write %s/metrics.jsonl: %s " GOES_ON, r->folder, strerror(errno));
    r->t.metrics_bytes += strlen(line);
    /* What counts is the line, not the digits behind it: a run that goes on from here has no
     * others. */
    if (!line_note(r, line)) die("%s: wrote a line that does not read: a bug; report it", r->label);
    free(line);
}

/* At the end of an epoch: as often as costs at most a fiftieth of the time.  A small run's
 * checkpoint is a matter of milliseconds; on a fast device a large one's takes as long as an
 * epoch. */
static void keep_save(void *self, enum occasion when)
{
    struct runner *const r = self;
    const double age = clock_seconds() - r->saved_at, most = r->o->checkpoint_seconds;
    if (when == SAVE_NOW || age >= (when == SAVE_EPOCH ? fmin(most, 50 * r->save_seconds) : most))
        save(r);
}

static struct course course_of(struct runner *r)
{
    return (struct course){
        .t = &r->t, .label = r->label,
        .keeper = { .self = r, .enough = keep_enough, .began = keep_began,
                    .time_to_look = keep_time_to_look, .looked = keep_looked,
                    .diverged = keep_diverged, .took = keep_took, .line = keep_line,
                    .save = keep_save },
    };
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Returns: is it a collapse, without doubt? */
static bool summarise(const struct runner *r, const char *row, int seed, int status, double linear,
                      int skipped)
{
    struct run_record sum = { .seed = seed, .epochs = r->s->epochs, .last = r->last,
                              .outputs = r->outputs, .linear = linear, .skipped = skipped };
    struct machine_info m;
    machine_describe(&m);
    run_judge(&sum, status == EXIT_DIVERGED);
    snprintf(sum.row, sizeof sum.row, "%s", row);
    snprintf(sum.hash, sizeof sum.hash, "%s", r->hash);
    snprintf(sum.code_hash, sizeof sum.code_hash, "%s", code_hash_of(r->s->method));
    snprintf(sum.machine, sizeof sum.machine, "%s", m.machine);
    snprintf(sum.frozen_hash, sizeof sum.frozen_hash, "%s", r->t.frozen);
    snprintf(sum.data_hash, sizeof sum.data_hash, "%s", r->data);
    phase("summary");
    metrics_sync(r);
    sum.sealed = true;
    char *const metrics = in_folder(r, "metrics.jsonl");
    if (!hash_file(sum.metrics_hash, metrics)) die("cannot read %s: %s", metrics, strerror(errno));
    free(metrics);
    if (!summary_write(&sum, r->folder))
        die("cannot write %s/summary.json: %s " GOES_ON, r->folder, strerror(errno));
    return grade_collapse(sum.grade);
}

/* The run's hash and folder, which the loaded data name too.  A half-done run of another code,
 * even one shown equal, is left alone: the program that began it ends it. */
static void runner_name(struct runner *r, int seed)
{
    struct machine_info m;
    machine_describe(&m);
    char *const config = settings_print(r->s);
    run_data_hash(r->data, r->t.train.host.hash, r->t.monitor.host.hash, r->t.test.host.hash);
    r->outputs = outputs_of(config);
    run_hash(r->hash, config, m.machine, code_hash_of(r->s->method), r->data);
    r->folder = run_folder(r->o->root, r->hash, seed);
    r->checkpoint = in_folder(r, "checkpoint.bin");
    free(config);
}

/* ROOT may be a link of whoever keeps runs; what lies below it is ours. */
static void links_refuse(const char *folder)
{
    struct stat st;
    char *const parent = path_folder(folder);
    parent[strlen(parent) - 1] = 0;
    const char *const path[] = { parent, folder };
    for (int i = 0; i < 2; i++)
        if (!lstat(path[i], &st) && S_ISLNK(st.st_mode))
            die("%s is a link, which no run's folder is (remove it)", path[i]);
    free(parent);
}

static void folder_open(struct runner *r, int seed)
{
    if (!folder_make(r->folder))
        die("cannot make %s: %s (is the folder writable?)", r->folder, strerror(errno));
    links_refuse(r->folder);
    folder_lock(r);
    const bool resumed = trainer_load(&r->t, r->checkpoint, r->hash);
    const char *const hash[PROVENANCE_SETS] = { r->t.train.host.hash, r->t.monitor.host.hash,
                                                r->t.test.host.hash };
    config_keep(r, resumed);
    seals_open(r, provenance_keep(r->folder, r->label, r->s, seed, hash, resumed));
    metrics_open(r);
    r->timing = append_stream(r, "timing.jsonl");
    if (fseek(r->timing, 0, SEEK_END))
        die("cannot read %s/timing.jsonl: %s", r->folder, strerror(errno));
    timing_start(r, resumed);
}

/* Once the first has looked at what is there: the others begin where it does. */
static void follow(struct runner *r)
{
    struct { struct epoch_record last; int collapsed_in_a_row; } at = { r->last, r->collapsed_in_a_row };
    comm_broadcast(&at, sizeof at);
    r->last = at.last;
    r->collapsed_in_a_row = at.collapsed_in_a_row;
    if (!leads()) trainer_load(&r->t, r->checkpoint, r->hash);
    comm_barrier();                      /* the checkpoint may be replaced from here on */
}

static void runner_open(struct runner *r, int seed)
{
    /* Data that are missing or wrong, and a model that memory does not hold, leave no folder
     * behind. */
    machine_open(r->o->threads);
    trainer_open(&r->t, r->s, seed);
    runner_name(r, seed);
    comm_barrier();
    if (leads()) folder_open(r, seed);
    follow(r);
    r->saved_at = clock_seconds();
    progress_open(&r->progress, r->o->quiet, r->o->beside_others, r->label);
}

int run_one(const char *table, const char *row, const struct settings *s, int seed,
            const struct run_options *o)
{
    char *const label = text_format("%s/%s seed %d", table, row, seed);
    struct runner *const r = host_alloc(1, sizeof *r);
    r->o = o;
    r->s = s;
    r->label = label;
    r->last.knn = nan("");
    r->course = course_of(r);
    runner_open(r, seed);

    double linear = nan("");
    int status = course_run(&r->course, &linear);
    if (status == EXIT_AGAIN || status == EXIT_COLLAPSED) save(r);
    const int skipped = status == EXIT_AGAIN || status == EXIT_COLLAPSED ? 0
                                                                         : trainer_skipped(&r->t);
    if (skipped < 0) status = EXIT_AGAIN;      /* stopped while counting: the last checkpoint is
                                                  what goes on */
    if (status == EXIT_COLLAPSED)
        say(stderr, "%s: collapsed at epoch %d and at the monitored one before; without --stop-on-collapse it "
                "goes on\n", label, r->t.epoch);
    else if (status != EXIT_AGAIN && leads() && summarise(r, row, seed, status, linear, skipped) &&
             o->stop_on_collapse)
        status = EXIT_COLLAPSED;
    comm_broadcast(&status, sizeof status);
    progress_close(&r->progress);
    if (status == EXIT_AGAIN && !o->quiet)
        say(stderr, "%s: stopped at epoch %d step %d; the same command goes on from here\n",
                label, r->t.epoch, r->t.step);
    if (leads() && (fclose(r->metrics) || fclose(r->timing) || close(r->seals) || close(r->lock)))
        die("cannot write into %s: %s " GOES_ON, r->folder, strerror(errno));
    course_close(&r->course);
    trainer_close(&r->t);
    free(r->folder);
    free(r->checkpoint);
    free(r);
    free(label);
    return status;
}
